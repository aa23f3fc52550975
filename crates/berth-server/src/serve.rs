//! The listener: accepts connections, serves them, and stops without breaking what runs.
//! Knows nothing of what is answered.

mod arrival;
mod bandwidth;
mod connection;
mod crowd;
mod exchange;
mod requests;
mod sendfile;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Traffic;
use crate::overload::Gate;
pub(crate) use arrival::Arrival;
pub(crate) use bandwidth::{Bandwidth, Payer};
use crowd::Crowd;
pub(crate) use crowd::Room;
pub(crate) use tls::{Certificate, Error as TlsError};

/// How long requests that were cut off at the end of the grace time have to save how far they came.
const TIME_TO_SAVE: Duration = Duration::from_secs(5);

/// How long to wait after a connection could not be accepted, most often because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What answers requests.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Whether connections from this address are a proxy's, for many clients.
    fn is_proxy(&self, address: IpAddr) -> bool;

    /// The address that a request comes from, whoever passed it on.
    fn client(&self, request: &Request<Body>) -> IpAddr;

    /// The answer to one of them.
    fn answer(&self, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The address of the other end, a proxy's perhaps.
    pub(crate) address: SocketAddr,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
}

/// What the server waits for, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For a complete request header, and between two requests.
    pub(crate) header: Duration,
    /// For the next byte of a request's body.
    pub(crate) body_stall: Duration,
    /// For a client to take the next bytes of a response.
    pub(crate) response_stall: Duration,
    /// Bytes of responses that it takes a second at least, on average over that time; 0: any.
    pub(crate) response_rate_min: u64,
    /// For running requests after the signal to stop.
    pub(crate) grace: Duration,
}

/// The steps of the server's end. Each is cancelled when it has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phases {
    /// No new request is taken; those that run go on.
    pub(crate) stopping: CancellationToken,
    /// The grace time is over: request bodies end with an error, so that handlers save how far they came.
    pub(crate) ending: CancellationToken,
    /// Every connection is cut.
    pub(crate) aborting: CancellationToken,
}

impl Phases {
    /// Phases that follow the signals of this process: the first SIGTERM or SIGINT begins the end, the second cuts it short.
    pub(crate) fn of_signals() -> std::io::Result<Self> {
        let phases = Self::default();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let following = phases.clone();
        tokio::spawn(async move {
            for token in [&following.stopping, &following.aborting] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                token.cancel();
            }
        });
        Ok(phases)
    }
}

/// A server that is ready to accept.
pub(crate) struct Server<A> {
    /// Where it listens.
    pub(crate) listener: TcpListener,
    /// TLS, when it is on.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// What answers.
    pub(crate) answers: A,
    /// How much it answers at one time.
    pub(crate) gate: Arc<Gate>,
    /// How much goes out, if that is limited.
    pub(crate) bandwidth: Option<Arc<Bandwidth>>,
    /// Where what passes is counted.
    pub(crate) traffic: Arc<Traffic>,
    /// Proxies whose ids of requests are taken over.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// How long it waits.
    pub(crate) timeouts: Timeouts,
    /// The most connections at one time.
    pub(crate) room: Room,
}

impl<A: Answers> Server<A> {
    /// Serves until the phases say stop, and returns when the last connection is closed.
    pub(crate) async fn run(self, phases: Phases) {
        let Self {
            listener,
            tls,
            answers,
            gate,
            bandwidth,
            traffic,
            trusted_proxies,
            timeouts,
            room,
        } = self;
        let secure = tls.is_some();
        let tls = tls.map(TlsAcceptor::from);
        let shared = connection::Shared {
            answers,
            gate,
            bandwidth,
            traffic,
            trusted_proxies,
            tls,
            timeouts,
            phases: phases.clone(),
        };
        let shared = Arc::new(shared);
        let crowd = Crowd::new(room);
        let tracker = TaskTracker::new();
        loop {
            let accepted = async {
                let (stream, address) = listener.accept().await?;
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                let is_proxy = shared.answers.is_proxy(address.ip());
                Ok((stream, address, crowd.enter(address.ip(), is_proxy).await))
            };
            let accepted: std::io::Result<_> = tokio::select! {
                () = phases.stopping.cancelled() => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((_, address, None)) => {
                    tracing::debug!(client = %address, "as many connections of that address as there may be");
                }
                Ok((stream, address, Some(member))) => {
                    let shared = Arc::clone(&shared);
                    tracker.spawn(async move {
                        let requests = Arc::clone(&member.requests);
                        connection::serve(stream, (Peer { address, secure }, requests), shared).await;
                        drop(member);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        tracker.close();
        wind_down(&tracker, &phases, timeouts.grace).await;
    }
}

/// Lets running requests end, then save how far they came, then cuts what is left.
async fn wind_down(tracker: &TaskTracker, phases: &Phases, grace: Duration) {
    if !tracker.is_empty() {
        tracing::info!(
            connections = tracker.len(),
            seconds = grace.as_secs(),
            "waiting for running requests"
        );
    }
    let ended = || async {
        tokio::select! {
            () = tracker.wait() => {}
            () = phases.aborting.cancelled() => {}
        }
    };
    if tokio::time::timeout(grace, ended()).await.is_err() {
        tracing::warn!(
            connections = tracker.len(),
            "the time to end is over; requests save how far they came"
        );
    }
    phases.ending.cancel();
    if tokio::time::timeout(TIME_TO_SAVE, ended()).await.is_err() {
        tracing::warn!(
            connections = tracker.len(),
            "cutting the connections that are left"
        );
    }
    phases.aborting.cancel();
    tracker.wait().await;
}

#[cfg(test)]
mod tests;
