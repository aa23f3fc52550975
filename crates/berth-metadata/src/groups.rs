//! Groups of users, which may give their members the administrator's role.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use crate::users::{self, User, user_columns};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A group of users of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// 32 lower-case hexadecimal digits.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// Unique in the account.
    pub name: String,
    /// Whether its members are administrators of the account.
    pub administrator: bool,
    /// What it is for, in somebody's words; may be empty.
    pub description: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// A role that a group has at a place. The words are the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRole {
    /// The role's name.
    pub role: String,
    /// `domain` or `project`.
    pub place: String,
}

impl GroupRole {
    /// What a group has that was made for administrators.
    fn tenant_administrator() -> Self {
        Self {
            role: "te_admin".to_owned(),
            place: "domain".to_owned(),
        }
    }
}

/// The columns of a [`Group`] under `g`, for a statement to be completed.
macro_rules! group_columns {
    () => {
        "g.id, g.account_id, g.name, g.administrator, g.description, g.created_at"
    };
}

impl Metadata {
    /// Creates a group; [`Conflict::GroupExists`], [`Conflict::AccountGone`].
    pub async fn create_group(&self, group: Group) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO user_groups (id, account_id, name, administrator, created_at, description) \
             VALUES ($1, $2, $3, $4, $5, $6)";
        self.pool
            .write("create a group", Durability::Durable, group, |tx, group| {
                Box::pin(async move {
                    let insert = sqlx::query(INSERT)
                        .bind(group.id.clone())
                        .bind(group.account_id.clone())
                        .bind(group.name.clone())
                        .bind(i64::from(group.administrator))
                        .bind(group.created_at)
                        .bind(group.description.clone());
                    change(tx, insert)
                        .await
                        .unique(Conflict::GroupExists)
                        .reference(Conflict::AccountGone)?;
                    if group.administrator {
                        bind_role(tx, &group.id, &GroupRole::tenant_administrator()).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The group of that name in the account of that id.
    pub async fn group_by_name(&self, account_id: &str, name: &str) -> Result<Option<Group>, Error> {
        const FIND: &str = concat!(
            "SELECT ",
            group_columns!(),
            " FROM user_groups g WHERE g.account_id = $1 AND g.name = $2"
        );
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(name.to_owned());
        self.find("find a group", statement, read).await
    }

    /// At most `limit` groups of an account by name, those after `last`.
    pub async fn list_groups(
        &self,
        account_id: &str,
        last: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Group>, Error> {
        const LIST: &str = concat!(
            "SELECT ",
            group_columns!(),
            " FROM user_groups g WHERE g.account_id = $1 AND g.name > $2 ORDER BY g.name LIMIT $3"
        );
        let statement = sqlx::query(LIST)
            .bind(account_id.to_owned())
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list groups", statement, read).await
    }

    /// The group of that id.
    pub async fn group_by_id(&self, id: &str) -> Result<Option<Group>, Error> {
        const FIND: &str = concat!("SELECT ", group_columns!(), " FROM user_groups g WHERE g.id = $1");
        self.find("find a group", sqlx::query(FIND).bind(id.to_owned()), read)
            .await
    }

    /// The groups that a user is in, by name.
    pub async fn list_groups_of_user(&self, user_id: &str) -> Result<Vec<Group>, Error> {
        const LIST: &str = concat!(
            "SELECT ",
            group_columns!(),
            " FROM group_members m JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = $1 ORDER BY g.name"
        );
        self.list(
            "list the groups of a user",
            sqlx::query(LIST).bind(user_id.to_owned()),
            read,
        )
        .await
    }

    /// The roles of a group, by place and name.
    pub async fn group_roles(&self, group_id: &str) -> Result<Vec<GroupRole>, Error> {
        const LIST: &str = "SELECT role, place FROM group_roles WHERE group_id = $1 ORDER BY place, role";
        let statement = sqlx::query(LIST).bind(group_id.to_owned());
        self.list("list the roles of a group", statement, |row| {
            Ok(GroupRole {
                role: row.try_get("role")?,
                place: row.try_get("place")?,
            })
        })
        .await
    }

    /// Gives a group a role, false when it has it already; its members administer the account from then on.
    /// [`Conflict::GroupGone`].
    pub async fn add_group_role(&self, group_id: &str, role: GroupRole) -> Result<bool, Error> {
        let given = (group_id.to_owned(), role);
        self.pool
            .write(
                "give a group a role",
                Durability::Durable,
                given,
                |tx, (group, role)| Box::pin(bind_role(tx, group, role)),
            )
            .await
    }

    /// Adds a user to a group of its account, false when it is in there already; [`Conflict::UserGone`] when the
    /// account has no such user or group.
    pub async fn add_group_member(&self, group_id: &str, user_id: &str) -> Result<bool, Error> {
        const PAIR: &str = "SELECT 1 FROM user_groups g JOIN users u ON u.account_id = g.account_id \
             WHERE g.id = $1 AND u.id = $2";
        const INSERT: &str =
            "INSERT INTO group_members (group_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let member = (group_id.to_owned(), user_id.to_owned());
        self.pool
            .write(
                "add a group member",
                Durability::Durable,
                member,
                |tx, (group, user)| {
                    Box::pin(async move {
                        let pair = sqlx::query(PAIR).bind(group.clone()).bind(user.clone());
                        if pair.fetch_optional(&mut *tx).await?.is_none() {
                            return Err(Conflict::UserGone.into());
                        }
                        let insert = sqlx::query(INSERT).bind(group.clone()).bind(user.clone());
                        Ok(change(tx, insert).await.reference(Conflict::UserGone)? > 0)
                    })
                },
            )
            .await
    }

    /// Takes a user out of a group; false when it was not in there.
    pub async fn remove_group_member(&self, group_id: &str, user_id: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM group_members WHERE group_id = $1 AND user_id = $2";
        let (group, user) = (group_id.to_owned(), user_id.to_owned());
        let statement = move || sqlx::query(DELETE).bind(group.clone()).bind(user.clone());
        Ok(self
            .change("remove a group member", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// The members of a group by name.
    pub async fn list_group_members(&self, group_id: &str) -> Result<Vec<User>, Error> {
        const LIST: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM group_members gm JOIN users u ON u.id = gm.user_id JOIN accounts a ON a.id = u.account_id \
             WHERE gm.group_id = $1 ORDER BY u.name"
        );
        let statement = sqlx::query(LIST).bind(group_id.to_owned());
        self.list("list group members", statement, users::read).await
    }

    /// Deletes a group; its members stay users. False when there is no such group.
    pub async fn delete_group(&self, group_id: &str) -> Result<bool, Error> {
        let id = group_id.to_owned();
        let statement = move || sqlx::query("DELETE FROM user_groups WHERE id = $1").bind(id.clone());
        Ok(self
            .change("delete a group", Durability::Durable, statement)
            .await?
            > 0)
    }
}

/// Inserts the role and says so in the group's row.
async fn bind_role(tx: &mut Tx<'_>, group_id: &str, role: &GroupRole) -> Result<bool, Failure> {
    const INSERT: &str =
        "INSERT INTO group_roles (group_id, role, place) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    const TELL: &str = "UPDATE user_groups SET administrator = 1 WHERE id = $1";
    let insert = sqlx::query(INSERT)
        .bind(group_id.to_owned())
        .bind(role.role.clone())
        .bind(role.place.clone());
    let given = change(tx, insert).await.reference(Conflict::GroupGone)? > 0;
    change(tx, sqlx::query(TELL).bind(group_id.to_owned())).await?;
    Ok(given)
}

fn read(row: &AnyRow) -> Result<Group, Failure> {
    Ok(Group {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        administrator: row.try_get::<i64, _>("administrator")? != 0,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
    })
}
