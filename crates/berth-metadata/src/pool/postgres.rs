//! PostgreSQL: a pool, plain transactions, another try after a collision, and after a lost connection.
//!
//! Every transaction begins with a row of `commits` under an id of its own. When the answer to a commit is lost, the same
//! id is tried again: either it is there, then the transaction was committed, or it is not and never will be.

pub(super) mod connections;
mod standing;
mod upgrade;

use super::failure::Failure;
use super::mark::Marks;
use super::migrate::{STEPS, Upgrade};
use super::{Durability, Rows, Statement, Tx};
use crate::error::Error;
use connections::Connections;
use futures_util::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::error::ErrorKind;
use sqlx::{AssertSqlSafe, Connection, Execute};
use standing::Asking;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Tries of a transaction that collides with others.
const TRIES_MAX: u32 = 10;
/// How long a lost connection is replaced and tried again: about as long as a restart of the server takes. Beyond it the
/// request is told to come back.
const RETRIED_FOR: Duration = Duration::from_secs(10);
/// The longest that one transaction or reading statement may take, so that a cut network holds no request for ever. More
/// than a statement may take in the server.
const ATTEMPT_TIME_MAX: Duration = Duration::from_secs(90);
/// How long the id of a transaction is kept: far longer than any transaction is tried again.
const FORGET_COMMITS: &str = "DELETE FROM commits WHERE ctid = ANY (ARRAY( \
     SELECT ctid FROM commits WHERE at < now() - interval '1 hour' LIMIT 10000))";

/// The connections to one PostgreSQL database.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    connections: Connections,
    asking: Asking,
    retries: Counter,
}

/// How one attempt of a transaction ended.
enum Attempt<T> {
    Committed(T),
    /// The commit was sent and its answer lost.
    InDoubt(T, Failure),
    /// An attempt before this one was committed.
    CommittedBefore,
    Failed(Failure),
}

impl Postgres {
    pub(super) async fn open(
        url: &str,
        (connections_max, upgrade): (u32, Upgrade),
        retries: Counter,
    ) -> Result<Postgres, Error> {
        let connections = Connections::open(url, connections_max).await?;
        upgrade::run(&connections, STEPS, upgrade).await?;
        Ok(Postgres {
            connections,
            asking: Asking::default(),
            retries,
        })
    }

    pub(super) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The rows of a statement that changes nothing; tried again when the connection is lost.
    pub(super) async fn fetch(&self, mut statement: Statement, rows: Rows) -> Result<Vec<AnyRow>, Failure> {
        let values = statement.take_arguments().map_err(sqlx::Error::Encode)?;
        let values = values.unwrap_or_default().values.0;
        let text = statement.sql();
        let deadline = Instant::now() + RETRIED_FOR;
        loop {
            let mut again = AnyArguments::default();
            again.values.0.clone_from(&values);
            let statement = sqlx::query_with(text.clone(), again);
            match self
                .connections
                .bounded(ATTEMPT_TIME_MAX, fetched(&self.connections, statement, rows))
                .await
            {
                Err(failure) if failure.is_lost() && Instant::now() < deadline => {
                    self.retries.inc();
                    self.connections.renew();
                    tokio::time::sleep(pause(6)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Where the database stands.
    pub(super) async fn marks(&self) -> Option<Marks> {
        let all = self.asking.mark(&self.connections).await?;
        Some(Marks { all, rights: all })
    }

    /// What `body` finds in one state of the database.
    pub(super) async fn snapshot<T, F>(&self, body: F) -> Result<T, Failure>
    where
        F: for<'a> FnOnce(&'a mut Tx<'_>) -> BoxFuture<'a, Result<T, Failure>> + Send,
    {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut lent = self.connections.lend().await?;
        sqlx::raw_sql(BEGIN).execute(lent.connection()).await?;
        let found = body(&mut Tx::from(lent.connection())).await;
        let ended = sqlx::raw_sql("ROLLBACK").execute(lent.connection()).await;
        lent.give_back(&ended);
        ended?;
        found
    }

    pub(super) async fn write<I, T, F>(
        &self,
        doing: &'static str,
        durability: Durability,
        input: I,
        body: F,
    ) -> Result<T, Error>
    where
        F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let begin = begin(durability, Uuid::new_v4());
        let deadline = Instant::now() + RETRIED_FOR;
        let mut in_doubt = None;
        let mut collisions = 0;
        loop {
            let failure = match self.attempt(&begin, &input, &body).await {
                Attempt::Committed(value) => return Ok(value),
                Attempt::CommittedBefore => {
                    let value = in_doubt
                        .ok_or_else(|| Failure::Broken("the id of a new transaction is taken".to_owned()));
                    return value.map_err(|failure| failure.into_error(doing));
                }
                Attempt::InDoubt(value, failure) => {
                    in_doubt = Some(value);
                    failure
                }
                Attempt::Failed(failure) => failure,
            };
            if failure.is_collision() && collisions < TRIES_MAX {
                collisions += 1;
                self.retries.inc();
                tokio::time::sleep(pause(collisions)).await;
            } else if failure.is_lost() && Instant::now() < deadline {
                tracing::debug!(doing, %failure, "connection to the database lost; trying again");
                self.retries.inc();
                self.connections.renew();
                tokio::time::sleep(pause(6)).await;
            } else {
                return Err(failure.into_error(doing));
            }
        }
    }

    async fn attempt<I, T, F>(&self, begin: &str, input: &I, body: &F) -> Attempt<T>
    where
        F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut ran = None;
        let outcome = self
            .connections
            .bounded(ATTEMPT_TIME_MAX, self.transaction(begin, (input, body), &mut ran))
            .await;
        match (outcome, ran) {
            (Ok(()), Some(value)) => Attempt::Committed(value),
            (Ok(()), None) => Attempt::CommittedBefore,
            (Err(failure), Some(value)) => Attempt::InDoubt(value, failure),
            (Err(failure), None) => Attempt::Failed(failure),
        }
    }

    /// One transaction; `ran` holds its value from the moment when the commit is sent.
    async fn transaction<I, T, F>(
        &self,
        begin: &str,
        (input, body): (&I, &F),
        ran: &mut Option<T>,
    ) -> Result<(), Failure>
    where
        F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut lent = self.connections.lend().await?;
        // Dropped before its commit, be it by an error, a panic or a caller that left, it is rolled back.
        let mut tx = match lent
            .connection()
            .begin_with(AssertSqlSafe(begin.to_owned()))
            .await
        {
            Ok(tx) => tx,
            // Its connection is in a failed transaction, and is closed.
            Err(error) => {
                return if is_taken(&error) {
                    Ok(())
                } else {
                    Err(error.into())
                };
            }
        };
        match body(&mut Tx::from(&mut *tx), input).await {
            Ok(value) => {
                *ran = Some(value);
                tx.commit().await?;
                lent.give_back(&Ok(()));
                Ok(())
            }
            Err(failure) => {
                let undone = tx.rollback().await;
                lent.give_back(&undone);
                Err(failure)
            }
        }
    }

    /// Forgets the ids of transactions that nobody tries again.
    pub(super) async fn forget_commits(&self) -> Result<(), Error> {
        self.write("forget old transactions", Durability::Relaxed, (), |tx, ()| {
            Box::pin(async move {
                while sqlx::query(FORGET_COMMITS)
                    .execute(&mut *tx)
                    .await?
                    .rows_affected()
                    > 0
                {}
                Ok(())
            })
        })
        .await
    }
}

/// The rows of a statement, asked for once.
async fn fetched(
    connections: &Connections,
    statement: Statement,
    rows: Rows,
) -> Result<Vec<AnyRow>, Failure> {
    let mut lent = connections.lend().await?;
    let fetched = match rows {
        Rows::First => statement
            .fetch_optional(lent.connection())
            .await
            .map(|row| row.into_iter().collect()),
        Rows::All => statement.fetch_all(lent.connection()).await,
    };
    lent.give_back(&fetched);
    Ok(fetched?)
}

/// What a transaction begins with, in one message to the server.
fn begin(durability: Durability, id: Uuid) -> String {
    let relaxed = match durability {
        Durability::Durable => "",
        Durability::Relaxed => "SET LOCAL synchronous_commit TO off; ",
    };
    format!("BEGIN; {relaxed}INSERT INTO commits (id) VALUES ('{id}')")
}

/// Whether the id of the transaction is there already.
fn is_taken(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.kind() == ErrorKind::UniqueViolation)
}

/// 1 to 2 ms doubled per attempt, at most half a second: colliding transactions part by chance.
fn pause(attempt: u32) -> Duration {
    let chance = RandomState::new().build_hasher().finish() % 1000;
    (Duration::from_micros(1000 + chance) * (1 << attempt.min(8))).min(Duration::from_millis(500))
}

#[cfg(test)]
mod tests;
