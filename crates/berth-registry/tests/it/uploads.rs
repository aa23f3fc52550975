//! Uploads: in one request, in many, broken off and continued, taken over, with wrong digests and failing disks.

use std::ops::Range;
use std::sync::Arc;

use berth_blob::{Fault, FaultyStore};
use berth_metadata::Permission;
use berth_oci::endpoint::StartUpload;
use berth_oci::{Algorithm, ContentRange, Digest, Hasher};
use berth_registry::{Caller, Chunk, Error, Limits, Started};
use futures_util::{StreamExt as _, stream};

use crate::harness::{TestRegistry, admin, body, broken, member, name, sha256, whole};
use crate::upkeep::{a_moment, at_once};

/// More than is hashed inline, and not a multiple of anything.
const LARGE: usize = 3_000_001;

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(length)
    .collect()
}

fn piece(bytes: &[u8], range: Range<usize>) -> Chunk {
    let length = (range.end - range.start) as u64;
    Chunk {
        range: Some(ContentRange {
            start: range.start as u64,
            end: range.end as u64 - 1,
        }),
        length: Some(length),
        body: body(vec![Ok(bytes[range].to_vec())]),
    }
}

fn nothing() -> Chunk {
    Chunk {
        range: None,
        length: Some(0),
        body: body(Vec::new()),
    }
}

#[tokio::test]
async fn a_blob_arrives_in_every_way_the_specification_has() {
    let test = TestRegistry::open(Limits::default()).await;
    for size in [0, 1, 4096, LARGE] {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let bytes = noise(size);
            let digest = Digest::of(algorithm, &bytes);
            let (registry, team) = (&test.registry, name("team/ways"));

            registry
                .push_blob(&admin(), &team, &digest, whole(&bytes))
                .await
                .expect("one POST");
            assert_eq!(
                test.pull(&admin(), "team/ways", &digest).await.expect("pulled"),
                bytes
            );
            registry
                .delete_blob(&admin(), &team, &digest)
                .await
                .expect("deleted");

            let id = test.start(&admin(), "team/ways").await.expect("started");
            registry
                .finish_upload(&admin(), &team, &id, (&digest, whole(&bytes)))
                .await
                .expect("POST and PUT");
            assert_eq!(
                test.pull(&admin(), "team/ways", &digest).await.expect("pulled"),
                bytes
            );
            registry
                .delete_blob(&admin(), &team, &digest)
                .await
                .expect("deleted");

            let start = StartUpload {
                algorithm: Some(algorithm),
                ..StartUpload::default()
            };
            let Started::Upload(id) = registry
                .start_upload(&admin(), &team, &start)
                .await
                .expect("started")
            else {
                panic!("nothing to mount");
            };
            let mut at = 0;
            while at < size {
                let end = size.min(at + size / 3 + 1);
                let offset = registry
                    .append_upload(&admin(), &team, &id, piece(&bytes, at..end))
                    .await
                    .expect("a chunk");
                assert_eq!(offset, end as u64);
                at = end;
            }
            registry
                .finish_upload(&admin(), &team, &id, (&digest, nothing()))
                .await
                .expect("closed");
            assert_eq!(
                test.pull(&admin(), "team/ways", &digest).await.expect("pulled"),
                bytes
            );
            registry
                .delete_blob(&admin(), &team, &digest)
                .await
                .expect("deleted");
        }
    }
}

#[tokio::test]
async fn a_digest_of_an_algorithm_nobody_announced_is_still_checked() {
    let test = TestRegistry::open(Limits::default()).await;
    let (team, bytes) = (name("team/late"), noise(LARGE));
    let right = Digest::of(Algorithm::Sha512, &bytes);
    let wrong = Digest::of(Algorithm::Sha512, b"something else");
    for (digest, accepted) in [(&wrong, false), (&right, true)] {
        let id = test.start(&admin(), "team/late").await.expect("started");
        test.registry
            .append_upload(&admin(), &team, &id, whole(&bytes))
            .await
            .expect("a chunk");
        let finished = test
            .registry
            .finish_upload(&admin(), &team, &id, (digest, nothing()))
            .await;
        assert_eq!(finished.is_ok(), accepted, "{finished:?}");
        if !accepted {
            assert!(matches!(finished, Err(Error::DigestMismatch { .. })));
            assert_eq!(test.files(), Vec::<String>::new(), "nothing is kept");
        }
    }
    assert_eq!(
        test.pull(&admin(), "team/late", &right).await.expect("pulled"),
        bytes
    );
}

#[tokio::test]
async fn chunks_come_in_order_or_not_at_all() {
    let test = TestRegistry::open(Limits::default()).await;
    let (team, bytes) = (name("team/order"), noise(1000));
    let id = test.start(&admin(), "team/order").await.expect("started");
    for range in [100..200, 1..10] {
        let refused = test
            .registry
            .append_upload(&admin(), &team, &id, piece(&bytes, range))
            .await;
        assert!(
            matches!(refused, Err(Error::RangeInvalid { offset: 0 })),
            "{refused:?}"
        );
    }
    test.registry
        .append_upload(&admin(), &team, &id, piece(&bytes, 0..600))
        .await
        .expect("the first chunk");
    for range in [0..600, 599..700, 601..700] {
        let refused = test
            .registry
            .append_upload(&admin(), &team, &id, piece(&bytes, range))
            .await;
        assert!(
            matches!(refused, Err(Error::RangeInvalid { offset: 600 })),
            "{refused:?}"
        );
    }
    let mut lying = piece(&bytes, 600..700);
    lying.length = Some(99);
    let refused = test.registry.append_upload(&admin(), &team, &id, lying).await;
    assert!(matches!(refused, Err(Error::SizeInvalid(_))), "{refused:?}");
    assert_eq!(
        test.registry
            .upload_offset(&admin(), &team, &id)
            .await
            .expect("status"),
        600
    );
    let digest = sha256(&bytes);
    let last = piece(&bytes, 600..1000);
    test.registry
        .finish_upload(&admin(), &team, &id, (&digest, last))
        .await
        .expect("closed with a chunk");
    assert_eq!(
        test.pull(&admin(), "team/order", &digest).await.expect("pulled"),
        bytes
    );
}

#[tokio::test]
async fn what_arrived_before_the_connection_broke_is_kept() {
    let test = TestRegistry::open(Limits::default()).await;
    let (team, bytes) = (name("team/broken"), noise(LARGE));
    let id = test.start(&admin(), "team/broken").await.expect("started");
    let cut = 2_000_000;
    let interrupted = test
        .registry
        .append_upload(&admin(), &team, &id, broken(&bytes[..cut]))
        .await;
    assert!(
        matches!(interrupted, Err(Error::BodyInterrupted(_))),
        "{interrupted:?}"
    );
    assert_eq!(
        test.registry
            .upload_offset(&admin(), &team, &id)
            .await
            .expect("status"),
        cut as u64
    );

    // Another process goes on from the row alone: nothing of the first is needed.
    let again = test.reopen().await;
    let rest = piece(&bytes, cut..LARGE);
    let digest = sha256(&bytes);
    again
        .registry
        .finish_upload(&admin(), &team, &id, (&digest, rest))
        .await
        .expect("closed");
    assert_eq!(
        again
            .pull(&admin(), "team/broken", &digest)
            .await
            .expect("pulled"),
        bytes
    );
}

#[tokio::test]
async fn a_newer_request_takes_an_upload_over_from_a_client_that_hangs() {
    let test = TestRegistry::open(Limits::default()).await;
    let (team, bytes) = (name("team/hang"), noise(1000));
    let id = test.start(&admin(), "team/hang").await.expect("started");
    let (sent, heard) = tokio::sync::oneshot::channel();
    let mut sent = Some(sent);
    let first = bytes[..10].to_vec();
    let hanging = stream::once(async move { Ok(first.into()) }).chain(stream::poll_fn(move |_| {
        if let Some(sent) = sent.take() {
            let _ = sent.send(());
        }
        std::task::Poll::Pending
    }));
    let stuck = {
        let (registry, team, id) = (test.registry.clone(), team.clone(), id.clone());
        let chunk = Chunk {
            range: None,
            length: None,
            body: Box::pin(hanging),
        };
        tokio::spawn(async move { registry.append_upload(&admin(), &team, &id, chunk).await })
    };
    heard.await.expect("the first request has sent its bytes");
    let refused = test
        .registry
        .append_upload(&admin(), &team, &id, piece(&bytes, 0..1000))
        .await;
    assert!(
        matches!(refused, Err(Error::RangeInvalid { offset: 10 })),
        "{refused:?}"
    );
    assert!(matches!(
        stuck.await.expect("no panic"),
        Err(Error::BodyInterrupted(_))
    ));
    let digest = sha256(&bytes);
    test.registry
        .finish_upload(&admin(), &team, &id, (&digest, piece(&bytes, 10..1000)))
        .await
        .expect("closed");
    assert_eq!(
        test.pull(&admin(), "team/hang", &digest).await.expect("pulled"),
        bytes
    );
}

#[tokio::test]
async fn a_wrong_digest_or_an_oversized_body_leaves_nothing() {
    let test = TestRegistry::open(Limits {
        blob_bytes_max: 1000,
        ..Limits::default()
    })
    .await;
    let team = name("team/wrong");
    let wrong = sha256(b"other bytes");
    let refused = test
        .registry
        .push_blob(&admin(), &team, &wrong, whole(b"bytes"))
        .await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );

    let id = test.start(&admin(), "team/wrong").await.expect("started");
    let refused = test
        .registry
        .finish_upload(&admin(), &team, &id, (&wrong, whole(b"bytes")))
        .await;
    assert!(
        matches!(refused, Err(Error::DigestMismatch { .. })),
        "{refused:?}"
    );
    let gone = test.registry.upload_offset(&admin(), &team, &id).await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");

    let large = noise(1001);
    let announced = test
        .registry
        .push_blob(&admin(), &team, &sha256(&large), whole(&large))
        .await;
    assert!(
        matches!(announced, Err(Error::TooLarge { max: 1000, .. })),
        "{announced:?}"
    );
    let mut unannounced = whole(&large);
    unannounced.length = None;
    let streamed = test
        .registry
        .push_blob(&admin(), &team, &sha256(&large), unannounced)
        .await;
    assert!(
        matches!(streamed, Err(Error::TooLarge { max: 1000, .. })),
        "{streamed:?}"
    );
    assert_eq!(test.files(), Vec::<String>::new());
}

#[tokio::test]
async fn an_upload_belongs_to_who_began_it() {
    let test = TestRegistry::open(Limits::default()).await;
    test.grant(Permission::Write).await;
    let team = name("team/own");
    let id = test.start(&admin(), "team/own").await.expect("started");
    for caller in [member(), Caller::System] {
        let refused = test
            .registry
            .append_upload(&caller, &team, &id, whole(b"x"))
            .await;
        assert!(matches!(refused, Err(Error::UploadUnknown)), "{refused:?}");
        let refused = test.registry.cancel_upload(&caller, &team, &id).await;
        assert!(matches!(refused, Err(Error::UploadUnknown)), "{refused:?}");
    }
    let elsewhere = test
        .registry
        .upload_offset(&admin(), &name("team/other"), &id)
        .await;
    assert!(matches!(elsewhere, Err(Error::UploadUnknown)), "{elsewhere:?}");
    test.registry
        .cancel_upload(&admin(), &team, &id)
        .await
        .expect("cancelled");
    let gone = test
        .registry
        .append_upload(&admin(), &team, &id, whole(b"x"))
        .await;
    assert!(matches!(gone, Err(Error::UploadUnknown)), "{gone:?}");
}

#[tokio::test]
async fn a_mount_needs_the_right_to_read_the_source() {
    let test = TestRegistry::open(Limits::default()).await;
    test.grant(Permission::Write).await;
    let digest = test.push("team/source", b"a layer").await;
    let mount = |from: Option<&str>| StartUpload {
        mount: Some(digest.clone()),
        from: from.map(name),
        ..StartUpload::default()
    };
    let mounted = test
        .registry
        .start_upload(&member(), &name("team/target"), &mount(Some("team/source")))
        .await;
    assert_eq!(mounted.expect("a mount"), Started::Mounted(digest.clone()));
    assert_eq!(
        test.pull(&member(), "team/target", &digest)
            .await
            .expect("pulled"),
        b"a layer"
    );
    let anonymous = test
        .registry
        .start_upload(&member(), &name("team/third"), &mount(None))
        .await;
    assert_eq!(
        anonymous.expect("a mount without a source"),
        Started::Mounted(digest.clone())
    );

    // The right is there, the token does not say so: the client is told which token would do.
    let Caller::User(mut limited) = member() else {
        unreachable!("a user")
    };
    Arc::make_mut(&mut limited).scopes = Some(
        berth_oci::Scope::parse_list("repository:team/fourth:pull,push")
            .expect("a scope")
            .into(),
    );
    let start = mount(Some("team/source"));
    let refused = test
        .registry
        .start_upload(&Caller::User(limited), &name("team/fourth"), &start)
        .await;
    assert!(
        matches!(refused, Err(Error::InsufficientScope(ref place)) if place == "team/source"),
        "{refused:?}"
    );

    let private = test.push_elsewhere("private/secret", b"a secret layer").await;
    for from in [
        Some("private/secret"),
        Some("private/absent"),
        Some("absent/absent"),
        None,
    ] {
        let start = StartUpload {
            mount: Some(private.clone()),
            from: from.map(name),
            ..StartUpload::default()
        };
        let answer = test
            .registry
            .start_upload(&member(), &name("team/target"), &start)
            .await;
        assert!(matches!(answer, Ok(Started::Upload(_))), "{from:?}: {answer:?}");
    }
    let unread = test.pull(&member(), "team/target", &private).await;
    assert!(matches!(unread, Err(Error::BlobUnknown(_))), "{unread:?}");
}

#[tokio::test]
async fn a_failing_disk_fails_the_request_and_nothing_else() {
    let bytes = noise(LARGE);
    let digest = sha256(&bytes);
    for step in 0..4 {
        let limits = Limits {
            upkeep: at_once(),
            ..Limits::default()
        };
        let test = TestRegistry::over(limits, |store| FaultyStore::new(store, step, Fault::NoSpace)).await;
        let team = name("team/full");
        let failed = test
            .registry
            .push_blob(&admin(), &team, &digest, whole(&bytes))
            .await;
        if failed.is_err() {
            assert!(matches!(failed, Err(Error::NoSpace)), "step {step}: {failed:?}");
            let absent = test.registry.stat_blob(&admin(), &team, &digest).await;
            assert!(
                matches!(absent, Err(Error::BlobUnknown(_))),
                "step {step}: {absent:?}"
            );
            // The fault is over: the same push goes through.
            test.registry
                .push_blob(&admin(), &team, &digest, whole(&bytes))
                .await
                .expect("pushed again");
        }
        a_moment().await;
        test.registry.maintain_once().await.expect("upkeep");
        test.registry
            .delete_orphans(false)
            .await
            .expect("a search for orphans");
        assert_eq!(test.files().len(), 1, "step {step}: {:?}", test.files());
        assert_eq!(
            test.pull(&admin(), "team/full", &digest).await.expect("pulled"),
            bytes
        );
    }
}

/// Bytes that come in pieces of a MiB, each different.
fn mebibytes(noise: &bytes::Bytes, range: Range<usize>) -> Chunk {
    let pieces: Vec<_> = range.map(|n| Ok(noise.slice(n..n + (1 << 20)))).collect();
    Chunk {
        range: None,
        length: None,
        body: Box::pin(stream::iter(pieces)),
    }
}

#[tokio::test]
async fn only_what_is_durable_of_a_long_body_is_saved() {
    const MIB: u64 = 1 << 20;
    let noise = bytes::Bytes::from(noise(2 << 20));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    (0..130).for_each(|n| hasher.update(&noise[n..n + (1 << 20)]));
    let digest = hasher.finish();
    // The first 128 MiB are written; then, while they are synced, the rest is written; then that is synced.
    for (step, saved) in [(0, 0), (1, 128 * MIB), (2, 0), (3, 128 * MIB), (4, 130 * MIB)] {
        let test = TestRegistry::over(Limits::default(), |store| {
            FaultyStore::new(store, step, Fault::Fails)
        })
        .await;
        let (team, registry) = (name("team/long"), &test.registry);
        let id = test.start(&admin(), "team/long").await.expect("started");
        let appended = registry
            .append_upload(&admin(), &team, &id, mebibytes(&noise, 0..130))
            .await;
        assert_eq!(appended.is_ok(), saved == 130 * MIB, "step {step}: {appended:?}");
        let offset = registry.upload_offset(&admin(), &team, &id).await;
        assert_eq!(offset.expect("goes on"), saved, "step {step}");
        if step == 4 {
            continue;
        }
        let from = usize::try_from(saved / MIB).unwrap();
        let rest = mebibytes(&noise, from..130);
        let finished = registry
            .finish_upload(&admin(), &team, &id, (&digest, rest))
            .await;
        finished.expect("finished");
        let pulled = test.pull(&admin(), "team/long", &digest).await.expect("pulled");
        assert_eq!(sha256(&pulled), digest, "step {step}");
    }
}
