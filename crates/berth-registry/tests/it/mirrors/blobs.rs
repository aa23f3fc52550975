//! Blobs through a mirror.

use std::sync::Arc;

use berth_oci::{Digest, RangeRequest};
use berth_registry::{BlobRead, Error, Extent, OpenedBlob, Registry, UpstreamKind};
use bytes::Bytes;
use futures_util::StreamExt as _;

use super::upstream::Manner;
use super::{APP, Mirrored, THERE, failure};
use crate::harness::{admin, image, name, sha256};
use crate::replicas::another;

/// Bytes of which no two parts are the same.
fn layer(size: usize) -> Vec<u8> {
    (0_u64..)
        .flat_map(|n| sha256(&n.to_le_bytes()).hex().as_bytes()[..32].to_vec())
        .take(size)
        .collect()
}

async fn open(
    registry: &Arc<Registry>,
    digest: &Digest,
    range: RangeRequest<'_>,
) -> Result<OpenedBlob, Error> {
    match registry.open_blob(&admin(), &name(APP), digest, range).await? {
        BlobRead::Opened(blob) => Ok(blob),
        _ => panic!("a blob is opened"),
    }
}

async fn whole(mut blob: OpenedBlob) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = blob.stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

/// What of a blob comes before it is all there.
async fn first(blob: &mut OpenedBlob, bytes: usize) -> Vec<u8> {
    let mut came = Vec::new();
    while came.len() < bytes {
        let chunk: Bytes = blob.stream.next().await.unwrap().unwrap();
        came.extend_from_slice(&chunk);
    }
    came
}

#[tokio::test]
async fn a_hundred_who_ask_for_a_blob_are_one_request_and_all_see_it_come() {
    let mirrored = Mirrored::new().await;
    let content = layer(3_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    mirrored.upstream.behaves(Manner {
        held_after: Some(1_000_000),
        ..Manner::default()
    });
    let mut askers = Vec::new();
    for _ in 0..100 {
        let mut blob = open(&mirrored.test.registry, &digest, RangeRequest::Whole)
            .await
            .unwrap();
        assert_eq!(blob.size, 3_000_000);
        // Before the rest has left the other side.
        let came = first(&mut blob, 1_000_000).await;
        askers.push((came, blob));
    }
    mirrored.upstream.open_gate();
    for (mut came, blob) in askers {
        came.extend(whole(blob).await.unwrap());
        assert!(came == content);
    }
    assert_eq!(
        mirrored.upstream.lines(),
        [format!("GET library/app/blobs/{digest}")]
    );
    let standing = mirrored
        .test
        .registry
        .mirror_figures(&admin(), "hub")
        .await
        .unwrap();
    assert_eq!((standing.figures.misses, standing.figures.hits), (1, 99));
    assert_eq!(standing.figures.bytes_fetched, 3_000_000);
    assert_eq!(standing.figures.bytes_served, 99 * 3_000_000);
}

#[tokio::test]
async fn a_blob_is_stored_though_nobody_waits_for_it() {
    let mirrored = Mirrored::new().await;
    let content = layer(2_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    mirrored.upstream.behaves(Manner {
        held_after: Some(1),
        ..Manner::default()
    });
    let registry = Arc::clone(&mirrored.test.registry);
    drop(open(&registry, &digest, RangeRequest::Whole).await.unwrap());
    mirrored.upstream.open_gate();
    stored(&mirrored, APP, &digest).await;
    assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
    assert_eq!(mirrored.upstream.lines().len(), 1);
}

/// Waits until a blob of a repository is stored.
pub(super) async fn stored(mirrored: &Mirrored, here: &str, digest: &Digest) {
    loop {
        if let Some(repository) = mirrored.test.metadata.repository(here).await.unwrap() {
            let linked = mirrored.test.metadata.linked_blob(repository.id, digest.as_str());
            if linked.await.unwrap().is_some() {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_blob_that_is_cut_goes_on_where_it_was() {
    let mirrored = Mirrored::new().await;
    let content = layer(1_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    mirrored.upstream.behaves(Manner {
        cut: Some((300_000, 2)),
        ..Manner::default()
    });
    assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
    let ranges: Vec<_> = mirrored
        .upstream
        .asked()
        .into_iter()
        .map(|asked| asked.range)
        .collect();
    assert_eq!(ranges[0], None);
    assert_eq!(ranges.len(), 3, "{ranges:?}");
    assert!(ranges[1..].iter().all(Option::is_some), "{ranges:?}");
}

#[tokio::test]
async fn wrong_bytes_are_never_whole_and_never_stored() {
    let mirrored = Mirrored::new().await;
    let digest = mirrored.upstream.has_blob(THERE, &layer(1_000_000));
    mirrored.upstream.behaves(Manner {
        wrong: true,
        ..Manner::default()
    });
    let blob = open(&mirrored.test.registry, &digest, RangeRequest::Whole)
        .await
        .unwrap();
    let broken = whole(blob).await;
    assert!(broken.is_err(), "the connection is cut before the last byte");
    let again = mirrored.test.pull(&admin(), APP, &digest).await.unwrap_err();
    assert_eq!(failure(again), UpstreamKind::Unusable);
    let blobs = mirrored.test.metadata.blob_keys(None, 10).await.unwrap();
    assert!(blobs.is_empty());
}

#[tokio::test]
async fn a_part_far_behind_what_has_come_is_fetched_by_itself() {
    let mirrored = Mirrored::new().await;
    let content = layer(12_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    mirrored.upstream.behaves(Manner {
        held_after: Some(1000),
        ..Manner::default()
    });
    let range = |start, end| RangeRequest::From { start, end };
    let far = open(
        &mirrored.test.registry,
        &digest,
        range(11_000_000, Some(11_000_999)),
    )
    .await
    .unwrap();
    assert_eq!(far.size, 12_000_000);
    assert!(matches!(&far.extent, Extent::Part(part) if *part == (11_000_000..11_001_000)));
    assert!(whole(far).await.unwrap() == content[11_000_000..11_001_000]);
    let asked = mirrored.upstream.asked();
    let ranges: Vec<_> = asked.iter().map(|asked| asked.range.as_deref()).collect();
    assert_eq!(ranges, [None, Some("bytes=11000000-11000999")]);
    // What is near is waited for.
    let near = open(&mirrored.test.registry, &digest, range(5000, Some(5999)))
        .await
        .unwrap();
    mirrored.upstream.open_gate();
    assert!(whole(near).await.unwrap() == content[5000..6000]);
    stored(&mirrored, APP, &digest).await;
    assert!(mirrored.upstream.asked().is_empty());
}

#[tokio::test]
async fn a_limit_on_manifests_holds_no_blob_up() {
    let mirrored = Mirrored::new().await;
    let digest = mirrored.upstream.has_blob(THERE, b"layer");
    mirrored.upstream.behaves(Manner {
        status: Some((429, "retry-after: 600\r\n")),
        ..Manner::default()
    });
    let limited = mirrored.manifest("v1").await.unwrap_err();
    assert_eq!(
        failure(limited),
        UpstreamKind::RateLimited {
            retry_after_seconds: 600
        }
    );
    mirrored.upstream.behaves(Manner::default());
    assert_eq!(
        mirrored.test.pull(&admin(), APP, &digest).await.unwrap(),
        b"layer"
    );
    mirrored.upstream.asked();
    let limited = mirrored.manifest("v2").await.unwrap_err();
    let UpstreamKind::RateLimited { retry_after_seconds } = failure(limited) else {
        panic!("it is limited still");
    };
    assert!(
        (590..=600).contains(&retry_after_seconds),
        "{retry_after_seconds}"
    );
    assert!(mirrored.upstream.asked().is_empty(), "it asked for peace");
}

#[tokio::test]
async fn what_there_is_no_room_for_is_passed_on() {
    // No folder can be made below a file.
    let file = tempfile::NamedTempFile::new().unwrap();
    let spool = file.path().join("below");
    let mirrored = Mirrored::within(|limits| limits.mirrors.spool = spool).await;
    let content = layer(500_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    for _ in 0..2 {
        assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
        let range = RangeRequest::From {
            start: 400_000,
            end: Some(400_009),
        };
        let part = open(&mirrored.test.registry, &digest, range).await.unwrap();
        assert_eq!(whole(part).await.unwrap(), content[400_000..400_010]);
    }
    mirrored.upstream.behaves(Manner {
        wrong: true,
        ..Manner::default()
    });
    let blob = open(&mirrored.test.registry, &digest, RangeRequest::Whole)
        .await
        .unwrap();
    assert!(
        whole(blob).await.is_err(),
        "the connection is cut before the last bytes"
    );
}

#[tokio::test]
async fn what_a_full_quota_has_no_room_for_is_passed_on() {
    let mirrored = Mirrored::new().await;
    let content = layer(500_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    let manifest = image(b"{}", &[b"one"]);
    mirrored.upstream.has_manifest(THERE, "v1", &manifest);
    mirrored.manifest("v1").await.unwrap();
    let registry = &mirrored.test.registry;
    registry
        .set_organization_byte_quota(&admin(), &"team".parse().unwrap(), Some(1000))
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
    }
    let another = image(&[b' '; 2000], &[]);
    mirrored.upstream.has_manifest(THERE, "v2", &another);
    assert_eq!(mirrored.manifest("v2").await.unwrap().pull(), another);
}

#[tokio::test]
async fn a_process_that_ends_in_the_middle_leaves_nothing_that_is_read() {
    let spool = tempfile::tempdir().unwrap();
    let folder = spool.path().to_owned();
    let mirrored = Mirrored::within(|limits| limits.mirrors.spool = folder).await;
    let content = layer(2_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    mirrored.upstream.behaves(Manner {
        held_after: Some(1_000_000),
        ..Manner::default()
    });
    let dying = another(&mirrored.test).await;
    let wanted = digest.clone();
    // All that this runtime runs ends where it stands.
    let (told, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut blob = open(&dying, &wanted, RangeRequest::Whole).await.unwrap();
            first(&mut blob, 1_000_000).await;
        });
        runtime.shutdown_background();
        told.send(()).unwrap();
    });
    ended.await.unwrap();
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);
    assert!(
        mirrored
            .test
            .metadata
            .blob_keys(None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    mirrored.upstream.open_gate();
    assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
}

#[tokio::test]
async fn two_processes_that_fetch_the_same_both_end_well() {
    let mirrored = Mirrored::new().await;
    let content = layer(1_000_000);
    let digest = mirrored.upstream.has_blob(THERE, &content);
    let manifest = image(b"{}", &[&content]);
    mirrored.upstream.has_manifest(THERE, "v1", &manifest);
    mirrored.upstream.behaves(Manner {
        held_after: Some(500_000),
        ..Manner::default()
    });
    let registries = [Arc::clone(&mirrored.test.registry), another(&mirrored.test).await];
    let mut blobs = Vec::new();
    for registry in &registries {
        let found = registry
            .manifest(&admin(), &name(APP), &"v1".parse().unwrap())
            .await;
        assert_eq!(found.unwrap().pull(), manifest);
        blobs.push(open(registry, &digest, RangeRequest::Whole).await.unwrap());
    }
    mirrored.upstream.open_gate();
    for blob in blobs {
        assert!(whole(blob).await.unwrap() == content);
    }
    stored(&mirrored, APP, &digest).await;
    for registry in &registries {
        let blob = open(registry, &digest, RangeRequest::Whole).await.unwrap();
        assert!(whole(blob).await.unwrap() == content);
    }
    assert_eq!(mirrored.test.metadata.blob_keys(None, 10).await.unwrap().len(), 1);
    let asked = mirrored.upstream.lines();
    let of = |what: &str| asked.iter().filter(|line| line.contains(what)).count();
    // The tag that one compared is known to the other.
    assert_eq!((of("manifests"), of("blobs")), (1, 2), "{asked:?}");
}

#[tokio::test]
async fn a_layer_that_another_image_has_here_is_linked_when_the_other_side_says_so() {
    let mirrored = Mirrored::new().await;
    let content = layer(500_000);
    for there in [THERE, "library/tool"] {
        mirrored.upstream.has_blob(there, &content);
    }
    let digest = sha256(&content);
    assert!(mirrored.test.pull(&admin(), APP, &digest).await.unwrap() == content);
    stored(&mirrored, APP, &digest).await;
    mirrored.upstream.asked();
    let tool = "team/library/tool";
    assert!(mirrored.test.pull(&admin(), tool, &digest).await.unwrap() == content);
    let asked = mirrored.upstream.lines();
    assert_eq!(asked, [format!("HEAD library/tool/blobs/{digest}")]);
    stored(&mirrored, tool, &digest).await;
    let standing = mirrored.test.registry.mirror_figures(&admin(), "hub").await;
    let figures = standing.unwrap().figures;
    assert_eq!((figures.misses, figures.hits), (1, 1));
    assert_eq!((figures.bytes_fetched, figures.bytes_served), (500_000, 500_000));
    // What the other side does not have in an image is not read in it, whoever has it here.
    let other = mirrored.test.pull(&admin(), "team/library/other", &digest).await;
    assert!(matches!(other, Err(Error::BlobUnknown(_))), "{other:?}");
    assert_eq!(mirrored.test.metadata.blob_keys(None, 10).await.unwrap().len(), 1);
}
