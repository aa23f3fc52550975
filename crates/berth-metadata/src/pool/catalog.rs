//! What tables a database has, as it says itself: their columns, keys and the order that foreign keys ask for. So that no
//! table which is added later can be forgotten by who copies all of them.

use super::Tx;
use super::{Dialect, Failure};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A text.
    Text,
    /// A whole number of 64 bits.
    Number,
    /// Bytes.
    Bytes,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// By name: the order in which they were made differs between databases.
    pub(crate) columns: Vec<SnapshotColumn>,
    /// The columns of its primary key, in their order.
    pub(crate) key: Vec<String>,
    /// The column whose numbers the database hands out and never twice.
    pub(crate) identity: Option<String>,
}

/// The tables that are of one database alone: what its schema is, what it was told twice, what those who look at it now
/// are told, and what is made anew from blobs.
pub(crate) const NOT_COPIED: [&str; 6] = [
    "schema_steps",
    "schema_oldest",
    "commits",
    "changes",
    "change_gate",
    "layer_indexes",
];

const SQLITE_COLUMNS: &str = "SELECT m.name, p.name, p.type, CAST(p.pk AS BIGINT), \
     CAST(p.pk = 1 AND m.sql LIKE '%AUTOINCREMENT%' AS BIGINT) \
     FROM sqlite_schema m JOIN pragma_table_info(m.name) p \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, p.cid";
const SQLITE_PARENTS: &str = "SELECT DISTINCT m.name, f.\"table\" FROM sqlite_schema m \
     JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const POSTGRES_COLUMNS: &str = "SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT), CAST(t.typname AS TEXT), \
     CAST(COALESCE(array_position(CAST(i.indkey AS int2[]), a.attnum) + 1, 0) AS BIGINT), \
     CAST(CASE a.attidentity WHEN '' THEN 0 ELSE 1 END AS BIGINT) \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     JOIN pg_type t ON t.oid = a.atttypid \
     LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
     WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.relname COLLATE \"C\", a.attnum";
const POSTGRES_PARENTS: &str = "SELECT DISTINCT CAST(child.relname AS TEXT), CAST(parent.relname AS TEXT) \
     FROM pg_constraint k JOIN pg_class child ON child.oid = k.conrelid JOIN pg_class parent ON parent.oid = k.confrelid \
     JOIN pg_namespace n ON n.oid = child.relnamespace WHERE k.contype = 'f' AND n.nspname = current_schema()";

/// Every table but [`NOT_COPIED`], each after those that its foreign keys name.
pub(crate) async fn tables(tx: &mut Tx<'_>, dialect: Dialect) -> Result<Vec<Table>, Failure> {
    let mut tables = columns(tx, dialect).await?;
    let parents = match dialect {
        Dialect::Sqlite => SQLITE_PARENTS,
        Dialect::Postgres => POSTGRES_PARENTS,
    };
    let mut waits_for: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in sqlx::query(parents).fetch_all(tx).await? {
        let (child, parent): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if child != parent {
            waits_for.entry(child).or_default().insert(parent);
        }
    }
    let mut ordered = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let is_free = |name: &&String| {
            let parents = waits_for.get(*name);
            parents.is_none_or(|parents| parents.iter().all(|parent| !tables.contains_key(parent)))
        };
        let free = tables.keys().find(is_free).cloned();
        let free =
            free.ok_or_else(|| Failure::Broken("tables refer to one another in a circle".to_owned()))?;
        ordered.extend(tables.remove(&free));
    }
    Ok(ordered)
}

async fn columns(tx: &mut Tx<'_>, dialect: Dialect) -> Result<BTreeMap<String, Table>, Failure> {
    let columns = match dialect {
        Dialect::Sqlite => SQLITE_COLUMNS,
        Dialect::Postgres => POSTGRES_COLUMNS,
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let mut keys: BTreeMap<String, BTreeMap<i64, String>> = BTreeMap::new();
    for row in sqlx::query(columns).fetch_all(tx).await? {
        let (table, column, kind): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if NOT_COPIED.contains(&table.as_str()) {
            continue;
        }
        let (in_key, is_identity): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
        let kind = kind_of(&kind).ok_or_else(|| {
            Failure::Broken(format!(
                "column {column} of table {table} is of the unknown type {kind}"
            ))
        })?;
        let found = tables.entry(table.clone()).or_insert_with(|| Table {
            name: table.clone(),
            columns: Vec::new(),
            key: Vec::new(),
            identity: None,
        });
        if in_key > 0 {
            keys.entry(table).or_default().insert(in_key, column.clone());
        }
        if is_identity != 0 {
            found.identity = Some(column.clone());
        }
        found.columns.push(SnapshotColumn { name: column, kind });
    }
    for table in tables.values_mut() {
        table.columns.sort_by(|a, b| a.name.cmp(&b.name));
    }
    for (table, key) in keys {
        if let Some(found) = tables.get_mut(&table) {
            found.key = key.into_values().collect();
        }
    }
    Ok(tables)
}

fn kind_of(declared: &str) -> Option<ColumnKind> {
    match declared.to_ascii_lowercase().as_str() {
        "text" => Some(ColumnKind::Text),
        "bigint" | "integer" | "int8" => Some(ColumnKind::Number),
        "blob" | "bytea" => Some(ColumnKind::Bytes),
        _ => None,
    }
}

/// The last number that the database handed out for a table's identity column.
pub(crate) async fn last_id(
    tx: &mut Tx<'_>,
    dialect: Dialect,
    table: &str,
    identity: &str,
) -> Result<i64, Failure> {
    const SQLITE: &str = "SELECT seq FROM sqlite_sequence WHERE name = $1";
    const POSTGRES: &str =
        "SELECT COALESCE(pg_sequence_last_value(CAST(pg_get_serial_sequence($1, $2) AS regclass)), 0)";
    let statement = match dialect {
        Dialect::Sqlite => sqlx::query(SQLITE).bind(table.to_owned()),
        Dialect::Postgres => sqlx::query(POSTGRES)
            .bind(table.to_owned())
            .bind(identity.to_owned()),
    };
    let row = statement.fetch_optional(tx).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
}

/// Lets the database hand out only numbers above `last` for a table's identity column.
pub(crate) async fn set_last_id(
    tx: &mut Tx<'_>,
    dialect: Dialect,
    (table, identity): (&str, &str),
    last: i64,
) -> Result<(), Failure> {
    if last < 1 {
        return Ok(());
    }
    match dialect {
        Dialect::Sqlite => {
            // The table has no key of its own to be in conflict with.
            let forget = sqlx::query("DELETE FROM sqlite_sequence WHERE name = $1").bind(table.to_owned());
            forget.execute(&mut *tx).await?;
            let set = sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)");
            set.bind(table.to_owned()).bind(last).execute(tx).await?;
        }
        Dialect::Postgres => {
            const SET: &str = "SELECT setval(CAST(pg_get_serial_sequence($1, $2) AS regclass), $3)";
            let set = sqlx::query(SET)
                .bind(table.to_owned())
                .bind(identity.to_owned())
                .bind(last);
            set.fetch_all(tx).await?;
        }
    }
    Ok(())
}
