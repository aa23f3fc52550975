//! What a damaged file makes of its blob's stream, and what a store that is not mounted makes of all.

use std::future::poll_fn;
use std::io;
use std::path::Path;

use berth_blob::contract::body;
use berth_blob::{BlobStore, Error, FileStore, Piece, Upload};
use berth_oci::{Algorithm, Digest};
use futures_util::TryStreamExt as _;

const SIZE: u64 = 1 << 20;

async fn stored(folder: &Path) -> (FileStore, String) {
    let store = FileStore::open(folder).unwrap();
    let bytes = vec![7; usize::try_from(SIZE).unwrap()];
    let mut upload = Upload::new("upload");
    store.append(&mut upload, body(&bytes, 1000)).await.unwrap();
    let key = store
        .commit(&upload, &Digest::of(Algorithm::Sha256, &bytes))
        .await
        .unwrap();
    (store, key)
}

#[tokio::test]
async fn a_short_file_says_so_before_it_ends() {
    for length in [0, 1, SIZE - 1] {
        let folder = tempfile::tempdir().unwrap();
        let (store, key) = stored(folder.path()).await;
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(folder.path().join("blobs").join(&key));
        file.unwrap().set_len(length).unwrap();
        let read: io::Result<Vec<_>> = store.open(&key, 0..SIZE).await.unwrap().try_collect().await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{length}");
    }
}

#[tokio::test]
async fn a_file_that_is_cut_after_its_part_was_handed_out_says_so_when_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (store, key) = stored(folder.path()).await;
    let mut bytes = store.open(&key, 0..SIZE).await.unwrap();
    let piece = poll_fn(|context| bytes.poll_piece(context))
        .await
        .unwrap()
        .unwrap();
    // What was just written is in memory, so there is nothing to read.
    let Piece::Part(part) = piece else {
        panic!("{piece:?}")
    };
    assert_eq!(part.len() as u64, SIZE);
    let path = folder.path().join("blobs").join(&key);
    let file = std::fs::OpenOptions::new().write(true).open(path);
    file.unwrap().set_len(1000).unwrap();
    let (near, _far) = std::os::unix::net::UnixStream::pair().unwrap();
    assert_eq!(part.send(0, &near).unwrap(), 1000);
    let error = part.send(1000, &near).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_missing_file_is_damage_and_a_missing_store_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (store, key) = stored(folder.path()).await;
    std::fs::remove_file(folder.path().join("blobs").join(&key)).unwrap();
    let opened = store.open(&key, 0..SIZE).await.err();
    assert!(matches!(opened, Some(Error::NotFound)), "{opened:?}");
    // As when the disk is not mounted.
    std::fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    let opened = store.open(&key, 0..SIZE).await.err();
    assert!(matches!(opened, Some(Error::Internal { .. })), "{opened:?}");
}
