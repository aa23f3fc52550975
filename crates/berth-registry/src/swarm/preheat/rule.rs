//! Rules by which pushes go to nodes: one for each organization and image. What a tag came to name is queued for the nodes
//! by the transaction that forgets the event, so that no end of a process comes in between.

use std::collections::BTreeMap;

use berth_metadata::{Conflict, NewPreheat, PreheatCause, PreheatRule, PreheatTerms, TagEvent};
use berth_oci::{OrganizationName, RepositoryName, Tag};

use super::{KEPT, LIFE_MS, NODES_MAX, labels_text};
use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;
use crate::tag_pattern::TagPattern;

/// What a rule is on.
#[derive(Clone, Copy, Debug)]
pub enum PreheatPlace<'a> {
    /// All images of an organization.
    Organization(&'a OrganizationName),
    /// One image.
    Image(&'a RepositoryName),
}

/// A rule to set.
#[derive(Clone, Debug)]
pub struct WantedPreheatRule {
    /// Whether it is heeded.
    pub enabled: bool,
    /// Which tags, a pattern; empty: all.
    pub tags: String,
    /// The nodes that have all of these; all nodes when there are none.
    pub labels: BTreeMap<String, String>,
}

impl Registry {
    /// Has every push of tags that match the pattern go to the nodes with the labels, in the place of what was set before,
    /// for those who manage the organization or the image.
    pub async fn put_preheat_rule(
        &self,
        caller: &Caller,
        place: PreheatPlace<'_>,
        wanted: WantedPreheatRule,
    ) -> Result<PreheatRule, Error> {
        let managed = self.managed_preheat_place(caller, place).await?;
        if !wanted.tags.is_empty() {
            TagPattern::small_glob_or_expression(&wanted.tags)?;
        }
        let terms = PreheatTerms {
            enabled: wanted.enabled,
            tags: wanted.tags,
            labels: labels_text(&wanted.labels)?,
        };
        let put = self.metadata.put_preheat_rule(managed, terms, now_ms()).await;
        put.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::OrganizationGone) => Error::Unknown(named(place)),
            other => other.into(),
        })?;
        self.preheat_rule(caller, place).await
    }

    /// The rule of an organization or of an image, for those with a right on it; `Unknown` when it has none.
    pub async fn preheat_rule(&self, caller: &Caller, place: PreheatPlace<'_>) -> Result<PreheatRule, Error> {
        let (organization_id, repository_id) = match place {
            PreheatPlace::Organization(name) => (self.visible_organization_id(caller, name).await?, None),
            PreheatPlace::Image(name) => {
                let held = self.require_held(caller, Action::ReadRights, name).await?;
                (held.organization_id, Some(held.id))
            }
        };
        let rules = self
            .metadata
            .preheat_rules(organization_id, repository_id)
            .await?;
        let found = rules.into_iter().find(|rule| rule.repository_id == repository_id);
        found.ok_or_else(|| no_rule(place))
    }

    /// Ends a rule, not what nodes were told by it, for those who manage the organization or the image.
    pub async fn delete_preheat_rule(&self, caller: &Caller, place: PreheatPlace<'_>) -> Result<(), Error> {
        let (organization_id, repository_id) = self.managed_preheat_place(caller, place).await?;
        let deleted = self.metadata.delete_preheat_rule(organization_id, repository_id);
        deleted.await?.then_some(()).ok_or_else(|| no_rule(place))
    }

    /// What nodes shall have because a tag came to name something, for each rule that wants it.
    pub(crate) async fn preheats_for(&self, event: &TagEvent, tag: &Tag) -> Result<Vec<NewPreheat>, Error> {
        if !self.has_swarms() {
            return Ok(Vec::new());
        }
        let Some(place) = self.metadata.judged_place(event.repository_id).await? else {
            return Ok(Vec::new());
        };
        let rules = self
            .metadata
            .preheat_rules(place.organization_id, Some(event.repository_id))
            .await?;
        let mut wanted = Vec::new();
        for rule in rules.into_iter().filter(|rule| rule.terms.enabled) {
            let tags = &rule.terms.tags;
            if !tags.is_empty() && !TagPattern::small_glob_or_expression(tags)?.matches(tag) {
                continue;
            }
            let labels = serde_json::from_str(&rule.terms.labels)
                .map_err(|error| Error::internal("reading the labels of a rule", error))?;
            let mut nodes = self.connected_nodes(&place.account_id, &labels).await?;
            if nodes.len() > NODES_MAX {
                tracing::warn!(rule = rule.id, "a rule does not reach all nodes that it wants");
                nodes.truncate(NODES_MAX);
            }
            let now = now_ms();
            wanted.push(NewPreheat {
                repository_id: event.repository_id,
                tag: Some(event.tag.clone()),
                digest: event.digest.clone(),
                labels: rule.terms.labels,
                wanted_by: PreheatCause::Rule {
                    rule: rule.id,
                    event: event.id,
                },
                creator: (event.user_id.clone(), String::new()),
                nodes: (place.account_id.clone(), nodes),
                times: (now, now + LIFE_MS),
                most: KEPT,
            });
        }
        Ok(wanted)
    }

    async fn managed_preheat_place(
        &self,
        caller: &Caller,
        place: PreheatPlace<'_>,
    ) -> Result<(i64, Option<i64>), Error> {
        match place {
            PreheatPlace::Organization(name) => Ok((self.managed_organization(caller, name).await?.id, None)),
            PreheatPlace::Image(name) => {
                let held = self.require_held(caller, Action::ManageRepository, name).await?;
                Ok((held.organization_id, Some(held.id)))
            }
        }
    }
}

fn named(place: PreheatPlace<'_>) -> String {
    match place {
        PreheatPlace::Organization(name) => format!("organization '{name}'"),
        PreheatPlace::Image(name) => format!("image '{name}'"),
    }
}

fn no_rule(place: PreheatPlace<'_>) -> Error {
    Error::Unknown(format!("a rule of {} about preheats", named(place)))
}
