//! What scenarios push or read: made, stored at the target, and never measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail, ensure};

use super::{Bench, join_all};
use crate::data::{Blob, finish, sha256};
use crate::h1::Sink;
use crate::registry::{Kind, PushMode, Session, Target, install_image, write_file};
use crate::scenario::Scenario;

impl Bench {
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
            Scenario::Crowd => {
                self.prepare_pull(target).await?;
                self.prepare_meta(target).await?;
            }
            Scenario::ManifestGet
            | Scenario::ManifestHead
            | Scenario::Idle
            | Scenario::Overload
            | Scenario::OverloadPush => self.prepare_meta(target).await?,
            Scenario::TagsList | Scenario::TagsPage => self.prepare_tags(target).await?,
            Scenario::ClusterPull => self.prepare_cluster(target).await?,
            Scenario::SmallPush => {}
        }
        Ok(())
    }

    async fn prepare_meta(&mut self, target: &Arc<Target>) -> Result<()> {
        let repo = self.repo("meta");
        let mut layer = vec![0; 10 * 1024];
        self.rng.fill(&mut layer);
        let digest = sha256(&layer);
        let id = self.rng.next_u64();
        install_image(target, &repo, "latest", id, &[(&layer, &digest)]).await?;
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
        if finish(hash) != entry.0 {
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
                            let tag = format!("t{i:05}");
                            // Some servers answer 500 where two clients store the same manifest at once.
                            let mut tries = 0;
                            while let Err(error) = s.put_manifest(&tag, &manifest).await {
                                tries += 1;
                                ensure!(tries < 5, "{error}");
                            }
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
}
