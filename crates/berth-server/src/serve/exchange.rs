//! One request and its response as the server sees them: counted while they run, logged in one line when they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;
use tower_http::request_id::{MakeRequestId as _, MakeRequestUuid, RequestId};

use super::Peer;

/// The header that carries the id of a request, in both directions.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// How many requests of one connection run, and how many have begun so far.
#[derive(Debug, Default)]
pub(super) struct Requests {
    running: AtomicUsize,
    begun: AtomicU64,
}

impl Requests {
    /// The number of requests that have begun, when none of them runs any more.
    pub(super) fn begun_if_idle(&self) -> Option<u64> {
        (self.running.load(Ordering::Relaxed) == 0).then(|| self.begun.load(Ordering::Relaxed))
    }
}

/// One request from its header to the last byte of its response. Dropping it logs it.
pub(super) struct Exchange {
    requests: Arc<Requests>,
    peer: Peer,
    method: Method,
    uri: Uri,
    id: HeaderValue,
    start: Instant,
    received: Arc<AtomicU64>,
    sent: u64,
    status: Option<StatusCode>,
}

impl Exchange {
    /// Begins to watch a request.
    pub(super) fn begin<B>(
        request: &Request<B>,
        peer: Peer,
        requests: Arc<Requests>,
        id: HeaderValue,
    ) -> Self {
        requests.running.fetch_add(1, Ordering::Relaxed);
        requests.begun.fetch_add(1, Ordering::Relaxed);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let received = Arc::default();
        Self {
            requests,
            peer,
            method,
            uri,
            id,
            start: Instant::now(),
            received,
            sent: 0,
            status: None,
        }
    }

    /// The count of bytes that came as the request's body.
    pub(super) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// Notes the status and goes on watching the response's body.
    pub(super) fn respond(mut self, status: StatusCode, body: Body) -> ResponseBody {
        self.status = Some(status);
        ResponseBody { body, exchange: self }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.requests.running.fetch_sub(1, Ordering::Relaxed);
        // The path alone: a query can hold credentials. No header either.
        tracing::info!(
            client = %self.peer.address.ip(),
            method = %self.method,
            path = self.uri.path(),
            // Without a status the client went away before the answer.
            status = self.status.map(|status| status.as_u16()),
            micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX),
            received = self.received.load(Ordering::Relaxed),
            sent = self.sent,
            id = self.id.to_str().unwrap_or_default(),
            "request"
        );
    }
}

/// The id that the client gave the request, if it can stand in a log line, or a new one.
pub(super) fn request_id<B>(request: &Request<B>) -> HeaderValue {
    let given = given_id(request.headers()).cloned();
    given
        .or_else(|| {
            MakeRequestUuid
                .make_request_id(request)
                .map(RequestId::into_header_value)
        })
        .unwrap_or_else(|| {
            // MakeRequestUuid always makes one; its interface allows it not to.
            HeaderValue::from_static("none")
        })
}

fn given_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    let plain =
        |id: &&HeaderValue| (1..=64).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(plain)
}

/// A response's body that carries its exchange to the last byte.
pub(super) struct ResponseBody {
    body: Body,
    exchange: Exchange,
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.exchange.sent += u64::try_from(length).unwrap_or(u64::MAX);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
