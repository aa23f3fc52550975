//! A node: an agent with a cache of its own, and a client beside it.

use std::path::Path;
use std::sync::Arc;

use berth_agent::{Agent, Error, Settings};
use berth_oci::{Algorithm, Digest};
use reqwest::{Client, Response};
use tempfile::TempDir;

use crate::registry::{GOOD, Registry};

pub(crate) struct Node {
    pub(crate) agent: Agent,
    pub(crate) home: Arc<TempDir>,
    pub(crate) client: Client,
}

impl Node {
    pub(crate) async fn start(registry: &Registry) -> Self {
        Self::start_with(registry, Arc::new(tempfile::tempdir().unwrap()), |_| {}).await
    }

    pub(crate) async fn start_with(
        registry: &Registry,
        home: Arc<TempDir>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::try_start(registry, home, change).await.unwrap()
    }

    pub(crate) async fn try_start(
        registry: &Registry,
        home: Arc<TempDir>,
        change: impl FnOnce(&mut Settings),
    ) -> Result<Self, Error> {
        let mut settings = Settings {
            registry: registry.url.clone(),
            registry_ca: None,
            listen: "127.0.0.1:0".parse().unwrap(),
            open_to_all: false,
            peer_listen: "127.0.0.1:0".parse().unwrap(),
            peer_address: None,
            cache: home.path().to_owned(),
            cache_bytes: 1 << 30,
            login: None,
            labels: [("zone".to_owned(), "a".to_owned())].into(),
            upload_slots: 4,
        };
        change(&mut settings);
        Ok(Self {
            agent: Agent::start(settings).await?,
            home,
            client: Client::new(),
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.agent.local)
    }

    pub(crate) async fn get(&self, digest: &Digest, range: Option<&str>) -> Response {
        self.get_as(digest, range, GOOD).await
    }

    pub(crate) async fn get_as(&self, digest: &Digest, range: Option<&str>, login: &str) -> Response {
        let request = self.client.get(self.url(&format!("/v2/team/app/blobs/{digest}")));
        let request = match range {
            Some(range) => request.header("range", range),
            None => request,
        };
        request.header("authorization", login).send().await.unwrap()
    }

    /// Pulls a blob as a whole, which must be right.
    pub(crate) async fn pull(&self, digest: &Digest) {
        let answer = self.get(digest, None).await;
        assert_eq!(answer.status(), 200);
        let length = answer.content_length().unwrap();
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes.len() as u64, length);
        assert_eq!(Digest::of(Algorithm::Sha256, &bytes), *digest);
    }

    /// A figure of `/metrics`.
    pub(crate) async fn figure(&self, name: &str) -> u64 {
        let text = self
            .client
            .get(self.url("/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("berth_agent_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
            .parse()
            .unwrap()
    }

    /// The file of a blob in the cache.
    pub(crate) fn file(&self, digest: &Digest) -> std::path::PathBuf {
        file(self.home.path(), digest)
    }
}

/// The file of a blob in the cache of a home.
pub(crate) fn file(home: &Path, digest: &Digest) -> std::path::PathBuf {
    home.join("blobs").join(digest.as_str().replace(':', "-"))
}
