//! Retention: how long an image keeps its tags, by a rule of its own or by those of its organization. Checks and stores
//! them; `judge` says what goes, `run` deletes it.

mod facts;
mod fate;
mod judge;
mod organization;
mod preview;
mod rule;
mod run;

pub(crate) use facts::Turns;
pub use fate::{Fate, KeptBecause};
pub use organization::{OrganizationRetention, WantedOrganizationRetention};
pub use preview::{
    FateWanted, ImagePreview, OrganizationPreview, PreviewPage, PreviewedTag, RetentionPreview, Totals,
};
pub use rule::RuleSource;

use std::collections::BTreeMap;

use berth_metadata::{Conflict, NewRetention, RetentionLogRow, RetentionRow};
use berth_oci::{RepositoryName, Tag};
use serde::{Deserialize, Serialize};

use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::tag::Listed;
use crate::tag_pattern::TagPattern;
use crate::trigger::one_of;
use crate::{Error, Registry};

/// Selectors of one rule.
const SELECTORS_MAX: usize = 100;
/// Selectors of all rules of an organization.
const SELECTORS_TOGETHER_MAX: usize = 200;
/// Each template with its parameter and that parameter's largest value.
const TEMPLATES: [(&str, &str, i64); 2] = [("date_rule", "days", 365), ("tag_rule", "num", 1000)];
const SELECTOR_KINDS: [&str; 2] = ["label", "regexp"];

/// A retention to set up, in SWR's words.
#[derive(Clone, Debug)]
pub struct WantedRetention {
    /// `or`.
    pub algorithm: String,
    /// Exactly one.
    pub rules: Vec<WantedRetentionRule>,
}

/// A rule to set up, in SWR's words.
#[derive(Clone, Debug)]
pub struct WantedRetentionRule {
    /// `date_rule` or `tag_rule`.
    pub template: String,
    /// `days` or `num`, with a number as text.
    pub params: BTreeMap<String, String>,
    /// Which tags are exempt.
    pub tag_selectors: Vec<TagSelector>,
}

/// Tags that a retention never deletes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagSelector {
    /// `label` for a tag, `regexp` for tags that an expression matches in part.
    pub kind: String,
    /// The tag or the expression.
    pub pattern: String,
}

/// An image's retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Never used again.
    pub id: i64,
    /// `date_rule` or `tag_rule`.
    pub template: &'static str,
    /// The template's parameter: `days` or `num`.
    pub parameter: &'static str,
    /// Its value.
    pub amount: i64,
    /// Which tags are exempt.
    pub exempt: Vec<TagSelector>,
}

/// A page of what retentions deleted.
#[derive(Clone, Debug)]
pub struct RetentionLog {
    /// The lines of the page, newest first.
    pub lines: Vec<RetentionLogRow>,
    /// Lines in all.
    pub total: i64,
}

/// A checked rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Checked {
    template: &'static str,
    amount: i64,
    exempt: Vec<TagSelector>,
}

impl Checked {
    fn exempt_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.exempt).map_err(|error| Error::internal("writing a retention", error))
    }
}

impl Registry {
    /// Sets up an image's retention, queues a run of it and answers its id, for those who manage the image; `Invalid` when it
    /// has one.
    pub async fn create_retention(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: &WantedRetention,
    ) -> Result<i64, Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let new = new_row(caller, held.id, &checked(wanted)?)?;
        let stored = self.metadata.create_retention(new).await;
        let id = stored.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::Taken) => Error::Invalid(format!(
                "image '{name}' has a retention already: change it, or delete it first"
            )),
            other => other.into(),
        })?;
        self.jobs.queued(JobKind::Retention);
        Ok(id)
    }

    /// An image's retention, if it has one, for those with a right on the image.
    pub async fn list_retentions(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Option<Retention>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        self.metadata
            .retention(held.id)
            .await?
            .as_ref()
            .map(view)
            .transpose()
    }

    /// An image's retention of that id, for those with a right on the image.
    pub async fn retention(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: i64,
    ) -> Result<Retention, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        view(&self.retention_of(held.id, id).await?)
    }

    /// Changes an image's retention, all but its template, and queues a run of it, for those who manage the image.
    pub async fn update_retention(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: i64,
        wanted: &WantedRetention,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let before = self.retention_of(held.id, id).await?;
        let rule = checked(wanted)?;
        if rule.template != before.kind {
            return Err(Error::Invalid(format!(
                "the template of a retention stays what it is, {}: delete the retention and create another",
                before.kind
            )));
        }
        let new = new_row(caller, held.id, &rule)?;
        let done = self.metadata.update_retention(id, new).await?;
        self.jobs.queued(JobKind::Retention);
        done.then_some(()).ok_or_else(|| unknown(id))
    }

    /// Deletes an image's retention, not the log of what it deleted, for those who manage the image.
    pub async fn delete_retention(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: i64,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let done = self.metadata.delete_retention(held.id, id).await?;
        done.then_some(()).ok_or_else(|| unknown(id))
    }

    /// A page of what retentions deleted from an image, for those with a right on it.
    pub async fn retention_log(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        offset: i64,
        limit: i64,
    ) -> Result<RetentionLog, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let (lines, total) = self.metadata.retention_log(held.id, offset, limit).await?;
        Ok(RetentionLog { lines, total })
    }

    /// A page of what retentions deleted from an image, by key: the lines before the one of id `before`, for those with a right
    /// on it.
    pub async fn retention_deletions(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Listed<RetentionLogRow>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let lines = self
            .metadata
            .retention_log_before(held.id, before, i64::from(limit) + 1)
            .await?;
        Ok(Listed::cut(lines, limit))
    }

    async fn retention_of(&self, repository_id: i64, id: i64) -> Result<RetentionRow, Error> {
        let found = self.metadata.retention(repository_id).await?;
        found.filter(|row| row.id == id).ok_or_else(|| unknown(id))
    }
}

impl TagSelector {
    /// Whether the tag is exempt; `Invalid` for a selector that no rule may have.
    pub fn matches(&self, tag: &Tag) -> Result<bool, Error> {
        Ok(self.pattern()?.matches(tag))
    }

    fn pattern(&self) -> Result<TagPattern, Error> {
        one_of("kind of a tag_selector", &self.kind, &SELECTOR_KINDS)?;
        if self.kind == SELECTOR_KINDS[0] {
            let exact = TagPattern::exact(&self.pattern);
            return exact
                .map_err(|error| Error::Invalid(format!("a tag_selector of kind label is a tag: {error}")));
        }
        TagPattern::small_expression(&self.pattern)
    }
}

fn checked(wanted: &WantedRetention) -> Result<Checked, Error> {
    one_of("algorithm", &wanted.algorithm, &["or"])?;
    let [rule] = wanted.rules.as_slice() else {
        return Err(Error::Invalid("rules holds exactly one rule".to_owned()));
    };
    checked_rule(rule)
}

fn checked_rule(rule: &WantedRetentionRule) -> Result<Checked, Error> {
    one_of(
        "template",
        &rule.template,
        &TEMPLATES.map(|(template, ..)| template),
    )?;
    let (template, parameter, most) = described(&rule.template)?;
    let amount = rule.params.get(parameter).and_then(|text| number(text));
    let amount = amount
        .filter(|amount| (1..=most).contains(amount))
        .ok_or_else(|| {
            Error::Invalid(format!(
                "params of a {template} holds {parameter}, a text with a number from 1 to {most}"
            ))
        })?;
    if rule.tag_selectors.len() > SELECTORS_MAX {
        return Err(Error::Invalid(format!(
            "a rule has at most {SELECTORS_MAX} tag_selectors"
        )));
    }
    for selector in &rule.tag_selectors {
        selector.pattern()?;
    }
    Ok(Checked {
        template,
        amount,
        exempt: rule.tag_selectors.clone(),
    })
}

/// Digits only: `parse` would also take a sign.
fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn described(template: &str) -> Result<(&'static str, &'static str, i64), Error> {
    let known = TEMPLATES.into_iter().find(|(known, ..)| *known == template);
    known.ok_or_else(|| Error::internal("reading a retention", format!("template {template}")))
}

fn new_row(caller: &Caller, repository_id: i64, rule: &Checked) -> Result<NewRetention, Error> {
    Ok(NewRetention {
        repository_id,
        kind: rule.template.to_owned(),
        amount: rule.amount,
        exempt: rule.exempt_json()?,
        user_id: caller.user_id().map(str::to_owned),
        now: now_ms(),
    })
}

fn view(row: &RetentionRow) -> Result<Retention, Error> {
    let (template, parameter, _) = described(&row.kind)?;
    let exempt = serde_json::from_str(&row.exempt);
    Ok(Retention {
        id: row.id,
        template,
        parameter,
        amount: row.amount,
        exempt: exempt.map_err(|error| Error::internal("reading a retention", error))?,
    })
}

fn unknown(id: i64) -> Error {
    Error::Unknown(format!("retention {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(template: &str, params: &[(&str, &str)], selectors: &[(&str, &str)]) -> WantedRetention {
        WantedRetention {
            algorithm: "or".to_owned(),
            rules: vec![WantedRetentionRule {
                template: template.to_owned(),
                params: params
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
                tag_selectors: selectors
                    .iter()
                    .map(|(kind, pattern)| TagSelector {
                        kind: (*kind).to_owned(),
                        pattern: (*pattern).to_owned(),
                    })
                    .collect(),
            }],
        }
    }

    #[test]
    fn a_rule_counts_days_or_tags_within_bounds() {
        for (template, params, expected) in [
            ("date_rule", &[("days", "1")] as &[_], Some(1)),
            ("date_rule", &[("days", "365")], Some(365)),
            ("date_rule", &[("days", "366")], None),
            ("date_rule", &[("days", "0")], None),
            ("date_rule", &[("days", "-1")], None),
            ("date_rule", &[("days", "+1")], None),
            ("date_rule", &[("days", "")], None),
            ("date_rule", &[("days", "99999999999999999999")], None),
            ("date_rule", &[("num", "1")], None),
            ("date_rule", &[("days", "7"), ("num", "")], Some(7)),
            ("date_rule", &[], None),
            ("tag_rule", &[("num", "1000")], Some(1000)),
            ("tag_rule", &[("num", "1001")], None),
            ("tag_rule", &[("days", "7")], None),
            ("other_rule", &[("days", "7")], None),
        ] {
            let found = checked(&rule(template, params, &[])).map(|rule| rule.amount);
            assert_eq!(found.ok(), expected, "{template} {params:?}");
        }
        let mut wanted = rule("tag_rule", &[("num", "5")], &[]);
        wanted.algorithm = "and".to_owned();
        assert!(checked(&wanted).is_err());
        wanted.algorithm = "or".to_owned();
        wanted.rules.push(wanted.rules[0].clone());
        assert!(checked(&wanted).is_err());
        wanted.rules.clear();
        assert!(checked(&wanted).is_err());
    }

    #[test]
    fn exempt_tags_are_named_or_matched() {
        for (kind, pattern, expected) in [
            ("label", "v1", Some("v1")),
            ("label", "v*", None),
            ("label", "", None),
            ("regexp", "^v", Some("v1 v2")),
            ("regexp", "1", Some("v1")),
            ("regexp", "(", None),
            ("regexp", "", None),
            ("regexp", "(a{100}){1000}", None),
            ("glob", "v*", None),
        ] {
            let wanted = rule("tag_rule", &[("num", "5")], &[(kind, pattern)]);
            assert_eq!(checked(&wanted).is_ok(), expected.is_some(), "{kind} {pattern}");
            let selector = &wanted.rules[0].tag_selectors[0];
            let tags = ["v1", "v2", "latest"].into_iter();
            let tags = tags.filter(|tag| selector.matches(&tag.parse().unwrap()).is_ok_and(|exempt| exempt));
            assert_eq!(
                tags.collect::<Vec<_>>().join(" "),
                expected.unwrap_or_default(),
                "{kind} {pattern}"
            );
        }
        let many = vec![("label", "v1"); SELECTORS_MAX + 1];
        assert!(checked(&rule("tag_rule", &[("num", "5")], &many)).is_err());
    }
}
