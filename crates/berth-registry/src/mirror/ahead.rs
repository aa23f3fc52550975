//! Fetching ahead: rounds over what a mirror's rules name, each in one process of all, by the hour or when somebody asks. A
//! round that its process did not end is done again, and passes over what is here.

use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{Mirror, MirrorRound, RoundDid};
use berth_oci::{Digest, Manifest, RangeRequest, Reference, RepositoryName, Tag};
use futures_util::{StreamExt as _, stream};

use super::rules::Prefetched;
use crate::Registry;
use crate::access::Caller;
use crate::blob::BlobRead;
use crate::clock::now_ms;
use crate::error::Error;

/// Time between two looks whether a round is due.
const LOOKED_AFTER_EVERY: Duration = Duration::from_mins(1);
/// Time between two rounds.
const EVERY: Duration = Duration::from_hours(1);
/// Mirrors whose rounds a process does at once.
const ROUNDS_AT_ONCE: usize = 4;
/// Tags of one pattern that are fetched ahead.
const TAGS_MAX: usize = 200;
/// Failures of a round that are told.
const FAILURES_MAX: usize = 20;
/// Characters of each.
const FAILURE_CHARS_MAX: usize = 500;

impl Registry {
    /// Fetches ahead in all mirrors for as long as it is polled.
    pub(super) async fn keep_fetching_ahead(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(LOOKED_AFTER_EVERY).await;
            if let Err(error) = self.fetch_ahead_where_due().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "it could not be found out what mirrors fetch ahead"
                );
            }
        }
    }

    /// Does the rounds that are due, and that no other process does.
    pub async fn fetch_ahead_where_due(self: &Arc<Self>) -> Result<(), Error> {
        let mirrors = self.metadata.mirrors_with_rules().await?;
        let mirrors = mirrors
            .into_iter()
            .filter(|mirror| !mirror.rules.prefetch.is_empty());
        stream::iter(mirrors)
            .for_each_concurrent(ROUNDS_AT_ONCE, async |mirror| {
                self.fetch_ahead_if_due(&mirror).await;
            })
            .await;
        Ok(())
    }

    /// Has what the rules of a mirror of the caller's account name fetched, for its administrators; answers at once. When
    /// a round goes on, another one follows it.
    pub async fn prefetch_mirror(self: &Arc<Self>, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.require_own_administrator()?;
        let mirror = self.mirror(caller, name).await?;
        self.metadata.want_mirror_round(mirror.id, now_ms()).await?;
        let (registry, closing) = (Arc::clone(self), self.mirrors.tasks.closing.clone());
        self.mirrors.tasks.tracker.spawn(async move {
            tokio::select! {
                () = registry.fetch_ahead_if_due(&mirror) => {}
                () = closing.cancelled() => {}
            }
        });
        Ok(())
    }

    async fn fetch_ahead_if_due(self: &Arc<Self>, mirror: &Mirror) {
        let lease = format!("mirror {} fetches ahead", mirror.id);
        let work = async {
            let round = self.metadata.mirror_round(mirror.id).await?;
            if !is_due(&round, now_ms()) {
                return Ok(());
            }
            self.metadata.begin_mirror_round(mirror.id, now_ms()).await?;
            let did = self.fetch_ahead(mirror).await;
            self.metadata.end_mirror_round(mirror.id, did, now_ms()).await?;
            Ok(())
        };
        if let Err(error) = self.under_lease(&lease, work).await {
            tracing::warn!(
                mirror = mirror.name,
                error = &error as &dyn std::error::Error,
                "images could not be fetched ahead"
            );
        }
    }

    /// One round: what cannot be had is told, and tried again in the next.
    async fn fetch_ahead(self: &Arc<Self>, mirror: &Mirror) -> RoundDid {
        let mut did = RoundDid::default();
        for pattern in &mirror.rules.prefetch {
            let (name, tags) = match self.tags_to_fetch(mirror, pattern).await {
                Ok(found) => found,
                Err(error) => {
                    note(&mut did, mirror, (pattern, error));
                    continue;
                }
            };
            for tag in tags {
                let image = format!("{}:{tag}", name.image());
                match self.fetch_image(&name, Reference::Tag(tag)).await {
                    Ok(()) => did.images += 1,
                    Err(error) => note(&mut did, mirror, (&image, error)),
                }
            }
        }
        did
    }

    async fn tags_to_fetch(
        &self,
        mirror: &Mirror,
        pattern: &str,
    ) -> Result<(RepositoryName, Vec<Tag>), Error> {
        let wanted = Prefetched::of(pattern)?;
        let name = RepositoryName::new(mirror.organization.parse()?, wanted.image);
        let tags = if let Some(tag) = wanted.tag {
            vec![tag]
        } else {
            let tags = self.upstream_tags(mirror, &name).await?;
            let meant = tags.into_iter().filter(|tag| wanted.tags.matches(tag));
            meant.take(TAGS_MAX).collect()
        };
        Ok((name, tags))
    }

    async fn upstream_tags(&self, mirror: &Mirror, name: &RepositoryName) -> Result<Vec<Tag>, Error> {
        let unknown = || Error::RepositoryUnknown(name.to_string());
        let upstream = self.upstream(mirror.organization_id).await;
        let upstream = upstream.map_err(|failed| failed.told(unknown()))?;
        let tags = upstream.tags(name).await;
        tags.map_err(|failed| failed.told(unknown()))
    }

    /// Fetches a manifest, what it lists, and its blobs.
    async fn fetch_image(self: &Arc<Self>, name: &RepositoryName, reference: Reference) -> Result<(), Error> {
        let mut references = vec![reference];
        while let Some(reference) = references.pop() {
            let found = self.manifest(&Caller::System, name, &reference).await?;
            let (media_type, bytes) = (found.media_type().to_owned(), found.bytes());
            let manifest = Manifest::parse(&bytes, Some(&media_type))
                .map_err(|error| Error::ManifestInvalid(error.to_string()))?;
            let listed = manifest.manifests.iter();
            references.extend(listed.map(|child| Reference::Digest(child.digest.clone())));
            for blob in manifest.blobs() {
                self.fetch_whole(name, &blob.digest).await?;
            }
        }
        Ok(())
    }

    async fn fetch_whole(self: &Arc<Self>, name: &RepositoryName, digest: &Digest) -> Result<(), Error> {
        let repository = self.metadata.repository(name.as_ref()).await?;
        if let Some(repository) = repository
            && self
                .metadata
                .linked_blob(repository.id, digest.as_str())
                .await?
                .is_some()
        {
            return Ok(());
        }
        let whole = RangeRequest::Whole;
        let read = self.open_blob(&Caller::System, name, digest, whole).await?;
        if let BlobRead::Opened(mut blob) = read {
            while let Some(piece) = blob.stream.next().await {
                piece.map_err(Error::BodyInterrupted)?;
            }
        }
        Ok(())
    }
}

/// Whether a round is due, seen by the one process that may do it now.
fn is_due(round: &MirrorRound, now: i64) -> bool {
    let Some(begun_at) = round.begun_at else {
        return true;
    };
    let every = i64::try_from(EVERY.as_millis()).unwrap_or(i64::MAX);
    let is_broken_off = round.ended_at.is_none_or(|ended_at| ended_at < begun_at);
    // A clock that went back must not put the next round off.
    let is_over = !(0..every).contains(&(now - begun_at));
    round.wanted_at.is_some() || is_broken_off || is_over
}

fn note(did: &mut RoundDid, mirror: &Mirror, (what, error): (&str, Error)) {
    tracing::warn!(
        mirror = mirror.name,
        what,
        error = &error as &dyn std::error::Error,
        "an image could not be fetched ahead"
    );
    did.failed += 1;
    if did.failures.len() < FAILURES_MAX {
        let why = match error {
            Error::Internal { .. } | Error::BodyInterrupted(_) => {
                "it broke off here; the log says why".to_owned()
            }
            other => other.to_string(),
        };
        let failure = format!("{what}: {why}").replace(['\n', '\r'], " ");
        did.failures
            .push(failure.chars().take(FAILURE_CHARS_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_due_by_the_hour_when_asked_for_and_when_one_broke_off() {
        let hour = 3_600_000;
        for (wanted_at, begun_at, ended_at, expected) in [
            (None, None, None, true),
            (Some(5), None, None, true),
            (None, Some(hour), Some(hour + 1), false),
            (Some(hour), Some(hour), Some(hour + 1), true),
            (None, Some(hour), None, true),
            (None, Some(hour), Some(hour - 1), true),
            (None, Some(1), Some(2), true),
            // By a clock that was ahead.
            (None, Some(9 * hour), Some(9 * hour), true),
        ] {
            let round = MirrorRound {
                wanted_at,
                begun_at,
                ended_at,
                did: RoundDid::default(),
            };
            assert_eq!(is_due(&round, hour + 1000), expected, "{round:?}");
        }
    }
}
