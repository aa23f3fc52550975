//! PostgreSQL: a pool, plain transactions, and another try after a collision.

use super::failure::Failure;
use super::{Durability, migrate};
use crate::error::Error;
use futures_util::future::BoxFuture;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;
use std::time::Duration;

/// Connections per process: a replica answers reads from memory mostly, and a server shares a hundred by default.
const CONNECTIONS_MAX: u32 = 20;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that was idle for longer is tried before it is used: the server may have gone in between.
const IDLE_TRUSTED: Duration = Duration::from_secs(5);
/// Tries of a transaction that collides with others.
const TRIES_MAX: u32 = 10;
/// Any number, the same in every version: one migration at a time.
const MIGRATE: &str = "BEGIN; SELECT pg_advisory_xact_lock(4806228391722093)";

/// The connections to one PostgreSQL database.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    connections: AnyPool,
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Postgres, Error> {
        let opening = |error| Failure::Sql(error).into_error("open the database");
        let options = AnyConnectOptions::from_str(url)
            .map_err(opening)?
            .disable_statement_logging();
        let connections = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move { Ok(meta.idle_for < IDLE_TRUSTED || connection.ping().await.is_ok()) })
            })
            .connect_with(options)
            .await
            .map_err(opening)?;
        let mut tx = connections.begin_with(MIGRATE).await.map_err(opening)?;
        migrate::run(&mut tx, |step| step.postgres).await?;
        tx.commit().await.map_err(opening)?;
        Ok(Postgres { connections })
    }

    pub(super) fn connections(&self) -> &AnyPool {
        &self.connections
    }

    pub(super) async fn write<I, T, F>(
        &self,
        doing: &'static str,
        durability: Durability,
        input: I,
        body: F,
    ) -> Result<T, Error>
    where
        F: for<'a> Fn(&'a mut AnyConnection, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let mut attempt = 1;
        loop {
            match self.attempt(durability, &input, &body).await {
                Ok(value) => return Ok(value),
                Err(failure) if failure.is_collision() && attempt < TRIES_MAX => {
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure.into_error(doing)),
            }
        }
    }

    async fn attempt<I, T, F>(&self, durability: Durability, input: &I, body: &F) -> Result<T, Failure>
    where
        F: for<'a> Fn(&'a mut AnyConnection, &'a I) -> BoxFuture<'a, Result<T, Failure>>,
    {
        let begin = match durability {
            Durability::Durable => "BEGIN",
            Durability::Relaxed => "BEGIN; SET LOCAL synchronous_commit TO off",
        };
        // Dropped before its commit, be it by an error, a panic or a caller that left, it is rolled back.
        let mut tx = self.connections.begin_with(begin).await?;
        let value = body(&mut tx, input).await?;
        tx.commit().await?;
        Ok(value)
    }
}

/// 1 to 2 ms doubled per attempt, at most half a second: colliding transactions part by chance.
fn pause(attempt: u32) -> Duration {
    let chance = RandomState::new().build_hasher().finish() % 1000;
    (Duration::from_micros(1000 + chance) * (1 << attempt.min(8))).min(Duration::from_millis(500))
}
