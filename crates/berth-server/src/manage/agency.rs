//! Whether the triggers of an account may act on clusters, as SWR's clients ask (operations 56 and 57).

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(check, create))
}

/// Whether the triggers of an account may act on clusters.
#[derive(Serialize, ToSchema)]
struct AgencyState {
    /// The account's id.
    domain_id: String,
    /// Whether they may.
    is_agency: bool,
}

/// Show whether the triggers of the caller's account may act on clusters
#[utoipa::path(get, path = "/v2/manage/agency", operation_id = "check_agency", tag = "triggers",
    responses((status = 200, body = AgencyState)))]
async fn check(State(app): State<AppState>, call: Call) -> Result<Json<AgencyState>, Refused> {
    let agency = app.registry.agency(&call.caller).await?;
    Ok(Json(AgencyState {
        domain_id: agency.account_id,
        is_agency: agency.exists,
    }))
}

/// Let the triggers of the caller's account act on clusters
///
/// Kept and answered for clients that ask before they set up triggers. What lets triggers act is the registered cluster:
/// this changes nothing else. For the account's administrators.
#[utoipa::path(post, path = "/v2/manage/agency", operation_id = "create_agency", tag = "triggers",
    responses((status = 204), (status = 409, body = RefusalBody)))]
async fn create(State(app): State<AppState>, call: Call) -> Result<StatusCode, Refused> {
    app.registry
        .create_agency(&call.caller)
        .await
        .map_err(|error| Refused::of(Subject::Account, error))?;
    Ok(StatusCode::NO_CONTENT)
}
