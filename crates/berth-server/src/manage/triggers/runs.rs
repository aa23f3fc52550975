//! Runs of triggers: what came of them with all there is to know, runs by hand, undoing, and dry runs; calls that SWR does
//! not have.

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use berth_registry::{Ahead, AheadEnd, ImageChange, TriggerPreview, TriggerRunView};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::documents::CreateTrigger;
use super::{InTrigger, refused};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::{self, InRepository, Path};
use crate::manage::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(runs))
        .routes(routes!(show_run))
        .routes(routes!(run))
        .routes(routes!(undo))
        .routes(routes!(try_kept))
        .routes(routes!(try_wanted))
}

/// The path of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InRun {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The trigger's name.
    trigger: String,
    /// The run's id.
    run_id: i64,
}

impl InRun {
    fn image(&self) -> Result<RepositoryName, Refused> {
        names::repository(&self.namespace, &self.repository)
    }
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
struct TriggerRuns {
    /// Newest first.
    runs: Vec<TriggerRunDocument>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// One time that a trigger acts.
#[derive(Serialize, ToSchema)]
struct TriggerRunDocument {
    id: i64,
    tag: String,
    /// What the tag named.
    digest: Option<String>,
    /// What it named before.
    previous_digest: Option<String>,
    /// Why it runs: how the tag came to name this (`push`, `retag` and so on), `run` by hand, or `undo`.
    why: String,
    /// Who pushed or asked; null when nobody is known.
    user_name: Option<String>,
    /// `waiting`, `running`; `success`, `failed`, `undone` after a failure, `superseded` by something newer, `cancelled`
    /// because the trigger was switched off.
    status: String,
    /// Why it ended so, or what it waits for, in a sentence.
    detail: String,
    /// The image that the workload was given.
    image: Option<String>,
    /// The images of the containers that were set.
    images: Vec<ImageChangeDocument>,
    /// How nodes stand to it that shall have the image first; null when none is waited for, or not yet.
    preheat: Option<TriggerRunPreheat>,
    /// Tries that failed for now, in a row.
    failures: i64,
    /// The run whose images this one puts back.
    undoes: Option<i64>,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

/// Nodes that are to have an image before a run sets it.
#[derive(Serialize, ToSchema)]
struct TriggerRunPreheat {
    /// The preheat, of which there is more to know.
    id: Option<i64>,
    outcome: TriggerPreheatOutcome,
    /// How many nodes were told.
    nodes: i64,
    /// How many have it.
    complete: i64,
    /// How many could not get it.
    failed: i64,
    /// Since when nodes are waited for: with the run before, where this one took its place while it waited.
    started_at: Time,
    /// Null while they are waited for.
    ended_at: Option<Time>,
}

/// What waiting for nodes came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TriggerPreheatOutcome {
    /// They are waited for.
    Waiting,
    /// All of them have it.
    Complete,
    /// Some could not get it, or it was cancelled.
    Incomplete,
    /// The time was over.
    Timeout,
    /// No connected node had the labels.
    NoNodes,
}

/// The image of a container, before and after.
#[derive(Serialize, ToSchema)]
struct ImageChangeDocument {
    container: String,
    before: String,
    after: String,
}

/// What to roll out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RunTrigger {
    /// A tag of the image; whether the trigger waits for it does not matter.
    #[schema(example = "v1")]
    tag: String,
}

/// What to try.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TryTrigger {
    /// The tag to pretend a push of; the newest that the trigger waits for when absent.
    #[serde(default)]
    tag: Option<String>,
}

/// A trigger to try before it is set up.
#[derive(Deserialize, ToSchema)]
struct TryWanted {
    /// The tag to pretend a push of; the newest that the trigger waits for when absent.
    #[serde(default)]
    tag: Option<String>,
    /// The trigger.
    trigger: CreateTrigger,
}

/// What a trigger would do now. Nothing was changed.
#[derive(Serialize, ToSchema)]
struct TriggerPreviewDocument {
    /// Tags of the image that the trigger waits for, the latest first, a hundred at most.
    tags: Vec<String>,
    /// How many there are among the tags that were looked at.
    tags_matching: usize,
    /// How many tags were looked at, the latest first.
    tags_seen: usize,
    /// The tag whose push was tried.
    tag: Option<String>,
    /// What it names.
    digest: Option<String>,
    /// The image that the workload would be given.
    image: Option<String>,
    /// The containers that would be set; those that stay as they are, too.
    images: Vec<ImageChangeDocument>,
    /// Whether the pods would be replaced.
    restarts: bool,
    /// The event that its webhook would tell; only its id and time are others each time.
    #[schema(value_type = Option<Object>)]
    event: Option<Value>,
    /// Why it would fail; null when the cluster would accept it.
    problem: Option<String>,
}

/// List the runs of a trigger
///
/// Newest first, with all there is to know. For who has a right on the image.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/runs",
    operation_id = "list_trigger_runs", tag = "triggers", params(InTrigger, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerRuns), (status = 400, body = RefusalBody),
        (status = 404, body = RefusalBody)))]
async fn runs(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<TriggerRuns>, Refused> {
    let (name, page) = (place.image()?, Marked::<i64>::of(&call)?);
    // One more tells whether there is a next page.
    let part = (page.marker, page.limit + 1);
    let found = app
        .registry
        .trigger_runs(&call.caller, &name, &place.trigger, part);
    let mut runs = found.await.map_err(refused)?;
    let kept = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = runs.len() > kept;
    runs.truncate(kept);
    Ok(Json(TriggerRuns {
        next_marker: runs.last().filter(|_| has_more).map(|view| view.run.id),
        runs: runs.into_iter().map(document).collect(),
    }))
}

/// Show a run of a trigger
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/runs/{run_id}",
    operation_id = "show_trigger_run", tag = "triggers", params(InRun), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerRunDocument), (status = 404, body = RefusalBody)))]
async fn show_run(
    State(app): State<AppState>,
    Path(place): Path<InRun>,
    call: Call,
) -> Result<Json<TriggerRunDocument>, Refused> {
    let name = place.image()?;
    let found = app
        .registry
        .trigger_run(&call.caller, &name, &place.trigger, place.run_id);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Run a trigger now
///
/// As if the tag were pushed at this moment, also when the trigger is switched off. For who may push the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/run",
    operation_id = "run_trigger", tag = "triggers", params(InTrigger), request_body = RunTrigger,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 202, body = TriggerRunDocument), (status = 404, body = RefusalBody)))]
async fn run(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<(StatusCode, Json<TriggerRunDocument>), Refused> {
    let (name, sent) = (place.image()?, call.json::<RunTrigger>()?);
    let tag = names::tag(&sent.tag)?;
    let begun = app
        .registry
        .run_trigger(&call.caller, &name, &place.trigger, &tag);
    Ok((
        StatusCode::ACCEPTED,
        Json(document(begun.await.map_err(refused)?)),
    ))
}

/// Undo a run of a trigger
///
/// A new run puts back the images that the containers had before. For who may push the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/runs/{run_id}/undo",
    operation_id = "undo_trigger_run", tag = "triggers", params(InRun), extensions(("x-berth-extension" = json!(true))),
    responses((status = 202, body = TriggerRunDocument), (status = 400, body = RefusalBody),
        (status = 404, body = RefusalBody)))]
async fn undo(
    State(app): State<AppState>,
    Path(place): Path<InRun>,
    call: Call,
) -> Result<(StatusCode, Json<TriggerRunDocument>), Refused> {
    let name = place.image()?;
    let begun = app
        .registry
        .undo_trigger_run(&call.caller, &name, &place.trigger, place.run_id);
    Ok((
        StatusCode::ACCEPTED,
        Json(document(begun.await.map_err(refused)?)),
    ))
}

/// Try a trigger without changing anything
///
/// Which tags it waits for, and what a push would change in the workload as it is now: the cluster is asked as for the
/// real change, with its right to change, and keeps nothing of it. For who may push the image.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/triggers/{trigger}/dry-run",
    operation_id = "try_trigger", tag = "triggers", params(InTrigger), request_body = TryTrigger,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerPreviewDocument), (status = 404, body = RefusalBody)))]
async fn try_kept(
    State(app): State<AppState>,
    Path(place): Path<InTrigger>,
    call: Call,
) -> Result<Json<TriggerPreviewDocument>, Refused> {
    let (name, sent) = (place.image()?, call.json::<TryTrigger>()?);
    let tag = sent.tag.as_deref().map(names::tag).transpose()?;
    let tried = app
        .registry
        .try_trigger(&call.caller, &name, &place.trigger, tag.as_ref());
    Ok(Json(preview(tried.await.map_err(refused)?)))
}

/// Try a trigger before it is set up
///
/// The same for a trigger that is not kept.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/trigger-dry-runs",
    operation_id = "try_new_trigger", tag = "triggers", params(InRepository), request_body = TryWanted,
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = TriggerPreviewDocument), (status = 404, body = RefusalBody)))]
async fn try_wanted(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<TriggerPreviewDocument>, Refused> {
    let (name, sent) = (place.name()?, call.json::<TryWanted>()?);
    let tag = sent.tag.as_deref().map(names::tag).transpose()?;
    let tried = app
        .registry
        .try_new_trigger(&call.caller, &name, sent.trigger.into(), tag.as_ref());
    Ok(Json(preview(tried.await.map_err(refused)?)))
}

fn document(view: TriggerRunView) -> TriggerRunDocument {
    let run = view.run;
    TriggerRunDocument {
        id: run.id,
        tag: run.tag,
        digest: run.digest,
        previous_digest: run.previous,
        why: run.why,
        user_name: run.user_name,
        status: run.status,
        detail: run.detail,
        image: view.image,
        images: changes(view.changes),
        preheat: view.ahead.as_ref().map(ahead),
        failures: run.failures,
        undoes: run.undoes,
        created_at: Time(run.at),
        started_at: run.started_at.map(Time),
        ended_at: run.ended_at.map(Time),
    }
}

fn ahead(ahead: &Ahead) -> TriggerRunPreheat {
    TriggerRunPreheat {
        id: ahead.id,
        outcome: match ahead.ended {
            None => TriggerPreheatOutcome::Waiting,
            Some((AheadEnd::Complete, _)) => TriggerPreheatOutcome::Complete,
            Some((AheadEnd::Incomplete, _)) => TriggerPreheatOutcome::Incomplete,
            Some((AheadEnd::Timeout, _)) => TriggerPreheatOutcome::Timeout,
            Some((AheadEnd::NoNodes, _)) => TriggerPreheatOutcome::NoNodes,
        },
        nodes: ahead.nodes,
        complete: ahead.complete,
        failed: ahead.failed,
        started_at: Time(ahead.since),
        ended_at: ahead.ended.map(|(_, at)| Time(at)),
    }
}

fn preview(preview: TriggerPreview) -> TriggerPreviewDocument {
    TriggerPreviewDocument {
        tags: preview.tags,
        tags_matching: preview.tags_matching,
        tags_seen: preview.tags_seen,
        tag: preview.tag,
        digest: preview.digest,
        image: preview.image,
        images: changes(preview.changes),
        restarts: preview.restarts,
        event: preview.event.and_then(|event| serde_json::from_str(&event).ok()),
        problem: preview.problem,
    }
}

fn changes(changes: Vec<ImageChange>) -> Vec<ImageChangeDocument> {
    let document = |change: ImageChange| ImageChangeDocument {
        container: change.container,
        before: change.before,
        after: change.after,
    };
    changes.into_iter().map(document).collect()
}
