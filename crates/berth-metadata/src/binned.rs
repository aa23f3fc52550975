//! The bin: what was deleted and can be restored until it expires or is purged.
//!
//! Which bytes are in the bin: `repositories.bin_bytes` are those that only the bin of a live image needs (each blob once,
//! beside `size_bytes`); of an image in the bin (`listed = 2`) it is `size_bytes + bin_bytes`. They count until upkeep
//! has purged them, also when an entry is in no list any more.

mod image;
pub(crate) mod list;
pub(crate) mod purge;
mod restore;

pub use list::{BinEntry, BinPage, BinViewer};
pub use restore::{BinObstacle, BinRestore, BinRestored};

use crate::Metadata;
use crate::error::Error;
use crate::pool::Durability;
use sqlx::Row;

/// Whose entries to purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinOwner {
    /// Those of an organisation.
    Organization(i64),
    /// Those of what is in a repository, not of earlier ones of its name.
    Repository(i64),
}

/// How much a bin holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinUsage {
    /// Entries that can be restored.
    pub entries: i64,
    /// Bytes that only the bin needs, each blob once per image; also of what expired and is not purged yet.
    pub bytes: i64,
}

impl Metadata {
    /// Lets an entry expire at once; false when there is none of that id. Upkeep takes its bytes away.
    pub async fn purge_bin_entry(&self, id: i64) -> Result<bool, Error> {
        const EXPIRE: &str =
            "UPDATE bin SET expires_at = 0 WHERE id = $1 AND restored_at IS NULL AND expires_at > 0";
        let statement = move || sqlx::query(EXPIRE).bind(id);
        Ok(self
            .change("purge an entry of the bin", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Lets all entries of an organisation or a repository expire at once, and answers how many.
    pub async fn purge_bin_of(&self, owner: BinOwner) -> Result<u64, Error> {
        const OF_ORGANIZATION: &str = "UPDATE bin SET expires_at = 0 \
             WHERE organization_id = $1 AND restored_at IS NULL AND expires_at > 0";
        const OF_REPOSITORY: &str = "UPDATE bin SET expires_at = 0 \
             WHERE repository_id = $1 AND restored_at IS NULL AND expires_at > 0";
        let statement = move || match owner {
            BinOwner::Organization(id) => sqlx::query(OF_ORGANIZATION).bind(id),
            BinOwner::Repository(id) => sqlx::query(OF_REPOSITORY).bind(id),
        };
        self.change("purge the bin", Durability::Durable, statement).await
    }

    /// How much the bin of an organisation holds.
    pub async fn bin_usage(&self, organization_id: i64, now: i64) -> Result<BinUsage, Error> {
        const SUM: &str = "SELECT (SELECT COUNT(*) FROM bin b JOIN repositories r ON r.id = b.repository_id \
             WHERE b.organization_id = $1 AND b.restored_at IS NULL AND b.expires_at > $2 \
             AND ((b.kind = 'image' AND r.listed = 2) OR (b.kind <> 'image' AND r.listed <> 2))), \
             CAST(COALESCE(SUM(CASE WHEN r.listed = 2 THEN r.size_bytes + r.bin_bytes ELSE r.bin_bytes END), 0) \
             AS BIGINT) FROM repositories r WHERE r.organization_id = $1";
        let statement = sqlx::query(SUM).bind(organization_id).bind(now);
        let sum = self.find("sum up the bin", statement, |row| {
            Ok(BinUsage {
                entries: row.try_get(0)?,
                bytes: row.try_get(1)?,
            })
        });
        Ok(sum.await?.unwrap_or_default())
    }
}
