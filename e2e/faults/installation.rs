//! A registry under test: its database, its storage, and one or more replicas of the server over them. Owns how they are
//! made, and the last question to every installation: whether anything is left when everything is deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::distribution::send;
use e2e::home::Home;
use e2e::replica::Replica;
use reqwest::StatusCode;
use serde_json::json;

use crate::load::{Load, ORGANIZATION, REPOSITORIES};

/// How long the upkeep may take to empty the storage when everything is deleted.
const EMPTY_WITHIN: Duration = Duration::from_secs(30);

/// A running registry.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) replicas: Vec<Replica>,
    storage: PathBuf,
    /// Removed with everything in it when the installation is dropped.
    _home: Home,
}

impl Installation {
    /// Starts one server with SQLite and files, everything below `data` of the home, which may be a mount.
    pub(crate) async fn embedded(home: Home, variables: &[(&str, String)]) -> Self {
        let replica = Replica::new("berth", home.path(), variables);
        let storage = home.join("data/storage");
        Self::start(home, storage, vec![replica]).await
    }

    async fn start(home: Home, storage: PathBuf, mut replicas: Vec<Replica>) -> Self {
        for replica in &mut replicas {
            replica.start().await;
        }
        Self {
            replicas,
            storage,
            _home: home,
        }
    }

    /// Where the replicas answer.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.replicas.iter().map(Replica::origin).collect()
    }

    /// Makes the organisation that the load works in, and logs in.
    pub(crate) async fn prepare(&self, load: &Load) {
        let body = json!({"namespace": ORGANIZATION}).to_string();
        let request = load.manage_with(0, "POST", "/v2/manage/namespaces", &body);
        let answer = send(request).await.expect("a ready server answers");
        answer.expect(StatusCode::CREATED);
        load.log_in().await;
    }

    /// Deletes every image, lets the upkeep end every upload and reclaim every byte, and answers what is left in the
    /// storage all the same.
    pub(crate) async fn leftovers(&mut self, load: &Load) -> Vec<String> {
        for name in REPOSITORIES {
            let image = name.rsplit('/').next().unwrap_or(name);
            let path = format!("/v2/manage/namespaces/{ORGANIZATION}/repos/{image}");
            let answer = send(load.manage(0, "DELETE", &path))
                .await
                .expect("a ready server answers");
            let is_gone = [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND].contains(&answer.status);
            assert!(is_gone, "{name} cannot be deleted: {}", answer.text());
        }
        for replica in &mut self.replicas {
            replica.stop();
        }
        // Unfinished uploads and orphans are kept for a day; a registry that may not keep them shows what is forgotten.
        let last = &mut self.replicas[0];
        for (name, value) in EAGER {
            last.set(name, value);
        }
        tokio::time::sleep(Duration::from_millis(1100)).await;
        last.start().await;
        let end = Instant::now() + EMPTY_WITHIN;
        while !files_in(&self.storage).is_empty() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        last.stop();
        files_in(&self.storage)
    }
}

/// Settings that let the upkeep wait for nothing.
const EAGER: &[(&str, &str)] = &[("BERTH_LIMITS_UPLOAD_TTL", "1s")];

/// The files of blobs and uploads.
fn files_in(storage: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![storage.join("blobs"), storage.join("uploads")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let shown = path.strip_prefix(storage).unwrap_or(&path);
                found.push(shown.display().to_string());
            }
        }
    }
    found
}
