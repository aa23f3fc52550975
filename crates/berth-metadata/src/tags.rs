//! Tags: names that move between the manifests of a repository, and the history of their moves.

use crate::Metadata;
use crate::binning::{self, BinKind, Entry, GoneTag};
use crate::by::{By, Deletion, TagChange, Untagged};
use crate::error::{Conflict, Error};
use crate::immutability::Check;
use crate::pool::{Durability, Failure, Tx};
use crate::quotas;
use crate::repository_lock::{self, Counts};
use crate::sql::{change, first, in_one_row};
use crate::tag_events::{self, Moved};
use sqlx::Row;

pub(crate) mod list;
pub(crate) mod moves;
pub(crate) mod page;

pub use list::{TagColumn, TagOrder, TagRow, TagStart, TagsPage};
pub use moves::{MoveTag, TagMove, TagMovesPage, TagSource};
pub use page::{PagedTag, TagFilter, TagPageOrder, TagPagePart};

/// What a tag must name for a change to happen (`If-Match`, `If-None-Match: *`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One of these digests.
    OneOf(Vec<String>),
    /// Anything: the tag exists.
    Anything,
    /// Nothing: there is no such tag.
    Nothing,
}

impl Expected {
    fn allows(&self, named: Option<&str>) -> bool {
        match self {
            Expected::OneOf(digests) => {
                named.is_some_and(|named| digests.iter().any(|digest| digest == named))
            }
            Expected::Anything => named.is_some(),
            Expected::Nothing => named.is_none(),
        }
    }
}

pub(crate) const LIST: &str = in_one_row!(
    "tag",
    "SELECT tag FROM tags WHERE repository_id = $1 AND tag > $2 ORDER BY tag LIMIT $3"
);
const NAMED: &str = "SELECT digest FROM tags WHERE repository_id = $1 AND tag = $2";
const NOTE: &str = "INSERT INTO tag_history (repository_id, tag, digest, at, user_id, why) \
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

impl Metadata {
    /// A page of tags in byte order, those after `last`.
    pub async fn list_tags(
        &self,
        repository_id: i64,
        last: Option<&str>,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        let statement = sqlx::query(LIST)
            .bind(repository_id)
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.names("list tags", statement).await
    }

    /// Moves a tag into the bin, and if asked its manifest with it when nothing else names that; durable. False when there
    /// is no such tag; [`Conflict::TagMoved`], [`Conflict::TagImmutable`].
    pub async fn delete_tag(
        &self,
        repository_id: i64,
        tag: &str,
        expected: Option<Expected>,
        deletion: Deletion,
    ) -> Result<bool, Error> {
        let input = (tag.to_owned(), expected, deletion);
        self.pool
            .write(
                "delete a tag",
                Durability::Durable,
                input,
                move |tx, (tag, expected, deletion)| {
                    Box::pin(delete(tx, repository_id, tag, expected.as_ref(), deletion))
                },
            )
            .await
    }
}

/// The tags after one in byte order.
pub(crate) async fn page(
    tx: &mut Tx<'_>,
    repository_id: i64,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, Failure> {
    let wanted = sqlx::query(LIST).bind(repository_id).bind(after.to_owned());
    let row = first(tx, wanted.bind(limit)).await?;
    let joined: Option<String> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    let mut tags: Vec<String> = joined
        .iter()
        .flat_map(|tags| tags.split(','))
        .map(str::to_owned)
        .collect();
    // An aggregate promises no order.
    tags.sort_unstable();
    Ok(tags)
}

/// What each of the tags names, if all are as expected; [`Conflict::TagMoved`]. The caller holds the repository's lock.
pub(crate) async fn require(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tags: &[String],
    expected: Option<&Expected>,
) -> Result<Vec<(String, Option<String>)>, Failure> {
    let mut named = Vec::with_capacity(tags.len());
    for tag in tags {
        let now = named_by(tx, repository_id, tag, expected).await?;
        named.push((tag.clone(), now));
    }
    Ok(named)
}

/// Where a tag is to point, and who says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) repository_id: i64,
    pub(crate) digest: &'a str,
    pub(crate) by: &'a By,
    pub(crate) why: TagChange,
    /// The ids of the registries that it came through, by commas; none where nothing waits for it to move.
    pub(crate) origin: Option<&'a str>,
    pub(crate) check: Check<'a>,
}

/// Points a tag, which names `previous`, at a manifest that is stored; [`Conflict::TagQuota`], and
/// [`Conflict::TagImmutable`] where that is another one. Where `previous` is none,
/// the caller counts one tag more.
pub(crate) async fn point(
    tx: &mut Tx<'_>,
    target: Target<'_>,
    tag: &str,
    previous: Option<&str>,
) -> Result<(), Failure> {
    // A new tag takes the id of the entry of its history that makes it; one that is there keeps its own.
    const POINT: &str = "INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at) \
         VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (repository_id, tag) DO UPDATE SET \
         digest = excluded.digest, updated_at = excluded.updated_at";
    if let Some(previous) = previous.filter(|previous| *previous != target.digest) {
        target.check.permit(tag, previous)?;
    }
    let id = if previous == Some(target.digest) {
        0
    } else {
        let named = (Some(target.digest), target.why);
        let id = note(tx, target.repository_id, tag, named, target.by).await?;
        if let Some(origin) = target.origin {
            let moved = Moved {
                repository_id: target.repository_id,
                tag,
                digest: target.digest,
                previous,
                why: target.why,
                by: target.by,
                origin,
            };
            tag_events::note(tx, moved).await?;
        }
        id
    };
    let point = sqlx::query(POINT)
        .bind(target.repository_id)
        .bind(tag.to_owned())
        .bind(target.digest.to_owned())
        .bind(target.by.now)
        .bind(id);
    change(tx, point).await?;
    if previous.is_none() {
        quotas::admit_tag(tx, target.repository_id).await?;
    }
    Ok(())
}

/// Deletes every tag that names a manifest and answers them; [`Conflict::TagImmutable`].
pub(crate) async fn delete_naming(
    tx: &mut Tx<'_>,
    repository_id: i64,
    digest: &str,
    (check, by): (Check<'_>, &By),
) -> Result<Vec<GoneTag>, Failure> {
    const DELETE: &str =
        "DELETE FROM tags WHERE repository_id = $1 AND digest = $2 RETURNING tag, id, created_at";
    let rows = sqlx::query(DELETE)
        .bind(repository_id)
        .bind(digest.to_owned())
        .fetch_all(&mut *tx)
        .await?;
    let mut gone = Vec::with_capacity(rows.len());
    for row in &rows {
        let tag: String = row.try_get(0)?;
        check.permit(&tag, digest)?;
        note(tx, repository_id, &tag, (None, TagChange::ManifestDelete), by).await?;
        gone.push((tag, row.try_get(1)?, row.try_get(2)?));
    }
    Ok(gone)
}

async fn delete(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tag: &str,
    expected: Option<&Expected>,
    deletion: &Deletion,
) -> Result<bool, Failure> {
    const DELETE: &str = "DELETE FROM tags WHERE repository_id = $1 AND tag = $2 RETURNING digest, id, created_at, \
         (SELECT f.image_bytes FROM manifest_facts f WHERE f.repository_id = tags.repository_id AND f.digest = tags.digest)";
    match repository_lock::lock(tx, repository_id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(false),
        other => other?,
    }
    named_by(tx, repository_id, tag, expected).await?;
    let delete = sqlx::query(DELETE).bind(repository_id).bind(tag.to_owned());
    let Some(row) = first(tx, delete).await? else {
        return Ok(false);
    };
    let digest: String = row.try_get(0)?;
    let by = &deletion.by;
    let check = Check::of(tx, repository_id, &deletion.guard).await?;
    check.permit(tag, &digest)?;
    note(tx, repository_id, tag, (None, deletion.why), by).await?;
    let taken =
        if deletion.untagged == Untagged::Goes && binning::is_unnamed(tx, repository_id, &digest).await? {
            binning::take(tx, repository_id, &digest, by.now).await?
        } else {
            binning::Taken::default()
        };
    let entry = Entry {
        repository_id,
        kind: BinKind::Tag,
        name: tag,
        digest: Some(&digest),
        size_bytes: row.try_get::<Option<i64>, _>(3)?.unwrap_or_default(),
    };
    let gone = [(tag.to_owned(), row.try_get(1)?, row.try_get(2)?)];
    binning::keep(tx, deletion, entry, &gone, &taken.manifests).await?;
    let counts = Counts {
        tags: -1,
        bytes: -taken.idle_bytes,
    };
    counts.touch(tx, repository_id, by.now).await?;
    Ok(true)
}

/// Adds to the histories of tags that they were deleted.
pub(crate) async fn note_gone(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tags: &[binning::Gone],
    deletion: &Deletion,
) -> Result<(), Failure> {
    const INTO: &str = "INSERT INTO tag_history (repository_id, tag, digest, at, user_id, why)";
    let by = &deletion.by;
    binning::insert(tx, INTO, tags, 6, |statement, gone| {
        statement
            .bind(repository_id)
            .bind(gone.tag.clone())
            .bind(None::<String>)
            .bind(by.now)
            .bind(by.user_id.clone())
            .bind(deletion.why.as_str())
    })
    .await
}

pub(crate) async fn named_by(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tag: &str,
    expected: Option<&Expected>,
) -> Result<Option<String>, Failure> {
    let row = first(tx, sqlx::query(NAMED).bind(repository_id).bind(tag.to_owned())).await?;
    let now: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
    if expected.is_some_and(|expected| !expected.allows(now.as_deref())) {
        return Err(Conflict::TagMoved { now }.into());
    }
    Ok(now)
}

/// Adds to a tag's history that it names a digest now or was deleted, and why; answers the entry's id.
pub(crate) async fn note(
    tx: &mut Tx<'_>,
    repository_id: i64,
    tag: &str,
    (digest, why): (Option<&str>, TagChange),
    by: &By,
) -> Result<i64, Failure> {
    let note = sqlx::query(NOTE)
        .bind(repository_id)
        .bind(tag.to_owned())
        .bind(digest.map(str::to_owned))
        .bind(by.now)
        .bind(by.user_id.clone())
        .bind(why.as_str());
    let row = first(tx, note).await?;
    let row = row.ok_or_else(|| Failure::Broken("a note of a tag without an id".to_owned()))?;
    Ok(row.try_get(0)?)
}
