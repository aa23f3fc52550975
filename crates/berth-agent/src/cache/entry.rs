//! One blob on the disk: a sparse file that fills by chunks, and beside it which chunks are there and their checksums.
//!
//! A chunk that is told as there was checked by this process, or is checked before its first byte is read: files of an
//! earlier process were not synced, and disks lie.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_oci::Digest;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::wire::{Bitmap, CHUNK_BYTES, CHUNKS_MAX, ChunkTable};

/// Bytes that are read from the disk at a time.
const PIECE_BYTES: usize = 256 << 10;
/// After how many chunks the file beside is written anew.
const NOTE_EVERY: usize = 32;

/// A blob of which some chunks are there.
pub(crate) struct Entry {
    digest: Digest,
    size: u64,
    chunks: usize,
    data: PathBuf,
    note: PathBuf,
    file: Arc<File>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    readers: AtomicUsize,
}

struct State {
    have: Bitmap,
    /// Those whose bytes this process has seen to be right.
    proven: Bitmap,
    hashes: Vec<Option<[u8; 32]>>,
    is_erased: bool,
    progress: Progress,
    unnoted: usize,
}

/// Whether chunks are coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nobody fetches.
    Idle,
    /// A job fetches.
    Running,
    /// The last job gave up.
    Failed(std::time::Instant),
}

/// Why a chunk was not stored.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is not what the table says.
    Wrong,
    /// The disk says no.
    Disk(io::Error),
}

/// The file beside the bytes.
#[derive(Serialize, Deserialize)]
struct Note {
    digest: Digest,
    size: u64,
    have: Bitmap,
    /// Zeros for a chunk that is not known.
    chunks: ChunkTable,
}

impl Entry {
    /// An empty file as large as the blob will be.
    pub(crate) fn make(folder: &Path, digest: &Digest, size: u64) -> io::Result<Self> {
        let (data, note) = paths(folder, digest);
        drop(fs::remove_file(&note));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&data)?;
        file.set_len(size)?;
        let entry = Self::of(digest.clone(), size, (data, note), file).ok_or(io::ErrorKind::FileTooLarge)?;
        if let Err(error) = entry.write_note() {
            entry.erase();
            return Err(error);
        }
        Ok(entry)
    }

    /// What an earlier process left, told by the path of its note.
    pub(crate) fn open(note: &Path) -> Option<Self> {
        let text = fs::read(note).ok()?;
        let read: Note = serde_json::from_slice(&text).ok()?;
        let paths = paths(note.parent()?, &read.digest);
        if paths.1 != note {
            return None;
        }
        let file = File::options().read(true).write(true).open(&paths.0).ok()?;
        if file.metadata().ok()?.len() != read.size {
            return None;
        }
        let entry = Self::of(read.digest, read.size, paths, file)?;
        if read.chunks.0.len() != entry.chunks {
            return None;
        }
        let known = |hash: [u8; 32]| (hash != [0; 32]).then_some(hash);
        {
            let mut state = entry.state();
            state.hashes = read.chunks.0.into_iter().map(known).collect();
            state.have = read.have.fit(entry.chunks);
            for chunk in 0..entry.chunks {
                if state.hashes[chunk].is_none() {
                    state.have.unset(chunk);
                }
            }
        }
        Some(entry)
    }

    fn of(digest: Digest, size: u64, (data, note): (PathBuf, PathBuf), file: File) -> Option<Self> {
        let chunks = usize::try_from(size.div_ceil(CHUNK_BYTES)).ok()?;
        let state = State {
            have: Bitmap::new(chunks),
            proven: Bitmap::new(chunks),
            hashes: vec![None; chunks.min(CHUNKS_MAX)],
            is_erased: false,
            progress: Progress::Idle,
            unnoted: 0,
        };
        (1..=CHUNKS_MAX).contains(&chunks).then(|| Self {
            digest,
            size,
            chunks,
            data,
            note,
            file: Arc::new(file),
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            readers: AtomicUsize::new(0),
        })
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn chunks(&self) -> usize {
        self.chunks
    }

    /// Offset and bytes of a chunk.
    pub(crate) fn extent(&self, chunk: usize) -> (u64, usize) {
        let offset = chunk as u64 * CHUNK_BYTES;
        let length = CHUNK_BYTES.min(self.size - offset);
        (
            offset,
            usize::try_from(length).expect("a chunk has 4 MiB at most"),
        )
    }

    /// The chunks that are there.
    pub(crate) fn have(&self) -> Bitmap {
        self.state().have.clone()
    }

    /// Whether a chunk is there.
    pub(crate) fn has(&self, chunk: usize) -> bool {
        self.state().have.has(chunk)
    }

    /// How many chunks are there.
    pub(crate) fn count(&self) -> usize {
        self.state().have.count()
    }

    /// Whether all of it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.count() == self.chunks
    }

    /// Tells of every change of what is there and of how it goes on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn progress(&self) -> Progress {
        self.state().progress
    }

    /// Says how it goes on; returns how it went before.
    pub(crate) fn set_progress(&self, progress: Progress) -> Progress {
        let before = std::mem::replace(&mut self.state().progress, progress);
        self.tell();
        before
    }

    /// Takes the registry's table; chunks that are there and differ from it are not there any more.
    pub(crate) fn learn(&self, table: &ChunkTable) -> bool {
        if table.0.len() != self.chunks {
            return false;
        }
        let mut state = self.state();
        for (chunk, hash) in table.0.iter().enumerate() {
            if state.hashes[chunk]
                .replace(*hash)
                .is_some_and(|before| before != *hash)
            {
                state.have.unset(chunk);
                state.proven.unset(chunk);
            }
        }
        true
    }

    /// Checks a chunk against the table, where there is one, and stores it.
    pub(crate) async fn store(self: &Arc<Self>, chunk: usize, bytes: Bytes) -> Result<(), Refused> {
        let entry = Arc::clone(self);
        blocking(move || {
            let hash: [u8; 32] = Sha256::digest(&bytes).into();
            let (offset, length) = entry.extent(chunk);
            let expected = entry.state().hashes[chunk];
            if bytes.len() != length || expected.is_some_and(|expected| expected != hash) {
                return Err(Refused::Wrong);
            }
            if entry.has(chunk) {
                return Ok(());
            }
            entry.file.write_all_at(&bytes, offset).map_err(Refused::Disk)?;
            entry.took(chunk, hash);
            Ok(())
        })
        .await
    }

    /// Whether a chunk that is there is what it should be; one that is not is not there any more.
    pub(crate) async fn prove(self: &Arc<Self>, chunk: usize) -> bool {
        let hash = {
            let state = self.state();
            if !state.have.has(chunk) || state.proven.has(chunk) {
                return state.have.has(chunk);
            }
            state.hashes[chunk]
        };
        let entry = Arc::clone(self);
        let is_right =
            blocking(move || entry.hash(chunk).ok().is_some_and(|found| Some(found) == hash)).await;
        let mut state = self.state();
        if is_right {
            state.proven.set(chunk);
        } else {
            tracing::warn!(digest = %self.digest, chunk, "a cached chunk is damaged and fetched anew");
            state.have.unset(chunk);
        }
        is_right
    }

    /// Bytes of chunks that are there and proven, from an offset; as many as suit the disk, at most `max`.
    pub(crate) async fn read(&self, offset: u64, max: u64) -> io::Result<Bytes> {
        let within = CHUNK_BYTES - offset % CHUNK_BYTES;
        let length = max.min(within).min(PIECE_BYTES as u64).min(self.size - offset);
        let mut piece = vec![0; usize::try_from(length).unwrap_or(PIECE_BYTES)];
        let file = Arc::clone(&self.file);
        blocking(move || {
            file.read_exact_at(&mut piece, offset)
                .map(|()| Bytes::from(piece))
        })
        .await
    }

    /// Counts one more who waits for bytes, until the guard is dropped.
    pub(crate) fn reader(self: &Arc<Self>) -> Reading {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Reading(Arc::clone(self))
    }

    /// Whether somebody waits for bytes.
    pub(crate) fn is_read(&self) -> bool {
        self.readers.load(Ordering::Relaxed) > 0
    }

    /// Notes what is there, and that it was just used.
    pub(crate) fn write_note(&self) -> io::Result<()> {
        let note = {
            let mut state = self.state();
            if state.is_erased {
                return Ok(());
            }
            state.unnoted = 0;
            let hashes = state.hashes.iter().map(|hash| hash.unwrap_or_default());
            Note {
                digest: self.digest.clone(),
                size: self.size,
                have: state.have.clone(),
                chunks: ChunkTable(hashes.collect()),
            }
        };
        let fresh = self.note.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(&note)?)?;
        fs::rename(&fresh, &self.note)
    }

    /// Removes the files; who has them open goes on.
    pub(crate) fn erase(&self) {
        self.state().is_erased = true;
        drop(fs::remove_file(&self.note));
        drop(fs::remove_file(&self.data));
    }

    /// Whether a file is this blob's.
    pub(crate) fn owns(&self, path: &Path) -> bool {
        path == self.data || path == self.note
    }

    fn took(&self, chunk: usize, hash: [u8; 32]) {
        let is_due = {
            let mut state = self.state();
            state.have.set(chunk);
            state.proven.set(chunk);
            state.hashes[chunk] = Some(hash);
            state.unnoted += 1;
            state.unnoted >= NOTE_EVERY
        };
        self.tell();
        if is_due {
            // A stale note costs chunks that are fetched again after a restart, nothing else.
            drop(self.write_note());
        }
    }

    fn hash(&self, chunk: usize) -> io::Result<[u8; 32]> {
        let (mut offset, length) = self.extent(chunk);
        let end = offset + length as u64;
        let mut hasher = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        while offset < end {
            let wanted = usize::try_from(end - offset)
                .unwrap_or(PIECE_BYTES)
                .min(PIECE_BYTES);
            self.file.read_exact_at(&mut piece[..wanted], offset)?;
            hasher.update(&piece[..wanted]);
            offset += wanted as u64;
        }
        Ok(hasher.finalize().into())
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for bytes of a blob.
pub(crate) struct Reading(Arc<Entry>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn paths(folder: &Path, digest: &Digest) -> (PathBuf, PathBuf) {
    let name = digest.as_str().replace(':', "-");
    (folder.join(&name), folder.join(format!("{name}.state")))
}

/// Runs what waits for the disk or counts checksums where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .expect("work on the disk does not panic and is not cancelled")
}
