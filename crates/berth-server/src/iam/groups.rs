//! Groups of users.

use axum::Json;
use axum::extract::State;
use berth_registry::{Group, GroupChange};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::Links;
use crate::manage::call::Call;
use crate::manage::error::{IamRefusalBody, Refused};
use crate::manage::names::Path;
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
}

/// Groups.
#[derive(Serialize, ToSchema)]
pub(super) struct IamGroups {
    groups: Vec<IamGroup>,
    links: Links,
}

/// One group.
#[derive(Serialize, ToSchema)]
struct OneGroup {
    group: IamGroup,
}

/// A group of users of one account.
#[derive(Serialize, ToSchema)]
struct IamGroup {
    id: String,
    name: String,
    /// The account.
    domain_id: String,
    description: String,
    /// Milliseconds since the epoch.
    create_time: i64,
    links: Links,
}

/// A group to create.
#[derive(Deserialize, ToSchema)]
struct NewGroup {
    group: NewGroupFields,
}

/// What is said of a new group.
#[derive(Deserialize, ToSchema)]
struct NewGroupFields {
    /// 1 to 64 letters, digits, `.`, `_` or `-`.
    name: String,
    /// The caller's account, which is meant when nothing is said.
    domain_id: Option<String>,
    /// At most 255 characters.
    #[schema(max_length = 255)]
    description: Option<String>,
}

/// What to change of a group.
#[derive(Deserialize, ToSchema)]
struct GroupUpdate {
    group: GroupUpdateFields,
}

/// Absent fields stay.
#[derive(Deserialize, ToSchema)]
struct GroupUpdateFields {
    name: Option<String>,
    description: Option<String>,
}

/// List groups
///
/// Those of the caller's account, by name. For its administrators.
#[utoipa::path(get, path = "/v3/groups", operation_id = "keystone_list_groups", tag = "iam",
    params(
        ("domain_id" = Option<String>, Query, description = "The caller's account, which is meant when nothing is said"),
        ("name" = Option<String>, Query, description = "The name of the one wanted")),
    responses((status = 200, body = IamGroups)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<IamGroups>, Refused> {
    let name = call.query("name");
    let mut groups = app
        .registry
        .groups(&call.caller, call.query("domain_id").as_deref())
        .await?;
    groups.retain(|group| name.as_ref().is_none_or(|name| *name == group.name));
    Ok(Json(documents(&groups, &call.origin, "/v3/groups")))
}

/// Create a group
///
/// It has no role. For the administrators of the account.
#[utoipa::path(post, path = "/v3/groups", operation_id = "keystone_create_group", tag = "iam",
    request_body = NewGroup,
    responses((status = 201, body = OneGroup), (status = 409, body = IamRefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<(StatusCode, Json<OneGroup>), Refused> {
    let NewGroup { group: wanted } = call.json()?;
    let made = app
        .registry
        .create_members_group(
            &call.caller,
            wanted.domain_id.as_deref(),
            &wanted.name,
            &wanted.description.unwrap_or_default(),
        )
        .await?;
    Ok((StatusCode::CREATED, Json(one(&made, &call.origin))))
}

/// Show a group
///
/// To the administrators of the account.
#[utoipa::path(get, path = "/v3/groups/{group_id}", operation_id = "keystone_show_group", tag = "iam",
    params(("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, body = OneGroup), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(group_id): Path<String>,
    call: Call,
) -> Result<Json<OneGroup>, Refused> {
    let group = app.registry.group_by_id(&call.caller, &group_id).await?;
    Ok(Json(one(&group, &call.origin)))
}

/// Change a group
///
/// For the administrators of the account.
#[utoipa::path(patch, path = "/v3/groups/{group_id}", operation_id = "keystone_update_group", tag = "iam",
    params(("group_id" = String, Path, description = "The group's id")), request_body = GroupUpdate,
    responses((status = 200, body = OneGroup), (status = 404, body = IamRefusalBody), (status = 409, body = IamRefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(group_id): Path<String>,
    call: Call,
) -> Result<Json<OneGroup>, Refused> {
    let GroupUpdate { group: wanted } = call.json()?;
    let change = GroupChange {
        name: wanted.name,
        description: wanted.description,
    };
    let group = app.registry.change_group(&call.caller, &group_id, change).await?;
    Ok(Json(one(&group, &call.origin)))
}

/// Delete a group
///
/// With its roles; its members stay users. For the administrators of the account, who must not be none afterwards.
#[utoipa::path(delete, path = "/v3/groups/{group_id}", operation_id = "keystone_delete_group", tag = "iam",
    params(("group_id" = String, Path, description = "The group's id")),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(group_id): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry.remove_group(&call.caller, &group_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The documents of groups in a list at a path.
pub(super) fn documents(groups: &[Group], origin: &Origin, path: &str) -> IamGroups {
    IamGroups {
        groups: groups.iter().map(|group| document(group, origin)).collect(),
        links: Links::to(origin, path),
    }
}

fn one(group: &Group, origin: &Origin) -> OneGroup {
    OneGroup {
        group: document(group, origin),
    }
}

fn document(group: &Group, origin: &Origin) -> IamGroup {
    IamGroup {
        id: group.id.clone(),
        name: group.name.clone(),
        domain_id: group.account_id.clone(),
        description: group.description.clone(),
        create_time: group.created_at,
        links: Links::to(origin, format!("/v3/groups/{}", group.id)),
    }
}
