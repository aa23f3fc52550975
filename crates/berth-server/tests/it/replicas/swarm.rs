//! Agents at several servers are told of one another as by one, and a server that is gone costs them nothing but bytes.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use berth_agent::wire::{Bitmap, Join, Joined, Moved, NODES_PATH, Node, NodeAnswer, Peer};
use berth_metadata::{Metadata, PreheatTerms};

use super::{Place, Server, TEAM, VARIABLES, client, postgres};
use crate::client::Client;
use crate::content::{bytes, digest};

const CHUNK: usize = 4 << 20;

/// A server that others reach.
fn serve(place: &Place, url: &str) -> Server {
    // Its own address is told before it listens, so the port is chosen here.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (listen, address) = (port.to_string(), format!("http://{port}"));
    let said = [
        "serve",
        "--log-format",
        "json",
        "--log-level",
        "info",
        "--database",
        url,
    ];
    let flags = [&said[..], &["--listen", &listen, "--replica-address", &address]].concat();
    Server::start(place.command(&flags, VARIABLES))
}

fn join_of(number: usize) -> Join {
    Join {
        peer: Peer {
            id: format!("node-{number}"),
            address: format!("10.0.0.{number}:7001"),
            fingerprint: format!("{number:064x}"),
        },
        have: Some(Bitmap::new(3)),
        want: 2,
        failed: Vec::new(),
        table: false,
        moved: Moved::default(),
    }
}

async fn join(client: &Client, digest: &str, number: usize) -> Joined {
    let body = serde_json::to_vec(&join_of(number)).unwrap();
    let line = format!("POST /v2/{TEAM}/app/_berth/swarm/{digest}");
    let answer = client.ask(line).body(body).await.is(200);
    serde_json::from_value(answer.json()).unwrap()
}

fn names(joined: &Joined) -> Vec<&str> {
    joined.peers.iter().map(|peer| peer.peer.id.as_str()).collect()
}

#[tokio::test]
async fn agents_at_two_servers_share_as_at_one_and_go_on_when_one_is_gone() {
    let database = postgres::Server::start();
    let url = database.create("berth");
    let place = Place::new();
    let (first, second) = (serve(&place, &url), serve(&place, &url));
    let (a, b) = (client(&first), client(&second));
    let organization = [
        "admin",
        "--database",
        &url,
        "org",
        "create",
        TEAM,
        "--account",
        "berth",
    ];
    assert!(place.run(&organization, &[]).status.success());
    let mut digests = Vec::new();
    for seed in 0..6 {
        digests.push(
            a.push_blob(&format!("{TEAM}/app"), &bytes(seed, 2 * CHUNK + 1))
                .await,
        );
    }
    // Each hears of the other within seconds; from then on what one is told the other knows, whoever tracks the blob.
    for digest in &digests {
        loop {
            let (_, there) = (join(&a, digest, 1).await, join(&b, digest, 2).await);
            let here = join(&a, digest, 1).await;
            if names(&here).contains(&"node-2") && names(&there).contains(&"node-1") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    let fresh = a
        .push_blob(&format!("{TEAM}/app"), &bytes(7, 2 * CHUNK + 1))
        .await;
    let (here, there) = (join(&a, &fresh, 1).await, join(&b, &fresh, 2).await);
    assert_eq!((here.leases, there.leases), (vec![0], vec![1]));

    // One dies without a word. The other tracks what that one did.
    drop(second);
    for digest in &digests {
        join(&a, digest, 1).await;
        let told = join(&a, digest, 3).await;
        assert!(names(&told).contains(&"node-1"), "{:?}", names(&told));
    }
    // So it does after a restart, from nothing.
    drop(first);
    let first = serve(&place, &url);
    let a = client(&first);
    for digest in &digests {
        join(&a, digest, 1).await;
        assert_eq!(names(&join(&a, digest, 3).await), ["node-1"]);
    }
}

#[tokio::test]
async fn pushes_by_rule_at_two_servers_leave_nodes_with_the_newest() {
    let replicas = super::Replicas::start();
    let metadata = Metadata::open(&replicas.url).await.unwrap();
    let organization = metadata.organization(TEAM).await.unwrap().unwrap();
    let terms = PreheatTerms {
        enabled: true,
        tags: "v*".to_owned(),
        labels: "{}".to_owned(),
    };
    let put = metadata.put_preheat_rule((organization.id, None), terms, 1);
    put.await.unwrap();
    let node = Node {
        peer: join_of(1).peer,
        labels: BTreeMap::new(),
        seeds: Vec::new(),
        done: Vec::new(),
        moved: Moved::default(),
    };
    let said = replicas.b.http.post(format!("{}{NODES_PATH}", replicas.b.url));
    let said = said.header("authorization", replicas.b.authorization.as_deref().unwrap());
    let said = said.body(serde_json::to_vec(&node).unwrap()).send().await;
    assert_eq!(said.unwrap().status(), 200);
    while metadata.count_nodes(0).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let image = format!("{TEAM}/app");
    let mut pushed = String::new();
    for number in 0..10_u8 {
        let at = if number % 2 == 0 { &replicas.a } else { &replicas.b };
        pushed = digest(at.push_image(&image, "v1", &[number]).await);
    }
    while !metadata.tag_events(0, 1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let repository = metadata.repository(&image).await.unwrap().unwrap().id;
    let wanted = metadata.preheats(repository, None, 100).await.unwrap();
    let (open, over): (Vec<_>, Vec<_>) = wanted.iter().partition(|one| one.cancelled_at.is_none());
    assert_eq!(open.len(), 1, "{wanted:?}");
    assert_eq!(open[0].digest, pushed);
    assert!(over.iter().all(|one| one.superseded_by.is_some()), "{over:?}");
    // Whichever server the node asks tells it of that one.
    let body = serde_json::to_vec(&node).unwrap();
    let told = replicas
        .b
        .ask(format!("POST {NODES_PATH}"))
        .body(body)
        .await
        .is(200);
    let told: NodeAnswer = serde_json::from_value(told.json()).unwrap();
    let manifests: Vec<_> = told.preheat.iter().map(|job| job.manifest.as_str()).collect();
    assert_eq!(manifests, [pushed]);
}

#[tokio::test]
async fn nobody_but_a_replica_is_answered_as_one() {
    let replicas = super::Replicas::start();
    for authorization in ["", "Berth-Replica 1.00", "Bearer x", "Basic x"] {
        let asked = replicas
            .a
            .anonymous()
            .ask("POST /v2/_berth/swarm/replica")
            .body("x");
        asked
            .header("authorization", authorization)
            .await
            .refused(404, "NAME_UNKNOWN");
    }
}
