//! Which repositories are sent to another region with every push.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::lock;
use crate::sql::{Meaning, change};
use sqlx::Row;

/// A rule to store.
#[derive(Clone, Debug)]
pub struct WantedSyncRule {
    /// The repository that is sent.
    pub repository_id: i64,
    /// The row of the region that it is sent to.
    pub region: i64,
    /// The organisation there that receives it.
    pub remote_organization: String,
    /// Whether pushes are sent by themselves.
    pub automatic: bool,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A stored rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRule {
    /// Never used again.
    pub id: i64,
    /// The region that the repository is sent to.
    pub region_id: String,
    /// The organisation there that receives it.
    pub remote_organization: String,
    /// Whether pushes are sent by themselves.
    pub automatic: bool,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

impl Metadata {
    /// Stores a rule, in the place of one with the same destination; at most `limit` of one repository:
    /// [`Conflict::TooMany`]; [`Conflict::RepositoryGone`], [`Conflict::Changed`] when the region is gone.
    pub async fn put_sync_rule(&self, rule: WantedSyncRule, limit: i64) -> Result<(), Error> {
        self.pool
            .write("store a sync rule", Durability::Durable, rule, move |tx, rule| {
                Box::pin(put(tx, rule, limit))
            })
            .await
    }

    /// A repository's rules, oldest first; [`Metadata::put_sync_rule`] bounds them.
    pub async fn list_sync_rules(&self, repository_id: i64) -> Result<Vec<SyncRule>, Error> {
        const LIST: &str = "SELECT s.id, r.region_id, s.remote_organization, s.automatic, s.overwrite, s.created_at, \
             s.updated_at FROM sync_rules s JOIN regions r ON r.id = s.region WHERE s.repository_id = $1 ORDER BY s.id";
        self.list("list sync rules", sqlx::query(LIST).bind(repository_id), |row| {
            Ok(SyncRule {
                id: row.try_get("id")?,
                region_id: row.try_get("region_id")?,
                remote_organization: row.try_get("remote_organization")?,
                automatic: row.try_get::<i64, _>("automatic")? != 0,
                overwrite: row.try_get::<i64, _>("overwrite")? != 0,
                created_at: row.try_get("created_at")?,
                updated_at: row.try_get("updated_at")?,
            })
        })
        .await
    }

    /// Deletes a repository's rule for that destination, not what was sent there; false when there is none.
    pub async fn delete_sync_rule(
        &self,
        repository_id: i64,
        region: i64,
        remote_organization: &str,
    ) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM sync_rules WHERE repository_id = $1 AND region = $2 \
             AND remote_organization = $3";
        let remote_organization = remote_organization.to_owned();
        let statement = move || {
            sqlx::query(DELETE)
                .bind(repository_id)
                .bind(region)
                .bind(remote_organization.clone())
        };
        Ok(self
            .change("delete a sync rule", Durability::Durable, statement)
            .await?
            > 0)
    }
}

async fn put(tx: &mut Tx<'_>, rule: &WantedSyncRule, limit: i64) -> Result<(), Failure> {
    const UPSERT: &str = "INSERT INTO sync_rules (repository_id, region, remote_organization, automatic, overwrite, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
         ON CONFLICT (repository_id, region, remote_organization) DO UPDATE SET \
         automatic = excluded.automatic, overwrite = excluded.overwrite, updated_at = excluded.updated_at";
    const COUNT: &str = "SELECT COUNT(*) FROM sync_rules WHERE repository_id = $1";
    lock(tx, rule.repository_id).await?;
    let upsert = sqlx::query(UPSERT)
        .bind(rule.repository_id)
        .bind(rule.region)
        .bind(rule.remote_organization.clone())
        .bind(i64::from(rule.automatic))
        .bind(i64::from(rule.overwrite))
        .bind(rule.now);
    change(tx, upsert).await.reference(Conflict::Changed)?;
    let counted = sqlx::query(COUNT).bind(rule.repository_id).fetch_one(tx).await?;
    if counted.try_get::<i64, _>(0)? > limit {
        return Err(Conflict::TooMany.into());
    }
    Ok(())
}
