//! The bytes that only the bin of a repository needs: of blobs that its binned manifests reference and no live manifest of
//! it uses, each once. `repositories.bin_bytes` counts them; whoever changes which they are adds the difference.

use crate::pool::{Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;

/// The bytes of those of the blobs that only the bin of the repository needs now.
pub(crate) async fn bytes<'a>(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digests: impl IntoIterator<Item = &'a String>,
) -> Result<i64, Failure> {
    let digests: Vec<String> = digests.into_iter().cloned().collect();
    let mut bytes = 0;
    for list in sql::lists(&digests) {
        let text = format!(
            "SELECT CAST(COALESCE(SUM(b.size), 0) AS BIGINT) FROM blobs b WHERE b.digest IN ({}) \
             AND EXISTS (SELECT 1 FROM binned_references r WHERE r.blob = b.digest AND r.repository_id = $1) \
             AND NOT EXISTS (SELECT 1 FROM blob_links l \
               WHERE l.repository_id = $1 AND l.digest = b.digest AND l.idle_since IS NULL)",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        let sum = first(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
        bytes += sum
            .map(|row| row.try_get::<i64, _>(0))
            .transpose()?
            .unwrap_or_default();
    }
    Ok(bytes)
}

/// Notes that the bin of the repository alone needs so many bytes more.
pub(crate) async fn add(tx: &mut Tx<'_>, repository_id: i64, bytes: i64) -> Result<(), Failure> {
    const ADD: &str = "UPDATE repositories SET bin_bytes = bin_bytes + $2 WHERE id = $1";
    if bytes != 0 {
        change(tx, sqlx::query(ADD).bind(repository_id).bind(bytes)).await?;
    }
    Ok(())
}

/// Notes that a live manifest began to use a blob of so many bytes, or ceased to when they are negative.
pub(crate) async fn used(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    bytes: i64,
) -> Result<(), Failure> {
    const BINNED: &str = "UPDATE repositories SET bin_bytes = bin_bytes - $3 WHERE id = $1 AND EXISTS \
         (SELECT 1 FROM binned_references r WHERE r.blob = $2 AND r.repository_id = $1)";
    let binned = sqlx::query(BINNED).bind(repository_id).bind(digest.to_owned());
    change(tx, binned.bind(bytes)).await?;
    Ok(())
}
