//! Jobs: claimed by one, in turns between lanes, held, ended once; and the events of tags that queue them.

use crate::outside::region_row;
use crate::policies::{new_rule, new_trigger};
use crate::world::{World, digest, manifest, tagged};
use berth_metadata::{
    EventFollows, FollowJob, HistoryOrder, Job, JobAgain, JobClaim, Metadata, NewJob, OpenWork, TagChange,
};
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;
const KIND: &str = "trigger";

async fn queue(metadata: &Metadata, subject: i64, lane: &str, due_at: i64) {
    let job = NewJob {
        kind: KIND,
        subject,
        lane: lane.to_owned(),
        due_at,
    };
    metadata.queue_job(job).await.unwrap();
}

fn claim(holder: &str, now: i64) -> JobClaim {
    JobClaim {
        kind: KIND,
        holder: holder.to_owned(),
        held_ms: HOUR_MS,
        lane_max: 2,
        now,
    }
}

/// The subject of the job that is claimed, none when nothing is due.
async fn claimed(metadata: &Metadata, holder: &str, now: i64) -> Option<Job> {
    metadata.claim_job(claim(holder, now)).await.unwrap()
}

pub(crate) async fn jobs_are_claimed_in_turns_between_lanes(world: World) {
    let metadata = &world.metadata;
    for (subject, lane, due_at) in [(1, "a", 1), (2, "a", 2), (3, "a", 3), (4, "b", 4), (5, "b", 50)] {
        queue(metadata, subject, lane, due_at).await;
    }
    let mut order = Vec::new();
    for now in 10..20 {
        order.extend(claimed(metadata, "p", now).await.map(|job| job.subject));
    }
    // The third of lane a waits for one of its two places, the second of lane b for its time.
    assert_eq!(order, [1, 4, 2]);
    assert_eq!(claimed(metadata, "p", 50).await.map(|job| job.subject), Some(5));
    let other = JobClaim {
        kind: "sync",
        ..claim("p", 50)
    };
    assert_eq!(metadata.claim_job(other).await.unwrap(), None);
}

pub(crate) async fn open_jobs_are_counted_by_kind(world: World) {
    let metadata = &world.metadata;
    assert_eq!(metadata.open_work().await.unwrap(), []);
    for (subject, due_at) in [(1, 7), (2, 3), (3, 9)] {
        queue(metadata, subject, "a", due_at).await;
    }
    let found = |waiting, held, due_at| {
        vec![OpenWork {
            kind: KIND.to_owned(),
            waiting,
            held,
            due_at,
        }]
    };
    assert_eq!(metadata.open_work().await.unwrap(), found(3, 0, Some(3)));
    let first = claimed(metadata, "p", 20).await.unwrap();
    assert_eq!(metadata.open_work().await.unwrap(), found(2, 1, Some(7)));
    let again = JobAgain {
        due_at: 40,
        pause: Some((50, "it does not answer".to_owned())),
    };
    metadata.postpone_job(KIND, &first, "p", again).await.unwrap();
    assert_eq!(metadata.open_work().await.unwrap(), found(3, 0, Some(7)));
    assert_eq!(metadata.count_paused_lanes(49).await.unwrap(), 1);
    assert_eq!(metadata.count_paused_lanes(50).await.unwrap(), 0);
}

pub(crate) async fn of_many_who_claim_a_job_one_gets_it(world: World) {
    for subject in 0..8 {
        queue(&world.metadata, subject, &format!("lane{subject}"), 0).await;
    }
    let wanting = (0..32).map(|n| {
        let metadata = world.metadata.clone();
        tokio::spawn(async move { claimed(&metadata, &format!("p{n}"), 1).await })
    });
    let mut got = Vec::new();
    for claim in wanting.collect::<Vec<_>>() {
        got.extend(claim.await.unwrap().map(|job| job.subject));
    }
    while let Some(job) = claimed(&world.metadata, "last", 1).await {
        got.push(job.subject);
    }
    got.sort_unstable();
    assert_eq!(got, (0..8).collect::<Vec<_>>());
}

pub(crate) async fn a_job_whose_process_died_is_claimed_again(world: World) {
    let metadata = &world.metadata;
    queue(metadata, 1, "a", 0).await;
    let short = JobClaim {
        held_ms: 1,
        ..claim("dead", 1)
    };
    let first = metadata.claim_job(short).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = claimed(metadata, "alive", 1).await.unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    // What the dead one says about it does not count any more.
    assert!(!metadata.renew_job(first.id, "dead", HOUR_MS).await.unwrap());
    metadata.end_job(KIND, &first, "dead").await.unwrap();
    assert!(metadata.renew_job(second.id, "alive", HOUR_MS).await.unwrap());
    metadata.end_job(KIND, &second, "alive").await.unwrap();
    assert!(!metadata.renew_job(second.id, "alive", HOUR_MS).await.unwrap());

    queue(metadata, 2, "a", 0).await;
    claimed(metadata, "stopping", 1).await.unwrap();
    assert_eq!(claimed(metadata, "alive", 1).await, None);
    metadata.release_jobs("stopping").await.unwrap();
    assert!(claimed(metadata, "alive", 1).await.is_some());
}

pub(crate) async fn a_job_that_was_asked_for_again_is_done_once_more(world: World) {
    let metadata = &world.metadata;
    queue(metadata, 1, "a", 5).await;
    queue(metadata, 1, "a", 3).await;
    let job = claimed(metadata, "p", 3).await.unwrap();
    queue(metadata, 1, "a", 9).await;
    assert_eq!(claimed(metadata, "p", 9).await, None);
    metadata.end_job(KIND, &job, "p").await.unwrap();
    let again = claimed(metadata, "p", 9).await.unwrap();
    assert_eq!((again.subject, again.attempts), (1, 1));
    metadata.end_job(KIND, &again, "p").await.unwrap();
    assert_eq!(claimed(metadata, "p", 9).await, None);
}

pub(crate) async fn a_paused_lane_holds_up_nobody_else(world: World) {
    let metadata = &world.metadata;
    for (subject, lane) in [(1, "down"), (2, "down"), (3, "up")] {
        queue(metadata, subject, lane, 0).await;
    }
    let job = claimed(metadata, "p", 1).await.unwrap();
    assert_eq!(job.lane, "down");
    let again = JobAgain {
        due_at: 100,
        pause: Some((100, "no answer".to_owned())),
    };
    metadata.postpone_job(KIND, &job, "p", again).await.unwrap();
    let paused = metadata.paused_lane(KIND, "down", 2).await.unwrap().unwrap();
    assert_eq!(
        (paused.failures, paused.until, paused.reason.as_str()),
        (1, 100, "no answer")
    );
    assert_eq!(claimed(metadata, "p", 2).await.map(|job| job.subject), Some(3));
    assert_eq!(claimed(metadata, "p", 2).await, None);
    assert_eq!(claimed(metadata, "p", 100).await.map(|job| job.subject), Some(2));

    metadata.resume_lane(KIND, "down").await.unwrap();
    let resumed = claimed(metadata, "p", 3).await.unwrap();
    assert_eq!(resumed.subject, 1);
    metadata.end_job(KIND, &resumed, "p").await.unwrap();
    assert_eq!(metadata.paused_lane(KIND, "down", 2).await.unwrap(), None);
}

pub(crate) async fn a_tag_that_moves_is_an_event_where_somebody_waits(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await.id;
    let push = async |content: &str, tag: &str| {
        let put = tagged(manifest(repository, content, &[]), &[tag]);
        metadata.put_manifest(put).await.unwrap();
    };
    push("first", "v1").await;
    assert_eq!(metadata.tag_events(0, 10).await.unwrap(), []);

    metadata
        .create_trigger(new_trigger(repository, "t"), 10)
        .await
        .unwrap();
    push("first", "v1").await;
    assert_eq!(metadata.tag_events(0, 10).await.unwrap(), []);
    push("second", "v1").await;
    push("second", "v1").await;
    let events = metadata.tag_events(0, 10).await.unwrap();
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(
        (
            event.tag.as_str(),
            event.digest.as_str(),
            event.previous.as_deref(),
            event.why
        ),
        (
            "v1",
            digest("second").as_str(),
            Some(digest("first").as_str()),
            TagChange::Push
        )
    );

    let trigger = metadata.trigger(repository, "t").await.unwrap().unwrap();
    let follows = EventFollows {
        triggers: vec![(
            trigger.id,
            FollowJob {
                kind: KIND,
                lane: "cluster/1".to_owned(),
            },
        )],
        sync_rules: Vec::new(),
        lazy: false,
        preheats: Vec::new(),
    };
    let settle = async || {
        metadata
            .settle_event(event.clone(), follows.clone(), 9)
            .await
            .unwrap()
    };
    assert!(settle().await);
    assert!(!settle().await);
    assert_eq!(metadata.tag_events(0, 10).await.unwrap(), []);
    assert_eq!(
        metadata.trigger_runs(trigger.id, None, 10).await.unwrap().len(),
        1
    );
    let job = claimed(metadata, "p", 9).await.unwrap();
    assert_eq!(job.lane, "cluster/1");
    assert_eq!(claimed(metadata, "p", 9).await, None);
}

pub(crate) async fn a_push_that_is_sent_elsewhere_replaces_the_one_that_waits(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    let repository = world.repository_in(organization, "image").await.id;
    let region = region_row(metadata, &account, "east").await;
    metadata
        .put_sync_rule(new_rule(repository, region, "group"), 10)
        .await
        .unwrap();
    let rule = metadata.list_sync_rules(repository).await.unwrap()[0].id;
    for content in ["first", "second"] {
        let mut put = tagged(manifest(repository, content, &[]), &["v1"]);
        "elsewhere".clone_into(&mut put.origin);
        metadata.put_manifest(put).await.unwrap();
        for event in metadata.tag_events(0, 10).await.unwrap() {
            assert_eq!(event.origin, "elsewhere");
            let follows = EventFollows {
                triggers: Vec::new(),
                sync_rules: vec![rule],
                lazy: false,
                preheats: Vec::new(),
            };
            assert!(metadata.settle_event(event, follows, 9).await.unwrap());
        }
    }
    let (jobs, total) = metadata
        .list_sync_jobs(repository, HistoryOrder::NewestFirst, 0, 10)
        .await
        .unwrap();
    assert_eq!((total, jobs[0].status.as_str()), (1, "waiting"));
    let claim = JobClaim {
        kind: "sync",
        ..claim("p", 9)
    };
    let job = metadata.claim_job(claim).await.unwrap().unwrap();
    assert_eq!(
        (job.subject, job.lane),
        (jobs[0].id, berth_metadata::region_lane(region))
    );
}

pub(crate) async fn a_lane_is_forgotten_only_when_nothing_waits_in_it(world: World) {
    let metadata = &world.metadata;
    for (subject, lane) in [(1, "done"), (2, "waits")] {
        queue(metadata, subject, lane, 5).await;
    }
    let job = claimed(metadata, "p", 5).await.unwrap();
    metadata.end_job(KIND, &job, "p").await.unwrap();
    assert_eq!(metadata.forget_lanes(5, 10).await.unwrap(), 0);
    assert_eq!(metadata.forget_lanes(6, 10).await.unwrap(), 1);
    assert_eq!(metadata.forget_lanes(6, 10).await.unwrap(), 0);
    queue(metadata, 3, "done", 5).await;
    let mut order = Vec::new();
    while let Some(job) = claimed(metadata, "p", 6).await {
        order.push(job.subject);
    }
    order.sort_unstable();
    assert_eq!(order, [2, 3]);
}

pub(crate) async fn what_is_queued_while_its_lane_is_forgotten_is_not_lost(world: World) {
    for round in 0..20 {
        let metadata = world.metadata.clone();
        let forgetting = tokio::spawn(async move { metadata.forget_lanes(100, 10).await.unwrap() });
        queue(&world.metadata, round, "a", 5).await;
        forgetting.await.unwrap();
        let job = claimed(&world.metadata, "p", 6).await.unwrap();
        assert_eq!(job.subject, round);
        world.metadata.end_job(KIND, &job, "p").await.unwrap();
    }
}

pub(crate) async fn a_job_that_was_asked_for_while_it_fails_does_not_wait(world: World) {
    let metadata = &world.metadata;
    let again = |due_at| JobAgain { due_at, pause: None };
    queue(metadata, 1, "a", 5).await;
    let job = claimed(metadata, "p", 5).await.unwrap();
    queue(metadata, 1, "a", 7).await;
    metadata.postpone_job(KIND, &job, "p", again(100)).await.unwrap();
    let job = claimed(metadata, "p", 7).await.unwrap();
    metadata.postpone_job(KIND, &job, "p", again(100)).await.unwrap();
    assert_eq!(claimed(metadata, "p", 7).await, None);
    let job = claimed(metadata, "p", 100).await.unwrap();
    metadata.resume_lane(KIND, "a").await.unwrap();
    metadata.postpone_job(KIND, &job, "p", again(1000)).await.unwrap();
    assert!(claimed(metadata, "p", 100).await.is_some());
}
