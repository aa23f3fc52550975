//! The door for clients of the node: what is relayed, who is given what, ranges.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use berth_agent::wire::{DoneState, Preheat};
use berth_oci::{Algorithm, Digest};
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use crate::node::Node;
use crate::registry::{CHALLENGE, GOOD, POOR, Registry};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_blob_is_given_to_nobody_whom_the_registry_refuses() {
    let registry = Registry::start().await;
    let digest = registry.add_blob(5 * MIB);
    let node = Node::start(&registry).await;
    node.pull(&digest).await;
    let answer = node.get_as(&digest, None, "Bearer stranger").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], CHALLENGE);
    assert_eq!(answer.text().await.unwrap(), "UNAUTHORIZED");
    assert_eq!(node.get_as(&digest, Some("bytes=0-9"), POOR).await.status(), 403);
    registry.state.blobs.lock().unwrap().clear();
    // Asked again within a minute the yes stands; another place or login is another question.
    assert_eq!(node.get(&digest, None).await.status(), 200);
    let elsewhere = node.url(&format!("/v2/team/other/blobs/{digest}"));
    let elsewhere = node
        .client
        .get(elsewhere)
        .header("authorization", GOOD)
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_what_clients_ask_for() {
    let registry = Registry::start().await;
    let size = 9 * MIB + 5;
    let digest = registry.add_blob(size);
    let bytes = registry.state.blobs.lock().unwrap()[&digest].clone();
    let node = Node::start(&registry).await;
    let check = async |range: &str, start: usize, end: usize| {
        let answer = node.get(&digest, Some(range)).await;
        assert_eq!(answer.status(), 206, "{range}");
        let told = format!("bytes {start}-{}/{size}", end - 1);
        assert_eq!(answer.headers()["content-range"], told.as_str());
        assert_eq!(answer.content_length(), Some((end - start) as u64));
        assert!(answer.bytes().await.unwrap() == bytes[start..end], "{range}");
    };
    check("bytes=0-", 0, size).await;
    check("bytes=10-19", 10, 20).await;
    check(&format!("bytes={}-", 5 * MIB), 5 * MIB, size).await;
    check("bytes=-7", size - 7, size).await;
    check(
        &format!("bytes={}-{}", 4 * MIB - 1, 4 * MIB),
        4 * MIB - 1,
        4 * MIB + 1,
    )
    .await;
    let beyond = node.get(&digest, Some(&format!("bytes={size}-"))).await;
    assert_eq!(beyond.status(), 416);
    assert_eq!(
        beyond.headers()["content-range"],
        format!("bytes */{size}").as_str()
    );
    assert_eq!(
        node.get(&digest, Some("bytes=0-1,4-5"))
            .await
            .text()
            .await
            .unwrap(),
        "many ranges"
    );
    let head = node
        .client
        .head(node.url(&format!("/v2/team/app/blobs/{digest}")));
    let head = head.header("authorization", GOOD).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], size.to_string().as_str());
    assert_eq!(head.headers()["docker-content-digest"], digest.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_in_parallel_open_ended_ranges_costs_the_registry_one_copy() {
    let registry = Registry::start().await;
    let size = 33 * MIB;
    let digest = registry.add_blob(size);
    let node = Node::start(&registry).await;
    // As containerd 2 does: each asks to the end, reads its part and closes.
    let parts = join_all((0..11).map(async |part| {
        let start = part * 3 * MIB;
        let answer = node.get(&digest, Some(&format!("bytes={start}-"))).await;
        assert_eq!(answer.status(), 206);
        let (mut bytes, mut stream) = (Vec::new(), answer.bytes_stream());
        while bytes.len() < 3 * MIB {
            bytes.extend_from_slice(&stream.next().await.unwrap().unwrap());
        }
        bytes.truncate(3 * MIB);
        bytes
    }))
    .await;
    assert_eq!(Digest::of(Algorithm::Sha256, &parts.concat()), digest);
    assert_eq!(registry.sent(), size as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_relayed_as_it_is() {
    let registry = Registry::start().await;
    let node = Node::start(&registry).await;
    let ping = node.client.get(node.url("/v2/")).send().await.unwrap();
    assert_eq!(
        (ping.status().as_u16(), &ping.headers()["www-authenticate"]),
        (401, &CHALLENGE.parse().unwrap())
    );
    let tag = node.url("/v2/library/alpine/manifests/3?ns=docker.io");
    let tag = node
        .client
        .get(tag)
        .header("authorization", GOOD)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (tag.status().as_u16(), tag.text().await.unwrap()),
        (404, "MANIFEST_UNKNOWN".to_owned())
    );
    let body = "x".repeat(3 * MIB);
    let upload = node
        .client
        .patch(node.url("/v2/team/app/blobs/uploads/1"))
        .body(body.clone());
    let upload = upload.header("authorization", GOOD).send().await.unwrap();
    assert_eq!(
        (upload.status().as_u16(), upload.text().await.unwrap() == body),
        (202, true)
    );
    let digest = registry.add_blob(MIB);
    let mirrored = node.url(&format!("/v2/library/alpine/blobs/{digest}?ns=docker.io"));
    let mirrored = node
        .client
        .get(mirrored)
        .header("authorization", GOOD)
        .send()
        .await
        .unwrap();
    assert_eq!(mirrored.bytes().await.unwrap().len(), MIB);
    let requests = registry.requests();
    assert!(requests.contains(&"GET /v2/library/alpine/manifests/3?ns=docker.io".to_owned()));
    assert!(requests.contains(&format!("HEAD /v2/library/alpine/blobs/{digest}?ns=docker.io")));
    assert!(requests.contains(&format!(
        "POST /v2/library/alpine/_berth/swarm/{digest}?ns=docker.io"
    )));
    assert_eq!(
        node.client
            .get(node.url("/healthz"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "ok\n"
    );
    assert_eq!(
        node.client
            .get(node.url("/console"))
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
    registry.kill();
    let gone = node.get(&registry.add_blob(MIB), None).await;
    assert_eq!(gone.status(), 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_swarms_is_pulled_through_and_resumed() {
    let registry = Registry::start().await;
    registry.state.has_swarms.store(false, Ordering::Relaxed);
    let size = 30 * MIB + 1;
    let digest = registry.add_blob(size);
    let node = Node::start(&registry).await;
    registry.state.breaks.store(2, Ordering::Relaxed);
    node.pull(&digest).await;
    let sent = registry.sent();
    assert!(sent < (size + 9 * MIB) as u64, "{sent}");
    node.pull(&digest).await;
    assert_eq!(registry.sent(), sent);
}

/// An image with a layer of 9 MiB: the digests of its manifest and of the layer.
fn image(registry: &Registry) -> (Digest, Digest) {
    let (config, layer) = (registry.add_blob(1000), registry.add_blob(9 * MIB));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 1000},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": 9 * MIB}],
    });
    let manifest = manifest.to_string();
    let digest = Digest::of(Algorithm::Sha256, manifest.as_bytes());
    let mut manifests = registry.state.manifests.lock().unwrap();
    manifests.insert(digest.clone(), manifest.into());
    (digest, layer)
}

fn job(job: &str, manifest: &Digest) -> Preheat {
    Preheat {
        job: job.to_owned(),
        repository: "team/app".to_owned(),
        manifest: manifest.clone(),
        token: "good".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_no_more_keeps_nothing_else_waiting() {
    let registry = Registry::start().await;
    let (digest, _) = image(&registry);
    let old = Digest::of(Algorithm::Sha256, b"old");
    registry.state.unanswered.lock().unwrap().push(old.clone());
    let jobs = [job("one", &old), job("two", &old), job("three", &digest)];
    registry.state.preheats.lock().unwrap().extend(jobs);
    let home = Arc::new(tempfile::tempdir().unwrap());
    let login = home.path().join("login");
    std::fs::write(&login, "good\n").unwrap();
    let _node = Node::start_with(&registry, home, |settings| settings.login = Some(login)).await;
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let wait = async |is_so: &dyn Fn() -> bool| {
        while !is_so() {
            assert!(std::time::Instant::now() < end);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let asked = |request: &String| request.contains(old.as_str());
    wait(&|| registry.requests().iter().any(asked)).await;
    let newest = |preheat: &Preheat| preheat.job == "three";
    registry.state.preheats.lock().unwrap().retain(newest);
    let over = ["one".to_owned(), "two".to_owned()];
    registry.state.over.lock().unwrap().extend(over);
    wait(&|| !registry.state.done.lock().unwrap().is_empty()).await;
    let done = registry.state.done.lock().unwrap().clone();
    assert_eq!(
        (done[0].job.as_str(), done[0].state),
        ("three", DoneState::Complete)
    );
    assert_eq!(
        registry
            .requests()
            .iter()
            .filter(|request| asked(request))
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_no_more_is_fetched_no_more() {
    let registry = Registry::start().await;
    let state = &registry.state;
    state.stands_still.store(true, Ordering::Relaxed);
    let (digest, layer) = image(&registry);
    let home = Arc::new(tempfile::tempdir().unwrap());
    let login = home.path().join("login");
    std::fs::write(&login, "good\n").unwrap();
    let node = Node::start_with(&registry, home, |settings| settings.login = Some(login)).await;
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let standing = async |count: &dyn Fn(u32) -> bool| {
        while !count(state.standing.load(Ordering::Relaxed)) {
            assert!(std::time::Instant::now() < end);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    // The blobs of an image one after the other: the first stands still.
    state.preheats.lock().unwrap().push(job("one", &digest));
    standing(&|count| count > 0).await;
    state.preheats.lock().unwrap().clear();
    state.over.lock().unwrap().push("one".to_owned());
    standing(&|count| count == 0).await;

    // A client that wants the blob as well gets it, whatever becomes of the preheat.
    state.stands_still.store(false, Ordering::Relaxed);
    state.preheats.lock().unwrap().push(job("two", &digest));
    node.pull(&layer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_lets_a_node_have_an_image() {
    let registry = Registry::start().await;
    let (digest, layer) = image(&registry);
    let missing = Digest::of(Algorithm::Sha256, b"missing");
    registry
        .state
        .preheats
        .lock()
        .unwrap()
        .extend([job("one", &digest), job("two", &missing)]);
    let home = Arc::new(tempfile::tempdir().unwrap());
    let login = home.path().join("login");
    std::fs::write(&login, "good\n").unwrap();
    let node = Node::start_with(&registry, home, |settings| settings.login = Some(login)).await;
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let has_seeds = || {
        registry
            .state
            .nodes
            .lock()
            .unwrap()
            .last()
            .is_some_and(|node| node.seeds.len() == 2)
    };
    while registry.state.done.lock().unwrap().len() < 2 || !has_seeds() {
        assert!(std::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let done = registry.state.done.lock().unwrap().clone();
    assert_eq!(
        (done[0].job.as_str(), done[0].state),
        ("one", DoneState::Complete)
    );
    assert_eq!((done[1].job.as_str(), done[1].state), ("two", DoneState::Failed));
    assert!(done[1].detail.contains("manifest"));
    assert_eq!(registry.state.nodes.lock().unwrap()[0].labels["zone"], "a");
    let sent = registry.sent();
    node.pull(&layer).await;
    assert_eq!(registry.sent(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_preheat_ended_is_told_while_the_registry_holds_a_round() {
    let registry = Registry::start().await;
    registry.state.holds.store(true, Ordering::Relaxed);
    registry.state.preheats.lock().unwrap().push(Preheat {
        job: "one".to_owned(),
        repository: "team/app".to_owned(),
        manifest: Digest::of(Algorithm::Sha256, b"missing"),
        token: "good".to_owned(),
    });
    let home = Arc::new(tempfile::tempdir().unwrap());
    let login = home.path().join("login");
    std::fs::write(&login, "good\n").unwrap();
    let _node = Node::start_with(&registry, home, |settings| settings.login = Some(login)).await;
    let end = std::time::Instant::now() + std::time::Duration::from_mins(2);
    while registry.state.done.lock().unwrap().is_empty() {
        assert!(std::time::Instant::now() < end);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // The round before is still open: nothing ended it, neither the registry nor the agent's patience.
    assert!(registry.state.held_when_done.load(Ordering::Relaxed) > 0);
}
