//! The journal of small blobs: bytes that wait together are written one behind the other to a file that is laid out
//! beforehand, and one sync makes them all durable. Their own files are written behind that and synced much later, all
//! at once. It owns when that is allowed; where nothing is promised, the caller goes the long way.
//!
//! One process, one journal. Decision 13 says what is promised and why.

mod entry;
mod replay;
mod segments;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use self::entry::{SEGMENT_BYTES, SEGMENTS};
use self::segments::Segments;
use super::append::{self, Claim};
use super::layout::{self, Layout};
pub(super) use replay::replay_all;

/// Blobs up to so many bytes are kept in a journal.
pub(super) const BLOB_BYTES_MAX: usize = 64 << 10;
/// What one sync takes at most.
const BATCH_BYTES: usize = 1 << 20;
/// How long after a failure, or without room, the journal is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// What the name of a journal has, in hexadecimal digits.
const NAME_LENGTH: usize = 32;
/// No journal is made where so many of it would not fit.
const ROOM_FOR: u64 = 4;

/// What became of a blob.
pub(super) enum Outcome {
    /// It survives a power cut, and is readable under its key.
    Stored,
    /// Nothing was done that counts: the caller stores it, synced.
    Not(Vec<Bytes>),
    /// The disk failed; whether the blob survives is not known.
    Failed(io::Error),
}

/// A journal and the thread that writes it, from the first small blob on.
#[derive(Debug)]
pub(super) struct Journal {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// A blob on its way into the journal.
struct Waiting {
    key: String,
    path: PathBuf,
    parts: Vec<Bytes>,
    told: oneshot::Sender<Outcome>,
}

impl Waiting {
    fn tell(self, outcome: impl FnOnce(Vec<Bytes>) -> Outcome) {
        // Whoever asked may have gone.
        let _gone = self.told.send(outcome(self.parts));
    }
}

/// Where blobs wait for the thread.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Somebody would have liked a journal.
    is_wanted: bool,
    is_open: bool,
    is_closing: bool,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal of this process for the store, none where its promise is not known to hold.
    pub(super) fn begin(layout: &Arc<Layout>) -> io::Result<Option<Self>> {
        if !syncs_whole_file_systems(layout.blobs())? {
            return Ok(None);
        }
        let desk = Arc::new(Desk::default());
        let (layout, ours) = (Arc::clone(layout), Arc::clone(&desk));
        let named = std::thread::Builder::new().name("small-blobs".to_owned());
        let thread = named.spawn(move || keep(&layout, &ours))?;
        Ok(Some(Self {
            desk,
            thread: Some(thread),
        }))
    }

    /// Stores a blob of at most [`BLOB_BYTES_MAX`] under its key, which is to be the file `path`.
    pub(super) async fn store(&self, key: &str, path: &Path, parts: Vec<Bytes>) -> Outcome {
        let (told, answer) = oneshot::channel();
        {
            let mut queue = self.desk.lock();
            if !queue.is_open {
                let was_wanted = std::mem::replace(&mut queue.is_wanted, true);
                if !was_wanted {
                    self.desk.changed.notify_one();
                }
                return Outcome::Not(parts);
            }
            let (key, path) = (key.to_owned(), path.to_owned());
            queue.waiting.push_back(Waiting {
                key,
                path,
                parts,
                told,
            });
            if queue.waiting.len() == 1 {
                self.desk.changed.notify_one();
            }
        }
        let gone = |_| Outcome::Failed(io::Error::other("the journal of small blobs has ended"));
        answer.await.unwrap_or_else(gone)
    }
}

impl Drop for Journal {
    /// What was acknowledged needs nothing more; the next to open the store goes through the journal.
    fn drop(&mut self) {
        self.desk.lock().is_closing = true;
        self.desk.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the journal of small blobs panicked");
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody wants a journal; false when the store is closed.
    fn is_wanted(&self) -> bool {
        let idle = |queue: &mut Queue| !queue.is_wanted && !queue.is_closing;
        let waited = self.changed.wait_while(self.lock(), idle);
        !waited.unwrap_or_else(PoisonError::into_inner).is_closing
    }

    /// Waits for so long; false when the store is closed.
    fn pause(&self, pause: Duration) -> bool {
        let open = |queue: &mut Queue| !queue.is_closing;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, open);
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_closing
    }

    fn open(&self) {
        self.lock().is_open = true;
    }

    /// Takes no more blobs; those that wait go the long way.
    fn close(&self) {
        let waiting = {
            let mut queue = self.lock();
            (queue.is_open, queue.is_wanted) = (false, false);
            std::mem::take(&mut queue.waiting)
        };
        for one in waiting {
            one.tell(Outcome::Not);
        }
    }

    /// The blobs of the next sync; none of them when the time has come before. None when the store is closed.
    fn next(&self, until: Option<Instant>) -> Option<Vec<Waiting>> {
        let mut queue = self.lock();
        while queue.waiting.is_empty() {
            if queue.is_closing {
                return None;
            }
            queue = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(Duration::ZERO) => return Some(Vec::new()),
                Some(left) => {
                    let waited = self.changed.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let mut bytes = 0;
        let fits = |one: &&Waiting| {
            bytes += entry::length(&one.key, &one.parts);
            bytes <= BATCH_BYTES
        };
        let count = queue.waiting.iter().take_while(fits).count();
        Some(queue.waiting.drain(..count).collect())
    }
}

/// Takes no blobs any more when the thread ends, however it does.
struct Closing<'a>(&'a Desk);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The thread: makes a journal when one is wanted, and a new one after a failure.
fn keep(layout: &Arc<Layout>, desk: &Desk) {
    let _closing = Closing(desk);
    while desk.is_wanted() {
        match make(layout) {
            Ok((path, file)) => {
                let mut segments = Segments::new(Arc::clone(layout), (path, file));
                desk.open();
                let ended = write(&mut segments, desk);
                desk.close();
                if let Err(error) = ended {
                    tracing::error!(%error, "the journal of small blobs failed; they are synced one by one");
                    give_up(&segments, desk);
                }
            }
            Err(error) => tracing::info!(%error, "small blobs are synced one by one: there is no journal"),
        }
        if !desk.pause(AGAIN_AFTER) {
            return;
        }
        desk.close();
    }
}

/// Does without a journal: what it has is made durable the long way, however often that must be tried.
fn give_up(segments: &Segments, desk: &Desk) {
    while let Err(error) = segments.give_up() {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "small blobs are not all synced yet"
        );
        if !desk.pause(AGAIN_AFTER) {
            return;
        }
    }
}

/// Writes what comes until the store is closed or the disk fails.
fn write(segments: &mut Segments, desk: &Desk) -> io::Result<()> {
    while let Some(batch) = desk.next(segments.due()) {
        if batch.is_empty() {
            segments.turn();
            continue;
        }
        let entries: Vec<_> = batch
            .iter()
            .map(|one| (one.key.as_str(), one.parts.as_slice()))
            .collect();
        match segments.write(&entries) {
            Ok(true) => {}
            Ok(false) => {
                for one in batch {
                    one.tell(Outcome::Not);
                }
                continue;
            }
            Err(error) => {
                for one in batch {
                    one.tell(|_| Outcome::Failed(again(&error)));
                }
                return Err(error);
            }
        }
        for one in batch {
            let named = super::whole::name_unsynced(&segments.layout, &one.path, &one.parts);
            one.tell(|parts| match named {
                Ok(true) => Outcome::Stored,
                // An attempt before got as far: it is written anew beside its place.
                Ok(false) => Outcome::Not(parts),
                Err(error) => Outcome::Failed(error),
            });
        }
    }
    Ok(())
}

/// The same error for one more.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

/// Makes a journal for this process alone: all its blocks are written once, so that a sync has bytes to write and nothing else.
fn make(layout: &Layout) -> io::Result<(PathBuf, Claim)> {
    let total = (SEGMENTS * SEGMENT_BYTES) as u64;
    let found = rustix::fs::statvfs(layout.root())?;
    if found.f_bavail.saturating_mul(found.f_frsize) < ROOM_FOR * total {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let folder = layout.journals();
    layout::create_dir(&folder)?;
    let path = folder.join(format!("{:0NAME_LENGTH$x}", rand::random::<u128>()));
    let file = append::claim(&path, true).map_err(io::Error::other)?;
    let file = file.ok_or(io::ErrorKind::NotFound)?;
    let write_once = || {
        let zeros = Bytes::from(vec![0; BATCH_BYTES]);
        for at in (0..total).step_by(BATCH_BYTES) {
            append::write_all_at(&file, std::slice::from_ref(&zeros), at)?;
        }
        file.sync_all()?;
        layout::sync_dir(&folder)?;
        layout::sync_dir(layout.root())
    };
    if let Err(error) = write_once() {
        fs::remove_file(&path)?;
        return Err(error);
    }
    Ok((path, file))
}

/// Whether `syncfs` makes all files below this folder durable, and says so when it cannot: known of Linux from 5.8 on, on
/// ext4, XFS and tmpfs.
fn syncs_whole_file_systems(blobs: &Path) -> io::Result<bool> {
    const KINDS: [u64; 3] = [0xEF53, 0x5846_5342, 0x0102_1994];
    let kind = rustix::fs::statfs(blobs)?.f_type;
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    Ok(version >= (5, 8) && u64::try_from(kind).is_ok_and(|kind| KINDS.contains(&kind)))
}

/// Opens what [`durable`] looks at afterwards, before anything is written that is to be durable then.
fn watch(layout: &Layout) -> io::Result<File> {
    File::open(layout.blobs())
}

/// Makes everything on the file system durable. An error when something of it failed since `watch` was opened.
fn durable(watch: &File) -> io::Result<()> {
    rustix::fs::syncfs(watch)?;
    // Before Linux 5.17 `syncfs` says nothing when the file system has shut down; this does.
    watch.sync_all()
}

#[cfg(test)]
mod tests;
