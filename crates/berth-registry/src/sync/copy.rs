//! Making a copy: what is missing at the destination travels there, blobs before the manifests that need them, the tag
//! after its image, signatures and the like last. Everything can be done twice.

mod blobs;
mod referrers;

use berth_metadata::{SYNC, SyncWork, region_lane};
use berth_oci::{Digest, Reference, Tag};
use berth_remote::{Error as RemoteError, Remote, Repository};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::closure::{Part, Role};
use super::job::remote_name;
use super::outcome::{Status, Stop, Tried, of_copy, of_region};
use super::plan::{Plan, There, Verdict, all_blobs, plan, questions, verdict};
use super::progress::Progress;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::region::{ping, unusable};

/// Questions to one destination at once.
const ASKED_AT_ONCE: usize = 8;
/// Blobs of one copy that travel at once.
const SENT_AT_ONCE: usize = 4;
/// The registries that a copy came through.
const SYNC_PATH: HeaderName = HeaderName::from_static("berth-sync-path");

/// A copy under way.
struct Copy<'a> {
    registry: &'a Registry,
    work: &'a SyncWork,
    there: Repository,
    progress: &'a Progress,
    tried: Tried,
}

impl Registry {
    /// Copies what a tag names, with all that belongs to it. Never says that it is done in another way than by why it
    /// stopped.
    pub(super) async fn copy(
        &self,
        work: &SyncWork,
        root: &Digest,
        progress: &Progress,
    ) -> Result<Stop, Stop> {
        let (remote, came_from_there) = self.reached(work).await?;
        let copy = Copy {
            registry: self,
            work,
            there: remote
                .repository(&remote_name(work))
                .map_err(|error| Stop::failed(error.to_string()))?,
            progress,
            tried: Tried {
                attempts: work.attempts,
                refusals: work.refusals,
                for_ms: now_ms().saturating_sub(work.started_at),
            },
        };
        let tag = parsed(&work.tag)?;
        let named = copy.named(&Reference::Tag(tag)).await?;
        // Whoever pushed says where it came from. It is believed when there is something.
        if came_from_there && named.is_some() {
            return Ok(Stop::ended(
                Status::Existed,
                "the tag came here from there, so it is not sent back",
            ));
        }
        let verdict = verdict(named.as_ref(), root, work.overwrite);
        if let Verdict::Kept(other) = &verdict {
            return Ok(kept(other));
        }
        let closure = self.closure(work.repository_id, root).await?;
        let there = copy.there(&closure.parts, &verdict).await?;
        let mut plan = plan(&closure.parts, &there, (&verdict, work.overwrite));
        let all = all_blobs(&closure.parts);
        let existing = all.iter().filter(|blob| plan.blobs.binary_search(blob).is_err());
        progress.begin(all.iter(), existing);
        copy.send_blobs(&plan.blobs).await?;
        if let Some(stop) = copy.put_manifests(&closure.parts, &mut plan, &verdict).await? {
            return Ok(stop);
        }
        copy.list_referrers(&closure.parts, &plan, (&there, &verdict))
            .await?;
        Ok(done(&plan, &verdict, closure.absent))
    }

    /// The region's registry, if it takes part, and whether the tag is said to have come from there.
    async fn reached(&self, work: &SyncWork) -> Result<(Remote, bool), Stop> {
        let region = &work.region;
        let remote = self.connect(region).map_err(|error| match error {
            Error::Invalid(text) => Stop::failed(text),
            error => Stop::Broken(error),
        })?;
        let (check, failed) = match ping(&remote).await {
            Ok(ping) => (self.region_found(ping.registry_id, region), None),
            Err(error) => (unusable(&error, region), Some(error)),
        };
        let known = region.check.as_ref();
        let is_news =
            known.is_none_or(|known| known.usable != check.usable || known.finding != check.finding);
        let (registry_id, finding) = (check.registry_id.clone(), check.finding.clone());
        if is_news {
            self.metadata
                .note_region_check(region.id, region.updated_at, check)
                .await?;
        }
        if let Some(error) = failed {
            let lane = region_lane(region.id);
            let lane = self.metadata.paused_lane(SYNC, &lane, -1).await?;
            let failures = lane.map_or(0, |lane| lane.failures);
            return Err(of_region((&error, finding), failures));
        }
        let came_from_there = !registry_id.is_empty() && work.origin.split(',').any(|id| id == registry_id);
        Ok((remote, came_from_there))
    }
}

impl Copy<'_> {
    /// What is at the destination of what the plan wants to know.
    async fn there(&self, parts: &[Part], verdict: &Verdict) -> Result<There, Stop> {
        let asked = stream::iter(questions(parts, verdict)).map(|at| async move {
            let part = &parts[at];
            let digest = Reference::Digest(part.digest.clone());
            let tagged = match &part.role {
                Role::Tagged(tag) => self.named(&Reference::Tag(parsed(tag)?)).await?,
                _ => None,
            };
            let is_there = tagged.as_ref() == Some(&part.digest) || self.named(&digest).await?.is_some();
            Ok::<_, Stop>((at, is_there, tagged))
        });
        let answers: Vec<_> = asked.buffer_unordered(ASKED_AT_ONCE).try_collect().await?;
        let mut there = There::default();
        for (at, is_there, tagged) in answers {
            if is_there {
                there.manifests.insert(parts[at].digest.clone());
            }
            if let (Role::Tagged(tag), Some(named)) = (&parts[at].role, tagged) {
                there.tags.insert(tag.clone(), named);
            }
        }
        Ok(there)
    }

    /// Puts the manifests of a plan in its order; a stop when the tag turned out to be taken meanwhile. Tags of accessories
    /// that turned out to be taken are kept.
    async fn put_manifests(
        &self,
        parts: &[Part],
        plan: &mut Plan,
        verdict: &Verdict,
    ) -> Result<Option<Stop>, Stop> {
        for part in plan.manifests.iter().map(|at| &parts[*at]) {
            let mut headers = HeaderMap::new();
            headers.insert(SYNC_PATH, self.path()?);
            let reference = match &part.role {
                Role::Root => Reference::Tag(parsed(&self.work.tag)?),
                Role::Tagged(tag) => Reference::Tag(parsed(tag)?),
                Role::Child | Role::Referrer => Reference::Digest(part.digest.clone()),
            };
            let is_created = match part.role {
                Role::Root => *verdict == Verdict::Create,
                Role::Tagged(_) => !self.work.overwrite,
                Role::Child | Role::Referrer => false,
            };
            if is_created {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            match self.put(part, &reference, headers).await {
                Ok(()) => {}
                Err(RemoteError::Changed(_)) if is_created => {
                    match (self.named(&reference).await?, &part.role) {
                        (Some(other), Role::Root) if other != part.digest => return Ok(Some(kept(&other))),
                        (Some(other), Role::Tagged(tag)) => {
                            if other != part.digest {
                                plan.kept.push(tag.clone());
                            }
                        }
                        // Somebody put the same, or took away again what was in the way.
                        _ => return Err(self.again("another push to the tag there came between")),
                    }
                }
                Err(error) => return Err(of_copy(&error, self.tried)),
            }
        }
        Ok(None)
    }

    /// What a tag names there, or whether a digest is there.
    async fn named(&self, reference: &Reference) -> Result<Option<Digest>, Stop> {
        match self.there.head_manifest(reference).await {
            Ok(head) => Ok(head.map(|head| head.digest)),
            Err(error) => Err(of_copy(&error, self.tried)),
        }
    }

    fn again(&self, why: &str) -> Stop {
        of_copy(&RemoteError::Changed(why.to_owned()), self.tried)
    }

    /// Through which registries the tag came, this one included.
    fn path(&self) -> Result<HeaderValue, Stop> {
        let (before, here) = (self.work.origin.as_str(), self.registry.id());
        let path = if before.is_empty() {
            here.to_owned()
        } else {
            format!("{before},{here}")
        };
        HeaderValue::try_from(path)
            .map_err(|error| Stop::Broken(Error::internal("naming the path of a copy", error)))
    }
}

fn parsed(tag: &str) -> Result<Tag, Stop> {
    let broken = |error| Stop::Broken(Error::internal("reading a stored tag", error));
    tag.parse().map_err(broken)
}

fn kept(other: &Digest) -> Stop {
    let detail = format!("the tag names {other} there and is not replaced: the copy is not to overwrite");
    Stop::ended(Status::Existed, detail)
}

fn done(plan: &Plan, verdict: &Verdict, absent: usize) -> Stop {
    let mut notes = Vec::new();
    if *verdict == Verdict::Same && !plan.manifests.is_empty() {
        notes.push("the image was there; what belongs to it was sent".to_owned());
    }
    if !plan.kept.is_empty() {
        let tags = plan.kept.join(", ");
        notes.push(format!("{tags} name something else there and are not replaced"));
    }
    if absent > 0 {
        notes.push(format!("{absent} manifests that are listed are not here"));
    }
    let status = if plan.manifests.is_empty() {
        Status::Existed
    } else {
        Status::Success
    };
    Stop::ended(status, notes.join("; "))
}
