//! The contract, kept by every store of this crate.

use berth_blob::{Fault, FaultyStore, FileStore, contract};

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
