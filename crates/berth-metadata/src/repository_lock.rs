//! The lock on a repository that orders the changes to what it holds.

use crate::error::Conflict;
use crate::pool::Failure;
use crate::sql::change;
use sqlx::AnyConnection;

/// Locks a repository until the transaction ends; [`Conflict::RepositoryGone`]. Whatever takes away links to blobs or
/// changes what manifests reference holds this lock.
pub(crate) async fn lock(tx: &mut AnyConnection, id: i64) -> Result<(), Failure> {
    const LOCK: &str = "UPDATE repositories SET updated_at = updated_at WHERE id = $1";
    if change(tx, sqlx::query(LOCK).bind(id)).await? == 0 {
        return Err(Conflict::RepositoryGone.into());
    }
    Ok(())
}

/// Like [`lock`], and notes that the content changes.
pub(crate) async fn touch(tx: &mut AnyConnection, id: i64, now: i64) -> Result<(), Failure> {
    const TOUCH: &str = "UPDATE repositories SET updated_at = $2, listed = 1 WHERE id = $1";
    if change(tx, sqlx::query(TOUCH).bind(id).bind(now)).await? == 0 {
        return Err(Conflict::RepositoryGone.into());
    }
    Ok(())
}
