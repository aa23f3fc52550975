//! Restore: a registry back from a snapshot and the blobs that lie in its store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use berth_blob::{BlobStore, ByteStream};
use berth_metadata::{Conflict, DamagedUse, Metadata, Reconciled, RestoreInto};

use crate::Settings;
use crate::clock::now_ms;
use crate::error::Error;
use crate::open::{REGISTRY_ID, UNFINISHED, open_blobs};
use crate::replay::{Replay, Replayed, list_store};
use crate::snapshot::{self, FOLDER, Header, Tally};

/// When the metadata came from a snapshot last: bytes that it does not know may be worth something for a while.
pub(crate) const RESTORED_AT: &str = "restored_at";

/// Which snapshot to restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// The newest one in the store.
    Latest,
    /// That one in the store.
    Stored(String),
    /// A file.
    File(PathBuf),
}

/// What a restore did.
#[derive(Clone, Debug)]
pub struct RestoreReport {
    /// When the snapshot was taken, in milliseconds since the epoch.
    pub taken_at: i64,
    /// The version of the program that took it.
    pub version: String,
    /// The rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Blobs that the store has under another key than the snapshot says.
    pub rekeyed: u64,
    /// Blobs whose bytes the store does not have. They are absent until they are pushed again.
    pub missing: u64,
    /// The first images and tags that need them.
    pub damaged: Vec<DamagedUse>,
    /// What happened after the snapshot, from the records in the store.
    pub replayed: Replayed,
}

/// Uses of missing blobs that a report names.
const DAMAGED_NAMED_MAX: i64 = 1000;

/// Restores a snapshot into the database that the settings name, whatever kind it is, all or nothing. `Exists` when that
/// holds a registry and `replace` is not given, `Unknown` without such a snapshot, `Invalid` when it is damaged, of a
/// newer version or of another registry than the blobs.
pub async fn restore(
    settings: &Settings,
    from: &RestoreFrom,
    replace: bool,
    tally: Arc<Tally>,
) -> Result<RestoreReport, Error> {
    let blobs = open_blobs(settings).await?;
    let bytes = bytes_of(from, blobs.as_ref()).await?;
    let (header, parts) = snapshot::decode(bytes, tally).await?;
    require_same_registry(&header, blobs.as_ref()).await?;
    let into = RestoreInto {
        database: settings.database.clone(),
        replace,
        instance_values: vec![
            (RESTORED_AT.to_owned(), now_ms().to_string()),
            (UNFINISHED.to_owned(), "berth restore --replace".to_owned()),
        ],
    };
    let imported = Metadata::restore(&into, parts).await.map_err(refused)?;
    let metadata = Metadata::open(&settings.database).await?;
    let done = complete(&metadata, blobs.as_ref(), snapshot::records_in(&header)).await;
    metadata.close().await;
    let (reconciled, damaged, replayed) = done?;
    Ok(RestoreReport {
        taken_at: header.taken_at,
        version: header.version,
        rows: imported.rows,
        rekeyed: reconciled.rekeyed,
        missing: reconciled.damaged,
        damaged,
        replayed,
    })
}

/// Compares restored rows with the store and tells again what happened after them.
async fn complete(
    metadata: &Metadata,
    blobs: &dyn BlobStore,
    after: i64,
) -> Result<(Reconciled, Vec<DamagedUse>, Replayed), Error> {
    list_store(metadata, blobs, false).await?;
    let reconciled = metadata.reconcile_blobs(now_ms()).await?;
    let account = metadata.first_account().await?;
    let account = account.ok_or_else(|| Error::Invalid("the snapshot holds no account".to_owned()))?;
    let (replayed, last) = Replay::new(metadata, blobs, account.id).run(after).await?;
    let damaged = metadata.damaged_uses(DAMAGED_NAMED_MAX).await?;
    metadata.clear_store_listing().await?;
    metadata.forget_records(last).await?;
    metadata.forget_instance_value(UNFINISHED).await?;
    Ok((reconciled, damaged, replayed))
}

pub(crate) fn refused(error: berth_metadata::Error) -> Error {
    match error {
        berth_metadata::Error::Conflict(Conflict::NotEmpty) => {
            Error::Exists("a registry in the database".to_owned())
        }
        berth_metadata::Error::Conflict(Conflict::AtWork) => at_work("database"),
        berth_metadata::Error::Snapshot(_) => Error::Invalid(error.to_string()),
        error => error.into(),
    }
}

/// Why nothing is done: what a server writes meanwhile would be lost.
pub(crate) fn at_work(which: &str) -> Error {
    Error::Invalid(format!(
        "a server is at work on the {which}: stop it first; one that was killed is forgotten within a minute"
    ))
}

async fn bytes_of(from: &RestoreFrom, blobs: &dyn BlobStore) -> Result<ByteStream, Error> {
    let name = match from {
        RestoreFrom::File(path) => return snapshot::read_file(path).await,
        RestoreFrom::Stored(name) => name.clone(),
        RestoreFrom::Latest => {
            let newest = snapshot::stored(blobs).await?.into_iter().next();
            newest
                .ok_or_else(|| Error::Unknown("a snapshot in the store".to_owned()))?
                .name
        }
    };
    match blobs.read_document(&format!("{FOLDER}{name}")).await {
        Err(berth_blob::Error::NotFound) => Err(Error::Unknown(format!("snapshot {name}"))),
        bytes => Ok(bytes?),
    }
}

/// Rows and blobs must be of one registry: the upkeep deletes blobs that no row names.
async fn require_same_registry(header: &Header, blobs: &dyn BlobStore) -> Result<(), Error> {
    let id = header.instance.get(REGISTRY_ID);
    let id =
        id.ok_or_else(|| Error::Invalid("the snapshot does not say of which registry it is".to_owned()))?;
    if blobs.claim(id).await? == *id {
        return Ok(());
    }
    Err(Error::Invalid(
        "the blobs in the storage belong to another registry than the snapshot: name the storage that was used with it \
         (setting storage)"
            .to_owned(),
    ))
}
