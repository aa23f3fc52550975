//! Snapshots in files: the owner's alone, and whole or not there.

use std::io;
use std::path::Path;

use berth_blob::ByteStream;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::account::new_id;
use crate::error::Error;

const PIECE_BYTES: usize = 1 << 18;

/// Writes a new file and answers its size in bytes; `Exists` when there is one of that name.
pub(super) async fn write_file(path: &Path, bytes: ByteStream) -> Result<u64, Error> {
    if fs::try_exists(path).await.unwrap_or(false) {
        return Err(Error::Exists(format!("the file {}", path.display())));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let draft = folder.join(format!(".berth-backup-{}", new_id()));
    let written = write_whole(&draft, bytes).await;
    let placed = match written {
        Ok(size) => place(&draft, path, folder).await.map(|()| size),
        Err(error) => Err(error),
    };
    // Under its own name it is there or not wanted; a leftover tells of itself.
    let _removed = fs::remove_file(&draft).await;
    placed.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(format!("the file {}", path.display())),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::Invalid(format!("there is no room for {}", path.display()))
        }
        _ => Error::Invalid(format!("{} cannot be written: {error}", path.display())),
    })
}

async fn write_whole(path: &Path, mut bytes: ByteStream) -> io::Result<u64> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await?;
    let mut size = 0;
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        file.write_all(&piece).await?;
        size += piece.len() as u64;
    }
    file.flush().await?;
    file.sync_all().await?;
    Ok(size)
}

/// A link, unlike a rename, replaces nothing.
async fn place(draft: &Path, path: &Path, folder: &Path) -> io::Result<()> {
    fs::hard_link(draft, path).await?;
    File::open(folder).await?.sync_all().await
}

/// The bytes of a file; `Invalid` when it cannot be opened.
pub(crate) async fn read_file(path: &Path) -> Result<ByteStream, Error> {
    let file = File::open(path).await;
    let file = file.map_err(|error| Error::Invalid(format!("{} cannot be read: {error}", path.display())))?;
    let bytes = stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let count = file.read_buf(&mut piece).await?;
        Ok((count > 0).then(|| (Bytes::from(piece), file)))
    });
    Ok(bytes.boxed())
}
