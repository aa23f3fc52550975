//! Bytes that no blob names any more, waiting to be deleted from the blob store. Keys are never used again, so a key in
//! here stays free of readers but those that began before.

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql::{self, change};
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

/// What waits for reclaim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReclaimQueue {
    /// Keys.
    pub keys: i64,
    /// Their bytes.
    pub bytes: i64,
}

pub(crate) const TAKE: &str =
    "SELECT key, digest, size, queued_at FROM reclaim WHERE queued_at < $1 ORDER BY queued_at, key LIMIT $2";

impl Metadata {
    /// At most `limit` keys that were queued before `before`, oldest first. They stay queued until
    /// [`Metadata::reclaimed`]; deleting twice does no harm.
    pub async fn take_reclaim(&self, before: i64, limit: i64) -> Result<Vec<ReclaimRow>, Error> {
        let statement = sqlx::query(TAKE).bind(before).bind(limit);
        self.list("list bytes to reclaim", statement, |row| {
            Ok(ReclaimRow {
                key: row.try_get(0)?,
                digest: row.try_get(1)?,
                size: row.try_get(2)?,
                queued_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// How much was queued before `before`. Reads every such row.
    pub async fn reclaim_queue(&self, before: i64) -> Result<ReclaimQueue, Error> {
        const SUM: &str =
            "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM reclaim WHERE queued_at < $1";
        let found = self
            .find("sum up bytes to reclaim", sqlx::query(SUM).bind(before), |row| {
                Ok(ReclaimQueue {
                    keys: row.try_get(0)?,
                    bytes: row.try_get(1)?,
                })
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Notes that the bytes of these keys are gone; lost in a power cut, they are deleted once more.
    pub async fn reclaimed(&self, keys: Vec<String>) -> Result<(), Error> {
        self.pool
            .write("note reclaimed bytes", Durability::Relaxed, keys, |tx, keys| {
                Box::pin(async move {
                    for list in sql::lists(keys) {
                        let text = format!(
                            "DELETE FROM reclaim WHERE key IN ({})",
                            sql::markers(1, list.len())
                        );
                        let delete = list.into_iter().fold(sql::made(text), sqlx::query::Query::bind);
                        change(tx, delete).await?;
                    }
                    Ok(())
                })
            })
            .await
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
