//! What an account may have at most, and how much of it is used.

use crate::Metadata;
use crate::byte_quotas;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use sqlx::Row;

/// What an account may have at most; none leaves it to the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Organisations that one of its users may create.
    pub organizations_per_user: Option<i64>,
    /// Images in all its organisations.
    pub repositories: Option<i64>,
    /// Tags of one image.
    pub tags_per_repository: Option<i64>,
    /// Bytes of all its images, each counting its blobs once, and its manifests.
    pub bytes: Option<i64>,
}

impl Metadata {
    /// The quotas set for an account; all none when none were set.
    pub async fn quotas(&self, account_id: &str) -> Result<Quotas, Error> {
        const FIND: &str = "SELECT q.organizations_per_user, q.repositories, q.tags_per_repository, b.limit_bytes \
             FROM account_quotas q LEFT JOIN byte_quotas b ON b.account_id = q.account_id WHERE q.account_id = $1";
        let statement = sqlx::query(FIND).bind(account_id.to_owned());
        let found = self.find("find the quotas of an account", statement, |row| {
            Ok(Quotas {
                organizations_per_user: row.try_get(0)?,
                repositories: row.try_get(1)?,
                tags_per_repository: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Sets the quotas of an account in place of all earlier ones; [`Conflict::AccountGone`]. What is there already
    /// stays, whatever the quota.
    pub async fn set_quotas(&self, account_id: &str, quotas: Quotas, now: i64) -> Result<(), Error> {
        const SET: &str = "INSERT INTO account_quotas \
             (account_id, organizations_per_user, repositories, tags_per_repository) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account_id) DO UPDATE SET organizations_per_user = excluded.organizations_per_user, \
             repositories = excluded.repositories, tags_per_repository = excluded.tags_per_repository";
        let fence = self.pool.fence();
        self.pool
            .write(
                "set the quotas of an account",
                Durability::Durable,
                account_id.to_owned(),
                move |tx, account_id| {
                    let set = sqlx::query(SET)
                        .bind(account_id.clone())
                        .bind(quotas.organizations_per_user)
                        .bind(quotas.repositories)
                        .bind(quotas.tags_per_repository);
                    Box::pin(async move {
                        change(tx, set).await.reference(Conflict::AccountGone)?;
                        byte_quotas::set_of_account(tx, account_id, quotas.bytes, fence).await
                    })
                },
            )
            .await?;
        self.recount_byte_quotas(now).await.map(drop)
    }

    /// How many organisations a user has created.
    pub async fn count_organizations_created(&self, user_id: &str) -> Result<i64, Error> {
        const COUNT: &str = "SELECT COUNT(*) FROM organizations WHERE creator_id = $1";
        self.count(COUNT, user_id).await
    }

    /// How many repositories the organisations of an account hold, those included that a first push is making, not those
    /// in the bin.
    pub async fn count_repositories_of(&self, account_id: &str) -> Result<i64, Error> {
        self.count(COUNT_REPOSITORIES, account_id).await
    }

    /// How many tags a repository has.
    pub async fn count_tags(&self, repository_id: i64) -> Result<i64, Error> {
        let statement = sqlx::query(COUNT_TAGS).bind(repository_id);
        let count = self.find("count the tags of a repository", statement, |row| {
            Ok(row.try_get(0)?)
        });
        Ok(count.await?.unwrap_or_default())
    }

    async fn count(&self, statement: &'static str, id: &str) -> Result<i64, Error> {
        let statement = sqlx::query(statement).bind(id.to_owned());
        let count = self.find("count what a quota is on", statement, |row| Ok(row.try_get(0)?));
        Ok(count.await?.unwrap_or_default())
    }
}

const COUNT_REPOSITORIES: &str = "SELECT COUNT(*) FROM organizations o JOIN repositories r ON r.organization_id = o.id \
     WHERE o.account_id = $1 AND r.listed <> 2";

pub(crate) const TAG_LIMIT: &str = "SELECT q.tags_per_repository FROM repositories r \
     JOIN organizations o ON o.id = r.organization_id JOIN account_quotas q ON q.account_id = o.account_id \
     WHERE r.id = $1 AND q.tags_per_repository IS NOT NULL";
const COUNT_TAGS: &str = "SELECT COUNT(*) FROM tags WHERE repository_id = $1";

/// How many organisations a user of the account may create: as set for it, else `otherwise`.
pub(crate) async fn organizations_per_user(
    tx: &mut Tx<'_>,
    account_id: &str,
    otherwise: i64,
) -> Result<i64, Failure> {
    const FIND: &str = "SELECT organizations_per_user FROM account_quotas WHERE account_id = $1";
    let row = first(tx, sqlx::query(FIND).bind(account_id.to_owned())).await?;
    let set: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    Ok(set.unwrap_or(otherwise))
}

/// That a repository just inserted into the organisation is not one too many; [`Conflict::RepositoryQuota`].
pub(crate) async fn admit_repository(tx: &mut Tx<'_>, organization_id: i64) -> Result<(), Failure> {
    // The update locks the quota's row, so that two repositories at once cannot both be the last one allowed.
    const LIMIT: &str = "UPDATE account_quotas SET repositories = repositories WHERE repositories IS NOT NULL \
         AND account_id = (SELECT o.account_id FROM organizations o WHERE o.id = $1) RETURNING account_id, repositories";
    let Some(row) = first(tx, sqlx::query(LIMIT).bind(organization_id)).await? else {
        return Ok(());
    };
    let (account_id, limit): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let count = sqlx::query(COUNT_REPOSITORIES).bind(account_id);
    if count.fetch_one(tx).await?.try_get::<i64, _>(0)? > limit {
        return Err(Conflict::RepositoryQuota { limit }.into());
    }
    Ok(())
}

/// That a tag just made is not one too many for its repository, which the caller has locked; [`Conflict::TagQuota`].
pub(crate) async fn admit_tag(tx: &mut Tx<'_>, repository_id: i64) -> Result<(), Failure> {
    let Some(row) = first(tx, sqlx::query(TAG_LIMIT).bind(repository_id)).await? else {
        return Ok(());
    };
    let limit: i64 = row.try_get(0)?;
    let count = sqlx::query(COUNT_TAGS).bind(repository_id);
    if count.fetch_one(tx).await?.try_get::<i64, _>(0)? > limit {
        return Err(Conflict::TagQuota { limit }.into());
    }
    Ok(())
}
