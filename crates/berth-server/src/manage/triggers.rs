//! Triggers of an image (operations 39 to 43), and replacing one, which SWR does not have.

mod documents;
mod runs;

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{self, InRepository};
use super::wire::Nothing;
use crate::manage::names::Path;
use crate::state::AppState;
use documents::{CreateTrigger, ShownTrigger, TriggerCreated, UpdateTrigger, document, history};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, replace, delete))
        .merge(runs::routes())
}

/// The path of a trigger.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InTrigger {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The trigger's name.
    trigger: String,
}

impl InTrigger {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

/// Set up a trigger
///
/// For who may push the image; the cluster must be registered in the account that the image belongs to. From then on each
/// push that makes a tag of the condition name another digest sets the image of the workload.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers",
    operation_id = "create_trigger", tag = "triggers", params(InRepository), request_body = CreateTrigger,
    responses((status = 201, body = TriggerCreated), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<TriggerCreated>), Refused> {
    let (name, sent) = (place.name()?, call.json::<CreateTrigger>()?);
    let created = app.registry.create_trigger(&call.caller, &name, sent.into());
    let webhook_secret = created.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(TriggerCreated { webhook_secret })))
}

/// List the triggers of an image
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers",
    operation_id = "list_triggers_details", tag = "triggers", params(InRepository),
    responses((status = 200, body = Vec<ShownTrigger>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<ShownTrigger>>, Refused> {
    let name = place.name()?;
    let listed = app.registry.list_triggers(&call.caller, &name);
    let rows = listed.await.map_err(refused)?;
    Ok(Json(rows.into_iter().map(|row| document(row, None)).collect()))
}

/// Show a trigger and what came of it
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}",
    operation_id = "show_trigger", tag = "triggers", params(InTrigger),
    responses((status = 200, body = ShownTrigger), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<ShownTrigger>, Refused> {
    let name = place.image()?;
    let found = app.registry.trigger(&call.caller, &name, &place.trigger);
    let (row, runs) = found.await.map_err(refused)?;
    let history = runs.into_iter().filter_map(|run| history(&row, run)).collect();
    Ok(Json(document(row, Some(history))))
}

/// Switch a trigger on or off
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}",
    operation_id = "update_trigger", tag = "triggers", params(InTrigger), request_body = UpdateTrigger,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody)))]
async fn update(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (name, sent) = (place.image()?, call.json::<UpdateTrigger>()?);
    app.registry
        .set_trigger_enabled(&call.caller, &name, &place.trigger, &sent.enable)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Replace a trigger
///
/// All of it but its name; its history stays. For who may push the image.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}",
    operation_id = "replace_trigger", tag = "triggers", params(InTrigger), request_body = CreateTrigger,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn replace(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let (name, sent) = (place.image()?, call.json::<CreateTrigger>()?);
    app.registry
        .replace_trigger(&call.caller, &name, &place.trigger, sent.into())
        .await
        .map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Delete a trigger and its history
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}",
    operation_id = "delete_trigger", tag = "triggers", params(InTrigger),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<StatusCode, Refused> {
    app.registry
        .delete_trigger(&call.caller, &place.image()?, &place.trigger)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Trigger, error)
}
