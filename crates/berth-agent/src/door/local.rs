//! The door for clients of this node: a mirror of the registry, whose blobs come from the cache.
//!
//! Everything but blobs by digest goes to the registry and back as it is, challenges included; a blob is given to those
//! only to whom the registry would give it.

use std::sync::Arc;

use berth_oci::{Digest, ErrorCode, RangeOutcome, RangeRequest};
use http::header::{ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use super::{Answers, Body, empty, refusal, relay, streamed, whole};
use crate::blobs;
use crate::job::Jobs;
use crate::permits::Permits;
use crate::registry::{Fault, Source, Stat};

/// What is behind the local door.
pub(crate) struct Local {
    jobs: Arc<Jobs>,
    permits: Permits,
}

impl Local {
    pub(crate) fn new(jobs: Arc<Jobs>) -> Self {
        let permits = Permits::new();
        Self { jobs, permits }
    }

    /// A blob by digest, or the registry's own answer.
    async fn blob(&self, request: Request<Incoming>, source: Source, digest: Digest) -> Response<Body> {
        let size = match self.permits.check(&self.jobs.registry, &source, &digest).await {
            // An empty one needs no cache.
            Stat::There(0) | Stat::Other => return relay::relay(&self.jobs.registry, request).await,
            Stat::There(size) => size,
            Stat::Unreachable => return relay::unreachable(),
        };
        let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
        let is_head = *request.method() == Method::HEAD;
        let outcome = match RangeRequest::parse(range) {
            _ if is_head => RangeOutcome::Whole,
            Ok(range) => range.resolve(size),
            Err(_) => return relay::relay(&self.jobs.registry, request).await,
        };
        let (status, start, end) = match outcome {
            // Several at once are rare, small, and the registry's own art.
            RangeOutcome::Parts(_) => return relay::relay(&self.jobs.registry, request).await,
            RangeOutcome::Whole => (StatusCode::OK, 0, size),
            RangeOutcome::Part { start, end_inclusive } => {
                (StatusCode::PARTIAL_CONTENT, start, end_inclusive + 1)
            }
            RangeOutcome::Unsatisfiable => {
                let mut answer = refusal(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    ErrorCode::RangeInvalid,
                    "the range lies outside of the blob",
                );
                answer
                    .headers_mut()
                    .insert(CONTENT_RANGE, value(&format!("bytes */{size}")));
                return answer;
            }
        };
        let mut answer = if is_head {
            let mut answer = empty(status);
            answer.headers_mut().insert(CONTENT_LENGTH, size.into());
            answer
        } else {
            match blobs::stream(&self.jobs, source, (&digest, size), (start, end)).await {
                Ok(pieces) => streamed(status, end - start, pieces),
                // The registry's answer changed since it was asked; it says itself what it is.
                Err(Fault::Refused(_) | Fault::Strange) => {
                    return relay::relay(&self.jobs.registry, request).await;
                }
                Err(Fault::Unavailable(_)) => return relay::unreachable(),
            }
        };
        describe(answer.headers_mut(), &digest);
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {start}-{}/{size}", end - 1);
            answer.headers_mut().insert(CONTENT_RANGE, value(&range));
        }
        answer
    }
}

impl Answers for Local {
    async fn answer(self: Arc<Self>, request: Request<Incoming>, _: Option<Arc<str>>) -> Response<Body> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/healthz" if is_read => whole(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"),
            "/metrics" if is_read => {
                let cache = &self.jobs.cache;
                let text = self.jobs.figures.text(cache.bytes(), cache.limit());
                whole(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
            }
            path if path == "/v2" || path.starts_with("/v2/") => match asked_for(&request) {
                Some((source, digest)) if is_read => self.blob(request, source, digest).await,
                _ => relay::relay(&self.jobs.registry, request).await,
            },
            _ => refusal(
                StatusCode::NOT_FOUND,
                ErrorCode::Unsupported,
                "an agent has /v2/, /healthz and /metrics only",
            ),
        }
    }
}

/// The blob that a path names. Names with escapes are none that a client sends; the registry says what becomes of them.
fn asked_for(request: &Request<Incoming>) -> Option<(Source, Digest)> {
    let (name, digest) = request
        .uri()
        .path()
        .strip_prefix("/v2/")?
        .rsplit_once("/blobs/")?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
    if name.is_empty()
        || !name.bytes().all(is_plain)
        || name.split('/').any(|part| matches!(part, "" | "." | ".."))
    {
        return None;
    }
    let source = Source {
        name: name.to_owned(),
        query: request.uri().query().map(str::to_owned),
        authorization: request.headers().get(AUTHORIZATION).cloned(),
    };
    Some((source, digest.parse().ok()?))
}

fn describe(headers: &mut HeaderMap, digest: &Digest) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert("docker-content-digest", value(digest.as_str()));
    headers.insert(
        "docker-distribution-api-version",
        HeaderValue::from_static("registry/2.0"),
    );
    headers.insert(ETAG, value(&format!("\"{digest}\"")));
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digests and numbers are visible ASCII")
}
