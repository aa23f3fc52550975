//! What a mirror does by its rules: who may pull, what is fetched ahead, what goes for want of room.

use std::sync::Arc;
use std::time::Duration;

use berth_oci::Reference;
use berth_registry::{Caller, Error, LoginChange, MirrorChange, MirrorRulesChange, Registry};
use futures_util::StreamExt as _;

use super::Mirrored;
use super::blobs::stored;
use super::upstream::Manner;
use crate::harness::{admin, image, name, sha256};
use crate::replicas::another;

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
        let registry = &self.test.registry;
        if fetches {
            registry.fetch_ahead_where_due().await.unwrap();
        }
        registry.make_room_in_mirrors(Duration::ZERO).await.unwrap();
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
    let looked = mirrored.test.registry.make_room_in_mirrors(hour);
    looked.await.unwrap();
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
}

#[tokio::test]
async fn a_bound_is_reached_however_many_images_are_to_stay() {
    let mirrored = Mirrored::new().await;
    let small = name("team/library/small");
    // More than are looked at in one go.
    let pulls = futures_util::stream::iter(0..1010).map(|number| {
        let manifest = image(format!("{number}").as_bytes(), &[]);
        let tag = format!("v{number}");
        mirrored.upstream.has_manifest("library/small", &tag, &manifest);
        let (registry, small) = (&mirrored.test.registry, &small);
        async move {
            let found = registry.manifest(&admin(), small, &tag.parse().unwrap()).await;
            found.unwrap().pull();
        }
    });
    pulls.buffer_unordered(64).collect::<Vec<()>>().await;
    let (app, tool) = (mirrored.has("library/app", 1), mirrored.has("library/tool", 2));
    mirrored.pull_all(APP, &app).await;
    mirrored.pull_all(TOOL, &tool).await;
    let rules = MirrorRulesChange {
        bytes_max: Some(1 << 20),
        keep: Some(vec!["library/small:*".to_owned()]),
        ..MirrorRulesChange::default()
    };
    mirrored.ruled(rules).await.unwrap();
    mirrored.look_after(false).await;
    mirrored.upstream.lines();
    mirrored.pull_all(TOOL, &tool).await;
    assert!(mirrored.upstream.lines().is_empty());
    mirrored.pull_all(APP, &app).await;
    assert!(!mirrored.upstream.lines().is_empty(), "it was fetched again");
}

#[tokio::test]
async fn a_round_is_told_and_is_one_processs_at_a_time() {
    let mirrored = Mirrored::new().await;
    mirrored.has("library/app", 1);
    let rules = MirrorRulesChange {
        prefetch: Some(vec![
            "library/absent:v1".to_owned(),
            "library/unlisted:v*".to_owned(),
            "library/app:v1".to_owned(),
        ]),
        ..MirrorRulesChange::default()
    };
    mirrored.ruled(rules).await.unwrap();
    let ours = Arc::clone(&mirrored.test.registry);
    let theirs = another(&mirrored.test).await;
    let standing = async |registry: &Arc<Registry>| registry.mirror_figures(&admin(), "hub").await.unwrap();
    let before = standing(&theirs).await.round;
    assert_eq!((before.begun_at, before.ended_at), (None, None));

    mirrored.upstream.behaves(Manner {
        held_after: Some(10),
        ..Manner::default()
    });
    let going = tokio::spawn(async move { ours.fetch_ahead_where_due().await });
    while standing(&theirs).await.round.begun_at.is_none() {
        tokio::task::yield_now().await;
    }
    // The other process leaves it to the first one, and what is asked of it follows.
    theirs.fetch_ahead_where_due().await.unwrap();
    theirs.prefetch_mirror(&admin(), "hub").await.unwrap();
    let round = standing(&theirs).await.round;
    assert!(round.wanted_at.is_some() && round.ended_at.is_none(), "{round:?}");
    mirrored.upstream.open_gate();
    going.await.unwrap().unwrap();
    let round = standing(&theirs).await.round;
    assert_eq!((round.did.images, round.did.failed), (1, 2), "{round:?}");
    let told = &round.did.failures;
    assert!(told[0].starts_with("library/absent:v1: "), "{told:?}");
    assert!(told[1].starts_with("library/unlisted:v*: "), "{told:?}");
    let blobs = mirrored.upstream.lines();
    let blobs = blobs.iter().filter(|line| line.contains("/blobs/"));
    assert_eq!(blobs.count(), 2, "each once");

    // Or by the one who was asked, who may not have looked yet.
    let next = loop {
        theirs.fetch_ahead_where_due().await.unwrap();
        let next = standing(&theirs).await.round;
        if next.wanted_at.is_none() && next.ended_at >= next.begun_at {
            break next;
        }
        tokio::task::yield_now().await;
    };
    assert!(next.begun_at >= round.ended_at, "{next:?}");
    // Within the hour there is nothing to do, but for a round that was broken off.
    theirs.fetch_ahead_where_due().await.unwrap();
    assert_eq!(standing(&theirs).await.round, next);
    let mirror = standing(&theirs).await.mirror.id;
    let later = next.ended_at.unwrap() + 1;
    let metadata = &mirrored.test.metadata;
    metadata.begin_mirror_round(mirror, later).await.unwrap();
    while berth_registry::now_ms() <= later {
        tokio::task::yield_now().await;
    }
    theirs.fetch_ahead_where_due().await.unwrap();
    let healed = standing(&theirs).await.round;
    assert!(
        healed.ended_at > Some(later) && healed.did.images == 1,
        "{healed:?}"
    );
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
