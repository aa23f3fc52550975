//! Mirrors, organisations that stand for another registry, set up by an account's administrators: calls that SWR does
//! not have.

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, LoginChange, MirrorChange, WantedMirror};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names;
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
}

/// A mirror to set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateMirror {
    /// Unique in the account.
    #[schema(max_length = 64, example = "hub")]
    name: String,
    /// The organization that holds what is fetched; it is there already, and mirrors one registry at most.
    namespace: String,
    /// The mirrored registry as image references name it.
    #[schema(example = "docker.io")]
    registry: String,
    /// The address that it is fetched from; `https://` and the registry when absent.
    #[serde(default)]
    #[schema(example = "https://registry-1.docker.io")]
    url: Option<String>,
    /// The user that the account logs in there as; goes with `password`.
    #[serde(default)]
    #[schema(write_only)]
    username: Option<String>,
    /// Kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    password: Option<String>,
    /// Whether it fetches; yes when absent.
    #[serde(default)]
    enabled: Option<bool>,
}

/// What is to be different about a mirror; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateMirror {
    /// The mirrored registry as image references name it.
    #[serde(default)]
    registry: Option<String>,
    /// The address that it is fetched from; one of another server needs its login beside it.
    #[serde(default)]
    url: Option<String>,
    /// The user that the account logs in there as; goes with `password`, both empty for no login.
    #[serde(default)]
    #[schema(write_only)]
    username: Option<String>,
    /// Kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    password: Option<String>,
    /// Whether it fetches.
    #[serde(default)]
    enabled: Option<bool>,
}

/// A mirror; its login is never answered.
#[derive(Serialize, ToSchema)]
struct Mirror {
    name: String,
    /// The organization that holds what is fetched.
    namespace: String,
    registry: String,
    url: String,
    /// Whether a login for it is kept.
    has_login: bool,
    enabled: bool,
    created_at: Time,
    updated_at: Time,
}

/// Set up a mirror of another registry
///
/// For administrators, in an organization of their own account. This version of Berth keeps the mirror and fetches
/// nothing yet.
#[utoipa::path(post, path = "/v2/manage/mirrors", operation_id = "create_mirror", tag = "registrations",
    request_body = CreateMirror, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = Mirror), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<(StatusCode, Json<Mirror>), Refused> {
    let sent: CreateMirror = call.json()?;
    let wanted = WantedMirror {
        name: sent.name,
        organization: names::organization(&sent.namespace)?,
        registry: sent.registry,
        url: sent.url,
        login: LoginChange::of(sent.username, sent.password).map_err(refused)?,
        enabled: sent.enabled.unwrap_or(true),
    };
    let created = app.registry.register_mirror(&call.caller, wanted);
    Ok((
        StatusCode::CREATED,
        Json(document(created.await.map_err(refused)?)),
    ))
}

/// List the mirrors of the caller's account
#[utoipa::path(get, path = "/v2/manage/mirrors", operation_id = "list_mirrors", tag = "registrations",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Vec<Mirror>)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Vec<Mirror>>, Refused> {
    let listed = app.registry.list_mirrors(&call.caller);
    let mirrors = listed.await.map_err(refused)?;
    Ok(Json(mirrors.into_iter().map(document).collect()))
}

/// Show a mirror
#[utoipa::path(get, path = "/v2/manage/mirrors/{mirror}", operation_id = "show_mirror", tag = "registrations",
    params(("mirror" = String, Path, description = "The mirror's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Mirror), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<Mirror>, Refused> {
    let found = app.registry.mirror(&call.caller, &name);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Change a mirror
#[utoipa::path(patch, path = "/v2/manage/mirrors/{mirror}", operation_id = "update_mirror", tag = "registrations",
    params(("mirror" = String, Path, description = "The mirror's name")), request_body = UpdateMirror,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Mirror), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<Mirror>, Refused> {
    let sent: UpdateMirror = call.json()?;
    let change = MirrorChange {
        registry: sent.registry,
        url: sent.url,
        login: LoginChange::of(sent.username, sent.password).map_err(refused)?,
        enabled: sent.enabled,
    };
    let updated = app.registry.update_mirror(&call.caller, &name, change);
    Ok(Json(document(updated.await.map_err(refused)?)))
}

/// End a mirror
///
/// What it fetched stays in the organization.
#[utoipa::path(delete, path = "/v2/manage/mirrors/{mirror}", operation_id = "delete_mirror", tag = "registrations",
    params(("mirror" = String, Path, description = "The mirror's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_mirror(&call.caller, &name);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(mirror: berth_registry::Mirror) -> Mirror {
    Mirror {
        name: mirror.name,
        namespace: mirror.organization,
        registry: mirror.registry,
        url: mirror.url,
        has_login: mirror.login_encrypted.is_some(),
        enabled: mirror.enabled,
        created_at: Time(mirror.created_at),
        updated_at: Time(mirror.updated_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
