//! Who users are at the providers that vouch for them, and what follows for their groups and for whether they are let in.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{Meaning, change, first, made, markers};
use crate::users::{self, NewUser, User, user_columns};
use sqlx::Row;

/// A person that a provider vouched for.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// By which provider, one of the user's account.
    pub provider_id: i64,
    /// Who it is there: never given to somebody else.
    pub subject: String,
    /// The groups there.
    pub groups: Vec<String>,
    /// The user to make when the provider vouches for them the first time; none to make nobody.
    pub newcomer: Option<NewUser>,
    /// Milliseconds since the epoch.
    pub now: i64,
}

/// What is kept of a user at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub provider_id: i64,
    /// Who it is there.
    pub subject: String,
    /// Who it is here.
    pub user_id: String,
    /// When the provider last vouched for them.
    pub confirmed_at: i64,
}

impl Metadata {
    /// The user that somebody is whom a provider vouched for, made when they come the first time, in the groups that
    /// theirs are here: groups that no group there is are left as they are. Who was kept out because the provider did
    /// not vouch for them is let in again. None when they are nobody here and nobody is to be made;
    /// [`Conflict::UserExists`] for a newcomer whose name is taken.
    pub async fn admit_vouched(&self, vouched: Vouched) -> Result<Option<User>, Error> {
        self.pool
            .write(
                "admit a user of a sign-in provider",
                Durability::Durable,
                vouched,
                |tx, vouched| Box::pin(admit(tx, vouched)),
            )
            .await
    }

    /// What is kept of a user at the provider that vouches for them.
    pub async fn identity_of_user(&self, user_id: &str) -> Result<Option<Identity>, Error> {
        const FIND: &str =
            "SELECT provider_id, subject, user_id, confirmed_at FROM identities WHERE user_id = $1";
        let statement = sqlx::query(FIND).bind(user_id.to_owned());
        self.find("find a user's identity", statement, |row| {
            Ok(Identity {
                provider_id: row.try_get(0)?,
                subject: row.try_get(1)?,
                user_id: row.try_get(2)?,
                confirmed_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// At most `limit` identities of a provider that are let in, those after the subject `last`.
    pub async fn standing_identities(
        &self,
        provider_id: i64,
        last: &str,
        limit: i64,
    ) -> Result<Vec<Identity>, Error> {
        const LIST: &str = "SELECT i.provider_id, i.subject, i.user_id, i.confirmed_at FROM identities i \
             JOIN users u ON u.id = i.user_id WHERE i.provider_id = $1 AND i.subject > $2 AND i.lapsed_at IS NULL \
             AND u.enabled = 1 ORDER BY i.subject LIMIT $3";
        let statement = sqlx::query(LIST)
            .bind(provider_id)
            .bind(last.to_owned())
            .bind(limit);
        self.list("list users of a sign-in provider", statement, |row| {
            Ok(Identity {
                provider_id: row.try_get(0)?,
                subject: row.try_get(1)?,
                user_id: row.try_get(2)?,
                confirmed_at: row.try_get(3)?,
            })
        })
        .await
    }

    /// Keeps a user out whom the provider does not vouch for any more, unless it did again after `confirmed_at`; false
    /// when it did. They end with all that they made: sessions, tokens and keys.
    pub async fn lapse(&self, identity: Identity, now: i64) -> Result<bool, Error> {
        const LAPSE: &str = "UPDATE identities SET lapsed_at = $3 WHERE user_id = $1 AND confirmed_at = $2 \
             AND lapsed_at IS NULL";
        const DISABLE: &str = "UPDATE users SET enabled = 0 WHERE id = $1";
        self.pool
            .write(
                "keep a user out",
                Durability::Durable,
                identity,
                move |tx, identity| {
                    Box::pin(async move {
                        let lapse = sqlx::query(LAPSE)
                            .bind(identity.user_id.clone())
                            .bind(identity.confirmed_at)
                            .bind(now);
                        let lapsed = change(tx, lapse).await? > 0;
                        if lapsed {
                            change(tx, sqlx::query(DISABLE).bind(identity.user_id.clone())).await?;
                        }
                        Ok(lapsed)
                    })
                },
            )
            .await
    }
}

async fn admit(tx: &mut Tx<'_>, vouched: &Vouched) -> Result<Option<User>, Failure> {
    const FIND: &str = "SELECT user_id, lapsed_at FROM identities WHERE provider_id = $1 AND subject = $2";
    const CONFIRM: &str = "UPDATE identities SET confirmed_at = $3, lapsed_at = NULL WHERE provider_id = $1 \
         AND subject = $2";
    const LET_IN: &str = "UPDATE users SET enabled = 1 WHERE id = $1";
    const READ: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.id = $1"
    );
    let find = sqlx::query(FIND)
        .bind(vouched.provider_id)
        .bind(vouched.subject.clone());
    let user_id = match first(tx, find).await? {
        Some(row) => {
            let id: String = row.try_get(0)?;
            if row.try_get::<Option<i64>, _>(1)?.is_some() {
                change(tx, sqlx::query(LET_IN).bind(id.clone())).await?;
            }
            let confirm = sqlx::query(CONFIRM)
                .bind(vouched.provider_id)
                .bind(vouched.subject.clone())
                .bind(vouched.now);
            change(tx, confirm).await?;
            id
        }
        None => match &vouched.newcomer {
            Some(newcomer) => make(tx, vouched, newcomer).await?,
            None => return Ok(None),
        },
    };
    follow_groups(tx, vouched, &user_id).await?;
    let row = sqlx::query(READ).bind(user_id).fetch_one(&mut *tx).await?;
    users::read(&row).map(Some)
}

async fn make(tx: &mut Tx<'_>, vouched: &Vouched, newcomer: &NewUser) -> Result<String, Failure> {
    const INSERT: &str =
        "INSERT INTO identities (provider_id, subject, user_id, confirmed_at) VALUES ($1, $2, $3, $4)";
    let user = users::insert(tx, newcomer).await?;
    let insert = sqlx::query(INSERT)
        .bind(vouched.provider_id)
        .bind(vouched.subject.clone())
        .bind(user.id.clone())
        .bind(vouched.now);
    change(tx, insert)
        .await
        .unique(Conflict::Changed)
        .reference(Conflict::Changed)?;
    Ok(user.id)
}

/// Of the groups that the provider's are here, the user is in those of their own groups and in no other.
async fn follow_groups(tx: &mut Tx<'_>, vouched: &Vouched, user_id: &str) -> Result<(), Failure> {
    const LEAVE: &str = "DELETE FROM group_members WHERE user_id = $1 AND group_id IN \
         (SELECT group_id FROM sign_in_groups WHERE provider_id = $2)";
    const JOIN: &str = "INSERT INTO group_members (user_id, group_id) SELECT DISTINCT $1, m.group_id \
         FROM sign_in_groups m WHERE m.provider_id = $2 AND m.external_group IN (";
    let (mut leave, mut keep) = (LEAVE.to_owned(), String::new());
    let groups = &vouched.groups;
    if !groups.is_empty() {
        keep = markers(3, groups.len());
        leave.push_str(
            " AND group_id NOT IN (SELECT group_id FROM sign_in_groups WHERE provider_id = $2 AND external_group IN (",
        );
        leave.push_str(&keep);
        leave.push_str("))");
    }
    let bound = |text: String| {
        let statement = made(text).bind(user_id.to_owned()).bind(vouched.provider_id);
        groups.iter().cloned().fold(statement, sqlx::query::Query::bind)
    };
    change(tx, bound(leave)).await?;
    if !groups.is_empty() {
        change(tx, bound(format!("{JOIN}{keep}) ON CONFLICT DO NOTHING"))).await?;
    }
    Ok(())
}
