//! Uploads that end with the request that brings their bytes, and those that get no byte.

use berth_registry::{Chunk, Error, Limits};
use futures_util::StreamExt as _;

use crate::harness::{TestRegistry, admin, body, broken, member, name, sha256, whole};
use crate::upkeep::{a_moment, at_once};

const APP: &str = "team/app";

async fn offset(test: &TestRegistry, id: &str) -> Result<u64, Error> {
    test.registry.upload_offset(&admin(), &name(APP), id).await
}

async fn close(test: &TestRegistry, id: &str, bytes: &[u8]) -> Result<(), Error> {
    let digest = sha256(bytes);
    let ending = (&digest, whole(bytes));
    test.registry
        .finish_upload(&admin(), &name(APP), id, ending)
        .await
}

#[tokio::test]
async fn an_upload_that_ends_at_once_never_needs_a_row() {
    let test = TestRegistry::open(Limits::default()).await;
    let id = test.start(&admin(), APP).await.expect("started");
    assert_eq!(offset(&test, &id).await.expect("status"), 0);
    assert!(!test.metadata.upload_exists(&id).await.expect("metadata"));
    close(&test, &id, b"bytes").await.expect("closed");
    assert!(!test.metadata.upload_exists(&id).await.expect("metadata"));
    let pulled = test.pull(&admin(), APP, &sha256(b"bytes")).await;
    assert_eq!(pulled.expect("pulled"), b"bytes");
    for again in [
        offset(&test, &id).await.map(drop),
        close(&test, &id, b"bytes").await,
    ] {
        assert!(matches!(again, Err(Error::UploadUnknown)), "{again:?}");
    }
}

#[tokio::test]
async fn an_upload_without_a_byte_outlives_a_stop() {
    let test = TestRegistry::open(Limits::default()).await;
    let id = test.start(&admin(), APP).await.expect("started");
    test.registry.close().await;
    let test = test.reopen().await;
    assert!(test.metadata.upload_exists(&id).await.expect("metadata"));
    assert_eq!(offset(&test, &id).await.expect("status"), 0);
    close(&test, &id, b"bytes").await.expect("closed");
}

#[tokio::test]
async fn an_upload_without_a_byte_belongs_to_who_began_it_and_can_be_cancelled() {
    let test = TestRegistry::open(Limits::default()).await;
    let id = test.start(&admin(), APP).await.expect("started");
    for (caller, repository) in [(member(), APP), (admin(), "team/other")] {
        let status = test.registry.upload_offset(&caller, &name(repository), &id).await;
        status.expect_err("another's, or elsewhere");
    }
    test.registry
        .cancel_upload(&admin(), &name(APP), &id)
        .await
        .expect("cancelled");
    let gone = offset(&test, &id).await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
}

#[tokio::test]
async fn what_came_of_a_small_last_body_is_kept_when_it_breaks_off() {
    let test = TestRegistry::open(Limits::default()).await;
    let id = test.start(&admin(), APP).await.expect("started");
    let digest = sha256(b"whole bytes");
    let mut half = broken(b"whole");
    half.length = Some(11);
    let interrupted = test
        .registry
        .finish_upload(&admin(), &name(APP), &id, (&digest, half))
        .await;
    assert!(
        matches!(interrupted, Err(Error::BodyInterrupted(_))),
        "{interrupted:?}"
    );
    assert_eq!(offset(&test, &id).await.expect("status"), 5);
    let rest = Chunk {
        range: None,
        length: Some(6),
        body: body(vec![Ok(b" bytes".to_vec())]),
    };
    test.registry
        .finish_upload(&admin(), &name(APP), &id, (&digest, rest))
        .await
        .expect("closed");
    let pulled = test.pull(&admin(), APP, &digest).await;
    assert_eq!(pulled.expect("pulled"), b"whole bytes");
}

#[tokio::test]
async fn the_search_for_what_no_row_names_leaves_what_is_being_pushed() {
    let test = TestRegistry::open(Limits {
        upkeep: at_once(),
        ..Limits::default()
    })
    .await;
    let pushes = futures_util::stream::iter(0..200_u32)
        .map(|n| {
            let test = &test;
            async move {
                let bytes = n.to_be_bytes();
                if n % 2 == 0 {
                    return test.push(APP, &bytes).await;
                }
                let id = test.start(&admin(), APP).await.expect("started");
                close(test, &id, &bytes).await.expect("closed");
                sha256(&bytes)
            }
        })
        .buffer_unordered(8)
        .collect::<Vec<_>>();
    let searches = async {
        for _ in 0..40 {
            a_moment().await;
            let found = test.registry.delete_orphans(true).await.expect("a search");
            assert_eq!(found, 0);
        }
    };
    let (digests, ()) = tokio::join!(pushes, searches);
    for digest in digests {
        test.pull(&admin(), APP, &digest).await.expect("pulled");
    }
}
