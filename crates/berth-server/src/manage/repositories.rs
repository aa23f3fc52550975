//! Images, which this API calls repositories (operations 9 to 14).

pub(super) mod list;

use axum::Json;
use axum::extract::State;
use berth_registry::{RepositoryDetails, WantedRepository};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Visit};
use super::error::{RefusalBody, Refused, Subject};
use super::names::{InOrganization, InRepository, repository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(show, update, delete))
        .merge(list::routes())
}

/// What an image is filed under.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what the registry checks")]
enum Category {
    AppServer,
    Linux,
    FrameworkApp,
    Database,
    Lang,
    Other,
    Windows,
    Arm,
}

/// An image to create.
#[derive(Deserialize, ToSchema)]
struct CreateRepo {
    /// 1 to 128 characters: lower-case letters and digits, with `.`, `_`, `-` and `/` between them.
    #[schema(required, value_type = String, example = "busybox", min_length = 1, max_length = 128)]
    repository: Option<String>,
    #[serde(flatten)]
    says: Says,
}

/// What an image says of itself. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
struct Says {
    /// Whether everybody may pull it.
    #[schema(required, value_type = bool)]
    is_public: Option<Value>,
    /// What it is filed under.
    #[schema(value_type = Option<Category>)]
    category: Option<String>,
    /// Free text of at most 30,000 characters.
    #[schema(max_length = 30000)]
    description: Option<String>,
}

impl Says {
    fn wanted(self) -> Result<WantedRepository, Refused> {
        let is_public = match self.is_public {
            Some(Value::Bool(is_public)) => is_public,
            Some(_) => return Err(Refused::invalid("4001009", "is_public is true or false")),
            None => return Err(Refused::invalid("4001014", "is_public is missing")),
        };
        Ok(WantedRepository {
            is_public,
            category: self.category,
            description: self.description,
        })
    }
}

/// An image.
#[derive(Serialize, ToSchema)]
struct Repo {
    id: i64,
    /// The organization's id.
    ns_id: i64,
    /// The name within the organization, with `/`.
    name: String,
    category: String,
    description: String,
    creator_id: String,
    creator_name: String,
    /// Bytes of its configurations and layers, each counted once.
    size: i64,
    is_public: bool,
    /// How many tags it has.
    num_images: i64,
    /// How often it was pulled.
    num_download: i64,
    /// Always empty.
    url: String,
    /// What clients pull, without a tag.
    path: String,
    internal_path: String,
    created: Time,
    /// When its content or what it says of itself changed last.
    updated: Time,
    /// The account's id.
    domain_id: String,
    /// Always 0.
    priority: i64,
}

/// Create an image
///
/// Without a tag yet. Needs the permission to write in the organization.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos", operation_id = "create_repo",
    tag = "repositories", params(InOrganization), request_body = CreateRepo,
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let wanted: CreateRepo = call.json()?;
    let image = wanted
        .repository
        .ok_or_else(|| Refused::invalid("4001014", "repository is missing"))?;
    let name = repository(place.name()?.as_str(), &image)?;
    let created = app
        .registry
        .create_repository(&call.caller, &name, wanted.says.wanted()?);
    created.await.map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Show an image
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}", operation_id = "show_repository",
    tag = "repositories", params(InRepository),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    responses((status = 200, body = Repo), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    Visit(call): Visit,
) -> Result<Json<Repo>, Refused> {
    let found = app.registry.repository(&call.caller, &place.name()?).await;
    Ok(Json(document(found.map_err(refused)?, &call.origin)))
}

/// Change what an image says of itself
///
/// Needs the permission to write.
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/repos/{repository}", operation_id = "update_repo",
    tag = "repositories", params(InRepository), request_body = Says,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let wanted = call.json::<Says>()?.wanted()?;
    let name = place.name()?;
    let updated = app.registry.update_repository(&call.caller, &name, wanted);
    updated.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Delete an image
///
/// With all its tags. Needs the permission to manage. Refused while a rule makes one of its tags immutable.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}", operation_id = "delete_repo",
    tag = "repositories", params(InRepository),
    responses((status = 204), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let name = place.name()?;
    let deleted = app.registry.delete_repository(&call.caller, &name);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Repository, error)
}

/// What clients pull, without a tag.
fn path(found: &RepositoryDetails, origin: &Origin) -> String {
    let repository = &found.repository;
    format!(
        "{}/{}/{}",
        origin.host(),
        repository.organization,
        repository.image
    )
}

fn document(found: RepositoryDetails, origin: &Origin) -> Repo {
    let path = path(&found, origin);
    Repo {
        id: found.repository.id,
        ns_id: found.repository.organization_id,
        name: found.repository.image,
        category: found.repository.category,
        description: found.repository.description,
        creator_id: found.creator_id,
        creator_name: found.creator_name,
        size: found.size_bytes,
        is_public: found.repository.is_public,
        num_images: found.tag_count,
        num_download: found.pull_count,
        url: String::new(),
        internal_path: path.clone(),
        path,
        created: Time(found.repository.created_at),
        updated: Time(found.repository.updated_at),
        domain_id: found.account_id,
        priority: 0,
    }
}
