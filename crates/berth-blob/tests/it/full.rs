//! A medium that takes no more bytes, or none at all.

use berth_blob::contract::{body, bytes, read};
use berth_blob::{BlobStore, Error, FileStore, Upload, contract};
use berth_oci::{Algorithm, Digest};
use futures_util::TryStreamExt;

use crate::mount::Mount;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_full_tmpfs_keeps_nothing_of_what_did_not_fit() {
    fills_up(&Mount::tmpfs("16M")).await;
}

#[tokio::test]
async fn a_full_ext4_keeps_nothing_of_what_did_not_fit() {
    fills_up(&Mount::ext4("32M")).await;
}

async fn fills_up(medium: &Mount) {
    let store = FileStore::open(&medium.path()).unwrap();
    let large = bytes(48 * MIB, 1);
    let free = free_bytes(medium);
    for round in 0..3 {
        let mut upload = Upload::new(format!("from-nothing-{round}"));
        let error = store
            .append(&mut upload, body(&large, 100_000))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NoSpace), "{error:?}");
        assert_eq!(upload.offset, 0);
        assert_eq!(uploads(&store).await, Vec::<String>::new(), "no file is left");
        assert!(free_bytes(medium) + MIB as u64 > free, "the space is free again");
    }

    let small = bytes(2 * MIB, 2);
    let mut upload = Upload::new("begun");
    store.append(&mut upload, body(&small, MIB)).await.unwrap();
    let error = store.append(&mut upload, body(&large, MIB)).await.unwrap_err();
    assert!(matches!(error, Error::NoSpace), "{error:?}");
    assert_eq!(upload.offset, 2 * MIB as u64);
    let length = std::fs::metadata(medium.path().join("uploads/begun"))
        .unwrap()
        .len();
    assert_eq!(length, upload.offset, "the file is back where it was");
    let key = store
        .commit(&upload, &Digest::of(Algorithm::Sha256, &small))
        .await
        .unwrap();
    assert!(read(&store, &key, 0, upload.offset).await == small);
}

#[tokio::test]
async fn a_full_ext4_takes_small_blobs_again_when_there_is_room() {
    small_ones_fill_up(&Mount::ext4("256M"), 1).await;
}

#[tokio::test]
async fn a_medium_too_small_for_a_journal_takes_small_blobs() {
    small_ones_fill_up(&Mount::ext4("64M"), 0).await;
}

async fn small_ones_fill_up(medium: &Mount, journals: usize) {
    let store = FileStore::open(&medium.path()).unwrap().with_journal().unwrap();
    let mut stored = Vec::new();
    let content = bytes(60_000, 1);
    let digest = Digest::of(Algorithm::Sha256, &content);
    let parts = vec![content.clone().into()];
    let error = loop {
        match store
            .store(&format!("small-{}", stored.len()), &digest, parts.clone())
            .await
        {
            Ok(key) => stored.push(key),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::NoSpace), "{error:?}");
    let made = std::fs::read_dir(medium.path().join("journals")).map_or(0, Iterator::count);
    assert_eq!(made, journals);
    assert_eq!(
        contract::keys(&store).await.len(),
        stored.len(),
        "nothing is left of what did not fit"
    );
    for key in stored.drain(..20) {
        contract::delete(&store, &key).await.unwrap();
    }
    stored.push(store.store("again", &digest, parts).await.unwrap());
    drop(store);
    let store = FileStore::open(&medium.path()).unwrap();
    for key in &stored {
        assert!(read(&store, key, 0, 60_000).await == content);
    }
}

#[tokio::test]
async fn a_medium_without_room_for_a_file_says_so() {
    let medium = Mount::tmpfs("16M,nr_inodes=16");
    let store = FileStore::open(&medium.path()).unwrap();
    let mut last = Ok(());
    for number in 0..20 {
        last = store
            .append(&mut Upload::new(format!("upload-{number}")), body(b"x", 1))
            .await;
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(Error::NoSpace)), "{last:?}");
    assert!(matches!(store.check().await, Err(Error::NoSpace)));
}

#[tokio::test]
async fn a_read_only_medium_is_read_and_refuses_writes() {
    let medium = Mount::ext4("32M");
    let store = FileStore::open(&medium.path()).unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"stored");
    let mut committed = Upload::new("committed");
    store.append(&mut committed, body(b"stored", 6)).await.unwrap();
    let key = store.commit(&committed, &digest).await.unwrap();
    let mut begun = Upload::new("begun");
    store.append(&mut begun, body(b"begun", 5)).await.unwrap();
    drop(store);

    medium.make_read_only();
    let store = FileStore::open(&medium.path()).unwrap();
    assert_eq!(read(&store, &key, 0, 6).await, b"stored");
    let refusals = [
        store.append(&mut Upload::new("new"), body(b"new", 3)).await,
        store.append(&mut begun.clone(), body(b"more", 4)).await,
        store
            .commit(&begun, &Digest::of(Algorithm::Sha256, b"begun"))
            .await
            .map(|_| ()),
        store.abort(&begun).await,
        contract::delete(&store, &key).await,
        store.check().await,
    ];
    for (number, refusal) in refusals.into_iter().enumerate() {
        assert!(
            matches!(refusal, Err(Error::ReadOnly)),
            "refusal {number}: {refusal:?}"
        );
    }

    medium.make_writable();
    let key = store
        .commit(&begun, &Digest::of(Algorithm::Sha256, b"begun"))
        .await
        .unwrap();
    assert_eq!(read(&store, &key, 0, 5).await, b"begun");
    store.check().await.unwrap();
}

async fn uploads(store: &FileStore) -> Vec<String> {
    let uploads: Vec<_> = store.list_uploads().try_collect().await.unwrap();
    uploads.into_iter().map(|upload| upload.id).collect()
}

fn free_bytes(medium: &Mount) -> u64 {
    let found = rustix::fs::statvfs(medium.path()).unwrap();
    found.f_bavail * found.f_frsize
}
