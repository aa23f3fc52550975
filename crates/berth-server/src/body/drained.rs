//! Bodies nobody reads to the end: a request that is refused before its body was read is answered at once, and the
//! rest of a body of sensible size is read and thrown away. Otherwise the connection would be reset under a client
//! that is still sending, and the client would show a broken pipe in place of the answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::runtime::Handle;

/// Bytes thrown away at most; beyond that, ending the connection costs less.
const BYTES_MAX: usize = 64 << 20;
/// Time to throw them away.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A body that is read to its end even when its reader loses interest.
pub(crate) struct Drained<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> {
    // None once the body has ended or failed.
    inner: Option<B>,
    /// The client waits for `100 Continue` and has sent nothing yet: there is nothing to throw away.
    waits: bool,
}

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> Drained<B> {
    /// Takes care of a body; `waits` says that the client sends it only when it is asked for.
    pub(crate) fn new(inner: B, waits: bool) -> Self {
        Self {
            inner: Some(inner),
            waits,
        }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> HttpBody for Drained<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.waits = false;
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(inner).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin + Send + 'static> Drop for Drained<B> {
    fn drop(&mut self) {
        let Some(inner) = self
            .inner
            .take()
            .filter(|inner| !self.waits && !inner.is_end_stream())
        else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                // Whatever happens to these bytes is of no interest to anybody.
                let _ = tokio::time::timeout(TIME_MAX, drain(inner)).await;
            });
        }
    }
}

async fn drain(mut body: impl HttpBody<Data = Bytes> + Unpin) {
    let mut left = BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
