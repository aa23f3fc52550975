//! Who is signed in to the console. Knows no cookie: an id is what its caller made of one.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::Durability;
use crate::sql::{Meaning, change};
use crate::users::{self, User, user_columns};
use sqlx::Row;

/// A person who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the secret that its holder presents, in hexadecimal.
    pub id: String,
    /// Who it is.
    pub user_id: String,
    /// The fingerprint of the password that was given, whose end is the session's too.
    pub password_fingerprint: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Metadata {
    /// Stores a session; [`Conflict::UserGone`].
    pub async fn create_session(&self, session: Session) -> Result<(), Error> {
        const INSERT: &str = "INSERT INTO sessions (id, user_id, password_fingerprint, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5)";
        self.pool
            .write("create a session", Durability::Durable, session, |tx, session| {
                Box::pin(async move {
                    let insert = sqlx::query(INSERT)
                        .bind(session.id.clone())
                        .bind(session.user_id.clone())
                        .bind(session.password_fingerprint.clone())
                        .bind(session.created_at)
                        .bind(session.expires_at);
                    change(tx, insert).await.reference(Conflict::UserGone)?;
                    Ok(())
                })
            })
            .await
    }

    /// The session of that id and its user, whatever their state.
    pub async fn session(&self, id: &str) -> Result<Option<(Session, User)>, Error> {
        const FIND: &str = concat!(
            "SELECT s.id, s.user_id, s.password_fingerprint, s.created_at, s.expires_at, ",
            user_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id JOIN accounts a ON a.id = u.account_id \
             WHERE s.id = $1"
        );
        let statement = sqlx::query(FIND).bind(id.to_owned());
        self.find("find a session", statement, |row| {
            let session = Session {
                id: row.try_get("id")?,
                user_id: row.try_get("user_id")?,
                password_fingerprint: row.try_get("password_fingerprint")?,
                created_at: row.try_get("created_at")?,
                expires_at: row.try_get("expires_at")?,
            };
            Ok((session, users::read(row)?))
        })
        .await
    }

    /// Ends a session; false when there is no such session.
    pub async fn delete_session(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        let statement = move || sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.clone());
        Ok(self
            .change("end a session", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Deletes at most `limit` sessions that ended before `now` and answers how many.
    pub async fn delete_expired_sessions(&self, now: i64, limit: i64) -> Result<u64, Error> {
        const DELETE: &str = "DELETE FROM sessions WHERE id IN \
             (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
        let statement = move || sqlx::query(DELETE).bind(now).bind(limit);
        self.change("delete expired sessions", Durability::Relaxed, statement)
            .await
    }
}
