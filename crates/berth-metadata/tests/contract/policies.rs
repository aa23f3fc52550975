//! Triggers and synchronisation of repositories, and what becomes of all that is set for one.

use crate::outside::region_row;
use crate::retentions::{new_retention, retain};
use crate::world::{World, conflict, digest, erase, manifest, tagged};
use berth_metadata::{
    Conflict, HistoryOrder, Metadata, NewSyncJobs, NewTrigger, TriggerPreheat, WantTriggerRun, WantedSyncRule,
};

pub(crate) fn new_trigger(repository_id: i64, name: &str) -> NewTrigger {
    NewTrigger {
        repository_id,
        name: name.to_owned(),
        kind: "all".to_owned(),
        condition: ".*".to_owned(),
        enabled: true,
        mode: "cci".to_owned(),
        cluster: None,
        namespace: "default".to_owned(),
        workload_kind: "deployments".to_owned(),
        workload: "web".to_owned(),
        container: String::new(),
        update_by: "digest".to_owned(),
        undo_on_failure: false,
        rollout_seconds: 600,
        preheat: None,
        creator_id: "u".to_owned(),
        creator_name: "mary".to_owned(),
        webhook: None,
        now: 5,
    }
}

pub(crate) fn new_jobs(repository_id: i64, tags: &[&str]) -> NewSyncJobs {
    NewSyncJobs {
        repository_id,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        region: 0,
        region_id: "east".to_owned(),
        remote_organization: "group".to_owned(),
        overwrite: false,
        operator_id: "u".to_owned(),
        operator_name: "mary".to_owned(),
        now: 5,
    }
}

pub(crate) fn new_rule(repository_id: i64, region: i64, organization: &str) -> WantedSyncRule {
    WantedSyncRule {
        repository_id,
        region,
        remote_organization: organization.to_owned(),
        automatic: true,
        overwrite: false,
        now: 5,
    }
}

/// A run of that trigger that somebody asks for.
pub(crate) fn wanted_run(trigger_id: i64, tag: &str) -> WantTriggerRun {
    WantTriggerRun {
        trigger_id,
        tag: tag.to_owned(),
        digest: digest(tag),
        why: "run",
        user_id: None,
        undoes: None,
        kind: "trigger",
        lane: "cluster/1".to_owned(),
        now: 7,
    }
}

/// Pushes a manifest under a tag.
pub(crate) async fn tag(metadata: &Metadata, repository_id: i64, tag: &str) {
    metadata
        .put_manifest(tagged(manifest(repository_id, tag, &[]), &[tag]))
        .await
        .unwrap();
}

/// All of it but its name and who made it.
async fn a_trigger_is_replaced(metadata: &Metadata, repository: i64, trigger: i64) {
    let preheat = TriggerPreheat {
        labels: r#"{"zone":"a"}"#.to_owned(),
        seconds: 60,
    };
    let replaced = NewTrigger {
        condition: "v*".to_owned(),
        workload: "api".to_owned(),
        update_by: "tag".to_owned(),
        undo_on_failure: true,
        rollout_seconds: 30,
        preheat: Some(preheat.clone()),
        ..new_trigger(repository, "ignored")
    };
    let open = metadata
        .want_trigger_run(wanted_run(trigger, "open"))
        .await
        .unwrap();
    assert!(metadata.replace_trigger(trigger, replaced.clone()).await.unwrap());
    let ended = metadata.trigger_run(trigger, open).await.unwrap().unwrap();
    assert_eq!(ended.status, "superseded", "it would act elsewhere");
    // The same again: what waits goes on waiting.
    let open = metadata
        .want_trigger_run(wanted_run(trigger, "open"))
        .await
        .unwrap();
    assert!(metadata.replace_trigger(trigger, replaced.clone()).await.unwrap());
    let waits = metadata.trigger_run(trigger, open).await.unwrap().unwrap();
    assert!(waits.is_open(), "{waits:?}");
    assert!(!metadata.replace_trigger(-1, replaced.clone()).await.unwrap());
    let nowhere = NewTrigger {
        cluster: Some(-1),
        ..replaced
    };
    assert_eq!(
        conflict(metadata.replace_trigger(trigger, nowhere).await),
        Conflict::Changed
    );
    let found = metadata.trigger(repository, "roll").await.unwrap().unwrap();
    assert_eq!(
        (
            found.condition.as_str(),
            found.workload.as_str(),
            found.update_by.as_str(),
            found.undo_on_failure
        ),
        ("v*", "api", "tag", true)
    );
    assert_eq!(
        (found.enabled, found.rollout_seconds, found.creator_name.as_str()),
        (true, 30, "mary")
    );
    assert_eq!(found.preheat, Some(preheat));
}

pub(crate) async fn triggers_are_kept_with_their_history(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    for name in ["roll", "other"] {
        metadata
            .create_trigger(new_trigger(repository.id, name), 2)
            .await
            .unwrap();
    }
    metadata
        .create_trigger(new_trigger(other.id, "roll"), 2)
        .await
        .unwrap();
    let table = [
        (new_trigger(repository.id, "third"), 2, Conflict::TooMany),
        (new_trigger(repository.id, "roll"), 10, Conflict::Taken),
        (new_trigger(-1, "roll"), 10, Conflict::RepositoryGone),
        (
            NewTrigger {
                cluster: Some(-1),
                ..new_trigger(repository.id, "third")
            },
            10,
            Conflict::Changed,
        ),
    ];
    for (new, limit, expected) in table {
        let said = format!("{new:?}");
        assert_eq!(
            conflict(metadata.create_trigger(new, limit).await),
            expected,
            "{said}"
        );
    }
    let names = metadata.list_triggers(repository.id).await.unwrap();
    let names: Vec<_> = names.iter().map(|trigger| trigger.name.as_str()).collect();
    assert_eq!(names, ["other", "roll"]);
    let roll = metadata.trigger(repository.id, "roll").await.unwrap().unwrap();
    assert!(roll.enabled);
    assert_eq!((roll.cluster_id.as_str(), roll.cluster_name.as_str()), ("", ""));
    assert!(metadata.set_trigger_enabled(roll.id, false).await.unwrap());
    assert!(
        !metadata
            .trigger(repository.id, "roll")
            .await
            .unwrap()
            .unwrap()
            .enabled
    );
    assert!(!metadata.set_trigger_enabled(-1, false).await.unwrap());

    a_trigger_is_replaced(metadata, repository.id, roll.id).await;
    metadata
        .want_trigger_run(wanted_run(roll.id, "v1"))
        .await
        .unwrap();
    assert_eq!(metadata.trigger_runs(roll.id, None, 9).await.unwrap().len(), 3);
    assert!(metadata.delete_trigger(roll.id).await.unwrap());
    assert!(!metadata.delete_trigger(roll.id).await.unwrap());
    assert_eq!(metadata.trigger_runs(roll.id, None, 2).await.unwrap(), []);
    assert_eq!(metadata.trigger(repository.id, "ro\0ll").await.unwrap(), None);
}

pub(crate) async fn a_rule_with_the_same_destination_is_replaced(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let account = world.account().await;
    let (east, west) = (
        region_row(metadata, &account, "east").await,
        region_row(metadata, &account, "west").await,
    );
    let rule = |region, organization: &str, overwrite, now| WantedSyncRule {
        overwrite,
        now,
        ..new_rule(repository.id, region, organization)
    };
    metadata
        .put_sync_rule(rule(east, "group", false, 5), 2)
        .await
        .unwrap();
    metadata
        .put_sync_rule(rule(west, "group", false, 6), 2)
        .await
        .unwrap();
    metadata
        .put_sync_rule(rule(east, "group", true, 7), 2)
        .await
        .unwrap();
    let third = metadata.put_sync_rule(rule(east, "other", false, 8), 2).await;
    assert_eq!(conflict(third), Conflict::TooMany);
    let nowhere = metadata.put_sync_rule(rule(-1, "group", false, 8), 5).await;
    assert_eq!(conflict(nowhere), Conflict::Changed);
    let gone = WantedSyncRule {
        repository_id: -1,
        ..rule(east, "group", false, 8)
    };
    assert_eq!(
        conflict(metadata.put_sync_rule(gone, 5).await),
        Conflict::RepositoryGone
    );
    let rules = metadata.list_sync_rules(repository.id).await.unwrap();
    let rules: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule.region_id.as_str(),
                rule.overwrite,
                rule.created_at,
                rule.updated_at,
            )
        })
        .collect();
    assert_eq!(rules, [("east", true, 5, 7), ("west", false, 6, 6)]);
    assert!(
        !metadata
            .delete_sync_rule(repository.id, east, "other")
            .await
            .unwrap()
    );
    assert!(
        metadata
            .delete_sync_rule(repository.id, east, "group")
            .await
            .unwrap()
    );
    assert_eq!(metadata.list_sync_rules(repository.id).await.unwrap().len(), 1);
}

pub(crate) async fn a_copy_that_waits_is_not_queued_twice(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let account = world.account().await;
    let region = region_row(metadata, &account, "east").await;
    for name in ["v1", "v2"] {
        tag(metadata, repository.id, name).await;
    }
    let jobs = |tags: &[&str]| NewSyncJobs {
        region,
        ..new_jobs(repository.id, tags)
    };
    let missing = metadata
        .create_sync_jobs(jobs(&["v1", "v3", "V1"]))
        .await
        .unwrap();
    assert_eq!(missing, ["v3", "V1"]);
    let overwriting = NewSyncJobs {
        overwrite: true,
        now: 9,
        ..jobs(&["v1", "v2"])
    };
    assert_eq!(metadata.create_sync_jobs(overwriting).await.unwrap(), [""; 0]);
    let elsewhere = NewSyncJobs {
        remote_organization: "other".to_owned(),
        ..jobs(&["v1"])
    };
    metadata.create_sync_jobs(elsewhere).await.unwrap();
    let gone = NewSyncJobs {
        region: -1,
        ..jobs(&["v1"])
    };
    assert_eq!(
        conflict(metadata.create_sync_jobs(gone).await),
        Conflict::RepositoryGone
    );
    for (order, offset, limit, expected) in [
        (
            HistoryOrder::OldestFirst,
            0,
            10,
            "v1 group true, v2 group true, v1 other false",
        ),
        (HistoryOrder::NewestFirst, 0, 2, "v1 other false, v2 group true"),
        (HistoryOrder::NewestFirst, 2, 2, "v1 group true"),
        (HistoryOrder::NewestFirst, 3, 2, ""),
    ] {
        let (page, total) = metadata
            .list_sync_jobs(repository.id, order, offset, limit)
            .await
            .unwrap();
        let page = page.iter().inspect(|job| assert_eq!(job.status, "waiting"));
        let page = page.map(|job| format!("{} {} {}", job.tag, job.remote_organization, job.overwrite));
        assert_eq!(
            (page.collect::<Vec<_>>().join(", ").as_str(), total),
            (expected, 3)
        );
    }
}

pub(crate) async fn a_deleted_repository_takes_its_policies_along(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let account = world.account().await;
    let region = region_row(metadata, &account, "east").await;
    let id = repository.id;
    tag(metadata, id, "v1").await;
    metadata
        .create_trigger(new_trigger(id, "roll"), 10)
        .await
        .unwrap();
    let trigger = metadata.trigger(id, "roll").await.unwrap().unwrap().id;
    metadata
        .want_trigger_run(wanted_run(trigger, "v1"))
        .await
        .unwrap();
    let retention = metadata.create_retention(new_retention(id, 1)).await.unwrap();
    retain(&world, id, retention, &["v1"], 50).await;
    tag(metadata, id, "v1").await;
    let rule = new_rule(id, region, "group");
    metadata.put_sync_rule(rule, 10).await.unwrap();
    metadata
        .create_sync_jobs(NewSyncJobs {
            region,
            ..new_jobs(id, &["v1"])
        })
        .await
        .unwrap();
    assert!(erase(metadata, id, 9).await);
    assert_eq!(metadata.list_triggers(id).await.unwrap(), []);
    assert_eq!(metadata.trigger_runs(trigger, None, 10).await.unwrap(), []);
    assert_eq!(metadata.retention(id).await.unwrap(), None);
    assert_eq!(metadata.retention_log(id, 0, 10).await.unwrap().1, 0);
    assert_eq!(metadata.list_sync_rules(id).await.unwrap(), []);
    assert_eq!(
        metadata
            .list_sync_jobs(id, HistoryOrder::NewestFirst, 0, 10)
            .await
            .unwrap()
            .1,
        0
    );
    assert_eq!(metadata.retention_runs(id, None, 10).await.unwrap(), []);
    assert!(
        metadata.delete_region(&account, "east", 9).await.unwrap(),
        "nothing needs it"
    );
}
