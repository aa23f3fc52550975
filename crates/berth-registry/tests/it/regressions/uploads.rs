//! Uploads that two requests, or a request and the upkeep, had at once.

use std::sync::Arc;

use berth_registry::{Chunk, Error, Limits};
use bytes::Bytes;
use futures_util::stream;

use crate::harness::{TestRegistry, admin, name, sha256, whole};
use crate::kept::slow;
use crate::upkeep::{a_moment, impatient};

#[tokio::test]
async fn a_client_that_hung_up_on_its_closing_put_was_in_its_own_way() {
    let test = TestRegistry::open(Limits::default()).await;
    let id = test.start(&admin(), "team/app").await.expect("started");
    let (sender, chunk) = slow();
    let first = {
        let (registry, id) = (Arc::clone(&test.registry), id.clone());
        let digest = sha256(b"whatever");
        tokio::spawn(async move {
            registry
                .finish_upload(&admin(), &name("team/app"), &id, (&digest, chunk))
                .await
        })
    };
    sender
        .send(Bytes::from(vec![0; 1 << 20]))
        .await
        .expect("received");
    while test.files().is_empty() {
        a_moment().await;
    }
    first.abort();
    let gone = first.await.expect_err("the request is gone");
    assert!(gone.is_cancelled());
    let second = test
        .registry
        .append_upload(&admin(), &name("team/app"), &id, whole(b"again"))
        .await;
    assert_eq!(second.expect("the upload goes on"), (1 << 20) + 5);
}

#[tokio::test]
async fn an_upload_that_ended_beside_its_closing_put_was_an_internal_error() {
    for stored in [false, true] {
        let test = TestRegistry::open(Limits::default()).await;
        if stored {
            test.push("team/app", b"bytes").await;
        }
        let id = test.start(&admin(), "team/app").await.expect("started");
        let (metadata, ended) = (test.metadata.clone(), id.clone());
        // As another replica does that finishes the same upload, or sweeps it.
        let body = stream::once(async move {
            metadata.delete_upload(&ended).await.expect("deleted");
            Ok(Bytes::from_static(b"bytes"))
        });
        let chunk = Chunk {
            range: None,
            length: None,
            body: Box::pin(body),
        };
        let finished = test
            .registry
            .finish_upload(&admin(), &name("team/app"), &id, (&sha256(b"bytes"), chunk))
            .await;
        if stored {
            finished.expect("the blob is there");
        } else {
            assert!(matches!(finished, Err(Error::UploadUnknown)), "{finished:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_expired_while_its_bytes_came() {
    let test = TestRegistry::open(impatient()).await;
    let id = test.start(&admin(), "team/app").await.expect("started");
    let (sender, chunk) = slow();
    let push = {
        let (registry, id) = (Arc::clone(&test.registry), id.clone());
        tokio::spawn(async move {
            registry
                .append_upload(&admin(), &name("team/app"), &id, chunk)
                .await
        })
    };
    sender
        .send(Bytes::from(vec![0; 1 << 20]))
        .await
        .expect("received");
    while test.files().is_empty() {
        a_moment().await;
    }
    test.registry.maintain_once().await.expect("upkeep");
    sender.send(Bytes::from_static(b"end")).await.expect("received");
    drop(sender);
    assert_eq!(
        push.await.expect("no panic").expect("received whole"),
        (1 << 20) + 3
    );
}
