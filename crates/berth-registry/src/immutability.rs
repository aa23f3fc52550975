//! Immutability (beyond SWR): rules by which tags of an image, or of an organization's images, neither move nor go. Who
//! manages the image or organization sets them. They hold for everybody, until they are deleted.

mod rules;

pub(crate) use rules::{CompiledRules, Rules};

use berth_metadata::{Conflict, ImmutabilityRule, ImmutabilityTerms, NewImmutabilityRule, Standing};
use berth_oci::{OrganizationName, RepositoryName, Tag};

use crate::Registry;
use crate::access::{Action, Caller, Held};
use crate::clock::now_ms;
use crate::error::Error;
use rules::Compiled;

/// Rules of one organization at most, beside those of its images.
const ORGANIZATION_RULES_MAX: i64 = 50;
/// Rules of one image at most.
const IMAGE_RULES_MAX: i64 = 20;
/// Tags that a preview names; it counts more.
const PREVIEW_TAGS_MAX: usize = 100;
/// Tags that a preview looks at.
const PREVIEW_LOOKS_MAX: u64 = 100_000;
/// Images that a preview looks into.
const PREVIEW_IMAGES_MAX: usize = 10_000;
/// Rows read at a time.
const PAGE: i64 = 1000;

/// Where a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImmutabilityPlace<'a> {
    /// An organization: it is about all its images, or those that it names.
    Organization(&'a OrganizationName),
    /// An image.
    Image(&'a RepositoryName),
}

/// Which tags a rule is to make immutable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedImmutability {
    /// How the pattern is read: `glob`, or `regex`. A glob that can only be a regular expression is taken for one.
    pub kind: String,
    /// Which tags.
    pub pattern: String,
    /// Tags that are left out, read as `glob` is.
    pub except: Option<String>,
    /// Of an organization's rule: which images, as a glob of their names; none for all.
    pub images: Option<String>,
}

/// What a rule would make immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImmutabilityPreview {
    /// Image and tag, the first hundred.
    pub tags: Vec<(String, String)>,
    /// How many were found.
    pub found: u64,
    /// Whether there are tags beyond those that were looked at.
    pub more: bool,
}

/// The rows of a place.
struct Place {
    organization_id: i64,
    repository_id: Option<i64>,
}

impl Place {
    /// An image that is there.
    fn image(held: &Held) -> Self {
        Self {
            organization_id: held.organization_id,
            repository_id: Some(held.id),
        }
    }
}

impl Registry {
    /// The rules of an organization, or those that hold for an image: its own and its organization's. For who has a right
    /// there.
    pub async fn immutability(
        &self,
        caller: &Caller,
        place: ImmutabilityPlace<'_>,
    ) -> Result<Vec<ImmutabilityRule>, Error> {
        let found = match place {
            ImmutabilityPlace::Organization(name) => {
                let standing = self.visible_organization(caller, name).await?;
                let organization = standing.organization.ok_or_else(|| unknown_organization(name))?;
                Place {
                    organization_id: organization.id,
                    repository_id: None,
                }
            }
            ImmutabilityPlace::Image(name) => {
                Place::image(&self.require_held(caller, Action::ReadRights, name).await?)
            }
        };
        let rules = self
            .metadata
            .immutability_rules(found.organization_id, found.repository_id)
            .await?;
        let ImmutabilityPlace::Image(name) = place else {
            return Ok(rules);
        };
        let mut about = Vec::with_capacity(rules.len());
        for rule in rules {
            if self.compiled_rules.of(&rule)?.is_about(name.image().as_str()) {
                about.push(rule);
            }
        }
        Ok(about)
    }

    /// Makes tags immutable from now on, for who manages the place. `Exists` when there is the same rule, `Invalid` for a
    /// pattern that is none and for one rule too many.
    pub async fn add_immutability(
        &self,
        caller: &Caller,
        place: ImmutabilityPlace<'_>,
        wanted: &WantedImmutability,
    ) -> Result<ImmutabilityRule, Error> {
        let managed = self.rules_place(caller, place).await?;
        let terms = checked(place, wanted)?;
        let (creator_id, creator_name) = match caller {
            Caller::User(user) => (user.user_id.clone(), user.user_name.clone()),
            Caller::Anonymous | Caller::System => Default::default(),
        };
        let limit = match place {
            ImmutabilityPlace::Organization(_) => ORGANIZATION_RULES_MAX,
            ImmutabilityPlace::Image(_) => IMAGE_RULES_MAX,
        };
        let new = NewImmutabilityRule {
            organization_id: managed.organization_id,
            repository_id: managed.repository_id,
            terms,
            creator_id,
            creator_name,
            limit,
            now: now_ms(),
        };
        let made = self.metadata.create_immutability_rule(new).await;
        made.map_err(|error| match (error, place) {
            (berth_metadata::Error::Conflict(Conflict::Taken), _) => {
                Error::Exists("a rule that says the same here".to_owned())
            }
            (berth_metadata::Error::Conflict(Conflict::TooMany), _) => Error::Invalid(format!(
                "there are {limit} rules about immutable tags here, as many as there may be: delete one, or join patterns \
                 ({{a,b}} means either)"
            )),
            (
                berth_metadata::Error::Conflict(Conflict::OrganizationGone),
                ImmutabilityPlace::Organization(name),
            ) => unknown_organization(name),
            (
                berth_metadata::Error::Conflict(Conflict::OrganizationGone | Conflict::RepositoryGone),
                ImmutabilityPlace::Image(name),
            ) => Error::RepositoryUnknown(name.to_string()),
            (error, _) => error.into(),
        })
    }

    /// Deletes a rule, for who manages the place that it is in; `Unknown` when it has none of that id.
    pub async fn delete_immutability(
        &self,
        caller: &Caller,
        place: ImmutabilityPlace<'_>,
        id: i64,
    ) -> Result<(), Error> {
        let managed = self.rules_place(caller, place).await?;
        let deleted = self
            .metadata
            .delete_immutability_rule(managed.organization_id, managed.repository_id, id)
            .await?;
        let unknown = || {
            let (what, name) = match place {
                ImmutabilityPlace::Organization(name) => ("organization", name.to_string()),
                ImmutabilityPlace::Image(name) => ("image", name.to_string()),
            };
            Error::Unknown(format!("rule {id} about immutable tags of {what} '{name}'"))
        };
        deleted.then_some(()).ok_or_else(unknown)
    }

    /// What a rule would make immutable of what is there, for who may set it. It looks at a hundred thousand tags at most.
    pub async fn preview_immutability(
        &self,
        caller: &Caller,
        place: ImmutabilityPlace<'_>,
        wanted: &WantedImmutability,
    ) -> Result<ImmutabilityPreview, Error> {
        let managed = self.rules_place(caller, place).await?;
        let compiled = Compiled::of(&checked(place, wanted)?)?;
        let mut preview = ImmutabilityPreview::default();
        let mut looked = 0;
        let images = match (place, managed.repository_id) {
            (ImmutabilityPlace::Image(name), Some(id)) => vec![(id, name.image().to_string())],
            _ => self.images_of(managed.organization_id, &mut preview).await?,
        };
        for (repository_id, image) in images {
            if !compiled.is_about(&image) {
                continue;
            }
            let mut last: Option<String> = None;
            loop {
                if looked >= PREVIEW_LOOKS_MAX {
                    preview.more = true;
                    return Ok(preview);
                }
                let page = self
                    .metadata
                    .list_tags(repository_id, last.as_deref(), PAGE)
                    .await?;
                looked += page.len() as u64;
                let Some(end) = page.last() else { break };
                last = Some(end.clone());
                for tag in page.iter().filter(|tag| compiled.covers(tag)) {
                    preview.found += 1;
                    if preview.tags.len() < PREVIEW_TAGS_MAX {
                        preview.tags.push((image.clone(), tag.clone()));
                    }
                }
            }
        }
        Ok(preview)
    }

    /// The rules that hold for a repository. One indexed query, none where its organization never had one.
    pub(crate) async fn rules(
        &self,
        standing: &Standing,
        repository_id: i64,
        name: &RepositoryName,
    ) -> Result<Rules, Error> {
        if standing.rules_version == 0 {
            return Ok(Rules::none(name));
        }
        let organization = standing.organization.as_ref();
        let organization = organization.ok_or_else(|| Error::RepositoryUnknown(name.to_string()))?;
        self.rules_at(standing.rules_version, (organization.id, repository_id), name)
            .await
    }

    /// The rules that hold for an image, whose organization's rules are at this version.
    pub(crate) async fn rules_at(
        &self,
        version: i64,
        (organization_id, repository_id): (i64, i64),
        name: &RepositoryName,
    ) -> Result<Rules, Error> {
        if version == 0 {
            return Ok(Rules::none(name));
        }
        let found = self
            .metadata
            .immutability_rules(organization_id, Some(repository_id))
            .await?;
        Rules::new(&self.compiled_rules, version, name, found)
    }

    async fn images_of(
        &self,
        organization_id: i64,
        preview: &mut ImmutabilityPreview,
    ) -> Result<Vec<(i64, String)>, Error> {
        let mut images: Vec<(i64, String)> = Vec::new();
        loop {
            let after = images.last().map_or(0, |(id, _)| *id);
            let page = self
                .metadata
                .repository_names(organization_id, after, PAGE)
                .await?;
            if page.is_empty() {
                return Ok(images);
            }
            images.extend(page);
            if images.len() >= PREVIEW_IMAGES_MAX {
                preview.more = true;
                return Ok(images);
            }
        }
    }

    async fn rules_place(&self, caller: &Caller, place: ImmutabilityPlace<'_>) -> Result<Place, Error> {
        match place {
            ImmutabilityPlace::Organization(name) => Ok(Place {
                organization_id: self.managed_organization(caller, name).await?.id,
                repository_id: None,
            }),
            ImmutabilityPlace::Image(name) => {
                let held = self.require_held(caller, Action::ManageRepository, name).await?;
                Ok(Place::image(&held))
            }
        }
    }
}

/// What is wanted, if it can be read.
fn checked(place: ImmutabilityPlace<'_>, wanted: &WantedImmutability) -> Result<ImmutabilityTerms, Error> {
    let images = wanted.images.clone().filter(|images| !images.is_empty());
    if images.is_some() && matches!(place, ImmutabilityPlace::Image(_)) {
        return Err(Error::Invalid(
            "which images a rule is about is said in rules of organizations only".to_owned(),
        ));
    }
    let terms = ImmutabilityTerms {
        images,
        kind: wanted.kind.clone(),
        pattern: wanted.pattern.clone(),
        except: wanted.except.clone().filter(|except| !except.is_empty()),
    };
    Compiled::of(&terms)?;
    Ok(terms)
}

/// The tag that a stored text is.
fn tag(text: &str) -> Option<Tag> {
    text.parse().ok()
}

fn unknown_organization(name: &OrganizationName) -> Error {
    Error::Unknown(format!("organization '{name}'"))
}
