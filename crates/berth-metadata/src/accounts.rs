//! Accounts: the tenants.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// 32 lower-case hexadecimal digits.
    pub id: String,
    /// Unique in the registry.
    pub name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
}

impl Metadata {
    /// Creates an account; [`Conflict::AccountExists`].
    pub async fn create_account(&self, id: &str, name: &str, now: i64) -> Result<Account, Error> {
        let account = Account {
            id: id.to_owned(),
            name: name.to_owned(),
            created_at: now,
        };
        self.pool
            .write(
                "create an account",
                Durability::Durable,
                account,
                |tx, account| {
                    Box::pin(async move {
                        insert(tx, account).await?;
                        Ok(account.clone())
                    })
                },
            )
            .await
    }

    /// The account of that name.
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, Error> {
        const FIND: &str = "SELECT id, name, created_at FROM accounts WHERE name = $1";
        let statement = sqlx::query(FIND).bind(name.to_owned());
        self.find("find an account", statement, account).await
    }

    /// The account of that id.
    pub async fn account_by_id(&self, id: &str) -> Result<Option<Account>, Error> {
        const FIND: &str = "SELECT id, name, created_at FROM accounts WHERE id = $1";
        self.find("find an account", sqlx::query(FIND).bind(id.to_owned()), account)
            .await
    }

    /// The oldest account: the one of the first start.
    pub async fn first_account(&self) -> Result<Option<Account>, Error> {
        const FIND: &str = "SELECT id, name, created_at FROM accounts ORDER BY created_at, name LIMIT 1";
        self.find("find the first account", sqlx::query(FIND), account)
            .await
    }

    /// At most `limit` accounts by name, those after `last`.
    pub async fn list_accounts(&self, last: Option<&str>, limit: i64) -> Result<Vec<Account>, Error> {
        const LIST: &str = "SELECT id, name, created_at FROM accounts WHERE name > $1 ORDER BY name LIMIT $2";
        let statement = sqlx::query(LIST)
            .bind(last.unwrap_or_default().to_owned())
            .bind(limit);
        self.list("list accounts", statement, account).await
    }

    /// How many accounts there are.
    pub async fn count_accounts(&self) -> Result<i64, Error> {
        let statement = sqlx::query("SELECT COUNT(*) FROM accounts");
        let count = self
            .find("count accounts", statement, |row| Ok(row.try_get(0)?))
            .await?;
        Ok(count.unwrap_or_default())
    }
}

/// Locks an account until the transaction ends, for one more of what `count` counts; [`Conflict::AccountGone`],
/// [`Conflict::TooMany`] when there are `limit` already.
pub(crate) async fn lock_below(
    tx: &mut Tx<'_>,
    account_id: &str,
    count: &'static str,
    limit: i64,
) -> Result<(), Failure> {
    const LOCK: &str = "UPDATE accounts SET name = name WHERE id = $1";
    if change(tx, sqlx::query(LOCK).bind(account_id.to_owned())).await? == 0 {
        return Err(Conflict::AccountGone.into());
    }
    let counted = sqlx::query(count)
        .bind(account_id.to_owned())
        .fetch_one(tx)
        .await?;
    if counted.try_get::<i64, _>(0)? >= limit {
        return Err(Conflict::TooMany.into());
    }
    Ok(())
}

/// Inserts the account's row.
pub(crate) async fn insert(tx: &mut Tx<'_>, account: &Account) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO accounts (id, name, created_at) VALUES ($1, $2, $3)";
    let insert = sqlx::query(INSERT)
        .bind(account.id.clone())
        .bind(account.name.clone())
        .bind(account.created_at);
    change(tx, insert).await.unique(Conflict::AccountExists)?;
    Ok(())
}

fn account(row: &AnyRow) -> Result<Account, Failure> {
    Ok(Account {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
    })
}
