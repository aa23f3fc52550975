//! Blobs whose bytes are missing or wrong: marked, so that no request finds them, their bytes in quarantine, and what
//! they touch named. It refuses to know how bytes are checked.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::change;
use sqlx::{AnyConnection, Row};

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

/// What a damaged blob touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The full name of a repository that links it.
    pub repository: String,
    /// A tag there that names a manifest, or an index of one, that references it; none when no tag does.
    pub tag: Option<String>,
}

/// From a blob to the manifests that reference it, the indexes that list those, and the tags on any of them.
pub(crate) const AFFECTED: &str = "WITH RECURSIVE touched(repository_id, digest) AS (\
       SELECT l.repository_id, l.digest FROM blob_links l WHERE l.digest = $1 \
       UNION SELECT m.repository_id, m.manifest FROM touched t \
       JOIN manifest_references m ON m.repository_id = t.repository_id AND m.digest = t.digest) \
     SELECT DISTINCT r.full_name, COALESCE(g.tag, '') AS tag FROM touched t JOIN repositories r ON r.id = t.repository_id \
     LEFT JOIN tags g ON g.repository_id = t.repository_id AND g.digest = t.digest \
     WHERE t.digest = $1 OR g.tag IS NOT NULL ORDER BY r.full_name, tag LIMIT $2";

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

    /// At most `limit` repositories and tags that a blob touches, by name. A repository without such a tag, and one with,
    /// has a row of its own without one.
    pub async fn affected_by(&self, digest: &str, limit: i64) -> Result<Vec<Affected>, Error> {
        let statement = sqlx::query(AFFECTED).bind(digest.to_owned()).bind(limit);
        self.list("list what a blob touches", statement, |row| {
            let tag: String = row.try_get(1)?;
            Ok(Affected {
                repository: row.try_get(0)?,
                tag: (!tag.is_empty()).then_some(tag),
            })
        })
        .await
    }
}

async fn mark(tx: &mut AnyConnection, found: &DamageFound) -> Result<bool, Failure> {
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
