//! Pulls, pushes and bytes as they happen: added up in memory, one counter for each repository, and written in batches.
//! A request takes one shared lock for a moment and no memory, but the first one of a repository or manifest since the
//! last batch. What a process that is killed had not written is lost: at most [`FLUSHED_EVERY`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use berth_blob::ByteStream;
use berth_metadata::{Counts, Metadata, OrganizationFacts, PulledManifest, RepositoryCounts};
use bytes::Bytes;
use futures_util::Stream;

use crate::clock::now_ms;
use crate::error::Error;

/// Most time between two batches.
const FLUSHED_EVERY: Duration = Duration::from_secs(30);
/// The instance value that says since when there are counts, milliseconds since the epoch.
const COUNTED_SINCE: &str = "counted_since";
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;
/// Parts of the map, so that the first pulls of many repositories at once do not wait for one another.
const SHARDS: usize = 16;
/// Repositories and manifests that are counted at the same time; beyond it, with a database that takes no writes, what
/// happens in further ones is not counted.
const COUNTED_MAX: usize = 100_000;
/// Repositories that one transaction writes.
const STEP: usize = 100;

/// What is counted in this process.
#[derive(Debug)]
pub(crate) struct Counting {
    shards: [Shard; SHARDS],
    /// Repositories and manifests in the maps.
    counted: AtomicUsize,
    /// When the counts that are in the maps began, milliseconds since the epoch.
    since: AtomicI64,
    /// The day on which this installation began to count.
    first_day: i64,
    /// One batch at a time.
    flushing: tokio::sync::Mutex<()>,
}

type Shard = RwLock<HashMap<i64, Arc<Counter>>>;

/// What happens in one repository.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    organization_id: i64,
    account_id: String,
    pulls: AtomicI64,
    pushes: AtomicI64,
    bytes_out: AtomicI64,
    bytes_in: AtomicI64,
    pulled: RwLock<HashMap<String, Pulled>>,
}

/// The pulls of one manifest.
#[derive(Debug, Default)]
struct Pulled {
    pulls: AtomicI64,
    at: AtomicI64,
}

impl Counting {
    /// Counts from now on, and notes when the first process of this installation began to.
    pub(crate) async fn open(metadata: &Metadata) -> Result<Self, Error> {
        let now = now_ms();
        let first = if let Some(first) = metadata.instance_value(COUNTED_SINCE).await? {
            first
        } else {
            let since = now.to_string();
            metadata
                .set_instance_value_if_absent(COUNTED_SINCE, &since)
                .await?
        };
        let first: i64 = first
            .parse()
            .map_err(|broken| Error::internal("reading since when there are counts", broken))?;
        Ok(Self {
            shards: std::array::from_fn(|_| Shard::default()),
            counted: AtomicUsize::new(0),
            since: AtomicI64::new(now),
            first_day: day_of(first),
            flushing: tokio::sync::Mutex::default(),
        })
    }

    /// The first day with counts.
    pub(crate) fn first_day(&self) -> i64 {
        self.first_day
    }

    /// The counter of a repository.
    pub(crate) fn of(&self, repository_id: i64, organization: &OrganizationFacts) -> Arc<Counter> {
        let shard = self.shard(repository_id);
        if let Some(counter) = read(shard).get(&repository_id) {
            return Arc::clone(counter);
        }
        let counter = || {
            Arc::new(Counter {
                organization_id: organization.id,
                account_id: organization.account_id.clone(),
                ..Counter::default()
            })
        };
        let mut counters = write(shard);
        match counters.entry(repository_id) {
            Entry::Occupied(there) => Arc::clone(there.get()),
            Entry::Vacant(place) if self.has_room() => Arc::clone(place.insert(counter())),
            Entry::Vacant(_) => counter(),
        }
    }

    fn shard(&self, repository_id: i64) -> &Shard {
        let place = repository_id.unsigned_abs() % (SHARDS as u64);
        &self.shards[usize::try_from(place).unwrap_or(0)]
    }

    fn has_room(&self) -> bool {
        let counted = self.counted.fetch_add(1, Ordering::Relaxed);
        if counted >= COUNTED_MAX {
            self.counted.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Notes that a manifest was sent.
    pub(crate) fn pulled(&self, counter: &Counter, digest: &str) {
        counter.pulls.fetch_add(1, Ordering::Relaxed);
        let note = |manifest: &Pulled| {
            manifest.pulls.fetch_add(1, Ordering::Relaxed);
            manifest.at.fetch_max(now_ms(), Ordering::Relaxed);
        };
        if let Some(manifest) = read(&counter.pulled).get(digest) {
            return note(manifest);
        }
        let mut pulled = write(&counter.pulled);
        if let Some(manifest) = pulled.get(digest) {
            note(manifest);
        } else if self.has_room() {
            note(pulled.entry(digest.to_owned()).or_default());
        }
    }

    /// How long until the next batch: no longer than a batch may take, and no batch goes over midnight.
    pub(crate) fn pause() -> Duration {
        let to_midnight = DAY_MS - now_ms().rem_euclid(DAY_MS);
        FLUSHED_EVERY.min(Duration::from_millis(to_midnight.unsigned_abs()))
    }

    /// Writes what was counted; what cannot be written stays counted. Whoever waits for it may leave: it goes on.
    pub(crate) async fn flush(self: &Arc<Self>, metadata: &Metadata) -> Result<(), Error> {
        let (counting, metadata) = (Arc::clone(self), metadata.clone());
        let writing = tokio::spawn(async move {
            let _turn = counting.flushing.lock().await;
            let day = day_of(counting.since.swap(now_ms(), Ordering::Relaxed));
            let taken = counting.take();
            let mut batches = taken.chunks(STEP);
            while let Some(batch) = batches.next() {
                if let Err(error) = metadata.add_counts(day, batch.to_vec()).await {
                    counting.put_back(batch);
                    batches.for_each(|batch| counting.put_back(batch));
                    return Err(error);
                }
            }
            Ok(())
        });
        let written = writing.await;
        written.map_err(|gone| Error::internal("writing counts", gone))??;
        Ok(())
    }

    /// Takes all counts out, and forgets the counters that nobody holds.
    fn take(&self) -> Vec<RepositoryCounts> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut counters = write(shard);
            counters.retain(|repository_id, counter| {
                taken.extend(counter.take(*repository_id, &self.counted));
                // Nobody finds it while the map is locked, so that a counter of ours alone cannot change any more.
                let is_held = Arc::strong_count(counter) > 1;
                if !is_held {
                    self.counted.fetch_sub(1, Ordering::Relaxed);
                }
                is_held
            });
        }
        taken
    }

    fn put_back(&self, batch: &[RepositoryCounts]) {
        for counted in batch {
            let organization = OrganizationFacts {
                id: counted.organization_id,
                account_id: counted.account_id.clone(),
            };
            let counter = self.of(counted.repository_id, &organization);
            let counts = counted.counts;
            counter.pulls.fetch_add(counts.pulls, Ordering::Relaxed);
            counter.pushes.fetch_add(counts.pushes, Ordering::Relaxed);
            counter.bytes_out.fetch_add(counts.bytes_out, Ordering::Relaxed);
            counter.bytes_in.fetch_add(counts.bytes_in, Ordering::Relaxed);
            let mut pulled = write(&counter.pulled);
            for manifest in &counted.pulled {
                if pulled.contains_key(&manifest.digest) || self.has_room() {
                    let note = pulled.entry(manifest.digest.clone()).or_default();
                    note.pulls.fetch_add(manifest.pulls, Ordering::Relaxed);
                    note.at.fetch_max(manifest.at, Ordering::Relaxed);
                }
            }
        }
    }
}

impl Counter {
    /// Notes that a manifest was stored.
    pub(crate) fn pushed(&self) {
        self.pushes.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes bytes that go to a client, from here or elsewhere.
    pub(crate) fn sent(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    fn take(&self, repository_id: i64, counted: &AtomicUsize) -> Option<RepositoryCounts> {
        let pulled: Vec<PulledManifest> = write(&self.pulled)
            .drain()
            .map(|(digest, pulled)| PulledManifest {
                digest,
                pulls: pulled.pulls.into_inner(),
                at: pulled.at.into_inner(),
            })
            .collect();
        counted.fetch_sub(pulled.len(), Ordering::Relaxed);
        let counts = Counts {
            pulls: self.pulls.swap(0, Ordering::Relaxed),
            pushes: self.pushes.swap(0, Ordering::Relaxed),
            bytes_out: self.bytes_out.swap(0, Ordering::Relaxed),
            bytes_in: self.bytes_in.swap(0, Ordering::Relaxed),
        };
        (counts != Counts::default() || !pulled.is_empty()).then(|| RepositoryCounts {
            repository_id,
            organization_id: self.organization_id,
            account_id: self.account_id.clone(),
            counts,
            pulled,
        })
    }
}

/// Bytes of a blob on their way in, counted as they are taken.
pub(crate) struct CountedBytes {
    bytes: ByteStream,
    counter: Arc<Counter>,
}

impl CountedBytes {
    /// Counts the bytes of a stream for a repository.
    pub(crate) fn new(bytes: ByteStream, counter: Arc<Counter>) -> Self {
        Self { bytes, counter }
    }
}

impl Stream for CountedBytes {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.bytes.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &polled {
            let count = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            self.counter.bytes_in.fetch_add(count, Ordering::Relaxed);
        }
        polled
    }
}

/// The day of a time: days since the epoch, UTC.
pub(crate) fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
