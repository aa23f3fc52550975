//! The rules of an organization, for its images without a retention of their own (beyond SWR).

use berth_metadata::{Conflict, NewRetentionRule, RetentionRuleRow};
use berth_oci::OrganizationName;
use globset::GlobMatcher;

use super::rule::{Rule, images};
use super::{Checked, SELECTORS_TOGETHER_MAX, TagSelector, WantedRetentionRule, checked_rule, described};
use crate::access::Caller;
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::tag_pattern::TagPattern;
use crate::{Error, Registry};

/// Rules of one organization.
const RULES_MAX: i64 = 50;

/// A rule to set for an organization's images.
#[derive(Clone, Debug)]
pub struct WantedOrganizationRetention {
    /// What it keeps.
    pub rule: WantedRetentionRule,
    /// Which images it is for, a glob of their names; empty: all.
    pub images: String,
    /// Which tags it is for, a pattern; empty: all.
    pub tags: String,
    /// Whether it is in force.
    pub enabled: bool,
}

/// A rule of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationRetention {
    /// Never used again.
    pub id: i64,
    /// `date_rule` or `tag_rule`.
    pub template: &'static str,
    /// The template's parameter: `days` or `num`.
    pub parameter: &'static str,
    /// Its value.
    pub amount: i64,
    /// Which images it is for, a glob of their names; empty: all.
    pub images: String,
    /// Which tags it is for, a pattern; empty: all.
    pub tags: String,
    /// Which tags are exempt.
    pub exempt: Vec<TagSelector>,
    /// Whether it is in force.
    pub enabled: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// A rule that is thought of.
#[derive(Clone, Debug)]
pub(super) struct OrganizationRule {
    pub(super) rule: Rule,
    images: Option<GlobMatcher>,
}

impl OrganizationRule {
    /// Whether it is for an image.
    pub(super) fn is_for(&self, image: &str) -> bool {
        self.images.as_ref().is_none_or(|images| images.is_match(image))
    }
}

/// Rules that are thought of, those that would be in force.
pub(super) fn rules(wanted: &[WantedOrganizationRetention]) -> Result<Vec<OrganizationRule>, Error> {
    if i64::try_from(wanted.len()).unwrap_or(i64::MAX) > RULES_MAX {
        return Err(too_many());
    }
    few_selectors(wanted.iter().map(|wanted| wanted.rule.tag_selectors.len()).sum())?;
    let mut rules = Vec::new();
    for wanted in wanted {
        let checked = check(wanted)?;
        let rule = OrganizationRule {
            rule: Rule::of_organization(None, &checked, (&wanted.images, &wanted.tags))?,
            images: (!wanted.images.is_empty())
                .then(|| images(&wanted.images))
                .transpose()?,
        };
        rules.extend(wanted.enabled.then_some(rule));
    }
    Ok(rules)
}

impl Registry {
    /// Adds a rule for an organization's images, queues runs of it and answers its id, for those who manage the
    /// organization; `Invalid` when there are too many.
    pub async fn add_organization_retention(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        wanted: &WantedOrganizationRetention,
    ) -> Result<i64, Error> {
        let organization = self.managed_organization(caller, name).await?;
        let new = new_row(organization.id, wanted)?;
        self.room_for_selectors(organization.id, None, wanted).await?;
        let id = self.metadata.create_retention_rule(new, RULES_MAX).await;
        let id = id.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::TooMany) => too_many(),
            berth_metadata::Error::Conflict(Conflict::OrganizationGone) => {
                Error::Unknown(format!("organization '{name}'"))
            }
            other => other.into(),
        })?;
        self.jobs.queued(JobKind::Retention);
        Ok(id)
    }

    /// The rules of an organization, oldest first, for those with a right on it.
    pub async fn organization_retentions(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<Vec<OrganizationRetention>, Error> {
        let id = self.visible_organization_id(caller, name).await?;
        let rows = self.metadata.retention_rules(id).await?;
        rows.into_iter().map(view).collect()
    }

    /// A rule of an organization, for those with a right on it.
    pub async fn organization_retention(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        id: i64,
    ) -> Result<OrganizationRetention, Error> {
        let rules = self.organization_retentions(caller, name).await?;
        let found = rules.into_iter().find(|rule| rule.id == id);
        found.ok_or_else(|| unknown(id))
    }

    /// Puts another rule in a rule's place and queues runs of it, for those who manage the organization.
    pub async fn update_organization_retention(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        id: i64,
        wanted: &WantedOrganizationRetention,
    ) -> Result<(), Error> {
        let organization = self.managed_organization(caller, name).await?;
        let new = new_row(organization.id, wanted)?;
        self.room_for_selectors(organization.id, Some(id), wanted).await?;
        let done = self.metadata.update_retention_rule(id, new).await?;
        self.jobs.queued(JobKind::Retention);
        done.then_some(()).ok_or_else(|| unknown(id))
    }

    /// Whether a rule beside the others of its organization, or in one's place, has not too many selectors.
    async fn room_for_selectors(
        &self,
        organization_id: i64,
        instead_of: Option<i64>,
        wanted: &WantedOrganizationRetention,
    ) -> Result<(), Error> {
        let mut selectors = wanted.rule.tag_selectors.len();
        for row in self.metadata.retention_rules(organization_id).await? {
            if Some(row.id) != instead_of {
                selectors += view(row)?.exempt.len();
            }
        }
        few_selectors(selectors)
    }

    /// Deletes a rule and queues runs of those that are left, for those who manage the organization.
    pub async fn delete_organization_retention(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        id: i64,
    ) -> Result<(), Error> {
        let organization = self.managed_organization(caller, name).await?;
        let done = self
            .metadata
            .delete_retention_rule(organization.id, id, now_ms())
            .await?;
        self.jobs.queued(JobKind::Retention);
        done.then_some(()).ok_or_else(|| unknown(id))
    }
}

/// Every selector of an organization's rules is held while one of its images is judged.
fn few_selectors(selectors: usize) -> Result<(), Error> {
    if selectors <= SELECTORS_TOGETHER_MAX {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "the retention rules of an organization have at most {SELECTORS_TOGETHER_MAX} tag_selectors together"
    )))
}

fn check(wanted: &WantedOrganizationRetention) -> Result<Checked, Error> {
    if !wanted.images.is_empty() {
        images(&wanted.images)?;
    }
    if !wanted.tags.is_empty() {
        TagPattern::glob_or_expression(&wanted.tags)?;
    }
    checked_rule(&wanted.rule)
}

fn new_row(organization_id: i64, wanted: &WantedOrganizationRetention) -> Result<NewRetentionRule, Error> {
    let checked = check(wanted)?;
    Ok(NewRetentionRule {
        organization_id,
        kind: checked.template.to_owned(),
        amount: checked.amount,
        images: wanted.images.clone(),
        tags: wanted.tags.clone(),
        exempt: checked.exempt_json()?,
        enabled: wanted.enabled,
        now: now_ms(),
    })
}

fn view(row: RetentionRuleRow) -> Result<OrganizationRetention, Error> {
    let (template, parameter, _) = described(&row.kind)?;
    let exempt = serde_json::from_str(&row.exempt);
    Ok(OrganizationRetention {
        id: row.id,
        template,
        parameter,
        amount: row.amount,
        images: row.images,
        tags: row.tags,
        exempt: exempt.map_err(|error| Error::internal("reading a retention rule", error))?,
        enabled: row.enabled,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn too_many() -> Error {
    Error::Invalid(format!("an organization has at most {RULES_MAX} retention rules"))
}

fn unknown(id: i64) -> Error {
    Error::Unknown(format!("retention rule {id}"))
}
