//! Other regions, to which an account's images are sent. Knows no cryptography: logins arrive sealed.

use crate::Metadata;
use crate::accounts;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, Statement, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Another region, as an account registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The row; 0 before it is stored.
    pub id: i64,
    /// Whose it is.
    pub account_id: String,
    /// The region's id.
    pub region_id: String,
    /// The address of its registry.
    pub registry_url: String,
    /// What the account logs in there with, sealed by the caller; none for nothing.
    pub login_encrypted: Option<Vec<u8>>,
    /// The authorities that its certificate may come from, as PEM; empty for those that the machine trusts.
    pub certificate_authority: String,
    /// What was found when somebody looked last; none when nobody did since its address or login changed.
    pub check: Option<RegionCheck>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; grows with each change.
    pub updated_at: i64,
}

/// What was found when somebody looked at a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionCheck {
    /// Whether images can be sent there.
    pub usable: bool,
    /// What was found, as a sentence.
    pub finding: String,
    /// The id that another Berth tells; empty for other registries.
    pub registry_id: String,
    /// Milliseconds since the epoch.
    pub at: i64,
}

macro_rules! region_columns {
    () => {
        "SELECT id, account_id, region_id, registry_url, login_encrypted, certificate_authority, checked_at, finding, \
         usable, registry_id, created_at, updated_at FROM regions "
    };
}

impl Metadata {
    /// Stores a region, at most `limit` of one account; [`Conflict::Taken`] when the account has one of that id,
    /// [`Conflict::TooMany`], [`Conflict::AccountGone`].
    pub async fn create_region(&self, region: Region, limit: i64) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO regions (account_id, region_id, registry_url, login_encrypted, \
             certificate_authority, created_at, updated_at, checked_at, finding, usable, registry_id) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10)";
        const COUNT: &str = "SELECT COUNT(*) FROM regions WHERE account_id = $1";
        self.pool
            .write(
                "store a region",
                Durability::Durable,
                region,
                move |tx, region| {
                    Box::pin(async move {
                        accounts::lock_below(tx, &region.account_id, COUNT, limit).await?;
                        let insert = sqlx::query(INSERT)
                            .bind(region.account_id.clone())
                            .bind(region.region_id.clone())
                            .bind(region.registry_url.clone())
                            .bind(region.login_encrypted.clone())
                            .bind(region.certificate_authority.clone())
                            .bind(region.created_at);
                        let insert = checked(insert, region.check.as_ref());
                        change(tx, insert).await.unique(Conflict::Taken)?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// An account's region of that id.
    pub async fn region(&self, account_id: &str, region_id: &str) -> Result<Option<Region>, Error> {
        const FIND: &str = concat!(region_columns!(), "WHERE account_id = $1 AND region_id = $2");
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(region_id.to_owned());
        self.find("find a region", statement, read).await
    }

    /// An account's regions by id; [`Metadata::create_region`] bounds them.
    pub async fn list_regions(&self, account_id: &str) -> Result<Vec<Region>, Error> {
        const LIST: &str = concat!(region_columns!(), "WHERE account_id = $1 ORDER BY region_id");
        self.list(
            "list regions",
            sqlx::query(LIST).bind(account_id.to_owned()),
            read,
        )
        .await
    }

    /// Puts `region` in the place of the row that was read with it and changed at `read_at`; [`Conflict::Changed`]
    /// when it is gone or another request changed it since. What was known to be at another address is forgotten.
    pub async fn update_region(&self, region: Region, read_at: i64) -> Result<(), Error> {
        self.pool
            .write(
                "change a region",
                Durability::Durable,
                region,
                move |tx, region| Box::pin(update(tx, region, read_at)),
            )
            .await
    }

    /// Notes what was found about the region of that row, unless it was changed after `read_at`; false when it was.
    pub async fn note_region_check(&self, id: i64, read_at: i64, check: RegionCheck) -> Result<bool, Error> {
        const NOTE: &str = "UPDATE regions SET checked_at = $3, finding = $4, usable = $5, registry_id = $6 \
             WHERE id = $1 AND updated_at = $2";
        let statement = move || checked(sqlx::query(NOTE).bind(id).bind(read_at), Some(&check));
        let noted = self.change("note how a region is", Durability::Relaxed, statement);
        Ok(noted.await? > 0)
    }

    /// The region of that row.
    pub async fn region_by_row(&self, id: i64) -> Result<Option<Region>, Error> {
        self.find("find a region", sqlx::query(BY_ROW).bind(id), read)
            .await
    }

    /// Deletes a region, false when the account has none of that id, and cancels the copies that wait for it;
    /// [`Conflict::InUse`] while images are sent there automatically.
    pub async fn delete_region(&self, account_id: &str, region_id: &str, now: i64) -> Result<bool, Error> {
        let input = (account_id.to_owned(), region_id.to_owned());
        self.pool
            .write(
                "delete a region",
                Durability::Durable,
                input,
                move |tx, (account_id, region_id)| Box::pin(delete(tx, account_id, region_id, now)),
            )
            .await
    }
}

const BY_ROW: &str = concat!(region_columns!(), "WHERE id = $1");

/// The region of that row, inside a transaction.
pub(crate) async fn by_row(tx: &mut Tx<'_>, id: i64) -> Result<Option<Region>, Failure> {
    let row = first(tx, sqlx::query(BY_ROW).bind(id)).await?;
    row.as_ref().map(read).transpose()
}

async fn update(tx: &mut Tx<'_>, region: &Region, read_at: i64) -> Result<(), Failure> {
    const MOVED: &str = "SELECT 1 FROM regions WHERE id = $1 AND registry_url <> $2";
    const CONTENTS: [&str; 2] = [
        "DELETE FROM region_uploads WHERE region = $1",
        "DELETE FROM region_blobs WHERE region = $1",
    ];
    const UPDATE: &str = "UPDATE regions SET registry_url = $3, login_encrypted = $4, updated_at = $5, \
         certificate_authority = $6, checked_at = $7, finding = $8, usable = $9, registry_id = $10 \
         WHERE id = $1 AND updated_at = $2";
    let moved = sqlx::query(MOVED)
        .bind(region.id)
        .bind(region.registry_url.clone());
    if first(tx, moved).await?.is_some() {
        for text in CONTENTS {
            change(tx, sqlx::query(text).bind(region.id)).await?;
        }
    }
    let update = sqlx::query(UPDATE)
        .bind(region.id)
        .bind(read_at)
        .bind(region.registry_url.clone())
        .bind(region.login_encrypted.clone())
        .bind(region.updated_at)
        .bind(region.certificate_authority.clone());
    match change(tx, checked(update, region.check.as_ref())).await? {
        0 => Err(Failure::Conflict(Conflict::Changed)),
        _ => Ok(()),
    }
}

fn checked(statement: Statement, check: Option<&RegionCheck>) -> Statement {
    statement
        .bind(check.map(|check| check.at))
        .bind(check.map_or_else(String::new, |check| check.finding.clone()))
        .bind(i64::from(check.is_some_and(|check| check.usable)))
        .bind(check.map_or_else(String::new, |check| check.registry_id.clone()))
}

async fn delete(tx: &mut Tx<'_>, account_id: &str, region_id: &str, now: i64) -> Result<bool, Failure> {
    const DELETE: &str = "DELETE FROM regions WHERE account_id = $1 AND region_id = $2";
    // The deletion took the region from its copies, and from here on no other transaction can add one.
    const CANCEL: &str = "UPDATE sync_jobs SET status = 'cancel', detail = 'the region was deleted', ended_at = $1, \
         updated_at = $1 WHERE status IN ('waiting', 'running') AND region IS NULL";
    // Nobody sees the rules of an image in the bin, so they stand in nobody's way.
    const FORGET: &str = "DELETE FROM sync_rules WHERE region IN \
         (SELECT g.id FROM regions g WHERE g.account_id = $1 AND g.region_id = $2) \
         AND repository_id IN (SELECT r.id FROM repositories r WHERE r.listed = 2)";
    let forget = sqlx::query(FORGET)
        .bind(account_id.to_owned())
        .bind(region_id.to_owned());
    change(tx, forget).await?;
    let delete = sqlx::query(DELETE)
        .bind(account_id.to_owned())
        .bind(region_id.to_owned());
    if change(tx, delete).await.reference(Conflict::InUse)? == 0 {
        return Ok(false);
    }
    change(tx, sqlx::query(CANCEL).bind(now)).await?;
    Ok(true)
}

fn read(row: &AnyRow) -> Result<Region, Failure> {
    let check = |at| -> Result<_, Failure> {
        Ok(RegionCheck {
            usable: row.try_get::<i64, _>("usable")? != 0,
            finding: row.try_get("finding")?,
            registry_id: row.try_get("registry_id")?,
            at,
        })
    };
    let checked_at: Option<i64> = row.try_get("checked_at")?;
    Ok(Region {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        region_id: row.try_get("region_id")?,
        registry_url: row.try_get("registry_url")?,
        login_encrypted: row.try_get("login_encrypted")?,
        certificate_authority: row.try_get("certificate_authority")?,
        check: checked_at.map(check).transpose()?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
