//! What somebody sees first (an extension): all of it in one answer, because a page waits for the slowest of its requests.

mod attention;

use axum::Json;
use axum::extract::State;
use berth_registry::{CountedDay, Dashboard, OrganizationUsage, PulledImage, RecentPush};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use attention::{DashboardAttention, attention};

use super::call::Call;
use super::error::Refused;
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What somebody has, and what happens to it.
#[derive(Serialize, ToSchema)]
struct DashboardBody {
    /// Sums over everything that the caller has a right on.
    figures: DashboardFigures,
    /// The last 30 days, today included, oldest first; none before the account was made.
    days: Vec<DashboardCounts>,
    /// The last 12 months, this one included, oldest first.
    months: Vec<DashboardCounts>,
    /// The ten organizations that hold most, the largest first.
    space: Vec<DashboardSpace>,
    /// Bytes of all other organizations together.
    space_of_others: i64,
    /// The images that were pulled most, ever.
    most_pulled: Vec<DashboardPulled>,
    /// The newest tags, the newest one of each image.
    newest: Vec<DashboardTag>,
    runs: Vec<DashboardRuns>,
    /// What needs attention, by urgency of its kind.
    attention: Vec<DashboardAttention>,
    steps: DashboardSteps,
}

/// Sums.
#[derive(Serialize, ToSchema)]
struct DashboardFigures {
    organizations: i64,
    images: i64,
    tags: i64,
    /// Bytes that the images hold; layers that two images share count for both. What is stored once: `GET /v2/manage/ledger`.
    held_bytes: i64,
}

/// What was counted in a day or month.
#[derive(Serialize, ToSchema)]
struct DashboardCounts {
    /// The day, or the first day of the month, UTC.
    #[schema(format = Date, example = "2026-01-02")]
    date: String,
    /// Manifests sent.
    pulls: i64,
    /// Manifests received.
    pushes: i64,
}

/// What an organization holds.
#[derive(Serialize, ToSchema)]
struct DashboardSpace {
    namespace: String,
    images: i64,
    bytes: i64,
}

/// An image and its pulls.
#[derive(Serialize, ToSchema)]
struct DashboardPulled {
    namespace: String,
    repository: String,
    pulls: i64,
}

/// A tag that was pushed or moved.
#[derive(Serialize, ToSchema)]
struct DashboardTag {
    namespace: String,
    repository: String,
    tag: String,
    digest: String,
    at: Time,
    /// Who moved it; null for the registry itself.
    user_name: Option<String>,
}

/// What runs of a kind do.
#[derive(Serialize, ToSchema)]
struct DashboardRuns {
    kind: RunKind,
    waiting: i64,
    running: i64,
    /// Within a week.
    failed: i64,
}

/// A kind of runs.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RunKind {
    /// Triggers that update workloads.
    Trigger,
    /// Webhooks.
    Webhook,
    /// Copies to other regions.
    Sync,
    /// Retention.
    Retention,
}

const RUN_KINDS: [(RunKind, &str); 4] = [
    (RunKind::Trigger, "trigger"),
    (RunKind::Webhook, "webhook"),
    (RunKind::Sync, "sync"),
    (RunKind::Retention, "retention"),
];

/// What somebody new does first, and whether it is done.
#[derive(Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each step is done or not, in any order"
)]
struct DashboardSteps {
    /// There is an organization.
    organization: bool,
    /// The caller made a login command, or used a key.
    login: bool,
    /// There is an image.
    image: bool,
    /// An image is shared, or somebody else has a right on it.
    share: bool,
}

/// Show the dashboard
///
/// Administrators of the account see all of it; everybody else what they have a right on, if on single images only. Public
/// images and those that others share are not in it.
#[utoipa::path(get, path = "/v2/manage/dashboard", operation_id = "show_dashboard", tag = "statistics",
    extensions(("x-berth-extension" = json!(true))), responses((status = 200, body = DashboardBody)))]
async fn show(State(app): State<AppState>, call: Call) -> Result<Json<DashboardBody>, Refused> {
    let found = app.registry.dashboard(&call.caller).await?;
    Ok(Json(document(found)))
}

fn document(found: Dashboard) -> DashboardBody {
    let runs = RUN_KINDS.map(|(kind, name)| {
        let count = |state: &str| {
            let counted = found
                .runs
                .iter()
                .filter(|run| run.kind == name && run.state == state);
            counted.map(|run| run.count).sum()
        };
        DashboardRuns {
            kind,
            waiting: count("waiting"),
            running: count("running"),
            failed: count("failed"),
        }
    });
    DashboardBody {
        figures: DashboardFigures {
            organizations: found.organizations,
            images: found.all.repositories,
            tags: found.all.tags,
            held_bytes: found.all.stored_bytes,
        },
        days: found.days.into_iter().map(counts).collect(),
        months: found.months.into_iter().map(counts).collect(),
        space: found.largest.into_iter().map(space).collect(),
        space_of_others: found.others.stored_bytes,
        most_pulled: found.most_pulled.iter().map(pulled).collect(),
        newest: found.newest.into_iter().map(newest).collect(),
        runs: runs.into(),
        attention: attention(found.attention),
        steps: DashboardSteps {
            organization: found.organizations > 0,
            login: found.begun.login,
            image: found.all.repositories > 0,
            share: found.begun.share,
        },
    }
}

fn counts(day: CountedDay) -> DashboardCounts {
    DashboardCounts {
        date: day.date,
        pulls: day.counts.pulls,
        pushes: day.counts.pushes,
    }
}

fn space(usage: OrganizationUsage) -> DashboardSpace {
    DashboardSpace {
        namespace: usage.name,
        images: usage.repositories,
        bytes: usage.stored_bytes,
    }
}

/// The parts of a full name.
fn parts(full_name: &str) -> (String, String) {
    let (namespace, repository) = full_name.split_once('/').unwrap_or((full_name, ""));
    (namespace.to_owned(), repository.to_owned())
}

fn pulled(image: &PulledImage) -> DashboardPulled {
    let (namespace, repository) = parts(&image.full_name);
    DashboardPulled {
        namespace,
        repository,
        pulls: image.pulls,
    }
}

fn newest(tag: RecentPush) -> DashboardTag {
    let (namespace, repository) = parts(&tag.full_name);
    DashboardTag {
        namespace,
        repository,
        tag: tag.tag,
        digest: tag.digest,
        at: Time(tag.at),
        user_name: tag.user_name,
    }
}
