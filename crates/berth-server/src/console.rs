//! The console for browsers: its page at every address that is none of the APIs', and its files. What they hold is
//! berth-console's affair.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::origin::Origin;
use crate::state::AppState;
use crate::unknown_path;

/// What a page may load: nothing from elsewhere, no inline script, and no style element without the nonce.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// What is shown in its place by a program that was built without it.
const ABSENT: &str = include_str!("console/absent.html");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The files of the console; its page is answered where nothing else is.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/assets/{*file}", get(hashed))
        .route("/theme-boot.js", get(named))
        .route("/favicon.svg", get(named))
        .fallback(elsewhere)
}

/// Whether who asks is a browser that wants a page.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The console's page, with a nonce of its own.
pub(crate) fn page(app: &AppState, parts: &Parts) -> Response {
    let origin = Origin::of(parts, &app.settings);
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let policy = POLICY.replace("{nonce}", &nonce);
    let headers = [
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::try_from(policy).expect("a nonce is of hexadecimal digits"),
        ),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
        // The nonce is good once, and the page names the files of this version.
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (VARY, HeaderValue::from_static("accept")),
    ];
    let page = berth_console::page(&origin.base, &nonce).unwrap_or_else(|| ABSENT.to_owned());
    (headers, Html(page)).into_response()
}

/// Addresses that lead nowhere else: pages of the console for browsers, 404 for everybody else.
async fn elsewhere(State(app): State<AppState>, method: Method, uri: Uri, parts: Parts) -> Response {
    if matches!(method, Method::GET | Method::HEAD) && is_wanted(&parts.headers) {
        return page(&app, &parts);
    }
    unknown_path::not_found(&uri)
}

async fn hashed(Path(file): Path<String>, headers: HeaderMap, uri: Uri) -> Response {
    file_at(&format!("assets/{file}"), &headers, &uri)
}

async fn named(headers: HeaderMap, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/').to_owned();
    file_at(&path, &headers, &uri)
}

fn file_at(path: &str, asked: &HeaderMap, uri: &Uri) -> Response {
    let text = |name| {
        asked
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let Some(asset) = berth_console::asset(path, text(ACCEPT_ENCODING).unwrap_or_default()) else {
        return unknown_path::not_found(uri);
    };
    let caching = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = text(IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == asset.etag));
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        ETAG,
        HeaderValue::try_from(asset.etag).expect("a tag is of hexadecimal digits"),
    );
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    if let Some(encoding) = asset.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    (headers, asset.bytes.into_owned()).into_response()
}
