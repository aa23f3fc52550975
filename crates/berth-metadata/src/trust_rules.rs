//! Rules by which tokens of issuers elsewhere stand for users. Knows no token.

use crate::Metadata;
use crate::accounts;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
use crate::sql::{Meaning, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A rule of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRule {
    /// The row; 0 before it is stored.
    pub id: i64,
    /// Whose it is.
    pub account_id: String,
    /// Unique in the account.
    pub name: String,
    /// Who signs the tokens.
    pub issuer: String,
    /// Certificates that the issuer's is checked with, as PEM; empty for those that the machine trusts.
    pub certificate_authority: String,
    /// For whom a token must be made.
    pub audience: String,
    /// What its claims must be like: the caller's text.
    pub claims: String,
    /// The user of the account that it stands for.
    pub user_id: String,
    /// That user's name; not read when it is stored.
    pub user_name: String,
    /// How long what is given for a token is good for, milliseconds.
    pub ttl_ms: i64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

macro_rules! rule_columns {
    () => {
        "SELECT r.id, r.account_id, r.name, r.issuer, r.certificate_authority, r.audience, r.claims, r.user_id, \
         u.name AS user_name, r.ttl_ms, r.created_at FROM trust_rules r JOIN users u ON u.id = r.user_id "
    };
}

impl Metadata {
    /// Stores a rule, at most `limit` of one account; [`Conflict::Taken`], [`Conflict::TooMany`],
    /// [`Conflict::AccountGone`], [`Conflict::UserGone`] for a user whom the account does not have.
    pub async fn create_trust_rule(&self, rule: TrustRule, limit: i64) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO trust_rules (account_id, name, issuer, certificate_authority, audience, \
             claims, user_id, ttl_ms, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, u.id, $8, $9 FROM users u WHERE u.id = $7 AND u.account_id = $1";
        const COUNT: &str = "SELECT COUNT(*) FROM trust_rules WHERE account_id = $1";
        self.pool
            .write(
                "store a trust rule",
                Durability::Durable,
                rule,
                move |tx, rule| {
                    Box::pin(async move {
                        accounts::lock_below(tx, &rule.account_id, COUNT, limit).await?;
                        let insert = sqlx::query(INSERT)
                            .bind(rule.account_id.clone())
                            .bind(rule.name.clone())
                            .bind(rule.issuer.clone())
                            .bind(rule.certificate_authority.clone())
                            .bind(rule.audience.clone())
                            .bind(rule.claims.clone())
                            .bind(rule.user_id.clone())
                            .bind(rule.ttl_ms)
                            .bind(rule.created_at);
                        match change(tx, insert).await.unique(Conflict::Taken)? {
                            0 => Err(Conflict::UserGone.into()),
                            _ => Ok(()),
                        }
                    })
                },
            )
            .await
    }

    /// An account's rule of that name.
    pub async fn trust_rule(&self, account_id: &str, name: &str) -> Result<Option<TrustRule>, Error> {
        const FIND: &str = concat!(rule_columns!(), "WHERE r.account_id = $1 AND r.name = $2");
        let statement = sqlx::query(FIND)
            .bind(account_id.to_owned())
            .bind(name.to_owned());
        self.find("find a trust rule", statement, read).await
    }

    /// An account's rules by name; [`Metadata::create_trust_rule`] bounds them.
    pub async fn list_trust_rules(&self, account_id: &str) -> Result<Vec<TrustRule>, Error> {
        const LIST: &str = concat!(rule_columns!(), "WHERE r.account_id = $1 ORDER BY r.name");
        let statement = sqlx::query(LIST).bind(account_id.to_owned());
        self.list("list trust rules", statement, read).await
    }

    /// Deletes a rule; false when the account has none of that name.
    pub async fn delete_trust_rule(&self, account_id: &str, name: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM trust_rules WHERE account_id = $1 AND name = $2";
        let (account_id, name) = (account_id.to_owned(), name.to_owned());
        let statement = move || sqlx::query(DELETE).bind(account_id.clone()).bind(name.clone());
        Ok(self
            .change("delete a trust rule", Durability::Durable, statement)
            .await?
            > 0)
    }
}

fn read(row: &AnyRow) -> Result<TrustRule, Failure> {
    Ok(TrustRule {
        id: row.try_get("id")?,
        account_id: row.try_get("account_id")?,
        name: row.try_get("name")?,
        issuer: row.try_get("issuer")?,
        certificate_authority: row.try_get("certificate_authority")?,
        audience: row.try_get("audience")?,
        claims: row.try_get("claims")?,
        user_id: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        ttl_ms: row.try_get("ttl_ms")?,
        created_at: row.try_get("created_at")?,
    })
}
