//! Registered clusters tested: reached, signed in to, and every right that Berth needs there asked for.

use std::time::Duration;

use berth_metadata::{Cluster, ClusterCheck};

use crate::access::Caller;
use crate::clock::now_ms;
use crate::kubernetes::{Checked, MissingRight};
use crate::{Error, Registry};

/// Most time for a whole check.
const WITHIN: Duration = Duration::from_secs(45);
/// Missing rights that are told.
const TOLD_MAX: usize = 12;

impl Registry {
    /// Tests a cluster of the caller's account again, for its administrators, and notes what was found: that something is
    /// wrong is an answer, too.
    pub async fn check_cluster(&self, caller: &Caller, cluster_id: &str) -> Result<Cluster, Error> {
        let user = caller.require_own_administrator()?;
        let mut cluster = self.cluster_of(&user.account_id, cluster_id).await?;
        let check = self.found(&cluster).await?;
        self.metadata
            .note_cluster_check(cluster.id, cluster.updated_at, check.clone())
            .await?;
        cluster.check = check;
        Ok(cluster)
    }

    /// What a check finds; `Invalid` when that is not well.
    pub(super) async fn passed(&self, cluster: &Cluster) -> Result<ClusterCheck, Error> {
        let check = self.found(cluster).await?;
        if check.problem.is_empty() {
            return Ok(check);
        }
        Err(Error::Invalid(format!(
            "the cluster is not saved: {}. To save it all the same, ask for it with unchecked=true",
            check.problem
        )))
    }

    async fn found(&self, cluster: &Cluster) -> Result<ClusterCheck, Error> {
        let asked = match self.kubernetes(cluster)? {
            Ok(there) => {
                tokio::time::timeout(WITHIN, async move { there.check(&cluster.namespaces).await }).await
            }
            Err(refused) => Ok(Err(refused)),
        };
        let (version, problem) = match asked {
            Ok(Ok(Checked { version, missing })) => (version, told(&missing)),
            Ok(Err(error)) => (cluster.check.version.clone(), error.to_string()),
            Err(_) => (
                cluster.check.version.clone(),
                format!(
                    "the cluster's server does not answer within {} s",
                    WITHIN.as_secs()
                ),
            ),
        };
        Ok(ClusterCheck {
            at: Some(now_ms()),
            version,
            problem,
        })
    }
}

/// The missing rights as a sentence; nothing when none is missing.
fn told(missing: &[MissingRight]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let mut rights: Vec<String> = missing.iter().take(TOLD_MAX).map(ToString::to_string).collect();
    if missing.len() > TOLD_MAX {
        rights.push(format!("{} more", missing.len() - TOLD_MAX));
    }
    format!(
        "the cluster does not let the login {}: `berth cluster manifest` writes a service account that may",
        rights.join(", ")
    )
}
