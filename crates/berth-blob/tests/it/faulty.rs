//! The store that breaks on purpose does so where it was told to, and only there.

use berth_blob::contract::{body, read};
use berth_blob::{BlobStore, Error, Fault, FaultyStore, FileStore, Upload, contract};
use berth_oci::{Algorithm, Digest};

/// One blob is pushed and deleted; the first error ends it.
async fn scenario(store: &FaultyStore<FileStore>) -> Result<(), Error> {
    let mut upload = Upload::new("upload");
    store.append(&mut upload, body(b"bytes", 5)).await?;
    let key = store
        .commit(&upload, &Digest::of(Algorithm::Sha256, b"bytes"))
        .await?;
    assert_eq!(store.size(&key).await?, 5);
    contract::delete(store, &key).await
}

#[tokio::test]
async fn every_step_breaks_in_turn() {
    let expected = ["write", "sync", "commit", "commit", "delete", "delete"];
    for (at, expected) in expected.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let store = FaultyStore::new(FileStore::open(folder.path()).unwrap(), at as u64, Fault::Fails);
        match scenario(&store).await {
            Err(Error::Internal { doing, .. }) => assert_eq!(doing, expected, "step {at}"),
            other => panic!("step {at}: {other:?}"),
        }
        assert!(store.fired());
        scenario(&store).await.unwrap();
    }
}

#[tokio::test]
async fn a_fault_has_its_own_answer() {
    for (fault, expected) in [(Fault::NoSpace, "NoSpace"), (Fault::ReadOnly, "ReadOnly")] {
        let folder = tempfile::tempdir().unwrap();
        let store = FaultyStore::new(FileStore::open(folder.path()).unwrap(), 0, fault);
        assert_eq!(format!("{:?}", scenario(&store).await.unwrap_err()), expected);
    }
}

#[tokio::test]
async fn a_stopped_store_answers_nothing_until_it_is_healed() {
    let folder = tempfile::tempdir().unwrap();
    let store = FaultyStore::new(FileStore::open(folder.path()).unwrap(), 3, Fault::Stops);
    scenario(&store).await.unwrap_err();
    assert!(store.check().await.is_err());
    scenario(&store).await.unwrap_err();

    store.heal();
    store.check().await.unwrap();
    // The commit had been done; only its answer was lost.
    let upload = Upload {
        offset: 5,
        ..Upload::new("upload")
    };
    let key = store
        .commit(&upload, &Digest::of(Algorithm::Sha256, b"bytes"))
        .await
        .unwrap();
    assert_eq!(read(&store, &key, 0, 5).await, b"bytes");
}
