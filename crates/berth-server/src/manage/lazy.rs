//! Indexes that let nodes start an image before it is pulled: calls that SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_oci::Reference;
use berth_registry::{Error, LazyImage, LazyPlace, LazyRule, LazyRunView};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::{InOrganization, InRepository, Path};
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show_of_image, set_of_image, delete_of_image))
        .routes(routes!(show, set, delete))
}

/// Which image is to have an index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LazyIndexBody {
    /// A tag, or the digest of a manifest.
    #[schema(example = "v1")]
    reference: String,
}

/// Which pushes are to be followed by an index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LazyRuleBody {
    /// Which tags: `*` any characters, `?` one, `{a,b}` either, or a regular expression; all when absent.
    #[serde(default)]
    #[schema(max_length = 256, example = "v*")]
    tags: String,
}

/// A rule about indexes.
#[derive(Serialize, ToSchema)]
struct LazyRuleDocument {
    /// Which tags, a pattern; empty: all.
    tags: String,
    created_at: Time,
    updated_at: Time,
}

/// What was made of one image, or why nothing was.
#[derive(Serialize, ToSchema)]
struct LazyImageDocument {
    /// The image's manifest.
    digest: String,
    /// As an index of manifests says, such as `linux/amd64`; null for an image by itself.
    platform: Option<String>,
    /// The digest of the artifact that is its index, whose subject it is; null when it has none.
    index: Option<String>,
    /// Bytes of its layers.
    layers_bytes: u64,
    /// Bytes of the index.
    index_bytes: u64,
    /// Why it has none, for people.
    reason: Option<String>,
}

/// The making of an image's indexes.
#[derive(Serialize, ToSchema)]
struct LazyRunDocument {
    id: i64,
    /// `waiting`, `running`, `done` or `failed`.
    status: &'static str,
    /// What it is of.
    digest: String,
    /// Under which tag it was wanted; null for a digest.
    tag: Option<String>,
    /// Whether a rule wanted it, and not a request.
    by_rule: bool,
    /// Who wanted it, or pushed; null when the user is gone.
    user_name: Option<String>,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Why there is none at all, for people; null when there is, or it did not end yet.
    failed: Option<String>,
    images: Vec<LazyImageDocument>,
}

/// A page of runs, newest first.
#[derive(Serialize, ToSchema)]
struct LazyRunsDocument {
    runs: Vec<LazyRunDocument>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// List what was done to have an image start before it is pulled
///
/// Newest first. For who has a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/lazy_indexes",
    operation_id = "list_lazy_indexes", tag = "lazy", params(InRepository, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LazyRunsDocument), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<LazyRunsDocument>, Refused> {
    let (name, page) = (place.name()?, Marked::<i64>::of(&call)?);
    let limit = u32::try_from(page.limit).unwrap_or(u32::MAX);
    let found = app.registry.lazy_runs(&call.caller, &name, (page.marker, limit));
    let found = found.await.map_err(refused)?;
    let last = found.entries.last().map(|last| last.run.id);
    Ok(Json(LazyRunsDocument {
        next_marker: last.filter(|_| found.more),
        runs: found.entries.into_iter().map(run_document).collect(),
    }))
}

/// Make the index of an image, so that nodes can start it before it is pulled
///
/// For each of its manifests for Linux whose layers are gzip. Answered before it is made: its entry in the list tells how that
/// went. One that waits already is answered again. For who may push to the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/lazy_indexes",
    operation_id = "make_lazy_index", tag = "lazy", params(InRepository), request_body = LazyIndexBody,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 202, body = LazyRunDocument), (status = 404, body = RefusalBody)))]
async fn make(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<LazyRunDocument>), Refused> {
    let (name, sent) = (place.name()?, call.json::<LazyIndexBody>()?);
    let reference = sent.reference.parse::<Reference>();
    let reference = reference.map_err(|error| refused(Error::Invalid(error.to_string())))?;
    let asked = app.registry.make_lazy_index(&call.caller, &name, &reference);
    Ok((
        StatusCode::ACCEPTED,
        Json(run_document(asked.await.map_err(refused)?)),
    ))
}

/// Show which pushes of an image are followed by an index
///
/// The image's own rule; that of its organization holds beside it. For who has a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/lazy_rule",
    operation_id = "show_repo_lazy_rule", tag = "lazy", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LazyRuleDocument), (status = 404, body = RefusalBody)))]
async fn show_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<LazyRuleDocument>, Refused> {
    shown(&app, &call, LazyPlace::Image(&place.name()?)).await
}

/// Have pushes of an image be followed by an index
///
/// In the place of the rule that the image has. For who manages the image.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/lazy_rule",
    operation_id = "set_repo_lazy_rule", tag = "lazy", params(InRepository), request_body = LazyRuleBody,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LazyRuleDocument), (status = 404, body = RefusalBody)))]
async fn set_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<LazyRuleDocument>, Refused> {
    put(&app, &call, LazyPlace::Image(&place.name()?)).await
}

/// Have pushes of an image be followed by no index
///
/// Indexes that are there stay. For who manages the image.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/lazy_rule",
    operation_id = "delete_repo_lazy_rule", tag = "lazy", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete_of_image(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<StatusCode, Refused> {
    deleted(&app, &call, LazyPlace::Image(&place.name()?)).await
}

/// Show which pushes to an organization are followed by an index
///
/// For who has a right on the organization.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/lazy_rule", operation_id = "show_namespace_lazy_rule",
    tag = "lazy", extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 200, body = LazyRuleDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<LazyRuleDocument>, Refused> {
    shown(&app, &call, LazyPlace::Organization(&place.name()?)).await
}

/// Have pushes to an organization be followed by an index
///
/// Of all its images, in the place of the rule that it has. For who manages the organization.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/lazy_rule", operation_id = "set_namespace_lazy_rule",
    tag = "lazy", extensions(("x-berth-extension" = json!(true))), params(InOrganization), request_body = LazyRuleBody,
    responses((status = 200, body = LazyRuleDocument), (status = 404, body = RefusalBody)))]
async fn set(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<LazyRuleDocument>, Refused> {
    put(&app, &call, LazyPlace::Organization(&place.name()?)).await
}

/// Have pushes to an organization be followed by no index
///
/// But those of images with a rule of their own. For who manages the organization.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/lazy_rule", operation_id = "delete_namespace_lazy_rule",
    tag = "lazy", extensions(("x-berth-extension" = json!(true))), params(InOrganization),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<StatusCode, Refused> {
    deleted(&app, &call, LazyPlace::Organization(&place.name()?)).await
}

async fn shown(app: &AppState, call: &Call, place: LazyPlace<'_>) -> Result<Json<LazyRuleDocument>, Refused> {
    let found = app.registry.lazy_rule(&call.caller, place).await;
    Ok(Json(rule_document(found.map_err(refused)?)))
}

async fn put(app: &AppState, call: &Call, place: LazyPlace<'_>) -> Result<Json<LazyRuleDocument>, Refused> {
    let wanted: LazyRuleBody = call.json()?;
    let set = app
        .registry
        .put_lazy_rule(&call.caller, place, &wanted.tags)
        .await;
    Ok(Json(rule_document(set.map_err(refused)?)))
}

async fn deleted(app: &AppState, call: &Call, place: LazyPlace<'_>) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_lazy_rule(&call.caller, place).await;
    deleted.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Lazy, error)
}

fn rule_document(rule: LazyRule) -> LazyRuleDocument {
    LazyRuleDocument {
        tags: rule.tags,
        created_at: Time(rule.created_at),
        updated_at: Time(rule.updated_at),
    }
}

fn run_document(view: LazyRunView) -> LazyRunDocument {
    let LazyRunView { run, images } = view;
    LazyRunDocument {
        id: run.id,
        status: run.status.as_str(),
        digest: run.digest,
        tag: run.tag,
        by_rule: run.by_rule,
        user_name: run.user_name,
        created_at: Time(run.created_at),
        started_at: run.started_at.map(Time),
        ended_at: run.ended_at.map(Time),
        failed: Some(run.detail).filter(|detail| !detail.is_empty()),
        images: images.into_iter().map(image_document).collect(),
    }
}

fn image_document(image: LazyImage) -> LazyImageDocument {
    LazyImageDocument {
        digest: image.digest,
        platform: image.platform,
        index: image.index,
        layers_bytes: image.layers_bytes,
        index_bytes: image.index_bytes,
        reason: image.reason,
    }
}
