//! Two servers that move one tag at once: there is one order of all moves, and every acknowledged one is in it.

use std::collections::HashMap;

use berth_oci::media_type;
use futures_util::future::join_all;
use http::Method;

use super::Replicas;
use crate::client::Client;
use crate::content::{CONFIG, digest, image, written};
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY, signature};

const MOVES: usize = 12;
const WORKERS: usize = 4;

/// A move that a server answered.
#[derive(Debug)]
struct Move {
    /// What the tag must have named, for a move under a condition.
    from: Option<String>,
    to: String,
    status: u16,
}

/// What the tag names at the server, nothing while there is no such tag.
async fn named(client: &Client) -> Option<String> {
    let head = client.ask("HEAD /v2/team/app/manifests/tag").await;
    match head.status {
        200 => Some(head.header("docker-content-digest").to_owned()),
        404 => None,
        other => panic!("{other}"),
    }
}

async fn move_to(client: &Client, manifest: &[u8], from: Option<String>) -> Move {
    let put = client
        .ask("PUT /v2/team/app/manifests/tag")
        .header("content-type", media_type::OCI_MANIFEST);
    let put = match &from {
        Some(from) => put.header("if-match", format!("\"{from}\"")),
        None => put,
    };
    let status = put.body(manifest.to_vec()).await.status;
    Move {
        from,
        to: digest(manifest),
        status,
    }
}

/// The digests that the tag named, oldest first, as a server tells.
async fn history(client: &Client) -> Vec<String> {
    let target = "/v2/manage/namespaces/team/repos/app/tags/tag/history?limit=100";
    let address = client.url.strip_prefix("http://").unwrap().parse().unwrap();
    let headers = signature(address, (ACCESS_KEY_ID, SECRET_KEY), &Method::GET, (target, ""));
    let answer = client
        .http
        .get(format!("{}{target}", client.url))
        .headers(headers);
    let page: serde_json::Value = answer.send().await.unwrap().json().await.unwrap();
    assert!(page.get("nextMarker").is_none(), "{page}");
    let moves = page["history"].as_array().unwrap_or_else(|| panic!("{page}"));
    let digests = moves.iter().map(|one| one["digest"].as_str().unwrap().to_owned());
    digests.rev().collect()
}

#[tokio::test]
async fn every_acknowledged_move_is_in_one_order() {
    let replicas = Replicas::start();
    let (a, b) = (&replicas.a, &replicas.b);
    a.push_blob("team/app", CONFIG).await;
    // No two moves go to the same manifest, so that the history tells them apart.
    let mut manifests = HashMap::new();
    for worker in 0..WORKERS {
        for number in 0..MOVES {
            let layer = format!("layer {worker} {number}");
            a.push_blob("team/app", layer.as_bytes()).await;
            manifests.insert((worker, number), written(&image(&[layer.as_bytes()])));
        }
    }
    let work = (0..WORKERS).map(|worker| {
        let manifests = &manifests;
        async move {
            let mut moves = Vec::new();
            for number in 0..MOVES {
                // Written at one, read at the other.
                let (writer, reader) = if (worker + number) % 2 == 0 {
                    (a, b)
                } else {
                    (b, a)
                };
                let from = if worker % 2 == 0 {
                    named(reader).await
                } else {
                    None
                };
                moves.push(move_to(writer, &manifests[&(worker, number)], from).await);
            }
            moves
        }
    });
    let moves: Vec<Move> = join_all(work).await.into_iter().flatten().collect();
    let order = history(a).await;
    assert_eq!(order, history(b).await);
    assert_eq!(order.last().cloned(), named(a).await);
    assert_eq!(named(a).await, named(b).await);
    check(&moves, &order);
}

/// Holds all answers to the history.
fn check(moves: &[Move], order: &[String]) {
    let place: HashMap<&String, usize> = order.iter().enumerate().map(|(n, digest)| (digest, n)).collect();
    assert_eq!(place.len(), order.len(), "no move happened twice: {order:?}");
    let mut acknowledged = 0;
    for one in moves {
        match one.status {
            201 => {
                acknowledged += 1;
                let at = place.get(&one.to).unwrap_or_else(|| panic!("{one:?} is lost"));
                if let Some(from) = &one.from {
                    assert_eq!(
                        at.checked_sub(1).map(|before| &order[before]),
                        Some(from),
                        "{one:?}"
                    );
                }
            }
            412 => {
                assert!(one.from.is_some(), "{one:?}");
                assert!(!place.contains_key(&one.to), "{one:?} was refused and happened");
            }
            _ => panic!("{one:?}"),
        }
    }
    assert_eq!(acknowledged, order.len(), "what happened was acknowledged");
    let refused = moves.iter().filter(|one| one.status == 412).count();
    let unconditional = moves.iter().filter(|one| one.from.is_none()).count();
    assert!(
        acknowledged >= unconditional,
        "{acknowledged} of {} and {refused} refused",
        moves.len()
    );
}
