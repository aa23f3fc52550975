//! Triggers: what happens in a cluster when a tag is pushed. Who may push to an image may set its triggers, on the clusters
//! that the account's administrators registered. `run` carries them out, `by_hand` what people ask for besides.

mod by_hand;
mod cluster;
mod condition;
mod dry_run;
mod image;
mod run;
mod state;
mod wanted;

use berth_metadata::{Cluster, Conflict, NewTrigger, NewWebhook, TriggerRow, TriggerRun};
use berth_oci::RepositoryName;
use berth_oci::excerpt::shown;

use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::{Error, Registry, webhook};

pub use by_hand::TriggerRunView;
use cluster::namespace_refusal;
pub use condition::TriggerCondition;
pub use dry_run::TriggerPreview;
pub use state::{Ahead, AheadEnd, ImageChange};
use wanted::{MODES, is_enabled, unknown};
pub use wanted::{WantedAhead, WantedTrigger};

/// Triggers of one image; a list of them is answered whole.
const TRIGGERS_MAX: i64 = 100;
/// What is said of a trigger that has no cluster.
const NO_CLUSTER: &str = "trigger_mode cci has no cluster to act on: choose cce and a registered cluster";
/// Runs of a trigger, as many as are shown with it.
const HISTORY_LENGTH: i64 = 100;

impl Registry {
    /// Sets up a trigger, for those who may push, and answers the secret of its webhook when that was made here;
    /// `Exists` when the image has one of that name.
    pub async fn create_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: WantedTrigger,
    ) -> Result<Option<String>, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let (new, secret) = self
            .new_trigger(caller, (held.id, &held.account_id), wanted)
            .await?;
        let what = format!("trigger '{}'", new.name);
        let stored = self.metadata.create_trigger(new, TRIGGERS_MAX).await;
        stored.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::Taken) => Error::Exists(what),
            berth_metadata::Error::Conflict(Conflict::TooMany) => {
                Error::Invalid(format!("an image has at most {TRIGGERS_MAX} triggers"))
            }
            // The cluster went in the middle of this: the same request says so.
            berth_metadata::Error::Conflict(Conflict::Changed) => Error::Unavailable,
            other => other.into(),
        })?;
        Ok(secret)
    }

    /// An image's triggers by name, for those with a right on it.
    pub async fn list_triggers(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Vec<TriggerRow>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let mut rows = self.metadata.list_triggers(held.id).await?;
        for url in rows.iter_mut().filter_map(|row| row.webhook_url.as_mut()) {
            webhook::shorten(url, held.permission);
        }
        Ok(rows)
    }

    /// An image's trigger and what came of it lately, newest first, for those with a right on the image.
    pub async fn trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
    ) -> Result<(TriggerRow, Vec<TriggerRun>), Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let mut row = self.trigger_of(held.id, trigger).await?;
        if let Some(url) = &mut row.webhook_url {
            webhook::shorten(url, held.permission);
        }
        let history = self.metadata.trigger_runs(row.id, None, HISTORY_LENGTH).await?;
        Ok((row, history))
    }

    /// Lets a trigger act or not, for those who may push; `enable` is `true` or `false`.
    pub async fn set_trigger_enabled(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        enable: &str,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let done = self
            .metadata
            .set_trigger_enabled(row.id, is_enabled(enable)?)
            .await?;
        done.then_some(()).ok_or_else(|| unknown(trigger))
    }

    /// Makes a trigger what `wanted` says, for those who may push. Its name stays, and so does its history.
    pub async fn replace_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        wanted: WantedTrigger,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        if wanted.name != row.name {
            return Err(Error::Invalid(
                "a trigger keeps its name: set up another one and delete this".to_owned(),
            ));
        }
        if wanted.is_webhook() != row.webhook_url.is_some() {
            return Err(Error::Invalid(
                "a trigger keeps its action: set up another one and delete this".to_owned(),
            ));
        }
        if wanted.webhook_secret.is_some() {
            return Err(Error::Invalid(
                "a webhook keeps its secret here: it has a call of its own to replace it".to_owned(),
            ));
        }
        let (new, _) = self
            .new_trigger(caller, (held.id, &held.account_id), wanted)
            .await?;
        let replaced = self.metadata.replace_trigger(row.id, new).await;
        let done = replaced.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::Changed) => Error::Unavailable,
            other => other.into(),
        })?;
        done.then_some(()).ok_or_else(|| unknown(trigger))
    }

    /// Deletes a trigger and its history, for those who may push.
    pub async fn delete_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let done = self.metadata.delete_trigger(row.id).await?;
        done.then_some(()).ok_or_else(|| unknown(trigger))
    }

    /// The row of a trigger of that repository and account, and the secret of its webhook when that was made here;
    /// `Invalid` with the rule that is broken.
    async fn new_trigger(
        &self,
        caller: &Caller,
        (repository_id, account_id): (i64, &str),
        wanted: WantedTrigger,
    ) -> Result<(NewTrigger, Option<String>), Error> {
        wanted.check()?;
        let (webhook, secret) = self.wanted_webhook(&wanted).await?.unzip();
        let new = NewTrigger {
            repository_id,
            cluster: self
                .trigger_cluster(account_id, &wanted)
                .await?
                .map(|cluster| cluster.id),
            enabled: is_enabled(&wanted.enable)?,
            mode: wanted.mode().to_owned(),
            update_by: wanted.update_by().to_owned(),
            undo_on_failure: wanted.undo_on_failure.unwrap_or(false),
            rollout_seconds: wanted.rollout_seconds(),
            preheat: wanted.ahead()?,
            kind: wanted.trigger_type,
            condition: wanted.condition,
            namespace: wanted.cluster_ns,
            workload_kind: wanted.app_type,
            workload: wanted.application,
            container: wanted.container.unwrap_or_default(),
            creator_id: caller.user_id().unwrap_or_default().to_owned(),
            creator_name: caller.user_name().to_owned(),
            now: now_ms(),
            name: wanted.name,
            webhook,
        };
        Ok((new, secret.flatten()))
    }

    /// The webhook that is wanted, and its secret when that was made here; none when a workload is to be changed.
    async fn wanted_webhook(
        &self,
        wanted: &WantedTrigger,
    ) -> Result<Option<(NewWebhook, Option<String>)>, Error> {
        if !wanted.is_webhook() {
            return Ok(None);
        }
        let url = wanted.webhook_url.as_deref().unwrap_or_default();
        self.new_webhook(url, wanted.webhook_secret.as_deref())
            .await
            .map(Some)
    }

    pub(crate) async fn trigger_of(&self, repository_id: i64, trigger: &str) -> Result<TriggerRow, Error> {
        let found = self.metadata.trigger(repository_id, trigger).await?;
        found.ok_or_else(|| unknown(trigger))
    }

    /// The cluster that the account registered under the wanted id, name or both; none where the mode has no
    /// cluster.
    async fn trigger_cluster(
        &self,
        account_id: &str,
        wanted: &WantedTrigger,
    ) -> Result<Option<Cluster>, Error> {
        let id = wanted.cluster_id.as_deref().unwrap_or_default();
        let name = wanted.cluster_name.as_deref().unwrap_or_default();
        if wanted.mode() != MODES[0] {
            return if id.is_empty() && name.is_empty() {
                Ok(None)
            } else {
                Err(Error::Invalid(
                    "cluster_id and cluster_name are empty when trigger_mode is cci".to_owned(),
                ))
            };
        }
        if id.is_empty() && name.is_empty() {
            return Err(Error::Invalid(
                "cluster_id or cluster_name says which cluster to act on".to_owned(),
            ));
        }
        let registered = self.metadata.list_clusters(account_id).await?;
        let found = registered.into_iter().find(|cluster| {
            (id.is_empty() || cluster.cluster_id == id) && (name.is_empty() || cluster.name == name)
        });
        let found = found.ok_or_else(|| {
            Error::Invalid(format!(
                "no cluster with id '{}' and name '{}' is registered in this account: one of its administrators can \
                 register it",
                shown(id),
                shown(name)
            ))
        })?;
        match namespace_refusal(&found, &wanted.cluster_ns) {
            None => Ok(Some(found)),
            Some(refusal) => Err(Error::Invalid(refusal)),
        }
    }
}

/// Refuses a value that is not one of `allowed`.
pub(crate) fn one_of(field: &str, value: &str, allowed: &[&str]) -> Result<(), Error> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{field} is {}", allowed.join(" or "))))
}
