//! That the new database holds what was read from the old one: each table's rows are hashed on their way, read back, and
//! hashed again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use berth_metadata::{Metadata, SnapshotPart, SnapshotStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::{MigrationProgress, add};
use crate::error::Error;

/// Tables that are another's in the new place: what is noted there, where bytes lie, what only running processes had.
const DIFFERENT: [&str; 11] = [
    "blobs",
    "byte_quotas",
    "instance_values",
    "leases",
    "maintenance_runs",
    "quarantine",
    "reclaim",
    "record_outbox",
    "sessions",
    "store_listing",
    "uploads",
];

/// The hash of the rows of each table.
#[derive(Clone, Default)]
pub(super) struct Noted(Arc<Mutex<Hashes>>);

#[derive(Default)]
struct Hashes {
    tables: BTreeMap<String, Sha256>,
    filling: Option<String>,
}

impl Noted {
    fn note(&self, part: &SnapshotPart) {
        let mut hashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match part {
            SnapshotPart::Start { .. } => {}
            SnapshotPart::Table { name, .. } => {
                hashes.tables.insert(name.clone(), Sha256::new());
                hashes.filling = Some(name.clone());
            }
            SnapshotPart::Rows(rows) => {
                let filling = hashes.filling.clone().unwrap_or_default();
                if let Some(hash) = hashes.tables.get_mut(&filling) {
                    for row in rows {
                        hash.update(format!("{row:?}\n"));
                    }
                }
            }
        }
    }

    fn hashes(&self) -> BTreeMap<String, Vec<u8>> {
        let hashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = hashes.tables.iter();
        let tables = tables.filter(|(table, _)| !DIFFERENT.contains(&table.as_str()));
        tables
            .map(|(table, hash)| (table.clone(), hash.clone().finalize().to_vec()))
            .collect()
    }
}

/// The same parts, noted on their way.
pub(super) fn noting(parts: SnapshotStream, progress: &MigrationProgress) -> (SnapshotStream, Noted) {
    let (noted, rows) = (Noted::default(), progress.row_counter());
    let noting = noted.clone();
    let parts = parts.inspect(move |part| {
        if let Ok(part) = part {
            noting.note(part);
            if let SnapshotPart::Rows(found) = part {
                add(&rows, found.len() as u64);
            }
        }
    });
    (parts.boxed(), noted)
}

/// Reads all back and answers how many tables were compared.
pub(super) async fn compare(new: &Metadata, read: Noted) -> Result<usize, Error> {
    let written = Noted::default();
    let mut parts = new.snapshot();
    while let Some(part) = parts.try_next().await? {
        written.note(&part);
    }
    let (read, written) = (read.hashes(), written.hashes());
    for (table, hash) in &read {
        if written.get(table) != Some(hash) {
            return Err(Error::Invalid(format!(
                "the rows of table {table} in the new database are not those of the old one: run the migration again, and \
                 report it when it says so again"
            )));
        }
    }
    Ok(read.len())
}
