//! Which images run in registered clusters. Knows no cluster's API: somebody looks and tells what there is.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::Metadata;
use crate::error::Error;
use crate::pool::{Durability, Failure, Tx};
use crate::sql::{change, first};

/// An image that a container of a workload runs, or is to run by the template of its pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunningWorkload {
    /// `organization/image`.
    pub image: String,
    /// The tag that the workload names; empty when it names a digest alone.
    pub tag: String,
    /// The digest that the workload names or that runs; empty when neither is known.
    pub digest: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's kind, as the cluster says it: `Deployment`, `CronJob`, `Pod` and so on.
    pub kind: String,
    /// The workload.
    pub workload: String,
    /// The container.
    pub container: String,
}

/// Where an image of a repository runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningImage {
    /// The cluster's id in its account.
    pub cluster_id: String,
    /// The cluster's name.
    pub cluster_name: String,
    /// Milliseconds since the epoch: when the cluster said so last. A cluster that cannot be reached keeps its rows.
    pub seen_at: i64,
    /// What runs.
    pub runs: RunningWorkload,
}

/// With the row of its repository.
type Placed = (i64, RunningWorkload);

impl Metadata {
    /// Puts everything that runs in a cluster in the place of what was known of it, as seen at `now`. What names no image
    /// of the cluster's own account is left out. False when the cluster is gone.
    pub async fn replace_running_images(
        &self,
        cluster: i64,
        running: BTreeSet<RunningWorkload>,
        now: i64,
    ) -> Result<bool, Error> {
        const SEEN: &str = "UPDATE clusters SET looked_at = $2, look_problem = '' WHERE id = $1";
        const DELETE: &str = "DELETE FROM running_images WHERE id = $1";
        self.pool
            .write(
                "note what runs in a cluster",
                Durability::Durable,
                running,
                move |tx, running| {
                    Box::pin(async move {
                        if change(tx, sqlx::query(SEEN).bind(cluster).bind(now)).await? == 0 {
                            return Ok(false);
                        }
                        let mut wanted = in_repositories(tx, cluster, running).await?;
                        // Most of it is as it was: only what differs is written.
                        for (id, known) in stored(tx, cluster).await? {
                            if !wanted.remove(&known) {
                                change(tx, sqlx::query(DELETE).bind(id)).await?;
                            }
                        }
                        for one in wanted {
                            change(tx, insert(cluster, one)).await?;
                        }
                        Ok(true)
                    })
                },
            )
            .await
    }

    /// Notes that nobody could see what runs in a cluster; what was known of it stays.
    pub async fn note_unseen_cluster(&self, cluster: i64, problem: String) -> Result<(), Error> {
        const UPDATE: &str = "UPDATE clusters SET look_problem = $2 WHERE id = $1";
        let statement = move || sqlx::query(UPDATE).bind(cluster).bind(problem.clone());
        self.change("note an unseen cluster", Durability::Durable, statement)
            .await
            .map(drop)
    }

    /// Where the images of a repository run, in all clusters of its account, by cluster, namespace and workload.
    pub async fn running_images(&self, repository_id: i64) -> Result<Vec<RunningImage>, Error> {
        let statement = sqlx::query(RUNNING).bind(repository_id);
        self.list("list where an image runs", statement, |row| {
            Ok(RunningImage {
                cluster_id: row.try_get("cluster_id")?,
                cluster_name: row.try_get("cluster_name")?,
                seen_at: row.try_get("seen_at")?,
                runs: read(row)?,
            })
        })
        .await
    }
}

pub(crate) const RUNNING: &str = "SELECT c.cluster_id, c.name AS cluster_name, COALESCE(c.looked_at, 0) AS seen_at, \
     r.full_name, i.tag, i.digest, i.namespace, i.kind, i.workload, i.container FROM running_images i \
     JOIN clusters c ON c.id = i.cluster JOIN repositories r ON r.id = i.repository_id WHERE i.repository_id = $1 \
     ORDER BY c.name, i.namespace, i.kind, i.workload, i.container, i.tag, i.digest";

async fn in_repositories(
    tx: &mut Tx<'_>,
    cluster: i64,
    running: &BTreeSet<RunningWorkload>,
) -> Result<BTreeSet<Placed>, Failure> {
    const FIND: &str = "SELECT r.id FROM repositories r JOIN organizations o ON o.id = r.organization_id \
         WHERE r.full_name = $2 AND o.account_id = (SELECT c.account_id FROM clusters c WHERE c.id = $1)";
    let mut known: BTreeMap<&str, Option<i64>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for one in running {
        let id = if let Some(id) = known.get(one.image.as_str()) {
            *id
        } else {
            let statement = sqlx::query(FIND).bind(cluster).bind(one.image.clone());
            let row = first(tx, statement).await?;
            let id = row.map(|row| row.try_get(0)).transpose()?;
            known.insert(&one.image, id);
            id
        };
        found.extend(id.map(|id| (id, one.clone())));
    }
    Ok(found)
}

async fn stored(tx: &mut Tx<'_>, cluster: i64) -> Result<Vec<(i64, Placed)>, Failure> {
    const STORED: &str = "SELECT i.id, i.repository_id, r.full_name, i.tag, i.digest, i.namespace, i.kind, i.workload, \
         i.container FROM running_images i JOIN repositories r ON r.id = i.repository_id WHERE i.cluster = $1";
    let rows = sqlx::query(STORED).bind(cluster).fetch_all(tx).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("id")?, (row.try_get("repository_id")?, read(row)?))))
        .collect()
}

fn insert(cluster: i64, (repository_id, runs): Placed) -> crate::sql::Statement {
    const INSERT: &str = "INSERT INTO running_images (cluster, repository_id, tag, digest, namespace, kind, workload, \
         container) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    sqlx::query(INSERT)
        .bind(cluster)
        .bind(repository_id)
        .bind(runs.tag)
        .bind(runs.digest)
        .bind(runs.namespace)
        .bind(runs.kind)
        .bind(runs.workload)
        .bind(runs.container)
}

fn read(row: &AnyRow) -> Result<RunningWorkload, Failure> {
    Ok(RunningWorkload {
        image: row.try_get("full_name")?,
        tag: row.try_get("tag")?,
        digest: row.try_get("digest")?,
        namespace: row.try_get("namespace")?,
        kind: row.try_get("kind")?,
        workload: row.try_get("workload")?,
        container: row.try_get("container")?,
    })
}
