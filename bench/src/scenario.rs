//! What is measured, by name, and the sizes and bounds of it.

use clap::{Args, ValueEnum};

use crate::h1::Sink;
use crate::registry::PushMode;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Scenario {
    /// One large blob: POST + PUT
    PushMono,
    /// One large blob: POST + streamed chunked PATCH + PUT
    PushPatch,
    /// One large blob: POST + 16 MiB ranged PATCH requests + PUT
    PushRanges,
    /// Many medium blobs, several at once: POST + PUT
    PushPar,
    /// Many large blobs, all at once: POST + PUT (watch the memory; the disk takes them all)
    PushCrowd,
    /// One large blob over one connection
    Pull1,
    /// The same large blob over several connections at once
    Pull8,
    /// Manifest GET by tag
    ManifestGet,
    /// Manifest HEAD by tag
    ManifestHead,
    /// Blob HEAD
    BlobHead,
    /// Whole small images, each unique
    SmallPush,
    /// tags/list of a repository with many tags, in one answer
    TagsList,
    /// tags/list with n=100 from the middle of many tags
    TagsPage,
    /// Many nodes pull one image at once
    ClusterPull,
    /// Manifest GETs beside thousands of idle keep-alive connections
    Idle,
    /// Manifest GETs beside hundreds of slow pulls of the large blob
    Crowd,
    /// Manifest GETs over far more connections than the server has use for
    Overload,
    /// Small blob pushes over far more connections than the server has use for
    OverloadPush,
}

impl Scenario {
    pub fn name(self) -> &'static str {
        match self {
            Self::PushMono => "push-mono",
            Self::PushPatch => "push-patch",
            Self::PushRanges => "push-ranges",
            Self::PushPar => "push-par",
            Self::PushCrowd => "push-crowd",
            Self::Pull1 => "pull-1",
            Self::Pull8 => "pull-8",
            Self::ManifestGet => "manifest-get",
            Self::ManifestHead => "manifest-head",
            Self::BlobHead => "blob-head",
            Self::SmallPush => "small-push",
            Self::TagsList => "tags-list",
            Self::TagsPage => "tags-page",
            Self::ClusterPull => "cluster-pull",
            Self::Idle => "idle",
            Self::Crowd => "crowd",
            Self::Overload => "overload",
            Self::OverloadPush => "overload-push",
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::ManifestGet | Self::ManifestHead | Self::BlobHead | Self::Overload => "req/s",
            Self::OverloadPush => "blobs/s",
            Self::SmallPush => "images/s",
            Self::TagsList | Self::TagsPage | Self::Idle | Self::Crowd => "ms p50",
            _ => "MiB/s",
        }
    }

    pub fn higher_is_better(self) -> bool {
        self.unit() != "ms p50"
    }

    /// A plain file server cannot take part in these.
    pub fn needs_registry(self) -> bool {
        self.writes() || self == Self::TagsPage
    }

    pub fn writes(self) -> bool {
        matches!(
            self,
            Self::PushMono
                | Self::PushPatch
                | Self::PushRanges
                | Self::PushPar
                | Self::PushCrowd
                | Self::SmallPush
                | Self::OverloadPush
        )
    }
}

/// Sizes and bounds.
#[derive(Args, Clone, Debug, serde::Serialize)]
pub struct Params {
    /// Repository prefix; a fresh one under `bench/` is made when empty
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Bytes of the large blob
    #[arg(long, default_value = "1GiB", value_parser = size)]
    pub blob_size: usize,
    #[arg(long, default_value = "16MiB", value_parser = size)]
    pub range_size: usize,
    #[arg(long, default_value_t = 64)]
    pub par_count: usize,
    #[arg(long, default_value = "16MiB", value_parser = size)]
    pub par_size: usize,
    #[arg(long, default_value_t = 8)]
    pub par_conc: usize,
    /// Blobs of push-crowd, each over a connection of its own
    #[arg(long, default_value_t = 64)]
    pub crowd: usize,
    /// Connections of pull-8
    #[arg(long, default_value_t = 8)]
    pub pull_conc: usize,
    /// Seconds of each run that counts requests
    #[arg(long, default_value_t = 4.0)]
    pub rate_secs: f64,
    #[arg(long, default_value_t = 64)]
    pub rate_conc: usize,
    /// Seconds, and at most this many images, of small-push
    #[arg(long, default_value_t = 4.0)]
    pub small_secs: f64,
    #[arg(long, default_value_t = 5000)]
    pub small_max: usize,
    #[arg(long, default_value_t = 16)]
    pub small_conc: usize,
    /// small-push without the HEAD that clients send before each blob
    #[arg(long)]
    pub small_no_head: bool,
    /// How small-push sends blobs: put, patch or single
    #[arg(long, default_value = "put", value_parser = ["put", "patch", "single"])]
    pub small_mode: String,
    #[arg(long, default_value_t = 10_000)]
    pub tags: usize,
    /// Requests of tags-list and tags-page
    #[arg(long, default_value_t = 40)]
    pub tag_requests: usize,
    /// Nodes of cluster-pull, and layers each pulls at once
    #[arg(long, default_value_t = 50)]
    pub nodes: usize,
    #[arg(long, default_value_t = 3)]
    pub node_conc: usize,
    #[arg(long, default_value_t = 10)]
    pub layers: usize,
    #[arg(long, default_value = "50MiB", value_parser = size)]
    pub layer_size: usize,
    /// Idle connections of idle
    #[arg(long, default_value_t = 2000)]
    pub idle_conns: usize,
    /// Slow pulls of crowd, and what each takes in a second
    #[arg(long, default_value_t = 500)]
    pub slow_pulls: usize,
    #[arg(long, default_value = "256KiB", value_parser = size)]
    pub slow_rate: usize,
    /// Connections of overload and overload-push
    #[arg(long, default_value_t = 4000)]
    pub overload_conns: usize,
    /// Drop pulled bytes in the kernel (`MSG_TRUNC`): the cheapest client there is
    #[arg(long)]
    pub trunc: bool,
}

impl Params {
    pub fn sink(&self) -> Sink<'static> {
        if self.trunc { Sink::Trunc } else { Sink::Discard }
    }

    pub fn small_mode(&self) -> PushMode {
        match self.small_mode.as_str() {
            "patch" => PushMode::Patch,
            "single" => PushMode::Single,
            _ => PushMode::Put,
        }
    }
}

fn size(text: &str) -> Result<usize, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let n: usize = text[..at].parse().map_err(|_| format!("bad size {text}"))?;
    let shift = match &text[at..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        unit => return Err(format!("unknown unit {unit} (B, KiB, MiB, GiB)")),
    };
    n.checked_mul(1 << shift).ok_or_else(|| "too large".into())
}
