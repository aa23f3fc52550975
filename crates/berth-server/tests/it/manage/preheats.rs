//! Nodes that are there, and images that they shall have.

mod pushes;
mod triggers;

use std::collections::BTreeMap;
use std::time::Duration;

use berth_agent::wire::{Done, DoneState, Moved, Node, NodeAnswer, Peer};
use berth_registry::Permission;
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY, basic};
use crate::world::World;

const PREHEATS: &str = "/v2/manage/namespaces/team/repos/app/preheats";

pub(crate) fn node(number: usize, zone: &str) -> Node {
    Node {
        peer: Peer {
            id: format!("node-{number}"),
            address: format!("10.0.0.{number}:7001"),
            fingerprint: format!("{number:064x}"),
        },
        labels: BTreeMap::from([("zone".to_owned(), zone.to_owned())]),
        seeds: Vec::new(),
        done: Vec::new(),
        moved: Moved {
            peers: 300,
            registry: 100,
        },
    }
}

/// What a node is told when there is something.
async fn meet(client: &Client, node: &Node) -> NodeAnswer {
    let body = serde_json::to_vec(node).unwrap();
    let answer = client.ask("POST /v2/_berth/swarm/nodes").body(body).await.is(200);
    serde_json::from_value(answer.json()).unwrap()
}

/// Says that a node is there and does not wait for what it shall do.
pub(crate) async fn say(client: &Client, node: &Node) {
    let asked = client.http.post(format!("{}/v2/_berth/swarm/nodes", client.url));
    let asked = asked.header("authorization", client.authorization.as_deref().unwrap());
    let head = asked
        .body(serde_json::to_vec(node).unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
}

async fn ask(world: &World, method: Method, target: &str, body: Value, status: u16) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = world
        .signed((ACCESS_KEY_ID, SECRET_KEY), method, (target, &body))
        .await;
    assert_eq!(answer.status, status, "{target}: {}", answer.text);
    if answer.text.is_empty() {
        Value::Null
    } else {
        answer.json()
    }
}

pub(crate) async fn agents(world: &World, count: usize) -> Value {
    loop {
        let found = ask(world, Method::GET, "/v2/manage/agents", Value::Null, 200).await;
        if found["agents"].as_array().unwrap().len() == count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How an image stands, and each node to it.
async fn states(world: &World, one: &str) -> (String, Vec<String>) {
    let shown = ask(world, Method::GET, one, Value::Null, 200).await;
    let nodes = shown["nodes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let nodes = nodes.map(|node| format!("{} {}", text(&node["node"]), text(&node["state"])));
    (text(&shown["state"]), nodes.collect())
}

/// An image, somebody who may pull it and somebody who may not.
async fn world() -> (World, Client, Client) {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let reader = world.member("reader", Permission::Read).await;
    let (_, blind) = world.person("berth", "blind").await;
    let user = format!("local@{}", blind.access_key_id);
    let blind = world.admin.with(&basic(&user, &blind.login_key()));
    (world, reader, blind)
}

#[tokio::test]
async fn an_image_goes_to_the_nodes_with_its_labels() {
    let (world, reader, blind) = world().await;
    let wanted = json!({ "tag": "v1", "nodes": { "labels": { "zone": "a" } } });
    // Nobody is there.
    ask(&world, Method::POST, PREHEATS, wanted.clone(), 400).await;
    for (client, node) in [
        (&reader, node(1, "a")),
        (&reader, node(2, "b")),
        (&blind, node(3, "a")),
    ] {
        say(client, &node).await;
    }
    let found = agents(&world, 3).await;
    assert_eq!(found["agents"][0]["labels"], json!({ "zone": "a" }));
    assert_eq!(found["agents"][0]["bytes_from_peers"], 300);
    assert_eq!(found["figures"]["bytes_from_peers"], 900);
    assert_eq!(found["figures"]["connected"], 3);

    let waiting = reader.clone();
    let waiting = tokio::spawn(async move { meet(&waiting, &node(1, "a")).await });
    let made = ask(&world, Method::POST, PREHEATS, wanted, 201).await;
    assert_eq!(made["state"], "running");
    let told = waiting.await.unwrap();
    let job = &told.preheat[0];
    assert_eq!(job.repository, "team/app");
    assert_eq!(job.manifest.as_str(), made["digest"]);
    // The token pulls this image and does nothing else.
    let holder = world.admin.with(&format!("Bearer {}", job.token));
    holder.ask("GET /v2/team/app/manifests/v1").await.is(200);
    holder.ask("GET /v2/team/other/tags/list").await.is(401);
    holder.ask("DELETE /v2/team/app/manifests/v1").await.is(403);
    // A node whose login may not pull it hears nothing of it.
    let refused = tokio::spawn(async move { meet(&blind, &node(3, "a")).await });
    let one = format!("{PREHEATS}/{}", made["id"]);
    while states(&world, &one).await.1 != ["node-1 sent", "node-3 failed"] {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    refused.abort();
    let done = Done {
        job: job.job.clone(),
        state: DoneState::Complete,
        detail: String::new(),
    };
    let done = Node {
        done: vec![done],
        ..node(1, "a")
    };
    say(&reader, &done).await;
    let (state, nodes) = states(&world, &one).await;
    assert_eq!(
        (state.as_str(), nodes),
        (
            "failed",
            vec!["node-1 complete".to_owned(), "node-3 failed".to_owned()]
        )
    );
}

#[tokio::test]
async fn an_image_for_nodes_is_listed_and_cancelled() {
    let (world, reader, _) = world().await;
    say(&reader, &node(1, "a")).await;
    agents(&world, 1).await;
    let first = ask(&world, Method::POST, PREHEATS, json!({ "tag": "v1" }), 201).await;
    let second = json!({ "digest": first["digest"] });
    let second = ask(&world, Method::POST, PREHEATS, second, 201).await;
    let one = format!("{PREHEATS}/{}", second["id"]);
    ask(&world, Method::DELETE, &one, Value::Null, 204).await;
    ask(&world, Method::DELETE, &one, Value::Null, 404).await;
    let listed = ask(&world, Method::GET, PREHEATS, Value::Null, 200).await;
    assert_eq!(
        (&listed[0]["state"], &listed[0]["tag"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(
        (&listed[1]["id"], &listed[1]["tag"]),
        (&first["id"], &json!("v1"))
    );
    for wrong in [
        json!({}),
        json!({ "tag": "v1", "digest": first["digest"] }),
        json!({ "digest": "x" }),
    ] {
        ask(&world, Method::POST, PREHEATS, wrong, 400).await;
    }
    ask(&world, Method::POST, PREHEATS, json!({ "tag": "none" }), 404).await;
}
