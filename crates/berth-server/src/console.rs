//! The page that a browser gets at `/`: what this is and how to begin. No script, nothing from elsewhere.

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::origin::Origin;
use crate::state::AppState;
use crate::unknown_path::not_found;

/// Everything is forbidden but the page's own style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    lang: Option<String>,
}

/// `GET /`: the page for browsers, 404 for everybody else.
pub(crate) async fn welcome(
    State(state): State<AppState>,
    origin: Origin,
    Query(choice): Query<Choice>,
    headers: HeaderMap,
    uri: http::Uri,
) -> Response {
    let accepts_html = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|a| a.contains("text/html"));
    if !accepts_html {
        return not_found(uri).await;
    }
    let page = if is_chinese(choice.lang.as_deref(), &headers) {
        include_str!("console/welcome.zh.html")
    } else {
        include_str!("console/welcome.en.html")
    };
    let filled = page
        .replace("{host}", origin.host())
        .replace("{region}", &state.settings.region.0)
        .replace("{version}", env!("CARGO_PKG_VERSION"));
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (VARY, HeaderValue::from_static("accept, accept-language")),
    ];
    (headers, Html(filled)).into_response()
}

/// `GET /welcome.css`.
pub(crate) async fn style() -> Response {
    let headers = [
        (
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, include_str!("console/welcome.css")).into_response()
}

/// The reader's choice, else the first language the browser asks for.
fn is_chinese(choice: Option<&str>, headers: &HeaderMap) -> bool {
    let asked = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    choice
        .unwrap_or(asked)
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("zh")
}
