//! Runs of triggers: their order, whose turn it is, how they end.

use crate::policies::{new_trigger, wanted_run};
use crate::world::{World, conflict, digest};
use berth_metadata::{
    Conflict, Metadata, SaveTriggerRun, TriggerRun, TriggerStep, TriggerStepKind, TriggerTurn, WantTriggerRun,
};

async fn trigger(world: &World) -> i64 {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    metadata
        .create_trigger(new_trigger(repository, "roll"), 10)
        .await
        .unwrap();
    metadata.trigger(repository, "roll").await.unwrap().unwrap().id
}

async fn want(metadata: &Metadata, trigger: i64, tag: &str) -> TriggerRun {
    let id = metadata.want_trigger_run(wanted_run(trigger, tag)).await.unwrap();
    metadata.trigger_run(trigger, id).await.unwrap().unwrap()
}

fn step(trigger_id: i64, run: &TriggerRun, holder: &str) -> TriggerStep {
    TriggerStep {
        kind: TriggerStepKind::Act,
        trigger_id,
        run_id: run.id,
        event: run.event.unwrap(),
        holder: holder.to_owned(),
        ttl_ms: 60_000,
        now: 8,
    }
}

fn save(run: &TriggerRun, holder: &str, status: &'static str) -> SaveTriggerRun {
    SaveTriggerRun {
        id: run.id,
        holder: Some(holder.to_owned()),
        status,
        detail: format!("it is {status}"),
        state: "{\"image\":\"a\"}".to_owned(),
        has_acted: true,
        failures: 2,
        ended_at: (status != "running").then_some(9),
    }
}

async fn statuses(metadata: &Metadata, trigger: i64) -> Vec<String> {
    let runs = metadata.trigger_runs(trigger, None, 100).await.unwrap();
    runs.into_iter()
        .rev()
        .map(|run| format!("{} {}", run.tag, run.status))
        .collect()
}

pub(crate) async fn runs_are_listed_with_who_asked(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let trigger = trigger(&world).await;
    let first = want(metadata, trigger, "v1").await;
    let wanted = WantTriggerRun {
        user_id: Some(user.id.clone()),
        why: "undo",
        undoes: Some((first.id, "{\"a\":1}".to_owned())),
        ..wanted_run(trigger, "v2")
    };
    let id = metadata.want_trigger_run(wanted).await.unwrap();
    let task = metadata.trigger_task(id).await.unwrap().unwrap();
    assert_eq!((task.trigger.id, task.is_outdated), (trigger, false));
    assert!(
        metadata
            .trigger_task(first.id)
            .await
            .unwrap()
            .unwrap()
            .is_outdated
    );
    let run = task.run;
    assert_eq!(
        (run.tag.as_str(), run.why.as_str(), run.undoes),
        ("v2", "undo", Some(first.id))
    );
    assert_eq!(
        (run.digest.as_deref(), run.state.as_str()),
        (Some(digest("v2").as_str()), "{\"a\":1}")
    );
    assert_eq!((run.status.as_str(), run.is_open(), run.at), ("waiting", true, 7));
    assert!(run.user_name.is_some() && run.event > first.event);

    let listed = metadata.trigger_runs(trigger, None, 1).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&run));
    let listed = metadata.trigger_runs(trigger, Some(run.id), 10).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&first));
    assert_eq!(metadata.trigger_run(-1, first.id).await.unwrap(), None);
    assert!(metadata.trigger_task(-1).await.unwrap().is_none());
    // The number that was drawn for its place is no event.
    assert_eq!(metadata.tag_events(0, 10).await.unwrap(), []);
    let nowhere = metadata.want_trigger_run(wanted_run(-1, "v1")).await;
    assert_eq!(conflict(nowhere), Conflict::Changed);
}

pub(crate) async fn one_step_of_a_trigger_has_the_turn(world: World) {
    let metadata = &world.metadata;
    let (trigger, other) = (trigger(&world).await, trigger(&world).await);
    let (run, elsewhere) = (
        want(metadata, trigger, "v1").await,
        want(metadata, other, "v1").await,
    );
    let begin = async |step: TriggerStep| metadata.begin_trigger_step(step).await.unwrap();
    assert_eq!(begin(step(trigger, &run, "a")).await, TriggerTurn::Taken);
    assert_eq!(begin(step(trigger, &run, "b")).await, TriggerTurn::Busy);
    assert_eq!(begin(step(trigger, &run, "a")).await, TriggerTurn::Busy);
    assert_eq!(begin(step(other, &elsewhere, "b")).await, TriggerTurn::Taken);
    // Who never had the turn cannot end it.
    assert!(
        metadata
            .save_trigger_run(save(&run, "b", "running"))
            .await
            .unwrap()
    );
    assert_eq!(begin(step(trigger, &run, "b")).await, TriggerTurn::Busy);
    assert!(
        metadata
            .save_trigger_run(save(&run, "a", "running"))
            .await
            .unwrap()
    );
    // A step that never ended loses the turn when its time is over.
    let short = TriggerStep {
        ttl_ms: -1,
        ..step(trigger, &run, "c")
    };
    assert_eq!(begin(short).await, TriggerTurn::Taken);
    assert_eq!(begin(step(trigger, &run, "d")).await, TriggerTurn::Taken);
}

pub(crate) async fn what_is_newer_ends_what_is_older(world: World) {
    let metadata = &world.metadata;
    let trigger = trigger(&world).await;
    let first = want(metadata, trigger, "v1").await;
    let second = want(metadata, trigger, "v2").await;
    let begin = async |run: &TriggerRun, holder: &str| {
        let begun = metadata.begin_trigger_step(step(trigger, run, holder)).await;
        begun.unwrap()
    };
    // The older one finds out by itself, and leaves the turn to others.
    assert_eq!(begin(&first, "a").await, TriggerTurn::Ended);
    assert_eq!(statuses(metadata, trigger).await, ["v1 superseded", "v2 waiting"]);
    assert_eq!(begin(&second, "b").await, TriggerTurn::Taken);
    assert!(
        metadata
            .save_trigger_run(save(&second, "b", "running"))
            .await
            .unwrap()
    );
    // The newer one ends those that are under way.
    let third = want(metadata, trigger, "v3").await;
    assert_eq!(begin(&third, "c").await, TriggerTurn::Taken);
    assert_eq!(
        statuses(metadata, trigger).await,
        ["v1 superseded", "v2 superseded", "v3 running"]
    );
    assert!(
        !metadata
            .save_trigger_run(save(&second, "b", "success"))
            .await
            .unwrap()
    );
    let ended = metadata.trigger_run(trigger, second.id).await.unwrap().unwrap();
    assert_eq!((ended.ended_at, ended.started_at), (Some(8), Some(8)));
    assert!(ended.detail.contains("newer"), "{}", ended.detail);
}

pub(crate) async fn what_has_acted_is_ended_by_what_acts(world: World) {
    let metadata = &world.metadata;
    let trigger = trigger(&world).await;
    let begin = async |run: &TriggerRun, kind: TriggerStepKind| {
        let step = TriggerStep {
            kind,
            ..step(trigger, run, "a")
        };
        metadata.begin_trigger_step(step).await.unwrap()
    };
    let acted = want(metadata, trigger, "v1").await;
    assert_eq!(begin(&acted, TriggerStepKind::Act).await, TriggerTurn::Taken);
    let saved = metadata.save_trigger_run(save(&acted, "a", "running")).await;
    assert!(saved.unwrap());
    // Those that wait end one another, and what has acted goes on and may undo it.
    let waits = [
        want(metadata, trigger, "v2").await,
        want(metadata, trigger, "v3").await,
    ];
    assert_eq!(begin(&waits[0], TriggerStepKind::Act).await, TriggerTurn::Ended);
    assert_eq!(
        begin(&waits[1], TriggerStepKind::Prepare).await,
        TriggerTurn::Taken
    );
    let prepared = SaveTriggerRun {
        has_acted: false,
        ..save(&waits[1], "a", "running")
    };
    assert!(metadata.save_trigger_run(prepared).await.unwrap());
    assert_eq!(begin(&acted, TriggerStepKind::Undo).await, TriggerTurn::Taken);
    let saved = metadata.save_trigger_run(save(&acted, "a", "running")).await;
    assert!(saved.unwrap());
    assert_eq!(
        statuses(metadata, trigger).await,
        ["v1 running", "v2 superseded", "v3 running"]
    );
    // Until another acts.
    assert_eq!(begin(&waits[1], TriggerStepKind::Act).await, TriggerTurn::Taken);
    assert_eq!(
        statuses(metadata, trigger).await,
        ["v1 superseded", "v2 superseded", "v3 running"]
    );
    let saved = metadata.save_trigger_run(save(&waits[1], "a", "running")).await;
    assert!(saved.unwrap());
    assert_eq!(begin(&acted, TriggerStepKind::Undo).await, TriggerTurn::Ended);
    // One that has acted and finds out by itself ends as well.
    want(metadata, trigger, "v4").await;
    assert_eq!(begin(&waits[1], TriggerStepKind::Act).await, TriggerTurn::Ended);
}

pub(crate) async fn a_run_ends_once(world: World) {
    let metadata = &world.metadata;
    let trigger = trigger(&world).await;
    let run = want(metadata, trigger, "v1").await;
    let begun = metadata.begin_trigger_step(step(trigger, &run, "a")).await;
    assert_eq!(begun.unwrap(), TriggerTurn::Taken);
    assert!(
        metadata
            .save_trigger_run(save(&run, "a", "success"))
            .await
            .unwrap()
    );
    assert!(
        !metadata
            .save_trigger_run(save(&run, "a", "failed"))
            .await
            .unwrap()
    );
    let begun = metadata.begin_trigger_step(step(trigger, &run, "a")).await;
    assert_eq!(begun.unwrap(), TriggerTurn::Ended);
    let ended = metadata.trigger_run(trigger, run.id).await.unwrap().unwrap();
    assert_eq!(
        (ended.status.as_str(), ended.detail.as_str()),
        ("success", "it is success")
    );
    assert_eq!(
        (ended.failures, ended.ended_at, ended.is_open()),
        (2, Some(9), false)
    );
    assert_eq!(ended.state, "{\"image\":\"a\"}");
}

pub(crate) async fn old_runs_are_forgotten(world: World) {
    let metadata = &world.metadata;
    let trigger = trigger(&world).await;
    let first = want(metadata, trigger, "v1").await;
    want(metadata, trigger, "v2").await;
    let begun = metadata.begin_trigger_step(step(trigger, &first, "a")).await;
    assert_eq!(begun.unwrap(), TriggerTurn::Ended);
    // One that has not ended is never too old.
    assert_eq!(metadata.forget_trigger_runs(7, 10).await.unwrap(), 0);
    assert_eq!(metadata.forget_trigger_runs(8, 10).await.unwrap(), 1);
    assert_eq!(statuses(metadata, trigger).await, ["v2 waiting"]);
}
