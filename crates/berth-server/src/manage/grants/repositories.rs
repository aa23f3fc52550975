//! Rights of users on one image.

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
use crate::manage::names::InRepository;
use crate::manage::names::Path;
use crate::manage::wire::Nothing;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show, create, update, delete))
}

/// The rights on an image.
#[derive(Serialize, ToSchema)]
struct RepositoryAuth {
    id: i64,
    /// The image's name.
    name: String,
    /// What the caller may do: the stronger of its rights on the organization and on the image.
    self_auth: UserAuth,
    /// Everybody else's on the image itself.
    others_auths: Vec<UserAuth>,
}

/// Show who has rights on an image
///
/// Those who have their right with the whole organization are listed there.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/access", operation_id = "show_user_repository_auth",
    tag = "rights", params(InRepository),
    responses((status = 200, body = RepositoryAuth), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<RepositoryAuth>, Refused> {
    let name = place.name()?;
    let view = app
        .registry
        .repository_grants(&call.caller, &name)
        .await
        .map_err(refused)?;
    let (self_auth, others_auths) = own_and_others(&call.caller, view.permission, &view.grants)?;
    Ok(Json(RepositoryAuth {
        id: view.id,
        name: name.image().to_string(),
        self_auth,
        others_auths,
    }))
}

/// Give users a right on an image
///
/// All or none; who has a right already keeps it and fails the call. Rights are for others, not for oneself.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/access", operation_id = "create_user_repository_auth",
    tag = "rights", params(InRepository), request_body = Vec<WantedAuth>,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (place, wanted) = (GrantPlace::Repository(place.name()?), wanted(&call)?);
    app.registry
        .add_grants(&call.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Change rights on an image
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/access", operation_id = "update_user_repository_auth",
    tag = "rights", params(InRepository), request_body = Vec<WantedAuth>,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (place, wanted) = (GrantPlace::Repository(place.name()?), wanted(&call)?);
    app.registry
        .update_grants(&call.caller, &place, &wanted)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Take rights on an image away
///
/// The body names the users by id.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/access", operation_id = "delete_user_repository_auth",
    tag = "rights", params(InRepository), request_body = Vec<String>,
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = GrantPlace::Repository(place.name()?);
    let user_ids: Vec<String> = call.json()?;
    app.registry
        .remove_grants(&call.caller, &place, &user_ids)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::RepositoryGrant, error)
}
