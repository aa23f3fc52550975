//! The contract, kept by every store of this crate.

use std::sync::Arc;

use berth_blob::{
    BlobStore as _, Fault, FaultyStore, FileStore, MeasuredStore, Measures, StoreOperation, contract,
};

#[tokio::test(flavor = "multi_thread")]
async fn file_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::contract(&FileStore::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn file_store_keeps_the_contract_on_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    contract::contract(&FileStore::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn faulty_store_that_never_breaks_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = FaultyStore::new(FileStore::open(folder.path()).unwrap(), u64::MAX, Fault::Stops);
    contract::contract(&store).await;
    assert!(!store.fired());
}

#[tokio::test]
#[should_panic(expected = "the store breaks its contract")]
async fn a_store_that_breaks_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = FaultyStore::new(FileStore::open(folder.path()).unwrap(), 40, Fault::Fails);
    contract::contract(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measured_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::open(folder.path()).unwrap());
    contract::contract(&MeasuredStore::new(store, Arc::default())).await;
}

#[tokio::test]
async fn faults_of_a_store_are_counted_and_wrong_questions_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let broken = FaultyStore::new(FileStore::open(folder.path()).unwrap(), 0, Fault::Fails);
    let measures: Arc<Measures> = Arc::default();
    let store = MeasuredStore::new(Arc::new(broken), Arc::clone(&measures));
    assert!(store.delete_document("some/thing").await.is_err());
    let working = MeasuredStore::new(
        Arc::new(FileStore::open(folder.path()).unwrap()),
        Arc::clone(&measures),
    );
    assert!(working.read_document("nothing/there").await.is_err());
    assert_eq!(measures.of(StoreOperation::Document).errors.get(), 1);
}
