//! Retentions: how long a repository keeps its tags, and which of them were deleted. Knows no rule: it stores what its
//! caller made of it.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
use crate::sql::{Meaning, Statement, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A repository's retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRow {
    /// Never used again.
    pub id: i64,
    /// What [`RetentionRow::amount`] counts.
    pub kind: String,
    /// Days or tags.
    pub amount: i64,
    /// Which tags are exempt, JSON of the caller's.
    pub exempt: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// A retention to store.
#[derive(Clone, Debug)]
pub struct NewRetention {
    /// The repository that it is for.
    pub repository_id: i64,
    /// What `amount` counts.
    pub kind: String,
    /// Days or tags.
    pub amount: i64,
    /// Which tags are exempt, JSON of the caller's.
    pub exempt: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A tag that a retention deleted, to be noted.
#[derive(Clone, Debug)]
pub struct RetentionDeletion {
    /// The repository that the tag was in.
    pub repository_id: i64,
    /// The retention that did it.
    pub retention_id: i64,
    /// The rule as it was then, JSON of the caller's.
    pub rule: String,
    /// The tag.
    pub tag: String,
    /// What the tag named.
    pub digest: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

/// A line of the log of deletions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionLogRow {
    /// Grows from line to line.
    pub id: i64,
    /// The retention that did it, which may be gone.
    pub retention_id: i64,
    /// The rule as it was then, JSON of the caller's.
    pub rule: String,
    /// The tag that was deleted.
    pub tag: String,
    /// What the tag named.
    pub digest: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

impl Metadata {
    /// Stores a repository's retention and answers its id; [`Conflict::Taken`] when it has one,
    /// [`Conflict::RepositoryGone`].
    pub async fn create_retention(&self, new: NewRetention) -> Result<i64, Error> {
        const INSERT: &str = "INSERT INTO retentions (repository_id, kind, amount, exempt, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING id";
        self.pool
            .write("store a retention", Durability::Durable, new, |tx, new| {
                Box::pin(async move {
                    let insert = sqlx::query(INSERT)
                        .bind(new.repository_id)
                        .bind(new.kind.clone())
                        .bind(new.amount)
                        .bind(new.exempt.clone())
                        .bind(new.now);
                    let row = first(tx, insert)
                        .await
                        .unique(Conflict::Taken)
                        .reference(Conflict::RepositoryGone)?;
                    let row = row.ok_or_else(|| Failure::Broken("no id for a new retention".to_owned()))?;
                    Ok(row.try_get(0)?)
                })
            })
            .await
    }

    /// A repository's retention.
    pub async fn retention(&self, repository_id: i64) -> Result<Option<RetentionRow>, Error> {
        const FIND: &str = "SELECT id, kind, amount, exempt, created_at, updated_at FROM retentions \
             WHERE repository_id = $1";
        self.find(
            "find a retention",
            sqlx::query(FIND).bind(repository_id),
            retention,
        )
        .await
    }

    /// Changes how much a repository's retention keeps, not what it counts; false when it has none of that id and
    /// kind.
    pub async fn update_retention(&self, id: i64, new: NewRetention) -> Result<bool, Error> {
        const UPDATE: &str = "UPDATE retentions SET amount = $4, exempt = $5, updated_at = $6 \
             WHERE repository_id = $1 AND id = $2 AND kind = $3";
        let statement = move || {
            sqlx::query(UPDATE)
                .bind(new.repository_id)
                .bind(id)
                .bind(new.kind.clone())
                .bind(new.amount)
                .bind(new.exempt.clone())
                .bind(new.now)
        };
        Ok(self
            .change("change a retention", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Deletes a repository's retention, not the log of what it deleted; false when it has none of that id.
    pub async fn delete_retention(&self, repository_id: i64, id: i64) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM retentions WHERE repository_id = $1 AND id = $2";
        let statement = move || sqlx::query(DELETE).bind(repository_id).bind(id);
        Ok(self
            .change("delete a retention", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Notes a tag that a retention deleted; [`Conflict::RepositoryGone`].
    pub async fn log_retention(&self, deletion: RetentionDeletion) -> Result<(), Error> {
        self.pool
            .write(
                "note a deletion by a retention",
                Durability::Durable,
                deletion,
                |tx, deletion| {
                    Box::pin(async move {
                        change(tx, log(deletion))
                            .await
                            .reference(Conflict::RepositoryGone)?;
                        Ok(())
                    })
                },
            )
            .await
    }

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
        let rows = self.list("list what retentions deleted", page, |row| {
            Ok(RetentionLogRow {
                id: row.try_get("id")?,
                retention_id: row.try_get("retention_id")?,
                rule: row.try_get("rule")?,
                tag: row.try_get("tag")?,
                digest: row.try_get("digest")?,
                at: row.try_get("at")?,
            })
        });
        Ok((rows.await?, total.unwrap_or_default()))
    }
}

pub(crate) const COUNT: &str = "SELECT COUNT(*) FROM retention_log WHERE repository_id = $1";
pub(crate) const LOG: &str = "SELECT id, retention_id, rule, tag, digest, at FROM retention_log \
     WHERE repository_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3";

fn log(deletion: &RetentionDeletion) -> Statement {
    const INSERT: &str = "INSERT INTO retention_log (repository_id, retention_id, rule, tag, digest, at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    sqlx::query(INSERT)
        .bind(deletion.repository_id)
        .bind(deletion.retention_id)
        .bind(deletion.rule.clone())
        .bind(deletion.tag.clone())
        .bind(deletion.digest.clone())
        .bind(deletion.at)
}

fn retention(row: &AnyRow) -> Result<RetentionRow, Failure> {
    Ok(RetentionRow {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        amount: row.try_get("amount")?,
        exempt: row.try_get("exempt")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
