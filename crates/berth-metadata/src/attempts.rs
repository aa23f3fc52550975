//! Attempts to be somebody, counted for all processes together: failures, and signatures that were used. Times are those of
//! the database's clock.

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{self, change, first};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::sync::Arc;

/// What is known of one who failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How often.
    pub count: i64,
    /// Milliseconds since the epoch before which no further attempt is made.
    pub next_at: i64,
}

/// How a signature was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSignature {
    /// Whether it came for the first time.
    pub is_new: bool,
    /// Where it came from first.
    pub source: String,
    /// Milliseconds since it came first.
    pub age_ms: i64,
}

/// Makes new failures of those that are known and of the time, and an answer for whoever asked for it.
type Change<T> = dyn Fn(Failures, i64) -> (Failures, T) + Send + Sync;

impl Metadata {
    /// The failures of a subject that failed in the last `kept_ms` milliseconds, and the time.
    pub async fn failures(&self, subject: &str, kept_ms: i64) -> Result<Option<(Failures, i64)>, Error> {
        let now = self.pool.now_expression();
        let text = format!(
            "SELECT failures, next_at, {now} FROM login_failures WHERE subject = $1 AND updated_at > {now} - $2"
        );
        let statement = sql::made(text).bind(subject.to_owned()).bind(kept_ms);
        self.find("find failed logins", statement, |row| {
            Ok((read(row)?, row.try_get(2)?))
        })
        .await
    }

    /// Changes the failures of a subject, one request after the other; those older than `kept_ms` milliseconds count as none.
    /// Answers what `change` does. It may run several times.
    pub async fn change_failures<T: Send + 'static>(
        &self,
        subject: &str,
        kept_ms: i64,
        change: impl Fn(Failures, i64) -> (Failures, T) + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let now = self.pool.now_expression();
        let lock = format!(
            "INSERT INTO login_failures (subject, failures, next_at, updated_at) VALUES ($1, 0, 0, {now}) \
             ON CONFLICT (subject) DO UPDATE SET \
             failures = CASE WHEN login_failures.updated_at > {now} - $2 THEN login_failures.failures ELSE 0 END, \
             next_at = CASE WHEN login_failures.updated_at > {now} - $2 THEN login_failures.next_at ELSE 0 END, \
             updated_at = excluded.updated_at \
             RETURNING failures, next_at, updated_at"
        );
        let change: Arc<Change<T>> = Arc::new(change);
        self.pool
            .write(
                "count a failed login",
                Durability::Relaxed,
                (lock, subject.to_owned(), kept_ms, change),
                |tx, (lock, subject, kept_ms, change)| {
                    Box::pin(change_row(tx, (lock, *kept_ms), subject, change.as_ref()))
                },
            )
            .await
    }

    /// Forgets the failures of a subject.
    pub async fn forget_failures(&self, subject: &str) -> Result<(), Error> {
        let subject = subject.to_owned();
        let statement =
            move || sqlx::query("DELETE FROM login_failures WHERE subject = $1").bind(subject.clone());
        self.change("forget failed logins", Durability::Relaxed, statement)
            .await
            .map(drop)
    }

    /// Notes a signature, by a text that stands for it, which came from `source`.
    pub async fn note_signature(&self, signature: &str, source: &str) -> Result<SeenSignature, Error> {
        let now = self.pool.now_expression();
        let note = format!(
            "INSERT INTO seen_signatures (signature, source, first_at) VALUES ($1, $2, {now}) \
             ON CONFLICT (signature) DO NOTHING"
        );
        let look = format!("SELECT source, {now} - first_at FROM seen_signatures WHERE signature = $1");
        self.pool
            .write(
                "note a signature",
                Durability::Relaxed,
                (note, look, signature.to_owned(), source.to_owned()),
                |tx, (note, look, signature, source)| {
                    Box::pin(async move {
                        let note = sql::made(note.clone())
                            .bind(signature.clone())
                            .bind(source.clone());
                        let is_new = change(tx, note).await? > 0;
                        let look = sql::made(look.clone()).bind(signature.clone());
                        let row = first(tx, look).await?.ok_or(Failure::Collision)?;
                        Ok(SeenSignature {
                            is_new,
                            source: row.try_get(0)?,
                            age_ms: row.try_get(1)?,
                        })
                    })
                },
            )
            .await
    }

    /// Forgets at most `limit` failures and signatures each that are older than these milliseconds; answers how many.
    pub async fn forget_attempts(
        &self,
        (failures_ms, signatures_ms): (i64, i64),
        limit: i64,
    ) -> Result<u64, Error> {
        let now = self.pool.now_expression();
        let old = |table: &str, key: &str, time: &str| {
            format!(
                "DELETE FROM {table} WHERE {key} IN \
                 (SELECT {key} FROM {table} WHERE {time} <= {now} - $1 ORDER BY {time} LIMIT $2)"
            )
        };
        let failures = old("login_failures", "subject", "updated_at");
        let signatures = old("seen_signatures", "signature", "first_at");
        let mut forgotten = 0;
        for (text, age_ms) in [(failures, failures_ms), (signatures, signatures_ms)] {
            let statement = move || sql::made(text.clone()).bind(age_ms).bind(limit);
            forgotten += self
                .change("forget old attempts", Durability::Relaxed, statement)
                .await?;
        }
        Ok(forgotten)
    }
}

async fn change_row<T>(
    tx: &mut Tx<'_>,
    (lock, kept_ms): (&str, i64),
    subject: &str,
    compute: &Change<T>,
) -> Result<T, Failure> {
    const SAVE: &str = "UPDATE login_failures SET failures = $2, next_at = $3 WHERE subject = $1";
    let lock = sql::made(lock.to_owned()).bind(subject.to_owned()).bind(kept_ms);
    let row = first(tx, lock)
        .await?
        .ok_or_else(|| Failure::Broken("no row for a failed login".to_owned()))?;
    let (failures, answer) = compute(read(&row)?, row.try_get(2)?);
    let save = sqlx::query(SAVE)
        .bind(subject.to_owned())
        .bind(failures.count)
        .bind(failures.next_at);
    change(tx, save).await?;
    Ok(answer)
}

fn read(row: &AnyRow) -> Result<Failures, Failure> {
    Ok(Failures {
        count: row.try_get(0)?,
        next_at: row.try_get(1)?,
    })
}
