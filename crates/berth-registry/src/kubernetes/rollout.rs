//! Rollouts watched to their end, by the rules of `kubectl rollout status`, with what the pods say about the reason.
//! Nothing is remembered between two looks, so that any process can go on watching.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;

use super::Kubernetes;
use super::change::{Change, overtaken, renewed};
use super::error::KubernetesError;
use super::workload::{WorkloadKind, contained};

const DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";

/// How far a change has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rollout {
    /// It goes on; says what it waits for.
    Running(String),
    /// Every pod runs what was set, or nothing more is to be waited for; says which.
    Done(String),
    /// The cluster gave up; says why.
    Failed(String),
    /// Somebody else changed the workload since; says how.
    Overtaken(String),
}

impl Kubernetes {
    /// How far a change has come.
    pub(crate) async fn rollout(&self, change: &Change) -> Result<Rollout, KubernetesError> {
        let target = &change.target;
        let api = self.workloads(target.kind, Some(&target.namespace)).await?;
        let object = api.get(&target.name).await?;
        let how = overtaken(&change.containers, &contained(&target.kind.template(&object)?));
        if let Some(how) = how.or_else(|| renewed(change, &object)) {
            return Ok(Rollout::Overtaken(how));
        }
        let judged = judged(target.kind, &object)?;
        let why = match judged {
            Rollout::Running(_) | Rollout::Failed(_) => self.troubles(change, &object).await,
            Rollout::Done(_) | Rollout::Overtaken(_) => None,
        };
        let Some(why) = why else {
            return Ok(judged);
        };
        Ok(match judged {
            Rollout::Running(what) => Rollout::Running(format!("{what}; {why}")),
            Rollout::Failed(what) => Rollout::Failed(format!("{what}; {why}")),
            ended => ended,
        })
    }
}

/// What a workload's status says of its rollout.
fn judged(kind: WorkloadKind, object: &DynamicObject) -> Result<Rollout, KubernetesError> {
    Ok(match kind {
        WorkloadKind::Deployment => deployment(&typed(object)?),
        WorkloadKind::StatefulSet => stateful_set(&typed(object)?),
        WorkloadKind::DaemonSet => daemon_set(&typed(object)?),
        WorkloadKind::CronJob => Rollout::Done("its next job runs the new image".to_owned()),
    })
}

fn typed<T: DeserializeOwned>(object: &DynamicObject) -> Result<T, KubernetesError> {
    let value = serde_json::to_value(object);
    value
        .and_then(serde_json::from_value)
        .map_err(|error| KubernetesError::Refused(format!("the workload cannot be read: {error}")))
}

fn running(what: impl Into<String>) -> Rollout {
    Rollout::Running(what.into())
}

fn deployment(object: &Deployment) -> Rollout {
    let (spec, status) = (object.spec.as_ref(), object.status.clone().unwrap_or_default());
    if object.metadata.generation > status.observed_generation {
        return running("the cluster has not taken note of the change yet");
    }
    let conditions = status.conditions.unwrap_or_default();
    let is = |kind: &str, reason: Option<&str>| {
        conditions.iter().find(|condition| {
            condition.type_ == kind && (reason.is_none() || condition.reason.as_deref() == reason)
        })
    };
    if let Some(condition) = is("Progressing", Some(DEADLINE_EXCEEDED)) {
        let said = condition
            .message
            .as_deref()
            .unwrap_or("no progress in the time it has");
        return Rollout::Failed(format!("{DEADLINE_EXCEEDED}: {said}"));
    }
    let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let (all, updated) = (status.replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    let available = status.available_replicas.unwrap_or(0);
    let failure = is("ReplicaFailure", None).filter(|condition| condition.status == "True");
    let failure = failure.and_then(|condition| condition.message.as_deref());
    let failure = failure.map(|said| format!("; {said}")).unwrap_or_default();
    if updated < wanted && spec.and_then(|spec| spec.paused) == Some(true) {
        return running("the Deployment is paused: `kubectl rollout resume` lets it go on");
    }
    if updated < wanted {
        return running(format!("{updated} of {wanted} pods are new{failure}"));
    }
    if all > updated {
        return running(format!("{} old pods have not ended{failure}", all - updated));
    }
    if available < updated {
        return running(format!(
            "{available} of {updated} new pods are available{failure}"
        ));
    }
    Rollout::Done(format!("{updated} pods run the new image"))
}

fn stateful_set(object: &StatefulSet) -> Rollout {
    let (spec, status) = (object.spec.as_ref(), object.status.clone().unwrap_or_default());
    let strategy = spec.and_then(|spec| spec.update_strategy.as_ref());
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return Rollout::Done(
            "set; each pod takes it when it is deleted (update strategy OnDelete), so no rollout is watched"
                .to_owned(),
        );
    }
    let observed = status.observed_generation.unwrap_or(0);
    if observed == 0 || object.metadata.generation > status.observed_generation {
        return running("the cluster has not taken note of the change yet");
    }
    let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0);
    let updated = status.updated_replicas.unwrap_or(0);
    if ready < wanted {
        return running(format!("{ready} of {wanted} pods are ready"));
    }
    let partition = strategy.and_then(|strategy| strategy.rolling_update.as_ref()?.partition);
    if let Some(partition) = partition.filter(|partition| *partition > 0) {
        let wanted = (wanted - partition).max(0);
        return if updated < wanted {
            running(format!("{updated} of {wanted} pods of the partition are new"))
        } else {
            Rollout::Done(format!(
                "{updated} pods run the new image, those below partition {partition} the old one"
            ))
        };
    }
    if status.update_revision != status.current_revision {
        return running(format!("{updated} of {wanted} pods are new"));
    }
    Rollout::Done(format!(
        "{} pods run the new image",
        status.current_replicas.unwrap_or(wanted)
    ))
}

fn daemon_set(object: &DaemonSet) -> Rollout {
    let status = object.status.clone().unwrap_or_default();
    let strategy = object
        .spec
        .as_ref()
        .and_then(|spec| spec.update_strategy.as_ref());
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return Rollout::Done(
            "set; each pod takes it when it is deleted (update strategy OnDelete), so no rollout is watched"
                .to_owned(),
        );
    }
    if object.metadata.generation > status.observed_generation {
        return running("the cluster has not taken note of the change yet");
    }
    let wanted = status.desired_number_scheduled;
    let updated = status.updated_number_scheduled.unwrap_or(0);
    let available = status.number_available.unwrap_or(0);
    if updated < wanted {
        return running(format!("{updated} of {wanted} pods are new"));
    }
    if available < wanted {
        return running(format!("{available} of {wanted} new pods are available"));
    }
    Rollout::Done(format!("{wanted} pods run the new image"))
}

#[cfg(test)]
mod tests;
