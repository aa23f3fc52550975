//! The end of an upload: last bytes, digest compared, bytes durable, then the row that makes the blob readable.

use std::sync::Arc;

use berth_metadata::{Conflict, FinishUpload, UploadRow};
use berth_oci::{Digest, Hasher};
use futures_util::StreamExt as _;

use super::receive::Received;
use super::room::Body;
use super::row::{as_i64, resume, stored};
use super::turn::Turn;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

impl Registry {
    /// Runs the end of an upload to its end even when the client hangs up; the turn is kept until then.
    pub(super) async fn finish(
        self: &Arc<Self>,
        row: UploadRow,
        digest: Digest,
        (body, turn): (Option<Body>, Turn),
    ) -> Result<(), Error> {
        let registry = Arc::clone(self);
        self.uploads
            .run(async move {
                let finished = registry.finish_row(row, &digest, (body, &turn)).await;
                if finished.is_err() {
                    registry.release(&turn).await;
                }
                finished
            })
            .await
    }

    async fn finish_row(
        &self,
        row: UploadRow,
        digest: &Digest,
        (body, turn): (Option<Body>, &Turn),
    ) -> Result<(), Error> {
        let mut hasher = resume(&row)?;
        let announced = hasher.algorithm();
        if row.offset == 0 && hasher.algorithm() != digest.algorithm() {
            hasher = Hasher::new(digest.algorithm());
        }
        let upload = match body {
            None => stored(&row),
            Some(body) => {
                let bytes = self.with_room(&row, body, Some(digest)).await?;
                // A hash of another algorithm than the row's cannot be kept there.
                let keeps = hasher.algorithm() == announced;
                let bytes = (bytes, keeps.then_some(turn));
                let received = self.receive(row.clone(), hasher, bytes).await?;
                let Received { upload, outcome, .. } = received;
                if outcome.is_err() && keeps {
                    let save = self.save(&received.row, (&upload, &received.hasher), (turn, false));
                    save.await?;
                }
                outcome?;
                hasher = received.hasher;
                upload
            }
        };
        if hasher.algorithm() == digest.algorithm() && hasher.finish() != *digest {
            self.discard_upload(&upload).await?;
            return Err(Error::DigestMismatch {
                expected: digest.clone(),
                found: hasher.finish(),
            });
        }
        let key = self
            .blobs
            .commit(&upload, digest)
            .await
            .map_err(|error| match error {
                berth_blob::Error::NotFound => Error::UploadUnknown,
                error => error.into(),
            })?;
        if hasher.algorithm() != digest.algorithm() {
            self.rehash(&row.id, &key, upload.offset, digest).await?;
        }
        let finish = FinishUpload {
            upload_id: Some(row.id.clone()),
            repository_id: row.repository_id,
            digest: digest.to_string(),
            size: as_i64(upload.offset),
            key: key.clone(),
            now: now_ms(),
        };
        let repository_id = finish.repository_id;
        match self.metadata.finish_upload(finish).await {
            // Ended by another replica, a sweep or a cancellation: what counts is whether the blob is there.
            Err(berth_metadata::Error::Conflict(Conflict::UploadGone)) => {
                let linked = self.metadata.linked_blob(repository_id, digest.as_str()).await?;
                linked.map(drop).ok_or(Error::UploadUnknown)
            }
            Err(error @ berth_metadata::Error::Conflict(Conflict::BytesQuota(_))) => {
                self.metadata.delete_upload(&row.id).await?;
                self.delete_bytes(&key).await?;
                Err(error.into())
            }
            finished => Ok(finished.map(|_| self.swarm.pushed(digest, &key, upload.offset))?),
        }
    }

    /// Reads a stored blob back: only for a digest whose algorithm was not announced before its chunks came.
    async fn rehash(&self, upload_id: &str, key: &str, size: u64, digest: &Digest) -> Result<(), Error> {
        let mut hasher = Hasher::new(digest.algorithm());
        let mut stream = self.blobs.open_stored(key, 0..size).await?;
        while let Some(chunk) = stream.next().await {
            hasher.update(&chunk.map_err(|source| Error::internal("reading an upload back", source))?);
        }
        let found = hasher.finish();
        if found == *digest {
            return Ok(());
        }
        self.metadata.delete_upload(upload_id).await?;
        self.delete_bytes(key).await?;
        Err(Error::DigestMismatch {
            expected: digest.clone(),
            found,
        })
    }
}
