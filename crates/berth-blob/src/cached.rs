//! A store whose blobs are also kept on a local disk, in chunks, the most recently read ones: for a store that is far away.
//! It owns when the store is asked: once for many readers of a chunk, who get it while it comes. What the disk does wrong
//! costs another request and nothing else. It trusts that a key is written once, so what it keeps is never stale.

mod chunk;
mod fetch;
mod index;
mod reading;
mod shelf;

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use berth_oci::Digest;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use prometheus_client::metrics::counter::Counter;

use self::fetch::Fetches;
use self::shelf::Shelf;
use crate::{
    BlobBytes, BlobStore, ByteStream, Error, StoredBlob, StoredDocument, UnfinishedUpload, Upload, Written,
};

/// Bytes of a chunk: large enough to be worth a request and a file, small enough to be held while it comes.
const CHUNK_BYTES: u64 = 4 << 20;

/// Where chunks are kept, and how much.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// A folder for them alone.
    pub folder: PathBuf,
    /// Most bytes of all of them.
    pub bytes_max: u64,
}

/// What came of looking into a cache since the start, in chunks.
#[derive(Debug, Clone, Default)]
pub struct CacheFigures {
    /// Those that were on the disk.
    pub hits: Counter,
    /// Those that were asked of the store.
    pub misses: Counter,
}

/// A store with a cache of its blobs on a local disk.
#[derive(Debug, Clone)]
pub struct CachedStore<S> {
    inner: S,
    fetches: Fetches,
}

impl<S: BlobStore + Clone> CachedStore<S> {
    /// Opens the cache of a store, with what an earlier process left in it.
    ///
    /// [`Error::Busy`] when another process has the folder.
    pub async fn open(inner: S, settings: CacheSettings) -> Result<Self, Error> {
        let opened = tokio::task::spawn_blocking(move || Shelf::open(&settings)).await;
        let shelf = opened
            .unwrap_or_else(|gone| Err(io::Error::other(gone)))
            .map_err(|source| match source.kind() {
                io::ErrorKind::WouldBlock => Error::Busy,
                _ => Error::from_io("open the cache of blobs", source),
            })?;
        Ok(Self {
            inner,
            fetches: Fetches::new(Arc::new(shelf)),
        })
    }

    /// The bytes `parts`, which are all within the blob.
    async fn opened(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        let size = match self.fetches.size(key) {
            Some(size) => size,
            None => self.inner.size(key).await?,
        };
        if parts.iter().any(|part| part.end > size) {
            // The store's own words for it.
            return self.inner.open_parts(key, parts).await;
        }
        let reading = reading::Reading::new(self.inner.clone(), self.fetches.clone(), (key.to_owned(), size));
        let stream: ByteStream = Box::pin(reading.read(parts).await?);
        Ok(BlobBytes::new(stream))
    }
}

#[async_trait]
impl<S: BlobStore + Clone> BlobStore for CachedStore<S> {
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error> {
        self.inner.write(upload, body).await
    }

    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error> {
        self.inner.commit(upload, digest).await
    }

    async fn store(&self, id: &str, digest: &Digest, parts: Vec<Bytes>) -> Result<String, Error> {
        self.inner.store(id, digest, parts).await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Error> {
        self.inner.abort(upload).await
    }

    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        if range.is_empty() {
            return self.inner.open(key, range).await;
        }
        self.opened(key, vec![range]).await
    }

    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        self.opened(key, parts).await
    }

    async fn open_stored(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        self.inner.open_stored(key, range).await
    }

    async fn size(&self, key: &str) -> Result<u64, Error> {
        self.inner.size(key).await
    }

    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)> {
        let (fetches, gone) = (self.fetches.clone(), keys.to_vec());
        let done = tokio::task::spawn_blocking(move || {
            for key in gone {
                fetches.drop_blob(&key);
            }
        });
        if let Err(error) = done.await {
            tracing::warn!(%error, "chunks of deleted blobs stay in the cache until others need their place");
        }
        self.inner.delete(keys).await
    }

    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        self.inner.list()
    }

    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
        self.inner.list_uploads()
    }

    async fn download_url(&self, key: &str, ttl: Duration) -> Result<Option<String>, Error> {
        self.inner.download_url(key, ttl).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.inner.check().await
    }

    async fn claim(&self, registry_id: &str) -> Result<String, Error> {
        self.inner.claim(registry_id).await
    }

    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        self.inner.write_document(name, body).await
    }

    async fn read_document(&self, name: &str) -> Result<ByteStream, Error> {
        self.inner.read_document(name).await
    }

    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        self.inner.list_documents(prefix)
    }

    async fn delete_document(&self, name: &str) -> Result<(), Error> {
        self.inner.delete_document(name).await
    }

    fn cache_figures(&self) -> Option<CacheFigures> {
        Some(self.fetches.figures.clone())
    }
}
