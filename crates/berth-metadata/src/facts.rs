//! What lists show of a manifest without reading its bytes. The caller holds the repository's lock.

use crate::pool::{Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a list shows of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestFacts {
    /// Whether it lists manifests.
    pub is_index: bool,
    /// The digest of an image's configuration.
    pub config_digest: Option<String>,
    /// Bytes of an image's configuration and layers; of an index, which is given 0 here, the sum of its images that are
    /// in the repository.
    pub image_bytes: i64,
}

impl ManifestFacts {
    /// The facts in three columns from the one at `index`.
    pub(crate) fn read(row: &AnyRow, index: usize) -> Result<Self, Failure> {
        Ok(Self {
            is_index: row.try_get::<i64, _>(index)? != 0,
            config_digest: row.try_get(index + 1)?,
            image_bytes: row.try_get(index + 2)?,
        })
    }
}

/// Sizes are what the pusher wrote, so they are bounded: the sum of an index is a number all the same.
const IMAGE_BYTES_MAX: i64 = 32 << 40;

/// Notes the facts of a manifest whose references are stored.
pub(crate) async fn note(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    facts: &ManifestFacts,
) -> Result<(), Failure> {
    const NOTE: &str = "INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (repository_id, digest) DO UPDATE SET \
         is_index = excluded.is_index, config_digest = excluded.config_digest, image_bytes = excluded.image_bytes \
         RETURNING CAST(CASE WHEN EXISTS (SELECT 1 FROM manifest_references r \
           WHERE r.repository_id = manifest_facts.repository_id AND r.digest = manifest_facts.digest) \
         THEN 1 ELSE 0 END AS BIGINT)";
    let note = sqlx::query(NOTE)
        .bind(repository_id)
        .bind(digest.to_owned())
        .bind(i64::from(facts.is_index))
        .bind(facts.config_digest.clone())
        .bind(facts.image_bytes.clamp(0, IMAGE_BYTES_MAX));
    let row = first(tx, note).await?;
    let is_listed = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))? != 0;
    // Most are no index, and in none.
    if facts.is_index || is_listed {
        sum_up(tx, repository_id, digest).await?;
    }
    Ok(())
}

/// Counts anew the size of a manifest, if it is an index, and of the indexes that list it: its own facts have changed,
/// or went with its row.
pub(crate) async fn sum_up(tx: &mut Tx<'_>, repository_id: i64, digest: &str) -> Result<(), Failure> {
    const LISTED_BY: &str =
        "SELECT manifest FROM manifest_references WHERE repository_id = $1 AND digest = $2";
    const SUM_UP: &str = "UPDATE manifest_facts SET image_bytes = COALESCE((\
         SELECT CAST(SUM(f.image_bytes) AS BIGINT) FROM manifest_references r \
         JOIN manifest_facts f ON f.repository_id = r.repository_id AND f.digest = r.digest \
         WHERE r.repository_id = manifest_facts.repository_id AND r.manifest = manifest_facts.digest AND f.is_index = 0), 0) \
         WHERE repository_id = $1 AND is_index = 1 AND digest IN";
    let listed_by = sqlx::query(LISTED_BY).bind(repository_id).bind(digest.to_owned());
    let mut digests = vec![digest.to_owned()];
    for row in listed_by.fetch_all(&mut *tx).await? {
        digests.push(row.try_get(0)?);
    }
    // By their values: where they are a query's, PostgreSQL reads all facts of the repository.
    for list in sql::lists(&digests) {
        let text = format!("{SUM_UP} ({})", sql::markers(2, list.len()));
        let sum_up = sql::made(text).bind(repository_id);
        change(tx, list.into_iter().fold(sum_up, sqlx::query::Query::bind)).await?;
    }
    Ok(())
}
