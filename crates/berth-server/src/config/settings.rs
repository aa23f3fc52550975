//! The settings as the rest of the program reads them. Their names, defaults and texts are in `table`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use berth_registry::Rate;
use ipnet::IpNet;

use super::value::{
    BasePath, Database, Endpoint, ImageHosts, Listen, LogFilter, Origin, Period, PlainName, Redirect, Secret,
    Size, StandIn, StandIns, StoragePlace, choice,
};

/// Every setting of a server, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) listen: Listen,
    pub(crate) data_dir: PathBuf,
    pub(crate) database: Database,
    pub(crate) storage: StoragePlace,
    pub(crate) external_url: Origin,
    pub(crate) base_path: BasePath,
    pub(crate) image_hosts: ImageHosts,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) region: PlainName,
    pub(crate) account: PlainName,
    pub(crate) admin_user: PlainName,
    pub(crate) admin_password: Secret,
    pub(crate) admin_ak: Option<PlainName>,
    pub(crate) admin_sk: Secret,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) anonymous_pulls: bool,
    pub(crate) missing_references: MissingReferences,
    pub(crate) preset: Preset,
    pub(crate) postgres: Postgres,
    pub(crate) tls: Tls,
    pub(crate) s3: S3,
    pub(crate) limits: Limits,
    pub(crate) reclaim: Reclaim,
    pub(crate) scrub: Scrub,
    pub(crate) backup: Backup,
    pub(crate) bin: Bin,
    pub(crate) clusters: Clusters,
    pub(crate) sign_in: SignIn,
    pub(crate) retention: Retention,
    pub(crate) uploads: Uploads,
    pub(crate) contents: Contents,
    pub(crate) mirror: Mirror,
    pub(crate) lazy: Lazy,
    pub(crate) swarm: Swarm,
    pub(crate) replica: Replica,
    pub(crate) outbound: Outbound,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
}

/// How a PostgreSQL server is used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Postgres {
    pub(crate) connections_max: Option<NonZeroU32>,
}

/// Certificate and key; both or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// How a bucket of an S3 store is spoken to.
#[derive(Debug, Clone, Default)]
pub(crate) struct S3 {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: Option<PlainName>,
    pub(crate) access_key_id: Option<PlainName>,
    pub(crate) secret_access_key: Secret,
    pub(crate) path_style: bool,
    pub(crate) redirect: Redirect,
    pub(crate) redirect_ttl: Duration,
    pub(crate) public_endpoint: Endpoint,
    pub(crate) upload_memory: Size,
    pub(crate) cache: Option<Size>,
    pub(crate) cache_dir: Option<PathBuf>,
}

/// What keeps one client from taking everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) manifest_size_max: Size,
    pub(crate) layer_size_max: Size,
    pub(crate) layers_max: Option<NonZeroU32>,
    pub(crate) organizations_per_user: u32,
    pub(crate) upload_ttl: Duration,
    pub(crate) audit_ttl: Duration,
    pub(crate) audit_events_max: u32,
    pub(crate) token_ttl: Duration,
    pub(crate) temporary_login_ttl: Duration,
    pub(crate) connections_max: Option<NonZeroU32>,
    pub(crate) requests_max: Option<NonZeroU32>,
    pub(crate) uploads_max: Option<NonZeroU32>,
    pub(crate) request_wait_max: Duration,
    pub(crate) event_streams_max: u32,
    pub(crate) event_streams_per_user: u32,
    pub(crate) header_timeout: Duration,
    pub(crate) body_stall_timeout: Duration,
    pub(crate) response_stall_timeout: Duration,
    pub(crate) shutdown_grace: Duration,
    pub(crate) defence: Defence,
}

/// What holds off who asks for too much.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defence {
    pub(crate) push: Rates,
    pub(crate) pull: Rates,
    pub(crate) api: Rates,
    pub(crate) rate_wait_max: Duration,
    pub(crate) shut_out_after: Option<Rate>,
    pub(crate) shut_out_for: Duration,
    pub(crate) bandwidth: Option<Size>,
    pub(crate) connections_per_address: u32,
    pub(crate) response_rate_min: Option<Size>,
}

/// How fast requests of one kind may come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    pub(crate) account: Option<Rate>,
    pub(crate) user: Option<Rate>,
    pub(crate) address: Option<Rate>,
}

/// How space comes back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reclaim {
    pub(crate) delay: Duration,
    pub(crate) rate: u32,
    pub(crate) orphans_after: Duration,
}

/// How damage is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrub {
    pub(crate) enabled: bool,
    pub(crate) rate: Size,
    pub(crate) interval: Duration,
    pub(crate) quarantine_ttl: Duration,
}

/// Snapshots of the metadata in the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backup {
    pub(crate) every: Period,
    pub(crate) keep: Option<NonZeroU32>,
}

/// What becomes of what is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bin {
    pub(crate) ttl: Period,
}

/// How people sign in at providers.
#[derive(Debug, Clone, Default)]
pub(crate) struct SignIn {
    pub(crate) recheck: Duration,
}

/// How registered clusters are looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clusters {
    pub(crate) look_every: Period,
}

/// How images' retention goes about its work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retention {
    pub(crate) every: Period,
    pub(crate) keep_signed: bool,
    pub(crate) without_clusters: bool,
    pub(crate) log_ttl: Duration,
}

/// What may be uploaded with a browser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads {
    pub(crate) file_size_max: Size,
    pub(crate) unpacked_size_max: Size,
    pub(crate) files_max: Option<NonZeroU32>,
    pub(crate) ttl: Duration,
}

/// What looking into layers may take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    pub(crate) lists: Size,
    pub(crate) layer: Size,
    pub(crate) file: Size,
    pub(crate) time_max: Duration,
}

/// How mirrors fetch what they stand for, and which organizations stand for other registries where clients name those.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mirror {
    pub(crate) recheck: Duration,
    pub(crate) stale_max: Duration,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) spool_size_max: Size,
    pub(crate) fetches_max: Option<NonZeroU32>,
    pub(crate) registries: StandIns,
    pub(crate) hosts: StandIns,
    pub(crate) bare_names: StandIn,
}

/// What making indexes for lazy starts may take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lazy {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) folder_size_max: Size,
    pub(crate) memory_max: Size,
    pub(crate) time_max: Duration,
    pub(crate) percent_max: Option<NonZeroU32>,
}

/// This server among those of one registry.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    pub(crate) address: Origin,
}

/// How nodes are helped to share layers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Swarm {
    pub(crate) enabled: bool,
    pub(crate) peers_max: Option<NonZeroU32>,
}

/// Which addresses are reached on behalf of users.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbound {
    pub(crate) allow: Vec<IpNet>,
    pub(crate) deny: Vec<IpNet>,
}

/// Who is told what is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) listen: Option<Listen>,
    pub(crate) token: Secret,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) level: LogFilter,
    pub(crate) format: LogFormat,
}

/// Whether a manifest is taken whose references are not in its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum MissingReferences {
    /// Refused, whatever is missing.
    #[default]
    Refuse,
    /// An index may name manifests that come later; blobs must be there.
    AcceptManifests,
    /// Anything may be missing.
    Accept,
}
choice!(MissingReferences { Refuse = "refuse", AcceptManifests = "accept-manifests", Accept = "accept" });

/// A named set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Preset {
    /// Limits that suit a private registry.
    #[default]
    Default,
    /// The limits of the SWR guide.
    Swr,
}
choice!(Preset { Default = "default", Swr = "swr" });

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}
choice!(LogFormat { Text = "text", Json = "json" });

impl Settings {
    /// The address of the database, in the form that `berth_registry` opens.
    pub(crate) fn database_url(&self) -> String {
        match &self.database {
            Database::InDataDir => format!("sqlite://{}", self.data_dir.join("berth.db").display()),
            Database::File(path) => format!("sqlite://{}", path.display()),
            Database::Postgres(address) => address.clone(),
        }
    }

    /// How long an address may be good at which a client there fetches a blob from the store itself; none when the bytes
    /// go through this server.
    pub(crate) fn redirect_ttl(&self, client: IpAddr) -> Option<Duration> {
        let is_led = match &self.s3.redirect {
            Redirect::Never => false,
            Redirect::Always => true,
            Redirect::Networks(networks) => {
                let client = client.to_canonical();
                networks.iter().any(|network| network.contains(&client))
            }
        };
        is_led.then_some(self.s3.redirect_ttl)
    }

    /// The file of the key that seals secrets at rest.
    pub(crate) fn master_key_file(&self) -> PathBuf {
        self.master_key_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    /// Certificate and key files, when TLS is on.
    pub(crate) fn tls_files(&self) -> Option<(&Path, &Path)> {
        self.tls.certificate.as_deref().zip(self.tls.key.as_deref())
    }

    /// True when requests from this address may say whom they are forwarded for.
    pub(crate) fn trusts_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The address at which people and clients on this machine reach a server that listens there.
    pub(crate) fn local_url(&self, listening: SocketAddr) -> String {
        if let Some(url) = &self.external_url.0 {
            return url.clone();
        }
        let scheme = if self.tls_files().is_some() {
            "https"
        } else {
            "http"
        };
        let ip = listening.ip();
        if ip.is_unspecified() || ip.is_loopback() {
            // docker trusts localhost, and nothing else, without TLS.
            format!("{scheme}://localhost:{}", listening.port())
        } else {
            format!("{scheme}://{listening}")
        }
    }
}
