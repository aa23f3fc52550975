//! Quotas of bytes. An organisation or account holds, for each of its images, the blobs that the image links or its bin
//! keeps, each once, and its manifests, live or in the bin.
//!
//! Where a quota is set its row counts what is held, and what uploads have reserved, in the transactions that change it;
//! they lock that row last. Elsewhere nothing is counted and nothing locked.

use crate::Metadata;
use crate::error::{Conflict, Error, QuotaFull, QuotaPlace};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, Meaning, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) mod recount;

pub use recount::ByteRecount;

/// Whether a quota counts what the repository of that column holds.
macro_rules! under_quota {
    ($repository:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM byte_quotas q WHERE q.organization_id = \
             (SELECT r.organization_id FROM repositories r WHERE r.id = ",
            $repository,
            ")) OR EXISTS (SELECT 1 FROM byte_quotas q WHERE q.account_id = \
             (SELECT o.account_id FROM repositories r JOIN organizations o ON o.id = r.organization_id WHERE r.id = ",
            $repository,
            ")))"
        )
    };
}
pub(crate) use under_quota;

/// For statements over `blob_links` that answer rows: the bytes that a quota counts for the link alone, 0 without one. What
/// the bin keeps as well is counted anyway.
pub(crate) const HELD_BY_LINK: &str = concat!(
    "CASE WHEN ",
    under_quota!("blob_links.repository_id"),
    " AND NOT EXISTS (SELECT 1 FROM binned_references k \
       WHERE k.blob = blob_links.digest AND k.repository_id = blob_links.repository_id) \
     THEN (SELECT b.size FROM blobs b WHERE b.digest = blob_links.digest) ELSE 0 END"
);

/// For statements over `manifests` that answer rows: the bytes that a quota counts for the live manifest alone, 0 without
/// one.
pub(crate) const HELD_BY_MANIFEST: &str = concat!(
    "CASE WHEN ",
    under_quota!("manifests.repository_id"),
    " AND NOT EXISTS (SELECT 1 FROM binned_manifests k \
       WHERE k.repository_id = manifests.repository_id AND k.digest = manifests.digest) \
     THEN manifests.size ELSE 0 END"
);

/// For statements over `binned_manifests` that answer rows: the same for a manifest in the bin.
pub(crate) const HELD_BY_BINNED: &str = concat!(
    "CASE WHEN ",
    under_quota!("binned_manifests.repository_id"),
    " AND NOT EXISTS (SELECT 1 FROM manifests k \
       WHERE k.repository_id = binned_manifests.repository_id AND k.digest = binned_manifests.digest) \
     THEN binned_manifests.size ELSE 0 END"
);

/// A quota of bytes and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteQuota {
    /// Bytes there may be.
    pub limit: i64,
    /// Bytes held; more than the limit when it was set lower later.
    pub used: i64,
    /// Bytes that running uploads may still need or have brought.
    pub reserved: i64,
}

/// What a transaction changes of what a repository holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Bytes held more, or less.
    pub(crate) used: i64,
    /// Bytes reserved more, or less.
    pub(crate) reserved: i64,
}

impl Change {
    pub(crate) fn used(used: i64) -> Self {
        Self { used, reserved: 0 }
    }

    pub(crate) fn reserved(reserved: i64) -> Self {
        Self { used: 0, reserved }
    }

    fn back(self) -> Self {
        Self {
            used: -self.used,
            reserved: -self.reserved,
        }
    }
}

/// Counts a change for the quotas that a repository is under; [`Conflict::BytesQuota`] when it asks for more than there is
/// room for. The last thing that a transaction does before it commits.
pub(crate) async fn charge(tx: &mut Tx<'_>, repository_id: i64, wanted: Change) -> Result<(), Failure> {
    match try_charge(tx, repository_id, wanted).await? {
        Some(full) => Err(Conflict::BytesQuota(full).into()),
        None => Ok(()),
    }
}

/// Like [`charge`], but nothing is counted when there is no room, and the transaction goes on.
pub(crate) async fn try_charge(
    tx: &mut Tx<'_>,
    repository_id: i64,
    wanted: Change,
) -> Result<Option<QuotaFull>, Failure> {
    if wanted == Change::default() {
        return Ok(None);
    }
    let quotas = quotas_of(tx, repository_id).await?;
    for (n, (place, id)) in quotas.iter().enumerate() {
        if let Some(full) = count(tx, (*place, *id), wanted).await? {
            for (place, id) in quotas[..=n].iter().rev() {
                count(tx, (*place, *id), wanted.back()).await?;
            }
            return Ok(Some(full));
        }
    }
    Ok(None)
}

/// Counts what repositories hold less.
pub(crate) async fn give_back(tx: &mut Tx<'_>, less: &BTreeMap<i64, i64>) -> Result<(), Failure> {
    // In one order for all, so that no two transactions wait for each other.
    let mut quotas: BTreeMap<(QuotaPlace, i64), i64> = BTreeMap::new();
    for (repository_id, bytes) in less.iter().filter(|(_, bytes)| **bytes != 0) {
        for quota in quotas_of(tx, *repository_id).await? {
            *quotas.entry(quota).or_default() += bytes;
        }
    }
    for (quota, bytes) in quotas {
        count(tx, quota, Change::used(-bytes)).await?;
    }
    Ok(())
}

/// The bytes that quotas counted for those of the blobs that the repository's bin has just ceased to keep and that the
/// repository does not link. They stay locked, so that no link to them comes.
pub(crate) async fn let_go(tx: &mut Tx<'_>, repository_id: i64, blobs: &[String]) -> Result<i64, Failure> {
    if blobs.is_empty() || quotas_of(tx, repository_id).await?.is_empty() {
        return Ok(0);
    }
    let mut bytes = 0;
    let blobs: BTreeSet<String> = blobs.iter().cloned().collect();
    for list in sql::lists(&blobs.into_iter().collect::<Vec<_>>()) {
        let markers = sql::markers(2, list.len());
        let lock =
            format!("UPDATE blobs SET created_at = created_at WHERE $1 = $1 AND digest IN ({markers})");
        let sum = format!(
            "SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blobs b WHERE b.digest IN ({markers}) \
             AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository_id = $1 AND l.digest = b.digest) \
             AND NOT EXISTS (SELECT 1 FROM binned_references k WHERE k.repository_id = $1 AND k.blob = b.digest)"
        );
        let with_values = |text| {
            let statement = sql::made(text).bind(repository_id);
            list.iter().cloned().fold(statement, sqlx::query::Query::bind)
        };
        change(tx, with_values(lock)).await?;
        let row = first(tx, with_values(sum)).await?;
        bytes += row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))?;
    }
    Ok(bytes)
}

/// The organisation's quota, then the account's, each if there is one.
async fn quotas_of(tx: &mut Tx<'_>, repository_id: i64) -> Result<Vec<(QuotaPlace, i64)>, Failure> {
    let rows = sqlx::query(OF_REPOSITORY)
        .bind(repository_id)
        .fetch_all(tx)
        .await?;
    let quota = |row: &AnyRow| {
        let place = match row.try_get::<i64, _>(0)? {
            0 => QuotaPlace::Organization,
            _ => QuotaPlace::Account,
        };
        Ok((place, row.try_get(1)?))
    };
    let mut quotas = rows.iter().map(quota).collect::<Result<Vec<_>, Failure>>()?;
    quotas.sort_unstable();
    Ok(quotas)
}

pub(crate) const OF_REPOSITORY: &str = "SELECT CAST(0 AS BIGINT), q.id FROM repositories r \
     JOIN byte_quotas q ON q.organization_id = r.organization_id WHERE r.id = $1 \
     UNION ALL SELECT CAST(1 AS BIGINT), q.id FROM repositories r JOIN organizations o ON o.id = r.organization_id \
     JOIN byte_quotas q ON q.account_id = o.account_id WHERE r.id = $1";

/// Counts a change in a quota's row; says so when that is more than there may be.
async fn count(
    tx: &mut Tx<'_>,
    (place, id): (QuotaPlace, i64),
    wanted: Change,
) -> Result<Option<QuotaFull>, Failure> {
    const COUNT: &str = "UPDATE byte_quotas SET used_bytes = used_bytes + $2, reserved_bytes = reserved_bytes + $3 \
         WHERE id = $1 RETURNING limit_bytes, used_bytes, reserved_bytes, recounts";
    let count = sqlx::query(COUNT)
        .bind(id)
        .bind(wanted.used)
        .bind(wanted.reserved);
    // None: somebody took the quota away.
    let Some(row) = first(tx, count).await? else {
        return Ok(None);
    };
    let (limit, used, reserved): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let more = wanted.used + wanted.reserved;
    let is_counted = row.try_get::<i64, _>(3)? > 0;
    if !is_counted || more <= 0 || used.saturating_add(reserved) <= limit {
        return Ok(None);
    }
    Ok(Some(QuotaFull {
        place,
        name: name(tx, id).await?,
        limit,
        used: used - wanted.used,
        reserved: reserved - wanted.reserved,
        wanted: more,
    }))
}

async fn name(tx: &mut Tx<'_>, id: i64) -> Result<String, Failure> {
    const NAME: &str = "SELECT COALESCE(o.name, a.name, '') FROM byte_quotas q \
         LEFT JOIN organizations o ON o.id = q.organization_id LEFT JOIN accounts a ON a.id = q.account_id WHERE q.id = $1";
    let row = first(tx, sqlx::query(NAME).bind(id)).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
}

/// Of organisation `$1`.
const FIND_OF_ORGANIZATION: &str =
    "SELECT limit_bytes, used_bytes, reserved_bytes FROM byte_quotas WHERE organization_id = $1";
/// Of account `$1`.
const FIND_OF_ACCOUNT: &str =
    "SELECT limit_bytes, used_bytes, reserved_bytes FROM byte_quotas WHERE account_id = $1";

impl Metadata {
    /// The quota of bytes of an organisation, if one is set.
    pub async fn organization_byte_quota(&self, organization_id: i64) -> Result<Option<ByteQuota>, Error> {
        let statement = sqlx::query(FIND_OF_ORGANIZATION).bind(organization_id);
        self.find("find the quota of an organisation", statement, read)
            .await
    }

    /// The quota of bytes of an account, if one is set.
    pub async fn account_byte_quota(&self, account_id: &str) -> Result<Option<ByteQuota>, Error> {
        let statement = sqlx::query(FIND_OF_ACCOUNT).bind(account_id.to_owned());
        self.find("find the quota of an account", statement, read).await
    }

    /// Sets how many bytes an organisation may hold, none for as many as it likes. What it holds stays;
    /// [`Conflict::OrganizationGone`].
    pub async fn set_organization_byte_quota(
        &self,
        organization_id: i64,
        limit: Option<i64>,
        now: i64,
    ) -> Result<(), Error> {
        const DELETE: &str = "DELETE FROM byte_quotas WHERE organization_id = $1";
        const UPDATE: &str = "UPDATE byte_quotas SET limit_bytes = $2 WHERE organization_id = $1";
        const INSERT: &str = "INSERT INTO byte_quotas (organization_id, limit_bytes) VALUES ($1, $2) \
             ON CONFLICT (organization_id) DO UPDATE SET limit_bytes = excluded.limit_bytes";
        let fence = self.pool.fence();
        self.pool
            .write(
                "set the quota of an organisation",
                Durability::Durable,
                (),
                move |tx, ()| {
                    Box::pin(async move {
                        let Some(limit) = limit else {
                            return Ok(change(tx, sqlx::query(DELETE).bind(organization_id))
                                .await
                                .map(drop)?);
                        };
                        let update = sqlx::query(UPDATE).bind(organization_id).bind(limit);
                        if change(tx, update).await? == 0 {
                            shut(tx, fence).await?;
                            let insert = sqlx::query(INSERT).bind(organization_id).bind(limit);
                            change(tx, insert).await.reference(Conflict::OrganizationGone)?;
                        }
                        Ok(())
                    })
                },
            )
            .await?;
        self.recount_byte_quotas(now).await.map(drop)
    }
}

/// Sets or takes away the quota of bytes of an account whose other quotas the transaction has just set.
pub(crate) async fn set_of_account(
    tx: &mut Tx<'_>,
    account_id: &str,
    limit: Option<i64>,
    fence: Option<&'static str>,
) -> Result<(), Failure> {
    const DELETE: &str = "DELETE FROM byte_quotas WHERE account_id = $1";
    const UPDATE: &str = "UPDATE byte_quotas SET limit_bytes = $2 WHERE account_id = $1";
    const INSERT: &str = "INSERT INTO byte_quotas (account_id, limit_bytes) VALUES ($1, $2) \
         ON CONFLICT (account_id) DO UPDATE SET limit_bytes = excluded.limit_bytes";
    let account_id = account_id.to_owned();
    let Some(limit) = limit else {
        change(tx, sqlx::query(DELETE).bind(account_id)).await?;
        return Ok(());
    };
    let update = sqlx::query(UPDATE).bind(account_id.clone()).bind(limit);
    if change(tx, update).await? == 0 {
        shut(tx, fence).await?;
        let insert = sqlx::query(INSERT).bind(account_id).bind(limit);
        change(tx, insert).await.reference(Conflict::AccountGone)?;
    }
    Ok(())
}

/// Lets no other transaction that changes what is held run beside this one: who began before is waited for, and who
/// begins later sees what this one stores.
async fn shut(tx: &mut Tx<'_>, fence: Option<&'static str>) -> Result<(), Failure> {
    if let Some(fence) = fence {
        sqlx::raw_sql(fence).execute(tx).await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<ByteQuota, Failure> {
    Ok(ByteQuota {
        limit: row.try_get(0)?,
        used: row.try_get(1)?,
        reserved: row.try_get(2)?,
    })
}
