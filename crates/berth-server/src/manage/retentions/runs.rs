//! What retention would delete of an image, what it did and when: calls that SWR does not have.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use berth_registry::{
    Fate, FateWanted, PreviewPage, PreviewedTag, RetentionLogRow, RetentionPreview, RetentionRun, Totals,
    WantedRetention,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{RetentionRule, refused, wanted_rule};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::ledger::{FreedDocument, freed_document};
use crate::manage::listing::{Marked, MarkedParameters};
use crate::manage::names::{InRepository, Path};
use crate::manage::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(list_runs, run))
        .routes(routes!(log))
}

/// A retention that is only thought of; an empty object for what is in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    /// `or`; goes with `rules`.
    #[serde(default)]
    #[schema(pattern = "^or$", example = "or")]
    algorithm: Option<String>,
    /// Exactly one rule, in the place of the image's; what is in force when absent.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 1)]
    rules: Option<Vec<RetentionRule>>,
}

/// Which tags a preview tells.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what preview() reads")]
struct PreviewParameters {
    /// Only tags that go, or only those that stay.
    fate: Option<FateName>,
}

/// What becomes of a tag.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FateName {
    /// It goes.
    Deleted,
    /// It stays.
    Kept,
}

/// Tags, counted.
#[derive(Serialize, ToSchema)]
pub(super) struct RetentionTotals {
    /// All.
    tags: i64,
    /// Those that go.
    deleted: i64,
    /// Those that stay, by why: `rule`, `exempt`, `running`, `immutable`, `index`, `signature`, `subject`, `no_rule`.
    kept: BTreeMap<&'static str, i64>,
}

/// A tag and what becomes of it.
#[derive(Serialize, ToSchema)]
pub(super) struct TagFate {
    tag: String,
    /// What it names.
    digest: String,
    /// When it was pushed last, set to something else, or restored.
    pushed_at: Time,
    fate: FateName,
    /// Why it stays; null when it goes.
    because: Option<&'static str>,
    /// Why, for people: the figures, the selector, the workload, the rule, the digest.
    reason: String,
}

/// What a run would do now.
#[derive(Serialize, ToSchema)]
struct PreviewDocument {
    /// Whether the image's own retention decides, and not the rules of its organization.
    own: bool,
    /// Rules that are for the image.
    rules: usize,
    totals: RetentionTotals,
    /// What deleting those that go frees in the end; beside the first page only.
    freed: Option<FreedDocument>,
    /// A page of the tags, by name.
    tags: Vec<TagFate>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A run over an image's tags.
#[derive(Serialize, ToSchema)]
struct RunDocument {
    id: i64,
    /// Why it is: `set` when a rule was set or changed, `asked`, `regular`.
    why: &'static str,
    /// `waiting`, `running`, `done` or `failed`.
    status: &'static str,
    /// Who wanted it; null for the registry itself, or when the user is gone.
    user_name: Option<String>,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Tags that were judged.
    tags: i64,
    /// Tags that it deleted.
    deleted: i64,
    /// Bytes of blobs that nothing needs without them, once the bin lets them go.
    freed_bytes: i64,
    /// Tags that it kept, by why.
    #[schema(value_type = BTreeMap<String, i64>)]
    kept: serde_json::Value,
    /// Why it did not come to its end.
    failed: Option<String>,
}

/// A page of runs, newest first.
#[derive(Serialize, ToSchema)]
struct RunsDocument {
    runs: Vec<RunDocument>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// A tag that was deleted, with the reason.
#[derive(Serialize, ToSchema)]
struct DeletionDocument {
    id: i64,
    tag: String,
    /// What it named.
    digest: String,
    /// When it had been pushed last; null for lines from before that was kept.
    pushed_at: Option<Time>,
    deleted_at: Time,
    /// Why it went, for people.
    reason: String,
    /// The rule as it was then, JSON as text.
    rule: String,
    /// The image's own retention that did it; 0 for rules of the organization.
    retention_id: i64,
    /// The run that did it; null for lines from before runs were kept.
    run_id: Option<i64>,
}

/// A page of deletions, newest first.
#[derive(Serialize, ToSchema)]
struct DeletionsDocument {
    deletions: Vec<DeletionDocument>,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// Preview what retention would delete
///
/// What a run would do now, by what is in force or, with `rules`, by that retention in its place, before it is saved: which
/// tags go, which stay and why, and what that frees. A run does the same as long as nothing changes between.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/preview",
    operation_id = "preview_retention", tag = "retention", params(InRepository, PreviewParameters, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))), request_body = PreviewBody,
    responses((status = 200, body = PreviewDocument), (status = 404, body = RefusalBody)))]
async fn preview(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<PreviewDocument>, Refused> {
    let (name, page) = (place.name()?, Marked::<String>::of(&call)?);
    let fate = match call.query("fate").as_deref() {
        None => FateWanted::All,
        Some("deleted") => FateWanted::Going,
        Some("kept") => FateWanted::Kept,
        Some(_) => return Err(Refused::invalid("4001025", "fate is deleted or kept")),
    };
    let sent: PreviewBody = call.json()?;
    let wanted = match (sent.algorithm, sent.rules) {
        (None, None) => None,
        (algorithm, rules) => Some(WantedRetention {
            algorithm: algorithm.unwrap_or_default(),
            rules: rules.unwrap_or_default().into_iter().map(wanted_rule).collect(),
        }),
    };
    let page = PreviewPage {
        fate,
        limit: u32::try_from(page.limit).unwrap_or(u32::MAX),
        last: page.marker,
    };
    let found = app
        .registry
        .preview_retention(&call.caller, &name, wanted.as_ref(), &page)
        .await;
    Ok(Json(document(found.map_err(refused)?)))
}

/// List the runs of an image's retention
///
/// Newest first. Of regular runs in a row that found nothing to delete the last one is kept.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/runs",
    operation_id = "list_retention_runs", tag = "retention", params(InRepository, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = RunsDocument), (status = 404, body = RefusalBody)))]
async fn list_runs(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<RunsDocument>, Refused> {
    let (name, page) = (place.name()?, Marked::<i64>::of(&call)?);
    let limit = u32::try_from(page.limit).unwrap_or(u32::MAX);
    let found = app
        .registry
        .retention_runs(&call.caller, &name, (page.marker, limit));
    let found = found.await.map_err(refused)?;
    let next_marker = found.entries.last().filter(|_| found.more).map(|last| last.id);
    Ok(Json(RunsDocument {
        runs: found.entries.into_iter().map(run_document).collect(),
        next_marker,
    }))
}

/// Run an image's retention now
///
/// For who manages the image. Answered before the run: its entry in the list of runs tells how it went. One that waits already
/// is answered again.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/runs",
    operation_id = "run_retention", tag = "retention", params(InRepository),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 202, body = RunDocument), (status = 404, body = RefusalBody)))]
async fn run(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<RunDocument>), Refused> {
    let name = place.name()?;
    let asked = app.registry.run_retention(&call.caller, &name);
    let run = asked.await.map_err(refused)?;
    Ok((StatusCode::ACCEPTED, Json(run_document(run))))
}

/// List what retention deleted from an image, with the reasons
///
/// Newest first. `list_retention_histories` tells the same in SWR's form.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/retentions/log",
    operation_id = "list_retention_log", tag = "retention", params(InRepository, MarkedParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = DeletionsDocument), (status = 404, body = RefusalBody)))]
async fn log(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<DeletionsDocument>, Refused> {
    let (name, page) = (place.name()?, Marked::<i64>::of(&call)?);
    let limit = u32::try_from(page.limit).unwrap_or(u32::MAX);
    let found = app
        .registry
        .retention_deletions(&call.caller, &name, (page.marker, limit));
    let found = found.await.map_err(refused)?;
    let next_marker = found.entries.last().filter(|_| found.more).map(|last| last.id);
    Ok(Json(DeletionsDocument {
        deletions: found.entries.into_iter().map(deletion_document).collect(),
        next_marker,
    }))
}

fn document(found: RetentionPreview) -> PreviewDocument {
    let last = found.tags.entries.last().map(|last| last.tag.tag.clone());
    PreviewDocument {
        own: found.is_own,
        rules: found.rules,
        totals: totals(&found.totals),
        freed: found.would_free.as_ref().map(freed_document),
        next_marker: last.filter(|_| found.tags.more),
        tags: found.tags.entries.into_iter().map(tag_fate).collect(),
    }
}

/// Tags, counted, as they are shown.
pub(super) fn totals(found: &Totals) -> RetentionTotals {
    let kept = found
        .kept
        .iter()
        .map(|(because, count)| (because.as_str(), *count));
    RetentionTotals {
        tags: found.tags,
        deleted: found.deleted,
        kept: kept.collect(),
    }
}

/// A tag and what becomes of it, as it is shown.
pub(super) fn tag_fate(found: PreviewedTag) -> TagFate {
    let (fate, because, reason) = match found.fate {
        Fate::Goes { reason, .. } => (FateName::Deleted, None, reason),
        Fate::Kept { because, reason } => (FateName::Kept, Some(because.as_str()), reason),
    };
    TagFate {
        tag: found.tag.tag,
        digest: found.tag.digest,
        pushed_at: Time(found.tag.pushed_at),
        fate,
        because,
        reason,
    }
}

fn run_document(run: RetentionRun) -> RunDocument {
    RunDocument {
        id: run.id,
        why: run.why.as_str(),
        status: match (run.started_at, run.ended_at, &run.failed) {
            (None, ..) => "waiting",
            (_, None, _) => "running",
            (_, _, None) => "done",
            _ => "failed",
        },
        user_name: run.user_name,
        created_at: Time(run.created_at),
        started_at: run.started_at.map(Time),
        ended_at: run.ended_at.map(Time),
        tags: run.tags,
        deleted: run.deleted,
        freed_bytes: run.freed_bytes,
        kept: serde_json::from_str(&run.kept).unwrap_or_default(),
        failed: run.failed,
    }
}

fn deletion_document(line: RetentionLogRow) -> DeletionDocument {
    DeletionDocument {
        id: line.id,
        tag: line.tag,
        digest: line.digest,
        pushed_at: Some(Time(line.pushed_at)).filter(|_| line.pushed_at > 0),
        deleted_at: Time(line.at),
        reason: line.reason,
        rule: line.rule,
        retention_id: line.retention_id,
        run_id: line.run_id,
    }
}
