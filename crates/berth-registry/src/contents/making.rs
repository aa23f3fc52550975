//! Who makes the list of a layer's files: one of all requests and processes, some at once, each known by how far it is.
//! What was made is kept in rows, and what was just used in memory: it is true for ever, because a digest names it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_blob::BlobStore;
use berth_metadata::{LayerBlob, LayerIndexRow, Metadata, NewLayerIndex};
use moka::sync::Cache;
use tokio::sync::{Notify, Semaphore};

use super::layer::{FORMAT, LayerIndex};
use super::tree::{Part, Tree};
use super::unpack::{Bounds, Unpacked, forward, reason};
use crate::clock::now_ms;
use crate::damage::{Reading, Watch};
use crate::error::Error;
use crate::lease::Holder;
use crate::limits::ContentLimits;

/// Layers that one process reads at once to list them.
const MADE_AT_ONCE: usize = 2;
/// Lists that one process unpacks, and trees that it makes, at once.
const WORKED_OUT_AT_ONCE: usize = 2;
/// Bytes of lists that are kept in memory.
const LISTS_BYTES_MAX: u64 = 96 << 20;
/// Bytes of trees that are kept in memory, with their lists.
const TREES_BYTES_MAX: u64 = 160 << 20;
/// How long a layer that cannot be listed is not tried again: what was too much may be allowed by then.
const PROBLEMS_KEPT_MS: i64 = 3600 * 1000;
/// How exactly it is noted when a list was asked for last.
const USES_NOTED_EVERY_MS: i64 = 3600 * 1000;

/// How far a layer's list is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Made.
    Ready(Arc<LayerIndex>),
    /// There is none, for this reason.
    Failed(String),
    /// Being made: bytes of the layer that were read; none when another process does.
    Making(Option<u64>),
}

/// Makes lists; clones share the work.
#[derive(Clone)]
pub(crate) struct Making {
    shared: Arc<Shared>,
}

struct Shared {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    damage: Watch,
    limits: ContentLimits,
    process: String,
    /// What is being made, by digest.
    running: Mutex<HashMap<String, Arc<Run>>>,
    turns: Semaphore,
    working_out: Semaphore,
    lists: Cache<String, Arc<LayerIndex>>,
    trees: Cache<String, Arc<Tree>>,
}

/// A list that is being made.
#[derive(Default)]
struct Run {
    taken: Arc<AtomicU64>,
    ended: Notify,
}

impl Making {
    pub(crate) fn new(
        metadata: Metadata,
        blobs: Arc<dyn BlobStore>,
        damage: Watch,
        (limits, process): (ContentLimits, String),
    ) -> Self {
        let weight = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self {
            shared: Arc::new(Shared {
                metadata,
                blobs,
                damage,
                limits,
                process,
                running: Mutex::default(),
                turns: Semaphore::new(MADE_AT_ONCE),
                working_out: Semaphore::new(WORKED_OUT_AT_ONCE),
                lists: Cache::builder()
                    .max_capacity(LISTS_BYTES_MAX)
                    .weigher(move |_, list: &Arc<LayerIndex>| weight(list.weight()))
                    .build(),
                trees: Cache::builder()
                    .max_capacity(TREES_BYTES_MAX)
                    .weigher(move |_, tree: &Arc<Tree>| weight(tree.weight()))
                    .build(),
            }),
        }
    }

    /// The list of a layer that the caller may read; begins to make it when there is none.
    pub(super) async fn list(&self, blob: &LayerBlob) -> Result<State, Error> {
        if let Some(list) = self.shared.lists.get(&blob.digest) {
            return Ok(State::Ready(list));
        }
        if let Some(state) = self.shared.kept(&blob.digest).await? {
            return Ok(state);
        }
        let run = self.begin(blob);
        Ok(State::Making(Some(run.taken.load(Ordering::Relaxed))))
    }

    /// Waits for the list to be made, or for so long.
    pub(super) async fn wait(&self, digest: &str, patience: Duration) {
        let run = self.shared.running().get(digest).cloned();
        if let Some(run) = run {
            let ended = run.ended.notified();
            // It may have ended before this began to listen.
            if self.shared.running().contains_key(digest) {
                let _ = tokio::time::timeout(patience, ended).await;
            }
        }
    }

    /// The tree of such layers, the lowest first.
    pub(super) async fn tree(&self, parts: Vec<Part>, is_merged: bool) -> Result<Arc<Tree>, Error> {
        let digests: Vec<&str> = parts.iter().map(|part| part.digest.as_str()).collect();
        let name = format!("{is_merged} {}", digests.join(" "));
        if let Some(tree) = self.shared.trees.get(&name) {
            return Ok(tree);
        }
        let make = move || {
            if is_merged {
                Tree::merged(parts)
            } else {
                Tree::of_layer(parts.into_iter().next().expect("one layer"))
            }
        };
        let tree = Arc::new(self.shared.work_out(make).await?);
        self.shared.trees.insert(name, Arc::clone(&tree));
        Ok(tree)
    }

    /// Runs what takes the processor for a while, a few at once.
    pub(super) async fn work_out<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.shared.work_out(work).await
    }

    fn begin(&self, blob: &LayerBlob) -> Arc<Run> {
        let run = {
            let mut running = self.shared.running();
            if let Some(run) = running.get(&blob.digest) {
                return Arc::clone(run);
            }
            let run = Arc::new(Run::default());
            running.insert(blob.digest.clone(), Arc::clone(&run));
            run
        };
        let (shared, blob, task) = (Arc::clone(&self.shared), blob.clone(), Arc::clone(&run));
        tokio::spawn(async move {
            if let Err(error) = shared.make(&blob, &task).await {
                let digest = blob.digest.as_str();
                let error = &error as &dyn std::error::Error;
                tracing::warn!(digest, error, "the files of a layer could not be listed");
            }
            shared.running().remove(&blob.digest);
            task.ended.notify_waiters();
        });
        run
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Run>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work_out<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.working_out.acquire().await;
        let _turn = turn.expect("nobody closes it");
        let worked = tokio::task::spawn_blocking(work).await;
        worked.map_err(|error| Error::internal("working out what is in a layer", error))
    }

    /// What was made before, if it is still good.
    async fn kept(&self, digest: &str) -> Result<Option<State>, Error> {
        let now = now_ms();
        let Some(row) = self.metadata.layer_index(digest).await? else {
            return Ok(None);
        };
        if row.used_at < now.saturating_sub(USES_NOTED_EVERY_MS) {
            self.metadata.touch_layer_index(digest, now).await?;
        }
        let LayerIndexRow {
            format,
            problem,
            bytes,
            made_at,
            ..
        } = row;
        match problem {
            Some(problem) if made_at > now.saturating_sub(PROBLEMS_KEPT_MS) => {
                return Ok(Some(State::Failed(problem)));
            }
            None if format == FORMAT => {}
            _ => return Ok(None),
        }
        match self.work_out(move || LayerIndex::decode(&bytes)).await? {
            Ok(list) => {
                let list = Arc::new(list);
                self.lists.insert(digest.to_owned(), Arc::clone(&list));
                Ok(Some(State::Ready(list)))
            }
            // It is made anew.
            Err(error) => {
                tracing::warn!(
                    digest,
                    error = &error as &dyn std::error::Error,
                    "a kept list of files cannot be read"
                );
                Ok(None)
            }
        }
    }

    /// Makes a list, unless another process does.
    async fn make(&self, blob: &LayerBlob, run: &Run) -> Result<(), Error> {
        let _turn = self.turns.acquire().await.expect("nobody closes it");
        let name = format!("layer-index {}", blob.digest);
        let holder = Holder {
            metadata: &self.metadata,
            process: &self.process,
        };
        holder.under(&name, self.read_and_keep(blob, run)).await.map(drop)
    }

    async fn read_and_keep(&self, blob: &LayerBlob, run: &Run) -> Result<(), Error> {
        // Another process may have made it while this one waited for its turn.
        if matches!(self.kept(&blob.digest).await?, Some(State::Ready(_))) {
            return Ok(());
        }
        let made = self.read(blob, run).await?;
        let (problem, bytes) = match made {
            Ok((list, bytes)) => {
                self.lists.insert(blob.digest.clone(), Arc::new(list));
                (None, bytes)
            }
            Err(problem) => (Some(problem), Vec::new()),
        };
        let row = NewLayerIndex {
            digest: blob.digest.clone(),
            format: FORMAT,
            problem,
            bytes,
            total_max: i64::try_from(self.limits.lists_bytes_max).unwrap_or(i64::MAX),
            now: now_ms(),
        };
        self.metadata.save_layer_index(row).await?;
        Ok(())
    }

    /// The list with its kept form, or a sentence why there is none.
    async fn read(
        &self,
        blob: &LayerBlob,
        run: &Run,
    ) -> Result<Result<(LayerIndex, Vec<u8>), String>, Error> {
        let digest = blob.digest.parse();
        let digest = digest.map_err(|error| Error::internal("reading a blob's digest", error))?;
        let size = u64::try_from(blob.size).unwrap_or_default();
        let turn = self.damage.turn(&digest);
        // Read once, most likely: no reason to keep a copy of it near.
        let stream = self.blobs.open_stored(&blob.key, 0..size).await?;
        let reading = Reading {
            digest,
            key: blob.key.clone(),
        };
        let stream = self.damage.watch(reading, stream, turn);
        let (packed, forwarding) = forward(Box::pin(stream), size, Arc::clone(&run.taken));
        let bounds = Bounds {
            unpacked_max: self.limits.unpacked_bytes_max,
            time_max: self.limits.time_max,
        };
        let listing = tokio::task::spawn_blocking(move || -> io::Result<(LayerIndex, Vec<u8>)> {
            let list = LayerIndex::make(Unpacked::open(packed, bounds)?)?;
            let bytes = list.encode()?;
            Ok((list, bytes))
        });
        let (made, ()) = tokio::join!(listing, forwarding);
        let made = made.map_err(|error| Error::internal("listing the files of a layer", error))?;
        match made.map_err(reason) {
            Ok(made) => Ok(Ok(made)),
            Err(Ok(problem)) => Ok(Err(problem)),
            Err(Err(error)) => Err(Error::internal("listing the files of a layer", error)),
        }
    }
}
