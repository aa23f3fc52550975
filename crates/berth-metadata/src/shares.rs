//! Repositories that other accounts may pull from, each until a time or for ever.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::repository_lock::lock;
use crate::sql::{Meaning, change};
use sqlx::Row;
use sqlx::any::AnyRow;

/// What a share says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareTerms {
    /// The end that was asked for, none for never, milliseconds since the epoch. For people; `expires_at` counts.
    pub deadline_at: Option<i64>,
    /// From when on the share counts no more, none for never, milliseconds since the epoch.
    pub expires_at: Option<i64>,
    /// Free text.
    pub description: String,
}

/// A share of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The name of the account that may pull.
    pub account_name: String,
    /// What it says.
    pub terms: ShareTerms,
    /// The user that made it, who may be gone.
    pub creator_id: String,
    /// That user's name at the time.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When its terms were set last, milliseconds since the epoch.
    pub updated_at: i64,
}

/// A share to make.
#[derive(Clone, Debug)]
pub struct NewShare {
    /// The repository.
    pub repository_id: i64,
    /// The account that may pull.
    pub account_id: String,
    /// What it says.
    pub terms: ShareTerms,
    /// The user that makes it.
    pub creator_id: String,
    /// That user's name.
    pub creator_name: String,
    /// Shares that the repository may have at most, this one included.
    pub limit: i64,
    /// Milliseconds since the epoch.
    pub now: i64,
}

macro_rules! share_columns {
    () => {
        "SELECT a.name, s.deadline_at, s.expires_at, s.description, s.creator_id, s.creator_name, s.created_at, \
         s.updated_at FROM shares s JOIN accounts a ON a.id = s.account_id WHERE s.repository_id = $1 "
    };
}

impl Metadata {
    /// Shares a private repository with an account; [`Conflict::ShareExists`], [`Conflict::ShareQuota`],
    /// [`Conflict::RepositoryPublic`], [`Conflict::RepositoryGone`], [`Conflict::AccountGone`].
    pub async fn create_share(&self, new: NewShare) -> Result<(), Error> {
        self.pool
            .write("share a repository", Durability::Durable, new, |tx, new| {
                Box::pin(create(tx, new))
            })
            .await
    }

    /// The shares of a repository by the name of the account; [`NewShare::limit`] bounds them.
    pub async fn shares(&self, repository_id: i64) -> Result<Vec<Share>, Error> {
        const LIST: &str = concat!(share_columns!(), "ORDER BY a.name");
        self.list("list shares", sqlx::query(LIST).bind(repository_id), read)
            .await
    }

    /// The share of a repository with the account of that name.
    pub async fn share(&self, repository_id: i64, account_name: &str) -> Result<Option<Share>, Error> {
        const FIND: &str = concat!(share_columns!(), "AND a.name = $2");
        let statement = sqlx::query(FIND)
            .bind(repository_id)
            .bind(account_name.to_owned());
        self.find("find a share", statement, read).await
    }

    /// Changes what the share with the account of that name says; false when there is none.
    pub async fn update_share(
        &self,
        repository_id: i64,
        account_name: &str,
        terms: ShareTerms,
        now: i64,
    ) -> Result<bool, Error> {
        const UPDATE: &str = "UPDATE shares SET deadline_at = $3, expires_at = $4, description = $5, updated_at = $6 \
             WHERE repository_id = $1 AND account_id = (SELECT a.id FROM accounts a WHERE a.name = $2)";
        let account_name = account_name.to_owned();
        let statement = move || {
            sqlx::query(UPDATE)
                .bind(repository_id)
                .bind(account_name.clone())
                .bind(terms.deadline_at)
                .bind(terms.expires_at)
                .bind(terms.description.clone())
                .bind(now)
        };
        let changed = self.change("change a share", Durability::Durable, statement);
        Ok(changed.await? > 0)
    }

    /// Ends the share with the account of that name; false when there is none.
    pub async fn delete_share(&self, repository_id: i64, account_name: &str) -> Result<bool, Error> {
        const DELETE: &str = "DELETE FROM shares \
             WHERE repository_id = $1 AND account_id = (SELECT a.id FROM accounts a WHERE a.name = $2)";
        let account_name = account_name.to_owned();
        let statement = move || sqlx::query(DELETE).bind(repository_id).bind(account_name.clone());
        Ok(self.change("end a share", Durability::Durable, statement).await? > 0)
    }
}

async fn create(tx: &mut Tx<'_>, new: &NewShare) -> Result<(), Failure> {
    const INSERT: &str = "INSERT INTO shares (repository_id, account_id, deadline_at, expires_at, description, \
         creator_id, creator_name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)";
    const LOOK: &str = "SELECT r.is_public, (SELECT COUNT(*) FROM shares s WHERE s.repository_id = r.id) \
         FROM repositories r WHERE r.id = $1";
    // The lock orders this with other shares of the repository, and with making it public.
    lock(tx, new.repository_id).await?;
    let insert = sqlx::query(INSERT)
        .bind(new.repository_id)
        .bind(new.account_id.clone())
        .bind(new.terms.deadline_at)
        .bind(new.terms.expires_at)
        .bind(new.terms.description.clone())
        .bind(new.creator_id.clone())
        .bind(new.creator_name.clone());
    change(tx, insert.bind(new.now))
        .await
        .unique(Conflict::ShareExists)
        .reference(Conflict::AccountGone)?;
    let row = sqlx::query(LOOK).bind(new.repository_id).fetch_one(tx).await?;
    if row.try_get::<i64, _>(0)? != 0 {
        return Err(Conflict::RepositoryPublic.into());
    }
    if row.try_get::<i64, _>(1)? > new.limit {
        return Err(Conflict::ShareQuota.into());
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<Share, Failure> {
    Ok(Share {
        account_name: row.try_get(0)?,
        terms: ShareTerms {
            deadline_at: row.try_get(1)?,
            expires_at: row.try_get(2)?,
            description: row.try_get(3)?,
        },
        creator_id: row.try_get(4)?,
        creator_name: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
    })
}
