//! One node's pull of an image, as containerd does it behind a mirror that has the capability `pull`: the tag is resolved at the registry,
//! all else is asked of the mirror; a layer that breaks off goes on where it stood, there first, then at the registry. Every byte is hashed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};

use crate::data::{finish, sha256};
use crate::h1::{Body, Conn, Endpoint, Sink};
use crate::registry::{MANIFEST, Target};
use crate::tls;

#[derive(Args)]
pub struct PullArgs {
    /// The registry, as in `run`
    #[arg(long)]
    target: String,
    /// Address of the mirror on this node
    #[arg(long)]
    mirror: Option<String>,
    #[arg(long)]
    repository: String,
    #[arg(long, default_value = "v1")]
    tag: String,
    /// Begin at this time: milliseconds since 1970
    #[arg(long)]
    at: Option<u64>,
    /// The pull has failed after so many seconds
    #[arg(long, default_value_t = 1200)]
    patience: u64,
    /// Write how it went here
    #[arg(long)]
    out: PathBuf,
}

/// How the pull of one node went.
#[derive(Serialize, Deserialize, Default, Debug)]
pub struct Pulled {
    pub seconds: f64,
    pub bytes: u64,
    /// Requests that did not end well at the mirror, and those that the registry then answered.
    pub broken: u64,
    pub fallbacks: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Pulls once. A pull that fails is a result, too.
pub async fn run(args: PullArgs) -> Result<()> {
    let tls = tls::client_config(None)?;
    let target = Target::parse(&args.target, &tls, true)?;
    let mirror = args.mirror.as_deref().map(|url| Endpoint::parse(url, &tls));
    let node = Arc::new(Node {
        registry: target.endpoint().clone(),
        mirror: mirror.transpose()?,
        repository: args.repository.clone(),
        target,
    });
    if let Some(at) = args.at {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        sleep_until(Instant::now() + Duration::from_millis(at).saturating_sub(now)).await;
    }
    let begin = Instant::now();
    let pull = timeout(Duration::from_secs(args.patience), node.pull(&args.tag));
    let mut pulled = match pull.await {
        Ok(Ok(pulled)) => pulled,
        Ok(Err(error)) => Pulled::failed(&error),
        Err(_) => Pulled::failed(&anyhow::anyhow!("not done after {} s", args.patience)),
    };
    pulled.seconds = begin.elapsed().as_secs_f64();
    std::fs::write(&args.out, serde_json::to_vec(&pulled)?)
        .with_context(|| format!("write {}", args.out.display()))
}

impl Pulled {
    fn failed(error: &anyhow::Error) -> Self {
        Self {
            error: Some(format!("{error:#}")),
            ..Self::default()
        }
    }

    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.broken += other.broken;
        self.fallbacks += other.fallbacks;
    }
}

struct Node {
    target: Target,
    registry: Endpoint,
    mirror: Option<Endpoint>,
    repository: String,
}

impl Node {
    async fn pull(self: &Arc<Self>, tag: &str) -> Result<Pulled> {
        let authorization = self.target.authorization(&self.repository).await?;
        let digest = self.resolve(tag, authorization.as_deref()).await?;
        let mut manifest = Vec::new();
        let mut pulled = Pulled::default();
        let path = format!("/v2/{}/manifests/{digest}", self.repository);
        let mut sink = Sink::Collect(&mut manifest);
        let mut places = self.places();
        let from = loop {
            let place = places.next().context("nobody has the manifest")?;
            if get(place, &path, authorization.as_deref(), 0, &mut sink)
                .await
                .is_ok()
            {
                break place;
            }
            pulled.broken += 1;
        };
        pulled.fallbacks += u64::from(self.is_fallback(from));
        ensure!(sha256(&manifest) == digest, "another manifest came");
        pulled.bytes = manifest.len() as u64;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        let layers = manifest["layers"].as_array().context("manifest without layers")?;
        let mut blobs = tokio::task::JoinSet::new();
        for descriptor in layers.iter().chain([&manifest["config"]]) {
            let digest = descriptor["digest"].as_str().context("no digest")?.to_string();
            let size = descriptor["size"].as_u64().context("no size")?;
            let (node, authorization) = (self.clone(), authorization.clone());
            blobs.spawn(async move { node.blob(&digest, size, authorization.as_deref()).await });
        }
        while let Some(blob) = blobs.join_next().await {
            pulled.add(&blob??);
        }
        Ok(pulled)
    }

    /// The digest that a tag has at the registry.
    async fn resolve(&self, tag: &str, authorization: Option<&str>) -> Result<String> {
        let mut conn = Conn::connect(&self.registry).await?;
        let path = format!("/v2/{}/manifests/{tag}", self.repository);
        let mut headers = vec![("Accept", MANIFEST)];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let head = conn.request("HEAD", &path, &headers, Body::Empty).await?;
        head.expect(&[200], "manifest HEAD")?;
        head.digest.context("manifest without digest")
    }

    /// Where to ask: the mirror, once more when it breaks off, then the registry, twice.
    fn places(&self) -> impl Iterator<Item = &Endpoint> {
        let mirror = self.mirror.iter();
        mirror
            .clone()
            .chain(mirror)
            .chain([&self.registry, &self.registry])
    }

    fn is_fallback(&self, place: &Endpoint) -> bool {
        self.mirror.is_some() && place.authority() == self.registry.authority()
    }

    async fn blob(&self, digest: &str, size: u64, authorization: Option<&str>) -> Result<Pulled> {
        let path = format!("/v2/{}/blobs/{digest}", self.repository);
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut pulled = Pulled::default();
        let mut last = None;
        for place in self.places() {
            let offset = pulled.bytes;
            let mut sink = Sink::HashCount(&mut hash, &mut pulled.bytes);
            match get(place, &path, authorization, offset, &mut sink).await {
                Ok(()) if pulled.bytes == size => {
                    pulled.fallbacks += u64::from(self.is_fallback(place));
                    ensure!(finish(hash) == digest, "other bytes came as {digest}");
                    return Ok(pulled);
                }
                Ok(()) => bail!("{} bytes came of {size}", pulled.bytes),
                Err(error) => last = Some(error),
            }
            pulled.broken += 1;
        }
        Err(last.context("nowhere to ask")?)
    }
}

/// What is left of a thing from this offset on.
async fn get(
    place: &Endpoint,
    path: &str,
    authorization: Option<&str>,
    offset: u64,
    sink: &mut Sink<'_>,
) -> Result<()> {
    let mut conn = Conn::connect(place).await?;
    let range = format!("bytes={offset}-");
    let mut headers = vec![("Accept", MANIFEST)];
    headers.extend(authorization.map(|value| ("Authorization", value)));
    if offset > 0 {
        headers.push(("Range", &range));
    }
    let head = conn.request("GET", path, &headers, Body::Empty).await?;
    head.expect(if offset > 0 { &[206] } else { &[200] }, "GET")?;
    conn.read_body(&head, sink).await?;
    Ok(())
}
