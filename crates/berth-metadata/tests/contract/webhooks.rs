//! Webhooks of triggers, their deliveries, and what is asked for again.

use crate::policies::{new_trigger, tag, wanted_run};
use crate::world::{World, conflict, digest};
use berth_metadata::{
    AttemptFollows, Conflict, DeliveriesPage, Delivery, DeliveryAttempt, DeliveryPlace, JobClaim, Metadata,
    NewTrigger, NewWebhook, Redelivery, Repository, WEBHOOK, Webhook,
};

const LANE: &str = "host/hooks.example:443";

fn webhook(uid: &str) -> NewWebhook {
    NewWebhook {
        uid: uid.to_owned(),
        url: "https://hooks.example/path".to_owned(),
        secret_encrypted: vec![1, 0, 255],
    }
}

/// A repository with a webhook; answers its trigger's id.
async fn hooked(world: &World, uid: &str) -> (Repository, i64) {
    let repository = world.repository().await;
    let new = NewTrigger {
        webhook: Some(webhook(uid)),
        ..new_trigger(repository.id, "hook")
    };
    world.metadata.create_trigger(new, 10).await.unwrap();
    let row = world
        .metadata
        .trigger(repository.id, "hook")
        .await
        .unwrap()
        .unwrap();
    (repository, row.id)
}

/// A run of it for a tag; answers its id.
async fn run_of(metadata: &Metadata, repository: &Repository, trigger: i64, name: &str) -> i64 {
    tag(metadata, repository.id, name).await;
    let mut wanted = wanted_run(trigger, name);
    (wanted.kind, wanted.lane) = (WEBHOOK, LANE.to_owned());
    metadata.want_trigger_run(wanted).await.unwrap()
}

async fn attempt(metadata: &Metadata, run_id: i64, follows: AttemptFollows, error: &str) {
    let attempt = DeliveryAttempt {
        run_id,
        response_status: error.is_empty().then_some(200),
        error: error.to_owned(),
        took_ms: 12,
        follows,
        switches_off: error == "gone",
        now: 50,
    };
    metadata.note_attempt(attempt).await.unwrap();
}

async fn page(
    metadata: &Metadata,
    place: DeliveryPlace,
    status: Option<&str>,
    before: Option<i64>,
) -> Vec<Delivery> {
    let page = DeliveriesPage {
        place,
        status: status.map(str::to_owned),
        before,
        limit: 10,
    };
    metadata.deliveries(page).await.unwrap()
}

fn full_name(repository: &Repository) -> String {
    format!("o{}/{}", repository.organization_id, repository.image)
}

fn ids(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

/// Claims the due job of this kind and ends it; answers its subject.
async fn done(metadata: &Metadata) -> Option<i64> {
    let claim = JobClaim {
        kind: WEBHOOK,
        holder: "me".to_owned(),
        held_ms: 60_000,
        lane_max: 4,
        now: 100,
    };
    let job = metadata.claim_job(claim).await.unwrap()?;
    assert_eq!(job.lane, LANE);
    metadata.end_job(WEBHOOK, &job, "me").await.unwrap();
    Some(job.subject)
}

pub(crate) async fn a_webhook_keeps_its_secret_and_the_one_before(world: World) {
    let metadata = &world.metadata;
    let (repository, trigger) = hooked(&world, "one").await;
    let row = metadata.trigger(repository.id, "hook").await.unwrap().unwrap();
    assert_eq!(row.webhook_url.as_deref(), Some("https://hooks.example/path"));
    let kept = Webhook {
        uid: "one".to_owned(),
        url: "https://hooks.example/path".to_owned(),
        secret_encrypted: vec![1, 0, 255],
        former: None,
    };
    assert_eq!(metadata.webhook(trigger).await.unwrap(), Some(kept.clone()));
    assert!(
        metadata
            .replace_webhook_secret(trigger, vec![2], 99)
            .await
            .unwrap()
    );
    let replaced = Webhook {
        secret_encrypted: vec![2],
        former: Some((vec![1, 0, 255], 99)),
        ..kept.clone()
    };
    assert_eq!(metadata.webhook(trigger).await.unwrap(), Some(replaced.clone()));
    // Replacing the trigger replaces the address and no secret.
    let moved = NewTrigger {
        webhook: Some(NewWebhook {
            url: "https://other.example/".to_owned(),
            ..webhook("two")
        }),
        ..new_trigger(repository.id, "hook")
    };
    assert!(metadata.replace_trigger(trigger, moved).await.unwrap());
    let moved = Webhook {
        url: "https://other.example/".to_owned(),
        ..replaced
    };
    assert_eq!(metadata.webhook(trigger).await.unwrap(), Some(moved));
    // A workload's trigger has none.
    metadata
        .create_trigger(new_trigger(repository.id, "roll"), 10)
        .await
        .unwrap();
    let other = metadata.trigger(repository.id, "roll").await.unwrap().unwrap();
    assert_eq!(
        (other.webhook_url, metadata.webhook(other.id).await.unwrap()),
        (None, None)
    );
    assert!(
        !metadata
            .replace_webhook_secret(other.id, vec![3], 99)
            .await
            .unwrap()
    );
    assert!(metadata.delete_trigger(trigger).await.unwrap());
    assert_eq!(metadata.webhook(trigger).await.unwrap(), None);
}

pub(crate) async fn a_delivery_keeps_what_it_sends(world: World) {
    let metadata = &world.metadata;
    let (repository, trigger) = hooked(&world, "one").await;
    let run = run_of(metadata, &repository, trigger, "v1").await;
    let task = metadata.webhook_task(run).await.unwrap().unwrap();
    assert_eq!(
        (
            task.tag.as_str(),
            task.digest.as_str(),
            task.repository.as_str(),
            task.why.as_str()
        ),
        (
            "v1",
            digest("v1").as_str(),
            full_name(&repository).as_str(),
            "run"
        )
    );
    assert!(task.enabled && task.manifest.is_some() && task.begun.is_none());
    let begun = metadata.begin_delivery(run, "evt_1", "{}").await.unwrap();
    assert_eq!(
        (begun.uid.as_str(), begun.body.as_str(), begun.attempts),
        ("evt_1", "{}", 0)
    );
    assert_eq!(metadata.begin_delivery(run, "evt_2", "[]").await.unwrap(), begun);
    attempt(metadata, run, AttemptFollows::Again(70), "refused").await;
    let (delivery, body) = metadata.delivery(trigger, run).await.unwrap().unwrap();
    assert_eq!(body.as_deref(), Some("{}"));
    assert_eq!(
        (
            delivery.status.as_str(),
            delivery.attempts,
            delivery.due_at,
            delivery.error.as_str()
        ),
        ("waiting", 1, Some(70), "refused")
    );
    assert!(
        metadata
            .trigger_run(trigger, run)
            .await
            .unwrap()
            .unwrap()
            .is_open()
    );
    attempt(metadata, run, AttemptFollows::Delivered, "").await;
    let (delivery, _) = metadata.delivery(trigger, run).await.unwrap().unwrap();
    assert_eq!(
        (
            delivery.status.as_str(),
            delivery.attempts,
            delivery.due_at,
            delivery.response_status
        ),
        ("delivered", 2, None, Some(200))
    );
    let ended = metadata.trigger_run(trigger, run).await.unwrap().unwrap();
    assert_eq!((ended.status.as_str(), ended.ended_at), ("success", Some(50)));
    // Of another trigger there is no such delivery.
    let (_, elsewhere) = hooked(&world, "two").await;
    assert_eq!(metadata.delivery(elsewhere, run).await.unwrap(), None);
    // One whose manifest went can be told all the same; one that is gone with its trigger cannot.
    let gone = run_of(metadata, &repository, trigger, "v2").await;
    metadata.delete_trigger(trigger).await.unwrap();
    assert!(metadata.webhook_task(gone).await.unwrap().is_none());
    assert_eq!(
        conflict(metadata.begin_delivery(gone, "evt_3", "{}").await),
        Conflict::Changed
    );
}

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
pub(crate) async fn what_is_dead_is_listed_and_asked_for_again(world: World) {
    let metadata = &world.metadata;
    let (repository, trigger) = hooked(&world, "one").await;
    let (other, elsewhere) = hooked(&world, "two").await;
    let mut runs = Vec::new();
    for name in ["v1", "v2", "v3"] {
        runs.push(run_of(metadata, &repository, trigger, name).await);
        assert_eq!(done(metadata).await, runs.last().copied());
    }
    let theirs = run_of(metadata, &other, elsewhere, "v1").await;
    assert_eq!(done(metadata).await, Some(theirs));
    for run in [runs[0], runs[1], theirs] {
        metadata
            .begin_delivery(run, &format!("evt_{run}"), "{}")
            .await
            .unwrap();
        attempt(metadata, run, AttemptFollows::Dead, "refused").await;
    }
    let of_trigger = || DeliveryPlace::Trigger(trigger);
    assert_eq!(
        ids(&page(metadata, of_trigger(), None, None).await),
        [runs[2], runs[1], runs[0]]
    );
    assert_eq!(
        ids(&page(metadata, of_trigger(), None, Some(runs[1])).await),
        [runs[0]]
    );
    for (status, expected) in [
        ("waiting", &runs[2..]),
        ("dead", &[runs[1], runs[0]]),
        ("delivered", &[]),
    ] {
        assert_eq!(
            ids(&page(metadata, of_trigger(), Some(status), None).await),
            expected,
            "{status}"
        );
    }
    let name = repository.organization.as_str();
    let organization = metadata.organization(name).await.unwrap().unwrap();
    let dead = |organization_name: Option<&str>, full_name: Option<&str>| DeliveryPlace::Dead {
        account_id: organization.account_id.clone(),
        organization: organization_name.map(str::to_owned),
        repository: full_name.map(str::to_owned),
    };
    for place in [
        dead(None, None),
        dead(Some(name), None),
        dead(None, Some(&full_name(&repository))),
    ] {
        assert_eq!(ids(&page(metadata, place, None, None).await), [runs[1], runs[0]]);
    }
    assert_eq!(
        ids(&page(metadata, dead(None, None), None, Some(runs[1])).await),
        [runs[0]]
    );
    for place in [dead(Some("missing"), None), dead(None, Some(&full_name(&other)))] {
        assert_eq!(ids(&page(metadata, place, None, None).await), Vec::<i64>::new());
    }

    let again = |id: Option<i64>| Redelivery {
        trigger_id: trigger,
        id,
        lane: LANE.to_owned(),
        now: 60,
    };
    // What waits, and what is another's, is not asked for again.
    for id in [runs[2], theirs] {
        assert_eq!(
            conflict(metadata.redeliver(again(Some(id))).await),
            Conflict::Changed
        );
    }
    assert_eq!(metadata.redeliver(again(Some(runs[0]))).await.unwrap(), 1);
    assert_eq!(done(metadata).await, Some(runs[0]));
    let task = metadata
        .webhook_task(runs[0])
        .await
        .unwrap()
        .unwrap()
        .begun
        .unwrap();
    assert_eq!(
        (task.status.as_str(), task.attempts, task.forgiven),
        ("waiting", 1, 1)
    );
    assert_eq!(task.uid, format!("evt_{}", runs[0]));
    assert_eq!(metadata.redeliver(again(None)).await.unwrap(), 1);
    assert_eq!(done(metadata).await, Some(runs[1]));
    assert_eq!(metadata.redeliver(again(None)).await.unwrap(), 0);
    assert_eq!(done(metadata).await, None);
    // A receiver that is gone switches the trigger off.
    attempt(metadata, runs[1], AttemptFollows::Dead, "gone").await;
    let row = metadata.trigger(repository.id, "hook").await.unwrap().unwrap();
    assert!(!row.enabled);
}

pub(crate) async fn the_newest_deliveries_are_kept(world: World) {
    let metadata = &world.metadata;
    let (repository, trigger) = hooked(&world, "one").await;
    let first = run_of(metadata, &repository, trigger, "v1").await;
    let second = run_of(metadata, &repository, trigger, "v1").await;
    metadata.begin_delivery(first, "evt_1", "{}").await.unwrap();
    attempt(metadata, first, AttemptFollows::Dead, "refused").await;
    world
        .run(
            "INSERT INTO trigger_history (trigger_id, tag, succeeded, detail, at, status) SELECT id, 'v1', 1, '', 1, 'success' \
             FROM triggers, (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT n FROM c) AS c",
        )
        .await;
    let last = run_of(metadata, &repository, trigger, "v1").await;
    metadata.begin_delivery(last, "evt_2", "{}").await.unwrap();
    attempt(metadata, last, AttemptFollows::Delivered, "").await;
    // What has not ended is never forgotten.
    assert_eq!(metadata.delivery(trigger, first).await.unwrap(), None);
    assert!(metadata.delivery(trigger, second).await.unwrap().is_some());
    let all = DeliveriesPage {
        place: DeliveryPlace::Trigger(trigger),
        status: None,
        before: None,
        limit: 5000,
    };
    assert_eq!(metadata.deliveries(all).await.unwrap().len(), 1001);
}
