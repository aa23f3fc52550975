//! Facts about the installation itself, and its first account.

use crate::Metadata;
use crate::accounts::{self, Account};
use crate::error::{Conflict, Error};
use crate::keys::{self, AccessKey};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first};
use crate::users::{self, NewUser, User};
use sqlx::Row;

/// The account a registry starts with.
#[derive(Clone, Debug)]
pub struct FirstAccount {
    /// The account.
    pub account: Account,
    /// Its administrator.
    pub user: NewUser,
    /// The administrator's access key.
    pub key: AccessKey,
}

const GET: &str = "SELECT value FROM instance_values WHERE name = $1";
const SET_IF_ABSENT: &str =
    "INSERT INTO instance_values (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

impl Metadata {
    /// The value of that name.
    pub async fn instance_value(&self, name: &str) -> Result<Option<String>, Error> {
        self.find(
            "read an instance value",
            sqlx::query(GET).bind(name.to_owned()),
            |row| Ok(row.try_get(0)?),
        )
        .await
    }

    /// Stores a value unless the name has one, and answers the one that stands.
    pub async fn set_instance_value_if_absent(&self, name: &str, value: &str) -> Result<String, Error> {
        let pair = (name.to_owned(), value.to_owned());
        self.pool
            .write(
                "set an instance value",
                Durability::Durable,
                pair,
                |tx, (name, value)| {
                    Box::pin(async move {
                        change(
                            tx,
                            sqlx::query(SET_IF_ABSENT).bind(name.clone()).bind(value.clone()),
                        )
                        .await?;
                        Ok(sqlx::query(GET)
                            .bind(name.clone())
                            .fetch_one(tx)
                            .await?
                            .try_get(0)?)
                    })
                },
            )
            .await
    }

    /// Stores a value in place of the one that the name has.
    pub async fn set_instance_value(&self, name: &str, value: &str) -> Result<(), Error> {
        const SET: &str = "INSERT INTO instance_values (name, value) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        let (name, value) = (name.to_owned(), value.to_owned());
        let statement = move || sqlx::query(SET).bind(name.clone()).bind(value.clone());
        self.change("set an instance value", Durability::Durable, statement)
            .await
            .map(drop)
    }

    /// Forgets the value of that name; durable.
    pub async fn forget_instance_value(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        let statement = move || sqlx::query("DELETE FROM instance_values WHERE name = $1").bind(name.clone());
        let forgotten = self.change("forget an instance value", Durability::Durable, statement);
        forgotten.await.map(drop)
    }

    /// Creates the first account, its administrator and the administrator's key, all or nothing;
    /// [`Conflict::AlreadyBootstrapped`] when there is or was any account.
    pub async fn create_first(&self, start: FirstAccount) -> Result<User, Error> {
        self.pool
            .write(
                "create the first account",
                Durability::Durable,
                start,
                |tx, start| Box::pin(create_first(tx, start)),
            )
            .await
    }
}

async fn create_first(tx: &mut Tx<'_>, start: &FirstAccount) -> Result<User, Failure> {
    let claim = sqlx::query(SET_IF_ABSENT)
        .bind("bootstrapped_at")
        .bind(start.account.created_at.to_string());
    if change(tx, claim).await? == 0 {
        return Err(Conflict::AlreadyBootstrapped.into());
    }
    if first(tx, sqlx::query("SELECT 1 FROM accounts LIMIT 1"))
        .await?
        .is_some()
    {
        return Err(Conflict::AlreadyBootstrapped.into());
    }
    accounts::insert(tx, &start.account).await?;
    let user = users::insert(tx, &start.user).await?;
    keys::insert(tx, &start.key).await?;
    Ok(user)
}
