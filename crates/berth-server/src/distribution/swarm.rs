//! What node agents ask: to join those that share a blob, for the keys of tickets, and for what they shall do. The bodies
//! are those of `berth_agent::wire`.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_agent::wire::{
    self, Bitmap, ChunkTable, Done, DoneState, Join, Joined, Neighbour, Node, NodeAnswer, Peer, Preheat,
};
use berth_oci::{Digest, EndpointError, RepositoryName};
use berth_registry::{
    CHUNK_BYTES, Error, NodeDone, NodeJob, NodeWork, SwarmAnswer, SwarmJoin, SwarmNode, SwarmPeer, Swarmed,
};
use bytes::Bytes;
use futures_util::stream;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{Asked, error};
use crate::serve::Arrival;

/// Longest body of a request to join: a bitmap of the longest blob, and some names.
const JOIN_BYTES_MAX: usize = 64 << 10;
/// Longest body of a node: a thousand digests, labels, and what became of jobs.
const NODE_BYTES_MAX: usize = 512 << 10;
/// How long the keys of tickets may be kept.
const KEYS_KEPT: &str = "public, max-age=300";

/// A peer joins the swarm of a blob, or renews.
pub(super) async fn join(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    digest: &Digest,
    body: Body,
) -> Result<Response, Error> {
    let registry = &asked.app.registry;
    if !registry.has_swarms() {
        return Ok(error::endpoint(&EndpointError::UnknownPath));
    }
    let blob = registry.shared_blob(asked.caller, repository, digest).await?;
    let join: Join = json(body, JOIN_BYTES_MAX).await?;
    if join.want > wire::LEASES_MAX || join.failed.len() > wire::FAILED_MAX {
        return Err(Error::Invalid(format!(
            "a peer wants at most {} leases and tells of at most {} peers that failed it",
            wire::LEASES_MAX,
            wire::FAILED_MAX
        )));
    }
    let with_table = join.table;
    let join = SwarmJoin {
        peer: peer(join.peer)?,
        have: join.have.map(|have| have.as_bytes().to_vec()),
        want: join.want,
        failed: join.failed,
        moved_peers: join.moved.peers,
        moved_registry: join.moved.registry,
    };
    Ok(match registry.join_swarm(&blob, &join, with_table).await? {
        SwarmAnswer::Joined(swarmed) => axum::Json(joined(*swarmed)).into_response(),
        SwarmAnswer::TableComing => (StatusCode::ACCEPTED, [(RETRY_AFTER, "1")]).into_response(),
    })
}

/// The public keys of tickets, which are no secret.
pub(super) fn key(asked: &Asked<'_>) -> Response {
    if !asked.app.registry.has_swarms() {
        return error::endpoint(&EndpointError::UnknownPath);
    }
    let head = [(CACHE_CONTROL, KEYS_KEPT)];
    (head, axum::Json(asked.app.registry.ticket_keys())).into_response()
}

/// A node says that it is there, and waits for what it shall do. The answer begins at once, so that those who wait take no
/// place from those who work; its body comes when there is something to do, or when the time is over.
pub(super) async fn node(asked: &Asked<'_>, body: Body) -> Result<Response, Error> {
    let registry = &asked.app.registry;
    if !registry.has_swarms() {
        return Ok(error::endpoint(&EndpointError::UnknownPath));
    }
    if asked.caller.user_id().is_none() {
        return Err(Error::Unauthenticated);
    }
    let node: Node = json(body, NODE_BYTES_MAX).await?;
    if node.seeds.len() > wire::SEEDS_MAX
        || node.labels.len() > wire::LABELS_MAX
        || node.done.len() > wire::DONE_MAX
    {
        return Err(Error::Invalid(format!(
            "a node tells of at most {} blobs, {} labels and {} ended jobs",
            wire::SEEDS_MAX,
            wire::LABELS_MAX,
            wire::DONE_MAX
        )));
    }
    let node = SwarmNode {
        peer: peer(node.peer)?,
        labels: node.labels,
        seeds: node.seeds,
        done: node.done.into_iter().filter_map(done).collect(),
        moved_peers: node.moved.peers,
        moved_registry: node.moved.registry,
    };
    let waiting = registry.meet_node(asked.caller, node).await?;
    let stopping = asked
        .parts
        .extensions
        .get::<Arrival>()
        .map(|arrival| arrival.stopping().clone())
        .unwrap_or_default();
    let registry = Arc::clone(registry);
    let told = stream::once(async move {
        let work = tokio::select! {
            () = stopping.cancelled() => NodeWork::default(),
            work = waiting => work,
        };
        let answer = NodeAnswer {
            preheat: work.jobs.into_iter().map(preheat).collect(),
            over: work.over.iter().map(i64::to_string).collect(),
            key: registry.ticket_keys().clone(),
        };
        serde_json::to_vec(&answer)
            .map(Bytes::from)
            .map_err(std::io::Error::other)
    });
    let mut response = Response::new(Body::from_stream(told));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Another replica asks for what this one tracks. To everybody else there is nothing here.
pub(super) async fn replica(asked: &Asked<'_>, body: Body) -> Result<Response, Error> {
    let registry = &asked.app.registry;
    let authorization = asked.header(AUTHORIZATION).unwrap_or_default();
    let body = read(body, NODE_BYTES_MAX).await?;
    Ok(match registry.answer_replica(authorization, &body)? {
        Some(answer) => answer.into_response(),
        None => error::endpoint(&EndpointError::UnknownPath),
    })
}

async fn json<T: DeserializeOwned>(body: Body, bytes_max: usize) -> Result<T, Error> {
    let body = read(body, bytes_max).await?;
    serde_json::from_slice(&body).map_err(|error| {
        Error::Invalid(format!(
            "the request's body is not what is expected here: {error}"
        ))
    })
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge {
            what: "the request's body",
            max: bytes_max as u64,
        }),
        Err(_) => Err(Error::Invalid("the request's body broke off".to_owned())),
    }
}

fn peer(peer: Peer) -> Result<SwarmPeer, Error> {
    if !peer.is_valid() {
        return Err(Error::Invalid(
            "a peer has an id of 1 to 64 of a-z, 0-9 and -, an address with a port, and the SHA-256 of its certificate \
             in hexadecimal digits"
                .to_owned(),
        ));
    }
    Ok(SwarmPeer {
        id: peer.id,
        address: peer.address,
        fingerprint: peer.fingerprint,
    })
}

/// What became of a job; one that is none of ours tells nothing.
fn done(done: Done) -> Option<NodeDone> {
    Some(NodeDone {
        id: done.job.parse().ok()?,
        is_complete: done.state == DoneState::Complete,
        detail: done.detail,
    })
}

fn preheat(job: NodeJob) -> Preheat {
    Preheat {
        job: job.id.to_string(),
        repository: job.repository,
        manifest: job.manifest,
        token: job.token,
    }
}

fn joined(swarmed: Swarmed) -> Joined {
    let peers = swarmed.peers.into_iter().map(|(peer, have)| Neighbour {
        peer: Peer {
            id: peer.id.clone(),
            address: peer.address.clone(),
            fingerprint: peer.fingerprint.clone(),
        },
        have: Bitmap::from_bytes(have.as_bytes().to_vec()).unwrap_or_default(),
    });
    Joined {
        size: swarmed.size,
        chunk_bytes: CHUNK_BYTES,
        chunks: swarmed
            .hashes
            .map(|hashes| ChunkTable(hashes.as_chunks::<32>().0.to_vec())),
        ticket: swarmed.ticket,
        peers: peers.collect(),
        leases: swarmed.leases,
        lease_ms: swarmed.lease_ms.unsigned_abs(),
        renew_ms: swarmed.renew_ms.unsigned_abs(),
    }
}
