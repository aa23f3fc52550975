//! All rows, out of one database in one state and into another one, of either kind, as a whole. What they look like on
//! their way between, the caller decides.

mod export;
mod import;

use std::collections::BTreeMap;

pub use crate::pool::catalog::{ColumnKind, SnapshotColumn};
pub use export::SnapshotStream;
pub use import::{Imported, RestoreInto};

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotValue {
    /// Nothing.
    Null,
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A piece of all rows, in this order: a start, then each table and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    /// What it is of.
    Start {
        /// The names of the steps that made the schema, oldest first.
        steps: Vec<String>,
        /// The values of the instance, by name.
        instance_values: BTreeMap<String, String>,
    },
    /// A table, before its rows and after all that they refer to.
    Table {
        /// Its name.
        name: String,
        /// Its columns, in the order of the values.
        columns: Vec<SnapshotColumn>,
        /// The last number that was handed out, of a table whose rows are numbered by the database.
        last_id: Option<i64>,
    },
    /// Rows of the table before, by its primary key.
    Rows(Vec<Vec<SnapshotValue>>),
}

#[cfg(test)]
mod tests;
