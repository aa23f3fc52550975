//! The log of what retentions deleted, which outlives them, for a time.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A line of the log of deletions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionLogRow {
    /// Grows from line to line.
    pub id: i64,
    /// The image's own retention that did it, which may be gone; 0: rules of the organisation.
    pub retention_id: i64,
    /// The rule as it was then, JSON of the caller's.
    pub rule: String,
    /// The tag that was deleted.
    pub tag: String,
    /// What the tag named.
    pub digest: String,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// The run that did it; none: it was before runs were kept.
    pub run_id: Option<i64>,
    /// Why the tag went, for people.
    pub reason: String,
    /// When the tag was pushed last, milliseconds since the epoch.
    pub pushed_at: i64,
}

const COUNT: &str = "SELECT COUNT(*) FROM retention_log WHERE repository_id = $1";
pub(crate) const LOG: &str = "SELECT id, retention_id, rule, tag, digest, at, run_id, reason, pushed_at \
     FROM retention_log WHERE repository_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3";
const BEFORE: &str = "SELECT id, retention_id, rule, tag, digest, at, run_id, reason, pushed_at \
     FROM retention_log WHERE repository_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

impl Metadata {
    /// A page of what retentions deleted from a repository, newest first, and how many lines there are in all.
    pub async fn retention_log(
        &self,
        repository_id: i64,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<RetentionLogRow>, i64), Error> {
        let count = sqlx::query(COUNT).bind(repository_id);
        let total = self
            .find("count what retentions deleted", count, |row| Ok(row.try_get(0)?))
            .await?;
        let page = sqlx::query(LOG).bind(repository_id).bind(limit).bind(offset);
        let rows = self.list("list what retentions deleted", page, read);
        Ok((rows.await?, total.unwrap_or_default()))
    }

    /// The same by key: the lines before the one of id `before`.
    pub async fn retention_log_before(
        &self,
        repository_id: i64,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<RetentionLogRow>, Error> {
        let page = sqlx::query(BEFORE)
            .bind(repository_id)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit);
        self.list("list what retentions deleted", page, read).await
    }

    /// Forgets at most `limit` lines of all logs from before a time, and as many runs; answers how many went.
    pub async fn forget_retentions(&self, before: i64, limit: i64) -> Result<u64, Error> {
        const LINES: &str = "DELETE FROM retention_log WHERE id IN \
             (SELECT id FROM retention_log WHERE at < $1 ORDER BY at, id LIMIT $2)";
        const RUNS: &str = "DELETE FROM retention_runs WHERE id IN \
             (SELECT id FROM retention_runs WHERE created_at < $1 AND ended_at IS NOT NULL \
             ORDER BY created_at, id LIMIT $2)";
        let mut gone = 0;
        for text in [LINES, RUNS] {
            let statement = move || sqlx::query(text).bind(before).bind(limit);
            gone += self
                .change("forget old retentions", Durability::Relaxed, statement)
                .await?;
        }
        Ok(gone)
    }
}

fn read(row: &AnyRow) -> Result<RetentionLogRow, Failure> {
    Ok(RetentionLogRow {
        id: row.try_get(0)?,
        retention_id: row.try_get(1)?,
        rule: row.try_get(2)?,
        tag: row.try_get(3)?,
        digest: row.try_get(4)?,
        at: row.try_get(5)?,
        run_id: row.try_get(6)?,
        reason: row.try_get(7)?,
        pushed_at: row.try_get(8)?,
    })
}
