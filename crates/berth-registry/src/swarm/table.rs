//! The hash of each chunk of a blob: made once by reading the blob, by one of all requests and processes, and kept with it.
//! A blob whose bytes are not those of its digest has none, and is marked.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_blob::BlobStore;
use berth_metadata::{ChunkTable, Damage, Metadata};
use berth_oci::{Digest, Hasher};
use bytes::Bytes;
use futures_util::StreamExt as _;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, Semaphore, mpsc};

use super::chunks::CHUNK_BYTES;
use crate::damage::{Reading, Watch, damage_of};
use crate::error::Error;
use crate::lease::Holder;

/// Tables that one process makes at once: each takes a thread and reads a blob.
const MADE_AT_ONCE: usize = 2;
/// Tables that are made or wait for it; more are begun when somebody asks again.
const WAITING_MAX: usize = 1000;
/// Bytes of tables that are kept in memory.
const KEPT_BYTES_MAX: u64 = 32 << 20;
/// Damaged keys that are remembered.
const KEYS_MAX: u64 = 1000;
/// Pieces of a blob that wait to be hashed.
const PIECES_WAITING: usize = 4;

/// The hashes of a blob's chunks, 32 bytes for each.
pub(super) type Hashes = Arc<[u8]>;

/// A blob to make the table of.
#[derive(Clone, Debug)]
pub(crate) struct TableOf {
    pub(crate) digest: Digest,
    pub(crate) key: String,
    pub(crate) size: u64,
}

/// How far a table is.
#[derive(Clone, Debug)]
pub(super) enum Table {
    Made(Hashes),
    Coming,
    /// The blob's bytes are not those of its digest, as is noted now.
    Damaged,
}

/// Makes tables; clones share the work.
#[derive(Clone)]
pub(crate) struct Tables {
    shared: Arc<Shared>,
}

struct Shared {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    damage: Watch,
    process: String,
    running: Mutex<HashSet<Digest>>,
    /// Keys whose bytes were found damaged: nobody is told to wait for their table.
    damaged: Cache<String, ()>,
    ended: Notify,
    turns: Semaphore,
    kept: Cache<Digest, Hashes>,
}

impl Tables {
    pub(crate) fn new(metadata: Metadata, blobs: Arc<dyn BlobStore>, damage: Watch, process: String) -> Self {
        let weigher = |_: &Digest, hashes: &Hashes| u32::try_from(hashes.len() + 200).unwrap_or(u32::MAX);
        Self {
            shared: Arc::new(Shared {
                metadata,
                blobs,
                damage,
                process,
                running: Mutex::default(),
                damaged: Cache::builder().max_capacity(KEYS_MAX).build(),
                ended: Notify::new(),
                turns: Semaphore::new(MADE_AT_ONCE),
                kept: Cache::builder()
                    .max_capacity(KEPT_BYTES_MAX)
                    .weigher(weigher)
                    .build(),
            }),
        }
    }

    /// The table of a blob; it is waited for as long as `patience`.
    pub(super) async fn get(&self, of: &TableOf, patience: Duration) -> Result<Table, Error> {
        if let Some(hashes) = self.shared.kept(&of.digest).await? {
            return Ok(Table::Made(hashes));
        }
        self.begin(of);
        let ended = async {
            loop {
                let ended = self.shared.ended.notified();
                if !self.shared.running().contains(&of.digest) {
                    return;
                }
                ended.await;
            }
        };
        // Made or not: what there is then counts.
        let _ = tokio::time::timeout(patience, ended).await;
        Ok(match self.shared.kept(&of.digest).await? {
            Some(hashes) => Table::Made(hashes),
            None if self.shared.damaged.contains_key(&of.key) => Table::Damaged,
            None => Table::Coming,
        })
    }

    /// Begins to make the table of a blob, unless it is being made.
    pub(crate) fn begin(&self, of: &TableOf) {
        {
            let mut running = self.shared.running();
            if running.len() >= WAITING_MAX || !running.insert(of.digest.clone()) {
                return;
            }
        }
        let (shared, of) = (Arc::clone(&self.shared), of.clone());
        tokio::spawn(async move {
            if let Err(error) = shared.make(&of).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(digest = %of.digest, error, "the chunks of a blob could not be hashed");
            }
            shared.running().remove(&of.digest);
            shared.ended.notify_waiters();
        });
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn kept(&self, digest: &Digest) -> Result<Option<Hashes>, Error> {
        if let Some(hashes) = self.kept.get(digest) {
            return Ok(Some(hashes));
        }
        let row = self.metadata.chunk_table(digest.as_str(), chunk_bytes());
        let Some(hashes) = row.await? else {
            return Ok(None);
        };
        let hashes = Hashes::from(hashes);
        self.kept.insert(digest.clone(), Arc::clone(&hashes));
        Ok(Some(hashes))
    }

    /// Makes a table, unless another process does.
    async fn make(&self, of: &TableOf) -> Result<(), Error> {
        let _turn = self.turns.acquire().await.expect("nobody closes it");
        let name = format!("chunk-table {}", of.digest);
        let holder = Holder {
            metadata: &self.metadata,
            process: &self.process,
        };
        holder.under(&name, self.read_and_keep(of)).await.map(drop)
    }

    async fn read_and_keep(&self, of: &TableOf) -> Result<(), Error> {
        // Another process may have made it while this one waited for its turn.
        if self.kept(&of.digest).await?.is_some() {
            return Ok(());
        }
        let read = Reading {
            digest: of.digest.clone(),
            key: of.key.clone(),
        };
        let bytes = match self.blobs.open_stored(&of.key, 0..of.size).await {
            Err(berth_blob::Error::NotFound) => return self.found(&read, Damage::Missing).await,
            opened => opened?,
        };
        let mut bytes = self.damage.watch(read.clone(), bytes, None);
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        let algorithm = of.digest.algorithm();
        let hashing = tokio::task::spawn_blocking(move || hash(Hasher::new(algorithm), pieces));
        while let Some(piece) = bytes.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                // Damage is marked by who watches.
                Err(error) if damage_of(&error).is_some() => {
                    self.damaged.insert(of.key.clone(), ());
                    return Ok(());
                }
                Err(error) => return Err(Error::internal("reading a blob to hash its chunks", error)),
            };
            if sender.send(piece).await.is_err() {
                break;
            }
        }
        drop(sender);
        let done = hashing.await;
        let (found, hashes) = done.map_err(|error| Error::internal("hashing the chunks of a blob", error))?;
        if found != of.digest {
            return self.found(&read, Damage::Wrong).await;
        }
        let table = ChunkTable {
            digest: of.digest.to_string(),
            chunk_bytes: chunk_bytes(),
            hashes: hashes.clone(),
        };
        if self.metadata.save_chunk_table(table).await? {
            self.kept.insert(of.digest.clone(), hashes.into());
        }
        Ok(())
    }

    async fn found(&self, read: &Reading, damage: Damage) -> Result<(), Error> {
        self.damaged.insert(read.key.clone(), ());
        self.damage.found(read, damage).await.map(drop)
    }
}

/// The digest of all pieces together, and the hash of each chunk of them.
fn hash(mut whole: Hasher, mut pieces: mpsc::Receiver<Bytes>) -> (Digest, Vec<u8>) {
    let chunk_bytes = usize::try_from(CHUNK_BYTES).expect("a few MiB");
    let (mut hashes, mut chunk, mut filled) = (Vec::new(), Sha256::new(), 0);
    while let Some(mut piece) = pieces.blocking_recv() {
        whole.update(&piece);
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(chunk_bytes - filled));
            chunk.update(&part);
            filled += part.len();
            if filled == chunk_bytes {
                hashes.extend_from_slice(&chunk.finalize_reset());
                filled = 0;
            }
        }
    }
    if filled > 0 {
        hashes.extend_from_slice(&chunk.finalize());
    }
    (whole.finish(), hashes)
}

fn chunk_bytes() -> i64 {
    i64::try_from(CHUNK_BYTES).expect("a few MiB")
}

#[cfg(test)]
mod tests {
    use berth_oci::digest::Algorithm;

    use super::*;

    #[test]
    fn pieces_of_any_length_make_the_same_hashes() {
        let chunk = usize::try_from(CHUNK_BYTES).unwrap();
        for (length, piece) in [
            (1, 7),
            (chunk, 100_000),
            (chunk + 1, chunk),
            (2 * chunk + 5, 1_000_003),
        ] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (sender, pieces) = mpsc::channel(1000);
            for piece in bytes.chunks(piece) {
                sender.try_send(Bytes::copy_from_slice(piece)).unwrap();
            }
            drop(sender);
            let (digest, hashes) = hash(Hasher::new(Algorithm::Sha512), pieces);
            assert_eq!(digest, Digest::of(Algorithm::Sha512, &bytes));
            let expected: Vec<u8> = bytes.chunks(chunk).flat_map(Sha256::digest).collect();
            assert_eq!(hashes, expected, "{length} bytes");
        }
    }
}
