//! Repositories: what manifests, tags and links to blobs belong to.

pub(crate) mod details;
mod found;
pub(crate) mod images;
pub(crate) mod listing;
mod query;

pub use details::RepositoryDetails;
pub use images::{ImageRow, NewestTag, ReceivedShare};
pub use query::{RepositoryFilter, RepositoryOrder, RepositoryPage, RepositoryQuery, RepositorySet};

use crate::Metadata;
use crate::byte_quotas::{Change, HELD_BY_LINK, HELD_BY_MANIFEST};
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::lock;
use crate::sql::{self, Meaning, Statement, change, in_one_row};
use crate::viewer::{Viewer, readable};
use crate::{blobs, byte_quotas, quotas};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A repository, which SWR calls an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Never used again.
    pub id: i64,
    /// The organisation it belongs to.
    pub organization_id: i64,
    /// That organisation's name.
    pub organization: String,
    /// The name within the organisation, which may hold `/`.
    pub image: String,
    /// Whether everybody may pull from it.
    pub is_public: bool,
    /// SWR's category, empty when none was chosen.
    pub category: String,
    /// Free text.
    pub description: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When its content changed last, milliseconds since the epoch.
    pub updated_at: i64,
}

/// What a repository says of itself, to be changed; none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryEdit {
    /// Whether everybody may pull from it.
    pub is_public: Option<bool>,
    /// SWR's category, empty for none.
    pub category: Option<String>,
    /// Free text.
    pub description: Option<String>,
}

/// A repository to create; it is private.
#[derive(Clone, Debug)]
pub struct NewRepository {
    /// The organisation it belongs to.
    pub organization_id: i64,
    /// The name within the organisation.
    pub image: String,
    /// `organization/image`.
    pub full_name: String,
    /// The user that creates it.
    pub creator_id: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! repository_columns {
    () => {
        "SELECT r.id, r.organization_id, o.name AS organization, r.image, r.is_public, r.category, r.description, \
         r.created_at, r.updated_at FROM repositories r JOIN organizations o ON o.id = r.organization_id "
    };
}

pub(crate) const FIND: &str = concat!(repository_columns!(), "WHERE r.full_name = $1");
pub(crate) const LIST_PUBLIC: &str = in_one_row!(
    "full_name",
    "SELECT r.full_name FROM repositories r WHERE r.is_public = 1 AND r.listed = 1 AND r.full_name > $1 \
     ORDER BY r.full_name LIMIT $2"
);
pub(crate) const LIST_READABLE: &str = in_one_row!(
    "full_name",
    "SELECT r.full_name FROM repositories r WHERE r.full_name > $5 AND r.listed = 1 AND ",
    readable!(),
    " ORDER BY r.full_name LIMIT $6"
);

impl Metadata {
    /// The repository of that name, made for a push when missing: it is in no list before its first
    /// manifest; [`Conflict::OrganizationGone`], [`Conflict::RepositoryQuota`].
    pub async fn ensure_repository(&self, new: NewRepository) -> Result<Repository, Error> {
        if let Some(repository) = self.repository(&new.full_name).await? {
            return Ok(repository);
        }
        self.pool
            .write("create a repository", Durability::Durable, new, |tx, new| {
                Box::pin(async move {
                    if change(tx, insert(new))
                        .await
                        .reference(Conflict::OrganizationGone)?
                        > 0
                    {
                        quotas::admit_repository(tx, new.organization_id).await?;
                    }
                    by_name(tx, &new.full_name)
                        .await?
                        .ok_or_else(|| Conflict::OrganizationGone.into())
                })
            })
            .await
    }

    /// Creates a repository that says this of itself, also in place of one that a push has only begun;
    /// [`Conflict::RepositoryExists`], [`Conflict::OrganizationGone`], [`Conflict::RepositoryQuota`].
    pub async fn create_repository(
        &self,
        new: NewRepository,
        says: RepositoryEdit,
    ) -> Result<Repository, Error> {
        let input = (new, says);
        self.pool
            .write(
                "create a repository",
                Durability::Durable,
                input,
                |tx, (new, says)| Box::pin(create(tx, new, says)),
            )
            .await
    }

    /// The repository of that full name, `organization/image`.
    pub async fn repository(&self, full_name: &str) -> Result<Option<Repository>, Error> {
        self.find("find a repository", find(full_name), read).await
    }

    /// A page of the full names a viewer may read, in byte order, those after `last`.
    pub async fn list_repositories_visible(
        &self,
        viewer: Viewer<'_>,
        last: Option<&str>,
        limit: i64,
        now: i64,
    ) -> Result<Vec<String>, Error> {
        let last = last.unwrap_or_default().to_owned();
        let statement = match viewer {
            Viewer::Anonymous => sqlx::query(LIST_PUBLIC).bind(last).bind(limit),
            Viewer::User {
                user_id,
                account_id,
                administrator,
            } => sqlx::query(LIST_READABLE)
                .bind(user_id.to_owned())
                .bind(account_id.to_owned())
                .bind(i64::from(administrator))
                .bind(now)
                .bind(last)
                .bind(limit),
        };
        self.names("list repositories", statement).await
    }

    /// Deletes at most `limit` repositories that pushes before `before` made and that never got a manifest, once neither
    /// an upload nor a blob is left in them; answers how many.
    pub async fn delete_abandoned_repositories(&self, before: i64, limit: i64) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM repositories WHERE listed = 0 AND id IN (\
             SELECT r.id FROM repositories r WHERE r.listed = 0 AND r.created_at < $1 \
             AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.repository_id = r.id) \
             AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository_id = r.id) LIMIT $2)";
        let statement = move || sqlx::query(DELETE).bind(before).bind(limit);
        self.change("delete abandoned repositories", Durability::Durable, statement)
            .await
    }

    /// Changes what a repository says of itself; false when there is none of that id.
    pub async fn edit_repository(&self, id: i64, edit: RepositoryEdit, now: i64) -> Result<bool, Error> {
        let statement = move || update(id, &edit, now);
        Ok(self
            .change("edit a repository", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Lets everybody pull from a repository or not; false when there is none of that id.
    pub async fn set_repository_public(&self, id: i64, is_public: bool, now: i64) -> Result<bool, Error> {
        let edit = RepositoryEdit {
            is_public: Some(is_public),
            ..RepositoryEdit::default()
        };
        self.edit_repository(id, edit, now).await
    }
}

/// Deletes a repository that pushes began with all that it holds; false when there is none of that id.
pub(crate) async fn delete(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<bool, Failure> {
    const UNLINK: &str = "DELETE FROM blob_links WHERE repository_id = $1 RETURNING digest, ";
    const MANIFESTS: &str = "DELETE FROM manifests WHERE repository_id = $1 RETURNING ";
    const DELETE: &str = "DELETE FROM repositories WHERE id = $1";
    const UPLOADS: &str = "DELETE FROM uploads WHERE repository_id = $1 RETURNING reserved_bytes";
    match lock(tx, id).await {
        Err(Failure::Conflict(Conflict::RepositoryGone)) => return Ok(false),
        other => other?,
    }
    change(
        tx,
        sqlx::query("DELETE FROM tags WHERE repository_id = $1").bind(id),
    )
    .await?;
    let mut held = Change::default();
    for row in sql::made(format!("{MANIFESTS}{HELD_BY_MANIFEST}"))
        .bind(id)
        .fetch_all(&mut *tx)
        .await?
    {
        held.used -= row.try_get::<i64, _>(0)?;
    }
    let mut digests = Vec::new();
    for row in sql::made(format!("{UNLINK}{HELD_BY_LINK}"))
        .bind(id)
        .fetch_all(&mut *tx)
        .await?
    {
        digests.push(row.try_get(0)?);
        held.used -= row.try_get::<i64, _>(1)?;
    }
    for row in sqlx::query(UPLOADS).bind(id).fetch_all(&mut *tx).await? {
        held.reserved -= row.try_get::<i64, _>(0)?;
    }
    blobs::release(tx, digests, now).await?;
    byte_quotas::charge(tx, id, held).await?;
    // A link made meanwhile, which needs no lock, stands in the way: then all of it runs again.
    change(tx, sqlx::query(DELETE).bind(id))
        .await
        .map_err(|error| Failure::from(error).reference_collides())?;
    Ok(true)
}

async fn create(tx: &mut Tx<'_>, new: &NewRepository, says: &RepositoryEdit) -> Result<Repository, Failure> {
    const LIST: &str = "UPDATE repositories SET listed = 1 WHERE full_name = $1 AND listed = 0";
    if change(tx, insert(new))
        .await
        .reference(Conflict::OrganizationGone)?
        > 0
    {
        quotas::admit_repository(tx, new.organization_id).await?;
    }
    let list = sqlx::query(LIST).bind(new.full_name.clone());
    if change(tx, list).await? == 0 {
        return Err(Conflict::RepositoryExists.into());
    }
    let made = by_name(tx, &new.full_name).await?;
    let made = made.ok_or(Conflict::OrganizationGone)?;
    change(tx, update(made.id, says, new.now)).await?;
    by_name(tx, &new.full_name)
        .await?
        .ok_or_else(|| Conflict::OrganizationGone.into())
}

fn update(id: i64, edit: &RepositoryEdit, now: i64) -> Statement {
    const EDIT: &str = "UPDATE repositories SET is_public = COALESCE($2, is_public), \
         category = COALESCE($3, category), description = COALESCE($4, description), updated_at = $5 WHERE id = $1";
    sqlx::query(EDIT)
        .bind(id)
        .bind(edit.is_public.map(i64::from))
        .bind(edit.category.clone())
        .bind(edit.description.clone())
        .bind(now)
}

/// Makes the row of a repository that is in no list yet, unless there is one of that name.
fn insert(new: &NewRepository) -> Statement {
    const INSERT: &str = "INSERT INTO repositories \
         (organization_id, image, full_name, is_public, listed, category, description, creator_id, creator_name, \
          created_at, updated_at) \
         VALUES ($1, $2, $3, 0, 0, '', '', $4, COALESCE((SELECT u.name FROM users u WHERE u.id = $4), ''), $5, $5) \
         ON CONFLICT DO NOTHING";
    sqlx::query(INSERT)
        .bind(new.organization_id)
        .bind(new.image.clone())
        .bind(new.full_name.clone())
        .bind(new.creator_id.clone())
        .bind(new.now)
}

fn find(full_name: &str) -> Statement {
    sqlx::query(FIND).bind(full_name.to_owned())
}

async fn by_name(tx: &mut Tx<'_>, full_name: &str) -> Result<Option<Repository>, Failure> {
    find(full_name)
        .fetch_optional(tx)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

fn read(row: &AnyRow) -> Result<Repository, Failure> {
    Ok(Repository {
        id: row.try_get("id")?,
        organization_id: row.try_get("organization_id")?,
        organization: row.try_get("organization")?,
        image: row.try_get("image")?,
        is_public: row.try_get::<i64, _>("is_public")? != 0,
        category: row.try_get("category")?,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
