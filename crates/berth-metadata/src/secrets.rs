//! The keys that sign tokens, sealed by the caller.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure};
use crate::sql::{change, first};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// The key id that tokens name.
    pub id: String,
    /// The private key, sealed.
    pub private_encrypted: Vec<u8>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

const LIST: &str = "SELECT id, private_encrypted, created_at FROM signing_keys ORDER BY created_at, id";

impl Metadata {
    /// Every signing key, oldest first.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        self.list("list signing keys", sqlx::query(LIST), read).await
    }

    /// Stores the first signing key unless there is one, and answers the one that stands: replicas that start
    /// together agree.
    pub async fn insert_signing_key_if_none(&self, key: SigningKeyRow) -> Result<SigningKeyRow, Error> {
        // The row of `instance_values` lets one replica pass at a time; a table without rows has nothing to lock.
        const CLAIM: &str = "INSERT INTO instance_values (name, value) VALUES ('first_signing_key', $1) \
             ON CONFLICT (name) DO UPDATE SET value = instance_values.value";
        const INSERT: &str =
            "INSERT INTO signing_keys (id, private_encrypted, created_at) VALUES ($1, $2, $3)";
        self.pool
            .write("store a signing key", Durability::Durable, key, |tx, key| {
                Box::pin(async move {
                    change(tx, sqlx::query(CLAIM).bind(key.id.clone())).await?;
                    if let Some(row) = first(tx, sqlx::query(LIST)).await? {
                        return read(&row);
                    }
                    let insert = sqlx::query(INSERT)
                        .bind(key.id.clone())
                        .bind(key.private_encrypted.clone())
                        .bind(key.created_at);
                    change(tx, insert).await?;
                    Ok(key.clone())
                })
            })
            .await
    }
}

fn read(row: &AnyRow) -> Result<SigningKeyRow, Failure> {
    Ok(SigningKeyRow {
        id: row.try_get("id")?,
        private_encrypted: row.try_get("private_encrypted")?,
        created_at: row.try_get("created_at")?,
    })
}
