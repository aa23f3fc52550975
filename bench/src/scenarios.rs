//! The measured scenarios. Each is bounded by bytes, by count or by time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tokio::sync::Barrier;

use crate::data::{Blob, Ending, Rng, sha256};
use crate::h1::{Body, Conn, Sink};
use crate::registry::{
    Image, Kind, MANIFEST, PushMode, Session, Target, config, install_image, manifest, write_file,
};

const SMALL_LAYER: usize = 10 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Scenario {
    /// One large blob: POST + PUT
    PushMono,
    /// One large blob: POST + streamed chunked PATCH + PUT
    PushPatch,
    /// One large blob: POST + 16 MiB ranged PATCHes + PUT
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
        }
    }

    pub fn unit(self) -> &'static str {
        match self {
            Self::PushMono | Self::PushPatch | Self::PushRanges => "MiB/s",
            Self::PushPar | Self::PushCrowd => "MiB/s",
            Self::Pull1 | Self::Pull8 | Self::ClusterPull => "MiB/s",
            Self::ManifestGet | Self::ManifestHead | Self::BlobHead => "req/s",
            Self::SmallPush => "images/s",
            Self::TagsList | Self::TagsPage => "ms p50",
        }
    }

    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::TagsList | Self::TagsPage)
    }

    /// A plain file server cannot take part in these.
    pub fn needs_registry(self) -> bool {
        matches!(
            self,
            Self::PushMono
                | Self::PushPatch
                | Self::PushRanges
                | Self::PushPar
                | Self::PushCrowd
                | Self::SmallPush
                | Self::TagsPage
        )
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
        )
    }
}

/// Sizes and bounds, all settable from the command line.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Params {
    pub prefix: String,
    pub blob_size: usize,
    pub range_size: usize,
    pub par_count: usize,
    pub par_size: usize,
    pub par_conc: usize,
    pub crowd: usize,
    pub pull_conc: usize,
    pub rate_secs: f64,
    pub rate_conc: usize,
    pub small_secs: f64,
    pub small_max: usize,
    pub small_conc: usize,
    pub small_head: bool,
    pub small_mode: String,
    pub tags: usize,
    pub tag_requests: usize,
    pub nodes: usize,
    pub node_conc: usize,
    pub layers: usize,
    pub layer_size: usize,
    pub trunc: bool,
}

impl Params {
    fn sink(&self) -> Sink<'static> {
        if self.trunc { Sink::Trunc } else { Sink::Discard }
    }

    fn small_mode(&self) -> PushMode {
        match self.small_mode.as_str() {
            "patch" => PushMode::Patch,
            "single" => PushMode::Single,
            _ => PushMode::Put,
        }
    }
}

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

    /// Makes the data and stores what the scenario reads. Not measured.
    pub async fn prepare(&mut self, scenario: Scenario, target: &Arc<Target>) -> Result<()> {
        let rng = &mut self.rng;
        match scenario {
            Scenario::PushMono | Scenario::PushPatch | Scenario::PushRanges => {
                let size = self.p.blob_size;
                self.big.get_or_insert_with(|| Blob::new(size, rng)).restamp(rng);
            }
            Scenario::PushPar => {
                while self.par.len() < self.p.par_count {
                    self.par.push(Blob::new(self.p.par_size, rng));
                }
                self.par.iter_mut().for_each(|b| b.restamp(rng));
            }
            Scenario::PushCrowd => {
                let size = self.p.blob_size;
                let big = self.big.get_or_insert_with(|| Blob::new(size, rng));
                self.crowd = (0..self.p.crowd).map(|_| big.ending(rng)).collect();
            }
            Scenario::Pull1 | Scenario::Pull8 | Scenario::BlobHead => self.prepare_pull(target).await?,
            Scenario::ManifestGet | Scenario::ManifestHead => {
                let repo = self.repo("meta");
                let rng = &mut self.rng;
                let mut layer = vec![0; 10 * 1024];
                rng.fill(&mut layer);
                let d = sha256(&layer);
                install_image(target, &repo, "latest", rng.next_u64(), &[(&layer, &d)]).await?;
            }
            Scenario::TagsList | Scenario::TagsPage => self.prepare_tags(target).await?,
            Scenario::ClusterPull => self.prepare_cluster(target).await?,
            Scenario::SmallPush => {}
        }
        Ok(())
    }

    async fn prepare_pull(&mut self, target: &Arc<Target>) -> Result<()> {
        if self.pulls.contains_key(&target.name) {
            return Ok(());
        }
        let repo = self.repo("pull");
        let rng = &mut self.rng;
        let size = self.p.blob_size;
        let big = self.big.get_or_insert_with(|| Blob::new(size, rng));
        match &target.kind {
            Kind::Registry => {
                let mut s = Session::open(target, &repo).await?;
                s.push_blob(big.data(), big.digest(), PushMode::Put).await?;
            }
            Kind::Static(root) => {
                let rel = format!("v2/{repo}/blobs/{}", big.digest());
                write_file(root, &rel, big.data())?;
            }
        }
        let entry = (big.digest().to_string(), big.data().len() as u64);
        // Once, and verified: the server gives back what it was given.
        let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
        let mut s = Session::open(target, &repo).await?;
        s.pull_blob(&entry.0, entry.1, &mut Sink::Hash(&mut hash)).await?;
        if crate::data::finish(hash) != entry.0 {
            bail!("{}: pulled bytes do not match their digest", target.name);
        }
        self.pulls.insert(target.name.clone(), entry);
        Ok(())
    }

    async fn prepare_tags(&mut self, target: &Arc<Target>) -> Result<()> {
        if self.tagged.contains(&target.name) {
            return Ok(());
        }
        let repo = self.repo("tags");
        let image = install_image(target, &repo, "t00000", 7, &[]).await?;
        match &target.kind {
            Kind::Registry => {
                let next = Arc::new(AtomicUsize::new(1));
                let (tags, manifest) = (self.p.tags, Arc::new(image.manifest));
                join_all((0..16).map(|_| {
                    let (target, repo) = (target.clone(), repo.clone());
                    let (next, manifest) = (next.clone(), manifest.clone());
                    async move {
                        let mut s = Session::open(&target, &repo).await?;
                        loop {
                            let i = next.fetch_add(1, Ordering::Relaxed);
                            if i >= tags {
                                return Ok(());
                            }
                            s.put_manifest(&format!("t{i:05}"), &manifest).await?;
                        }
                    }
                }))
                .await?;
            }
            Kind::Static(root) => {
                let tags: Vec<String> = (0..self.p.tags).map(|i| format!("t{i:05}")).collect();
                let doc = serde_json::json!({"name": repo, "tags": tags});
                write_file(root, &format!("v2/{repo}/tags/list"), &serde_json::to_vec(&doc)?)?;
            }
        }
        self.tagged.insert(target.name.clone());
        Ok(())
    }

    async fn prepare_cluster(&mut self, target: &Arc<Target>) -> Result<()> {
        if self.clusters.contains_key(&target.name) {
            return Ok(());
        }
        let repo = self.repo("cluster");
        let rng = &mut self.rng;
        let size = self.p.blob_size.max(self.p.layers * self.p.layer_size);
        let big = self.big.get_or_insert_with(|| Blob::new(size, rng));
        let parts: Vec<&[u8]> = big
            .data()
            .chunks_exact(self.p.layer_size)
            .take(self.p.layers)
            .collect();
        let digests: Vec<String> = parts.iter().map(|p| sha256(p)).collect();
        let layers: Vec<(&[u8], &str)> = parts
            .iter()
            .zip(&digests)
            .map(|(p, d)| (*p, d.as_str()))
            .collect();
        let image = install_image(target, &repo, "v1", 9, &layers).await?;
        self.clusters.insert(target.name.clone(), Arc::new(image));
        Ok(())
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
        }
    }

    async fn push_big(&self, target: &Arc<Target>, mode: PushMode) -> Result<Outcome> {
        let big = self.big.as_ref().context("not prepared")?;
        let mut s = Session::open(target, &self.repo("push")).await?;
        let t = Instant::now();
        s.push_blob(big.data(), big.digest(), mode).await?;
        let lat = vec![ms(t)];
        Ok(Outcome::bytes(t, big.data().len() as u64, lat))
    }

    async fn push_par(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let next = Arc::new(AtomicUsize::new(0));
        let t = Instant::now();
        let lat = join_all((0..self.p.par_conc).map(|_| {
            let (bench, target, next) = (self.clone(), target.clone(), next.clone());
            async move {
                let mut s = Session::open(&target, &bench.repo("par")).await?;
                let mut lat = Vec::new();
                while let Some(b) = bench.par.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let one = Instant::now();
                    s.push_blob(b.data(), b.digest(), PushMode::Put).await?;
                    lat.push(ms(one));
                }
                Ok(lat)
            }
        }))
        .await?;
        let bytes = self.par.iter().map(|b| b.data().len() as u64).sum();
        Ok(Outcome::bytes(t, bytes, lat.concat()))
    }

    async fn push_crowd(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let size = self.big.as_ref().context("not prepared")?.data().len() as u64;
        let start = Arc::new(Barrier::new(self.crowd.len()));
        let t = Instant::now();
        let lat = join_all(self.crowd.iter().cloned().map(|ending| {
            let (bench, target, start) = (self.clone(), target.clone(), start.clone());
            async move {
                let big = bench.big.as_ref().context("not prepared")?;
                let mut s = Session::open(&target, &bench.repo("crowd")).await?;
                start.wait().await;
                let one = Instant::now();
                s.push_pieces(big.front(), &ending.tail, &ending.digest).await?;
                Ok(ms(one))
            }
        }))
        .await?;
        Ok(Outcome::bytes(t, size * lat.len() as u64, lat))
    }

    async fn pull(self: &Arc<Self>, target: &Arc<Target>, conns: usize) -> Result<Outcome> {
        let (digest, size) = self.pulls.get(&target.name).context("not prepared")?.clone();
        let t = Instant::now();
        let lat = join_all((0..conns).map(|_| {
            let (bench, target, digest) = (self.clone(), target.clone(), digest.clone());
            async move {
                let mut s = Session::open(&target, &bench.repo("pull")).await?;
                let one = Instant::now();
                s.pull_blob(&digest, size, &mut bench.p.sink()).await?;
                Ok(ms(one))
            }
        }))
        .await?;
        Ok(Outcome::bytes(t, size * conns as u64, lat))
    }

    async fn rate(
        &self,
        target: &Arc<Target>,
        repo: &str,
        method: &'static str,
        rest: &str,
    ) -> Result<Outcome> {
        let repo = self.repo(repo);
        let mut sessions = Vec::new();
        for _ in 0..self.p.rate_conc {
            sessions.push(Session::open(target, &repo).await?);
        }
        let run = Duration::from_secs_f64(self.p.rate_secs);
        let request = Arc::new(sessions[0].render(method, rest));
        let t = Instant::now();
        let parts = join_all(sessions.into_iter().map(|mut s| {
            let (target, request) = (target.clone(), request.clone());
            async move {
                let mut part = Outcome::default();
                let conn: &mut Conn = s.conn();
                while t.elapsed() < run {
                    let one = Instant::now();
                    let head = conn.send_rendered(&request, method == "HEAD").await?;
                    part.bytes += conn.read_body(&head, &mut Sink::Discard).await?;
                    part.lat_ms.push(ms(one));
                    if head.status != 200 {
                        part.errors += 1;
                    }
                    if conn.closed {
                        *conn = Conn::connect(&target.endpoint).await?;
                    }
                }
                Ok(part)
            }
        }))
        .await?;
        let mut out = Outcome::bytes(t, parts.iter().map(|p| p.bytes).sum(), Vec::new());
        out.errors = parts.iter().map(|p| p.errors).sum();
        out.lat_ms = parts.into_iter().flat_map(|p| p.lat_ms).collect();
        out.ops = out.lat_ms.len() as u64;
        Ok(out)
    }

    async fn small_push(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let run = Duration::from_secs_f64(self.p.small_secs);
        let next = Arc::new(AtomicUsize::new(0));
        let t = Instant::now();
        let lat = join_all((0..self.p.small_conc).map(|w| {
            let (bench, target, next) = (self.clone(), target.clone(), next.clone());
            async move {
                let mut rng = Rng::new(Rng::fresh_seed() ^ ((w as u64) << 17));
                let repo = bench.repo(&format!("small{w}"));
                let mut s = Session::open(&target, &repo).await?;
                let mut lat = Vec::new();
                while t.elapsed() < run && next.fetch_add(1, Ordering::Relaxed) < bench.p.small_max {
                    let one = Instant::now();
                    bench.push_small_image(&mut s, &mut rng).await?;
                    lat.push(ms(one));
                }
                Ok(lat)
            }
        }))
        .await?
        .concat();
        Ok(Outcome::bytes(t, lat.len() as u64 * 3 * SMALL_LAYER as u64, lat))
    }

    async fn push_small_image(&self, s: &mut Session, rng: &mut Rng) -> Result<()> {
        let mode = self.p.small_mode();
        let mut layers = Vec::with_capacity(3);
        let mut data = vec![0; SMALL_LAYER];
        for _ in 0..3 {
            rng.fill(&mut data);
            let digest = sha256(&data);
            if !(self.p.small_head && s.blob_exists(&digest).await?) {
                s.push_blob(&data, &digest, mode).await?;
            }
            layers.push((digest, data.len()));
        }
        let id = rng.next_u64();
        let config = config(id, &layers);
        let digest = sha256(&config);
        if !(self.p.small_head && s.blob_exists(&digest).await?) {
            s.push_blob(&config, &digest, mode).await?;
        }
        let manifest = manifest((&digest, config.len()), &layers);
        s.put_manifest(&format!("t{id:016x}"), &manifest).await
    }

    async fn tags(&self, target: &Arc<Target>, rest: &str) -> Result<Outcome> {
        let mut s = Session::open(target, &self.repo("tags")).await?;
        let path = s.path(rest);
        let want = if rest.contains('?') { 100 } else { self.p.tags };
        let (mut lat, mut bytes, mut note) = (Vec::new(), 0, None);
        let t = Instant::now();
        for i in 0..self.p.tag_requests {
            let mut body = Vec::with_capacity(1 << 18);
            let one = Instant::now();
            let (head, n) = s
                .call("GET", &path, &[], Body::Empty, &mut Sink::Collect(&mut body))
                .await?;
            lat.push(ms(one));
            head.expect(&[200], "tags/list")?;
            bytes += n;
            if i == 0 {
                let doc: serde_json::Value = serde_json::from_slice(&body)?;
                let got = doc["tags"].as_array().map_or(0, Vec::len);
                if got != want {
                    // Told in the report: some servers page without n, or ignore it.
                    note = Some(format!("{got} tags in the answer, expected {want}"));
                }
            }
            if t.elapsed() > Duration::from_secs(20) {
                break;
            }
        }
        let mut out = Outcome::bytes(t, bytes, lat);
        out.note = note;
        Ok(out)
    }

    async fn cluster(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
        let image = self.clusters.get(&target.name).context("not prepared")?;
        let start = Arc::new(Barrier::new(self.p.nodes));
        let t = Instant::now();
        let parts = join_all((0..self.p.nodes).map(|_| {
            let (bench, target) = (self.clone(), target.clone());
            let (start, image) = (start.clone(), image.clone());
            async move {
                start.wait().await;
                let one = Instant::now();
                let bytes = bench.node_pull(&target, &image).await?;
                Ok((bytes, ms(one)))
            }
        }))
        .await?;
        let bytes = parts.iter().map(|p| p.0).sum();
        Ok(Outcome::bytes(t, bytes, parts.into_iter().map(|p| p.1).collect()))
    }

    /// What containerd does: resolve the tag by HEAD, fetch the manifest by
    /// digest, the config, then the layers a few at a time.
    async fn node_pull(self: &Arc<Self>, target: &Arc<Target>, image: &Arc<Image>) -> Result<u64> {
        let accept = [("Accept", MANIFEST)];
        let repo = self.repo("cluster");
        let mut s = Session::open(target, &repo).await?;
        let by_tag = s.path("manifests/v1");
        let mut sink = Sink::Discard;
        let (head, _) = s.call("HEAD", &by_tag, &accept, Body::Empty, &mut sink).await?;
        head.expect(&[200], "manifest HEAD")?;
        let by_digest = s.path(&format!("manifests/{}", image.manifest_digest));
        let (head, n) = s.call("GET", &by_digest, &accept, Body::Empty, &mut sink).await?;
        head.expect(&[200], "manifest GET")?;
        s.pull_blob(&image.config.0, image.config.1, &mut sink).await?;
        let next = Arc::new(AtomicUsize::new(0));
        let layers = join_all((0..self.p.node_conc).map(|_| {
            let (bench, target, image) = (self.clone(), target.clone(), image.clone());
            let (next, repo) = (next.clone(), repo.clone());
            async move {
                let mut s = Session::open(&target, &repo).await?;
                let mut total = 0;
                while let Some((digest, size)) = image.layers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    s.pull_blob(digest, *size, &mut bench.p.sink()).await?;
                    total += size;
                }
                Ok(total)
            }
        }))
        .await?;
        Ok(n + image.config.1 + layers.iter().sum::<u64>())
    }
}

/// Milliseconds since `t`.
fn ms(t: Instant) -> f64 {
    t.elapsed().as_secs_f64() * 1e3
}

/// Runs the futures on the runtime's threads; the first error wins, after all ended.
async fn join_all<T, F>(work: impl IntoIterator<Item = F>) -> Result<Vec<T>>
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
