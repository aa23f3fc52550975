//! Leases and runs: one holder at a time, one open run of a kind.

use crate::world::World;
use berth_metadata::{Conflict, EndRun, Error, MaintenanceRun, Metadata, WantRun};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

pub(crate) async fn a_lease_has_one_holder_until_it_ends(world: World) {
    let metadata = &world.metadata;
    assert!(metadata.take_lease("scrub", "a", HOUR_MS).await.unwrap());
    assert!(metadata.take_lease("scrub", "a", HOUR_MS).await.unwrap());
    assert!(!metadata.take_lease("scrub", "b", HOUR_MS).await.unwrap());
    assert!(metadata.take_lease("backup", "b", HOUR_MS).await.unwrap());

    metadata.release_lease("scrub", "b").await.unwrap();
    assert!(!metadata.take_lease("scrub", "b", HOUR_MS).await.unwrap());
    metadata.release_lease("scrub", "a").await.unwrap();
    assert!(metadata.take_lease("scrub", "b", 1).await.unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(metadata.take_lease("scrub", "a", HOUR_MS).await.unwrap());
}

pub(crate) async fn of_many_who_want_a_lease_one_gets_it(world: World) {
    let wanting = (0..16).map(|n| {
        let metadata = world.metadata.clone();
        tokio::spawn(async move {
            metadata
                .take_lease("one", &format!("p{n}"), HOUR_MS)
                .await
                .unwrap()
        })
    });
    let got = futures_util::future::join_all(wanting.collect::<Vec<_>>()).await;
    assert_eq!(got.into_iter().filter(|got| *got.as_ref().unwrap()).count(), 1);
}

pub(crate) async fn one_run_of_a_kind_is_open(world: World) {
    let metadata = &world.metadata;
    let first = want(metadata, "scrub", 1).await.unwrap();
    assert_eq!(
        (first.state.as_str(), first.wanted_by.as_deref()),
        ("waiting", Some("mary"))
    );
    let again = want(metadata, "scrub", 2).await.unwrap_err();
    assert!(matches!(again, Error::Conflict(Conflict::RunExists)), "{again:?}");
    want(metadata, "reclaim", 3).await.unwrap();

    let begun = metadata.begin_run("scrub", "a", 4).await.unwrap().unwrap();
    assert_eq!(
        (begun.id, begun.state.as_str(), begun.started_at),
        (first.id, "running", Some(4))
    );
    want(metadata, "scrub", 5).await.unwrap_err();
    assert!(metadata.save_run(begun.id, "a", r#"{"n":1}"#).await.unwrap());
    assert!(!metadata.save_run(begun.id, "b", r#"{"n":2}"#).await.unwrap());

    assert!(metadata.end_run(end(&begun, "a", 6)).await.unwrap());
    assert!(!metadata.end_run(end(&begun, "a", 7)).await.unwrap());
    let found = metadata.run(begun.id).await.unwrap().unwrap();
    assert_eq!((found.state.as_str(), found.ended_at), ("done", Some(6)));
    assert_eq!(
        (found.progress.as_str(), found.report.as_str()),
        (r#"{"n":1}"#, r#"{"ok":true}"#)
    );
    want(metadata, "scrub", 8).await.unwrap();
}

pub(crate) async fn a_run_whose_process_died_is_interrupted(world: World) {
    let metadata = &world.metadata;
    want(metadata, "scrub", 1).await.unwrap();
    let begun = metadata.begin_run("scrub", "dead", 2).await.unwrap().unwrap();
    assert!(metadata.begin_run("scrub", "next", 3).await.unwrap().is_none());
    let found = metadata.run(begun.id).await.unwrap().unwrap();
    assert_eq!((found.state.as_str(), found.ended_at), ("interrupted", Some(3)));
    // Should it wake up, its word counts no more.
    assert!(!metadata.save_run(begun.id, "dead", "{}").await.unwrap());
    assert!(!metadata.end_run(end(&begun, "dead", 4)).await.unwrap());
}

pub(crate) async fn runs_are_listed_newest_first_and_old_ones_go(world: World) {
    let metadata = &world.metadata;
    want(metadata, "reclaim", 0).await.unwrap();
    for now in 1..=205 {
        want(metadata, "scrub", now).await.unwrap();
        let begun = metadata.begin_run("scrub", "a", now).await.unwrap().unwrap();
        metadata.end_run(end(&begun, "a", now)).await.unwrap();
    }
    let newest = metadata.list_runs(Some("scrub"), None, 3).await.unwrap();
    let at: Vec<_> = newest.iter().map(|run| run.created_at).collect();
    assert_eq!(at, [205, 204, 203]);
    let before = metadata.list_runs(None, Some(newest[1].id), 1).await.unwrap();
    assert_eq!(before[0].created_at, 203);
    assert_eq!(
        metadata.list_runs(Some("scrub"), None, 1000).await.unwrap().len(),
        200
    );
    assert_eq!(metadata.list_runs(None, None, 1000).await.unwrap().len(), 201);
}

async fn want(metadata: &Metadata, kind: &str, now: i64) -> Result<MaintenanceRun, Error> {
    metadata
        .want_run(WantRun {
            kind: kind.to_owned(),
            options: "{}".to_owned(),
            wanted_by: Some("mary".to_owned()),
            now,
        })
        .await
}

fn end(run: &MaintenanceRun, holder: &str, now: i64) -> EndRun {
    EndRun {
        id: run.id,
        holder: holder.to_owned(),
        state: "done",
        report: r#"{"ok":true}"#.to_owned(),
        now,
    }
}
