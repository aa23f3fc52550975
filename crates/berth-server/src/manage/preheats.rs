//! Images that nodes shall have before anybody asks for them: calls that SWR does not have.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use berth_oci::{Reference, RepositoryName};
use berth_registry::{Error, WantedPreheat, now_ms};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{self, InRepository};
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, cancel))
}

/// The path of a preheat.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InPreheat {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The preheat's id.
    preheat: i64,
}

impl InPreheat {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

/// Which nodes are meant.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedNodes {
    /// The connected ones that have all of these; every connected one when there are none.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

impl WantedNodes {
    /// Those with labels as they are stored.
    pub(super) fn stored(labels: &str) -> Self {
        Self {
            labels: serde_json::from_str(labels).unwrap_or_default(),
        }
    }
}

/// An image to have on nodes: its tag or its digest.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreatePreheat {
    /// The tag; what it names now is meant.
    #[serde(default)]
    tag: Option<String>,
    /// The manifest, in place of a tag.
    #[serde(default)]
    digest: Option<String>,
    /// Every connected node when absent.
    #[serde(default)]
    nodes: WantedNodes,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PreheatState {
    /// Some node does not have it yet.
    Running,
    /// Every node that was meant has it.
    Complete,
    /// Some node could not get it, and no other is waited for.
    Failed,
    Cancelled,
    /// A newer one took its place before all nodes had it.
    Superseded,
    /// No connected node had the labels when a rule or a trigger wanted it.
    NoNodes,
    /// Its time is over; nodes that were not reached are not told any more.
    Expired,
}

/// What wanted it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PreheatCause {
    /// Somebody asked.
    Request,
    /// A rule, when a tag moved.
    Rule,
    /// A trigger, before it sets the image of a workload.
    Trigger,
}

/// Nodes by how they stand to it.
#[derive(Serialize, ToSchema)]
struct PreheatCounts {
    /// Not told yet.
    waiting: i64,
    /// Told, and not heard of since.
    sent: i64,
    complete: i64,
    failed: i64,
}

/// An image that nodes shall have.
#[derive(Serialize, ToSchema)]
struct Preheat {
    id: i64,
    /// The tag that was asked for, or that moved.
    tag: Option<String>,
    digest: String,
    labels: BTreeMap<String, String>,
    state: PreheatState,
    counts: PreheatCounts,
    wanted_by: PreheatCause,
    /// The newer one that took its place.
    superseded_by: Option<i64>,
    /// Who asked, or moved the tag; empty when nobody is known.
    creator_name: String,
    created_at: Time,
    expires_at: Time,
}

/// How a node stands to it.
#[derive(Serialize, ToSchema)]
struct PreheatNode {
    /// The agent's id.
    node: String,
    /// `waiting`, `sent`, `complete` or `failed`.
    state: String,
    /// Why it failed.
    detail: String,
    updated_at: Time,
}

/// An image that nodes shall have, with its nodes.
#[derive(Serialize, ToSchema)]
struct PreheatDetail {
    #[serde(flatten)]
    preheat: Preheat,
    nodes: Vec<PreheatNode>,
}

/// Have an image on nodes
///
/// For who may push the image. Connected agents of the image's account are told within seconds, with a token that pulls this image alone; one
/// whose own login may not pull the image gets none, and fails. When no connected agent has all of the labels it is refused. An agent that does not answer within a day is not told any more.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheats",
    operation_id = "create_preheat", tag = "agents", params(InRepository), request_body = CreatePreheat,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = Preheat), (status = 404, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Preheat>), Refused> {
    let (name, sent) = (place.name()?, call.json::<CreatePreheat>()?);
    let reference = match (&sent.tag, &sent.digest) {
        (Some(tag), None) => Reference::Tag(names::tag(tag)?),
        (None, Some(digest)) => Reference::Digest(
            digest
                .parse()
                .map_err(|_| Refused::invalid("4000014", "digest is no digest"))?,
        ),
        _ => return Err(Refused::invalid("4000014", "either a tag or a digest is named")),
    };
    let wanted = WantedPreheat {
        reference,
        labels: sent.nodes.labels,
    };
    let created = app.registry.create_preheat(&call.caller, &name, &wanted);
    Ok((
        StatusCode::CREATED,
        Json(document(created.await.map_err(refused)?)),
    ))
}

/// List the images of a repository that nodes shall have
///
/// The newest hundred, the newest first.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheats",
    operation_id = "list_preheats", tag = "agents", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Vec<Preheat>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<Preheat>>, Refused> {
    let listed = app.registry.preheats(&call.caller, &place.name()?).await;
    Ok(Json(listed.map_err(refused)?.into_iter().map(document).collect()))
}

/// Show how nodes stand to an image that they shall have
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheats/{preheat}",
    operation_id = "show_preheat", tag = "agents", params(InPreheat),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = PreheatDetail), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InPreheat>,
    call: Call,
) -> Result<Json<PreheatDetail>, Refused> {
    let found = app
        .registry
        .preheat(&call.caller, &place.image()?, place.preheat)
        .await;
    let (preheat, nodes) = found.map_err(refused)?;
    let nodes = nodes.into_iter().map(|node| PreheatNode {
        node: node.node,
        state: node.state,
        detail: node.detail,
        updated_at: Time(node.updated_at),
    });
    Ok(Json(PreheatDetail {
        preheat: document(preheat),
        nodes: nodes.collect(),
    }))
}

/// Tell no more nodes to have an image
///
/// What they have they keep. For who may push the image.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheats/{preheat}",
    operation_id = "cancel_preheat", tag = "agents", params(InPreheat),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn cancel(
    State(app): State<AppState>,
    Path(place): Path<InPreheat>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let cancelled = app
        .registry
        .cancel_preheat(&call.caller, &place.image()?, place.preheat)
        .await;
    cancelled.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(preheat: berth_registry::Preheat) -> Preheat {
    let [waiting, sent, complete, failed] = preheat.counts;
    let is_asked_for = preheat.wanted_by == berth_registry::PreheatCause::Request;
    let state = match () {
        () if preheat.superseded_by.is_some() => PreheatState::Superseded,
        () if preheat.cancelled_at.is_some() => PreheatState::Cancelled,
        () if waiting + sent > 0 && preheat.expires_at <= now_ms() => PreheatState::Expired,
        () if waiting + sent > 0 => PreheatState::Running,
        () if failed > 0 => PreheatState::Failed,
        () if complete == 0 && !is_asked_for => PreheatState::NoNodes,
        () => PreheatState::Complete,
    };
    Preheat {
        id: preheat.id,
        tag: preheat.tag,
        digest: preheat.digest,
        labels: WantedNodes::stored(&preheat.labels).labels,
        state,
        counts: PreheatCounts {
            waiting,
            sent,
            complete,
            failed,
        },
        wanted_by: match preheat.wanted_by {
            berth_registry::PreheatCause::Request => PreheatCause::Request,
            berth_registry::PreheatCause::Rule { .. } => PreheatCause::Rule,
            berth_registry::PreheatCause::Run { .. } => PreheatCause::Trigger,
        },
        superseded_by: preheat.superseded_by,
        creator_name: preheat.creator_name,
        created_at: Time(preheat.created_at),
        expires_at: Time(preheat.expires_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Repository, error)
}
