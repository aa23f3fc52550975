//! The way from a trigger to its cluster.

use berth_metadata::Cluster;

use crate::kubernetes::{Kubernetes, KubernetesError};
use crate::{Error, Registry};

impl Registry {
    /// A cluster of an account, to be spoken to about a namespace. `Err` inside when it may not be reached at all, or not
    /// for that namespace, with the reason.
    pub(super) async fn kubernetes_of(
        &self,
        account_id: &str,
        cluster_id: &str,
        namespace: &str,
    ) -> Result<Result<Kubernetes, KubernetesError>, Error> {
        let found = self.metadata.cluster(account_id, cluster_id).await?;
        let cluster = found.ok_or_else(|| Error::Unknown(format!("cluster '{cluster_id}'")))?;
        if let Some(refusal) = namespace_refusal(&cluster, namespace) {
            return Ok(Err(KubernetesError::Refused(refusal)));
        }
        self.kubernetes(&cluster)
    }
}

/// Why triggers may not act in a namespace of a cluster: whoever registered it bounds them, whatever its login may do.
pub(super) fn namespace_refusal(cluster: &Cluster, namespace: &str) -> Option<String> {
    let allowed = &cluster.namespaces;
    if allowed.is_empty() || allowed.iter().any(|one| one == namespace) {
        return None;
    }
    Some(format!(
        "cluster '{}' is registered for the namespaces {} and no others: one of the account's administrators can add more",
        cluster.name,
        allowed.join(", ")
    ))
}
