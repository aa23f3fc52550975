//! All rows into a database that has none, in one transaction: whole or not at all.

use super::{SnapshotPart, SnapshotStream, SnapshotValue};
use crate::Metadata;
use crate::error::Error;
use crate::pool::catalog::{self, ColumnKind, SnapshotColumn, Table};
use crate::pool::rebuilding::{self, Rebuilding};
use crate::pool::{Dialect, Failure, Tx};
use crate::sql::{self, Statement};
use futures_util::StreamExt;
use std::collections::BTreeMap;

/// Values of one statement at most; both databases take some tens of thousands.
const VALUES_MAX: usize = 900;
const DOING: &str = "restore a snapshot";

/// Where all rows go, and what is noted there.
#[derive(Clone, Debug)]
pub struct RestoreInto {
    /// The database, as [`Metadata::open`] takes it.
    pub database: String,
    /// Whether what it holds may be lost.
    pub replace: bool,
    /// Values of the instance to set, in place of those of the snapshot.
    pub instance_values: Vec<(String, String)>,
}

/// What was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The rows of each table.
    pub rows: BTreeMap<String, u64>,
}

impl Metadata {
    /// Puts all rows of a snapshot into a database without any and brings its schema up to date; nothing is changed when
    /// anything fails, be it the last part. What only ever belonged to running processes is not brought back: sessions,
    /// unfinished uploads, leases. [`Conflict::NotEmpty`](crate::Conflict::NotEmpty), [`Error::Snapshot`].
    pub async fn restore(into: &RestoreInto, parts: SnapshotStream) -> Result<Imported, Error> {
        let mut database = Rebuilding::connect(&into.database).await?;
        let imported = restore(&mut database, into, parts).await;
        database.close().await;
        imported
    }
}

impl Metadata {
    /// Makes a new database, empty but for its values, in place of what may be lost;
    /// [`Conflict::NotEmpty`](crate::Conflict::NotEmpty).
    pub async fn begin_anew(into: &RestoreInto) -> Result<(), Error> {
        let restoring = |failure: Failure| failure.into_error("make a new database");
        let mut database = Rebuilding::connect(&into.database).await?;
        let dialect = database.dialect();
        let mut tx = database.begin().await.map_err(restoring)?;
        rebuilding::empty(&mut Tx::from(&mut *tx), dialect, into.replace)
            .await
            .map_err(restoring)?;
        rebuilding::finish_schema(&mut Tx::from(&mut *tx), dialect).await?;
        settle(&mut Tx::from(&mut *tx), into).await?;
        tx.commit().await.map_err(|error| restoring(error.into()))?;
        database.close().await;
        Ok(())
    }
}

async fn restore(
    database: &mut Rebuilding,
    into: &RestoreInto,
    parts: SnapshotStream,
) -> Result<Imported, Error> {
    let restoring = |failure: Failure| failure.into_error(DOING);
    let dialect = database.dialect();
    let mut tx = database.begin().await.map_err(restoring)?;
    rebuilding::empty(&mut Tx::from(&mut *tx), dialect, into.replace)
        .await
        .map_err(restoring)?;
    let imported = import(&mut Tx::from(&mut *tx), dialect, parts).await?;
    rebuilding::finish_schema(&mut Tx::from(&mut *tx), dialect).await?;
    settle(&mut Tx::from(&mut *tx), into).await?;
    tx.commit().await.map_err(|error| restoring(error.into()))?;
    Ok(imported)
}

async fn import(tx: &mut Tx<'_>, dialect: Dialect, mut parts: SnapshotStream) -> Result<Imported, Error> {
    let Some(SnapshotPart::Start { steps, .. }) = parts.next().await.transpose()? else {
        return Err(Error::Snapshot("it does not begin with a schema".to_owned()));
    };
    if !rebuilding::make_schema(tx, dialect, &steps).await? {
        let last = steps.last().map_or("", String::as_str);
        return Err(Error::Snapshot(format!(
            "it was made by a newer version of berth (schema step {last}), start with that version or a later one"
        )));
    }
    let restoring = |failure: Failure| failure.into_error(DOING);
    let tables = catalog::tables(tx, dialect).await.map_err(restoring)?;
    let triggers = rebuilding::suspend_triggers(tx, dialect)
        .await
        .map_err(restoring)?;
    // Steps of the schema put rows in that come with the snapshot too.
    for table in &tables {
        run(tx, sql::made(format!("DELETE FROM {}", table.name))).await?;
    }
    let imported = fill(tx, (dialect, &tables), parts).await?;
    if let Some(table) = tables
        .iter()
        .find(|table| !imported.rows.contains_key(&table.name))
    {
        let table = &table.name;
        return Err(Error::Snapshot(format!("its table {table} is missing")));
    }
    rebuilding::resume_triggers(tx, triggers)
        .await
        .map_err(restoring)?;
    Ok(imported)
}

async fn fill(
    tx: &mut Tx<'_>,
    (dialect, tables): (Dialect, &[Table]),
    mut parts: SnapshotStream,
) -> Result<Imported, Error> {
    let mut imported = Imported::default();
    let mut filling = None;
    while let Some(part) = parts.next().await.transpose()? {
        match part {
            SnapshotPart::Start { .. } => return Err(Error::Snapshot("it begins twice".to_owned())),
            SnapshotPart::Table {
                name,
                columns,
                last_id,
            } => {
                let table = tables.iter().find(|table| table.name == name);
                let table = table.ok_or_else(|| Error::Snapshot(format!("its table {name} is unknown")))?;
                require_columns(table, &columns)?;
                if let (Some(identity), Some(last)) = (&table.identity, last_id) {
                    let set = catalog::set_last_id(tx, dialect, (&table.name, identity), last).await;
                    set.map_err(|failure| failure.into_error(DOING))?;
                }
                imported.rows.insert(name, 0);
                filling = Some((table, columns));
            }
            SnapshotPart::Rows(rows) => {
                let (table, columns) = filling
                    .as_ref()
                    .ok_or_else(|| Error::Snapshot("it has rows before a table".to_owned()))?;
                let count = rows.len() as u64;
                insert(tx, dialect, (&table.name, columns), rows).await?;
                *imported.rows.entry(table.name.clone()).or_default() += count;
            }
        }
    }
    Ok(imported)
}

fn require_columns(table: &Table, columns: &[SnapshotColumn]) -> Result<(), Error> {
    let has_all = table.columns.iter().all(|column| columns.contains(column));
    if has_all && table.columns.len() == columns.len() {
        return Ok(());
    }
    Err(Error::Snapshot(format!(
        "its table {} has other columns",
        table.name
    )))
}

async fn insert(
    tx: &mut Tx<'_>,
    dialect: Dialect,
    (table, columns): (&str, &[SnapshotColumn]),
    rows: Vec<Vec<SnapshotValue>>,
) -> Result<(), Error> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let names = names.join(", ");
    let at_once = (VALUES_MAX / columns.len()).max(1);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<_> = rows.by_ref().take(at_once).collect();
        let markers =
            (0..chunk.len()).map(|n| format!("({})", sql::markers(1 + n * columns.len(), columns.len())));
        let markers = markers.collect::<Vec<_>>().join(", ");
        let mut statement = sql::made(format!("INSERT INTO {table} ({names}) VALUES {markers}"));
        for row in chunk {
            if row.len() != columns.len() {
                return Err(Error::Snapshot(format!(
                    "a row of its table {table} has another length"
                )));
            }
            for (value, column) in row.into_iter().zip(columns) {
                statement = bind(statement, value, (dialect, column)).ok_or_else(|| {
                    Error::Snapshot(format!("a value of its table {table} is of another type"))
                })?;
            }
        }
        // Texts differ with the number of rows: kept, they would only fill a cache.
        run(tx, statement.persistent(false)).await?;
    }
    Ok(())
}

fn bind(
    statement: Statement,
    value: SnapshotValue,
    (dialect, column): (Dialect, &SnapshotColumn),
) -> Option<Statement> {
    Some(match (value, column.kind) {
        (SnapshotValue::Null, ColumnKind::Number) => statement.bind(None::<i64>),
        (SnapshotValue::Null, ColumnKind::Text) => statement.bind(None::<String>),
        (SnapshotValue::Null, ColumnKind::Bytes) => statement.bind(None::<Vec<u8>>),
        (SnapshotValue::Number(number), ColumnKind::Number) => statement.bind(number),
        (SnapshotValue::Text(text), ColumnKind::Text) => statement.bind(match dialect {
            Dialect::Sqlite => text,
            // No text of this database holds a zero character.
            Dialect::Postgres => text.replace('\0', "\u{fffd}"),
        }),
        (SnapshotValue::Bytes(bytes), ColumnKind::Bytes) => statement.bind(bytes),
        _ => return None,
    })
}

async fn run(tx: &mut Tx<'_>, statement: Statement) -> Result<(), Error> {
    let done = sql::change(tx, statement).await;
    done.map(drop)
        .map_err(|error| Failure::from(error).into_error(DOING))
}

/// What a restored database must not have of the one that it was: what belonged to processes that no longer run. Quotas
/// refuse nothing until they are recounted.
async fn settle(tx: &mut Tx<'_>, into: &RestoreInto) -> Result<(), Error> {
    const SET: &str = "INSERT INTO instance_values (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    const FORGET: [&str; 7] = [
        "DELETE FROM sessions",
        "DELETE FROM uploads",
        "UPDATE byte_quotas SET used_bytes = 0, reserved_bytes = 0, recounts = 0",
        "DELETE FROM leases",
        "UPDATE maintenance_runs SET state = 'interrupted', ended_at = created_at WHERE ended_at IS NULL",
        "DELETE FROM record_outbox",
        "DELETE FROM store_listing",
    ];
    for text in FORGET {
        run(tx, sqlx::query(text)).await?;
    }
    for (name, value) in &into.instance_values {
        run(tx, sqlx::query(SET).bind(name.clone()).bind(value.clone())).await?;
    }
    Ok(())
}
