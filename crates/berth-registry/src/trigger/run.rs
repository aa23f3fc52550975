//! Runs of triggers, each a job: the image is set, the rollout watched to its end, and undone when it fails and that is
//! wanted. Each turn of the job looks at where the workload is and goes on from there, so that a run survives the process,
//! and hundreds of them wait in the database and not in memory.

mod turn;

use std::time::Duration;

use berth_metadata::{FollowJob, Job, TriggerRow};
use berth_oci::Tag;

use super::TriggerCondition;
use crate::Registry;
use crate::error::Error;
use crate::jobs::{JobEnd, JobKind};
use crate::kubernetes::KubernetesError;
use turn::Turn;

/// How long what fails for now is tried again: workloads of a cluster that is away for a night get what was pushed last.
const TRIED_FOR_MS: i64 = 24 * 3600 * 1000;
/// The longest pause between two tries: who waits for a rollout looks at it.
const AGAIN_AFTER_MAX: Duration = Duration::from_mins(1);

/// Why somebody's run runs.
pub(super) const BY_HAND: &str = "run";
/// Why a run puts back what another changed.
pub(super) const UNDO: &str = "undo";

impl Registry {
    /// The enabled triggers of a repository that wait for this tag, with the jobs that do what they want.
    pub(crate) async fn triggers_for(
        &self,
        repository_id: i64,
        tag: &Tag,
    ) -> Result<Vec<(i64, FollowJob)>, Error> {
        let mut rows = self.metadata.list_triggers(repository_id).await?;
        rows.retain(|row| row.enabled);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let tag = tag.clone();
        // A hundred large expressions take a while to be read.
        let matched = tokio::task::spawn_blocking(move || {
            let waits = |condition: TriggerCondition| condition.matches(&tag);
            rows.retain(|row| TriggerCondition::parse(&row.kind, &row.condition).is_ok_and(waits));
            rows
        });
        let matched = matched.await;
        let rows = matched.map_err(|error| Error::internal("matching the conditions of triggers", error))?;
        let follow = |row: &TriggerRow| {
            let (kind, lane) = job(row);
            let kind = kind.as_str();
            (row.id, FollowJob { kind, lane })
        };
        Ok(rows.iter().map(follow).collect())
    }

    /// Goes on with a run, as far as it goes at the moment.
    pub(crate) async fn run_trigger_job(&self, job: &Job) -> Result<JobEnd, Error> {
        let Some(task) = self.metadata.trigger_task(job.subject).await? else {
            return Ok(JobEnd::Done);
        };
        if !task.run.is_open() {
            return Ok(JobEnd::Done);
        }
        let mut turn = Turn::new(self, task)?;
        let halted = loop {
            if let Err(halt) = turn.step().await {
                break halt;
            }
        };
        match halted {
            Halt::Ended(end) => Ok(end),
            Halt::Broken(error) => match turn.broken().await {
                Some(Halt::Ended(end)) => {
                    tracing::error!(
                        run = job.subject,
                        error = &error as &dyn std::error::Error,
                        "a run of a trigger was given up"
                    );
                    Ok(end)
                }
                _ => Err(error),
            },
            Halt::Cluster(error) => match turn.not_done(&error).await {
                Halt::Ended(end) => Ok(end),
                Halt::Broken(error) => Err(error),
                Halt::Cluster(error) => Err(Error::internal("saving a run of a trigger", error)),
            },
        }
    }
}

/// The jobs that do what a trigger wants, and their lane: its cluster's, or that of the host which it tells.
pub(super) fn job(trigger: &TriggerRow) -> (JobKind, String) {
    if let Some(url) = &trigger.webhook_url {
        (JobKind::Webhook, crate::webhook::lane(url))
    } else {
        let cluster = trigger.cluster.unwrap_or_default();
        (JobKind::Trigger, format!("cluster/{cluster}"))
    }
}

/// Why a turn goes no further.
enum Halt {
    /// It went as far as it goes.
    Ended(JobEnd),
    /// The cluster did not do it.
    Cluster(KubernetesError),
    /// Something here is broken.
    Broken(Error),
}

impl From<KubernetesError> for Halt {
    fn from(error: KubernetesError) -> Self {
        Self::Cluster(error)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

impl From<berth_metadata::Error> for Halt {
    fn from(error: berth_metadata::Error) -> Self {
        Self::Broken(error.into())
    }
}
