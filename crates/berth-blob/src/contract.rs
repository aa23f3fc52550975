//! What every store keeps, clause by clause, for the tests of this crate and of those that wrap a store.
//! The clauses know the trait alone; what needs a particular medium (a full disk, a power failure) is tested beside it.

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
    check: fn(&dyn BlobStore) -> BoxFuture<'_, ()>,
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
        if AssertUnwindSafe(clause.check(store))
            .catch_unwind()
            .await
            .is_err()
        {
            broken.push(clause.name);
        }
    }
    assert!(broken.is_empty(), "the store breaks its contract: {broken:#?}");
}

/// Every promise, in the order of the trait.
pub const CLAUSES: &[Clause] = &[
    Clause {
        name: "what was appended and committed is read back",
        check: |s| read_back(s).boxed(),
    },
    Clause {
        name: "an upload grows by several appends",
        check: |s| several_appends(s).boxed(),
    },
    Clause {
        name: "a body of any chunking is the same body",
        check: |s| chunkings(s).boxed(),
    },
    Clause {
        name: "an append drops what an interrupted one left",
        check: |s| drops_leftovers(s).boxed(),
    },
    Clause {
        name: "a commit drops what an interrupted append left",
        check: |s| commit_drops(s).boxed(),
    },
    Clause {
        name: "a body that breaks off keeps what arrived",
        check: |s| broken_body(s).boxed(),
    },
    Clause {
        name: "an upload without its bytes is not found",
        check: |s| lost_upload(s).boxed(),
    },
    Clause {
        name: "an empty blob is a blob",
        check: |s| empty_blob(s).boxed(),
    },
    Clause {
        name: "both algorithms have room",
        check: |s| both_algorithms(s).boxed(),
    },
    Clause {
        name: "a commit may be repeated",
        check: |s| commit_again(s).boxed(),
    },
    Clause {
        name: "the same digest twice has two keys",
        check: |s| two_keys(s).boxed(),
    },
    Clause {
        name: "nothing is readable before its commit",
        check: |s| not_before_commit(s).boxed(),
    },
    Clause {
        name: "an abort forgets, and may be repeated",
        check: |s| abort(s).boxed(),
    },
    Clause {
        name: "an aborted upload cannot be committed",
        check: |s| no_commit_after_abort(s).boxed(),
    },
    Clause {
        name: "any range is read as it is",
        check: |s| ranges(s).boxed(),
    },
    Clause {
        name: "a range beyond the end fails, and is never cut short",
        check: |s| beyond_end(s).boxed(),
    },
    Clause {
        name: "a missing blob is not found",
        check: |s| missing(s).boxed(),
    },
    Clause {
        name: "a delete may be repeated",
        check: |s| delete(s).boxed(),
    },
    Clause {
        name: "a download outlives the delete of its key",
        check: |s| download_outlives(s).boxed(),
    },
    Clause {
        name: "committed keys are listed, unfinished uploads are not",
        check: |s| lists(s).boxed(),
    },
    Clause {
        name: "hostile names are refused",
        check: |s| hostile_names(s).boxed(),
    },
    Clause {
        name: "uploads beside one another do not mix",
        check: |s| beside(s).boxed(),
    },
    Clause {
        name: "a store that works passes its check, and shows nothing of it",
        check: |s| works(s).boxed(),
    },
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

async fn read_back(store: &dyn BlobStore) {
    for length in [
        1,
        10_240,
        (256 << 10) - 1,
        256 << 10,
        (256 << 10) + 1,
        (5 << 20) + 17,
    ] {
        let bytes = bytes(length, 1);
        let key = stored(store, &bytes).await;
        assert_eq!(
            store.size(&key).await.expect("the blob has a size"),
            length as u64
        );
        assert!(
            read(store, &key, 0, length as u64).await == bytes,
            "{length} bytes are the same"
        );
    }
}

async fn several_appends(store: &dyn BlobStore) {
    let bytes = bytes((6 << 20) + 5, 2);
    let mut upload = upload();
    let mut from = 0;
    for to in [1, 1, 4096, 70_000, 5 << 20, bytes.len()] {
        append(store, &mut upload, &bytes[from..to]).await;
        from = to;
    }
    let key = store
        .commit(&upload, &sha256(&bytes))
        .await
        .expect("the commit succeeds");
    assert!(read(store, &key, 0, bytes.len() as u64).await == bytes);
}

async fn chunkings(store: &dyn BlobStore) {
    let bytes = bytes(3_000_001, 3);
    for chunk in [1009, 16 << 10, 100_000, 1 << 20, 1 << 23] {
        let mut upload = upload();
        store
            .append(&mut upload, body(&bytes, chunk))
            .await
            .expect("the append succeeds");
        let key = store
            .commit(&upload, &sha256(&bytes))
            .await
            .expect("the commit succeeds");
        assert!(
            read(store, &key, 0, bytes.len() as u64).await == bytes,
            "in pieces of {chunk}"
        );
    }
}

async fn drops_leftovers(store: &dyn BlobStore) {
    let mut saved = upload();
    append(store, &mut saved, b"kept ").await;
    let mut lost = saved.clone();
    append(
        store,
        &mut lost,
        b"written, but the caller died before it saved the offset",
    )
    .await;
    append(store, &mut saved, b"and more").await;
    let key = store
        .commit(&saved, &sha256(b"kept and more"))
        .await
        .expect("the commit succeeds");
    assert_eq!(store.size(&key).await.expect("the blob has a size"), 13);
    assert_eq!(read(store, &key, 0, 13).await, b"kept and more");
}

async fn commit_drops(store: &dyn BlobStore) {
    let mut saved = upload();
    append(store, &mut saved, b"kept").await;
    append(store, &mut saved.clone(), b" and lost").await;
    let key = store
        .commit(&saved, &sha256(b"kept"))
        .await
        .expect("the commit succeeds");
    assert_eq!(store.size(&key).await.expect("the blob has a size"), 4);
    assert_eq!(read(store, &key, 0, 4).await, b"kept");
}

async fn broken_body(store: &dyn BlobStore) {
    for length in [0, 10, 1 << 20, (3 << 20) + 11] {
        let bytes = bytes(length + 5, 4);
        let mut upload = upload();
        let error = store
            .append(&mut upload, broken(&bytes[..length], 9000))
            .await
            .expect_err("the body broke off");
        assert!(matches!(error, Error::Body(_)), "{error:?}");
        assert_eq!(upload.offset, length as u64, "what arrived is kept");
        append(store, &mut upload, &bytes[length..]).await;
        let key = store
            .commit(&upload, &sha256(&bytes))
            .await
            .expect("the commit succeeds");
        assert!(read(store, &key, 0, bytes.len() as u64).await == bytes);
    }
}

async fn lost_upload(store: &dyn BlobStore) {
    let lost = Upload {
        offset: 10,
        ..upload()
    };
    let appended = store.append(&mut lost.clone(), body(b"more", 4)).await;
    assert!(matches!(appended, Err(Error::NotFound)), "{appended:?}");
    let committed = store.commit(&lost, &sha256(b"x")).await;
    assert!(matches!(committed, Err(Error::NotFound)), "{committed:?}");
}

async fn empty_blob(store: &dyn BlobStore) {
    let untouched = upload();
    let mut appended = upload();
    append(store, &mut appended, b"").await;
    for upload in [untouched, appended] {
        let key = store
            .commit(&upload, &sha256(b""))
            .await
            .expect("the commit succeeds");
        assert_eq!(store.size(&key).await.expect("the blob has a size"), 0);
        assert_eq!(read(store, &key, 0, 0).await, b"");
    }
}

async fn both_algorithms(store: &dyn BlobStore) {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let mut upload = upload();
        append(store, &mut upload, b"bytes").await;
        let digest = Digest::of(algorithm, b"bytes");
        let key = store.commit(&upload, &digest).await.expect("the commit succeeds");
        assert_eq!(read(store, &key, 0, 5).await, b"bytes", "{algorithm}");
    }
}

async fn commit_again(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"once").await;
    let first = store
        .commit(&upload, &sha256(b"once"))
        .await
        .expect("the commit succeeds");
    let second = store
        .commit(&upload, &sha256(b"once"))
        .await
        .expect("the commit succeeds again");
    assert_eq!(first, second);
    assert_eq!(read(store, &second, 0, 4).await, b"once");
}

async fn two_keys(store: &dyn BlobStore) {
    let (first, second) = (stored(store, b"twin").await, stored(store, b"twin").await);
    assert_ne!(first, second);
    store.delete(&first).await.expect("the delete succeeds");
    assert_eq!(read(store, &second, 0, 4).await, b"twin");
}

async fn not_before_commit(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"half").await;
    let opened = store.open(&upload.key, 0..4).await;
    assert!(opened.is_err(), "an upload's id is no key");
    let keys: Vec<String> = store.list().try_collect().await.expect("keys are listed");
    assert!(!keys.iter().any(|key| key.contains(&upload.key)));
}

async fn abort(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"unwanted").await;
    for _ in 0..2 {
        store.abort(&upload).await.expect("the abort succeeds");
    }
    assert!(!unfinished(store).await.contains(&upload.key));
}

async fn no_commit_after_abort(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"unwanted").await;
    store.abort(&upload).await.expect("the abort succeeds");
    let committed = store.commit(&upload, &sha256(b"unwanted")).await;
    assert!(matches!(committed, Err(Error::NotFound)), "{committed:?}");
}

async fn ranges(store: &dyn BlobStore) {
    let bytes = bytes((1 << 20) + 333, 5);
    let key = stored(store, &bytes).await;
    let length = bytes.len();
    for (start, end) in [
        (0, 1),
        (length - 1, length),
        (5, 5),
        (262_143, 262_145),
        (1000, 900_000),
        (77, length),
    ] {
        let found = read(store, &key, start as u64, end as u64).await;
        assert!(found == bytes[start..end], "bytes {start}..{end}");
    }
}

async fn beyond_end(store: &dyn BlobStore) {
    for length in [1000_u64, (256 << 10) * 3] {
        let key = stored(store, &bytes(usize::try_from(length).expect("small"), 6)).await;
        for range in [
            0..length + 1,
            length - 1..length + 9,
            length..length + 1,
            length + 5..length + 6,
        ] {
            // A store may notice at once or on the way; it never ends the stream as if all were there.
            let Ok(stream) = store.open(&key, range.clone()).await else {
                continue;
            };
            let items: Vec<_> = stream.collect().await;
            assert!(
                items.last().is_some_and(Result::is_err),
                "{range:?} of {length} ends in an error"
            );
        }
    }
}

async fn missing(store: &dyn BlobStore) {
    let key = stored(store, b"gone").await;
    store.delete(&key).await.expect("the delete succeeds");
    for range in [0..4, 0..0] {
        let opened = store.open(&key, range).await.map(|_| ());
        assert!(matches!(opened, Err(Error::NotFound)), "{opened:?}");
    }
    let size = store.size(&key).await;
    assert!(matches!(size, Err(Error::NotFound)), "{size:?}");
}

async fn delete(store: &dyn BlobStore) {
    let key = stored(store, b"gone").await;
    for _ in 0..2 {
        store.delete(&key).await.expect("the delete succeeds");
    }
    let keys: Vec<String> = store.list().try_collect().await.expect("keys are listed");
    assert!(!keys.contains(&key));
}

async fn download_outlives(store: &dyn BlobStore) {
    let bytes = bytes(4 << 20, 7);
    let key = stored(store, &bytes).await;
    let mut stream = store
        .open(&key, 0..bytes.len() as u64)
        .await
        .expect("the blob opens");
    let mut found = stream
        .next()
        .await
        .expect("a first item")
        .expect("it is read")
        .to_vec();
    store.delete(&key).await.expect("the delete succeeds");
    while let Some(item) = stream.next().await {
        found.extend_from_slice(&item.expect("the rest is read"));
    }
    assert!(found == bytes);
}

async fn lists(store: &dyn BlobStore) {
    let key = stored(store, b"listed").await;
    let mut begun = upload();
    append(store, &mut begun, b"begun").await;
    let keys: Vec<String> = store.list().try_collect().await.expect("keys are listed");
    assert_eq!(keys.iter().filter(|listed| **listed == key).count(), 1);
    assert!(unfinished(store).await.contains(&begun.key));
    let after_2020 = 1_577_836_800_000;
    let uploads: Vec<_> = store
        .list_uploads()
        .try_collect()
        .await
        .expect("uploads are listed");
    assert!(
        uploads.iter().all(|upload| upload.modified_at > after_2020),
        "{uploads:?}"
    );
    store
        .commit(&begun, &sha256(b"begun"))
        .await
        .expect("the commit succeeds");
    assert!(!unfinished(store).await.contains(&begun.key));
}

async fn hostile_names(store: &dyn BlobStore) {
    let hex = "ab".repeat(32);
    let good = format!("sha256/ab/{hex}.id");
    let names = [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "a/b",
        "a\0b",
        ".check",
        "a.b",
        "ü",
        "a b",
        &"a".repeat(129),
    ];
    for name in names {
        let mut upload = Upload::new(name);
        assert!(
            store.append(&mut upload, body(b"x", 1)).await.is_err(),
            "append {name:?}"
        );
        assert!(
            store.commit(&upload, &sha256(b"")).await.is_err(),
            "commit {name:?}"
        );
        assert!(store.abort(&upload).await.is_err(), "abort {name:?}");
    }
    let long = format!("{good}{good}");
    let keys = [
        format!("../{good}"),
        format!("/{good}"),
        format!("{good}/../x"),
        good.replace(".id", "./../id"),
        good.replace("/ab/", "/../"),
        good.replace("sha256", ".."),
        good.to_uppercase(),
        long,
    ];
    for key in keys.iter().map(String::as_str).chain(names) {
        assert!(store.open(key, 0..1).await.is_err(), "open {key:?}");
        assert!(store.size(key).await.is_err(), "size {key:?}");
        assert!(store.delete(key).await.is_err(), "delete {key:?}");
    }
}

async fn beside(store: &dyn BlobStore) {
    let uploads = stream::iter(0..16).map(|seed| async move {
        let bytes = bytes(300_000 + usize::try_from(seed).expect("small"), seed);
        (stored(store, &bytes).await, bytes)
    });
    let stored: Vec<_> = uploads.buffer_unordered(16).collect().await;
    for (key, bytes) in stored {
        assert!(read(store, &key, 0, bytes.len() as u64).await == bytes);
    }
}

async fn works(store: &dyn BlobStore) {
    let before = unfinished(store).await;
    store.check().await.expect("the store works");
    assert_eq!(unfinished(store).await, before);
}

async fn unfinished(store: &dyn BlobStore) -> Vec<String> {
    let uploads: Vec<_> = store
        .list_uploads()
        .try_collect()
        .await
        .expect("uploads are listed");
    uploads.into_iter().map(|upload| upload.id).collect()
}
