//! A store that notes how long each of its operations takes and which fail. It changes nothing of what is asked and answered.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use berth_oci::Digest;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use crate::{
    BlobBytes, BlobStore, ByteStream, CacheFigures, Error, StoredBlob, StoredDocument, UnfinishedUpload,
    Upload, Written,
};

/// Upper bounds of the buckets of times, in seconds: from a file in memory to a bucket far away.
const SECONDS: [f64; 12] = [
    0.0001, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
];

/// What is asked of a store, as figures tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOperation {
    /// Bytes of an upload are written; they may not be durable yet.
    Write,
    /// An upload becomes a blob.
    Commit,
    /// A small blob is stored in one step.
    Store,
    /// An upload is forgotten.
    Abort,
    /// A blob is opened to be read; not the reading.
    Open,
    /// The size of a blob is asked for.
    Size,
    /// Blobs are deleted.
    Delete,
    /// An address for a client is made.
    DownloadUrl,
    /// A check whether the store does its work.
    Check,
    /// A document is written, opened or deleted.
    Document,
}

impl StoreOperation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Write,
        Self::Commit,
        Self::Store,
        Self::Abort,
        Self::Open,
        Self::Size,
        Self::Delete,
        Self::DownloadUrl,
        Self::Check,
        Self::Document,
    ];

    /// Its name in figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Commit => "commit",
            Self::Store => "store",
            Self::Abort => "abort",
            Self::Open => "open",
            Self::Size => "size",
            Self::Delete => "delete",
            Self::DownloadUrl => "download_url",
            Self::Check => "check",
            Self::Document => "document",
        }
    }
}

/// What became of the operations of one kind.
#[derive(Debug)]
pub struct Measured {
    /// How long they took, in seconds.
    pub seconds: Histogram,
    /// Those that failed through no fault of who asked.
    pub errors: Counter,
}

/// What became of all operations of a store since the start.
#[derive(Debug)]
pub struct Measures([Measured; StoreOperation::ALL.len()]);

impl Default for Measures {
    fn default() -> Self {
        Self(StoreOperation::ALL.map(|_| Measured {
            seconds: Histogram::new(SECONDS),
            errors: Counter::default(),
        }))
    }
}

impl Measures {
    /// What became of the operations of this kind.
    pub fn of(&self, operation: StoreOperation) -> &Measured {
        &self.0[operation as usize]
    }

    fn note<T>(&self, operation: StoreOperation, begun: Instant, done: Result<T, Error>) -> Result<T, Error> {
        let figures = self.of(operation);
        figures.seconds.observe(begun.elapsed().as_secs_f64());
        if done.as_ref().is_err_and(is_fault) {
            figures.errors.inc();
        }
        done
    }
}

/// Whether an error says that something is wrong with the store, and not with what was asked of it.
fn is_fault(error: &Error) -> bool {
    !matches!(error, Error::NotFound | Error::Busy | Error::Body(_))
}

/// A store, measured.
pub struct MeasuredStore {
    inner: Arc<dyn BlobStore>,
    measures: Arc<Measures>,
}

impl MeasuredStore {
    /// Notes in `measures` what becomes of all that is asked of `inner`.
    pub fn new(inner: Arc<dyn BlobStore>, measures: Arc<Measures>) -> Self {
        Self { inner, measures }
    }

    async fn measure<T>(
        &self,
        operation: StoreOperation,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let done = work.await;
        self.measures.note(operation, begun, done)
    }
}

#[async_trait]
impl BlobStore for MeasuredStore {
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error> {
        self.measure(StoreOperation::Write, self.inner.write(upload, body))
            .await
    }

    async fn append(&self, upload: &mut Upload, body: ByteStream) -> Result<(), Error> {
        self.measure(StoreOperation::Write, self.inner.append(upload, body))
            .await
    }

    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error> {
        self.measure(StoreOperation::Commit, self.inner.commit(upload, digest))
            .await
    }

    async fn store(&self, id: &str, digest: &Digest, parts: Vec<Bytes>) -> Result<String, Error> {
        self.measure(StoreOperation::Store, self.inner.store(id, digest, parts))
            .await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Error> {
        self.measure(StoreOperation::Abort, self.inner.abort(upload))
            .await
    }

    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        self.measure(StoreOperation::Open, self.inner.open(key, range))
            .await
    }

    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error> {
        self.measure(StoreOperation::Open, self.inner.open_parts(key, parts))
            .await
    }

    async fn open_stored(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        self.measure(StoreOperation::Open, self.inner.open_stored(key, range))
            .await
    }

    async fn size(&self, key: &str) -> Result<u64, Error> {
        self.measure(StoreOperation::Size, self.inner.size(key)).await
    }

    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)> {
        let begun = Instant::now();
        let failed = self.inner.delete(keys).await;
        let figures = self.measures.of(StoreOperation::Delete);
        figures.seconds.observe(begun.elapsed().as_secs_f64());
        let faults = failed.iter().filter(|(_, error)| is_fault(error)).count();
        figures.errors.inc_by(faults as u64);
        failed
    }

    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        self.inner.list()
    }

    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>> {
        self.inner.list_uploads()
    }

    async fn download_url(&self, key: &str, ttl: Duration) -> Result<Option<String>, Error> {
        self.measure(StoreOperation::DownloadUrl, self.inner.download_url(key, ttl))
            .await
    }

    async fn check(&self) -> Result<(), Error> {
        self.measure(StoreOperation::Check, self.inner.check()).await
    }

    async fn claim(&self, registry_id: &str) -> Result<String, Error> {
        self.inner.claim(registry_id).await
    }

    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error> {
        self.measure(StoreOperation::Document, self.inner.write_document(name, body))
            .await
    }

    async fn read_document(&self, name: &str) -> Result<ByteStream, Error> {
        self.measure(StoreOperation::Document, self.inner.read_document(name))
            .await
    }

    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>> {
        self.inner.list_documents(prefix)
    }

    async fn delete_document(&self, name: &str) -> Result<(), Error> {
        self.measure(StoreOperation::Document, self.inner.delete_document(name))
            .await
    }

    fn cache_figures(&self) -> Option<CacheFigures> {
        self.inner.cache_figures()
    }
}
