//! Organisations, which this API calls namespaces (operations 1 to 4).

mod pages;

use axum::Json;
use axum::extract::State;
use berth_registry::{ListedFor, OrganizationView};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Listing, Matching};
use super::names::{InOrganization, organization};
use super::wire::{Auth, Nothing};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(show, delete))
        .merge(pages::routes())
}

/// An organization to create.
#[derive(Deserialize, ToSchema)]
struct CreateNamespace {
    /// 1 to 64 characters: lower-case letters, digits, `.`, `_` and `-`, beginning with a letter.
    #[schema(example = "group", min_length = 1, max_length = 64)]
    namespace: String,
}

/// An organization.
#[derive(Serialize, ToSchema)]
struct Namespace {
    id: i64,
    name: String,
    /// The user who created it.
    creator_name: String,
    /// What the caller may do: 7 manage, 3 write, 1 read.
    auth: Auth,
}

/// Organizations.
#[derive(Serialize, ToSchema)]
struct Namespaces {
    namespaces: Vec<Namespace>,
}

/// Create an organization
///
/// Its creator manages it. The name is unique across all accounts.
#[utoipa::path(post, path = "/v2/manage/namespaces", operation_id = "create_namespace", tag = "organizations",
    request_body = CreateNamespace,
    responses((status = 201, body = Nothing), (status = 409, body = RefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let wanted: CreateNamespace = call.json()?;
    let name = organization(&wanted.namespace)?;
    app.registry
        .create_organization(&call.caller, &name)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// List organizations
///
/// Those that the caller has a permission on; with the filter `mode::visible` also those where the caller only has a
/// permission on an image.
#[utoipa::path(get, path = "/v2/manage/namespaces", operation_id = "list_namespaces", tag = "organizations",
    params(
        ("namespace" = Option<String>, Query, description = "The name of the one wanted"),
        ("filter" = Option<String>, Query, description = "`namespace::<part of the name>|mode::visible`")),
    responses((status = 200, body = Namespaces),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Namespaces>, Refused> {
    let listing = Listing::of(&call, &["namespace", "mode"], &[])?;
    let listed_for = match listing.value("mode") {
        None => ListedFor::Permitted,
        Some("visible") => ListedFor::Visible,
        Some(_) => {
            return Err(Refused::invalid(
                "4001035",
                "the filter's mode is visible, or left out",
            ));
        }
    };
    let found = app
        .registry
        .list_organizations(&call.caller, listed_for)
        .await
        .map_err(refused)?;
    let wanted = listing.matching("namespace");
    let shown = found.iter().filter(|view| match &wanted {
        None => true,
        Some(Matching::Exact(name)) => view.organization.name == *name,
        Some(Matching::Part(part)) => view.organization.name.contains(part.as_str()),
    });
    Ok(Json(Namespaces {
        namespaces: shown.map(document).collect(),
    }))
}

/// Show an organization
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}", operation_id = "show_namespace", tag = "organizations",
    params(InOrganization),
    responses((status = 200, body = Namespace), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<Namespace>, Refused> {
    let view = app
        .registry
        .organization(&call.caller, &place.name()?)
        .await
        .map_err(refused)?;
    Ok(Json(document(&view)))
}

/// Delete an organization
///
/// It must hold no image any more.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}", operation_id = "delete_namespaces",
    tag = "organizations", params(InOrganization),
    responses((status = 204), (status = 404, body = RefusalBody), (status = 406, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .delete_organization(&call.caller, &place.name()?)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Organization, error)
}

fn document(view: &OrganizationView) -> Namespace {
    Namespace {
        id: view.organization.id,
        name: view.organization.name.clone(),
        creator_name: view.organization.creator_name.clone(),
        auth: Auth(view.permission),
    }
}
