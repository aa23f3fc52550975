//! Indexes that let nodes start an image before it is pulled: rules for every push, requests, what came of them. The work
//! is a job; what it makes are ordinary artifacts beside the image ([how to](../../../docs/how-to/lazy-start.md)).

mod job;
mod source;

use berth_metadata::{Conflict, LazyRule, LazyRun, NewLazyRun, TagEvent};
use berth_oci::{OrganizationName, Reference, RepositoryName, Tag};

pub use job::LazyImage;

use std::sync::Arc;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobKind;
use crate::tag::Listed;
use crate::tag_pattern::TagPattern;

/// What a rule is on.
#[derive(Clone, Copy, Debug)]
pub enum LazyPlace<'a> {
    /// All images of an organization.
    Organization(&'a OrganizationName),
    /// One image.
    Image(&'a RepositoryName),
}

/// A run, and what it made.
#[derive(Clone, Debug)]
pub struct LazyRunView {
    /// What is stored of it.
    pub run: LazyRun,
    /// What was made, or not, for each platform.
    pub images: Vec<LazyImage>,
}

impl Registry {
    /// Has every push of tags that match the pattern (empty: all) be followed by an index, in the place of what was set
    /// before, for those who manage the organization or the image.
    pub async fn put_lazy_rule(
        &self,
        caller: &Caller,
        place: LazyPlace<'_>,
        tags: &str,
    ) -> Result<LazyRule, Error> {
        let (organization_id, repository_id) = self.managed_lazy_place(caller, place).await?;
        if !tags.is_empty() {
            TagPattern::small_glob_or_expression(tags)?;
        }
        let now = now_ms();
        let rule = LazyRule {
            organization_id,
            repository_id,
            tags: tags.to_owned(),
            created_at: now,
            updated_at: now,
        };
        let put = self.metadata.put_lazy_rule(rule).await;
        put.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::OrganizationGone) => unknown(place),
            other => other.into(),
        })?;
        self.lazy_rule(caller, place).await
    }

    /// The rule of an organization or of an image, for those with a right on it; `Unknown` when it has none.
    pub async fn lazy_rule(&self, caller: &Caller, place: LazyPlace<'_>) -> Result<LazyRule, Error> {
        let (organization_id, repository_id) = match place {
            LazyPlace::Organization(name) => (self.visible_organization_id(caller, name).await?, None),
            LazyPlace::Image(name) => {
                let held = self.require_held(caller, Action::ReadRights, name).await?;
                (held.organization_id, Some(held.id))
            }
        };
        let rules = self.metadata.lazy_rules(organization_id, repository_id).await?;
        let found = rules.into_iter().find(|rule| rule.repository_id == repository_id);
        found.ok_or_else(|| no_rule(place))
    }

    /// Ends a rule, not what was made by it, for those who manage the organization or the image.
    pub async fn delete_lazy_rule(&self, caller: &Caller, place: LazyPlace<'_>) -> Result<(), Error> {
        let (organization_id, repository_id) = self.managed_lazy_place(caller, place).await?;
        let deleted = self
            .metadata
            .delete_lazy_rule(organization_id, repository_id)
            .await?;
        deleted.then_some(()).ok_or_else(|| no_rule(place))
    }

    /// Asks for the index of a tag or a manifest now, for those who may push to the image, and answers the run; the one
    /// that waits, when one does.
    pub async fn make_lazy_index(
        self: &Arc<Self>,
        caller: &Caller,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<LazyRunView, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let found = self.manifest_descriptor(caller, name, reference).await?;
        let wanted = NewLazyRun {
            repository_id: held.id,
            digest: found.digest,
            tag: match reference {
                Reference::Tag(tag) => Some(tag.to_string()),
                Reference::Digest(_) => None,
            },
            user_id: caller.user_id().map(str::to_owned),
            by_rule: false,
            now: now_ms(),
        };
        let id = self.metadata.want_lazy_run(wanted).await?;
        let found = self.metadata.lazy_runs(held.id, Some(id + 1), 1).await?;
        self.jobs.queued(JobKind::Lazy);
        let found = found.into_iter().find(|run| run.id == id);
        found
            .ok_or_else(|| Error::Unknown(format!("run {id} for an index of image '{name}'")))
            .and_then(view)
    }

    /// A page of the runs of an image, newest first, those before the one of id `before`, for those with a right on it.
    pub async fn lazy_runs(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Listed<LazyRunView>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let page = self.metadata.lazy_runs(held.id, before, i64::from(limit) + 1);
        let views = page.await?.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(Listed::cut(views, limit))
    }

    /// Whether a rule wants an index of what a tag came to name.
    pub(crate) async fn wants_lazy_index(&self, event: &TagEvent, tag: &Tag) -> Result<bool, Error> {
        let Some(place) = self.metadata.judged_place(event.repository_id).await? else {
            return Ok(false);
        };
        let rules = self
            .metadata
            .lazy_rules(place.organization_id, Some(event.repository_id))
            .await?;
        for rule in rules {
            if rule.tags.is_empty() || TagPattern::small_glob_or_expression(&rule.tags)?.matches(tag) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn managed_lazy_place(
        &self,
        caller: &Caller,
        place: LazyPlace<'_>,
    ) -> Result<(i64, Option<i64>), Error> {
        match place {
            LazyPlace::Organization(name) => Ok((self.managed_organization(caller, name).await?.id, None)),
            LazyPlace::Image(name) => {
                let held = self.require_held(caller, Action::ManageRepository, name).await?;
                Ok((held.organization_id, Some(held.id)))
            }
        }
    }
}

fn view(run: LazyRun) -> Result<LazyRunView, Error> {
    let images = serde_json::from_str(&run.images)
        .map_err(|source| Error::internal("reading what came of an index", source))?;
    Ok(LazyRunView { run, images })
}

fn named(place: LazyPlace<'_>) -> String {
    match place {
        LazyPlace::Organization(name) => format!("organization '{name}'"),
        LazyPlace::Image(name) => format!("image '{name}'"),
    }
}

fn unknown(place: LazyPlace<'_>) -> Error {
    Error::Unknown(named(place))
}

fn no_rule(place: LazyPlace<'_>) -> Error {
    Error::Unknown(format!(
        "a rule of {} about indexes for lazy starts",
        named(place)
    ))
}
