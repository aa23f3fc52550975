//! The clauses about documents, and about whose store it is.

use futures_util::TryStreamExt;

use super::{body, broken, bytes, keys, unfinished};
use crate::{BlobStore, Error};

pub(super) async fn claimed(store: &dyn BlobStore) {
    let first = store.claim("first").await.expect("the store is claimed");
    for other in ["second", "first", "third"] {
        assert_eq!(store.claim(other).await.expect("the owner is told"), first);
    }
}

pub(super) async fn read_back(store: &dyn BlobStore) {
    let name = "contract/read-back";
    let before = everything(store).await;
    for length in [0, 1, 70_000, (12 << 20) + 5] {
        let bytes = bytes(length, 3);
        let written = store.write_document(name, body(&bytes, 64 << 10)).await;
        written.expect("the document is written");
        assert!(read(store, name).await == bytes, "{length} bytes are the same");
    }
    assert_eq!(everything(store).await, before);
    for _ in 0..2 {
        store.delete_document(name).await.expect("it is deleted");
    }
    let gone = store.read_document(name).await.map(|_| ());
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

pub(super) async fn broken_off(store: &dyn BlobStore) {
    for length in [3, 9 << 20] {
        let name = format!("contract/broken-{length}");
        let written = store
            .write_document(&name, broken(&bytes(length, 4), 64 << 10))
            .await;
        assert!(matches!(written, Err(Error::Body(_))), "{written:?}");
        assert!(matches!(
            store.read_document(&name).await.map(|_| ()),
            Err(Error::NotFound)
        ));
    }
    assert!(names(store, "contract/broken").await.is_empty());
}

pub(super) async fn lists(store: &dyn BlobStore) {
    let wanted = ["listed/a/1.json", "listed/a/2.json", "listed/b"];
    for name in wanted {
        let written = store.write_document(name, body(name.as_bytes(), 4)).await;
        written.expect("the document is written");
    }
    assert_eq!(names(store, "listed/").await, wanted);
    assert_eq!(names(store, "listed/a/").await, wanted[..2]);
    assert_eq!(names(store, "listed/a/2").await, wanted[1..2]);
    assert!(names(store, "listed/none").await.is_empty());
    let listed: Vec<_> = store
        .list_documents("listed/b")
        .try_collect()
        .await
        .expect("documents are listed");
    assert_eq!(listed[0].size, 8);
    assert!(listed[0].modified_at > 1_577_836_800_000);
}

pub(super) async fn hostile_names(store: &dyn BlobStore) {
    let names = [
        "",
        "/",
        "..",
        "a/../b",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "A",
        "ü",
        "a b",
        "a\0",
        &"a".repeat(201),
    ];
    for name in names {
        assert!(
            store.write_document(name, body(b"x", 1)).await.is_err(),
            "write {name:?}"
        );
        assert!(store.read_document(name).await.is_err(), "read {name:?}");
        assert!(store.delete_document(name).await.is_err(), "delete {name:?}");
    }
}

async fn read(store: &dyn BlobStore, name: &str) -> Vec<u8> {
    let stream = store.read_document(name).await.expect("the document opens");
    let items: Vec<_> = stream.try_collect().await.expect("the document is read");
    items.concat()
}

/// All blobs and uploads.
async fn everything(store: &dyn BlobStore) -> Vec<String> {
    let mut found = keys(store).await;
    found.extend(unfinished(store).await);
    found.sort();
    found
}

async fn names(store: &dyn BlobStore, prefix: &str) -> Vec<String> {
    let listed: Vec<_> = store
        .list_documents(prefix)
        .try_collect()
        .await
        .expect("documents are listed");
    let mut names: Vec<_> = listed.into_iter().map(|document| document.name).collect();
    names.sort();
    names
}
