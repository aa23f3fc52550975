//! Bytes that change behind the registry's back: no pull gets wrong ones unnoticed, and every push heals.

use std::path::PathBuf;

use berth_oci::Digest;
use berth_registry::{BlobRead, Caller, Error, Limits};
use futures_util::StreamExt as _;

use crate::harness::{TestRegistry, admin, image, member, name, sha256};

const LAYER: &[u8] = b"the bytes of a layer";

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Deleted,
    Truncated,
}

impl Harm {
    fn happens_to(self, file: &PathBuf) {
        match self {
            Harm::Deleted => std::fs::remove_file(file).expect("the file is there"),
            Harm::Truncated => {
                let file = std::fs::OpenOptions::new().write(true).open(file);
                file.and_then(|file| file.set_len(3)).expect("a shorter file");
            }
        }
    }
}

/// The files that hold a blob's bytes.
fn files_of(test: &TestRegistry, digest: &Digest) -> Vec<PathBuf> {
    let root = test.folder.path().join("storage");
    let mut files = test.files();
    files.retain(|file| file.contains(digest.hex()));
    files.iter().map(|file| root.join(file)).collect()
}

/// Two repositories with an image over the same layer.
async fn two_images() -> TestRegistry {
    let test = TestRegistry::open(Limits::default()).await;
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
async fn read(
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
    for harm in [Harm::Deleted, Harm::Truncated] {
        let test = two_images().await;
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
    let test = two_images().await;
    let layer = sha256(LAYER);
    Harm::Deleted.happens_to(&files_of(&test, &layer)[0]);
    let pulled = test.pull(&admin(), "team/app", &layer).await;
    assert!(matches!(pulled, Err(Error::BlobUnknown(_))), "{pulled:?}");
    let affected = test.metadata.affected_by(layer.as_str(), 10).await;
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
    let test = two_images().await;
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
    let test = two_images().await;
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
