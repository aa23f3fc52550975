//! One connection from its first byte to its last: TLS, protocol, requests, and its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;
use tower_http::request_id::RequestId;
use tracing::Instrument as _;

use super::exchange::{Exchange, REQUEST_ID, Requests, ResponseBody, request_id};
use super::sendfile::{Bypass, FileSender};
use super::{Peer, Phases, Stopping, Timeouts};
use crate::body::{Drained, StallTimeout};
use crate::overload::{Gate, Work};

/// How long a connection that has not asked yet is kept when the server stops.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Bytes that one read of a connection takes at most. Chunks of an upload are cut out of these buffers and live until they
/// are hashed and written, so this bounds the memory of each upload.
const READ_BUFFER_MAX: usize = 512 << 10;

/// What all connections share.
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) gate: Gate,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) timeouts: Timeouts,
    pub(super) phases: Phases,
}

/// Whose requests those of a connection are, and how their answers may go out.
struct Asking {
    peer: Peer,
    /// None where the bytes that are sent must be read before, to encrypt them.
    bypass: Option<Bypass>,
}

/// Serves a connection until it is done, idle for too long, or the server stops.
pub(super) async fn serve(stream: TcpStream, peer: Peer, shared: Arc<Shared>) {
    if let Err(error) = prepare(&stream, shared.timeouts.response_stall) {
        tracing::debug!(client = %peer.address, %error, "the connection keeps the system's defaults");
    }
    // Boxed, as what a task may need at one time is reserved for all of its life.
    if let Some(tls) = &shared.tls {
        return Box::pin(decrypt(stream, tls.clone(), peer, shared)).await;
    }
    let stream = FileSender::new(stream);
    let bypass = Some(stream.bypass());
    drive(stream, Asking { peer, bypass }, shared).await;
}

async fn decrypt(stream: TcpStream, tls: TlsAcceptor, peer: Peer, shared: Arc<Shared>) {
    let handshake = tokio::time::timeout(shared.timeouts.header, tls.accept(stream));
    // Boxed for the same reason: it is over when the connection begins.
    let mut handshake = Box::pin(handshake);
    let stream = tokio::select! {
        () = shared.phases.stopping.cancelled() => return,
        done = handshake.as_mut() => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(client = %peer.address, %error, "tls handshake failed"),
            Err(_) => return tracing::debug!(client = %peer.address, "tls handshake took too long"),
        },
    };
    drop(handshake);
    // Large, and hyper keeps it in more than one place of its state.
    drive(Box::new(stream), Asking { peer, bypass: None }, shared).await;
}

fn prepare(stream: &TcpStream, response_stall: Duration) -> std::io::Result<()> {
    // Small answers must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    // The system ends the connection of a client that is gone, or that does not read what it asked for.
    let millis = u32::try_from(response_stall.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S, asking: Asking, shared: Arc<Shared>) {
    let Asking { peer, bypass } = asking;
    let requests = Arc::new(Requests::default());
    let service = service_fn(|mut request| {
        // The frames of HTTP/2 take their bytes out of what they are given.
        if let Some(bypass) = &bypass
            && request.version() <= Version::HTTP_11
        {
            request.extensions_mut().insert(bypass.clone());
        }
        answer(request, peer, Arc::clone(&requests), Arc::clone(&shared))
    });
    let builder = protocol(&shared.timeouts);
    let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
    let mut tick = tokio::time::interval(shared.timeouts.header);
    tick.tick().await;
    let mut seen = None;
    let mut stopping = false;
    loop {
        tokio::select! {
            // A second signal comes before everything that may be ready with it.
            biased;
            () = shared.phases.aborting.cancelled() => return,
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(client = %peer.address, %error, "connection ended early");
                }
                return;
            }
            () = shared.phases.stopping.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
                // hyper keeps waiting for the first request of a connection; it may be under way, but not for long.
                tick = tokio::time::interval_at(Instant::now() + LAST_CALL, LAST_CALL);
                seen = requests.begun_if_idle();
            }
            _ = tick.tick() => {
                // Two ticks without a request in between: whoever is there has nothing to ask, or asks too slowly.
                let now = requests.begun_if_idle();
                if now.is_some() && now == seen {
                    return;
                }
                seen = now;
            }
        }
    }
}

fn protocol(timeouts: &Timeouts) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        .max_buf_size(READ_BUFFER_MAX);
    // Windows that keep one upload at full speed over a link with 50 ms; a ping finds peers that vanished.
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(128)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(timeouts.header)
        .keep_alive_timeout(timeouts.header);
    builder
}

async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    requests: Arc<Requests>,
    shared: Arc<Shared>,
) -> Result<Response<ResponseBody>, Infallible> {
    let id = request_id(&request);
    let exchange = Exchange::begin(&request, peer, requests, id.clone());
    let span = tracing::error_span!("request", id = id.to_str().unwrap_or_default());
    let waits = request.headers().contains_key(http::header::EXPECT);
    let mut request = request.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        let (stall, ending) = (shared.timeouts.body_stall, shared.phases.ending.clone());
        let body = Drained::new(body, waits);
        Body::new(StallTimeout::new(body, stall, ending, exchange.received()))
    });
    request.extensions_mut().insert(peer);
    request
        .extensions_mut()
        .insert(Stopping(shared.phases.stopping.clone()));
    request.extensions_mut().insert(RequestId::new(id.clone()));
    let mut response = match shared.gate.enter(Work::of(&request)).await {
        Ok(place) => {
            let response = shared.router.clone().call(request).instrument(span).await?;
            // The rest of the response waits for its client alone.
            drop(place);
            response
        }
        Err(overloaded) => overloaded.response(request.uri().path()),
    };
    response.headers_mut().insert(REQUEST_ID, id);
    let status = response.status();
    Ok(response.map(|body| exchange.respond(status, body)))
}
