//! One connection from its first byte to its last: TLS, protocol, requests, and its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::arrival::{Arrival, Connection};
use super::bandwidth::{Bandwidth, Payer, Shaped};
use super::exchange::{Exchange, ResponseBody};
use super::requests::{Least, Requests};
use super::sendfile::{Bypass, FileSender};
use super::{Answers, Peer, Phases, Timeouts};
use crate::body::{Drained, StallTimeout};
use crate::logging::{REQUEST_ID, RequestName, inside};
use crate::metrics::Traffic;
use crate::overload::{Gate, Work};

/// How long a connection that has not asked yet is kept when the server stops.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Bytes that one read of a connection takes at most. Chunks of an upload are cut out of these buffers and live until they
/// are hashed and written, so this bounds the memory of each upload.
const READ_BUFFER_MAX: usize = 512 << 10;

/// What all connections share.
pub(super) struct Shared<A> {
    pub(super) answers: A,
    pub(super) gate: Arc<Gate>,
    pub(super) bandwidth: Option<Arc<Bandwidth>>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) timeouts: Timeouts,
    pub(super) phases: Phases,
}

impl<A> Shared<A> {
    fn connection(&self, (peer, requests): (Peer, Arc<Requests>), bypass: Option<Bypass>) -> Connection {
        let ip = peer.address.ip();
        Connection {
            peer,
            is_trusted: self.trusted_proxies.iter().any(|network| network.contains(&ip)),
            requests,
            traffic: Arc::clone(&self.traffic),
            bypass,
            stopping: self.phases.stopping.clone(),
        }
    }
}

/// A connection beside what it shares with the others. Its requests count the references to this alone: what all threads
/// count at once passes from one processor to the next each time.
struct Seat<A> {
    connection: Arc<Connection>,
    shared: Arc<Shared<A>>,
}

/// Serves a connection until it is done, idle for too long, or the server stops.
pub(super) async fn serve<A: Answers>(
    stream: TcpStream,
    (peer, requests): (Peer, Arc<Requests>),
    shared: Arc<Shared<A>>,
) {
    if let Err(error) = prepare(&stream, shared.timeouts.response_stall) {
        tracing::debug!(client = %peer.address, %error, "the connection keeps the system's defaults");
    }
    // Boxed, as what a task may need at one time is reserved for all of its life.
    if let Some(tls) = &shared.tls {
        return Box::pin(decrypt(stream, tls.clone(), (peer, requests), shared)).await;
    }
    let stream = FileSender::new(stream, Arc::clone(&requests));
    let connection = shared.connection((peer, requests), Some(stream.bypass()));
    drive(stream, connection, shared).await;
}

async fn decrypt<A: Answers>(
    stream: TcpStream,
    tls: TlsAcceptor,
    (peer, requests): (Peer, Arc<Requests>),
    shared: Arc<Shared<A>>,
) {
    let stream = FileSender::new(stream, Arc::clone(&requests));
    let handshake = tokio::time::timeout(shared.timeouts.header, tls.accept(stream));
    // Boxed for the same reason: it is over when the connection begins.
    let mut handshake = Box::pin(handshake);
    let stream = tokio::select! {
        () = shared.phases.stopping.cancelled() => return,
        () = requests.eviction() => return,
        done = handshake.as_mut() => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(client = %peer.address, %error, "tls handshake failed"),
            Err(_) => return tracing::debug!(client = %peer.address, "tls handshake took too long"),
        },
    };
    drop(handshake);
    let connection = shared.connection((peer, requests), None);
    // Large, and hyper keeps it in more than one place of its state.
    drive(Box::new(stream), connection, shared).await;
}

fn prepare(stream: &TcpStream, response_stall: Duration) -> std::io::Result<()> {
    // Small answers must not wait for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    // The system ends the connection of a client that is gone, or that does not read what it asked for.
    let millis = u32::try_from(response_stall.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(stream, millis)?)
}

/// What happens to a connection beside its requests.
enum Event {
    /// It is cut.
    Abort,
    /// It goes on no longer than its requests.
    Stop,
    /// Nothing was asked for too long, or what was asked for is not taken.
    Silence,
    /// Somebody else needs its place.
    Evicted,
}

async fn drive<S, A>(stream: S, connection: Connection, shared: Arc<Shared<A>>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Answers,
{
    let peer = connection.peer;
    let traffic = Arc::clone(&connection.traffic);
    let _open = traffic.open();
    let builder = protocol(&shared.timeouts);
    let seat = Arc::new(Seat {
        connection: Arc::new(connection),
        shared,
    });
    let service = service_fn(|request| answer(request, Arc::clone(&seat)));
    let mut connection = Box::pin(builder.serve_connection(TokioIo::new(stream), service));
    // Looked at only when it has happened: each look at a token takes the lock that all connections have in common.
    let mut events = FuturesUnordered::new();
    events.push(next_event(&seat, false));
    loop {
        tokio::select! {
            // A second signal comes before everything that may be ready with it.
            biased;
            Some(event) = events.next() => match event {
                Event::Abort | Event::Silence => return,
                // A request that has come meanwhile has its answer.
                Event::Evicted if seat.connection.requests.idle_since().is_some() => return,
                Event::Evicted => {
                    connection.as_mut().graceful_shutdown();
                    events.push(next_event(&seat, false));
                }
                Event::Stop => {
                    connection.as_mut().graceful_shutdown();
                    events.push(next_event(&seat, true));
                }
            },
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(client = %peer.address, %error, "connection ended early");
                }
                return;
            }
        }
    }
}

async fn next_event<A>(seat: &Seat<A>, is_stopping: bool) -> Event {
    let Shared { phases, timeouts, .. } = &*seat.shared;
    // hyper keeps waiting for the first request of a connection when it stops; it may be under way, but not for long.
    let limit = if is_stopping { LAST_CALL } else { timeouts.header };
    tokio::select! {
        biased;
        () = phases.aborting.cancelled() => Event::Abort,
        () = phases.stopping.cancelled(), if !is_stopping => Event::Stop,
        () = seat.connection.requests.eviction(), if !is_stopping => Event::Evicted,
        () = seat.connection.requests.silence(limit, least(timeouts)) => Event::Silence,
    }
}

/// What a client must take of its answers.
fn least(timeouts: &Timeouts) -> Option<Least> {
    let time = timeouts.response_stall;
    let bytes = timeouts.response_rate_min.saturating_mul(time.as_secs());
    (bytes > 0).then_some(Least { bytes, time })
}

fn protocol(timeouts: &Timeouts) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // The silence of a connection has its own limit, without a timer that is set anew for each request.
        .header_read_timeout(None)
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

async fn answer<A: Answers>(
    request: Request<Incoming>,
    seat: Arc<Seat<A>>,
) -> Result<Response<ResponseBody>, Infallible> {
    let Seat { connection, shared } = &*seat;
    let name = RequestName::of(request.headers(), connection.is_trusted);
    let mut exchange = Exchange::begin(&request, Arc::clone(connection), name.clone());
    let waits = request.headers().contains_key(http::header::EXPECT);
    let mut request = request.map(|body| {
        if body.is_end_stream() {
            return Body::empty();
        }
        let (stall, ending) = (shared.timeouts.body_stall, shared.phases.ending.clone());
        let body = Drained::new(body, waits);
        Body::new(StallTimeout::new(body, stall, ending, exchange.received()))
    });
    let arrival = Arrival {
        connection: Arc::clone(connection),
        name: name.clone(),
        version: request.version(),
    };
    request.extensions_mut().insert(arrival);
    let address = shared.answers.client(&request);
    let mut response = match shared.gate.enter(Work::of(&request), address).await {
        Ok(place) => {
            let response = inside(name.clone(), shared.answers.answer(request)).await;
            // The rest of the response waits for its client alone.
            drop(place);
            response
        }
        Err(overloaded) => overloaded.response(request.uri().path()),
    };
    response.headers_mut().insert(REQUEST_ID, name.id);
    let status = response.status();
    let shaped = shared.bandwidth.as_ref().and_then(|bandwidth| {
        let payer = response.extensions_mut().remove::<Payer>()?;
        Some(Shaped::new(Arc::clone(bandwidth), payer))
    });
    Ok(response.map(|body| exchange.respond(status, body, shaped)))
}
