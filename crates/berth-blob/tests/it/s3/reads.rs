//! What reads cost the S3 server: ranges that lie near one another share a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use berth_blob::contract::{body, bytes};
use berth_blob::{BlobStore, S3Store, Upload};
use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::proxy::{Fault, Proxy};
use super::settings;

async fn stored(store: &S3Store, content: &[u8]) -> String {
    let mut upload = Upload::new(format!("reads-{:016x}", rand::random::<u64>()));
    store.append(&mut upload, body(content, 100_000)).await.unwrap();
    let digest = Digest::of(Algorithm::Sha256, content);
    store.commit(&upload, &digest).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_lie_near_one_another_share_a_request() {
    let mut settings = settings("reads");
    let proxy = Proxy::before(&settings.endpoint.clone().unwrap()).await;
    settings.endpoint = Some(proxy.url.clone());
    let store = S3Store::open(&settings).await.unwrap();
    let content = bytes(6 << 20, 1);
    let key = stored(&store, &content).await;
    let near: Vec<_> = (0..1000_u64).map(|at| at * 6000..at * 6000 + 3000).collect();
    let far = vec![0..10_u64, 3_000_000..3_000_010, 6_000_000..6_000_010, 20..30];
    for (parts, requests) in [(near, 1), (far, 4)] {
        proxy.plan(|_, _| Fault::None);
        let opened = store.open_parts(&key, parts.clone()).await.unwrap();
        let items: Vec<Bytes> = opened.try_collect().await.unwrap();
        let expected: Vec<&[u8]> = parts
            .iter()
            .map(|part| &content[usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap()])
            .collect();
        assert!(items.concat() == expected.concat(), "{parts:?}");
        assert_eq!(proxy.requests(), requests, "{parts:?}");
    }
}

/// A way to the store that passes bytes as they come, and counts those that come from it.
async fn counted(endpoint: &str) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (store, count) = (
        endpoint.trim_start_matches("http://").to_owned(),
        Arc::new(AtomicU64::new(0)),
    );
    let counting = Arc::clone(&count);
    tokio::spawn(async move {
        let mut ways = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let (store, count) = (TcpStream::connect(&store).await.unwrap(), Arc::clone(&counting));
            let ((mut from_client, mut to_client), (mut from_store, mut to_store)) =
                (client.into_split(), store.into_split());
            ways.spawn(async move {
                let asked = tokio::io::copy(&mut from_client, &mut to_store);
                let answered = async {
                    let mut buffer = vec![0; 16 << 10];
                    while let Ok(length @ 1..) = from_store.read(&mut buffer).await {
                        count.fetch_add(length as u64, Ordering::SeqCst);
                        if to_client.write_all(&buffer[..length]).await.is_err() {
                            break;
                        }
                    }
                };
                tokio::select! {
                    _ = asked => {}
                    () = answered => {}
                }
            });
        }
    });
    (url, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_early_has_little_sent() {
    let direct = settings("early-reads");
    let content = bytes(96 << 20, 2);
    let key = stored(&S3Store::open(&direct).await.unwrap(), &content).await;
    let mut settings = direct;
    let (url, count) = counted(&settings.endpoint.clone().unwrap()).await;
    settings.endpoint = Some(url);
    let store = S3Store::open(&settings).await.unwrap();
    // As containerd reads a layer in parallel: each request is open-ended, and closed after what it wants.
    for start in (0..content.len()).step_by(24 << 20) {
        let mut opened = store
            .open(&key, start as u64..content.len() as u64)
            .await
            .unwrap();
        let first = opened.next().await.unwrap().unwrap();
        assert!(content[start..].starts_with(&first));
    }
    // What the sockets of three connections hold, and not four times what was left.
    let sent = count.load(Ordering::SeqCst);
    assert!(
        sent < 96 << 20,
        "{sent} bytes for four readers that took the first"
    );
}
