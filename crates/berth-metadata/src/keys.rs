//! Access keys and the temporary logins made with them. Knows no cryptography: secrets arrive sealed or hashed.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first};
use crate::users::{self, User, user_columns};
use futures_util::FutureExt as _;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A long-lived key of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The public id (AK).
    pub access_key_id: String,
    /// Whose key it is.
    pub user_id: String,
    /// The secret (SK), sealed by the caller.
    pub secret_encrypted: Vec<u8>,
    /// Whether it works now.
    pub enabled: bool,
    /// What it is for, in somebody's words; may be empty.
    pub description: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch, none when it was never used.
    pub last_used_at: Option<i64>,
    /// Milliseconds since the epoch, none for ever.
    pub expires_at: Option<i64>,
}

/// A login that ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryLogin {
    /// The temporary AK.
    pub id: String,
    /// Who it logs in.
    pub user_id: String,
    /// SHA-256 of its key.
    pub secret_hash: Vec<u8>,
    /// The access key that it was made with, whose end is its end too.
    pub made_with: Option<String>,
    /// The fingerprint of the password that it was made with, whose end is its end too.
    pub password_fingerprint: Option<String>,
    /// The project that its user name begins with.
    pub project: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

/// A temporary login that was given out, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenLogin {
    /// The temporary AK.
    pub id: String,
    /// The project that its user name begins with.
    pub project: String,
    /// The access key that it was made with, whose end is its end too.
    pub made_with: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Metadata {
    /// Stores a new access key of a user who has less than `limit`; [`Conflict::AccessKeyExists`],
    /// [`Conflict::UserGone`], [`Conflict::TooMany`].
    pub async fn create_access_key(&self, key: AccessKey, limit: i64) -> Result<(), Error> {
        // The lock orders this with other keys of the user.
        const LOCK: &str = "UPDATE users SET enabled = enabled WHERE id = $1";
        const COUNT: &str = "SELECT COUNT(*) FROM access_keys WHERE user_id = $1";
        self.pool
            .write(
                "create an access key",
                Durability::Durable,
                key,
                move |tx, key| {
                    Box::pin(async move {
                        if change(tx, sqlx::query(LOCK).bind(key.user_id.clone())).await? == 0 {
                            return Err(Conflict::UserGone.into());
                        }
                        let count = first(tx, sqlx::query(COUNT).bind(key.user_id.clone())).await?;
                        let count = count.map(|row| row.try_get::<i64, _>(0)).transpose()?;
                        if count.unwrap_or_default() >= limit {
                            return Err(Conflict::TooMany.into());
                        }
                        insert(tx, key).await
                    })
                },
            )
            .await
    }

    /// The access key of that id and its user, whatever their state.
    pub async fn access_key(&self, access_key_id: &str) -> Result<Option<(AccessKey, User)>, Error> {
        const FIND: &str = concat!(
            "SELECT k.access_key_id, k.user_id, k.secret_encrypted, k.enabled, k.created_at, k.last_used_at, \
             k.expires_at, k.description, ",
            user_columns!(),
            " FROM access_keys k JOIN users u ON u.id = k.user_id JOIN accounts a ON a.id = u.account_id \
             WHERE k.access_key_id = $1"
        );
        let found = || {
            let statement = sqlx::query(FIND).bind(access_key_id.to_owned());
            let read = |row: &AnyRow| Ok((access_key(row)?, users::read(row)?));
            self.find("find an access key", statement, read).boxed()
        };
        self.memory
            .access_keys
            .get(&self.pool, access_key_id, found)
            .await
    }

    /// The access keys of a user by id.
    pub async fn list_access_keys(&self, user_id: &str) -> Result<Vec<AccessKey>, Error> {
        const LIST: &str = "SELECT access_key_id, user_id, secret_encrypted, enabled, created_at, last_used_at, \
             expires_at, description FROM access_keys WHERE user_id = $1 ORDER BY access_key_id";
        self.list(
            "list access keys",
            sqlx::query(LIST).bind(user_id.to_owned()),
            access_key,
        )
        .await
    }

    /// Lets a key work or not; false when there is no such key.
    pub async fn set_access_key_enabled(&self, access_key_id: &str, enabled: bool) -> Result<bool, Error> {
        const SET: &str = "UPDATE access_keys SET enabled = $2 WHERE access_key_id = $1";
        let id = access_key_id.to_owned();
        let statement = move || sqlx::query(SET).bind(id.clone()).bind(i64::from(enabled));
        Ok(self
            .change("enable or disable an access key", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Sets whether a key works and what it is for, each unless absent; false when there is no such key.
    pub async fn update_access_key(
        &self,
        access_key_id: &str,
        enabled: Option<bool>,
        description: Option<&str>,
    ) -> Result<bool, Error> {
        const SET: &str = "UPDATE access_keys SET enabled = COALESCE($2, enabled), \
             description = COALESCE($3, description) WHERE access_key_id = $1";
        let (id, description) = (access_key_id.to_owned(), description.map(str::to_owned));
        let enabled = enabled.map(i64::from);
        let statement = move || {
            sqlx::query(SET)
                .bind(id.clone())
                .bind(enabled)
                .bind(description.clone())
        };
        Ok(self
            .change("change an access key", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Notes when a key was used, unless a later use is noted; may be lost in a power cut.
    pub async fn touch_access_key(&self, access_key_id: &str, now: i64) -> Result<(), Error> {
        const SET: &str = "UPDATE access_keys SET last_used_at = $2 \
             WHERE access_key_id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
        let id = access_key_id.to_owned();
        let statement = move || sqlx::query(SET).bind(id.clone()).bind(now);
        self.change("note the use of an access key", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Deletes a key and the temporary logins made with it; false when there is no such key.
    pub async fn delete_access_key(&self, access_key_id: &str) -> Result<bool, Error> {
        let id = access_key_id.to_owned();
        let statement =
            move || sqlx::query("DELETE FROM access_keys WHERE access_key_id = $1").bind(id.clone());
        Ok(self
            .change("delete an access key", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Stores a temporary login; [`Conflict::AccessKeyExists`], [`Conflict::AccessKeyGone`] when its user or the key
    /// that it is made with is gone.
    pub async fn create_temporary_login(&self, login: TemporaryLogin) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO temporary_logins \
             (id, user_id, secret_hash, made_with, project, created_at, expires_at, password_fingerprint) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        self.pool
            .write(
                "create a temporary login",
                Durability::Durable,
                login,
                |tx, login| {
                    Box::pin(async move {
                        let insert = sqlx::query(INSERT)
                            .bind(login.id.clone())
                            .bind(login.user_id.clone())
                            .bind(login.secret_hash.clone())
                            .bind(login.made_with.clone())
                            .bind(login.project.clone())
                            .bind(login.created_at)
                            .bind(login.expires_at)
                            .bind(login.password_fingerprint.clone());
                        change(tx, insert)
                            .await
                            .unique(Conflict::AccessKeyExists)
                            .reference(Conflict::AccessKeyGone)?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// The temporary login of that id, its user, and whether the key that it was made with is enabled (true when it
    /// was made without one).
    pub async fn temporary_login(&self, id: &str) -> Result<Option<(TemporaryLogin, User, bool)>, Error> {
        const FIND: &str = concat!(
            "SELECT t.id, t.user_id, t.secret_hash, t.made_with, t.project, t.created_at, t.expires_at, \
             t.password_fingerprint, \
             COALESCE(k.enabled, 1) AS made_with_enabled, ",
            user_columns!(),
            " FROM temporary_logins t JOIN users u ON u.id = t.user_id JOIN accounts a ON a.id = u.account_id \
             LEFT JOIN access_keys k ON k.access_key_id = t.made_with WHERE t.id = $1"
        );
        let found = || {
            let statement = sqlx::query(FIND).bind(id.to_owned());
            let read = |row: &AnyRow| {
                let enabled = row.try_get::<i64, _>("made_with_enabled")? != 0;
                Ok((temporary_login(row)?, users::read(row)?, enabled))
            };
            self.find("find a temporary login", statement, read).boxed()
        };
        let key = id.to_owned();
        self.memory.temporary_logins.get(&self.pool, &key, found).await
    }

    /// A user's temporary logins that are good after `now`, the one that ends last first; at most `limit`.
    pub async fn temporary_logins_of(
        &self,
        user_id: &str,
        now: i64,
        limit: i64,
    ) -> Result<Vec<GivenLogin>, Error> {
        const LIST: &str = "SELECT id, project, made_with, created_at, expires_at FROM temporary_logins \
             WHERE user_id = $1 AND expires_at > $2 ORDER BY expires_at DESC, id LIMIT $3";
        let statement = sqlx::query(LIST).bind(user_id.to_owned()).bind(now).bind(limit);
        self.list("list temporary logins", statement, |row| {
            Ok(GivenLogin {
                id: row.try_get(0)?,
                project: row.try_get(1)?,
                made_with: row.try_get(2)?,
                created_at: row.try_get(3)?,
                expires_at: row.try_get(4)?,
            })
        })
        .await
    }

    /// Deletes at most `limit` temporary logins that ended before `now` and answers how many.
    pub async fn delete_expired_temporary_logins(&self, now: i64, limit: i64) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM temporary_logins WHERE id IN \
             (SELECT id FROM temporary_logins WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        let statement = move || sqlx::query(DELETE).bind(now).bind(limit);
        self.change("delete expired temporary logins", Durability::Relaxed, statement)
            .await
    }
}

/// Inserts the key's row.
pub(crate) async fn insert(tx: &mut Tx<'_>, key: &AccessKey) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO access_keys \
         (access_key_id, user_id, secret_encrypted, enabled, created_at, last_used_at, expires_at, description) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let insert = sqlx::query(INSERT)
        .bind(key.access_key_id.clone())
        .bind(key.user_id.clone())
        .bind(key.secret_encrypted.clone())
        .bind(i64::from(key.enabled))
        .bind(key.created_at)
        .bind(key.last_used_at)
        .bind(key.expires_at)
        .bind(key.description.clone());
    change(tx, insert)
        .await
        .unique(Conflict::AccessKeyExists)
        .reference(Conflict::UserGone)?;
    Ok(())
}

fn access_key(row: &AnyRow) -> Result<AccessKey, Failure> {
    Ok(AccessKey {
        access_key_id: row.try_get("access_key_id")?,
        user_id: row.try_get("user_id")?,
        secret_encrypted: row.try_get("secret_encrypted")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        description: row.try_get("description")?,
        created_at: row.try_get("created_at")?,
        last_used_at: row.try_get("last_used_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}

fn temporary_login(row: &AnyRow) -> Result<TemporaryLogin, Failure> {
    Ok(TemporaryLogin {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        secret_hash: row.try_get("secret_hash")?,
        made_with: row.try_get("made_with")?,
        password_fingerprint: row.try_get("password_fingerprint")?,
        project: row.try_get("project")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
    })
}
