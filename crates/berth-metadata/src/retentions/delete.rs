//! Tags that a retention condemned, deleted many at a time. What was judged is looked at once more by the transaction: a tag
//! that names something else, or was pushed since, stays; so does one whose manifest somebody signed, listed or began to run
//! since.

mod fresh;

use crate::Metadata;
use crate::binning::{self, Gone};
use crate::by::{Deletion, Untagged};
use crate::error::{Conflict, Error};
use crate::immutability::Check;
use crate::ledger::freed::freed;
use crate::ledger::{Deleted, Freed, LedgerView};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::{self, Counts};
use crate::sql::{self, change};
use crate::tags;
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// References of the manifests that one transaction takes away, more or less.
const REFERENCES_AT_ONCE: i64 = 10_000;

/// A tag that is to go.
#[derive(Clone, Debug)]
pub struct CondemnedTag {
    /// The tag.
    pub tag: String,
    /// What it named when it was judged.
    pub digest: String,
    /// When it had been pushed then.
    pub pushed_at: i64,
    /// The rule that it goes by, JSON of the caller's.
    pub rule: Arc<str>,
    /// Why it goes, for people.
    pub reason: String,
}

/// Tags of a repository that are to go in one transaction.
#[derive(Clone, Debug)]
pub struct CondemnedTags {
    /// The repository.
    pub repository_id: i64,
    /// The run that judged them.
    pub run_id: i64,
    /// The repository's own retention, 0 for rules of its organisation.
    pub retention_id: i64,
    /// What they were judged beside.
    pub known: Arc<KnownLinks>,
    /// The tags, each once.
    pub tags: Vec<CondemnedTag>,
    /// How they are deleted.
    pub deletion: Deletion,
    /// Whose images count as holders when freed bytes are counted.
    pub view: LedgerView,
}

/// What was known of what refers to the tags' manifests when they were judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownLinks {
    /// Manifests that list or refer to others.
    pub manifests: HashSet<String>,
    /// Tags whose names say which manifest they are about.
    pub tags: HashSet<String>,
    /// Such names, without what ends them: a digest with a dash for its colon and each of these.
    pub endings: Vec<&'static str>,
}

/// What became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletedTags {
    /// The first so many were dealt with; the others are left to the next transaction.
    pub dealt_with: usize,
    /// Tags that are gone.
    pub deleted: i64,
    /// What nothing live needs without them.
    pub freed: Freed,
}

impl Metadata {
    /// Deletes tags as a retention does, with a line in its log for each, but not those that are immutable; durable.
    /// [`Conflict::RepositoryGone`], [`Conflict::RulesChanged`].
    pub async fn delete_condemned_tags(&self, condemned: CondemnedTags) -> Result<DeletedTags, Error> {
        self.pool
            .write(
                "delete tags by a retention",
                Durability::Durable,
                condemned,
                |tx, condemned| Box::pin(delete(tx, condemned)),
            )
            .await
    }
}

async fn delete(tx: &mut Tx<'_>, condemned: &CondemnedTags) -> Result<DeletedTags, Failure> {
    let repository_id = condemned.repository_id;
    repository_lock::lock(tx, repository_id).await?;
    let few = few_enough(tx, repository_id, &condemned.tags).await?;
    let check = Check::of(tx, repository_id, &condemned.deletion.guard).await?;
    // Also when none of the tags is there any more: rules that are others now end the run.
    check.is_open()?;
    let needed = fresh::needed(tx, condemned, few).await?;
    let (mut found, mut lines) = unchanged(tx, repository_id, few, check).await?;
    found.retain(|gone| !needed.has(&gone.tag, &gone.digest));
    lines.retain(|line| !needed.has(&line.tag, &line.digest));
    let mut done = DeletedTags {
        dealt_with: few.len(),
        ..DeletedTags::default()
    };
    if found.is_empty() {
        return Ok(done);
    }
    let names: Vec<String> = found.iter().map(|gone| gone.tag.clone()).collect();
    let what = Deleted::Tags(names.iter().cloned().collect());
    done.freed = freed(tx, &BTreeMap::from([(repository_id, what)]), &condemned.view).await?;
    done.deleted = i64::try_from(found.len()).unwrap_or(i64::MAX);
    take_away(tx, condemned, &found, &names).await?;
    note(tx, condemned, &lines, &done).await?;
    Ok(done)
}

/// As many of the first tags as one transaction can deal with.
async fn few_enough<'a>(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tags: &'a [CondemnedTag],
) -> Result<&'a [CondemnedTag], Failure> {
    let digests: BTreeSet<&String> = tags.iter().map(|tag| &tag.digest).collect();
    let digests: Vec<String> = digests.into_iter().cloned().collect();
    let mut weights: BTreeMap<String, i64> = BTreeMap::new();
    for list in sql::lists(&digests) {
        let text = format!(
            "SELECT manifest, COUNT(*) FROM manifest_references WHERE repository_id = $1 AND manifest IN ({}) \
             GROUP BY manifest",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            weights.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    let mut left = REFERENCES_AT_ONCE;
    for (n, tag) in tags.iter().enumerate() {
        left -= weights.remove(&tag.digest).unwrap_or_default();
        if left < 0 && n > 0 {
            return Ok(&tags[..n]);
        }
    }
    Ok(tags)
}

/// Those of the tags that are as they were judged and may go.
async fn unchanged<'a>(
    tx: &mut Tx<'_>,
    repository_id: i64,
    judged: &'a [CondemnedTag],
    check: Check<'_>,
) -> Result<(Vec<Gone>, Vec<&'a CondemnedTag>), Failure> {
    let by_name: BTreeMap<&str, &CondemnedTag> = judged.iter().map(|tag| (tag.tag.as_str(), tag)).collect();
    let names: Vec<String> = by_name.keys().map(|tag| (*tag).to_owned()).collect();
    let (mut found, mut lines) = (BTreeMap::new(), Vec::new());
    for list in sql::lists(&names) {
        let text = format!(
            "SELECT t.tag, t.id, t.created_at, t.digest, t.updated_at, CAST(COALESCE(f.image_bytes, 0) AS BIGINT) \
             FROM tags t LEFT JOIN manifest_facts f ON f.repository_id = t.repository_id AND f.digest = t.digest \
             WHERE t.repository_id = $1 AND t.tag IN ({})",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        let statement = list.into_iter().fold(statement, sqlx::query::Query::bind);
        for row in statement.fetch_all(&mut *tx).await? {
            let gone = Gone {
                tag: row.try_get(0)?,
                tag_id: row.try_get(1)?,
                created_at: row.try_get(2)?,
                digest: row.try_get(3)?,
                size_bytes: row.try_get(5)?,
            };
            let Some(tag) = by_name.get(gone.tag.as_str()) else {
                continue;
            };
            match check.permit(&gone.tag, &gone.digest) {
                Err(Failure::Conflict(Conflict::TagImmutable { .. })) => continue,
                permitted => permitted?,
            }
            if tag.digest == gone.digest && tag.pushed_at == row.try_get::<i64, _>(4)? {
                lines.push(*tag);
                found.insert(gone.tag.clone(), gone);
            }
        }
    }
    Ok((found.into_values().collect(), lines))
}

/// Moves the tags into the bin, with the manifests that nothing names without them.
async fn take_away(
    tx: &mut Tx<'_>,
    condemned: &CondemnedTags,
    found: &[Gone],
    names: &[String],
) -> Result<(), Failure> {
    let (repository_id, deletion) = (condemned.repository_id, &condemned.deletion);
    for list in sql::lists(names) {
        let text = format!(
            "DELETE FROM tags WHERE repository_id = $1 AND tag IN ({})",
            sql::markers(2, list.len())
        );
        let statement = sql::made(text).bind(repository_id);
        change(tx, list.into_iter().fold(statement, sqlx::query::Query::bind)).await?;
    }
    tags::note_gone(tx, repository_id, found, deletion).await?;
    let (taken, idle_bytes) = match deletion.untagged {
        Untagged::Stays => (BTreeMap::new(), 0),
        Untagged::Goes => {
            let digests: BTreeSet<&String> = found.iter().map(|gone| &gone.digest).collect();
            let digests: Vec<String> = digests.into_iter().cloned().collect();
            let roots = binning::unnamed(tx, repository_id, &digests).await?;
            binning::take_all(tx, repository_id, &roots, deletion.by.now).await?
        }
    };
    binning::keep_all(tx, deletion, repository_id, found, &taken).await?;
    let counts = Counts {
        tags: -i64::try_from(found.len()).unwrap_or(i64::MAX),
        bytes: -idle_bytes,
    };
    counts.touch(tx, repository_id, deletion.by.now).await
}

/// Adds the lines to the log and the figures to the run.
async fn note(
    tx: &mut Tx<'_>,
    condemned: &CondemnedTags,
    lines: &[&CondemnedTag],
    done: &DeletedTags,
) -> Result<(), Failure> {
    const LINE: &str = "INSERT INTO retention_log \
         (repository_id, retention_id, rule, tag, digest, at, run_id, reason, pushed_at)";
    const RUN: &str =
        "UPDATE retention_runs SET deleted = deleted + $2, freed_bytes = freed_bytes + $3 WHERE id = $1";
    binning::insert(tx, LINE, lines, 9, |statement, line| {
        statement
            .bind(condemned.repository_id)
            .bind(condemned.retention_id)
            .bind(line.rule.to_string())
            .bind(line.tag.clone())
            .bind(line.digest.clone())
            .bind(condemned.deletion.by.now)
            .bind(condemned.run_id)
            .bind(line.reason.clone())
            .bind(line.pushed_at)
    })
    .await?;
    let run = sqlx::query(RUN)
        .bind(condemned.run_id)
        .bind(done.deleted)
        .bind(done.freed.blob_bytes);
    if change(tx, run).await? == 0 {
        return Err(Conflict::Changed.into());
    }
    Ok(())
}
