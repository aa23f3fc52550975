//! What becomes of pushes by rule: which nodes hear of them, and of many of one tag the newest.

use std::time::Duration;

use berth_registry::{Caller, ExistingTag, Permission, Retag};
use http::Method;
use serde_json::{Value, json};

use super::{PREHEATS, agents, ask, meet, node, say, states};
use crate::content::digest;
use crate::world::World;

const OF_APP: &str = "/v2/manage/namespaces/team/repos/app/preheat_rule";

async fn push(world: &World, tag: &str, layer: &[u8]) -> String {
    digest(world.admin.push_image("team/app", tag, layer).await)
}

/// The preheats of the image, once there are so many.
async fn preheats(world: &World, count: usize) -> Vec<Value> {
    loop {
        let found = ask(world, Method::GET, PREHEATS, Value::Null, 200).await;
        let found = found.as_array().unwrap();
        if found.len() == count {
            return found.clone();
        }
        assert!(found.len() < count, "{found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_push_by_rule_goes_to_the_nodes_with_its_labels() {
    let world = World::start().await;
    push(&world, "before", b"before").await;
    let reader = world.member("reader", Permission::Read).await;
    for (number, zone) in [(1, "a"), (2, "b")] {
        say(&reader, &node(number, zone)).await;
    }
    agents(&world, 2).await;
    let rule = json!({ "tags": "v*", "nodes": { "labels": { "zone": "a" } } });
    ask(&world, Method::PUT, OF_APP, rule, 200).await;
    let of_nowhere = json!({ "tags": "*2", "nodes": { "labels": { "zone": "c" } } });
    let of_team = "/v2/manage/namespaces/team/preheat_rule";
    ask(&world, Method::PUT, of_team, of_nowhere, 200).await;
    let waiting = reader.clone();
    let waiting = tokio::spawn(async move { meet(&waiting, &node(1, "a")).await });

    push(&world, "other", b"other").await;
    let pushed = push(&world, "v1", b"layer").await;
    let told = waiting.await.unwrap().preheat;
    assert_eq!((told.len(), told[0].repository.as_str()), (1, "team/app"));
    assert_eq!(told[0].manifest.as_str(), pushed);
    let made = preheats(&world, 1).await.remove(0);
    for (field, expected) in [
        ("tag", json!("v1")),
        ("digest", json!(pushed)),
        ("state", json!("running")),
        ("wanted_by", json!("rule")),
        ("creator_name", json!("admin")),
        ("superseded_by", Value::Null),
    ] {
        assert_eq!(made[field], expected, "{field}: {made}");
    }
    // What the tag names later is another matter: the node has what was pushed.
    let later = push(&world, "later", b"later").await;
    assert_ne!(later, pushed);
    let one = format!("{PREHEATS}/{}", made["id"]);
    assert_eq!(states(&world, &one).await.1, ["node-1 sent"]);

    // Both rules want it, each for its own nodes; of one there is none.
    push(&world, "v2", b"second").await;
    let mut made = preheats(&world, 3).await;
    made.truncate(2);
    let mut states: Vec<_> = made.iter().map(|made| made["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["no_nodes", "running"]);

    let off = json!({ "enabled": false });
    for place in [OF_APP, of_team] {
        ask(&world, Method::PUT, place, off.clone(), 200).await;
    }
    push(&world, "v3", b"third").await;
    ask(&world, Method::PUT, OF_APP, json!({}), 200).await;
    push(&world, "v4", b"fourth").await;
    let made = preheats(&world, 4).await;
    assert_eq!(made[0]["tag"], "v4", "{made:?}");
}

#[tokio::test]
async fn of_many_pushes_of_a_tag_nodes_are_left_with_the_newest() {
    let world = World::start().await;
    push(&world, "before", b"before").await;
    say(&world.admin, &node(1, "a")).await;
    agents(&world, 1).await;
    ask(&world, Method::PUT, OF_APP, json!({}), 200).await;
    let mut pushed = String::new();
    for number in 0..10_u8 {
        pushed = push(&world, "v1", &[number]).await;
    }
    let made = preheats(&world, 10).await;
    let running: Vec<_> = made.iter().filter(|made| made["state"] == "running").collect();
    assert_eq!(
        (running.len(), &running[0]["digest"]),
        (1, &json!(pushed)),
        "{made:?}"
    );
    for (older, newer) in made[1..].iter().zip(&made) {
        assert_eq!(
            (&older["state"], &older["superseded_by"]),
            (&json!("superseded"), &newer["id"])
        );
    }
    let told = meet(&world.admin, &node(1, "a")).await.preheat;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].manifest.as_str(), pushed);
}

#[tokio::test]
async fn a_push_before_the_end_of_the_process_goes_to_nodes_after_it() {
    let mut world = World::start().await;
    let pushed = push(&world, "before", b"before").await;
    say(&world.admin, &node(1, "a")).await;
    agents(&world, 1).await;
    ask(&world, Method::PUT, OF_APP, json!({}), 200).await;
    // The push is there, and nobody did what follows from it.
    let name = "team/app".parse().unwrap();
    let retag = Retag {
        source: "before".parse().unwrap(),
        destination: "v1".parse().unwrap(),
        existing: ExistingTag::Keep,
    };
    world
        .kill_and(async |registry| registry.retag(&Caller::System, &name, retag).await.unwrap())
        .await;
    let made = preheats(&world, 1).await.remove(0);
    assert_eq!(
        (&made["tag"], &made["digest"], &made["state"]),
        (&json!("v1"), &json!(pushed), &json!("running"))
    );
    assert_eq!(world.metadata.tag_events(0, 10).await.unwrap(), []);
}
