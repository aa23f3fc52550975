//! What a mirror does by itself: fetches ahead what its rules name, and lets go what nobody pulled for longest when it holds
//! more than it may. What is let go is fetched again by the next pull.

use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{Deletion, Guard, HeldImage, Mirror, TagChange, Untagged};
use berth_oci::{Digest, Manifest, RangeRequest, Reference, RepositoryName, Tag};
use futures_util::StreamExt as _;

use super::rules::{ImagePattern, Prefetched};
use crate::Registry;
use crate::access::Caller;
use crate::blob::BlobRead;
use crate::clock::now_ms;
use crate::error::Error;
use crate::tag::by;

/// The lease of this work.
const LEASE: &str = "mirrors";
/// Time between two looks whether a mirror holds too much.
const LOOKED_AFTER_EVERY: Duration = Duration::from_mins(1);
/// Looks between two rounds of fetching ahead.
const LOOKS_BETWEEN_FETCHES: u64 = 60;
/// Whoever pulled an image so lately may not have all of it yet.
const IN_USE: Duration = Duration::from_hours(1);
/// Images looked at in one go.
const IMAGES_AT_ONCE: i64 = 1000;
/// Tags of one pattern that are fetched ahead.
const TAGS_MAX: usize = 200;

impl Registry {
    /// Looks after all mirrors, in one process of all, for as long as it is polled.
    pub(crate) async fn look_after_mirrors(self: &Arc<Self>) {
        for look in 0_u64.. {
            tokio::time::sleep(LOOKED_AFTER_EVERY).await;
            let fetches = look.is_multiple_of(LOOKS_BETWEEN_FETCHES);
            let work = self.under_lease(LEASE, self.look_after_each_mirror(fetches, IN_USE));
            if let Err(error) = work.await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "mirrors could not be looked after"
                );
            }
        }
    }

    /// Looks after all mirrors once: fetches ahead if `fetches`, and lets go what nobody used for `idle`.
    pub async fn look_after_each_mirror(
        self: &Arc<Self>,
        fetches: bool,
        idle: Duration,
    ) -> Result<(), Error> {
        let idle_ms = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        for mirror in self.metadata.mirrors_with_rules().await? {
            if fetches {
                self.fetch_ahead(&mirror).await;
            }
            self.make_room(&mirror, now_ms().saturating_sub(idle_ms)).await?;
        }
        Ok(())
    }

    /// Fetches what the rules of a mirror of the caller's account name, for its administrators; answers at once.
    pub async fn prefetch_mirror(self: &Arc<Self>, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.require_own_administrator()?;
        let mirror = self.mirror(caller, name).await?;
        let (registry, closing) = (Arc::clone(self), self.mirrors.tasks.closing.clone());
        self.mirrors.tasks.tracker.spawn(async move {
            tokio::select! {
                () = registry.fetch_ahead(&mirror) => {}
                () = closing.cancelled() => {}
            }
        });
        Ok(())
    }

    /// Fetches what a mirror's rules name; what cannot be had is logged, and tried again the next time.
    pub(crate) async fn fetch_ahead(self: &Arc<Self>, mirror: &Mirror) {
        for pattern in &mirror.rules.prefetch {
            if let Err(error) = self.fetch_pattern(mirror, pattern).await {
                tracing::warn!(
                    mirror = mirror.name,
                    pattern,
                    error = &error as &dyn std::error::Error,
                    "images could not be fetched ahead"
                );
            }
        }
    }

    async fn fetch_pattern(self: &Arc<Self>, mirror: &Mirror, pattern: &str) -> Result<(), Error> {
        let wanted = Prefetched::of(pattern)?;
        let name = RepositoryName::new(mirror.organization.parse()?, wanted.image);
        let tags = if let Some(tag) = wanted.tag {
            vec![tag]
        } else {
            let tags = self.upstream_tags(mirror, &name).await?;
            tags.into_iter()
                .filter(|tag| wanted.tags.matches(tag))
                .take(TAGS_MAX)
                .collect()
        };
        for tag in tags {
            self.fetch_image(&name, &Reference::Tag(tag)).await?;
        }
        Ok(())
    }

    async fn upstream_tags(&self, mirror: &Mirror, name: &RepositoryName) -> Result<Vec<Tag>, Error> {
        let unknown = || Error::RepositoryUnknown(name.to_string());
        let upstream = self.upstream(mirror.organization_id).await;
        let upstream = upstream.map_err(|failed| failed.told(unknown()))?;
        let tags = upstream.tags(name).await;
        tags.map_err(|failed| failed.told(unknown()))
    }

    /// Fetches a manifest, what it lists, and its blobs.
    async fn fetch_image(
        self: &Arc<Self>,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<(), Error> {
        let mut references = vec![reference.clone()];
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

    /// Lets images of a mirror go that were not used since `before`, longest ago first, until it holds what it may.
    pub(crate) async fn make_room(&self, mirror: &Mirror, before: i64) -> Result<(), Error> {
        let Some(bytes_max) = mirror.rules.bytes_max else {
            return Ok(());
        };
        let organization_id = mirror.organization_id;
        if self.metadata.bytes_in_use(organization_id).await? <= bytes_max {
            return Ok(());
        }
        let kept: Vec<ImagePattern> = mirror
            .rules
            .keep
            .iter()
            .map(|pattern| ImagePattern::of(pattern))
            .collect::<Result<_, _>>()?;
        let images = self
            .metadata
            .least_used_images(organization_id, before, IMAGES_AT_ONCE)
            .await?;
        for image in images {
            if self.is_kept(&image, &kept).await? {
                continue;
            }
            let deletion = Deletion {
                by: by(&Caller::System),
                why: TagChange::Retention,
                untagged: Untagged::Goes,
                kept_ms: 0,
                guard: Guard::Off,
            };
            let deleted = self
                .metadata
                .delete_manifest(image.repository_id, &image.digest, deletion);
            deleted.await?;
            tracing::info!(
                mirror = mirror.name,
                image = image.image,
                digest = image.digest,
                "a mirrored image was let go for want of room"
            );
            if self.metadata.bytes_in_use(organization_id).await? <= bytes_max {
                break;
            }
        }
        Ok(())
    }

    async fn is_kept(&self, image: &HeldImage, kept: &[ImagePattern]) -> Result<bool, Error> {
        if kept.is_empty() {
            return Ok(false);
        }
        let tags = self
            .metadata
            .tags_of_manifest(image.repository_id, &image.digest)
            .await?;
        let mut tags = tags.iter().filter_map(|tag| tag.parse::<Tag>().ok());
        Ok(tags.any(|tag| kept.iter().any(|pattern| pattern.matches(&image.image, &tag))))
    }
}
