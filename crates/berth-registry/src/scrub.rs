//! The scrub: everything that is stored is read again now and then and compared with its digest, oldest look first, at a
//! set rate. It refuses to know what damage means for requests.

use berth_metadata::{BlobRow, BlobsDue, Damaged};
use berth_oci::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::Registry;
use crate::clock::now_ms;
use crate::damage::{Named, Reading, Verdict};
use crate::error::Error;
use crate::maintenance_run::{MaintenanceKind, Running};
use crate::pace::Pace;

/// Blobs of one step.
const STEP: i64 = 100;
/// Manifests of one step: all of them in memory at once are a few buffers.
const MANIFESTS_AT_ONCE: i64 = 16;
/// Longest time between two notes of how far it is.
const NOTED_EVERY: Duration = Duration::from_secs(2);
/// Damaged things that a report names; the list of what is damaged has all.
const NAMED_MAX: usize = 100;
/// Time between two runs that the schedule asks for: what is damaged is looked at once in each.
const GATHERED_FOR_MS: i64 = 3600 * 1000;
/// Bytes a second of a run that was asked for while the scrub is off.
const RATE_WHEN_OFF: u64 = 50 << 20;
/// The instance value that says when every manifest had been verified, milliseconds since the epoch.
const MANIFESTS_VERIFIED_AT: &str = "manifests_verified_at";

/// How far a run is, as it is shown, and read back by the run that goes on with it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// What was verified before this time is due, milliseconds since the epoch.
    before: i64,
    /// Blobs read.
    blobs: u64,
    /// Bytes read.
    bytes: u64,
    manifests: u64,
    /// Blobs that were due when it began.
    blobs_due: i64,
    bytes_due: i64,
    /// About how long it takes still.
    seconds_left: Option<u64>,
    damaged: u64,
    healed: u64,
    /// Blobs that the store could not read just now, which says nothing about their bytes.
    unread: u64,
    /// Up to where manifests were read: a repository's id and a digest.
    manifests_after: Option<(i64, String)>,
}

/// A run of the scrub.
struct Scrub<'a, 'b> {
    registry: &'a Registry,
    run: &'a Running<'b>,
    pace: Pace,
    progress: Progress,
    named: Vec<Named>,
    begun: Instant,
    noted: Instant,
}

impl Registry {
    /// Verifies what is due, or everything when somebody asked for it; goes on where an earlier run was interrupted.
    pub(crate) async fn scrub(&self, run: &Running<'_>) -> Result<Value, Error> {
        let rate = match self.limits.upkeep.scrub_rate {
            0 => RATE_WHEN_OFF,
            rate => rate,
        };
        let interrupted = self.interrupted_scrub().await?;
        let now = now_ms();
        let interval = self.limits.upkeep.scrub_interval_ms();
        let before = match &interrupted {
            Some(earlier) => earlier.before,
            None if run.is_wanted() => now,
            None => now.saturating_sub(interval),
        };
        let goes_on = interrupted.is_some();
        let due = self.metadata.count_blobs_due(before).await?;
        let mut scrub = Scrub {
            registry: self,
            run,
            pace: Pace::new(rate),
            progress: Progress {
                before,
                blobs_due: due.blobs,
                bytes_due: due.bytes,
                manifests_after: interrupted.and_then(|earlier| earlier.manifests_after),
                ..Progress::default()
            },
            named: Vec::new(),
            begun: Instant::now(),
            noted: Instant::now(),
        };
        scrub.heal().await?;
        scrub.blobs().await?;
        if run.is_wanted() || goes_on || self.manifests_are_due(before).await? {
            scrub.manifests().await?;
            self.metadata
                .set_instance_value(MANIFESTS_VERIFIED_AT, &now.to_string())
                .await?;
        }
        Ok(scrub.report())
    }

    /// Whether something was not looked at for too long, or a run was interrupted.
    pub(crate) async fn scrub_is_due(&self) -> Result<bool, Error> {
        let now = now_ms();
        let interval = self.limits.upkeep.scrub_interval_ms();
        let kind = Some(MaintenanceKind::Scrub.as_str());
        let last = self.metadata.list_runs(kind, None, 1).await?.pop();
        // While its process lives, it has the lease.
        if last
            .as_ref()
            .is_some_and(|run| run.state == "running" || run.state == "interrupted")
        {
            return Ok(true);
        }
        let lately = now.saturating_sub(interval.min(GATHERED_FOR_MS));
        if self.limits.upkeep.scrub_rate == 0 || last.is_some_and(|run| run.created_at > lately) {
            return Ok(false);
        }
        let before = now.saturating_sub(interval);
        Ok(!self.metadata.blobs_due(before, None, 1).await?.is_empty()
            || !self.metadata.damaged(None, 1).await?.is_empty()
            || self.manifests_are_due(before).await?)
    }

    async fn manifests_are_due(&self, before: i64) -> Result<bool, Error> {
        let verified = self.metadata.instance_value(MANIFESTS_VERIFIED_AT).await?;
        let verified = verified.and_then(|at| at.parse().ok()).unwrap_or(0_i64);
        Ok(verified < before)
    }

    /// How far the last run came that ended, if its process ended in its middle.
    async fn interrupted_scrub(&self) -> Result<Option<Progress>, Error> {
        let kind = MaintenanceKind::Scrub.as_str();
        let runs = self.metadata.list_runs(Some(kind), None, 2).await?;
        let last = runs.into_iter().find(|run| run.ended_at.is_some());
        let interrupted = last.filter(|run| run.state == "interrupted");
        // One that had not yet said how far it was has nothing to go on with.
        Ok(interrupted.and_then(|run| serde_json::from_str(&run.progress).ok()))
    }
}

impl Scrub<'_, '_> {
    /// Looks again at what is damaged.
    async fn heal(&mut self) -> Result<(), Error> {
        let mut last: Option<(String, i64)> = None;
        loop {
            let from = last.as_ref().map(|(digest, id)| (digest.as_str(), *id));
            let page = self.registry.metadata.damaged(from, STEP).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some((end.digest.clone(), end.repository_id.unwrap_or(0)));
            for damaged in page.iter().filter(|damaged| damaged.repository_id.is_none()) {
                self.heal_one(damaged).await;
                self.note(false).await?;
            }
        }
    }

    async fn heal_one(&mut self, damaged: &Damaged) {
        let healed = match self.registry.damage.heal(damaged, &mut self.pace).await {
            // Large and seldom.
            Ok(false) => Box::pin(self.registry.heal_from_regions(damaged)).await,
            healed => healed,
        };
        match healed {
            Ok(true) => self.progress.healed += 1,
            Ok(false) => {}
            Err(error) => self.unread(&damaged.digest, &error),
        }
    }

    async fn blobs(&mut self) -> Result<(), Error> {
        let mut last: Option<(i64, String)> = None;
        loop {
            let from = last.as_ref().map(|(at, digest)| (*at, digest.as_str()));
            let due = self.registry.metadata.blobs_due(self.progress.before, from, STEP);
            let page = due.await?;
            let Some((at, end)) = page.last() else {
                return Ok(());
            };
            last = Some((*at, end.digest.clone()));
            let mut right = Vec::new();
            for (_, blob) in &page {
                if self.blob(blob).await? {
                    right.push(blob.digest.clone());
                }
                if self.note(false).await? {
                    let right = std::mem::take(&mut right);
                    self.registry.metadata.note_verified(right, now_ms()).await?;
                }
            }
            self.registry.metadata.note_verified(right, now_ms()).await?;
        }
    }

    /// Whether the blob's bytes are right.
    async fn blob(&mut self, blob: &BlobRow) -> Result<bool, Error> {
        let read = Reading {
            digest: parsed(&blob.digest)?,
            key: blob.key.clone(),
        };
        let size = u64::try_from(blob.size).unwrap_or(0);
        let verdict = self.registry.damage.verify(&read, size, &mut self.pace).await;
        self.progress.blobs += 1;
        self.progress.bytes += size;
        match verdict {
            Ok(Verdict::Right) => Ok(true),
            Ok(Verdict::Damaged(damage)) => {
                // Other bytes by now, or none any more: then nothing is marked.
                let named = self.registry.damage.found(&read, damage).await?;
                self.name(named);
                Ok(false)
            }
            Err(error) => {
                self.unread(&blob.digest, &error);
                Ok(false)
            }
        }
    }

    async fn manifests(&mut self) -> Result<(), Error> {
        loop {
            let last = self.progress.manifests_after.take();
            let from = last.as_ref().map(|(id, digest)| (*id, digest.as_str()));
            let metadata = &self.registry.metadata;
            let page = metadata.manifests_to_verify(from, MANIFESTS_AT_ONCE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            self.progress.manifests_after = Some((end.repository_id, end.digest.clone()));
            for manifest in &page {
                let digest = parsed(&manifest.digest)?;
                let size = manifest.bytes.len() as u64;
                if Digest::of(digest.algorithm(), &manifest.bytes) != digest {
                    let found = (manifest.digest.as_str(), manifest.bytes.as_slice());
                    let damage = &self.registry.damage;
                    let named = damage.found_manifest(manifest.repository_id, found).await?;
                    self.name(named);
                }
                self.progress.manifests += 1;
                self.pace.spend(size).await;
            }
            self.note(false).await?;
        }
    }

    fn name(&mut self, named: Option<Named>) {
        let Some(named) = named else { return };
        self.progress.damaged += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(named);
        }
    }

    fn unread(&mut self, digest: &str, error: &Error) {
        self.progress.unread += 1;
        tracing::warn!(
            digest,
            error = error as &dyn std::error::Error,
            "a blob could not be read to verify it"
        );
    }

    /// Notes how far it is, when it is time; says whether it was.
    async fn note(&mut self, at_once: bool) -> Result<bool, Error> {
        if !at_once && self.noted.elapsed() < NOTED_EVERY {
            return Ok(false);
        }
        self.noted = Instant::now();
        let due = BlobsDue {
            blobs: self.progress.blobs_due,
            bytes: self.progress.bytes_due,
        };
        self.progress.seconds_left = seconds_left(due, &self.progress, self.begun.elapsed());
        let progress = serde_json::to_value(&self.progress).expect("plain fields");
        self.run.progress(&progress).await?;
        Ok(true)
    }

    fn report(self) -> Value {
        let progress = self.progress;
        json!({
            "blobs": progress.blobs,
            "bytes": progress.bytes,
            "manifests": progress.manifests,
            "seconds": self.begun.elapsed().as_secs(),
            "damaged": progress.damaged,
            "healed": progress.healed,
            "unread": progress.unread,
            "affected": self.named,
        })
    }
}

fn parsed(digest: &str) -> Result<Digest, Error> {
    digest
        .parse()
        .map_err(|broken| Error::internal("reading a stored digest", broken))
}

/// By the bytes that were read so far.
fn seconds_left(due: BlobsDue, done: &Progress, elapsed: Duration) -> Option<u64> {
    let left = u64::try_from(due.bytes).unwrap_or(0).saturating_sub(done.bytes);
    let millis = u64::try_from(elapsed.as_millis()).ok()?;
    let left = u128::from(left) * u128::from(millis) / u128::from(done.bytes.max(1));
    (done.bytes > 0).then(|| u64::try_from(left / 1000).unwrap_or(u64::MAX))
}
