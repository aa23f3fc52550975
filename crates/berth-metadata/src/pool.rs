//! Connections and transactions. With its submodules the only place that names SQLite or PostgreSQL.
//!
//! Reads take a connection of a pool. Writes are functions over one transaction; how it begins, shares a commit with
//! others and is tried again differs per database and stays in here.

pub(crate) mod catalog;
mod failure;
mod group_commit;
mod migrate;
mod postgres;
pub(crate) mod rebuilding;
mod sqlite;

pub(crate) use failure::Failure;
pub use migrate::Upgrade;

use crate::error::Error;
use futures_util::future::BoxFuture;
#[cfg(test)]
use sqlx::AnyPool;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AnyConnection};

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
pub(crate) enum Pool {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Pool {
    /// Connects and, when asked to, brings the schema up to date.
    pub(crate) async fn open(url: &str, opening: Opening) -> Result<Pool, Error> {
        let Opening {
            connections_max,
            upgrade,
        } = opening;
        sqlx::any::install_default_drivers();
        if url.starts_with("sqlite:") {
            Ok(Pool::Sqlite(sqlite::Sqlite::open(url, upgrade).await?))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let postgres = postgres::Postgres::open(url, connections_max, upgrade).await?;
            Ok(Pool::Postgres(postgres))
        } else {
            Err(Error::Unavailable(
                "its address must begin with sqlite://, postgres:// or postgresql://".to_owned(),
            ))
        }
    }

    /// The rows of a statement that changes nothing.
    pub(crate) async fn fetch(&self, statement: Statement, rows: Rows) -> Result<Vec<AnyRow>, Failure> {
        match (self, rows) {
            // Boxed: callers hold these futures inside their own, one in the other.
            (Pool::Postgres(postgres), rows) => Box::pin(postgres.fetch(statement, rows)).await,
            (Pool::Sqlite(sqlite), Rows::All) => Ok(statement.fetch_all(sqlite.reads()).await?),
            (Pool::Sqlite(sqlite), Rows::First) => {
                let row = statement.fetch_optional(sqlite.reads()).await?;
                Ok(row.into_iter().collect())
            }
        }
    }

    /// The connections themselves.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> &AnyPool {
        match self {
            Pool::Sqlite(sqlite) => sqlite.reads(),
            Pool::Postgres(postgres) => postgres.connections().pool(),
        }
    }

    /// Forgets what is only kept to try writes again.
    pub(crate) async fn forget_commits(&self) -> Result<(), Error> {
        match self {
            Pool::Sqlite(_) => Ok(()),
            Pool::Postgres(postgres) => postgres.forget_commits().await,
        }
    }

    /// The database's own clock as an expression, milliseconds since the epoch: the one clock that all replicas share.
    pub(crate) fn now_expression(&self) -> &'static str {
        match self {
            Pool::Sqlite(_) => Dialect::Sqlite.now_expression(),
            Pool::Postgres(_) => Dialect::Postgres.now_expression(),
        }
    }

    /// Runs `body` over `input` in one transaction of its own and answers once it is committed; an error undoes all
    /// of it. `body` may run several times. `doing` names it in errors.
    pub(crate) async fn write<I, T, F>(
        &self,
        doing: &'static str,
        durability: Durability,
        input: I,
        body: F,
    ) -> Result<T, Error>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'a> Fn(&'a mut AnyConnection, &'a I) -> BoxFuture<'a, Result<T, Failure>>
            + Send
            + Sync
            + 'static,
    {
        match self {
            Pool::Sqlite(sqlite) => sqlite.writes().write(doing, durability, input, body).await,
            Pool::Postgres(postgres) => Box::pin(postgres.write(doing, durability, input, body)).await,
        }
    }

    /// What `body` finds in one state of the database; it changes nothing, and keeps no writer waiting.
    pub(crate) async fn snapshot<T, F>(&self, doing: &str, body: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut AnyConnection) -> BoxFuture<'a, Result<T, Failure>> + Send,
    {
        let found = match self {
            Pool::Sqlite(sqlite) => match sqlite.reads().begin().await {
                Ok(mut tx) => body(&mut tx).await,
                Err(error) => Err(error.into()),
            },
            Pool::Postgres(postgres) => postgres.snapshot(body).await,
        };
        found.map_err(|failure| failure.into_error(doing))
    }

    /// What a transaction runs so that none that changes what repositories hold runs beside it, if it needs anything. What
    /// such a transaction reads in the statement that changes rows, it reads after this one has ended.
    pub(crate) fn fence(&self) -> Option<&'static str> {
        match self {
            // One writes at a time.
            Pool::Sqlite(_) => None,
            Pool::Postgres(_) => Some(
                "LOCK TABLE blob_links, manifests, uploads, binned_manifests, binned_references IN SHARE MODE",
            ),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection beside the others, to read all of the database in one transaction begun with the answered text: it
    /// sees one state of it and keeps no writer waiting.
    pub(crate) async fn long_reader(&self) -> Result<(AnyConnection, &'static str), Error> {
        let connecting = |error| Failure::Sql(error).into_error("connect to the database");
        match self {
            Pool::Sqlite(sqlite) => Ok((sqlite.reader().await.map_err(connecting)?, "BEGIN")),
            Pool::Postgres(postgres) => {
                let connection = postgres.connections().connect_alone().await.map_err(connecting)?;
                Ok((connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            }
        }
    }

    /// Answers queued writes, then closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Pool::Sqlite(sqlite) => sqlite.close().await,
            Pool::Postgres(postgres) => postgres.connections().close().await,
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
