//! What reads cost the S3 server: ranges that lie near one another share a request.

use berth_blob::contract::{body, bytes};
use berth_blob::{BlobStore, S3Store, Upload};
use berth_oci::{Algorithm, Digest};
use bytes::Bytes;
use futures_util::TryStreamExt;

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
