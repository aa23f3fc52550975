//! Rights of users on an organisation.

use axum::Json;
use axum::extract::State;
use berth_registry::GrantPlace;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{UserAuth, WantedAuth, own_and_others, wanted};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused, Subject};
use crate::manage::names::InOrganization;
use crate::manage::names::Path;
use crate::manage::wire::Nothing;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show, create, update, delete))
}

/// The rights on an organization.
#[derive(Serialize, ToSchema)]
struct NamespaceAuth {
    id: i64,
    /// The organization's name.
    name: String,
    creator_name: String,
    /// The caller's own right.
    self_auth: UserAuth,
    /// Everybody else's.
    others_auths: Vec<UserAuth>,
}

/// Show who has rights on an organization
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/access", operation_id = "show_namespace_auth",
    tag = "rights", params(InOrganization),
    responses((status = 200, body = NamespaceAuth), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<NamespaceAuth>, Refused> {
    let (view, grants) = app
        .registry
        .organization_grants(&call.caller, &place.name()?)
        .await
        .map_err(refused)?;
    let (self_auth, others_auths) = own_and_others(&call.caller, view.permission, &grants)?;
    Ok(Json(NamespaceAuth {
        id: view.organization.id,
        name: view.organization.name,
        creator_name: view.organization.creator_name,
        self_auth,
        others_auths,
    }))
}

/// Give users a right on an organization
///
/// All or none; who has a right already keeps it and fails the call.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/access", operation_id = "create_namespace_auth",
    tag = "rights", params(InOrganization), request_body = Vec<WantedAuth>,
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (place, wanted) = (GrantPlace::Organization(place.name()?), wanted(&call)?);
    app.registry
        .add_grants(&call.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Change rights on an organization
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/access", operation_id = "update_namespace_auth",
    tag = "rights", params(InOrganization), request_body = Vec<WantedAuth>,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (place, wanted) = (GrantPlace::Organization(place.name()?), wanted(&call)?);
    app.registry
        .update_grants(&call.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Take rights on an organization away
///
/// The body names the users by id.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/access", operation_id = "delete_namespace_auth",
    tag = "rights", params(InOrganization), request_body = Vec<String>,
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = GrantPlace::Organization(place.name()?);
    let user_ids: Vec<String> = call.json()?;
    app.registry
        .remove_grants(&call.caller, &place, &user_ids)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Grant, error)
}
