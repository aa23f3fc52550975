//! What every store keeps, clause by clause, for the tests of this crate and of those that wrap a store.
//! The clauses know the trait alone; what needs a particular medium (a full disk, a power failure) is tested beside it.

mod blobs;
mod documents;
mod uploads;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::{BlobStore, ByteStream, Error, Upload};

/// One promise of [`BlobStore`] and the check of it.
#[derive(Debug, Clone, Copy)]
pub struct Clause {
    /// The promise, as a sentence.
    pub name: &'static str,
    check: Check,
}

type Check = fn(&dyn BlobStore) -> BoxFuture<'_, ()>;

const fn clause(name: &'static str, check: Check) -> Clause {
    Clause { name, check }
}

impl Clause {
    /// Panics when `store` breaks the promise.
    pub async fn check(&self, store: &dyn BlobStore) {
        (self.check)(store).await;
    }
}

/// Checks every clause on `store`, which may hold other things.
///
/// # Panics
/// When clauses are broken; the message names them all.
pub async fn contract(store: &dyn BlobStore) {
    let mut broken = Vec::new();
    for clause in CLAUSES {
        let checked = AssertUnwindSafe(clause.check(store)).catch_unwind().await;
        if checked.is_err() {
            broken.push(clause.name);
        }
    }
    assert!(broken.is_empty(), "the store breaks its contract: {broken:#?}");
}

/// Every promise, in the order of the trait.
pub const CLAUSES: &[Clause] = &[
    clause("what was appended and committed is read back", |s| {
        blobs::read_back(s).boxed()
    }),
    clause("a small blob is stored in one step", |s| {
        blobs::stored_whole(s).boxed()
    }),
    clause("an upload grows by several appends", |s| {
        uploads::several_appends(s).boxed()
    }),
    clause("a body of any chunking is the same body", |s| {
        uploads::chunkings(s).boxed()
    }),
    clause("an append drops what an interrupted one left", |s| {
        uploads::drops_leftovers(s).boxed()
    }),
    clause("a commit drops what an interrupted append left", |s| {
        uploads::commit_drops(s).boxed()
    }),
    clause("a body that breaks off keeps what arrived", |s| {
        uploads::broken_body(s).boxed()
    }),
    clause("an upload without its bytes is not found", |s| {
        uploads::lost_upload(s).boxed()
    }),
    clause("an empty blob is a blob", |s| uploads::empty_blob(s).boxed()),
    clause("both algorithms have room", |s| {
        uploads::both_algorithms(s).boxed()
    }),
    clause("a commit may be repeated", |s| uploads::commit_again(s).boxed()),
    clause("the same digest twice has two keys", |s| {
        uploads::two_keys(s).boxed()
    }),
    clause("nothing is readable before its commit", |s| {
        uploads::not_before_commit(s).boxed()
    }),
    clause("an abort forgets, and may be repeated", |s| {
        uploads::abort(s).boxed()
    }),
    clause("an aborted upload cannot be committed", |s| {
        uploads::no_commit_after_abort(s).boxed()
    }),
    clause("any range is read as it is", |s| blobs::ranges(s).boxed()),
    clause("parts are read in their order, and kept apart", |s| {
        blobs::parts(s).boxed()
    }),
    clause("pieces are the same bytes, sent instead of read", |s| {
        blobs::pieces(s).boxed()
    }),
    clause("a range beyond the end fails, and is never cut short", |s| {
        blobs::beyond_end(s).boxed()
    }),
    clause("a missing blob is not found", |s| blobs::missing(s).boxed()),
    clause("a delete may be repeated", |s| blobs::delete(s).boxed()),
    clause("a download outlives the delete of its key", |s| {
        blobs::download_outlives(s).boxed()
    }),
    clause("committed keys are listed, unfinished uploads are not", |s| {
        blobs::lists(s).boxed()
    }),
    clause("many blobs are deleted at once, and each failure is named", |s| {
        blobs::delete_many(s).boxed()
    }),
    clause("a store belongs to the registry that claimed it first", |s| {
        documents::claimed(s).boxed()
    }),
    clause("a document is read back, replaced and deleted", |s| {
        documents::read_back(s).boxed()
    }),
    clause("a document that breaks off was never written", |s| {
        documents::broken_off(s).boxed()
    }),
    clause("documents are listed by how their names begin", |s| {
        documents::lists(s).boxed()
    }),
    clause("hostile names of documents are refused", |s| {
        documents::hostile_names(s).boxed()
    }),
    clause("hostile names are refused", |s| blobs::hostile_names(s).boxed()),
    clause("uploads beside one another do not mix", |s| {
        uploads::beside(s).boxed()
    }),
    clause(
        "a store that works passes its check, and shows nothing of it",
        |s| blobs::works(s).boxed(),
    ),
];

/// A body that arrives in pieces of `chunk` bytes.
pub fn body(bytes: &[u8], chunk: usize) -> ByteStream {
    let chunks: Vec<_> = bytes
        .chunks(chunk.max(1))
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    stream::iter(chunks).boxed()
}

/// A body that arrives in pieces of `chunk` bytes and then breaks off.
pub fn broken(bytes: &[u8], chunk: usize) -> ByteStream {
    let end = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    body(bytes, chunk).chain(end).boxed()
}

/// `length` bytes without a period that a block size could hide, different for each `seed`.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(length).collect()
}

/// All bytes of a blob between two places.
///
/// # Panics
/// When the blob cannot be read.
pub async fn read(store: &dyn BlobStore, key: &str, start: u64, end: u64) -> Vec<u8> {
    let stream = store.open(key, start..end).await.expect("the blob opens");
    let items: Vec<Bytes> = stream.try_collect().await.expect("the blob is read");
    items.concat()
}

/// Deletes one blob.
///
/// # Errors
/// When the store could not.
pub async fn delete(store: &dyn BlobStore, key: &str) -> Result<(), Error> {
    let failed = store.delete(&[key.to_owned()]).await;
    failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// The keys that the store lists.
///
/// # Panics
/// When they cannot be listed.
pub async fn keys(store: &dyn BlobStore) -> Vec<String> {
    let blobs: Vec<_> = store.list().try_collect().await.expect("blobs are listed");
    blobs.into_iter().map(|blob| blob.key).collect()
}

/// An upload that no other clause or test uses.
fn upload() -> Upload {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Upload::new(format!("contract-{}-{next}", std::process::id()))
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

async fn append(store: &dyn BlobStore, upload: &mut Upload, bytes: &[u8]) {
    let before = upload.offset;
    store
        .append(upload, body(bytes, 64 << 10))
        .await
        .expect("the append succeeds");
    assert_eq!(
        upload.offset,
        before + bytes.len() as u64,
        "the offset counts the body"
    );
}

async fn stored(store: &dyn BlobStore, bytes: &[u8]) -> String {
    let mut upload = upload();
    append(store, &mut upload, bytes).await;
    store
        .commit(&upload, &sha256(bytes))
        .await
        .expect("the commit succeeds")
}

async fn unfinished(store: &dyn BlobStore) -> Vec<String> {
    let uploads: Vec<_> = store
        .list_uploads()
        .try_collect()
        .await
        .expect("uploads are listed");
    uploads.into_iter().map(|upload| upload.id).collect()
}
