//! Node agents that share layers: who is there, and what it saves. A call that SWR does not have.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{Refused, Subject};
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A node agent.
#[derive(Serialize, ToSchema)]
struct Agent {
    /// What it calls itself.
    id: String,
    /// Whose login it has.
    user_name: String,
    /// Where other nodes reach it.
    address: String,
    labels: BTreeMap<String, String>,
    /// Blobs that it has whole and gives.
    blobs: i64,
    /// Bytes that it got from other nodes, in all.
    bytes_from_peers: i64,
    /// Bytes that it got from this registry, in all.
    bytes_from_registry: i64,
    connected_at: Time,
    /// When it was heard last.
    seen_at: Time,
}

/// What nodes share, of all accounts.
#[derive(Serialize, ToSchema)]
struct SwarmFigures {
    /// Agents with a login that are connected.
    connected: i64,
    /// Blobs that this server tracks.
    blobs: u64,
    /// Entries of their agents.
    peers: u64,
    /// How often an agent joined or renewed, in all.
    joins: i64,
    /// Bytes that agents got from one another in all, which this registry did not send.
    bytes_from_peers: i64,
    /// Bytes that agents got from this registry in all.
    bytes_from_registry: i64,
}

/// Agents and figures.
#[derive(Serialize, ToSchema)]
struct Agents {
    /// Those of the caller's account that are connected, by id, at most a thousand.
    agents: Vec<Agent>,
    /// For administrators of the operator's account; null for others.
    figures: Option<SwarmFigures>,
}

/// List the node agents of the caller's account
///
/// For its administrators. What agents say of their bytes is their word.
#[utoipa::path(get, path = "/v2/manage/agents", operation_id = "list_agents", tag = "agents",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Agents)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Agents>, Refused> {
    let nodes = app.registry.nodes(&call.caller).await;
    let nodes = nodes.map_err(|error| Refused::of(Subject::Other, error))?;
    let agents = nodes.nodes.into_iter().map(|node| Agent {
        id: node.met.id,
        user_name: node.met.user_name,
        address: node.met.address,
        labels: serde_json::from_str(&node.met.labels).unwrap_or_default(),
        blobs: node.met.seeds,
        bytes_from_peers: node.met.peers_bytes,
        bytes_from_registry: node.met.registry_bytes,
        connected_at: Time(node.first_at),
        seen_at: Time(node.seen_at),
    });
    Ok(Json(Agents {
        agents: agents.collect(),
        figures: nodes.figures.map(|figures| SwarmFigures {
            connected: figures.connected,
            blobs: figures.swarms as u64,
            peers: figures.peers as u64,
            joins: figures.totals.joins,
            bytes_from_peers: figures.totals.peers_bytes,
            bytes_from_registry: figures.totals.registry_bytes,
        }),
    }))
}
