//! Pulls of large blobs, and of one image by many nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use tokio::sync::Barrier;

use super::{Bench, Outcome, join_all, ms};
use crate::h1::{Body, Sink};
use crate::registry::{Image, MANIFEST, Session, Target};

impl Bench {
    pub(super) async fn pull(self: &Arc<Self>, target: &Arc<Target>, conns: usize) -> Result<Outcome> {
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

    pub(super) async fn cluster(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
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
