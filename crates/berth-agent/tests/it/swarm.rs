//! Several agents and one blob: little leaves the registry, and nobody who lies, dies or stands still hurts.

use std::fs;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::node::Node;
use crate::registry::{GOOD, Registry};
use crate::stranger::Stranger;

const MIB: usize = 1 << 20;

async fn nodes(registry: &Registry, count: usize) -> Vec<Node> {
    join_all((0..count).map(|_| Node::start(registry))).await
}

async fn sum(nodes: &[Node], name: &str) -> u64 {
    join_all(nodes.iter().map(|node| node.figure(name)))
        .await
        .into_iter()
        .sum()
}

/// Waits until something is so.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so().await {
        assert!(Instant::now() < end, "it never came to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_nodes_take_little_more_than_one_image_from_the_registry() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(37 * MIB + 17);
    registry
        .state
        .later
        .store(1, std::sync::atomic::Ordering::Relaxed);
    let nodes = nodes(&registry, 8).await;
    // Two clients on each node share its job.
    join_all(nodes.iter().chain(&nodes).map(|node| node.pull(&digest))).await;
    let size = (37 * MIB + 17) as u64;
    assert!(registry.sent() * 10 <= size * 12, "{} of {size}", registry.sent());
    let (peers, own) = (
        sum(&nodes, "peer_bytes_total").await,
        sum(&nodes, "registry_bytes_total").await,
    );
    // Each has it once, and a chunk that was late perhaps twice.
    assert!(own >= size && peers + own >= 8 * size, "{peers} {own}");
    assert_eq!(sum(&nodes, "served_bytes_total").await, 16 * size);
    assert_eq!(sum(&nodes, "wrong_chunks_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_gives_wrong_bytes_is_found_out() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(24 * MIB);
    let nodes = nodes(&registry, 4).await;
    nodes[0].pull(&digest).await;
    fs::write(nodes[0].file(&digest), vec![0x55; 24 * MIB]).unwrap();
    join_all(nodes[1..].iter().map(|node| node.pull(&digest))).await;
    assert!(sum(&nodes[1..], "wrong_chunks_total").await > 0);
    assert!(registry.failed(&digest).contains(&nodes[0].agent.peer.id));
    assert!(registry.sent() < 3 * 24 * MIB as u64, "{}", registry.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_dead_another_one_or_stand_still_are_left_alone() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(16 * MIB);
    let dead = Stranger::new().peer("dead", "127.0.0.1:1");
    let staller = Stranger::new();
    let address = staller.stall().await;
    let stalling = staller.peer("staller", &address);
    let another = Stranger::new().peer("another", &Stranger::new().stall().await);
    for peer in [dead, stalling, another] {
        registry.add_peer(&digest, peer);
    }
    let nodes = nodes(&registry, 3).await;
    join_all(nodes.iter().map(|node| node.pull(&digest))).await;
    let failed = registry.failed(&digest);
    assert!(
        ["dead", "another"]
            .iter()
            .all(|id| failed.iter().any(|failed| failed == id)),
        "{failed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_may_die_when_every_chunk_was_out_once() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(48 * MIB);
    let nodes = nodes(&registry, 4).await;
    // All are let in; none has all of it when the registry goes.
    let answers = join_all(nodes.iter().map(|node| node.get(&digest, None))).await;
    until(async || sum(&nodes, "registry_bytes_total").await >= 48 * MIB as u64).await;
    registry.kill();
    for answer in answers {
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(
            berth_oci::Digest::of(berth_oci::Algorithm::Sha256, &bytes),
            digest
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_given_to_those_alone_whom_the_registry_names() {
    let registry = Registry::start().await;
    let (digest, other) = (registry.add_blob(5 * MIB), registry.add_blob(5 * MIB));
    let node = Node::start(&registry).await;
    node.pull(&digest).await;
    node.pull(&other).await;
    let stranger = Stranger::new();
    let (client, own) = (stranger.client(), stranger.peer("me", "127.0.0.1:1"));
    let foreign = Stranger::new().peer("me", "127.0.0.1:1");
    let (state, at) = (&registry.state, &node.agent.peer.address);
    let forged = Registry::start().await.state.ticket(&digest, &own, 600);
    let check = async |ticket: Option<String>, path: String, status: u16| {
        let answer = ask(&client, format!("https://{at}/{path}"), ticket.as_deref()).await;
        assert_eq!(answer.status(), status, "{path} {ticket:?}");
        answer.bytes().await.unwrap()
    };
    let chunk = format!("chunk/{digest}/0");
    let bytes = check(
        Some(format!("Berth {}", state.ticket(&digest, &own, 600))),
        chunk.clone(),
        200,
    )
    .await;
    assert_eq!(bytes, state.blobs.lock().unwrap()[&digest][..4 * MIB]);
    let have = check(
        Some(format!("Berth {}", state.ticket(&digest, &own, 600))),
        format!("have/{digest}?since=0"),
        200,
    );
    assert_eq!(have.await[..], [3]);
    check(
        Some(format!("Berth {}", state.ticket(&digest, &own, 600))),
        "v2/".to_owned(),
        404,
    )
    .await;
    for path in [chunk, format!("have/{digest}?since=0")] {
        check(None, path.clone(), 401).await;
        check(Some(GOOD.to_owned()), path.clone(), 401).await;
        check(Some("Berth nothing".to_owned()), path.clone(), 401).await;
        check(Some(format!("Berth {forged}")), path.clone(), 401).await;
        check(
            Some(format!("Berth {}", state.ticket(&digest, &own, -120))),
            path.clone(),
            401,
        )
        .await;
        check(
            Some(format!("Berth {}", state.ticket(&other, &own, 600))),
            path.clone(),
            403,
        )
        .await;
        check(
            Some(format!("Berth {}", state.ticket(&digest, &foreign, 600))),
            path.clone(),
            403,
        )
        .await;
    }
    // Without a certificate there is no answer at all.
    let naked = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    assert!(
        naked
            .get(format!("https://{at}/have/{digest}"))
            .send()
            .await
            .is_err()
    );
}

async fn ask(client: &reqwest::Client, url: String, ticket: Option<&str>) -> reqwest::Response {
    let request = client.get(url);
    let request = match ticket {
        Some(ticket) => request.header("authorization", ticket),
        None => request,
    };
    request.send().await.unwrap()
}
