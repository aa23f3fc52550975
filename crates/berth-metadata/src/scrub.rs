//! What is due to be verified, oldest first, and that it was. It refuses to know how bytes are checked.

use crate::Metadata;
use crate::blobs::BlobRow;
use crate::error::Error;
use crate::pool::Durability;
use crate::sql::{self, change};
use sqlx::Row;

/// How much is due to be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlobsDue {
    /// Blobs.
    pub blobs: i64,
    /// Their bytes.
    pub bytes: i64,
}

/// A manifest as it is stored, to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestBytes {
    /// Its repository.
    pub repository_id: i64,
    /// The digest that its bytes should have.
    pub digest: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

pub(crate) const DUE: &str = "SELECT digest, key, size, verified_at FROM blobs \
     WHERE verified_at < $1 AND (verified_at, digest) > ($2, $3) AND damaged_at IS NULL \
     ORDER BY verified_at, digest LIMIT $4";
pub(crate) const MANIFESTS: &str = "SELECT repository_id, digest, bytes FROM manifests \
     WHERE (repository_id, digest) > ($1, $2) AND damaged_at IS NULL ORDER BY repository_id, digest LIMIT $3";

impl Metadata {
    /// At most `limit` whole blobs that were verified before `before`, each with when, oldest first, those after `last`:
    /// such a time and a digest.
    pub async fn blobs_due(
        &self,
        before: i64,
        last: Option<(i64, &str)>,
        limit: i64,
    ) -> Result<Vec<(i64, BlobRow)>, Error> {
        let (verified_at, digest) = last.unwrap_or((-1, ""));
        let statement = sqlx::query(DUE)
            .bind(before)
            .bind(verified_at)
            .bind(digest.to_owned())
            .bind(limit);
        self.list("list blobs to verify", statement, |row| {
            let blob = BlobRow {
                digest: row.try_get(0)?,
                key: row.try_get(1)?,
                size: row.try_get(2)?,
            };
            Ok((row.try_get(3)?, blob))
        })
        .await
    }

    /// How much was verified before `before`. Reads every such row.
    pub async fn count_blobs_due(&self, before: i64) -> Result<BlobsDue, Error> {
        const SUM: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs \
             WHERE verified_at < $1 AND damaged_at IS NULL";
        let found = self
            .find("sum up blobs to verify", sqlx::query(SUM).bind(before), |row| {
                Ok(BlobsDue {
                    blobs: row.try_get(0)?,
                    bytes: row.try_get(1)?,
                })
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Notes that the bytes of blobs had their digests; lost in a power cut, they are verified once more.
    pub async fn note_verified(&self, mut digests: Vec<String>, now: i64) -> Result<(), Error> {
        // One order for all, so that two do not wait for each other.
        digests.sort_unstable();
        self.pool
            .write(
                "note verified blobs",
                Durability::Relaxed,
                digests,
                move |tx, digests| {
                    Box::pin(async move {
                        for list in sql::lists(digests) {
                            let text = format!(
                                "UPDATE blobs SET verified_at = $1 WHERE verified_at < $1 AND digest IN ({})",
                                sql::markers(2, list.len())
                            );
                            let note = sql::made(text).bind(now);
                            change(tx, list.into_iter().fold(note, sqlx::query::Query::bind)).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// At most `limit` manifests that are not damaged, by repository and digest, those after `last`.
    pub async fn manifests_to_verify(
        &self,
        last: Option<(i64, &str)>,
        limit: i64,
    ) -> Result<Vec<ManifestBytes>, Error> {
        let (repository_id, digest) = last.unwrap_or((-1, ""));
        let statement = sqlx::query(MANIFESTS)
            .bind(repository_id)
            .bind(digest.to_owned())
            .bind(limit);
        self.list("list manifests to verify", statement, |row| {
            Ok(ManifestBytes {
                repository_id: row.try_get(0)?,
                digest: row.try_get(1)?,
                bytes: row.try_get(2)?,
            })
        })
        .await
    }
}
