//! Manifests on their way into the bin, out of it, and away. The caller holds the repository's lock.
//!
//! A manifest lies in `binned_manifests` with what it references in `binned_references`, which keep the blobs that the
//! repository linked. It stays while an entry (`bin_manifests`) or another binned manifest names it. The same manifest
//! may be live as well, when it was pushed again.

mod back;
mod many;

pub(crate) use back::{Back, bring_back, is_binned};
pub(crate) use many::{Gone, insert, keep_all, take_all, unnamed};

use crate::by::Deletion;
use crate::byte_quotas::{self, Change, HELD_BY_BINNED};
use crate::error::Conflict;
use crate::pool::{Failure, Tx};
use crate::references::sizes;
use crate::repository_lock::lock_any;
use crate::sql::{self, change, first};
use crate::{blobs, facts, kept};
use sqlx::Row;
use std::collections::BTreeSet;

/// Most manifests that one deletion takes along; those beyond stay where they are, without a tag.
const TAKEN_MAX: usize = 10_000;

/// What nothing live of repository $1 names: no tag, no index, and no manifest that it refers to. Asked for each manifest
/// by itself: of `NOT EXISTS` PostgreSQL makes a join, for which it may read one of these tables whole.
const UNNAMED: &str = "(SELECT 1 FROM tags t WHERE t.repository_id = $1 AND t.digest = m.digest LIMIT 1) IS NULL \
     AND (SELECT 1 FROM manifest_references r WHERE r.repository_id = $1 AND r.digest = m.digest LIMIT 1) IS NULL \
     AND (SELECT 1 FROM manifests s WHERE s.repository_id = $1 AND s.digest = m.subject LIMIT 1) IS NULL";

/// What an entry of the bin brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinKind {
    /// A tag, with its manifest if that went along.
    Tag,
    /// A manifest with the tags that named it.
    Manifest,
    /// An image with all it held.
    Image,
}

impl BinKind {
    /// As it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            BinKind::Tag => "tag",
            BinKind::Manifest => "manifest",
            BinKind::Image => "image",
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let all = [BinKind::Tag, BinKind::Manifest, BinKind::Image];
        let found = all.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Failure::Broken(format!("'{text}' is nothing that the bin holds")))
    }
}

/// What a deletion moved into the bin.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The manifests, the one that was deleted first.
    pub(crate) manifests: Vec<String>,
    /// Bytes of blobs that no live manifest uses any more.
    pub(crate) idle_bytes: i64,
}

/// What a deletion took away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) repository_id: i64,
    pub(crate) kind: BinKind,
    /// The tag, the manifest's digest, or the image's name.
    pub(crate) name: &'a str,
    pub(crate) digest: Option<&'a str>,
    pub(crate) size_bytes: i64,
}

/// A tag that a deletion took away: its name, id and when it was made.
pub(crate) type GoneTag = (String, i64, i64);

/// Whether nothing live names the manifest.
pub(crate) async fn is_unnamed(tx: &mut Tx<'_>, repository_id: i64, digest: &str) -> Result<bool, Failure> {
    let text =
        format!("SELECT 1 FROM manifests m WHERE m.repository_id = $1 AND m.digest = $2 AND {UNNAMED}");
    let statement = sql::made(text).bind(repository_id).bind(digest.to_owned());
    Ok(first(tx, statement).await?.is_some())
}

/// Moves a manifest that no tag names into the bin; with it what nothing live names without it: the manifests of an
/// index, and those that refer to what is moved. The caller counts the bytes that are idle now.
pub(crate) async fn take(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    now: i64,
) -> Result<Taken, Failure> {
    let (mut taken, idle_bytes) = take_all(tx, repository_id, &[digest.to_owned()], now).await?;
    facts::sum_up(tx, repository_id, digest).await?;
    Ok(Taken {
        manifests: taken.remove(digest).unwrap_or_default(),
        idle_bytes,
    })
}

/// The digests that a statement over `$1` and the list `(IN)` answers.
async fn digests(
    tx: &mut Tx<'_>,
    text: &str,
    repository_id: i64,
    among: &[String],
) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for list in sql::lists(among) {
        let text = text.replace("(IN)", &format!("({})", sql::markers(2, list.len())));
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            found.push(row.try_get(0)?);
        }
    }
    Ok(found)
}

/// The sum of what a statement over `$1` and the list `(IN)` answers, a number for each row.
async fn sum_over(tx: &mut Tx<'_>, text: &str, repository_id: i64, among: &[String]) -> Result<i64, Failure> {
    let mut sum = 0;
    for list in sql::lists(among) {
        let text = text.replace("(IN)", &format!("({})", sql::markers(2, list.len())));
        let statement = sql::made(text).bind(repository_id);
        sum += sizes(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    Ok(sum)
}

/// Runs a statement over `$1` and the list `(IN)`.
async fn over(tx: &mut Tx<'_>, text: &str, repository_id: i64, among: &[String]) -> Result<(), Failure> {
    for list in sql::lists(among) {
        let text = text.replace("(IN)", &format!("({})", sql::markers(2, list.len())));
        let statement = sql::made(text).bind(repository_id);
        change(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    Ok(())
}

/// Moves manifests into the bin; quotas go on counting them.
async fn move_in(tx: &mut Tx<'_>, repository_id: i64, manifests: &[String]) -> Result<(), Failure> {
    const MANIFESTS: &str = "INSERT INTO binned_manifests (repository_id, digest, media_type, size, artifact_type, \
           subject, annotations, created_at, is_index, config_digest, image_bytes, pulls, pulled_at, bytes) \
         SELECT m.repository_id, m.digest, m.media_type, m.size, m.artifact_type, m.subject, m.annotations, \
           m.created_at, COALESCE(f.is_index, 0), f.config_digest, COALESCE(f.image_bytes, 0), COALESCE(p.pulls, 0), \
           COALESCE(p.pulled_at, 0), m.bytes FROM manifests m \
         LEFT JOIN manifest_facts f ON f.repository_id = m.repository_id AND f.digest = m.digest \
         LEFT JOIN manifest_pulls p ON p.repository_id = m.repository_id AND p.digest = m.digest \
         WHERE m.repository_id = $1 AND m.digest IN (IN) \
         ON CONFLICT (repository_id, digest) DO UPDATE SET media_type = excluded.media_type, \
           artifact_type = excluded.artifact_type, subject = excluded.subject, annotations = excluded.annotations, \
           is_index = excluded.is_index, config_digest = excluded.config_digest, \
           image_bytes = excluded.image_bytes, pulls = excluded.pulls, pulled_at = excluded.pulled_at";
    // A blob that somebody else stores is not this repository's to keep, or to get back.
    const REFERENCES: &str = "INSERT INTO binned_references (repository_id, manifest, digest, blob) \
         SELECT r.repository_id, r.manifest, r.digest, (SELECT l.digest FROM blob_links l \
           WHERE l.repository_id = r.repository_id AND l.digest = r.digest) FROM manifest_references r \
         WHERE r.repository_id = $1 AND r.manifest IN (IN) ORDER BY r.digest \
         ON CONFLICT (repository_id, manifest, digest) DO UPDATE SET \
           blob = COALESCE(excluded.blob, binned_references.blob)";
    const UNREFERENCE: &str = "DELETE FROM manifest_references WHERE repository_id = $1 AND manifest IN (IN)";
    const DELETE: &str = "DELETE FROM manifests WHERE repository_id = $1 AND digest IN (IN)";
    for text in [MANIFESTS, REFERENCES, UNREFERENCE, DELETE] {
        over(tx, text, repository_id, manifests).await?;
    }
    Ok(())
}

/// Ends a deletion: what it took is kept under an entry of the bin, or is gone at once.
pub(crate) async fn keep(
    tx: &mut Tx<'_>,
    deletion: &Deletion,
    entry: Entry<'_>,
    tags: &[GoneTag],
    manifests: &[String],
) -> Result<(), Failure> {
    const TAG: &str = "INSERT INTO bin_tags (entry_id, tag, tag_id, created_at) VALUES ($1, $2, $3, $4)";
    if !deletion.is_kept() {
        return drop_unheld(tx, entry.repository_id, manifests.to_vec(), deletion.by.now).await;
    }
    let entry_id = enter(tx, deletion, entry).await?;
    for (tag, tag_id, created_at) in tags {
        let tag = sqlx::query(TAG).bind(entry_id).bind(tag.clone());
        change(tx, tag.bind(*tag_id).bind(*created_at)).await?;
    }
    let own = entry.digest.map(str::to_owned);
    let named: BTreeSet<String> = manifests.iter().cloned().chain(own).collect();
    for list in sql::lists(&named.into_iter().collect::<Vec<_>>()) {
        let rows: Vec<String> = (3..3 + list.len()).map(|n| format!("($1, $2, ${n})")).collect();
        let text = format!(
            "INSERT INTO bin_manifests (entry_id, repository_id, digest) VALUES {} ON CONFLICT DO NOTHING",
            rows.join(", ")
        );
        let statement = sql::made(text).bind(entry_id).bind(entry.repository_id);
        change(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    Ok(())
}

/// Makes an entry of the bin and answers its id.
pub(crate) async fn enter(tx: &mut Tx<'_>, deletion: &Deletion, entry: Entry<'_>) -> Result<i64, Failure> {
    const ENTER: &str = "INSERT INTO bin \
         (organization_id, repository_id, kind, name, digest, size_bytes, at, user_id, why, expires_at) \
         SELECT r.organization_id, r.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM repositories r WHERE r.id = $1 \
         RETURNING id";
    let insert = sqlx::query(ENTER)
        .bind(entry.repository_id)
        .bind(entry.kind.as_str())
        .bind(entry.name.to_owned())
        .bind(entry.digest.map(str::to_owned))
        .bind(entry.size_bytes)
        .bind(deletion.by.now)
        .bind(deletion.by.user_id.clone())
        .bind(deletion.why.as_str())
        .bind(deletion.expires_at());
    let row = first(tx, insert).await?;
    let row = row.ok_or_else(|| Failure::Broken("an entry of the bin without an id".to_owned()))?;
    Ok(row.try_get(0)?)
}

/// Locks the repository of an entry, live or in the bin, and answers its id; none when there is no such entry. Whoever
/// changes entries for good holds that lock.
pub(crate) async fn lock_owner(tx: &mut Tx<'_>, entry_id: i64) -> Result<Option<i64>, Failure> {
    const OWNER: &str = "SELECT repository_id FROM bin WHERE id = $1";
    let Some(row) = first(tx, sqlx::query(OWNER).bind(entry_id)).await? else {
        return Ok(None);
    };
    let repository_id = row.try_get(0)?;
    match lock_any(tx, repository_id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => Ok(None),
        other => other.map(|()| Some(repository_id)),
    }
}

/// Ends entries whose tags and manifests are live again. They stay in no list until they expire.
pub(crate) async fn close(
    tx: &mut Tx<'_>,
    repository_id: i64,
    entry_ids: &[i64],
    now: i64,
) -> Result<(), Failure> {
    const CLOSE: &str = "UPDATE bin SET restored_at = $2 WHERE id = $1";
    const FORGET: &str = "DELETE FROM bin_manifests WHERE entry_id = $1 RETURNING digest";
    let mut manifests = Vec::new();
    for entry_id in entry_ids {
        change(tx, sqlx::query(CLOSE).bind(*entry_id).bind(now)).await?;
        for row in sqlx::query(FORGET).bind(*entry_id).fetch_all(&mut *tx).await? {
            manifests.push(row.try_get(0)?);
        }
    }
    drop_unheld(tx, repository_id, manifests, now).await
}

/// Deletes those of the manifests that nothing holds in the bin any more, with what only they held. Blobs that nothing
/// links are queued for reclaim.
pub(crate) async fn drop_unheld(
    tx: &mut Tx<'_>,
    repository_id: i64,
    manifests: Vec<String>,
    now: i64,
) -> Result<(), Failure> {
    const UNHELD: &str = "SELECT b.digest FROM binned_manifests b WHERE b.repository_id = $1 AND b.digest IN (IN) \
         AND NOT EXISTS (SELECT 1 FROM bin_manifests e WHERE e.repository_id = $1 AND e.digest = b.digest) \
         AND NOT EXISTS (SELECT 1 FROM binned_references r WHERE r.repository_id = $1 AND r.digest = b.digest)";
    const NAMED: &str =
        "SELECT DISTINCT digest FROM binned_references WHERE repository_id = $1 AND manifest IN (IN)";
    const KEPT: &str = "SELECT DISTINCT blob FROM binned_references WHERE repository_id = $1 AND manifest IN (IN) \
         AND blob IS NOT NULL";
    const DELETE: &str =
        "DELETE FROM binned_manifests WHERE repository_id = $1 AND digest IN (IN) RETURNING ";
    let (mut blobs, mut held, mut counted) = (BTreeSet::new(), 0, 0);
    let mut candidates = manifests;
    loop {
        let mut unheld = digests(tx, UNHELD, repository_id, &candidates).await?;
        unheld.sort_unstable();
        unheld.dedup();
        if unheld.is_empty() {
            break;
        }
        let kept = digests(tx, KEPT, repository_id, &unheld).await?;
        let fresh: Vec<String> = kept
            .into_iter()
            .filter(|blob| blobs.insert(blob.clone()))
            .collect();
        held += kept::bytes(tx, repository_id, &fresh).await?;
        candidates = digests(tx, NAMED, repository_id, &unheld).await?;
        counted += sum_over(tx, &format!("{DELETE}{HELD_BY_BINNED}"), repository_id, &unheld).await?;
    }
    let blobs: Vec<String> = blobs.into_iter().collect();
    let less = kept::bytes(tx, repository_id, &blobs).await? - held;
    kept::add(tx, repository_id, less).await?;
    counted += byte_quotas::let_go(tx, repository_id, &blobs).await?;
    blobs::release(tx, blobs, now).await?;
    byte_quotas::charge(tx, repository_id, Change::used(-counted)).await
}
