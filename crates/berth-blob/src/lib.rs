//! Bytes by key: the one place that knows files and object stores.
//! It refuses to know repositories, rights, digests' meaning and rows: a caller names an upload by its id, says
//! where it continues, and keeps the key that [`BlobStore::commit`] hands out.

mod bytes;
mod cached;
pub mod contract;
mod document;
mod faulty;
mod fs;
mod measured;
mod s3;
mod spool;

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use ::bytes::Bytes;
use async_trait::async_trait;
use berth_oci::Digest;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};

pub use self::bytes::{BlobBytes, FilePart, Piece};
pub use cached::{CacheFigures, CacheSettings, CachedStore};
pub use faulty::{Fault, FaultyStore};
pub use fs::FileStore;
pub use measured::{Measured, MeasuredStore, Measures, StoreOperation};
pub use s3::{Patience, S3Settings, S3Store};
pub use spool::Spool;

/// Bytes on their way in or out; an error item ends the stream.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// An upload that has not been committed, as far as the store is concerned.
///
/// The caller keeps these three values between calls (in a row, so that any replica may continue the upload); the
/// store keeps nothing but the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The upload's id, chosen by the caller and never reused: 1 to 128 of `A-Z a-z 0-9 _ -`.
    pub key: String,
    /// How many bytes of it are written; once they are durable the caller may save this.
    pub offset: u64,
    /// What the store itself wants to remember, opaque to the caller; empty at the start.
    pub backend: String,
}

impl Upload {
    /// A new upload named `id` with nothing in it yet; the store hears of it at the first append or commit.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            key: id.into(),
            offset: 0,
            backend: String::new(),
        }
    }
}

/// An upload that left bytes in the store and was neither committed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedUpload {
    /// The upload's id.
    pub id: String,
    /// When its bytes last changed, in milliseconds since the epoch.
    pub modified_at: i64,
}

/// A committed blob, as the store shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its key.
    pub key: String,
    /// The id of the upload that brought it.
    pub upload_id: String,
    /// The digest it was committed with; none when the store lost its note of it.
    pub digest: Option<Digest>,
    /// Bytes.
    pub size: u64,
    /// When its bytes last changed, in milliseconds since the epoch by the store's clock.
    pub modified_at: i64,
}

/// A document of the registry itself, beside the blobs: a snapshot of the metadata, say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its name: parts of `a-z 0-9 . _ -`, each beginning with a letter or digit, joined by `/`; 200 characters at most.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, in milliseconds since the epoch by the store's clock.
    pub modified_at: i64,
}

/// What [`BlobStore::write`] wrote.
pub struct Written {
    /// Ends once the bytes are durable; they become so whether or not anybody waits. After an error they may be gone, and with
    /// them all that was written behind them. None when they are durable already.
    pub durable: Option<BoxFuture<'static, Result<(), Error>>>,
    /// Why the body ended before its end, if it did; what came before that is written.
    pub broken: Option<io::Error>,
}

/// A store of bytes. Keys are handed out by [`commit`](Self::commit), written once and never reused.
///
/// [`contract::contract`] checks what is promised here; every implementation passes it.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Writes `body` at `upload.offset`, dropping anything that an interrupted attempt left beyond it, and moves the offset
    /// to the end of what is written. The caller may save the upload only when [`Written::durable`] has ended well, and may
    /// begin with the next write before; what is durable already is saved first.
    ///
    /// After an error the offset is unchanged and so are the durable bytes. One write at a time: see [`Error::Busy`].
    async fn write(&self, upload: &mut Upload, body: ByteStream) -> Result<Written, Error>;

    /// Does what [`write`](Self::write) does, and waits until it is durable.
    ///
    /// Afterwards `upload.offset` counts bytes that are written and durable, so the caller may save it: on success
    /// all of `body`; on [`Error::Body`] (the sender went away) what arrived until then. On any other error the
    /// offset is unchanged and so are the stored bytes.
    async fn append(&self, upload: &mut Upload, body: ByteStream) -> Result<(), Error> {
        let mut longer = upload.clone();
        let written = self.write(&mut longer, body).await?;
        if let Some(durable) = written.durable {
            durable.await?;
        }
        *upload = longer;
        written.broken.map_or(Ok(()), |error| Err(Error::Body(error)))
    }

    /// Makes the first `upload.offset` bytes of the upload readable under the returned key, durably.
    ///
    /// The same call again, after success or after a crash at any point, returns the same key. The caller has
    /// compared the digest; the store does not look at the bytes.
    async fn commit(&self, upload: &Upload, digest: &Digest) -> Result<String, Error>;

    /// Does for a fresh upload named `id` what [`append`](Self::append) and [`commit`](Self::commit) do, in one step, for
    /// a blob that is small enough to be in memory. After an error no blob is there that the caller was told of.
    async fn store(&self, id: &str, digest: &Digest, parts: Vec<Bytes>) -> Result<String, Error> {
        let mut upload = Upload::new(id);
        let body = stream::iter(parts.into_iter().map(Ok));
        self.append(&mut upload, Box::pin(body)).await?;
        self.commit(&upload, digest).await
    }

    /// Forgets the bytes of an upload that was not committed; forgetting what is not there succeeds.
    ///
    /// Of an upload whose row is lost [`Upload::new`] with its id is enough.
    async fn abort(&self, upload: &Upload) -> Result<(), Error>;

    /// The bytes `range` of a committed blob; [`Error::NotFound`] when there is none.
    ///
    /// A stream that began is finished even when the key is deleted meanwhile. A blob that turns out shorter than
    /// `range.end` makes the stream end in an error, never early. The error's kind tells what is wrong with the bytes:
    /// `UnexpectedEof` they are too few, `NotFound` they are gone, `InvalidData` the medium cannot read them; any other
    /// kind says nothing about them. The same holds for [`BlobBytes::poll_piece`] and for [`FilePart::send`].
    async fn open(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error>;

    /// The bytes of several ranges, one after the other as they are given, with the promises of [`open`](Self::open). None
    /// of them is empty; they may overlap and go back. No item and no piece has bytes of two of them.
    async fn open_parts(&self, key: &str, parts: Vec<Range<u64>>) -> Result<BlobBytes, Error>;

    /// The same, read from where the bytes are kept and from no copy of them: for those who look whether they are there.
    async fn open_stored(&self, key: &str, range: Range<u64>) -> Result<BlobBytes, Error> {
        self.open(key, range).await
    }

    /// How many bytes the blob holds.
    async fn size(&self, key: &str) -> Result<u64, Error>;

    /// Removes committed blobs and answers those that could not be; removing what is not there succeeds. After a power
    /// failure they may be back.
    async fn delete(&self, keys: &[String]) -> Vec<(String, Error)>;

    /// Every committed blob, in no particular order.
    fn list(&self) -> BoxStream<'static, Result<StoredBlob, Error>>;

    /// Every upload that left bytes and is neither committed nor aborted, in no particular order.
    fn list_uploads(&self) -> BoxStream<'static, Result<UnfinishedUpload, Error>>;

    /// An address where a client may fetch the blob for the time `ttl`, when the store serves clients itself.
    async fn download_url(&self, key: &str, ttl: Duration) -> Result<Option<String>, Error>;

    /// Whether the store can do its work now: a small durable write, and its removal.
    async fn check(&self) -> Result<(), Error>;

    /// The id of the registry whose blobs these are; `registry_id` from now on when none was noted yet.
    async fn claim(&self, registry_id: &str) -> Result<String, Error>;

    /// Writes the document `name`, whole and durable or not at all, in place of an earlier one.
    async fn write_document(&self, name: &str, body: ByteStream) -> Result<(), Error>;

    /// The bytes of the document `name`; [`Error::NotFound`] when there is none.
    async fn read_document(&self, name: &str) -> Result<ByteStream, Error>;

    /// Every document whose name begins with `prefix`, in no particular order.
    fn list_documents(&self, prefix: &str) -> BoxStream<'static, Result<StoredDocument, Error>>;

    /// Removes a document; removing what is not there succeeds.
    async fn delete_document(&self, name: &str) -> Result<(), Error>;

    /// What came of looking into the store's cache, when it has one.
    fn cache_figures(&self) -> Option<CacheFigures> {
        None
    }
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such blob, or the bytes of this upload are gone.
    #[error("no such blob or upload")]
    NotFound,
    /// Another request is writing this upload now; its offset is about to move.
    #[error("the upload is being written by another request")]
    Busy,
    /// No space is left, or the quota is used up.
    #[error("the blob store is full")]
    NoSpace,
    /// The store takes no writes.
    #[error("the blob store is read-only")]
    ReadOnly,
    /// The body given to [`BlobStore::append`] or [`BlobStore::write_document`] ended in this error.
    #[error("the body of the upload broke off")]
    Body(#[source] io::Error),
    /// The store does not answer, or asked to come back later; the same call may succeed then.
    #[error("{doing}: the blob store does not do its work now: {source}")]
    Unavailable {
        /// What the store was doing.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The store cannot be used as it is set up, with a sentence that says what to do.
    #[error("{0}")]
    Misconfigured(String),
    /// Anything else; for the log, not for the client.
    #[error("{doing}: {source}")]
    Internal {
        /// What the store was doing.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
}

impl Error {
    /// Tells the outcomes that a caller acts on from the rest.
    fn from_io(doing: impl Into<String>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Internal {
                doing: doing.into(),
                source,
            },
        }
    }
}
