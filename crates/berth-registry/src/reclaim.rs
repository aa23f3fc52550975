//! Reclaim: bytes that no row names any more are deleted from the store, some time after they were queued, in batches and
//! at a set rate. Rows went first and keys are never used twice, so nothing here can meet a push, a mount or a
//! pull; a stop at any step loses only space.

use std::collections::{HashMap, HashSet};

use berth_blob::{StoredBlob, Upload};
use berth_metadata::ReclaimQueue;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::maintenance_run::Running;
use crate::pace::Pace;

/// Keys of one step: one call of the store, one short transaction.
const STEP: i64 = 250;
/// Keys that one question to the metadata asks about.
const KEYS_AT_ONCE: usize = 500;
/// How long more may gather once something is due, so that a run has something to do.
const GATHERED_FOR_MS: i64 = 10 * 60 * 1000;
/// Longest time between two notes of how far a run is.
const NOTED_EVERY: Duration = Duration::from_secs(1);
/// The instance value that says when the database was restored, milliseconds since the epoch: it may know less than
/// the store holds.
const RESTORED_AT: &str = "restored_at";
/// How long after a restore nothing that no row names is deleted by itself.
const KEPT_AFTER_RESTORE_MS: i64 = 7 * 24 * 3600 * 1000;

/// What a run did so far.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    keys: u64,
    bytes: u64,
    /// Keys that the store would not delete; they are tried again later.
    failed: u64,
}

impl Registry {
    /// Deletes the bytes that were queued long enough ago, and answers what it did.
    pub(crate) async fn reclaim(&self, run: &Running<'_>) -> Result<Value, Error> {
        let before = now_ms().saturating_sub(self.limits.upkeep.reclaim_delay_ms());
        let queue = self.metadata.reclaim_queue(before).await?;
        let mut pace = Pace::new(u64::from(self.limits.upkeep.reclaim_rate));
        let (begun, mut noted) = (Instant::now(), Instant::now());
        let mut done = Done::default();
        run.progress(&progress(queue, done, begun.elapsed())).await?;
        while self.reclaim_step(before, &mut pace, &mut done).await? {
            if noted.elapsed() >= NOTED_EVERY {
                noted = Instant::now();
                run.progress(&progress(queue, done, begun.elapsed())).await?;
            }
        }
        run.progress(&progress(queue, done, begun.elapsed())).await?;
        let orphans = if run.wants("orphans") {
            Some(self.delete_orphans(true).await?)
        } else {
            None
        };
        Ok(json!({
            "keys": done.keys,
            "bytes": done.bytes,
            "failed": done.failed,
            "orphans": orphans,
            "seconds": begun.elapsed().as_secs(),
        }))
    }

    /// Whether something has waited long enough, and for more to come.
    pub(crate) async fn reclaim_is_due(&self) -> Result<bool, Error> {
        let delay = self.limits.upkeep.reclaim_delay_ms();
        let before = now_ms()
            .saturating_sub(delay)
            .saturating_sub(delay.min(GATHERED_FOR_MS));
        Ok(!self.metadata.take_reclaim(before, 1).await?.is_empty())
    }

    /// Deletes some of the bytes that were queued before `before`; false when there were none.
    async fn reclaim_step(&self, before: i64, pace: &mut Pace, done: &mut Done) -> Result<bool, Error> {
        let rows = self.metadata.take_reclaim(before, STEP).await?;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
        pace.spend(keys.len() as u64).await;
        let kept: HashMap<_, _> = self.blobs.delete(&keys).await.into_iter().collect();
        keys.retain(|key| !kept.contains_key(key));
        done.keys += keys.len() as u64;
        done.failed += kept.len() as u64;
        let gone = rows.iter().filter(|row| !kept.contains_key(&row.key));
        done.bytes += gone.map(|row| u64::try_from(row.size).unwrap_or(0)).sum::<u64>();
        self.metadata.reclaimed(keys).await?;
        for (key, error) in &kept {
            not_deleted(key, error);
            // Later than `before`: not once more in this run.
            self.metadata.postpone_reclaim(key, now_ms()).await?;
        }
        Ok(true)
    }

    /// Deletes stored bytes that no row knows and that are old: a crash between a commit and its row, or between a row and
    /// its abort. Answers how many keys and uploads. Unless `forced`, nothing for a week after a restore.
    ///
    /// An upload's row is asked for first: when it is gone, its end is in the rows already, so bytes that
    /// the second question does not find belong to nobody.
    pub async fn delete_orphans(&self, forced: bool) -> Result<u64, Error> {
        let now = now_ms();
        let restored = self.metadata.instance_value(RESTORED_AT).await?;
        let restored: Option<i64> = restored.and_then(|at| at.parse().ok());
        if !forced && restored.is_some_and(|at| now < at.saturating_add(KEPT_AFTER_RESTORE_MS)) {
            tracing::info!("the database was restored lately: bytes that no row names are kept");
            return Ok(0);
        }
        let before = now.saturating_sub(self.limits.upkeep.orphans_after_ms());
        let mut deleted = 0;
        let mut blobs = self.blobs.list().try_chunks(KEYS_AT_ONCE);
        while let Some(blobs) = blobs.try_next().await.map_err(|partial| partial.1)? {
            deleted += self.delete_orphans_of(&blobs, before).await?;
        }
        let mut uploads = self.blobs.list_uploads();
        while let Some(upload) = uploads.try_next().await? {
            if upload.modified_at < before && !self.is_unfinished(&upload.id).await? {
                tracing::info!(upload = upload.id, "deleting an upload that no row names");
                self.abort_or_leave(&Upload::new(upload.id)).await;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    async fn delete_orphans_of(&self, blobs: &[StoredBlob], before: i64) -> Result<u64, Error> {
        let old = blobs.iter().filter(|blob| blob.modified_at < before);
        let uploads: HashMap<_, _> = old.map(|blob| (blob.key.clone(), &blob.upload_id)).collect();
        let mut orphans: Vec<_> = uploads.keys().cloned().collect();
        // Nearly all are known, which takes one question; of the others the order of the next two decides.
        self.forget_known(&mut orphans).await?;
        let mut ended = Vec::new();
        for key in orphans {
            if !self.is_unfinished(uploads[&key]).await? {
                ended.push(key);
            }
        }
        let mut orphans = ended;
        self.forget_known(&mut orphans).await?;
        for key in &orphans {
            tracing::info!(key, "deleting bytes that no row names");
        }
        let kept = self.blobs.delete(&orphans).await;
        for (key, error) in &kept {
            not_deleted(key, error);
        }
        Ok((orphans.len() - kept.len()) as u64)
    }

    async fn forget_known(&self, keys: &mut Vec<String>) -> Result<(), Error> {
        let known: HashSet<String> = self.metadata.known_keys(keys).await?.into_iter().collect();
        keys.retain(|key| !known.contains(key));
        Ok(())
    }

    /// Deletes the bytes of one key.
    pub(crate) async fn delete_bytes(&self, key: &str) -> Result<(), Error> {
        let kept = self.blobs.delete(&[key.to_owned()]).await;
        kept.into_iter()
            .next()
            .map_or(Ok(()), |(_, error)| Err(error.into()))
    }
}

/// How far a run is, and about how long it takes still.
fn progress(queue: ReclaimQueue, done: Done, elapsed: Duration) -> Value {
    let tried = done.keys + done.failed;
    let left = u64::try_from(queue.keys).unwrap_or(0).saturating_sub(tried);
    let bytes_left = u64::try_from(queue.bytes).unwrap_or(0).saturating_sub(done.bytes);
    let seconds = |millis: u128| u64::try_from(millis / 1000).unwrap_or(u64::MAX);
    let seconds_left =
        (tried > 0).then(|| seconds(elapsed.as_millis() * u128::from(left) / u128::from(tried)));
    json!({
        "keys": done.keys,
        "bytes": done.bytes,
        "failed": done.failed,
        "keys_left": left,
        "bytes_left": bytes_left,
        "seconds_left": seconds_left,
    })
}

fn not_deleted(key: &str, error: &berth_blob::Error) {
    tracing::warn!(
        key,
        error = error as &dyn std::error::Error,
        "bytes could not be deleted"
    );
}
