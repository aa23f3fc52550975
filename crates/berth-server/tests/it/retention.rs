//! Retention by real servers: what goes, what stays and why, as the preview says it, while days pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use berth_metadata::RunningWorkload;
use berth_oci::media_type;
use http::Method;
use serde_json::{Value, json};

use crate::content::{CONFIG, descriptor, digest, image, index};
use crate::webhooks::does;
use crate::world::{TEAM, World};

const IMAGE: &str = "/v2/manage/namespaces/team/repos/app";
const RETENTIONS: &str = "/v2/manage/namespaces/team/repos/app/retentions";
const RULES: &str = "/v2/manage/namespaces/team/retentions";
const DAY: Duration = Duration::from_hours(24);

fn rule(template: &str, params: &Value, selectors: &Value) -> Value {
    json!({ "template": template, "params": params, "tag_selectors": selectors })
}

fn policy(rule: &Value) -> Value {
    json!({ "algorithm": "or", "rules": [rule] })
}

fn days(number: u32) -> Value {
    policy(&rule(
        "date_rule",
        &json!({ "days": number.to_string() }),
        &json!([]),
    ))
}

async fn gets(world: &World, target: &str) -> Value {
    does(world, Method::GET, target, &Value::Null, 200).await
}

/// The tags of an image.
async fn tags(world: &World, image: &str) -> BTreeSet<String> {
    let listed = world
        .admin
        .ask(format!("GET /v2/{image}/tags/list"))
        .await
        .is(200)
        .json();
    let tags = listed["tags"].as_array().unwrap().iter();
    tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

/// What a preview says of each tag: `deleted`, or why it stays.
fn fates(preview: &Value) -> BTreeMap<String, String> {
    let told = |tag: &Value| {
        let because = tag["because"].as_str().unwrap_or("deleted");
        (tag["tag"].as_str().unwrap().to_owned(), because.to_owned())
    };
    preview["tags"].as_array().unwrap().iter().map(told).collect()
}

fn going(fates: &BTreeMap<String, String>) -> BTreeSet<String> {
    let going = fates.iter().filter(|(_, fate)| *fate == "deleted");
    going.map(|(tag, _)| tag.clone()).collect()
}

/// Waits until a run of an image has ended well and is so; a regular one may have come after it.
async fn run_that(world: &World, place: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        let runs = gets(world, &format!("{place}/retentions/runs?limit=10")).await;
        let is_it = |run: &&Value| run["status"] == "done" && is_so(run);
        if let Some(run) = runs["runs"].as_array().unwrap().iter().find(is_it) {
            return run.clone();
        }
        last = runs;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("none of the runs is so: {last}");
}

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
#[tokio::test]
async fn days_pass_and_what_is_too_old_goes_and_comes_back() {
    let world = World::start_with_clock(&["--bin-ttl", "90d"]).await;
    world.admin.push_image("team/app", "old", b"old layer").await;
    world.move_clock(DAY * 40);
    world.admin.push_image("team/app", "new", b"new layer").await;

    let preview = format!("{RETENTIONS}/preview");
    let before = does(&world, Method::POST, &preview, &json!({}), 200).await;
    assert_eq!(
        before["totals"],
        json!({ "tags": 2, "deleted": 0, "kept": { "no_rule": 2 } })
    );
    let told = does(&world, Method::POST, &preview, &days(30), 200).await;
    assert_eq!(going(&fates(&told)), ["old".to_owned()].into());
    assert_eq!(
        told["freed"]["freed_bytes"], 9,
        "the layer that nothing else has: {told}"
    );
    assert_eq!(
        tags(&world, "team/app").await.len(),
        2,
        "a preview deletes nothing"
    );

    let made = does(&world, Method::POST, RETENTIONS, &days(30), 201).await;
    let run = run_that(&world, IMAGE, |run| run["deleted"] == 1).await;
    assert_eq!(
        (&run["why"], &run["tags"], &run["user_name"]),
        (&json!("set"), &json!(2), &json!("admin"))
    );
    assert_eq!(
        (&run["freed_bytes"], &run["kept"]),
        (&json!(9), &json!({ "rule": 1 }))
    );
    assert_eq!(tags(&world, "team/app").await, ["new".to_owned()].into());
    let log = gets(&world, &format!("{RETENTIONS}/log")).await;
    let line = &log["deletions"][0];
    assert_eq!(
        (&line["tag"], &line["run_id"], &line["retention_id"]),
        (&json!("old"), &run["id"], &made["id"])
    );
    assert_eq!(
        line["reason"],
        "pushed 40 days ago, kept for 30 (the image's retention)"
    );
    let histories = gets(&world, &format!("{RETENTIONS}/histories")).await;
    assert_eq!(
        (&histories["total"], &histories["retention_log"][0]["tag"]),
        (&json!(1), &json!("old"))
    );
    let rule: Value =
        serde_json::from_str(histories["retention_log"][0]["rule_type"].as_str().unwrap()).unwrap();
    assert_eq!(rule, days(30)["rules"][0]);

    let bin = gets(&world, "/v2/manage/bin").await;
    let entry = &bin["entries"][0];
    assert_eq!(
        (&entry["why"], &entry["tags"]),
        (&json!("retention"), &json!(["old"]))
    );
    let restore = format!("/v2/manage/bin/{}/restore", entry["id"]);
    does(&world, Method::POST, &restore, &json!({}), 200).await;
    world.admin.ask("GET /v2/team/app/manifests/old").await.is(200);
    // What was restored counts as pushed then.
    let asked = does(
        &world,
        Method::POST,
        &format!("{RETENTIONS}/runs"),
        &Value::Null,
        202,
    )
    .await;
    run_that(&world, IMAGE, |run| run["id"] == asked["id"]).await;
    assert_eq!(tags(&world, "team/app").await.len(), 2);
    // By themselves, when their time has come.
    world.move_clock(DAY * 71);
    let run = run_that(&world, IMAGE, |run| run["deleted"] == 2).await;
    assert_eq!(run["why"], "regular");
    let histories = gets(&world, &format!("{RETENTIONS}/histories?limit=1&offset=0")).await;
    assert_eq!(histories["total"], 3);
}

/// What protects a tag, beside what only its age or number does.
#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
#[tokio::test]
async fn a_run_does_what_the_preview_said_and_keeps_what_others_need() {
    let world = World::start().await;
    let admin = &world.admin;
    let push = async |tag: &str| admin.push_image("team/app", tag, tag.as_bytes()).await;
    let (signed, platform) = (push("signed").await, push("platform").await);
    for tag in ["running", "release-1", "exempt", "plain", "shared"] {
        push(tag).await;
    }
    admin
        .push_manifest("team/app", "also-shared", &image(&[b"shared"]))
        .await;
    admin
        .push_manifest("team/app", "multi", &index(&[&platform]))
        .await;
    let cosign = format!("{}.sig", digest(&signed).replacen(':', "-", 1));
    admin.push_image("team/app", &cosign, b"signature").await;
    let described = push("described").await;
    let referrer = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": "application/vnd.example",
        "config": descriptor(media_type::OCI_CONFIG, CONFIG), "layers": [],
        "subject": descriptor(media_type::OCI_MANIFEST, &described),
    });
    let referrer_bytes = crate::content::written(&referrer);
    admin
        .push_manifest("team/app", &digest(&referrer_bytes), &referrer)
        .await;
    push("newest").await;
    admin.push_image("team/own", "own", b"own").await;
    admin.push_image("team/own", "own-2", b"own 2").await;

    let cluster =
        json!({ "cluster_id": "c", "cluster_name": "prod", "server": "https://c.test:6443", "token": "abc" });
    does(
        &world,
        Method::POST,
        "/v2/manage/clusters?unchecked=true",
        &cluster,
        201,
    )
    .await;
    let account = world
        .metadata
        .organization(TEAM)
        .await
        .unwrap()
        .unwrap()
        .account_id;
    let cluster = world.metadata.list_clusters(&account).await.unwrap()[0].id;
    let runs = RunningWorkload {
        image: "team/app".to_owned(),
        tag: "running".to_owned(),
        digest: String::new(),
        namespace: "web".to_owned(),
        kind: "Deployment".to_owned(),
        workload: "shop".to_owned(),
        container: "app".to_owned(),
    };
    let far_ahead = 4_102_444_800_000;
    let noted = world
        .metadata
        .replace_running_images(cluster, [runs].into(), far_ahead)
        .await;
    assert!(noted.unwrap());
    let immutable = json!({ "pattern": "release-*" });
    does(
        &world,
        Method::POST,
        &format!("{IMAGE}/immutability"),
        &immutable,
        201,
    )
    .await;
    let own = policy(&rule("tag_rule", &json!({ "num": "1" }), &json!([])));
    does(
        &world,
        Method::POST,
        "/v2/manage/namespaces/team/repos/own/retentions",
        &own,
        201,
    )
    .await;
    run_that(&world, "/v2/manage/namespaces/team/repos/own", |run| {
        run["deleted"] == 1
    })
    .await;

    let one = rule(
        "tag_rule",
        &json!({ "num": "1" }),
        &json!([{ "kind": "label", "pattern": "exempt" }]),
    );
    let previewed = json!({ "rules": [one] });
    let told = does(&world, Method::POST, &format!("{RULES}/preview"), &previewed, 200).await;
    let repos = told["repos"].as_array().unwrap();
    let names: Vec<_> = repos
        .iter()
        .map(|repo| (repo["repository"].as_str().unwrap(), &repo["own"]))
        .collect();
    assert_eq!(names, [("app", &json!(false)), ("own", &json!(true))]);
    let goes: BTreeSet<&str> = repos[0]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["tag"].as_str().unwrap())
        .collect();
    assert_eq!(
        goes,
        ["also-shared", "multi", "plain", "platform", "shared"].into()
    );

    let mut set = one.clone();
    set["images"] = json!("a*");
    let made = does(&world, Method::POST, RULES, &set, 201).await;
    run_that(&world, IMAGE, |run| run["deleted"] == 5).await;
    let left = does(
        &world,
        Method::POST,
        &format!("{RETENTIONS}/preview"),
        &json!({}),
        200,
    )
    .await;
    let expected = [
        ("described", "signature"),
        ("exempt", "exempt"),
        ("newest", "rule"),
        ("release-1", "immutable"),
        ("running", "running"),
        (cosign.as_str(), "subject"),
        ("signed", "signature"),
    ];
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(tag, why)| ((*tag).to_owned(), (*why).to_owned()))
        .collect();
    assert_eq!(fates(&left), expected);
    let reasons = left["tags"].as_array().unwrap().iter();
    let runs = reasons.clone().find(|tag| tag["because"] == "running").unwrap();
    assert_eq!(runs["reason"], "Deployment web/shop in cluster prod");
    let log = gets(&world, &format!("{RETENTIONS}/log?limit=2")).await;
    assert_eq!(log["deletions"].as_array().unwrap().len(), 2);
    let more = gets(
        &world,
        &format!("{RETENTIONS}/log?limit=100&marker={}", log["nextMarker"]),
    )
    .await;
    assert_eq!(more["deletions"].as_array().unwrap().len(), 3);
    let told = format!(
        "not one of the 1 newest (rule {} of the organization)",
        made["id"]
    );
    assert_eq!(log["deletions"][0]["reason"], told.as_str());
    // The rules of an organization are listed, replaced and deleted.
    let shown = gets(&world, RULES).await;
    assert_eq!(
        (&shown[0]["images"], &shown[0]["params"]),
        (&json!("a*"), &json!({ "num": "1" }))
    );
    let place = format!("{RULES}/{}", made["id"]);
    set["enabled"] = json!(false);
    does(&world, Method::PUT, &place, &set, 200).await;
    assert_eq!(gets(&world, &place).await["enabled"], json!(false));
    does(&world, Method::DELETE, &place, &Value::Null, 204).await;
    does(&world, Method::GET, &place, &Value::Null, 404).await;
}

#[tokio::test]
async fn a_preview_is_paged_and_filtered() {
    let world = World::start().await;
    for tag in ["a", "b", "c", "d"] {
        world.admin.push_image("team/app", tag, tag.as_bytes()).await;
    }
    let newest = policy(&rule("tag_rule", &json!({ "num": "2" }), &json!([])));
    let page = async |query: &str| {
        let target = format!("{RETENTIONS}/preview?{query}");
        let page = does(&world, Method::POST, &target, &newest, 200).await;
        let tags: Vec<String> = fates(&page).into_keys().collect();
        (
            tags.join(" "),
            page["nextMarker"].clone(),
            page["freed"].is_null(),
        )
    };
    for (query, expected) in [
        ("", ("a b c d", Value::Null, false)),
        ("limit=3", ("a b c", json!("c"), false)),
        ("limit=3&marker=c", ("d", Value::Null, true)),
        ("fate=deleted", ("a b", Value::Null, false)),
        ("fate=kept&limit=1", ("c", json!("c"), false)),
    ] {
        let (tags, next, without_freed) = page(query).await;
        assert_eq!((tags.as_str(), next, without_freed), expected, "{query}");
    }
}
