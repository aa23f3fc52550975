//! Indexes for lazy starts: one rule for each place, one run that waits for each manifest.

use std::slice;

use crate::world::{World, conflict, digest, manifest, tagged};
use berth_metadata::{
    Conflict, EndLazyRun, EventFollows, JobClaim, LAZY, LazyRule, LazyStatus, Metadata, NewLazyRun,
};

fn rule(organization_id: i64, repository_id: Option<i64>, tags: &str, now: i64) -> LazyRule {
    LazyRule {
        organization_id,
        repository_id,
        tags: tags.to_owned(),
        created_at: now,
        updated_at: now,
    }
}

fn wanted(repository_id: i64, word: &str) -> NewLazyRun {
    NewLazyRun {
        repository_id,
        digest: digest(word),
        tag: Some("v1".to_owned()),
        user_id: None,
        by_rule: false,
        now: 5,
    }
}

/// The subject of a job that is due.
async fn claimed(metadata: &Metadata) -> Option<i64> {
    let claim = JobClaim {
        kind: LAZY,
        holder: "p".to_owned(),
        held_ms: 60_000,
        lane_max: 10,
        now: 9,
    };
    let job = metadata.claim_job(claim).await.unwrap()?;
    metadata.end_job(LAZY, &job, "p").await.unwrap();
    Some(job.subject)
}

async fn place(world: &World) -> (i64, i64) {
    let account = world.account().await;
    let user = world.user(&account).await;
    let organization = world.organization(&user).await;
    (organization, world.repository_in(organization, "image").await.id)
}

pub(crate) async fn a_place_has_one_rule(world: World) {
    let metadata = &world.metadata;
    let (organization, repository) = place(&world).await;
    let other = world.repository_in(organization, "other").await.id;
    for (image, tags, now) in [
        (None, "", 5),
        (Some(repository), "v*", 6),
        (Some(repository), "w*", 7),
        (None, "x*", 8),
    ] {
        metadata
            .put_lazy_rule(rule(organization, image, tags, now))
            .await
            .unwrap();
    }
    let told = async |image| {
        let rules = metadata
            .lazy_rules(organization, image)
            .await
            .unwrap()
            .into_iter();
        rules
            .map(|rule| (rule.repository_id, rule.tags, rule.created_at, rule.updated_at))
            .collect::<Vec<_>>()
    };
    let of_all = (None, "x*".to_owned(), 5, 8);
    assert_eq!(told(None).await, slice::from_ref(&of_all));
    assert_eq!(told(Some(other)).await, slice::from_ref(&of_all));
    let own = (Some(repository), "w*".to_owned(), 6, 7);
    assert_eq!(told(Some(repository)).await, [of_all, own]);
    assert!(metadata.delete_lazy_rule(organization, None).await.unwrap());
    assert!(!metadata.delete_lazy_rule(organization, None).await.unwrap());
    assert!(
        !metadata
            .delete_lazy_rule(organization, Some(other))
            .await
            .unwrap()
    );
    assert!(
        metadata
            .delete_lazy_rule(organization, Some(repository))
            .await
            .unwrap()
    );
    assert_eq!(told(Some(repository)).await, []);
    let nowhere = metadata.put_lazy_rule(rule(-1, None, "", 5)).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
}

pub(crate) async fn an_index_waits_once_and_ends_once(world: World) {
    let metadata = &world.metadata;
    let (_, repository) = place(&world).await;
    let first = metadata.want_lazy_run(wanted(repository, "a")).await.unwrap();
    assert_eq!(
        metadata.want_lazy_run(wanted(repository, "a")).await.unwrap(),
        first
    );
    let other = metadata.want_lazy_run(wanted(repository, "b")).await.unwrap();
    assert_ne!(other, first);
    assert_eq!(claimed(metadata).await, Some(first));
    let begun = metadata.begin_lazy_run(first, 6).await.unwrap().unwrap();
    assert_eq!((begun.status, begun.started_at), (LazyStatus::Running, Some(6)));
    let again = metadata.begin_lazy_run(first, 7).await.unwrap().unwrap();
    assert_eq!(again, begun, "it goes on after an interruption");
    // Who asks while one is under way may have pushed a layer since.
    let next = metadata.want_lazy_run(wanted(repository, "a")).await.unwrap();
    assert!(next > other);
    let end = |status, detail: &str| EndLazyRun {
        id: first,
        status,
        images: "[1]".to_owned(),
        detail: detail.to_owned(),
        now: 8,
    };
    metadata.end_lazy_run(end(LazyStatus::Done, "")).await.unwrap();
    metadata
        .end_lazy_run(end(LazyStatus::Failed, "late"))
        .await
        .unwrap();
    assert_eq!(metadata.begin_lazy_run(first, 9).await.unwrap(), None);
    let runs = metadata.lazy_runs(repository, None, 10).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.id, run.status)).collect();
    let expected = [
        (next, LazyStatus::Waiting),
        (other, LazyStatus::Waiting),
        (first, LazyStatus::Done),
    ];
    assert_eq!(told, expected);
    assert_eq!((runs[2].images.as_str(), runs[2].ended_at), ("[1]", Some(8)));
    let page = metadata.lazy_runs(repository, Some(other), 10).await.unwrap();
    assert_eq!(page.len(), 1);
    let nowhere = metadata.want_lazy_run(wanted(-1, "a")).await;
    assert_eq!(conflict(nowhere), Conflict::RepositoryGone);
}

pub(crate) async fn a_push_by_rule_queues_an_index(world: World) {
    let metadata = &world.metadata;
    let (organization, repository) = place(&world).await;
    let other = world.repository_in(organization, "other").await.id;
    let push = async |repository, word| {
        let put = tagged(manifest(repository, word, &[]), &["v1"]);
        metadata.put_manifest(put).await.unwrap();
        metadata.tag_events(0, 10).await.unwrap()
    };
    assert_eq!(push(repository, "before").await, []);
    let own = rule(organization, Some(repository), "", 5);
    metadata.put_lazy_rule(own).await.unwrap();
    assert_eq!(push(other, "elsewhere").await, []);
    let event = push(repository, "first").await.remove(0);
    let follows = EventFollows {
        lazy: true,
        ..EventFollows::default()
    };
    assert!(metadata.settle_event(event, follows, 9).await.unwrap());
    let run = metadata.lazy_runs(repository, None, 10).await.unwrap().remove(0);
    assert_eq!((run.tag.as_deref(), run.by_rule), (Some("v1"), true));
    assert_eq!(claimed(metadata).await, Some(run.id));
    metadata
        .delete_lazy_rule(organization, Some(repository))
        .await
        .unwrap();
    metadata
        .put_lazy_rule(rule(organization, None, "", 5))
        .await
        .unwrap();
    assert_eq!(push(other, "second").await.len(), 1, "a rule of the organization");
}
