//! The two halves of a journal, which take turns: one is written while the files of the other become durable.
//! It owns where entries go and when a segment may be used again.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::fs::FlockOperation;

use super::entry::{self, SEGMENT_BYTES, SEGMENTS};
use super::{AGAIN_AFTER, BATCH_BYTES, Claim, durable, replay, watch};
use crate::Error;
use crate::fs::layout::Layout;

/// Entries of a segment: so many files a start after a crash looks at.
const ENTRIES_MAX: usize = 4096;
/// A segment whose first entry is so old makes room for the other.
const AGE_MAX: Duration = Duration::from_secs(5);

/// How soon it is seen that the store was closed.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The segments of one journal.
pub(super) struct Segments {
    pub(super) layout: Arc<Layout>,
    path: PathBuf,
    file: Arc<Claim>,
    /// The one that is written, if one is begun.
    filling: Option<Filling>,
    /// Whether each one's files are not durable yet.
    is_taken: [Arc<AtomicBool>; SEGMENTS],
    buffer: Vec<u8>,
    /// Gone with the store.
    in_use: Arc<()>,
}

struct Filling {
    number: usize,
    generation: u64,
    end: usize,
    entries: usize,
    since: Instant,
    /// Sees what fails on the file system from the first file of the segment on.
    watch: File,
}

/// What makes the files of a segment durable, on a thread of its own.
struct Settling {
    layout: Arc<Layout>,
    path: PathBuf,
    file: Arc<Claim>,
    number: usize,
    watch: File,
    is_taken: Arc<AtomicBool>,
    in_use: Weak<()>,
}

impl Segments {
    pub(super) fn new(layout: Arc<Layout>, (path, file): (PathBuf, Claim)) -> Self {
        Self {
            layout,
            path,
            file: Arc::new(file),
            filling: None,
            is_taken: Default::default(),
            buffer: Vec::with_capacity(BATCH_BYTES),
            in_use: Arc::default(),
        }
    }

    /// When the segment that is written is to make room.
    pub(super) fn due(&self) -> Option<Instant> {
        self.filling.as_ref().map(|filling| filling.since + AGE_MAX)
    }

    /// Makes entries of these blobs durable; false when there is no room for them now. After an error nothing more may be written.
    pub(super) fn write(&mut self, blobs: &[(&str, &[Bytes])]) -> io::Result<bool> {
        let length: usize = blobs.iter().map(|(key, parts)| entry::length(key, parts)).sum();
        let fits = |filling: &Filling| {
            filling.end + length <= SEGMENT_BYTES && filling.entries + blobs.len() <= ENTRIES_MAX
        };
        if !self.filling.as_ref().is_some_and(fits) {
            self.turn();
            self.filling = self.begin();
        }
        let Some(filling) = &mut self.filling else {
            return Ok(false);
        };
        self.buffer.clear();
        for blob in blobs {
            entry::push(&mut self.buffer, filling.generation, *blob);
        }
        let padded = entry::next_block(self.buffer.len());
        self.buffer.resize(padded, 0);
        let at = (filling.number * SEGMENT_BYTES + filling.end) as u64;
        write_at(&self.file, &self.buffer, at)?;
        self.file.sync_data()?;
        filling.end += padded;
        filling.entries += blobs.len();
        Ok(true)
    }

    /// Ends the segment that is written and has its files made durable.
    pub(super) fn turn(&mut self) {
        let Some(Filling { number, watch, .. }) = self.filling.take() else {
            return;
        };
        let settling = Settling {
            layout: Arc::clone(&self.layout),
            path: self.path.clone(),
            file: Arc::clone(&self.file),
            number,
            watch,
            is_taken: Arc::clone(&self.is_taken[number]),
            in_use: Arc::downgrade(&self.in_use),
        };
        let named = std::thread::Builder::new().name("small-blobs-sync".to_owned());
        if let Err(error) = named.spawn(move || settling.run()) {
            // The segment stays taken; the files are durable when the next start has gone through it.
            tracing::warn!(%error, "half of the journal of small blobs is out of use until the next start");
        }
    }

    /// Whether the files of some segment are not durable yet.
    #[cfg(test)]
    pub(super) fn is_settling(&self) -> bool {
        self.is_taken.iter().any(|taken| taken.load(Ordering::Acquire))
    }

    fn begin(&self) -> Option<Filling> {
        let is_free = |taken: &Arc<AtomicBool>| !taken.load(Ordering::Acquire);
        let number = self.is_taken.iter().position(is_free)?;
        let watch = watch(&self.layout)
            .inspect_err(|error| tracing::warn!(%error, "small blobs are synced one by one for now"))
            .ok()?;
        self.is_taken[number].store(true, Ordering::Release);
        Some(Filling {
            number,
            generation: rand::random(),
            end: 0,
            entries: 0,
            since: Instant::now(),
            watch,
        })
    }

    /// Makes the files of all entries durable the long way and removes the journal, which cannot be gone on with.
    pub(super) fn give_up(&self) -> Result<(), Error> {
        (0..SEGMENTS).try_for_each(|number| replay::store_again(&self.layout, &self.path, number))?;
        crate::fs::remove(&self.path)
    }
}

impl Drop for Segments {
    /// Leaves the journal to the next to open the store, also while a segment is being settled.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&**self.file, FlockOperation::Unlock) {
            tracing::warn!(%error, "a journal of small blobs stays locked until its file is closed");
        }
    }
}

impl Settling {
    fn run(self) {
        let mut settled = durable(&self.watch).map_err(|source| Error::from_io("sync small blobs", source));
        while let Err(error) = settled {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "small blobs could not be synced together; each is written again from the journal"
            );
            settled = replay::store_again(&self.layout, &self.path, self.number);
            // Closed, and left to the next to open the store; or given up meanwhile.
            if settled.is_err() && !self.pause() || !self.path.exists() {
                return;
            }
        }
        // Not synced: what is gone through once more does no harm.
        let start = (self.number * SEGMENT_BYTES) as u64;
        match write_at(&self.file, &[0; entry::BLOCK_BYTES], start) {
            Ok(()) => self.is_taken.store(false, Ordering::Release),
            Err(error) => tracing::warn!(%error, "half of the journal of small blobs is out of use"),
        }
    }

    /// Waits before the next try; false when the store is closed.
    fn pause(&self) -> bool {
        let until = Instant::now() + AGAIN_AFTER;
        while Instant::now() < until {
            if self.in_use.strong_count() == 0 {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}
