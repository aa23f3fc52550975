//! Migration: a running registry copied into other stores, of whatever kinds. First the bytes that are missing there, each
//! compared with its digest, then all rows of one moment, in place of those of the run before. Run again, it copies what
//! came since; stopped anywhere, it is run again.

mod copy;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_blob::BlobStore;
use berth_metadata::{Metadata, RestoreInto};

use crate::Settings;
use crate::clock::now_ms;
use crate::error::Error;
use crate::open::{REGISTRY_ID, UNFINISHED, open_blobs};
use crate::replay::list_store;
use crate::restore::{RESTORED_AT, at_work, refused};

/// The command that goes on with what one run began.
const COMMAND: &str = "berth migrate --finish";

/// How to migrate.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Whether the old server has stopped and the new one starts after this.
    pub finish: bool,
    /// Whether a registry that the new database holds may be lost.
    pub replace: bool,
    /// Blobs that are copied at once.
    pub parallel: usize,
}

/// How far a migration is, for who waits for it.
#[derive(Debug, Default)]
pub struct MigrationProgress {
    blobs: AtomicU64,
    blobs_all: AtomicU64,
    copied: AtomicU64,
    bytes: AtomicU64,
    bytes_all: AtomicU64,
    bytes_copied: Arc<AtomicU64>,
    rows: Arc<AtomicU64>,
}

impl MigrationProgress {
    /// Blobs that are there, and all.
    pub fn blobs(&self) -> (u64, u64) {
        (get(&self.blobs), get(&self.blobs_all))
    }

    /// Bytes of blobs that are there, and all.
    pub fn bytes(&self) -> (u64, u64) {
        (get(&self.bytes), get(&self.bytes_all))
    }

    /// Bytes that this run has copied.
    pub fn bytes_copied(&self) -> u64 {
        get(&self.bytes_copied)
    }

    /// Rows that this run has copied.
    pub fn rows(&self) -> u64 {
        get(&self.rows)
    }

    fn copied_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_copied)
    }

    fn row_counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.rows)
    }
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// What a migration did.
#[derive(Clone, Debug)]
pub struct MigrationReport {
    /// Blobs that this run copied.
    pub copied: u64,
    /// Bytes of these.
    pub bytes_copied: u64,
    /// The rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Tables whose rows were read back and are the same on both sides.
    pub tables_compared: usize,
    /// Blobs whose bytes the old store does not have, or not as their digest says: digests.
    pub damaged: Vec<String>,
}

/// Copies the registry of `from` into the stores of `to`. `Exists` when the new database holds a registry that no migration
/// put there, `Invalid` when the new store belongs to another registry or what was copied is not what was read.
pub async fn migrate(
    from: &Settings,
    to: &Settings,
    how: Migration,
    progress: Arc<MigrationProgress>,
) -> Result<MigrationReport, Error> {
    if from.database == to.database {
        return Err(Error::Invalid(
            "the old and the new database are the same".to_owned(),
        ));
    }
    let (old_blobs, new_blobs) = (open_blobs(from).await?, open_blobs(to).await?);
    let old = Metadata::open(&from.database).await?;
    let id = old.instance_value(REGISTRY_ID).await?;
    let id = id.ok_or_else(|| Error::Unknown("a registry in the old database".to_owned()))?;
    if new_blobs.claim(&id).await? != id {
        return Err(Error::Invalid(
            "the new storage holds the blobs of another registry: name an empty one".to_owned(),
        ));
    }
    stopped(&old, how).await?;
    may_be_lost(&to.database, how).await?;
    let copying = copy::Copying {
        old: &old,
        from: old_blobs.as_ref(),
        to: new_blobs.as_ref(),
        progress: &progress,
        parallel: how.parallel.max(1),
    };
    let done = run(&copying, to, how).await;
    old.close().await;
    done
}

/// The last run copies what nobody changes any more.
async fn stopped(old: &Metadata, how: Migration) -> Result<(), Error> {
    if how.finish && old.any_lease_is_held().await? {
        return Err(at_work("old database"));
    }
    Ok(())
}

/// A database is filled anew when it is empty or an earlier run filled it.
async fn may_be_lost(database: &str, how: Migration) -> Result<(), Error> {
    let new = Metadata::open(database).await?;
    let unfinished = new.instance_value(UNFINISHED).await?;
    let accounts = new.count_accounts().await?;
    new.close().await;
    if accounts == 0 || how.replace || unfinished.as_deref() == Some(COMMAND) {
        return Ok(());
    }
    Err(Error::Exists("a registry in the new database".to_owned()))
}

async fn run(copying: &copy::Copying<'_>, to: &Settings, how: Migration) -> Result<MigrationReport, Error> {
    copying.count().await?;
    copying.blobs().await?;
    let into = RestoreInto {
        database: to.database.clone(),
        replace: true,
        instance_values: vec![
            (RESTORED_AT.to_owned(), now_ms().to_string()),
            (UNFINISHED.to_owned(), COMMAND.to_owned()),
        ],
    };
    let (rows, read) = verify::noting(copying.old.snapshot(), copying.progress);
    let imported = Metadata::restore(&into, rows).await.map_err(refused)?;
    let new = Metadata::open(&to.database).await?;
    let done = finish(copying, &new, how, read).await;
    new.close().await;
    let (tables_compared, damaged) = done?;
    Ok(MigrationReport {
        copied: get(&copying.progress.copied),
        bytes_copied: copying.progress.bytes_copied(),
        rows: imported.rows,
        tables_compared,
        damaged,
    })
}

/// Points the copied rows at the copied bytes, fetches those that came in between, and compares.
async fn finish(
    copying: &copy::Copying<'_>,
    new: &Metadata,
    how: Migration,
    read: verify::Noted,
) -> Result<(usize, Vec<String>), Error> {
    new.forget_keys().await?;
    list_store(new, copying.to, false).await?;
    new.reconcile_blobs(now_ms()).await?;
    copying.late_blobs(new).await?;
    let mut damaged: Vec<String> = Vec::new();
    loop {
        let last = damaged.last().cloned().unwrap_or_default();
        let page = new.damaged_blobs(&last, 1000).await?;
        if page.is_empty() {
            break;
        }
        damaged.extend(page.into_iter().map(|row| row.digest));
    }
    new.clear_store_listing().await?;
    new.recount_byte_quotas(now_ms()).await?;
    let compared = verify::compare(new, read).await?;
    stopped(copying.old, how).await?;
    if how.finish {
        new.forget_instance_value(UNFINISHED).await?;
    }
    Ok((compared, damaged))
}

/// A store that is only looked at.
type Store<'a> = &'a dyn BlobStore;
