//! Regions that images are sent to: the list is operation 38, the other calls are none of SWR's.

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, LoginChange, RegionChange, WantedRegion};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::sync_copies::Standing;
use super::wire::Time;
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
        .routes(routes!(check))
}

/// A region to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateRegion {
    /// Another one than this registry's own.
    #[serde(rename = "regionID")]
    #[schema(max_length = 64, example = "east-1")]
    region_id: String,
    /// The address of its registry.
    #[serde(rename = "registryURL")]
    #[schema(example = "https://registry.east-1.example")]
    registry_url: String,
    /// The user that the account logs in there as; goes with `password`.
    #[serde(default)]
    #[schema(write_only)]
    username: Option<String>,
    /// Kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    password: Option<String>,
    /// The authorities that its certificate may come from besides those that the machine trusts, as PEM.
    #[serde(default)]
    certificate_authority: String,
    /// Whether it is kept whatever is found there.
    #[serde(default)]
    unchecked: bool,
}

/// What is to be different about a region; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateRegion {
    /// The address of its registry; one of another server needs its login beside it.
    #[serde(default, rename = "registryURL")]
    registry_url: Option<String>,
    /// The user that the account logs in there as; goes with `password`, both empty for no login.
    #[serde(default)]
    #[schema(write_only)]
    username: Option<String>,
    /// Kept sealed and never answered.
    #[serde(default)]
    #[schema(write_only)]
    password: Option<String>,
    /// The authorities that its certificate may come from besides those that the machine trusts, as PEM; empty for none.
    #[serde(default)]
    certificate_authority: Option<String>,
    /// Whether the change is kept whatever is found there.
    #[serde(default)]
    unchecked: bool,
}

/// A region in the list.
#[derive(Serialize, ToSchema)]
struct ListedRegion {
    #[serde(rename = "regionID")]
    region_id: String,
    /// The address of its registry.
    #[serde(rename = "registryURL")]
    registry_url: String,
    /// Whether images could be sent there when somebody looked last; absent for this region, and when nobody looked. None
    /// of SWR's.
    #[serde(skip_serializing_if = "Option::is_none")]
    usable: Option<bool>,
    /// What was found then. None of SWR's.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<String>,
    /// When that was. None of SWR's.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<Time>,
}

/// A registered region; its login is never answered.
#[derive(Serialize, ToSchema)]
struct RegisteredRegion {
    #[serde(rename = "regionID")]
    region_id: String,
    /// The address of its registry.
    #[serde(rename = "registryURL")]
    registry_url: String,
    /// Whether a login for it is kept.
    has_login: bool,
    certificate_authority: String,
    /// Whether images could be sent there when somebody looked last; none when nobody looked since it was changed.
    usable: Option<bool>,
    /// What was found then.
    finding: Option<String>,
    checked_at: Option<Time>,
    /// Which Berth it is; empty for other registries.
    registry_id: String,
    created_at: Time,
    updated_at: Time,
}

/// A registered region, and how what is sent there stands.
#[derive(Serialize, ToSchema)]
struct ShownRegion {
    #[serde(flatten)]
    region: RegisteredRegion,
    /// How the copies to it stand.
    sync: Standing,
}

/// List this region and those that the caller's account registered
#[utoipa::path(get, path = "/v2/manage/regions", operation_id = "list_sync_regions", tag = "sync",
    responses((status = 200, body = Vec<ListedRegion>)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Vec<ListedRegion>>, Refused> {
    let listed = app.registry.list_regions(&call.caller);
    let found = listed.await.map_err(refused)?;
    let here = ListedRegion {
        region_id: found.here,
        registry_url: call.origin.url,
        usable: None,
        finding: None,
        checked_at: None,
    };
    let others = found.others.into_iter().map(|region| ListedRegion {
        region_id: region.region_id,
        registry_url: region.registry_url,
        usable: region.check.as_ref().map(|check| check.usable),
        finding: region.check.as_ref().map(|check| check.finding.clone()),
        checked_at: region.check.as_ref().map(|check| Time(check.at)),
    });
    Ok(Json(std::iter::once(here).chain(others).collect()))
}

/// Register another region
///
/// For administrators, in their own account, with the login that it has there. The region is asked what it is, and one
/// that images cannot be sent to is refused with what was found, unless `unchecked` is true.
#[utoipa::path(post, path = "/v2/manage/regions", operation_id = "create_region", tag = "registrations",
    request_body = CreateRegion, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = RegisteredRegion), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<(StatusCode, Json<RegisteredRegion>), Refused> {
    let sent: CreateRegion = call.json()?;
    let wanted = WantedRegion {
        region_id: sent.region_id,
        registry_url: sent.registry_url,
        login: LoginChange::of(sent.username, sent.password).map_err(refused)?,
        certificate_authority: sent.certificate_authority,
        unchecked: sent.unchecked,
    };
    let created = app.registry.register_region(&call.caller, wanted);
    Ok((
        StatusCode::CREATED,
        Json(document(created.await.map_err(refused)?)),
    ))
}

/// Show a registered region
#[utoipa::path(get, path = "/v2/manage/regions/{region_id}", operation_id = "show_region", tag = "registrations",
    params(("region_id" = String, Path, description = "The region's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ShownRegion), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<ShownRegion>, Refused> {
    let found = app.registry.region(&call.caller, &id);
    let found = found.await.map_err(refused)?;
    Ok(Json(ShownRegion {
        sync: Standing::of(&found.standing, found.paused.as_ref()),
        region: document(found.region),
    }))
}

/// Look whether images can be sent to a region
///
/// For administrators of the account that registered it. What was found is kept; when images can be sent there, what
/// waits for the region goes on at once.
#[utoipa::path(post, path = "/v2/manage/regions/{region_id}/check", operation_id = "check_region", tag = "registrations",
    params(("region_id" = String, Path, description = "The region's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RegisteredRegion), (status = 404, body = RefusalBody)))]
async fn check(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<RegisteredRegion>, Refused> {
    let checked = app.registry.check_region(&call.caller, &id);
    Ok(Json(document(checked.await.map_err(refused)?)))
}

/// Change a registered region
///
/// It is looked at as a new one is, and what waits for it goes on at once.
#[utoipa::path(patch, path = "/v2/manage/regions/{region_id}", operation_id = "update_region", tag = "registrations",
    params(("region_id" = String, Path, description = "The region's id")), request_body = UpdateRegion,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RegisteredRegion), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<RegisteredRegion>, Refused> {
    let sent: UpdateRegion = call.json()?;
    let change = RegionChange {
        registry_url: sent.registry_url,
        login: LoginChange::of(sent.username, sent.password).map_err(refused)?,
        certificate_authority: sent.certificate_authority,
        unchecked: sent.unchecked,
    };
    let updated = app.registry.update_region(&call.caller, &id, change);
    Ok(Json(document(updated.await.map_err(refused)?)))
}

/// Forget a registered region
///
/// Copies that wait for it are cancelled. 406 while images are sent there with every push.
#[utoipa::path(delete, path = "/v2/manage/regions/{region_id}", operation_id = "delete_region", tag = "registrations",
    params(("region_id" = String, Path, description = "The region's id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody), (status = 406, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(id): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_region(&call.caller, &id);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(region: berth_registry::Region) -> RegisteredRegion {
    RegisteredRegion {
        region_id: region.region_id,
        registry_url: region.registry_url,
        has_login: region.login_encrypted.is_some(),
        certificate_authority: region.certificate_authority,
        usable: region.check.as_ref().map(|check| check.usable),
        finding: region.check.as_ref().map(|check| check.finding.clone()),
        checked_at: region.check.as_ref().map(|check| Time(check.at)),
        registry_id: region.check.map(|check| check.registry_id).unwrap_or_default(),
        created_at: Time(region.created_at),
        updated_at: Time(region.updated_at),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
