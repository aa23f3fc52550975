//! The transactions that put and delete a manifest. Both hold the repository's lock from their first statement, so that
//! no blob is unlinked between the look at it and the reference to it.

use super::{MissingReferences, PutManifest, PutOutcome};
use crate::blobs::BLOB_SIZE;
use crate::byte_quotas::{self, Change, under_quota};
use crate::error::Conflict;
use crate::facts;
use crate::pool::Failure;
use crate::repository_lock::{self, Counts};
use crate::sql::{self, Statement, change, first};
use crate::tags::{self, By};
use sqlx::{AnyConnection, Row};
use std::collections::{BTreeSet, HashSet};

pub(super) async fn put(tx: &mut AnyConnection, put: &PutManifest) -> Result<PutOutcome, Failure> {
    repository_lock::touch(tx, put.repository_id, put.now).await?;
    require_references(tx, put).await?;
    let previous = tags::require(tx, put.repository_id, &put.tags, put.expected.as_ref()).await?;
    let mut counts = Counts::default();
    let held = store(tx, put, &mut counts).await?;
    let by = By {
        user_id: put.user_id.clone(),
        now: put.now,
    };
    let target = tags::Target {
        repository_id: put.repository_id,
        digest: &put.digest,
        by: &by,
    };
    for (tag, named) in &previous {
        tags::point(tx, target, tag, named.as_deref()).await?;
        counts.tags += i64::from(named.is_none());
    }
    counts.save(tx, put.repository_id).await?;
    byte_quotas::charge(tx, put.repository_id, Change::used(held.unwrap_or(0))).await?;
    Ok(PutOutcome {
        created: held.is_some(),
        previous,
    })
}

async fn require_references(tx: &mut AnyConnection, put: &PutManifest) -> Result<(), Failure> {
    if put.missing == MissingReferences::AcceptAll {
        return Ok(());
    }
    let blobs = absent(tx, WHOLE_BLOBS, put.repository_id, &put.blobs).await?;
    if !blobs.is_empty() {
        return Err(Conflict::MissingBlobs(blobs).into());
    }
    if put.missing == MissingReferences::AcceptManifests {
        return Ok(());
    }
    let manifests = absent(tx, WHOLE_MANIFESTS, put.repository_id, &put.manifests).await?;
    if !manifests.is_empty() {
        return Err(Conflict::MissingManifests(manifests).into());
    }
    Ok(())
}

/// Linked blobs; what is damaged is not there, so that a client pushes it again.
const WHOLE_BLOBS: &str = "SELECT l.digest FROM blob_links l JOIN blobs b ON b.digest = l.digest \
     WHERE b.damaged_at IS NULL AND l.repository_id = $1 AND l.digest IN";
/// Manifests, in the same way.
const WHOLE_MANIFESTS: &str =
    "SELECT digest FROM manifests WHERE damaged_at IS NULL AND repository_id = $1 AND digest IN";

/// Those of `digests` that the statement `whole` does not find in the repository, in the order given.
async fn absent(
    tx: &mut AnyConnection,
    whole: &'static str,
    repository_id: i64,
    digests: &[String],
) -> Result<Vec<String>, Failure> {
    let mut present = HashSet::new();
    for list in sql::lists(digests) {
        let markers = sql::markers(2, list.len());
        let text = format!("{whole} ({markers})");
        let statement = list
            .into_iter()
            .fold(sql::made(text).bind(repository_id), sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            present.insert(row.try_get::<String, _>(0)?);
        }
    }
    // What is absent counts as seen after its first time.
    let absent = digests.iter().filter(|digest| present.insert((*digest).clone()));
    Ok(absent.cloned().collect())
}

/// For statements over `manifests` that answer rows: the bytes that a quota counts for the manifest, 0 without one.
pub(crate) const HELD: &str = concat!(
    "CASE WHEN ",
    under_quota!("manifests.repository_id"),
    " THEN manifests.size ELSE 0 END"
);

/// Stores the manifest and its references; none when it was there, else the bytes to charge to quotas. A manifest pushed
/// again has the bytes that came, which were verified; with another media type it takes that one, and what it is read
/// to reference.
async fn store(
    tx: &mut AnyConnection,
    put: &PutManifest,
    counts: &mut Counts,
) -> Result<Option<i64>, Failure> {
    const INSERT: &str = "INSERT INTO manifests \
         (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (repository_id, digest) DO NOTHING RETURNING ";
    const HEAL: &str = "UPDATE manifests SET bytes = $3, damaged_at = NULL \
         WHERE repository_id = $1 AND digest = $2 AND (damaged_at IS NOT NULL OR bytes <> $3)";
    const RETYPE: &str = "UPDATE manifests SET media_type = $3, artifact_type = $4, subject = $5, annotations = $6 \
         WHERE repository_id = $1 AND digest = $2 AND media_type <> $3";
    let size = i64::try_from(put.bytes.len()).expect("a manifest fits into memory");
    let insert = sql::made(format!("{INSERT}{HELD}"))
        .bind(put.repository_id)
        .bind(put.digest.clone())
        .bind(put.media_type.clone())
        .bind(size)
        .bind(put.artifact_type.clone())
        .bind(put.subject.clone())
        .bind(put.annotations_json.clone())
        .bind(put.now)
        .bind(put.bytes.clone());
    if let Some(row) = first(tx, insert).await? {
        counts.bytes += reference(tx, put).await?;
        facts::note(tx, put.repository_id, &put.digest, &put.facts).await?;
        return Ok(Some(row.try_get(0)?));
    }
    let heal = sqlx::query(HEAL)
        .bind(put.repository_id)
        .bind(put.digest.clone())
        .bind(put.bytes.clone());
    change(tx, heal).await?;
    let retype = sqlx::query(RETYPE)
        .bind(put.repository_id)
        .bind(put.digest.clone())
        .bind(put.media_type.clone())
        .bind(put.artifact_type.clone())
        .bind(put.subject.clone())
        .bind(put.annotations_json.clone());
    if change(tx, retype).await? > 0 {
        let unreferenced = unreference(tx, put.repository_id, &put.digest).await?;
        counts.bytes += reference(tx, put).await?;
        facts::note(tx, put.repository_id, &put.digest, &put.facts).await?;
        counts.bytes -= set_idle(tx, put.repository_id, &unreferenced, put.now).await?;
    }
    Ok(None)
}

/// Adds the manifest's references; what it references is not idle. Answers the bytes of what was idle before.
async fn reference(tx: &mut AnyConnection, put: &PutManifest) -> Result<i64, Failure> {
    let mut bytes = 0;
    let digests: BTreeSet<&String> = put
        .blobs
        .iter()
        .chain(&put.foreign_layers)
        .chain(&put.manifests)
        .collect();
    let digests: Vec<String> = digests.into_iter().cloned().collect();
    for list in sql::lists(&digests) {
        let rows = (3..3 + list.len())
            .map(|n| format!("($1, $2, ${n})"))
            .collect::<Vec<_>>()
            .join(", ");
        let insert = format!(
            "INSERT INTO manifest_references (repository_id, manifest, digest) VALUES {rows} ON CONFLICT DO NOTHING"
        );
        let insert = sql::made(insert).bind(put.repository_id).bind(put.digest.clone());
        change(tx, list.iter().cloned().fold(insert, sqlx::query::Query::bind)).await?;
        let used = format!(
            "UPDATE blob_links SET idle_since = NULL \
             WHERE repository_id = $1 AND digest IN ({}) AND idle_since IS NOT NULL RETURNING {BLOB_SIZE}",
            sql::markers(2, list.len())
        );
        let used = sql::made(used).bind(put.repository_id);
        bytes += sizes(tx, list.into_iter().fold(used, sqlx::query::Query::bind)).await?;
    }
    Ok(bytes)
}

/// The sum of the sizes that a statement over links answers, one for each.
async fn sizes(tx: &mut AnyConnection, statement: Statement) -> Result<i64, Failure> {
    let mut bytes = 0;
    for row in statement.fetch_all(tx).await? {
        bytes += row.try_get::<i64, _>(0)?;
    }
    Ok(bytes)
}

/// Takes the manifest's references away and answers what they named.
async fn unreference(
    tx: &mut AnyConnection,
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
async fn set_idle(
    tx: &mut AnyConnection,
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

pub(super) async fn delete(
    tx: &mut AnyConnection,
    repository_id: i64,
    digest: &str,
    by: &By,
) -> Result<bool, Failure> {
    const DELETE: &str = "DELETE FROM manifests WHERE repository_id = $1 AND digest = $2 RETURNING ";
    match repository_lock::lock(tx, repository_id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(false),
        other => other?,
    }
    let tags = tags::delete_naming(tx, repository_id, digest, by).await?;
    let unreferenced = unreference(tx, repository_id, digest).await?;
    let delete = sql::made(format!("{DELETE}{HELD}"));
    let delete = delete.bind(repository_id).bind(digest.to_owned());
    let Some(row) = first(tx, delete).await? else {
        return Ok(false);
    };
    facts::sum_up(tx, repository_id, digest).await?;
    let counts = Counts {
        tags: -i64::try_from(tags).expect("tags fit into memory"),
        bytes: -set_idle(tx, repository_id, &unreferenced, by.now).await?,
    };
    counts.touch(tx, repository_id, by.now).await?;
    let held = Change::used(-row.try_get::<i64, _>(0)?);
    byte_quotas::charge(tx, repository_id, held).await?;
    Ok(true)
}
