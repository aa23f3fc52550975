//! The rules of organisations, for those of their images that have no retention of their own.

use super::runs::queue_organization;
use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::immutability::count_change;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A rule of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRuleRow {
    /// Never used again.
    pub id: i64,
    /// What [`RetentionRuleRow::amount`] counts.
    pub kind: String,
    /// Days or tags.
    pub amount: i64,
    /// Which images it is for, a pattern of the caller's; empty: all.
    pub images: String,
    /// Which tags it is for, a pattern of the caller's; empty: all.
    pub tags: String,
    /// Which tags are exempt, JSON of the caller's.
    pub exempt: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// A rule to store.
#[derive(Clone, Debug)]
pub struct NewRetentionRule {
    /// Whose it is.
    pub organization_id: i64,
    /// What `amount` counts.
    pub kind: String,
    /// Days or tags.
    pub amount: i64,
    /// Which images it is for, a pattern of the caller's; empty: all.
    pub images: String,
    /// Which tags it is for, a pattern of the caller's; empty: all.
    pub tags: String,
    /// Which tags are exempt, JSON of the caller's.
    pub exempt: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
}

const LIST: &str = "SELECT id, kind, amount, images, tags, exempt, enabled, created_at, updated_at \
     FROM retention_rules WHERE organization_id = $1 ORDER BY id";

impl Metadata {
    /// Stores a rule, queues a run of it and answers its id; [`Conflict::TooMany`] when there are `most` already,
    /// [`Conflict::OrganizationGone`].
    pub async fn create_retention_rule(&self, new: NewRetentionRule, most: i64) -> Result<i64, Error> {
        self.pool
            .write(
                "store a retention rule",
                Durability::Durable,
                new,
                move |tx, new| Box::pin(create(tx, new, most)),
            )
            .await
    }

    /// The rules of an organisation, oldest first.
    pub async fn retention_rules(&self, organization_id: i64) -> Result<Vec<RetentionRuleRow>, Error> {
        let list = sqlx::query(LIST).bind(organization_id);
        self.list("list retention rules", list, read).await
    }

    /// Puts another rule in a rule's place and queues a run of it; false when the organisation has none of that id.
    pub async fn update_retention_rule(&self, id: i64, new: NewRetentionRule) -> Result<bool, Error> {
        self.pool
            .write(
                "change a retention rule",
                Durability::Durable,
                new,
                move |tx, new| Box::pin(update(tx, id, new)),
            )
            .await
    }

    /// Deletes a rule and queues a run of those that are left; false when the organisation has none of that id.
    pub async fn delete_retention_rule(
        &self,
        organization_id: i64,
        id: i64,
        now: i64,
    ) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM retention_rules WHERE organization_id = $1 AND id = $2";
        self.pool
            .write(
                "delete a retention rule",
                Durability::Durable,
                (),
                move |tx, ()| {
                    Box::pin(async move {
                        let delete = sqlx::query(DELETE).bind(organization_id).bind(id);
                        let deleted = change(tx, delete).await? > 0;
                        if deleted {
                            count_change(tx, organization_id).await?;
                            queue_organization(tx, organization_id, now).await?;
                        }
                        Ok(deleted)
                    })
                },
            )
            .await
    }
}

async fn create(tx: &mut Tx<'_>, new: &NewRetentionRule, most: i64) -> Result<i64, Failure> {
    const COUNT: &str = "SELECT COUNT(*) FROM retention_rules WHERE organization_id = $1";
    const INSERT: &str = "INSERT INTO retention_rules \
         (organization_id, kind, amount, images, tags, exempt, enabled, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id";
    // Two at once wait for each other here, so that neither goes beyond the bound.
    count_change(tx, new.organization_id).await?;
    let count = sqlx::query(COUNT).bind(new.organization_id);
    if count.fetch_one(&mut *tx).await?.try_get::<i64, _>(0)? >= most {
        return Err(Conflict::TooMany.into());
    }
    let insert = sqlx::query(INSERT)
        .bind(new.organization_id)
        .bind(new.kind.clone())
        .bind(new.amount)
        .bind(new.images.clone())
        .bind(new.tags.clone())
        .bind(new.exempt.clone())
        .bind(i64::from(new.enabled))
        .bind(new.now);
    let row = first(tx, insert).await.reference(Conflict::OrganizationGone)?;
    let row = row.ok_or_else(|| Failure::Broken("no id for a new retention rule".to_owned()))?;
    queue_organization(tx, new.organization_id, new.now).await?;
    Ok(row.try_get(0)?)
}

async fn update(tx: &mut Tx<'_>, id: i64, new: &NewRetentionRule) -> Result<bool, Failure> {
    const UPDATE: &str = "UPDATE retention_rules SET kind = $3, amount = $4, images = $5, tags = $6, exempt = $7, \
         enabled = $8, updated_at = $9 WHERE organization_id = $1 AND id = $2";
    let update = sqlx::query(UPDATE)
        .bind(new.organization_id)
        .bind(id)
        .bind(new.kind.clone())
        .bind(new.amount)
        .bind(new.images.clone())
        .bind(new.tags.clone())
        .bind(new.exempt.clone())
        .bind(i64::from(new.enabled))
        .bind(new.now);
    let changed = change(tx, update).await? > 0;
    if changed {
        count_change(tx, new.organization_id).await?;
        queue_organization(tx, new.organization_id, new.now).await?;
    }
    Ok(changed)
}

fn read(row: &AnyRow) -> Result<RetentionRuleRow, Failure> {
    Ok(RetentionRuleRow {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        amount: row.try_get(2)?,
        images: row.try_get(3)?,
        tags: row.try_get(4)?,
        exempt: row.try_get(5)?,
        enabled: row.try_get::<i64, _>(6)? != 0,
        created_at: row.try_get(7)?,
        updated_at: row.try_get(8)?,
    })
}
