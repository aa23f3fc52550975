//! A blob on its way here: one task takes its bytes from the other side and writes them into a file without a name, and
//! whoever wants them follows, the one who stores them among them. No follower waits for another, and none holds the task up.
//! The last byte is shown when all of them are known to be right.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use berth_blob::{BlobBytes, ByteStream, Spool};
use berth_oci::{Digest, RepositoryName};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::failed::Failed;
use super::figures::Tally;
use super::upstream::{Asked, Upstream};
use crate::Registry;
use crate::error::Error;

/// Bytes of one read of a follower.
const ITEM_BYTES: u64 = 256 << 10;
/// Pieces that are written together when they are there together.
const PIECES_AT_ONCE: usize = 32;
/// How far behind what is there a part may begin and still be waited for.
const NEAR_BYTES: u64 = 8 << 20;

/// A blob on its way.
#[derive(Debug)]
pub(super) struct Fetch {
    state: watch::Sender<State>,
    spool: OnceLock<(Spool, Mutex<Option<OwnedSemaphorePermit>>)>,
}

/// How far it is.
#[derive(Clone, Debug)]
enum State {
    /// Nothing is known.
    Opening,
    /// So many bytes may be read.
    Coming(Known, u64),
    /// All are there and right.
    Whole(Known),
    /// They are where the bytes of blobs are.
    Stored(Known),
    Failed(Failed),
}

/// What is known of it once the other side answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) size: u64,
    /// The repository here that it is for.
    pub(super) repository_id: i64,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            state: watch::Sender::new(State::Opening),
            spool: OnceLock::new(),
        }
    }
}

impl Fetch {
    /// What the other side says of it, once it does.
    pub(super) async fn known(&self) -> Result<Known, Failed> {
        let mut state = self.state.subscribe();
        let known = state
            .wait_for(|state| !matches!(state, State::Opening))
            .await
            .map(|state| state.clone());
        match known {
            Ok(State::Coming(known, _) | State::Whole(known) | State::Stored(known)) => Ok(known),
            Ok(State::Failed(failed)) => Err(failed),
            Ok(State::Opening) | Err(_) => Err(Error::Unavailable.into()),
        }
    }

    /// Whether a part that begins there is there, or will be soon.
    pub(super) fn is_near(&self, start: u64) -> bool {
        match &*self.state.borrow() {
            State::Coming(_, visible) => start <= visible.saturating_add(NEAR_BYTES),
            _ => true,
        }
    }

    /// Ends it without all of its bytes, if it has not ended.
    pub(super) fn fail(&self, failed: Failed) {
        self.state.send_if_modified(|state| {
            let goes_on = matches!(state, State::Opening | State::Coming(..));
            if goes_on {
                *state = State::Failed(failed);
            }
            goes_on
        });
    }

    /// It is here already.
    pub(super) fn is_here(&self, known: Known) {
        self.state.send_replace(State::Stored(known));
    }

    /// Whether nothing came over for it.
    pub(super) fn was_here(&self) -> bool {
        self.spool.get().is_none() && matches!(&*self.state.borrow(), State::Stored(_))
    }

    /// Its bytes are stored: followers go on there, and the file goes with the last who reads it.
    pub(super) fn stored(&self) {
        self.state.send_if_modified(|state| match state {
            State::Whole(known) => {
                *state = State::Stored(*known);
                true
            }
            _ => false,
        });
        if let Some((_, room)) = self.spool.get() {
            drop(room.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    /// Gives it its file and the room that this takes.
    pub(super) fn opened(&self, spool: Spool, room: OwnedSemaphorePermit) {
        // Set once, by the one task that fetches.
        let _is_first = self.spool.set((spool, Mutex::new(Some(room))));
    }

    /// Takes the bytes from the other side. Without a known size followers wait for all of them.
    pub(super) async fn receive(
        &self,
        blob: berth_remote::Blob,
        repository_id: i64,
        (upstream, tally): (&Upstream, &Tally),
    ) -> Result<u64, Failed> {
        let (spool, _) = self.spool.get().ok_or(Error::Unavailable)?;
        let size = blob.size();
        let mut written = 0;
        let show = |written: u64| {
            if let Some(size) = size {
                let known = Known { size, repository_id };
                self.state
                    .send_replace(State::Coming(known, written.min(size.saturating_sub(1))));
            }
        };
        show(0);
        // What came at once is written at once: followers wake for a few large pieces, not for each packet.
        let mut ready = blob.ready_chunks(PIECES_AT_ONCE);
        while let Some(pieces) = ready.next().await {
            let mut bytes = BytesMut::new();
            let mut broken = None;
            for piece in pieces {
                match piece {
                    Ok(piece) => bytes.extend_from_slice(&piece),
                    Err(error) => broken = Some(error),
                }
            }
            let length = bytes.len() as u64;
            tally.fetched(length);
            spool.write(written, bytes.freeze()).await.map_err(Error::from)?;
            written += length;
            show(written);
            if let Some(error) = broken {
                return Err(upstream.failed(Asked::Blob, &error));
            }
        }
        let known = Known {
            size: written,
            repository_id,
        };
        self.state.send_replace(State::Whole(known));
        Ok(written)
    }
}

/// Somebody who takes a part of a blob on its way.
struct Follower {
    registry: Arc<Registry>,
    digest: Digest,
    left: Range<u64>,
    from: From,
}

enum From {
    Fetch(Arc<Fetch>, watch::Receiver<State>),
    Store(BlobBytes),
}

impl Registry {
    /// A part of a blob on its way, as it comes.
    pub(super) fn follow_fetch(
        self: &Arc<Self>,
        fetch: &Arc<Fetch>,
        digest: &Digest,
        part: Range<u64>,
    ) -> ByteStream {
        let follower = Follower {
            registry: Arc::clone(self),
            digest: digest.clone(),
            left: part,
            from: From::Fetch(Arc::clone(fetch), fetch.state.subscribe()),
        };
        Box::pin(stream::try_unfold(follower, Follower::step))
    }

    /// Stores a blob on its way like one that is pushed, in the repository that it is for.
    pub(super) async fn store_fetched(
        self: &Arc<Self>,
        fetch: &Arc<Fetch>,
        name: &RepositoryName,
        (digest, size): (&Digest, u64),
    ) -> Result<(), Error> {
        let chunk = crate::upload::Chunk {
            range: None,
            length: Some(size),
            body: self.follow_fetch(fetch, digest, 0..size),
        };
        let system = crate::access::Caller::System;
        self.push_blob(&system, name, digest, chunk).await
    }
}

impl Follower {
    async fn step(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while !self.left.is_empty() {
            let (fetch, state) = match &mut self.from {
                From::Store(bytes) => {
                    let Some(bytes) = bytes.next().await else {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    };
                    return bytes.map(|bytes| Some(self.took(bytes)));
                }
                From::Fetch(fetch, state) => (fetch, state),
            };
            let seen = state.borrow_and_update().clone();
            let visible = match &seen {
                State::Opening => 0,
                State::Coming(_, visible) => *visible,
                State::Whole(known) | State::Stored(known) => known.size,
                State::Failed(failed) => {
                    let error = failed.clone().told(Error::BlobUnknown(self.digest.clone()));
                    return Err(io::Error::other(error));
                }
            };
            if let State::Stored(known) = seen {
                match self.registry.stored(known, &self.digest, self.left.clone()).await {
                    Ok(bytes) => {
                        self.from = From::Store(bytes);
                        continue;
                    }
                    // Deleted at once; the file has its bytes as long as it is held.
                    Err(error) if fetch.spool.get().is_none() => return Err(io::Error::other(error)),
                    Err(_) => {}
                }
            }
            if visible <= self.left.start {
                if state.changed().await.is_err() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            let end = visible.min(self.left.end).min(self.left.start + ITEM_BYTES);
            let Some((spool, _)) = fetch.spool.get() else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let length = usize::try_from(end - self.left.start).unwrap_or(usize::MAX);
            let bytes = spool.read(self.left.start, length).await?;
            return Ok(Some(self.took(bytes)));
        }
        Ok(None)
    }

    fn took(mut self, bytes: Bytes) -> (Bytes, Self) {
        self.left.start += bytes.len() as u64;
        (bytes, self)
    }
}

impl Registry {
    async fn stored(&self, known: Known, digest: &Digest, part: Range<u64>) -> Result<BlobBytes, Error> {
        let linked = self
            .metadata
            .linked_blob(known.repository_id, digest.as_str())
            .await?;
        let linked = linked.ok_or_else(|| Error::BlobUnknown(digest.clone()))?;
        Ok(self.blobs.open(&linked.key, part).await?)
    }
}
