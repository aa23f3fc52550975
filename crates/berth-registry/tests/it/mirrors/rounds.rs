//! Rounds of fetching ahead in one process: one of a mirror at a time, none that holds others up, each within its bounds.

use std::time::Duration;

use berth_registry::{LoginChange, MirrorChange, MirrorRound, MirrorRulesChange};

use super::Mirrored;
use super::upstream::Manner;
use crate::harness::{admin, image};

/// Far more than any of this takes: who waits so long waits for ever.
const HANGS: Duration = Duration::from_mins(1);

impl Mirrored {
    async fn fetches_ahead(&self, mirror: &str, patterns: &[&str]) {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned());
        let change = MirrorChange {
            registry: None,
            url: None,
            login: LoginChange::Keep,
            enabled: None,
            rules: MirrorRulesChange {
                prefetch: Some(patterns.collect()),
                ..MirrorRulesChange::default()
            },
        };
        let registry = &self.test.registry;
        registry.update_mirror(&admin(), mirror, change).await.unwrap();
    }

    async fn round(&self, mirror: &str) -> MirrorRound {
        let registry = &self.test.registry;
        registry.mirror_figures(&admin(), mirror).await.unwrap().round
    }

    async fn does_what_is_due(&self) {
        let rounds = self.test.registry.fetch_ahead_where_due();
        let done = tokio::time::timeout(HANGS, rounds).await;
        done.expect("no round that goes on is waited for").unwrap();
    }
}

fn held() -> Manner {
    Manner {
        held_after: Some(10),
        ..Manner::default()
    }
}

#[tokio::test]
async fn a_round_that_is_asked_for_while_one_goes_on_follows_it() {
    // What is held is not to be given up.
    let mirrored = Mirrored::within(|limits| limits.mirrors.silence_max = HANGS).await;
    let second = mirrored.second().await;
    let layer = vec![1; 700_000];
    for upstream in [&mirrored.upstream, &second] {
        upstream.has_manifest("library/app", "v1", &image(b"{}", &[&layer]));
        upstream.has_blob("library/app", b"{}");
        upstream.has_blob("library/app", &layer);
    }
    for mirror in ["hub", "second"] {
        mirrored.fetches_ahead(mirror, &["library/app:v1"]).await;
    }
    mirrored.upstream.behaves(held());
    let (registry, admin) = (&mirrored.test.registry, admin());
    let asked = tokio::join!(
        registry.prefetch_mirror(&admin, "hub"),
        registry.prefetch_mirror(&admin, "hub")
    );
    asked.0.unwrap();
    asked.1.unwrap();
    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.contains("/blobs/")) {
        lines.extend(mirrored.upstream.lines());
        tokio::task::yield_now().await;
    }
    registry.prefetch_mirror(&admin, "hub").await.unwrap();
    // Other mirrors' rounds are done meanwhile, and this one's is not begun again.
    mirrored.does_what_is_due().await;
    assert_eq!(mirrored.round("second").await.did.images, 1);
    let going = mirrored.round("hub").await;
    assert!(going.wanted_at.is_some() && going.ended_at.is_none(), "{going:?}");
    mirrored.upstream.open_gate();
    while mirrored.round("hub").await.wanted_at.is_some() {
        mirrored.does_what_is_due().await;
    }
    while mirrored.round("hub").await.ended_at < mirrored.round("hub").await.begun_at {
        tokio::task::yield_now().await;
    }
    let followed = mirrored.round("hub").await;
    assert!(followed.begun_at > going.begun_at, "{followed:?}");
    assert_eq!(followed.did.images, 1);
    lines.extend(mirrored.upstream.lines());
    let blobs = lines.iter().filter(|line| line.contains("/blobs/"));
    assert_eq!(blobs.count(), 2, "each once: {lines:?}");
}

#[tokio::test]
async fn a_round_ends_when_its_time_is_over_and_says_so() {
    let mirrored = Mirrored::within(|limits| limits.mirrors.round_max = Duration::from_millis(300)).await;
    let layer = vec![1; 700_000];
    mirrored
        .upstream
        .has_manifest("library/app", "v1", &image(b"{}", &[&layer]));
    mirrored.upstream.has_blob("library/app", b"{}");
    mirrored.upstream.has_blob("library/app", &layer);
    mirrored.fetches_ahead("hub", &["library/app:v1"]).await;
    mirrored.upstream.behaves(held());
    mirrored.does_what_is_due().await;
    let round = mirrored.round("hub").await;
    assert!(round.ended_at >= round.begun_at, "{round:?}");
    assert_eq!((round.did.images, round.did.failed), (0, 1), "{round:?}");
    assert!(
        round.did.failures[0].contains("the next round goes on"),
        "{round:?}"
    );
}

#[tokio::test]
async fn what_is_listed_twice_is_fetched_once() {
    let mirrored = Mirrored::new().await;
    let mut inner = image(b"{}", &[]);
    mirrored.upstream.has_blob("library/app", b"{}");
    mirrored.upstream.has_manifest("library/app", "v0", &inner);
    // As many ways to the image as there are bytes in a gigabyte.
    for level in 1..=30 {
        let listed = |variant: &str| {
            serde_json::json!({
                "mediaType": match level {
                    1 => "application/vnd.oci.image.manifest.v1+json",
                    _ => "application/vnd.oci.image.index.v1+json",
                },
                "digest": crate::harness::sha256(&inner).as_str(),
                "size": inner.len(),
                "platform": { "os": "linux", "architecture": "arm64", "variant": variant },
            })
        };
        let index = serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [listed("v8"), listed("v9")],
        }));
        inner = index.unwrap();
        let tag = format!("v{level}");
        mirrored.upstream.has_manifest("library/app", &tag, &inner);
    }
    mirrored.fetches_ahead("hub", &["library/app:v30"]).await;
    mirrored.does_what_is_due().await;
    let round = mirrored.round("hub").await;
    assert_eq!((round.did.images, round.did.failed), (1, 0), "{round:?}");
}
