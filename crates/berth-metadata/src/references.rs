//! What manifests reference, and the idle links of what no manifest references any more. The caller holds the repository's
//! lock.

use crate::blobs::BLOB_SIZE;
use crate::pool::{Failure, Tx};
use crate::sql::{self, Statement};
use sqlx::Row;
use std::collections::BTreeSet;

/// The sum of the sizes that a statement over links answers, one for each.
pub(crate) async fn sizes(tx: &mut Tx<'_>, statement: Statement) -> Result<i64, Failure> {
    let mut bytes = 0;
    for row in statement.fetch_all(tx).await? {
        bytes += row.try_get::<i64, _>(0)?;
    }
    Ok(bytes)
}

/// The live manifests that list any of these, themselves or through others.
pub(crate) async fn listing(
    tx: &mut Tx<'_>,
    repository_id: i64,
    among: Vec<String>,
) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    let mut level = among;
    while !level.is_empty() {
        let mut above = Vec::new();
        for list in sql::lists(&level) {
            let text = format!(
                "SELECT DISTINCT r.manifest FROM manifest_references r WHERE r.repository_id = $1 AND r.digest IN ({})",
                sql::markers(2, list.len())
            );
            let statement = sql::made(text).bind(repository_id);
            let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
            for row in statement.fetch_all(&mut *tx).await? {
                let manifest: String = row.try_get(0)?;
                if found.insert(manifest.clone()) {
                    above.push(manifest);
                }
            }
        }
        level = above;
    }
    Ok(found)
}

/// Takes a manifest's references away and answers what they named.
pub(crate) async fn unreference(
    tx: &mut Tx<'_>,
    repository_id: i64,
    manifest: &str,
) -> Result<Vec<String>, Failure> {
    const DELETE: &str =
        "DELETE FROM manifest_references WHERE repository_id = $1 AND manifest = $2 RETURNING digest";
    let rows = sqlx::query(DELETE)
        .bind(repository_id)
        .bind(manifest.to_owned())
        .fetch_all(tx)
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Starts the time of grace of those blobs that no manifest references any more, and answers their bytes.
pub(crate) async fn set_idle(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digests: &[String],
    now: i64,
) -> Result<i64, Failure> {
    let mut bytes = 0;
    for list in sql::lists(digests) {
        let text = format!(
            "UPDATE blob_links SET idle_since = $2 \
             WHERE repository_id = $1 AND digest IN ({}) AND idle_since IS NULL AND NOT EXISTS \
             (SELECT 1 FROM manifest_references m WHERE m.repository_id = $1 AND m.digest = blob_links.digest) \
             RETURNING {BLOB_SIZE}",
            sql::markers(3, list.len())
        );
        let statement = sql::made(text).bind(repository_id).bind(now);
        bytes += sizes(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    Ok(bytes)
}

/// Starts the use of those blobs that the repository links, and answers the bytes of those that were idle.
pub(crate) async fn set_used(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digests: &[String],
) -> Result<i64, Failure> {
    let mut bytes = 0;
    for list in sql::lists(digests) {
        let text = format!(
            "UPDATE blob_links SET idle_since = NULL \
             WHERE repository_id = $1 AND digest IN ({}) AND idle_since IS NOT NULL RETURNING {BLOB_SIZE}",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        bytes += sizes(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    Ok(bytes)
}
