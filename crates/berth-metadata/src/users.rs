//! Users of an account and what they may sign in with.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use futures_util::FutureExt as _;
use sqlx::Row;
use sqlx::any::AnyRow;

/// How a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessType {
    /// With the password, in the console.
    Console,
    /// With access keys and login commands.
    Programmatic,
    /// Both ways.
    Both,
}

impl AccessType {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessType::Console => "console",
            AccessType::Programmatic => "programmatic",
            AccessType::Both => "both",
        }
    }

    fn read(text: &str) -> Result<AccessType, Failure> {
        match text {
            "console" => Ok(AccessType::Console),
            "programmatic" => Ok(AccessType::Programmatic),
            "both" => Ok(AccessType::Both),
            other => Err(Failure::Broken(format!("access type {other}"))),
        }
    }
}

/// A user with what follows from the groups it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// 32 lower-case hexadecimal digits.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// That account's name.
    pub account_name: String,
    /// Unique in the account.
    pub name: String,
    /// The password's hash, none when it has no password.
    pub password_hash: Option<String>,
    /// How it may sign in.
    pub access: AccessType,
    /// Administrator of the account, by its own flag or by a group.
    pub administrator: bool,
    /// Administrator by its own flag.
    pub own_administrator: bool,
    /// Whether it may sign in at all.
    pub enabled: bool,
    /// What it is for, in somebody's words; may be empty.
    pub description: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

/// A user to create.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// 32 lower-case hexadecimal digits.
    pub id: String,
    /// The account it belongs to.
    pub account_id: String,
    /// Unique in the account.
    pub name: String,
    /// The password's hash, none for no password.
    pub password_hash: Option<String>,
    /// How it may sign in.
    pub access: AccessType,
    /// Whether it is an administrator of the account by itself.
    pub administrator: bool,
    /// Whether it may sign in at all.
    pub enabled: bool,
    /// What it is for, in somebody's words; may be empty.
    pub description: String,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// The columns of a [`User`] under `u` and `a`, for a statement to be completed.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.account_id, a.name AS account_name, u.name AS user_name, u.password_hash, u.access, \
         u.administrator AS own_administrator, u.enabled AS user_enabled, u.created_at AS user_created_at, \
         u.description AS user_description, \
         CASE WHEN u.administrator = 1 OR EXISTS (SELECT 1 FROM group_members m \
           JOIN user_groups g ON g.id = m.group_id WHERE m.user_id = u.id AND g.administrator = 1) \
         THEN 1 ELSE 0 END AS administrator"
    };
}
pub(crate) use user_columns;

impl Metadata {
    /// Creates a user; [`Conflict::UserExists`], [`Conflict::AccountGone`].
    pub async fn create_user(&self, user: NewUser) -> Result<User, Error> {
        self.pool
            .write("create a user", Durability::Durable, user, |tx, user| {
                Box::pin(insert(tx, user))
            })
            .await
    }

    /// The user of that name in the account of that name.
    pub async fn user_by_name(&self, account: &str, name: &str) -> Result<Option<User>, Error> {
        const FIND: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM accounts a JOIN users u ON u.account_id = a.id WHERE a.name = $1 AND u.name = $2"
        );
        let statement = sqlx::query(FIND).bind(account.to_owned()).bind(name.to_owned());
        self.find("find a user", statement, read).await
    }

    /// The user of that id.
    pub async fn user_by_id(&self, id: &str) -> Result<Option<User>, Error> {
        const FIND: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.id = $1"
        );
        let found = || {
            let statement = sqlx::query(FIND).bind(id.to_owned());
            self.find("find a user", statement, read).boxed()
        };
        self.memory.users.get(&self.pool, id, found).await
    }

    /// At most `limit` users of an account by name, those after `last`.
    pub async fn list_users(
        &self,
        account_id: &str,
        last: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        const LIST: &str = concat!(
            "SELECT ",
            user_columns!(),
            " FROM users u JOIN accounts a ON a.id = u.account_id \
             WHERE u.account_id = $1 AND u.name > $2 ORDER BY u.name LIMIT $3"
        );
        let statement = sqlx::query(LIST)
            .bind(account_id.to_owned())
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list users", statement, read).await
    }

    /// Sets the password's hash, none for no password; false when there is no such user.
    pub async fn set_password_hash(&self, user_id: &str, hash: Option<&str>) -> Result<bool, Error> {
        const SET: &str = "UPDATE users SET password_hash = $2 WHERE id = $1";
        let (id, hash) = (user_id.to_owned(), hash.map(str::to_owned));
        let statement = move || sqlx::query(SET).bind(id.clone()).bind(hash.clone());
        Ok(self
            .change("set a password", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Gives a user a new password in place of the one with the hash `old`; false when it is not theirs any more.
    pub async fn replace_password_hash(&self, user_id: &str, old: &str, new: &str) -> Result<bool, Error> {
        const REPLACE: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        let values = [user_id.to_owned(), old.to_owned(), new.to_owned()];
        let statement = move || {
            values
                .iter()
                .cloned()
                .fold(sqlx::query(REPLACE), sqlx::query::Query::bind)
        };
        Ok(self
            .change("replace a password", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Lets a user sign in or not, whatever a sign-in provider says of them; false when there is no such user.
    pub async fn set_user_enabled(&self, user_id: &str, enabled: bool) -> Result<bool, Error> {
        const SET: &str = "UPDATE users SET enabled = $2 WHERE id = $1";
        self.pool
            .write(
                "enable or disable a user",
                Durability::Durable,
                user_id.to_owned(),
                move |tx, id| {
                    Box::pin(async move {
                        let set = sqlx::query(SET).bind(id.clone()).bind(i64::from(enabled));
                        decided_here(tx, id).await?;
                        Ok(change(tx, set).await? > 0)
                    })
                },
            )
            .await
    }

    /// Sets how a user may sign in; false when there is no such user.
    pub async fn set_user_access(&self, user_id: &str, access: AccessType) -> Result<bool, Error> {
        const SET: &str = "UPDATE users SET access = $2 WHERE id = $1";
        let id = user_id.to_owned();
        let statement = move || sqlx::query(SET).bind(id.clone()).bind(access.as_str());
        Ok(self
            .change("set a user's access type", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Sets whether a user is an administrator by itself; false when there is no such user.
    pub async fn set_user_administrator(&self, user_id: &str, administrator: bool) -> Result<bool, Error> {
        const SET: &str = "UPDATE users SET administrator = $2 WHERE id = $1";
        let id = user_id.to_owned();
        let statement = move || sqlx::query(SET).bind(id.clone()).bind(i64::from(administrator));
        Ok(self
            .change("set whether a user administers", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Deletes a user with its keys, logins, memberships and grants; false when there is no such user.
    pub async fn delete_user(&self, user_id: &str) -> Result<bool, Error> {
        let id = user_id.to_owned();
        let statement = move || sqlx::query("DELETE FROM users WHERE id = $1").bind(id.clone());
        Ok(self
            .change("delete a user", Durability::Durable, statement)
            .await?
            > 0)
    }
}

/// Notes that whether a user is let in was decided here: no sign-in lets them in again.
pub(crate) async fn decided_here(tx: &mut Tx<'_>, user_id: &str) -> Result<(), Failure> {
    const DECIDED: &str = "UPDATE identities SET lapsed_at = NULL WHERE user_id = $1";
    change(tx, sqlx::query(DECIDED).bind(user_id.to_owned())).await?;
    Ok(())
}

/// Inserts the user's row and reads it back.
pub(crate) async fn insert(tx: &mut Tx<'_>, user: &NewUser) -> Result<User, Failure> {
    const INSERT: &str = "INSERT INTO users \
         (id, account_id, name, password_hash, access, administrator, enabled, created_at, description) \
         VALUES ($1, $2, $3, $4, $5, $6, $9, $7, $8)";
    const ACCOUNT: &str = "SELECT name FROM accounts WHERE id = $1";
    let insert = sqlx::query(INSERT)
        .bind(user.id.clone())
        .bind(user.account_id.clone())
        .bind(user.name.clone())
        .bind(user.password_hash.clone())
        .bind(user.access.as_str())
        .bind(i64::from(user.administrator))
        .bind(user.now)
        .bind(user.description.clone())
        .bind(i64::from(user.enabled));
    change(tx, insert)
        .await
        .unique(Conflict::UserExists)
        .reference(Conflict::AccountGone)?;
    let account_name = sqlx::query(ACCOUNT)
        .bind(user.account_id.clone())
        .fetch_one(tx)
        .await?
        .try_get(0)?;
    Ok(User {
        id: user.id.clone(),
        account_id: user.account_id.clone(),
        account_name,
        name: user.name.clone(),
        password_hash: user.password_hash.clone(),
        access: user.access,
        administrator: user.administrator,
        own_administrator: user.administrator,
        enabled: user.enabled,
        description: user.description.clone(),
        created_at: user.now,
    })
}

/// A [`User`] out of a row with [`user_columns`].
pub(crate) fn read(row: &AnyRow) -> Result<User, Failure> {
    Ok(User {
        id: row.try_get("user_id")?,
        account_id: row.try_get("account_id")?,
        account_name: row.try_get("account_name")?,
        name: row.try_get("user_name")?,
        password_hash: row.try_get("password_hash")?,
        access: AccessType::read(row.try_get("access")?)?,
        administrator: row.try_get::<i64, _>("administrator")? != 0,
        own_administrator: row.try_get::<i64, _>("own_administrator")? != 0,
        enabled: row.try_get::<i64, _>("user_enabled")? != 0,
        description: row.try_get("user_description")?,
        created_at: row.try_get("user_created_at")?,
    })
}
