//! Which images run in a cluster, or will by the templates of its workloads.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, ListParams};

use super::error::{KubernetesError, bounded};
use super::image::ImageName;
use super::workload::{WorkloadKind, contained};
use super::{Kubernetes, each_of};

/// Different images, workloads and containers of one cluster.
const RUNNING_MAX: usize = 20_000;
/// Bytes of their names.
const RUNNING_BYTES_MAX: usize = 16 << 20;
/// No name of anything in Kubernetes is longer.
const NAME_LENGTH_MAX: usize = 253;

/// An image that a container runs, or is to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Running {
    /// The namespace.
    pub(crate) namespace: String,
    /// `Deployment`, `CronJob`, `Job`, `Pod` and so on.
    pub(crate) kind: String,
    /// The name of the workload, of the pod when it belongs to none.
    pub(crate) workload: String,
    /// The container.
    pub(crate) container: String,
    /// The image's path below the host, `organization/image`.
    pub(crate) path: String,
    /// The tag that is written there; empty when there is none.
    pub(crate) tag: String,
    /// The digest that is written there, or that runs; empty when nobody says.
    pub(crate) digest: String,
}

impl Running {
    fn bytes(&self) -> usize {
        let names = [&self.namespace, &self.kind, &self.workload, &self.container];
        let image = [&self.path, &self.tag, &self.digest];
        names.into_iter().chain(image).map(String::len).sum()
    }
}

impl Kubernetes {
    /// Every image of these hosts in the pods and pod templates of the namespaces, of all when there are none.
    pub(crate) async fn running(
        &self,
        namespaces: &[String],
        hosts: &[String],
    ) -> Result<BTreeSet<Running>, KubernetesError> {
        let mut found = Gathered::new(hosts);
        if namespaces.is_empty() {
            self.gather(None, &mut found).await?;
        }
        for namespace in namespaces {
            self.gather(Some(namespace), &mut found).await?;
        }
        Ok(found.found)
    }

    async fn gather(&self, namespace: Option<&str>, found: &mut Gathered<'_>) -> Result<(), KubernetesError> {
        let everything = ListParams::default();
        for kind in WorkloadKind::ALL {
            let api = self.workloads(kind, namespace).await?;
            each_of(&api, &everything, |object: DynamicObject| {
                for one in contained(&kind.template(&object)?) {
                    let owner = Owner::of(kind.name(), &object.metadata);
                    found.add(owner, &one.name, &one.image, "")?;
                }
                Ok(())
            })
            .await?;
        }
        let jobs: Api<Job> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        each_of(&jobs, &everything, |job: Job| {
            if has_ended(&job) {
                return Ok(());
            }
            let template = job.spec.as_ref().map(|spec| &spec.template);
            let mut all = template.into_iter().flat_map(contained);
            all.try_for_each(|one| found.add(Owner::of("Job", &job.metadata), &one.name, &one.image, ""))
        })
        .await?;
        let pods: Api<Pod> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        // Those that have ended run nothing, and there may be thousands.
        let unended = everything.fields("status.phase!=Succeeded,status.phase!=Failed");
        each_of(&pods, &unended, |pod: Pod| found.pod(&pod)).await
    }
}

/// Whose container it is.
#[derive(Clone, Copy)]
struct Owner<'a> {
    namespace: &'a str,
    kind: &'a str,
    name: &'a str,
}

impl<'a> Owner<'a> {
    fn of(kind: &'a str, metadata: &'a ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            kind,
            name: metadata.name.as_deref().unwrap_or_default(),
        }
    }

    /// The workload that a pod belongs to. A Deployment's pods belong to it through a replica set, which is named after it.
    fn of_pod(metadata: &'a ObjectMeta) -> Self {
        let pod = Self::of("Pod", metadata);
        let mut owners = metadata.owner_references.iter().flatten();
        let Some(owner) = owners.find(|owner| owner.controller == Some(true)) else {
            return pod;
        };
        let hash = metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get("pod-template-hash"));
        let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
        match deployment {
            Some(name) if owner.kind == "ReplicaSet" => Self {
                kind: "Deployment",
                name,
                ..pod
            },
            _ => Self {
                kind: &owner.kind,
                name: &owner.name,
                ..pod
            },
        }
    }
}

struct Gathered<'a> {
    hosts: &'a [String],
    found: BTreeSet<Running>,
    bytes: usize,
}

impl<'a> Gathered<'a> {
    fn new(hosts: &'a [String]) -> Self {
        Self {
            hosts,
            found: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// `Refused` when there are too many.
    fn add(
        &mut self,
        owner: Owner<'_>,
        container: &str,
        image: &str,
        runs: &str,
    ) -> Result<(), KubernetesError> {
        let name = ImageName::parse(image);
        let Some(path) = name.path_below(self.hosts) else {
            return Ok(());
        };
        let digest = if name.digest.is_empty() { runs } else { name.digest };
        // A reference without either means this tag.
        let tag = match (name.tag, name.digest) {
            ("", "") => "latest",
            (tag, _) => tag,
        };
        let name = |text: &str| bounded(text, NAME_LENGTH_MAX);
        let running = Running {
            namespace: name(owner.namespace),
            kind: name(owner.kind),
            workload: name(owner.name),
            container: name(container),
            path: bounded(path, 2 * NAME_LENGTH_MAX),
            tag: name(tag),
            digest: name(digest),
        };
        let bytes = running.bytes();
        if !self.found.insert(running) {
            return Ok(());
        }
        self.bytes += bytes;
        if self.found.len() > RUNNING_MAX || self.bytes > RUNNING_BYTES_MAX {
            return Err(KubernetesError::Refused(format!(
                "more than {RUNNING_MAX} containers run images of this registry"
            )));
        }
        Ok(())
    }

    fn pod(&mut self, pod: &Pod) -> Result<(), KubernetesError> {
        let (Some(spec), status) = (&pod.spec, pod.status.as_ref()) else {
            return Ok(());
        };
        let statuses = |status: &[k8s_openapi::api::core::v1::ContainerStatus], name: &str| {
            let found = status.iter().find(|one| one.name == name);
            // host/path@sha256:..., sometimes behind docker-pullable://; without a path it is no digest of a registry.
            let id = found.and_then(|one| one.image_id.rsplit_once('@'));
            id.map(|(_, digest)| digest.to_owned()).unwrap_or_default()
        };
        let main = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        let init = status
            .and_then(|status| status.init_container_statuses.as_deref())
            .unwrap_or_default();
        let containers = spec.containers.iter().map(|container| (container, main));
        let inits = spec
            .init_containers
            .iter()
            .flatten()
            .map(|container| (container, init));
        for (container, said) in containers.chain(inits) {
            let image = container.image.as_deref().unwrap_or_default();
            let runs = statuses(said, &container.name);
            self.add(Owner::of_pod(&pod.metadata), &container.name, image, &runs)?;
        }
        Ok(())
    }
}

fn has_ended(job: &Job) -> bool {
    let conditions = job
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .filter(|condition| condition.status == "True")
        .any(|condition| condition.type_ == "Complete" || condition.type_ == "Failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_belongs_to_its_workload() {
        let pod = |owner: serde_json::Value, hash: &str| -> ObjectMeta {
            let owners = if owner.is_null() { Vec::new() } else { vec![owner] };
            serde_json::from_value(serde_json::json!({"namespace": "shop", "name": "web-5d-x",
                "labels": {"pod-template-hash": hash}, "ownerReferences": owners}))
            .unwrap()
        };
        let owner = |kind: &str, name: &str| serde_json::json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "1", "controller": true});
        for (metadata, kind, name) in [
            (pod(owner("ReplicaSet", "web-5d"), "5d"), "Deployment", "web"),
            (pod(owner("ReplicaSet", "bare"), "5d"), "ReplicaSet", "bare"),
            (pod(owner("StatefulSet", "db"), ""), "StatefulSet", "db"),
            (pod(serde_json::Value::Null, ""), "Pod", "web-5d-x"),
        ] {
            let found = Owner::of_pod(&metadata);
            assert_eq!((found.kind, found.name, found.namespace), (kind, name, "shop"));
        }
    }

    fn owner(name: &str) -> Owner<'_> {
        Owner {
            namespace: "shop",
            kind: "Pod",
            name,
        }
    }

    #[test]
    fn a_cluster_that_tells_too_much_is_stopped() {
        let hosts = ["reg".to_owned()];
        let mut found = Gathered::new(&hosts);
        let long = format!("a\0\n{}", "b".repeat(1 << 20));
        found.add(owner(&long), "web", "reg/shop/web", "").unwrap();
        let kept = &found.found.first().unwrap().workload;
        assert_eq!((kept.len(), kept.starts_with("ab")), (NAME_LENGTH_MAX, true));
        let refused = (0..=RUNNING_MAX)
            .map(|number| found.add(owner(&number.to_string()), "web", "reg/shop/web", ""))
            .position(|added| added.is_err());
        assert_eq!(refused, Some(RUNNING_MAX - 1));
    }

    #[test]
    fn only_images_of_this_registry_are_found() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "p"},
            "spec": {
                "initContainers": [{"name": "wait", "image": "docker.io/library/busybox:1"}],
                "containers": [{"name": "web", "image": "reg:5000/shop/web:v1"}, {"name": "plain", "image": "reg:5000/shop/plain"},
                    {"name": "pinned", "image": "reg:5000/shop/web@sha256:2"}],
            },
            "status": {"containerStatuses": [{"name": "web", "image": "reg:5000/shop/web:v1", "ready": true,
                "restartCount": 0, "imageID": "docker-pullable://reg:5000/shop/web@sha256:1"}]},
        }))
        .unwrap();
        let hosts = ["reg:5000".to_owned()];
        let mut found = Gathered::new(&hosts);
        found.pod(&pod).unwrap();
        let found: Vec<_> = found
            .found
            .iter()
            .map(|one| {
                (
                    one.container.as_str(),
                    one.path.as_str(),
                    one.tag.as_str(),
                    one.digest.as_str(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("pinned", "shop/web", "", "sha256:2"),
                ("plain", "shop/plain", "latest", ""),
                ("web", "shop/web", "v1", "sha256:1"),
            ]
        );
    }
}
