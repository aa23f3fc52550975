//! The way from a trigger to its cluster.

use crate::kubernetes::{Kubernetes, KubernetesError};
use crate::{Error, Registry};

impl Registry {
    /// A cluster of an account, to be spoken to. `Err` inside when it may not be reached at all, with the reason.
    pub(super) async fn kubernetes_of(
        &self,
        account_id: &str,
        cluster_id: &str,
    ) -> Result<Result<Kubernetes, KubernetesError>, Error> {
        let found = self.metadata.cluster(account_id, cluster_id).await?;
        let cluster = found.ok_or_else(|| Error::Unknown(format!("cluster '{cluster_id}'")))?;
        self.kubernetes(&cluster)
    }
}
