//! Two requests, or two processes, that write the same upload.

use berth_blob::contract::{body, bytes, read};
use berth_blob::{BlobStore, ByteStream, Error, FileStore, Upload, contract};
use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

const LARGE_BYTES: usize = 5 << 20;

#[tokio::test]
async fn an_upload_that_is_being_written_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    // As two servers on one folder.
    let (one, other) = (
        FileStore::open(folder.path()).unwrap(),
        FileStore::open(folder.path()).unwrap(),
    );
    let upload = Upload::new("shared");
    let mut first = upload.clone();
    let append = one.append(&mut first, stalls_after(&bytes(LARGE_BYTES, 1)));
    let mut append = append.boxed();
    let file = folder.path().join("uploads/shared");
    while !std::fs::metadata(&file).is_ok_and(|found| found.len() > 0) {
        assert!((&mut append).now_or_never().is_none());
        tokio::task::yield_now().await;
    }

    for store in [&one, &other] {
        let second = store.append(&mut upload.clone(), body(b"second", 6)).await;
        assert!(matches!(second, Err(Error::Busy)), "{second:?}");
        let commit = store.commit(&upload, &Digest::of(Algorithm::Sha256, b"")).await;
        assert!(matches!(commit, Err(Error::Busy)), "{commit:?}");
    }

    // The first client has gone, and nobody saved anything: the upload begins again.
    drop(append);
    let mut again = upload.clone();
    while let Err(error) = other.append(&mut again, body(b"again", 5)).await {
        assert!(matches!(error, Error::Busy), "{error:?}");
        tokio::task::yield_now().await;
    }
    let key = other
        .commit(&again, &Digest::of(Algorithm::Sha256, b"again"))
        .await
        .unwrap();
    assert_eq!(read(&one, &key, 0, 5).await, b"again");
    assert_eq!(one.size(&key).await.unwrap(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_free_as_soon_as_an_append_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let content = bytes(70 << 20, 1);
    let digest = Digest::of(Algorithm::Sha256, &content);
    for round in 0..3 {
        let mut upload = Upload::new(format!("large-{round}"));
        store.append(&mut upload, body(&content, 1 << 20)).await.unwrap();
        store.append(&mut upload, body(b"", 1)).await.unwrap();
        let key = store.commit(&upload, &digest).await.unwrap();
        assert_eq!(store.size(&key).await.unwrap(), content.len() as u64);
        assert!(read(&store, &key, 60 << 20, 70 << 20).await == content[60 << 20..]);
        contract::delete(&store, &key).await.unwrap();
    }
}

/// A client that sends `bytes` and then nothing more, without going away.
fn stalls_after(bytes: &[u8]) -> ByteStream {
    stream::iter([Ok(Bytes::copy_from_slice(bytes))])
        .chain(stream::pending())
        .boxed()
}

/// Cancelled by another server in the middle of its end, the upload is gone; nothing is broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_aborted_while_it_is_committed_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"bytes");
    for round in 0..300 {
        let mut upload = Upload::new(format!("u{round}"));
        store.append(&mut upload, body(b"bytes", 5)).await.unwrap();
        let (other, aborted) = (store.clone(), upload.clone());
        let abort = tokio::spawn(async move { other.abort(&aborted).await });
        let committed = store.commit(&upload, &digest).await;
        abort.await.unwrap().unwrap();
        assert!(matches!(committed, Ok(_) | Err(Error::NotFound)), "{committed:?}");
    }
}
