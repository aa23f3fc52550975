//! Upkeep that one failure stopped.

use berth_registry::Error;

use crate::harness::{TestRegistry, admin, broken, name};
use crate::upkeep::{a_moment, impatient};

/// Puts a folder in place of a file, so that it cannot be deleted.
fn obstruct(test: &TestRegistry, file: &str) {
    let path = test.folder.path().join("storage").join(file);
    std::fs::remove_file(&path).expect("the file is there");
    std::fs::create_dir(&path).expect("a folder");
}

#[tokio::test]
async fn one_blob_that_could_not_be_deleted_kept_all_others() {
    let test = TestRegistry::open(impatient()).await;
    for bytes in [b"one", b"two", b"six"] {
        test.push("team/app", bytes).await;
    }
    obstruct(&test, &test.files()[0]);
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(test.files(), Vec::<String>::new());
    let left = test.metadata.take_reclaim(i64::MAX, 10).await.expect("metadata");
    assert_eq!(left.len(), 1, "it is tried again: {left:?}");
}

#[tokio::test]
async fn one_upload_that_could_not_be_deleted_kept_all_others() {
    let test = TestRegistry::open(impatient()).await;
    let app = name("team/app");
    for _ in 0..3 {
        let id = test.start(&admin(), "team/app").await.expect("started");
        let pushed = test
            .registry
            .append_upload(&admin(), &app, &id, broken(b"part"))
            .await;
        assert!(matches!(pushed, Err(Error::BodyInterrupted(_))), "{pushed:?}");
        a_moment().await;
    }
    let expired = test
        .metadata
        .expired_uploads(i64::MAX, 1)
        .await
        .expect("metadata");
    obstruct(&test, &format!("uploads/{}", expired[0].id));
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(test.files(), Vec::<String>::new());
    test.registry
        .delete_orphans(false)
        .await
        .expect("a look for orphans");
}
