//! How long repositories keep their tags: rules, runs, what they delete and the log of it.

use crate::world::{World, conflict, digest, kept, manifest, tagged};
use berth_metadata::{
    CondemnedTag, CondemnedTags, Conflict, DeletedTags, Deletion, EndRetentionRun, Guard, JobClaim,
    JudgedTag, KnownLinks, LedgerView, ManifestLink, Metadata, NewRetention, NewRetentionRule, RETENTION,
    RetentionWhy, TagChange, WantRetentionRun,
};

pub(crate) fn new_retention(repository_id: i64, amount: i64) -> NewRetention {
    NewRetention {
        repository_id,
        kind: "days".to_owned(),
        amount,
        exempt: "[]".to_owned(),
        user_id: None,
        now: amount,
    }
}

fn new_rule(organization_id: i64, amount: i64) -> NewRetentionRule {
    NewRetentionRule {
        organization_id,
        kind: "tags".to_owned(),
        amount,
        images: "app*".to_owned(),
        tags: String::new(),
        exempt: "[]".to_owned(),
        enabled: true,
        now: amount,
    }
}

/// A tag that was judged and is to go.
pub(crate) fn condemned(judged: &JudgedTag) -> CondemnedTag {
    CondemnedTag {
        tag: judged.tag.clone(),
        digest: judged.digest.clone(),
        pushed_at: judged.pushed_at,
        rule: "{}".into(),
        reason: format!("{} is old", judged.tag),
    }
}

pub(crate) fn condemned_tags(
    repository_id: i64,
    run_id: i64,
    tags: Vec<CondemnedTag>,
    deletion: Deletion,
) -> CondemnedTags {
    CondemnedTags {
        repository_id,
        run_id,
        retention_id: 1,
        known: std::sync::Arc::new(KnownLinks {
            endings: vec![".sig"],
            ..KnownLinks::default()
        }),
        tags,
        deletion: Deletion {
            why: TagChange::Retention,
            ..deletion
        },
        view: LedgerView::Everything,
    }
}

async fn judged(metadata: &Metadata, repository_id: i64, tags: &[&str]) -> Vec<CondemnedTag> {
    let all = metadata.judged_tags(repository_id, "", 1000).await.unwrap();
    let wanted = all.iter().filter(|tag| tags.contains(&tag.tag.as_str()));
    wanted.map(condemned).collect()
}

/// Deletes tags in one run of a retention.
pub(crate) async fn retain(
    world: &World,
    repository_id: i64,
    retention_id: i64,
    tags: &[&str],
    now: i64,
) -> DeletedTags {
    let metadata = &world.metadata;
    let goes = judged(metadata, repository_id, tags).await;
    let run = metadata.begin_retention_run(repository_id, now).await.unwrap();
    let wanted = CondemnedTags {
        retention_id,
        ..condemned_tags(repository_id, run.unwrap(), goes, kept(now, 1000))
    };
    metadata.delete_condemned_tags(wanted).await.unwrap()
}

/// Pushes manifests of a blob of their own and a shared one, each under a tag of its name.
async fn push(world: &World, repository_id: i64, words: &[&str]) {
    for word in words {
        let own = format!("{word}{repository_id}");
        let blobs = [format!("own{own}"), format!("shared{repository_id}")].map(|blob| digest(&blob));
        for blob in &blobs {
            world
                .push(repository_id, blob, &format!("{blob}of{word}"), 5)
                .await;
        }
        let blobs: Vec<&str> = blobs.iter().map(String::as_str).collect();
        let put = tagged(manifest(repository_id, &own, &blobs), &[word]);
        world.metadata.put_manifest(put).await.unwrap();
    }
}

pub(crate) async fn a_repository_has_one_retention(world: World) {
    let metadata = &world.metadata;
    let (repository, other) = (world.repository().await, world.repository().await);
    let new = new_retention;
    assert_eq!(metadata.retention(repository.id).await.unwrap(), None);
    let first = metadata.create_retention(new(repository.id, 30)).await.unwrap();
    let again = metadata.create_retention(new(repository.id, 20)).await;
    assert_eq!(conflict(again), Conflict::Taken);
    let nowhere = metadata.create_retention(new(-1, 30)).await;
    assert_eq!(conflict(nowhere), Conflict::RepositoryGone);
    assert!(
        metadata
            .update_retention(first, new(repository.id, 40))
            .await
            .unwrap()
    );
    let changed = metadata.retention(repository.id).await.unwrap().unwrap();
    assert_eq!(
        (changed.amount, changed.created_at, changed.updated_at),
        (40, 30, 40)
    );
    let of_tags = NewRetention {
        kind: "tags".to_owned(),
        ..new(repository.id, 7)
    };
    assert!(!metadata.update_retention(first, of_tags).await.unwrap());
    assert!(!metadata.update_retention(first, new(other.id, 7)).await.unwrap());
    assert_eq!(metadata.retention(repository.id).await.unwrap(), Some(changed));
    let waits = metadata.retention_runs(repository.id, None, 10).await.unwrap();
    assert_eq!(waits.len(), 1, "setting it twice is one run that waits");
    assert_eq!((waits[0].why, waits[0].started_at), (RetentionWhy::Set, None));

    assert!(!metadata.delete_retention(other.id, first).await.unwrap());
    assert!(metadata.delete_retention(repository.id, first).await.unwrap());
    let second = metadata.create_retention(new(repository.id, 30)).await.unwrap();
    assert!(second > first, "an id is never used again");
}

pub(crate) async fn an_organization_has_rules(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let (own, other) = (world.organization(&user).await, world.organization(&user).await);
    assert_eq!(metadata.retention_rules(own).await.unwrap(), []);
    let first = metadata.create_retention_rule(new_rule(own, 3), 2).await.unwrap();
    let second = metadata.create_retention_rule(new_rule(own, 4), 2).await.unwrap();
    let third = metadata.create_retention_rule(new_rule(own, 5), 2).await;
    assert_eq!(conflict(third), Conflict::TooMany);
    let nowhere = metadata.create_retention_rule(new_rule(-1, 5), 2).await;
    assert_eq!(conflict(nowhere), Conflict::OrganizationGone);
    let changed = NewRetentionRule {
        kind: "days".to_owned(),
        tags: "dev-*".to_owned(),
        enabled: false,
        ..new_rule(own, 9)
    };
    assert!(
        metadata
            .update_retention_rule(second, changed.clone())
            .await
            .unwrap()
    );
    let of_other = NewRetentionRule {
        organization_id: other,
        ..changed
    };
    assert!(!metadata.update_retention_rule(second, of_other).await.unwrap());
    let rules = metadata.retention_rules(own).await.unwrap();
    let told: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule.id,
                rule.kind.as_str(),
                rule.amount,
                rule.tags.as_str(),
                rule.enabled,
            )
        })
        .collect();
    assert_eq!(
        told,
        [(first, "tags", 3, "", true), (second, "days", 9, "dev-*", false)]
    );
    assert_eq!((rules[1].created_at, rules[1].updated_at), (4, 9));
    assert!(!metadata.delete_retention_rule(other, first, 9).await.unwrap());
    assert!(metadata.delete_retention_rule(own, first, 9).await.unwrap());
    assert_eq!(metadata.retention_rules(own).await.unwrap().len(), 1);
}

pub(crate) async fn condemned_tags_go_together_and_are_logged(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let id = repository.id;
    push(&world, id, &["v1", "v2", "v3"]).await;
    let also = tagged(manifest(id, &format!("v1{id}"), &[]), &["also"]);
    metadata.put_manifest(also).await.unwrap();

    let done = retain(&world, id, 7, &["v1", "v2"], 50).await;
    assert_eq!((done.dealt_with, done.deleted), (2, 2));
    assert_eq!(done.freed.manifests, 1, "v1 has another tag");
    assert_eq!(done.freed.blobs, 1, "others need the shared blob");
    let left = metadata.list_tags(id, None, 10).await.unwrap();
    assert_eq!(left, ["also", "v3"]);
    let moves = world.moves(id, "v1").await;
    assert_eq!(
        (moves[0].why, moves[0].digest.as_deref()),
        (TagChange::Retention, None)
    );
    let (lines, total) = metadata.retention_log(id, 0, 1).await.unwrap();
    assert_eq!((lines.len(), total), (1, 2));
    let lines = metadata.retention_log_before(id, None, 10).await.unwrap();
    let mut told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line.tag.as_str(),
                line.retention_id,
                line.at,
                line.reason.as_str(),
            )
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("v1", 7, 50, "v1 is old"), ("v2", 7, 50, "v2 is old")]);
    let before = metadata
        .retention_log_before(id, Some(lines[0].id), 10)
        .await
        .unwrap();
    assert_eq!(before, lines[1..]);
    let runs = metadata.retention_runs(id, None, 10).await.unwrap();
    assert_eq!((runs[0].deleted, Some(runs[0].id)), (2, lines[0].run_id));
    assert_eq!(runs[0].freed_bytes, done.freed.blob_bytes);
    // The others are as they were, and the counts of the image with them.
    let done = retain(&world, id, 7, &["also", "v3"], 60).await;
    assert_eq!((done.deleted, done.freed.manifests, done.freed.blobs), (2, 2, 3));
    let details = metadata.retention_log(id, 0, 10).await.unwrap();
    assert_eq!(details.1, 4);
}

pub(crate) async fn what_changed_since_it_was_judged_stays(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    push(&world, id, &["gone", "moved", "same", "old"]).await;
    let goes = judged(metadata, id, &["gone", "moved", "same", "old"]).await;
    assert!(
        metadata
            .delete_tag(id, "gone", None, kept(6, 1000))
            .await
            .unwrap()
    );
    let moved = tagged(manifest(id, "another", &[]), &["moved"]);
    metadata.put_manifest(moved).await.unwrap();
    let again = berth_metadata::PutManifest {
        now: 40,
        ..tagged(manifest(id, &format!("same{id}"), &[]), &["same"])
    };
    metadata.put_manifest(again).await.unwrap();
    let run = metadata.begin_retention_run(id, 50).await.unwrap().unwrap();
    let done = metadata
        .delete_condemned_tags(condemned_tags(id, run, goes.clone(), kept(50, 1000)))
        .await
        .unwrap();
    assert_eq!((done.dealt_with, done.deleted), (4, 1));
    assert_eq!(metadata.list_tags(id, None, 10).await.unwrap(), ["moved", "same"]);
    let done = metadata
        .delete_condemned_tags(condemned_tags(id, run, goes.clone(), kept(51, 1000)))
        .await
        .unwrap();
    assert_eq!(done.deleted, 0, "what is done twice is done once");
    let nowhere = metadata.delete_condemned_tags(condemned_tags(-1, run, goes, kept(51, 1000)));
    assert_eq!(conflict(nowhere.await), Conflict::RepositoryGone);
}

pub(crate) async fn what_is_needed_since_it_was_judged_stays(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    let names = ["listed", "old", "signed", "tagged"];
    push(&world, id, &names).await;
    let goes = judged(metadata, id, &names).await;
    let of = |word: &str| digest(&format!("{word}{id}"));
    let mut signature = manifest(id, "signature", &[]);
    signature.subject = Some(of("signed"));
    metadata.put_manifest(signature).await.unwrap();
    let mut index = manifest(id, "index", &[]);
    index.manifests = vec![of("listed")];
    index.facts.is_index = true;
    metadata.put_manifest(index).await.unwrap();
    let about = format!("{}.sig", of("tagged").replacen(':', "-", 1));
    let about = tagged(manifest(id, "about", &[]), &[&about]);
    metadata.put_manifest(about).await.unwrap();
    let run = metadata.begin_retention_run(id, 50).await.unwrap().unwrap();
    let wanted = condemned_tags(id, run, goes.clone(), kept(50, 1000));
    let done = metadata.delete_condemned_tags(wanted.clone()).await.unwrap();
    assert_eq!((done.dealt_with, done.deleted), (4, 1), "all but old");
    let known = KnownLinks {
        manifests: ["signature", "index"].map(digest).into(),
        tags: [format!("{}.sig", of("tagged").replacen(':', "-", 1))].into(),
        endings: vec![".sig"],
    };
    let wanted = CondemnedTags {
        known: std::sync::Arc::new(known),
        ..wanted
    };
    let done = metadata.delete_condemned_tags(wanted).await.unwrap();
    assert_eq!(done.deleted, 3, "the judgement knew of all that");
}

pub(crate) async fn a_changed_rule_stops_what_goes_by_the_old_one(world: World) {
    let metadata = &world.metadata;
    let repository = world.repository().await;
    let (id, organization) = (repository.id, repository.organization_id);
    let run = metadata.begin_retention_run(id, 50).await.unwrap().unwrap();
    // Nothing is left of what was judged: that the rules are others is told all the same.
    let goes_by = async |version| {
        let deletion = Deletion {
            guard: Guard::Rules {
                version,
                covers: None,
            },
            ..kept(50, 1000)
        };
        let wanted = condemned_tags(id, run, Vec::new(), deletion);
        metadata.delete_condemned_tags(wanted).await
    };
    let version = async || metadata.judged_place(id).await.unwrap().unwrap().rules_version;
    let mut known = version().await;
    let own = metadata.create_retention(new_retention(id, 30)).await.unwrap();
    for change in ["create", "update", "delete", "rule", "other rule", "no rule"] {
        let rule = async || metadata.retention_rules(organization).await.unwrap()[0].id;
        match change {
            "update" => assert!(
                metadata
                    .update_retention(own, new_retention(id, 40))
                    .await
                    .unwrap()
            ),
            "delete" => assert!(metadata.delete_retention(id, own).await.unwrap()),
            "rule" => {
                let new = metadata.create_retention_rule(new_rule(organization, 5), 9);
                new.await.unwrap();
            }
            "other rule" => {
                let new = new_rule(organization, 6);
                assert!(metadata.update_retention_rule(rule().await, new).await.unwrap());
            }
            "no rule" => {
                let gone = metadata.delete_retention_rule(organization, rule().await, 7);
                assert!(gone.await.unwrap());
            }
            _ => {}
        }
        assert_eq!(conflict(goes_by(known).await), Conflict::RulesChanged, "{change}");
        known = version().await;
        assert_eq!(goes_by(known).await.unwrap().deleted, 0, "{change}");
    }
}

async fn want(metadata: &Metadata, repository_id: i64, now: i64) -> i64 {
    let wanted = WantRetentionRun {
        repository_id,
        why: RetentionWhy::Asked,
        user_id: None,
        now,
    };
    metadata.want_retention_run(wanted).await.unwrap()
}

fn ended(id: i64, now: i64, failed: Option<&str>) -> EndRetentionRun {
    EndRetentionRun {
        id,
        tags: 3,
        kept: r#"{"rule":3}"#.to_owned(),
        failed: failed.map(str::to_owned),
        now,
    }
}

pub(crate) async fn runs_wait_begin_and_end(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    let first = want(metadata, id, 10).await;
    assert_eq!(want(metadata, id, 11).await, first, "one waits");
    assert_eq!(metadata.begin_retention_run(id, 12).await.unwrap(), Some(first));
    let second = want(metadata, id, 13).await;
    assert!(second > first, "the first is under way");
    metadata.end_retention_run(ended(first, 14, None)).await.unwrap();
    assert_eq!(metadata.begin_retention_run(id, 15).await.unwrap(), Some(second));
    // A process ends in the middle of it, and another one goes on.
    let third = metadata.begin_retention_run(id, 16).await.unwrap().unwrap();
    metadata.end_retention_run(ended(third, 17, None)).await.unwrap();
    let fourth = metadata.begin_retention_run(id, 18).await.unwrap().unwrap();
    metadata.end_retention_run(ended(fourth, 19, None)).await.unwrap();
    let fifth = metadata.begin_retention_run(id, 20).await.unwrap().unwrap();
    metadata
        .end_retention_run(ended(fifth, 21, Some("broken")))
        .await
        .unwrap();
    let runs = metadata.retention_runs(id, None, 10).await.unwrap();
    let told: Vec<_> = runs
        .iter()
        .map(|run| (run.id, run.why, run.ended_at, run.failed.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (fifth, RetentionWhy::Regular, Some(21), Some("broken")),
            (fourth, RetentionWhy::Regular, Some(19), None),
            (second, RetentionWhy::Asked, Some(16), Some("it was interrupted")),
            (first, RetentionWhy::Asked, Some(14), None),
        ],
        "of regular runs in a row that did nothing the last is kept"
    );
    assert_eq!(
        (runs[3].created_at, runs[3].started_at, runs[3].tags),
        (10, Some(12), 3)
    );
    let page = metadata.retention_runs(id, Some(fourth), 1).await.unwrap();
    assert_eq!(page, runs[2..3]);
    assert_eq!(metadata.begin_retention_run(-1, 22).await.unwrap(), None);
}

/// The subjects of the jobs of retentions, in the order in which they are claimed.
async fn claimed(metadata: &Metadata, lane: i64, now: i64) -> Vec<i64> {
    let mut subjects = Vec::new();
    let claim = JobClaim {
        kind: RETENTION,
        holder: "here".to_owned(),
        held_ms: 60_000,
        lane_max: 1_000,
        now,
    };
    while let Some(job) = metadata.claim_job(claim.clone()).await.unwrap() {
        if job.lane == format!("organization/{lane}") {
            subjects.push(job.subject);
        }
        metadata.end_job(RETENTION, &job, "here").await.unwrap();
    }
    subjects
}

async fn queue_all(metadata: &Metadata, organization: Option<i64>, now: i64) {
    let mut last = 0;
    while let Some(reached) = metadata
        .queue_retention_runs(organization, (last, 2), now)
        .await
        .unwrap()
    {
        assert!(reached > last);
        last = reached;
    }
}

pub(crate) async fn runs_are_queued_for_all_that_rules_are_for(world: World) {
    let metadata = &world.metadata;
    let user = world.user(&world.account().await).await;
    let (own, other) = (world.organization(&user).await, world.organization(&user).await);
    let mut images = Vec::new();
    for (organization, image) in [(own, "a"), (own, "b"), (own, "c"), (other, "d"), (other, "e")] {
        images.push(world.repository_in(organization, image).await.id);
    }
    metadata
        .create_retention(new_retention(images[0], 30))
        .await
        .unwrap();
    metadata
        .create_retention(new_retention(images[3], 30))
        .await
        .unwrap();
    assert_eq!(claimed(metadata, own, 100).await, [images[0]]);
    queue_all(metadata, None, 100).await;
    assert_eq!(claimed(metadata, own, 99).await, [0_i64; 0], "it is not time");
    assert_eq!(claimed(metadata, own, 100).await, [images[0]]);
    metadata.create_retention_rule(new_rule(own, 3), 9).await.unwrap();
    assert_eq!(claimed(metadata, own, 100).await, [-own]);
    queue_all(metadata, Some(own), 100).await;
    let mut of_rules = claimed(metadata, own, 100).await;
    of_rules.sort_unstable();
    assert_eq!(of_rules, images[1..3], "the other has its own retention");
    assert_eq!(
        metadata.retention_runs(images[1], None, 9).await.unwrap().len(),
        1
    );
    queue_all(metadata, None, 100).await;
    // What somebody waits for goes first.
    want(metadata, images[2], 101).await;
    let order = claimed(metadata, own, 200).await;
    assert_eq!((order[0], order.len()), (images[2], 3));
}

pub(crate) async fn partners_of_tags_are_found(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    for (word, tags) in [
        ("plain", &["plain"] as &[_]),
        ("child", &["child"]),
        ("hidden", &[]),
    ] {
        let put = tagged(manifest(id, word, &[]), tags);
        metadata.put_manifest(put).await.unwrap();
    }
    for (word, manifests) in [("multi", vec!["child", "hidden"]), ("many", vec!["hidden"])] {
        let mut index = tagged(manifest(id, word, &[]), &[word]);
        index.manifests = manifests.into_iter().map(digest).collect();
        index.facts.is_index = true;
        metadata.put_manifest(index).await.unwrap();
    }
    for n in 0..5 {
        let mut signature = manifest(id, &format!("s{n}"), &[]);
        signature.subject = Some(digest(if n < 4 { "child" } else { "hidden" }));
        metadata.put_manifest(signature).await.unwrap();
    }
    let link = |from: &str, to: &str| ManifestLink {
        from: digest(from),
        to: digest(to),
    };
    for step in [1, 2, 100] {
        let listed = metadata.listed_tagged(id, step).await.unwrap();
        assert_eq!(listed, [link("multi", "child")], "{step}");
        let referrers = metadata.tagged_referrers(id, step).await.unwrap();
        let expected: Vec<_> = (0..4).map(|n| link(&format!("s{n}"), "child")).collect();
        assert_eq!(referrers, expected, "{step}");
    }
    let mut indexes = metadata.listing_indexes(id, &[digest("hidden")]).await.unwrap();
    indexes.sort_by(|one, other| one.from.cmp(&other.from));
    assert_eq!(indexes, [link("many", "hidden"), link("multi", "hidden")]);
    let live = metadata
        .live_manifests(id, &[digest("hidden"), digest("nothing")])
        .await;
    assert_eq!(live.unwrap(), [digest("hidden")]);
    let place = metadata.judged_place(id).await.unwrap().unwrap();
    assert_eq!(place.repository_id, id);
    assert_eq!(metadata.judged_place(-1).await.unwrap(), None);
}

pub(crate) async fn logs_and_runs_are_forgotten(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    push(&world, id, &["v1", "v2", "v3"]).await;
    for (tag, now) in [("v1", 1_000), ("v2", 2_000), ("v3", 3_000)] {
        retain(&world, id, 1, &[tag], now).await;
        let run = metadata.retention_runs(id, None, 1).await.unwrap()[0].id;
        metadata.end_retention_run(ended(run, now, None)).await.unwrap();
    }
    while metadata.forget_retentions(2_500, 1).await.unwrap() > 0 {}
    let (lines, total) = metadata.retention_log(id, 0, 10).await.unwrap();
    assert_eq!((lines[0].tag.as_str(), total), ("v3", 1));
    assert_eq!(metadata.retention_runs(id, None, 10).await.unwrap().len(), 1);
}

/// 100,000 tags of manifests with a layer of their own and one that all have. The bin's tables are left as a server leaves
/// empty ones: one that was analysed while it was empty is taken for empty by plans that are kept.
const MANY: &str = "
    INSERT INTO blobs (digest, key, size, created_at) SELECT 'sha256:many' || n, 'many' || n, 10, 1
        FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO blob_links (repository_id, digest, idle_since)
        SELECT r.id, 'sha256:many' || n, NULL FROM repositories r CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO manifests
        (repository_id, digest, media_type, size, artifact_type, subject, annotations, created_at, bytes)
        SELECT m.repository_id, 'sha256:manifest' || n, m.media_type, 1, NULL, NULL, '{}', 1, m.bytes FROM manifests m CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO manifest_facts (repository_id, digest, is_index, config_digest, image_bytes)
        SELECT r.id, 'sha256:manifest' || n, 0, NULL, 10 FROM repositories r CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO manifest_references (repository_id, manifest, digest)
        SELECT r.id, 'sha256:manifest' || n, 'sha256:many' || n FROM repositories r CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO manifest_references (repository_id, manifest, digest)
        SELECT r.id, 'sha256:manifest' || n, 'sha256:all' FROM repositories r CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    INSERT INTO tags (repository_id, tag, digest, updated_at, id, created_at)
        SELECT r.id, 'v' || n, 'sha256:manifest' || n, n, n, n FROM repositories r CROSS JOIN
        (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c) AS c;
    UPDATE repositories SET tag_count = tag_count + 100000, size_bytes = size_bytes + 1000000;
    ANALYZE blobs; ANALYZE blob_links; ANALYZE manifests; ANALYZE manifest_facts; ANALYZE manifest_references; ANALYZE tags;";

pub(crate) async fn a_hundred_thousand_tags_go(world: World) {
    let metadata = &world.metadata;
    let id = world.repository().await.id;
    world.push(id, &digest("all"), "all", 5).await;
    let kept_one = tagged(manifest(id, "kept", &[&digest("all")]), &["kept"]);
    metadata.put_manifest(kept_one).await.unwrap();
    world.run(MANY).await;
    let mut goes = Vec::new();
    let mut last = String::new();
    loop {
        let page = metadata.judged_tags(id, &last, 5_000).await.unwrap();
        let Some(end) = page.last() else { break };
        last.clone_from(&end.tag);
        goes.extend(page.iter().filter(|tag| tag.tag != "kept").map(condemned));
    }
    let run = metadata.begin_retention_run(id, 200_000).await.unwrap().unwrap();
    let (mut deleted, mut blobs) = (0, 0);
    for few in goes.chunks(500) {
        let wanted = condemned_tags(id, run, few.to_vec(), kept(200_000, 1_000_000));
        let done = metadata.delete_condemned_tags(wanted).await.unwrap();
        assert_eq!(done.dealt_with, few.len());
        deleted += done.deleted;
        blobs += done.freed.blobs;
    }
    assert_eq!((deleted, blobs), (100_000, 100_000));
    assert_eq!(metadata.list_tags(id, None, 10).await.unwrap(), ["kept"]);
    assert_eq!(metadata.retention_log(id, 0, 1).await.unwrap().1, 100_000);
    let runs = metadata.retention_runs(id, None, 1).await.unwrap();
    assert_eq!((runs[0].deleted, runs[0].freed_bytes), (100_000, 1_000_000));
}
