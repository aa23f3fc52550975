//! The pool: connections that are lent, checked, closed when in doubt, and never to a server that is a standby.

use super::super::failure::{self, Failure};
use crate::error::Error;
use crate::figures::PoolFigures;
use sqlx::any::{Any, AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Row};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that was idle for longer is tried before it is used: the server may have gone in between.
const IDLE_TRUSTED: Duration = Duration::from_secs(5);
/// How long such a try may take: a cut network gives no answer at all.
const PING_TIME_MAX: Duration = Duration::from_secs(2);
/// For every connection: a statement ends, a wait for a lock ends, and a transaction whose process stands still lets go
/// of what it has locked. Transactions here wait for nothing but the database.
const SESSION: &str = "SELECT pg_is_in_recovery(), set_config('statement_timeout', '60s', false), \
     set_config('lock_timeout', '20s', false), set_config('idle_in_transaction_session_timeout', '10s', false)";

/// The connections to one server; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    pool: AnyPool,
    /// Connections made before are closed instead of used.
    renewed_at: Arc<Mutex<Option<Instant>>>,
}

/// A connection in use. It is closed when it is dropped without having been given back: whoever left in the middle left
/// an answer or a transaction under way.
pub(super) struct Lent(PoolConnection<Any>, bool);

impl Lent {
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.0
    }

    /// Keeps the connection for others unless what came of it says that it is broken.
    pub(super) fn give_back<T>(&mut self, outcome: &Result<T, sqlx::Error>) {
        self.1 = match outcome {
            Ok(_) => true,
            Err(error @ sqlx::Error::Database(_)) => !failure::is_lost(error),
            Err(_) => false,
        };
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.1 {
            self.0.close_on_drop();
        }
    }
}

impl Connections {
    pub(super) async fn open(url: &str, connections_max: u32) -> Result<Connections, Error> {
        let opening = |error| Failure::Sql(error).into_error("open the database");
        let options = options(url).map_err(opening)?;
        let renewed_at: Arc<Mutex<Option<Instant>>> = Arc::default();
        let renewed = Arc::clone(&renewed_at);
        let pool = AnyPoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let renewed_at = *renewed.lock().unwrap_or_else(PoisonError::into_inner);
                let is_old = renewed_at.is_some_and(|renewed| meta.age > renewed.elapsed());
                Box::pin(async move {
                    if is_old || meta.idle_for < IDLE_TRUSTED {
                        return Ok(!is_old);
                    }
                    let answered = tokio::time::timeout(PING_TIME_MAX, connection.ping()).await;
                    Ok(matches!(answered, Ok(Ok(()))))
                })
            })
            .after_connect(|connection, _| Box::pin(prepare(connection)))
            .connect_with(options)
            .await
            .map_err(opening)?;
        Ok(Connections { pool, renewed_at })
    }

    /// How many there are.
    pub(in crate::pool) fn figures(&self) -> PoolFigures {
        PoolFigures {
            open: self.pool.size(),
            idle: self.pool.num_idle(),
        }
    }

    pub(super) async fn lend(&self) -> Result<Lent, Failure> {
        Ok(Lent(self.pool.acquire().await?, false))
    }

    /// A connection beside the others, without their bounds on time.
    pub(crate) async fn connect_alone(&self) -> Result<AnyConnection, sqlx::Error> {
        AnyConnection::connect_with(&self.pool.connect_options()).await
    }

    /// Has every connection that exists now replaced: the server went away, or another took its place.
    pub(super) fn renew(&self) {
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The outcome of `work`, or a lost connection when it takes longer.
    pub(super) async fn bounded<T>(
        &self,
        time_max: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let silent = || Failure::Sql(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
        tokio::time::timeout(time_max, work)
            .await
            .unwrap_or_else(|_| Err(silent()))
    }

    #[cfg(test)]
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection without bounds on time, for who needs no other.
pub(crate) async fn connect(url: &str) -> Result<AnyConnection, sqlx::Error> {
    AnyConnection::connect_with(&options(url)?).await
}

fn options(url: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    Ok(AnyConnectOptions::from_str(url)?.disable_statement_logging())
}

/// Sets a new connection up. A standby is refused: what it answers is old, and it takes no writes; the pool tries again
/// until the address leads to the server that does.
async fn prepare(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let is_standby: bool = sqlx::raw_sql(SESSION).fetch_one(connection).await?.try_get(0)?;
    if is_standby {
        return Err(sqlx::Error::Configuration("the server is a standby".into()));
    }
    Ok(())
}
