//! Triggers: what happens in a cluster when a tag is pushed. Stores and checks them; acts on none. Who may push to an
//! image may set its triggers, on the clusters that the account's administrators registered.

mod condition;
mod run;

use berth_metadata::{Conflict, NewTrigger, TriggerRow, TriggerRun};
use berth_oci::RepositoryName;

use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::{Error, Registry};

pub use condition::TriggerCondition;

/// Triggers of one image; a list of them is answered whole.
const TRIGGERS_MAX: i64 = 100;
const NAME_LENGTH_MAX: usize = 64;
/// Times that a trigger acted, as many as are shown.
const HISTORY_LENGTH: i64 = 100;
/// The kinds of workload that a trigger changes; SWR knows the first two.
const APP_TYPES: [&str; 4] = ["deployments", "statefulsets", "daemonsets", "cronjobs"];
/// Through a cluster, or SWR's container instances, which have no cluster.
const MODES: [&str; 2] = ["cce", "cci"];
/// The longest name of a namespace or container (RFC 1123 label).
const LABEL_LENGTH_MAX: usize = 63;
/// The longest name of a workload (RFC 1123 subdomain).
const SUBDOMAIN_LENGTH_MAX: usize = 253;

/// A trigger to set up, in SWR's words.
#[derive(Clone, Debug)]
pub struct WantedTrigger {
    /// Unique for the image.
    pub name: String,
    /// `all`, `tag` or `regular`.
    pub trigger_type: String,
    /// `.*`, tags joined by `;`, or a pattern.
    pub condition: String,
    /// `update`.
    pub action: String,
    /// `true` or `false`.
    pub enable: String,
    /// The kind of workload.
    pub app_type: String,
    /// The workload's name.
    pub application: String,
    /// The workload's namespace.
    pub cluster_ns: String,
    /// The cluster, by id.
    pub cluster_id: Option<String>,
    /// The cluster, by name.
    pub cluster_name: Option<String>,
    /// One container of the workload; all of them when absent.
    pub container: Option<String>,
    /// `cce` or `cci`; the first when absent.
    pub trigger_mode: Option<String>,
}

impl Registry {
    /// Sets up a trigger, for those who may push; `Exists` when the image has one of that name.
    pub async fn create_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: WantedTrigger,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        check(&wanted)?;
        let mode = wanted.trigger_mode.as_deref().filter(|mode| !mode.is_empty());
        let mode = mode.unwrap_or(MODES[0]).to_owned();
        let new = NewTrigger {
            repository_id: held.id,
            cluster: self.trigger_cluster(&held.account_id, &mode, &wanted).await?,
            enabled: is_enabled(&wanted.enable)?,
            kind: wanted.trigger_type,
            condition: wanted.condition,
            mode,
            namespace: wanted.cluster_ns,
            workload_kind: wanted.app_type,
            workload: wanted.application,
            container: wanted.container.unwrap_or_default(),
            creator_id: caller.user_id().unwrap_or_default().to_owned(),
            creator_name: caller.user_name().to_owned(),
            now: now_ms(),
            name: wanted.name,
        };
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
        })
    }

    /// An image's triggers by name, for those with a right on it.
    pub async fn list_triggers(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Vec<TriggerRow>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        Ok(self.metadata.list_triggers(held.id).await?)
    }

    /// An image's trigger and what came of it lately, newest first, for those with a right on the image.
    pub async fn trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
    ) -> Result<(TriggerRow, Vec<TriggerRun>), Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        let history = self.metadata.trigger_history(row.id, HISTORY_LENGTH).await?;
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

    async fn trigger_of(&self, repository_id: i64, trigger: &str) -> Result<TriggerRow, Error> {
        let found = self.metadata.trigger(repository_id, trigger).await?;
        found.ok_or_else(|| unknown(trigger))
    }

    /// The row of the cluster that the account registered under the wanted id, name or both; none where the mode has no
    /// cluster.
    async fn trigger_cluster(
        &self,
        account_id: &str,
        mode: &str,
        wanted: &WantedTrigger,
    ) -> Result<Option<i64>, Error> {
        let id = wanted.cluster_id.as_deref().unwrap_or_default();
        let name = wanted.cluster_name.as_deref().unwrap_or_default();
        if mode != MODES[0] {
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
        found.map(|cluster| Some(cluster.id)).ok_or_else(|| {
            let shown = |text: &str| text.chars().take(64).collect::<String>().escape_debug().to_string();
            Error::Invalid(format!(
                "no cluster with id '{}' and name '{}' is registered in this account: one of its administrators can \
                 register it",
                shown(id),
                shown(name)
            ))
        })
    }
}

fn check(wanted: &WantedTrigger) -> Result<(), Error> {
    check_trigger_name(&wanted.name)?;
    TriggerCondition::parse(&wanted.trigger_type, &wanted.condition)?;
    one_of("action", &wanted.action, &["update"])?;
    one_of("app_type", &wanted.app_type, &APP_TYPES)?;
    one_of(
        "trigger_mode",
        wanted
            .trigger_mode
            .as_deref()
            .filter(|mode| !mode.is_empty())
            .unwrap_or(MODES[0]),
        &MODES,
    )?;
    check_label("cluster_ns", &wanted.cluster_ns)?;
    check_subdomain("application", &wanted.application)?;
    match wanted.container.as_deref() {
        None | Some("") => Ok(()),
        Some(container) => check_label("container", container),
    }
}

/// SWR's rule, word for word in the refusal.
fn check_trigger_name(name: &str) -> Result<(), Error> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let begins_with_letter = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if begins_with_letter && name.len() <= NAME_LENGTH_MAX && name.split(['_', '-']).all(is_word) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a trigger's name has 1 to {NAME_LENGTH_MAX} letters, digits, '_' and '-', begins with a letter, and has '_' and \
         '-' only singly between others"
    )))
}

fn check_label(field: &str, text: &str) -> Result<(), Error> {
    if text.len() <= LABEL_LENGTH_MAX && is_label(text) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{field} is a Kubernetes name: 1 to {LABEL_LENGTH_MAX} lower-case letters, digits and '-', which stands only \
         between others"
    )))
}

fn check_subdomain(field: &str, text: &str) -> Result<(), Error> {
    if text.len() <= SUBDOMAIN_LENGTH_MAX && text.split('.').all(is_label) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{field} is a Kubernetes name: 1 to {SUBDOMAIN_LENGTH_MAX} lower-case letters, digits, '-' and '.', which stand \
         only between others"
    )))
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(plain) && text.bytes().next_back().is_some_and(plain);
    ends && text.bytes().all(|byte| plain(byte) || byte == b'-')
}

fn is_enabled(enable: &str) -> Result<bool, Error> {
    one_of("enable", enable, &["true", "false"])?;
    Ok(enable == "true")
}

/// Refuses a value that is not one of `allowed`.
pub(crate) fn one_of(field: &str, value: &str, allowed: &[&str]) -> Result<(), Error> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{field} is {}", allowed.join(" or "))))
}

fn unknown(trigger: &str) -> Error {
    let shown: String = trigger.chars().take(NAME_LENGTH_MAX).collect();
    Error::Unknown(format!("trigger '{}'", shown.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::{check_label, check_subdomain, check_trigger_name};

    #[test]
    fn names_keep_their_rules() {
        let long = "a".repeat(64);
        for (name, good) in [
            ("a", true),
            ("roll-out_2", true),
            (long.as_str(), true),
            (&format!("{long}a"), false),
            ("", false),
            ("2nd", false),
            ("-a", false),
            ("a-", false),
            ("a--b", false),
            ("a_-b", false),
            ("a.b", false),
            ("é", false),
        ] {
            assert_eq!(check_trigger_name(name).is_ok(), good, "{name}");
        }
        for (name, label, subdomain) in [
            ("web", true, true),
            ("web-2", true, true),
            ("web.example", false, true),
            ("web..example", false, false),
            ("-web", false, false),
            ("web-", false, false),
            ("Web", false, false),
            ("", false, false),
            (long.as_str(), false, true),
        ] {
            assert_eq!(check_label("x", name).is_ok(), label, "{name}");
            assert_eq!(check_subdomain("x", name).is_ok(), subdomain, "{name}");
        }
    }
}
