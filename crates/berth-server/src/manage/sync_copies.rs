//! What became of copies to other regions, beyond SWR's record: progress, reasons, a hand on single copies, and how far
//! behind each destination is.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use berth_oci::RepositoryName;
use berth_registry::{Error, HistoryOrder, HistoryPage, SyncFigures, SyncStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Listing, ListingParameters};
use super::names::{self, InRepository};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(status))
}

/// The path of a copy.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InCopy {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The copy's id.
    copy_id: i64,
}

impl InCopy {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

/// A copy of a tag to another region, and how it goes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncCopy {
    id: i64,
    tag: String,
    /// What is copied; what the tag named when the copy was queued, until it begins.
    digest: Option<String>,
    remote_region_id: String,
    remote_namespace: String,
    #[serde(rename = "override")]
    overwrite: bool,
    /// `waiting`, `running`, `success`, `failed`, `timeout`, `cancel` or `existed`.
    status: String,
    /// Why, as a sentence; may be empty.
    detail: String,
    /// Who asked for it or pushed; empty for nobody.
    sync_operator_name: String,
    created_at: Time,
    /// When the oldest push happened that it brings; none when somebody asked for it.
    pushed_at: Option<Time>,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// When a copy that waits is tried again; none: at once.
    next_attempt_at: Option<Time>,
    attempts: i64,
    /// From the push, or the request, to the end; of a copy that waits or runs, to now.
    lag_seconds: i64,
    progress: SyncProgress,
}

/// How far a copy is. Blobs are counted once, whatever names them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncProgress {
    blobs_total: i64,
    blobs_done: i64,
    bytes_total: i64,
    bytes_done: i64,
    /// Bytes that really travelled, those included that were sent twice.
    bytes_sent: i64,
    /// Bytes that another image of the region had.
    bytes_mounted: i64,
    /// Bytes that were there.
    bytes_existing: i64,
}

/// How far behind a destination of an image is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncDestination {
    remote_region_id: String,
    remote_namespace: String,
    /// Whether pushes are sent there by themselves.
    sync_auto: bool,
    #[serde(flatten)]
    standing: Standing,
}

/// How copies to a place stand.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    /// Copies that wait.
    waiting: i64,
    /// Copies that are made now.
    running: i64,
    /// Copies of the record that failed or timed out.
    failed: i64,
    /// For how long the oldest push is missing there; none when nothing is.
    behind_seconds: Option<i64>,
    /// When a copy arrived last, or was found to be there.
    last_arrival_at: Option<Time>,
    /// Until when nothing is sent to the region; none when it is not paused.
    paused_until: Option<Time>,
    /// Why it is paused; empty when it is not.
    paused_because: String,
}

impl Standing {
    /// What an image's or a region's standing is on the wire.
    pub(super) fn of(
        standing: &berth_registry::SyncStanding,
        paused: Option<&berth_registry::PausedLane>,
    ) -> Self {
        let behind = standing
            .waiting_since
            .map(|since| seconds(berth_registry::now_ms() - since));
        Self {
            waiting: standing.waiting,
            running: standing.running,
            failed: standing.failed,
            behind_seconds: behind,
            last_arrival_at: standing.arrived_at.map(Time),
            paused_until: paused.map(|paused| Time(paused.until)),
            paused_because: paused.map_or_else(String::new, |paused| paused.reason.clone()),
        }
    }
}

/// List the copies of an image's tags with their progress
///
/// Newest first; the record keeps the newest thousand of an image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_copies",
    operation_id = "list_sync_copies", tag = "sync", params(InRepository, ListingParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses(
        (status = 200, body = Vec<SyncCopy>,
            headers(("Content-Range" = String, description = "`offset-rows/total`, when a page was asked for"))),
        (status = 404, body = RefusalBody)
    ))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<impl IntoResponse, Refused> {
    let (name, listing) = (place.name()?, Listing::of(&call, &[], &[])?);
    let page = HistoryPage {
        order: HistoryOrder::NewestFirst,
        offset: listing.offset,
        limit: listing.limit,
    };
    let listed = app.registry.sync_jobs(&call.caller, &name, page);
    let found = listed.await.map_err(refused)?;
    let range = listing.content_range(found.rows.len(), found.total);
    let copies: Vec<_> = found.rows.into_iter().map(document).collect();
    Ok((AppendHeaders(range), Json(copies)))
}

/// Show a copy of an image's tag with its progress
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_copies/{copy_id}",
    operation_id = "show_sync_copy", tag = "sync", params(InCopy), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = SyncCopy), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InCopy>,
    call: Call,
) -> Result<Json<SyncCopy>, Refused> {
    let name = place.image()?;
    let found = app.registry.sync_job(&call.caller, &name, place.copy_id);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Cancel a copy that waits or runs
///
/// For administrators of the account that the image belongs to. What has arrived stays; a push that follows is copied
/// again. 406 for a copy that ended.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_copies/{copy_id}/cancel",
    operation_id = "cancel_sync_copy", tag = "sync", params(InCopy), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody), (status = 406, body = RefusalBody)))]
async fn cancel(
    State(app): State<AppState>,
    Path(place): Path<InCopy>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let name = place.image()?;
    let cancelled = app.registry.cancel_sync_job(&call.caller, &name, place.copy_id);
    cancelled.await.map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Try a copy again
///
/// For administrators of the account that the image belongs to. What the tag names then is copied. 406 for a copy that
/// neither failed, nor timed out, nor was cancelled, and while another of the tag waits for the same destination.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_copies/{copy_id}/retry",
    operation_id = "retry_sync_copy", tag = "sync", params(InCopy), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Nothing), (status = 404, body = RefusalBody), (status = 406, body = RefusalBody)))]
async fn retry(
    State(app): State<AppState>,
    Path(place): Path<InCopy>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let name = place.image()?;
    let retried = app.registry.retry_sync_job(&call.caller, &name, place.copy_id);
    retried.await.map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// Tell how far behind each destination of an image is
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/sync_status",
    operation_id = "show_sync_status", tag = "sync", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = Vec<SyncDestination>), (status = 404, body = RefusalBody)))]
async fn status(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<Vec<SyncDestination>>, Refused> {
    let name = place.name()?;
    let found = app.registry.sync_status(&call.caller, &name);
    let destination = |status: SyncStatus| SyncDestination {
        standing: Standing::of(&status.standing, status.paused.as_ref()),
        remote_region_id: status.region_id,
        remote_namespace: status.remote_organization,
        sync_auto: status.automatic,
    };
    let found = found.await.map_err(refused)?;
    Ok(Json(found.into_iter().map(destination).collect()))
}

fn document(job: berth_registry::SyncJob) -> SyncCopy {
    let course = job.course;
    let since = course.pushed_at.unwrap_or(job.created_at);
    let until = course.ended_at.unwrap_or_else(berth_registry::now_ms);
    SyncCopy {
        id: job.id,
        tag: job.tag,
        digest: course.digest,
        remote_region_id: job.region_id,
        remote_namespace: job.remote_organization,
        overwrite: job.overwrite,
        status: job.status,
        detail: course.detail,
        sync_operator_name: job.operator_name,
        created_at: Time(job.created_at),
        pushed_at: course.pushed_at.map(Time),
        started_at: course.started_at.map(Time),
        ended_at: course.ended_at.map(Time),
        next_attempt_at: course.next_attempt_at.map(Time),
        attempts: course.attempts,
        lag_seconds: seconds(until - since),
        progress: progress(course.figures),
    }
}

fn progress(figures: SyncFigures) -> SyncProgress {
    SyncProgress {
        blobs_total: figures.blobs_total,
        blobs_done: figures.blobs_done,
        bytes_total: figures.bytes_total,
        bytes_done: figures.bytes_done,
        bytes_sent: figures.bytes_sent,
        bytes_mounted: figures.bytes_mounted,
        bytes_existing: figures.bytes_existing,
    }
}

fn seconds(ms: i64) -> i64 {
    ms.max(0) / 1000
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Other, error)
}
