//! Which tags go, and why the others stay: a pure function over what is known of them. `docs/reference/retention.md` says
//! the same for people.

mod cause;

use std::collections::{BTreeMap, HashMap};

use berth_metadata::{JudgedTag, ManifestLink};

use super::fate::{Fate, KeptBecause, cut};
use super::rule::{Keeps, Rule};
use crate::accessory;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// All that a judgement needs of an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Its tags, in byte order.
    pub(crate) tags: Vec<JudgedTag>,
    /// Which live indexes list manifests that a tag names, or that run.
    pub(crate) listed: Vec<ManifestLink>,
    /// Which live manifests have a subject, where a tag names one of the two.
    pub(crate) referrers: Vec<ManifestLink>,
    /// Manifests that no tag names, which tags of signatures are about.
    pub(crate) untagged: Vec<String>,
    /// What clusters run of it.
    pub(crate) running: Vec<Running>,
    /// Why a tag neither moves nor goes, of those where that is so.
    pub(crate) immutable: HashMap<String, String>,
    /// Whether tags stay because a signature or another artifact refers to what they name.
    pub(crate) keeps_signed: bool,
}

/// What a workload runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// The tag that the workload names, if it names one.
    pub(crate) tag: Option<String>,
    /// What runs, or what the workload names, if it is known.
    pub(crate) digest: Option<String>,
    /// Where, for people.
    pub(crate) place: String,
}

/// What becomes of each of the tags at a time, in their order.
pub(crate) fn judge(rules: &[Rule], facts: &Facts, now: i64) -> Vec<Fate> {
    let mut judgement = Judgement::new(facts);
    judgement.rule(rules, now);
    judgement.protect();
    judgement.keep_partners();
    judgement.name_rules();
    judgement.fates
}

/// What a rule says of a tag: that it goes, or that it stays, with the reason.
type Said = (usize, Result<String, String>);

/// A digest, as its place among all that are known.
type Id = usize;

struct Judgement<'a> {
    facts: &'a Facts,
    ids: HashMap<&'a str, Id>,
    /// The tags that name each digest.
    tags_of: Vec<Vec<usize>>,
    /// What the digest of each tag is.
    named: Vec<Id>,
    /// The manifest that a tag's own is about, where it is a signature or another artifact of one that is there.
    subject: Vec<Option<Id>>,
    /// Tags of artifacts that are about a digest.
    about: HashMap<Id, Vec<usize>>,
    /// What each index lists.
    listed: HashMap<Id, Vec<Id>>,
    fates: Vec<Fate>,
}

impl<'a> Judgement<'a> {
    fn new(facts: &'a Facts) -> Self {
        let mut ids: HashMap<&str, Id> = HashMap::new();
        let mut id = |digest: &'a str| {
            let next = ids.len();
            *ids.entry(digest).or_insert(next)
        };
        let named: Vec<Id> = facts.tags.iter().map(|tag| id(&tag.digest)).collect();
        for link in facts.listed.iter().chain(&facts.referrers) {
            id(&link.from);
            id(&link.to);
        }
        for digest in &facts.untagged {
            id(digest);
        }
        let mut tags_of = vec![Vec::new(); ids.len()];
        for (tag, digest) in named.iter().enumerate() {
            tags_of[*digest].push(tag);
        }
        let mut subject_of: HashMap<Id, Id> = HashMap::new();
        for link in &facts.referrers {
            subject_of.insert(ids[link.from.as_str()], ids[link.to.as_str()]);
        }
        let mut about: HashMap<Id, Vec<usize>> = HashMap::new();
        let mut subject = Vec::with_capacity(named.len());
        for (tag, judged) in facts.tags.iter().enumerate() {
            let by_name = accessory::named_by(&judged.tag);
            let by_name = by_name.and_then(|digest| ids.get(digest.as_str()).copied());
            let of = by_name.or_else(|| subject_of.get(&named[tag]).copied());
            let of = of.filter(|of| *of != named[tag]);
            if let Some(of) = of {
                about.entry(of).or_default().push(tag);
            }
            subject.push(of);
        }
        let mut listed: HashMap<Id, Vec<Id>> = HashMap::new();
        for link in &facts.listed {
            let child = ids[link.to.as_str()];
            listed.entry(ids[link.from.as_str()]).or_default().push(child);
        }
        Self {
            facts,
            listed,
            ids,
            tags_of,
            named,
            subject,
            about,
            fates: Vec::new(),
        }
    }

    /// What the rules say of each tag. Those of artifacts go with what they are about, whatever the rules.
    fn rule(&mut self, rules: &[Rule], now: i64) {
        let tags = &self.facts.tags;
        let mut exempt: Vec<Option<&str>> = vec![None; tags.len()];
        for (tag, exempt) in tags.iter().zip(&mut exempt) {
            *exempt = rules.iter().find_map(|rule| rule.exempts(&tag.tag));
        }
        // Of each rule which tags it is for, and of those the places from the newest.
        let mut says: Vec<Vec<Said>> = vec![Vec::new(); tags.len()];
        for (number, rule) in rules.iter().enumerate() {
            let is_for = |tag: &usize| {
                exempt[*tag].is_none() && self.subject[*tag].is_none() && rule.is_for(&tags[*tag].tag)
            };
            let mut judged: Vec<usize> = (0..tags.len()).filter(is_for).collect();
            judged.sort_unstable_by_key(|tag| std::cmp::Reverse((tags[*tag].pushed_at, &tags[*tag].tag)));
            for (place, tag) in judged.into_iter().enumerate() {
                let age_ms = now.saturating_sub(tags[tag].pushed_at);
                says[tag].push((number, rule.says(place, age_ms)));
            }
        }
        let names = self.names();
        let fates = says.into_iter().enumerate().map(|(tag, says)| match exempt[tag] {
            Some(selector) => Fate::kept(KeptBecause::Exempt, selector.to_owned()),
            None => match self.subject[tag] {
                Some(subject) => Fate::Goes {
                    rule: 0,
                    reason: format!("it belongs to {}, which goes", names[subject]),
                },
                None => conclude(says),
            },
        });
        self.fates = fates.collect();
    }

    /// Which indexes list each manifest.
    fn above(&self) -> HashMap<Id, Vec<Id>> {
        let mut above: HashMap<Id, Vec<Id>> = HashMap::new();
        for link in &self.facts.listed {
            let index = self.ids[link.from.as_str()];
            above.entry(self.ids[link.to.as_str()]).or_default().push(index);
        }
        above
    }

    fn names(&self) -> Vec<&'a str> {
        let mut names = vec![""; self.ids.len()];
        for (digest, id) in &self.ids {
            names[*id] = digest;
        }
        names
    }

    /// Keeps what workloads run, and what is immutable.
    fn protect(&mut self) {
        let mut by_tag: HashMap<&str, &str> = HashMap::new();
        let mut by_digest: BTreeMap<Id, &str> = BTreeMap::new();
        for running in &self.facts.running {
            if let Some(tag) = &running.tag {
                by_tag.insert(tag, &running.place);
            }
            if let Some(id) = running
                .digest
                .as_ref()
                .and_then(|digest| self.ids.get(digest.as_str()))
            {
                by_digest.insert(*id, &running.place);
            }
        }
        // Whatever runs of an index, the index is what was asked for.
        let above = self.above();
        let mut next: Vec<Id> = by_digest.keys().copied().collect();
        while let Some(digest) = next.pop() {
            let place = by_digest[&digest];
            for index in above.get(&digest).into_iter().flatten() {
                if !by_digest.contains_key(index) {
                    by_digest.insert(*index, place);
                    next.push(*index);
                }
            }
        }
        for (tag, judged) in self.facts.tags.iter().enumerate() {
            if !self.fates[tag].goes() {
                continue;
            }
            let running = by_tag
                .get(judged.tag.as_str())
                .or_else(|| by_digest.get(&self.named[tag]));
            if let Some(place) = running {
                self.fates[tag] = Fate::kept(KeptBecause::Running, (*place).to_owned());
            } else if let Some(why) = self.facts.immutable.get(&judged.tag) {
                self.fates[tag] = Fate::kept(KeptBecause::Immutable, why.clone());
            }
        }
        if self.facts.keeps_signed {
            for link in &self.facts.referrers {
                self.keep_naming(self.ids[link.to.as_str()], KeptBecause::Signature, &link.from);
            }
            let about: Vec<(Id, usize)> = self.about.iter().map(|(id, tags)| (*id, tags[0])).collect();
            for (id, tag) in about {
                let by = &self.facts.tags[tag].tag;
                self.keep_naming(id, KeptBecause::Signature, by);
            }
        }
    }

    /// Keeps those tags of a digest that were to go and are no artifacts of others; answers whether there were any.
    fn keep_naming(&mut self, digest: Id, because: KeptBecause, reason: &str) -> bool {
        let mut any = false;
        for tag in self.tags_of[digest].clone() {
            let follows = because == KeptBecause::Signature && self.subject[tag].is_some();
            if self.fates[tag].goes() && !follows {
                self.fates[tag] = Fate::kept(because, reason.to_owned());
                any = true;
            }
        }
        any
    }

    /// Keeps what belongs to something that stays: manifests of an index, artifacts of a manifest, and a manifest whose
    /// artifact stays for a reason of its own.
    fn keep_partners(&mut self) {
        loop {
            self.spread();
            let adrift = self.adrift();
            if adrift.is_empty() {
                return;
            }
            for tag in adrift {
                let reason = "it belongs to what stays".to_owned();
                self.fates[tag] = Fate::kept(KeptBecause::Subject, reason);
            }
        }
    }

    fn spread(&mut self) {
        let mut is_listed = vec![false; self.tags_of.len()];
        for child in self.listed.values().flatten() {
            is_listed[*child] = true;
        }
        // Without a tag it stays, unless it goes with the indexes that list it.
        let stays = |id: &Id| match &self.tags_of[*id] {
            tags if tags.is_empty() => !is_listed[*id],
            tags => tags.iter().any(|tag| !self.fates[*tag].goes()),
        };
        let mut next: Vec<Id> = (0..self.tags_of.len()).filter(stays).collect();
        let mut seen = vec![false; self.tags_of.len()];
        let names = self.names();
        while let Some(digest) = next.pop() {
            if std::mem::replace(&mut seen[digest], true) {
                continue;
            }
            for child in &self.listed.get(&digest).cloned().unwrap_or_default() {
                if self.keep_naming(*child, KeptBecause::Index, names[digest])
                    || self.tags_of[*child].is_empty()
                {
                    next.push(*child);
                }
            }
            for tag in self.about.get(&digest).cloned().unwrap_or_default() {
                if self.fates[tag].goes() {
                    self.fates[tag] = Fate::kept(KeptBecause::Subject, names[digest].to_owned());
                    next.push(self.named[tag]);
                }
            }
            for tag in self.tags_of[digest].clone() {
                let Some(subject) = self.subject[tag].filter(|_| !self.fates[tag].goes()) else {
                    continue;
                };
                let artifact = self.facts.tags[tag].tag.clone();
                let tags = self.tags_of[subject].clone();
                for tag in tags {
                    if self.fates[tag].goes() {
                        self.fates[tag] = Fate::kept(KeptBecause::Signature, artifact.clone());
                        next.push(subject);
                    }
                }
            }
        }
    }

    /// Tags of artifacts that would go although nothing that they are about does: they are only about one another.
    fn adrift(&self) -> Vec<usize> {
        let goes = |tag: &usize| self.fates[*tag].goes();
        let grounded = |tag: &usize| goes(tag) && self.subject[*tag].is_none();
        let mut found: Vec<bool> = (0..self.fates.len())
            .map(|tag| !goes(&tag) || grounded(&tag))
            .collect();
        let roots = (0..self.fates.len()).filter(grounded);
        let mut next: Vec<Id> = roots.map(|tag| self.named[tag]).collect();
        let mut seen = vec![false; self.tags_of.len()];
        while let Some(digest) = next.pop() {
            if std::mem::replace(&mut seen[digest], true) {
                continue;
            }
            for follower in self
                .about
                .get(&digest)
                .into_iter()
                .flatten()
                .filter(|tag| goes(tag))
            {
                found[*follower] = true;
                next.push(self.named[*follower]);
            }
            let children = self.listed.get(&digest).into_iter().flatten();
            next.extend(children.filter(|child| self.tags_of[**child].is_empty()));
        }
        (0..found.len()).filter(|tag| !found[*tag]).collect()
    }
}

/// A tag goes when a rule is for it and every one of those lets it go.
fn conclude(says: Vec<Said>) -> Fate {
    let rule = says.first().map_or(0, |(rule, _)| *rule);
    let mut goes = Vec::with_capacity(says.len());
    for (_, said) in says {
        match said {
            Ok(reason) => goes.push(reason),
            Err(reason) => return Fate::kept(KeptBecause::Rule, reason),
        }
    }
    if goes.is_empty() {
        return Fate::kept(KeptBecause::NoRule, String::new());
    }
    goes.dedup();
    Fate::Goes {
        rule,
        reason: cut(goes.join("; ")),
    }
}

impl Rule {
    /// Whether a tag that it is for goes, with the reason, or the reason why it stays: it is at that place of the newest,
    /// and so old.
    fn says(&self, place: usize, age_ms: i64) -> Result<String, String> {
        match self.keeps {
            Keeps::Days(days) => {
                let age = age_ms / DAY_MS;
                if age_ms > days * DAY_MS {
                    Ok(format!(
                        "pushed {age} days ago, kept for {days} ({})",
                        self.name()
                    ))
                } else {
                    Err(format!(
                        "pushed {age} days ago, kept for {days} ({})",
                        self.name()
                    ))
                }
            }
            Keeps::Newest(most) => {
                if i64::try_from(place).unwrap_or(i64::MAX) >= most {
                    Ok(format!("not one of the {most} newest ({})", self.name()))
                } else {
                    Err(format!("one of the {most} newest ({})", self.name()))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
