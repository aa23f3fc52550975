//! The node channel: what this node has, told to the registry under the agent's own login, and the images that the
//! registry wants it to have.
//!
//! The registry holds a round open until it has something to say. What this node has to say meanwhile goes with another
//! round; the first is heard out all the same, because a job that its answer names is named to nobody again for minutes.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use berth_oci::{Digest, Manifest};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::blobs;
use crate::job::Jobs;
use crate::registry::{Source, Stat};
use crate::tickets::Keys;
use crate::wire::{DONE_MAX, Done, DoneState, Node, NodeAnswer, Preheat, SEEDS_MAX};

/// How often at most the registry is asked.
const EVERY: Duration = Duration::from_secs(1);
/// Rounds that are open at one time.
const ROUNDS_MAX: usize = 8;
/// How long it is left alone after it failed, growing to the second.
const AFTER_FAILURE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Jobs that wait, and ended ones that are remembered.
const JOBS_MAX: usize = 1000;
/// How deep indexes may lie in one another.
const DEPTH_MAX: usize = 4;
/// Bytes of a login's file.
const LOGIN_BYTES_MAX: usize = 16 << 10;

/// The channel and the jobs that came by it.
pub(crate) struct Channel {
    jobs: Arc<Jobs>,
    keys: Arc<Keys>,
    login: PathBuf,
    labels: BTreeMap<String, String>,
    state: Mutex<State>,
    /// A job came.
    came: Notify,
    /// A job ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Preheat>,
    /// The job that is under way, and what ends it.
    at: Option<(String, CancellationToken)>,
    known: HashSet<String>,
    done: Vec<Done>,
}

impl State {
    /// The next job, and what ends it before its time.
    fn begin(&mut self) -> Option<(Preheat, CancellationToken)> {
        self.at = None;
        let preheat = self.waiting.pop_front()?;
        let over = CancellationToken::new();
        self.at = Some((preheat.job.clone(), over.clone()));
        Some((preheat, over))
    }

    /// Forgets jobs that ended, however they did, when they are many.
    fn forget_ended(&mut self) {
        if self.known.len() > JOBS_MAX {
            let waiting = self.waiting.iter().map(|preheat| preheat.job.clone());
            let at = self.at.iter().map(|(job, _)| job.clone());
            self.known = waiting.chain(at).collect();
        }
    }

    /// Leaves jobs that are wanted no more.
    fn drop_jobs(&mut self, over: &[String]) {
        self.waiting.retain(|preheat| !over.contains(&preheat.job));
        if let Some((job, end)) = &self.at
            && over.contains(job)
        {
            end.cancel();
        }
    }
}

impl Channel {
    pub(crate) fn new(
        jobs: Arc<Jobs>,
        keys: Arc<Keys>,
        login: PathBuf,
        labels: BTreeMap<String, String>,
    ) -> Self {
        Self {
            jobs,
            keys,
            login,
            labels,
            state: Mutex::default(),
            came: Notify::new(),
            ended: Notify::new(),
        }
    }

    /// Speaks with the registry for ever.
    pub(crate) async fn speak(&self) {
        let mut wait = AFTER_FAILURE.0;
        let mut rounds = FuturesUnordered::new();
        loop {
            let next = Instant::now() + EVERY;
            let Some(round) = self.tell().await else {
                leave_alone(&mut wait).await;
                continue;
            };
            rounds.push(round);
            // Until there is something to tell, or nobody listens at the registry any more.
            while !rounds.is_empty() {
                tokio::select! {
                    answer = rounds.next() => if let Some(answer) = answer.flatten() {
                        wait = AFTER_FAILURE.0;
                        self.hear(answer);
                    } else if rounds.is_empty() {
                        self.jobs.met(false);
                        leave_alone(&mut wait).await;
                    },
                    () = self.ended.notified(), if rounds.len() < ROUNDS_MAX => break,
                }
            }
            sleep_until(next).await;
        }
    }

    /// Tells the registry of this node; what comes in the end is the registry's answer, or nothing when it breaks off.
    async fn tell(&self) -> Option<impl Future<Output = Option<NodeAnswer>> + Send + use<>> {
        let Some(login) = self.read_login().await else {
            tracing::warn!(file = %self.login.display(), "the agent's login cannot be read");
            self.jobs.met(false);
            return None;
        };
        let done: Vec<Done> = self.state().done.iter().take(DONE_MAX).cloned().collect();
        let told = done.len();
        let node = Node {
            peer: self.jobs.peers.me().clone(),
            labels: self.labels.clone(),
            seeds: self.jobs.cache.whole(SEEDS_MAX),
            done,
            moved: self.jobs.take_moved(),
        };
        // Its answer may be a while in coming.
        self.jobs.met(true);
        match self.jobs.registry.node(&login, &node).await {
            Ok(round) => {
                let mut state = self.state();
                state.done.drain(..told);
                if !state.done.is_empty() {
                    self.ended.notify_one();
                }
                Some(round)
            }
            Err(status) => {
                self.jobs.add_moved(node.moved);
                self.jobs.met(false);
                let status = status.map(|status| status.as_u16());
                tracing::warn!(status, "the registry does not take the word of this node");
                None
            }
        }
    }

    fn hear(&self, answer: NodeAnswer) {
        self.keys.learn(answer.key);
        let mut state = self.state();
        state.drop_jobs(&answer.over);
        state.forget_ended();
        for preheat in answer.preheat {
            if state.waiting.len() < JOBS_MAX && state.known.insert(preheat.job.clone()) {
                state.waiting.push_back(preheat);
            }
        }
        drop(state);
        self.came.notify_one();
    }

    /// Does the jobs that come, one after the other, for ever.
    pub(crate) async fn work(&self) {
        loop {
            let next = self.state().begin();
            let Some((preheat, over)) = next else {
                self.came.notified().await;
                continue;
            };
            let outcome = tokio::select! {
                outcome = self.fetch(&preheat) => outcome,
                () = over.cancelled() => {
                    tracing::info!(job = preheat.job, manifest = %preheat.manifest, "a preheat is wanted no more");
                    continue;
                }
            };
            tracing::info!(job = preheat.job, manifest = %preheat.manifest, failure = outcome.as_ref().err(), "a preheat ended");
            let mut state = self.state();
            state.done.push(Done {
                job: preheat.job,
                state: if outcome.is_ok() {
                    DoneState::Complete
                } else {
                    DoneState::Failed
                },
                detail: outcome.err().unwrap_or_default(),
            });
            drop(state);
            self.ended.notify_one();
        }
    }

    /// Brings all blobs of an image here.
    async fn fetch(&self, preheat: &Preheat) -> Result<(), String> {
        let authorization = HeaderValue::from_str(&format!("Bearer {}", preheat.token));
        let source = Source {
            name: preheat.repository.clone(),
            query: None,
            authorization: Some(authorization.map_err(|_| "the job's token is malformed".to_owned())?),
        };
        let mut manifests = vec![(preheat.manifest.clone(), 0)];
        while let Some((digest, depth)) = manifests.pop() {
            let found = self.jobs.registry.manifest(&source, &digest).await;
            let (media_type, bytes) =
                found.ok_or_else(|| format!("manifest {digest} could not be fetched"))?;
            let manifest = Manifest::parse(&bytes, Some(&media_type)).map_err(|error| error.to_string())?;
            for blob in manifest.blobs() {
                self.keep(&source, &blob.digest).await?;
            }
            if depth < DEPTH_MAX {
                manifests.extend(for_this_machine(&manifest).map(|digest| (digest, depth + 1)));
            }
        }
        Ok(())
    }

    async fn keep(&self, source: &Source, digest: &Digest) -> Result<(), String> {
        match self.jobs.registry.stat(source, digest).await {
            Stat::There(0) => Ok(()),
            Stat::There(size) => blobs::keep(&self.jobs, source, (digest, size)).await,
            Stat::Other => Err(format!("the registry does not give {digest}")),
            Stat::Unreachable => Err("the registry is not reached".to_owned()),
        }
    }

    /// The login as the file has it now: `user:password`, or a token.
    async fn read_login(&self) -> Option<HeaderValue> {
        let text = tokio::fs::read_to_string(&self.login).await.ok()?;
        let text = text.trim();
        if text.is_empty() || text.len() > LOGIN_BYTES_MAX {
            return None;
        }
        let value = if text.contains(':') {
            format!("Basic {}", STANDARD.encode(text))
        } else {
            format!("Bearer {text}")
        };
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits after a failure, the longer the more of them came in a row.
async fn leave_alone(wait: &mut Duration) {
    sleep(*wait).await;
    *wait = (*wait * 2).min(AFTER_FAILURE.1);
}

/// The images of an index that run here; all of them when none says so.
fn for_this_machine(index: &Manifest) -> impl Iterator<Item = Digest> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let runs_here = |platform: &Option<serde_json::Value>| {
        let platform = platform.as_ref();
        platform.is_some_and(|platform| platform["os"] == "linux" && platform["architecture"] == architecture)
    };
    let is_any = index.manifests().any(|image| runs_here(&image.platform));
    let chosen: Vec<Digest> = index
        .manifests()
        .filter(|image| !is_any || runs_here(&image.platform))
        .map(|image| image.digest.clone())
        .collect();
    chosen.into_iter()
}
