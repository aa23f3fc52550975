//! All that is told of a repository: its row, whose it is, and what is counted beside it.

use super::Repository;
use crate::Metadata;
use crate::error::Error;
use crate::pool::Failure;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A repository with all that is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryDetails {
    /// The repository.
    pub repository: Repository,
    /// The account its organisation belongs to.
    pub account_id: String,
    /// That account's name.
    pub account_name: String,
    /// The user that created it, who may be gone.
    pub creator_id: String,
    /// That user's name at the time, empty when nobody was logged in.
    pub creator_name: String,
    /// How many tags it has.
    pub tag_count: i64,
    /// Bytes of the blobs that its manifests use, each blob once.
    pub size_bytes: i64,
    /// How often it was pulled.
    pub pull_count: i64,
    /// The tags moved last, newest first, as many as were asked for.
    pub tags: Vec<String>,
    /// Whether a share that the list is about is valid now.
    pub share_valid: bool,
}

/// The columns that [`read`] reads but `description`, `tags` and `share_valid`, of repository `r`, organisation `o` and account `a`.
macro_rules! detail_columns {
    () => {
        "r.id, r.organization_id, o.name AS organization, r.image, r.is_public, r.category, \
         r.created_at, r.updated_at, o.account_id, a.name AS account_name, r.creator_id, r.creator_name, \
         r.tag_count, r.size_bytes, r.pull_count"
    };
}
pub(super) use detail_columns;

pub(crate) const DETAILS: &str = concat!(
    "SELECT ",
    detail_columns!(),
    ", r.description, NULL AS tags, 0 AS share_valid FROM repositories r JOIN organizations o ON o.id = r.organization_id \
     JOIN accounts a ON a.id = o.account_id WHERE r.full_name = $1 AND r.listed = 1"
);

impl Metadata {
    /// All that is told of the repository of that full name but its tags; none for one that a push has only begun.
    pub async fn repository_details(&self, full_name: &str) -> Result<Option<RepositoryDetails>, Error> {
        let statement = sqlx::query(DETAILS).bind(full_name.to_owned());
        self.find("find a repository", statement, read).await
    }
}

pub(super) fn read(row: &AnyRow) -> Result<RepositoryDetails, Failure> {
    let tags: Option<String> = row.try_get("tags")?;
    Ok(RepositoryDetails {
        repository: super::read(row)?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        creator_id: row.try_get("creator_id")?,
        creator_name: row.try_get("creator_name")?,
        tag_count: row.try_get("tag_count")?,
        size_bytes: row.try_get("size_bytes")?,
        pull_count: row.try_get("pull_count")?,
        // No tag holds a comma.
        tags: tags.map_or_else(Vec::new, |tags| tags.split(',').map(str::to_owned).collect()),
        share_valid: row.try_get::<i64, _>("share_valid")? != 0,
    })
}
