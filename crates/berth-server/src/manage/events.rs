//! What changes, as a stream of server-sent events (an extension): small and by name, so that a page reads again what it shows.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use berth_registry::{Heard, Listening, LiveChange, LiveKind, Told};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused};
use super::wire::Time;
use crate::serve::Arrival;
use crate::state::AppState;

/// What clients send who come back.
const LAST_EVENT_ID: &str = "last-event-id";
/// How long clients wait before they come back, in the stream's first line: milliseconds.
const RETRY: &str = "retry: 2000\n";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(listen))
}

/// What a listener may say.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what listen() reads")]
struct ListenParameters {
    /// The id of what was heard last, for clients that cannot send the header `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// What an event is about.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EventKind {
    Organization,
    Image,
    Tag,
    Accessory,
    Bin,
    Rights,
    Share,
    Settings,
    Quota,
    TriggerRun,
    Delivery,
    Copy,
    RetentionRun,
    MaintenanceRun,
    Damage,
    People,
    Registration,
}

/// The data of an event `change`.
#[derive(Serialize, ToSchema)]
struct LiveEvent {
    kind: EventKind,
    /// `created`, `moved`, `deleted`, `restored`, `changed`, `attached`, `found`, `healed`, or the state that a run came to.
    action: String,
    /// The organization; null for what is in none.
    namespace: Option<String>,
    /// The image.
    repository: Option<String>,
    /// The tag, or what of the place changed: `triggers`, `retention`, `sync`, `immutability`, `user`, `key` and so on.
    name: Option<String>,
    /// What the tag names now, or what an accessory belongs to.
    digest: Option<String>,
    /// The id of a run, delivery or copy.
    run_id: Option<i64>,
    at: Time,
}

/// Listen to what changes
///
/// Server-sent events, for exactly what the caller may see at that moment. `ready` comes first, `change` for each change
/// with a `LiveEvent` as its data, and `reset` when something may have been missed: then whatever is shown has to be read
/// again. Every 15 seconds there is a comment. Whoever comes back with `Last-Event-ID` misses nothing for five minutes, and
/// may hear something twice. The stream ends with the login, after an hour, when the client reads too slowly, and when the
/// server stops; it prolongs no session.
#[utoipa::path(get, path = "/v2/manage/events", operation_id = "listen_to_events", tag = "events",
    params(ListenParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, body = LiveEvent, content_type = "text/event-stream"),
        (status = 429, body = RefusalBody, description = "Too many streams are open: of the login (8), the user or the server")))]
async fn listen(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let header = call.parts.headers.get(LAST_EVENT_ID);
    let last = header.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let last = last.or_else(|| call.query("last_event_id"));
    let listening = app.registry.listen(&call.caller, last.as_deref()).await?;
    let arrival = call.parts.extensions.get::<Arrival>();
    let stopping = arrival
        .map(|arrival| arrival.stopping().clone())
        .unwrap_or_default();
    let mut response = Response::new(body(listening, stopping));
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // nginx and its like keep back what they have not enough of.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The stream; polled by the connection alone, so that a client which does not read holds nothing but its place.
fn body(listening: Listening, stopping: CancellationToken) -> Body {
    let told = stream::unfold((listening, stopping), |(mut listening, stopping)| async move {
        let heard = tokio::select! {
            biased;
            () = stopping.cancelled() => None,
            heard = listening.next() => heard,
        };
        heard.map(|heard| {
            (
                Ok::<_, Infallible>(Bytes::from(text(heard))),
                (listening, stopping),
            )
        })
    });
    Body::from_stream(told)
}

/// As the specification of server-sent events writes it; an id without data is noted and nothing else.
fn text(Heard { id, told }: Heard) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    match told {
        Told::Ready => format!("{RETRY}{id}event: ready\ndata: {{}}\n\n"),
        Told::Reset => format!("{RETRY}{id}event: reset\ndata: {{}}\n\n"),
        Told::Change(change) => {
            let data = serde_json::to_string(&LiveEvent::from(change)).unwrap_or_default();
            format!("{id}event: change\ndata: {data}\n\n")
        }
        Told::Nothing => format!(":\n{id}\n"),
    }
}

impl From<LiveChange> for LiveEvent {
    fn from(change: LiveChange) -> Self {
        Self {
            kind: change.kind.into(),
            action: change.action,
            namespace: change.organization,
            repository: change.image,
            name: change.name,
            digest: change.digest,
            run_id: change.run,
            at: Time(change.at),
        }
    }
}

impl From<LiveKind> for EventKind {
    fn from(kind: LiveKind) -> Self {
        match kind {
            LiveKind::Organization => Self::Organization,
            LiveKind::Image => Self::Image,
            LiveKind::Tag => Self::Tag,
            LiveKind::Accessory => Self::Accessory,
            LiveKind::Bin => Self::Bin,
            LiveKind::Rights => Self::Rights,
            LiveKind::Share => Self::Share,
            LiveKind::Settings => Self::Settings,
            LiveKind::Quota => Self::Quota,
            LiveKind::TriggerRun => Self::TriggerRun,
            LiveKind::Delivery => Self::Delivery,
            LiveKind::Copy => Self::Copy,
            LiveKind::RetentionRun => Self::RetentionRun,
            LiveKind::MaintenanceRun => Self::MaintenanceRun,
            LiveKind::Damage => Self::Damage,
            LiveKind::People => Self::People,
            LiveKind::Registration => Self::Registration,
        }
    }
}
