//! Pulls through a mirror: one request to the other side however many ask, tags compared now and then, and the other side's
//! failures told as what they are.

mod blobs;
mod lists;
mod rounds;
mod rules;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use berth_oci::{Digest, Reference};
use berth_registry::{
    Caller, Error, FoundManifest, Limits, LoginChange, MirrorChange, MirrorLimits, MirrorRulesChange,
    OutboundRules, UpstreamKind, WantedMirror,
};

use crate::harness::{TestRegistry, admin, image, member, name, sha256, whole};
use upstream::{Manner, Upstream};

const APP: &str = "team/library/app";
const THERE: &str = "library/app";

/// A registry whose organisation `team` is a mirror.
pub(super) struct Mirrored {
    pub(super) test: TestRegistry,
    pub(super) upstream: Upstream,
}

impl Mirrored {
    pub(super) async fn new() -> Self {
        Self::within(|_| {}).await
    }

    pub(super) async fn within(change: impl FnOnce(&mut Limits)) -> Self {
        let upstream = Upstream::start().await;
        let test = TestRegistry::open(limits(change)).await;
        Self { test, upstream }.registered().await
    }

    pub(super) async fn registered(self) -> Self {
        self.registers("team", "hub", &self.upstream).await;
        self
    }

    /// Has an organisation stand for this registry.
    pub(super) async fn registers(&self, organization: &str, mirror: &str, upstream: &Upstream) {
        let wanted = WantedMirror {
            name: mirror.to_owned(),
            organization: organization.parse().unwrap(),
            registry: "docker.io".to_owned(),
            url: Some(upstream.url()),
            login: LoginChange::Keep,
            enabled: true,
            rules: MirrorRulesChange::default(),
        };
        let registry = &self.test.registry;
        registry.register_mirror(&admin(), wanted).await.unwrap();
    }

    /// A second organisation, `other`, that is the mirror `second` of a registry of its own.
    pub(super) async fn second(&self) -> Upstream {
        self.test.push_elsewhere("other/image", b"bytes").await;
        let upstream = Upstream::start().await;
        self.registers("other", "second", &upstream).await;
        upstream
    }

    pub(super) async fn manifest(&self, reference: &str) -> Result<FoundManifest, Error> {
        let reference: Reference = reference.parse().unwrap();
        self.test
            .registry
            .manifest(&admin(), &name(APP), &reference)
            .await
    }

    async fn digest(&self, reference: &str) -> String {
        self.manifest(reference).await.unwrap().digest().to_owned()
    }

    /// The same once nothing is remembered for a while: by a process that has just started.
    async fn restarted(self) -> Self {
        let Self { test, upstream } = self;
        test.registry.close().await;
        let test = test.reopen().await;
        Self { test, upstream }
    }
}

pub(super) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits {
        outbound: OutboundRules {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            deny: Vec::new(),
        },
        mirrors: MirrorLimits {
            silence_max: Duration::from_secs(5),
            ..MirrorLimits::default()
        },
        ..Limits::default()
    };
    change(&mut limits);
    limits
}

fn always_compared(limits: &mut Limits) {
    limits.mirrors.recheck = Duration::ZERO;
}

fn failure(error: Error) -> UpstreamKind {
    match error {
        Error::Upstream(failure) => failure.kind,
        other => panic!("no failure of the other side: {other:?}"),
    }
}

#[tokio::test]
async fn an_image_is_fetched_once_and_is_an_ordinary_image_then() {
    let mirrored = Mirrored::new().await;
    let (config, layer) = (b"{}".as_slice(), vec![7; 700_000]);
    let manifest = image(config, &[&layer]);
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &manifest);
    for blob in [config, &layer] {
        mirrored.upstream.has_blob(THERE, blob);
    }
    let found = mirrored.manifest("v1").await.unwrap();
    assert_eq!((found.digest(), found.stale()), (digest.as_str(), None));
    assert_eq!(found.pull(), manifest);
    for blob in [config, &layer] {
        let came = mirrored.test.pull(&admin(), APP, &sha256(blob)).await.unwrap();
        assert!(came == blob);
    }
    let there = mirrored.upstream.lines();
    assert_eq!(
        there,
        [
            "GET library/app/manifests/v1".to_owned(),
            format!("GET library/app/blobs/{}", sha256(config)),
            format!("GET library/app/blobs/{}", sha256(&layer)),
        ]
    );
    // By tag within the time, by digest for ever, also when the other side is gone.
    let mirrored = mirrored.restarted().await;
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    assert_eq!(mirrored.digest(digest.as_str()).await, digest.as_str());
    for blob in [config, &layer] {
        assert!(mirrored.test.pull(&admin(), APP, &sha256(blob)).await.unwrap() == blob);
    }
    assert!(mirrored.upstream.lines().is_empty());
    let standing = mirrored
        .test
        .registry
        .mirror_figures(&admin(), "hub")
        .await
        .unwrap();
    let fetched = i64::try_from(manifest.len() + config.len() + layer.len()).unwrap();
    assert_eq!(
        (standing.figures.misses, standing.figures.bytes_fetched),
        (3, fetched)
    );
    let served = fetched + i64::try_from(manifest.len()).unwrap();
    assert_eq!(
        (standing.figures.hits, standing.figures.bytes_served),
        (4, served)
    );
    mirrored.test.registry.close().await;
}

#[tokio::test]
async fn a_tag_is_compared_and_follows_the_one_there() {
    let mirrored = Mirrored::within(always_compared).await;
    let (one, two) = (image(b"{}", &[b"one"]), image(b"{}", &[b"two"]));
    let first = mirrored.upstream.has_manifest(THERE, "latest", &one);
    assert_eq!(mirrored.digest("latest").await, first.as_str());
    mirrored.upstream.asked();
    assert_eq!(mirrored.digest("latest").await, first.as_str());
    assert_eq!(mirrored.upstream.lines(), ["HEAD library/app/manifests/latest"]);
    let second = mirrored.upstream.has_manifest(THERE, "latest", &two);
    assert_eq!(mirrored.digest("latest").await, second.as_str());
    let fetched = format!("GET library/app/manifests/{second}");
    assert_eq!(
        mirrored.upstream.lines(),
        ["HEAD library/app/manifests/latest", fetched.as_str()]
    );
    // What is known by its digest is not fetched again, and by its digest nothing is asked.
    mirrored.upstream.has_manifest(THERE, "latest", &one);
    assert_eq!(mirrored.digest("latest").await, first.as_str());
    assert_eq!(mirrored.digest(second.as_str()).await, second.as_str());
    assert_eq!(mirrored.upstream.lines(), ["HEAD library/app/manifests/latest"]);
}

#[tokio::test]
async fn a_tag_is_answered_as_it_was_while_nobody_answers_there() {
    for (status, headers) in [(503, ""), (500, ""), (429, "retry-after: 600\r\n")] {
        let mirrored = Mirrored::within(always_compared).await;
        let digest = mirrored
            .upstream
            .has_manifest(THERE, "v1", &image(b"{}", &[b"one"]));
        assert_eq!(mirrored.digest("v1").await, digest.as_str());
        mirrored.upstream.behaves(Manner {
            status: Some((status, headers)),
            ..Manner::default()
        });
        mirrored.upstream.asked();
        for _ in 0..20 {
            let found = mirrored.manifest("v1").await.unwrap();
            assert_eq!(found.digest(), digest.as_str());
            let stale = found.stale().expect("it is said that it may be another");
            assert!(
                stale.seen_at.is_some() && stale.reason.contains(&status.to_string()),
                "{stale:?}"
            );
        }
        let asked = mirrored.upstream.lines();
        assert!(asked.len() <= 3, "it is left in peace: {asked:?}");
    }
}

#[tokio::test]
async fn a_tag_is_not_answered_as_it_was_for_ever() {
    let mut mirrored = Mirrored::within(|limits| {
        always_compared(limits);
        limits.mirrors.stale_max = Duration::ZERO;
    })
    .await;
    let digest = mirrored
        .upstream
        .has_manifest(THERE, "v1", &image(b"{}", &[b"one"]));
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    mirrored.upstream.end().await;
    // The clock has milliseconds.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let refused = mirrored.manifest("v1").await.unwrap_err();
    assert_eq!(failure(refused), UpstreamKind::Unreachable);
    assert_eq!(mirrored.digest(digest.as_str()).await, digest.as_str());
}

#[tokio::test]
async fn what_the_other_side_says_is_told() {
    let limited = UpstreamKind::RateLimited {
        retry_after_seconds: 600,
    };
    for (status, headers, expected) in [
        (429, "retry-after: 600\r\n", limited),
        (503, "", UpstreamKind::Unreachable),
        (401, "", UpstreamKind::Refused),
        (403, "", UpstreamKind::Refused),
        (418, "", UpstreamKind::Unusable),
    ] {
        let mirrored = Mirrored::new().await;
        mirrored.upstream.behaves(Manner {
            status: Some((status, headers)),
            ..Manner::default()
        });
        let refused = mirrored.manifest("v1").await.unwrap_err();
        assert_eq!(failure(refused), expected, "{status}");
        let blob = mirrored.test.pull(&admin(), APP, &sha256(b"blob")).await;
        assert_eq!(failure(blob.unwrap_err()), expected, "{status}");
        let size = mirrored
            .test
            .registry
            .stat_blob(&admin(), &name(APP), &sha256(b"x"))
            .await;
        assert_eq!(failure(size.unwrap_err()), expected, "{status}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_asked_for_at_once_again() {
    let mirrored = Mirrored::new().await;
    for _ in 0..10 {
        let unknown = mirrored.manifest("v1").await.unwrap_err();
        assert!(matches!(unknown, Error::ManifestUnknown(_)), "{unknown:?}");
        let unknown = mirrored
            .test
            .pull(&admin(), APP, &sha256(b"x"))
            .await
            .unwrap_err();
        assert!(matches!(unknown, Error::BlobUnknown(_)), "{unknown:?}");
    }
    assert_eq!(mirrored.upstream.lines().len(), 2);
    // Nothing was made of it.
    let here = mirrored.test.metadata.repository(APP).await.unwrap();
    assert_eq!(here, None);
}

#[tokio::test]
async fn a_tag_that_is_gone_there_is_gone_and_its_image_stays() {
    let mirrored = Mirrored::within(always_compared).await;
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    mirrored.upstream.has_no_manifest(THERE, "v1");
    let unknown = mirrored.manifest("v1").await.unwrap_err();
    assert!(matches!(unknown, Error::ManifestUnknown(_)), "{unknown:?}");
    assert_eq!(mirrored.digest(digest.as_str()).await, digest.as_str());
}

#[tokio::test]
async fn many_who_ask_for_a_manifest_are_one_request() {
    let mirrored = Mirrored::new().await;
    let manifest = image(b"{}", &[b"one"]);
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &manifest);
    let askers = (0..100).map(|_| {
        let registry = Arc::clone(&mirrored.test.registry);
        tokio::spawn(async move {
            let found = registry
                .manifest(&admin(), &name(APP), &"v1".parse().unwrap())
                .await;
            found.unwrap().digest().to_owned()
        })
    });
    let askers: Vec<_> = askers.collect();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), digest.as_str());
    }
    assert_eq!(mirrored.upstream.lines(), ["GET library/app/manifests/v1"]);
}

#[tokio::test]
async fn a_mirror_takes_no_pushes_and_keeps_to_rights() {
    let mirrored = Mirrored::new().await;
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    let refused = mirrored.test.put(APP, "v1", &image(b"{}", &[])).await;
    let Err(Error::Denied(denial)) = refused.map(|stored| stored.digest) else {
        panic!("a mirror took a push");
    };
    assert!(denial.text.contains("mirror of another registry"), "{denial:?}");
    let blob = mirrored
        .test
        .registry
        .push_blob(&admin(), &name(APP), &sha256(b"x"), whole(b"x"))
        .await;
    assert!(matches!(blob, Err(Error::Denied(_))), "{blob:?}");
    let reference = "v1".parse().unwrap();
    for (caller, sees) in [(member(), false), (Caller::Anonymous, false), (admin(), true)] {
        let found = mirrored
            .test
            .registry
            .manifest(&caller, &name(APP), &reference)
            .await;
        assert_eq!(found.is_ok(), sees, "{caller:?}");
        assert_eq!(mirrored.upstream.lines().len(), usize::from(sees), "{caller:?}");
    }
    mirrored.test.grant(berth_metadata::Permission::Read).await;
    let found = mirrored
        .test
        .registry
        .manifest(&member(), &name(APP), &reference)
        .await;
    assert_eq!(found.unwrap().digest(), digest.as_str());
}

#[tokio::test]
async fn a_mirror_that_is_switched_off_answers_what_is_here() {
    let mirrored = Mirrored::within(always_compared).await;
    let digest = mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    mirrored
        .upstream
        .has_manifest(THERE, "v2", &image(b"{}", &[b"2"]));
    assert_eq!(mirrored.digest("v1").await, digest.as_str());
    mirrored.upstream.asked();
    let change = MirrorChange {
        registry: None,
        url: None,
        login: LoginChange::Keep,
        enabled: Some(false),
        rules: MirrorRulesChange::default(),
    };
    mirrored
        .test
        .registry
        .update_mirror(&admin(), "hub", change)
        .await
        .unwrap();
    let found = mirrored.manifest("v1").await.unwrap();
    assert_eq!((found.digest(), found.stale()), (digest.as_str(), None));
    let refused = mirrored.manifest("v2").await.unwrap_err();
    assert_eq!(failure(refused), UpstreamKind::SwitchedOff);
    assert!(mirrored.upstream.lines().is_empty());
}

#[tokio::test]
async fn what_is_left_of_a_budget_is_known() {
    let mirrored = Mirrored::new().await;
    mirrored.upstream.has_manifest(THERE, "v1", &image(b"{}", &[]));
    mirrored.upstream.behaves(Manner {
        headers: "ratelimit-limit: 100;w=21600\r\nratelimit-remaining: 76;w=21600\r\n",
        ..Manner::default()
    });
    mirrored.manifest("v1").await.unwrap();
    let budget = mirrored
        .test
        .registry
        .mirror_figures(&admin(), "hub")
        .await
        .unwrap()
        .budget
        .unwrap();
    assert_eq!(
        (budget.limit, budget.remaining, budget.window_seconds),
        (Some(100), 76, Some(21_600))
    );
}

#[tokio::test]
async fn an_index_is_stored_before_what_it_lists() {
    let mirrored = Mirrored::new().await;
    let child = image(b"{}", &[b"layer"]);
    let digest: Digest = mirrored.upstream.has_manifest(THERE, "child", &child);
    let index = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest.as_str(),
            "size": child.len(),
            "platform": { "os": "linux", "architecture": "amd64" },
        }],
    }));
    let index = index.unwrap();
    mirrored.upstream.has_manifest(THERE, "v1", &index);
    assert_eq!(mirrored.manifest("v1").await.unwrap().pull(), index);
    let found = mirrored.manifest(digest.as_str()).await.unwrap();
    assert_eq!(found.pull(), child);
    mirrored.upstream.has_no_manifest(THERE, digest.as_str());
    assert_eq!(mirrored.digest(digest.as_str()).await, digest.as_str());
    // What the child references is not here; upkeep finds nothing wrong with that, and takes nothing away.
    let damaged = mirrored
        .test
        .registry
        .damaged(&Caller::System, None, 10)
        .await
        .unwrap();
    assert!(damaged.is_empty());
    mirrored.upstream.has_blob(THERE, b"layer");
    assert_eq!(
        mirrored
            .test
            .pull(&admin(), APP, &sha256(b"layer"))
            .await
            .unwrap(),
        b"layer"
    );
    blobs::stored(&mirrored, APP, &sha256(b"layer")).await;
    let repository = mirrored.test.metadata.repository(APP).await.unwrap().unwrap();
    let linked = mirrored
        .test
        .metadata
        .linked_blob(repository.id, sha256(b"layer").as_str())
        .await
        .unwrap();
    assert_eq!(linked.unwrap().idle_since, None, "a manifest uses it");
}
