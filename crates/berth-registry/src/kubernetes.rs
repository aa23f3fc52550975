//! Clusters through the Kubernetes API: what may be done there, images set, rollouts watched and undone, what runs.
//! The only place that knows that API. Knows no account, no trigger and no database; logs nothing.

mod change;
mod check;
mod connection;
mod error;
mod image;
mod kubeconfig;
mod manifest;
mod pods;
mod rollout;
mod running;
mod workload;

use std::fmt::Debug;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, ListParams, ObjectList};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub(crate) use change::{Change, ContainerChange, Undone, Wanted};
pub(crate) use check::{Checked, MissingRight};
pub(crate) use connection::{Credential, Place};
pub(crate) use error::KubernetesError;
pub(crate) use kubeconfig::Kubeconfig;
pub(crate) use manifest::manifest;
pub(crate) use rollout::Rollout;
pub(crate) use workload::{Target, WorkloadKind};

/// Objects of one answer to a list, so that an answer stays small.
const PAGE: u32 = 100;
/// Pages of one list; a cluster with more is read no further, and that is said.
const PAGES_MAX: usize = 1000;

/// A cluster that is spoken to. Cheap to clone, nothing is sent before the first question.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    client: Client,
    /// The version of its batch API, asked for once.
    batch: Arc<OnceCell<&'static str>>,
}

impl Kubernetes {
    /// A cluster at a place. `http` says which addresses may be reached; time limits, trust and login are set here.
    /// `Refused` when the certificates or the login cannot be read.
    pub(crate) fn new(http: reqwest::ClientBuilder, place: &Place) -> Result<Self, KubernetesError> {
        Ok(Self {
            client: connection::client(http, place)?,
            batch: Arc::default(),
        })
    }

    /// Workloads of a kind in a namespace, or in all of them.
    async fn workloads(
        &self,
        kind: WorkloadKind,
        namespace: Option<&str>,
    ) -> Result<Api<DynamicObject>, KubernetesError> {
        let version = match kind {
            WorkloadKind::CronJob => self.batch_version().await?,
            _ => "v1",
        };
        let resource = kind.resource(version);
        Ok(self.objects(&resource, namespace))
    }

    fn objects(&self, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        }
    }

    /// Clusters before Kubernetes 1.21 have cron jobs under an older version.
    async fn batch_version(&self) -> Result<&'static str, KubernetesError> {
        let version = self.batch.get_or_try_init(async || {
            let listed = self.client.list_api_group_resources("batch/v1").await?;
            let has_cronjobs = listed
                .resources
                .iter()
                .any(|resource| resource.name == "cronjobs");
            Ok::<_, KubernetesError>(if has_cronjobs { "v1" } else { "v1beta1" })
        });
        version.await.copied()
    }
}

/// Hands everything that a list answers to `each`, page by page, so that no more than one page is in memory.
async fn each_of<T>(
    api: &Api<T>,
    wanted: &ListParams,
    mut each: impl FnMut(T) -> Result<(), KubernetesError>,
) -> Result<(), KubernetesError>
where
    T: Clone + DeserializeOwned + Debug,
{
    let mut asking = wanted.clone().limit(PAGE);
    for _ in 0..PAGES_MAX {
        let page: ObjectList<T> = api.list(&asking).await?;
        page.items.into_iter().try_for_each(&mut each)?;
        match page.metadata.continue_.filter(|rest| !rest.is_empty()) {
            Some(rest) => asking = asking.continue_token(&rest),
            None => return Ok(()),
        }
    }
    Err(KubernetesError::Refused(format!(
        "the cluster lists more than {} objects of one kind",
        PAGES_MAX * PAGE as usize
    )))
}

#[cfg(test)]
mod tests;
