//! One blob on its way to this node: a job for each, however many clients wait.
//!
//! With a swarm its chunks come from other agents and by lease from the registry (`swarm`), else all of them from the
//! registry, in order (`plain`). A job that gives up costs its readers nothing: they go on straight from the registry.

mod board;
mod linger;
mod plain;
mod share;
mod swarm;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, Entry, Progress, Refused};
use crate::figures::Figures;
use crate::flights::Flights;
use crate::peers::Peers;
use crate::registry::{Joining, Registry, Source};
use crate::wire::{Join, Joined, Moved};

/// Smaller blobs come from the registry: a swarm is not worth its questions.
const SWARM_BYTES_MIN: u64 = 256 << 10;
/// How long the registry may take for a table of chunks.
const TABLE: Duration = Duration::from_secs(20);
/// A job without readers ends after this time, because clients come back; what came stays in the cache.
const UNREAD: Duration = Duration::from_mins(1);
/// How often it is looked whether it has any.
const LOOKED_EVERY: Duration = Duration::from_millis(250);
/// Logins of clients that a job keeps, the newest first.
const SOURCES_MAX: usize = 8;
/// Jobs at one time.
const JOBS_MAX: usize = 32;
/// Chunks in memory at one time, of all jobs.
const CHUNKS_IN_MEMORY: usize = 16;

/// What all jobs share.
pub(crate) struct Jobs {
    pub(crate) registry: Arc<Registry>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) figures: Arc<Figures>,
    running: Mutex<Vec<Arc<Job>>>,
    /// Chunks that all swarms have on their way.
    pub(crate) flights: Flights,
    /// Room for a chunk in memory.
    room: Arc<Semaphore>,
    /// The end of the agent.
    stop: CancellationToken,
    /// What came and was not told to the tracker yet.
    untold: Mutex<Moved>,
    /// Whether the registry hears of this node by a channel of its own.
    is_met: AtomicBool,
}

/// One job.
pub(crate) struct Job {
    entry: Arc<Entry>,
    sources: Mutex<Sources>,
    /// Whether a client asked for it.
    is_for_clients: AtomicBool,
    unread_since: Mutex<Option<Instant>>,
}

/// Who wants a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A client, which may break off and come back.
    Now,
    /// A preheat, which does not come back when it is wanted no more.
    Ahead,
}

/// Logins of clients that wait.
#[derive(Default)]
struct Sources {
    /// The newest first.
    usable: Vec<Source>,
    /// Those that the registry does not take any more: a client that still waits shall not bring its own back.
    refused: Vec<Source>,
}

/// Why a job ended early.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the disk of the cache: {0}")]
    Disk(std::io::Error),
    #[error("the registry does not give its chunks")]
    Registry,
    #[error("what the registry gives is not what it says")]
    Wrong,
    #[error("nobody reads it any more")]
    Unread,
}

impl Jobs {
    pub(crate) fn new(
        registry: Arc<Registry>,
        cache: Arc<Cache>,
        peers: Arc<Peers>,
        figures: Arc<Figures>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            registry,
            cache,
            peers,
            figures,
            stop,
            running: Mutex::default(),
            flights: Flights::default(),
            room: Arc::new(Semaphore::new(CHUNKS_IN_MEMORY)),
            untold: Mutex::default(),
            is_met: AtomicBool::new(false),
        }
    }

    /// Makes sure that a job fetches what is missing; whether one does.
    pub(crate) fn ensure(self: &Arc<Self>, entry: &Arc<Entry>, source: &Source, wanted: Wanted) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = running.iter().find(|job| Arc::ptr_eq(&job.entry, entry)) {
            job.add(source);
            job.is_for_clients
                .fetch_or(wanted == Wanted::Now, Ordering::Relaxed);
            return true;
        }
        if running.len() >= JOBS_MAX {
            return false;
        }
        let job = Arc::new(Job {
            entry: Arc::clone(entry),
            sources: Mutex::new(Sources {
                usable: vec![source.clone()],
                refused: Vec::new(),
            }),
            is_for_clients: AtomicBool::new(wanted == Wanted::Now),
            unread_since: Mutex::new(None),
        });
        running.push(Arc::clone(&job));
        entry.set_progress(Progress::Running);
        let jobs = Arc::clone(self);
        tokio::spawn(async move {
            let stop = jobs.stop.clone();
            tokio::select! {
                () = jobs.run(job) => {}
                () = stop.cancelled() => {}
            }
        });
        true
    }

    async fn run(self: Arc<Self>, job: Arc<Job>) {
        let digest = job.entry.digest().clone();
        let done = tokio::select! {
            done = self.fill(&job) => done,
            () = job.unread() => Err(Ended::Unread),
        };
        // A note that cannot be written costs the blob after a restart, nothing else.
        drop(job.entry.write_note());
        if let Err(ended @ (Ended::Disk(_) | Ended::Wrong)) = &done {
            tracing::warn!(%digest, reason = %ended, "a blob is not cached");
            self.cache.remove(&job.entry);
        } else if let Err(ended) = &done {
            tracing::debug!(%digest, reason = %ended, "a blob is not complete");
        }
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.retain(|other| !Arc::ptr_eq(other, &job));
            job.entry.set_progress(match done {
                Ok(()) | Err(Ended::Unread) => Progress::Idle,
                Err(_) => Progress::Failed(Instant::now()),
            });
        }
        let is_worth_it = done.is_ok() && job.entry.size() >= SWARM_BYTES_MIN;
        let source = job.source().filter(|_| is_worth_it);
        // Nothing of the blob is held from here on, so that it may leave the cache.
        drop(job);
        if let Some(source) = source {
            linger::tell(&self, digest, source).await;
        }
    }

    async fn fill(self: &Arc<Self>, job: &Arc<Job>) -> Result<(), Ended> {
        if job.entry.is_whole() {
            return Ok(());
        }
        if job.entry.size() >= SWARM_BYTES_MIN
            && let Some(joined) = self.enter(job).await
        {
            return swarm::fill(self, job, joined).await;
        }
        plain::fill(self, job).await
    }

    /// Joins the swarm, waiting for its table; none when there is no swarm to be had.
    async fn enter(&self, job: &Job) -> Option<Box<Joined>> {
        let end = Instant::now() + TABLE;
        loop {
            let join = Join {
                peer: self.peers.me().clone(),
                have: (job.entry.count() > 0).then(|| job.entry.have()),
                want: swarm::WANT,
                failed: Vec::new(),
                table: true,
                moved: Moved::default(),
            };
            match self
                .registry
                .join(&job.source()?, job.entry.digest(), &join)
                .await
            {
                Joining::Joined(joined) => {
                    let table = joined.chunks.as_ref();
                    let fits =
                        joined.size == job.entry.size() && table.is_some_and(|table| job.entry.learn(table));
                    return fits.then_some(joined);
                }
                Joining::Later(after) if Instant::now() + after < end => tokio::time::sleep(after).await,
                Joining::Later(_)
                | Joining::Absent
                | Joining::Off
                | Joining::Refused
                | Joining::Unreachable => return None,
            }
        }
    }

    /// What came since it was asked last; to be given back when it could not be told.
    pub(crate) fn take_moved(&self) -> Moved {
        std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for the tracker, which does not know whose node it hears of: nothing while the node's channel tells it.
    fn take_moved_for_tracker(&self) -> Moved {
        if self.is_met.load(Ordering::Relaxed) {
            return Moved::default();
        }
        self.take_moved()
    }

    /// Notes whether the registry hears of this node by its channel.
    pub(crate) fn met(&self, is_met: bool) {
        self.is_met.store(is_met, Ordering::Relaxed);
    }

    /// Counts what came.
    pub(crate) fn add_moved(&self, moved: Moved) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.peers += moved.peers;
        untold.registry += moved.registry;
    }
}

impl Job {
    /// Takes the login of one more client, as the first to try.
    fn add(&self, source: &Source) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if !sources.usable.contains(source) && !sources.refused.contains(source) {
            sources.usable.insert(0, source.clone());
            sources.usable.truncate(SOURCES_MAX);
        }
    }

    fn source(&self) -> Option<Source> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.usable.first().cloned()
    }

    /// Forgets a login that the registry refuses; whether there is another.
    fn drop_source(&self, refused: &Source) -> bool {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.usable.retain(|source| source != refused);
        sources.refused.insert(0, refused.clone());
        sources.refused.truncate(SOURCES_MAX);
        !sources.usable.is_empty()
    }

    /// Waits until it may end because nobody waits for it.
    async fn unread(&self) {
        while !self.is_unread() {
            tokio::time::sleep(LOOKED_EVERY).await;
        }
    }

    /// Whether nobody has waited for it for so long that it may end.
    fn is_unread(&self) -> bool {
        let mut since = self.unread_since.lock().unwrap_or_else(PoisonError::into_inner);
        if self.entry.is_read() {
            *since = None;
            return false;
        }
        let without = since.get_or_insert_with(Instant::now).elapsed();
        without > UNREAD || !self.is_for_clients.load(Ordering::Relaxed)
    }
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong => Self::Wrong,
            Refused::Disk(error) => Self::Disk(error),
        }
    }
}
