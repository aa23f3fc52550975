//! The lock on a repository that orders the changes to what it holds, and the counts kept beside it.

use crate::error::Conflict;
use crate::pool::{Failure, Tx};
use crate::sql::{change, first};
use crate::tag_events::is_awaited;
use sqlx::Row;

/// Locks a repository until the transaction ends; [`Conflict::RepositoryGone`], also for one in the bin. Whatever takes
/// away links to blobs or changes what manifests reference holds this lock.
pub(crate) async fn lock(tx: &mut Tx<'_>, id: i64) -> Result<(), Failure> {
    const LOCK: &str = "UPDATE repositories SET updated_at = updated_at WHERE id = $1 AND listed <> 2";
    if change(tx, sqlx::query(LOCK).bind(id)).await? == 0 {
        return Err(Conflict::RepositoryGone.into());
    }
    Ok(())
}

/// Like [`lock`], also for a repository in the bin.
pub(crate) async fn lock_any(tx: &mut Tx<'_>, id: i64) -> Result<(), Failure> {
    const LOCK: &str = "UPDATE repositories SET updated_at = updated_at WHERE id = $1";
    if change(tx, sqlx::query(LOCK).bind(id)).await? == 0 {
        return Err(Conflict::RepositoryGone.into());
    }
    Ok(())
}

/// The organisation of a repository that the caller holds locked.
pub(crate) async fn organization(tx: &mut Tx<'_>, id: i64) -> Result<i64, Failure> {
    const OF: &str = "SELECT organization_id FROM repositories WHERE id = $1";
    let row = first(tx, sqlx::query(OF).bind(id)).await?;
    let row = row.ok_or(Conflict::RepositoryGone)?;
    Ok(row.try_get(0)?)
}

/// What a repository's lock tells of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touched {
    /// Whether the bin holds manifests of it.
    pub(crate) has_bin: bool,
    /// [`crate::Standing::rules_version`] of its organisation.
    pub(crate) rules_version: i64,
    /// Whether anything waits for its tags to move.
    pub(crate) is_awaited: bool,
}

/// Like [`lock`], and notes that the content changes.
pub(crate) async fn touch(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Touched, Failure> {
    const TOUCH: &str = concat!(
        "UPDATE repositories SET updated_at = $2, listed = 1 WHERE id = $1 AND listed <> 2 RETURNING \
         CAST(CASE WHEN EXISTS (SELECT 1 FROM binned_manifests b WHERE b.repository_id = repositories.id) \
         THEN 1 ELSE 0 END AS BIGINT), \
         (SELECT o.rules_version FROM organizations o WHERE o.id = repositories.organization_id), \
         CAST(CASE WHEN ",
        is_awaited!("repositories.id"),
        " THEN 1 ELSE 0 END AS BIGINT)"
    );
    let row = first(tx, sqlx::query(TOUCH).bind(id).bind(now)).await?;
    let row = row.ok_or(Conflict::RepositoryGone)?;
    Ok(Touched {
        has_bin: row.try_get::<i64, _>(0)? != 0,
        rules_version: row.try_get(1)?,
        is_awaited: row.try_get::<i64, _>(2)? != 0,
    })
}

/// What a transaction changed of what a repository's row counts. Whoever adds or deletes tags, or makes a link to a blob
/// used or idle, adds it here and ends with [`Counts::save`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tags made, less those deleted.
    pub(crate) tags: i64,
    /// Bytes of blobs that manifests began to use, less those that none uses any more.
    pub(crate) bytes: i64,
}

impl Counts {
    /// Adds the changes to the repository's row, at the cost of one statement when there are any.
    pub(crate) async fn save(self, tx: &mut Tx<'_>, id: i64) -> Result<(), Failure> {
        const ADD: &str =
            "UPDATE repositories SET tag_count = tag_count + $2, size_bytes = size_bytes + $3 WHERE id = $1";
        if self != Counts::default() {
            let add = sqlx::query(ADD).bind(id).bind(self.tags).bind(self.bytes);
            change(tx, add).await?;
        }
        Ok(())
    }

    /// Like [`touch`] and [`Counts::save`], in one statement.
    pub(crate) async fn touch(self, tx: &mut Tx<'_>, id: i64, now: i64) -> Result<(), Failure> {
        const TOUCH: &str = "UPDATE repositories SET updated_at = $2, listed = 1, \
             tag_count = tag_count + $3, size_bytes = size_bytes + $4 WHERE id = $1";
        let touch = sqlx::query(TOUCH).bind(id).bind(now).bind(self.tags);
        change(tx, touch.bind(self.bytes)).await?;
        Ok(())
    }
}
