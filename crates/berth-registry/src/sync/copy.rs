//! Making a copy: what is missing at the destination travels there, blobs before the manifests that need them, the tag
//! after its image, signatures and the like last. Everything can be done twice.

mod blobs;

use std::time::Duration;

use berth_metadata::{SYNC, SyncWork, region_lane};
use berth_oci::{Descriptor, Digest, Manifest, Reference, Tag};
use berth_remote::{Error as RemoteError, Remote, Repository};
use bytes::Bytes;
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
use crate::region::unusable;

/// Questions to one destination at once.
const ASKED_AT_ONCE: usize = 8;
/// Blobs of one copy that travel at once.
const SENT_AT_ONCE: usize = 4;
/// How long a region may take to say what it is.
const PING: Duration = Duration::from_secs(20);
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
        let remote = self.reached(work).await?;
        let closure = self.closure(work.repository_id, root).await?;
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
        let verdict = verdict(named.as_ref(), root, work.overwrite);
        if let Verdict::Kept(other) = &verdict {
            return Ok(kept(other));
        }
        let there = copy.there(&closure.parts, &verdict).await?;
        let plan = plan(&closure.parts, &there, (&verdict, work.overwrite));
        let all = all_blobs(&closure.parts);
        let existing = all.iter().filter(|blob| plan.blobs.binary_search(blob).is_err());
        progress.begin(all.iter(), existing);
        copy.send_blobs(&plan.blobs).await?;
        if let Some(stop) = copy.put_manifests(&closure.parts, &plan, &verdict).await? {
            return Ok(stop);
        }
        Ok(done(&plan, &verdict, closure.absent))
    }

    /// The region's registry, if it takes part and the tag did not come from there.
    async fn reached(&self, work: &SyncWork) -> Result<Remote, Stop> {
        let region = &work.region;
        let remote = self.connect(region).map_err(|error| match error {
            Error::Invalid(text) => Stop::failed(text),
            error => Stop::Broken(error),
        })?;
        let pinged = tokio::time::timeout(PING, remote.ping()).await;
        let pinged = pinged.unwrap_or_else(|_| {
            Err(RemoteError::Unavailable {
                reason: format!("the region did not say what it is within {} s", PING.as_secs()),
                after: None,
            })
        });
        let (check, failed) = match pinged {
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
        if !registry_id.is_empty() && work.origin.split(',').any(|id| id == registry_id) {
            return Err(Stop::ended(
                Status::Existed,
                "the tag came here from there, so it is not sent back",
            ));
        }
        Ok(remote)
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

    /// Puts the manifests of a plan in its order; a stop when the tag turned out to be taken meanwhile.
    async fn put_manifests(
        &self,
        parts: &[Part],
        plan: &Plan,
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
            if part.role == Role::Root && *verdict == Verdict::Create {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            match self.put(part, &reference, headers).await {
                Ok(()) => {}
                Err(RemoteError::Changed(_)) if part.role == Role::Root => {
                    match self.named(&reference).await? {
                        Some(other) if other != part.digest => return Ok(Some(kept(&other))),
                        // Somebody put the same, or took away again what was in the way.
                        _ => return Err(self.again("another push to the tag there came between")),
                    }
                }
                Err(error) => return Err(of_copy(&error, self.tried)),
            }
        }
        Ok(None)
    }

    async fn put(&self, part: &Part, reference: &Reference, headers: HeaderMap) -> Result<(), RemoteError> {
        let metadata = &self.registry.metadata;
        let digest = part.digest.as_str();
        let found = metadata.manifest_by_digest(self.work.repository_id, digest).await;
        let source = |text: String| RemoteError::Source(std::io::Error::other(text));
        let row = found.map_err(|error| source(error.to_string()))?;
        let row = row.ok_or_else(|| source(format!("the manifest {digest} is gone")))?;
        let manifest = Manifest::parse(&row.bytes, Some(&row.media_type));
        let manifest = manifest.map_err(|error| source(error.to_string()))?;
        let size = row.bytes.len() as u64;
        let put = self
            .there
            .put_manifest(reference, &row.media_type, Bytes::from(row.bytes), headers)
            .await?;
        // Without a list of referrers there, clients look under a tag.
        if let (Some(subject), None) = (&manifest.subject, &put.subject) {
            let descriptor = Descriptor {
                artifact_type: manifest.referrer_artifact_type().map(str::to_owned),
                annotations: (!manifest.annotations.is_empty()).then(|| manifest.annotations.clone()),
                ..Descriptor::new(row.media_type, part.digest.clone(), size)
            };
            self.there
                .put_referrer_fallback(&subject.digest, &descriptor)
                .await?;
        }
        Ok(())
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
