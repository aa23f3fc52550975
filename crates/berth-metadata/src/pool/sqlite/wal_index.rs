//! The header of the index that all connections to one SQLite file share ("WAL-mode File Format", section 2.1). Every commit
//! of every process changes it before it is answered, and SQLite compares it to know whether the pages that it keeps are still
//! true. So who finds it unchanged knows without asking that nothing was written.

use super::super::mark::Mark;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The one version of the format there is.
const VERSION: u32 = 3_007_000;
/// Where the header says that it is complete.
const IS_INITIALIZED: usize = 12;

/// The open index of one database.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalIndex(&'static File);

/// Every index that this process has opened, and none is ever closed: closing one would take away the locks that SQLite
/// holds on the same file in this process ("How To Corrupt An SQLite Database File", section 2.2).
static OPENED: Mutex<Vec<((u64, u64), WalIndex)>> = Mutex::new(Vec::new());

impl WalIndex {
    /// The index beside the database file; none when there is none, or when it is of a kind that is not known here. A
    /// connection to the database must be open.
    pub(super) fn of(database: &Path) -> Option<Self> {
        // SQLite follows links before it adds its suffix.
        let mut name = database.canonicalize().ok()?.into_os_string();
        name.push("-shm");
        let path = PathBuf::from(name);
        let index = opened(&path).ok()?;
        index.mark().map(|_| index)
    }

    /// The header; none while it is being changed.
    pub(super) fn mark(self) -> Option<Mark> {
        let mut twice = [0; 2 * Mark::LENGTH];
        self.0.read_exact_at(&mut twice, 0).ok()?;
        // It is there twice and written in the other order.
        let (first, second) = twice.split_at(Mark::LENGTH);
        let known = first.starts_with(&VERSION.to_ne_bytes()) && first[IS_INITIALIZED] == 1;
        let header = first.try_into().ok()?;
        (known && first == second).then(|| Mark::of(header))
    }
}

fn opened(path: &Path) -> std::io::Result<WalIndex> {
    let mut all = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let is = |found: &std::fs::Metadata| (found.dev(), found.ino());
    let wanted = is(&path.metadata()?);
    if let Some((_, index)) = all.iter().find(|(known, _)| *known == wanted) {
        return Ok(*index);
    }
    let file: &'static File = Box::leak(Box::new(File::open(path)?));
    let index = WalIndex(file);
    all.push((is(&file.metadata()?), index));
    Ok(index)
}
