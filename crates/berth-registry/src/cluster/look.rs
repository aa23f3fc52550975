//! What runs in registered clusters, looked at regularly by one process of all.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use berth_metadata::{Cluster, RunningWorkload};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::clock::now_ms;
use crate::{Error, Registry};

/// The lease of the looks.
const LEASE: &str = "clusters";
/// Time between two looks whether a cluster is due, or whether the process that looks is still there.
const DUE_LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// Most time for one cluster, so that one that hangs does not hold up the others for long.
const WITHIN: Duration = Duration::from_mins(2);
/// The same for one whose last look failed.
const WITHIN_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Clusters that are looked at at once, each of another account.
const AT_ONCE: usize = 4;
/// Clusters of one question to the database.
const PAGE: i64 = 100;

/// When each cluster, as it was last changed, was looked at by this process.
type Looks = HashMap<(i64, i64), Instant>;

impl Registry {
    /// Looks at what runs in all clusters for as long as it is polled; each is due every `clusters_look_every`, and at once
    /// when it is new or changed.
    pub(crate) async fn watch_clusters(&self) {
        let every = self.limits.clusters_look_every;
        if every.is_zero() {
            return;
        }
        let pause = DUE_LOOKED_FOR_EVERY.min(every);
        loop {
            let looks = async {
                let mut looks = Looks::new();
                loop {
                    if !self.look_at_due(&mut looks, every).await? {
                        tokio::time::sleep(pause).await;
                    }
                }
                #[expect(unreachable_code, reason = "tells the compiler the type")]
                Ok(())
            };
            if let Err(error) = self.under_lease(LEASE, looks).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "clusters could not be looked at"
                );
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks at one cluster of each account that is due, the longest due first, so that nobody's dead clusters hold up the
    /// others; answers whether more are due.
    async fn look_at_due(&self, looks: &mut Looks, every: Duration) -> Result<bool, Error> {
        let mut due: HashMap<String, (Option<Instant>, Cluster)> = HashMap::new();
        let mut is_more_due = false;
        let mut after = 0;
        let mut known = Looks::new();
        loop {
            let page = self.metadata.clusters_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for cluster in page {
                let key = (cluster.id, cluster.updated_at);
                let at = looks.get(&key).copied();
                if let Some(at) = at {
                    known.insert(key, at);
                }
                if at.is_some_and(|at| at.elapsed() < every) {
                    continue;
                }
                let first = due.get(&cluster.account_id).map(|(first, _)| *first);
                is_more_due |= first.is_some();
                // None, never looked at, comes before all.
                if first.is_none_or(|first| at < first) {
                    due.insert(cluster.account_id.clone(), (at, cluster));
                }
            }
        }
        let due: Vec<Cluster> = due.into_values().map(|(_, cluster)| cluster).collect();
        let now = Instant::now();
        known.extend(due.iter().map(|cluster| ((cluster.id, cluster.updated_at), now)));
        *looks = known;
        let looking = futures_util::stream::iter(due).map(|cluster| async move {
            if let Err(error) = self.look_at(&cluster).await {
                tracing::warn!(
                    cluster = cluster.cluster_id,
                    error = &error as &dyn std::error::Error,
                    "what runs in a cluster could not be noted"
                );
            }
        });
        looking.buffer_unordered(AT_ONCE).for_each(async |()| {}).await;
        Ok(is_more_due)
    }

    /// Asks a cluster what runs there and notes it; that it cannot be seen is noted, too.
    async fn look_at(&self, cluster: &Cluster) -> Result<(), Error> {
        let within = if cluster.look_problem.is_empty() {
            WITHIN
        } else {
            WITHIN_AFTER_FAILURE
        };
        let seen = match self.kubernetes(cluster)? {
            Ok(there) => {
                let asked = there.running(&cluster.namespaces, &self.limits.image_hosts);
                match tokio::time::timeout(within, asked).await {
                    Ok(answer) => answer.map_err(|error| error.to_string()),
                    Err(_) => Err(format!("it does not tell all within {} s", within.as_secs())),
                }
            }
            Err(refused) => Err(refused.to_string()),
        };
        let seen = if self.limits.image_hosts.is_empty() {
            Err(
                "nobody says by which names clusters know this registry: the operator does with image_hosts"
                    .to_owned(),
            )
        } else {
            seen
        };
        match seen {
            Ok(running) => {
                let running: BTreeSet<RunningWorkload> = running
                    .into_iter()
                    .map(|one| RunningWorkload {
                        image: one.path,
                        tag: one.tag,
                        digest: one.digest,
                        namespace: one.namespace,
                        kind: one.kind,
                        workload: one.workload,
                        container: one.container,
                    })
                    .collect();
                self.metadata
                    .replace_running_images(cluster.id, running, now_ms())
                    .await?;
            }
            Err(problem) => self.metadata.note_unseen_cluster(cluster.id, problem).await?,
        }
        Ok(())
    }
}
