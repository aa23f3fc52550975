//! What a store holds beside what the rows say it holds: for the time of a restore, while nothing else is at work.

use crate::Metadata;
use crate::blobs::BlobRow;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Bytes in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBytes {
    /// Their key.
    pub key: String,
    /// Their digest.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// When they last changed, in milliseconds since the epoch by the store's clock.
    pub modified_at: i64,
}

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedBlob {
    /// Its digest.
    pub digest: String,
    /// Bytes, as the manifest says.
    pub size: i64,
}

/// What came of the comparison of rows with the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Blobs whose bytes were found under another key, or were damaged and are whole again.
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

    /// Points every blob at the newest bytes with its digest and size that were not found wrong: a push replaces what is
    /// damaged, so those were verified last. Marks those as damaged whose bytes are nowhere. All are due to be verified.
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

    /// Ends a restore: what a blob names is neither reclaimed nor in quarantine, and what nothing links is released.
    pub async fn settle_keys(&self, now: i64) -> Result<(), Error> {
        self.pool
            .write("settle keys", Durability::Durable, (), move |tx, ()| {
                Box::pin(settle(tx, now))
            })
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
        blobs: Vec<WantedBlob>,
        now: i64,
    ) -> Result<Vec<String>, Error> {
        self.pool
            .write(
                "link what the store holds",
                Durability::Relaxed,
                blobs,
                move |tx, blobs| Box::pin(link(tx, repository_id, blobs, now)),
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

async fn note(tx: &mut Tx<'_>, bytes: &[ListedBytes]) -> Result<(), Failure> {
    for chunk in bytes.chunks(200) {
        let rows = (0..chunk.len()).map(|n| format!("({})", sql::markers(1 + 4 * n, 4)));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let text = format!(
            "INSERT INTO store_listing (key, digest, size, modified_at) VALUES {rows} ON CONFLICT DO NOTHING"
        );
        let insert = chunk.iter().fold(sql::made(text), |insert, one| {
            insert
                .bind(one.key.clone())
                .bind(one.digest.clone())
                .bind(one.size)
                .bind(one.modified_at)
        });
        change(tx, insert).await?;
    }
    Ok(())
}

/// Listed bytes that could be those of a blob: none that were read and found wrong.
macro_rules! bytes_of {
    ($what:literal, $fits:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM store_listing l WHERE ",
            $fits,
            " AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.key = l.key AND q.damage IN ('wrong', 'unreadable'))"
        )
    };
}

async fn reconcile(tx: &mut Tx<'_>, now: i64) -> Result<Reconciled, Failure> {
    const NEWEST: &str = concat!(
        bytes_of!("l.key", "l.digest = blobs.digest AND l.size = blobs.size"),
        " ORDER BY l.modified_at DESC, l.key DESC LIMIT 1"
    );
    const DAMAGED: &str = "UPDATE blobs SET damaged_at = COALESCE(damaged_at, $1) \
         WHERE NOT EXISTS (SELECT 1 FROM store_listing l WHERE l.key = blobs.key AND l.size = blobs.size)";
    let rekey = format!(
        "UPDATE blobs SET damaged_at = NULL, key = ({NEWEST}) \
         WHERE ({NEWEST}) IS NOT NULL AND (damaged_at IS NOT NULL OR key <> ({NEWEST}))"
    );
    let rekeyed = change(tx, sql::made(rekey)).await?;
    let damaged = change(tx, sqlx::query(DAMAGED).bind(now)).await?;
    let unverified = sqlx::query("UPDATE blobs SET verified_at = 0 WHERE verified_at <> 0");
    change(tx, unverified).await?;
    Ok(Reconciled { rekeyed, damaged })
}

async fn settle(tx: &mut Tx<'_>, now: i64) -> Result<(), Failure> {
    const KEEP: [&str; 2] = [
        "DELETE FROM reclaim WHERE EXISTS (SELECT 1 FROM blobs b WHERE b.key = reclaim.key)",
        "DELETE FROM quarantine WHERE EXISTS \
         (SELECT 1 FROM blobs b WHERE b.key = quarantine.key AND b.damaged_at IS NULL)",
    ];
    for keep in KEEP {
        change(tx, sqlx::query(keep)).await?;
    }
    release(tx, now).await
}

/// Deletes the blobs that nothing links and no bin keeps, and queues the keys of those that are not damaged.
async fn release(tx: &mut Tx<'_>, now: i64) -> Result<(), Failure> {
    const UNLINKED: &str = "NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = blobs.digest) \
         AND NOT EXISTS (SELECT 1 FROM binned_references r WHERE r.blob = blobs.digest)";
    let queue = format!(
        "INSERT INTO reclaim (key, digest, size, queued_at) SELECT key, digest, size, $1 FROM blobs \
         WHERE damaged_at IS NULL AND {UNLINKED}"
    );
    let delete = format!("DELETE FROM blobs WHERE {UNLINKED}");
    change(tx, sql::made(queue).bind(now)).await?;
    change(tx, sql::made(delete)).await?;
    Ok(())
}

async fn link(
    tx: &mut Tx<'_>,
    repository_id: i64,
    wanted: &[WantedBlob],
    now: i64,
) -> Result<Vec<String>, Failure> {
    const MAKE: &str = concat!(
        "INSERT INTO blobs (digest, key, size, created_at) ",
        bytes_of!("l.digest, l.key, l.size, $1", "l.digest = $2"),
        " ORDER BY CASE WHEN l.size = $3 THEN 0 ELSE 1 END, l.modified_at DESC, l.key DESC LIMIT 1 \
         ON CONFLICT DO NOTHING"
    );
    const LINK: &str = "INSERT INTO blob_links (repository_id, digest, idle_since) \
         SELECT $1, b.digest, $2 FROM blobs b WHERE b.digest = $3 ON CONFLICT DO NOTHING";
    const LINKED: &str = "SELECT 1 FROM blob_links WHERE repository_id = $1 AND digest = $2";
    let mut missing = Vec::new();
    for blob in wanted {
        let make = sqlx::query(MAKE).bind(now).bind(blob.digest.clone());
        change(tx, make.bind(blob.size)).await?;
        let link = sqlx::query(LINK).bind(repository_id).bind(now);
        change(tx, link.bind(blob.digest.clone())).await?;
        let linked = sqlx::query(LINKED).bind(repository_id).bind(blob.digest.clone());
        if first(tx, linked).await?.is_none() {
            missing.push(blob.digest.clone());
        }
    }
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}
