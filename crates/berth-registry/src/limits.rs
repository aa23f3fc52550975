//! Every bound of the service in one struct, each with its reason.

mod rates;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use berth_lazy::Bounds as IndexBounds;
use ipnet::IpNet;

/// What [`Limits::missing_references`] says of a manifest that names content which is not there.
pub use berth_metadata::MissingReferences;
pub use rates::{Rate, RateLimits, Rates};

/// What a quota is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Organisations that one user creates.
    Organizations,
    /// Images of an account, those included that a first push is making.
    Repositories,
    /// Tags of one image.
    Tags,
    /// Files that one user uploads with a browser at once.
    Uploads,
}

/// The bounds the registry keeps; the server fills them from its settings.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest manifest in bytes; the specification asks for at least 4 MiB.
    pub manifest_bytes_max: u64,
    /// Largest blob in bytes a client may push; SWR's guide says 10 GB.
    pub blob_bytes_max: u64,
    /// Most layers of one image; 20 in SWR's guide, 127 is what overlay file systems mount.
    pub layers_max: usize,
    /// Age at which an unfinished upload, or a blob no manifest uses, may be swept.
    pub upload_ttl: Duration,
    /// How long what was deleted can be restored; zero: it is gone at once.
    pub bin_ttl: Duration,
    /// Organisations one user may create.
    pub organizations_per_user: u32,
    /// What to do with a manifest whose blobs or manifests are not in its repository.
    pub missing_references: MissingReferences,
    /// Most entries of one page, so that no answer is unbounded.
    pub page_max: u32,
    /// How long the audit trail is kept.
    pub audit_ttl: Duration,
    /// Events that are kept at most of each book of an account's audit trail.
    pub audit_events_max: u32,
    /// Whether callers who did not log in may pull public images.
    pub anonymous_pulls: bool,
    /// Time between two snapshots of the metadata in the store; zero: none by itself.
    pub backup_every: Duration,
    /// Snapshots in the store that are kept, at least one.
    pub backup_keep: u32,
    /// How space comes back and damage is found.
    pub upkeep: Upkeep,
    /// Time between two looks at what runs in a registered cluster; zero: nobody looks.
    pub clusters_look_every: Duration,
    /// Time between two looks whether sign-in providers still vouch for their people.
    pub sign_in_recheck: Duration,
    /// Which addresses are reached on behalf of users.
    pub outbound: OutboundRules,
    /// Hosts under which clusters pull from this registry, as image references name them; triggers set the first.
    pub image_hosts: Vec<String>,
    /// How retention goes about its work.
    pub retention: RetentionLimits,
    /// Streams of events that one process keeps open: each is a connection and a few looks at rights.
    pub event_streams_max: u32,
    /// Streams of events of one user in one process.
    pub event_streams_per_user: u32,
    /// What may be uploaded with a browser.
    pub archives: ArchiveLimits,
    /// What looking into layers may take.
    pub contents: ContentLimits,
    /// How what mirrors stand for is fetched.
    pub mirrors: MirrorLimits,
    /// What sharing layers between nodes may take.
    pub swarm: SwarmLimits,
    /// How indexes for lazy starts are made.
    pub lazy: LazyLimits,
    /// How fast requests may come.
    pub rates: RateLimits,
}

/// How what mirrors stand for is fetched.
#[derive(Clone, Debug)]
pub struct MirrorLimits {
    /// How long a tag is taken to name what it named when the mirrored registry was last asked.
    pub recheck: Duration,
    /// How long a tag is answered as it was last seen while the mirrored registry does not answer.
    pub stale_max: Duration,
    /// Where blobs pass through while they are fetched.
    pub spool: PathBuf,
    /// Bytes that may lie there at once.
    pub spool_bytes_max: u64,
    /// Blobs that are fetched at once.
    pub fetches_max: u32,
    /// How long a mirrored registry may be silent in the middle of an answer.
    pub silence_max: Duration,
    /// How long a list of a mirrored registry may take, waiting for its turn included.
    pub list_max: Duration,
    /// How long a round of fetching ahead may take; the next one goes on.
    pub round_max: Duration,
}

impl MirrorLimits {
    /// [`MirrorLimits::recheck`] in milliseconds.
    pub(crate) fn recheck_ms(&self) -> i64 {
        milliseconds(self.recheck)
    }

    /// [`MirrorLimits::stale_max`] in milliseconds.
    pub(crate) fn stale_max_ms(&self) -> i64 {
        milliseconds(self.stale_max)
    }
}

impl Default for MirrorLimits {
    fn default() -> Self {
        Self {
            recheck: Duration::from_mins(1),
            stale_max: Duration::from_hours(7 * 24),
            spool: std::env::temp_dir(),
            spool_bytes_max: 20 << 30,
            fetches_max: 32,
            silence_max: Duration::from_secs(20),
            list_max: Duration::from_mins(2),
            round_max: Duration::from_hours(1),
        }
    }
}

/// What sharing layers between nodes may take.
#[derive(Clone, Debug)]
pub struct SwarmLimits {
    /// Whether nodes are helped to share at all.
    pub enabled: bool,
    /// Peers of all blobs together that one process keeps in memory, some hundred bytes each.
    pub peers_max: u32,
    /// Where other replicas reach this process: scheme, host and port.
    pub replica_address: Option<String>,
}

impl Default for SwarmLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            peers_max: 200_000,
            replica_address: None,
        }
    }
}

/// What may be uploaded with a browser; SWR's figures.
#[derive(Clone, Debug)]
pub struct ArchiveLimits {
    /// The largest file in bytes.
    pub bytes_max: u64,
    /// Bytes that it may unpack to.
    pub unpacked_bytes_max: u64,
    /// Files of one user that are under way at once.
    pub files_max: u32,
    /// How long one that does not go on, or has ended, is kept.
    pub ttl: Duration,
}

impl ArchiveLimits {
    /// [`ArchiveLimits::ttl`] in milliseconds.
    pub(crate) fn ttl_ms(&self) -> i64 {
        milliseconds(self.ttl)
    }
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self {
            bytes_max: 2 << 30,
            unpacked_bytes_max: 2 << 30,
            files_max: 10,
            ttl: Duration::from_hours(24),
        }
    }
}

/// What looking into layers may take.
#[derive(Clone, Debug)]
pub struct ContentLimits {
    /// Bytes of the lists of layers' files that are kept in the database; those that nobody asked for longest go.
    pub lists_bytes_max: u64,
    /// Bytes that a layer may have unpacked.
    pub unpacked_bytes_max: u64,
    /// Largest file that can be downloaded out of a layer.
    pub file_bytes_max: u64,
    /// Most time that one layer is read for.
    pub time_max: Duration,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self {
            lists_bytes_max: 512 << 20,
            unpacked_bytes_max: 32 << 30,
            file_bytes_max: 256 << 20,
            time_max: Duration::from_mins(10),
        }
    }
}

/// How images' retention goes about its work.
#[derive(Clone, Debug)]
pub struct RetentionLimits {
    /// Time between two runs of each image; zero: only when a rule is set, or when somebody asks.
    pub every: Duration,
    /// Whether tags stay because a signature, or another artifact, refers to what they name; else these go with them.
    pub keep_signed: bool,
    /// Whether tags go although nobody knows what runs in a registered cluster.
    pub without_clusters: bool,
    /// How long the log of deletions and the list of runs are kept.
    pub log_ttl: Duration,
}

impl RetentionLimits {
    /// [`RetentionLimits::log_ttl`] in milliseconds.
    pub(crate) fn log_ttl_ms(&self) -> i64 {
        milliseconds(self.log_ttl)
    }
}

impl Default for RetentionLimits {
    fn default() -> Self {
        Self {
            every: Duration::from_hours(1),
            keep_signed: true,
            without_clusters: false,
            log_ttl: Duration::from_hours(90 * 24),
        }
    }
}

/// How the upkeep of stored bytes goes about its work.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// How long bytes that nothing names any more are kept: reads that began and signed addresses end before.
    pub reclaim_delay: Duration,
    /// Most keys deleted in a second, 0 for any number; deletes slow a disk's other work down.
    pub reclaim_rate: u32,
    /// Age at which bytes that no row ever named are deleted.
    pub orphans_after: Duration,
    /// Bytes verified in the background in a second, 0 for none.
    pub scrub_rate: u64,
    /// How old the last look at a blob may be.
    pub scrub_interval: Duration,
    /// How long bytes that were found wrong are kept after their blob has others, or is gone.
    pub quarantine_ttl: Duration,
}

/// What the operator says about addresses.
#[derive(Clone, Debug, Default)]
pub struct OutboundRules {
    /// Networks that may be reached whatever they are (setting `outbound.allow`).
    pub allow: Vec<IpNet>,
    /// Networks that are never reached, which wins (setting `outbound.deny`).
    pub deny: Vec<IpNet>,
}

impl Upkeep {
    /// [`Upkeep::reclaim_delay`] in milliseconds.
    pub(crate) fn reclaim_delay_ms(&self) -> i64 {
        milliseconds(self.reclaim_delay)
    }

    /// [`Upkeep::orphans_after`] in milliseconds.
    pub(crate) fn orphans_after_ms(&self) -> i64 {
        milliseconds(self.orphans_after)
    }

    /// [`Upkeep::scrub_interval`] in milliseconds.
    pub(crate) fn scrub_interval_ms(&self) -> i64 {
        milliseconds(self.scrub_interval)
    }

    /// [`Upkeep::quarantine_ttl`] in milliseconds.
    pub(crate) fn quarantine_ttl_ms(&self) -> i64 {
        milliseconds(self.quarantine_ttl)
    }
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            reclaim_delay: Duration::from_hours(1),
            reclaim_rate: 1000,
            orphans_after: Duration::from_hours(24),
            scrub_rate: 50 << 20,
            scrub_interval: Duration::from_hours(30 * 24),
            quarantine_ttl: Duration::from_hours(7 * 24),
        }
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Limits {
    /// [`Limits::upload_ttl`] in milliseconds.
    pub(crate) fn upload_ttl_ms(&self) -> i64 {
        i64::try_from(self.upload_ttl.as_millis()).unwrap_or(i64::MAX)
    }

    /// [`Limits::bin_ttl`] in milliseconds.
    pub(crate) fn bin_ttl_ms(&self) -> i64 {
        i64::try_from(self.bin_ttl.as_millis()).unwrap_or(i64::MAX)
    }

    /// [`Limits::audit_ttl`] in milliseconds.
    pub(crate) fn audit_ttl_ms(&self) -> i64 {
        i64::try_from(self.audit_ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How indexes for lazy starts are made.
#[derive(Clone, Debug)]
pub struct LazyLimits {
    /// The program that reads layers, with what it is called with before the order.
    pub program: (PathBuf, Vec<OsString>),
    /// Where it keeps what it is at.
    pub folder: PathBuf,
    /// What the work on one image may use.
    pub bounds: IndexBounds,
    /// The largest part of an image's layers that an index takes, in percent; small ones are made all the same.
    pub percent_max: u32,
}

impl Default for LazyLimits {
    fn default() -> Self {
        Self {
            // This program, also when its file was replaced meanwhile.
            program: ("/proc/self/exe".into(), vec!["lazy-index".into()]),
            folder: std::env::temp_dir(),
            bounds: IndexBounds {
                // An entry takes 3.5 KB, and there may be a million.
                memory_bytes: 4 << 30,
                cpu: Duration::from_mins(10),
                // Less than a turn of a job, so that it is told what was too slow.
                time: Duration::from_mins(9),
                folder_bytes: 2 << 30,
            },
            percent_max: 5,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes_max: 4 << 20,
            blob_bytes_max: 10 << 30,
            layers_max: 127,
            upload_ttl: Duration::from_hours(24),
            bin_ttl: Duration::from_hours(7 * 24),
            organizations_per_user: 5,
            missing_references: MissingReferences::Refuse,
            page_max: 10_000,
            audit_ttl: Duration::from_hours(90 * 24),
            audit_events_max: 500_000,
            anonymous_pulls: true,
            upkeep: Upkeep::default(),
            retention: RetentionLimits::default(),
            archives: ArchiveLimits::default(),
            contents: ContentLimits::default(),
            mirrors: MirrorLimits::default(),
            swarm: SwarmLimits::default(),
            lazy: LazyLimits::default(),
            rates: RateLimits::default(),
            backup_every: Duration::from_hours(24),
            backup_keep: 7,
            clusters_look_every: Duration::from_mins(5),
            sign_in_recheck: Duration::from_mins(15),
            outbound: OutboundRules::default(),
            image_hosts: Vec::new(),
            event_streams_max: 1000,
            event_streams_per_user: 32,
        }
    }
}
