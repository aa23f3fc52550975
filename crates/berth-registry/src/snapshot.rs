//! Backup: snapshots of all metadata, taken while everything runs, kept in the store beside the blobs or in a file.
//!
//! Secrets in rows are sealed under the master key, which is in no snapshot: who has a snapshot alone has no secret, and
//! who restores one needs that key.

mod decode;
mod encode;
mod file;

use std::sync::Arc;
use std::time::Duration;

use berth_blob::{BlobStore, StoredDocument};
use berth_metadata::Metadata;
use futures_util::TryStreamExt as _;
use serde_json::json;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

pub(crate) use decode::decode;
pub use encode::Tally;
pub(crate) use encode::{Header, encode};
pub(crate) use file::read_file;

use crate::Registry;
use crate::access::Caller;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;
use crate::maintenance_run::{MaintenanceKind, Running};

/// Where snapshots lie in the store.
pub(crate) const FOLDER: &str = "snapshots/";
const SUFFIX: &str = ".berth";
/// How often a run tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);
/// How long a backup that failed is left alone, at most.
const AGAIN_AFTER_MS: i64 = 15 * 60 * 1000;
/// Age of an installation before its first backup: there is little to keep in a new one.
const FIRST_AFTER_MS: i64 = 5 * 60 * 1000;

/// A snapshot in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its name; names are in the order of time.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, in milliseconds since the epoch by the store's clock.
    pub written_at: i64,
}

impl Registry {
    /// Writes a snapshot into a new file that only its owner can read, whole or not at all, and answers its size in
    /// bytes; `Exists` when there is a file. For the operator.
    pub async fn backup_to_file(
        &self,
        caller: &Caller,
        path: &std::path::Path,
        tally: Arc<Tally>,
    ) -> Result<u64, Error> {
        caller.require_operator()?;
        file::write_file(path, encode(self.metadata.snapshot(), now_ms(), tally)).await
    }

    /// The snapshots in the store, newest first. For the operator.
    pub async fn snapshots(&self, caller: &Caller) -> Result<Vec<StoredSnapshot>, Error> {
        caller.require_operator()?;
        stored(self.blobs.as_ref()).await
    }

    /// Whether the schedule asks for a backup now.
    pub(crate) async fn backup_is_due(&self) -> Result<bool, Error> {
        let every = i64::try_from(self.limits.backup_every.as_millis()).unwrap_or(i64::MAX);
        if every == 0 {
            return Ok(false);
        }
        let kind = MaintenanceKind::Backup.as_str();
        let last = self.metadata.list_runs(Some(kind), None, 1).await?;
        let (since, pause) = match last.first() {
            Some(run) if run.state == "done" => (run.ended_at.unwrap_or(run.created_at), every),
            Some(run) => (run.created_at, every.min(AGAIN_AFTER_MS)),
            None => {
                let began = self.metadata.instance_value("bootstrapped_at").await?;
                let Some(began) = began.and_then(|at| at.parse().ok()) else {
                    return Ok(false);
                };
                (began, every.min(FIRST_AFTER_MS))
            }
        };
        Ok(now_ms() >= since.saturating_add(pause))
    }

    /// Writes a snapshot into the store and deletes those that are too many.
    pub(crate) async fn back_up(&self, run: &Running<'_>) -> Result<serde_json::Value, Error> {
        let tally = Arc::new(Tally::default());
        let now = now_ms();
        let name = format!(
            "{FOLDER}{}-{}{SUFFIX}",
            time_in_name(self.name_after_all(now).await?),
            &new_id()[..8]
        );
        let bytes = encode(self.metadata.snapshot(), now, Arc::clone(&tally));
        let shown = || json!({ "rows": tally.rows(), "bytes": tally.bytes() });
        let mut writing = self.blobs.write_document(&name, bytes);
        loop {
            match tokio::time::timeout(TOLD_EVERY, &mut writing).await {
                Ok(written) => break written?,
                Err(_) => run.progress(&shown()).await?,
            }
        }
        let (deleted, records) = self.prune_snapshots().await?;
        Ok(json!({
            "snapshot": name.strip_prefix(FOLDER), "rows": tally.rows(), "bytes": tally.bytes(), "deleted": deleted,
            "deleted_records": records,
        }))
    }

    /// A time for the name of the next snapshot: after those in the names of all others, whatever the clocks say.
    async fn name_after_all(&self, now: i64) -> Result<i64, Error> {
        let all = stored(self.blobs.as_ref()).await?;
        let newest = all.iter().find_map(|snapshot| time_of_name(&snapshot.name));
        Ok(newest.map_or(now, |newest| now.max(newest + 1000)))
    }

    /// Deletes the oldest snapshots beyond those to keep and the records that the oldest one left holds; answers the names
    /// of the former and how many documents of the latter.
    async fn prune_snapshots(&self) -> Result<(Vec<String>, usize), Error> {
        let keep = usize::try_from(self.limits.backup_keep.max(1)).unwrap_or(usize::MAX);
        let all = stored(self.blobs.as_ref()).await?;
        let oldest = all
            .iter()
            .take(keep)
            .next_back()
            .map(|snapshot| snapshot.name.clone());
        let mut deleted = Vec::new();
        for snapshot in all.into_iter().skip(keep) {
            self.blobs
                .delete_document(&format!("{FOLDER}{}", snapshot.name))
                .await?;
            deleted.push(snapshot.name);
        }
        let Some(oldest) = oldest else {
            return Ok((deleted, 0));
        };
        let bytes = self.blobs.read_document(&format!("{FOLDER}{oldest}")).await?;
        let records = match decode(bytes, Arc::default()).await {
            Ok((header, _)) => self.prune_records(records_in(&header)).await?,
            Err(error) => {
                tracing::warn!(
                    snapshot = oldest,
                    error = &error as &dyn std::error::Error,
                    "a snapshot cannot be read; records since the ones before it are kept"
                );
                0
            }
        };
        Ok((deleted, records))
    }
}

/// The stamp of the newest records that a snapshot knows.
pub(crate) fn records_in(header: &Header) -> i64 {
    let stamp = header.instance.get(Metadata::RECORDS_WRITTEN);
    stamp.and_then(|stamp| stamp.parse().ok()).unwrap_or(0)
}

/// The snapshots in a store, newest first.
pub(crate) async fn stored(blobs: &dyn BlobStore) -> Result<Vec<StoredSnapshot>, Error> {
    let found: Vec<StoredDocument> = blobs.list_documents(FOLDER).try_collect().await?;
    let snapshots = found.into_iter().filter_map(|document| {
        let name = document.name.strip_prefix(FOLDER)?;
        name.ends_with(SUFFIX).then(|| StoredSnapshot {
            name: name.to_owned(),
            size: document.size,
            written_at: document.modified_at,
        })
    });
    let mut snapshots: Vec<_> = snapshots.collect();
    snapshots.sort_unstable_by(|a, b| b.name.cmp(&a.name));
    Ok(snapshots)
}

/// `20261121t083000z`: names of documents have no capitals, and come in the order of time.
fn time_in_name(at: i64) -> String {
    let format = format_description!("[year][month][day]t[hour][minute][second]z");
    let at = OffsetDateTime::from_unix_timestamp(at / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&format).expect("every time has these parts")
}

/// The time that [`time_in_name`] made a name of.
fn time_of_name(name: &str) -> Option<i64> {
    let format = format_description!("[year][month][day]t[hour][minute][second]z");
    let (time, _) = name.split_once('-')?;
    let time = PrimitiveDateTime::parse(time, format).ok()?;
    Some(time.assume_utc().unix_timestamp() * 1000)
}

#[cfg(test)]
mod tests {
    use super::{time_in_name, time_of_name};

    #[test]
    fn a_name_tells_its_time() {
        let name = format!("{}-1f2e3d4c.berth", time_in_name(1_795_250_000_000));
        assert_eq!(time_of_name(&name), Some(1_795_250_000_000));
        assert_eq!(time_of_name("of-somebody.berth"), None);
    }
}
