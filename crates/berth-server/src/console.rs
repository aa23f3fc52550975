//! The page that a browser gets at `/`: what this is and how to begin. No script, nothing from elsewhere.

use axum::response::{Html, IntoResponse, Response};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::origin::Origin;
use crate::state::AppState;

/// Everything is forbidden but the page's own style sheet.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether who asks for `/` is a browser.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// `GET /` for browsers; `?lang=` chooses the language.
pub(crate) fn welcome(app: &AppState, parts: &Parts) -> Response {
    let origin = Origin::of(parts, &app.settings);
    let query = parts.uri.query().unwrap_or_default();
    let choice = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "lang");
    let choice = choice.as_ref().map(|(_, language)| language.as_ref());
    let page = if is_chinese(choice, &parts.headers) {
        include_str!("console/welcome.zh.html")
    } else {
        include_str!("console/welcome.en.html")
    };
    let filled = page
        .replace("{host}", origin.host())
        .replace("{region}", &app.settings.region.0)
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
