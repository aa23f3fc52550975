//! The scrub: damage that nobody has met yet is found, named, and ended where that needs no push.

use berth_metadata::{MaintenanceRun, ManifestFacts, MissingReferences, PutManifest};
use berth_registry::{Error, FoundManifest, Limits, MaintenanceKind, Upkeep};
use serde_json::{Value, json};

use crate::damage::{Harm, LAYER, files_of, read, suspicious, two_images};
use crate::harness::{TestRegistry, admin, image, name, sha256};
use crate::upkeep::{a_moment, at_once};

/// Lets the administrator ask for a scrub, does it, and answers the run.
async fn scrubbed(test: &TestRegistry) -> MaintenanceRun {
    a_moment().await;
    let kind = MaintenanceKind::Scrub;
    let wanted = test.registry.want_maintenance(&admin(), kind, &json!({})).await;
    let wanted = wanted.expect("a run");
    test.registry.do_one_wanted(kind).await.expect("a scrub");
    let run = test.registry.maintenance_run(&admin(), wanted.id).await;
    run.expect("the run")
}

fn report(run: &MaintenanceRun) -> Value {
    assert_eq!(run.state, "done", "{run:?}");
    serde_json::from_str(&run.report).expect("JSON")
}

#[tokio::test]
async fn whatever_happened_to_a_file_is_found_and_named() {
    for (harm, word) in [
        (Harm::Deleted, "missing"),
        (Harm::Truncated, "short"),
        (Harm::Flipped, "wrong"),
    ] {
        let test = two_images(Limits::default()).await;
        let layer = sha256(LAYER);
        assert_eq!(report(&scrubbed(&test).await)["damaged"], 0);
        harm.happens_to(&files_of(&test, &layer)[0]);
        let found = report(&scrubbed(&test).await);
        assert_eq!(found["damaged"], 1, "{found}");
        assert_eq!(found["affected"][0]["digest"], layer.as_str());
        assert_eq!(found["affected"][0]["damage"], word);
        let touched = ["team/app", "team/app:v1", "team/copy", "team/copy:v1"];
        assert_eq!(found["affected"][0]["affected"], json!(touched));
        let pulled = read(&test, &admin(), "team/app", &layer).await;
        assert!(
            matches!(pulled, Err(Error::BlobUnknown(_))),
            "{harm:?}: {pulled:?}"
        );

        let listed = test.registry.damaged(&admin(), None, 10).await.expect("a list");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].damaged.damage, word);
        assert_eq!(listed[0].affected.len(), touched.len());
        test.push("team/app", LAYER).await;
        let listed = test.registry.damaged(&admin(), None, 10).await.expect("a list");
        assert!(listed.is_empty(), "{harm:?}: a push heals");
    }
}

#[tokio::test]
async fn a_manifest_that_is_not_its_digest_is_found_and_a_push_heals_it() {
    let test = two_images(Limits::default()).await;
    let manifest = image(b"{}", &[LAYER]);
    let mut flipped = manifest.clone();
    flipped[7] ^= 1;
    let digest = sha256(&manifest);
    let row = test.metadata.repository("team/app").await.expect("metadata");
    // What no push does: bytes under a digest that is not theirs.
    let broken = PutManifest {
        guard: berth_metadata::Guard::Off,
        repository_id: row.expect("the repository").id,
        digest: digest.to_string(),
        media_type: berth_oci::media_type::OCI_MANIFEST.to_owned(),
        bytes: flipped,
        blobs: Vec::new(),
        foreign_layers: Vec::new(),
        manifests: Vec::new(),
        subject: None,
        artifact_type: None,
        annotations_json: "{}".to_owned(),
        facts: ManifestFacts::default(),
        tags: Vec::new(),
        expected: None,
        missing: MissingReferences::Refuse,
        origin: String::new(),
        user_id: None,
        now: 0,
    };
    test.metadata.put_manifest(broken).await.expect("a row");
    let found = report(&scrubbed(&test).await);
    assert_eq!(found["damaged"], 1, "{found}");
    assert_eq!(found["affected"][0]["digest"], digest.as_str());
    assert_eq!(
        found["affected"][0]["affected"],
        json!(["team/app", "team/app:v1"]),
        "and not the image that has it whole"
    );
    let reference = "v1".parse().expect("a tag");
    let get = async |repository: &str| {
        let found = test
            .registry
            .manifest(&admin(), &name(repository), &reference)
            .await;
        found.map(FoundManifest::pull)
    };
    assert!(matches!(get("team/app").await, Err(Error::ManifestUnknown(_))));
    assert_eq!(get("team/copy").await.expect("whole"), manifest);
    test.put("team/app", "v1", &manifest).await.expect("put");
    assert_eq!(get("team/app").await.expect("healed"), manifest);
    assert_eq!(report(&scrubbed(&test).await)["damaged"], 0);
}

#[tokio::test]
async fn bytes_that_come_back_heal_without_a_push() {
    let test = two_images(Limits::default()).await;
    let layer = sha256(LAYER);
    let file = files_of(&test, &layer).remove(0);
    let away = test.folder.path().join("away");
    std::fs::rename(&file, &away).expect("taken away");
    assert_eq!(report(&scrubbed(&test).await)["damaged"], 1);
    assert_eq!(report(&scrubbed(&test).await)["healed"], 0);
    std::fs::rename(&away, &file).expect("put back");
    assert_eq!(report(&scrubbed(&test).await)["healed"], 1);
    let pulled = test.pull(&admin(), "team/copy", &layer).await;
    assert_eq!(pulled.expect("whole again"), LAYER);
}

#[tokio::test]
async fn bad_bytes_are_kept_until_nothing_can_heal_by_them() {
    let test = two_images(suspicious()).await;
    let layer = sha256(LAYER);
    Harm::Flipped.happens_to(&files_of(&test, &layer)[0]);
    assert_eq!(report(&scrubbed(&test).await)["damaged"], 1);
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(files_of(&test, &layer).len(), 1, "still the only ones");
    test.push("team/app", LAYER).await;
    assert_eq!(files_of(&test, &layer).len(), 2);
    a_moment().await;
    for _ in 0..2 {
        test.registry.maintain_once().await.expect("upkeep");
        a_moment().await;
    }
    assert_eq!(files_of(&test, &layer).len(), 1, "the bad ones are gone");
    let pulled = test.pull(&admin(), "team/app", &layer).await;
    assert_eq!(pulled.expect("whole"), LAYER);
}

#[tokio::test]
async fn the_schedule_reads_what_is_old_and_an_interrupted_run_goes_on() {
    let test = two_images(Limits::default()).await;
    let verified = async || {
        let blobs = test.metadata.blobs_due(i64::MAX, None, 100).await.expect("blobs");
        blobs.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    let before = verified().await;
    test.registry.maintain_once().await.expect("upkeep");
    assert_eq!(verified().await, before, "nothing is a month old");

    // A process that died in the middle of a run that somebody asked for.
    let kind = MaintenanceKind::Scrub;
    a_moment().await;
    let wanted = test
        .registry
        .want_maintenance(&admin(), kind, &json!({}))
        .await
        .expect("a run");
    let lost = test.metadata.begin_run("scrub", "a process that died", 1).await;
    assert_eq!(lost.expect("begun").map(|run| run.id), Some(wanted.id));
    let due = berth_registry::now_ms();
    let progress = json!({ "before": due, "blobs": 0, "bytes": 0, "manifests": 0, "blobs_due": 2, "bytes_due": 2,
        "seconds_left": null, "damaged": 0, "healed": 0, "unread": 0, "manifests_after": null });
    let saved = test
        .metadata
        .save_run(wanted.id, "a process that died", &progress.to_string())
        .await;
    assert!(saved.expect("saved"));
    test.registry.do_one_wanted(kind).await.expect("a scrub");
    let runs = test
        .registry
        .maintenance_runs(&admin(), Some(kind), (None, 1))
        .await;
    let run = runs.expect("runs").remove(0);
    assert_eq!(report(&run)["blobs"], 2);
    assert!(
        verified().await.iter().all(|at| *at >= due),
        "all are verified since"
    );
}

#[tokio::test]
async fn the_scrub_can_be_off() {
    let off = Limits {
        upkeep: Upkeep {
            scrub_rate: 0,
            scrub_interval: std::time::Duration::ZERO,
            ..at_once()
        },
        ..Limits::default()
    };
    let test = TestRegistry::open(off).await;
    let digest = test.push("team/app", LAYER).await;
    Harm::Deleted.happens_to(&files_of(&test, &digest)[0]);
    a_moment().await;
    test.registry.maintain_once().await.expect("upkeep");
    let listed = test.registry.damaged(&admin(), None, 10).await.expect("a list");
    assert!(listed.is_empty(), "nobody asked");
    assert_eq!(report(&scrubbed(&test).await)["damaged"], 1);
}

#[tokio::test]
async fn damage_is_told_to_those_who_run_the_registry() {
    let test = two_images(Limits::default()).await;
    let refused = test.registry.damaged(&crate::harness::member(), None, 10).await;
    assert!(matches!(refused, Err(Error::Denied(_))), "{refused:?}");
}
