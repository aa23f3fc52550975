//! Long work of the registry itself (an extension), for those who run it.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use berth_registry::{Affected, DamageReport, Error, MaintenanceKind, MaintenanceRun};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::Path;
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(start))
        .routes(routes!(damaged))
}

/// Which runs are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what list() reads")]
struct RunParameters {
    /// Those of one kind.
    kind: Option<String>,
}

/// How the work is to be done.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartMaintenance {
    /// `reclaim`: also look for bytes that no row names, which only a crash leaves and which are looked for daily, except
    /// in the week after a restore.
    #[serde(default)]
    orphans: bool,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
struct MaintenanceRuns {
    /// Newest first.
    runs: Vec<MaintenanceRunDocument>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A piece of long work.
#[derive(Serialize, ToSchema)]
struct MaintenanceRunDocument {
    id: i64,
    /// What it does.
    #[schema(example = "reclaim")]
    kind: String,
    /// `waiting`, `running`, `done`, `failed`, or `interrupted` when its process ended in the middle.
    state: String,
    /// Who asked for it; none: the schedule.
    wanted_by: Option<String>,
    /// What was asked for.
    options: Value,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// How far it is, in terms of its kind.
    progress: Value,
    /// What it did, in terms of its kind; `error` says why it failed.
    report: Value,
}

/// List the registry's long work
///
/// Newest first. For the administrators of the account that runs the registry.
#[utoipa::path(get, path = "/v2/manage/maintenance/runs", operation_id = "list_maintenance_runs", tag = "maintenance",
    params(RunParameters, MarkedParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = MaintenanceRuns),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<MaintenanceRuns>, Refused> {
    let page = Marked::<i64>::of(&call)?;
    let kind = call.query("kind").map(|text| text.parse()).transpose();
    let kind: Option<MaintenanceKind> = kind.map_err(refused)?;
    // One more tells whether there is a next page.
    let found = app
        .registry
        .maintenance_runs(&call.caller, kind, (page.marker, page.limit + 1));
    let mut runs = found.await.map_err(refused)?;
    let kept = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = runs.len() > kept;
    runs.truncate(kept);
    Ok(Json(MaintenanceRuns {
        next_marker: runs.last().filter(|_| has_more).map(|run| run.id.to_string()),
        runs: runs.into_iter().map(document).collect(),
    }))
}

/// Show one piece of the registry's long work
#[utoipa::path(get, path = "/v2/manage/maintenance/runs/{run_id}", operation_id = "show_maintenance_run",
    tag = "maintenance", params(("run_id" = i64, Path, description = "Its id")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = MaintenanceRunDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(id): Path<i64>,
    call: Call,
) -> Result<Json<MaintenanceRunDocument>, Refused> {
    let found = app.registry.maintenance_run(&call.caller, id);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Begin long work of the registry now
///
/// One of the registry's processes begins within seconds. While a run of that kind waits or is under way, that one is
/// answered. For the administrators of the account that runs the registry.
#[utoipa::path(post, path = "/v2/manage/maintenance/{kind}", operation_id = "start_maintenance", tag = "maintenance",
    params(("kind" = String, Path, description = "What to do: `reclaim` deletes bytes that nothing names, `scrub` compares all that is stored with its digests, `backup` writes a snapshot of the metadata into the storage")), request_body = StartMaintenance,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 202, body = MaintenanceRunDocument)))]
async fn start(
    State(app): State<AppState>,
    Path(kind): Path<String>,
    call: Call,
) -> Result<(StatusCode, Json<MaintenanceRunDocument>), Refused> {
    let kind: MaintenanceKind = kind.parse().map_err(refused)?;
    let options: StartMaintenance = call.json()?;
    let options = serde_json::to_value(options).expect("plain fields");
    let wanted = app.registry.want_maintenance(&call.caller, kind, &options);
    Ok((
        StatusCode::ACCEPTED,
        Json(document(wanted.await.map_err(refused)?)),
    ))
}

/// A page of what is damaged.
#[derive(Serialize, ToSchema)]
struct DamagedList {
    /// By digest.
    damaged: Vec<DamagedDocument>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A blob or a manifest whose stored bytes are missing or wrong. It is absent for clients until it is pushed again.
#[derive(Serialize, ToSchema)]
struct DamagedDocument {
    digest: String,
    /// `blob` or `manifest`.
    kind: &'static str,
    /// Bytes that it should have.
    size: i64,
    /// `missing`, `short`, `wrong` or `unreadable`.
    damage: String,
    found_at: Time,
    /// The images, and the tags in them, that it touches: at most a hundred.
    affected: Vec<AffectedDocument>,
}

/// An image that damage touches, or a tag in it.
#[derive(Serialize, ToSchema)]
struct AffectedDocument {
    #[schema(example = "group/busybox")]
    repository: String,
    /// None for the image itself.
    tag: Option<String>,
}

/// Where a page of what is damaged ended: `digest/id`, the id of a manifest's repository or 0.
struct DamagedMarker {
    digest: String,
    repository_id: i64,
}

impl FromStr for DamagedMarker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (digest, id) = text.split_once('/').ok_or(())?;
        Ok(Self {
            digest: digest.to_owned(),
            repository_id: id.parse().map_err(drop)?,
        })
    }
}

/// List damaged blobs and manifests
///
/// Their stored bytes are missing or wrong, as a read or the scrub found. Pushing one again, anywhere, heals it. For the
/// administrators of the account that runs the registry.
#[utoipa::path(get, path = "/v2/manage/maintenance/damaged", operation_id = "list_damaged", tag = "maintenance",
    params(MarkedParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = DamagedList),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn damaged(State(app): State<AppState>, call: Call) -> Result<Json<DamagedList>, Refused> {
    let page = Marked::<DamagedMarker>::of(&call)?;
    let last = page
        .marker
        .as_ref()
        .map(|marker| (marker.digest.as_str(), marker.repository_id));
    // One more tells whether there is a next page.
    let found = app.registry.damaged(&call.caller, last, page.limit + 1);
    let mut reports = found.await.map_err(refused)?;
    let kept = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = reports.len() > kept;
    reports.truncate(kept);
    let end = reports.last().filter(|_| has_more);
    Ok(Json(DamagedList {
        next_marker: end.map(|report| {
            let id = report.damaged.repository_id.unwrap_or(0);
            format!("{}/{id}", report.damaged.digest)
        }),
        damaged: reports.into_iter().map(damage).collect(),
    }))
}

fn damage(report: DamageReport) -> DamagedDocument {
    let place = |place: Affected| AffectedDocument {
        repository: place.repository,
        tag: place.tag,
    };
    DamagedDocument {
        digest: report.damaged.digest,
        kind: if report.damaged.repository_id.is_some() {
            "manifest"
        } else {
            "blob"
        },
        size: report.damaged.size,
        damage: report.damaged.damage,
        found_at: Time(report.damaged.found_at),
        affected: report.affected.into_iter().map(place).collect(),
    }
}

fn document(run: MaintenanceRun) -> MaintenanceRunDocument {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_default();
    MaintenanceRunDocument {
        id: run.id,
        options: value(&run.options),
        progress: value(&run.progress),
        report: value(&run.report),
        kind: run.kind,
        state: run.state,
        wanted_by: run.wanted_by,
        created_at: Time(run.created_at),
        started_at: run.started_at.map(Time),
        ended_at: run.ended_at.map(Time),
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Other, error)
}
