//! The answer for paths that lead nowhere.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};

/// 404, in the shape that clients of a registry read.
pub(crate) fn not_found(uri: &Uri) -> Response {
    let message = format!("there is nothing at {}", uri.path());
    let body = serde_json::json!({ "errors": [{ "code": "NOT_FOUND", "message": message }] });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
