//! Mirrors: organisations that stand for another registry. Knows no cryptography: logins arrive sealed.

use crate::Metadata;
use crate::accounts;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
use crate::sql::{Meaning, Statement, change};
use sqlx::Row;
use sqlx::any::AnyRow;

mod pulled;
mod rounds;

pub use held::HeldImage;
pub use pulled::MirrorFigures;
pub use rounds::{MirrorRound, RoundDid};

/// A mirror of another registry in one organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The row; 0 before it is stored.
    pub id: i64,
    /// Whose it is.
    pub account_id: String,
    /// Its name.
    pub name: String,
    /// The organisation that holds what is fetched.
    pub organization_id: i64,
    /// That organisation's name.
    pub organization: String,
    /// The mirrored registry as image references name it, such as `docker.io`.
    pub registry: String,
    /// The address that it is fetched from.
    pub url: String,
    /// What the account logs in there with, sealed by the caller; none for nothing.
    pub login_encrypted: Option<Vec<u8>>,
    /// Whether it fetches.
    pub enabled: bool,
    /// What its administrators want of it.
    pub rules: MirrorRules,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; grows with each change.
    pub updated_at: i64,
}

/// What a mirror's administrators want of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorRules {
    /// Whether everybody may pull from it, and have it fetch.
    pub public: bool,
    /// Seconds for which a tag is taken to name what it named when it was last looked at there; none for the
    /// installation's.
    pub recheck_seconds: Option<i64>,
    /// Bytes that its images may take before those go that nobody pulled for longest; none for no bound.
    pub bytes_max: Option<i64>,
    /// Images that stay all the same, as patterns.
    pub keep: Vec<String>,
    /// Images that are fetched before somebody pulls them, as patterns.
    pub prefetch: Vec<String>,
    /// Certificates that the mirrored registry's is checked with, as PEM; empty for those that the machine trusts.
    pub certificate_authority: String,
}

macro_rules! mirror_columns {
    () => {
        "SELECT m.id, m.account_id, m.name, m.organization_id, o.name AS organization, m.registry, m.url, \
         m.login_encrypted, m.enabled, m.public, m.recheck_seconds, m.bytes_max, m.keep, m.prefetch, \
         m.certificate_authority, m.created_at, m.updated_at \
         FROM mirrors m JOIN organizations o ON o.id = m.organization_id "
    };
}

mod held;

impl Metadata {
    /// Stores a mirror, at most `limit` of one account; [`Conflict::Taken`] when the account has one of that name or
    /// the organisation is a mirror already, [`Conflict::TooMany`], [`Conflict::AccountGone`],
    /// [`Conflict::OrganizationGone`].
    pub async fn create_mirror(&self, mirror: Mirror, limit: i64) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO mirrors (account_id, name, organization_id, registry, url, login_encrypted, \
             enabled, public, recheck_seconds, bytes_max, keep, prefetch, certificate_authority, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)";
        const COUNT: &str = "SELECT COUNT(*) FROM mirrors WHERE account_id = $1";
        self.pool
            .write(
                "store a mirror",
                Durability::Durable,
                mirror,
                move |tx, mirror| {
                    Box::pin(async move {
                        accounts::lock_below(tx, &mirror.account_id, COUNT, limit).await?;
                        let insert = sqlx::query(INSERT)
                            .bind(mirror.account_id.clone())
                            .bind(mirror.name.clone())
                            .bind(mirror.organization_id)
                            .bind(mirror.registry.clone())
                            .bind(mirror.url.clone())
                            .bind(mirror.login_encrypted.clone())
                            .bind(i64::from(mirror.enabled));
                        let insert = with_rules(insert, &mirror.rules).bind(mirror.created_at);
                        change(tx, insert)
                            .await
                            .unique(Conflict::Taken)
                            .reference(Conflict::OrganizationGone)?;
                        Ok(())
                    })
                },
            )
            .await
    }

    /// An account's mirror of that name.
    pub async fn mirror(&self, account_id: &str, name: &str) -> Result<Option<Mirror>, Error> {
        const FIND: &str = concat!(mirror_columns!(), "WHERE m.account_id = $1 AND m.name = $2");
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(name.to_owned());
        self.find("find a mirror", statement, read).await
    }

    /// The mirror that an organisation is, if it is one.
    pub async fn mirror_of_organization(&self, organization_id: i64) -> Result<Option<Mirror>, Error> {
        const FIND: &str = concat!(mirror_columns!(), "WHERE m.organization_id = $1");
        let statement = sqlx::query(FIND).bind(organization_id);
        self.find("find a mirror", statement, read).await
    }

    /// An account's mirrors by name; [`Metadata::create_mirror`] bounds them.
    pub async fn list_mirrors(&self, account_id: &str) -> Result<Vec<Mirror>, Error> {
        const LIST: &str = concat!(mirror_columns!(), "WHERE m.account_id = $1 ORDER BY m.name");
        self.list(
            "list mirrors",
            sqlx::query(LIST).bind(account_id.to_owned()),
            read,
        )
        .await
    }

    /// The organisation of the oldest enabled mirror of `registry` that the first account has.
    pub async fn mirror_for_clients(&self, registry: &str) -> Result<Option<String>, Error> {
        const FIND: &str = "SELECT o.name FROM mirrors m JOIN organizations o ON o.id = m.organization_id \
             WHERE m.registry = $1 AND m.enabled = 1 \
             AND m.account_id = (SELECT id FROM accounts ORDER BY created_at, name LIMIT 1) \
             ORDER BY m.id LIMIT 1";
        let statement = sqlx::query(FIND).bind(registry.to_owned());
        let name = |row: &AnyRow| Ok(row.try_get(0)?);
        self.find("find the mirror of a registry", statement, name).await
    }

    /// Puts `mirror` in the place of the row that was read with it and changed at `read_at`, all but its name and
    /// organisation; [`Conflict::Changed`] when it is gone or another request changed it since.
    pub async fn update_mirror(&self, mirror: Mirror, read_at: i64) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE mirrors SET registry = $3, url = $4, login_encrypted = $5, enabled = $6, \
             public = $7, recheck_seconds = $8, bytes_max = $9, keep = $10, prefetch = $11, certificate_authority = $12, \
             updated_at = $13 WHERE id = $1 AND updated_at = $2";
        let statement = move || {
            let update = sqlx::query(UPDATE)
                .bind(mirror.id)
                .bind(read_at)
                .bind(mirror.registry.clone())
                .bind(mirror.url.clone())
                .bind(mirror.login_encrypted.clone())
                .bind(i64::from(mirror.enabled));
            with_rules(update, &mirror.rules).bind(mirror.updated_at)
        };
        match self
            .change("change a mirror", Durability::Durable, statement)
            .await?
        {
            0 => Err(Conflict::Changed.into()),
            _ => Ok(()),
        }
    }

    /// Deletes a mirror, not what it fetched; false when the account has none of that name.
    pub async fn delete_mirror(&self, account_id: &str, name: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM mirrors WHERE account_id = $1 AND name = $2";
        let (account_id, name) = (account_id.to_owned(), name.to_owned());
        let statement = move || sqlx::query(DELETE).bind(account_id.clone()).bind(name.clone());
        Ok(self
            .change("delete a mirror", Durability::Durable, statement)
            .await?
            > 0)
    }
}

fn read(row: &AnyRow) -> Result<Mirror, Failure> {
    Ok(Mirror {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        organization_id: row.try_get("organization_id")?,
        organization: row.try_get("organization")?,
        registry: row.try_get("registry")?,
        url: row.try_get("url")?,
        login_encrypted: row.try_get("login_encrypted")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        rules: MirrorRules {
            public: row.try_get::<i64, _>("public")? != 0,
            recheck_seconds: row.try_get("recheck_seconds")?,
            bytes_max: row.try_get("bytes_max")?,
            keep: patterns(row, "keep")?,
            prefetch: patterns(row, "prefetch")?,
            certificate_authority: row.try_get("certificate_authority")?,
        },
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn with_rules(statement: Statement, rules: &MirrorRules) -> Statement {
    statement
        .bind(i64::from(rules.public))
        .bind(rules.recheck_seconds)
        .bind(rules.bytes_max)
        .bind(rules.keep.join("\n"))
        .bind(rules.prefetch.join("\n"))
        .bind(rules.certificate_authority.clone())
}

fn patterns(row: &AnyRow, column: &str) -> Result<Vec<String>, Failure> {
    let text: String = row.try_get(column)?;
    Ok(text.lines().map(str::to_owned).collect())
}
