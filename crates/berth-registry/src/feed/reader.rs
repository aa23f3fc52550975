//! Takes in what the database noted, for all listeners of this process: at once after a write of its own, and every two
//! seconds for those of others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{Audience, Change, ChangesNoted};
use tokio::time::Instant;

use super::{Batch, KEPT_MAX};
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// How long changes are noted after the last listener's word, and kept: within this a listener that comes back misses
/// nothing.
const NOTED_MS: i64 = 5 * 60 * 1000;
const NOTED_AGAIN_EVERY: Duration = Duration::from_secs(30);
/// Time between two looks for what other processes changed.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(2);
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// After a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How long reading goes on without listeners: a page that is loaded anew is one after a moment.
const IDLE: Duration = Duration::from_mins(1);
/// Changes that one look reads at most.
const AT_ONCE: usize = 1000;
/// How long a number that is missing between others is waited for: its transaction may not have ended yet. One that failed
/// never brings it.
const WAITED_FOR: Duration = Duration::from_secs(30);
/// Missing numbers that are waited for at most.
const MISSING_MAX: usize = 1000;
/// When transactions that began before anything was noted have ended.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

impl Registry {
    /// Reads changes whenever somebody listens, for as long as it is polled.
    pub(crate) async fn read_changes(self: &Arc<Self>) {
        loop {
            self.feed.wanted.notified().await;
            while !self.feed.listeners().is_empty() {
                let read = self.read_until_idle().await;
                self.feed.close();
                if let Err(error) = read {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "changes could not be read, listeners are cut"
                    );
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn read_until_idle(&self) -> Result<(), Error> {
        let mut reader = Reader::begin(self).await?;
        let mut heard_at = Instant::now();
        while heard_at.elapsed() < IDLE {
            tokio::select! {
                () = self.metadata.a_write() => {}
                () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
            }
            reader.upkeep(self).await?;
            while reader.read(self).await? {}
            if !self.feed.listeners().is_empty() {
                heard_at = Instant::now();
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

struct Reader {
    noted: ChangesNoted,
    /// The largest change that was read.
    newest: i64,
    /// Smaller ones that were not, and until when they are waited for.
    missing: BTreeMap<i64, Instant>,
    note_at: Instant,
    settled_at: Option<Instant>,
}

impl Reader {
    async fn begin(registry: &Registry) -> Result<Self, Error> {
        let noted = registry.metadata.note_changes(NOTED_MS).await?;
        let now = Instant::now();
        let newest = registry.metadata.newest_change().await?;
        let mut reader = Self {
            noted,
            newest,
            missing: BTreeMap::new(),
            note_at: now + NOTED_AGAIN_EVERY,
            settled_at: noted.begun.then(|| now + SETTLED_AFTER),
        };
        if noted.begun {
            registry.feed.open(noted.generation, newest);
            return Ok(reader);
        }
        // What others noted already is for listeners that come back here.
        let kept = i64::try_from(KEPT_MAX).unwrap_or(i64::MAX);
        let oldest = newest.saturating_sub(kept).max(0);
        let changes = registry.metadata.changes_after(oldest, kept).await?;
        let oldest = changes.first().map_or(newest, |change| change.id - 1);
        reader.newest = oldest;
        registry.feed.open(noted.generation, oldest);
        reader.take(registry, changes, Audience::default());
        Ok(reader)
    }

    /// Reads what is there; true when there may be more.
    async fn read(&mut self, registry: &Registry) -> Result<bool, Error> {
        let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
        let mut changes = registry.metadata.changes_after(self.newest, limit).await?;
        let more = changes.len() == AT_ONCE;
        if !self.missing.is_empty() {
            let missing: Vec<i64> = self.missing.keys().copied().collect();
            changes.extend(registry.metadata.changes_among(&missing).await?);
            changes.sort_unstable_by_key(|change| change.id);
            changes.dedup_by_key(|change| change.id);
        }
        if changes.is_empty() {
            self.give_up();
            return Ok(false);
        }
        // After the changes: whatever right was lost before one of them is lost in here.
        let listeners = registry.feed.listeners();
        let audience = registry.metadata.audience(&changes, &listeners, now_ms()).await?;
        self.take(registry, changes, audience);
        Ok(more)
    }

    fn take(&mut self, registry: &Registry, changes: Vec<Change>, audience: Audience) {
        let until = Instant::now() + WAITED_FOR;
        let mut resets = false;
        for change in &changes {
            self.missing.remove(&change.id);
            let skipped = change.id - self.newest - 1;
            if skipped > i64::try_from(MISSING_MAX).unwrap_or(i64::MAX) {
                resets = true;
            } else {
                self.missing
                    .extend((self.newest + 1..change.id).map(|id| (id, until)));
            }
            self.newest = self.newest.max(change.id);
        }
        if self.missing.len() > MISSING_MAX {
            self.missing.clear();
            resets = true;
        }
        self.give_up();
        registry.feed.push(Batch {
            low: self.low(),
            changes,
            audience,
            read_at: Instant::now(),
            resets,
        });
    }

    fn give_up(&mut self) {
        let now = Instant::now();
        self.missing.retain(|_, until| *until > now);
    }

    fn low(&self) -> i64 {
        self.missing.keys().next().map_or(self.newest, |first| first - 1)
    }

    /// Keeps changes noted, and forgets old ones.
    async fn upkeep(&mut self, registry: &Registry) -> Result<(), Error> {
        let now = Instant::now();
        if self.settled_at.is_some_and(|at| at <= now) {
            self.settled_at = None;
            self.reset(registry);
        }
        if self.note_at > now {
            return Ok(());
        }
        self.note_at = now + NOTED_AGAIN_EVERY;
        let noted = registry.metadata.note_changes(NOTED_MS).await?;
        if noted.generation != self.noted.generation {
            // This process stood still for longer than changes are noted.
            return Err(Error::Unavailable);
        }
        registry.metadata.forget_changes(NOTED_MS).await?;
        Ok(())
    }

    fn reset(&self, registry: &Registry) {
        registry.feed.push(Batch {
            low: self.low(),
            changes: Vec::new(),
            audience: Audience::default(),
            read_at: Instant::now(),
            resets: true,
        });
    }
}
