//! One turn of a run: what is to be done next follows from the state alone, and is saved before anything follows from it.

mod ahead;

use std::time::Duration;

use berth_metadata::{SaveTriggerRun, TriggerStep, TriggerStepKind, TriggerTask, TriggerTurn};

use super::{AGAIN_AFTER_MAX, BY_HAND, Halt, TRIED_FOR_MS, UNDO};
use crate::Registry;
use crate::account::new_id;
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobEnd;
use crate::jobs::pause_after;
use crate::kubernetes::{Change, Kubernetes, KubernetesError, Rollout, Undone};
use crate::trigger::NO_CLUSTER;
use crate::trigger::image::{NO_HOST, Pushed, target};
use crate::trigger::state::{RunState, Set, Undoing};

/// How long a step has the turn at a workload, by the database's clock; a step gives up before.
const TURN_MS: i64 = 60_000;
const STEP: Duration = Duration::from_secs(45);
/// How often a refusal is not believed, and the time until the next try then.
const REFUSALS_MAX: u32 = 3;
const JUST_BACK: Duration = Duration::from_secs(3);
/// Time until the next try when another step is at the workload.
const BUSY: Duration = Duration::from_secs(1);
/// Time between two looks at a rollout: short at first, when most of them end.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
const LOOKED_AT_EVERY_MAX: Duration = Duration::from_secs(5);
/// Characters of what is said of a run.
const DETAIL_LENGTH_MAX: usize = 2000;
/// Runs that are looked at for one that something newer ended.
const EARLIER_MAX: i64 = 20;
const ELSEWHERE: &str = "the trigger acts on another cluster since";
const SWITCHED_OFF: &str = "the trigger was switched off before it began";

/// A run, for as long as a process goes on with it.
pub(super) struct Turn<'a> {
    registry: &'a Registry,
    task: TriggerTask,
    state: RunState,
    failures: i64,
    /// What the step is called that has the turn at the workload.
    holder: Option<String>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(registry: &'a Registry, task: TriggerTask) -> Result<Self, Error> {
        Ok(Self {
            registry,
            state: RunState::read(&task.run.state)?,
            failures: task.run.failures,
            holder: None,
            task,
        })
    }

    /// The next step: goes on with a further one, or says why not.
    pub(super) async fn step(&mut self) -> Result<(), Halt> {
        let is_wanted = self.task.trigger.enabled || [BY_HAND, UNDO].contains(&self.task.run.why.as_str());
        if !is_wanted && self.state.set.is_none() {
            return Err(self.end("cancelled", SWITCHED_OFF).await);
        }
        if self.task.is_outdated && !self.is_still_to_watch().await? {
            // Ends this run, unless a step of it is under way elsewhere, which is waited for.
            self.take_turn(TriggerStepKind::Act).await?;
        }
        if self.task.trigger.cluster.is_none() {
            return Err(self.end("failed", NO_CLUSTER).await);
        }
        if self.state.cluster.is_some() && self.state.cluster != self.task.trigger.cluster {
            return Err(self.end("failed", ELSEWHERE).await);
        }
        let trigger = &self.task.trigger;
        let changed = self.state.change().map(|change| change.target.namespace.as_str());
        let namespace = changed.unwrap_or(&trigger.namespace);
        let cluster = self
            .registry
            .kubernetes_of(&self.task.account_id, &trigger.cluster_id, namespace)
            .await??;
        if let Some(set) = self.state.watched().cloned() {
            return self.look(&cluster, &set).await;
        }
        match self.state.undoing.clone() {
            None => {
                self.wait_for_nodes().await?;
                self.act(&cluster).await
            }
            Some(undoing) => self.undo(&cluster, undoing).await,
        }
    }

    /// Sets the image, or puts back what another run changed.
    async fn act(&mut self, cluster: &Kubernetes) -> Result<(), Halt> {
        let run = self.name();
        let change = if let Some(back) = self.state.puts_back.clone() {
            self.take_turn(TriggerStepKind::Act).await?;
            let undone = in_time(cluster.undo(&back.change, back.instead.as_deref(), &run)).await?;
            match undone {
                Undone::Done(change) => change,
                Undone::Overtaken(how) => {
                    let said = format!("somebody else has changed the workload since: {how}");
                    return Err(self.end("failed", &said).await);
                }
                Undone::Impossible(why) => return Err(self.end("failed", &why).await),
            }
        } else {
            let wanted = self.pushed().wanted(&self.task.trigger, run);
            let Some((wanted, target)) = wanted.zip(target(&self.task.trigger)) else {
                return Err(self.end("failed", NO_HOST).await);
            };
            self.take_turn(TriggerStepKind::Act).await?;
            let mut change = in_time(cluster.set_image(&target, &wanted)).await?;
            self.go_back_further(&mut change).await?;
            self.state.image = Some(wanted.image);
            change
        };
        self.state.cluster = self.task.trigger.cluster;
        self.state.set = Some(set(change));
        self.failures = 0;
        self.save("the image is set").await
    }

    /// Undoing this change is to skip the images of a run that it superseded: nobody saw those work.
    async fn go_back_further(&self, change: &mut Change) -> Result<(), Halt> {
        let run = &self.task.run;
        let metadata = &self.registry.metadata;
        let earlier = metadata
            .trigger_runs(self.task.trigger.id, Some(run.id), EARLIER_MAX)
            .await?;
        for earlier in earlier.into_iter().take_while(|run| run.status == "superseded") {
            let state = RunState::read(&earlier.state)?;
            let Some(set) = state.set else { continue };
            if state.cluster == self.task.trigger.cluster {
                let previous = earlier.previous.as_deref();
                let instead = previous.and_then(|digest| self.pushed().by_digest(digest));
                change.go_back_beyond(&set.change, instead.as_deref());
            }
            break;
        }
        Ok(())
    }

    /// Puts the images from before a rollout that failed back.
    async fn undo(&mut self, cluster: &Kubernetes, undoing: Undoing) -> Result<(), Halt> {
        let why = undoing.why;
        let Some(done) = self.state.set.clone() else {
            return Err(self.end("failed", &why).await);
        };
        let previous = self.task.run.previous.as_deref();
        let instead = previous.and_then(|digest| self.pushed().by_digest(digest));
        let run = format!("{}-undo", self.name());
        self.take_turn(TriggerStepKind::Undo).await?;
        let undone = in_time(cluster.undo(&done.change, instead.as_deref(), &run)).await?;
        let said = match undone {
            Undone::Done(change) => {
                self.state.undoing = Some(Undoing {
                    why: why.clone(),
                    set: Some(set(change)),
                });
                self.failures = 0;
                return self
                    .save(&format!("{why}; the images from before are set again"))
                    .await;
            }
            Undone::Overtaken(how) => {
                format!("{why}; not undone, because somebody else changed the workload: {how}")
            }
            Undone::Impossible(reason) => format!("{why}; not undone: {reason}"),
        };
        Err(self.end("failed", &said).await)
    }

    /// How the rollout goes.
    async fn look(&mut self, cluster: &Kubernetes, set: &Set) -> Result<(), Halt> {
        let rollout = in_time(cluster.rollout(&set.change)).await?;
        let lasted = now_ms().saturating_sub(set.at);
        let allowed = self.task.trigger.rollout_seconds;
        let rollout = match rollout {
            Rollout::Running(what) if lasted > allowed.saturating_mul(1000) => {
                Rollout::Failed(format!("not rolled out within {allowed} s: {what}"))
            }
            other => other,
        };
        let undoing = self.state.undoing.as_ref().map(|undoing| undoing.why.clone());
        let (status, said) = match (rollout, undoing) {
            (Rollout::Running(what), None) => return Err(self.wait(&what, lasted).await),
            (Rollout::Running(what), Some(why)) => {
                let said = format!("{why}; undoing it: {what}");
                return Err(self.wait(&said, lasted).await);
            }
            (Rollout::Failed(why), None) => return self.rollout_failed(why, set).await,
            (Rollout::Done(what), None) if set.change.is_sent => ("success", what),
            (Rollout::Done(what), None) => {
                ("success", format!("the workload had this image already: {what}"))
            }
            (Rollout::Overtaken(how), None) => (
                "failed",
                format!("somebody else has changed the workload since: {how}"),
            ),
            (Rollout::Done(_), Some(why)) => ("undone", format!("{why}; the images from before are back")),
            (Rollout::Failed(what), Some(why)) => (
                "undone",
                format!("{why}; the images from before are set again and fail, too: {what}"),
            ),
            (Rollout::Overtaken(how), Some(why)) => (
                "undone",
                format!(
                    "{why}; the images from before were set again, and somebody else has changed them since: {how}"
                ),
            ),
        };
        Err(self.end(status, &said).await)
    }

    /// Ends the run, or begins to undo what it did.
    async fn rollout_failed(&mut self, why: String, set: &Set) -> Result<(), Halt> {
        let trigger = &self.task.trigger;
        let is_undone = trigger.undo_on_failure && trigger.enabled && self.state.puts_back.is_none();
        if !is_undone || !set.change.is_sent {
            return Err(self.end("failed", &why).await);
        }
        let said = format!("{why}; it is being undone");
        self.failures = 0;
        self.state.undoing = Some(Undoing { why, set: None });
        self.save(&said).await
    }

    /// Looks again later.
    async fn wait(&mut self, what: &str, lasted_ms: i64) -> Halt {
        if self.failures > 0 || self.task.run.detail != what {
            self.failures = 0;
            if let Err(halt) = self.save(what).await {
                return halt;
            }
        }
        let lasted = Duration::from_millis(u64::try_from(lasted_ms).unwrap_or_default());
        let pause = (lasted / 10).clamp(LOOKED_AT_EVERY, LOOKED_AT_EVERY_MAX);
        Halt::Ended(again(pause, None))
    }

    /// The end of a run that something here breaks again and again; none while it is worth another try.
    pub(super) async fn broken(&mut self) -> Option<Halt> {
        let waited = now_ms().saturating_sub(self.task.run.at);
        if waited <= TRIED_FOR_MS {
            return None;
        }
        let said = "something is broken in this registry: its log says what";
        Some(self.end("failed", said).await)
    }

    /// What becomes of a step that the cluster did not do: another try later, or the end.
    pub(super) async fn not_done(&mut self, error: &KubernetesError) -> Halt {
        let waited = now_ms().saturating_sub(self.task.run.at);
        let mut said = error.to_string();
        if let Some(undoing) = &self.state.undoing {
            said = format!("{}; undoing it: {said}", undoing.why);
        }
        if !(error.is_worth_another_try() || self.is_just_back(error)) || waited > TRIED_FOR_MS {
            return self.end("failed", &said).await;
        }
        self.failures += 1;
        if let Err(halt) = self.save(&format!("{said}; it is tried again")).await {
            return halt;
        }
        // What cannot be reached cannot be reached by the other runs either.
        let is_away = matches!(error, KubernetesError::Unreachable(_));
        let is_refusal = self.state.refusals > 0 && !is_away;
        let pause = if is_refusal {
            JUST_BACK
        } else {
            pause_after(self.failures).min(AGAIN_AFTER_MAX)
        };
        Halt::Ended(again(pause, is_away.then(|| error.to_string())))
    }

    /// Whether the refusal may be that of a cluster which was away and has not read its own rules yet, though it answers: it
    /// is believed when it is repeated.
    fn is_just_back(&mut self, error: &KubernetesError) -> bool {
        let is_refusal = matches!(error, KubernetesError::Forbidden(_) | KubernetesError::SignedOut);
        if !is_refusal || self.state.refusals >= REFUSALS_MAX {
            return false;
        }
        self.state.refusals += 1;
        true
    }

    /// Waits for nobody: when another step of the trigger is at the workload this one comes later.
    async fn take_turn(&mut self, kind: TriggerStepKind) -> Result<(), Halt> {
        let holder = new_id();
        let step = TriggerStep {
            kind,
            trigger_id: self.task.trigger.id,
            run_id: self.task.run.id,
            event: self.task.run.event.unwrap_or_default(),
            holder: holder.clone(),
            ttl_ms: TURN_MS,
            now: now_ms(),
        };
        match self.registry.metadata.begin_trigger_step(step).await? {
            TriggerTurn::Taken => {
                self.holder = Some(holder);
                Ok(())
            }
            TriggerTurn::Busy => Err(Halt::Ended(again(BUSY, None))),
            TriggerTurn::Ended => Err(Halt::Ended(JobEnd::Done)),
        }
    }

    /// What the workload is told of who changed it.
    fn name(&self) -> String {
        format!("{}-{}", self.registry.id(), self.task.run.id)
    }

    fn pushed(&self) -> Pushed<'_> {
        Pushed {
            hosts: &self.registry.limits().image_hosts,
            repository: &self.task.repository,
            tag: &self.task.run.tag,
            digest: self.task.run.digest.as_deref().unwrap_or_default(),
        }
    }

    /// Saves how far the run is; it halts when something newer has ended it.
    async fn save(&mut self, detail: &str) -> Result<(), Halt> {
        self.store("running", detail, None).await
    }

    /// Ends the run.
    async fn end(&mut self, status: &'static str, detail: &str) -> Halt {
        let detail = match &self.state.ahead {
            Some(ahead) => &format!("{detail}; {}", ahead.said()),
            None => detail,
        };
        if let Err(halt) = self.store(status, detail, Some(now_ms())).await {
            return halt;
        }
        tracing::info!(
            repository = self.task.repository,
            trigger = self.task.trigger.name,
            run = self.task.run.id,
            tag = self.task.run.tag,
            status,
            detail,
            "a trigger ended"
        );
        Halt::Ended(JobEnd::Done)
    }

    async fn store(&mut self, status: &'static str, detail: &str, ended_at: Option<i64>) -> Result<(), Halt> {
        // A cluster's own words are part of it.
        let plain = detail.chars().filter(|c| !c.is_control());
        let detail: String = plain.take(DETAIL_LENGTH_MAX).collect();
        let save = SaveTriggerRun {
            id: self.task.run.id,
            holder: self.holder.take(),
            status,
            detail: detail.clone(),
            state: self.state.written(),
            has_acted: self.state.set.is_some(),
            failures: self.failures,
            ended_at,
        };
        self.task.run.detail = detail;
        if self.registry.metadata.save_trigger_run(save).await? {
            return Ok(());
        }
        Err(Halt::Ended(JobEnd::Done))
    }
}

fn set(change: Change) -> Set {
    Set { change, at: now_ms() }
}

fn again(after: Duration, pause: Option<String>) -> JobEnd {
    JobEnd::Again { after, pause }
}

/// A cluster that is slow must not keep the turn at the workload longer than it lasts.
async fn in_time<T>(asked: impl Future<Output = Result<T, KubernetesError>>) -> Result<T, KubernetesError> {
    tokio::time::timeout(STEP, asked).await.unwrap_or_else(|_| {
        Err(KubernetesError::Unreachable(format!(
            "it does not answer within {} s",
            STEP.as_secs()
        )))
    })
}
