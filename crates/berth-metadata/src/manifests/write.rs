//! The transactions that put and delete a manifest. Both hold the repository's lock from their first statement, so that
//! no blob is unlinked between the look at it and the reference to it.

use super::{MissingReferences, PutManifest, PutOutcome};
use crate::binning::{self, BinKind, Entry};
use crate::by::{By, Deletion, TagChange};
use crate::byte_quotas::{self, Change, HELD_BY_MANIFEST};
use crate::error::Conflict;
use crate::facts;
use crate::immutability::Check;
use crate::kept;
use crate::pool::{Failure, Tx};
use crate::references::{listing, set_idle, set_used, unreference};
use crate::repository_lock::{self, Counts};
use crate::sql::{self, change, first};
use crate::sync_jobs::follow::{self, Referring};
use crate::tags;
use sqlx::Row;
use std::collections::{BTreeSet, HashSet};

pub(super) async fn put(tx: &mut Tx<'_>, put: &PutManifest) -> Result<PutOutcome, Failure> {
    let touched = repository_lock::touch(tx, put.repository_id, put.now).await?;
    require_references(tx, put).await?;
    let previous = tags::require(tx, put.repository_id, &put.tags, put.expected.as_ref()).await?;
    let mut counts = Counts::default();
    let held = if touched.has_bin {
        store_beside_bin(tx, put, &mut counts).await?
    } else {
        store(tx, put, &mut counts).await?
    };
    let by = By {
        user_id: put.user_id.clone(),
        now: put.now,
    };
    let target = tags::Target {
        repository_id: put.repository_id,
        digest: &put.digest,
        by: &by,
        why: TagChange::Push,
        origin: touched.is_awaited.then_some(&*put.origin),
        check: Check::at(&put.guard, touched.rules_version),
    };
    for (tag, named) in &previous {
        tags::point(tx, target, tag, named.as_deref()).await?;
        counts.tags += i64::from(named.is_none());
    }
    if let (Some(subject), true, true) = (&put.subject, held.is_some(), touched.is_awaited) {
        let referring = Referring {
            repository_id: put.repository_id,
            subject,
            user_id: put.user_id.as_deref(),
            origin: &put.origin,
            now: put.now,
        };
        follow::queue_for_subject(tx, &referring).await?;
    }
    counts.save(tx, put.repository_id).await?;
    byte_quotas::charge(tx, put.repository_id, Change::used(held.unwrap_or(0))).await?;
    Ok(PutOutcome {
        created: held.is_some(),
        previous,
    })
}

async fn require_references(tx: &mut Tx<'_>, put: &PutManifest) -> Result<(), Failure> {
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
    tx: &mut Tx<'_>,
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

/// Like [`store`], where the bin may need what the manifest begins or ceases to use.
async fn store_beside_bin(
    tx: &mut Tx<'_>,
    put: &PutManifest,
    counts: &mut Counts,
) -> Result<Option<i64>, Failure> {
    const REFERENCED: &str =
        "SELECT digest FROM manifest_references WHERE repository_id = $1 AND manifest = $2";
    let referenced = sqlx::query(REFERENCED)
        .bind(put.repository_id)
        .bind(put.digest.clone());
    let rows = referenced.fetch_all(&mut *tx).await?;
    let mut touched: BTreeSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    touched.extend(put.blobs.iter().chain(&put.foreign_layers).cloned());
    let before = kept::bytes(tx, put.repository_id, &touched).await?;
    let stored = store(tx, put, counts).await?;
    let after = kept::bytes(tx, put.repository_id, &touched).await?;
    kept::add(tx, put.repository_id, after - before).await?;
    Ok(stored)
}

/// Stores the manifest and its references; none when it was there, else the bytes to charge to quotas. A manifest pushed
/// again has the bytes that came, which were verified; with another media type it takes that one, and what it is read
/// to reference.
async fn store(tx: &mut Tx<'_>, put: &PutManifest, counts: &mut Counts) -> Result<Option<i64>, Failure> {
    const INSERT: &str = "INSERT INTO manifests \
         (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (repository_id, digest) DO NOTHING RETURNING ";
    const HEAL: &str = "UPDATE manifests SET bytes = $3, damaged_at = NULL \
         WHERE repository_id = $1 AND digest = $2 AND (damaged_at IS NOT NULL OR bytes <> $3)";
    const RETYPE: &str = "UPDATE manifests SET media_type = $3, artifact_type = $4, subject = $5, annotations = $6 \
         WHERE repository_id = $1 AND digest = $2 AND media_type <> $3";
    let size = i64::try_from(put.bytes.len()).expect("a manifest fits into memory");
    let insert = sql::made(format!("{INSERT}{HELD_BY_MANIFEST}"))
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
async fn reference(tx: &mut Tx<'_>, put: &PutManifest) -> Result<i64, Failure> {
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
        change(tx, list.into_iter().fold(insert, sqlx::query::Query::bind)).await?;
    }
    set_used(tx, put.repository_id, &digests).await
}

pub(super) async fn delete(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    deletion: &Deletion,
) -> Result<bool, Failure> {
    const FIND: &str = "SELECT f.image_bytes FROM manifests m \
         LEFT JOIN manifest_facts f ON f.repository_id = m.repository_id AND f.digest = m.digest \
         WHERE m.repository_id = $1 AND m.digest = $2";
    match repository_lock::lock(tx, repository_id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(false),
        other => other?,
    }
    let find = sqlx::query(FIND).bind(repository_id).bind(digest.to_owned());
    let Some(found) = first(tx, find).await? else {
        return Ok(false);
    };
    let by = &deletion.by;
    let check = Check::of(tx, repository_id, &deletion.guard).await?;
    permit_above(tx, repository_id, digest, check).await?;
    let tags = tags::delete_naming(tx, repository_id, digest, (check, by)).await?;
    let taken = binning::take(tx, repository_id, digest, by.now).await?;
    let entry = Entry {
        repository_id,
        kind: BinKind::Manifest,
        name: digest,
        digest: Some(digest),
        size_bytes: found.try_get::<Option<i64>, _>(0)?.unwrap_or_default(),
    };
    binning::keep(tx, deletion, entry, &tags, &taken.manifests).await?;
    let counts = Counts {
        tags: -i64::try_from(tags.len()).expect("tags fit into memory"),
        bytes: -taken.idle_bytes,
    };
    counts.touch(tx, repository_id, by.now).await?;
    Ok(true)
}

/// Lets a manifest be taken from the indexes that list it, unless an immutable tag names one of them;
/// [`Conflict::TagImmutable`].
async fn permit_above(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    check: Check<'_>,
) -> Result<(), Failure> {
    if check.is_open()? {
        return Ok(());
    }
    let above = listing(tx, repository_id, vec![digest.to_owned()]).await?;
    let above: Vec<String> = above.into_iter().collect();
    for list in sql::lists(&above) {
        let text = format!(
            "SELECT tag, digest FROM tags WHERE repository_id = $1 AND digest IN ({})",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            check.permit(&row.try_get::<String, _>(0)?, &row.try_get::<String, _>(1)?)?;
        }
    }
    Ok(())
}
