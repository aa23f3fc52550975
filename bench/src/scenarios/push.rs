//! Pushes: large blobs, many at once, and whole small images.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Barrier;

use super::{Bench, Outcome, join_all, ms};
use crate::data::{Rng, sha256};
use crate::registry::{PushMode, Session, Target, config, manifest};

const SMALL_LAYER: usize = 10 * 1024;

impl Bench {
    pub(super) async fn push_big(&self, target: &Arc<Target>, mode: PushMode) -> Result<Outcome> {
        let big = self.big.as_ref().context("not prepared")?;
        let mut s = Session::open(target, &self.repo("push")).await?;
        let t = Instant::now();
        s.push_blob(big.data(), big.digest(), mode).await?;
        let lat = vec![ms(t)];
        Ok(Outcome::bytes(t, big.data().len() as u64, lat))
    }

    pub(super) async fn push_par(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
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

    pub(super) async fn push_crowd(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
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

    pub(super) async fn small_push(self: &Arc<Self>, target: &Arc<Target>) -> Result<Outcome> {
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
            if self.p.small_no_head || !s.blob_exists(&digest).await? {
                s.push_blob(&data, &digest, mode).await?;
            }
            layers.push((digest, data.len()));
        }
        let id = rng.next_u64();
        let config = config(id, &layers);
        let digest = sha256(&config);
        if self.p.small_no_head || !s.blob_exists(&digest).await? {
            s.push_blob(&config, &digest, mode).await?;
        }
        let manifest = manifest((&digest, config.len()), &layers);
        s.put_manifest(&format!("t{id:016x}"), &manifest).await
    }
}
