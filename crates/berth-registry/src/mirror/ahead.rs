//! Fetching ahead: rounds over what a mirror's rules name, each in one process of all, by the hour or when somebody asks. A
//! round that its process did not end is done again, and passes over what is here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{Mirror, MirrorRound, RoundDid};
use berth_oci::{Digest, Manifest, RangeRequest, Reference, RepositoryName, Tag};
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

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
/// Tags of one pattern that are fetched ahead.
const TAGS_MAX: usize = 200;
/// Failures of a round that are told.
const FAILURES_MAX: usize = 20;
/// Characters of each.
const FAILURE_CHARS_MAX: usize = 500;
/// Manifests that an image may list, and those that they list.
const MANIFESTS_MAX: usize = 10_000;

impl Registry {
    /// Fetches ahead in all mirrors for as long as it is polled.
    pub(super) async fn keep_fetching_ahead(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(LOOKED_AFTER_EVERY).await;
            // Nobody waits for them: what takes hours in one mirror is no reason not to look at the others.
            if let Err(error) = self.start_rounds().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "it could not be found out what mirrors fetch ahead"
                );
            }
        }
    }

    /// Does the rounds that are due, and that nobody does.
    pub async fn fetch_ahead_where_due(self: &Arc<Self>) -> Result<(), Error> {
        for round in self.start_rounds().await? {
            let ended = round.await;
            ended.map_err(|broken| Error::internal("fetching ahead", broken))?;
        }
        Ok(())
    }

    /// Has what the rules of a mirror of the caller's account name fetched, for its administrators; answers at once. When
    /// a round goes on, another one follows it.
    pub async fn prefetch_mirror(self: &Arc<Self>, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.require_own_administrator()?;
        let mirror = self.mirror(caller, name).await?;
        self.metadata.want_mirror_round(mirror.id, now_ms()).await?;
        self.start_round(mirror);
        Ok(())
    }

    async fn start_rounds(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, Error> {
        let mirrors = self.metadata.mirrors_with_rules().await?;
        let mirrors = mirrors
            .into_iter()
            .filter(|mirror| !mirror.rules.prefetch.is_empty());
        Ok(mirrors.filter_map(|mirror| self.start_round(mirror)).collect())
    }

    /// Has a mirror's round done if it is due; none while one goes on here.
    fn start_round(self: &Arc<Self>, mirror: Mirror) -> Option<JoinHandle<()>> {
        let going = self.mirrors.rounds.begin(mirror.id)?;
        let (registry, closing) = (Arc::clone(self), self.mirrors.tasks.closing.clone());
        Some(self.mirrors.tasks.tracker.spawn(async move {
            let _going = going;
            let done = tokio::select! {
                done = registry.fetch_ahead_if_due(&mirror) => done,
                () = closing.cancelled() => return,
            };
            if let Err(error) = done {
                tracing::warn!(
                    mirror = mirror.name,
                    error = &error as &dyn std::error::Error,
                    "images could not be fetched ahead"
                );
            }
        }))
    }

    async fn fetch_ahead_if_due(self: &Arc<Self>, mirror: &Mirror) -> Result<(), Error> {
        if !is_due(&self.metadata.mirror_round(mirror.id).await?, now_ms()) {
            return Ok(());
        }
        let _turn = self.mirrors.rounds.turn().await?;
        let lease = format!("mirror {} fetches ahead", mirror.id);
        let work = async {
            let round = self.metadata.mirror_round(mirror.id).await?;
            if !is_due(&round, now_ms()) {
                return Ok(());
            }
            // It may have changed, or ended, while others had their turn.
            let current = self.metadata.mirror_of_organization(mirror.organization_id);
            let Some(current) = current.await?.filter(|current| current.id == mirror.id) else {
                return Ok(());
            };
            self.metadata.begin_mirror_round(current.id, now_ms()).await?;
            let did = self.fetch_ahead(&current).await;
            self.metadata.end_mirror_round(current.id, did, now_ms()).await?;
            Ok(())
        };
        self.under_lease(&lease, work).await.map(drop)
    }

    /// One round: what cannot be had is told, and tried again in the next; so is what its time does not suffice for.
    async fn fetch_ahead(self: &Arc<Self>, mirror: &Mirror) -> RoundDid {
        let mut did = RoundDid::default();
        let round_max = self.limits.mirrors.round_max;
        let fetched = tokio::time::timeout(round_max, self.fetch_all(mirror, &mut did)).await;
        if fetched.is_err() {
            did.failed += 1;
            did.failures.truncate(FAILURES_MAX - 1);
            let minutes = round_max.as_secs() / 60;
            let over = format!("it took more than {minutes} minutes: the next round goes on with the rest");
            did.failures.insert(0, over);
        }
        if did.failed > 0 {
            tracing::warn!(
                mirror = mirror.name,
                failed = did.failed,
                "a round of fetching ahead could not do all"
            );
        }
        did
    }

    async fn fetch_all(self: &Arc<Self>, mirror: &Mirror, did: &mut RoundDid) {
        for pattern in &mirror.rules.prefetch {
            let (name, tags) = match self.tags_to_fetch(mirror, pattern).await {
                Ok(found) => found,
                Err(error) => {
                    note(did, mirror, (pattern, error));
                    continue;
                }
            };
            for tag in tags {
                let image = format!("{}:{tag}", name.image());
                match self.fetch_image(&name, Reference::Tag(tag)).await {
                    Ok(()) => did.images += 1,
                    Err(error) => note(did, mirror, (&image, error)),
                }
            }
        }
    }

    async fn tags_to_fetch(
        self: &Arc<Self>,
        mirror: &Mirror,
        pattern: &str,
    ) -> Result<(RepositoryName, Vec<Tag>), Error> {
        let wanted = Prefetched::of(pattern)?;
        let name = RepositoryName::new(mirror.organization.parse()?, wanted.image);
        let tags = if let Some(tag) = wanted.tag {
            vec![tag]
        } else {
            let tags = self.tags_there(mirror, &name).await?;
            let meant = tags.into_iter().filter(|tag| wanted.tags.matches(tag));
            meant.take(TAGS_MAX).collect()
        };
        Ok((name, tags))
    }

    /// Fetches a manifest, what it lists, and its blobs.
    async fn fetch_image(self: &Arc<Self>, name: &RepositoryName, reference: Reference) -> Result<(), Error> {
        let (mut references, mut seen) = (vec![reference], BTreeSet::new());
        while let Some(reference) = references.pop() {
            let found = self.manifest(&Caller::System, name, &reference).await?;
            let (media_type, bytes) = (found.media_type().to_owned(), found.bytes());
            let manifest = Manifest::parse(&bytes, Some(&media_type))
                .map_err(|error| Error::ManifestInvalid(error.to_string()))?;
            for child in &manifest.manifests {
                // Indexes that list one another's manifests have ever more ways to the same one.
                if seen.insert(child.digest.clone()) {
                    references.push(Reference::Digest(child.digest.clone()));
                }
            }
            if seen.len() > MANIFESTS_MAX {
                let why = format!("it lists more than {MANIFESTS_MAX} manifests");
                return Err(Error::ManifestInvalid(why));
            }
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
    did.failed += 1;
    // Neither the log nor the row has room for thousands.
    if did.failures.len() >= FAILURES_MAX {
        return;
    }
    tracing::warn!(
        mirror = mirror.name,
        what,
        error = &error as &dyn std::error::Error,
        "an image could not be fetched ahead"
    );
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
