//! Two processes over one folder and one database.

use std::sync::Arc;
use std::time::Duration;

use berth_blob::FileStore;
use berth_metadata::Metadata;
use berth_registry::{Chunk, IdentitySettings, Limits, Registry};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::harness::{TestRegistry, admin, name, sha256, whole};

const APP: &str = "team/app";

/// What another process is of the same registry.
pub(crate) async fn another(test: &TestRegistry) -> Arc<Registry> {
    let folder = test.folder.path();
    let url = format!("sqlite://{}", folder.join("berth.db").display());
    let identity = IdentitySettings {
        master_key_file: folder.join("master.key"),
        region: "local".to_owned(),
        token_ttl: Duration::from_mins(15),
        temporary_login_ttl: Duration::from_hours(24),
    };
    let store = Arc::new(FileStore::open(&folder.join("storage")).expect("a file store"));
    let limits = test.registry.limits().clone();
    let metadata = Metadata::open(&url).await.expect("a database");
    let registry = Registry::new(metadata, store, limits, &identity);
    Arc::new(registry.await.expect("a registry"))
}

#[tokio::test]
async fn another_process_sweeps_only_what_nobody_receives() {
    let limits = Limits {
        upload_ttl: Duration::from_secs(5),
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    let other = another(&test).await;
    let content = vec![7_u8; 500_000];
    let receiving = test.start(&admin(), APP).await.unwrap();
    let idle = test.start(&admin(), APP).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
    let pieces = stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((Ok(piece), receiver))
    });
    let chunk = Chunk {
        range: None,
        length: None,
        body: Box::pin(pieces),
    };
    let (registry, id) = (Arc::clone(&test.registry), receiving.clone());
    let append = tokio::spawn(async move { registry.append_upload(&admin(), &name(APP), &id, chunk).await });
    sender.send(Bytes::copy_from_slice(&content[..200_000])).unwrap();
    // Longer than an upload without bytes, or a repository without an upload, is kept, and than a turn is believed without a word.
    for _ in 0..24 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.maintain_once().await.unwrap();
    }
    sender.send(Bytes::copy_from_slice(&content[200_000..])).unwrap();
    drop(sender);
    assert_eq!(append.await.unwrap().unwrap(), 500_000);
    let digest = sha256(&content);
    other
        .finish_upload(&admin(), &name(APP), &receiving, (&digest, whole(&[])))
        .await
        .unwrap();
    assert!(
        test.registry
            .upload_offset(&admin(), &name(APP), &idle)
            .await
            .is_err()
    );
}
