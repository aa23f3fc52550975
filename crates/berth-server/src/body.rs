//! Request bodies that cannot stand still for ever, and the way handlers read them. Knows nothing of what is sent.

mod drained;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub(crate) use drained::Drained;

/// Why a request body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not one byte came for this long.
    #[error("no byte of the request's body came for {} seconds", .0.as_secs())]
    Stalled(Duration),
    /// The server is going down and the grace time is over.
    #[error("the server is stopping")]
    Stopping,
    /// The connection broke, or what came on it is not HTTP.
    #[error("the request's body broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Stalled(_) => io::ErrorKind::TimedOut,
            Self::Stopping => io::ErrorKind::ConnectionAborted,
            Self::Broken(_) => io::ErrorKind::UnexpectedEof,
        }
    }
}

/// The bytes of a request's body. Its errors hold a `BodyError`; their kind is `TimedOut` for a body that stood still
/// (to be answered with 408), `ConnectionAborted` for a server that stops, `UnexpectedEof` for a client that went away.
pub(crate) fn bytes(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    body.into_data_stream()
        .map_err(|error| match error.into_inner().downcast::<BodyError>() {
            Ok(error) => io::Error::new(error.kind(), error),
            Err(other) => io::Error::new(io::ErrorKind::UnexpectedEof, BodyError::Broken(other)),
        })
}

/// A body that ends with an error when no byte comes for some time, or when the server must stop.
pub(crate) struct StallTimeout<B> {
    inner: B,
    stall: Duration,
    // Set only while the body keeps us waiting; it does not run while a handler is busy.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    ending: Pin<Box<WaitForCancellationFutureOwned>>,
    received: Arc<AtomicU64>,
}

impl<B> StallTimeout<B> {
    /// Guards a body; counts what it gives into `received`.
    pub(crate) fn new(
        inner: B,
        stall: Duration,
        ending: CancellationToken,
        received: Arc<AtomicU64>,
    ) -> Self {
        let ending = Box::pin(ending.cancelled_owned());
        Self {
            inner,
            stall,
            timer: None,
            waiting: false,
            ending,
            received,
        }
    }

    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<BodyError> {
        let deadline = Instant::now() + self.stall;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.waiting {
            timer.as_mut().reset(deadline);
            self.waiting = true;
        }
        if timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(BodyError::Stalled(self.stall));
        }
        self.ending.as_mut().poll(context).map(|()| BodyError::Stopping)
    }
}

impl<B> HttpBody for StallTimeout<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.inner).poll_frame(context) {
            Poll::Ready(frame) => {
                this.waiting = false;
                if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                    let length = data.map_or(0, Bytes::len);
                    this.received
                        .fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError::Broken(error.into()))))
            }
            Poll::Pending => this.stalled(context).map(|error| Some(Err(error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
