//! A mixed load: clients that push, mount, move and delete tags, delete manifests, blobs and images, and pull, side by
//! side in the same few repositories. What each heard goes into the history.

mod client;
mod request;

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use e2e::distribution::{Repository, send, token};
use e2e::login::AccessKey;
use e2e::server::{administrator, administrator_key};
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

pub(crate) use client::Client;

use crate::history::History;
use crate::shelf::Shelf;

/// The organisation of every repository here.
pub(crate) const ORGANIZATION: &str = "faults";
/// A repository whose images are deleted as wholes besides.
pub(crate) const CHURN: &str = "faults/churn";
/// All repositories of the load.
pub(crate) const REPOSITORIES: [&str; 3] = ["faults/main", "faults/other", CHURN];
/// The tags of each.
pub(crate) const TAGS: [&str; 4] = ["t0", "t1", "t2", "t3"];

/// Clients that work side by side.
const CLIENTS: usize = 6;
/// Pause between two requests to reclaim.
const TIDIED_EVERY: Duration = Duration::from_millis(150);
/// How long a request may take before its client gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What all clients of a load share.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) history: History,
    pub(crate) shelf: Shelf,
    http: reqwest::Client,
    key: AccessKey,
    origins: Vec<String>,
    token: Mutex<String>,
    stopping: AtomicBool,
    /// 5xx that the fault may cause; any other is a finding.
    tolerated: Mutex<Vec<StatusCode>>,
    /// Whether the fault may take acknowledged bytes of uploads that were not ended: only a 201 promises that something is
    /// on the disk.
    forgets_uploads: bool,
    /// 5xx that were answered and tolerated.
    failures: AtomicU64,
}

impl Load {
    /// A load on the replicas at these origins (`http://<host>:<port>`). A 5xx that is not tolerated is a finding.
    pub(crate) fn new(seed: u64, origins: Vec<String>, tolerated: &[StatusCode]) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(PATIENCE)
            .build();
        Self {
            history: History::new(),
            shelf: Shelf::new(seed),
            http: http.expect("a client can be made"),
            key: administrator_key(),
            origins,
            token: Mutex::default(),
            stopping: AtomicBool::new(false),
            tolerated: Mutex::new(tolerated.to_vec()),
            forgets_uploads: false,
            failures: AtomicU64::new(0),
        }
    }

    /// The same for a fault that takes what was not synced: uploads that were not ended may come back shorter, or not.
    #[must_use]
    pub(crate) fn forgetting_uploads(self) -> Self {
        Self {
            forgets_uploads: true,
            ..self
        }
    }

    /// Gets a fresh token from any replica; every client uses it from then on.
    pub(crate) async fn log_in(&self) {
        let mut refusals = Vec::new();
        for origin in &self.origins {
            match token(&self.http, origin, &administrator(), &REPOSITORIES).await {
                Ok(fresh) => {
                    *self.token.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                    return;
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        panic!("nobody gives a token: {refusals:?}");
    }

    /// Lets clients work until [`Load::stop`].
    pub(crate) fn go(&self) {
        self.stopping.store(false, Ordering::SeqCst);
    }

    /// Lets every client end with what it is doing.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether clients are to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Whether the first replica says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let request = self.http.get(format!("{}/readyz", self.origins[0]));
        request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
    }

    /// Asks one replica after another to reclaim what nothing names, again and again; whatever is answered.
    async fn keep_tidying(&self) {
        for turn in 0.. {
            self.tidy(turn % self.origins.len()).await;
            tokio::time::sleep(TIDIED_EVERY).await;
        }
    }

    /// Asks a replica to reclaim what nothing names.
    pub(crate) async fn tidy(&self, replica: usize) {
        let path = "/v2/manage/maintenance/reclaim";
        let body = json!({"orphans": true}).to_string();
        let asked = send(self.manage_with(replica, "POST", path, &body));
        let _ = tokio::time::timeout(TIDIED_EVERY, asked).await;
    }

    /// How many replicas there are.
    pub(crate) fn replicas(&self) -> usize {
        self.origins.len()
    }

    /// Where a replica answers.
    pub(crate) fn origin(&self, replica: usize) -> String {
        self.origins[replica].clone()
    }

    /// A repository as a replica serves it.
    pub(crate) fn repository(&self, replica: usize, name: &str) -> Repository {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Repository::with_token(self.http.clone(), &self.origins[replica], name, &token)
    }

    /// What the next fault may cause.
    pub(crate) fn tolerate(&self, tolerated: &[StatusCode]) {
        *self.tolerated.lock().unwrap_or_else(PoisonError::into_inner) = tolerated.to_vec();
    }

    /// How many 5xx were tolerated since the last time.
    pub(crate) fn take_failures(&self) -> u64 {
        self.failures.swap(0, Ordering::SeqCst)
    }

    fn failed(&self, what: &str, status: StatusCode, text: &str) {
        self.failures.fetch_add(1, Ordering::SeqCst);
        let tolerated = self.tolerated.lock().unwrap_or_else(PoisonError::into_inner);
        if !tolerated.contains(&status) && !self.history.is_dark() {
            self.history.found(format!("{what}: {status} {text}"));
        }
    }
}

/// The clients of a load.
pub(crate) fn clients(load: &Arc<Load>, random: &mut StdRng) -> Vec<Client> {
    (0..CLIENTS)
        .map(|number| Client::new(number, StdRng::from_rng(random), load))
        .collect()
}

/// Lets the clients work while something happens, and until it is over.
pub(crate) async fn work_during<T>(
    load: &Arc<Load>,
    clients: &mut Vec<Client>,
    happens: impl Future<Output = T>,
) -> T {
    load.go();
    let mut working: JoinSet<Client> = clients.drain(..).map(Client::work).collect();
    let happened = tokio::select! {
        happened = happens => happened,
        () = load.keep_tidying() => unreachable!("the upkeep is asked for without end"),
    };
    load.stop();
    while let Some(client) = working.join_next().await {
        clients.push(client.expect("a client ends without a panic"));
    }
    happened
}
