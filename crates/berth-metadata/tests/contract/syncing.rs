//! Copies while they are made, what is known of other regions, and how far those are behind.

use crate::outside::region_row;
use crate::policies::{new_jobs, new_rule, tag};
use crate::world::{World, conflict, digest, manifest, tagged};
use berth_metadata::{
    Conflict, EventFollows, HistoryOrder, Metadata, NewSyncJobs, RegionCheck, RegionUpload, SyncEnd,
    SyncFigures, SyncJob, SyncPause, SyncStanding,
};

struct Place {
    repository: i64,
    region: i64,
}

async fn place(world: &World) -> Place {
    let repository = world.repository().await.id;
    let account = world.account().await;
    Place {
        repository,
        region: region_row(&world.metadata, &account, "east").await,
    }
}

impl Place {
    /// Queues a copy of a tag, and answers it.
    async fn queue(&self, metadata: &Metadata, name: &str, now: i64) -> i64 {
        let jobs = NewSyncJobs {
            region: self.region,
            now,
            ..new_jobs(self.repository, &[name])
        };
        assert_eq!(metadata.create_sync_jobs(jobs).await.unwrap(), [""; 0]);
        let all = self.all(metadata).await;
        let waiting = all.iter().find(|job| job.tag == name && job.status == "waiting");
        waiting.unwrap().id
    }

    /// All copies, the newest first.
    async fn all(&self, metadata: &Metadata) -> Vec<SyncJob> {
        metadata
            .list_sync_jobs(self.repository, HistoryOrder::NewestFirst, 0, 2000)
            .await
            .unwrap()
            .0
    }

    async fn status(&self, metadata: &Metadata, id: i64) -> String {
        let found = metadata.sync_job(self.repository, id).await.unwrap().unwrap();
        format!("{} {}", found.status, found.course.detail)
            .trim()
            .to_owned()
    }
}

fn end(status: &'static str, now: i64) -> SyncEnd {
    SyncEnd {
        status,
        detail: String::new(),
        figures: FIGURES,
        now,
    }
}

fn pause(now: i64) -> SyncPause {
    SyncPause {
        detail: "away".to_owned(),
        next_attempt_at: now + 7,
        refused: true,
        is_away: false,
        figures: FIGURES,
        now,
    }
}

const DAY: i64 = 24 * 3600 * 1000;

const FIGURES: SyncFigures = SyncFigures {
    blobs_total: 1,
    blobs_done: 2,
    bytes_total: 3,
    bytes_done: 4,
    bytes_sent: 5,
    bytes_mounted: 6,
    bytes_existing: 7,
};

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
pub(crate) async fn a_copy_runs_waits_goes_on_and_ends(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    tag(metadata, place.repository, "v1").await;
    let id = place.queue(metadata, "v1", 5).await;
    let work = metadata.begin_sync_job(id, 10).await.unwrap().unwrap();
    assert_eq!(
        (
            work.tag.as_str(),
            work.region.id,
            work.remote_organization.as_str()
        ),
        ("v1", place.region, "group")
    );
    assert_eq!(
        (work.attempts, work.refusals, work.bytes_sent, work.started_at),
        (1, 0, 0, 10)
    );
    assert!(work.repository.ends_with(&work.image), "{work:?}");
    assert!(
        metadata
            .save_sync_progress(id, "sha256:x", FIGURES, 11)
            .await
            .unwrap()
    );
    assert!(metadata.postpone_sync_job(id, pause(12)).await.unwrap());
    let waits = metadata.sync_job(place.repository, id).await.unwrap().unwrap();
    let course = &waits.course;
    assert_eq!(
        (waits.status.as_str(), course.detail.as_str()),
        ("waiting", "away")
    );
    assert_eq!(
        (course.next_attempt_at, course.digest.as_deref(), course.figures),
        (Some(19), Some("sha256:x"), FIGURES)
    );
    let work = metadata.begin_sync_job(id, 20).await.unwrap().unwrap();
    assert_eq!(
        (work.attempts, work.refusals, work.bytes_sent, work.started_at),
        (2, 1, 5, 10)
    );
    // Its process ended, and another goes on.
    assert_eq!(
        metadata.begin_sync_job(id, 21).await.unwrap().unwrap().attempts,
        3
    );
    assert!(metadata.end_sync_job(id, end("success", 30)).await.unwrap());
    let ended = metadata.sync_job(place.repository, id).await.unwrap().unwrap();
    assert_eq!(
        (
            ended.status.as_str(),
            ended.course.started_at,
            ended.course.ended_at
        ),
        ("success", Some(10), Some(30))
    );
    // Nothing is done to it any more.
    assert!(metadata.begin_sync_job(id, 31).await.unwrap().is_none());
    assert!(
        !metadata
            .save_sync_progress(id, "sha256:x", FIGURES, 31)
            .await
            .unwrap()
    );
    assert!(!metadata.postpone_sync_job(id, pause(31)).await.unwrap());
    assert!(!metadata.end_sync_job(id, end("failed", 31)).await.unwrap());
    assert_eq!(
        metadata
            .cancel_sync_job(place.repository, id, "", 31)
            .await
            .unwrap(),
        Some(false)
    );
    assert_eq!(
        metadata.retry_sync_job(place.repository, id, 31).await.unwrap(),
        Some(false)
    );
    assert!(metadata.begin_sync_job(-1, 31).await.unwrap().is_none());
}

pub(crate) async fn a_copy_is_tried_only_while_its_region_is_there(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    tag(metadata, place.repository, "v1").await;
    let id = place.queue(metadata, "v1", 5).await;
    let begun = async |now| {
        metadata
            .begin_sync_job(id, now)
            .await
            .unwrap()
            .unwrap()
            .started_at
    };
    assert_eq!(begun(10).await, 10);
    assert!(metadata.postpone_sync_job(id, pause(11)).await.unwrap());
    assert_eq!(begun(20).await, 10);
    let away = SyncPause {
        is_away: true,
        ..pause(21)
    };
    assert!(metadata.postpone_sync_job(id, away).await.unwrap());
    assert_eq!(begun(30).await, 30);
    // Another copy found out that the region is away, and this one did not even try.
    assert!(metadata.postpone_sync_job(id, pause(31)).await.unwrap());
    assert_eq!(begun(8 * DAY).await, 8 * DAY);
}

pub(crate) async fn copies_of_one_tag_to_one_place_follow_one_another(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    for name in ["v1", "v2"] {
        tag(metadata, place.repository, name).await;
    }
    let first = place.queue(metadata, "v1", 5).await;
    metadata.begin_sync_job(first, 6).await.unwrap().unwrap();
    let second = place.queue(metadata, "v1", 7).await;
    assert_ne!(first, second);
    assert_eq!(
        conflict(metadata.begin_sync_job(second, 8).await),
        Conflict::Taken
    );
    let other = place.queue(metadata, "v2", 7).await;
    metadata.begin_sync_job(other, 8).await.unwrap().unwrap();
    // What waits is newer than what would wait again.
    assert!(!metadata.postpone_sync_job(first, pause(9)).await.unwrap());
    let replaced = format!("cancel copy {second} of what the tag named later took its place");
    assert_eq!(place.status(metadata, first).await, replaced);
    assert!(metadata.postpone_sync_job(other, pause(9)).await.unwrap());
    metadata.begin_sync_job(second, 10).await.unwrap().unwrap();
    metadata.end_sync_job(second, end("existed", 11)).await.unwrap();
}

pub(crate) async fn a_copy_is_cancelled_and_tried_again_by_hand(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    tag(metadata, place.repository, "v1").await;
    let id = place.queue(metadata, "v1", 5).await;
    let cancel = |now| metadata.cancel_sync_job(place.repository, id, "by mary", now);
    let retry = |id, now| metadata.retry_sync_job(place.repository, id, now);
    assert_eq!(retry(id, 6).await.unwrap(), Some(false));
    assert_eq!(cancel(6).await.unwrap(), Some(true));
    assert_eq!(place.status(metadata, id).await, "cancel by mary");
    assert_eq!(retry(id, 7).await.unwrap(), Some(true));
    metadata.begin_sync_job(id, 8).await.unwrap().unwrap();
    assert_eq!(cancel(9).await.unwrap(), Some(true));
    assert!(
        !metadata
            .save_sync_progress(id, "sha256:x", FIGURES, 10)
            .await
            .unwrap()
    );
    let newer = place.queue(metadata, "v1", 11).await;
    // Its attempt still runs.
    world
        .run(
            "UPDATE jobs SET holder = 'somebody' WHERE kind = 'sync' AND subject IN \
             (SELECT id FROM sync_jobs WHERE detail = 'by mary')",
        )
        .await;
    assert_eq!(
        conflict(metadata.begin_sync_job(newer, 12).await),
        Conflict::Taken
    );
    world
        .run("UPDATE jobs SET holder = NULL WHERE kind = 'sync' AND holder = 'somebody'")
        .await;
    assert_eq!(conflict(retry(id, 12).await), Conflict::Taken);
    assert_eq!(retry(-1, 12).await.unwrap(), None);
    let elsewhere = metadata.cancel_sync_job(-1, newer, "", 12).await;
    assert_eq!(elsewhere.unwrap(), None);
    // Whoever forgets a region cancels what is sent there.
    metadata.begin_sync_job(newer, 13).await.unwrap().unwrap();
    let account = metadata
        .region_by_row(place.region)
        .await
        .unwrap()
        .unwrap()
        .account_id;
    assert!(metadata.delete_region(&account, "east", 14).await.unwrap());
    assert_eq!(
        place.status(metadata, newer).await,
        "cancel the region was deleted"
    );
    assert!(metadata.begin_sync_job(newer, 15).await.unwrap().is_none());
    assert_eq!(retry(newer, 15).await.unwrap(), Some(false));
}

pub(crate) async fn a_destination_is_behind_since_its_oldest_push(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    let rule = new_rule(place.repository, place.region, "group");
    metadata.put_sync_rule(rule, 10).await.unwrap();
    let rule = metadata.list_sync_rules(place.repository).await.unwrap()[0].id;
    assert_eq!(
        metadata.region_standing(place.region).await.unwrap(),
        SyncStanding::default()
    );
    for (name, now) in [("one", 100), ("two", 200)] {
        let mut put = tagged(manifest(place.repository, name, &[]), &["v1"]);
        put.now = now;
        metadata.put_manifest(put).await.unwrap();
    }
    let events = metadata.tag_events(0, 1000).await.unwrap();
    let mine = events
        .into_iter()
        .filter(|event| event.repository_id == place.repository);
    for event in mine {
        let follows = EventFollows {
            sync_rules: vec![rule],
            lazy: false,
            preheats: Vec::new(),
            ..EventFollows::default()
        };
        assert!(metadata.settle_event(event, follows, 300).await.unwrap());
    }
    // One copy brings what both pushed.
    let all = place.all(metadata).await;
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].course.pushed_at, all[0].course.digest.clone()),
        (Some(100), Some(digest("two")))
    );
    let behind = SyncStanding {
        waiting: 1,
        waiting_since: Some(100),
        ..SyncStanding::default()
    };
    assert_eq!(metadata.region_standing(place.region).await.unwrap(), behind);
    metadata.begin_sync_job(all[0].id, 310).await.unwrap().unwrap();
    metadata
        .end_sync_job(all[0].id, end("success", 400))
        .await
        .unwrap();
    let there = SyncStanding {
        arrived_at: Some(400),
        ..SyncStanding::default()
    };
    assert_eq!(metadata.region_standing(place.region).await.unwrap(), there);
    let by_destination = metadata.sync_standings(place.repository).await.unwrap();
    assert_eq!(by_destination.len(), 1);
    assert_eq!(
        (
            by_destination[0].region_id.as_str(),
            by_destination[0].standing.clone()
        ),
        ("east", there)
    );
}

pub(crate) async fn what_is_signed_later_queues_its_tags(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    let rule = new_rule(place.repository, place.region, "group");
    metadata.put_sync_rule(rule, 10).await.unwrap();
    let put = async |word: &str, lists: &[&str], subject: Option<&str>, tags: &[&str], origin: &str| {
        let mut put = tagged(manifest(place.repository, word, &[]), tags);
        put.manifests = lists.iter().map(|word| digest(word)).collect();
        put.subject = subject.map(digest);
        origin.clone_into(&mut put.origin);
        metadata.put_manifest(put).await.unwrap();
    };
    put("image", &[], None, &[], "").await;
    put("index", &["image"], None, &["v1", "v2"], "").await;
    put("other", &[], None, &["other"], "").await;
    let waiting = async || {
        let all = place.all(metadata).await;
        let mut names: Vec<_> = all.iter().map(|job| job.tag.clone()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(waiting().await, "");
    put("sbom", &[], Some("image"), &[], "abc").await;
    assert_eq!(waiting().await, "v1 v2");
    let ids: Vec<i64> = place.all(metadata).await.iter().map(|job| job.id).collect();
    for id in &ids {
        let work = metadata.begin_sync_job(*id, 20).await.unwrap().unwrap();
        assert_eq!(work.origin, "abc");
        metadata.end_sync_job(*id, end("existed", 21)).await.unwrap();
    }
    // The same once more is nothing new; a signature of the list of contents is.
    put("sbom", &[], Some("image"), &[], "").await;
    assert_eq!(waiting().await, "v1 v2");
    put("signature", &[], Some("sbom"), &[], "abc").await;
    assert_eq!(waiting().await, "v1 v1 v2 v2");
    // What came from there and what came from elsewhere is sent to both.
    put("note", &[], Some("sbom"), &[], "def").await;
    assert_eq!(waiting().await, "v1 v1 v2 v2");
    let newest = place.all(metadata).await[0].id;
    let work = metadata.begin_sync_job(newest, 30).await.unwrap().unwrap();
    assert_eq!(work.origin, "");
}

pub(crate) async fn a_copy_that_waits_is_that_of_its_newest_push(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    let rule = new_rule(place.repository, place.region, "group");
    metadata.put_sync_rule(rule, 10).await.unwrap();
    let rule = metadata.list_sync_rules(place.repository).await.unwrap()[0].id;
    let push = async |word: &str, origin: &str| {
        let mut put = tagged(manifest(place.repository, word, &[]), &["v1"]);
        origin.clone_into(&mut put.origin);
        metadata.put_manifest(put).await.unwrap();
        let events = metadata.tag_events(0, 1000).await.unwrap();
        let event = events
            .into_iter()
            .find(|event| event.repository_id == place.repository);
        let follows = EventFollows {
            sync_rules: vec![rule],
            lazy: false,
            preheats: Vec::new(),
            ..EventFollows::default()
        };
        assert!(metadata.settle_event(event.unwrap(), follows, 300).await.unwrap());
    };
    let ask = async |overwrite| {
        let jobs = NewSyncJobs {
            region: place.region,
            overwrite,
            ..new_jobs(place.repository, &["v1"])
        };
        metadata.create_sync_jobs(jobs).await.unwrap();
    };
    let overwrites = async || place.all(metadata).await[0].overwrite;
    tag(metadata, place.repository, "v1").await;
    while let Some(event) = metadata
        .tag_events(0, 1000)
        .await
        .unwrap()
        .into_iter()
        .find(|event| event.repository_id == place.repository)
    {
        let nothing = EventFollows::default();
        metadata.settle_event(event, nothing, 20).await.unwrap();
    }
    // Who asks last decides, until something is pushed; then the rule does.
    ask(false).await;
    ask(true).await;
    assert!(overwrites().await);
    push("one", "abc").await;
    assert!(!overwrites().await);
    ask(true).await;
    assert!(!overwrites().await);
    let all = place.all(metadata).await;
    assert_eq!(all.len(), 1);
    let work = metadata.begin_sync_job(all[0].id, 30).await.unwrap().unwrap();
    assert_eq!(work.origin, "");
    metadata
        .end_sync_job(all[0].id, end("success", 31))
        .await
        .unwrap();
    for (before, then, expected) in [("abc", "abc", "abc"), ("abc", "def", ""), ("", "abc", "")] {
        push(&format!("before {before} {then}"), before).await;
        push(&format!("then {before} {then}"), then).await;
        let id = place.all(metadata).await[0].id;
        let work = metadata.begin_sync_job(id, 40).await.unwrap().unwrap();
        assert_eq!(work.origin, expected, "{before} {then}");
        metadata.end_sync_job(id, end("success", 41)).await.unwrap();
    }
}

pub(crate) async fn a_thousand_ended_copies_are_kept(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    tag(metadata, place.repository, "v1").await;
    tag(metadata, place.repository, "waits").await;
    let waits = place.queue(metadata, "waits", 5).await;
    let early = place.queue(metadata, "v1", 5).await;
    let names: Vec<String> = (0..1005).map(|number| format!("thousand-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let put = tagged(manifest(place.repository, "many", &[]), &names);
    metadata.put_manifest(put).await.unwrap();
    let jobs = NewSyncJobs {
        region: place.region,
        ..new_jobs(place.repository, &names)
    };
    metadata.create_sync_jobs(jobs).await.unwrap();
    // However many wait, what became of one is kept.
    metadata.begin_sync_job(early, 6).await.unwrap().unwrap();
    metadata.end_sync_job(early, end("failed", 6)).await.unwrap();
    assert_eq!(place.status(metadata, early).await, "failed");
    world
        .run("UPDATE sync_jobs SET status = 'failed' WHERE tag LIKE 'thousand-%'")
        .await;
    let last = place.queue(metadata, "v1", 6).await;
    metadata.begin_sync_job(last, 7).await.unwrap().unwrap();
    metadata.end_sync_job(last, end("failed", 8)).await.unwrap();
    let all = place.all(metadata).await;
    assert_eq!(
        (all.len(), all[0].id, all.last().unwrap().id),
        (1001, last, waits)
    );
}

pub(crate) async fn what_is_in_a_region_is_remembered(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    let elsewhere = self::place(&world).await;
    let digest = crate::world::name("sha256:");
    let upload = RegionUpload {
        region: place.region,
        remote_repository: "there/app".to_owned(),
        digest: digest.clone(),
    };
    assert_eq!(metadata.region_blob(place.region, &digest).await.unwrap(), None);
    for (repository, now) in [("there/app", 5), ("there/other", 6)] {
        let note = metadata.note_region_blob(place.region, &digest, repository, now);
        note.await.unwrap();
    }
    // A region that is gone is no reason to fail.
    metadata.note_region_blob(-1, &digest, "x", 5).await.unwrap();
    assert_eq!(
        metadata
            .region_blob(place.region, &digest)
            .await
            .unwrap()
            .as_deref(),
        Some("there/other")
    );
    assert_eq!(
        metadata.region_blob(elsewhere.region, &digest).await.unwrap(),
        None
    );
    assert_eq!(
        metadata.regions_with_blob(&digest).await.unwrap(),
        [(place.region, "there/other".to_owned())]
    );
    assert_eq!(metadata.region_upload(&upload).await.unwrap(), None);
    for session in ["one", "two"] {
        metadata
            .keep_region_upload(&upload, Some(session), 5)
            .await
            .unwrap();
    }
    assert_eq!(
        metadata.region_upload(&upload).await.unwrap().as_deref(),
        Some("two")
    );
    metadata.keep_region_upload(&upload, None, 5).await.unwrap();
    assert_eq!(metadata.region_upload(&upload).await.unwrap(), None);
    metadata
        .keep_region_upload(&upload, Some("three"), 5)
        .await
        .unwrap();
    while metadata.forget_region_contents(6, 1).await.unwrap() > 0 {}
    assert_eq!(metadata.region_upload(&upload).await.unwrap(), None);
    assert!(
        metadata
            .region_blob(place.region, &digest)
            .await
            .unwrap()
            .is_some()
    );
    while metadata.forget_region_contents(7, 1).await.unwrap() > 0 {}
    assert_eq!(metadata.region_blob(place.region, &digest).await.unwrap(), None);
}

pub(crate) async fn a_blob_is_looked_for_at_its_owners_first(world: World) {
    let metadata = &world.metadata;
    let account = world.account().await;
    let organization = world.organization(&world.user(&account).await).await;
    let repository = world.repository_in(organization, "app").await;
    let blob_digest = crate::world::name("sha256:");
    world
        .push(repository.id, &blob_digest, &crate::world::id(), 1)
        .await;
    let elsewhere = place(&world).await.region;
    let mut own = Vec::new();
    for name in ["east", "west"] {
        own.push(region_row(metadata, &account, name).await);
    }
    for (region, now) in [(own[0], 5), (own[1], 6), (elsewhere, 7)] {
        let note = metadata.note_region_blob(region, &blob_digest, "there/app", now);
        note.await.unwrap();
    }
    let there = "there/app".to_owned();
    assert_eq!(
        metadata.regions_with_blob(&blob_digest).await.unwrap(),
        [(own[1], there.clone()), (elsewhere, there)]
    );
}

pub(crate) async fn what_was_found_about_a_region_goes_with_its_address(world: World) {
    let metadata = &world.metadata;
    let place = place(&world).await;
    let found = metadata.region_by_row(place.region).await.unwrap().unwrap();
    assert_eq!(found.check, None);
    let check = RegionCheck {
        usable: true,
        finding: "a registry".to_owned(),
        registry_id: "abc".to_owned(),
        at: 9,
    };
    let note = |read_at| metadata.note_region_check(place.region, read_at, check.clone());
    assert!(note(found.updated_at).await.unwrap());
    let checked = metadata.region_by_row(place.region).await.unwrap().unwrap();
    assert_eq!(checked.check, Some(check.clone()));
    let blob_digest = crate::world::name("sha256:");
    let upload = RegionUpload {
        region: place.region,
        remote_repository: "there/app".to_owned(),
        digest: blob_digest.clone(),
    };
    let known = async || {
        let session = metadata.region_upload(&upload).await.unwrap();
        let blob = metadata.region_blob(place.region, &blob_digest).await.unwrap();
        (session.is_some(), blob.is_some())
    };
    metadata
        .keep_region_upload(&upload, Some("one"), 5)
        .await
        .unwrap();
    metadata
        .note_region_blob(place.region, &blob_digest, "there/app", 5)
        .await
        .unwrap();
    let renewed = berth_metadata::Region {
        certificate_authority: "PEM".to_owned(),
        updated_at: checked.updated_at + 1,
        ..checked.clone()
    };
    let read_at = checked.updated_at;
    metadata.update_region(renewed.clone(), read_at).await.unwrap();
    assert_eq!(known().await, (true, true));
    let checked = renewed;
    let changed = berth_metadata::Region {
        registry_url: "https://elsewhere.example".to_owned(),
        certificate_authority: "PEM".to_owned(),
        check: None,
        updated_at: checked.updated_at + 1,
        ..checked.clone()
    };
    metadata
        .update_region(changed.clone(), checked.updated_at)
        .await
        .unwrap();
    assert_eq!(known().await, (false, false));
    // What was found at the old address says nothing about the new one.
    assert!(!note(checked.updated_at).await.unwrap());
    assert_eq!(metadata.region_by_row(place.region).await.unwrap(), Some(changed));
}
