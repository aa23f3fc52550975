//! Pushes, mounts, pulls and deletes of the same few digests beside an upkeep that waits for nothing: every linked blob
//! has its bytes, nobody gets wrong ones, and nothing that no image links is left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use berth_oci::{Digest, RangeRequest, Reference};
use berth_registry::{BlobRead, Error, Limits};
use futures_util::StreamExt as _;

use crate::harness::{TestRegistry, admin, image, name, sha256, whole};
use crate::postgres_server;
use crate::upkeep::{a_moment, at_once};

const REPOSITORIES: [&str; 3] = ["team/one", "team/two", "team/three"];
const LASTS: Duration = Duration::from_secs(3);

/// What all workers share.
struct Crowd {
    test: TestRegistry,
    over: AtomicBool,
    pushed: AtomicU64,
    mounted: AtomicU64,
    pulled: AtomicU64,
    deleted: AtomicU64,
}

/// A worker's choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("small")
    }

    fn repository(&mut self) -> &'static str {
        REPOSITORIES[self.roll(REPOSITORIES.len())]
    }

    fn layer(&mut self) -> Vec<u8> {
        let which = self.roll(4);
        // One that is read in several pieces.
        let size = if which == 0 { 700_000 } else { 1000 };
        vec![b'a' + u8::try_from(which).expect("small"); size]
    }
}

impl Crowd {
    /// Who is beaten to it is told so; anything else is a defect.
    fn may_fail(error: &Error) {
        let expected = matches!(
            error,
            Error::BlobUnknown(_)
                | Error::ManifestUnknown(_)
                | Error::ReferencesMissing(_)
                | Error::BlobInUse { .. }
                | Error::RepositoryUnknown(_)
                | Error::UploadUnknown
        );
        assert!(expected, "{error:?}");
    }

    async fn push(&self, dice: &mut Dice) {
        let (repository, layer) = (dice.repository(), dice.layer());
        for bytes in [b"{}".as_slice(), &layer] {
            let registry = &self.test.registry;
            let pushed = registry
                .push_blob(&admin(), &name(repository), &sha256(bytes), whole(bytes))
                .await;
            if let Err(error) = pushed {
                return Self::may_fail(&error);
            }
        }
        match self.test.put(repository, "v1", &image(b"{}", &[&layer])).await {
            Ok(_) => {
                self.pushed.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => Self::may_fail(&error),
        }
    }

    async fn mount(&self, dice: &mut Dice) {
        let (to, from, layer) = (dice.repository(), dice.repository(), dice.layer());
        if self.test.mount(to, from, &sha256(&layer)).await {
            self.mounted.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn delete(&self, dice: &mut Dice) {
        let (repository, layer) = (dice.repository(), dice.layer());
        let deleted = if dice.roll(2) == 0 {
            let digest = Reference::Digest(sha256(&image(b"{}", &[&layer])));
            let registry = &self.test.registry;
            registry
                .delete_manifest(&admin(), &name(repository), &digest, None)
                .await
                .map(drop)
        } else {
            let registry = &self.test.registry;
            registry
                .delete_blob(&admin(), &name(repository), &sha256(&layer))
                .await
        };
        match deleted {
            Ok(()) => {
                self.deleted.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => Self::may_fail(&error),
        }
    }

    async fn pull(&self, dice: &mut Dice) {
        let (repository, layer) = (dice.repository(), dice.layer());
        let digest = sha256(&layer);
        let opened = self
            .test
            .registry
            .open_blob(&admin(), &name(repository), &digest, RangeRequest::Whole)
            .await;
        let mut blob = match opened {
            Ok(BlobRead::Opened(blob)) => blob,
            Ok(_) => panic!("no range was asked for, and files are in no other place"),
            Err(error) => return Self::may_fail(&error),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.stream.next().await {
            bytes.extend_from_slice(&chunk.expect("a read that began ends"));
        }
        assert!(bytes == layer, "wrong bytes for {digest}");
        self.pulled.fetch_add(1, Ordering::Relaxed);
    }

    async fn work(self: Arc<Self>, worker: u64) {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (worker + 1));
        while !self.over.load(Ordering::Relaxed) {
            match worker % 4 {
                0 => self.push(&mut dice).await,
                1 => self.pull(&mut dice).await,
                2 => self.delete(&mut dice).await,
                _ => self.mount(&mut dice).await,
            }
            tokio::task::yield_now().await;
        }
    }

    async fn upkeep(self: Arc<Self>) {
        while !self.over.load(Ordering::Relaxed) {
            self.test.registry.maintain_once().await.expect("upkeep");
        }
    }

    /// Every blob has its bytes, every file is a blob's.
    async fn check(&self) {
        let blobs = self.test.metadata.blob_keys(None, 1000).await.expect("blobs");
        let mut keys = BTreeSet::new();
        for blob in blobs {
            let path = self.test.folder.path().join("storage/blobs").join(&blob.key);
            let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", blob.key));
            let digest: Digest = blob.digest.parse().expect("a digest");
            assert_eq!(Digest::of(digest.algorithm(), &bytes), digest);
            keys.insert(format!("blobs/{}", blob.key));
        }
        let files: BTreeSet<_> = self.test.files().into_iter().collect();
        assert_eq!(files, keys, "files and blobs");
        let damaged = self.test.metadata.damaged(None, 10).await.expect("damage");
        assert_eq!(damaged, [], "a race was taken for damage");
    }

    /// Upkeep until nothing is due.
    async fn settle(&self) {
        for _ in 0..3 {
            a_moment().await;
            tokio::time::sleep(UNUSED_FOR).await;
            self.test.registry.maintain_once().await.expect("upkeep");
        }
    }
}

/// How long what no manifest uses is kept: long enough for most pushes, and short for the rest.
const UNUSED_FOR: Duration = Duration::from_millis(40);

fn limits() -> Limits {
    Limits {
        upload_ttl: UNUSED_FOR,
        bin_ttl: Duration::ZERO,
        upkeep: at_once(),
        ..Limits::default()
    }
}

async fn check(test: TestRegistry) {
    // Without an image, what a push makes of a repository is swept too, and those who are about to use it come again.
    for repository in REPOSITORIES {
        test.push(repository, b"{}").await;
        test.push(repository, b"first").await;
        test.put(repository, "v1", &image(b"{}", &[b"first"]))
            .await
            .expect("an image");
    }
    let crowd = Arc::new(Crowd {
        test,
        over: AtomicBool::new(false),
        pushed: AtomicU64::new(0),
        mounted: AtomicU64::new(0),
        pulled: AtomicU64::new(0),
        deleted: AtomicU64::new(0),
    });
    let mut tasks: Vec<_> = (0..12)
        .map(|worker| tokio::spawn(Arc::clone(&crowd).work(worker)))
        .collect();
    tasks.push(tokio::spawn(Arc::clone(&crowd).upkeep()));
    tokio::time::sleep(LASTS).await;
    crowd.over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a worker without complaint");
    }
    for count in [&crowd.pushed, &crowd.mounted, &crowd.pulled, &crowd.deleted] {
        assert!(count.load(Ordering::Relaxed) > 0, "nothing of a kind happened");
    }
    crowd.settle().await;
    crowd.check().await;
    for repository in REPOSITORIES {
        for which in b'a'..b'e' {
            let size = if which == b'a' { 700_000 } else { 1000 };
            let manifest = image(b"{}", &[&vec![which; size]]);
            let digest = Reference::Digest(sha256(&manifest));
            let registry = &crowd.test.registry;
            let deleted = registry
                .delete_manifest(&admin(), &name(repository), &digest, None)
                .await;
            if let Err(error) = deleted {
                Crowd::may_fail(&error);
            }
        }
        let first = Reference::Digest(sha256(&image(b"{}", &[b"first"])));
        let deleted = crowd
            .test
            .registry
            .delete_manifest(&admin(), &name(repository), &first, None)
            .await;
        deleted.expect("nobody else deletes it");
    }
    crowd.settle().await;
    assert_eq!(crowd.test.files(), Vec::<String>::new(), "nothing links them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite() {
    check(TestRegistry::open(limits()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_postgres() {
    let server = postgres_server::Server::start();
    check(TestRegistry::on(limits(), &server.create("stress")).await).await;
}
