//! Documents of the API to columns: which field stands under which name, and what its numbers mean.

use serde_json::{Value, json};

use crate::table::{Form, Table};

/// A column of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its title for people and name for programs.
    pub(super) name: &'static str,
    /// Where it is in the document, as a JSON pointer.
    pub(super) pointer: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shown(Form),
    /// 7, 3 or 1.
    Right,
}

/// A column that is shown as it is.
pub(super) const fn shown(name: &'static str, pointer: &'static str) -> Column {
    Column {
        name,
        pointer,
        kind: Kind::Shown(Form::Plain),
    }
}

/// A column of sizes.
pub(super) const fn bytes(name: &'static str, pointer: &'static str) -> Column {
    Column {
        name,
        pointer,
        kind: Kind::Shown(Form::Bytes),
    }
}

/// A column for programs alone.
pub(super) const fn hidden(name: &'static str, pointer: &'static str) -> Column {
    Column {
        name,
        pointer,
        kind: Kind::Shown(Form::Hidden),
    }
}

/// A column of rights.
pub(super) const fn right(name: &'static str, pointer: &'static str) -> Column {
    Column {
        name,
        pointer,
        kind: Kind::Right,
    }
}

/// One thing.
pub(super) fn one(columns: &[Column], document: &Value) -> Table {
    Table::one_of(titles(columns), row(columns, document))
}

/// Any number of things.
pub(super) fn list(columns: &[Column], documents: &[Value]) -> Table {
    let rows = documents.iter().map(|document| row(columns, document));
    Table::list_of(titles(columns), rows.collect())
}

fn titles(columns: &[Column]) -> Vec<(&'static str, Form)> {
    let title = |column: &Column| match column.kind {
        Kind::Shown(form) => (column.name, form),
        Kind::Right => (column.name, Form::Plain),
    };
    columns.iter().map(title).collect()
}

fn row(columns: &[Column], document: &Value) -> Vec<Value> {
    let cell = |column: &Column| {
        let value = document.pointer(column.pointer).cloned().unwrap_or_default();
        match (column.kind, value.as_i64()) {
            (Kind::Right, Some(number)) => right_name(number).map_or(value, |name| json!(name)),
            _ => value,
        }
    };
    columns.iter().map(cell).collect()
}

fn right_name(number: i64) -> Option<&'static str> {
    match number {
        7 => Some("manage"),
        3 => Some("write"),
        1 => Some("read"),
        _ => None,
    }
}
