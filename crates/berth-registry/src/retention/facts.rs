//! Gathers what an image's tags are judged by: its rules, its tags and what protects them.

use std::collections::{BTreeSet, HashMap, HashSet};

use berth_metadata::{
    Guard, JudgedPlace, JudgedTag, KnownLinks, ManifestLink, RetentionRow, RetentionRuleRow, RunningImage,
};
use berth_oci::RepositoryName;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::fate::Fate;
use super::judge::{Facts, Running, judge};
use super::rule::{Rule, is_for_image};
use crate::accessory;
use crate::clock::now_ms;
use crate::{Error, Registry};

/// Images that are judged at a time, each with all its tags and patterns in memory.
const JUDGED_AT_ONCE: usize = 2;

/// Whose turn it is to judge an image.
#[derive(Debug)]
pub(crate) struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(JUDGED_AT_ONCE))
    }
}

impl Turns {
    /// Waits for a turn, which lasts as long as what is answered.
    pub(super) async fn take(&self) -> SemaphorePermit<'_> {
        self.0.acquire().await.expect("nobody closes it")
    }
}

/// Looks at a cluster that may be missed until what runs there counts as unknown.
const LOOKS_MISSED_MAX: i64 = 3;
/// Tags, or manifests, that are read at once.
const READ_AT_ONCE: i64 = 5_000;

/// The rules of an image: its own retention alone, where it has one, or those of its organization.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ruling {
    pub(crate) rules: Vec<Rule>,
    /// The image's own retention.
    pub(crate) own: Option<i64>,
}

/// Rules as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoredRules {
    /// The image's own retention.
    Own(RetentionRow),
    /// Those of its organization that are for it and in force.
    OfOrganization(Vec<RetentionRuleRow>),
}

impl StoredRules {
    /// As they judge, with their patterns.
    pub(crate) fn ruling(&self) -> Result<Ruling, Error> {
        match self {
            Self::Own(row) => Ok(Ruling {
                rules: vec![Rule::stored(row)?],
                own: Some(row.id),
            }),
            Self::OfOrganization(rows) => Ok(Ruling {
                rules: rows
                    .iter()
                    .map(Rule::stored_of_organization)
                    .collect::<Result<_, _>>()?,
                own: None,
            }),
        }
    }
}

/// An image's tags, and what becomes of each.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) facts: Facts,
    pub(crate) fates: Vec<Fate>,
    /// What the metadata asks once more before it deletes.
    pub(crate) guard: Guard,
}

impl Registry {
    /// The rules that are in force for an image.
    pub(crate) async fn stored_rules(&self, place: &JudgedPlace) -> Result<StoredRules, Error> {
        if let Some(row) = self.metadata.retention(place.repository_id).await? {
            return Ok(StoredRules::Own(row));
        }
        let mut rows = self.metadata.retention_rules(place.organization_id).await?;
        let mut unread = None;
        rows.retain(|row| {
            row.enabled
                && is_for_image(&row.images, &place.image).unwrap_or_else(|error| {
                    unread = Some(error);
                    false
                })
        });
        match unread {
            None => Ok(StoredRules::OfOrganization(rows)),
            Some(error) => Err(error),
        }
    }

    /// What these rules would do with an image's tags now.
    pub(crate) async fn judged(&self, place: &JudgedPlace, ruling: &Ruling) -> Result<Judged, Error> {
        let name: RepositoryName = format!("{}/{}", place.organization, place.image).parse()?;
        let ids = (place.organization_id, place.repository_id);
        let immutable = self.rules_at(place.rules_version, ids, &name).await?;
        let guard = immutable.guard();
        let mut facts = if ruling.rules.is_empty() {
            Facts {
                tags: self.tags_to_judge(place.repository_id).await?,
                ..Facts::default()
            }
        } else {
            self.retention_facts(place).await?
        };
        let (rules, now) = (ruling.rules.clone(), now_ms());
        // Patterns over many tags take a while, and nobody else waits for that.
        let judged = tokio::task::spawn_blocking(move || {
            let covered = |tag: &JudgedTag| {
                let rule = immutable.covering(&tag.tag)?;
                Some((tag.tag.clone(), format!("rule {} about immutable tags", rule.id)))
            };
            facts.immutable = facts.tags.iter().filter_map(covered).collect();
            let fates = judge(&rules, &facts, now);
            (facts, fates)
        });
        let (facts, fates) = judged
            .await
            .map_err(|error| Error::internal("judging tags", error))?;
        Ok(Judged { facts, fates, guard })
    }

    /// Why nothing may be deleted now: it is not known what runs in a cluster of the account. Where nobody looks at clusters,
    /// nobody waits for that either.
    pub(super) async fn unseen_cluster(&self, place: &JudgedPlace) -> Result<Option<String>, Error> {
        let every = self.limits.clusters_look_every;
        if every.is_zero() || self.limits.retention.without_clusters {
            return Ok(None);
        }
        let known_for = i64::try_from(every.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_mul(LOOKS_MISSED_MAX);
        let since = now_ms().saturating_sub(known_for);
        let unseen = self.metadata.unseen_cluster(&place.account_id, since).await?;
        Ok(unseen.map(|name| {
            format!(
                "it is not known what runs in cluster {name}: nothing is deleted before it is (retention.without_clusters)"
            )
        }))
    }

    async fn tags_to_judge(&self, repository_id: i64) -> Result<Vec<JudgedTag>, Error> {
        let (mut tags, mut last) = (Vec::new(), String::new());
        loop {
            let page = self.metadata.judged_tags(repository_id, &last, READ_AT_ONCE);
            let page = page.await?;
            let Some(end) = page.last() else { return Ok(tags) };
            last.clone_from(&end.tag);
            tags.extend(page);
        }
    }

    /// Adds which indexes list these manifests, and which list those: an index within another may have no tag of its own.
    async fn list_upwards(
        &self,
        repository_id: i64,
        named: Vec<String>,
        tagged: &HashSet<&str>,
        listed: &mut Vec<ManifestLink>,
    ) -> Result<(), Error> {
        let untagged = |links: &[ManifestLink]| -> Vec<String> {
            let from = links.iter().map(|link| &link.from);
            from.filter(|digest| !tagged.contains(digest.as_str()))
                .cloned()
                .collect()
        };
        let mut asked: HashSet<String> = HashSet::new();
        let mut next = untagged(listed);
        next.extend(named);
        loop {
            next.retain(|digest| asked.insert(digest.clone()));
            if next.is_empty() {
                return Ok(());
            }
            let above = self.metadata.listing_indexes(repository_id, &next).await?;
            next = untagged(&above);
            listed.extend(above);
        }
    }

    async fn retention_facts(&self, place: &JudgedPlace) -> Result<Facts, Error> {
        let id = place.repository_id;
        let tags = self.tags_to_judge(id).await?;
        let mut listed = self.metadata.listed_tagged(id, READ_AT_ONCE).await?;
        let referrers = self.metadata.tagged_referrers(id, READ_AT_ONCE).await?;
        let tagged: HashSet<&str> = tags.iter().map(|tag| tag.digest.as_str()).collect();
        let subjects = tags.iter().filter_map(|tag| accessory::named_by(&tag.tag));
        let subjects = subjects.chain(referrers.iter().map(|link| link.to.clone()));
        let untagged: BTreeSet<String> = subjects
            .filter(|digest| !tagged.contains(digest.as_str()))
            .collect();
        let untagged: Vec<String> = untagged.into_iter().collect();
        let untagged = self.metadata.live_manifests(id, &untagged).await?;
        let running = self.metadata.running_images(id).await?;
        let running: Vec<Running> = running.into_iter().map(what_runs).collect();
        let named: BTreeSet<String> = running
            .iter()
            .filter_map(|running| running.digest.clone())
            .collect();
        let named: Vec<String> = named.into_iter().chain(untagged.iter().cloned()).collect();
        self.list_upwards(id, named, &tagged, &mut listed).await?;
        // What is not there any more is nobody's partner.
        let gone: HashSet<&str> = referrers.iter().map(|link| link.to.as_str()).collect();
        let gone: HashSet<String> = gone
            .into_iter()
            .filter(|digest| !tagged.contains(digest) && !untagged.iter().any(|live| live == digest))
            .map(str::to_owned)
            .collect();
        let referrers = referrers
            .into_iter()
            .filter(|link| !gone.contains(&link.to))
            .collect();
        Ok(Facts {
            tags,
            listed,
            referrers,
            untagged,
            running,
            immutable: HashMap::new(),
            keeps_signed: self.limits.retention.keep_signed,
        })
    }
}

impl Facts {
    /// What the judgement knew of what refers to manifests.
    pub(super) fn known(&self) -> KnownLinks {
        let links = self.listed.iter().chain(&self.referrers);
        let tags = self.tags.iter().map(|tag| &tag.tag);
        KnownLinks {
            manifests: links.map(|link| link.from.clone()).collect(),
            tags: tags
                .filter(|tag| accessory::named_by(tag).is_some())
                .cloned()
                .collect(),
            endings: accessory::endings(),
        }
    }
}

fn what_runs(running: RunningImage) -> Running {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let runs = running.runs;
    Running {
        place: format!(
            "{} {}/{} in cluster {}",
            runs.kind, runs.namespace, runs.workload, running.cluster_name
        ),
        tag: some(runs.tag),
        digest: some(runs.digest),
    }
}
