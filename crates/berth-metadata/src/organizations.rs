//! Organisations: what an account's repositories are grouped in, named uniquely across all accounts.

pub(crate) mod seen;

pub use seen::{OrganizationOrder, SeenOrganization, SeenQuery};

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::grants::Permission;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use crate::{quotas, repositories};
use sqlx::Row;
use sqlx::any::AnyRow;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Never used again.
    pub id: i64,
    /// Unique across all accounts.
    pub name: String,
    /// The account it belongs to.
    pub account_id: String,
    /// That account's name.
    pub account_name: String,
    /// The user that created it, who may be gone.
    pub creator_id: String,
    /// That user's name at the time.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// An organisation to create.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Unique across all accounts.
    pub name: String,
    /// The user that creates it, in whose account it is made and who gets permission to manage it.
    pub creator_id: String,
    /// Organisations that the creator may have created at most, this one included, unless its account has a quota of
    /// its own; none for no limit.
    pub limit: Option<i64>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// Which organisations to list.
#[derive(Clone, Debug)]
pub struct OrganizationsPage {
    /// The account they belong to.
    pub account_id: String,
    /// The user whose permissions count.
    pub user_id: String,
    /// List all of the account (for its administrators), whatever the user's permissions.
    pub all: bool,
    /// List also those where the user has a permission on a repository only.
    pub with_repository_grants: bool,
    /// Those after this name.
    pub last: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// An organisation and the permission a user has on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedOrganization {
    /// The organisation.
    pub organization: Organization,
    /// The permission granted to the user on the organisation itself.
    pub permission: Option<Permission>,
}

macro_rules! organization_columns {
    () => {
        "o.id, o.name, o.account_id, a.name AS account_name, o.creator_id, o.creator_name, o.created_at"
    };
}
use organization_columns;

impl Metadata {
    /// Creates an organisation in its creator's account and lets the creator manage it;
    /// [`Conflict::OrganizationExists`], [`Conflict::OrganizationQuota`], [`Conflict::UserGone`].
    pub async fn create_organization(&self, new: NewOrganization) -> Result<Organization, Error> {
        self.pool
            .write("create an organisation", Durability::Durable, new, |tx, new| {
                Box::pin(create(tx, new))
            })
            .await
    }

    /// The organisation of that name.
    pub async fn organization(&self, name: &str) -> Result<Option<Organization>, Error> {
        const FIND: &str = concat!(
            "SELECT ",
            organization_columns!(),
            " FROM organizations o JOIN accounts a ON a.id = o.account_id WHERE o.name = $1"
        );
        self.find(
            "find an organisation",
            sqlx::query(FIND).bind(name.to_owned()),
            read,
        )
        .await
    }

    /// A page of organisations by name.
    pub async fn list_organizations(
        &self,
        page: OrganizationsPage,
    ) -> Result<Vec<ListedOrganization>, Error> {
        const LIST: &str = concat!(
            "SELECT ",
            organization_columns!(),
            ", g.permission FROM organizations o JOIN accounts a ON a.id = o.account_id \
             LEFT JOIN organization_grants g ON g.organization_id = o.id AND g.user_id = $2 \
             WHERE o.account_id = $1 AND o.name > $5 \
             AND ($3 = 1 OR g.permission IS NOT NULL OR ($4 = 1 AND o.id IN \
               (SELECT r.organization_id FROM repository_grants rg JOIN repositories r ON r.id = rg.repository_id \
                WHERE rg.user_id = $2))) \
             ORDER BY o.name LIMIT $6"
        );
        let statement = sqlx::query(LIST)
            .bind(page.account_id)
            .bind(page.user_id)
            .bind(i64::from(page.all))
            .bind(i64::from(page.with_repository_grants))
            .bind(page.last.unwrap_or_default())
            .bind(page.limit);
        self.list("list organisations", statement, |row| {
            let permission = row
                .try_get::<Option<i64>, _>("permission")?
                .map(Permission::read)
                .transpose()?;
            Ok(ListedOrganization {
                organization: read(row)?,
                permission,
            })
        })
        .await
    }

    /// Deletes an organisation that holds no image, false when there is none of that name. What pushes began in it and
    /// never finished goes with it, and so does what its bin holds; [`Conflict::OrganizationNotEmpty`].
    pub async fn delete_organization(&self, name: &str, now: i64) -> Result<bool, Error> {
        self.purge_bin_images(name, now).await?;
        self.pool
            .write(
                "delete an organisation",
                Durability::Durable,
                name.to_owned(),
                move |tx, name| Box::pin(delete(tx, name, now)),
            )
            .await
    }
}

async fn delete(tx: &mut Tx<'_>, name: &str, now: i64) -> Result<bool, Failure> {
    const UNLISTED: &str = "SELECT r.id FROM repositories r JOIN organizations o ON o.id = r.organization_id \
         WHERE o.name = $1 AND r.listed = 0 ORDER BY r.id";
    const DELETE: &str = "DELETE FROM organizations WHERE name = $1";
    let unlisted = sqlx::query(UNLISTED).bind(name.to_owned());
    for row in unlisted.fetch_all(&mut *tx).await? {
        repositories::delete(tx, row.try_get(0)?, now).await?;
    }
    let delete = sqlx::query(DELETE).bind(name.to_owned());
    Ok(change(tx, delete)
        .await
        .reference(Conflict::OrganizationNotEmpty)?
        > 0)
}

async fn create(tx: &mut Tx<'_>, new: &NewOrganization) -> Result<Organization, Failure> {
    // The update locks the creator's row, so that two organisations at once cannot both be the last one allowed.
    const CREATOR: &str = "UPDATE users SET enabled = enabled WHERE id = $1 RETURNING account_id, name";
    const ACCOUNT: &str = "SELECT name FROM accounts WHERE id = $1";
    const COUNT: &str = "SELECT COUNT(*) FROM organizations WHERE creator_id = $1";
    const INSERT: &str = "INSERT INTO organizations (name, account_id, creator_id, creator_name, created_at) \
         VALUES ($1, $2, $3, $4, $5) RETURNING id";
    const GRANT: &str =
        "INSERT INTO organization_grants (organization_id, user_id, permission) VALUES ($1, $2, $3)";
    let creator = first(tx, sqlx::query(CREATOR).bind(new.creator_id.clone()))
        .await?
        .ok_or(Conflict::UserGone)?;
    let (account_id, creator_name): (String, String) = (creator.try_get(0)?, creator.try_get(1)?);
    let account_name = sqlx::query(ACCOUNT)
        .bind(account_id.clone())
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
    if let Some(limit) = new.limit {
        let count = sqlx::query(COUNT)
            .bind(new.creator_id.clone())
            .fetch_one(&mut *tx)
            .await?;
        let limit = quotas::organizations_per_user(tx, &account_id, limit).await?;
        if count.try_get::<i64, _>(0)? >= limit {
            return Err(Conflict::OrganizationQuota { limit }.into());
        }
    }
    let insert = sqlx::query(INSERT)
        .bind(new.name.clone())
        .bind(account_id.clone())
        .bind(new.creator_id.clone())
        .bind(creator_name.clone())
        .bind(new.now);
    let row = first(tx, insert).await.unique(Conflict::OrganizationExists)?;
    let id: i64 = row
        .ok_or_else(|| Failure::Broken("no id for a new organisation".to_owned()))?
        .try_get(0)?;
    let grant = sqlx::query(GRANT)
        .bind(id)
        .bind(new.creator_id.clone())
        .bind(Permission::Manage.bits());
    change(tx, grant).await?;
    Ok(Organization {
        id,
        name: new.name.clone(),
        account_id,
        account_name,
        creator_id: new.creator_id.clone(),
        creator_name,
        created_at: new.now,
    })
}

fn read(row: &AnyRow) -> Result<Organization, Failure> {
    Ok(Organization {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        creator_id: row.try_get("creator_id")?,
        creator_name: row.try_get("creator_name")?,
        created_at: row.try_get("created_at")?,
    })
}
