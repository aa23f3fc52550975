//! A private folder of a test: everything a server, a daemon or a client keeps lies in it, and nothing of
//! it is left behind, mounts included.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

/// A folder that is emptied of mounts and removed when it is dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
}

impl Home {
    /// Makes a fresh folder whose name tells who it belongs to.
    pub fn new(owner: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_micros());
        // Short, because sockets lie in it and their names are limited to 107 bytes; in small letters,
        // because podman takes a layout's path for an image name.
        let name = format!("berth-e2e-{owner}-{now:x}-{:x}-{count}", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&name)
            .rand_bytes(0)
            .tempdir()
            .expect("the machine has a writable folder for temporary files");
        Self { folder }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path inside the folder, which need not exist.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// A folder inside the folder, made when it is missing.
    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).expect("a folder can be made in a home");
        path
    }

    /// Writes a file inside the folder and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content).expect("a file can be written in a home");
        path
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for mount in mounts_below(self.path()) {
            // A failure shows as a folder that cannot be removed.
            let _ = Command::new("umount").arg("-l").arg(mount).status();
        }
    }
}

/// The mount points below a folder, the deepest first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut mounts: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(folder))
        .collect();
    mounts.sort();
    mounts.reverse();
    mounts
}
