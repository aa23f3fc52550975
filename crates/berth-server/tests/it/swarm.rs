//! Agents that share blobs, as they speak to the server: who may, what they are told, and what they show one another.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use berth_agent::wire::{Bitmap, Join, Joined, Moved, Node, NodeAnswer, Peer};
use berth_registry::Permission;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::content::{bytes, digest};
use crate::world::World;

const CHUNK: usize = 4 << 20;
/// Layers of so many bytes have their chunks hashed at the push.
const HASHED_AHEAD_FROM: usize = 64 << 20;

fn peer(number: usize) -> Peer {
    Peer {
        id: format!("node-{number}"),
        address: format!("10.0.0.{number}:7001"),
        fingerprint: format!("{number:064x}"),
    }
}

fn join(number: usize, have: Option<Bitmap>) -> Join {
    Join {
        peer: peer(number),
        have,
        want: 16,
        failed: Vec::new(),
        table: true,
        moved: Moved::default(),
    }
}

async fn ask(client: &Client, path: &str, join: &Join) -> Answer {
    let body = serde_json::to_vec(join).unwrap();
    client.ask(format!("POST {path}")).body(body).await
}

async fn joined(client: &Client, path: &str, join: &Join) -> Joined {
    loop {
        let answer = ask(client, path, join).await;
        if answer.status == 202 {
            assert_eq!(answer.header("retry-after"), "1");
            continue;
        }
        return serde_json::from_value(answer.is(200).json()).unwrap();
    }
}

/// A layer of three chunks in `team/app`, its digest, and the path of its swarm.
async fn layer(world: &World) -> (Vec<u8>, String) {
    let layer = bytes(1, 2 * CHUNK + 5);
    world.admin.push_image("team/app", "v1", &layer).await;
    let path = format!("/v2/team/app/_berth/swarm/{}", digest(&layer));
    (layer, path)
}

#[tokio::test]
async fn agents_are_told_of_one_another_and_each_chunk_is_leased_once() {
    let world = World::start().await;
    let (layer, path) = layer(&world).await;
    let reader = world.member("reader", Permission::Read).await;
    let first = joined(&reader, &path, &join(1, None)).await;
    assert_eq!(
        (first.size, first.chunk_bytes),
        (layer.len() as u64, CHUNK as u64)
    );
    let table = first.chunks.unwrap().0;
    let expected: Vec<String> = layer.chunks(CHUNK).map(digest).collect();
    let hashes: Vec<String> = table.iter().map(|hash| format!("sha256:{}", hex(hash))).collect();
    assert_eq!(hashes, expected);
    assert_eq!((first.peers.len(), first.leases), (0, vec![0]));

    let second = joined(&reader, &path, &join(2, None)).await;
    assert_eq!(second.leases, [1]);
    assert_eq!(second.peers[0].peer, peer(1));
    assert_eq!(second.peers[0].have.count(), 0);

    let mut have = Bitmap::new(3);
    have.set(0);
    let first = joined(&reader, &path, &join(1, Some(have.clone()))).await;
    assert_eq!(first.leases, [2]);
    let without_table = Join {
        table: false,
        ..join(2, None)
    };
    let second = joined(&reader, &path, &without_table).await;
    assert_eq!(second.chunks, None);
    assert_eq!(second.peers[0].have, have);
    assert_eq!(second.leases, [1]);

    // A blob of another repository is another matter, even if it is the same.
    let elsewhere = path.replace("team/app", "team/other");
    world.admin.push_blob("team/other", b"other").await;
    ask(&reader, &elsewhere, &join(3, None))
        .await
        .refused(404, "BLOB_UNKNOWN");
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_ticket_names_blob_and_peer_and_is_no_token() {
    let world = World::start().await;
    let (layer, path) = layer(&world).await;
    let ticket = joined(&world.admin, &path, &join(1, None)).await.ticket;
    let part = |number: usize| -> Value {
        let part = ticket.split('.').nth(number).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(header["alg"], "ES256");
    assert_eq!(claims["aud"], "berth-swarm");
    assert_eq!(claims["digest"], digest(&layer));
    assert_eq!(
        (&claims["peer"], &claims["fingerprint"]),
        (&json!("node-1"), &json!(peer(1).fingerprint))
    );
    let keys = world
        .admin
        .anonymous()
        .ask("GET /v2/_berth/swarm/key")
        .await
        .is(200)
        .json();
    let key = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .unwrap();
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
    assert!(key.get("d").is_none(), "{key}");

    let holder = world.admin.with(&format!("Bearer {ticket}"));
    for line in ["GET /v2/", "GET /v2/team/app/manifests/v1", "GET /v2/_catalog"] {
        holder.ask(line).await.refused(401, "UNAUTHORIZED");
    }
    let shown = holder.anonymous().ask("GET /v2/manage/namespaces");
    shown.header("x-auth-token", &ticket).await.is(401);
}

#[tokio::test]
async fn who_may_not_pull_a_blob_hears_of_its_swarm_what_they_hear_of_the_blob() {
    let world = World::start().await;
    let (layer, path) = layer(&world).await;
    let blob = format!("GET /v2/team/app/blobs/{}", digest(&layer));
    let stranger = world.stranger().await;
    let absent = "sha256:".to_owned() + &"0".repeat(64);
    for client in [stranger, world.admin.anonymous(), world.admin.with("Bearer x")] {
        for (blob, path) in [
            (blob.clone(), path.clone()),
            (
                blob.replace(&digest(&layer), &absent),
                path.replace(&digest(&layer), &absent),
            ),
            (
                blob.replace("team/app", "team/none"),
                path.replace("team/app", "team/none"),
            ),
        ] {
            let (of_blob, of_swarm) = (client.ask(blob).await, ask(&client, &path, &join(1, None)).await);
            assert_eq!(of_swarm.status, of_blob.status);
            assert_eq!(of_swarm.body, of_blob.body);
            assert_eq!(
                of_swarm.find("www-authenticate"),
                of_blob.find("www-authenticate")
            );
        }
    }
    // What everybody may pull, everybody may share.
    world.publish("team/app").await;
    joined(&world.admin.anonymous(), &path, &join(1, None)).await;
}

#[tokio::test]
async fn what_is_no_request_of_an_agent_is_refused() {
    let world = World::start().await;
    let (_, path) = layer(&world).await;
    let nobody = |change: fn(&mut Join)| {
        let mut join = join(1, None);
        change(&mut join);
        join
    };
    for wrong in [
        nobody(|join| join.want = 17),
        nobody(|join| join.failed = vec!["x".to_owned(); 65]),
        nobody(|join| join.peer.address = "example.test:80".to_owned()),
        nobody(|join| join.peer.fingerprint.clear()),
        nobody(|join| join.peer.id = "a b".to_owned()),
    ] {
        ask(&world.admin, &path, &wrong).await.refused(400, "UNSUPPORTED");
    }
    for body in ["", "{}", "[]", r#"{"peer": 1}"#] {
        let sent = world.admin.ask(format!("POST {path}")).body(body);
        sent.await.refused(400, "UNSUPPORTED");
    }
    let long = vec![b' '; 70_000];
    world.admin.ask(format!("POST {path}")).body(long).await.is(413);
    let config = digest(crate::content::CONFIG);
    let empty = world.admin.push_blob("team/app", b"").await;
    let of = |digest: &str| format!("/v2/team/app/_berth/swarm/{digest}");
    assert_eq!(
        joined(&world.admin, &of(&config), &join(1, None)).await.leases,
        [0]
    );
    ask(&world.admin, &of(&empty), &join(1, None))
        .await
        .refused(400, "UNSUPPORTED");
}

#[tokio::test]
async fn without_swarms_agents_are_told_that_there_are_none() {
    let world = World::start_with(&["--swarm-enabled=false"]).await;
    let (_, path) = layer(&world).await;
    ask(&world.admin, &path, &join(1, None)).await.is(404);
    world.admin.ask("GET /v2/_berth/swarm/key").await.is(404);
    world
        .admin
        .ask("POST /v2/_berth/swarm/nodes")
        .body("{}")
        .await
        .is(404);
}

#[tokio::test]
async fn a_node_that_has_a_blob_is_told_of() {
    let world = World::start().await;
    let (layer, path) = layer(&world).await;
    let node = Node {
        peer: peer(7),
        labels: BTreeMap::new(),
        seeds: vec![digest(&layer).parse().unwrap()],
        done: Vec::new(),
        moved: Moved::default(),
    };
    let body = serde_json::to_vec(&node).unwrap();
    let asked = world
        .admin
        .http
        .post(format!("{}/v2/_berth/swarm/nodes", world.admin.url));
    let asked = asked.header("authorization", world.admin.authorization.as_deref().unwrap());
    // The head comes at once, the body when there is something to do.
    let waiting = asked.body(body).send().await.unwrap();
    assert_eq!(waiting.status(), 200);
    let told = joined(&world.admin, &path, &join(1, None)).await;
    assert_eq!(told.leases, [] as [u32; 0]);
    assert_eq!(told.peers[0].peer, peer(7));
    assert_eq!(told.peers[0].have, Bitmap::full(3));
    // A server that stops lets nobody wait.
    world.end();
    let answer: NodeAnswer = serde_json::from_slice(&waiting.bytes().await.unwrap()).unwrap();
    assert!(answer.key["keys"].is_array());
}

#[tokio::test]
async fn a_long_layer_has_its_table_made_at_the_push_where_agents_are_known() {
    let world = World::start().await;
    let long = |seed| bytes(seed, HASHED_AHEAD_FROM);
    let before = world.admin.push_blob("team/app", &long(1)).await;
    let node = Node {
        peer: peer(7),
        labels: BTreeMap::new(),
        seeds: Vec::new(),
        done: Vec::new(),
        moved: Moved::default(),
    };
    let said = world
        .admin
        .http
        .post(format!("{}/v2/_berth/swarm/nodes", world.admin.url));
    let said = said.header("authorization", world.admin.authorization.as_deref().unwrap());
    let said = said.body(serde_json::to_vec(&node).unwrap()).send().await;
    assert_eq!(said.unwrap().status(), 200);
    let short = bytes(2, HASHED_AHEAD_FROM - 1);
    let short = world.admin.push_blob("team/app", &short).await;
    let layer = long(3);
    let after = world.admin.push_blob("team/app", &layer).await;
    let chunk = i64::try_from(CHUNK).unwrap();
    let table = async |digest: &str| world.metadata.chunk_table(digest, chunk).await.unwrap();
    // Nobody has asked for it.
    let made = loop {
        if let Some(made) = table(&after).await {
            break made;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let expected: Vec<String> = layer.chunks(CHUNK).map(digest).collect();
    let made: Vec<String> = made
        .chunks(32)
        .map(|hash| format!("sha256:{}", hex(hash)))
        .collect();
    assert_eq!(made, expected);
    assert_eq!((table(&before).await, table(&short).await), (None, None));
}

#[tokio::test]
async fn a_damaged_blob_has_no_table() {
    let world = World::start().await;
    let (layer, path) = layer(&world).await;
    let stored = world.stored_files();
    let stored = stored
        .iter()
        .find(|file| file.metadata().unwrap().len() == layer.len() as u64);
    let mut wrong = layer.clone();
    wrong[CHUNK + 1] ^= 1;
    std::fs::write(stored.unwrap(), wrong).unwrap();
    loop {
        let answer = ask(&world.admin, &path, &join(1, None)).await;
        if answer.status == 202 {
            continue;
        }
        answer.refused(404, "BLOB_UNKNOWN");
        break;
    }
    // Pushed again it is whole, and has one.
    world.admin.push_blob("team/app", &layer).await;
    let table = joined(&world.admin, &path, &join(1, None)).await.chunks.unwrap();
    assert_eq!(STANDARD.encode(table.0.as_flattened()).len(), 128);
}
