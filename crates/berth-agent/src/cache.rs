//! The blobs on this node's disk: bounded, the least recently used go first, kept over restarts.
//!
//! Room is reserved for the whole of a blob when it begins to come. Refuses to know where bytes come from and who may
//! have them.

mod entry;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use berth_oci::Digest;

pub(crate) use entry::{Entry, Progress, Reading, Refused};

use crate::Error;

/// The cache of one node.
pub(crate) struct Cache {
    folder: PathBuf,
    limit: u64,
    inner: Mutex<Inner>,
    /// Held as long as the process lives: two agents on one folder would take each other's files away.
    _lock: File,
}

#[derive(Default)]
struct Inner {
    held: HashMap<Digest, Held>,
    bytes: u64,
    uses: u64,
}

struct Held {
    entry: Arc<Entry>,
    /// A larger number was used later.
    used: u64,
}

impl Cache {
    /// Opens the cache in a folder, which is made when it is missing, and finds what an earlier process left there.
    pub(crate) fn open(folder: &Path, limit: u64) -> Result<Self, Error> {
        let blobs = folder.join("blobs");
        fs::create_dir_all(&blobs).map_err(Error::file(&blobs, "made"))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(Error::file(&path, "written"))?;
        if lock.try_lock().is_err() {
            let reason = format!("{}: another agent has its cache here", folder.display());
            return Err(Error::Setting(reason));
        }
        let cache = Self {
            folder: blobs,
            limit,
            inner: Mutex::default(),
            _lock: lock,
        };
        cache.find()?;
        Ok(cache)
    }

    /// Most bytes that it holds.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes of the blobs in it, as large as they will be.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner().bytes
    }

    /// A blob that is there, in whole or in part; asking does not count as using it.
    pub(crate) fn peek(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.inner().held.get(digest).map(|held| Arc::clone(&held.entry))
    }

    /// How many chunks a blob has that is there as a whole; asking does not count as using it.
    pub(crate) fn holds(&self, digest: &Digest) -> Option<usize> {
        let inner = self.inner();
        let entry = &inner.held.get(digest)?.entry;
        entry.is_whole().then(|| entry.chunks())
    }

    /// A blob that is there, or room for it; none when there is no room, or the disk says no.
    pub(crate) fn get_or_make(&self, digest: &Digest, size: u64) -> Option<Arc<Entry>> {
        // Held from the question to the answer: two who ask at once get the same one.
        let mut inner = self.inner();
        if let Some(entry) = inner.get(digest) {
            return (entry.size() == size).then_some(entry);
        }
        if !self.make_room(&mut inner, size) {
            return None;
        }
        let entry = match Entry::make(&self.folder, digest, size) {
            Ok(entry) => Arc::new(entry),
            Err(error) => {
                tracing::warn!(%digest, %error, "a blob cannot be cached");
                return None;
            }
        };
        inner.keep(Arc::clone(&entry));
        Some(entry)
    }

    /// Forgets a blob and its bytes; who reads it goes on.
    pub(crate) fn remove(&self, entry: &Arc<Entry>) {
        let mut inner = self.inner();
        let digest = entry.digest();
        if inner
            .held
            .get(digest)
            .is_some_and(|held| Arc::ptr_eq(&held.entry, entry))
        {
            inner.let_go(digest);
        }
    }

    /// The blobs that are there as a whole, the ones used last first, at most so many.
    pub(crate) fn whole(&self, max: usize) -> Vec<Digest> {
        let inner = self.inner();
        let mut whole: Vec<_> = inner.held.values().filter(|held| held.entry.is_whole()).collect();
        whole.sort_by_key(|held| std::cmp::Reverse(held.used));
        let digests = whole.into_iter().map(|held| held.entry.digest().clone());
        digests.take(max).collect()
    }

    /// Takes blobs away that nobody uses, until so many bytes fit.
    fn make_room(&self, inner: &mut Inner, size: u64) -> bool {
        if size > self.limit {
            return false;
        }
        while inner.bytes + size > self.limit {
            // Only the cache holds what nobody uses.
            let idle = inner
                .held
                .iter()
                .filter(|(_, held)| Arc::strong_count(&held.entry) == 1);
            let Some(oldest) = idle
                .min_by_key(|(_, held)| held.used)
                .map(|(digest, _)| digest.clone())
            else {
                return false;
            };
            inner.let_go(&oldest);
        }
        true
    }

    /// Takes in what is in the folder: the files of each blob, the one used last as the newest; the rest is removed.
    fn find(&self) -> Result<(), Error> {
        let mut found: Vec<(SystemTime, Entry)> = Vec::new();
        let listing = fs::read_dir(&self.folder).map_err(Error::file(&self.folder, "read"))?;
        for file in listing.filter_map(Result::ok) {
            let path = file.path();
            if path.extension().is_some_and(|extension| extension == "state") {
                let used = file.metadata().and_then(|metadata| metadata.modified());
                match Entry::open(&path) {
                    Some(entry) => found.push((used.unwrap_or(SystemTime::UNIX_EPOCH), entry)),
                    None => drop(fs::remove_file(&path)),
                }
            }
        }
        found.sort_by_key(|(used, _)| *used);
        let mut inner = self.inner();
        for (_, entry) in found {
            if self.make_room(&mut inner, entry.size()) {
                inner.keep(Arc::new(entry));
            } else {
                entry.erase();
            }
        }
        let listing = fs::read_dir(&self.folder).map_err(Error::file(&self.folder, "read"))?;
        for file in listing.filter_map(Result::ok) {
            if !inner.held.values().any(|held| held.entry.owns(&file.path())) {
                drop(fs::remove_file(file.path()));
            }
        }
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn get(&mut self, digest: &Digest) -> Option<Arc<Entry>> {
        self.uses += 1;
        let held = self.held.get_mut(digest)?;
        held.used = self.uses;
        Some(Arc::clone(&held.entry))
    }

    fn keep(&mut self, entry: Arc<Entry>) {
        self.uses += 1;
        self.bytes += entry.size();
        let used = self.uses;
        self.held.insert(entry.digest().clone(), Held { entry, used });
    }

    fn let_go(&mut self, digest: &Digest) {
        if let Some(held) = self.held.remove(digest) {
            self.bytes -= held.entry.size();
            held.entry.erase();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use berth_oci::Algorithm;

    use super::*;

    #[test]
    fn all_who_ask_at_once_get_the_same_blob() {
        const ASKERS: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), 1 << 30).unwrap();
        for round in 1..=200_u64 {
            let digest = Digest::of(Algorithm::Sha256, &round.to_be_bytes());
            let start = Barrier::new(ASKERS);
            let entries: Vec<_> = std::thread::scope(|scope| {
                let ask = || {
                    start.wait();
                    cache.get_or_make(&digest, 100).unwrap()
                };
                let askers: Vec<_> = (0..ASKERS).map(|_| scope.spawn(ask)).collect();
                askers.into_iter().map(|asker| asker.join().unwrap()).collect()
            });
            assert!(entries.iter().all(|entry| Arc::ptr_eq(entry, &entries[0])));
            assert_eq!(cache.bytes(), round * 100);
        }
    }
}
