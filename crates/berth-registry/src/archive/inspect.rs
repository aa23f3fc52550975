//! Archives that are looked into while they come, so that a wrong one is refused early. What this process remembers of them is
//! read again from their chunks where it is missing; what is stored is decided later, from the chunks alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use berth_blob::BlobStore;
use berth_metadata::Archive;

use super::plan::{self, Called};
use super::spool::{Spool, Unpacked};
use super::walk::Walk;
use crate::error::Error;

/// Archives that this process looks into at once; of more it learns at the end. Each may hold a few megabytes.
const AT_ONCE: usize = 16;

/// Those at hand, by number.
#[derive(Default)]
pub(crate) struct Inspections(Mutex<HashMap<i64, Inspection>>);

/// One of them.
pub(super) struct Inspection {
    unpacked: Unpacked,
    walk: Walk,
    told: bool,
}

impl Inspections {
    /// The look into an archive, as far as it came; none when there are too many.
    pub(super) fn take(
        &self,
        blobs: &Arc<dyn BlobStore>,
        archive: &Archive,
        unpacked_max: u64,
    ) -> Option<Inspection> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.remove(&archive.number) {
            return Some(found);
        }
        (all.len() < AT_ONCE).then(|| Inspection {
            unpacked: Unpacked::new(Spool::of(blobs, archive), unpacked_max),
            walk: Walk::new(),
            told: false,
        })
    }

    pub(super) fn put_back(&self, number: i64, inspection: Inspection) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < AT_ONCE {
            all.insert(number, inspection);
        }
    }

    pub(super) fn forget(&self, number: i64) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
    }
}

impl Inspection {
    /// Reads what came up to that packed byte. Answers once what the images are called, when that is seen.
    pub(super) async fn read(&mut self, up_to: u64) -> Result<Option<Vec<Called>>, Error> {
        self.unpacked.came(up_to);
        walk(&mut self.unpacked, &mut self.walk).await?;
        if self.told {
            return Ok(None);
        }
        let called = plan::called(&self.walk.contents)?;
        self.told = called.is_some();
        Ok(called)
    }
}

/// Walks over all bytes that came; what nobody needs to look at is not even read where that is possible.
pub(super) async fn walk(unpacked: &mut Unpacked, walk: &mut Walk) -> Result<(), Error> {
    loop {
        let skippable = walk.skippable();
        if skippable > 0 && unpacked.is_plain() {
            let possible = skippable.min(unpacked.left());
            walk.skip(possible);
            unpacked.seek(walk.position).await?;
        }
        match unpacked.next().await? {
            Some(bytes) => walk.take(&bytes)?,
            None => return Ok(()),
        }
    }
}
