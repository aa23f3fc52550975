//! A registry under test: its database, its storage, and one or more replicas of the server over them. Owns how they are
//! made, and the last question to every installation: whether anything is left when everything is deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::bucket::Bucket;
use e2e::distribution::send;
use e2e::home::Home;
use e2e::postgres::{Postgres, address};
use e2e::replica::Replica;
use reqwest::StatusCode;
use serde_json::json;

use crate::load::{Load, ORGANIZATION, REPOSITORIES};
use crate::look::settle;

/// How long the upkeep may take to empty the storage when everything is deleted: whoever was killed in the middle of it
/// holds its lease for a minute.
const EMPTY_WITHIN: Duration = Duration::from_secs(150);

/// A running registry.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) replicas: Vec<Replica>,
    storage: Storage,
    /// The database, when it is a server.
    pub(crate) database: Option<Postgres>,
    /// Removed with everything in it when the installation is dropped.
    home: Home,
}

impl Installation {
    /// Starts one server with SQLite and files, everything below `data` of the home, which may be a mount.
    pub(crate) async fn embedded(home: Home, variables: &[(&str, String)]) -> Self {
        let mut replica = Replica::new("berth", home.path(), &with_haste(variables));
        replica.start().await;
        Self {
            replicas: vec![replica],
            storage: Storage::Folder(home.join("data/storage")),
            database: None,
            home,
        }
    }

    /// Starts replicas over one PostgreSQL and one folder of blobs.
    pub(crate) async fn replicated(home: Home, replicas: usize, variables: &[(&str, String)]) -> Self {
        let database = Postgres::start();
        database.create(DATABASE);
        let addresses = vec![address(database.port(), DATABASE); replicas];
        Self::over(home, database, &addresses, variables).await
    }

    /// Starts replicas over one PostgreSQL and one bucket.
    pub(crate) async fn scaled(home: Home, replicas: usize, variables: &[(&str, String)]) -> Self {
        let bucket = Bucket::new("faults");
        let ports = vec![bucket.port(); replicas];
        Self::scaled_through(home, bucket, &ports, variables).await
    }

    /// Starts replicas over one PostgreSQL and one bucket, each of them reaching the bucket through one of these ports.
    pub(crate) async fn scaled_through(
        home: Home,
        bucket: Bucket,
        ports: &[u16],
        variables: &[(&str, String)],
    ) -> Self {
        let database = Postgres::start();
        database.create(DATABASE);
        let each: Vec<Variables> = ports
            .iter()
            .map(|port| {
                let mut each = bucket.variables(*port);
                each.push(("BERTH_DATABASE", address(database.port(), DATABASE)));
                each
            })
            .collect();
        let replicas = replicas(&home, &each, variables).await;
        Self {
            replicas,
            storage: Storage::Bucket(bucket),
            database: Some(database),
            home,
        }
    }

    /// Starts a replica for each of these addresses of one database, all over one folder of blobs.
    pub(crate) async fn over(
        home: Home,
        database: Postgres,
        addresses: &[String],
        variables: &[(&str, String)],
    ) -> Self {
        let storage = home.folder("storage");
        let each: Vec<Variables> = addresses
            .iter()
            .map(|address| {
                let folder = storage.display().to_string();
                vec![("BERTH_STORAGE", folder), ("BERTH_DATABASE", address.clone())]
            })
            .collect();
        let replicas = replicas(&home, &each, variables).await;
        Self {
            replicas,
            storage: Storage::Folder(storage),
            database: Some(database),
            home,
        }
    }

    /// The folder that everything lies in.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The folder of the blobs.
    pub(crate) fn storage(&self) -> &Path {
        match &self.storage {
            Storage::Folder(folder) => folder,
            Storage::Bucket(_) => panic!("this installation keeps its blobs in a bucket"),
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

    /// Looks at everything that was ever done once more, deletes it all, and answers what cannot be or is left.
    pub(crate) async fn last_look(&mut self, load: &Load) -> Vec<String> {
        let mut findings = settle(load, load.history.all()).await;
        let left = self.leftovers(load).await;
        if !left.is_empty() {
            let number = left.len();
            findings.push(format!("{number} files are left when all is deleted: {left:?}"));
        }
        findings
    }

    /// The last errors in the replicas' logs, each once, for the person who looks into a finding.
    pub(crate) fn errors(&self) -> Vec<String> {
        let mut shown = Vec::new();
        for replica in &self.replicas {
            let log = replica.log();
            let errors = log.lines().rev().filter(|line| line.contains("ERROR"));
            shown.extend(errors.take(ERRORS_SHOWN).map(str::to_owned));
        }
        shown
    }

    /// Waits until every replica says that it is ready.
    pub(crate) async fn ready(&mut self) {
        for replica in &mut self.replicas {
            replica.ready().await;
        }
    }

    /// Deletes every image, lets the upkeep end every upload and reclaim every byte, and answers what is left in the
    /// storage all the same.
    async fn leftovers(&mut self, load: &Load) -> Vec<String> {
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
        while !self.storage.content().is_empty() && Instant::now() < end {
            load.tidy(0).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        last.stop();
        self.storage.content()
    }
}

/// Lines of each replica's log that are shown with findings.
const ERRORS_SHOWN: usize = 12;

/// The database's name.
pub(crate) const DATABASE: &str = "berth";

/// What is deleted leaves the bin and is reclaimed in the midst of the load, and in the end nothing is left that a bin
/// keeps.
fn with_haste<'a>(variables: &[(&'a str, String)]) -> Vec<(&'a str, String)> {
    let mut hasty = vec![
        ("BERTH_BIN_TTL", "1s".to_owned()),
        ("BERTH_RECLAIM_DELAY", "50ms".to_owned()),
    ];
    hasty.extend(variables.iter().cloned());
    hasty
}

/// Settings that let the upkeep wait for nothing.
const EAGER: &[(&str, &str)] = &[
    ("BERTH_LIMITS_UPLOAD_TTL", "1s"),
    ("BERTH_RECLAIM_DELAY", "1ms"),
    ("BERTH_RECLAIM_ORPHANS_AFTER", "1ms"),
    ("BERTH_SCRUB_QUARANTINE_TTL", "1ms"),
];

/// Variables of one replica.
type Variables = Vec<(&'static str, String)>;

/// Where blobs are.
#[derive(Debug)]
enum Storage {
    Folder(PathBuf),
    Bucket(Bucket),
}

impl Storage {
    /// The files or objects of blobs and uploads.
    fn content(&self) -> Vec<String> {
        match self {
            Self::Folder(folder) => files_in(folder),
            Self::Bucket(bucket) => bucket.objects(),
        }
    }
}

/// Starts a replica for each of these sets of variables, all with one master key.
async fn replicas(home: &Home, each: &[Variables], variables: &[(&str, String)]) -> Vec<Replica> {
    let key = home.join("master.key").display().to_string();
    let mut replicas = Vec::new();
    for (number, own) in each.iter().enumerate() {
        let name = format!("replica-{number}");
        let mut all = with_haste(variables);
        all.extend(own.iter().cloned());
        all.push(("BERTH_MASTER_KEY_FILE", key.clone()));
        let mut replica = Replica::new(&name, &home.folder(&name), &all);
        // The first makes what all need.
        replica.start().await;
        replicas.push(replica);
    }
    replicas
}

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
