//! The audit trail as a file: JSON lines or CSV, read page by page while it is sent, so that its length costs no memory.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use berth_registry::{AuditFilter, AuditMarker, AuditPage, Caller, Error, Registry};
use futures_util::stream;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AuditParameters, document, filter_of};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused, Subject};
use crate::state::AppState;

/// Events that are read at once.
const PAGE: i64 = 500;
/// The columns of a CSV file, which are the fields of an entry.
const COLUMNS: [&str; 14] = [
    "time",
    "user_name",
    "user_id",
    "credential",
    "source",
    "action",
    "resource",
    "result",
    "status",
    "code",
    "request_id",
    "book",
    "number",
    "mac",
];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(export))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what export() reads")]
struct FormatParameters {
    /// `jsonl`, an object in each line, or `csv`; `jsonl` when nobody says.
    format: Option<String>,
}

#[derive(Clone, Copy)]
enum Format {
    JsonLines,
    Csv,
}

/// Export who did what
///
/// All events that the same query would list, newest first, as lines. What breaks off was not all of it.
#[utoipa::path(get, path = "/v2/manage/audit-events/export", operation_id = "export_audit_events", tag = "audit",
    params(AuditParameters, FormatParameters), extensions(("x-berth-extension" = json!(true))),
    responses((status = 200, content_type = "application/x-ndjson", description = "The events"),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn export(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let (format, name, kind) = match call.query("format").as_deref() {
        None | Some("jsonl") => (Format::JsonLines, "audit.jsonl", "application/x-ndjson"),
        Some("csv") => (Format::Csv, "audit.csv", "text/csv; charset=utf-8"),
        Some(_) => return Err(Refused::invalid("4001025", "format is jsonl or csv")),
    };
    let reading = Reading {
        registry: Arc::clone(&app.registry),
        caller: call.caller.clone(),
        filter: filter_of(&call)?,
        format,
    };
    // The first page is read before anything is answered, so that a refusal is one.
    let first = reading.page(None).await;
    let first = first.map_err(|error| Refused::of(Subject::Other, error))?;
    let disposition = HeaderValue::try_from(format!("attachment; filename={name}"));
    let head = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            CONTENT_DISPOSITION,
            disposition.expect("the names are plain characters"),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((head, body(reading, first)).into_response())
}

/// What is exported, for whom.
struct Reading {
    registry: Arc<Registry>,
    caller: Caller,
    filter: AuditFilter,
    format: Format,
}

/// What is sent next.
enum Part {
    After(AuditMarker),
    End,
}

impl Reading {
    async fn page(&self, marker: Option<AuditMarker>) -> Result<AuditPage, Error> {
        let page = (marker, PAGE);
        self.registry.audit_events(&self.caller, &self.filter, page).await
    }

    /// The lines of a page, and what comes behind them.
    fn lines(&self, page: AuditPage) -> (Bytes, Part) {
        let next = page.next.map_or(Part::End, Part::After);
        let mut lines = String::new();
        for event in page.events {
            let entry = serde_json::to_value(document(event)).unwrap_or_default();
            match self.format {
                Format::JsonLines => {
                    let _infallible = writeln!(lines, "{entry}");
                }
                Format::Csv => lines.push_str(&row(COLUMNS.map(|column| cell(&entry[column])))),
            }
        }
        (lines.into(), next)
    }
}

fn body(reading: Reading, first: AuditPage) -> Body {
    let title = match reading.format {
        Format::JsonLines => String::new(),
        Format::Csv => row(COLUMNS.map(str::to_owned)),
    };
    let (lines, next) = reading.lines(first);
    let begun = Bytes::from([title.as_bytes(), &lines].concat());
    let rest = stream::try_unfold((reading, next), |(reading, part): (Reading, Part)| async move {
        let Part::After(marker) = part else {
            return Ok(None);
        };
        let page = reading.page(Some(marker)).await.map_err(io::Error::other)?;
        let (lines, next) = reading.lines(page);
        Ok::<_, io::Error>(Some((lines, (reading, next))))
    });
    Body::from_stream(futures_util::StreamExt::chain(
        stream::iter([Ok::<_, io::Error>(begun)]),
        rest,
    ))
}

/// A value as a cell. What a spreadsheet would take for a formula begins with an apostrophe: names come from strangers.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text
}

fn row(cells: [String; 14]) -> String {
    let quoted = cells.map(|cell| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    quoted.join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_what_strangers_write() {
        for (value, expected) in [
            (Value::Null, ""),
            (403.into(), "403"),
            ("team/app".into(), "team/app"),
            ("=1+1".into(), "'=1+1"),
            ("@name".into(), "'@name"),
        ] {
            assert_eq!(cell(&value), expected);
        }
        let mut cells = [(); 14].map(|()| String::new());
        cells[0] = "a,\"b\"".to_owned();
        assert_eq!(row(cells), "\"a,\"\"b\"\"\",,,,,,,,,,,,,\r\n");
    }
}
