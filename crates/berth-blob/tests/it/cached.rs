//! The cache before a store: one request for many readers, right bytes whatever the disk and the store do, and a bound.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_blob::contract::{body, bytes, contract, read};
use berth_blob::{BlobStore, CacheSettings, CachedStore, Error, FileStore, S3Store, Upload};
use berth_oci::{Algorithm, Digest};
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::mount::Mount;
use crate::s3::proxy::{Fault, Proxy};
use crate::s3::settings;

const CHUNK: usize = 4 << 20;

fn cache(folder: &Path, bytes_max: u64) -> CacheSettings {
    CacheSettings {
        folder: folder.to_owned(),
        bytes_max,
    }
}

async fn stored(store: &dyn BlobStore, content: &[u8]) -> String {
    let mut upload = Upload::new(format!("cached-{:016x}", rand::random::<u64>()));
    store.append(&mut upload, body(content, 100_000)).await.unwrap();
    let digest = Digest::of(Algorithm::Sha256, content);
    store.commit(&upload, &digest).await.unwrap()
}

/// Opens the cache of a store once what another one still writes there is written.
async fn opened<S: BlobStore + Clone>(inner: &S, folder: &Path, bytes_max: u64) -> CachedStore<S> {
    loop {
        match CachedStore::open(inner.clone(), cache(folder, bytes_max)).await {
            Err(Error::Busy) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

/// The files of chunks.
fn chunks(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir());
    let files = files.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|entry| entry.unwrap().path()).collect()
}

/// The S3 server behind a proxy that counts requests for bytes of blobs.
async fn counted(name: &str) -> (S3Store, Proxy, Arc<AtomicU64>) {
    let mut settings = settings(name);
    let proxy = Proxy::before(&settings.endpoint.clone().unwrap()).await;
    settings.endpoint = Some(proxy.url.clone());
    let store = S3Store::open(&settings).await.unwrap();
    let reads = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&reads);
    proxy.plan(move |_, line| {
        if line.starts_with("GET") {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Fault::None
    });
    (store, proxy, reads)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_with_a_cache_of_any_size() {
    for bytes_max in [0, 5 << 20, 1 << 30] {
        let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inner = FileStore::open(folder.path()).unwrap();
        let store = opened(&inner, kept.path(), bytes_max).await;
        contract(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cold_readers_make_one_request_for_each_chunk() {
    let (inner, _proxy, reads) = counted("together").await;
    let kept = tempfile::tempdir().unwrap();
    let content = bytes(2 * CHUNK + 12_345, 1);
    let key = stored(&inner, &content).await;
    let store = opened(&inner, kept.path(), 1 << 30).await;
    let readers = (0..16).map(|_| read(&store, &key, 0, content.len() as u64));
    for found in join_all(readers).await {
        assert!(found == content);
    }
    assert_eq!(reads.load(Ordering::SeqCst), 3);
    // From the disk, also in parts and by the process that comes after this one.
    assert!(matches!(
        CachedStore::open(inner.clone(), cache(kept.path(), 1 << 30)).await,
        Err(Error::Busy)
    ));
    drop(store);
    let again = opened(&inner, kept.path(), 1 << 30).await;
    let around = CHUNK as u64 - 7..CHUNK as u64 + 9;
    let mut parts = again.open_parts(&key, vec![5..6, around]).await.unwrap();
    let mut found = Vec::new();
    while let Some(item) = parts.next().await {
        found.extend(item.unwrap());
    }
    assert!(found == [&content[5..6], &content[CHUNK - 7..CHUNK + 9]].concat());
    assert!(read(&again, &key, 0, content.len() as u64).await == content);
    assert_eq!(reads.load(Ordering::SeqCst), 3, "nothing was asked for again");
    assert!(again.delete(&[key]).await.is_empty());
    assert_eq!(chunks(kept.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_has_read_little() {
    let (inner, _proxy, reads) = counted("early").await;
    let kept = tempfile::tempdir().unwrap();
    let content = bytes(6 * CHUNK, 2);
    let key = stored(&inner, &content).await;
    let store = opened(&inner, kept.path(), 1 << 30).await;
    for start in [0, 3] {
        let rest = (start * CHUNK) as u64..content.len() as u64;
        let mut begun = store.open(&key, rest).await.unwrap();
        let first = begun.next().await.unwrap().unwrap();
        assert!(content[start * CHUNK..].starts_with(&first));
    }
    let asked = reads.load(Ordering::SeqCst);
    assert!(
        asked <= 4,
        "{asked} chunks for two readers that took their first bytes"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_chunk_is_thrown_away_and_fetched_anew() {
    let (inner, _proxy, reads) = counted("damaged").await;
    let kept = tempfile::tempdir().unwrap();
    let content = bytes(CHUNK + 1000, 3);
    let key = stored(&inner, &content).await;
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[100] ^= 1,
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| bytes.clear(),
        |bytes| bytes.push(0),
    ];
    for damage in damages {
        let store = opened(&inner, kept.path(), 1 << 30).await;
        assert!(read(&store, &key, 0, content.len() as u64).await == content);
        drop(store);
        drop(opened(&inner, kept.path(), 1 << 30).await);
        let before = reads.load(Ordering::SeqCst);
        let files = chunks(kept.path());
        assert_eq!(files.len(), 2);
        for file in files {
            let mut bytes = std::fs::read(&file).unwrap();
            damage(&mut bytes);
            std::fs::write(file, bytes).unwrap();
        }
        let store = opened(&inner, kept.path(), 1 << 30).await;
        assert!(read(&store, &key, 0, content.len() as u64).await == content);
        assert_eq!(reads.load(Ordering::SeqCst), before + 2);
        // What is cut under a process that reads it is read from the store.
        for file in chunks(kept.path()) {
            std::fs::OpenOptions::new()
                .write(true)
                .open(file)
                .unwrap()
                .set_len(10)
                .unwrap();
        }
        assert!(read(&store, &key, 0, content.len() as u64).await == content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_and_a_small_bound_cost_requests_and_nothing_else() {
    let (folder, full) = (tempfile::tempdir().unwrap(), Mount::tmpfs("9M"));
    let inner = FileStore::open(folder.path()).unwrap();
    let content = bytes(5 * CHUNK, 4);
    let key = stored(&inner, &content).await;
    let store = opened(&inner, &full.path(), 1 << 30).await;
    for _ in 0..2 {
        assert!(read(&store, &key, 0, content.len() as u64).await == content);
    }
    drop(store);
    drop(opened(&inner, &full.path(), 1 << 30).await);
    assert!(
        chunks(&full.path()).len() <= 2,
        "no file is left of what did not fit"
    );
    let kept = tempfile::tempdir().unwrap();
    let store = opened(&inner, kept.path(), 2 * CHUNK as u64).await;
    for _ in 0..2 {
        assert!(read(&store, &key, 0, content.len() as u64).await == content);
    }
    drop(store);
    drop(opened(&inner, kept.path(), 2 * CHUNK as u64).await);
    assert_eq!(chunks(kept.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_breaks_off_is_asked_again_and_heard() {
    let (inner, proxy, _) = counted("broken").await;
    let kept = tempfile::tempdir().unwrap();
    let content = bytes(2 * CHUNK, 5);
    let key = stored(&inner, &content).await;
    let store = opened(&inner, kept.path(), 1 << 30).await;
    proxy.plan(|request, _| if request % 2 == 0 { Fault::Cut } else { Fault::None });
    let readers = (0..4).map(|_| read(&store, &key, 0, content.len() as u64));
    for found in join_all(readers).await {
        assert!(found == content);
    }
    proxy.plan(|_, _| Fault::None);
    let other = stored(&inner, b"gone").await;
    assert!(inner.delete(std::slice::from_ref(&other)).await.is_empty());
    let opened = store.open(&other, 0..4).await.map(|_| ());
    assert!(matches!(opened, Err(Error::NotFound)), "{opened:?}");
}
