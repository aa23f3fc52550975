//! Upkeep: unfinished uploads expire, unused content is reclaimed, what is used or new never is.

use std::time::Duration;

use berth_blob::{BlobStore as _, FileStore, Upload};
use berth_oci::Reference;
use berth_registry::{Error, Limits, Upkeep};

use crate::harness::{TestRegistry, admin, body, image, name, sha256, whole};

/// Everything is old at once.
pub(crate) fn impatient() -> Limits {
    Limits {
        upload_ttl: Duration::ZERO,
        upkeep: at_once(),
        bin_ttl: Duration::ZERO,
        ..Limits::default()
    }
}

/// Nothing waits before its bytes are deleted.
pub(crate) fn at_once() -> Upkeep {
    Upkeep {
        reclaim_delay: Duration::ZERO,
        orphans_after: Duration::ZERO,
        ..Upkeep::default()
    }
}

/// Lets the clock move past the millisecond in which things happened.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[tokio::test]
async fn unfinished_uploads_expire_with_their_bytes() {
    for (limits, expires) in [(Limits::default(), false), (impatient(), true)] {
        let test = TestRegistry::open(limits).await;
        let id = test.start(&admin(), "team/app").await.expect("started");
        test.registry
            .append_upload(&admin(), &name("team/app"), &id, whole(&vec![7; 300_000]))
            .await
            .expect("a chunk");
        a_moment().await;
        test.registry.maintain_once().await.expect("upkeep");
        assert_eq!(test.files().is_empty(), expires);
        let offset = test
            .registry
            .upload_offset(&admin(), &name("team/app"), &id)
            .await;
        assert_eq!(matches!(offset, Err(Error::UploadUnknown)), expires, "{offset:?}");
    }
}

#[tokio::test]
async fn content_goes_when_nothing_refers_to_it_and_not_before() {
    let test = TestRegistry::open(impatient()).await;
    let app = name("team/app");
    for repository in ["team/app", "team/copy"] {
        test.push(repository, b"{}").await;
        test.push(repository, b"layer").await;
        test.put(repository, "v1", &image(b"{}", &[b"layer"]))
            .await
            .expect("put");
    }
    test.push("team/app", b"never used").await;
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(
        test.files().len(),
        2,
        "equal bytes are stored once, and what no manifest uses goes: {:?}",
        test.files()
    );

    let digest = Reference::Digest(sha256(&image(b"{}", &[b"layer"])));
    test.registry
        .delete_manifest(&admin(), &app, &digest, None)
        .await
        .expect("deleted");
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    let unlinked = test.pull(&admin(), "team/app", &sha256(b"layer")).await;
    assert!(matches!(unlinked, Err(Error::BlobUnknown(_))), "{unlinked:?}");
    let copy = test.pull(&admin(), "team/copy", &sha256(b"layer")).await;
    assert_eq!(copy.expect("the other repository still has it"), b"layer");

    test.registry
        .delete_manifest(&admin(), &name("team/copy"), &digest, None)
        .await
        .expect("deleted");
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(test.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_foreign_layer_need_not_be_pushed_and_stays_when_it_is() {
    let test = TestRegistry::open(impatient()).await;
    let manifest = |layer: &[u8]| {
        let json = String::from_utf8(image(b"{}", &[layer])).expect("json");
        json.replace("image.layer.v1.tar", "image.layer.nondistributable.v1.tar")
    };
    test.push("team/app", b"{}").await;
    let pushed = test.push("team/app", b"pushed all the same").await;
    test.put("team/app", "absent", manifest(b"never pushed").as_bytes())
        .await
        .expect("not needed");
    test.put("team/app", "there", manifest(b"pushed all the same").as_bytes())
        .await
        .expect("put");
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(
        test.pull(&admin(), "team/app", &pushed).await.expect("kept"),
        b"pushed all the same"
    );
}

#[tokio::test]
async fn what_is_being_pushed_is_never_reclaimed() {
    let test = TestRegistry::open(Limits::default()).await;
    test.push("team/app", b"{}").await;
    test.push("team/app", b"layer").await;
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    test.put("team/app", "v1", &image(b"{}", &[b"layer"]))
        .await
        .expect("its blobs are still there");
}

#[tokio::test]
async fn bytes_that_no_row_names_are_found_and_deleted() {
    let limits = Limits {
        upkeep: at_once(),
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    let kept = test.push("team/app", b"kept").await;
    let running = test.start(&admin(), "team/app").await.expect("started");
    test.registry
        .append_upload(&admin(), &name("team/app"), &running, whole(&vec![7; 300_000]))
        .await
        .expect("a chunk");
    // What crashes leave: a commit without its row, and an upload whose row went first.
    let store = FileStore::open(&test.folder.path().join("storage")).expect("a file store");
    for (id, commit) in [("orphan-1", true), ("orphan-2", false)] {
        let mut upload = Upload::new(id);
        store
            .append(&mut upload, body(vec![Ok(b"orphan".to_vec())]))
            .await
            .expect("bytes");
        if commit {
            store.commit(&upload, &sha256(b"orphan")).await.expect("a commit");
        }
    }
    assert_eq!(test.files().len(), 4);
    a_moment().await;
    test.registry.delete_orphans(false).await.expect("a search");
    assert_eq!(test.files().len(), 2, "{:?}", test.files());
    assert_eq!(
        test.pull(&admin(), "team/app", &kept).await.expect("pulled"),
        b"kept"
    );
    let digest = sha256(&vec![7; 300_000]);
    let last = whole(b"");
    test.registry
        .finish_upload(&admin(), &name("team/app"), &running, (&digest, last))
        .await
        .expect("closed");
}

#[tokio::test]
async fn a_repository_that_never_got_a_manifest_is_in_no_list_and_goes() {
    let test = TestRegistry::open(impatient()).await;
    let listed = async || {
        let page = berth_oci::endpoint::Page::default();
        test.registry
            .list_repositories(&admin(), &page)
            .await
            .expect("a list")
            .entries
    };
    test.push("team/app", b"{}").await;
    assert_eq!(listed().await, Vec::<String>::new());
    test.put("team/app", "v1", &image(b"{}", &[])).await.expect("put");
    test.start(&admin(), "team/abandoned").await.expect("started");
    assert_eq!(listed().await, ["team/app"]);
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    let gone = test
        .metadata
        .repository("team/abandoned")
        .await
        .expect("metadata");
    assert_eq!(gone, None);
    assert_eq!(listed().await, ["team/app"]);
}
