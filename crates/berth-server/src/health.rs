//! `/livez` and `/readyz`, for whoever starts and watches the server. No login, so no detail: which part does not do its work
//! is said, why is in the log. However often it is asked, the stores are tried once in a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use berth_registry::{Error, Registry};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// How long a check may take; a probe that waits longer has given up.
const CHECK_TIME_MAX: Duration = Duration::from_secs(5);
/// How long what was found is good. A check is a durable write of the database and one of the store.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Whether requests can be answered.
pub(crate) struct Health {
    registry: Arc<Registry>,
    stopping: CancellationToken,
    /// One checks at a time; the others hear what it found.
    found: Mutex<Option<(Instant, Found)>>,
}

#[derive(Clone, Copy)]
struct Found {
    database: bool,
    store: bool,
}

impl Health {
    /// The health of a server over this registry, which ends when `stopping` is cancelled.
    pub(crate) fn new(registry: Arc<Registry>, stopping: CancellationToken) -> Self {
        Self {
            registry,
            stopping,
            found: Mutex::new(None),
        }
    }

    async fn look(&self) -> Found {
        let mut found = self.found.lock().await;
        if let Some((at, found)) = *found
            && at.elapsed() < GOOD_FOR
        {
            return found;
        }
        let (database, store) = tokio::join!(
            passes("database", self.registry.check_database()),
            passes("store", self.registry.check_store())
        );
        let new = Found { database, store };
        *found = Some((Instant::now(), new));
        new
    }

    async fn ready(&self) -> Response {
        if self.stopping.is_cancelled() {
            return answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: stopping\n".to_owned(),
            );
        }
        let found = self.look().await;
        let parts = [("database", found.database), ("store", found.store)];
        let failing: Vec<&str> = parts
            .iter()
            .filter(|(_, works)| !works)
            .map(|(part, _)| *part)
            .collect();
        if failing.is_empty() {
            return answer(StatusCode::OK, "ready\n".to_owned());
        }
        let text = format!("not ready: {}\n", failing.join(", "));
        answer(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

async fn passes(part: &'static str, check: impl Future<Output = Result<(), Error>>) -> bool {
    match tokio::time::timeout(CHECK_TIME_MAX, check).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!(part, %error, "not ready"),
        Err(_) => tracing::warn!(
            part,
            seconds = CHECK_TIME_MAX.as_secs(),
            "not ready: a check takes too long"
        ),
    }
    false
}

fn answer(status: StatusCode, text: String) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text).into_response()
}

/// Both routes.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(health: Arc<Health>) -> Router<S> {
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route(
            "/readyz",
            get(async |State(health): State<Arc<Health>>| health.ready().await),
        )
        .with_state(health)
}
