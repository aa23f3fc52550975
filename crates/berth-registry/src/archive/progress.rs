//! How far the work on an archive is, written down now and then; the same look finds out that its uploader cancelled it.

use std::time::Duration;

use berth_metadata::{ArchiveState, ArchiveStep, Metadata};
use tokio::time::Instant;

use super::found::Found;
use crate::clock::now_ms;
use crate::error::Error;

const SAVED_EVERY: Duration = Duration::from_secs(1);

/// What is known of an archive in processing.
pub(super) struct Progress<'a> {
    metadata: &'a Metadata,
    number: i64,
    pub(super) found: Found,
    saved_at: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(metadata: &'a Metadata, number: i64, found: Found) -> Self {
        Self {
            metadata,
            number,
            found,
            saved_at: Instant::now(),
        }
    }

    /// So many packed bytes are checked.
    pub(super) async fn checked(&mut self, up_to: u64) -> Result<(), Error> {
        self.found.checked = up_to;
        self.save_sometimes().await
    }

    /// So many more bytes are stored.
    pub(super) async fn stored(&mut self, count: u64) -> Result<(), Error> {
        self.found.stored += count;
        self.save_sometimes().await
    }

    async fn save_sometimes(&mut self) -> Result<(), Error> {
        if self.saved_at.elapsed() >= SAVED_EVERY {
            self.save().await?;
        }
        Ok(())
    }

    /// Writes it down; `UploadUnknown` when the archive is not in processing any more.
    pub(super) async fn save(&mut self) -> Result<(), Error> {
        self.saved_at = Instant::now();
        self.step(ArchiveState::Processing).await
    }

    /// Writes it down with the state that follows.
    pub(super) async fn step(&self, to: ArchiveState) -> Result<(), Error> {
        let found = serde_json::to_string(&self.found)
            .map_err(|source| Error::internal("writing down what is known of an archive", source))?;
        let step = ArchiveStep {
            number: self.number,
            from: ArchiveState::Processing,
            to,
            wanted: None,
            found: Some(found),
            job: None,
            now: now_ms(),
        };
        if self.metadata.step_archive(step).await? {
            Ok(())
        } else {
            Err(Error::UploadUnknown)
        }
    }
}
