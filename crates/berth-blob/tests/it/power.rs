//! A machine that loses power under load, again and again: what was acknowledged is there and whole, and nothing
//! half-written has a name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use berth_blob::contract::{body, bytes, read};
use berth_blob::{BlobStore, Error, FileStore, Upload, contract};
use berth_oci::{Algorithm, Digest};

use crate::mount::Mount;

/// What the store acknowledged before the power went.
#[derive(Default)]
struct Acknowledged {
    blobs: BTreeMap<String, Vec<u8>>,
    uploads: Vec<(Upload, Vec<u8>)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_bytes_survive_a_power_failure() {
    let medium = Mount::ext4("256M");
    let mut kept = BTreeMap::new();
    for (round, after) in [3, 20, 55].into_iter().enumerate() {
        let acknowledged = work_until_dark(&medium, round, after).await;
        assert!(acknowledged.blobs.len() >= after);
        medium.restart();
        let store = FileStore::open(&medium.path()).unwrap();
        kept.extend(acknowledged.blobs);
        for (key, bytes) in &kept {
            assert!(
                read(&store, key, 0, bytes.len() as u64).await == *bytes,
                "{key} is whole"
            );
        }
        for (upload, bytes) in acknowledged.uploads {
            let digest = Digest::of(Algorithm::Sha256, &bytes);
            let key = store.commit(&upload, &digest).await.unwrap();
            assert!(
                read(&store, &key, 0, bytes.len() as u64).await == bytes,
                "{key} was resumed"
            );
        }
        nothing_half_written(&store).await;
    }
}

#[tokio::test]
async fn a_commit_that_power_interrupted_can_be_repeated() {
    let medium = Mount::ext4("64M");
    let store = FileStore::open(&medium.path()).unwrap();
    let content = bytes(300_000, 1);
    let digest = Digest::of(Algorithm::Sha256, &content);
    let mut upload = Upload::new("interrupted");
    store.append(&mut upload, body(&content, 65_536)).await.unwrap();
    // The rename has happened, the directory was not synced: as a commit stopped in its middle.
    let hex = digest.hex();
    let shard = medium.path().join("blobs/sha256").join(&hex[..2]);
    std::fs::create_dir(&shard).unwrap();
    let committed = shard.join(format!("{hex}.interrupted"));
    std::fs::rename(medium.path().join("uploads/interrupted"), committed).unwrap();
    drop(store);
    medium.lose_power();
    medium.restart();

    let store = FileStore::open(&medium.path()).unwrap();
    let key = store.commit(&upload, &digest).await.unwrap();
    assert!(read(&store, &key, 0, upload.offset).await == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_small_blobs_survive_a_power_failure_on_ext4() {
    small_blobs_survive(&Mount::ext4("512M")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_small_blobs_survive_a_power_failure_on_xfs() {
    small_blobs_survive(&Mount::xfs("512M")).await;
}

/// Cuts the power at many moments: while the journal is made, in its first segment, while one is settled and the next
/// is written, and while one is written for the second time.
async fn small_blobs_survive(medium: &Mount) {
    let mut kept = BTreeMap::new();
    for (round, after) in [2, 30, 31, 300, 301, 302, 900, 1500, 2100]
        .into_iter()
        .enumerate()
    {
        let store = Arc::new(FileStore::open(&medium.path()).unwrap().with_journal().unwrap());
        let (committed, cut) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let pushers: Vec<_> = (0..8)
            .map(|pusher| {
                let told = (Arc::clone(&committed), Arc::clone(&cut));
                tokio::spawn(store_until_dark(Arc::clone(&store), told, (round, pusher)))
            })
            .collect();
        while committed.load(Ordering::SeqCst) < after {
            tokio::task::yield_now().await;
        }
        cut.store(true, Ordering::SeqCst);
        tokio::task::block_in_place(|| medium.lose_power());
        for pusher in pushers {
            kept.extend(pusher.await.unwrap());
        }
        drop(store);
        medium.restart();
        // As many as the file system lost must come from the journal, or nothing is proven.
        let lost = kept
            .iter()
            .filter(|(key, bytes)| !is_whole(medium, key, bytes))
            .count();
        assert!(lost > 0 || after < 30, "the power cut took something: {after}");
        let store = FileStore::open(&medium.path()).unwrap();
        for (key, bytes) in &kept {
            assert!(is_whole(medium, key, bytes), "{key} is whole after {after}");
        }
        nothing_half_written(&store).await;
    }
}

fn is_whole(medium: &Mount, key: &str, bytes: &[u8]) -> bool {
    std::fs::read(medium.path().join("blobs").join(key)).is_ok_and(|found| found == bytes)
}

/// Stores small blobs in one step until the power is cut.
async fn store_until_dark(
    store: Arc<FileStore>,
    (committed, cut): (Arc<AtomicUsize>, Arc<AtomicBool>),
    (round, pusher): (usize, usize),
) -> Vec<(String, Vec<u8>)> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let seed = round * 1_000_000 + pusher * 10_000 + number;
        let content = bytes(1 + number * 7919 % 40_000, seed as u64);
        let digest = Digest::of(Algorithm::Sha256, &content);
        let parts = vec![content.clone().into()];
        match store.store(&format!("small-{seed}"), &digest, parts).await {
            Ok(key) if !cut.load(Ordering::SeqCst) => {
                acknowledged.push((key, content));
                committed.fetch_add(1, Ordering::SeqCst);
            }
            Ok(_) => break,
            Err(error) => {
                assert!(
                    matches!(error, Error::Internal { .. } | Error::ReadOnly),
                    "{error:?}"
                );
                break;
            }
        }
    }
    acknowledged
}

/// Pushes from several tasks at once until `after` blobs are acknowledged, then cuts the power under them.
async fn work_until_dark(medium: &Mount, round: usize, after: usize) -> Acknowledged {
    let store = Arc::new(FileStore::open(&medium.path()).unwrap());
    let committed = Arc::new(AtomicUsize::new(0));
    // Set before the power goes: a sync that the cut overtakes may be answered with success by the file system
    // itself, so what is acknowledged beside the cut says nothing about the store.
    let cut = Arc::new(AtomicBool::new(false));
    let pushers: Vec<_> = (0..8)
        .map(|pusher| {
            tokio::spawn(push_until_dark(
                Arc::clone(&store),
                (Arc::clone(&committed), Arc::clone(&cut)),
                (round, pusher),
            ))
        })
        .collect();
    while committed.load(Ordering::SeqCst) < after {
        tokio::task::yield_now().await;
    }
    let mounted = medium.path();
    cut.store(true, Ordering::SeqCst);
    tokio::task::block_in_place(|| medium.lose_power());
    let mut all = Acknowledged::default();
    for pusher in pushers {
        let one = pusher.await.unwrap();
        all.blobs.extend(one.blobs);
        all.uploads.extend(one.uploads);
    }
    assert!(store.check().await.is_err(), "{} is dark", mounted.display());
    all
}

/// Every third upload is left uncommitted.
async fn push_until_dark(
    store: Arc<FileStore>,
    (committed, cut): (Arc<AtomicUsize>, Arc<AtomicBool>),
    (round, pusher): (usize, usize),
) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for number in 0.. {
        let content = bytes(
            1 + number * 7919 % 200_000,
            (round * 1_000_000 + pusher * 10_000 + number) as u64,
        );
        let mut upload = Upload::new(format!("power-{round}-{pusher}-{number}"));
        match store.append(&mut upload, body(&content, 50_000)).await {
            Ok(()) if cut.load(Ordering::SeqCst) => return acknowledged,
            Ok(()) => {}
            Err(error) => return dark(&error, acknowledged),
        }
        if number % 3 == 2 {
            acknowledged.uploads.push((upload, content));
            continue;
        }
        match store
            .commit(&upload, &Digest::of(Algorithm::Sha256, &content))
            .await
        {
            Ok(_) if cut.load(Ordering::SeqCst) => return acknowledged,
            Ok(key) => {
                acknowledged.blobs.insert(key, content);
                committed.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => return dark(&error, acknowledged),
        }
    }
    acknowledged
}

/// An answer that the caller did not get as a success is the only one a dark store may give.
fn dark(error: &Error, acknowledged: Acknowledged) -> Acknowledged {
    assert!(
        matches!(error, Error::Internal { .. } | Error::ReadOnly),
        "{error:?}"
    );
    acknowledged
}

async fn nothing_half_written(store: &FileStore) {
    let keys = contract::keys(store).await;
    for key in keys {
        let bytes = read(store, &key, 0, store.size(&key).await.unwrap()).await;
        let digest = Digest::of(Algorithm::Sha256, &bytes);
        assert!(key.contains(digest.hex()), "{key} holds what its name says");
    }
}
