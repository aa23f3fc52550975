//! Moves of tags to manifests that are there, and the history of all moves.

use super::{Expected, Target, named_by, point};
use crate::Metadata;
use crate::binning::{self, Back};
use crate::by::{By, TagChange};
use crate::error::Error;
use crate::immutability::{Check, Guard};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::{self, Counts};
use crate::sql::first;
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a tag is to name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagSource {
    /// What this other tag names.
    Tag(String),
    /// The manifest of this digest.
    Digest(String),
}

/// A tag to point at a manifest that the repository holds.
#[derive(Clone, Debug)]
pub struct MoveTag {
    /// The repository.
    pub repository_id: i64,
    /// The tag, made when it is not there.
    pub tag: String,
    /// What it is to name.
    pub to: TagSource,
    /// What it must name before, none for anything.
    pub expected: Option<Expected>,
    /// Who moves it.
    pub by: By,
    /// Why.
    pub why: TagChange,
    /// Which tags do not move.
    pub guard: Guard,
}

/// A move of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMove {
    /// Larger than those of earlier moves.
    pub id: i64,
    /// The digest it was moved to, none when it was deleted.
    pub digest: Option<String>,
    /// Whether the repository or its bin still holds that manifest.
    pub is_stored: bool,
    /// Why.
    pub why: TagChange,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Who moved it, none for the registry itself.
    pub user_id: Option<String>,
    /// That user's name, while the user exists.
    pub user_name: Option<String>,
}

/// Which moves to list.
#[derive(Clone, Debug)]
pub struct TagMovesPage {
    /// The repository.
    pub repository_id: i64,
    /// The tag, there or not.
    pub tag: String,
    /// Those before the move of this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

pub(crate) const HISTORY: &str = "SELECT h.id, h.digest, CASE WHEN m.digest IS NULL AND b.digest IS NULL THEN 0 ELSE 1 END, h.at, \
     h.user_id, u.name, h.why FROM tag_history h LEFT JOIN users u ON u.id = h.user_id \
     LEFT JOIN manifests m ON m.repository_id = h.repository_id AND m.digest = h.digest \
     LEFT JOIN binned_manifests b ON b.repository_id = h.repository_id AND b.digest = h.digest \
     WHERE h.repository_id = $1 AND h.tag = $2 AND h.id < $3 ORDER BY h.id DESC LIMIT $4";

impl Metadata {
    /// A page of a tag's moves, newest first. They outlive the tag.
    pub async fn tag_moves(&self, page: TagMovesPage) -> Result<Vec<TagMove>, Error> {
        let statement = sqlx::query(HISTORY)
            .bind(page.repository_id)
            .bind(page.tag)
            .bind(page.before.unwrap_or(i64::MAX))
            .bind(page.limit);
        self.list("list the moves of a tag", statement, read).await
    }

    /// Whether a tag, there or not, ever named that digest.
    pub async fn tag_named(&self, repository_id: i64, tag: &str, digest: &str) -> Result<bool, Error> {
        const NAMED: &str =
            "SELECT 1 FROM tag_history WHERE repository_id = $1 AND tag = $2 AND digest = $3 LIMIT 1";
        let statement = sqlx::query(NAMED)
            .bind(repository_id)
            .bind(tag.to_owned())
            .bind(digest.to_owned());
        let found = self
            .find("look into the history of a tag", statement, |_| Ok(()))
            .await?;
        Ok(found.is_some())
    }

    /// Points a tag at a manifest that is there, or in the bin, from which it comes back then; durable. False when its source is not there;
    /// [`Conflict::TagMoved`](crate::Conflict::TagMoved), [`Conflict::TagImmutable`](crate::Conflict::TagImmutable),
    /// [`Conflict::RepositoryGone`](crate::Conflict::RepositoryGone).
    pub async fn move_tag(&self, wanted: MoveTag) -> Result<bool, Error> {
        self.pool
            .write("move a tag", Durability::Durable, wanted, |tx, wanted| {
                Box::pin(move_tag(tx, wanted))
            })
            .await
    }
}

async fn move_tag(tx: &mut Tx<'_>, wanted: &MoveTag) -> Result<bool, Failure> {
    let repository_id = wanted.repository_id;
    repository_lock::lock(tx, repository_id).await?;
    let mut back = Back::default();
    let source = match &wanted.to {
        TagSource::Tag(tag) => named_by(tx, repository_id, tag, None).await?,
        TagSource::Digest(digest) => stored(tx, wanted, digest, &mut back).await?,
    };
    let Some(digest) = source else { return Ok(false) };
    let previous = named_by(tx, repository_id, &wanted.tag, wanted.expected.as_ref()).await?;
    let target = Target {
        repository_id,
        digest: &digest,
        by: &wanted.by,
        why: wanted.why,
        origin: Some(""),
        check: Check::of(tx, repository_id, &wanted.guard).await?,
    };
    point(tx, target, &wanted.tag, previous.as_deref()).await?;
    let counts = Counts {
        tags: i64::from(previous.is_none()),
        bytes: back.used_bytes,
    };
    counts.touch(tx, repository_id, wanted.by.now).await?;
    Ok(true)
}

/// The digest, if the repository holds its manifest: it may have come back from the bin for that.
async fn stored(
    tx: &mut Tx<'_>,
    wanted: &MoveTag,
    digest: &str,
    back: &mut Back,
) -> Result<Option<String>, Failure> {
    const STORED: &str = "SELECT digest FROM manifests WHERE repository_id = $1 AND digest = $2";
    const ENTRIES: &str = "SELECT id FROM bin WHERE repository_id = $1 AND name = $2 AND digest = $3 \
         AND kind = 'tag' AND restored_at IS NULL";
    let repository_id = wanted.repository_id;
    let stored = sqlx::query(STORED).bind(repository_id).bind(digest.to_owned());
    let is_stored = first(tx, stored).await?.is_some();
    if !is_stored && !binning::is_binned(tx, repository_id, digest).await? {
        return Ok(None);
    }
    if !is_stored {
        *back = binning::bring_back(tx, repository_id, digest).await?;
    }
    let entries = sqlx::query(ENTRIES).bind(repository_id).bind(wanted.tag.clone());
    let entries = entries.bind(digest.to_owned()).fetch_all(&mut *tx).await?;
    let entries: Vec<i64> = entries
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    binning::close(tx, repository_id, &entries, wanted.by.now).await?;
    Ok(Some(digest.to_owned()))
}

fn read(row: &AnyRow) -> Result<TagMove, Failure> {
    let digest: Option<String> = row.try_get(1)?;
    let why: Option<String> = row.try_get(6)?;
    let why = match (why, &digest) {
        (Some(why), _) => TagChange::read(&why)?,
        // From before reasons were kept.
        (None, Some(_)) => TagChange::Push,
        (None, None) => TagChange::Delete,
    };
    Ok(TagMove {
        id: row.try_get(0)?,
        digest,
        is_stored: row.try_get::<i64, _>(2)? != 0,
        at: row.try_get(3)?,
        user_id: row.try_get(4)?,
        user_name: row.try_get(5)?,
        why,
    })
}
