//! Chunks on their way: one request to the store for all who want a chunk, who read it while it comes. A chunk is held in
//! memory until its file is written, and only so many are on their way at one time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, Semaphore};

use super::CacheFigures;
use super::chunk::{BlobId, ChunkId};
use super::shelf::Shelf;
use crate::{BlobStore, Error};

/// Most chunks on their way at one time; this bounds the memory that they take.
const AT_ONCE: usize = 32;

/// All chunks that are on their way.
#[derive(Debug, Clone)]
pub(super) struct Fetches {
    shelf: Arc<Shelf>,
    running: Arc<Mutex<HashMap<ChunkId, Arc<Fetch>>>>,
    places: Arc<Semaphore>,
    pub(super) figures: CacheFigures,
}

/// A chunk on its way.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    pieces: Vec<Bytes>,
    bytes: u64,
    is_ended: bool,
    /// Its blob was deleted meanwhile: who reads it has it to the end, and nobody else.
    is_dropped: bool,
}

/// Where the bytes of a chunk are.
pub(super) enum Place {
    /// On the disk, most likely.
    Shelf,
    /// On their way.
    Coming(Arc<Fetch>),
    /// In the store alone.
    Store,
}

impl Fetches {
    pub(super) fn new(shelf: Arc<Shelf>) -> Self {
        Self {
            shelf,
            running: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            figures: CacheFigures::default(),
        }
    }

    pub(super) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Bytes of a blob of which a chunk is kept or on its way.
    pub(super) fn size(&self, key: &str) -> Option<u64> {
        let blob = BlobId::of(key);
        let coming = self.running().keys().find(|id| id.blob == blob).map(|id| id.size);
        coming.or_else(|| self.shelf.size(blob))
    }

    /// Where a chunk is to be had; has it fetched when it is nowhere but in the store.
    pub(super) fn place<S: BlobStore + Clone>(&self, store: &S, key: &str, id: ChunkId) -> Place {
        let mut running = self.running();
        if let Some(fetch) = running.get(&id) {
            return Place::Coming(Arc::clone(fetch));
        }
        if self.shelf.has(id) {
            return Place::Shelf;
        }
        self.figures.misses.inc();
        if !self.shelf.takes_more() {
            return Place::Store;
        }
        let fetch = Arc::new(Fetch::default());
        running.insert(id, Arc::clone(&fetch));
        drop(running);
        let (fetches, store, key, coming) = (self.clone(), store.clone(), key.to_owned(), Arc::clone(&fetch));
        tokio::spawn(async move { fetches.fetch(&store, (&key, id), &coming).await });
        Place::Coming(fetch)
    }

    /// Forgets a blob: what is kept of it, and what is on its way once it is read by those who wanted it.
    pub(super) fn drop_blob(&self, key: &str) {
        let blob = BlobId::of(key);
        self.running().retain(|id, fetch| {
            let stays = id.blob != blob;
            if !stays {
                fetch.state().is_dropped = true;
            }
            stays
        });
        self.shelf.forget_blob(blob);
    }

    async fn fetch<S: BlobStore>(&self, store: &S, (key, id): (&str, ChunkId), fetch: &Arc<Fetch>) {
        let place = self.places.acquire().await;
        // Nobody but the list of those that run and this task: who wanted it is gone before it began.
        let is_wanted = Arc::strong_count(fetch) > 2;
        let is_whole = is_wanted
            && match self.receive(store, (key, id), fetch).await {
                Ok(is_whole) => is_whole,
                Err(error) => {
                    // Whoever reads asks the store and hears it from there.
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        key,
                        "a chunk did not come"
                    );
                    false
                }
            };
        if is_whole {
            self.keep(id, fetch).await;
        }
        let mut running = self.running();
        if running.get(&id).is_some_and(|ours| Arc::ptr_eq(ours, fetch)) {
            running.remove(&id);
        }
        drop(running);
        fetch.end();
        drop(place);
    }

    async fn receive<S: BlobStore>(
        &self,
        store: &S,
        (key, id): (&str, ChunkId),
        fetch: &Fetch,
    ) -> Result<bool, Error> {
        let mut bytes = store.open(key, id.range()).await?;
        while let Some(item) = bytes.next().await {
            match item {
                Ok(piece) => fetch.push(piece),
                Err(error) => {
                    tracing::debug!(%error, key, "a chunk broke off");
                    return Ok(false);
                }
            }
        }
        Ok(fetch.state().bytes == id.len())
    }

    /// Writes a chunk that has come.
    async fn keep(&self, id: ChunkId, fetch: &Fetch) {
        let (pieces, is_dropped) = {
            let state = fetch.state();
            (state.pieces.clone(), state.is_dropped)
        };
        if is_dropped {
            return;
        }
        let disk = Arc::clone(&self.shelf);
        // Without it the chunk is read from the store; the shelf has said why.
        let _written = tokio::task::spawn_blocking(move || disk.write(id, &pieces)).await;
        if fetch.state().is_dropped {
            // Deleted while it was written.
            let disk = Arc::clone(&self.shelf);
            let _gone = tokio::task::spawn_blocking(move || disk.forget(id)).await;
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<ChunkId, Arc<Fetch>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch {
    /// The next bytes of the chunk from `offset` within it on; none when it has ended and they are to be had elsewhere.
    pub(super) async fn next(&self, offset: u64) -> Option<Bytes> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state();
                if let Some(piece) = state.piece(offset) {
                    return Some(piece);
                }
                if state.is_ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    fn push(&self, piece: Bytes) {
        let mut state = self.state();
        state.bytes += piece.len() as u64;
        state.pieces.push(piece);
        drop(state);
        self.changed.notify_waiters();
    }

    /// From here on it is read from the disk, or from the store.
    fn end(&self) {
        let mut state = self.state();
        state.is_ended = true;
        if !state.is_dropped {
            state.pieces = Vec::new();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn piece(&self, offset: u64) -> Option<Bytes> {
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            if offset < end {
                let skipped = usize::try_from(offset - start).unwrap_or(piece.len());
                return Some(piece.slice(skipped..));
            }
            start = end;
        }
        None
    }
}
