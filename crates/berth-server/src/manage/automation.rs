//! Triggers, retention, synchronisation and immutable tags across all images that the caller has a right on (extensions): a
//! page each, so that nobody opens image after image to find what failed.

mod documents;

use axum::Json;
use axum::extract::State;
use berth_registry::AutomationWanted;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused};
use super::listing::{Listing, PageParameters};
use crate::state::AppState;
use documents::{
    CopyPage, ImmutabilityPage, RetentionPage, SyncRulePage, TriggerPage, TriggerRunPage, copy, immutability,
    retention, run, sync_rule, trigger,
};

/// How a run or a copy stands.
const STATUSES: [&str; 10] = [
    "waiting",
    "running",
    "success",
    "failed",
    "cancelled",
    "superseded",
    "undone",
    "cancel",
    "existed",
    "timeout",
];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(triggers))
        .routes(routes!(runs))
        .routes(routes!(retentions))
        .routes(routes!(sync_rules))
        .routes(routes!(copies))
        .routes(routes!(immutabilities))
}

/// How a run or a copy stands: `cancelled`, `superseded` and `undone` are of triggers, `cancel`, `existed` and `timeout` of
/// copies.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "documents what the handlers read")]
enum AutomationStatus {
    Waiting,
    Running,
    Success,
    Failed,
    Cancelled,
    Superseded,
    Undone,
    Cancel,
    Existed,
    Timeout,
}

/// What of a list is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what the handlers read")]
struct AutomationParameters {
    /// Of images of this organization.
    namespace: Option<String>,
    /// Of images with this in `organization/image`.
    text: Option<String>,
}

/// List triggers across images
///
/// By image, each with its last run; `status` is that run's. For images that the caller has any right on.
#[utoipa::path(get, path = "/v2/manage/triggers", operation_id = "list_triggers", tag = "triggers",
    params(AutomationParameters, PageParameters,
        ("status" = inline(Option<AutomationStatus>), Query, description = "How the last run stands")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerPage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn triggers(State(app): State<AppState>, call: Call) -> Result<Json<TriggerPage>, Refused> {
    let found = app
        .registry
        .automated_triggers(&call.caller, wanted(&call)?)
        .await?;
    Ok(Json(TriggerPage {
        triggers: found.rows.into_iter().map(trigger).collect(),
        total: found.total,
    }))
}

/// List runs of triggers across images
///
/// Newest first. For images that the caller has any right on.
#[utoipa::path(get, path = "/v2/manage/trigger-runs", operation_id = "list_all_trigger_runs", tag = "triggers",
    params(AutomationParameters, PageParameters,
        ("status" = inline(Option<AutomationStatus>), Query, description = "How the run stands")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerRunPage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn runs(State(app): State<AppState>, call: Call) -> Result<Json<TriggerRunPage>, Refused> {
    let found = app.registry.automated_runs(&call.caller, wanted(&call)?).await?;
    Ok(Json(TriggerRunPage {
        runs: found.rows.into_iter().map(run).collect(),
        total: found.total,
    }))
}

/// List retentions across images
///
/// By image, each with its last run; `status` is that run's. For images that the caller has any right on.
#[utoipa::path(get, path = "/v2/manage/retentions", operation_id = "list_all_retentions", tag = "retention",
    params(AutomationParameters, PageParameters,
        ("status" = inline(Option<AutomationStatus>), Query, description = "How the last run stands")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RetentionPage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn retentions(State(app): State<AppState>, call: Call) -> Result<Json<RetentionPage>, Refused> {
    let found = app
        .registry
        .automated_retentions(&call.caller, wanted(&call)?)
        .await?;
    Ok(Json(RetentionPage {
        retentions: found.rows.into_iter().map(retention).collect(),
        total: found.total,
    }))
}

/// List sync rules across images
///
/// By image, each with the last copy to its place; `status` is that copy's. For images that the caller has any right on.
#[utoipa::path(get, path = "/v2/manage/sync-rules", operation_id = "list_all_sync_rules", tag = "sync",
    params(AutomationParameters, PageParameters,
        ("status" = inline(Option<AutomationStatus>), Query, description = "How the last copy stands")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = SyncRulePage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn sync_rules(State(app): State<AppState>, call: Call) -> Result<Json<SyncRulePage>, Refused> {
    let found = app.registry.automated_syncs(&call.caller, wanted(&call)?).await?;
    Ok(Json(SyncRulePage {
        rules: found.rows.into_iter().map(sync_rule).collect(),
        total: found.total,
    }))
}

/// List copies to other regions across images
///
/// Newest first. For images that the caller has any right on.
#[utoipa::path(get, path = "/v2/manage/sync-copies", operation_id = "list_all_sync_copies", tag = "sync",
    params(AutomationParameters, PageParameters,
        ("status" = inline(Option<AutomationStatus>), Query, description = "How the copy stands")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = CopyPage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn copies(State(app): State<AppState>, call: Call) -> Result<Json<CopyPage>, Refused> {
    let found = app
        .registry
        .automated_copies(&call.caller, wanted(&call)?)
        .await?;
    Ok(Json(CopyPage {
        copies: found.rows.into_iter().map(copy).collect(),
        total: found.total,
    }))
}

/// List rules about immutable tags across images
///
/// By organization. Those of an image for who has any right on it, those of an organization for who has one on that.
#[utoipa::path(get, path = "/v2/manage/immutability", operation_id = "list_all_immutability", tag = "immutability",
    params(AutomationParameters, PageParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ImmutabilityPage),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn immutabilities(State(app): State<AppState>, call: Call) -> Result<Json<ImmutabilityPage>, Refused> {
    let found = app
        .registry
        .automated_immutability(&call.caller, wanted(&call)?)
        .await?;
    Ok(Json(ImmutabilityPage {
        rules: found.rows.into_iter().map(immutability).collect(),
        total: found.total,
    }))
}

fn wanted(call: &Call) -> Result<AutomationWanted, Refused> {
    let listing = Listing::of(call, &["namespace", "text", "status"], &[])?;
    let text = |key: &str| listing.value(key).map(str::to_owned);
    let status = text("status");
    if status
        .as_deref()
        .is_some_and(|status| !STATUSES.contains(&status))
    {
        let known = STATUSES.join(", ");
        return Err(Refused::invalid("4001025", format!("status is one of {known}")));
    }
    Ok(AutomationWanted {
        organization: text("namespace"),
        text: text("text"),
        status,
        offset: listing.offset,
        limit: listing.limit,
    })
}
