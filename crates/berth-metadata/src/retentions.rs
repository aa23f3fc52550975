//! Retentions: how long repositories keep their tags, by a rule of their own or of their organisation, which tags went, and
//! when that was looked at. Knows no rule: it stores what its caller made of it.

mod delete;
mod judged;
mod log;
mod rules;
mod runs;

pub use delete::{CondemnedTag, CondemnedTags, DeletedTags, KnownLinks};
pub use judged::{JudgedPlace, JudgedTag, ManifestLink};
pub use log::RetentionLogRow;
pub use rules::{NewRetentionRule, RetentionRuleRow};
pub use runs::{EndRetentionRun, RETENTION, RetentionRun, RetentionWhy, WantRetentionRun};

#[cfg(test)]
pub(crate) use judged::{LISTED, STEP, SUBJECTS, SUBJECTS_OF, TAGS};
#[cfg(test)]
pub(crate) use log::LOG;

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::immutability;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
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
    /// Who sets it.
    pub user_id: Option<String>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

impl NewRetention {
    /// The run that setting it asks for.
    fn run(&self) -> WantRetentionRun {
        WantRetentionRun {
            repository_id: self.repository_id,
            why: RetentionWhy::Set,
            user_id: self.user_id.clone(),
            now: self.now,
        }
    }
}

impl Metadata {
    /// Stores a repository's retention, queues a run of it and answers its id; [`Conflict::Taken`] when it has one,
    /// [`Conflict::RepositoryGone`].
    pub async fn create_retention(&self, new: NewRetention) -> Result<i64, Error> {
        const INSERT: &str = "INSERT INTO retentions (repository_id, kind, amount, exempt, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $5) RETURNING id";
        self.pool
            .write("store a retention", Durability::Durable, new, |tx, new| {
                Box::pin(async move {
                    count_change(tx, new.repository_id).await?;
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
                    runs::want(tx, &new.run()).await?;
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

    /// Changes how much a repository's retention keeps, not what it counts, and queues a run of it; false when it has none
    /// of that id and kind.
    pub async fn update_retention(&self, id: i64, new: NewRetention) -> Result<bool, Error> {
        const UPDATE: &str = "UPDATE retentions SET amount = $4, exempt = $5, updated_at = $6 \
             WHERE repository_id = $1 AND id = $2 AND kind = $3";
        self.pool
            .write("change a retention", Durability::Durable, new, move |tx, new| {
                Box::pin(async move {
                    let update = sqlx::query(UPDATE)
                        .bind(new.repository_id)
                        .bind(id)
                        .bind(new.kind.clone())
                        .bind(new.amount)
                        .bind(new.exempt.clone())
                        .bind(new.now);
                    let changed = change(tx, update).await? > 0;
                    if changed {
                        count_change(tx, new.repository_id).await?;
                        runs::want(tx, &new.run()).await?;
                    }
                    Ok(changed)
                })
            })
            .await
    }

    /// Deletes a repository's retention, not the log of what it deleted; false when it has none of that id.
    pub async fn delete_retention(&self, repository_id: i64, id: i64) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM retentions WHERE repository_id = $1 AND id = $2";
        self.pool
            .write("delete a retention", Durability::Durable, (), move |tx, ()| {
                Box::pin(async move {
                    let delete = sqlx::query(DELETE).bind(repository_id).bind(id);
                    let deleted = change(tx, delete).await? > 0;
                    if deleted {
                        count_change(tx, repository_id).await?;
                    }
                    Ok(deleted)
                })
            })
            .await
    }
}

/// Notes that the rules for a repository change; [`Conflict::RepositoryGone`].
async fn count_change(tx: &mut Tx<'_>, repository_id: i64) -> Result<(), Failure> {
    const PLACE: &str = "SELECT organization_id FROM repositories WHERE id = $1";
    let place = first(tx, sqlx::query(PLACE).bind(repository_id)).await?;
    let place = place.ok_or(Conflict::RepositoryGone)?;
    immutability::count_change(tx, place.try_get(0)?).await
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
