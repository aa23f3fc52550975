//! More requests than can be worked on at once: they wait for their turn in a bounded queue, address by address, and those for
//! whom it does not come are told when to come back. Nothing that runs is ended for them. Knows nothing of what is answered.

mod places;

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use berth_oci::{ErrorBody, ErrorCode};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Body as _;
use serde_json::json;
use tokio::time::Instant;

use places::{Held, Places, Queue};

/// A body up to this size comes with its header or soon after; a longer one takes what time its client takes.
const SHORT_BODY_BYTES_MAX: u64 = 64 << 10;
/// Those who are told to come back are told different times, so that they do not come together.
const RETRY_SECONDS_MAX: u64 = 5;
/// How often the log says that requests are refused.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What a server does at one time at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Requests that are being answered, up to the first byte of their response.
    pub(crate) requests_max: u32,
    /// Requests whose bodies are long.
    pub(crate) uploads_max: u32,
    /// How long a request waits for its turn.
    pub(crate) wait: Duration,
}

/// What a request takes of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Almost nothing, and it is asked by who must know whether the server lives.
    Probe,
    /// A moment.
    Answer,
    /// Buffers and threads for as long as its client sends.
    Upload,
}

impl Work {
    /// What this request takes.
    pub(crate) fn of(request: &Request<Body>) -> Self {
        if request.body().is_end_stream() {
            return match request.uri().path() {
                "/livez" | "/readyz" | "/metrics" => Self::Probe,
                _ => Self::Answer,
            };
        }
        match request.body().size_hint().exact() {
            Some(bytes) if bytes <= SHORT_BODY_BYTES_MAX => Self::Answer,
            _ => Self::Upload,
        }
    }
}

/// The way in for requests.
#[derive(Debug)]
pub(crate) struct Gate {
    answers: Places,
    uploads: Places,
    wait_max: Duration,
    /// How many were refused in all, and since the log said so.
    refused: AtomicU64,
    untold: AtomicU64,
    told: Mutex<Option<Instant>>,
}

/// A turn that has come; dropped, it is the next one's.
#[derive(Debug)]
pub(crate) struct Place<'a>(#[expect(dead_code, reason = "held, not read")] Option<Held<'a>>);

/// The answer to a request whose turn did not come.
#[derive(Debug)]
pub(crate) struct Overloaded {
    retry_after_seconds: u64,
}

/// How full the gate is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    answers: Queue,
    uploads: Queue,
    /// How many requests were refused since the start.
    pub(crate) refused: u64,
}

impl Standing {
    /// Each kind of places by its name.
    pub(crate) fn each(&self, mut tell: impl FnMut(&'static str, Queue)) {
        tell("request", self.answers);
        tell("upload", self.uploads);
    }
}

impl Gate {
    /// A gate through which no more goes at a time than these bounds say.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            answers: Places::new(bounds.requests_max),
            uploads: Places::new(bounds.uploads_max),
            wait_max: bounds.wait,
            refused: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            told: Mutex::new(None),
        }
    }

    /// How full it is.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            answers: self.answers.standing(),
            uploads: self.uploads.standing(),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Waits until there is room for this work, which somebody at this address wants.
    pub(crate) async fn enter(&self, work: Work, address: IpAddr) -> Result<Place<'_>, Overloaded> {
        let places = match work {
            Work::Probe => return Ok(Place(None)),
            Work::Answer => &self.answers,
            Work::Upload => &self.uploads,
        };
        let slot = places.slot(address);
        if let Some(place) = places.take(slot) {
            return Ok(Place(Some(place)));
        }
        // Boxed: connections hold this future inside their own, and few ever wait.
        match Box::pin(places.wait(slot, self.wait_max)).await {
            Some(place) => Ok(Place(Some(place))),
            None => Err(self.refuse()),
        }
    }

    fn refuse(&self) -> Overloaded {
        self.untold.fetch_add(1, Ordering::Relaxed);
        // Who finds it locked leaves the telling to who holds it.
        if let Ok(mut told) = self.told.try_lock()
            && told.is_none_or(|told| told.elapsed() >= LOG_EVERY)
        {
            *told = Some(Instant::now());
            tracing::warn!(
                refused = self.untold.swap(0, Ordering::Relaxed),
                "more requests come than can be answered; some are told to come back"
            );
        }
        let number = self.refused.fetch_add(1, Ordering::Relaxed);
        Overloaded {
            retry_after_seconds: 1 + number % RETRY_SECONDS_MAX,
        }
    }
}

impl Overloaded {
    /// The response to a request for this path, in the form that clients of its API read.
    pub(crate) fn response(&self, path: &str) -> Response<Body> {
        let seconds = self.retry_after_seconds;
        let message = format!(
            "the server has more requests than it can answer at the moment; try again in {seconds} s"
        );
        let body = if is_distribution(path) {
            ErrorBody::one(ErrorCode::TooManyRequests, message, None).to_json()
        } else {
            // All forms of management and IAM in one: neither is in the way of the other.
            let code = "SVCSTG.SWR.5030000";
            let body = json!({
                "errors": [{ "errorCode": code, "errorMessage": message }],
                "error": { "code": 503, "message": message, "title": "Service Unavailable" },
                "error_code": code,
                "error_msg": message,
            });
            body.to_string().into()
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// Whether a path is one that clients of a registry ask for; those are at the root of the host.
fn is_distribution(path: &str) -> bool {
    let is_login = path == "/token" || path.starts_with("/swr/auth/");
    is_login || (path.starts_with("/v2/") && !path.starts_with("/v2/manage/"))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use std::net::Ipv4Addr;

    use super::places::WAITING_PER_PLACE;
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn gate(requests_max: u32, wait_max: Duration) -> Gate {
        Gate::new(Bounds {
            requests_max,
            uploads_max: 1,
            wait: wait_max,
        })
    }

    fn request(path: &str, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    #[test]
    fn long_bodies_are_work_of_their_own_and_probes_are_none() {
        let long = || Body::from(vec![0; 64 * 1024 + 1]);
        let unknown = || Body::from_stream(futures_util::stream::empty::<std::io::Result<bytes::Bytes>>());
        for (path, body, work) in [
            ("/v2/", Body::empty(), Work::Answer),
            ("/livez", Body::empty(), Work::Probe),
            ("/readyz", Body::empty(), Work::Probe),
            ("/livez/more", Body::empty(), Work::Answer),
            ("/livez", long(), Work::Upload),
            ("/v2/a/b/manifests/livez", Body::from("short"), Work::Answer),
            ("/v2/a/b/blobs/uploads/1", long(), Work::Upload),
            ("/v2/a/b/blobs/uploads/1", unknown(), Work::Upload),
        ] {
            assert_eq!(Work::of(&request(path, body)), work, "{path}");
        }
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_that_becomes_free() {
        let gate = gate(1, Duration::from_mins(10));
        let first = gate.enter(Work::Answer, HERE).await.unwrap();
        let second = gate.enter(Work::Answer, HERE);
        let (second, ()) = tokio::join!(second, async { drop(first) });
        assert!(
            gate.enter(Work::Answer, HERE).now_or_never().is_none(),
            "there is one place"
        );
        // Other work has its own places.
        gate.enter(Work::Upload, HERE).await.unwrap();
        gate.enter(Work::Probe, HERE).await.unwrap();
        drop(second);
        gate.enter(Work::Answer, HERE).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_too_long_is_refused() {
        let gate = gate(1, Duration::from_millis(1));
        let first = gate.enter(Work::Answer, HERE).await.unwrap();
        assert!(gate.enter(Work::Answer, HERE).await.is_err());
        drop(first);
        gate.enter(Work::Answer, HERE).await.unwrap();
    }

    #[tokio::test]
    async fn no_more_wait_than_the_queue_holds() {
        let gate = gate(1, Duration::from_mins(10));
        let first = gate.enter(Work::Answer, HERE).await.unwrap();
        let waiting = (0..WAITING_PER_PLACE).map(|_| gate.enter(Work::Answer, HERE));
        let more = async {
            let refused = gate.enter(Work::Answer, HERE).now_or_never();
            assert!(matches!(refused, Some(Err(_))));
            drop(first);
        };
        let waiting = futures_util::future::join_all(waiting.map(|turn| async { turn.await.map(drop) }));
        let (waited, ()) = tokio::join!(waiting, more);
        assert!(waited.iter().all(Result::is_ok));
        assert_eq!(gate.answers.waiting(), 0);
    }

    #[tokio::test]
    async fn those_who_are_refused_are_told_when_to_come_back() {
        let gate = gate(1, Duration::ZERO);
        let _first = gate.enter(Work::Answer, HERE).await.unwrap();
        let mut told = Vec::new();
        for _ in 0..6 {
            let response = gate.enter(Work::Answer, HERE).await.unwrap_err().response("/v2/");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            told.push(response.headers()[RETRY_AFTER].to_str().unwrap().to_owned());
        }
        assert_eq!(told, ["1", "2", "3", "4", "5", "1"]);
    }
}
