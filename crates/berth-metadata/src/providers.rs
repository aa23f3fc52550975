//! Providers that people of an account sign in at: directories and OpenID providers. Knows no cryptography and no
//! protocol: secrets arrive sealed, terms are a text.

use crate::Metadata;
use crate::accounts;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A provider of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The row; 0 before it is stored.
    pub id: i64,
    /// Whose it is.
    pub account_id: String,
    /// Unique in the account.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Certificates that its own is checked with, as PEM; empty for those that the machine trusts.
    pub certificate_authority: String,
    /// Its kind, and how people are found and read there: the caller's text.
    pub terms: String,
    /// What Berth itself proves to be there with, sealed by the caller.
    pub secret_encrypted: Option<Vec<u8>>,
    /// Whether people sign in there.
    pub enabled: bool,
    /// How long a sign-in counts, milliseconds; none for no end.
    pub renew_ms: Option<i64>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch; grows with each change.
    pub updated_at: i64,
}

/// A group at a provider, and a group here that its members are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedGroup {
    /// As the provider names it.
    pub external: String,
    /// The group's id here.
    pub group_id: String,
    /// Its name; not read when it is stored.
    pub group: String,
}

macro_rules! provider_columns {
    () => {
        "SELECT p.id, p.account_id, p.name, p.url, p.certificate_authority, p.terms, p.secret_encrypted, p.enabled, \
         p.renew_ms, p.created_at, p.updated_at FROM sign_in_providers p "
    };
}

impl Metadata {
    /// Stores a provider with its groups, at most `limit` of one account; [`Conflict::Taken`], [`Conflict::TooMany`],
    /// [`Conflict::AccountGone`], [`Conflict::GroupGone`].
    pub async fn create_provider(
        &self,
        provider: Provider,
        groups: Vec<MappedGroup>,
        limit: i64,
    ) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO sign_in_providers (account_id, name, url, certificate_authority, terms, \
             secret_encrypted, enabled, renew_ms, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id";
        const COUNT: &str = "SELECT COUNT(*) FROM sign_in_providers WHERE account_id = $1";
        self.pool
            .write(
                "store a sign-in provider",
                Durability::Durable,
                (provider, groups),
                move |tx, (provider, groups)| {
                    Box::pin(async move {
                        accounts::lock_below(tx, &provider.account_id, COUNT, limit).await?;
                        let insert = sqlx::query(INSERT)
                            .bind(provider.account_id.clone())
                            .bind(provider.name.clone())
                            .bind(provider.url.clone())
                            .bind(provider.certificate_authority.clone())
                            .bind(provider.terms.clone())
                            .bind(provider.secret_encrypted.clone())
                            .bind(i64::from(provider.enabled))
                            .bind(provider.renew_ms)
                            .bind(provider.created_at);
                        let row = insert.fetch_one(&mut *tx).await.unique(Conflict::Taken)?;
                        map_groups(tx, row.try_get(0)?, &provider.account_id, groups).await
                    })
                },
            )
            .await
    }

    /// An account's provider of that name.
    pub async fn provider(&self, account_id: &str, name: &str) -> Result<Option<Provider>, Error> {
        const FIND: &str = concat!(provider_columns!(), "WHERE p.account_id = $1 AND p.name = $2");
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(name.to_owned());
        self.find("find a sign-in provider", statement, read).await
    }

    /// An account's providers by name; [`Metadata::create_provider`] bounds them.
    pub async fn list_providers(&self, account_id: &str) -> Result<Vec<Provider>, Error> {
        const LIST: &str = concat!(provider_columns!(), "WHERE p.account_id = $1 ORDER BY p.name");
        let statement = sqlx::query(LIST).bind(account_id.to_owned());
        self.list("list sign-in providers", statement, read).await
    }

    /// The enabled providers of all accounts.
    pub async fn enabled_providers(&self) -> Result<Vec<Provider>, Error> {
        const LIST: &str = concat!(provider_columns!(), "WHERE p.enabled = 1 ORDER BY p.id");
        self.list("list sign-in providers", sqlx::query(LIST), read).await
    }

    /// The groups of a provider and what they are here, by name there.
    pub async fn mapped_groups(&self, provider_id: i64) -> Result<Vec<MappedGroup>, Error> {
        const LIST: &str = "SELECT m.external_group, m.group_id, g.name FROM sign_in_groups m \
             JOIN user_groups g ON g.id = m.group_id WHERE m.provider_id = $1 ORDER BY m.external_group, g.name";
        let statement = sqlx::query(LIST).bind(provider_id);
        self.list("list the groups of a sign-in provider", statement, |row| {
            Ok(MappedGroup {
                external: row.try_get(0)?,
                group_id: row.try_get(1)?,
                group: row.try_get(2)?,
            })
        })
        .await
    }

    /// Puts `provider` in the place of the row that was read with it and changed at `read_at`, all but its name, and
    /// its groups when there are some to put; [`Conflict::Changed`], [`Conflict::GroupGone`].
    pub async fn update_provider(
        &self,
        provider: Provider,
        groups: Option<Vec<MappedGroup>>,
        read_at: i64,
    ) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE sign_in_providers SET url = $3, certificate_authority = $4, terms = $5, \
             secret_encrypted = $6, enabled = $7, renew_ms = $8, updated_at = $9 WHERE id = $1 AND updated_at = $2";
        const FORGET: &str = "DELETE FROM sign_in_groups WHERE provider_id = $1";
        self.pool
            .write(
                "change a sign-in provider",
                Durability::Durable,
                (provider, groups),
                move |tx, (provider, groups)| {
                    Box::pin(async move {
                        let update = sqlx::query(UPDATE)
                            .bind(provider.id)
                            .bind(read_at)
                            .bind(provider.url.clone())
                            .bind(provider.certificate_authority.clone())
                            .bind(provider.terms.clone())
                            .bind(provider.secret_encrypted.clone())
                            .bind(i64::from(provider.enabled))
                            .bind(provider.renew_ms)
                            .bind(provider.updated_at);
                        if change(tx, update).await? == 0 {
                            return Err(Conflict::Changed.into());
                        }
                        if let Some(groups) = groups {
                            change(tx, sqlx::query(FORGET).bind(provider.id)).await?;
                            map_groups(tx, provider.id, &provider.account_id, groups).await?;
                        }
                        Ok(())
                    })
                },
            )
            .await
    }

    /// Deletes a provider with what it knows of people, who stay users; false when the account has none of that name.
    pub async fn delete_provider(&self, account_id: &str, name: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM sign_in_providers WHERE account_id = $1 AND name = $2";
        let (account_id, name) = (account_id.to_owned(), name.to_owned());
        let statement = move || sqlx::query(DELETE).bind(account_id.clone()).bind(name.clone());
        Ok(self
            .change("delete a sign-in provider", Durability::Durable, statement)
            .await?
            > 0)
    }
}

/// Stores what groups there are here: groups of the provider's own account alone.
async fn map_groups(
    tx: &mut Tx<'_>,
    provider_id: i64,
    account_id: &str,
    groups: &[MappedGroup],
) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO sign_in_groups (provider_id, external_group, group_id) \
         SELECT $1, $2, g.id FROM user_groups g WHERE g.id = $3 AND g.account_id = $4 ON CONFLICT DO NOTHING";
    const THERE: &str = "SELECT 1 FROM user_groups WHERE id = $1 AND account_id = $2";
    for group in groups {
        let there = sqlx::query(THERE)
            .bind(group.group_id.clone())
            .bind(account_id.to_owned());
        if there.fetch_optional(&mut *tx).await?.is_none() {
            return Err(Conflict::GroupGone.into());
        }
        let insert = sqlx::query(INSERT)
            .bind(provider_id)
            .bind(group.external.clone())
            .bind(group.group_id.clone())
            .bind(account_id.to_owned());
        change(tx, insert).await?;
    }
    Ok(())
}

pub(crate) fn read(row: &AnyRow) -> Result<Provider, Failure> {
    Ok(Provider {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        url: row.try_get("url")?,
        certificate_authority: row.try_get("certificate_authority")?,
        terms: row.try_get("terms")?,
        secret_encrypted: row.try_get("secret_encrypted")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        renew_ms: row.try_get("renew_ms")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
