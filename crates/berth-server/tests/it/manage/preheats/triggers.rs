//! Triggers that wait for nodes: what they may say, and how long runs wait. No cluster is needed: what comes after the
//! nodes fails, because nobody told under which name clusters pull from here.

use std::time::Duration;

use berth_agent::wire::{Done, DoneState, Node};
use http::Method;
use serde_json::{Value, json};

use super::{PREHEATS, agents, ask, meet, node, say};
use crate::content::digest;
use crate::world::World;

const TRIGGERS: &str = "/v2/manage/namespaces/team/repos/app/triggers";

fn trigger(name: &str, preheat: &Value) -> Value {
    json!({
        "name": name, "trigger_type": "regular", "condition": "v*", "action": "update", "enable": "true",
        "app_type": "deployments", "application": name, "cluster_ns": "default", "cluster_name": "west",
        "preheat": preheat,
    })
}

async fn world() -> World {
    let world = World::start().await;
    world.admin.push_image("team/app", "before", b"before").await;
    let cluster =
        json!({ "cluster_id": "c1", "cluster_name": "west", "server": "https://c1:6443", "token": "abc" });
    let clusters = "/v2/manage/clusters?unchecked=true";
    ask(&world, Method::POST, clusters, cluster, 201).await;
    world
}

#[tokio::test]
async fn a_trigger_says_which_nodes_it_waits_for() {
    let world = world().await;
    let shown = async |name: &str| {
        let one = format!("{TRIGGERS}/{name}");
        ask(&world, Method::GET, &one, Value::Null, 200).await["preheat"].clone()
    };
    let nodes = json!({ "labels": { "zone": "a" } });
    for (name, preheat, expected) in [
        ("none", Value::Null, Value::Null),
        (
            "all",
            json!({}),
            json!({ "nodes": { "labels": {} }, "timeout": 300 }),
        ),
        (
            "some",
            json!({ "nodes": nodes, "timeout": 3600 }),
            json!({ "nodes": nodes, "timeout": 3600 }),
        ),
    ] {
        let wanted = trigger(name, &preheat);
        ask(&world, Method::POST, TRIGGERS, wanted, 201).await;
        assert_eq!(shown(name).await, expected, "{name}");
    }
    let replaced = trigger("some", &Value::Null);
    let one = format!("{TRIGGERS}/some");
    ask(&world, Method::PUT, &one, replaced, 200).await;
    assert_eq!(shown("some").await, Value::Null);
    let webhook = json!({
        "name": "wrong", "trigger_type": "all", "condition": ".*", "action": "webhook", "enable": "true",
        "webhook_url": "https://example.com/", "preheat": {},
    });
    for wrong in [
        trigger("wrong", &json!({ "timeout": 0 })),
        trigger("wrong", &json!({ "timeout": 3601 })),
        trigger("wrong", &json!({ "labels": {} })),
        trigger(
            "wrong",
            &json!({ "nodes": { "labels": { "zone": "a".repeat(254) } } }),
        ),
        webhook,
    ] {
        ask(&world, Method::POST, TRIGGERS, wrong, 400).await;
    }
}

/// The newest run of a trigger, once waiting for nodes came to that.
async fn run(world: &World, name: &str, outcome: &str) -> Value {
    loop {
        let path = format!("{TRIGGERS}/{name}/runs");
        let page = ask(world, Method::GET, &path, Value::Null, 200).await;
        let newest = &page["runs"][0];
        if newest["preheat"]["outcome"] == outcome && (outcome == "waiting" || !newest["ended_at"].is_null())
        {
            return newest.clone();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Those whose time is over, or who have no node to wait for.
async fn others_go_on(world: &World) {
    for (name, outcome, said) in [
        (
            "hasty",
            "timeout",
            "0 of 1 nodes had the image before, the others were not waited for any longer",
        ),
        (
            "nowhere",
            "no_nodes",
            "there was no node to have the image before",
        ),
    ] {
        let ended = run(world, name, outcome).await;
        let detail = ended["detail"].as_str().unwrap();
        assert!(
            detail.contains("image_hosts") && detail.ends_with(said),
            "{detail}"
        );
    }
}

/// The run that waits in the place of an older one.
async fn run_after(world: &World, older: &Value) -> Value {
    loop {
        let newer = run(world, "waits", "waiting").await;
        if newer["id"] != older["id"] {
            return newer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_run_waits_for_nodes_also_after_the_end_of_the_process() {
    let mut world = world().await;
    say(&world.admin, &node(1, "a")).await;
    agents(&world, 1).await;
    for (name, zone, timeout) in [("waits", "a", 3600), ("hasty", "a", 1), ("nowhere", "b", 3600)] {
        let preheat = json!({ "nodes": { "labels": { "zone": zone } }, "timeout": timeout });
        ask(&world, Method::POST, TRIGGERS, trigger(name, &preheat), 201).await;
    }
    world.admin.push_image("team/app", "v1", b"first").await;
    let older = run(&world, "waits", "waiting").await;
    assert_eq!(
        (&older["status"], &older["detail"], &older["preheat"]["nodes"]),
        (
            &json!("running"),
            &json!("0 of 1 nodes have the image"),
            &json!(1)
        )
    );
    others_go_on(&world).await;

    // A newer push ends what waits for the older one, and nodes are to have the newer.
    let pushed = digest(world.admin.push_image("team/app", "v2", b"second").await);
    let newer = run_after(&world, &older).await;
    let one = format!("{TRIGGERS}/waits/runs/{}", older["id"]);
    let ended = ask(&world, Method::GET, &one, Value::Null, 200).await;
    assert_eq!(ended["status"], "superseded", "{ended}");
    let one = format!("{PREHEATS}/{}", older["preheat"]["id"]);
    let left = ask(&world, Method::GET, &one, Value::Null, 200).await;
    assert_eq!(
        (&left["state"], &left["wanted_by"], &left["superseded_by"]),
        (&json!("superseded"), &json!("trigger"), &newer["preheat"]["id"])
    );

    world.kill();
    let told = meet(&world.admin, &node(1, "a")).await.preheat;
    let id = newer["preheat"]["id"].to_string();
    let job = told.iter().find(|job| job.job == id).unwrap();
    assert_eq!(job.manifest.as_str(), pushed);
    let done = Done {
        job: job.job.clone(),
        state: DoneState::Complete,
        detail: String::new(),
    };
    let done = Node {
        done: vec![done],
        ..node(1, "a")
    };
    say(&world.admin, &done).await;
    let ended = run(&world, "waits", "complete").await;
    assert_eq!(
        (&ended["id"], &ended["preheat"]["complete"]),
        (&newer["id"], &json!(1)),
        "{ended}"
    );
    let detail = ended["detail"].as_str().unwrap();
    assert!(detail.ends_with("1 of 1 nodes had the image before"), "{detail}");
}

#[tokio::test]
async fn pushes_in_a_row_hold_a_rollout_back_no_longer_than_one() {
    let world = world().await;
    say(&world.admin, &node(1, "a")).await;
    agents(&world, 1).await;
    let wanted = trigger("roll", &json!({ "timeout": 1 }));
    ask(&world, Method::POST, TRIGGERS, wanted, 201).await;
    // Each comes while the one before still waits, as far as this test can tell.
    for push in 0..100 {
        let tag = format!("v{push}");
        world.admin.push_image("team/app", &tag, tag.as_bytes()).await;
        let begun = loop {
            let path = format!("{TRIGGERS}/roll/runs");
            let page = ask(&world, Method::GET, &path, Value::Null, 200).await;
            let newest = page["runs"][0].clone();
            if newest["tag"] == tag && !newest["preheat"].is_null() {
                break newest;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if begun["preheat"]["outcome"] == "timeout" {
            assert!(push > 0, "{begun}");
            return;
        }
    }
    panic!("no run went on");
}
