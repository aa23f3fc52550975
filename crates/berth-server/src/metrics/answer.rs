//! Who is told: whoever reaches the address that is for metrics alone, and on the port of everybody else whoever shows the
//! token. Without a setting nobody is, and `/metrics` is a path like any that is nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Metrics;
use crate::config::Secret;
use crate::health::{self, Health};

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// `/metrics` for those who show the token; no route without one.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(metrics: Arc<Metrics>, token: &Secret) -> Router<S> {
    let Some(token) = token.expose() else {
        return Router::new();
    };
    let expected: Arc<str> = format!("Bearer {token}").into();
    let answer = move |headers: HeaderMap| {
        let (metrics, expected) = (Arc::clone(&metrics), Arc::clone(&expected));
        async move {
            let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
            if shown.is_some_and(|shown| shown.ct_eq(expected.as_bytes()).into()) {
                return text(&metrics).await;
            }
            let challenge = [(WWW_AUTHENTICATE, "Bearer realm=\"metrics\"")];
            (
                StatusCode::UNAUTHORIZED,
                challenge,
                "show metrics.token as a bearer token\n",
            )
                .into_response()
        }
    };
    Router::new().route("/metrics", get(answer))
}

/// Answers metrics and probes at an address of their own until the process is about to end, longer than the server answers
/// anything else: so that it can be seen how it ends.
pub(crate) async fn listen(
    address: SocketAddr,
    (metrics, health): (Arc<Metrics>, Arc<Health>),
    end: CancellationToken,
) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "answering metrics");
    let routes = Router::new()
        .route(
            "/metrics",
            get(async |State(metrics): State<Arc<Metrics>>| text(&metrics).await),
        )
        .with_state(metrics)
        .merge(health::routes(health));
    tokio::spawn(async move {
        let served = axum::serve(listener, routes).with_graceful_shutdown(end.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "metrics are not answered any more");
        }
    });
    Ok(())
}

async fn text(metrics: &Metrics) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text().await).into_response()
}
