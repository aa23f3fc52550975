//! Lists of a mirrored repository: its tags, and what refers to a manifest, as the other side has them. A list is taken
//! whole, once for all who ask, kept for as long as a tag is taken to name what it named, and cut into pages here, because
//! registries page in ways of their own. When the other side fails, what it last said is answered, else what is here.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use berth_metadata::{Mirror, Standing};
use berth_oci::endpoint::Page;
use berth_oci::{Descriptor, Digest, RepositoryName, Tag};
use moka::sync::Cache;
use tokio::time::Instant;

use super::failed::Failed;
use super::flights::Flights;
use super::manifests::PATIENCE;
use super::upstream::{Asked, Upstream};
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::limits::MirrorLimits;
use crate::manifest::StaleManifest;
use crate::referrers::{PAGE, PAGE_BYTES};
use crate::tag::Listed;
use crate::tag_list::PulledList;

/// Bytes of the lists of one kind that a process keeps.
const KEPT_BYTES_MAX: u64 = 32 << 20;
/// What a list takes beside its key and entries, roughly: anybody can have any number of empty ones asked for.
const LIST_BYTES: usize = 512;

/// Lists of one kind.
#[derive(Debug)]
pub(super) struct Lists<T: Entry> {
    going: Flights<Arc<Known<T>>>,
    known: Cache<String, Arc<Known<T>>>,
}

/// A list as the other side had it.
#[derive(Debug)]
pub(super) struct Known<T> {
    entries: Vec<T>,
    bytes: usize,
    /// When, milliseconds since the epoch.
    at: i64,
    /// The same by a clock that nobody sets.
    since: Instant,
}

/// An entry, whose size counts.
pub(super) trait Entry: Clone + std::fmt::Debug + Send + Sync + 'static {
    fn bytes(&self) -> usize;
}

impl Entry for String {
    fn bytes(&self) -> usize {
        self.len() + size_of::<Self>()
    }
}

impl Entry for Descriptor {
    fn bytes(&self) -> usize {
        size_of::<Self>() + serde_json::to_vec(self).map_or(0, |bytes| bytes.len())
    }
}

impl<T: Entry> Lists<T> {
    pub(super) fn new(limits: &MirrorLimits) -> Self {
        Self {
            going: Flights::default(),
            known: Cache::builder()
                .weigher(|key: &String, known: &Arc<Known<T>>| {
                    let bytes = key.len() + LIST_BYTES + known.bytes;
                    u32::try_from(bytes).unwrap_or(u32::MAX)
                })
                .max_capacity(KEPT_BYTES_MAX)
                .time_to_live(limits.recheck.max(limits.stale_max))
                .build(),
        }
    }
}

impl<T: Entry> Known<T> {
    fn new(entries: Vec<T>) -> Self {
        Self {
            bytes: entries.iter().map(Entry::bytes).sum(),
            at: now_ms(),
            since: Instant::now(),
            entries,
        }
    }

    fn age_ms(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// What a list is of.
struct Wanted {
    organization_id: i64,
    /// The repository, when something of it is here.
    repository_id: Option<i64>,
    recheck_ms: i64,
    key: String,
}

impl Wanted {
    async fn of(registry: &Registry, standing: &Standing, what: &str) -> Result<Self, Error> {
        let organization = standing.organization.as_ref();
        let organization = organization.ok_or_else(|| Error::RepositoryUnknown(what.to_owned()))?;
        let mirror = registry.metadata.mirror_of_organization(organization.id).await?;
        // It ended a moment ago: whoever asks again finds what is here.
        let mirror = mirror.ok_or(Error::Unavailable)?;
        Ok(Self {
            repository_id: standing.repository.as_ref().map(|repository| repository.id),
            recheck_ms: registry.recheck_ms(standing.mirror),
            ..Self::there(&mirror, what)
        })
    }

    /// A list of the other side alone. What another mirror had, or this one before it was changed, is another list: it may
    /// be of another registry, or be shown to a login that this one is not.
    fn there(mirror: &Mirror, what: &str) -> Self {
        Self {
            organization_id: mirror.organization_id,
            repository_id: None,
            recheck_ms: 0,
            key: format!(
                "{what} by mirror {}.{} as of {}",
                mirror.organization_id, mirror.id, mirror.updated_at
            ),
        }
    }
}

async fn tags_of(upstream: Arc<Upstream>, name: RepositoryName) -> Result<Vec<String>, Failed> {
    let tags = upstream.tags(&name).await?;
    Ok(tags.iter().map(ToString::to_string).collect())
}

/// A list of the other side, none when only what is here can be told; and why it may be another by now.
type Found<T> = (Option<Arc<Known<T>>>, Option<StaleManifest>);

impl Registry {
    /// The tags of a mirror's repository that the caller may read after `page.last`, at most `page.n`.
    pub(crate) async fn mirrored_tags(
        self: &Arc<Self>,
        standing: &Standing,
        name: &RepositoryName,
        page: &Page,
    ) -> Result<PulledList<String>, Error> {
        let wanted = Wanted::of(self, standing, &format!("tags of {name}")).await?;
        let of = name.clone();
        let ask = move |upstream| tags_of(upstream, of);
        let found = self.look(&self.mirrors.tags, &wanted, ask).await;
        let (known, stale) =
            found.map_err(|failed| failed.told(Error::RepositoryUnknown(name.to_string())))?;
        let limit = self.page_limit(page);
        let most = limit as usize + 1;
        let last = page.last.as_deref();
        let tags = match (known, wanted.repository_id) {
            (Some(known), _) => {
                let tags = &known.entries;
                let start = tags.partition_point(|tag| last.is_some_and(|last| tag.as_str() <= last));
                tags[start..].iter().take(most).cloned().collect()
            }
            (None, Some(id)) => self.metadata.list_tags(id, last, i64::from(limit) + 1).await?,
            (None, None) => Vec::new(),
        };
        Ok(PulledList {
            listed: Listed::cut(tags, limit),
            stale,
        })
    }

    /// The tags that a mirror's repository has there, for who asks for no page.
    pub(super) async fn tags_there(
        self: &Arc<Self>,
        mirror: &Mirror,
        name: &RepositoryName,
    ) -> Result<Vec<Tag>, Error> {
        let wanted = Wanted::there(mirror, &format!("tags of {name}"));
        let of = name.clone();
        let ask = move |upstream| tags_of(upstream, of);
        let asked = self.ask_for(&self.mirrors.tags, &wanted, ask).await;
        let known = asked.map_err(|failed| failed.told(Error::RepositoryUnknown(name.to_string())))?;
        Ok(known.entries.iter().filter_map(|tag| tag.parse().ok()).collect())
    }

    /// What refers to a manifest of a mirror's repository that the caller may read: there, and here, where somebody may
    /// have made something for it.
    pub(crate) async fn mirrored_referrers(
        self: &Arc<Self>,
        standing: &Standing,
        (name, subject): (&RepositoryName, &Digest),
        (artifact_type, last): (Option<&str>, Option<&Digest>),
    ) -> Result<PulledList<Descriptor>, Error> {
        let wanted = Wanted::of(self, standing, &format!("referrers of {name} {subject}")).await?;
        let (of, to) = (name.clone(), subject.clone());
        let ask = async move |upstream: Arc<Upstream>| {
            let mut listed = upstream.referrers(&of, &to).await?;
            listed.sort_by(|one, other| one.digest.as_str().cmp(other.digest.as_str()));
            // Twice the same would count as two of a page.
            listed.dedup_by(|one, other| one.digest == other.digest);
            Ok(listed)
        };
        let found = self.look(&self.mirrors.referrers, &wanted, ask).await;
        let here = match wanted.repository_id {
            Some(id) => self.referrers_here(id, subject, (artifact_type, last)).await?,
            None => Listed::default(),
        };
        let unknown = || Error::RepositoryUnknown(name.to_string());
        let (known, stale) = match found {
            Ok(found) => found,
            // What was made here is none of the other side's. Without any, nobody knows whether there is one.
            Err(failed) if failed.is_refusal() && (last.is_some() || !here.entries.is_empty()) => {
                let reason = failed.told(unknown()).to_string();
                let seen_at = None;
                (None, Some(StaleManifest { seen_at, reason }))
            }
            Err(failed) => return Err(failed.told(unknown())),
        };
        let there = known.iter().flat_map(|known| &known.entries);
        let there = there
            .filter(|entry| artifact_type.is_none_or(|kind| entry.artifact_type.as_deref() == Some(kind)))
            .filter(|entry| last.is_none_or(|last| entry.digest.as_str() > last.as_str()));
        Ok(PulledList {
            listed: joined(here, there),
            stale,
        })
    }

    /// Asks for a list, once for all who want the same at the same time, when it is time.
    async fn look<T: Entry, F>(
        self: &Arc<Self>,
        lists: &Lists<T>,
        wanted: &Wanted,
        ask: impl FnOnce(Arc<Upstream>) -> F + Send + 'static,
    ) -> Result<Found<T>, Failed>
    where
        F: Future<Output = Result<Vec<T>, Failed>> + Send + 'static,
    {
        let known = lists.known.get(&wanted.key);
        if let Some(known) = &known
            && known.age_ms() < wanted.recheck_ms
        {
            return Ok((Some(Arc::clone(known)), None));
        }
        let known = known.filter(|known| known.age_ms() <= self.limits.mirrors.stale_max_ms());
        let asked = self.ask_for(lists, wanted, ask);
        let can_wait = known.is_none() && wanted.repository_id.is_none();
        let seen_at = known.as_ref().map(|known| known.at);
        let stale = |reason| Some(StaleManifest { seen_at, reason });
        let asked = if can_wait {
            asked.await
        } else {
            // The question goes on without them, and whoever comes later finds its outcome.
            let Ok(asked) = tokio::time::timeout(PATIENCE, asked).await else {
                let reason = "the mirrored registry has not answered yet".to_owned();
                return Ok((known, stale(reason)));
            };
            asked
        };
        match asked {
            Ok(asked) => Ok((Some(asked), None)),
            Err(failed) if !can_wait && failed.is_switched_off() => Ok((None, None)),
            Err(failed) if !can_wait && failed.is_passing() => {
                let reason = failed
                    .told(Error::RepositoryUnknown(wanted.key.clone()))
                    .to_string();
                tracing::warn!(list = wanted.key, reason, "a stale list is served");
                Ok((known, stale(reason)))
            }
            Err(failed) => Err(failed),
        }
    }

    async fn ask_for<T: Entry, F>(
        self: &Arc<Self>,
        lists: &Lists<T>,
        wanted: &Wanted,
        ask: impl FnOnce(Arc<Upstream>) -> F + Send + 'static,
    ) -> Result<Arc<Known<T>>, Failed>
    where
        F: Future<Output = Result<Vec<T>, Failed>> + Send + 'static,
    {
        if let Some(failed) = self.mirrors.absent.get(&wanted.key) {
            return Err(failed);
        }
        let (registry, kept) = (Arc::clone(self), lists.known.clone());
        let (key, organization_id) = (wanted.key.clone(), wanted.organization_id);
        let work = || async move {
            let upstream = registry.upstream(organization_id).await?;
            // Who would be refused anyway needs no turn.
            upstream.admits(Asked::List)?;
            let asked = async {
                let turn = registry.mirrors.list_turns.acquire().await;
                let _turn = turn.map_err(|closed| Error::internal("waiting to ask for a list", closed))?;
                upstream.admits(Asked::List)?;
                ask(Arc::clone(&upstream)).await
            };
            let asked = tokio::time::timeout(registry.limits.mirrors.list_max, asked).await;
            match asked.unwrap_or_else(|_| Err(upstream.late())) {
                Ok(entries) => {
                    let known = Arc::new(Known::new(entries));
                    kept.insert(key, Arc::clone(&known));
                    Ok(known)
                }
                Err(failed) => {
                    if failed.is_lasting() {
                        registry.mirrors.absent.insert(key, failed.clone());
                    }
                    Err(failed)
                }
            }
        };
        let joined = lists.going.join(wanted.key.clone(), &self.mirrors.tasks, work);
        joined.await.0
    }
}

/// One page of two lists in order, what is in both once.
fn joined<'a>(here: Listed<Descriptor>, there: impl Iterator<Item = &'a Descriptor>) -> Listed<Descriptor> {
    // What follows the end of a page that goes on is on the next one.
    let end = here.entries.last().filter(|_| here.more);
    let end = end.map(|last| last.digest.to_string());
    let is_before = |digest: &str| end.as_deref().is_none_or(|end| digest <= end);
    let there = there.filter(|entry| is_before(entry.digest.as_str())).cloned();
    let all = there.take(PAGE as usize + 1).chain(here.entries);
    let all: BTreeMap<String, Descriptor> = all.map(|entry| (entry.digest.to_string(), entry)).collect();
    let (mut entries, mut bytes, mut more) = (Vec::new(), 0_i64, here.more);
    for entry in all.into_values() {
        bytes = bytes.saturating_add(i64::try_from(entry.bytes()).unwrap_or(i64::MAX));
        if !entries.is_empty() && (entries.len() == PAGE as usize || bytes > PAGE_BYTES) {
            more = true;
            break;
        }
        entries.push(entry);
    }
    Listed { entries, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_nothing_takes_room_too() {
        let lists = Lists::<String>::new(&MirrorLimits::default());
        for number in 0..100_000 {
            let nothing = Arc::new(Known::new(Vec::new()));
            lists.known.insert(format!("tags of team/{number}"), nothing);
        }
        lists.known.run_pending_tasks();
        let most = KEPT_BYTES_MAX / 512;
        assert!(lists.known.entry_count() <= most, "{}", lists.known.entry_count());
    }
}
