//! What is left of archives: chunks go when nobody needs them, rows when nobody looks at them any more.

use std::collections::BTreeMap;

use berth_metadata::{Archive, ArchiveState};
use futures_util::TryStreamExt as _;

use super::Spool;
use super::receive::unsigned;
use super::spool::FOLDER;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// Rows of one step.
const STEP: i64 = 100;

impl Registry {
    /// Deletes the chunks of an archive, and notes that.
    pub(super) async fn remove_chunks(&self, archive: &Archive) -> Result<(), Error> {
        self.inspections.forget(archive.number);
        // One that began to come may lie beyond what is noted.
        let spool = Spool::of(&self.blobs, archive);
        spool.delete(unsigned(archive.size)).await?;
        self.metadata.archive_has_no_bytes(archive.number).await?;
        Ok(())
    }

    /// Deletes the chunks of an archive, then its row.
    pub(super) async fn remove_archive(&self, archive: &Archive) -> Result<(), Error> {
        if archive.has_bytes {
            self.remove_chunks(archive).await?;
        }
        self.inspections.forget(archive.number);
        Ok(self.metadata.delete_archive(archive.number).await?)
    }

    /// Forgets archives of which nothing changed for as long as they are kept.
    pub(crate) async fn expire_archives(&self) -> Result<(), Error> {
        let before = now_ms().saturating_sub(self.limits.archives.ttl_ms());
        loop {
            let old = self.metadata.old_archives(before, STEP).await?;
            // Work that waits is not forgotten: it ends by itself.
            let idle = old
                .iter()
                .filter(|archive| archive.state != ArchiveState::Processing);
            let mut removed = 0;
            for archive in idle {
                self.remove_archive(archive).await?;
                removed += 1;
            }
            if removed == 0 {
                return Ok(());
            }
        }
    }

    /// Deletes chunks that are old and of no archive: of one that went with its organization or user, or came after it was
    /// cancelled.
    pub(crate) async fn delete_orphaned_chunks(&self) -> Result<(), Error> {
        let before = now_ms().saturating_sub(self.limits.upkeep.orphans_after_ms());
        let mut chunks = self.blobs.list_documents(FOLDER);
        let mut known: BTreeMap<String, bool> = BTreeMap::new();
        while let Some(chunk) = chunks.try_next().await? {
            let id = chunk
                .name
                .strip_prefix(FOLDER)
                .and_then(|rest| rest.split('/').next());
            let Some(id) = id.filter(|_| chunk.modified_at < before) else {
                continue;
            };
            let has_row = if let Some(has_row) = known.get(id) {
                *has_row
            } else {
                let found = self.metadata.archive(id).await?;
                let has_row = found.is_some_and(|archive| archive.has_bytes);
                known.insert(id.to_owned(), has_row);
                has_row
            };
            if !has_row {
                self.blobs.delete_document(&chunk.name).await?;
            }
        }
        Ok(())
    }
}
