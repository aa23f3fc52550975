//! The header of the index that all connections to one SQLite file share ("WAL-mode File Format", section 2.1). Every commit
//! of every process changes it before it is answered, and SQLite compares it to know whether the pages that it keeps are still
//! true. So who finds it unchanged knows without asking that nothing was written.

use super::mark::Mark;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

/// The one version of the format there is.
const VERSION: u32 = 3_007_000;
/// Where the header counts commits.
pub(super) const CHANGE_COUNTER: usize = 8;
/// Where the header says that it is complete.
const IS_INITIALIZED: usize = 12;

/// The index of one database, open for as long as the connections to it.
#[derive(Debug, Default)]
pub(super) struct WalIndex(RwLock<Option<Arc<File>>>);

/// Every index that is open in this process, by device and number, so that none is open twice: closing one of two would take
/// away the locks that SQLite holds on the same file ("How To Corrupt An SQLite Database File", section 2.2).
static OPEN: Mutex<Vec<(Inode, Weak<File>)>> = Mutex::new(Vec::new());

/// A device, and a number on it.
type Inode = (u64, u64);

impl WalIndex {
    /// The index beside the database file, to which a connection must be open; one that never tells anything when there is
    /// none, or when it is of a kind that is not known here.
    pub(super) fn of(database: &Path) -> Self {
        let known = open(database).ok().filter(|file| header(file).is_some());
        Self(RwLock::new(known))
    }

    /// The header; none while it is being changed.
    pub(super) fn mark(&self) -> Option<Mark> {
        header(self.0.read().unwrap_or_else(PoisonError::into_inner).as_deref()?)
    }

    /// Lets go of the file, after the connections.
    pub(super) fn close(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn header(file: &File) -> Option<Mark> {
    let mut twice = [0; 2 * Mark::LENGTH];
    file.read_exact_at(&mut twice, 0).ok()?;
    // It is there twice and written in the other order.
    let (first, second) = twice.split_at(Mark::LENGTH);
    let known = first.starts_with(&VERSION.to_ne_bytes()) && first[IS_INITIALIZED] == 1;
    let header = first.try_into().ok()?;
    (known && first == second).then(|| Mark::of(header))
}

fn open(database: &Path) -> io::Result<Arc<File>> {
    // SQLite follows links before it adds its suffix.
    let mut name = database.canonicalize()?.into_os_string();
    name.push("-shm");
    let path = PathBuf::from(name);
    let is = |found: &std::fs::Metadata| (found.dev(), found.ino());
    let mut all = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, file)| file.strong_count() > 0);
    let wanted = is(&path.metadata()?);
    let found = all.iter().find(|(known, _)| *known == wanted);
    if let Some(file) = found.and_then(|(_, file)| file.upgrade()) {
        return Ok(file);
    }
    let file = Arc::new(File::open(path)?);
    all.push((is(&file.metadata()?), Arc::downgrade(&file)));
    Ok(file)
}
