//! Rebuild: what the store alone can tell, when there is neither database nor snapshot: organisations, repositories,
//! manifests and tags from records, their blobs from what lies in the store. People and rights are gone.

use std::sync::Arc;

use berth_blob::BlobStore;
use berth_metadata::{Metadata, RestoreInto};

use crate::account::new_id;
use crate::bootstrap::{FirstCredentials, FirstStart};
use crate::clock::now_ms;
use crate::error::Error;
use crate::open::{REGISTRY_ID, UNFINISHED, open_blobs};
use crate::replay::{Replay, Replayed, list_store};
use crate::restore::{RESTORED_AT, refused};
use crate::snapshot::{self, FOLDER};
use crate::{Registry, Settings};

/// How to rebuild.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rebuilding {
    /// Whether what the database holds may be lost.
    pub replace: bool,
    /// Whether to read all bytes and believe only them.
    pub rehash: bool,
    /// Whether to do without the snapshots in the store, which know more.
    pub ignore_snapshots: bool,
}

/// What a rebuild found.
#[derive(Clone)]
pub struct RebuildReport {
    /// The administrator that it made.
    pub credentials: Option<FirstCredentials>,
    /// Blobs in the store.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Keys of bytes that could not be used: without a digest, or other bytes than those of it.
    pub unusable: Vec<String>,
    /// What came of the records.
    pub replayed: Replayed,
    /// Repositories, manifests and tags that are there now.
    pub repositories: i64,
    /// See `repositories`.
    pub manifests: i64,
    /// See `repositories`.
    pub tags: i64,
}

/// Rebuilds into the database that the settings name, which must be empty unless it may be lost; the first account owns
/// all. `Exists` when it holds a registry, `Invalid` when the store holds a snapshot that can be read.
pub async fn rebuild(
    settings: &Settings,
    first: FirstStart,
    how: Rebuilding,
) -> Result<RebuildReport, Error> {
    let blobs = open_blobs(settings).await?;
    if !how.ignore_snapshots {
        require_no_snapshot(blobs.as_ref()).await?;
    }
    let registry_id = blobs.claim(&new_id()).await?;
    let into = RestoreInto {
        database: settings.database.clone(),
        replace: how.replace,
        instance_values: vec![
            (REGISTRY_ID.to_owned(), registry_id),
            (RESTORED_AT.to_owned(), now_ms().to_string()),
            (UNFINISHED.to_owned(), "berth rebuild --replace".to_owned()),
        ],
    };
    Metadata::begin_anew(&into).await.map_err(refused)?;
    let registry = Registry::open_unfinished(settings.clone()).await?;
    let credentials = registry.bootstrap(first).await;
    let metadata = &registry.metadata;
    let rebuilt = async {
        let credentials = credentials?;
        let (count, blob_bytes, unusable) = list_store(metadata, blobs.as_ref(), how.rehash).await?;
        let account = metadata.first_account().await?;
        let account = account.ok_or_else(|| Error::Unknown("the first account".to_owned()))?;
        let replay = Replay::new(metadata, blobs.as_ref(), account.id);
        let (replayed, last) = replay.run(0).await?;
        let (repositories, manifests, tags) = metadata.count_content().await?;
        metadata.clear_store_listing().await?;
        metadata.forget_records(last).await?;
        metadata.forget_instance_value(UNFINISHED).await?;
        Ok(RebuildReport {
            credentials,
            blobs: count,
            blob_bytes,
            unusable,
            replayed,
            repositories,
            manifests,
            tags,
        })
    };
    let rebuilt = rebuilt.await;
    registry.close().await;
    rebuilt
}

/// A snapshot knows people and rights too, and what it lacks records tell.
async fn require_no_snapshot(blobs: &dyn BlobStore) -> Result<(), Error> {
    for stored in snapshot::stored(blobs).await? {
        let name = stored.name;
        let bytes = blobs.read_document(&format!("{FOLDER}{name}")).await?;
        if snapshot::decode(bytes, Arc::default()).await.is_ok() {
            return Err(Error::Invalid(format!(
                "the storage holds the snapshot {name}, which knows people and rights too: run `berth restore`, or give \
                 --ignore-snapshots to do without it"
            )));
        }
    }
    Ok(())
}
