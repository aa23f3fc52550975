//! Whether the audit trail is whole: nothing missing, altered or cut off.

use axum::Json;
use axum::extract::State;
use berth_registry::{AuditBook, AuditVerification, AuditVerified};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused, Subject};
use crate::manage::wire::Time;
use crate::state::AppState;

/// Events of each book that one request verifies, when nobody says and at most.
const LIMIT: i64 = 10_000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(verify))
}

/// What is verified.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what verify() reads")]
struct VerificationParameters {
    /// One book: `changes`, `pushes` or `refusals`. All when nobody says.
    book: Option<String>,
    /// The number of the event to begin with; goes with `book`. What an answer calls `next`.
    from: Option<i64>,
    /// Events of each book to verify at most.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// Whether the audit trail is whole.
#[derive(Serialize, ToSchema)]
struct AuditVerificationDocument {
    /// Whether nothing wrong was found in what was verified.
    whole: bool,
    books: Vec<AuditBookDocument>,
    /// Events in no book, from before there were any or of an older version that runs beside this one; counted up to
    /// 100,000. Nothing tells whether they are as they were.
    in_no_book: i64,
    /// The time of the newest of them.
    in_no_book_until: Option<Time>,
}

/// A book: events in a chain.
#[derive(Serialize, ToSchema)]
struct AuditBookDocument {
    /// `changes`, `pushes` or `refusals`.
    book: &'static str,
    /// The number of the oldest event that is kept; those before it went by rule.
    first: i64,
    /// The number of the newest event; less than `first` when none is kept.
    last: i64,
    /// How many events are kept, as the numbers say.
    events: i64,
    /// How many went because they were too old.
    expired: i64,
    /// How many went because there were too many.
    expired_for_room: i64,
    /// How many events were verified now.
    checked: i64,
    /// The number to go on from; absent at the end, and where something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
    /// The first thing that is wrong.
    flaw: Option<AuditFlawDocument>,
}

/// Something that is wrong with a book.
#[derive(Serialize, ToSchema)]
struct AuditFlawDocument {
    /// `missing`: the event of this number is not there, though later ones are. `altered`: it is not as it was written, or
    /// the registry never wrote it. `cut_off`: it and all newer ones are not there. `head_altered`: what says where the book
    /// begins and ends was changed before the event of this number was written.
    kind: &'static str,
    /// The number.
    number: i64,
}

/// Verify the audit trail
///
/// Compares the events of the caller's account with the chain that they make. For its administrators. A book that is longer
/// than `limit` is verified in steps.
#[utoipa::path(get, path = "/v2/manage/audit-events/verification", operation_id = "verify_audit_events", tag = "audit",
    params(VerificationParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = AuditVerificationDocument),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn verify(State(app): State<AppState>, call: Call) -> Result<Json<AuditVerificationDocument>, Refused> {
    let book = call.query("book").map(|name| {
        AuditBook::of_name(&name)
            .ok_or_else(|| Refused::invalid("4001025", "book is changes, pushes or refusals"))
    });
    let from = number(&call, "from", i64::MAX, "from is the number of an event")?;
    let limit = number(&call, "limit", LIMIT, "limit is a number from 1 to 10000")?;
    let found = app
        .registry
        .verify_audit_events(&call.caller, book.transpose()?, from, limit.unwrap_or(LIMIT))
        .await
        .map_err(|error| Refused::of(Subject::Other, error))?;
    Ok(Json(verification(&found)))
}

fn number(call: &Call, name: &str, most: i64, rule: &'static str) -> Result<Option<i64>, Refused> {
    let read = |text: String| {
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| Refused::invalid("4001025", rule))
    };
    call.query(name).map(read).transpose()
}

fn verification(found: &AuditVerification) -> AuditVerificationDocument {
    AuditVerificationDocument {
        whole: found.is_whole(),
        books: found
            .books
            .iter()
            .map(|(book, verified)| of_book(*book, verified))
            .collect(),
        in_no_book: found.in_no_book,
        in_no_book_until: found.in_no_book_until.map(Time),
    }
}

fn of_book(book: AuditBook, verified: &AuditVerified) -> AuditBookDocument {
    AuditBookDocument {
        book: book.as_str(),
        first: verified.first,
        last: verified.last,
        events: verified.last + 1 - verified.first,
        expired: verified.first - 1 - verified.dropped_for_room,
        expired_for_room: verified.dropped_for_room,
        checked: verified.checked,
        next: verified.next_number(),
        flaw: verified.flaw.map(|flaw| AuditFlawDocument {
            kind: flaw.as_str(),
            number: flaw.number(),
        }),
    }
}
