//! Access keys that end by themselves and are used together with a security token.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::Durability;
use crate::sql::{Meaning, change};
use crate::users::{self, User, user_columns};
use sqlx::Row;

/// A temporary access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryKey {
    /// The public id (AK).
    pub access_key_id: String,
    /// Whose key it is.
    pub user_id: String,
    /// The secret (SK), sealed by the caller.
    pub secret_encrypted: Vec<u8>,
    /// SHA-256 of its security token.
    pub token_hash: Vec<u8>,
    /// The access key that it was made with, whose end is its end too.
    pub made_with: Option<String>,
    /// The fingerprint of the password that it was made with, whose end is its end too.
    pub password_fingerprint: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Metadata {
    /// Stores a temporary key; [`Conflict::AccessKeyExists`], [`Conflict::AccessKeyGone`] when its user or the key that
    /// it is made with is gone.
    pub async fn create_temporary_key(&self, key: TemporaryKey) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO temporary_keys (access_key_id, user_id, secret_encrypted, token_hash, \
             made_with, password_fingerprint, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        self.pool
            .write("create a temporary key", Durability::Durable, key, |tx, key| {
                Box::pin(async move {
                    let insert = sqlx::query(INSERT)
                        .bind(key.access_key_id.clone())
                        .bind(key.user_id.clone())
                        .bind(key.secret_encrypted.clone())
                        .bind(key.token_hash.clone())
                        .bind(key.made_with.clone())
                        .bind(key.password_fingerprint.clone())
                        .bind(key.created_at)
                        .bind(key.expires_at);
                    change(tx, insert)
                        .await
                        .unique(Conflict::AccessKeyExists)
                        .reference(Conflict::AccessKeyGone)?;
                    Ok(())
                })
            })
            .await
    }

    /// The temporary key of that id, its user, and whether the access key that it was made with is enabled (true when
    /// it was made without one).
    pub async fn temporary_key(
        &self,
        access_key_id: &str,
    ) -> Result<Option<(TemporaryKey, User, bool)>, Error> {
        const FIND: &str = concat!(
            "SELECT t.access_key_id, t.user_id, t.secret_encrypted, t.token_hash, t.made_with, \
             t.password_fingerprint, t.created_at, t.expires_at, COALESCE(k.enabled, 1) AS made_with_enabled, ",
            user_columns!(),
            " FROM temporary_keys t JOIN users u ON u.id = t.user_id JOIN accounts a ON a.id = u.account_id \
             LEFT JOIN access_keys k ON k.access_key_id = t.made_with WHERE t.access_key_id = $1"
        );
        let statement = sqlx::query(FIND).bind(access_key_id.to_owned());
        self.find("find a temporary key", statement, |row| {
            let key = TemporaryKey {
                access_key_id: row.try_get("access_key_id")?,
                user_id: row.try_get("user_id")?,
                secret_encrypted: row.try_get("secret_encrypted")?,
                token_hash: row.try_get("token_hash")?,
                made_with: row.try_get("made_with")?,
                password_fingerprint: row.try_get("password_fingerprint")?,
                created_at: row.try_get("created_at")?,
                expires_at: row.try_get("expires_at")?,
            };
            let enabled = row.try_get::<i64, _>("made_with_enabled")? != 0;
            Ok((key, users::read(row)?, enabled))
        })
        .await
    }

    /// Deletes at most `limit` temporary keys that ended before `now` and answers how many.
    pub async fn delete_expired_temporary_keys(&self, now: i64, limit: i64) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM temporary_keys WHERE access_key_id IN \
             (SELECT access_key_id FROM temporary_keys WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        let statement = move || sqlx::query(DELETE).bind(now).bind(limit);
        self.change("delete expired temporary keys", Durability::Relaxed, statement)
            .await
    }
}
