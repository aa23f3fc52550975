//! Blobs and manifests whose bytes are missing or wrong: marked, so that no request finds them, what they touch named,
//! the bytes of blobs in quarantine. It refuses to know how bytes are checked.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::change;
use sqlx::Row;

/// How bytes differ from what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// There are none under the key.
    Missing,
    /// They end too early.
    Short,
    /// They have another digest.
    Wrong,
    /// The store has them and cannot read them.
    Unreadable,
}

impl Damage {
    /// One word, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Damage::Missing => "missing",
            Damage::Short => "short",
            Damage::Wrong => "wrong",
            Damage::Unreadable => "unreadable",
        }
    }
}

/// Damage that was found while bytes were read.
#[derive(Clone, Debug)]
pub struct DamageFound {
    /// The blob.
    pub digest: String,
    /// The key that was read.
    pub key: String,
    /// What was found.
    pub damage: Damage,
    /// Bytes that are there.
    pub size: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// A blob or a manifest that is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Its digest.
    pub digest: String,
    /// The repository of a manifest, whose bytes are in the database; none for a blob.
    pub repository_id: Option<i64>,
    /// The key of a blob's bytes; empty for a manifest.
    pub key: String,
    /// Bytes that it should have.
    pub size: i64,
    /// What was found, as [`Damage::as_str`] says it.
    pub damage: String,
    /// Milliseconds since the epoch.
    pub found_at: i64,
}

/// What damage touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The full name of a repository that links the blob, or holds the manifest.
    pub repository: String,
    /// A tag there that names a manifest, or an index of one, that references it; none for the repository itself.
    pub tag: Option<String>,
}

/// From a blob or a manifest to the manifests that reference it, the indexes that list those, and the tags on any of
/// them.
macro_rules! affected {
    ($start:literal) => {
        concat!(
            "WITH RECURSIVE touched(repository_id, digest) AS (",
            $start,
            " UNION SELECT m.repository_id, m.manifest FROM touched t \
               JOIN manifest_references m ON m.repository_id = t.repository_id AND m.digest = t.digest) \
             SELECT r.full_name, '' AS tag FROM touched t JOIN repositories r ON r.id = t.repository_id \
               WHERE t.digest = $1 \
             UNION SELECT r.full_name, g.tag FROM touched t JOIN repositories r ON r.id = t.repository_id \
               JOIN tags g ON g.repository_id = t.repository_id AND g.digest = t.digest \
             ORDER BY full_name, tag LIMIT $2"
        )
    };
}

pub(crate) const AFFECTED_BY_BLOB: &str =
    affected!("SELECT l.repository_id, l.digest FROM blob_links l WHERE l.digest = $1");
pub(crate) const AFFECTED_BY_MANIFEST: &str = affected!(
    "SELECT m.repository_id, m.digest FROM manifests m WHERE m.repository_id = $3 AND m.digest = $1"
);
pub(crate) const DAMAGED: &str = "SELECT digest, repository_id, key, size, damage, found_at FROM (\
       SELECT b.digest, 0 AS repository_id, b.key, b.size, COALESCE(q.damage, 'missing') AS damage, \
         b.damaged_at AS found_at FROM blobs b LEFT JOIN quarantine q ON q.key = b.key WHERE b.damaged_at IS NOT NULL \
       UNION ALL SELECT m.digest, m.repository_id, '' AS key, m.size, 'wrong' AS damage, m.damaged_at AS found_at \
         FROM manifests m WHERE m.damaged_at IS NOT NULL) AS damaged \
     WHERE digest > $1 OR (digest = $1 AND repository_id > $2) ORDER BY digest, repository_id LIMIT $3";

impl Metadata {
    /// Marks a blob as damaged and puts its bytes into quarantine; durable. False when the blob has other bytes by now, is
    /// gone, or was marked before.
    pub async fn mark_damaged(&self, found: DamageFound) -> Result<bool, Error> {
        self.pool
            .write("mark a damaged blob", Durability::Durable, found, |tx, found| {
                Box::pin(mark(tx, found))
            })
            .await
    }

    /// Marks a manifest as damaged whose stored bytes are these; false when they are others by now.
    pub async fn mark_manifest_damaged(
        &self,
        repository_id: i64,
        (digest, bytes): (&str, &[u8]),
        now: i64,
    ) -> Result<bool, Error> {
        const MARK: &str = "UPDATE manifests SET damaged_at = $4 \
             WHERE repository_id = $1 AND digest = $2 AND bytes = $3 AND damaged_at IS NULL";
        let (digest, bytes) = (digest.to_owned(), bytes.to_vec());
        let statement = move || {
            sqlx::query(MARK)
                .bind(repository_id)
                .bind(digest.clone())
                .bind(bytes.clone())
                .bind(now)
        };
        let marked = self.change("mark a damaged manifest", Durability::Durable, statement);
        Ok(marked.await? > 0)
    }

    /// Whether a repository has the blob or the manifest of that digest, damaged.
    pub async fn is_damaged(&self, repository_id: i64, digest: &str) -> Result<bool, Error> {
        const FIND: &str = "SELECT 1 FROM manifests WHERE repository_id = $1 AND digest = $2 AND damaged_at IS NOT NULL \
             UNION ALL SELECT 1 FROM blob_links l JOIN blobs b ON b.digest = l.digest \
             WHERE l.repository_id = $1 AND l.digest = $2 AND b.damaged_at IS NOT NULL";
        let find = sqlx::query(FIND).bind(repository_id).bind(digest.to_owned());
        let found = self.find("look whether something is damaged", find, |_| Ok(()));
        Ok(found.await?.is_some())
    }

    /// Takes back that a blob is damaged: the bytes under its key, and that is still its key, are right.
    pub async fn clear_damage(&self, digest: &str, key: &str, now: i64) -> Result<bool, Error> {
        let input = (digest.to_owned(), key.to_owned());
        self.pool
            .write(
                "clear a blob of damage",
                Durability::Durable,
                input,
                move |tx, (digest, key)| Box::pin(clear(tx, digest, key, now)),
            )
            .await
    }

    /// At most `limit` damaged blobs and manifests, by digest, those after `last`: a digest, and the id of a manifest's
    /// repository or 0.
    pub async fn damaged(&self, last: Option<(&str, i64)>, limit: i64) -> Result<Vec<Damaged>, Error> {
        let (digest, repository_id) = last.unwrap_or_default();
        let statement = sqlx::query(DAMAGED)
            .bind(digest.to_owned())
            .bind(repository_id)
            .bind(limit);
        self.list("list what is damaged", statement, |row| {
            let repository_id: i64 = row.try_get(1)?;
            Ok(Damaged {
                digest: row.try_get(0)?,
                repository_id: (repository_id != 0).then_some(repository_id),
                key: row.try_get(2)?,
                size: row.try_get(3)?,
                damage: row.try_get(4)?,
                found_at: row.try_get(5)?,
            })
        })
        .await
    }

    /// At most `limit` repositories and tags that a blob touches, or that the manifest of one repository does, by name.
    pub async fn affected_by(
        &self,
        digest: &str,
        repository_id: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Affected>, Error> {
        let statement = match repository_id {
            None => sqlx::query(AFFECTED_BY_BLOB).bind(digest.to_owned()).bind(limit),
            Some(id) => sqlx::query(AFFECTED_BY_MANIFEST)
                .bind(digest.to_owned())
                .bind(limit)
                .bind(id),
        };
        self.list("list what damage touches", statement, |row| {
            let tag: String = row.try_get(1)?;
            Ok(Affected {
                repository: row.try_get(0)?,
                tag: (!tag.is_empty()).then_some(tag),
            })
        })
        .await
    }

    /// Moves at most `limit` keys that came into quarantine before `before` to the queue of those to reclaim, and answers
    /// how many. Those of blobs that are damaged still stay: the bytes may be right when they are read again.
    pub async fn expire_quarantine(&self, before: i64, now: i64, limit: i64) -> Result<u64, Error> {
        self.pool
            .write("expire quarantine", Durability::Durable, (), move |tx, ()| {
                Box::pin(expire(tx, before, now, limit))
            })
            .await
    }
}

async fn mark(tx: &mut Tx<'_>, found: &DamageFound) -> Result<bool, Failure> {
    const MARK: &str =
        "UPDATE blobs SET damaged_at = $3 WHERE digest = $1 AND key = $2 AND damaged_at IS NULL";
    const QUARANTINE: &str = "INSERT INTO quarantine (key, digest, size, damage, found_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING";
    let mark = sqlx::query(MARK)
        .bind(found.digest.clone())
        .bind(found.key.clone())
        .bind(found.now);
    if change(tx, mark).await? == 0 {
        return Ok(false);
    }
    let quarantine = sqlx::query(QUARANTINE)
        .bind(found.key.clone())
        .bind(found.digest.clone())
        .bind(found.size)
        .bind(found.damage.as_str())
        .bind(found.now);
    change(tx, quarantine).await?;
    Ok(true)
}

async fn clear(tx: &mut Tx<'_>, digest: &str, key: &str, now: i64) -> Result<bool, Failure> {
    const CLEAR: &str = "UPDATE blobs SET damaged_at = NULL, verified_at = $3 \
         WHERE digest = $1 AND key = $2 AND damaged_at IS NOT NULL";
    const RELEASE: &str = "DELETE FROM quarantine WHERE key = $1";
    let clear = sqlx::query(CLEAR)
        .bind(digest.to_owned())
        .bind(key.to_owned())
        .bind(now);
    if change(tx, clear).await? == 0 {
        return Ok(false);
    }
    change(tx, sqlx::query(RELEASE).bind(key.to_owned())).await?;
    Ok(true)
}

pub(crate) const EXPIRED: &str = "SELECT key FROM quarantine q WHERE q.found_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.key = q.key) ORDER BY q.found_at LIMIT $2";

async fn expire(tx: &mut Tx<'_>, before: i64, now: i64, limit: i64) -> Result<u64, Failure> {
    const QUEUE: &str = "INSERT INTO reclaim (key, digest, size, queued_at) \
         SELECT key, digest, size, $2 FROM quarantine WHERE key = $1 ON CONFLICT (key) DO NOTHING";
    const DELETE: &str = "DELETE FROM quarantine WHERE key = $1";
    let rows = sqlx::query(EXPIRED)
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
    for row in &rows {
        let key: String = row.try_get(0)?;
        change(tx, sqlx::query(QUEUE).bind(key.clone()).bind(now)).await?;
        change(tx, sqlx::query(DELETE).bind(key)).await?;
    }
    Ok(rows.len() as u64)
}
