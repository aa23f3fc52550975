//! The clauses about writing: append, commit, abort.

use berth_oci::{Algorithm, Digest};
use futures_util::{StreamExt, stream};

use super::{
    append, body, broken, bytes, delete as delete_one, keys, read, sha256, stored, unfinished, upload,
};
use crate::{BlobStore, Error, Upload};

pub(super) async fn several_appends(store: &dyn BlobStore) {
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

pub(super) async fn chunkings(store: &dyn BlobStore) {
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

pub(super) async fn drops_leftovers(store: &dyn BlobStore) {
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

pub(super) async fn commit_drops(store: &dyn BlobStore) {
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

pub(super) async fn broken_body(store: &dyn BlobStore) {
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

pub(super) async fn lost_upload(store: &dyn BlobStore) {
    let lost = Upload {
        offset: 10,
        ..upload()
    };
    let appended = store.append(&mut lost.clone(), body(b"more", 4)).await;
    assert!(matches!(appended, Err(Error::NotFound)), "{appended:?}");
    let committed = store.commit(&lost, &sha256(b"x")).await;
    assert!(matches!(committed, Err(Error::NotFound)), "{committed:?}");
}

pub(super) async fn empty_blob(store: &dyn BlobStore) {
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

pub(super) async fn both_algorithms(store: &dyn BlobStore) {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let mut upload = upload();
        append(store, &mut upload, b"bytes").await;
        let digest = Digest::of(algorithm, b"bytes");
        let key = store.commit(&upload, &digest).await.expect("the commit succeeds");
        assert_eq!(read(store, &key, 0, 5).await, b"bytes", "{algorithm}");
    }
}

pub(super) async fn commit_again(store: &dyn BlobStore) {
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

pub(super) async fn two_keys(store: &dyn BlobStore) {
    let (first, second) = (stored(store, b"twin").await, stored(store, b"twin").await);
    assert_ne!(first, second);
    delete_one(store, &first).await.expect("the delete succeeds");
    assert_eq!(read(store, &second, 0, 4).await, b"twin");
}

pub(super) async fn not_before_commit(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"half").await;
    let opened = store.open(&upload.key, 0..4).await;
    assert!(opened.is_err(), "an upload's id is no key");
    let keys = keys(store).await;
    assert!(!keys.iter().any(|key| key.contains(&upload.key)));
}

pub(super) async fn abort(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"unwanted").await;
    for _ in 0..2 {
        store.abort(&upload).await.expect("the abort succeeds");
    }
    assert!(!unfinished(store).await.contains(&upload.key));
}

pub(super) async fn no_commit_after_abort(store: &dyn BlobStore) {
    let mut upload = upload();
    append(store, &mut upload, b"unwanted").await;
    store.abort(&upload).await.expect("the abort succeeds");
    let committed = store.commit(&upload, &sha256(b"unwanted")).await;
    assert!(matches!(committed, Err(Error::NotFound)), "{committed:?}");
}

pub(super) async fn beside(store: &dyn BlobStore) {
    let uploads = stream::iter(0..16).map(|seed| async move {
        let bytes = bytes(300_000 + usize::try_from(seed).expect("small"), seed);
        (stored(store, &bytes).await, bytes)
    });
    let stored: Vec<_> = uploads.buffer_unordered(16).collect().await;
    for (key, bytes) in stored {
        assert!(read(store, &key, 0, bytes.len() as u64).await == bytes);
    }
}
