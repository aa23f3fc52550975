//! Whether a cluster can be reached, and whether the login may do what Berth does there.

use std::fmt;

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;
use serde::{Deserialize, Serialize};

use super::Kubernetes;
use super::error::KubernetesError;

/// What Berth does in a cluster: group, resource, verbs. The manifest grants exactly this.
pub(super) const RIGHTS: [(&str, &str, &[&str]); 6] = [
    ("apps", "deployments", &["get", "list", "patch"]),
    ("apps", "statefulsets", &["get", "list", "patch"]),
    ("apps", "daemonsets", &["get", "list", "patch"]),
    ("batch", "cronjobs", &["get", "list", "patch"]),
    ("batch", "jobs", &["list"]),
    ("", "pods", &["list"]),
];
/// Questions that are under way at once.
const AT_ONCE: usize = 8;

/// Group, resource, verb and namespace, the last empty for all of them.
type Question = (&'static str, &'static str, &'static str, String);

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The version of the cluster's server.
    pub(crate) version: String,
    /// Every right that is missing.
    pub(crate) missing: Vec<MissingRight>,
}

/// A right that the login has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MissingRight {
    /// `get`, `list` or `patch`.
    pub(crate) verb: String,
    /// As the cluster names it, with its group: `deployments.apps`, `pods`.
    pub(crate) resource: String,
    /// Where; empty in the whole cluster.
    pub(crate) namespace: String,
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.resource)?;
        match self.namespace.as_str() {
            "" => formatter.write_str(" in all namespaces"),
            namespace => write!(formatter, " in namespace {namespace}"),
        }
    }
}

impl Kubernetes {
    /// Asks a cluster who it is, and for each right whether the login has it in these namespaces; in the whole cluster
    /// when there are none.
    pub(crate) async fn check(&self, namespaces: &[String]) -> Result<Checked, KubernetesError> {
        let version = self.client.apiserver_version().await?;
        let whole = [String::new()];
        let places = if namespaces.is_empty() {
            &whole[..]
        } else {
            namespaces
        };
        let mut questions: Vec<Question> = Vec::new();
        for namespace in places {
            for (group, resource, verbs) in RIGHTS {
                questions.extend(
                    verbs
                        .iter()
                        .map(|verb| (group, resource, *verb, namespace.clone())),
                );
            }
        }
        let asked: Vec<_> = questions
            .into_iter()
            .map(|question| self.missing(question))
            .collect();
        let asked = futures_util::stream::iter(asked).buffered(AT_ONCE);
        let answers: Vec<Option<MissingRight>> = asked.try_collect().await?;
        Ok(Checked {
            version: version.git_version,
            missing: answers.into_iter().flatten().collect(),
        })
    }

    /// The right in question, when the login has it not.
    async fn missing(
        &self,
        (group, resource, verb, namespace): Question,
    ) -> Result<Option<MissingRight>, KubernetesError> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(group.to_owned()),
                    resource: Some(resource.to_owned()),
                    verb: Some(verb.to_owned()),
                    namespace: Some(namespace.clone()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let answer = api.create(&PostParams::default(), &review).await?;
        if answer.status.is_some_and(|status| status.allowed) {
            return Ok(None);
        }
        let resource = match group {
            "" => resource.to_owned(),
            group => format!("{resource}.{group}"),
        };
        Ok(Some(MissingRight {
            verb: verb.to_owned(),
            resource,
            namespace,
        }))
    }
}
