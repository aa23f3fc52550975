//! The agent's two doors: one for the clients of this node, one for other agents.
//!
//! Owns listeners, connections and the shape of answers; [`local`] and [`shared`] say what is answered.

pub(crate) mod local;
mod relay;
pub(crate) mod shared;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use berth_oci::{ErrorBody, ErrorCode};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::identity;

/// The body of an answer.
type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Connections of one door at one time.
const CONNECTIONS_MAX: usize = 1024;
/// How long the head of a request, and the greeting of TLS, may take.
const HEAD: Duration = Duration::from_secs(30);
/// How long the listener rests when the system has no more connections to give.
const REST: Duration = Duration::from_millis(100);

/// What is behind a door. `fingerprint` is that of the other side's certificate, where one was asked for.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        fingerprint: Option<Arc<str>>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Opens a door, and keeps it open until it is stopped.
pub(crate) async fn open<A: Answers>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    behind: Arc<A>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        // Without it a connection is slower, and works.
        drop(stream.set_nodelay(true));
        let (tls, behind, stop) = (tls.clone(), Arc::clone(&behind), stop.clone());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                () = welcome(stream, tls, behind) => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn welcome<A: Answers>(stream: tokio::net::TcpStream, tls: Option<TlsAcceptor>, behind: Arc<A>) {
    let Some(tls) = tls else {
        return converse(stream, None, behind).await;
    };
    let Ok(Ok(stream)) = tokio::time::timeout(HEAD, tls.accept(stream)).await else {
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let fingerprint = certificates
        .and_then(<[_]>::first)
        .map(|first| identity::fingerprint(first));
    converse(stream, fingerprint.map(Arc::from), behind).await;
}

async fn converse<A: Answers>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    fingerprint: Option<Arc<str>>,
    behind: Arc<A>,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder.http2().timer(TokioTimer::new());
    let service = hyper::service::service_fn(move |request| {
        let (behind, fingerprint) = (Arc::clone(&behind), fingerprint.clone());
        async move { Ok::<_, Infallible>(behind.answer(request, fingerprint).await) }
    });
    // A client that leaves early is no error.
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

fn empty(status: StatusCode) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", Bytes::new())
}

fn whole(status: StatusCode, media_type: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// An error as the distribution specification has it.
fn refusal(status: StatusCode, code: ErrorCode, message: &str) -> Response<Body> {
    whole(
        status,
        "application/json",
        ErrorBody::one(code, message, None).to_json(),
    )
}

fn streamed(
    status: StatusCode,
    length: u64,
    bytes: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Response<Body> {
    let mut answer = Response::new(StreamBody::new(bytes.map_ok(Frame::data)).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}
