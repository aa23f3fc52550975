//! Uploads that were begun and have no row yet, where no other process serves from the same database. Most are ended within
//! moments with all their bytes: those never need a row. One that waits for longer is settled: its bytes are stored, it gets
//! its row. One that is lost with the process held nothing, or the few bytes that came within its last moments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use berth_metadata::{Conflict, UploadRow};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::room::Body;
use super::row::{as_i64, resume, stored};
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// After so long an upload is settled ...
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// ... and when that could not be, after so long again.
const SETTLED_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Uploads kept at once; those beyond get their row at once.
const UPLOADS_MAX: usize = 8192;
/// Bytes kept at once for all of them; those beyond are stored at once.
const BYTES_MAX: usize = 32 << 20;

/// All of them.
#[derive(Default)]
pub(crate) struct FreshUploads {
    kept: Arc<Mutex<Kept>>,
    closing: CancellationToken,
}

#[derive(Default)]
struct Kept {
    uploads: HashMap<String, Arc<Fresh>>,
    /// Of all of them.
    bytes: usize,
}

struct Fresh {
    row: UploadRow,
    /// Its first bytes, once there are some.
    bytes: OnceLock<Bytes>,
    /// Whether it is fresh still; locked by whoever ends that.
    state: Arc<tokio::sync::Mutex<bool>>,
}

/// A fresh upload that nobody else can end, add to, or make a row of, meanwhile.
pub(super) struct Held {
    upload: Arc<Fresh>,
    all: Arc<Mutex<Kept>>,
    is_fresh: OwnedMutexGuard<bool>,
}

impl Fresh {
    /// The row that it would have.
    fn row(&self) -> UploadRow {
        UploadRow {
            offset: self.bytes.get().map_or(0, |bytes| as_i64(bytes.len() as u64)),
            ..self.row.clone()
        }
    }
}

impl FreshUploads {
    /// Keeps a new upload; false when there are too many.
    fn keep(&self, row: &UploadRow) -> bool {
        let mut kept = self.all();
        if kept.uploads.len() >= UPLOADS_MAX {
            return false;
        }
        let fresh = Fresh {
            row: row.clone(),
            bytes: OnceLock::new(),
            state: Arc::new(tokio::sync::Mutex::new(true)),
        };
        kept.uploads.insert(row.id.clone(), Arc::new(fresh));
        true
    }

    /// The upload as it stands, if it is fresh; not the state of its hash.
    pub(super) fn find(&self, id: &str) -> Option<UploadRow> {
        self.all().uploads.get(id).map(|fresh| fresh.row())
    }

    /// Whether an upload is fresh, or is just being made a row or a blob.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.all().uploads.contains_key(id)
    }

    /// The upload for the caller alone; none when it is not fresh, or not any more once it is the caller's turn.
    pub(super) async fn hold(&self, id: &str) -> Option<Held> {
        let upload = self.all().uploads.get(id).map(Arc::clone)?;
        let is_fresh = Arc::clone(&upload.state).lock_owned().await;
        is_fresh.then(|| Held {
            upload,
            all: Arc::clone(&self.kept),
            is_fresh,
        })
    }

    /// Lets all be settled now, and those that begin later at once.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }

    fn all(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The upload as it stands; not the state of its hash.
    pub(super) fn row(&self) -> UploadRow {
        self.upload.row()
    }

    /// What is kept of it, if it has got a byte.
    pub(super) fn kept(&self) -> Option<Bytes> {
        self.upload.bytes.get().cloned()
    }

    /// Keeps its first bytes; gives them back when all uploads would keep too many, or this one has some.
    pub(super) fn keep(&self, bytes: Bytes) -> Result<(), Bytes> {
        let length = bytes.len();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if length == 0 {
            return Ok(());
        }
        if all.bytes + length > BYTES_MAX {
            return Err(bytes);
        }
        self.upload.bytes.set(bytes)?;
        all.bytes += length;
        Ok(())
    }

    /// Ends it: rows know what became of it.
    pub(super) fn forget(mut self) {
        *self.is_fresh = false;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.uploads.remove(&self.upload.row.id);
        all.bytes -= self.upload.bytes.get().map_or(0, Bytes::len);
    }
}

impl Registry {
    /// Keeps a new upload in memory until it is ended or some time has passed; false when it needs a row at once.
    pub(super) fn keep_fresh(self: &Arc<Self>, row: &UploadRow) -> bool {
        if self.metadata.is_shared() || !self.uploads.fresh.keep(row) {
            return false;
        }
        let (registry, id) = (Arc::clone(self), row.id.clone());
        self.uploads
            .spawn(async move { registry.settle_in_time(&id).await });
        true
    }

    async fn settle_in_time(self: &Arc<Self>, id: &str) {
        let closing = &self.uploads.fresh.closing;
        let mut wait = SETTLED_AFTER;
        loop {
            let is_closing = tokio::select! {
                () = tokio::time::sleep(wait) => false,
                () = closing.cancelled() => true,
            };
            if !self.uploads.fresh.has(id) {
                return;
            }
            // A request that is at it may be about to end the upload.
            let _claim = self.uploads.claim_when_free(id).await;
            let Err(error) = self.settle(id).await else { return };
            tracing::warn!(
                upload = id,
                error = &error as &dyn std::error::Error,
                "an upload is only kept in memory"
            );
            if is_closing {
                return;
            }
            wait = SETTLED_AGAIN_AFTER;
        }
    }

    /// Stores what is kept of an upload and gives it its row, if it has none yet, even when the request that asked for it goes
    /// away: nobody could tell a row that is made from one that is not. For those who have their turn on it.
    pub(super) async fn settle(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let Some(held) = self.uploads.fresh.hold(id).await else {
            return Ok(());
        };
        let registry = Arc::clone(self);
        self.uploads
            .run(async move { registry.settle_held(held).await })
            .await
    }

    async fn settle_held(&self, held: Held) -> Result<(), Error> {
        let mut row = UploadRow {
            updated_at: now_ms(),
            ..held.upload.row.clone()
        };
        if let Some(bytes) = held.kept() {
            let (mut hasher, mut upload) = (resume(&row)?, stored(&row));
            hasher.update(&bytes);
            let body = stream::iter([Ok(bytes)]);
            self.blobs.append(&mut upload, Box::pin(body)).await?;
            (row.offset, row.hash_state, row.backend) =
                (as_i64(upload.offset), hasher.state(), upload.backend);
        }
        match self.metadata.create_upload(row.clone()).await {
            Ok(under_quota) => row.under_quota = under_quota,
            // It goes nowhere any more.
            Err(berth_metadata::Error::Conflict(Conflict::RepositoryGone)) => {
                held.forget();
                return Ok(self.blobs.abort(&stored(&row)).await?);
            }
            Err(error) => return Err(error.into()),
        }
        held.forget();
        if row.offset > 0 {
            // A quota that was set since then counts them.
            let nothing_more = Body {
                bytes: Box::pin(stream::empty()),
                length: Some(0),
            };
            drop(self.with_room(&row, nothing_more, None).await?);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str) -> UploadRow {
        UploadRow {
            id: id.to_owned(),
            repository_id: 1,
            user_id: None,
            algorithm: "sha256".to_owned(),
            offset: 0,
            hash_state: Vec::new(),
            backend: String::new(),
            created_at: 1,
            updated_at: 1,
            reserved: 0,
            under_quota: false,
        }
    }

    #[tokio::test]
    async fn no_more_is_kept_than_there_is_room_for() {
        let fresh = FreshUploads::default();
        let half = Bytes::from(vec![0; BYTES_MAX / 2]);
        let one = Bytes::from_static(b"1");
        for (id, bytes, fits) in [
            ("empty", Bytes::new(), true),
            ("first", half.clone(), true),
            ("second", half.clone(), true),
            ("third", one.clone(), false),
        ] {
            assert!(fresh.keep(&row(id)));
            let held = fresh.hold(id).await.unwrap();
            let length = if fits { bytes.len() as u64 } else { 0 };
            assert_eq!(held.keep(bytes).is_ok(), fits, "{id}");
            drop(held);
            assert_eq!(fresh.find(id).unwrap().offset, as_i64(length), "{id}");
        }
        // What ended makes room; what has its first bytes keeps no others.
        fresh.hold("first").await.unwrap().forget();
        assert!(fresh.hold("first").await.is_none());
        assert_eq!(
            fresh.hold("second").await.unwrap().keep(one.clone()),
            Err(one.clone())
        );
        assert_eq!(fresh.hold("third").await.unwrap().keep(one), Ok(()));
    }

    #[tokio::test]
    async fn no_more_uploads_are_kept_than_their_bound() {
        let fresh = FreshUploads::default();
        for number in 0..UPLOADS_MAX {
            assert!(fresh.keep(&row(&number.to_string())));
        }
        assert!(!fresh.keep(&row("one more")));
        fresh.hold("0").await.unwrap().forget();
        assert!(fresh.keep(&row("one more")));
    }
}
