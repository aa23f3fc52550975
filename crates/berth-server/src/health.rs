//! `/livez` and `/readyz`, for whoever starts and watches the server. No login, no detail for strangers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;

/// How long a readiness check may take; a probe that waits longer has given up.
const CHECK_TIME_MAX: Duration = Duration::from_secs(5);

/// Both routes; `check` says whether requests can be answered, and logs why not.
pub(crate) fn routes<S, C, F>(check: C) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    C: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let check = Arc::new(check);
    let ready = move || {
        let check = Arc::clone(&check);
        async move {
            match tokio::time::timeout(CHECK_TIME_MAX, check()).await {
                Ok(true) => (StatusCode::OK, "ready\n"),
                Ok(false) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            }
        }
    };
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
}
