//! Groups of users, which may give their members the administrator's role.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
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
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

impl Metadata {
    /// Creates a group; [`Conflict::GroupExists`], [`Conflict::AccountGone`].
    pub async fn create_group(&self, group: Group) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO user_groups (id, account_id, name, administrator, created_at) \
             VALUES ($1, $2, $3, $4, $5)";
        self.pool
            .write("create a group", Durability::Durable, group, |tx, group| {
                Box::pin(async move {
                    let insert = sqlx::query(INSERT)
                        .bind(group.id.clone())
                        .bind(group.account_id.clone())
                        .bind(group.name.clone())
                        .bind(i64::from(group.administrator))
                        .bind(group.created_at);
                    change(tx, insert)
                        .await
                        .unique(Conflict::GroupExists)
                        .reference(Conflict::AccountGone)?;
                    Ok(())
                })
            })
            .await
    }

    /// The group of that name in the account of that id.
    pub async fn group_by_name(&self, account_id: &str, name: &str) -> Result<Option<Group>, Error> {
        const FIND: &str = "SELECT id, account_id, name, administrator, created_at FROM user_groups \
             WHERE account_id = $1 AND name = $2";
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
        const LIST: &str = "SELECT id, account_id, name, administrator, created_at FROM user_groups \
             WHERE account_id = $1 AND name > $2 ORDER BY name LIMIT $3";
        let statement = sqlx::query(LIST)
            .bind(account_id.to_owned())
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list groups", statement, read).await
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

fn read(row: &AnyRow) -> Result<Group, Failure> {
    Ok(Group {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        administrator: row.try_get::<i64, _>("administrator")? != 0,
        created_at: row.try_get("created_at")?,
    })
}
