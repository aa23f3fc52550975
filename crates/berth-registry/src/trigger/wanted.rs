//! What a trigger may be, and what is said of one that may not.

use std::collections::BTreeMap;

use berth_metadata::TriggerPreheat;

use super::{TriggerCondition, one_of};
use crate::swarm::labels_text;
use crate::{Error, webhook};

const NAME_LENGTH_MAX: usize = 64;
/// The kinds of workload that a trigger changes; SWR knows the first two.
const APP_TYPES: [&str; 4] = ["deployments", "statefulsets", "daemonsets", "cronjobs"];
/// Through a cluster, or SWR's container instances, which have no cluster.
pub(super) const MODES: [&str; 2] = ["cce", "cci"];
/// What the workload is made to name; the first when nobody says.
const UPDATES: [&str; 2] = ["digest", "tag"];
/// How long a rollout may take, in seconds: what a Deployment gives itself when nobody says, a day at most.
const ROLLOUT_SECONDS: i64 = 600;
const ROLLOUT_SECONDS_MAX: i64 = 24 * 3600;
/// How long nodes are waited for, in seconds.
const PREHEAT_SECONDS: i64 = 300;
const PREHEAT_SECONDS_MAX: i64 = 3600;
/// The longest name of a namespace or container (RFC 1123 label).
const LABEL_LENGTH_MAX: usize = 63;
/// The longest name of a workload (RFC 1123 subdomain).
const SUBDOMAIN_LENGTH_MAX: usize = 253;

/// Nodes that shall have an image before a trigger sets it.
#[derive(Clone, Debug)]
pub struct WantedAhead {
    /// The nodes that have all of these; all nodes when there are none.
    pub labels: BTreeMap<String, String>,
    /// How long they are waited for, in seconds; five minutes when absent.
    pub timeout: Option<i64>,
}

/// A trigger to set up, in SWR's words.
#[derive(Clone, Debug)]
pub struct WantedTrigger {
    /// Unique for the image.
    pub name: String,
    /// `all`, `tag`, `regular` or `regexp`.
    pub trigger_type: String,
    /// `.*`, tags joined by `;`, a pattern, or a regular expression.
    pub condition: String,
    /// `update` or `webhook`.
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
    /// One container of the workload; all that have the image when absent.
    pub container: Option<String>,
    /// `cce` or `cci`; the first when absent.
    pub trigger_mode: Option<String>,
    /// `digest` or `tag`; the first when absent.
    pub update_by: Option<String>,
    /// Whether a rollout that fails is undone; no when absent.
    pub undo_on_failure: Option<bool>,
    /// How long a rollout may take, in seconds; ten minutes when absent.
    pub rollout_timeout: Option<i64>,
    /// Nodes that shall have the image before the workload is changed.
    pub preheat: Option<WantedAhead>,
    /// The address to tell; for `webhook`, which has no workload.
    pub webhook_url: Option<String>,
    /// What to sign with; made here when absent.
    pub webhook_secret: Option<String>,
}

impl WantedTrigger {
    /// `Invalid` with the rule that is broken.
    pub(super) fn check(&self) -> Result<(), Error> {
        check_trigger_name(&self.name)?;
        TriggerCondition::parse(&self.trigger_type, &self.condition)?;
        one_of("action", &self.action, &["update", webhook::ACTION])?;
        is_enabled(&self.enable)?;
        if self.is_webhook() {
            return self.check_webhook();
        }
        if said(self.webhook_url.as_deref()).is_some() || said(self.webhook_secret.as_deref()).is_some() {
            return Err(Error::Invalid(
                "webhook_url and webhook_secret belong to the action webhook".to_owned(),
            ));
        }
        one_of("app_type", &self.app_type, &APP_TYPES)?;
        one_of("trigger_mode", self.mode(), &MODES)?;
        one_of("update_by", self.update_by(), &UPDATES)?;
        if !(1..=ROLLOUT_SECONDS_MAX).contains(&self.rollout_seconds()) {
            return Err(Error::Invalid(format!(
                "rollout_timeout is 1 to {ROLLOUT_SECONDS_MAX} seconds"
            )));
        }
        self.ahead()?;
        check_label("cluster_ns", &self.cluster_ns)?;
        check_subdomain("application", &self.application)?;
        match self.container.as_deref() {
            None | Some("") => Ok(()),
            Some(container) => check_label("container", container),
        }
    }

    pub(super) fn is_webhook(&self) -> bool {
        self.action == webhook::ACTION
    }

    /// What tells an address changes no workload.
    fn check_webhook(&self) -> Result<(), Error> {
        let of_workload = [
            Some(&self.app_type),
            Some(&self.application),
            Some(&self.cluster_ns),
            self.cluster_id.as_ref(),
            self.cluster_name.as_ref(),
            self.container.as_ref(),
            self.trigger_mode.as_ref(),
            self.update_by.as_ref(),
        ];
        let has_none = of_workload.into_iter().flatten().all(String::is_empty);
        let has_none = has_none && self.preheat.is_none() && self.rollout_timeout.is_none();
        if has_none && self.undo_on_failure != Some(true) {
            return Ok(());
        }
        Err(Error::Invalid(
            "a trigger with the action webhook has webhook_url, and nothing that belongs to a workload: leave out \
             cluster, namespace, application, container, trigger_mode, update_by, undo_on_failure, rollout_timeout and \
             preheat"
                .to_owned(),
        ))
    }

    /// The nodes that are waited for, as they are stored.
    pub(super) fn ahead(&self) -> Result<Option<TriggerPreheat>, Error> {
        let Some(wanted) = &self.preheat else {
            return Ok(None);
        };
        let seconds = wanted.timeout.unwrap_or(PREHEAT_SECONDS);
        if !(1..=PREHEAT_SECONDS_MAX).contains(&seconds) {
            return Err(Error::Invalid(format!(
                "the timeout of preheat is 1 to {PREHEAT_SECONDS_MAX} seconds"
            )));
        }
        let labels = labels_text(&wanted.labels)?;
        Ok(Some(TriggerPreheat { labels, seconds }))
    }

    pub(super) fn mode(&self) -> &str {
        if self.is_webhook() {
            return "";
        }
        said(self.trigger_mode.as_deref()).unwrap_or(MODES[0])
    }

    pub(super) fn update_by(&self) -> &str {
        said(self.update_by.as_deref()).unwrap_or(UPDATES[0])
    }

    pub(super) fn rollout_seconds(&self) -> i64 {
        self.rollout_timeout.unwrap_or(ROLLOUT_SECONDS)
    }
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// What `enable` says.
pub(super) fn is_enabled(enable: &str) -> Result<bool, Error> {
    one_of("enable", enable, &["true", "false"])?;
    Ok(enable == "true")
}

/// What is said of a trigger that is not there.
pub(super) fn unknown(trigger: &str) -> Error {
    let shown: String = trigger.chars().take(NAME_LENGTH_MAX).collect();
    Error::Unknown(format!("trigger '{}'", shown.escape_debug()))
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
