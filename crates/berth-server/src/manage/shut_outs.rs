//! Who is shut out for a while because of too many requests (an extension).

use axum::Json;
use axum::extract::State;
use berth_registry::{Error, ShutOut, ShutOutSubject, now_ms};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::Path;
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(lift))
}

/// A page of them.
#[derive(Serialize, ToSchema)]
struct ShutOuts {
    /// Newest first.
    shut_outs: Vec<ShutOutDocument>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// That somebody neither logs in nor pushes or pulls with a client.
#[derive(Serialize, ToSchema)]
struct ShutOutDocument {
    id: i64,
    /// The account that is shut out; none: an address.
    account: Option<String>,
    /// The address that is shut out, for those who do not log in; none: an account.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// Which rate was not kept.
    #[schema(example = "limits.rate_push_account = \"20/s\"")]
    reason: String,
    /// Whether it is so now.
    in_force: bool,
    began_at: Time,
    ends_at: Time,
    /// When it was lifted; none: nobody did.
    lifted_at: Option<Time>,
    /// Who lifted it.
    lifted_by: Option<String>,
}

/// List who is or was shut out
///
/// Newest first; those that ended are kept for 30 days. The administrators of the account that runs the registry see all, those of
/// another account what is their own account's.
#[utoipa::path(get, path = "/v2/manage/shut-outs", operation_id = "list_shut_outs", tag = "limits",
    params(MarkedParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = ShutOuts),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<ShutOuts>, Refused> {
    let page = Marked::<i64>::of(&call)?;
    // One more tells whether there is a next page.
    let found = app
        .registry
        .shut_outs(&call.caller, (page.marker, page.limit + 1));
    let mut found = found.await.map_err(refused)?;
    let kept = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = found.len() > kept;
    found.truncate(kept);
    Ok(Json(ShutOuts {
        next_marker: found.last().filter(|_| has_more).map(|one| one.id.to_string()),
        shut_outs: found.into_iter().map(document).collect(),
    }))
}

/// Lift a shut-out
///
/// Holds in every process within two seconds. For the administrators of the account that runs the registry.
#[utoipa::path(delete, path = "/v2/manage/shut-outs/{shut_out_id}", operation_id = "lift_shut_out", tag = "limits",
    params(("shut_out_id" = i64, Path, description = "Its id")), extensions(("x-berth-extension" = json!(true))),
    responses((status = 204), (status = 404, body = RefusalBody)))]
async fn lift(State(app): State<AppState>, Path(id): Path<i64>, call: Call) -> Result<StatusCode, Refused> {
    app.registry
        .lift_shut_out(&call.caller, id)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn document(one: ShutOut) -> ShutOutDocument {
    let (account, address) = match one.subject {
        // An account that is gone has its id only.
        ShutOutSubject::Account(id) => (Some(one.account_name.unwrap_or(id)), None),
        ShutOutSubject::Address(address) => (None, Some(address)),
    };
    ShutOutDocument {
        id: one.id,
        account,
        address,
        reason: one.reason,
        in_force: one.ends_at > now_ms(),
        began_at: Time(one.began_at),
        ends_at: Time(one.ends_at),
        lifted_at: one.lifted_at.map(Time),
        lifted_by: one.lifted_by,
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Other, error)
}
