//! What a store holds beside what the rows say it holds: for the time of a restore, while nothing else is at work.

use crate::Metadata;
use crate::blobs::BlobRow;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::{self, change};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// Bytes in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBytes {
    /// Their key.
    pub key: String,
    /// Their digest.
    pub digest: String,
    /// Bytes.
    pub size: i64,
}

/// What came of the comparison of rows with the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Blobs whose bytes were found under another key.
    pub rekeyed: u64,
    /// Blobs without their bytes.
    pub damaged: u64,
}

/// A blob without its bytes, and an image that needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedUse {
    /// The blob.
    pub digest: String,
    /// The repository.
    pub repository: String,
    /// The tag, none when no tag names what needs it.
    pub tag: Option<String>,
}

impl Metadata {
    /// Forgets the listing.
    pub async fn clear_store_listing(&self) -> Result<(), Error> {
        let statement = || sqlx::query("DELETE FROM store_listing");
        let cleared = self.change("forget what the store holds", Durability::Relaxed, statement);
        cleared.await.map(drop)
    }

    /// Adds to the listing; the caller bounds the number.
    pub async fn list_stored_bytes(&self, bytes: Vec<ListedBytes>) -> Result<(), Error> {
        self.pool
            .write(
                "note what the store holds",
                Durability::Relaxed,
                bytes,
                |tx, bytes| Box::pin(async move { note(tx, bytes).await }),
            )
            .await
    }

    /// Points every blob whose key the listing does not have at a key that has its digest and size, and marks those as
    /// damaged for which there is none. What is used is not reclaimed.
    pub async fn reconcile_blobs(&self, now: i64) -> Result<Reconciled, Error> {
        self.pool
            .write(
                "compare rows with the store",
                Durability::Durable,
                (),
                move |tx, ()| Box::pin(reconcile(tx, now)),
            )
            .await
    }

    /// Forgets the keys of a store that is not this database's any more.
    pub async fn forget_keys(&self) -> Result<(), Error> {
        self.pool
            .write("forget keys", Durability::Durable, (), |tx, ()| {
                Box::pin(async move {
                    change(tx, sqlx::query("DELETE FROM reclaim")).await?;
                    change(tx, sqlx::query("DELETE FROM quarantine")).await?;
                    Ok(())
                })
            })
            .await
    }

    /// How many blobs there are, and the sum of their bytes.
    pub async fn count_blobs(&self) -> Result<(i64, i64), Error> {
        const COUNT: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs";
        let counted = self.find("count blobs", sqlx::query(COUNT), |row| {
            Ok((row.try_get(0)?, row.try_get(1)?))
        });
        Ok(counted.await?.unwrap_or_default())
    }

    /// The key of a blob.
    pub async fn blob_key(&self, digest: &str) -> Result<Option<String>, Error> {
        let statement = sqlx::query("SELECT key FROM blobs WHERE digest = $1").bind(digest.to_owned());
        self.find("find a blob", statement, |row| Ok(row.try_get(0)?))
            .await
    }

    /// A page of the blobs without their bytes by digest, those after `last`.
    pub async fn damaged_blobs(&self, last: &str, limit: i64) -> Result<Vec<BlobRow>, Error> {
        const LIST: &str = "SELECT digest, key, size FROM blobs WHERE damaged_at IS NOT NULL AND digest > $1 \
             ORDER BY digest LIMIT $2";
        let statement = sqlx::query(LIST).bind(last.to_owned()).bind(limit);
        self.list("list damaged blobs", statement, |row| {
            Ok(BlobRow {
                digest: row.try_get(0)?,
                key: row.try_get(1)?,
                size: row.try_get(2)?,
            })
        })
        .await
    }

    /// Makes rows for those of these blobs that only the store has, and links them all to the repository as not in use;
    /// answers those whose bytes nobody has. The caller bounds the number.
    pub async fn link_stored_blobs(
        &self,
        repository_id: i64,
        digests: Vec<String>,
        now: i64,
    ) -> Result<Vec<String>, Error> {
        self.pool
            .write(
                "link what the store holds",
                Durability::Relaxed,
                digests,
                move |tx, digests| Box::pin(link(tx, repository_id, digests, now)),
            )
            .await
    }

    /// At most `limit` uses of blobs whose bytes are missing.
    pub async fn damaged_uses(&self, limit: i64) -> Result<Vec<DamagedUse>, Error> {
        const LIST: &str = "SELECT b.digest, r.full_name, t.tag FROM blobs b \
             JOIN blob_links l ON l.digest = b.digest JOIN repositories r ON r.id = l.repository_id \
             LEFT JOIN manifest_references m ON m.repository_id = l.repository_id AND m.digest = l.digest \
             LEFT JOIN tags t ON t.repository_id = m.repository_id AND t.digest = m.manifest \
             WHERE b.damaged_at IS NOT NULL ORDER BY b.digest, r.full_name, t.tag LIMIT $1";
        let read = |row: &AnyRow| {
            Ok(DamagedUse {
                digest: row.try_get(0)?,
                repository: row.try_get(1)?,
                tag: row.try_get(2)?,
            })
        };
        let statement = sqlx::query(LIST).bind(limit);
        self.list("list what damaged blobs are used for", statement, read)
            .await
    }
}

async fn note(tx: &mut AnyConnection, bytes: &[ListedBytes]) -> Result<(), Failure> {
    for chunk in bytes.chunks(200) {
        let rows = (0..chunk.len()).map(|n| format!("({})", sql::markers(1 + 3 * n, 3)));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let text =
            format!("INSERT INTO store_listing (key, digest, size) VALUES {rows} ON CONFLICT DO NOTHING");
        let insert = chunk.iter().fold(sql::made(text), |insert, one| {
            insert
                .bind(one.key.clone())
                .bind(one.digest.clone())
                .bind(one.size)
        });
        change(tx, insert).await?;
    }
    Ok(())
}

async fn reconcile(tx: &mut AnyConnection, now: i64) -> Result<Reconciled, Failure> {
    const REKEY: &str = "UPDATE blobs SET damaged_at = NULL, key = (SELECT MIN(l.key) FROM store_listing l \
         WHERE l.digest = blobs.digest AND l.size = blobs.size) \
         WHERE NOT EXISTS (SELECT 1 FROM store_listing l WHERE l.key = blobs.key AND l.size = blobs.size) \
         AND EXISTS (SELECT 1 FROM store_listing l WHERE l.digest = blobs.digest AND l.size = blobs.size)";
    const DAMAGED: &str = "UPDATE blobs SET damaged_at = COALESCE(damaged_at, $1) \
         WHERE NOT EXISTS (SELECT 1 FROM store_listing l WHERE l.key = blobs.key AND l.size = blobs.size)";
    const KEEP: &str = "DELETE FROM reclaim WHERE EXISTS (SELECT 1 FROM blobs b WHERE b.key = reclaim.key)";
    let rekeyed = change(tx, sqlx::query(REKEY)).await?;
    let damaged = change(tx, sqlx::query(DAMAGED).bind(now)).await?;
    change(tx, sqlx::query(KEEP)).await?;
    Ok(Reconciled { rekeyed, damaged })
}

async fn link(
    tx: &mut AnyConnection,
    repository_id: i64,
    digests: &[String],
    now: i64,
) -> Result<Vec<String>, Failure> {
    let mut missing = Vec::new();
    for list in sql::lists(digests) {
        let make = format!(
            "INSERT INTO blobs (digest, key, size, created_at) \
             SELECT l.digest, l.key, l.size, $1 FROM store_listing l WHERE l.digest IN ({}) \
             AND l.key = (SELECT MIN(f.key) FROM store_listing f WHERE f.digest = l.digest) ON CONFLICT DO NOTHING",
            sql::markers(2, list.len())
        );
        let link = format!(
            "INSERT INTO blob_links (repository_id, digest, idle_since) \
             SELECT $1, b.digest, $2 FROM blobs b WHERE b.digest IN ({}) ON CONFLICT DO NOTHING",
            sql::markers(3, list.len())
        );
        let linked = format!(
            "SELECT digest FROM blob_links WHERE repository_id = $1 AND digest IN ({})",
            sql::markers(2, list.len())
        );
        let bound =
            |statement, list: &[String]| list.iter().cloned().fold(statement, sqlx::query::Query::bind);
        change(tx, bound(sql::made(make).bind(now), &list)).await?;
        change(tx, bound(sql::made(link).bind(repository_id).bind(now), &list)).await?;
        let rows = bound(sql::made(linked).bind(repository_id), &list)
            .fetch_all(&mut *tx)
            .await?;
        let linked = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<String>, _>>()?;
        missing.extend(list.into_iter().filter(|digest| !linked.contains(digest)));
    }
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}
