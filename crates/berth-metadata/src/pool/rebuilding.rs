//! A database that is filled anew as a whole: one connection, one transaction, from no table to the newest schema.

use super::Tx;
use super::migrate::{self, Step, Upgrade};
use super::{Dialect, Failure, catalog, postgres, sqlite};
use crate::error::{Conflict, Error};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection, Row, Transaction};
use std::collections::BTreeSet;

/// The one connection to a database that is to be filled.
pub(crate) struct Rebuilding {
    connection: AnyConnection,
    dialect: Dialect,
}

impl Rebuilding {
    /// Connects to the database that `url` names; SQLite's file is made when it is missing.
    pub(crate) async fn connect(url: &str) -> Result<Rebuilding, Error> {
        sqlx::any::install_default_drivers();
        let opening = |failure: Failure| failure.into_error("open the database");
        let (connection, dialect) = if url.starts_with("sqlite:") {
            (sqlite::writer(url).await.map_err(opening)?, Dialect::Sqlite)
        } else {
            let connection = postgres::connections::connect(url).await;
            (
                connection.map_err(|error| opening(error.into()))?,
                Dialect::Postgres,
            )
        };
        Ok(Rebuilding { connection, dialect })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins the transaction that nothing else may write beside.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_, Any>, Failure> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            // No program brings the schema forward meanwhile.
            Dialect::Postgres => "BEGIN; SELECT pg_advisory_xact_lock(4806228391722093)",
        };
        Ok(self.connection.begin_with(begin).await?)
    }

    pub(crate) async fn close(self) {
        // The transaction has ended: nothing can be lost any more.
        let _closed = self.connection.close().await;
    }
}

/// Takes away every table of this program's; [`Conflict::NotEmpty`] when there are accounts and `replace` is not given,
/// [`Conflict::AtWork`] when a process holds a lease.
/// Tables of others stay, and stand in the way of ours with their names.
pub(crate) async fn empty(tx: &mut Tx<'_>, dialect: Dialect, replace: bool) -> Result<(), Failure> {
    let ours = names_made();
    let found = catalog::tables(tx, dialect).await?;
    if !replace && found.iter().any(|table| table.name == "accounts") {
        let any = sqlx::query("SELECT 1 FROM accounts LIMIT 1");
        if any.fetch_optional(&mut *tx).await?.is_some() {
            return Err(Conflict::NotEmpty.into());
        }
    }
    if found.iter().any(|table| table.name == "leases") {
        let now = dialect.now_expression();
        let held = sqlx::query(AssertSqlSafe(format!(
            "SELECT name FROM leases WHERE expires_at > {now} LIMIT 1"
        )));
        if held.fetch_optional(&mut *tx).await?.is_some() {
            return Err(Conflict::AtWork.into());
        }
    }
    let names = found.into_iter().map(|table| table.name);
    let names = names.filter(|name| ours.contains(name.as_str()));
    // Children first: nothing refers to what goes.
    for name in catalog::NOT_COPIED {
        drop_table(tx, name).await?;
    }
    for name in names.collect::<Vec<_>>().iter().rev() {
        drop_table(tx, name).await?;
    }
    Ok(())
}

/// `name` is one of ours.
async fn drop_table(tx: &mut Tx<'_>, name: &str) -> Result<(), Failure> {
    run(tx, format!("DROP TABLE IF EXISTS {name}")).await
}

/// The tables that the steps make.
fn names_made() -> BTreeSet<&'static str> {
    let texts = migrate::STEPS
        .iter()
        .flat_map(|step| step.sqlite.split("CREATE TABLE ").skip(1));
    texts
        .filter_map(|text| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
        })
        .collect()
}

/// The names of the steps that a database has, oldest first.
pub(crate) async fn steps(tx: &mut Tx<'_>) -> Result<Vec<String>, Failure> {
    let rows = sqlx::query("SELECT name FROM schema_steps ORDER BY version")
        .fetch_all(tx)
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Brings a database that [`empty`] left to the schema that these steps make; false when this program does not know them.
pub(crate) async fn make_schema(tx: &mut Tx<'_>, dialect: Dialect, steps: &[String]) -> Result<bool, Error> {
    let Some(wanted) = migrate::STEPS.get(..steps.len()) else {
        return Ok(false);
    };
    if wanted.iter().zip(steps).any(|(known, step)| known.name != step) {
        return Ok(false);
    }
    apply(tx, dialect, wanted).await?;
    Ok(true)
}

/// Brings the schema to the newest one.
pub(crate) async fn finish_schema(tx: &mut Tx<'_>, dialect: Dialect) -> Result<(), Error> {
    apply(tx, dialect, migrate::STEPS).await
}

async fn apply(tx: &mut Tx<'_>, dialect: Dialect, steps: &'static [Step]) -> Result<(), Error> {
    const ADVICE: &str = "nothing was changed; report this message";
    let text: fn(&Step) -> &'static str = match dialect {
        Dialect::Sqlite => |step| step.sqlite,
        Dialect::Postgres => |step| step.postgres,
    };
    let next = async |tx: &mut Tx<'_>| {
        let step = migrate::next(tx, (steps, Upgrade::Apply), text).await;
        step.map_err(|stopped| stopped.into_error(ADVICE))
    };
    while next(tx).await?.is_some() {}
    Ok(())
}

/// Keeps triggers from running, because what they did once comes with the rows, and answers what brings them back.
pub(crate) async fn suspend_triggers(tx: &mut Tx<'_>, dialect: Dialect) -> Result<Vec<String>, Failure> {
    const OF_SQLITE: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let mut resuming = Vec::new();
    match dialect {
        Dialect::Sqlite => {
            for row in sqlx::query(OF_SQLITE).fetch_all(&mut *tx).await? {
                let name: String = row.try_get(0)?;
                resuming.push(row.try_get(1)?);
                run(tx, format!("DROP TRIGGER {name}")).await?;
            }
        }
        Dialect::Postgres => {
            for table in catalog::tables(tx, dialect).await? {
                run(tx, format!("ALTER TABLE {} DISABLE TRIGGER USER", table.name)).await?;
                resuming.push(format!("ALTER TABLE {} ENABLE TRIGGER USER", table.name));
            }
        }
    }
    Ok(resuming)
}

/// Brings back what [`suspend_triggers`] answered.
pub(crate) async fn resume_triggers(tx: &mut Tx<'_>, resuming: Vec<String>) -> Result<(), Failure> {
    for text in resuming {
        run(tx, text).await?;
    }
    Ok(())
}

/// Runs a text that is made of what the database says of itself.
async fn run(tx: &mut Tx<'_>, text: String) -> Result<(), Failure> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(tx).await?;
    Ok(())
}
