//! The whole server put together: state, routes, listener. Knows where each path leads, not what is answered there.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::Uri;
use http::uri::PathAndQuery;
use tokio::net::{TcpListener, TcpSocket};
use tower::ServiceExt as _;

use berth_registry::{Registry, Upgrade};

use crate::config::{BasePath, Limits, Listen, Settings};
use crate::health::Health;
use crate::metrics::{Metrics, Traffic};
use crate::origin::Origin;
use crate::overload::{Bounds, Gate};
use crate::serve::{Answers, Arrival, Bandwidth, Certificate, Phases, Room, Server, Timeouts, TlsError};
use crate::state::AppState;
use crate::{api, console, descriptors, distribution, first_start, health, metrics, token};

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The data folder cannot be made.
    #[error("the data folder {folder} cannot be made: {source}; choose another with --data-dir")]
    DataDir {
        /// The folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// The stores cannot be opened.
    #[error("the registry cannot be opened: {}", chain(.0))]
    Registry(#[from] berth_registry::Error),
    /// The secrets of the first start could not be shown, and nothing else knows them.
    #[error(
        "the first account was made, but its secrets could not be printed: {0}; \
         set a password with `berth admin user reset-password`"
    )]
    Announcement(#[source] io::Error),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address for metrics is taken, or not ours.
    #[error("cannot answer metrics on {address}: {source}; choose another address with --metrics-listen")]
    ListenMetrics {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate and key cannot be used.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// rustls refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// Signals cannot be listened to.
    #[error("signals cannot be handled: {0}")]
    Signals(#[source] io::Error),
}

/// Runs a server with these settings until a signal ends it.
pub(crate) async fn run(settings: Settings) -> Result<(), Error> {
    let data_dir = &settings.data_dir;
    // For nobody else: the database holds password hashes and names.
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir);
    made.map_err(|source| Error::DataDir {
        folder: data_dir.display().to_string(),
        source,
    })?;
    let opening = settings.opening(Upgrade::Apply);
    let registry = Arc::new(Registry::open_to_serve(settings.registry(), opening).await?);
    let phases = Phases::of_signals().map_err(Error::Signals)?;
    let tls = tls(&settings, &phases)?;
    let wanted = settings.listen.0;
    let listen_error = |source| Error::Listen {
        address: wanted,
        source,
    };
    let listener = listen(wanted).map_err(listen_error)?;
    // With port 0 the system chose one.
    let address = listener.local_addr().map_err(listen_error)?;
    first_start(&registry, &settings, address).await?;
    tracing::info!(%address, url = settings.local_url(address), "listening");
    let (timeouts, room) = (timeouts(&settings.limits), room(&settings.limits));
    let bandwidth = settings.limits.defence.bandwidth;
    let bandwidth = bandwidth.map(|limit| Arc::new(Bandwidth::new(limit.0)));
    let watched = Watched::of(&registry, &settings, &phases);
    watched.listen(&settings, &phases).await?;
    let trusted_proxies = settings.trusted_proxies.clone();
    let Watched { gate, traffic, .. } = &watched;
    let (gate, traffic) = (Arc::clone(gate), Arc::clone(traffic));
    let app = AppState {
        registry: Arc::clone(&registry),
        settings: Arc::new(settings),
    };
    let answers = Routes::of(app, watched);
    // Ends with the process.
    tokio::spawn(crate::allocator::tidy());
    let upkeep = {
        let registry = Arc::clone(&registry);
        tokio::spawn(async move { registry.maintain().await })
    };
    Server {
        listener,
        tls,
        answers,
        gate,
        bandwidth,
        traffic,
        trusted_proxies,
        timeouts,
        room,
    }
    .run(phases)
    .await;
    upkeep.abort();
    // Nothing renews a lease any more when they are given back.
    let _aborted = upkeep.await;
    registry.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Encryption, when it is on, with a certificate that follows its files.
fn tls(settings: &Settings, phases: &Phases) -> Result<Option<Arc<rustls::ServerConfig>>, Error> {
    let Some((certificate, key)) = settings.tls_files() else {
        return Ok(None);
    };
    let certificate = Certificate::load(certificate, key)?;
    let config = certificate.server_config()?;
    tokio::spawn(certificate.follow(phases.stopping.clone()));
    Ok(Some(config))
}

fn timeouts(limits: &Limits) -> Timeouts {
    Timeouts {
        header: limits.header_timeout,
        body_stall: limits.body_stall_timeout,
        response_stall: limits.response_stall_timeout,
        response_rate_min: limits.defence.response_rate_min.map_or(0, |least| least.0),
        grace: limits.shutdown_grace,
    }
}

fn room(limits: &Limits) -> Room {
    Room {
        connections_max: descriptors::connections(given(limits.connections_max)),
        of_address_max: NonZeroU32::new(limits.defence.connections_per_address),
    }
}

/// A setting that is never missing.
fn given(setting: Option<NonZeroU32>) -> NonZeroU32 {
    setting.expect("the table of settings has a default for it")
}

fn gate(settings: &Settings) -> Gate {
    Gate::new(Bounds {
        requests_max: given(settings.limits.requests_max).get(),
        uploads_max: given(settings.limits.uploads_max).get(),
        wait: settings.limits.request_wait_max,
    })
}

/// Connections that the system holds until they are accepted; one too many tries again a second later.
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Makes the first account, and shows on standard output what nobody could know otherwise.
async fn first_start(registry: &Registry, settings: &Settings, address: SocketAddr) -> Result<(), Error> {
    let Some(made) = registry.bootstrap(settings.first_start()).await? else {
        return Ok(());
    };
    if let Some(text) = first_start::announcement(&made, &settings.local_url(address), &settings.region.0) {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(Error::Announcement)?;
    }
    Ok(())
}

/// What tells how the server does.
struct Watched {
    gate: Arc<Gate>,
    traffic: Arc<Traffic>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Watched {
    fn of(registry: &Arc<Registry>, settings: &Settings, phases: &Phases) -> Self {
        let gate = Arc::new(gate(settings));
        let traffic = Arc::new(Traffic::new(&settings.base_path.0));
        let metrics = Metrics::new(Arc::clone(registry), Arc::clone(&traffic), Arc::clone(&gate));
        Self {
            gate,
            traffic,
            metrics: Arc::new(metrics),
            health: Arc::new(Health::new(Arc::clone(registry), phases.stopping.clone())),
        }
    }

    /// Answers at the address that is for who watches, if there is one.
    async fn listen(&self, settings: &Settings, phases: &Phases) -> Result<(), Error> {
        let Some(Listen(address)) = settings.metrics.listen else {
            return Ok(());
        };
        let answering = (Arc::clone(&self.metrics), Arc::clone(&self.health));
        let listening = metrics::listen(address, answering, phases.aborting.clone());
        let failed = |source| Error::ListenMetrics { address, source };
        listening.await.map_err(failed)
    }
}

/// Every route but those of the distribution API.
fn router(state: AppState, watched: Watched) -> Router {
    Router::new()
        .merge(health::routes(watched.health))
        .merge(metrics::routes(watched.metrics, &state.settings.metrics.token))
        .merge(token::routes(&state))
        .merge(api::routes(&state))
        .merge(console::routes())
        .with_state(state)
}

/// Where requests lead.
struct Routes {
    app: AppState,
    base: BasePath,
    router: Router,
}

impl Routes {
    fn of(app: AppState, watched: Watched) -> Self {
        let base = app.settings.base_path.clone();
        let router = router(app.clone(), watched);
        Self { app, base, router }
    }
}

impl Answers for Routes {
    fn is_proxy(&self, address: IpAddr) -> bool {
        self.app.settings.trusts_proxy(address)
    }

    fn client(&self, request: &Request) -> IpAddr {
        let arrival = request.extensions().get::<Arrival>();
        let address = arrival.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |arrival| {
            arrival.peer().address.ip()
        });
        Origin::client_behind(address, request.headers(), &self.app.settings)
    }

    async fn answer(&self, mut request: Request) -> Response {
        if !self.base.0.is_empty() {
            strip(&self.base, &mut request);
        }
        // Most requests: the router's way, through boxes and extensions of its own, costs as much as some of their answers.
        if distribution::has(request.uri().path()) {
            return distribution::answer(&self.app, request).await;
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }
}

/// Takes away the console's path, which a proxy left in front; without it the routes are where they are, too.
fn strip(base: &BasePath, request: &mut Request) {
    let rest = request
        .uri()
        .path_and_query()
        .and_then(|whole| whole.as_str().strip_prefix(&base.0));
    // `/berth` alone is its root; `/berthing` is something else.
    let stripped = rest.and_then(|rest| match rest.as_bytes().first() {
        Some(b'/') => rest.parse::<PathAndQuery>().ok(),
        None | Some(b'?') => format!("/{rest}").parse().ok(),
        Some(_) => None,
    });
    if let Some(path) = stripped {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path);
        *request.uri_mut() = Uri::from_parts(parts).expect("a part was replaced by one of its kind");
    }
}

/// An error with its causes: at a start, the operator reads it in place of a log.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
