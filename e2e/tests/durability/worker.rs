//! A client that pushes images, moves and deletes tags, deletes manifests and blobs, until its server is gone, and
//! that remembers in its ledger what was acknowledged.

use e2e::server::Server;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::{Method, StatusCode};
use tokio::sync::Barrier;

use crate::ledger::{Fate, Ledger, acknowledged};
use e2e::content::{digest_of, image, random_blob, random_config};
use e2e::distribution::{How, Repository, location, send};

const TAGS: u32 = 4;
const LAYER_MAX: usize = 384 << 10;
const UPLOAD_PART: usize = 48 << 10;

/// Bytes that every worker pushes into every repository and nobody deletes.
const SHARED: &[u8] = &[7; 20_000];

/// An upload whose beginning was acknowledged.
#[derive(Debug)]
struct Unfinished {
    at: String,
    bytes: Vec<u8>,
    /// Bytes whose PATCH was answered.
    acknowledged: usize,
}

/// One client with a repository of its own and a second one that it shares with the others.
#[derive(Debug)]
pub(crate) struct Worker {
    number: usize,
    random: StdRng,
    ledger: Ledger,
    unfinished: Option<Unfinished>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Kill,
    PowerCut,
}

/// `None`: the server is gone.
type Step = Option<()>;

impl Worker {
    pub(crate) fn new(number: usize, random: StdRng) -> Self {
        Self {
            number,
            random,
            ledger: Ledger::default(),
            unfinished: None,
        }
    }

    async fn repositories(&self, server: &Server) -> (Repository, Repository) {
        let (home, other) = (format!("crash/worker{}", self.number), "crash/common/place");
        (
            Repository::open(server, &home).await,
            Repository::open_beside(server, other, &home).await,
        )
    }

    /// Logs in, says that it is ready, and works until the server no longer answers; the number of acknowledged steps.
    pub(crate) async fn work(&mut self, server: &Server, ready: &Barrier) -> usize {
        let (home, other) = self.repositories(server).await;
        ready.wait().await;
        let mut steps = 0;
        while self.step(&home, &other).await.is_some() {
            steps += 1;
        }
        steps
    }

    /// Holds the restarted server to what this worker knows, and ends the upload that was going on.
    pub(crate) async fn verify(&mut self, server: &Server, end: End) {
        let (home, other) = self.repositories(server).await;
        self.ledger.verify(&home, &other).await;
        let list = home.get("tags/list").await.unwrap();
        let tags = self.ledger.tags_there();
        if list.status != StatusCode::NOT_FOUND || !tags.is_empty() {
            let list = list.expect(StatusCode::OK);
            let list: serde_json::Value = serde_json::from_slice(&list.body).unwrap();
            assert_eq!(list["tags"], serde_json::json!(tags));
        }
        if let Some(upload) = self.unfinished.take() {
            self.resume(&home, upload, end).await;
        }
    }

    async fn step(&mut self, home: &Repository, other: &Repository) -> Step {
        match self.random.random_range(0..10) {
            0..=3 => self.push_image(home).await,
            4..=5 => self.move_tag(home).await,
            6 => self.delete_tag(home).await,
            7 => self.delete_manifest(home).await,
            8 => self.delete_blob(home, other).await,
            _ => self.push_slowly(home).await,
        }
    }

    fn tag(&mut self) -> String {
        format!("t{}", self.random.random_range(0..TAGS))
    }

    fn stored_manifest(&mut self) -> Option<(String, Vec<u8>)> {
        let stored = |(_, (_, fate)): &(&String, &(Vec<u8>, Fate))| *fate == Fate::Stored;
        let all: Vec<_> = self.ledger.manifests.iter().filter(stored).collect();
        all.choose(&mut self.random)
            .map(|(digest, (bytes, _))| ((*digest).clone(), bytes.clone()))
    }

    async fn push_blob(&mut self, at: &Repository, bytes: &[u8]) -> Step {
        let (digest, how) = (digest_of(bytes), *How::ALL.choose(&mut self.random)?);
        self.ledger.blob_begins(&at.name, &digest);
        acknowledged(at.push_blob(bytes, how), StatusCode::CREATED).await?;
        self.ledger.blob_is(&at.name, &digest, Fate::Stored);
        Some(())
    }

    async fn put_manifest(&mut self, home: &Repository, manifest: &[u8], tag: &str) -> Step {
        let digest = digest_of(manifest);
        self.ledger.manifest_begins(&digest, manifest, tag);
        acknowledged(home.put_manifest(tag, manifest), StatusCode::CREATED).await?;
        self.ledger.manifest_stored(&digest, tag);
        Some(())
    }

    async fn push_image(&mut self, home: &Repository) -> Step {
        let layer = random_blob(&mut self.random, 1, LAYER_MAX);
        let config = random_config(&mut self.random);
        for blob in [&layer[..], SHARED, &config] {
            self.push_blob(home, blob).await?;
        }
        let tag = self.tag();
        self.put_manifest(home, &image(&config, &[&layer, SHARED]), &tag)
            .await
    }

    async fn move_tag(&mut self, home: &Repository) -> Step {
        let Some((_, bytes)) = self.stored_manifest() else {
            return Some(());
        };
        let tag = self.tag();
        self.put_manifest(home, &bytes, &tag).await
    }

    async fn delete_tag(&mut self, home: &Repository) -> Step {
        let tags = self.ledger.tags_there();
        let Some(tag) = tags.choose(&mut self.random) else {
            return Some(());
        };
        self.ledger.tag_may_name(tag, None);
        acknowledged(home.delete(&format!("manifests/{tag}")), StatusCode::ACCEPTED).await?;
        self.ledger.tag_gone(tag);
        Some(())
    }

    async fn delete_manifest(&mut self, home: &Repository) -> Step {
        let Some((digest, _)) = self.stored_manifest() else {
            return Some(());
        };
        self.ledger.manifest_deletion_begins(&digest);
        acknowledged(home.delete(&format!("manifests/{digest}")), StatusCode::ACCEPTED).await?;
        self.ledger.manifest_gone(&digest);
        Some(())
    }

    /// A blob in two repositories is deleted from one: the other must keep it.
    async fn delete_blob(&mut self, home: &Repository, other: &Repository) -> Step {
        let blob = random_blob(&mut self.random, 1, LAYER_MAX);
        let digest = digest_of(&blob);
        self.push_blob(home, &blob).await?;
        self.ledger.blob_begins(&other.name, &digest);
        let mount = format!("blobs/uploads/?mount={digest}&from={}", home.name);
        acknowledged(send(other.request(Method::POST, &mount)), StatusCode::CREATED).await?;
        self.ledger.blob_is(&other.name, &digest, Fate::Stored);
        self.ledger.blob_is(&home.name, &digest, Fate::Unknown);
        acknowledged(home.delete(&format!("blobs/{digest}")), StatusCode::ACCEPTED).await?;
        self.ledger.blob_is(&home.name, &digest, Fate::Gone);
        Some(())
    }

    /// An upload in parts that may outlive the server; it is ended after the restart.
    async fn push_slowly(&mut self, home: &Repository) -> Step {
        let bytes = random_blob(&mut self.random, UPLOAD_PART * 4, UPLOAD_PART * 8);
        let at = home.start_upload().await.ok()?.ok()?;
        self.unfinished = Some(Unfinished {
            at,
            bytes,
            acknowledged: 0,
        });
        while let Some(upload) = &mut self.unfinished {
            let start = upload.acknowledged;
            let end = upload.bytes.len().min(start + UPLOAD_PART);
            let part = upload.bytes[start..end].to_vec();
            let answer = acknowledged(home.append(&upload.at, start, part), StatusCode::ACCEPTED).await?;
            (upload.at, upload.acknowledged) = (location(&answer), end);
            if end == upload.bytes.len() {
                break;
            }
        }
        let upload = self.unfinished.take()?;
        let digest = digest_of(&upload.bytes);
        self.ledger.blob_begins(&home.name, &digest);
        acknowledged(home.finish(&upload.at, &digest, Vec::new()), StatusCode::CREATED).await?;
        self.ledger.blob_is(&home.name, &digest, Fate::Stored);
        Some(())
    }

    /// Asks how far the server got and sends the rest. A killed server has every byte that was acknowledged; one whose
    /// power was cut may have fewer, or have forgotten the upload: only what has a 201 is promised to be on the disk.
    async fn resume(&mut self, home: &Repository, upload: Unfinished, end: End) {
        let answer = home.get(&upload.at).await.unwrap();
        if end == End::PowerCut && answer.status == StatusCode::NOT_FOUND {
            return;
        }
        let answer = answer.expect(StatusCode::NO_CONTENT);
        let range = answer.header("range").to_owned();
        let last: usize = range.rsplit('-').next().and_then(|end| end.parse().ok()).unwrap();
        // An upload without a byte is `0-0`, as one with one byte is.
        let reached = if last == 0 { 0 } else { last + 1 };
        let acknowledged = upload.acknowledged;
        assert!(
            reached >= acknowledged || end == End::PowerCut,
            "{range} is there, {acknowledged} bytes were acknowledged"
        );
        let digest = digest_of(&upload.bytes);
        let rest = upload.bytes[reached..].to_vec();
        home.finish(&location(&answer), &digest, rest)
            .await
            .unwrap()
            .expect(StatusCode::CREATED);
        self.ledger.blob_is(&home.name, &digest, Fate::Stored);
    }
}
