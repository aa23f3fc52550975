//! What a workload's pods say about why they do not run.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::Selector;

use super::Kubernetes;
use super::change::Change;
use super::error::said;

/// Pods that are looked at for a reason.
const PODS_MAX: u32 = 100;
/// Reasons that are told.
const REASONS_MAX: usize = 3;
/// Reasons of a container that only say that it is about to start.
const HARMLESS: [&str; 2] = ["ContainerCreating", "PodInitializing"];

impl Kubernetes {
    /// Why pods of a changed workload do not run: nothing when none says so, or when the login may not see them.
    pub(super) async fn troubles(&self, change: &Change, object: &DynamicObject) -> Option<String> {
        let selector = object.data.pointer("/spec/selector")?;
        let selector: LabelSelector = serde_json::from_value(selector.clone()).ok()?;
        let selector = Selector::try_from(selector).ok()?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &change.target.namespace);
        let wanted = ListParams::default().labels_from(&selector).limit(PODS_MAX);
        let pods = api.list(&wanted).await.ok()?;
        let troubles: BTreeSet<String> = pods
            .items
            .iter()
            .filter(|pod| runs(pod, change))
            .flat_map(troubles_of)
            .collect();
        let told: Vec<String> = troubles.into_iter().take(REASONS_MAX).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Whether a pod is one of the new ones.
fn runs(pod: &Pod, change: &Change) -> bool {
    let spec = pod.spec.as_ref();
    let has = |name: &str, image: &str| {
        let main = spec.into_iter().flat_map(|spec| &spec.containers);
        let init = spec
            .into_iter()
            .flat_map(|spec| spec.init_containers.iter().flatten());
        main.chain(init)
            .any(|container| container.name == name && container.image.as_deref() == Some(image))
    };
    change.containers.iter().all(|one| has(&one.name, &one.after))
}

fn troubles_of(pod: &Pod) -> Vec<String> {
    let Some(status) = &pod.status else {
        return Vec::new();
    };
    let statuses = status.init_container_statuses.iter().flatten();
    let mut found: Vec<String> = statuses
        .chain(status.container_statuses.iter().flatten())
        .filter_map(trouble_of)
        .collect();
    let conditions = status.conditions.iter().flatten();
    let unscheduled = conditions.filter(|condition| condition.reason.as_deref() == Some("Unschedulable"));
    found.extend(unscheduled.map(|condition| {
        let why = condition.message.as_deref().unwrap_or("no node takes it");
        format!("a pod is Unschedulable: {}", said(why))
    }));
    found
}

fn trouble_of(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let waiting = state.waiting.as_ref();
    let ended = state.terminated.as_ref().filter(|ended| ended.exit_code != 0);
    let (reason, message) = match (waiting, ended) {
        (Some(waiting), _) => (waiting.reason.as_deref()?, waiting.message.as_deref()),
        (None, Some(ended)) => (
            ended.reason.as_deref().unwrap_or("Error"),
            ended.message.as_deref(),
        ),
        (None, None) => return None,
    };
    if HARMLESS.contains(&reason) {
        return None;
    }
    let message = message
        .map(|text| format!(": {}", said(text)))
        .unwrap_or_default();
    Some(format!("container {} is in {reason}{message}", status.name))
}
