//! Roles, and which group has them on the account or on its project.

use axum::Json;
use axum::extract::State;
use berth_registry::{Role, RolePlace};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
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
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(list_on_domain))
        .routes(routes!(check_on_domain, add_on_domain, remove_on_domain))
        .routes(routes!(list_on_project))
        .routes(routes!(check_on_project, add_on_project, remove_on_project))
}

/// Roles.
#[derive(Serialize, ToSchema)]
struct RoleList {
    roles: Vec<IamRole>,
    links: Links,
    total_number: usize,
}

/// One role.
#[derive(Serialize, ToSchema)]
struct OneRole {
    role: IamRole,
}

/// A role.
#[derive(Serialize, ToSchema)]
struct IamRole {
    id: String,
    name: &'static str,
    display_name: &'static str,
    /// Always `null`: roles belong to no account.
    domain_id: Option<String>,
    catalog: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    description: &'static str,
    policy: RolePolicy,
    links: Links,
}

/// What a role allows.
#[derive(Serialize, ToSchema)]
struct RolePolicy {
    #[serde(rename = "Version")]
    version: &'static str,
    #[serde(rename = "Statement")]
    statement: [RoleStatement; 1],
}

/// Actions that a role allows.
#[derive(Serialize, ToSchema)]
struct RoleStatement {
    #[serde(rename = "Action")]
    action: [&'static str; 1],
    #[serde(rename = "Effect")]
    effect: &'static str,
}

/// The path of a group's role on an account.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(clippy::struct_field_names, reason = "they are the path's")]
struct OnDomain {
    /// The account's id.
    domain_id: String,
    /// The group's id.
    group_id: String,
    /// The role's id.
    role_id: String,
}

/// The path of a group's role on a project.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(clippy::struct_field_names, reason = "they are the path's")]
struct OnProject {
    /// The project's id.
    project_id: String,
    /// The group's id.
    group_id: String,
    /// The role's id.
    role_id: String,
}

/// List roles
#[utoipa::path(get, path = "/v3/roles", operation_id = "keystone_list_permissions", tag = "iam",
    params(
        ("name" = Option<String>, Query, description = "The name of the one wanted, such as `te_admin`"),
        ("display_name" = Option<String>, Query, description = "The name for people of the one wanted")),
    responses((status = 200, body = RoleList)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<RoleList>, Refused> {
    let (name, shown_as) = (call.query("name"), call.query("display_name"));
    let mut roles = app.registry.roles(&call.caller)?.to_vec();
    roles.retain(|role| {
        name.as_ref().is_none_or(|name| name == role.name())
            && shown_as.as_ref().is_none_or(|name| name == role.display_name())
    });
    Ok(Json(documents(&roles, &call.origin, "/v3/roles")))
}

/// Show a role
#[utoipa::path(get, path = "/v3/roles/{role_id}", operation_id = "keystone_show_permission", tag = "iam",
    params(("role_id" = String, Path, description = "The role's id")),
    responses((status = 200, body = OneRole), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(role_id): Path<String>,
    call: Call,
) -> Result<Json<OneRole>, Refused> {
    let role = app.registry.role(&call.caller, &role_id)?;
    Ok(Json(OneRole {
        role: document(role, &call.origin),
    }))
}

/// List a group's roles on the account
///
/// For the administrators of the account.
#[utoipa::path(get, path = "/v3/domains/{domain_id}/groups/{group_id}/roles",
    operation_id = "keystone_list_domain_permissions_for_group", tag = "iam",
    params(
        ("domain_id" = String, Path, description = "The account's id"),
        ("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, body = RoleList), (status = 404, body = IamRefusalBody)))]
async fn list_on_domain(
    State(app): State<AppState>,
    Path((domain_id, group_id)): Path<(String, String)>,
    call: Call,
) -> Result<Json<RoleList>, Refused> {
    let place = RolePlace::Domain(&domain_id);
    let found = app
        .registry
        .roles_of_group(&call.caller, place, &group_id)
        .await?;
    let path = format!("/v3/domains/{domain_id}/groups/{group_id}/roles");
    Ok(Json(documents(&found, &call.origin, &path)))
}

/// Check whether a group has a role on the account
///
/// 404 when not. For the administrators of the account.
#[utoipa::path(head, path = "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_check_domain_permission_for_group", tag = "iam", params(OnDomain),
    responses((status = 204), (status = 404, description = "The group does not have the role")))]
async fn check_on_domain(
    State(app): State<AppState>,
    Path(at): Path<OnDomain>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Domain(&at.domain_id);
    app.registry
        .check_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a group a role on the account
///
/// Its members administer the account from their next request on. For the administrators of the account.
#[utoipa::path(put, path = "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_associate_group_with_domain_permission", tag = "iam", params(OnDomain),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn add_on_domain(
    State(app): State<AppState>,
    Path(at): Path<OnDomain>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Domain(&at.domain_id);
    app.registry
        .add_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a role on the account from a group
///
/// For the administrators of the account, who must not be none afterwards.
#[utoipa::path(delete, path = "/v3/domains/{domain_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_remove_domain_permission_from_group", tag = "iam", params(OnDomain),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn remove_on_domain(
    State(app): State<AppState>,
    Path(at): Path<OnDomain>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Domain(&at.domain_id);
    app.registry
        .remove_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a group's roles on the project
///
/// For the administrators of the account.
#[utoipa::path(get, path = "/v3/projects/{project_id}/groups/{group_id}/roles",
    operation_id = "keystone_list_project_permissions_for_group", tag = "iam",
    params(
        ("project_id" = String, Path, description = "The project's id"),
        ("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, body = RoleList), (status = 404, body = IamRefusalBody)))]
async fn list_on_project(
    State(app): State<AppState>,
    Path((project_id, group_id)): Path<(String, String)>,
    call: Call,
) -> Result<Json<RoleList>, Refused> {
    let place = RolePlace::Project(&project_id);
    let found = app
        .registry
        .roles_of_group(&call.caller, place, &group_id)
        .await?;
    let path = format!("/v3/projects/{project_id}/groups/{group_id}/roles");
    Ok(Json(documents(&found, &call.origin, &path)))
}

/// Check whether a group has a role on the project
///
/// 404 when not. For the administrators of the account.
#[utoipa::path(head, path = "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_check_project_permission_for_group", tag = "iam", params(OnProject),
    responses((status = 204), (status = 404, description = "The group does not have the role")))]
async fn check_on_project(
    State(app): State<AppState>,
    Path(at): Path<OnProject>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Project(&at.project_id);
    app.registry
        .check_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a group a role on the project
///
/// Its members administer the account from their next request on. For the administrators of the account.
#[utoipa::path(put, path = "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_associate_group_with_project_permission", tag = "iam", params(OnProject),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn add_on_project(
    State(app): State<AppState>,
    Path(at): Path<OnProject>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Project(&at.project_id);
    app.registry
        .add_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a role on the project from a group
///
/// For the administrators of the account, who must not be none afterwards.
#[utoipa::path(delete, path = "/v3/projects/{project_id}/groups/{group_id}/roles/{role_id}",
    operation_id = "keystone_remove_project_permission_from_group", tag = "iam", params(OnProject),
    responses((status = 204), (status = 404, body = IamRefusalBody)))]
async fn remove_on_project(
    State(app): State<AppState>,
    Path(at): Path<OnProject>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let place = RolePlace::Project(&at.project_id);
    app.registry
        .remove_role(&call.caller, place, &at.group_id, &at.role_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn documents(roles: &[Role], origin: &Origin, path: &str) -> RoleList {
    RoleList {
        roles: roles.iter().map(|role| document(*role, origin)).collect(),
        links: Links::to(origin, path),
        total_number: roles.len(),
    }
}

fn document(role: Role, origin: &Origin) -> IamRole {
    let (catalog, action, description) = match role {
        Role::TenantAdministrator => ("BASE", "*:*:*", "Administers everything of the account"),
        Role::SwrAdministrator => (
            "SWR",
            "*:*:*",
            "Administers everything of the account, its people and keys too: there is no smaller role here",
        ),
    };
    IamRole {
        id: role.id(),
        name: role.name(),
        display_name: role.display_name(),
        domain_id: None,
        catalog,
        kind: "XA",
        description,
        policy: RolePolicy {
            version: "1.0",
            statement: [RoleStatement {
                action: [action],
                effect: "Allow",
            }],
        },
        links: Links::to(origin, format!("/v3/roles/{}", role.id())),
    }
}
