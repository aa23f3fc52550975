//! Bytes that change behind the registry's back: no pull gets wrong ones unnoticed, and every push heals.

use std::future::poll_fn;
use std::path::PathBuf;
use std::time::Duration;

use berth_oci::Digest;
use berth_registry::{BlobPiece, BlobRead, Caller, Error, Limits, Upkeep};
use futures_util::StreamExt as _;

use crate::harness::{TestRegistry, admin, image, member, name, sha256};
use crate::upkeep::{a_moment, at_once};

pub(crate) const LAYER: &[u8] = b"the bytes of a layer";

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Harm {
    Deleted,
    Truncated,
    Flipped,
}

impl Harm {
    pub(crate) fn happens_to(self, file: &PathBuf) {
        match self {
            Harm::Deleted => std::fs::remove_file(file).expect("the file is there"),
            Harm::Truncated => {
                let file = std::fs::OpenOptions::new().write(true).open(file);
                file.and_then(|file| file.set_len(3)).expect("a shorter file");
            }
            Harm::Flipped => {
                let mut bytes = std::fs::read(file).expect("the file is there");
                bytes[5] ^= 1;
                std::fs::write(file, bytes).expect("a file of the same size");
            }
        }
    }
}

/// The files that hold a blob's bytes.
pub(crate) fn files_of(test: &TestRegistry, digest: &Digest) -> Vec<PathBuf> {
    let root = test.folder.path().join("storage");
    let mut files = test.files();
    files.retain(|file| file.contains(digest.hex()));
    files.iter().map(|file| root.join(file)).collect()
}

/// Everything is to be verified all the time.
pub(crate) fn suspicious() -> Limits {
    Limits {
        upkeep: Upkeep {
            scrub_interval: Duration::ZERO,
            quarantine_ttl: Duration::ZERO,
            ..at_once()
        },
        ..Limits::default()
    }
}

/// Two repositories with an image over the same layer.
pub(crate) async fn two_images(limits: Limits) -> TestRegistry {
    let test = TestRegistry::open(limits).await;
    for repository in ["team/app", "team/copy"] {
        test.push(repository, b"{}").await;
    }
    test.push("team/app", LAYER).await;
    let mounted = test.mount("team/copy", "team/app", &sha256(LAYER)).await;
    assert!(mounted);
    for repository in ["team/app", "team/copy"] {
        test.put(repository, "v1", &image(b"{}", &[LAYER]))
            .await
            .expect("put");
    }
    test
}

/// Reads as far as it goes: what came, and whether all of it.
pub(crate) async fn read(
    test: &TestRegistry,
    caller: &Caller,
    repository: &str,
    digest: &Digest,
) -> Result<bool, Error> {
    let range = berth_oci::RangeRequest::Whole;
    let opened = test
        .registry
        .open_blob(caller, &name(repository), digest, range)
        .await?;
    let BlobRead::Opened(mut blob) = opened else {
        panic!("no range was asked for")
    };
    while let Some(chunk) = blob.stream.next().await {
        if chunk.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

#[tokio::test]
async fn a_damaged_blob_is_absent_everywhere_until_it_is_pushed_anywhere() {
    for harm in [Harm::Deleted, Harm::Truncated, Harm::Flipped] {
        let test = two_images(suspicious()).await;
        // In another millisecond than the push, which verified it.
        a_moment().await;
        let layer = sha256(LAYER);
        harm.happens_to(&files_of(&test, &layer)[0]);
        let pulled = read(&test, &admin(), "team/app", &layer).await;
        assert!(
            matches!(pulled, Err(Error::BlobUnknown(_)) | Ok(false)),
            "{harm:?}: {pulled:?}"
        );
        for repository in ["team/app", "team/copy"] {
            let found = test.registry.stat_blob(&admin(), &name(repository), &layer).await;
            assert!(matches!(found, Err(Error::BlobUnknown(_))), "{harm:?}: {found:?}");
        }
        assert!(
            !test.mount("team/third", "team/app", &layer).await,
            "{harm:?}: bytes that are not there can be mounted"
        );
        let refused = test.put("team/app", "v2", &image(b"{}", &[LAYER])).await;
        assert!(matches!(refused, Err(Error::ReferencesMissing(_))), "{harm:?}");

        test.push("team/copy", LAYER).await;
        for repository in ["team/app", "team/copy"] {
            let pulled = test.pull(&admin(), repository, &layer).await;
            assert_eq!(pulled.expect("healed"), LAYER, "{harm:?}: {repository}");
        }
        test.put("team/app", "v2", &image(b"{}", &[LAYER]))
            .await
            .expect("put");
    }
}

#[tokio::test]
async fn what_a_damaged_blob_touches_is_known() {
    let test = two_images(Limits::default()).await;
    let layer = sha256(LAYER);
    Harm::Deleted.happens_to(&files_of(&test, &layer)[0]);
    let pulled = test.pull(&admin(), "team/app", &layer).await;
    assert!(matches!(pulled, Err(Error::BlobUnknown(_))), "{pulled:?}");
    let affected = test.metadata.affected_by(layer.as_str(), None, 10).await;
    let affected: Vec<_> = affected
        .expect("metadata")
        .into_iter()
        .map(|place| (place.repository, place.tag))
        .collect();
    let place = |repository: &str, tag: Option<&str>| (repository.to_owned(), tag.map(str::to_owned));
    let expected = [
        place("team/app", None),
        place("team/app", Some("v1")),
        place("team/copy", None),
        place("team/copy", Some("v1")),
    ];
    assert_eq!(affected, expected);
}

#[tokio::test]
async fn a_blob_that_is_read_while_it_is_pushed_again_is_not_damaged() {
    let test = two_images(suspicious()).await;
    let layer = sha256(LAYER);
    // A push elsewhere puts other bytes in its place, and the old ones go.
    test.push("team/copy", LAYER).await;
    let files = files_of(&test, &layer);
    assert_eq!(files.len(), 2);
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(files_of(&test, &layer).len(), 1);
    assert!(read(&test, &admin(), "team/app", &layer).await.expect("pulled"));
}

#[tokio::test]
async fn who_may_not_read_does_not_hear_of_damage() {
    let test = two_images(Limits::default()).await;
    let layer = sha256(LAYER);
    Harm::Deleted.happens_to(&files_of(&test, &layer)[0]);
    let before = read(&test, &member(), "team/app", &layer).await.err();
    let pulled = read(&test, &admin(), "team/app", &layer).await;
    assert!(matches!(pulled, Err(Error::BlobUnknown(_))), "{pulled:?}");
    let after = read(&test, &member(), "team/app", &layer).await.err();
    assert_eq!(
        before.map(|error| error.to_string()),
        after.map(|error| error.to_string())
    );
}

#[tokio::test]
async fn no_client_gets_all_of_wrong_bytes() {
    for size in [1_usize, 256 << 10, (256 << 10) + 1, 3 << 20] {
        let test = TestRegistry::open(suspicious()).await;
        let digest = test.push("team/app", &vec![7; size]).await;
        let file = &files_of(&test, &digest)[0];
        let mut bytes = vec![7; size];
        bytes[0] ^= 1;
        std::fs::write(file, bytes).expect("a file of the same size");
        a_moment().await;
        let range = berth_oci::RangeRequest::Whole;
        let opened = test
            .registry
            .open_blob(&admin(), &name("team/app"), &digest, range)
            .await;
        let BlobRead::Opened(mut blob) = opened.expect("opened") else {
            panic!("no range was asked for")
        };
        let mut sent = 0;
        let ended = loop {
            match blob.stream.next().await {
                Some(Ok(chunk)) => sent += chunk.len(),
                other => break other,
            }
        };
        assert!(
            matches!(ended, Some(Err(_))),
            "{size}: the connection ends as if all was well"
        );
        assert!(sent < size, "{size}: all of it went out");
    }
}

#[tokio::test]
async fn a_blob_that_is_due_is_looked_at_by_those_who_would_send_it_unread() {
    for (limits, flipped) in [
        (suspicious(), true),
        (suspicious(), false),
        (Limits::default(), false),
    ] {
        let is_due = limits.upkeep.scrub_interval.is_zero();
        let test = TestRegistry::open(limits).await;
        let size = 1 << 20;
        let digest = test.push("team/app", &vec![7; size]).await;
        if flipped {
            let mut bytes = vec![7; size];
            bytes[0] ^= 1;
            std::fs::write(&files_of(&test, &digest)[0], bytes).expect("a file of the same size");
        }
        a_moment().await;
        let range = berth_oci::RangeRequest::Whole;
        let opened = test
            .registry
            .open_blob(&admin(), &name("team/app"), &digest, range)
            .await;
        let BlobRead::Opened(mut blob) = opened.expect("opened") else {
            panic!("no range was asked for")
        };
        let (mut read, mut unread) = (0, 0);
        let ended = loop {
            match poll_fn(|context| blob.stream.poll_piece(context)).await {
                Some(Ok(BlobPiece::Read(bytes))) => read += bytes.len(),
                Some(Ok(BlobPiece::Part(part))) => unread += part.len(),
                other => break other,
            }
        };
        assert_eq!(matches!(ended, Some(Err(_))), flipped, "{ended:?}");
        assert_eq!(
            (read == 0, unread == 0),
            (!is_due, is_due),
            "{read} read, {unread} not"
        );
        assert_eq!(read + unread == size, !flipped);
    }
}

#[tokio::test]
async fn one_reader_in_an_interval_pays_for_the_check() {
    let limits = Limits {
        upkeep: Upkeep {
            scrub_interval: Duration::from_hours(1),
            ..Upkeep::default()
        },
        ..Limits::default()
    };
    let test = TestRegistry::open(limits).await;
    let digest = test.push("team/app", LAYER).await;
    Harm::Flipped.happens_to(&files_of(&test, &digest)[0]);
    let pulled = read(&test, &admin(), "team/app", &digest).await;
    assert!(
        pulled.expect("pulled"),
        "what was verified within the hour is sent as it is"
    );
}
