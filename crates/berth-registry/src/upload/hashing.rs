//! Hashing beside the write: a large body's bytes go to a thread of their own, so that neither the network nor
//! the disk waits for the digest; nothing is read back.

use std::sync::Arc;

use berth_blob::ByteStream;
use berth_oci::Hasher;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// Bodies up to this many bytes are hashed where they are read; a thread would cost more than it saves.
const INLINE_BYTES_MAX: usize = 256 << 10;
/// Bytes that are handed to a thread at a time: each time may wake it, and the request when there was no room.
const BATCH_BYTES: usize = 1 << 20;
/// Chunks of a batch: each holds more memory than its bytes when a client sends little at a time.
const BATCH_CHUNKS_MAX: usize = 64;
/// Batches that may wait for the hash; more would only be memory.
const BATCHES_WAITING_MAX: usize = 1;
/// Hash threads at once; bodies beyond that are hashed where they are read.
const THREADS_MAX: usize = 64;

/// The bounded set of hash threads.
pub(super) struct Hashing {
    threads: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
        }
    }
}

struct Tee {
    body: ByteStream,
    threads: Arc<Semaphore>,
    hash: Hash,
}

enum Hash {
    Inline {
        hasher: Box<Hasher>,
        bytes: usize,
        done: oneshot::Sender<Hasher>,
    },
    Thread {
        batches: mpsc::Sender<Vec<Bytes>>,
        /// What was not handed over yet.
        batch: Vec<Bytes>,
        bytes: usize,
    },
    Ended,
}

impl Hashing {
    /// The same body, and the hasher once the body has ended; the receiver fails when the body was dropped early.
    pub(super) fn beside(&self, hasher: Hasher, body: ByteStream) -> (ByteStream, oneshot::Receiver<Hasher>) {
        let (done, ended) = oneshot::channel();
        let tee = Tee {
            body,
            threads: Arc::clone(&self.threads),
            hash: Hash::Inline {
                hasher: Box::new(hasher),
                bytes: 0,
                done,
            },
        };
        (Box::pin(stream::unfold(tee, Tee::step)), ended)
    }
}

impl Tee {
    async fn step(mut self) -> Option<(std::io::Result<Bytes>, Self)> {
        if matches!(self.hash, Hash::Ended) {
            return None;
        }
        match self.body.next().await {
            Some(Ok(chunk)) => {
                self.update(&chunk).await;
                Some((Ok(chunk), self))
            }
            Some(Err(error)) => {
                self.end().await;
                Some((Err(error), self))
            }
            None => {
                self.end().await;
                None
            }
        }
    }

    async fn update(&mut self, chunk: &Bytes) {
        if let Hash::Inline { hasher, bytes, .. } = &mut self.hash {
            *bytes += chunk.len();
            if *bytes <= INLINE_BYTES_MAX {
                hasher.update(chunk);
                return;
            }
            self.move_to_thread();
        }
        match &mut self.hash {
            // All threads are taken: hash here after all.
            Hash::Inline { hasher, .. } => hasher.update(chunk),
            Hash::Thread {
                batches,
                batch,
                bytes,
            } => {
                batch.push(chunk.clone());
                *bytes += chunk.len();
                if *bytes >= BATCH_BYTES || batch.len() == BATCH_CHUNKS_MAX {
                    *bytes = 0;
                    // A send fails only when the thread died; the receiver of its result reports that.
                    drop(batches.send(std::mem::take(batch)).await);
                }
            }
            Hash::Ended => {}
        }
    }

    fn move_to_thread(&mut self) {
        let Ok(permit) = Arc::clone(&self.threads).try_acquire_owned() else {
            return;
        };
        if let Hash::Inline { hasher, done, .. } = std::mem::replace(&mut self.hash, Hash::Ended) {
            let (batches, waiting) = mpsc::channel(BATCHES_WAITING_MAX);
            tokio::task::spawn_blocking(move || hash_all(*hasher, waiting, done, permit));
            self.hash = Hash::Thread {
                batches,
                batch: Vec::new(),
                bytes: 0,
            };
        }
    }

    async fn end(&mut self) {
        match std::mem::replace(&mut self.hash, Hash::Ended) {
            // Nobody listens when the write has failed already.
            Hash::Inline { hasher, done, .. } => drop(done.send(*hasher)),
            Hash::Thread { batches, batch, .. } => drop(batches.send(batch).await),
            Hash::Ended => {}
        }
    }
}

fn hash_all(
    mut hasher: Hasher,
    mut batches: mpsc::Receiver<Vec<Bytes>>,
    done: oneshot::Sender<Hasher>,
    permit: OwnedSemaphorePermit,
) {
    while let Some(batch) = batches.blocking_recv() {
        // Each chunk is let go once it is hashed.
        for chunk in batch {
            hasher.update(&chunk);
        }
    }
    drop(permit);
    let _ = done.send(hasher);
}
