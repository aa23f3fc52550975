//! Requests and connections, counted where they pass. Each is told apart by what its path is about, its method and its status,
//! of which there are few, so that counting one is a handful of additions and nothing is looked up or made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::metrics::histogram::Histogram;

use super::samples::Samples;

/// Upper bounds of the buckets of times, in seconds: from a row in memory to an upload over a slow line.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0, 600.0,
];

/// What requests are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `/v2/`: whether this is a registry, and whether a login is good.
    Ping,
    Catalog,
    Tags,
    Referrers,
    Manifest,
    Blob,
    Upload,
    /// Node agents.
    Swarm,
    Token,
    Management,
    Iam,
    /// Everything else: pages, probes, paths that are nothing.
    Other,
}

impl Operation {
    const ALL: [Self; 12] = [
        Self::Ping,
        Self::Catalog,
        Self::Tags,
        Self::Referrers,
        Self::Manifest,
        Self::Blob,
        Self::Upload,
        Self::Swarm,
        Self::Token,
        Self::Management,
        Self::Iam,
        Self::Other,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Catalog => "catalog",
            Self::Tags => "tags",
            Self::Referrers => "referrers",
            Self::Manifest => "manifest",
            Self::Blob => "blob",
            Self::Upload => "upload",
            Self::Swarm => "swarm",
            Self::Token => "token",
            Self::Management => "management",
            Self::Iam => "iam",
            Self::Other => "other",
        }
    }

    /// What a request for this path is about. Nothing is checked: a path that is refused counts where it looks to belong.
    pub(super) fn of(path: &str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::outside_registry(path);
        };
        // From the right, as the names of images hold `/`; bytes, as all of this runs for every request.
        let (before, last) = split(rest.as_bytes());
        let (before, one) = split(before);
        match (one, last) {
            (b"manifests", _) => return Self::Manifest,
            (b"blobs", b"uploads") | (b"uploads", _) => return Self::Upload,
            (b"blobs", _) => return Self::Blob,
            _ => {}
        }
        match (one, last) {
            _ if rest.is_empty() => Self::Ping,
            _ if rest.starts_with("manage/") => Self::Management,
            (b"", b"_catalog") => Self::Catalog,
            (b"tags", b"list") => Self::Tags,
            (b"referrers", _) => Self::Referrers,
            (b"swarm", _) if before.ends_with(b"_berth") => Self::Swarm,
            _ => Self::Other,
        }
    }

    fn outside_registry(path: &str) -> Self {
        match path {
            "/v2" => Self::Ping,
            "/token" => Self::Token,
            _ if path.starts_with("/swr/auth/") => Self::Token,
            _ if path.starts_with("/v3/manage/") => Self::Management,
            _ if path.starts_with("/v3/") || path.starts_with("/v3.0/") => Self::Iam,
            _ => Self::Other,
        }
    }
}

/// The path before its last slash, and what is behind it.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// Methods by their place; the last stands for all others.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];

fn method(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::PATCH => 4,
        Method::DELETE => 5,
        _ => 6,
    }
}

/// Statuses that are counted each, the frequent ones first. Behind them: all others, and requests whose client went away before
/// the answer.
const STATUSES: [u16; 26] = [
    200, 201, 202, 401, 404, 206, 304, 307, 204, 400, 403, 405, 406, 408, 409, 412, 413, 415, 416, 422, 429,
    500, 501, 502, 503, 504,
];
const STATUS_PLACES: usize = STATUSES.len() + 2;

fn status(status: Option<StatusCode>) -> usize {
    let Some(status) = status else {
        return STATUSES.len() + 1;
    };
    let status = status.as_u16();
    let found = STATUSES.iter().position(|known| *known == status);
    found.unwrap_or(STATUSES.len())
}

fn status_text(place: usize) -> String {
    match STATUSES.get(place) {
        Some(status) => status.to_string(),
        None if place == STATUSES.len() => "other".to_owned(),
        None => "none".to_owned(),
    }
}

/// A request that has ended.
pub(crate) struct Passed<'a> {
    /// As the client wrote it.
    pub(crate) path: &'a str,
    pub(crate) method: &'a Method,
    /// None when the client went away before the answer.
    pub(crate) status: Option<StatusCode>,
    /// From the request's header to the answer's; none without an answer.
    pub(crate) answered_in: Option<Duration>,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
}

/// Counters of all requests and connections.
pub(crate) struct Traffic {
    /// The path under which a proxy has the console and the management API.
    base: String,
    running: AtomicU64,
    connections: AtomicU64,
    operations: [Counted; Operation::ALL.len()],
}

struct Counted {
    requests: [[AtomicU64; STATUS_PLACES]; METHODS.len()],
    seconds: Histogram,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

/// A connection; dropped, it is closed.
pub(crate) struct Open<'a>(&'a AtomicU64);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// Counters for a server whose console is under this path, too.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            running: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            operations: Operation::ALL.map(|_| Counted {
                requests: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
                seconds: Histogram::new(SECONDS),
                received_bytes: AtomicU64::new(0),
                sent_bytes: AtomicU64::new(0),
            }),
        }
    }

    /// A connection was accepted.
    pub(crate) fn open(&self) -> Open<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(&self.connections)
    }

    /// A request begins, which [`ended`](Self::ended) is told of later.
    pub(crate) fn begun(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// A request has ended.
    pub(crate) fn ended(&self, passed: &Passed<'_>) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        let mut path = passed.path;
        if !self.base.is_empty() {
            path = path.strip_prefix(&self.base).unwrap_or(path);
        }
        let counted = &self.operations[Operation::of(path) as usize];
        counted.requests[method(passed.method)][status(passed.status)].fetch_add(1, Ordering::Relaxed);
        if let Some(time) = passed.answered_in {
            counted.seconds.observe(time.as_secs_f64());
        }
        for (counter, bytes) in [
            (&counted.received_bytes, passed.received_bytes),
            (&counted.sent_bytes, passed.sent_bytes),
        ] {
            if bytes > 0 {
                counter.fetch_add(bytes, Ordering::Relaxed);
            }
        }
    }

    /// Requests that are being answered.
    pub(super) fn running(&self) -> u64 {
        self.running.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self, samples: &mut Samples<'_>) {
        for (operation, counted) in Operation::ALL.iter().zip(&self.operations) {
            for (method, statuses) in METHODS.iter().zip(&counted.requests) {
                for (place, count) in statuses.iter().enumerate() {
                    let count = count.load(Ordering::Relaxed);
                    if count > 0 {
                        samples.count(&[operation.as_str(), method, &status_text(place)], count);
                    }
                }
            }
        }
    }

    pub(super) fn seconds(&self, samples: &mut Samples<'_>) {
        for (operation, counted) in Operation::ALL.iter().zip(&self.operations) {
            samples.histogram(&[operation.as_str()], &counted.seconds);
        }
    }

    pub(super) fn received_bytes(&self, samples: &mut Samples<'_>) {
        for (operation, counted) in Operation::ALL.iter().zip(&self.operations) {
            samples.count(
                &[operation.as_str()],
                counted.received_bytes.load(Ordering::Relaxed),
            );
        }
    }

    pub(super) fn sent_bytes(&self, samples: &mut Samples<'_>) {
        for (operation, counted) in Operation::ALL.iter().zip(&self.operations) {
            samples.count(&[operation.as_str()], counted.sent_bytes.load(Ordering::Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart_by_what_they_are_about() {
        for (path, operation) in [
            ("/v2/", Operation::Ping),
            ("/v2", Operation::Ping),
            ("/v2/_catalog", Operation::Catalog),
            ("/v2/team/app/tags/list", Operation::Tags),
            ("/v2/team/app/manifests/v1", Operation::Manifest),
            ("/v2/team/manifests/manifests/blobs", Operation::Manifest),
            ("/v2/app/manifests/v1", Operation::Manifest),
            ("/v2/team/app/blobs/sha256:00", Operation::Blob),
            ("/v2/team/app/blobs/uploads", Operation::Upload),
            ("/v2/team/app/blobs/uploads/", Operation::Upload),
            ("/v2/team/app/blobs/uploads/17", Operation::Upload),
            ("/v2/team/app/referrers/sha256:00", Operation::Referrers),
            ("/v2/team/app/_berth/swarm/sha256:00", Operation::Swarm),
            ("/v2/_berth/swarm/nodes", Operation::Swarm),
            ("/v2/manage/namespaces", Operation::Management),
            ("/v2/manage/namespaces/team/repos/app/tags", Operation::Management),
            ("/v3/manage/namespaces/team", Operation::Management),
            ("/v3/auth/tokens", Operation::Iam),
            ("/v3.0/OS-CREDENTIAL/credentials", Operation::Iam),
            ("/token", Operation::Token),
            ("/swr/auth/v2/registry/auth", Operation::Token),
            ("/livez", Operation::Other),
            ("/", Operation::Other),
            ("/v2/team/app", Operation::Other),
        ] {
            assert_eq!(Operation::of(path), operation, "{path}");
        }
    }

    #[test]
    fn what_is_counted_has_a_place_whatever_it_is() {
        let traffic = Traffic::new("/berth");
        for (code, verb) in [(Some(200), "GET"), (Some(299), "BREW"), (None, "HEAD")] {
            traffic.begun();
            traffic.ended(&Passed {
                path: "/berth/v2/manage/namespaces",
                method: &Method::from_bytes(verb.as_bytes()).unwrap(),
                status: code.map(|code| StatusCode::from_u16(code).unwrap()),
                answered_in: code.map(|_| Duration::from_millis(1)),
                received_bytes: 3,
                sent_bytes: 0,
            });
        }
        assert_eq!(traffic.running(), 0);
        let counted = &traffic.operations[Operation::Management as usize];
        assert_eq!(counted.received_bytes.load(Ordering::Relaxed), 9);
        for (verb, code) in [(0, 0), (6, STATUSES.len()), (1, STATUSES.len() + 1)] {
            assert_eq!(counted.requests[verb][code].load(Ordering::Relaxed), 1);
        }
    }
}
