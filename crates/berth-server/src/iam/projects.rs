//! The project of the caller's account, and the account itself.

use axum::Json;
use axum::extract::State;
use berth_registry::{Caller, Error, Project};
use serde::Serialize;
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
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(of_user))
        .routes(routes!(auth_projects))
        .routes(routes!(auth_domains))
}

/// Projects.
#[derive(Serialize, ToSchema)]
struct Projects {
    projects: Vec<IamProject>,
    links: Links,
}

/// One project.
#[derive(Serialize, ToSchema)]
struct OneProject {
    project: IamProject,
}

/// A project: an account's part in this registry's region. There is one, and it cannot be changed.
#[derive(Serialize, ToSchema)]
struct IamProject {
    id: String,
    /// The region's name.
    name: String,
    domain_id: String,
    /// The account, above which there is nothing.
    parent_id: String,
    is_domain: bool,
    enabled: bool,
    description: &'static str,
    links: Links,
}

/// The caller's account.
#[derive(Serialize, ToSchema)]
struct Domains {
    domains: [IamDomain; 1],
    links: Links,
}

/// An account.
#[derive(Serialize, ToSchema)]
struct IamDomain {
    id: String,
    name: String,
    enabled: bool,
    description: &'static str,
    links: Links,
}

/// List projects
///
/// Those of the caller's account: one, named as the region.
#[utoipa::path(get, path = "/v3/projects", operation_id = "keystone_list_projects", tag = "iam",
    params(
        ("name" = Option<String>, Query, description = "The name of the one wanted"),
        ("domain_id" = Option<String>, Query, description = "The account whose projects are wanted"),
        ("enabled" = Option<bool>, Query, description = "Whether it is enabled, as every project here is")),
    responses((status = 200, body = Projects),
        (status = 400, body = IamRefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Projects>, Refused> {
    let enabled = super::users::flag(&call, "enabled")?.unwrap_or(true);
    let project = own(&app, &call.caller)?;
    let fits = |name: &str, value: &str| call.query(name).is_none_or(|wanted| wanted == value);
    let wanted = enabled && fits("name", &project.name) && fits("domain_id", &project.account_id);
    Ok(Json(Projects {
        projects: wanted
            .then(|| document(&project, &call.origin))
            .into_iter()
            .collect(),
        links: Links::to(&call.origin, "/v3/projects"),
    }))
}

/// Show a project
#[utoipa::path(get, path = "/v3/projects/{project_id}", operation_id = "keystone_show_project", tag = "iam",
    params(("project_id" = String, Path, description = "The project's id")),
    responses((status = 200, body = OneProject), (status = 404, body = IamRefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(project_id): Path<String>,
    call: Call,
) -> Result<Json<OneProject>, Refused> {
    let project = own(&app, &call.caller)?;
    if project.id != project_id {
        return Err(Error::Unknown(format!("project {project_id}")).into());
    }
    Ok(Json(OneProject {
        project: document(&project, &call.origin),
    }))
}

/// List a user's projects
#[utoipa::path(get, path = "/v3/users/{user_id}/projects", operation_id = "keystone_list_projects_for_user", tag = "iam",
    params(("user_id" = String, Path, description = "The user's id")),
    responses((status = 200, body = Projects), (status = 404, body = IamRefusalBody)))]
async fn of_user(
    State(app): State<AppState>,
    Path(user_id): Path<String>,
    call: Call,
) -> Result<Json<Projects>, Refused> {
    let user = app.registry.person_by_id(&call.caller, &user_id).await?;
    let project = app.registry.project(&user.account_id);
    Ok(Json(Projects {
        projects: vec![document(&project, &call.origin)],
        links: Links::to(&call.origin, format!("/v3/users/{user_id}/projects")),
    }))
}

/// List the projects that the caller may use
#[utoipa::path(get, path = "/v3/auth/projects", operation_id = "keystone_list_auth_projects", tag = "iam",
    responses((status = 200, body = Projects)))]
async fn auth_projects(State(app): State<AppState>, call: Call) -> Result<Json<Projects>, Refused> {
    let project = own(&app, &call.caller)?;
    Ok(Json(Projects {
        projects: vec![document(&project, &call.origin)],
        links: Links::to(&call.origin, "/v3/auth/projects"),
    }))
}

/// List the accounts that the caller may use
#[utoipa::path(get, path = "/v3/auth/domains", operation_id = "keystone_list_auth_domains", tag = "iam",
    responses((status = 200, body = Domains)))]
async fn auth_domains(call: Call) -> Result<Json<Domains>, Refused> {
    let Caller::User(user) = &call.caller else {
        return Err(Error::Unauthenticated.into());
    };
    Ok(Json(Domains {
        domains: [IamDomain {
            id: user.account_id.clone(),
            name: user.account_name.clone(),
            enabled: true,
            description: "",
            links: Links::to(&call.origin, format!("/v3/domains/{}", user.account_id)),
        }],
        links: Links::to(&call.origin, "/v3/auth/domains"),
    }))
}

fn own(app: &AppState, caller: &Caller) -> Result<Project, Refused> {
    match caller {
        Caller::User(user) => Ok(app.registry.project(&user.account_id)),
        Caller::Anonymous | Caller::System => Err(Error::Unauthenticated.into()),
    }
}

fn document(project: &Project, origin: &Origin) -> IamProject {
    IamProject {
        id: project.id.clone(),
        name: project.name.clone(),
        domain_id: project.account_id.clone(),
        parent_id: project.account_id.clone(),
        is_domain: false,
        enabled: true,
        description: "",
        links: Links::to(origin, format!("/v3/projects/{}", project.id)),
    }
}
