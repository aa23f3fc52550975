//! Rules by which pushes go to nodes: what they may say, whose they are, and what becomes of pushes.

use std::time::Duration;

use berth_registry::{Caller, ExistingTag, Permission, Retag};
use http::Method;
use serde_json::{Value, json};

use super::preheats::{PREHEATS, agents, ask, meet, node, say, states};
use super::team::Team;
use crate::content::digest;
use crate::world::World;

const RULE: &str = "/v2/manage/namespaces/group/repos/back$end/preheat_rule";
const OF_GROUP: &str = "/v2/manage/namespaces/group/preheat_rule";
const OF_APP: &str = "/v2/manage/namespaces/team/repos/app/preheat_rule";

#[tokio::test]
async fn a_rule_is_set_shown_and_deleted() {
    let team = Team::start().await;
    for place in [RULE, OF_GROUP] {
        for method in [Method::GET, Method::DELETE] {
            team.refuses(method, place, &Value::Null, (404, "4040136")).await;
        }
        let set = team.does(Method::PUT, place, &json!({}), 200).await;
        assert_eq!(
            (&set["enabled"], &set["tags"], &set["nodes"]),
            (&json!(true), &json!(""), &json!({ "labels": {} }))
        );
        let other = json!({ "enabled": false, "tags": "v*", "nodes": { "labels": { "zone": "a" } } });
        let set = team.does(Method::PUT, place, &other, 200).await;
        let shown = team.does(Method::GET, place, &Value::Null, 200).await;
        assert_eq!(set, shown);
        for field in ["enabled", "tags", "nodes"] {
            assert_eq!(shown[field], other[field], "{field}");
        }
        let many: serde_json::Map<String, Value> =
            (0..65).map(|label| (format!("l{label}"), json!(""))).collect();
        for (wrong, code) in [
            (json!({ "tags": "[" }), "4000014"),
            (json!({ "nodes": { "labels": many } }), "4000014"),
            (
                json!({ "nodes": { "labels": { "zone": "a".repeat(254) } } }),
                "4000014",
            ),
            (json!({ "nodes": { "zone": "a" } }), "4001018"),
            (json!({ "enabled": "true" }), "4001018"),
            (json!({ "tag": "v*" }), "4001018"),
        ] {
            team.refuses(Method::PUT, place, &wrong, (400, code)).await;
        }
        assert_eq!(team.does(Method::GET, place, &Value::Null, 200).await, shown);
        team.does(Method::DELETE, place, &Value::Null, 204).await;
        team.refuses(Method::GET, place, &Value::Null, (404, "4040136"))
            .await;
    }
    for place in [
        RULE.replace("back$end", "missing"),
        OF_GROUP.replace("group", "missing"),
    ] {
        let answer = team.ask(&team.admin, Method::PUT, &place, &json!({})).await;
        assert_eq!(answer.status.as_u16(), 404, "{place}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_manages_sets_rules_and_who_may_pull_sees_them() {
    let team = Team::start().await;
    for place in [RULE, OF_GROUP] {
        team.answers_people(Method::PUT, place, &json!({}), [200, 403, 403, 404, 404])
            .await;
        team.answers_people(Method::GET, place, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        team.answers_people(Method::DELETE, place, &Value::Null, [204, 403, 403, 404, 404])
            .await;
    }
}

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
