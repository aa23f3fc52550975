//! Blobs and the links that make them readable through a repository.
//!
//! A blob row exists while a repository links it, or its bin keeps it for a manifest. Whoever adds a link locks the blob's row first, whoever takes the
//! last one away does so too ([`release`]), so a row never goes while a link comes.

mod links;

pub(crate) use links::{Link, link, link_all, linked};

use crate::Metadata;
use crate::byte_quotas::{self, Change, HELD_BY_LINK};
use crate::error::{Conflict, Error};
use crate::kept;
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::{self, Counts};
use crate::sql::{self, change, first};
use crate::viewer::{Viewer, readable};
use futures_util::FutureExt as _;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// A blob as a repository sees it; a damaged one is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedBlob {
    /// The key of its bytes in the blob store.
    pub key: String,
    /// Bytes.
    pub size: i64,
    /// Since when no manifest of the repository references it, none when one does. Old ones are swept; see
    /// [`Metadata::refresh_link`].
    pub idle_since: Option<i64>,
    /// When its bytes last had its digest, 0 for never since this was noted.
    pub verified_at: i64,
}

/// A stored blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// Its digest.
    pub digest: String,
    /// The key of its bytes in the blob store.
    pub key: String,
    /// Bytes.
    pub size: i64,
}

/// What became of a link to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlinkOutcome {
    /// It is gone.
    Unlinked,
    /// There was none.
    Missing,
    /// A manifest of the repository references the blob; nothing was changed.
    InUse {
        /// The digest of one such manifest.
        manifest: String,
    },
}

pub(crate) const LINKED: &str = "SELECT b.key, b.size, l.idle_since, b.verified_at \
     FROM blob_links l JOIN blobs b ON b.digest = l.digest \
     WHERE l.repository_id = $1 AND l.digest = $2 AND b.damaged_at IS NULL";
pub(crate) const READABLE: &str = concat!(
    "SELECT l.repository_id FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
     JOIN blobs b ON b.digest = l.digest WHERE l.digest = $5 AND b.damaged_at IS NULL AND r.listed <> 2 AND ",
    readable!(),
    " LIMIT 1"
);
pub(crate) const KEYS: &str = "SELECT digest, key, size FROM blobs WHERE key > $1 ORDER BY key LIMIT $2";

impl Metadata {
    /// The blob of that digest, if the repository links it.
    pub async fn linked_blob(&self, repository_id: i64, digest: &str) -> Result<Option<LinkedBlob>, Error> {
        let found = || {
            let statement = sqlx::query(LINKED).bind(repository_id).bind(digest.to_owned());
            self.find("find a blob", statement, linked_blob).boxed()
        };
        let key = [repository_id.to_string().as_str(), digest].join(" ");
        self.memory.links.get(&self.pool, &key, found).await
    }

    /// Whether the repository links the blob, damaged or not.
    pub async fn is_linked(&self, repository_id: i64, digest: &str) -> Result<bool, Error> {
        const LINK: &str = "SELECT 1 FROM blob_links WHERE repository_id = $1 AND digest = $2";
        let statement = sqlx::query(LINK).bind(repository_id).bind(digest.to_owned());
        let found = self.find("find a blob", statement, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    /// Makes an unreferenced link young again, for a client that was told that the blob is there and will push a
    /// manifest with it; false when the link is gone. May be lost in a power cut.
    pub async fn refresh_link(&self, repository_id: i64, digest: &str, now: i64) -> Result<bool, Error> {
        const REFRESH: &str = "UPDATE blob_links \
             SET idle_since = CASE WHEN idle_since < $3 THEN $3 ELSE idle_since END \
             WHERE repository_id = $1 AND digest = $2";
        let digest = digest.to_owned();
        let statement = move || {
            sqlx::query(REFRESH)
                .bind(repository_id)
                .bind(digest.clone())
                .bind(now)
        };
        Ok(self
            .change("refresh a blob link", Durability::Relaxed, statement)
            .await?
            > 0)
    }

    /// Links a blob of one repository in another; false when the first does not link it (any more).
    /// [`Conflict::RepositoryGone`] when the other does not exist, [`Conflict::BytesQuota`].
    pub async fn mount_blob(
        &self,
        from_repository_id: i64,
        to_repository_id: i64,
        digest: &str,
        now: i64,
    ) -> Result<bool, Error> {
        const LOCK: &str = "UPDATE blobs SET size = size WHERE digest = $1 AND damaged_at IS NULL AND EXISTS \
             (SELECT 1 FROM blob_links l WHERE l.repository_id = $2 AND l.digest = $1)";
        self.pool
            .write(
                "mount a blob",
                Durability::Durable,
                digest.to_owned(),
                move |tx, digest| {
                    Box::pin(async move {
                        let lock = sqlx::query(LOCK).bind(digest.clone()).bind(from_repository_id);
                        if change(tx, lock).await? == 0 {
                            return Ok(false);
                        }
                        let held = link(tx, to_repository_id, digest, now).await?;
                        byte_quotas::charge(tx, to_repository_id, Change::used(held)).await?;
                        Ok(true)
                    })
                },
            )
            .await
    }

    /// Any repository that links the blob and that the viewer may read.
    pub async fn find_readable_blob(
        &self,
        digest: &str,
        viewer: Viewer<'_>,
        now: i64,
    ) -> Result<Option<i64>, Error> {
        const PUBLIC: &str = "SELECT l.repository_id FROM blob_links l JOIN repositories r ON r.id = l.repository_id \
             JOIN blobs b ON b.digest = l.digest \
             WHERE l.digest = $1 AND b.damaged_at IS NULL AND r.is_public = 1 AND r.listed <> 2 \
             LIMIT 1";
        let statement = match viewer {
            Viewer::Anonymous => sqlx::query(PUBLIC).bind(digest.to_owned()),
            Viewer::User {
                user_id,
                account_id,
                administrator,
            } => sqlx::query(READABLE)
                .bind(user_id.to_owned())
                .bind(account_id.to_owned())
                .bind(i64::from(administrator))
                .bind(now)
                .bind(digest.to_owned()),
        };
        self.find("find a readable blob", statement, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Takes a link away unless a manifest of the repository references the blob; durable. A blob without a link is
    /// queued for reclaim.
    pub async fn unlink_blob(
        &self,
        repository_id: i64,
        digest: &str,
        now: i64,
    ) -> Result<UnlinkOutcome, Error> {
        self.pool
            .write(
                "delete a blob",
                Durability::Durable,
                digest.to_owned(),
                move |tx, digest| Box::pin(unlink(tx, repository_id, digest, now)),
            )
            .await
    }

    /// Takes away at most `limit` links that no manifest of their repository references since before `before`, and
    /// answers how many. Blobs without a link are queued for reclaim.
    pub async fn sweep_unreferenced(&self, before: i64, now: i64, limit: i64) -> Result<u64, Error> {
        self.pool
            .write(
                "sweep unreferenced blobs",
                Durability::Durable,
                (),
                move |tx, ()| Box::pin(sweep(tx, before, now, limit)),
            )
            .await
    }

    /// A page of blobs by key, those after `last`.
    pub async fn blob_keys(&self, last: Option<&str>, limit: i64) -> Result<Vec<BlobRow>, Error> {
        let statement = sqlx::query(KEYS)
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list blobs", statement, |row| {
            Ok(BlobRow {
                digest: row.try_get(0)?,
                key: row.try_get(1)?,
                size: row.try_get(2)?,
            })
        })
        .await
    }

    /// Those of `keys` that a blob has, that wait for reclaim or are in quarantine; bytes under another key belong to
    /// nothing, unless their upload is just being finished.
    pub async fn known_keys(&self, keys: &[String]) -> Result<Vec<String>, Error> {
        let mut known = Vec::new();
        for list in sql::lists(keys) {
            let markers = sql::markers(1, list.len());
            let text = format!(
                "SELECT key FROM blobs WHERE key IN ({markers}) UNION SELECT key FROM reclaim WHERE key IN ({markers}) \
                 UNION SELECT key FROM quarantine WHERE key IN ({markers})"
            );
            let statement = list.into_iter().fold(sql::made(text), sqlx::query::Query::bind);
            known.extend(
                self.list("look keys up", statement, |row| Ok(row.try_get(0)?))
                    .await?,
            );
        }
        Ok(known)
    }
}

/// The size of the blob that a changed row of `blob_links` names.
pub(crate) const BLOB_SIZE: &str = "(SELECT b.size FROM blobs b WHERE b.digest = blob_links.digest)";

/// Counts that manifests of the repository use a linked blob now (1) or do no more (-1).
async fn use_bytes(tx: &mut Tx<'_>, repository_id: i64, digest: &str, sign: i64) -> Result<(), Failure> {
    let size = sqlx::query("SELECT size FROM blobs WHERE digest = $1").bind(digest.to_owned());
    let row = first(tx, size).await?;
    let row = row.ok_or_else(|| Failure::Broken(format!("no blob {digest} for a link")))?;
    let bytes = sign * row.try_get::<i64, _>(0)?;
    Counts { tags: 0, bytes }.save(tx, repository_id).await?;
    kept::used(tx, repository_id, digest, bytes).await
}

/// Deletes those of the blobs that nothing links and no bin keeps any more and queues their keys, but those of damaged
/// ones, which are in quarantine. The caller has just taken links away, or manifests out of a bin.
pub(crate) async fn release(tx: &mut Tx<'_>, mut digests: Vec<String>, now: i64) -> Result<(), Failure> {
    // One order for all, so that two releases do not wait for each other.
    digests.sort_unstable();
    for list in sql::lists(&digests) {
        let markers = sql::markers(2, list.len());
        let unlinked = format!(
            "digest IN ({markers}) AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = blobs.digest) \
             AND NOT EXISTS (SELECT 1 FROM binned_references r WHERE r.blob = blobs.digest)"
        );
        // All are locked before any is looked at: of two that take the last two links away, the later one sees it.
        let lock =
            format!("UPDATE blobs SET created_at = created_at WHERE $1 = $1 AND digest IN ({markers})");
        let queue = format!(
            "INSERT INTO reclaim (key, digest, size, queued_at) SELECT key, digest, size, $1 FROM blobs \
             WHERE damaged_at IS NULL AND {unlinked}"
        );
        let delete = format!("DELETE FROM blobs WHERE $1 = $1 AND {unlinked}");
        for text in [lock, queue, delete] {
            let statement = sql::made(text).bind(now);
            change(tx, list.iter().cloned().fold(statement, sqlx::query::Query::bind)).await?;
        }
    }
    Ok(())
}

async fn unlink(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    now: i64,
) -> Result<UnlinkOutcome, Failure> {
    const REFERENCE: &str =
        "SELECT manifest FROM manifest_references WHERE repository_id = $1 AND digest = $2 LIMIT 1";
    const UNLINK: &str =
        "DELETE FROM blob_links WHERE repository_id = $1 AND digest = $2 RETURNING idle_since, ";
    match repository_lock::lock(tx, repository_id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(UnlinkOutcome::Missing),
        other => other?,
    }
    let reference = sqlx::query(REFERENCE).bind(repository_id).bind(digest.to_owned());
    if let Some(row) = first(tx, reference).await? {
        return Ok(UnlinkOutcome::InUse {
            manifest: row.try_get(0)?,
        });
    }
    let unlink = sql::made(format!("{UNLINK}{HELD_BY_LINK}"));
    let unlink = unlink.bind(repository_id).bind(digest.to_owned());
    let Some(row) = first(tx, unlink).await? else {
        return Ok(UnlinkOutcome::Missing);
    };
    if row.try_get::<Option<i64>, _>(0)?.is_none() {
        use_bytes(tx, repository_id, digest, -1).await?;
    }
    release(tx, vec![digest.to_owned()], now).await?;
    let held = Change::used(-row.try_get::<i64, _>(1)?);
    byte_quotas::charge(tx, repository_id, held).await?;
    Ok(UnlinkOutcome::Unlinked)
}

pub(crate) const IDLE: &str = "SELECT repository_id, digest FROM blob_links \
     WHERE idle_since IS NOT NULL AND idle_since < $1 ORDER BY idle_since LIMIT $2";

async fn sweep(tx: &mut Tx<'_>, before: i64, now: i64, limit: i64) -> Result<u64, Failure> {
    const UNLINK: &str = "DELETE FROM blob_links WHERE repository_id = $1 AND digest = $2 AND idle_since < $3 \
         AND NOT EXISTS (SELECT 1 FROM manifest_references m WHERE m.repository_id = $1 AND m.digest = $2) RETURNING ";
    // Linked while a manifest that names it was just being put.
    const IN_USE: &str = "UPDATE blob_links SET idle_since = NULL \
         WHERE repository_id = $1 AND digest = $2 AND idle_since IS NOT NULL \
         AND EXISTS (SELECT 1 FROM manifest_references m WHERE m.repository_id = $1 AND m.digest = $2)";
    let rows = sqlx::query(IDLE)
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
    let mut idle = rows.iter().map(idle_link).collect::<Result<Vec<_>, _>>()?;
    idle.sort_unstable();
    let mut unlinked = Vec::new();
    let mut less: BTreeMap<i64, i64> = BTreeMap::new();
    let mut locked = None;
    for (repository_id, digest) in idle {
        if locked != Some(repository_id) {
            match repository_lock::lock_any(tx, repository_id).await {
                Err(Failure::Conflict(Conflict::RepositoryGone)) => continue,
                other => other?,
            }
            locked = Some(repository_id);
        }
        let unlink = sql::made(format!("{UNLINK}{HELD_BY_LINK}"))
            .bind(repository_id)
            .bind(digest.clone())
            .bind(before);
        if let Some(row) = first(tx, unlink).await? {
            unlinked.push(digest);
            *less.entry(repository_id).or_default() += row.try_get::<i64, _>(0)?;
        } else if change(tx, sqlx::query(IN_USE).bind(repository_id).bind(digest.clone())).await? > 0 {
            use_bytes(tx, repository_id, &digest, 1).await?;
        }
    }
    let count = unlinked.len() as u64;
    release(tx, unlinked, now).await?;
    byte_quotas::give_back(tx, &less).await?;
    Ok(count)
}

fn idle_link(row: &AnyRow) -> Result<(i64, String), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn linked_blob(row: &AnyRow) -> Result<LinkedBlob, Failure> {
    Ok(LinkedBlob {
        key: row.try_get(0)?,
        size: row.try_get(1)?,
        idle_since: row.try_get(2)?,
        verified_at: row.try_get(3)?,
    })
}
