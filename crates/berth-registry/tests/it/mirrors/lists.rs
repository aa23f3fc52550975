//! Lists through a mirror: whose they are, what they may take, and what their failures have to do with anything else.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::endpoint::Page;
use berth_oci::{Descriptor, Digest};
use berth_registry::{
    Caller, Error, LoginChange, MirrorChange, MirrorRulesChange, PulledList, PushedManifest, Registry,
    UpstreamKind,
};

use super::upstream::{Manner, Upstream};
use super::{APP, Mirrored, THERE, failure};
use crate::harness::{admin, body, image, name, sha256, whole};

/// Far more than any of this takes: who waits so long waits for ever.
const HANGS: Duration = Duration::from_mins(1);

const LIMITED: UpstreamKind = UpstreamKind::RateLimited {
    retry_after_seconds: 600,
};

fn lists(status: u16, headers: &'static str) -> Manner {
    Manner {
        lists: Some((status, headers)),
        ..Manner::default()
    }
}

fn endless() -> Manner {
    Manner {
        endless: true,
        ..Manner::default()
    }
}

async fn tags(registry: &Arc<Registry>, image: &str) -> Result<Vec<String>, Error> {
    let (caller, name, page) = (admin(), name(image), Page::default());
    let listed = registry.list_tags(&caller, &name, &page);
    let listed = tokio::time::timeout(HANGS, listed).await.expect("an answer");
    Ok(listed?.listed.entries)
}

async fn referrers(mirrored: &Mirrored, subject: &Digest) -> Result<PulledList<Descriptor>, Error> {
    let (caller, name) = (admin(), name(APP));
    let registry = &mirrored.test.registry;
    registry
        .list_referrers(&caller, &name, subject, (None, None))
        .await
}

#[tokio::test]
async fn a_limit_on_lists_holds_up_no_manifest() {
    let mirrored = Mirrored::new().await;
    let registry = &mirrored.test.registry;
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    mirrored.upstream.behaves(lists(429, "retry-after: 600\r\n"));
    let refused = tags(registry, APP).await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
    mirrored.upstream.lines();
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    let standing = registry.mirror_figures(&admin(), "hub").await.unwrap();
    assert_eq!(standing.limited_until, None, "it limits no manifests");
    // Lists of all kinds wait until the limit ends.
    let refused = tags(registry, "team/library/tool").await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
    let refused = referrers(&mirrored, &sha256(b"other")).await.unwrap();
    assert!(refused.stale.is_some() && refused.listed.entries.is_empty());
    assert_eq!(mirrored.upstream.lines(), ["GET library/app/manifests/v1"]);
}

#[tokio::test]
async fn a_mirror_that_changed_has_no_lists_of_before() {
    let mirrored = Mirrored::new().await;
    let (registry, elsewhere) = (&mirrored.test.registry, Upstream::start().await);
    mirrored.upstream.has_tags(THERE, &["before"]);
    elsewhere.has_tags(THERE, &["after"]);
    assert_eq!(tags(registry, APP).await.unwrap(), ["before"]);
    let change = MirrorChange {
        registry: None,
        url: Some(elsewhere.url()),
        login: LoginChange::Keep,
        enabled: None,
        rules: MirrorRulesChange::default(),
    };
    registry.update_mirror(&admin(), "hub", change).await.unwrap();
    assert_eq!(tags(registry, APP).await.unwrap(), ["after"]);
    // Nor has the next one of the organisation those of the one that ended, whatever its name.
    registry.delete_mirror(&admin(), "hub").await.unwrap();
    mirrored.registers("team", "hub", &mirrored.upstream).await;
    assert_eq!(tags(registry, APP).await.unwrap(), ["before"]);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up_and_so_is_waiting_for_it() {
    let mirrored = Mirrored::within(|limits| limits.mirrors.list_max = Duration::from_millis(300)).await;
    mirrored.upstream.behaves(endless());
    let askers = (0..12).map(|number| {
        let registry = Arc::clone(&mirrored.test.registry);
        tokio::spawn(async move { tags(&registry, &format!("team/library/{number}")).await })
    });
    for asker in askers.collect::<Vec<_>>() {
        let refused = asker.await.unwrap().unwrap_err();
        assert_eq!(failure(refused), UpstreamKind::Unreachable);
    }
}

#[tokio::test]
async fn who_would_be_refused_does_not_wait_for_others() {
    let mirrored = Mirrored::within(|limits| limits.mirrors.list_max = Duration::from_hours(1)).await;
    let slow = mirrored.second().await;
    slow.behaves(endless());
    let registry = &mirrored.test.registry;
    mirrored.upstream.behaves(lists(429, "retry-after: 600\r\n"));
    let refused = tags(registry, APP).await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
    let mut slow_askers = tokio::task::JoinSet::new();
    for number in 0..8 {
        let registry = Arc::clone(registry);
        slow_askers.spawn(async move { tags(&registry, &format!("other/library/{number}")).await });
    }
    let mut asked = 0;
    while asked < 8 {
        asked += slow.lines().len();
        tokio::task::yield_now().await;
    }
    let refused = tags(registry, "team/library/tool").await.unwrap_err();
    assert_eq!(failure(refused), LIMITED);
}

#[tokio::test]
async fn what_was_made_here_for_an_image_is_listed_though_the_other_side_refuses() {
    for status in [401, 403] {
        let mirrored = Mirrored::new().await;
        let manifest = image(b"{}", &[]);
        let subject = mirrored.upstream.has_manifest(THERE, "v1", &manifest);
        assert_eq!(mirrored.digest("v1").await, subject.as_str());
        mirrored.upstream.behaves(lists(status, ""));
        // Whether anything refers to it is not known.
        let refused = referrers(&mirrored, &subject).await.unwrap_err();
        assert_eq!(failure(refused), UpstreamKind::Refused, "{status}");
        let own = refer_to(&mirrored, &subject, manifest.len()).await;
        let listed = referrers(&mirrored, &subject).await.unwrap();
        let digests: Vec<_> = listed.listed.entries.iter().map(|entry| &entry.digest).collect();
        assert_eq!(digests, [&own], "{status}");
        assert!(listed.stale.is_some(), "it is told that there may be others");
    }
}

/// Has something here that refers to a manifest.
async fn refer_to(mirrored: &Mirrored, subject: &Digest, size: usize) -> Digest {
    let registry = &mirrored.test.registry;
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let blob = |bytes: &[u8]| {
        serde_json::json!({
            "mediaType": "application/x-signature",
            "digest": sha256(bytes).as_str(),
            "size": bytes.len(),
        })
    };
    let own = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "artifactType": "a/own",
        "config": blob(b"{}"),
        "layers": [blob(b"signature")],
        "subject": { "mediaType": kind, "digest": subject.as_str(), "size": size },
    }));
    let own = own.unwrap();
    let (digest, here) = (sha256(&own), name(APP));
    for bytes in [b"{}".as_slice(), b"signature"] {
        let (blob, bytes) = (sha256(bytes), whole(bytes));
        let pushed = registry.push_blob(&Caller::System, &here, &blob, bytes);
        pushed.await.unwrap();
    }
    let reference = digest.as_str().parse().unwrap();
    let pushed = PushedManifest {
        reference: &reference,
        tags: &[],
        content_type: Some(kind),
        body: body(vec![Ok(own)]),
        condition: None,
        origin: None,
    };
    let put = registry.put_manifest(&Caller::System, &here, pushed);
    put.await.unwrap();
    digest
}
