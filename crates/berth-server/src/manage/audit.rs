//! The audit trail of the caller's account (an extension): listed, exported, verified.

mod export;
mod verification;

use axum::Json;
use axum::extract::State;
use berth_registry::{AuditEvent, AuditFilter, AuditMarker};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .merge(export::routes())
        .merge(verification::routes())
}

/// What the trail is searched for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what list() reads")]
struct AuditParameters {
    /// The first time wanted, RFC 3339.
    #[param(format = DateTime, example = "2026-01-02T03:04:05Z")]
    from: Option<String>,
    /// The time up to which events are wanted; not included.
    #[param(format = DateTime, example = "2026-01-03T03:04:05Z")]
    to: Option<String>,
    /// The user's name.
    user: Option<String>,
    /// The action: the id of an operation, or `put_manifest`, `delete_manifest`, `delete_blob`, `get_manifest`, `login`
    /// and so on.
    action: Option<String>,
    /// The resource, or one that holds it: `team` finds `team/app:v1` too.
    resource: Option<String>,
    /// `success` or `refused`.
    result: Option<String>,
}

/// A page of the audit trail.
#[derive(Serialize, ToSchema)]
struct AuditEvents {
    /// Newest first.
    events: Vec<AuditEntry>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// Something that somebody did or tried.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    time: Time,
    /// The user's id, when the user is known.
    user_id: Option<String>,
    /// The user's name at the time, or the name of a login that was refused; the id of an access key follows an `@`.
    user_name: String,
    /// What they proved themselves with: `password`, `access key` and its id, and so on; `none` when they did not.
    credential: String,
    /// The client's address.
    source: String,
    /// The id of the operation, or what was asked of the distribution API.
    action: String,
    /// Organization, image and tag or digest, and what else the request names.
    resource: String,
    /// `success` or `refused`.
    result: &'static str,
    /// The HTTP status of the answer; 499 when the client went away before it.
    status: i64,
    /// The code of the refusal, empty for a success.
    code: String,
    /// The id of the request, which the server's log has too.
    request_id: String,
    /// `changes`, `pushes` or `refusals`: each is a chain of its own. None: it is from before there were chains.
    book: Option<&'static str>,
    /// Its number in the book, from 1 and without a gap.
    number: Option<i64>,
    /// The MAC over it and the one before it, in hexadecimal digits.
    mac: Option<String>,
}

/// List who did what
///
/// Changes, refusals of people who are known, and refused logins in the caller's account, newest first. For its
/// administrators. The setting `limits.audit_ttl` says how long they are kept.
#[utoipa::path(get, path = "/v2/manage/audit-events", operation_id = "list_audit_events", tag = "audit",
    params(AuditParameters, MarkedParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = AuditEvents),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<AuditEvents>, Refused> {
    let page = Marked::<AuditMarker>::of(&call)?;
    let filter = filter_of(&call)?;
    let found = app
        .registry
        .audit_events(&call.caller, &filter, (page.marker, page.limit))
        .await
        .map_err(|error| Refused::of(Subject::Other, error))?;
    Ok(Json(AuditEvents {
        events: found.events.into_iter().map(document).collect(),
        next_marker: found.next.map(|marker| marker.to_string()),
    }))
}

/// What a query searches for.
fn filter_of(call: &Call) -> Result<AuditFilter, Refused> {
    Ok(AuditFilter {
        from: time_of(call, "from")?,
        to: time_of(call, "to")?,
        user_name: call.query("user"),
        action: call.query("action"),
        resource: call.query("resource"),
        succeeded: match call.query("result").as_deref() {
            None => None,
            Some("success") => Some(true),
            Some("refused") => Some(false),
            Some(_) => return Err(Refused::invalid("4001025", "result is success or refused")),
        },
    })
}

/// A time of the query, in milliseconds since the epoch.
fn time_of(call: &Call, name: &str) -> Result<Option<i64>, Refused> {
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    let time = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
        Refused::invalid(
            "4001025",
            format!("{name} is a time such as 2026-01-02T03:04:05Z"),
        )
    })?;
    let ms = time.unix_timestamp_nanos().div_euclid(1_000_000);
    Ok(Some(i64::try_from(ms).unwrap_or(i64::MAX)))
}

fn document(event: AuditEvent) -> AuditEntry {
    let link = event.link.as_ref();
    AuditEntry {
        book: link.map(|link| link.book.as_str()),
        number: link.map(|link| link.number),
        mac: link.map(|link| hex::encode(&link.mac)),
        time: Time(event.at),
        user_id: event.user_id,
        user_name: event.user_name,
        credential: event.credential,
        source: event.source,
        action: event.action,
        resource: event.resource,
        result: if event.status < 400 { "success" } else { "refused" },
        status: event.status,
        code: event.code,
        request_id: event.request_id,
    }
}
