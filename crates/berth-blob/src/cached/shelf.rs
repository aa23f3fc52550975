//! The folder of chunks: written, opened, checked once in the life of a process, and removed when others need their place.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::CacheSettings;
use super::chunk::{BlobId, ChunkId};
use super::index::Index;

/// What a file is called until it is whole.
const UNFINISHED: &str = "unfinished-";
/// How long nothing is written after a write failed: a disk that is full stays so for a while.
const PAUSE: Duration = Duration::from_secs(30);

/// The chunks on the disk.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
    bytes_max: u64,
    index: Mutex<Index>,
    paused_until: Mutex<Option<Instant>>,
    /// Held as long as the folder is this process's.
    _lock: File,
}

impl Shelf {
    /// Takes the folder and what lies in it; `WouldBlock` when another process has it. Waits for the disk, as all that
    /// follows but [`Self::size`], [`Self::has`] and [`Self::takes_more`].
    pub(super) fn open(settings: &CacheSettings) -> io::Result<Self> {
        let folder = settings.folder.clone();
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                look_through(&entry.path(), &mut found)?;
            }
        }
        found.sort_unstable();
        let shelf = Self {
            folder,
            bytes_max: settings.bytes_max,
            index: Mutex::default(),
            paused_until: Mutex::default(),
            _lock: lock,
        };
        for (_, id) in found {
            let gone = shelf.index().make_room(id, shelf.bytes_max);
            shelf.unlink(&gone);
            shelf.index().add(id, false);
        }
        Ok(shelf)
    }

    /// Bytes of a blob of which a chunk is kept.
    pub(super) fn size(&self, blob: BlobId) -> Option<u64> {
        self.index().size(blob)
    }

    /// Whether a chunk is kept.
    pub(super) fn has(&self, id: ChunkId) -> bool {
        self.index().has(id)
    }

    /// Whether it is worth trying to write.
    pub(super) fn takes_more(&self) -> bool {
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        let is_paused = paused.is_some_and(|until| Instant::now() < until);
        if !is_paused {
            *paused = None;
        }
        !is_paused
    }

    /// Opens a chunk that is whole; none when it is not kept, or was not whole.
    pub(super) fn open_chunk(&self, id: ChunkId) -> Option<File> {
        let is_checked = self.index().take(id)?;
        match self.checked(id, is_checked) {
            Ok(file) => {
                self.index().checked(id);
                Some(file)
            }
            Err(error) => {
                tracing::warn!(%error, chunk = %id.path().display(), "a chunk of the cache is thrown away");
                self.forget(id);
                None
            }
        }
    }

    fn checked(&self, id: ChunkId, is_checked: bool) -> io::Result<File> {
        let mut file = File::open(self.path(id))?;
        if !is_checked {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            if !id.is_sealed(&bytes) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its seal is broken"));
            }
        }
        Ok(file)
    }

    /// Writes a chunk; when it cannot, nothing is written for a while.
    pub(super) fn write(&self, id: ChunkId, pieces: &[Bytes]) -> io::Result<()> {
        let gone = self.index().make_room(id, self.bytes_max);
        self.unlink(&gone);
        let path = self.path(id);
        let unfinished =
            path.with_file_name(format!("{UNFINISHED}{}", id.path().display()).replace('/', "-"));
        let written =
            write(&unfinished, pieces, &id.seal(pieces)).and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = &written {
            let _gone = fs::remove_file(&unfinished);
            let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
            *paused = Some(Instant::now() + PAUSE);
            tracing::warn!(%error, folder = %self.folder.display(), "the cache of blobs keeps nothing new for a while");
            return written;
        }
        self.index().add(id, true);
        written
    }

    /// Removes a chunk.
    pub(super) fn forget(&self, id: ChunkId) {
        self.index().remove(id);
        self.unlink(&[id]);
    }

    /// Removes the chunks of a blob.
    pub(super) fn forget_blob(&self, blob: BlobId) {
        let gone = self.index().remove_blob(blob);
        self.unlink(&gone);
    }

    /// Who has the file open reads on.
    fn unlink(&self, gone: &[ChunkId]) {
        for id in gone {
            if let Err(error) = fs::remove_file(self.path(*id))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, chunk = %id.path().display(), "a chunk of the cache stays on the disk");
            }
        }
    }

    fn path(&self, id: ChunkId) -> PathBuf {
        self.folder.join(id.path())
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the chunks of a folder with the time of their making, and removes what a process that ended left unfinished.
fn look_through(folder: &Path, found: &mut Vec<(SystemTime, ChunkId)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if let Some(id) = ChunkId::of_name(name) {
            found.push((entry.metadata()?.modified()?, id));
        } else if name.starts_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write(path: &Path, pieces: &[Bytes], seal: &[u8]) -> io::Result<()> {
    let made = File::create(path).or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(parent)) => {
            fs::create_dir_all(parent)?;
            File::create(path)
        }
        _ => Err(error),
    });
    let mut file = made?;
    for piece in pieces {
        file.write_all(piece)?;
    }
    // Not synced: after a crash the seal tells.
    file.write_all(seal)
}
