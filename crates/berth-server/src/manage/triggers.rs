//! Triggers of an image (operations 39 to 43).

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use berth_registry::{TriggerRow, TriggerRun, WantedTrigger};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{self, InRepository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update, delete))
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

/// A trigger to set up.
#[derive(Deserialize, ToSchema)]
struct CreateTrigger {
    /// 1 to 64 letters, digits, `_` and `-`, beginning with a letter, with `_` and `-` only singly between others.
    #[schema(max_length = 64, example = "roll-out")]
    name: String,
    /// How `condition` is read.
    #[schema(pattern = "^(all|tag|regular)$", example = "regular")]
    trigger_type: String,
    /// `.*` for `all`; tags joined by `;` for `tag`; for `regular` a glob (`*`, `**`, `?`, `{a,b}`), or a regular
    /// expression when it holds one of `^ $ ( ) | + \ [ ]` or begins with a dot.
    #[schema(example = "v*")]
    condition: String,
    /// `update`: the workload gets the image that was pushed.
    #[schema(pattern = "^update$", example = "update")]
    action: String,
    /// Whether it acts, as text.
    #[schema(pattern = "^(true|false)$", example = "true")]
    enable: String,
    /// The kind of workload; SWR knows the first two.
    #[schema(
        pattern = "^(deployments|statefulsets|daemonsets|cronjobs)$",
        example = "deployments"
    )]
    app_type: String,
    /// The workload's name.
    #[schema(max_length = 253, example = "web")]
    application: String,
    /// The workload's namespace.
    #[schema(max_length = 63, example = "default")]
    cluster_ns: String,
    /// The cluster's id; this or `cluster_name` when `trigger_mode` is `cce`, empty when it is `cci`.
    #[serde(default)]
    cluster_id: Option<String>,
    /// The cluster's name.
    #[serde(default)]
    cluster_name: Option<String>,
    /// One container of the workload; all of them when absent.
    #[serde(default)]
    container: Option<String>,
    /// `cce`, a cluster, when absent.
    #[serde(default)]
    #[schema(pattern = "^(cce|cci|)$")]
    trigger_mode: Option<String>,
}

/// What may be changed about a trigger.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateTrigger {
    /// Whether it acts, as text.
    #[schema(pattern = "^(true|false)$")]
    enable: String,
}

/// A trigger.
#[derive(Serialize, ToSchema)]
struct ShownTrigger {
    name: String,
    trigger_type: String,
    condition: String,
    action: &'static str,
    /// `true` or `false`, as text.
    enable: &'static str,
    app_type: String,
    application: String,
    cluster_ns: String,
    cluster_id: String,
    cluster_name: String,
    /// Empty for all containers of the workload.
    container: String,
    trigger_mode: String,
    created_at: Time,
    creator_name: String,
    /// What came of it lately, newest first; nothing in lists.
    #[schema(required)]
    trigger_history: Option<Vec<TriggerHistory>>,
}

/// One time that a trigger acted.
#[derive(Serialize, ToSchema)]
struct TriggerHistory {
    action: &'static str,
    app_type: String,
    application: String,
    cluster_id: String,
    cluster_name: String,
    cluster_ns: String,
    condition: String,
    container: String,
    created_at: Time,
    creator_name: String,
    /// Why it failed.
    detail: String,
    /// `success` or `failed`.
    result: &'static str,
    /// The tag that was pushed.
    tag: String,
}

/// Set up a trigger
///
/// For who may push the image; the cluster must be registered in the account that the image belongs to. This version of
/// Berth keeps triggers and does not act on them yet, so that their history is empty.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers",
    operation_id = "create_trigger", tag = "triggers", params(InRepository), request_body = CreateTrigger,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn create(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let (name, sent) = (place.name()?, call.json::<CreateTrigger>()?);
    let wanted = WantedTrigger {
        name: sent.name,
        trigger_type: sent.trigger_type,
        condition: sent.condition,
        action: sent.action,
        enable: sent.enable,
        app_type: sent.app_type,
        application: sent.application,
        cluster_ns: sent.cluster_ns,
        cluster_id: sent.cluster_id,
        cluster_name: sent.cluster_name,
        container: sent.container,
        trigger_mode: sent.trigger_mode,
    };
    let created = app.registry.create_trigger(&call.caller, &name, wanted);
    created.await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
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
    let history = runs.into_iter().map(|run| history(&row, run)).collect();
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

/// The only thing that a trigger does.
const ACTION: &str = "update";

fn document(row: TriggerRow, history: Option<Vec<TriggerHistory>>) -> ShownTrigger {
    ShownTrigger {
        name: row.name,
        trigger_type: row.kind,
        condition: row.condition,
        action: ACTION,
        enable: if row.enabled { "true" } else { "false" },
        app_type: row.workload_kind,
        application: row.workload,
        cluster_ns: row.namespace,
        cluster_id: row.cluster_id,
        cluster_name: row.cluster_name,
        container: row.container,
        trigger_mode: row.mode,
        created_at: Time(row.created_at),
        creator_name: row.creator_name,
        trigger_history: history,
    }
}

fn history(row: &TriggerRow, run: TriggerRun) -> TriggerHistory {
    TriggerHistory {
        action: ACTION,
        app_type: row.workload_kind.clone(),
        application: row.workload.clone(),
        cluster_id: row.cluster_id.clone(),
        cluster_name: row.cluster_name.clone(),
        cluster_ns: row.namespace.clone(),
        condition: row.condition.clone(),
        container: row.container.clone(),
        created_at: Time(run.at),
        creator_name: row.creator_name.clone(),
        detail: run.detail,
        result: if run.succeeded { "success" } else { "failed" },
        tag: run.tag,
    }
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Trigger, error)
}
