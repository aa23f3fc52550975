//! Uploads that were begun and got no byte yet, where no other process serves from the same database. Most are ended by
//! the next request, which brings all bytes: those never need a row. One that waits for longer gets its row, and one that is
//! lost with the process held nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_metadata::{Conflict, UploadRow};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::Registry;
use crate::error::Error;

/// After so long an upload gets its row.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Uploads kept at once; those beyond get their row at once.
const UPLOADS_MAX: usize = 8192;

/// All of them.
#[derive(Default)]
pub(crate) struct FreshUploads {
    uploads: Arc<Mutex<HashMap<String, Arc<Fresh>>>>,
    closing: CancellationToken,
}

struct Fresh {
    row: UploadRow,
    /// Whether it is fresh still; locked by whoever ends that.
    state: Arc<tokio::sync::Mutex<bool>>,
}

/// A fresh upload that nobody else can end, or make a row of, meanwhile.
pub(super) struct Held {
    upload: Arc<Fresh>,
    uploads: Arc<Mutex<HashMap<String, Arc<Fresh>>>>,
    is_fresh: OwnedMutexGuard<bool>,
}

impl FreshUploads {
    /// Keeps a new upload; false when there are too many.
    fn keep(&self, row: &UploadRow) -> bool {
        let mut uploads = self.all();
        if uploads.len() >= UPLOADS_MAX {
            return false;
        }
        let fresh = Fresh {
            row: row.clone(),
            state: Arc::new(tokio::sync::Mutex::new(true)),
        };
        uploads.insert(row.id.clone(), Arc::new(fresh));
        true
    }

    /// The upload as it began, if it is fresh.
    pub(super) fn find(&self, id: &str) -> Option<UploadRow> {
        self.all().get(id).map(|fresh| fresh.row.clone())
    }

    /// Whether an upload is fresh, or is just being made a row or a blob.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.all().contains_key(id)
    }

    /// The upload for the caller alone; none when it is not fresh, or not any more once it is the caller's turn.
    pub(super) async fn hold(&self, id: &str) -> Option<Held> {
        let upload = self.all().get(id).map(Arc::clone)?;
        let is_fresh = Arc::clone(&upload.state).lock_owned().await;
        is_fresh.then(|| Held {
            upload,
            uploads: Arc::clone(&self.uploads),
            is_fresh,
        })
    }

    /// Lets all get their rows now, and those that begin later at once.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Fresh>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    pub(super) fn row(&self) -> &UploadRow {
        &self.upload.row
    }

    /// Ends it: rows know what became of it.
    pub(super) fn forget(mut self) {
        *self.is_fresh = false;
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.remove(&self.upload.row.id);
    }
}

impl Registry {
    /// Keeps a new upload in memory until it is ended or some time has passed; false when it needs a row at once.
    pub(super) fn keep_fresh(self: &Arc<Self>, row: &UploadRow) -> bool {
        if self.metadata.is_shared() || !self.uploads.fresh.keep(row) {
            return false;
        }
        let (registry, id) = (Arc::clone(self), row.id.clone());
        self.uploads.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(SETTLED_AFTER) => {}
                () = registry.uploads.fresh.closing.cancelled() => {}
            }
            if let Err(error) = registry.settle(&id).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    upload = id,
                    error,
                    "an upload without a byte is only kept in memory"
                );
            }
        });
        true
    }

    /// Gives an upload its row if it has none yet.
    pub(super) async fn settle(&self, id: &str) -> Result<(), Error> {
        let Some(held) = self.uploads.fresh.hold(id).await else {
            return Ok(());
        };
        match self.metadata.create_upload(held.row().clone()).await {
            // It goes nowhere any more.
            Err(berth_metadata::Error::Conflict(Conflict::RepositoryGone)) | Ok(_) => held.forget(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether an upload of this id goes on; what it brings is nobody's until it has ended. To be asked before what blobs there
    /// are.
    pub(crate) async fn is_unfinished(&self, id: &str) -> Result<bool, Error> {
        // In this order: a fresh one gets its row before it is not fresh any more.
        Ok(self.uploads.fresh.has(id) || self.metadata.upload_exists(id).await?)
    }
}
