//! Providers that people sign in at, set up by an account's administrators: calls that SWR does not have.

mod wire;

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, WantedProvider};
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::wire::{CreateProvider, SignInProvider, UpdateProvider, document};
use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
}

/// Set up a provider that people sign in at
///
/// For administrators. Who signs in there the first time becomes a user of the account.
#[utoipa::path(post, path = "/v2/manage/sign-in-providers", operation_id = "create_sign_in_provider", tag = "sessions",
    request_body = CreateProvider, extensions(("x-berth-extension" = json!(true))),
    responses((status = 201, body = SignInProvider), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    call: Call,
) -> Result<(StatusCode, Json<SignInProvider>), Refused> {
    let sent: CreateProvider = call.json()?;
    let (name, url) = (sent.name.clone(), sent.url.clone());
    let (terms, change) = sent.read().map_err(refused)?;
    let wanted = WantedProvider {
        name,
        url,
        terms,
        change,
    };
    let created = app.registry.register_provider(&call.caller, wanted);
    Ok((
        StatusCode::CREATED,
        Json(document(created.await.map_err(refused)?)),
    ))
}

/// List the providers that people of the caller's account sign in at
///
/// For administrators.
#[utoipa::path(get, path = "/v2/manage/sign-in-providers", operation_id = "list_sign_in_providers", tag = "sessions",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = Vec<SignInProvider>)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<Vec<SignInProvider>>, Refused> {
    let listed = app.registry.list_providers(&call.caller);
    let providers = listed.await.map_err(refused)?;
    Ok(Json(providers.into_iter().map(document).collect()))
}

/// Show a provider that people sign in at
///
/// For administrators.
#[utoipa::path(get, path = "/v2/manage/sign-in-providers/{provider}", operation_id = "show_sign_in_provider",
    tag = "sessions", params(("provider" = String, Path, description = "The provider's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = SignInProvider), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<SignInProvider>, Refused> {
    let found = app.registry.show_provider(&call.caller, &name);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Change a provider that people sign in at
///
/// For administrators.
#[utoipa::path(patch, path = "/v2/manage/sign-in-providers/{provider}", operation_id = "update_sign_in_provider",
    tag = "sessions", params(("provider" = String, Path, description = "The provider's name")),
    request_body = UpdateProvider, extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = SignInProvider), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<SignInProvider>, Refused> {
    let sent: UpdateProvider = call.json()?;
    let updated = app
        .registry
        .update_provider(&call.caller, &name, sent.read().map_err(refused)?);
    Ok(Json(document(updated.await.map_err(refused)?)))
}

/// End a provider that people sign in at
///
/// Its people stay users of the account, who cannot sign in any more unless they are given a password; their access keys
/// work until they are disabled.
#[utoipa::path(delete, path = "/v2/manage/sign-in-providers/{provider}", operation_id = "delete_sign_in_provider",
    tag = "sessions", params(("provider" = String, Path, description = "The provider's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let deleted = app.registry.delete_provider(&call.caller, &name);
    deleted.await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Registration, error)
}
