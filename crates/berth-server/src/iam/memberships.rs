//! Who is in which group.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::groups::{self, IamGroups};
use super::users::{self, KeystoneUsers};
use crate::manage::call::Call;
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(members))
        .routes(routes!(groups_of))
        .routes(routes!(check, add, remove))
}

/// The path of a membership.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Membership {
    /// The group's id.
    group_id: String,
    /// The user's id.
    user_id: String,
}

/// List the users of a group
///
/// For the administrators of the account.
#[utoipa::path(get, path = "/v3/groups/{group_id}/users", operation_id = "keystone_list_users_for_group_by_admin", tag = "iam",
    params(("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, body = KeystoneUsers), (status = 404, body = IamRefusalBody)))]
async fn members(
    State(app): State<AppState>,
    Path(group_id): Path<String>,
    call: Call,
) -> Result<Json<KeystoneUsers>, Refused> {
    let found = app.registry.members(&call.caller, &group_id).await?;
    let path = format!("/v3/groups/{group_id}/users");
    Ok(Json(users::documents(&found, &call.origin, &path)))
}

/// List the groups of a user
///
/// For the user and the administrators of the account.
#[utoipa::path(get, path = "/v3/users/{user_id}/groups", operation_id = "keystone_list_groups_for_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")),
    responses((status = 200, body = IamGroups), (status = 404, body = IamRefusalBody)))]
async fn groups_of(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<IamGroups>, Refused> {
    let found = app.registry.groups_of(&call.caller, &user_id).await?;
    let path = format!("/v3/users/{user_id}/groups");
    Ok(Json(groups::documents(&found, &call.origin, &path)))
}

/// Check whether a user is in a group
///
/// 404 when not. For the user and the administrators of the account.
#[utoipa::path(head, path = "/v3/groups/{group_id}/users/{user_id}", operation_id = "keystone_check_user_in_group", tag = "iam",
    params(Membership), responses((status = 204), (status = 404, description = "The user is not in the group")))]
async fn check(
    State(app): State<AppState>,
    Path(at): Path<Membership>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .check_member(&call.caller, &at.group_id, &at.user_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Add a user to a group
///
/// For the administrators of the account.
#[utoipa::path(put, path = "/v3/groups/{group_id}/users/{user_id}", operation_id = "keystone_add_user_to_group", tag = "iam",
    params(Membership), responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn add(
    State(app): State<AppState>,
    Path(at): Path<Membership>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .admit_member(&call.caller, &at.group_id, &at.user_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a user out of a group
///
/// For the administrators of the account, who must not be none afterwards.
#[utoipa::path(delete, path = "/v3/groups/{group_id}/users/{user_id}", operation_id = "keystone_remove_user_from_group",
    tag = "iam", params(Membership), responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn remove(
    State(app): State<AppState>,
    Path(at): Path<Membership>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .dismiss_member(&call.caller, &at.group_id, &at.user_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
