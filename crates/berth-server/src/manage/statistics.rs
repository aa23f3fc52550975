//! What was pulled, pushed and stored (operations 54 and 55), and the numbers by day that the console draws.

use axum::Json;
use axum::extract::State;
use berth_registry::{CountedDay, Error, Frequency, Measure, OrganizationUsage, Statistics, StatisticsOf};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::names::{InOrganization, InRepository};
use crate::manage::names::Path;
use crate::state::AppState;

/// Bytes of a MiB.
const MEBIBYTE: f64 = 1_048_576.0;
/// Days that are told of when nobody says how many.
const DAYS_DEFAULT: i64 = 30;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(overview))
        .routes(routes!(reports))
        .routes(routes!(of_account))
        .routes(routes!(of_organization))
        .routes(routes!(of_repository))
}

/// An account in a few numbers.
#[derive(Serialize, ToSchema)]
struct DomainOverview {
    /// The account's id, 32 hex digits.
    domain_id: String,
    /// The account's name.
    domain_name: String,
    /// Organizations; the name is misspelt in SWR's API.
    namspace_num: i64,
    /// Images.
    repo_num: i64,
    /// Tags of the images.
    image_num: i64,
    /// MiB (1,048,576 bytes) that the images hold; layers that two images share count for both.
    store_space: f64,
    /// MiB of layers and configurations sent to clients since this registry began to count.
    downflow_size: f64,
}

/// Show the account in numbers
///
/// Administrators of the account see all of it; everybody else the organizations on which they have a permission.
/// `store_space` and `downflow_size` are in MiB.
#[utoipa::path(get, path = "/v2/manage/overview", operation_id = "show_domain_overview", tag = "statistics",
    responses((status = 200, body = DomainOverview)))]
async fn overview(State(app): State<AppState>, call: Call) -> Result<Json<DomainOverview>, Refused> {
    let found = app.registry.overview(&call.caller).await.map_err(refused)?;
    Ok(Json(DomainOverview {
        domain_id: found.account_id,
        domain_name: found.account_name,
        namspace_num: found.organizations,
        repo_num: found.repositories,
        image_num: found.tags,
        store_space: mebibytes(found.stored_bytes),
        downflow_size: mebibytes(found.bytes_out),
    }))
}

/// The path of a report.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InReport {
    /// `store` (MiB held), `downflow` (MiB sent), and beyond SWR's: `pulls`, `pushes` (manifests).
    resource_type: String,
    /// `daily` (the last 30 days) or `monthly` (the last 12 months).
    frequency: String,
}

/// One step of a report.
#[derive(Serialize, ToSchema)]
struct ReportValue {
    /// The day, or the first day of the month, UTC.
    #[schema(format = Date, example = "2026-01-02")]
    date: String,
    /// MiB, or a number of manifests.
    #[schema(value_type = f64)]
    value: Amount,
}

/// A number of a report.
#[derive(Serialize)]
#[serde(untagged)]
enum Amount {
    Mebibytes(f64),
    Count(i64),
}

/// Show the account over time
///
/// The last 30 days or 12 months, today and this month included, oldest first; earlier than this registry began to count,
/// or than the account was made, there is nothing. A day on which nothing happened has the value 0. What is stored is
/// what was held at the end of the day or month, and now for the last one. `store` and `downflow` are in MiB. Who sees
/// what is as in the overview.
#[utoipa::path(get, path = "/v2/manage/reports/{resource_type}/{frequency}", operation_id = "show_domain_resource_reports",
    tag = "statistics", params(InReport),
    responses((status = 200, body = Vec<ReportValue>)))]
async fn reports(
    State(app): State<AppState>,
    Path(report): Path<InReport>,
    call: Call,
) -> Result<Json<Vec<ReportValue>>, Refused> {
    let measure = match report.resource_type.as_str() {
        "store" => Measure::Stored,
        "downflow" => Measure::BytesOut,
        "pulls" => Measure::Pulls,
        "pushes" => Measure::Pushes,
        _ => {
            return Err(Refused::invalid(
                "4000014",
                "a report is of store, downflow, pulls or pushes",
            ));
        }
    };
    let frequency = match report.frequency.as_str() {
        "daily" => Frequency::Daily,
        "monthly" => Frequency::Monthly,
        _ => return Err(Refused::invalid("4000014", "a report is daily or monthly")),
    };
    let entries = app.registry.report(&call.caller, measure, frequency).await;
    let value = |value| match measure {
        Measure::Stored | Measure::BytesOut => Amount::Mebibytes(mebibytes(value)),
        Measure::Pulls | Measure::Pushes => Amount::Count(value),
    };
    let entries = entries.map_err(refused)?.into_iter();
    Ok(Json(
        entries
            .map(|entry| ReportValue {
                date: entry.date,
                value: value(entry.value),
            })
            .collect(),
    ))
}

/// How far back.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what days() reads")]
struct DaysParameters {
    /// Days to tell of, today included; 30 when nobody says.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// What was counted on one day.
#[derive(Serialize, ToSchema)]
struct DayStatistics {
    /// The day, UTC.
    #[schema(format = Date, example = "2026-01-02")]
    date: String,
    /// Manifests sent; a client that pulls one platform of an image for several asks for two.
    pulls: i64,
    /// Manifests received.
    pushes: i64,
    /// Bytes of layers and configurations sent to clients.
    bytes_out: i64,
    /// Bytes of layers and configurations received.
    bytes_in: i64,
    /// Bytes held at the end of the day, or now; absent while unknown, and for an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_bytes: Option<i64>,
}

/// What an organization holds now.
#[derive(Serialize, ToSchema)]
struct OrganizationStatistics {
    /// The organization.
    namespace: String,
    /// Its images.
    repo_num: i64,
    /// Their tags.
    image_num: i64,
    /// Bytes that the images hold; layers that two images share count for both.
    stored_bytes: i64,
}

/// What was counted by day, and what is held now.
#[derive(Serialize, ToSchema)]
struct StatisticsBody {
    /// Oldest first, up to today.
    days: Vec<DayStatistics>,
    /// The organizations by name; empty for an image.
    namespaces: Vec<OrganizationStatistics>,
}

/// Show what happened in the account by day
///
/// Administrators of the account see all of it, with what is deleted by now; everybody else the organizations on which they
/// have a permission.
#[utoipa::path(get, path = "/v2/manage/statistics", operation_id = "show_statistics", tag = "statistics",
    params(DaysParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = StatisticsBody),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn of_account(State(app): State<AppState>, call: Call) -> Result<Json<StatisticsBody>, Refused> {
    statistics(&app, &call, StatisticsOf::Account).await
}

/// Show what happened in an organization by day
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/statistics", operation_id = "show_namespace_statistics",
    tag = "statistics", params(InOrganization, DaysParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = StatisticsBody), (status = 404, body = RefusalBody)))]
async fn of_organization(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<Json<StatisticsBody>, Refused> {
    statistics(&app, &call, StatisticsOf::Organization(place.name()?)).await
}

/// Show what happened to an image by day
///
/// For those who have a right on the image; that it is public or shared with them is not enough. The days of an image are
/// kept for 400 days, and go with it.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/statistics",
    operation_id = "show_repository_statistics", tag = "statistics", params(InRepository, DaysParameters),
    extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = StatisticsBody), (status = 404, body = RefusalBody)))]
async fn of_repository(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<StatisticsBody>, Refused> {
    statistics(&app, &call, StatisticsOf::Repository(place.name()?)).await
}

async fn statistics(app: &AppState, call: &Call, of: StatisticsOf) -> Result<Json<StatisticsBody>, Refused> {
    let days = days(call)?;
    let found = app.registry.statistics(&call.caller, &of, days).await;
    Ok(Json(document(found.map_err(refused)?)))
}

/// The days asked for; the registry knows how many are too many.
fn days(call: &Call) -> Result<i64, Refused> {
    let Some(days) = call.query("days") else {
        return Ok(DAYS_DEFAULT);
    };
    days.parse()
        .map_err(|_| Refused::invalid("4001025", "days is a number from 1 to 366"))
}

fn document(found: Statistics) -> StatisticsBody {
    let day = |day: CountedDay| DayStatistics {
        date: day.date,
        pulls: day.counts.pulls,
        pushes: day.counts.pushes,
        bytes_out: day.counts.bytes_out,
        bytes_in: day.counts.bytes_in,
        stored_bytes: day.stored_bytes,
    };
    let organization = |usage: OrganizationUsage| OrganizationStatistics {
        namespace: usage.name,
        repo_num: usage.repositories,
        image_num: usage.tags,
        stored_bytes: usage.stored_bytes,
    };
    StatisticsBody {
        days: found.days.into_iter().map(day).collect(),
        namespaces: found.organizations.into_iter().map(organization).collect(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a registry holds less than the 8 PiB up to which every byte counts"
)]
fn mebibytes(bytes: i64) -> f64 {
    bytes as f64 / MEBIBYTE
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Other, error)
}
