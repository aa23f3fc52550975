//! One request and its response as the server sees them: counted while they run, logged in one line when they end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use super::arrival::Connection;
use super::bandwidth::Shaped;
use crate::logging::RequestName;
use crate::metrics::Passed;

/// One request from its header to the last byte of its response. Dropping it logs it.
pub(super) struct Exchange {
    connection: Arc<Connection>,
    method: Method,
    uri: Uri,
    name: RequestName,
    start: Instant,
    answered_at: Option<Instant>,
    /// Made for requests with a body.
    received: Option<Arc<AtomicU64>>,
    sent: u64,
    status: Option<StatusCode>,
}

impl Exchange {
    /// Begins to watch a request.
    pub(super) fn begin<B>(request: &Request<B>, connection: Arc<Connection>, name: RequestName) -> Self {
        connection.requests.begin();
        connection.traffic.begun();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self {
            connection,
            method,
            uri,
            name,
            start: Instant::now(),
            answered_at: None,
            received: None,
            sent: 0,
            status: None,
        }
    }

    /// The count of bytes that came as the request's body.
    pub(super) fn received(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.received.get_or_insert_default())
    }

    /// Notes the status and goes on watching the response's body.
    pub(super) fn respond(mut self, status: StatusCode, body: Body, shaped: Option<Shaped>) -> ResponseBody {
        self.status = Some(status);
        self.answered_at = Some(Instant::now());
        self.connection.requests.respond();
        ResponseBody {
            body,
            exchange: self,
            shaped,
            waits: false,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        self.connection.requests.end(now);
        let received = self.received.as_ref();
        let received = received.map_or(0, |received| received.load(Ordering::Relaxed));
        self.connection.traffic.ended(&Passed {
            path: self.uri.path(),
            method: &self.method,
            status: self.status,
            answered_in: self.answered_at.map(|at| at - self.start),
            received_bytes: received,
            sent_bytes: self.sent,
        });
        // The path alone: a query can hold credentials. No header either.
        tracing::info!(
            client = %self.connection.peer.address.ip(),
            method = %self.method,
            path = self.uri.path(),
            // Without a status the client went away before the answer.
            status = self.status.map(|status| status.as_u16()),
            micros = u64::try_from((now - self.start).as_micros()).unwrap_or(u64::MAX),
            received,
            sent = self.sent,
            id = self.name.id(),
            trace = self.name.trace(),
            "request"
        );
    }
}

/// A response's body that carries its exchange to the last byte.
pub(super) struct ResponseBody {
    body: Body,
    exchange: Exchange,
    /// Where there is a limit to what goes out.
    shaped: Option<Shaped>,
    /// It was asked for more than it has yet.
    waits: bool,
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let requests = &self.exchange.connection.requests;
        if self.waits {
            requests.waits_for_source(false);
        }
        requests.responded();
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let turn = self
            .shaped
            .as_mut()
            .map_or(Poll::Ready(()), |shaped| shaped.poll_turn(context));
        let frame = match turn {
            Poll::Ready(()) => Pin::new(&mut self.body).poll_frame(context),
            Poll::Pending => Poll::Pending,
        };
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            self.exchange.sent += length;
            if let Some(shaped) = &mut self.shaped {
                shaped.sent(length);
            }
        }
        if self.waits != frame.is_pending() {
            self.waits = frame.is_pending();
            self.exchange.connection.requests.waits_for_source(self.waits);
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
