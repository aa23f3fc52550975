//! Bytes that no blob names any more, waiting to be deleted from the blob store. Keys are never used again, so a key in
//! here stays free of readers but those that began before.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use sqlx::Row;

/// Bytes to delete from the blob store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReclaimRow {
    /// Their key.
    pub key: String,
    /// The digest of the blob they were or would have been.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// Milliseconds since the epoch.
    pub queued_at: i64,
}

pub(crate) const TAKE: &str =
    "SELECT key, digest, size, queued_at FROM reclaim ORDER BY queued_at, key LIMIT $1";

impl Metadata {
    /// At most `limit` keys to delete, oldest first. They stay queued until [`Metadata::reclaimed`]; deleting twice does
    /// no harm.
    pub async fn take_reclaim(&self, limit: i64) -> Result<Vec<ReclaimRow>, Error> {
        self.list("list bytes to reclaim", sqlx::query(TAKE).bind(limit), |row| {
            Ok(ReclaimRow {
                key: row.try_get(0)?,
                digest: row.try_get(1)?,
                size: row.try_get(2)?,
                queued_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// Notes that the bytes of a key are gone; lost in a power cut, they are deleted once more.
    pub async fn reclaimed(&self, key: &str) -> Result<(), Error> {
        let key = key.to_owned();
        let statement = move || sqlx::query("DELETE FROM reclaim WHERE key = $1").bind(key.clone());
        self.change("note reclaimed bytes", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Puts a key whose bytes could not be deleted at the end of the queue.
    pub async fn postpone_reclaim(&self, key: &str, now: i64) -> Result<(), Error> {
        const POSTPONE: &str = "UPDATE reclaim SET queued_at = $2 WHERE key = $1";
        let key = key.to_owned();
        let statement = move || sqlx::query(POSTPONE).bind(key.clone()).bind(now);
        self.change("postpone a reclaim", Durability::Relaxed, statement)
            .await
            .map(drop)
    }
}
