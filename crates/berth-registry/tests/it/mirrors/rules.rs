//! What a mirror does by its rules: who may pull, what is fetched ahead, what goes for want of room.

use std::time::Duration;

use berth_oci::Reference;
use berth_registry::{Caller, Error, LoginChange, MirrorChange, MirrorRulesChange};

use super::Mirrored;
use super::blobs::stored;
use crate::harness::{admin, image, name, sha256};

const APP: &str = "team/library/app";
const TOOL: &str = "team/library/tool";

impl Mirrored {
    async fn ruled(&self, rules: MirrorRulesChange) -> Result<(), Error> {
        let change = MirrorChange {
            registry: None,
            url: None,
            login: LoginChange::Keep,
            enabled: None,
            rules,
        };
        let admin = admin();
        let changed = self.test.registry.update_mirror(&admin, "hub", change);
        changed.await.map(drop)
    }

    /// Puts an image with one large layer there, under the tag `v1`.
    fn has(&self, there: &str, seed: u8) -> Vec<u8> {
        let layer = vec![seed; 700_000];
        self.upstream.has_manifest(there, "v1", &image(b"{}", &[&layer]));
        self.upstream.has_blob(there, b"{}");
        self.upstream.has_blob(there, &layer);
        layer
    }

    async fn pull_all(&self, here: &str, layer: &[u8]) {
        let reference: Reference = "v1".parse().unwrap();
        let (admin, here_name) = (admin(), name(here));
        let found = self.test.registry.manifest(&admin, &here_name, &reference);
        found.await.unwrap().pull();
        for blob in [b"{}".as_slice(), layer] {
            let came = self.test.pull(&admin, here, &sha256(blob)).await.unwrap();
            assert!(came == blob);
            // Its last byte may be told before.
            stored(self, here, &sha256(blob)).await;
        }
    }

    async fn look_after(&self, fetches: bool) {
        let looked = self.test.registry.look_after_each_mirror(fetches, Duration::ZERO);
        looked.await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_used_for_longest_goes_when_there_is_no_room() {
    let mirrored = Mirrored::new().await;
    let (app, tool) = (mirrored.has("library/app", 1), mirrored.has("library/tool", 2));
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    let bound = |keep: &[&str]| MirrorRulesChange {
        bytes_max: Some(1 << 20),
        keep: Some(keep.iter().map(|pattern| (*pattern).to_owned()).collect()),
        ..MirrorRulesChange::default()
    };
    // All of it is to stay, so all of it does.
    mirrored.ruled(bound(&["library/*:*"])).await.unwrap();
    mirrored.look_after(false).await;
    mirrored.upstream.lines();
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
    // The older one goes, the other fits.
    mirrored.ruled(bound(&["library/other:*"])).await.unwrap();
    mirrored.look_after(false).await;
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
    mirrored.pull_all(APP, &app).await;
    assert!(!mirrored.upstream.lines().is_empty(), "it was fetched again");
    // What is to stay stays, though it is the older one now.
    mirrored.ruled(bound(&["library/tool:v*"])).await.unwrap();
    mirrored.look_after(false).await;
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
}

#[tokio::test]
async fn what_is_used_is_not_let_go() {
    let mirrored = Mirrored::new().await;
    let app = mirrored.has("library/app", 1);
    let tool = mirrored.has("library/tool", 2);
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    let rules = MirrorRulesChange {
        bytes_max: Some(1 << 20),
        ..MirrorRulesChange::default()
    };
    mirrored.ruled(rules).await.unwrap();
    mirrored.upstream.lines();
    let hour = Duration::from_hours(1);
    let looked = mirrored.test.registry.look_after_each_mirror(false, hour);
    looked.await.unwrap();
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
}

#[tokio::test]
async fn what_a_rule_names_is_here_before_it_is_pulled() {
    let mirrored = Mirrored::new().await;
    let app = mirrored.has("library/app", 1);
    let rules = MirrorRulesChange {
        // The other side has no such image: the rest is fetched all the same.
        prefetch: Some(vec!["library/absent:v1".to_owned(), "library/app:v1".to_owned()]),
        ..MirrorRulesChange::default()
    };
    mirrored.ruled(rules).await.unwrap();
    mirrored.look_after(true).await;
    mirrored.upstream.lines();
    mirrored.pull_all(APP, &app).await;
    assert!(mirrored.upstream.lines().is_empty());
}

#[tokio::test]
async fn a_public_mirror_fetches_for_everybody() {
    let mirrored = Mirrored::new().await;
    mirrored.has("library/app", 1);
    let reference: Reference = "v1".parse().unwrap();
    let (registry, app) = (&mirrored.test.registry, name(APP));
    let refused = registry.manifest(&Caller::Anonymous, &app, &reference).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)));
    for (public, is_open) in [(true, true), (false, false)] {
        let rules = MirrorRulesChange {
            public: Some(public),
            ..MirrorRulesChange::default()
        };
        mirrored.ruled(rules).await.unwrap();
        let found = registry.manifest(&Caller::Anonymous, &app, &reference).await;
        assert_eq!(found.is_ok(), is_open);
    }
}

#[tokio::test]
async fn rules_that_mean_nothing_are_refused() {
    let mirrored = Mirrored::new().await;
    let rules = MirrorRulesChange::default;
    let list = |pattern: &str| Some(vec![pattern.to_owned()]);
    for wrong in [
        MirrorRulesChange {
            recheck_seconds: Some(-1),
            ..rules()
        },
        MirrorRulesChange {
            recheck_seconds: Some(86_401),
            ..rules()
        },
        MirrorRulesChange {
            bytes_max: Some(1),
            ..rules()
        },
        MirrorRulesChange {
            keep: list("library/app"),
            ..rules()
        },
        MirrorRulesChange {
            keep: list("library/app:("),
            ..rules()
        },
        MirrorRulesChange {
            keep: list("a:b\nc:d"),
            ..rules()
        },
        MirrorRulesChange {
            keep: Some(vec!["a:b".to_owned(); 101]),
            ..rules()
        },
        MirrorRulesChange {
            prefetch: list("library/*:v1"),
            ..rules()
        },
        MirrorRulesChange {
            certificate_authority: Some("PEM".to_owned()),
            ..rules()
        },
    ] {
        let refused = mirrored.ruled(wrong.clone()).await;
        assert!(
            matches!(refused, Err(Error::Invalid(_) | Error::NameInvalid(_))),
            "{wrong:?}"
        );
    }
}
