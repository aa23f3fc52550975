//! The measured scenarios. Each is bounded by bytes, by count or by time.

mod fixtures;
mod many;
mod overload;
mod pull;
mod push;
mod rate;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::data::{Blob, Ending, Rng};
use crate::registry::{Image, PushMode, Target};
use crate::scenario::{Params, Scenario};

/// What one measured run gave.
#[derive(Default, Debug)]
pub struct Outcome {
    pub bytes: u64,
    pub ops: u64,
    pub errors: u64,
    pub wall: f64,
    /// Latency of each operation, milliseconds.
    pub lat_ms: Vec<f64>,
    /// Something the reader of the figure must know.
    pub note: Option<String>,
    /// Further figures by name, such as `rss before MiB`.
    pub more: BTreeMap<String, f64>,
}

impl Outcome {
    /// An error-free outcome of work begun at `t` and ended now.
    fn bytes(t: Instant, bytes: u64, lat_ms: Vec<f64>) -> Self {
        Self {
            bytes,
            ops: lat_ms.len() as u64,
            wall: t.elapsed().as_secs_f64(),
            lat_ms,
            ..Self::default()
        }
    }
}

/// Data and stored fixtures, made on first use.
pub struct Bench {
    pub p: Params,
    rng: Rng,
    big: Option<Blob>,
    par: Vec<Blob>,
    crowd: Vec<Ending>,
    pulls: HashMap<String, (String, u64)>,
    tagged: HashSet<String>,
    clusters: HashMap<String, Arc<Image>>,
}

impl Bench {
    pub fn new(p: Params) -> Self {
        Self {
            p,
            rng: Rng::new(Rng::fresh_seed()),
            big: None,
            par: Vec::new(),
            crowd: Vec::new(),
            pulls: HashMap::new(),
            tagged: HashSet::new(),
            clusters: HashMap::new(),
        }
    }

    fn repo(&self, name: &str) -> String {
        format!("{}/{name}", self.p.prefix)
    }

    /// One measured run; [`Bench::prepare`] came before.
    pub async fn run(self: &Arc<Self>, scenario: Scenario, target: &Arc<Target>) -> Result<Outcome> {
        match scenario {
            Scenario::PushMono => self.push_big(target, PushMode::Put).await,
            Scenario::PushPatch => self.push_big(target, PushMode::Patch).await,
            Scenario::PushRanges => self.push_big(target, PushMode::Ranges(self.p.range_size)).await,
            Scenario::PushPar => self.push_par(target).await,
            Scenario::PushCrowd => self.push_crowd(target).await,
            Scenario::Pull1 => self.pull(target, 1).await,
            Scenario::Pull8 => self.pull(target, self.p.pull_conc).await,
            Scenario::ManifestGet => self.rate(target, "meta", "GET", "manifests/latest").await,
            Scenario::ManifestHead => self.rate(target, "meta", "HEAD", "manifests/latest").await,
            Scenario::BlobHead => {
                let (digest, _) = self.pulls.get(&target.name).context("not prepared")?;
                self.rate(target, "pull", "HEAD", &format!("blobs/{digest}"))
                    .await
            }
            Scenario::SmallPush => self.small_push(target).await,
            Scenario::TagsList => self.tags(target, "tags/list").await,
            Scenario::TagsPage => {
                let last = format!("t{:05}", self.p.tags / 2);
                self.tags(target, &format!("tags/list?n=100&last={last}")).await
            }
            Scenario::ClusterPull => self.cluster(target).await,
            Scenario::Idle => self.idle(target).await,
            Scenario::Crowd => self.beside_crowd(target).await,
            Scenario::Overload => self.overload(target, false).await,
            Scenario::OverloadPush => self.overload(target, true).await,
        }
    }
}

/// Milliseconds since `t`.
fn ms(t: Instant) -> f64 {
    t.elapsed().as_secs_f64() * 1e3
}

/// Runs the futures on the runtime's threads; the first error wins, after all ended.
pub async fn join_all<T, F>(work: impl IntoIterator<Item = F>) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.context("worker panicked")?);
    }
    results.into_iter().collect()
}
