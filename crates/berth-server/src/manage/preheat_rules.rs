//! Rules by which pushes go to nodes: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, PreheatPlace, WantedPreheatRule};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{InOrganization, InRepository, Path};
use super::preheats::WantedNodes;
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show_of_image, set_of_image, delete_of_image))
        .routes(routes!(show, set, delete))
}

/// Which pushes are to go to which nodes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreheatRuleBody {
    /// Whether it is heeded.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// Which tags: `*` any characters, `?` one, `{a,b}` either, or a regular expression; all when absent.
    #[serde(default)]
    #[schema(max_length = 256, example = "v*")]
    tags: String,
    /// Every node that is connected at the time of the push when absent.
    #[serde(default)]
    nodes: WantedNodes,
}

fn yes() -> bool {
    true
}

/// A rule by which pushes go to nodes.
#[derive(Serialize, ToSchema)]
struct PreheatRule {
    /// Whether it is heeded.
    enabled: bool,
    /// Which tags, a pattern; empty: all.
    tags: String,
    nodes: WantedNodes,
    created_at: Time,
    updated_at: Time,
}

/// Show which pushes of an image go to nodes
///
/// The image's own rule; that of its organization holds beside it. For who has a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheat_rule",
    operation_id = "show_repo_preheat_rule", tag = "agents", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = PreheatRule), (status = 404, body = RefusalBody)))]
async fn show_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<PreheatRule>, Refused> {
    shown(&app, &call, PreheatPlace::Image(&place.name()?)).await
}

/// Have pushes of an image go to nodes
///
/// In the place of the rule that the image has. What a tag came to name goes to the agents that are connected then, each
/// with what its own login may pull; of a tag that moves again before all have it, the newest counts. For who manages the image.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheat_rule",
    operation_id = "set_repo_preheat_rule", tag = "agents", params(InRepository), request_body = PreheatRuleBody,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = PreheatRule), (status = 404, body = RefusalBody)))]
async fn set_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<PreheatRule>, Refused> {
    put(&app, &call, PreheatPlace::Image(&place.name()?)).await
}

/// Have pushes of an image go to no nodes
///
/// What nodes were told already they bring. For who manages the image.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/preheat_rule",
    operation_id = "delete_repo_preheat_rule", tag = "agents", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<StatusCode, Refused> {
    deleted(&app, &call, PreheatPlace::Image(&place.name()?)).await
}

/// Show which pushes to an organization go to nodes
///
/// For who has a right on the organization.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/preheat_rule", operation_id = "show_namespace_preheat_rule",
    tag = "agents", extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 200, body = PreheatRule), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<PreheatRule>, Refused> {
    shown(&app, &call, PreheatPlace::Organization(&place.name()?)).await
}

/// Have pushes to an organization go to nodes
///
/// Of all its images, in the place of the rule that it has. For who manages the organization.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/preheat_rule", operation_id = "set_namespace_preheat_rule",
    tag = "agents", extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    request_body = PreheatRuleBody,
    responses((status = 200, body = PreheatRule), (status = 404, body = RefusalBody)))]
async fn set(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<PreheatRule>, Refused> {
    put(&app, &call, PreheatPlace::Organization(&place.name()?)).await
}

/// Have pushes to an organization go to no nodes
///
/// But those of images with a rule of their own. For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/preheat_rule",
    operation_id = "delete_namespace_preheat_rule", tag = "agents",
    extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<StatusCode, Refused> {
    deleted(&app, &call, PreheatPlace::Organization(&place.name()?)).await
}

async fn shown(app: &AppState, call: &Call, place: PreheatPlace<'_>) -> Result<Json<PreheatRule>, Refused> {
    let found = app.registry.preheat_rule(&call.caller, place).await;
    Ok(Json(document(found.map_err(refused)?)))
}

async fn put(app: &AppState, call: &Call, place: PreheatPlace<'_>) -> Result<Json<PreheatRule>, Refused> {
    let sent: PreheatRuleBody = call.json()?;
    let wanted = WantedPreheatRule {
        enabled: sent.enabled,
        tags: sent.tags,
        labels: sent.nodes.labels,
    };
    let rule = app.registry.put_preheat_rule(&call.caller, place, wanted).await;
    Ok(Json(document(rule.map_err(refused)?)))
}

async fn deleted(app: &AppState, call: &Call, place: PreheatPlace<'_>) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_preheat_rule(&call.caller, place).await;
    deleted.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Preheat, error)
}

fn document(rule: berth_registry::PreheatRule) -> PreheatRule {
    PreheatRule {
        enabled: rule.terms.enabled,
        tags: rule.terms.tags,
        nodes: WantedNodes::stored(&rule.terms.labels),
        created_at: Time(rule.created_at),
        updated_at: Time(rule.updated_at),
    }
}
