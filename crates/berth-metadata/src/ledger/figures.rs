//! The figures of an image, an organisation, an account or the whole store, counted when they are asked for.

use super::{LedgerView, is_live};
use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What figures are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerScope {
    /// A repository.
    Image(i64),
    /// All repositories of an organisation, those in the bin too.
    Organization(i64),
    /// All repositories of an account, those in the bin too.
    Account(String),
}

/// Bytes that a scope holds.
///
/// `blob_bytes` is the sum of `exclusive_bytes`, `shared_organization_bytes`, `shared_outside_bytes` and
/// `bin_blob_bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerFigures {
    /// Live images.
    pub images: i64,
    /// What a quota counts: the blobs of each image, each once per image, and all manifests.
    pub held_bytes: i64,
    /// Blobs, each once in the whole scope.
    pub blob_bytes: i64,
    /// Of these, what nobody outside the scope holds: it would be freed.
    pub exclusive_bytes: i64,
    /// Of these, what other images of the organisation hold too, and nobody outside it; 0 for more than an image.
    pub shared_organization_bytes: i64,
    /// Of these, what is held outside the organisation too; of an account, by other accounts.
    pub shared_outside_bytes: i64,
    /// Of these, what only the bin holds: it goes by itself.
    pub bin_blob_bytes: i64,
    /// Of the live ones, what no manifest uses: a push under way, or one that was given up.
    pub unreferenced_bytes: i64,
    /// Live manifests.
    pub manifest_bytes: i64,
    /// Manifests in the bin.
    pub bin_manifest_bytes: i64,
    /// What unfinished uploads have brought.
    pub upload_bytes: i64,
    /// What they have reserved of quotas.
    pub reserved_bytes: i64,
}

/// Bytes in the blob store, as the rows have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Blobs.
    pub blob_bytes: i64,
    /// Bytes of no blob any more, waiting to be deleted.
    pub reclaim_bytes: i64,
    /// Bytes that were found wrong, kept to be looked at.
    pub quarantine_bytes: i64,
    /// What unfinished uploads have brought.
    pub upload_bytes: i64,
}

/// The statement over the repositories `r` that `$scope` selects by `$1`, where `$inside` and `$outside` say of a link `x`
/// of repository `y` of organisation `z` whether it shares inside the organisation, or outside. `$2` is the account whose
/// images count.
macro_rules! figures {
    ($scope:literal, $inside:literal, $outside:literal) => {
        concat!(
            "WITH held AS (SELECT h.repository_id, h.digest, MAX(h.needed) AS needed FROM (\
               SELECT l.repository_id, l.digest, CASE WHEN NOT ",
            is_live!("l", "r"),
            " THEN 0 WHEN l.idle_since IS NULL THEN 2 ELSE 1 END AS needed FROM ",
            $scope,
            " JOIN blob_links l ON l.repository_id = r.id \
               UNION ALL SELECT k.repository_id, k.blob, 0 FROM ",
            $scope,
            " JOIN binned_references k ON k.repository_id = r.id AND k.blob IS NOT NULL) AS h \
             GROUP BY h.repository_id, h.digest), \
             once AS (SELECT held.digest, COUNT(*) AS holders, MAX(held.needed) AS needed FROM held GROUP BY held.digest), \
             sized AS (SELECT b.size, once.holders, once.needed, CASE WHEN EXISTS (SELECT 1 FROM blob_links x \
                 JOIN repositories y ON y.id = x.repository_id JOIN organizations z ON z.id = y.organization_id \
                 WHERE x.digest = once.digest AND ",
            $outside,
            " AND ($2 IS NULL OR z.account_id = $2) AND ",
            is_live!("x", "y"),
            ") THEN 2 WHEN EXISTS (SELECT 1 FROM blob_links x JOIN repositories y ON y.id = x.repository_id \
                 WHERE x.digest = once.digest AND ",
            $inside,
            " AND ",
            is_live!("x", "y"),
            ") THEN 1 ELSE 0 END AS shared FROM once JOIN blobs b ON b.digest = once.digest) \
             SELECT (SELECT COUNT(*) FROM ",
            $scope,
            " WHERE r.listed = 1), CAST(COALESCE(SUM(size * holders), 0) AS BIGINT), \
             CAST(COALESCE(SUM(size), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN needed > 0 AND shared = 0 THEN size ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN needed > 0 AND shared = 1 THEN size ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN needed > 0 AND shared = 2 THEN size ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN needed = 0 THEN size ELSE 0 END), 0) AS BIGINT), \
             CAST(COALESCE(SUM(CASE WHEN needed = 1 THEN size ELSE 0 END), 0) AS BIGINT), \
             (SELECT CAST(COALESCE(SUM(m.size), 0) AS BIGINT) FROM ",
            $scope,
            " JOIN manifests m ON m.repository_id = r.id WHERE r.listed <> 2), \
             (SELECT CAST(COALESCE(SUM(m.size), 0) AS BIGINT) FROM ",
            $scope,
            " JOIN manifests m ON m.repository_id = r.id WHERE r.listed = 2) \
             + (SELECT CAST(COALESCE(SUM(k.size), 0) AS BIGINT) FROM ",
            $scope,
            " JOIN binned_manifests k ON k.repository_id = r.id AND NOT EXISTS (SELECT 1 FROM manifests m \
                 WHERE m.repository_id = k.repository_id AND m.digest = k.digest)), \
             (SELECT CAST(COALESCE(SUM(u.byte_offset), 0) AS BIGINT) FROM ",
            $scope,
            " JOIN uploads u ON u.repository_id = r.id), \
             (SELECT CAST(COALESCE(SUM(u.reserved_bytes), 0) AS BIGINT) FROM ",
            $scope,
            " JOIN uploads u ON u.repository_id = r.id) FROM sized"
        )
    };
}
pub(crate) const OF_IMAGE: &str = figures!(
    "(SELECT i.id, i.listed FROM repositories i WHERE i.id = $1) r",
    "x.repository_id <> $1 AND y.organization_id = (SELECT i.organization_id FROM repositories i WHERE i.id = $1)",
    "y.organization_id <> (SELECT i.organization_id FROM repositories i WHERE i.id = $1)"
);
pub(crate) const OF_ORGANIZATION: &str = figures!(
    "(SELECT i.id, i.listed FROM repositories i WHERE i.organization_id = $1) r",
    "1 = 0",
    "y.organization_id <> $1"
);
pub(crate) const OF_ACCOUNT: &str = figures!(
    "(SELECT i.id, i.listed FROM organizations n JOIN repositories i ON i.organization_id = n.id \
      WHERE n.account_id = $1) r",
    "1 = 0",
    "z.account_id <> $1"
);
pub(crate) const OF_STORE: &str = "SELECT \
     CAST(COALESCE((SELECT SUM(size) FROM blobs WHERE damaged_at IS NULL), 0) AS BIGINT), \
     CAST(COALESCE((SELECT SUM(size) FROM reclaim), 0) AS BIGINT), \
     CAST(COALESCE((SELECT SUM(size) FROM quarantine), 0) AS BIGINT), \
     CAST(COALESCE((SELECT SUM(byte_offset) FROM uploads), 0) AS BIGINT)";

impl Metadata {
    /// What a scope holds now, as seen by `view`. Costs as much as the scope links.
    pub async fn ledger(&self, scope: LedgerScope, view: &LedgerView) -> Result<LedgerFigures, Error> {
        let statement = match scope {
            LedgerScope::Image(id) => sqlx::query(OF_IMAGE).bind(id),
            LedgerScope::Organization(id) => sqlx::query(OF_ORGANIZATION).bind(id),
            LedgerScope::Account(id) => sqlx::query(OF_ACCOUNT).bind(id),
        };
        let found = self
            .find("count what is held", statement.bind(view.account()), read)
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// What the rows say that the blob store holds. Reads every blob's row.
    pub async fn store_figures(&self) -> Result<StoreFigures, Error> {
        let found = self.find("count what is stored", sqlx::query(OF_STORE), |row| {
            Ok(StoreFigures {
                blob_bytes: row.try_get(0)?,
                reclaim_bytes: row.try_get(1)?,
                quarantine_bytes: row.try_get(2)?,
                upload_bytes: row.try_get(3)?,
            })
        });
        Ok(found.await?.unwrap_or_default())
    }
}

fn read(row: &AnyRow) -> Result<LedgerFigures, Failure> {
    let manifest_bytes: i64 = row.try_get(8)?;
    let bin_manifest_bytes: i64 = row.try_get(9)?;
    Ok(LedgerFigures {
        images: row.try_get(0)?,
        held_bytes: row.try_get::<i64, _>(1)? + manifest_bytes + bin_manifest_bytes,
        blob_bytes: row.try_get(2)?,
        exclusive_bytes: row.try_get(3)?,
        shared_organization_bytes: row.try_get(4)?,
        shared_outside_bytes: row.try_get(5)?,
        bin_blob_bytes: row.try_get(6)?,
        unreferenced_bytes: row.try_get(7)?,
        manifest_bytes,
        bin_manifest_bytes,
        upload_bytes: row.try_get(10)?,
        reserved_bytes: row.try_get(11)?,
    })
}
