//! How a mirror does: what it saved, how much more the other registry will answer, what went wrong last.

use axum::Json;
use axum::extract::State;
use berth_registry::{MirrorRound, MirrorStanding};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refused;
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::names::Path;
use crate::manage::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(figures))
        .routes(routes!(prefetch))
}

/// How a mirror does.
#[derive(Serialize, ToSchema)]
struct MirrorFigures {
    /// Requests that were answered with what was here.
    hits: i64,
    /// Requests for which something was fetched.
    misses: i64,
    /// Hits among all requests, 0 to 1; none before the first.
    hit_ratio: Option<f64>,
    /// Bytes of the answers to hits.
    bytes_served: i64,
    /// Bytes that came from the other registry.
    bytes_fetched: i64,
    /// Bytes that did not have to come from there.
    bytes_saved: i64,
    /// How much more the other registry will answer, when it told this process.
    budget: Option<MirrorBudget>,
    /// Until when it is not asked for manifests because it limits requests.
    limited_until: Option<Time>,
    /// What went wrong with it last, since this process started.
    last_failure: Option<MirrorFailure>,
    /// How fetching ahead stands.
    prefetch: MirrorPrefetch,
}

/// How fetching ahead stands: by the hour, and when somebody asks.
#[derive(Serialize, ToSchema)]
struct MirrorPrefetch {
    /// When somebody asked for a round that has not begun.
    wanted_at: Option<Time>,
    /// When the last round began.
    begun_at: Option<Time>,
    /// When the last round ended that did; the others are what it did.
    ended_at: Option<Time>,
    /// Whether a round goes on, or broke off and is done again soon.
    running: bool,
    /// Images that are here.
    images: i64,
    /// Images and patterns that could not be fetched.
    failed: i64,
    /// Why, the first 20 of them.
    failures: Vec<String>,
}

/// How much more a registry will answer.
#[derive(Serialize, ToSchema)]
struct MirrorBudget {
    /// Requests that are left.
    remaining: u64,
    /// Requests in a window of time.
    limit: Option<u64>,
    /// The window.
    window_seconds: Option<u64>,
    /// When it said so.
    told_at: Time,
    /// When all of it is there again at the latest.
    renews_at: Option<Time>,
}

/// Something that went wrong with another registry.
#[derive(Serialize, ToSchema)]
struct MirrorFailure {
    /// A sentence.
    text: String,
    at: Time,
}

/// Show how a mirror does
///
/// Hits and bytes are those of all processes of this registry; the budget and the last failure are what the answering one
/// knows.
#[utoipa::path(get, path = "/v2/manage/mirrors/{mirror}/figures", operation_id = "show_mirror_figures",
    tag = "registrations", params(("mirror" = String, Path, description = "The mirror's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = MirrorFigures), (status = 404, body = RefusalBody)))]
async fn figures(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Json<MirrorFigures>, Refused> {
    let found = app.registry.mirror_figures(&call.caller, &name);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Fetch what a mirror's rules name
///
/// For administrators. It happens each hour by itself; the answer does not wait for it. What came of it is in the mirror's
/// figures. While a round goes on another one is put behind it.
#[utoipa::path(post, path = "/v2/manage/mirrors/{mirror}/prefetch", operation_id = "prefetch_mirror",
    tag = "registrations", params(("mirror" = String, Path, description = "The mirror's name")),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 202), (status = 404, body = RefusalBody)))]
async fn prefetch(
    State(app): State<AppState>,
    Path(name): Path<String>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let begun = app.registry.prefetch_mirror(&call.caller, &name);
    begun.await.map_err(refused)?;
    Ok(StatusCode::ACCEPTED)
}

fn document(standing: MirrorStanding) -> MirrorFigures {
    let figures = standing.figures;
    let requests = figures.hits + figures.misses;
    MirrorFigures {
        hits: figures.hits,
        misses: figures.misses,
        hit_ratio: (requests > 0).then(|| ratio(figures.hits, requests)),
        bytes_served: figures.bytes_served,
        bytes_fetched: figures.bytes_fetched,
        bytes_saved: figures.bytes_served,
        budget: standing.budget.map(|budget| MirrorBudget {
            remaining: budget.remaining,
            limit: budget.limit,
            window_seconds: budget.window_seconds,
            told_at: Time(budget.at),
            renews_at: budget.window_seconds.map(|seconds| {
                let window = i64::try_from(seconds).unwrap_or(i64::MAX / 2000);
                Time(budget.at.saturating_add(window * 1000))
            }),
        }),
        prefetch: prefetch_of(standing.round),
        limited_until: standing.limited_until.map(Time),
        last_failure: standing.last_failure.map(|failure| MirrorFailure {
            text: failure.sentence,
            at: Time(failure.at),
        }),
    }
}

fn prefetch_of(round: MirrorRound) -> MirrorPrefetch {
    MirrorPrefetch {
        running: round.begun_at > round.ended_at,
        wanted_at: round.wanted_at.map(Time),
        begun_at: round.begun_at.map(Time),
        ended_at: round.ended_at.map(Time),
        images: round.did.images,
        failed: round.did.failed,
        failures: round.did.failures,
    }
}

/// Four digits of it: more would be noise.
fn ratio(part: i64, whole: i64) -> f64 {
    let ten_thousandths = part.saturating_mul(10_000) / whole.max(1);
    f64::from(i32::try_from(ten_thousandths).unwrap_or(10_000)) / 10_000.0
}
