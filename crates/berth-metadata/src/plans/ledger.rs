//! What the ledger asks of one image, among many: its figures group and join, and may read no table from end to end.

use super::with_values;
use crate::ledger::{IMAGES, figures, keys};

/// The tables that hold a row for each of very many things, with the names that statements give them.
const LARGE: [(&str, &[&str]); 6] = [
    ("blobs", &["b"]),
    ("blob_links", &["l", "x"]),
    ("manifests", &["m"]),
    ("repositories", &["r", "i", "y"]),
    ("binned_references", &["k"]),
    ("uploads", &["u"]),
];

pub(super) fn statements() -> Vec<String> {
    vec![
        with_values(figures::OF_IMAGE, &["8", "'account'"]),
        with_values(IMAGES, &["8", "'image5'", "100"]),
        with_values(keys::BLOBS, &["'key5000'", "100"]),
    ]
}

/// Lines of a plan of SQLite that read a large table from end to end.
pub(super) fn scans(plan: &str) -> Vec<&str> {
    let names = || {
        LARGE
            .iter()
            .flat_map(|(table, names)| names.iter().chain([table]))
    };
    plan.lines()
        .filter(|line| {
            let name = line
                .split_once("SCAN ")
                .and_then(|(_, rest)| rest.split(' ').next());
            name.is_some_and(|name| names().any(|large| *large == name))
        })
        .collect()
}

/// The same of a plan of PostgreSQL.
pub(super) fn sequential_scans(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter(|line| {
            let table = line
                .split_once("Seq Scan on ")
                .and_then(|(_, rest)| rest.split(' ').next());
            // What has no row yet is read whole, whatever its indexes.
            table.is_some_and(|table| {
                LARGE
                    .iter()
                    .any(|(large, _)| *large == table && *large != "binned_references")
            })
        })
        .collect()
}
