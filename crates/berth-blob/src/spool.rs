//! Bytes that pass through this machine: a file that one writes at its end while many read it, without a name, so that
//! nothing is left of it when the last of them is gone, however the process ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::Error;

/// A file that grows while it is read. Clones are the same file.
#[derive(Clone, Debug)]
pub struct Spool {
    file: Arc<File>,
}

impl Spool {
    /// An empty file in a folder, which is made when it is missing.
    pub async fn create(folder: &Path) -> Result<Self, Error> {
        let folder = folder.to_owned();
        let made = blocking(move || {
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("spool-{:032x}", rand::random::<u128>()));
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        });
        let file = made
            .await
            .map_err(|source| Error::from_io("making a file to pass bytes through", source))?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Writes bytes at this place. They are there for readers once this has ended well.
    pub async fn write(&self, at: u64, bytes: Bytes) -> Result<(), Error> {
        let file = Arc::clone(&self.file);
        let written = blocking(move || file.write_all_at(&bytes, at));
        written
            .await
            .map_err(|source| Error::from_io("writing bytes that pass through", source))
    }

    /// So many bytes from this place on, which were written.
    pub async fn read(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, at)?;
            Ok(bytes.into())
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|gone| Err(io::Error::other(gone)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_and_nothing_has_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("spool");
        let spool = Spool::create(&place).await.unwrap();
        spool.write(0, Bytes::from_static(b"hello ")).await.unwrap();
        spool.write(6, Bytes::from_static(b"world")).await.unwrap();
        assert_eq!(spool.clone().read(4, 4).await.unwrap(), "o wo");
        assert_eq!(spool.read(8, 3).await.unwrap(), "rld");
        assert!(spool.read(8, 4).await.is_err(), "beyond what was written");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    }
}
