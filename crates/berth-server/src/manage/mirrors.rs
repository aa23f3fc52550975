//! Mirrors, organisations that stand for another registry, set up by an account's administrators: calls that SWR does
//! not have.

mod figures;

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, LoginChange, MirrorChange, MirrorRulesChange, WantedMirror};
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
        .merge(figures::routes())
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
    /// Whether everybody may pull from it, logged in or not, and have it fetch; no when absent.
    #[serde(default)]
    public: Option<bool>,
    /// Seconds for which a tag is taken to name what it named when it was last looked at there, 1 to 86400; 0 for what the
    /// setting `mirror.recheck` says.
    #[serde(default)]
    recheck_seconds: Option<i64>,
    /// Bytes that its images may take before those go that nobody pulled for longest; 0 for no bound.
    #[serde(default)]
    bytes_max: Option<i64>,
    /// Images that never go for want of room: image and tag with globs in both.
    #[serde(default)]
    #[schema(example = json!(["library/*:latest"]))]
    keep: Option<Vec<String>>,
    /// Images that are fetched before somebody pulls them, and looked at again each hour: an image and a glob for its tags.
    #[serde(default)]
    #[schema(example = json!(["library/alpine:3.*"]))]
    prefetch: Option<Vec<String>>,
    /// Certificates that the other registry's is checked with, as PEM; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
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
    /// Whether everybody may pull from it, logged in or not, and have it fetch.
    #[serde(default)]
    public: Option<bool>,
    /// Seconds for which a tag is taken to name what it named when it was last looked at there, 1 to 86400; 0 for what the
    /// setting `mirror.recheck` says.
    #[serde(default)]
    recheck_seconds: Option<i64>,
    /// Bytes that its images may take before those go that nobody pulled for longest; 0 for no bound.
    #[serde(default)]
    bytes_max: Option<i64>,
    /// Images that never go for want of room: image and tag with globs in both.
    #[serde(default)]
    #[schema(example = json!(["library/*:latest"]))]
    keep: Option<Vec<String>>,
    /// Images that are fetched before somebody pulls them, and looked at again each hour: an image and a glob for its tags.
    #[serde(default)]
    #[schema(example = json!(["library/alpine:3.*"]))]
    prefetch: Option<Vec<String>>,
    /// Certificates that the other registry's is checked with, as PEM; empty for those that the machine trusts.
    #[serde(default)]
    certificate_authority: Option<String>,
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
    /// Whether everybody may pull from it, and have it fetch.
    public: bool,
    /// Seconds of its own between two looks at a tag; 0 for what the setting `mirror.recheck` says.
    recheck_seconds: i64,
    /// Bytes that its images may take; 0 for no bound.
    bytes_max: i64,
    /// Images that never go for want of room.
    keep: Vec<String>,
    /// Images that are fetched before somebody pulls them.
    prefetch: Vec<String>,
    /// PEM; empty for what the machine trusts.
    certificate_authority: String,
    created_at: Time,
    updated_at: Time,
}

/// Set up a mirror of another registry
///
/// For administrators, in an organization of their own account.
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
        rules: MirrorRulesChange {
            public: sent.public,
            recheck_seconds: sent.recheck_seconds,
            bytes_max: sent.bytes_max,
            keep: sent.keep,
            prefetch: sent.prefetch,
            certificate_authority: sent.certificate_authority,
        },
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
        rules: MirrorRulesChange {
            public: sent.public,
            recheck_seconds: sent.recheck_seconds,
            bytes_max: sent.bytes_max,
            keep: sent.keep,
            prefetch: sent.prefetch,
            certificate_authority: sent.certificate_authority,
        },
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
        public: mirror.rules.public,
        recheck_seconds: mirror.rules.recheck_seconds.unwrap_or(0),
        bytes_max: mirror.rules.bytes_max.unwrap_or(0),
        keep: mirror.rules.keep,
        prefetch: mirror.rules.prefetch,
        certificate_authority: mirror.rules.certificate_authority,
        created_at: Time(mirror.created_at),
        updated_at: Time(mirror.updated_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
