//! What a run would do now, told before it does it, of rules that are in force or only thought of. The same judgement as a
//! run's, so that both say the same as long as nothing changes between.

use std::collections::{BTreeMap, BTreeSet};

use berth_metadata::{Deleted, JudgedPlace, JudgedTag};
use berth_oci::{OrganizationName, RepositoryName};

use super::facts::Ruling;
use super::fate::{Fate, KeptBecause};
use super::organization::WantedOrganizationRetention;
use super::rule::Rule;
use super::run::kept;
use super::{WantedRetention, checked};
use crate::access::Caller;
use crate::ledger::WouldFree;
use crate::tag::Listed;
use crate::{Error, Registry};

/// Tags of each image that a preview of an organization names.
const TAGS_OF_AN_IMAGE: usize = 100;
/// Images of one answer of a preview of an organization.
const IMAGES_MAX: u32 = 100;
/// Tags of all of them that are told by what deleting them frees.
const FREED_TAGS_MAX: usize = 500_000;

/// Which tags of an image to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FateWanted {
    /// All.
    #[default]
    All,
    /// Those that go.
    Going,
    /// Those that stay.
    Kept,
}

/// Which part of a preview to tell.
#[derive(Clone, Debug, Default)]
pub struct PreviewPage {
    /// Which tags.
    pub fate: FateWanted,
    /// Those after this one; the first when none.
    pub last: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// A tag and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedTag {
    /// The tag.
    pub tag: JudgedTag,
    /// What becomes of it.
    pub fate: Fate,
}

/// How many tags go and stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All tags.
    pub tags: i64,
    /// Those that go.
    pub deleted: i64,
    /// Those that stay, by why.
    pub kept: BTreeMap<KeptBecause, i64>,
}

/// What a run over an image would do now.
#[derive(Clone, Debug)]
pub struct RetentionPreview {
    /// Whether the image's own retention decides, and not the rules of its organization.
    pub is_own: bool,
    /// Rules that are for the image.
    pub rules: usize,
    /// All its tags, counted.
    pub totals: Totals,
    /// A page of them in byte order.
    pub tags: Listed<PreviewedTag>,
    /// What deleting those that go frees, beside the first page.
    pub would_free: Option<WouldFree>,
}

/// What a run over an image would do, beside others.
#[derive(Clone, Debug)]
pub struct ImagePreview {
    /// Its name in its organization.
    pub image: String,
    /// Whether its own retention decides, and not the rules of its organization.
    pub is_own: bool,
    /// All its tags, counted.
    pub totals: Totals,
    /// The first of those that go.
    pub tags: Vec<PreviewedTag>,
}

/// What runs over a page of an organization's images would do now.
#[derive(Clone, Debug)]
pub struct OrganizationPreview {
    /// The images, by name.
    pub images: Listed<ImagePreview>,
    /// All tags of this page's images, counted.
    pub totals: Totals,
    /// What deleting those that go frees, together; none when they are too many to count.
    pub would_free: Option<WouldFree>,
}

impl Totals {
    fn of(fates: &[Fate]) -> Self {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            tags: count(fates.len()),
            deleted: count(fates.iter().filter(|fate| fate.goes()).count()),
            kept: kept(fates),
        }
    }

    fn add(&mut self, other: &Self) {
        self.tags += other.tags;
        self.deleted += other.deleted;
        for (because, count) in &other.kept {
            *self.kept.entry(*because).or_default() += count;
        }
    }
}

impl Registry {
    /// What a run over an image would do now, for those with a right on it: by what is in force when nothing is wanted, else
    /// by that retention in its place.
    pub async fn preview_retention(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: Option<&WantedRetention>,
        page: &PreviewPage,
    ) -> Result<RetentionPreview, Error> {
        let (id, view) = self.ledger_image(caller, name).await?;
        let place = self.metadata.judged_place(id).await?;
        let place = place.ok_or_else(|| Error::RepositoryUnknown(name.to_string()))?;
        let _turn = self.retention_turns.take().await;
        let ruling = match wanted {
            None => self.stored_rules(&place).await?.ruling()?,
            Some(wanted) => Ruling {
                rules: vec![Rule::of_image(None, &checked(wanted)?)?],
                own: None,
            },
        };
        let judged = self.judged(&place, &ruling).await?;
        let goes = judged.facts.tags.iter().zip(&judged.fates);
        let goes: BTreeSet<String> = goes
            .filter(|(_, fate)| fate.goes())
            .map(|(tag, _)| tag.tag.clone())
            .collect();
        let totals = Totals::of(&judged.fates);
        let would_free = if page.last.is_none() {
            let deleted = BTreeMap::from([(id, Deleted::Tags(goes))]);
            Some(self.would_be_freed(self.metadata.freed(&deleted, &view).await?, &view))
        } else {
            None
        };
        let tags = judged.facts.tags.into_iter().zip(judged.fates);
        let tags = tags.filter(|(tag, fate)| {
            let is_after = page.last.as_ref().is_none_or(|last| tag.tag > *last);
            is_after
                && match page.fate {
                    FateWanted::All => true,
                    FateWanted::Going => fate.goes(),
                    FateWanted::Kept => !fate.goes(),
                }
        });
        let tags = tags.take(page.limit as usize + 1);
        let tags = tags.map(|(tag, fate)| PreviewedTag { tag, fate });
        Ok(RetentionPreview {
            is_own: wanted.is_some() || ruling.own.is_some(),
            rules: ruling.rules.len(),
            totals,
            tags: Listed::cut(tags.collect(), page.limit),
            would_free,
        })
    }

    /// What runs over an organization's images would do now, those after `last`, for those with a right on it: by what is in
    /// force when nothing is wanted, else by these rules in the place of the organization's.
    pub async fn preview_organization_retention(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        wanted: Option<&[WantedOrganizationRetention]>,
        (last, limit): (Option<&str>, u32),
    ) -> Result<OrganizationPreview, Error> {
        let (id, view) = self.ledger_organization(caller, name).await?;
        let _turn = self.retention_turns.take().await;
        let wanted = wanted.map(super::organization::rules).transpose()?;
        let limit = limit.min(IMAGES_MAX);
        let page = self
            .metadata
            .ledger_images(id, last.unwrap_or_default(), i64::from(limit) + 1);
        let page = Listed::cut(page.await?, limit);
        let (mut images, mut totals, mut goes) = (Vec::new(), Totals::default(), 0);
        let mut deleted = BTreeMap::new();
        for image in page.entries {
            let Some(place) = self.metadata.judged_place(image.id).await? else {
                continue;
            };
            let ruling = self.thought_of(&place, wanted.as_deref()).await?;
            let judged = self.judged(&place, &ruling).await?;
            let of_image = Totals::of(&judged.fates);
            totals.add(&of_image);
            let tags = judged.facts.tags.into_iter().zip(judged.fates);
            let going: Vec<PreviewedTag> = tags
                .filter(|(_, fate)| fate.goes())
                .map(|(tag, fate)| PreviewedTag { tag, fate })
                .collect();
            goes += going.len();
            if goes <= FREED_TAGS_MAX {
                let names = going.iter().map(|gone| gone.tag.tag.clone()).collect();
                deleted.insert(image.id, Deleted::Tags(names));
            }
            images.push(ImagePreview {
                image: image.image,
                is_own: ruling.own.is_some(),
                totals: of_image,
                tags: going.into_iter().take(TAGS_OF_AN_IMAGE).collect(),
            });
        }
        let would_free = if goes <= FREED_TAGS_MAX {
            Some(self.would_be_freed(self.metadata.freed(&deleted, &view).await?, &view))
        } else {
            None
        };
        Ok(OrganizationPreview {
            images: Listed {
                entries: images,
                more: page.more,
            },
            totals,
            would_free,
        })
    }

    /// What decides about an image when these are the rules of its organization.
    async fn thought_of(
        &self,
        place: &JudgedPlace,
        wanted: Option<&[super::organization::OrganizationRule]>,
    ) -> Result<Ruling, Error> {
        let in_force = self.stored_rules(place).await?.ruling()?;
        let Some(wanted) = wanted.filter(|_| in_force.own.is_none()) else {
            return Ok(in_force);
        };
        let rules = wanted.iter().filter(|rule| rule.is_for(&place.image));
        Ok(Ruling {
            rules: rules.map(|rule| rule.rule.clone()).collect(),
            own: None,
        })
    }
}
