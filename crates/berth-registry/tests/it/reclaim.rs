//! Reclaim: what waits, what goes, what a run tells, and that a failing store loses only space.

use std::time::Duration;

use berth_blob::{BlobStore as _, Fault, FaultyStore, FileStore, Upload};
use berth_registry::{Limits, MaintenanceKind, Upkeep};
use serde_json::{Value, json};

use crate::harness::{TestRegistry, admin, body, name, sha256};
use crate::upkeep::{a_moment, at_once};

async fn reclaimed(test: &TestRegistry, options: &Value) -> Value {
    a_moment().await;
    let kind = MaintenanceKind::Reclaim;
    let wanted = test
        .registry
        .want_maintenance(&admin(), kind, options)
        .await
        .expect("a run");
    test.registry.do_one_wanted(kind).await.expect("a reclaim");
    let run = test
        .registry
        .maintenance_run(&admin(), wanted.id)
        .await
        .expect("the run");
    assert_eq!(run.state, "done", "{run:?}");
    serde_json::from_str(&run.report).expect("JSON")
}

fn limits(upkeep: Upkeep) -> Limits {
    Limits {
        upkeep,
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_run_tells_what_it_did() {
    let test = TestRegistry::open(limits(at_once())).await;
    for byte in 0..10 {
        let digest = test.push("team/app", &[byte; 100]).await;
        let deleted = test
            .registry
            .delete_blob(&admin(), &name("team/app"), &digest)
            .await;
        deleted.expect("deleted");
    }
    let report = reclaimed(&test, &json!({})).await;
    assert_eq!((&report["keys"], &report["bytes"]), (&json!(10), &json!(1000)));
    assert_eq!(test.files(), Vec::<String>::new());
    let runs = test
        .registry
        .maintenance_runs(&admin(), None, (None, 1))
        .await
        .expect("runs");
    let progress: Value = serde_json::from_str(&runs[0].progress).expect("JSON");
    assert_eq!(
        (&progress["keys_left"], &progress["seconds_left"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn bytes_wait_before_they_go() {
    let waiting = Upkeep {
        reclaim_delay: Duration::from_hours(1),
        ..at_once()
    };
    let test = TestRegistry::open(limits(waiting)).await;
    let digest = test.push("team/app", b"bytes").await;
    let deleted = test
        .registry
        .delete_blob(&admin(), &name("team/app"), &digest)
        .await;
    deleted.expect("deleted");
    assert_eq!(reclaimed(&test, &json!({})).await["keys"], 0);
    assert_eq!(test.files().len(), 1, "a signed address may still lead there");
}

/// Bytes that no row knows, as a crash leaves them.
async fn orphan(test: &TestRegistry) {
    let store = FileStore::open(&test.folder.path().join("storage")).expect("a file store");
    let mut upload = Upload::new("orphan");
    let bytes = body(vec![Ok(b"orphan".to_vec())]);
    store.append(&mut upload, bytes).await.expect("bytes");
    store.commit(&upload, &sha256(b"orphan")).await.expect("a commit");
}

#[tokio::test]
async fn what_no_row_names_goes_when_it_is_old() {
    let test = TestRegistry::open(limits(Upkeep::default())).await;
    orphan(&test).await;
    a_moment().await;
    assert_eq!(test.registry.delete_orphans(true).await.expect("a search"), 0);
    assert_eq!(test.files().len(), 1, "a push may be about to name it");
    let test = TestRegistry::open(limits(at_once())).await;
    orphan(&test).await;
    a_moment().await;
    assert_eq!(test.registry.delete_orphans(false).await.expect("a search"), 1);
    assert_eq!(test.files(), Vec::<String>::new());
}

#[tokio::test]
async fn after_a_restore_what_no_row_names_is_kept_for_a_while() {
    const DAY_MS: i64 = 24 * 3600 * 1000;
    for (days, forced, kept) in [(1, false, 1), (6, false, 1), (8, false, 0), (1, true, 0)] {
        let test = TestRegistry::open(limits(at_once())).await;
        let restored = berth_registry::now_ms() - days * DAY_MS;
        test.metadata
            .set_instance_value("restored_at", &restored.to_string())
            .await
            .expect("noted");
        orphan(&test).await;
        a_moment().await;
        if forced {
            assert_eq!(reclaimed(&test, &json!({ "orphans": true })).await["orphans"], 1);
        } else {
            test.registry.delete_orphans(false).await.expect("a search");
        }
        assert_eq!(test.files().len(), kept, "{days} days, forced: {forced}");
    }
}

/// The steps of three pushes come before those of the reclaim: two for the bytes and two for the commit of each.
const PUSHED: u64 = 12;

#[tokio::test]
async fn a_store_that_breaks_at_any_step_loses_only_space() {
    for fault in [Fault::Fails, Fault::Stops, Fault::ReadOnly] {
        let mut hit = 0;
        for at in PUSHED..PUSHED + 6 {
            let test =
                TestRegistry::over(limits(at_once()), |store| FaultyStore::new(store, at, fault)).await;
            for bytes in [b"one", b"two", b"six"] {
                test.push("team/app", bytes).await;
            }
            for bytes in [b"one", b"two"] {
                let deleted = test
                    .registry
                    .delete_blob(&admin(), &name("team/app"), &sha256(bytes))
                    .await;
                deleted.expect("deleted");
            }
            a_moment().await;
            test.registry.maintain_once().await.expect("upkeep goes on");
            let left = test.metadata.take_reclaim(i64::MAX, 10).await.expect("metadata");
            hit += usize::from(!left.is_empty());
            assert!(test.files().len() <= 1 + left.len(), "what is there is known");
            let test = test.reopen().await;
            a_moment().await;
            test.registry.maintain_once().await.expect("upkeep");
            assert_eq!(test.files().len(), 1, "{fault:?} at {at}: {:?}", test.files());
            let left = test.metadata.take_reclaim(i64::MAX, 10).await.expect("metadata");
            assert_eq!(left, [], "{fault:?} at {at}");
            let pulled = test.pull(&admin(), "team/app", &sha256(b"six")).await;
            assert_eq!(pulled.expect("kept"), b"six");
        }
        assert!(hit >= 2, "{fault:?}: the reclaim met no fault");
    }
}
