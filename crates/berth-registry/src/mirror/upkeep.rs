//! What a mirror does by itself: fetches ahead what its rules name (`ahead.rs`), and lets go what nobody pulled for longest when
//! it holds more than it may. What is let go is fetched again by the next pull.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use berth_metadata::{Deletion, Guard, HeldImage, Mirror, TagChange, Untagged};
use berth_oci::Tag;
use tokio::time::Instant;

use super::rules::ImagePattern;
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Error;
use crate::tag::by;

/// The lease of this work.
const LEASE: &str = "mirrors";
/// Time between two looks whether a mirror holds too much.
const LOOKED_AFTER_EVERY: Duration = Duration::from_mins(1);
/// Whoever pulled an image so lately may not have all of it yet.
const IN_USE: Duration = Duration::from_hours(1);
/// Images looked at in one go. Each go reads when all images of the mirror were used.
const IMAGES_AT_ONCE: i64 = 1000;
/// How long no room is looked for after a walk that found too little, and at most after many.
const PUT_OFF: Duration = Duration::from_mins(2);
const PUT_OFF_MAX: Duration = Duration::from_mins(16);

/// Walks through a mirror, one after another, that let go all they could and left more than it may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fruitless {
    walks: u32,
    /// Of the mirror: other rules may let more go.
    updated_at: i64,
    until: Instant,
}

impl Fruitless {
    fn again(before: Option<Self>, updated_at: i64) -> Self {
        let before = before.filter(|before| before.updated_at == updated_at);
        let walks = before.map_or(0, |before| before.walks.saturating_add(1));
        Self {
            walks,
            updated_at,
            until: Instant::now() + PUT_OFF_MAX.min(PUT_OFF * 2_u32.saturating_pow(walks)),
        }
    }

    fn puts_off(&self, updated_at: i64) -> bool {
        self.updated_at == updated_at && Instant::now() < self.until
    }
}

impl Registry {
    /// Looks after all mirrors for as long as it is polled.
    pub(crate) async fn look_after_mirrors(self: &Arc<Self>) {
        // Fetching may take hours, and what comes meanwhile must have room.
        tokio::join!(self.keep_fetching_ahead(), self.keep_making_room());
    }

    async fn keep_making_room(&self) {
        loop {
            tokio::time::sleep(LOOKED_AFTER_EVERY).await;
            let work = self.under_lease(LEASE, self.make_room_in_mirrors(IN_USE));
            if let Err(error) = work.await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "mirrors could not be kept to their bounds"
                );
            }
        }
    }

    /// Lets go what nobody used for `idle` in all mirrors that hold more than they may.
    pub async fn make_room_in_mirrors(&self, idle: Duration) -> Result<(), Error> {
        let idle_ms = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let mirrors = self.metadata.mirrors_with_rules().await?;
        self.fruitless()
            .retain(|id, _| mirrors.iter().any(|mirror| mirror.id == *id));
        for mirror in mirrors {
            let known = self.fruitless().get(&mirror.id).copied();
            if known.is_some_and(|known| known.puts_off(mirror.updated_at)) {
                continue;
            }
            let before = now_ms().saturating_sub(idle_ms);
            if self.make_room(&mirror, before).await? {
                self.fruitless().remove(&mirror.id);
            } else {
                let again = Fruitless::again(known, mirror.updated_at);
                self.fruitless().insert(mirror.id, again);
            }
        }
        Ok(())
    }

    fn fruitless(&self) -> MutexGuard<'_, HashMap<i64, Fruitless>> {
        let fruitless = &self.mirrors.fruitless;
        fruitless.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets images of a mirror go that were not used since `before`, longest ago first, until it holds what it may; whether
    /// it does.
    async fn make_room(&self, mirror: &Mirror, before: i64) -> Result<bool, Error> {
        let Some(bytes_max) = mirror.rules.bytes_max else {
            return Ok(true);
        };
        let organization_id = mirror.organization_id;
        if self.metadata.bytes_in_use(organization_id).await? <= bytes_max {
            return Ok(true);
        }
        let kept: Vec<ImagePattern> = mirror
            .rules
            .keep
            .iter()
            .map(|pattern| ImagePattern::of(pattern))
            .collect::<Result<_, _>>()?;
        let mut last = None;
        loop {
            let images = self
                .metadata
                .least_used_images(organization_id, (before, last.as_ref()), IMAGES_AT_ONCE)
                .await?;
            for image in &images {
                if self.is_kept(image, &kept).await? {
                    continue;
                }
                self.let_go(mirror, image).await?;
                if self.metadata.bytes_in_use(organization_id).await? <= bytes_max {
                    return Ok(true);
                }
            }
            match images.into_iter().next_back() {
                Some(image) => last = Some(image),
                None => return Ok(false),
            }
        }
    }

    async fn let_go(&self, mirror: &Mirror, image: &HeldImage) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn room_is_looked_for_less_often_while_none_is_found() {
        let mut known = None;
        for minutes in [2, 4, 8, 16, 16] {
            let again = Fruitless::again(known, 7);
            tokio::time::advance(Duration::from_secs(minutes * 60 - 1)).await;
            assert!(again.puts_off(7), "{minutes}");
            // Another rule may let more go.
            assert!(!again.puts_off(8), "{minutes}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!again.puts_off(7), "{minutes}");
            known = Some(again);
        }
        let other = Fruitless::again(known, 8);
        tokio::time::advance(PUT_OFF).await;
        assert!(!other.puts_off(8), "it begins anew");
    }
}
