//! Clusters that an account's triggers act on. Knows no cryptography: logins arrive sealed.

use crate::Metadata;
use crate::accounts;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
use crate::sql::{Meaning, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A cluster that an account's triggers may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The row; 0 before it is stored.
    pub id: i64,
    /// Whose it is.
    pub account_id: String,
    /// The id that triggers name it by.
    pub cluster_id: String,
    /// The name that people know it by.
    pub name: String,
    /// The address of its API server.
    pub server: String,
    /// Certificates in PEM that its server is trusted by; empty for those that the machine trusts.
    pub certificate_authority: String,
    /// What `credential_encrypted` holds, in the caller's words.
    pub credential_kind: String,
    /// What Berth signs in with, sealed by the caller.
    pub credential_encrypted: Vec<u8>,
    /// Where it is looked at; nothing stands for the whole cluster.
    pub namespaces: Vec<String>,
    /// What the last check found.
    pub check: ClusterCheck,
    /// Milliseconds since the epoch: when what runs there was last known whole, if ever.
    pub looked_at: Option<i64>,
    /// Why what runs there is not known since; empty when it is.
    pub look_problem: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; grows with each change.
    pub updated_at: i64,
}

/// What a check of a cluster found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterCheck {
    /// Milliseconds since the epoch; none when it was never checked as it is now.
    pub at: Option<i64>,
    /// The version of its server; empty when it never told.
    pub version: String,
    /// What is wrong, as a sentence; empty when nothing is.
    pub problem: String,
}

macro_rules! cluster_columns {
    () => {
        "SELECT id, account_id, cluster_id, name, server, certificate_authority, token_encrypted, credential_kind, \
         namespaces, version, checked_at, problem, looked_at, look_problem, created_at, updated_at FROM clusters "
    };
}

impl Metadata {
    /// Stores a cluster, at most `limit` of one account; [`Conflict::Taken`] when the account has one of that id or
    /// name, [`Conflict::TooMany`], [`Conflict::AccountGone`].
    pub async fn create_cluster(&self, cluster: Cluster, limit: i64) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO clusters (account_id, cluster_id, name, server, certificate_authority, \
             token_encrypted, created_at, updated_at, credential_kind, namespaces, version, checked_at, problem) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12)";
        const COUNT: &str = "SELECT COUNT(*) FROM clusters WHERE account_id = $1";
        self.pool
            .write(
                "store a cluster",
                Durability::Durable,
                cluster,
                move |tx, cluster| {
                    Box::pin(async move {
                        accounts::lock_below(tx, &cluster.account_id, COUNT, limit).await?;
                        let insert = sqlx::query(INSERT)
                            .bind(cluster.account_id.clone())
                            .bind(cluster.cluster_id.clone())
                            .bind(cluster.name.clone())
                            .bind(cluster.server.clone())
                            .bind(cluster.certificate_authority.clone())
                            .bind(cluster.credential_encrypted.clone())
                            .bind(cluster.created_at)
                            .bind(cluster.credential_kind.clone())
                            .bind(cluster.namespaces.join(","))
                            .bind(cluster.check.version.clone())
                            .bind(cluster.check.at)
                            .bind(cluster.check.problem.clone());
                        change(tx, insert).await.unique(Conflict::Taken)?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// An account's cluster of that id.
    pub async fn cluster(&self, account_id: &str, cluster_id: &str) -> Result<Option<Cluster>, Error> {
        const FIND: &str = concat!(cluster_columns!(), "WHERE account_id = $1 AND cluster_id = $2");
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(cluster_id.to_owned());
        self.find("find a cluster", statement, read).await
    }

    /// An account's clusters by name; [`Metadata::create_cluster`] bounds them.
    pub async fn list_clusters(&self, account_id: &str) -> Result<Vec<Cluster>, Error> {
        const LIST: &str = concat!(cluster_columns!(), "WHERE account_id = $1 ORDER BY name");
        self.list(
            "list clusters",
            sqlx::query(LIST).bind(account_id.to_owned()),
            read,
        )
        .await
    }

    /// Puts `cluster` in the place of the row that was read with it and changed at `read_at`; [`Conflict::Changed`]
    /// when it is gone or another request changed it since, [`Conflict::Taken`] when its new name is.
    pub async fn update_cluster(&self, cluster: Cluster, read_at: i64) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE clusters SET name = $3, server = $4, certificate_authority = $5, \
             token_encrypted = $6, updated_at = $7, credential_kind = $8, namespaces = $9, version = $10, \
             checked_at = $11, problem = $12 WHERE id = $1 AND updated_at = $2";
        self.pool
            .write(
                "change a cluster",
                Durability::Durable,
                cluster,
                move |tx, cluster| {
                    Box::pin(async move {
                        let update = sqlx::query(UPDATE)
                            .bind(cluster.id)
                            .bind(read_at)
                            .bind(cluster.name.clone())
                            .bind(cluster.server.clone())
                            .bind(cluster.certificate_authority.clone())
                            .bind(cluster.credential_encrypted.clone())
                            .bind(cluster.updated_at)
                            .bind(cluster.credential_kind.clone())
                            .bind(cluster.namespaces.join(","))
                            .bind(cluster.check.version.clone())
                            .bind(cluster.check.at)
                            .bind(cluster.check.problem.clone());
                        match change(tx, update).await.unique(Conflict::Taken)? {
                            0 => Err(Conflict::Changed.into()),
                            _ => Ok(()),
                        }
                    })
                },
            )
            .await
    }

    /// Notes what a check found of a cluster as it was at `read_at`; nothing when it was changed since.
    pub async fn note_cluster_check(&self, id: i64, read_at: i64, check: ClusterCheck) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE clusters SET version = $3, checked_at = $4, problem = $5 \
             WHERE id = $1 AND updated_at = $2";
        let statement = move || {
            sqlx::query(UPDATE)
                .bind(id)
                .bind(read_at)
                .bind(check.version.clone())
                .bind(check.at)
                .bind(check.problem.clone())
        };
        self.change("note the check of a cluster", Durability::Durable, statement)
            .await
            .map(drop)
    }

    /// The cluster of that row.
    pub async fn cluster_by_row(&self, id: i64) -> Result<Option<Cluster>, Error> {
        const FIND: &str = concat!(cluster_columns!(), "WHERE id = $1");
        self.find("find a cluster by its row", sqlx::query(FIND).bind(id), read)
            .await
    }

    /// Clusters of all accounts in the order of their rows, `limit` at most, beyond the row `after`.
    pub async fn clusters_after(&self, after: i64, limit: i64) -> Result<Vec<Cluster>, Error> {
        const LIST: &str = concat!(cluster_columns!(), "WHERE id > $1 ORDER BY id LIMIT $2");
        let statement = sqlx::query(LIST).bind(after).bind(limit);
        self.list("list all clusters", statement, read).await
    }

    /// The first of an account's clusters by name whose whole was not seen since `seen_since`.
    pub async fn unseen_cluster(&self, account_id: &str, seen_since: i64) -> Result<Option<String>, Error> {
        const FIND: &str = "SELECT name FROM clusters WHERE account_id = $1 \
             AND (looked_at IS NULL OR looked_at < $2) ORDER BY name LIMIT 1";
        let find = sqlx::query(FIND).bind(account_id.to_owned()).bind(seen_since);
        self.find("find a cluster that is not seen", find, |row| Ok(row.try_get(0)?))
            .await
    }

    /// Deletes a cluster, false when the account has none of that id; [`Conflict::InUse`] while a trigger names it.
    pub async fn delete_cluster(&self, account_id: &str, cluster_id: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM clusters WHERE account_id = $1 AND cluster_id = $2";
        // Nobody sees the triggers of an image in the bin, so they stand in nobody's way.
        const FORGET: &str = "DELETE FROM triggers WHERE cluster IN \
             (SELECT c.id FROM clusters c WHERE c.account_id = $1 AND c.cluster_id = $2) \
             AND repository_id IN (SELECT r.id FROM repositories r WHERE r.listed = 2)";
        let input = (account_id.to_owned(), cluster_id.to_owned());
        self.pool
            .write(
                "delete a cluster",
                Durability::Durable,
                input,
                |tx, (account_id, cluster_id)| {
                    let delete = sqlx::query(DELETE)
                        .bind(account_id.clone())
                        .bind(cluster_id.clone());
                    let forget = sqlx::query(FORGET)
                        .bind(account_id.clone())
                        .bind(cluster_id.clone());
                    Box::pin(async move {
                        change(tx, forget).await?;
                        Ok(change(tx, delete).await.reference(Conflict::InUse)? > 0)
                    })
                },
            )
            .await
    }
}

fn read(row: &AnyRow) -> Result<Cluster, Failure> {
    Ok(Cluster {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        cluster_id: row.try_get("cluster_id")?,
        name: row.try_get("name")?,
        server: row.try_get("server")?,
        certificate_authority: row.try_get("certificate_authority")?,
        credential_kind: row.try_get("credential_kind")?,
        credential_encrypted: row.try_get("token_encrypted")?,
        namespaces: row
            .try_get::<String, _>("namespaces")?
            .split_terminator(',')
            .map(str::to_owned)
            .collect(),
        check: ClusterCheck {
            at: row.try_get("checked_at")?,
            version: row.try_get("version")?,
            problem: row.try_get("problem")?,
        },
        looked_at: row.try_get("looked_at")?,
        look_problem: row.try_get("look_problem")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
