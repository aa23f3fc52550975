//! Blobs as files below one folder.
//! It owns the order of writes that makes a blob durable and whole; it trusts the file system to keep what it synced.

mod ahead;
mod append;
mod documents;
mod journal;
mod layout;
mod read;
mod whole;

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use berth_oci::Digest;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;

use self::documents::Documents;
use self::journal::{Journal, Outcome};
use self::layout::Layout;
use self::whole::Sync;
use crate::{
    BlobBytes, BlobStore, ByteStream, Error, StoredBlob, StoredDocument, UnfinishedUpload, Upload, Written,
};

/// A name that no upload id can have.
const CHECK_FILE: &str = ".check";

/// A blob store in a folder of the local file system.
#[derive(Debug, Clone)]
pub struct FileStore {
    layout: Arc<Layout>,
    documents: Documents,
    journal: Option<Arc<Journal>>,
}

impl FileStore {
    /// Opens the store in the folder `root`, laying it out when it is new, and completes what a crash left in journals.
    ///
    /// Several processes may have the same folder open.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let doing = || format!("open the blob store in {}", root.display());
        let layout = Layout::create(root).map_err(|source| Error::from_io(doing(), source))?;
        journal::replay_all(&layout)?;
        Ok(Self {
            layout: Arc::new(layout),
            documents: Documents::below(root),
            journal: None,
        })
    }

    /// Lets small blobs share their syncs through a journal, where the file system is known to keep them so.
    ///
    /// Only where no process on another machine reads what this one stores: after a crash of this machine a blob may be
    /// missing there until the store is opened again.
    pub fn with_journal(self) -> Result<Self, Error> {
        let begun = Journal::begin(&self.layout);
        let journal = begun.map_err(|source| Error::from_io("begin the journal of small blobs", source))?;
        Ok(Self {
            journal: journal.map(Arc::new),
            ..self
        })
    }
}

impl FileStore {
    /// What a blob without a file means: nothing, as long as the whole store is not there.
    async fn not_found(&self) -> Error {
        let layout = Arc::clone(&self.layout);
        match blocking(move || {
            layout
                .check()
                .map_err(|source| Error::from_io("find the folder of blobs", source))
        })
        .await
        {
            Ok(()) => Error::NotFound,
            Err(error) => error,
        }
    }
}

#[async_trait]
impl BlobStore for FileStore {
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error> {
        append::write(self.layout.upload(&upload.key)?, &mut upload.offset, body).await
    }

    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error> {
        let key = layout::key(digest, &upload.key);
        let from = self.layout.upload(&upload.key)?;
        let to = self.layout.blob(&key)?;
        let (layout, length) = (Arc::clone(&self.layout), upload.offset);
        blocking(move || publish(&layout, &from, &to, length)).await?;
        Ok(key)
    }

    async fn store(&self, id: &str, digest: &Digest, mut parts: Vec<Bytes>) -> Result<String, Error> {
        let key = layout::key(digest, id);
        let (from, to) = (self.layout.upload(id)?, self.layout.blob(&key)?);
        if let Some(journal) = &self.journal
            && parts.iter().map(Bytes::len).sum::<usize>() <= journal::BLOB_BYTES_MAX
        {
            parts = match journal.store(&key, &to, parts).await {
                Outcome::Stored => return Ok(key),
                Outcome::Not(parts) => parts,
                Outcome::Failed(source) => return Err(Error::from_io("store a blob", source)),
            };
        }
        let layout = Arc::clone(&self.layout);
        blocking(move || whole::store(&layout, (&from, &to), (&parts, Sync::Now))).await?;
        Ok(key)
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Error> {
        let path = self.layout.upload(&upload.key)?;
        blocking(move || remove(&path)).await
    }

    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        match read::open(self.layout.blob(key)?, range).await {
            Err(Error::NotFound) => Err(self.not_found().await),
            opened => opened.map(BlobBytes::new),
        }
    }

    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        match read::open_parts(self.layout.blob(key)?, parts).await {
            Err(Error::NotFound) => Err(self.not_found().await),
            opened => opened.map(BlobBytes::new),
        }
    }

    async fn size(&self, key: &str) -> Result<u64, Error> {
        let path = self.layout.blob(key)?;
        let found =
            blocking(move || fs::metadata(&path).map_err(|source| missing("stat a blob", source))).await?;
        Ok(found.len())
    }

    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)> {
        let (layout, keys) = (Arc::clone(&self.layout), keys.to_owned());
        let removed = tokio::task::spawn_blocking(move || {
            let kept = keys.into_iter().filter_map(|key| {
                let removed = layout.blob(&key).and_then(|path| remove(&path));
                removed.err().map(|error| (key, error))
            });
            kept.collect()
        });
        removed
            .await
            .unwrap_or_else(|join| std::panic::resume_unwind(join.into_panic()))
    }

    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        let shards = stream::iter(self.layout.shards());
        let listed = shards.then(|(prefix, folder)| blocking(move || blobs_in(&prefix, &folder)));
        listed
            .map_ok(|blobs| stream::iter(blobs).map(Ok))
            .try_flatten()
            .boxed()
    }

    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
        let folder = self.layout.uploads().to_owned();
        let listed = stream::once(blocking(move || uploads_in(&folder)));
        listed
            .map_ok(|uploads| stream::iter(uploads).map(Ok))
            .try_flatten()
            .boxed()
    }

    async fn download_url(&self, _key: &str, _ttl: Duration) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), Error> {
        let path = self.layout.uploads().join(CHECK_FILE);
        blocking(move || {
            let doing = "write a file to check the blob store";
            let write = || {
                let mut file = File::create(&path)?;
                file.write_all(b"berth")?;
                file.sync_data()
            };
            write()
                .map_err(|source| Error::from_io(doing, source))
                .and(remove(&path))
        })
        .await
    }

    async fn claim(&self, registry_id: &str) -> Result<String, Error> {
        let (layout, id) = (Arc::clone(&self.layout), registry_id.to_owned());
        blocking(move || {
            let noted = layout.registry_id(&id);
            noted.map_err(|source| Error::from_io("note whose blobs these are", source))
        })
        .await
    }

    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        self.documents.write(name, body).await
    }

    async fn read_document(&self, name: &str) -> Result<ByteStream, Error> {
        let path = self.documents.path(name)?;
        let found =
            blocking(move || fs::metadata(&path).map_err(|source| missing("find a document", source)))
                .await?;
        let read = read::open(self.documents.path(name)?, 0..found.len()).await?;
        Ok(BlobBytes::new(read).boxed())
    }

    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        self.documents.list(prefix)
    }

    async fn delete_document(&self, name: &str) -> Result<(), Error> {
        self.documents.delete(name).await
    }
}

/// Runs `work` where it may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    joined(tokio::task::spawn_blocking(work)).await
}

/// Waits for work that was sent to wait for the disk; a panic in it goes on here.
async fn joined<T>(task: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    match task.await {
        Ok(done) => done,
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(join) => Err(Error::Internal {
            doing: "wait for the disk".to_owned(),
            source: io::Error::other(join),
        }),
    }
}

/// Gives the first `length` bytes of the upload `from` their final name `to`.
fn publish(layout: &Layout, from: &Path, to: &Path, length: u64) -> Result<(), Error> {
    let failed = |source| Error::from_io("commit a blob", source);
    let claimed = append::claim(from, length == 0)?;
    if let Some(file) = &claimed {
        let found = file.metadata().map_err(failed)?.len();
        if found < length {
            return Err(failed(append::too_short(found, length)));
        }
        if found > length || length == 0 {
            file.set_len(length)
                .and_then(|()| file.sync_data())
                .map_err(failed)?;
        }
    } else {
        // An earlier attempt may have got this far without living to tell.
        fs::metadata(to).map_err(|source| missing("commit a blob", source))?;
    }
    layout.prepare(to).map_err(failed)?;
    if claimed.is_some() {
        // The folder is there: what can be missing is the upload, aborted by another process.
        fs::rename(from, to).map_err(|source| missing("commit a blob", source))?;
    }
    let shard = to.parent().expect("a blob lies in a folder");
    layout::sync_dir(shard).map_err(failed)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::from_io("remove a file", error)),
        _ => Ok(()),
    }
}

fn missing(doing: &str, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::NotFound {
        Error::NotFound
    } else {
        Error::from_io(doing, source)
    }
}

fn blobs_in(prefix: &str, folder: &Path) -> Result<Vec<StoredBlob>, Error> {
    let failed = |source| Error::from_io("list blobs", source);
    let mut blobs = Vec::new();
    for name in names_in(folder).map_err(failed)? {
        let key = format!("{prefix}{name}");
        let Some((_, upload_id)) = name.split_once('.').filter(|_| layout::is_key(&key)) else {
            continue;
        };
        if let Some((size, modified_at)) = written(&folder.join(&name)).map_err(failed)? {
            blobs.push(StoredBlob {
                upload_id: upload_id.to_owned(),
                digest: layout::digest(&key),
                key,
                size,
                modified_at,
            });
        }
    }
    Ok(blobs)
}

fn uploads_in(folder: &Path) -> Result<Vec<UnfinishedUpload>, Error> {
    let failed = |source| Error::from_io("list uploads", source);
    let mut uploads = Vec::new();
    for id in names_in(folder).map_err(failed)? {
        if id == CHECK_FILE {
            continue;
        }
        if let Some((_, modified_at)) = written(&folder.join(&id)).map_err(failed)? {
            uploads.push(UnfinishedUpload { id, modified_at });
        }
    }
    Ok(uploads)
}

/// The names in a folder; none when there is no such folder.
fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// A file's bytes, and when they last changed in milliseconds since the epoch; none when it has gone meanwhile.
fn written(path: &Path) -> io::Result<Option<(u64, i64)>> {
    let found = fs::metadata(path).and_then(|found| found.modified().map(|at| (found.len(), at)));
    match found {
        Ok((length, at)) => {
            let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(Some((
                length,
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
