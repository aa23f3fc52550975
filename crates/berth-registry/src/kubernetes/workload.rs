//! The kinds of workload whose images can be set, and where each keeps its containers.

use std::fmt;

use k8s_openapi::api::core::v1::{Container, PodTemplateSpec};
use kube::api::{ApiResource, DynamicObject};
use serde::{Deserialize, Serialize};

use super::error::{KubernetesError, bounded};
use super::image::ImageName;

/// The longest name of a container is shorter, and so is every image that can be pulled.
const NAME_LENGTH_MAX: usize = 253;
const IMAGE_LENGTH_MAX: usize = 1024;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum WorkloadKind {
    /// `apps/v1`.
    Deployment,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    DaemonSet,
    /// `batch/v1`, or `batch/v1beta1` in old clusters.
    CronJob,
}

impl WorkloadKind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::CronJob,
    ];

    /// The kind that triggers call so: `deployments`, `statefulsets`, `daemonsets`, `cronjobs`.
    pub(crate) fn of(app_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.plural() == app_type)
    }

    /// As Kubernetes names it in paths and rights.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::CronJob => "cronjobs",
        }
    }

    /// As Kubernetes names it in objects.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::CronJob => "CronJob",
        }
    }

    pub(super) fn group(self) -> &'static str {
        match self {
            Self::CronJob => "batch",
            _ => "apps",
        }
    }

    pub(super) fn resource(self, version: &str) -> ApiResource {
        ApiResource {
            group: self.group().to_owned(),
            version: version.to_owned(),
            api_version: format!("{}/{version}", self.group()),
            kind: self.name().to_owned(),
            plural: self.plural().to_owned(),
        }
    }

    /// Where the pods' template is.
    fn template_at(self) -> &'static str {
        match self {
            Self::CronJob => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        }
    }

    /// A patch of the pods' template, as one of the workload.
    pub(super) fn template_patch(self, template: &serde_json::Value) -> serde_json::Value {
        match self {
            Self::CronJob => serde_json::json!({"jobTemplate": {"spec": {"template": template}}}),
            _ => serde_json::json!({"template": template}),
        }
    }

    /// The template of the workload's pods.
    pub(super) fn template(self, object: &DynamicObject) -> Result<PodTemplateSpec, KubernetesError> {
        let found = object.data.pointer(self.template_at());
        let read = found.and_then(|template| serde_json::from_value(template.clone()).ok());
        read.ok_or_else(|| KubernetesError::Refused(format!("the {} has no pod template", self.name())))
    }
}

/// A workload, and which of its containers are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// What it is.
    pub(crate) kind: WorkloadKind,
    /// Where it is.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// The container, an init container too; none: those that run an image of the repository in question already, or the
    /// only one that the workload has.
    pub(crate) container: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// A container of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contained {
    pub(super) name: String,
    pub(super) is_init: bool,
    pub(super) image: String,
}

/// The containers of a template, those that initialise last.
pub(super) fn contained(template: &PodTemplateSpec) -> Vec<Contained> {
    let Some(spec) = &template.spec else {
        return Vec::new();
    };
    let read = |containers: &[Container], is_init| {
        let read = containers.iter().map(move |container| Contained {
            name: bounded(&container.name, NAME_LENGTH_MAX),
            is_init,
            image: bounded(container.image.as_deref().unwrap_or_default(), IMAGE_LENGTH_MAX),
        });
        read.collect::<Vec<_>>()
    };
    let mut all = read(&spec.containers, false);
    all.extend(read(spec.init_containers.as_deref().unwrap_or_default(), true));
    all
}

impl Target {
    /// The containers that are meant. A container beside the application's own is never meant by chance: without a name
    /// it must run an image of `repositories`, or be the workload's only one.
    pub(super) fn meant(
        &self,
        all: Vec<Contained>,
        repositories: &[String],
    ) -> Result<Vec<Contained>, KubernetesError> {
        let listed: Vec<String> = all
            .iter()
            .map(|contained| format!("{} ({})", contained.name, contained.image))
            .collect();
        let listed = listed.join(", ");
        if let Some(name) = &self.container {
            let named: Vec<Contained> = all.into_iter().filter(|one| one.name == *name).collect();
            return if named.is_empty() {
                Err(KubernetesError::Refused(format!(
                    "{self} has no container '{name}': it has {listed}"
                )))
            } else {
                Ok(named)
            };
        }
        let runs_ours = |one: &Contained| {
            let repository = ImageName::parse(&one.image).repository;
            repositories
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(repository))
        };
        let ours: Vec<Contained> = all.iter().filter(|one| runs_ours(one)).cloned().collect();
        let mut main = all.into_iter().filter(|one| !one.is_init);
        match (ours.is_empty(), main.next(), main.next()) {
            (false, _, _) => Ok(ours),
            (true, Some(only), None) => Ok(vec![only]),
            _ => Err(KubernetesError::Refused(format!(
                "no container of {self} runs an image of {}: name the container that is meant; it has {listed}",
                repositories.join(" or ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(container: Option<&str>, all: &[(&str, bool, &str)], expected: Result<&[&str], &str>) {
        let target = Target {
            kind: WorkloadKind::Deployment,
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            container: container.map(str::to_owned),
        };
        let all = all.iter().map(|(name, is_init, image)| Contained {
            name: (*name).to_owned(),
            is_init: *is_init,
            image: (*image).to_owned(),
        });
        let repositories = ["reg/shop/web".to_owned(), "other:5000/shop/web".to_owned()];
        let meant = target.meant(all.collect(), &repositories);
        match (meant, expected) {
            (Ok(meant), Ok(names)) => {
                assert_eq!(
                    meant.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
                    names
                );
            }
            (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{error}"),
            (meant, _) => panic!("{meant:?}"),
        }
    }

    #[test]
    fn no_container_is_meant_by_chance() {
        let proxy = ("proxy", false, "mesh/proxy:1");
        let web = ("web", false, "reg/shop/web:1");
        check(None, &[proxy, web], Ok(&["web"]));
        check(
            None,
            &[("web", false, "other:5000/shop/web@sha256:1"), proxy],
            Ok(&["web"]),
        );
        check(
            None,
            &[web, ("migrate", true, "reg/shop/web:1")],
            Ok(&["web", "migrate"]),
        );
        check(None, &[("web", false, "reg/shop/web2:1")], Ok(&["web"]));
        check(
            None,
            &[("web", false, "nginx"), ("wait", true, "busybox")],
            Ok(&["web"]),
        );
        check(
            None,
            &[proxy, ("web", false, "reg/shop/web2:1")],
            Err("name the container that is meant; it has proxy"),
        );
        check(None, &[], Err("name the container"));
        check(Some("proxy"), &[proxy, web], Ok(&["proxy"]));
        check(Some("migrate"), &[web, ("migrate", true, "a")], Ok(&["migrate"]));
        check(
            Some("api"),
            &[proxy, web],
            Err("has no container 'api': it has proxy (mesh/proxy:1), web"),
        );
    }
}
