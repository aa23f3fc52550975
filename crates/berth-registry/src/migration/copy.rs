//! The bytes of blobs from one store into another, several at once, each compared with its digest on the way.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use berth_blob::{ByteStream, Upload};
use berth_metadata::{BlobRow, ListedBytes, Metadata};
use berth_oci::{Digest, Hasher};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{MigrationProgress, Store, add};
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;

/// Rows of one read.
const PAGE: i64 = 1000;

/// Where bytes come from and where they go.
pub(super) struct Copying<'a> {
    pub(super) old: &'a Metadata,
    pub(super) from: Store<'a>,
    pub(super) to: Store<'a>,
    pub(super) progress: &'a MigrationProgress,
    pub(super) parallel: usize,
}

/// What became of one blob.
enum Copied {
    /// Under this key.
    Under(String),
    /// The old store has no such bytes, or others.
    Damaged,
}

impl Copying<'_> {
    /// Notes how much there is.
    pub(super) async fn count(&self) -> Result<(), Error> {
        let (blobs, bytes) = self.old.count_blobs().await?;
        add(&self.progress.blobs_all, u64::try_from(blobs).unwrap_or(0));
        add(&self.progress.bytes_all, u64::try_from(bytes).unwrap_or(0));
        Ok(())
    }

    /// Copies every blob that the new store does not have.
    pub(super) async fn blobs(&self) -> Result<(), Error> {
        let mut there = HashSet::new();
        let mut listed = self.to.list();
        while let Some(blob) = listed.try_next().await? {
            there.extend(blob.digest.map(|digest| (digest, blob.size)));
        }
        drop(listed);
        let mut last: Option<String> = None;
        loop {
            let page = self.old.blob_keys(last.as_deref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.key.clone());
            let missing = page.into_iter().filter_map(|row| {
                let known = (row.digest.parse::<Digest>().ok()?, size(&row));
                if there.contains(&known) {
                    self.is_there(&row);
                    return None;
                }
                Some(row)
            });
            // What the old store lacks is told by the comparison of rows with the new one.
            let copied = stream::iter(missing).map(|row| async move { self.one(&row).await.map(drop) });
            copied
                .buffer_unordered(self.parallel)
                .try_for_each(async |()| Ok(()))
                .await?;
        }
    }

    /// Copies what the copied rows name and the new store does not have: blobs that came after the first look.
    pub(super) async fn late_blobs(&self, new: &Metadata) -> Result<(), Error> {
        let mut last = String::new();
        loop {
            let page = new.damaged_blobs(&last, PAGE).await?;
            let Some(end) = page.last() else { break };
            last.clone_from(&end.digest);
            for row in page {
                let now_under = self.old.blob_key(&row.digest).await?;
                let key = now_under.unwrap_or_else(|| row.key.clone());
                let row = BlobRow { key, ..row };
                if let Copied::Under(key) = self.one(&row).await? {
                    let listed = ListedBytes {
                        key,
                        digest: row.digest,
                        size: row.size,
                        modified_at: now_ms(),
                    };
                    new.list_stored_bytes(vec![listed]).await?;
                }
            }
        }
        new.reconcile_blobs(now_ms()).await?;
        Ok(())
    }

    fn is_there(&self, row: &BlobRow) {
        add(&self.progress.blobs, 1);
        add(&self.progress.bytes, size(row));
    }

    /// Copies one blob.
    async fn one(&self, row: &BlobRow) -> Result<Copied, Error> {
        let Ok(digest) = row.digest.parse::<Digest>() else {
            return Ok(Copied::Damaged);
        };
        let body = match self.from.open(&row.key, 0..size(row)).await {
            Err(berth_blob::Error::NotFound) => return Ok(Copied::Damaged),
            body => body?,
        };
        let hasher = Arc::new(Mutex::new(Hasher::new(digest.algorithm())));
        let mut upload = Upload::new(new_id());
        let appended = self
            .to
            .append(&mut upload, self.hashed(Box::pin(body), &hasher))
            .await;
        let broke_off = matches!(appended, Err(berth_blob::Error::Body(_)));
        if !broke_off {
            appended?;
        }
        let hasher = hasher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if broke_off || upload.offset != size(row) || hasher.finish() != digest {
            tracing::warn!(
                digest = row.digest,
                "the old store does not have the bytes of a blob"
            );
            self.to.abort(&upload).await?;
            return Ok(Copied::Damaged);
        }
        let key = self.to.commit(&upload, &digest).await?;
        self.is_there(row);
        add(&self.progress.copied, 1);
        Ok(Copied::Under(key))
    }

    /// The same bytes, hashed and counted.
    fn hashed(&self, body: ByteStream, hasher: &Arc<Mutex<Hasher>>) -> ByteStream {
        let hasher = Arc::clone(hasher);
        let copied = self.progress.copied_counter();
        body.inspect(move |piece: &io::Result<bytes::Bytes>| {
            if let Ok(piece) = piece {
                hasher
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .update(piece);
                add(&copied, piece.len() as u64);
            }
        })
        .boxed()
    }
}

fn size(row: &BlobRow) -> u64 {
    u64::try_from(row.size).unwrap_or(0)
}
