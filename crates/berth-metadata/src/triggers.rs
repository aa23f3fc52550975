//! Triggers of repositories. Knows no condition and no cluster's API.

use crate::Metadata;
use crate::error::{Conflict, Error};
use crate::pool::{Durability, Failure};
use crate::repository_lock::lock;
use crate::sql::{Meaning, Statement, change, first};
use crate::webhooks::{self, NewWebhook};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Nodes that shall have an image before a trigger sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerPreheat {
    /// The nodes that have all of these labels, a JSON object.
    pub labels: String,
    /// How long they are waited for, in seconds.
    pub seconds: i64,
}

/// A trigger to store.
#[derive(Clone, Debug)]
pub struct NewTrigger {
    /// The repository whose pushes it waits for.
    pub repository_id: i64,
    /// Unique in the repository.
    pub name: String,
    /// How `condition` is read.
    pub kind: String,
    /// Which tags it waits for.
    pub condition: String,
    /// Whether it acts.
    pub enabled: bool,
    /// What it acts through.
    pub mode: String,
    /// The row of the cluster that it acts on; none when its mode has none.
    pub cluster: Option<i64>,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's kind.
    pub workload_kind: String,
    /// The workload.
    pub workload: String,
    /// The container; empty for all of the workload that have the image.
    pub container: String,
    /// What the workload is made to name: `digest` or `tag`.
    pub update_by: String,
    /// Whether a rollout that fails is undone.
    pub undo_on_failure: bool,
    /// How long a rollout may take, in seconds.
    pub rollout_seconds: i64,
    /// Nodes that shall have the image first.
    pub preheat: Option<TriggerPreheat>,
    /// Who made it.
    pub creator_id: String,
    /// The name of who made it, as it was then.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub now: i64,
    /// What it tells instead of changing a workload.
    pub webhook: Option<NewWebhook>,
}

/// A repository's trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRow {
    /// Never used again.
    pub id: i64,
    /// Unique in the repository.
    pub name: String,
    /// How `condition` is read.
    pub kind: String,
    /// Which tags it waits for.
    pub condition: String,
    /// Whether it acts.
    pub enabled: bool,
    /// What it acts through.
    pub mode: String,
    /// The row of the cluster that it acts on; none when its mode has none.
    pub cluster: Option<i64>,
    /// The cluster's id, empty when the mode has none.
    pub cluster_id: String,
    /// The cluster's name, empty when the mode has none.
    pub cluster_name: String,
    /// The workload's namespace.
    pub namespace: String,
    /// The workload's kind.
    pub workload_kind: String,
    /// The workload.
    pub workload: String,
    /// The container; empty for all of the workload that have the image.
    pub container: String,
    /// What the workload is made to name: `digest` or `tag`.
    pub update_by: String,
    /// Whether a rollout that fails is undone.
    pub undo_on_failure: bool,
    /// How long a rollout may take, in seconds.
    pub rollout_seconds: i64,
    /// Nodes that shall have the image first.
    pub preheat: Option<TriggerPreheat>,
    /// The name of who made it, as it was then.
    pub creator_name: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// The address that it tells; none when it changes a workload.
    pub webhook_url: Option<String>,
}

macro_rules! trigger_fields {
    () => {
        "t.id, t.name, t.kind, t.condition, t.enabled, t.mode, t.cluster, COALESCE(c.cluster_id, '') AS cluster_id, \
         COALESCE(c.name, '') AS cluster_name, t.namespace, t.workload_kind, t.workload, t.container, t.update_by, \
         t.undo_on_failure, t.rollout_seconds, t.preheat_labels, t.preheat_seconds, t.creator_name, t.created_at, \
         (SELECT w.url FROM webhooks w WHERE w.trigger_id = t.id) AS webhook_url"
    };
}
pub(crate) use trigger_fields;

macro_rules! triggers {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            trigger_fields!(),
            " FROM triggers t LEFT JOIN clusters c ON c.id = t.cluster WHERE ",
            $condition
        )
    };
}

impl Metadata {
    /// Stores a trigger, at most `limit` of one repository; [`Conflict::Taken`] when the repository has one of that
    /// name, [`Conflict::TooMany`], [`Conflict::RepositoryGone`], [`Conflict::Changed`] when the cluster is gone.
    pub async fn create_trigger(&self, new: NewTrigger, limit: i64) -> Result<(), Error> {
        const COUNT: &str = "SELECT COUNT(*) FROM triggers WHERE repository_id = $1";
        self.pool
            .write("store a trigger", Durability::Durable, new, move |tx, new| {
                Box::pin(async move {
                    lock(tx, new.repository_id).await?;
                    let counted = sqlx::query(COUNT)
                        .bind(new.repository_id)
                        .fetch_one(&mut *tx)
                        .await?;
                    if counted.try_get::<i64, _>(0)? >= limit {
                        return Err(Conflict::TooMany.into());
                    }
                    let stored = first(tx, insert(new))
                        .await
                        .unique(Conflict::Taken)
                        .reference(Conflict::Changed)?;
                    let row = stored.ok_or_else(|| Failure::Broken("no id for a trigger".to_owned()))?;
                    match &new.webhook {
                        Some(webhook) => webhooks::store(tx, row.try_get(0)?, webhook).await,
                        None => Ok(()),
                    }
                })
            })
            .await
    }

    /// A repository's trigger of that name.
    pub async fn trigger(&self, repository_id: i64, name: &str) -> Result<Option<TriggerRow>, Error> {
        const FIND: &str = triggers!("t.repository_id = $1 AND t.name = $2");
        let statement = sqlx::query(FIND).bind(repository_id).bind(name.to_owned());
        self.find("find a trigger", statement, trigger).await
    }

    /// A repository's triggers by name; [`Metadata::create_trigger`] bounds them.
    pub async fn list_triggers(&self, repository_id: i64) -> Result<Vec<TriggerRow>, Error> {
        const LIST: &str = triggers!("t.repository_id = $1 ORDER BY t.name");
        self.list("list triggers", sqlx::query(LIST).bind(repository_id), trigger)
            .await
    }

    /// Lets a trigger act or not; false when there is none of that id.
    pub async fn set_trigger_enabled(&self, id: i64, enabled: bool) -> Result<bool, Error> {
        const SET: &str = "UPDATE triggers SET enabled = $2 WHERE id = $1";
        let statement = move || sqlx::query(SET).bind(id).bind(i64::from(enabled));
        Ok(self
            .change("enable or disable a trigger", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Deletes a trigger and its history; false when there is none of that id.
    pub async fn delete_trigger(&self, id: i64) -> Result<bool, Error> {
        let statement = move || sqlx::query("DELETE FROM triggers WHERE id = $1").bind(id);
        Ok(self
            .change("delete a trigger", Durability::Durable, statement)
            .await?
            > 0)
    }

    /// Makes a trigger what `new` says, but for its name, who made it and when, and the secret of its webhook; false when there is none of that id,
    /// [`Conflict::Changed`] when the cluster is gone. Runs that have not ended are superseded when it acts elsewhere now.
    pub async fn replace_trigger(&self, id: i64, new: NewTrigger) -> Result<bool, Error> {
        const REPLACE: &str = "UPDATE triggers SET kind = $2, condition = $3, enabled = $4, mode = $5, cluster = $6, \
             namespace = $7, workload_kind = $8, workload = $9, container = $10, update_by = $11, \
             undo_on_failure = $12, rollout_seconds = $13, preheat_labels = $14, preheat_seconds = $15 WHERE id = $1 RETURNING id";
        const ELSEWHERE: &str = "SELECT 1 FROM triggers WHERE id = $1 AND (COALESCE(cluster, 0) <> CAST($2 AS BIGINT) \
             OR namespace <> $3 OR workload_kind <> $4 OR workload <> $5 OR container <> $6)";
        const SUPERSEDE: &str = "UPDATE trigger_history SET status = 'superseded', \
             detail = 'the trigger was made to act elsewhere before this ended', ended_at = $2 \
             WHERE trigger_id = $1 AND status IN ('waiting', 'running')";
        const WEBHOOK: &str = "UPDATE webhooks SET url = $2 WHERE trigger_id = $1";
        self.pool
            .write("replace a trigger", Durability::Durable, new, move |tx, new| {
                Box::pin(async move {
                    let elsewhere = sqlx::query(ELSEWHERE)
                        .bind(id)
                        .bind(new.cluster.unwrap_or_default())
                        .bind(new.namespace.clone())
                        .bind(new.workload_kind.clone())
                        .bind(new.workload.clone())
                        .bind(new.container.clone());
                    let is_elsewhere = first(tx, elsewhere).await?.is_some();
                    let replace = bind_terms(sqlx::query(REPLACE).bind(id), new);
                    let replaced = first(tx, replace).await.reference(Conflict::Changed)?;
                    if is_elsewhere && new.webhook.is_none() {
                        change(tx, sqlx::query(SUPERSEDE).bind(id).bind(new.now)).await?;
                    }
                    if let Some(webhook) = &new.webhook {
                        change(tx, sqlx::query(WEBHOOK).bind(id).bind(webhook.url.clone())).await?;
                    }
                    Ok(replaced.is_some())
                })
            })
            .await
    }
}

fn insert(new: &NewTrigger) -> Statement {
    const INSERT: &str = "INSERT INTO triggers (repository_id, kind, condition, enabled, mode, cluster, namespace, \
         workload_kind, workload, container, update_by, undo_on_failure, rollout_seconds, preheat_labels, \
         preheat_seconds, name, creator_id, creator_name, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) RETURNING id";
    bind_terms(sqlx::query(INSERT).bind(new.repository_id), new)
        .bind(new.name.clone())
        .bind(new.creator_id.clone())
        .bind(new.creator_name.clone())
        .bind(new.now)
}

/// Everything that a trigger can be made to be later, too.
fn bind_terms(statement: Statement, new: &NewTrigger) -> Statement {
    let preheat = new.preheat.clone();
    let (labels, seconds) = preheat.map(|preheat| (preheat.labels, preheat.seconds)).unzip();
    statement
        .bind(new.kind.clone())
        .bind(new.condition.clone())
        .bind(i64::from(new.enabled))
        .bind(new.mode.clone())
        .bind(new.cluster)
        .bind(new.namespace.clone())
        .bind(new.workload_kind.clone())
        .bind(new.workload.clone())
        .bind(new.container.clone())
        .bind(new.update_by.clone())
        .bind(i64::from(new.undo_on_failure))
        .bind(new.rollout_seconds)
        .bind(labels)
        .bind(seconds.unwrap_or_default())
}

pub(crate) fn trigger(row: &AnyRow) -> Result<TriggerRow, Failure> {
    let seconds = row.try_get("preheat_seconds")?;
    Ok(TriggerRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        condition: row.try_get("condition")?,
        enabled: row.try_get::<i64, _>("enabled")? != 0,
        mode: row.try_get("mode")?,
        cluster: row.try_get("cluster")?,
        cluster_id: row.try_get("cluster_id")?,
        cluster_name: row.try_get("cluster_name")?,
        namespace: row.try_get("namespace")?,
        workload_kind: row.try_get("workload_kind")?,
        workload: row.try_get("workload")?,
        container: row.try_get("container")?,
        update_by: row.try_get("update_by")?,
        undo_on_failure: row.try_get::<i64, _>("undo_on_failure")? != 0,
        rollout_seconds: row.try_get("rollout_seconds")?,
        preheat: row
            .try_get::<Option<String>, _>("preheat_labels")?
            .map(|labels| TriggerPreheat { labels, seconds }),
        creator_name: row.try_get("creator_name")?,
        created_at: row.try_get("created_at")?,
        webhook_url: row.try_get("webhook_url")?,
    })
}
