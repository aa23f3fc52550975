//! Connections and transactions. With its submodules the only place that names SQLite or PostgreSQL.
//!
//! Reads take a connection of a pool. Writes are functions over one transaction; how it begins, shares a commit with
//! others and is tried again differs per database and stays in here.

pub(crate) mod catalog;
mod direct;
mod failure;
mod generations;
mod group_commit;
mod mark;
mod migrate;
mod postgres;
mod readers;
pub(crate) mod rebuilding;
mod sqlite;
mod tx;
mod wal_index;

pub(crate) use failure::Failure;
pub(crate) use mark::{Mark, Marks};
pub use migrate::Upgrade;
pub(crate) use tx::Tx;

use crate::error::Error;
use crate::figures::{DatabaseFigures, PoolFigures};
use futures_util::future::BoxFuture;
#[cfg(test)]
use sqlx::AnyPool;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// A statement with its values.
pub(crate) type Statement = sqlx::query::Query<'static, Any, AnyArguments>;

/// Whether a write must outlive a power cut once it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// Survives the end of the process; a power cut may undo it, together with everything after it.
    Relaxed,
    /// On the disk when it is answered.
    Durable,
}

impl Durability {
    /// Terms of a write that leaves alone who there is, what they may do, and which places there are. Only for one that
    /// changes some row whenever it succeeds: a commit of another process right behind one that changed nothing would be
    /// taken for ours.
    pub(crate) fn of_contents(self) -> Terms {
        Terms {
            durability: self,
            contents_only: true,
        }
    }
}

/// What a write asks for and promises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    durability: Durability,
    /// It changes a row, and none that is read for [`Marks::rights`].
    contents_only: bool,
}

impl From<Durability> for Terms {
    fn from(durability: Durability) -> Self {
        Self {
            durability,
            contents_only: false,
        }
    }
}

/// How many rows a reading statement is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    First,
    All,
}

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Connections that this process keeps to a PostgreSQL server at most.
    pub connections_max: u32,
    /// What to do with a schema that is older than this program's.
    pub upgrade: Upgrade,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            connections_max: 20,
            upgrade: Upgrade::Apply,
        }
    }
}

/// Which of the two databases speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The database's clock in milliseconds since the epoch.
    pub(crate) fn now_expression(self) -> &'static str {
        match self {
            Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000 AS BIGINT)",
            Dialect::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}

/// The connections of one database.
#[derive(Clone, Debug)]
enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// One database, and who waits for this process to change it.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    database: Database,
    /// One may wait; without anybody a write pays for one atomic exchange.
    written: Arc<Notify>,
    figures: Arc<DatabaseFigures>,
}

impl Pool {
    /// Connects and, when asked to, brings the schema up to date.
    pub(crate) async fn open(url: &str, opening: Opening) -> Result<Pool, Error> {
        let Opening {
            connections_max,
            upgrade,
        } = opening;
        sqlx::any::install_default_drivers();
        let figures = DatabaseFigures::default();
        let database = if url.starts_with("sqlite:") {
            Database::Sqlite(sqlite::Sqlite::open(url, upgrade).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Database::Postgres(
                postgres::Postgres::open(url, (connections_max, upgrade), figures.retries.clone()).await?,
            )
        } else {
            return Err(Error::Unavailable(
                "its address must begin with sqlite://, postgres:// or postgresql://".to_owned(),
            ));
        };
        Ok(Pool {
            database,
            written: Arc::default(),
            figures: Arc::new(figures),
        })
    }

    /// The rows of a statement that changes nothing.
    pub(crate) async fn fetch(&self, statement: Statement, rows: Rows) -> Result<Vec<AnyRow>, Failure> {
        let begun = Instant::now();
        // Boxed: callers hold these futures inside their own, one in the other.
        let fetched = match &self.database {
            Database::Postgres(postgres) => Box::pin(postgres.fetch(statement, rows)).await,
            Database::Sqlite(sqlite) => Box::pin(sqlite.fetch(statement, rows)).await,
        };
        let is_fault = fetched.as_ref().is_err_and(|failure| !failure.is_zero_byte());
        self.figures.reads.note(begun, is_fault);
        fetched
    }

    /// What asking came to.
    pub(crate) fn figures(&self) -> &DatabaseFigures {
        &self.figures
    }

    /// The connections to a server.
    pub(crate) fn connections(&self) -> Option<PoolFigures> {
        match &self.database {
            Database::Sqlite(_) => None,
            Database::Postgres(postgres) => Some(postgres.connections().figures()),
        }
    }

    /// Where the database stands now. None when it cannot be told.
    pub(crate) async fn marks(&self) -> Option<Marks> {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.marks(),
            Database::Postgres(postgres) => Box::pin(postgres.marks()).await,
        }
    }

    /// The connections themselves.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> &AnyPool {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.snapshots(),
            Database::Postgres(postgres) => postgres.connections().pool(),
        }
    }

    /// Forgets what is only kept to try writes again.
    pub(crate) async fn forget_commits(&self) -> Result<(), Error> {
        match &self.database {
            Database::Sqlite(_) => Ok(()),
            Database::Postgres(postgres) => postgres.forget_commits().await,
        }
    }

    /// The database's own clock as an expression, milliseconds since the epoch: the one clock that all replicas share.
    pub(crate) fn now_expression(&self) -> &'static str {
        match &self.database {
            Database::Sqlite(_) => Dialect::Sqlite.now_expression(),
            Database::Postgres(_) => Dialect::Postgres.now_expression(),
        }
    }

    /// Runs `body` over `input` in one transaction of its own and answers once it is committed; an error undoes all
    /// of it. `body` may run several times. `doing` names it in errors.
    pub(crate) async fn write<I, T, F>(
        &self,
        doing: &'static str,
        terms: impl Into<Terms>,
        input: I,
        body: F,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut Tx<'_>, &'a I) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
    {
        let terms = terms.into();
        let begun = Instant::now();
        // Boxed, as reads are: callers hold these futures inside their own.
        let written = match &self.database {
            Database::Sqlite(sqlite) => Box::pin(sqlite.writes().write(doing, terms, input, body)).await,
            Database::Postgres(postgres) => {
                Box::pin(postgres.write(doing, terms.durability, input, body)).await
            }
        };
        let is_fault = matches!(&written, Err(error) if !matches!(error, Error::Conflict(_)));
        self.figures.writes.note(begun, is_fault);
        if written.is_ok() {
            self.written.notify_one();
        }
        written
    }

    /// Until this process has changed something since the last call. For one at a time.
    pub(crate) async fn a_write(&self) {
        self.written.notified().await;
    }

    /// What `body` finds in one state of the database; it changes nothing, and keeps no writer waiting.
    pub(crate) async fn snapshot<T, F>(&self, doing: &str, body: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Tx<'_>) -> BoxFuture<'a, Result<T, Failure>> + Send,
    {
        let found = match &self.database {
            Database::Sqlite(sqlite) => match sqlite.snapshots().begin().await {
                Ok(mut tx) => body(&mut Tx::from(&mut *tx)).await,
                Err(error) => Err(error.into()),
            },
            Database::Postgres(postgres) => postgres.snapshot(body).await,
        };
        found.map_err(|failure| failure.into_error(doing))
    }

    /// What a transaction runs so that none that changes what repositories hold runs beside it, if it needs anything. What
    /// such a transaction reads in the statement that changes rows, it reads after this one has ended.
    pub(crate) fn fence(&self) -> Option<&'static str> {
        match &self.database {
            // One writes at a time.
            Database::Sqlite(_) => None,
            Database::Postgres(_) => Some(
                "LOCK TABLE blob_links, manifests, uploads, binned_manifests, binned_references IN SHARE MODE",
            ),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.database {
            Database::Sqlite(_) => Dialect::Sqlite,
            Database::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection beside the others, to read all of the database in one transaction begun with the answered text: it
    /// sees one state of it and keeps no writer waiting.
    pub(crate) async fn long_reader(&self) -> Result<(AnyConnection, &'static str), Error> {
        let connecting = |error| Failure::Sql(error).into_error("connect to the database");
        match &self.database {
            Database::Sqlite(sqlite) => Ok((sqlite.reader().await.map_err(connecting)?, "BEGIN")),
            Database::Postgres(postgres) => {
                let connection = postgres.connections().connect_alone().await.map_err(connecting)?;
                Ok((connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            }
        }
    }

    /// Answers queued writes, then closes every connection.
    pub(crate) async fn close(&self) {
        match &self.database {
            Database::Sqlite(sqlite) => sqlite.close().await,
            Database::Postgres(postgres) => postgres.connections().close().await,
        }
    }

    /// A durable write that changes one row of no meaning.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        const CHECK: &str = "INSERT INTO instance_values (name, value) VALUES ('readiness', '1') \
             ON CONFLICT (name) DO UPDATE SET value = CASE instance_values.value WHEN '1' THEN '0' ELSE '1' END";
        self.write("check the database", Durability::Durable, (), |tx, ()| {
            Box::pin(async move {
                sqlx::query(CHECK).execute(tx).await?;
                Ok(())
            })
        })
        .await
    }
}
