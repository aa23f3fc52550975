//! Upkeep that runs beside requests in small steps: unfinished uploads expire, content that nothing refers to
//! is unlinked, what is too old is forgotten; and when the long work is done, what it is others know.

use std::sync::Arc;
use std::time::Duration;

use berth_blob::Upload;

use crate::Registry;
use crate::clock::now_ms;
use crate::counting::{Counting, day_of};
use crate::error::Error;
use crate::identity::SIGNATURES_REMEMBERED_MS;
use crate::maintenance_run::{MaintenanceKind, Running};
use crate::pace::Pace;
use crate::rates::KEPT_MS as SHUT_OUTS_KEPT_MS;
use crate::throttle::FORGOTTEN_AFTER_MS;
use crate::upload::stored;

/// Rows of one step: a step never holds a write transaction for long.
const STEP: i64 = 100;
/// Lines of a log of one step: nothing waits for them, and nothing hangs on them.
const LINES: i64 = 1_000;
/// Links of one step: each is several statements, and a push to the same image waits for the step's end.
const LINKS_AT_ONCE: i64 = 25;
/// Links of one round: the rest of it must not wait for longer than a few minutes.
const LINKS_IN_A_ROUND: u64 = 100_000;
/// How long an ended temporary login is kept, so that whoever still uses it is told that it ended, and when.
const ENDED_LOGINS_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
/// How long it is remembered where a blob was put in another region. A region forgets unfinished uploads sooner.
const REGION_CONTENTS_KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// How long a place outside keeps its turn among others after its last job.
const IDLE_LANES_KEPT_MS: i64 = 24 * 3600 * 1000;
/// Time between two looks whether somebody asked for maintenance.
const WANTED_LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// The lease of the rounds.
const UPKEEP: &str = "upkeep";
/// Time between two looks whether the process that does the rounds is still there.
const TURN_LOOKED_FOR_EVERY: Duration = Duration::from_secs(10);
/// Time between two rounds.
const ROUND: Duration = Duration::from_mins(1);
/// Most time that a refusal waits for its place in the audit trail.
const REFUSALS_WRITTEN_EVERY: Duration = Duration::from_secs(1);
/// Rounds between two looks at how much is stored.
const ROUNDS_BETWEEN_LOOKS: u64 = 10;
/// Days that the counts of single repositories are kept: a year and some.
const REPOSITORY_DAYS_KEPT: i64 = 400;
/// How long runs of triggers are kept, if newer ones do not take their place before.
const TRIGGER_RUNS_KEPT_MS: i64 = 400 * 24 * 3600 * 1000;
/// Rounds between two looks for bytes without rows, which only a crash leaves.
const ROUNDS_BETWEEN_ORPHANS: u64 = 24 * 60;

impl Registry {
    /// Does the upkeep for as long as it is polled; a failed round is logged and tried again.
    pub async fn maintain(self: &Arc<Self>) {
        tokio::join!(
            self.follow(),
            self.work(),
            self.upkeep(),
            self.do_wanted(),
            self.write_counts(),
            self.write_refusals(),
            Box::pin(self.watch_clusters()),
            self.carry_records(),
            Box::pin(self.look_after_mirrors()),
            Box::pin(self.read_changes()),
            self.sweep_swarms(),
            self.meet_replicas(),
            self.follow_nodes(),
            self.follow_shut_outs(),
            Box::pin(self.follow_people())
        );
    }

    /// Does what people ask for and what is due, one kind beside another.
    async fn do_wanted(&self) {
        let kinds = MaintenanceKind::ALL.map(|kind| async move {
            loop {
                if let Err(error) = self.do_one_wanted(kind).await {
                    let kind = kind.as_str();
                    tracing::warn!(
                        kind,
                        error = &error as &dyn std::error::Error,
                        "maintenance failed"
                    );
                }
                tokio::time::sleep(WANTED_LOOKED_FOR_EVERY).await;
            }
        });
        futures_util::future::join_all(kinds).await;
    }

    /// Does the run of a kind that was asked for, or that is due, if any.
    pub async fn do_one_wanted(&self, kind: MaintenanceKind) -> Result<(), Error> {
        match kind {
            MaintenanceKind::Reclaim => {
                let is_due = self.reclaim_is_due().await?;
                let work = async |run: &Running<'_>| self.reclaim(run).await;
                self.carry_out(kind, is_due, work).await
            }
            MaintenanceKind::Scrub => {
                let is_due = self.scrub_is_due().await?;
                let work = async |run: &Running<'_>| self.scrub(run).await;
                self.carry_out(kind, is_due, work).await
            }
            MaintenanceKind::Backup => {
                let is_due = self.backup_is_due().await?;
                self.carry_out(kind, is_due, async |run: &Running<'_>| self.back_up(run).await)
                    .await
            }
        }
    }

    /// Does the rounds in one process of all: whoever has the lease keeps it until its end, the others wait for that.
    async fn upkeep(&self) {
        loop {
            let rounds = async {
                self.rounds().await;
                Ok(())
            };
            if let Err(error) = self.under_lease(UPKEEP, rounds).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "nobody may be doing the upkeep"
                );
            }
            tokio::time::sleep(TURN_LOOKED_FOR_EVERY).await;
        }
    }

    async fn rounds(&self) {
        if let Err(error) = self.schedule_retention().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "regular runs of retention could not be queued"
            );
        }
        for round in 0_u64.. {
            if let Err(error) = self.round().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "upkeep round failed");
            }
            if round.is_multiple_of(ROUNDS_BETWEEN_ORPHANS)
                && let Err(error) = self.delete_orphans(false).await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "search for orphaned bytes failed"
                );
            }
            if round.is_multiple_of(ROUNDS_BETWEEN_ORPHANS)
                && let Err(error) = self.delete_orphaned_chunks().await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "search for chunks of no archive failed"
                );
            }
            if round.is_multiple_of(ROUNDS_BETWEEN_LOOKS)
                && let Err(error) = self.note_stored_bytes().await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what is stored could not be noted"
                );
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn write_counts(&self) {
        loop {
            tokio::time::sleep(Counting::pause()).await;
            if let Err(error) = self.counting.flush(&self.metadata).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "counts could not be written"
                );
            }
            if let Err(error) = self.mirrors.figures.flush(&self.metadata).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "figures of mirrors could not be written"
                );
            }
        }
    }

    async fn write_refusals(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(REFUSALS_WRITTEN_EVERY) => {}
                () = self.trail.filling() => {}
            }
            self.write_trail().await;
        }
    }

    /// Notes for today how much everybody stores, and puts right what quotas count wrongly: a version without quotas, or
    /// a restore, changed it behind their back.
    pub async fn note_stored_bytes(&self) -> Result<(), Error> {
        let now = now_ms();
        for recount in self.metadata.recount_byte_quotas(now).await? {
            let (of, counted, found) = (recount.of, recount.counted.used, recount.found.used);
            tracing::warn!(of, counted, found, "a quota counted other bytes than there are");
        }
        Ok(self.metadata.note_stored_bytes(day_of(now)).await?)
    }

    /// Everything that is due now, for whoever does not [`maintain`](Self::maintain).
    pub async fn maintain_once(self: &Arc<Self>) -> Result<(), Error> {
        self.round().await?;
        for kind in MaintenanceKind::ALL {
            self.do_one_wanted(kind).await?;
        }
        self.schedule_retention().await?;
        self.work_once().await
    }

    async fn round(&self) -> Result<(), Error> {
        let now = now_ms();
        let before = now.saturating_sub(self.limits.upload_ttl_ms());
        self.expire_uploads(before).await?;
        self.expire_archives().await?;
        while self.metadata.purge_bin(now, STEP).await? {}
        self.sweep(before, now).await?;
        while self.metadata.delete_abandoned_repositories(before, STEP).await? > 0 {}
        let quarantined = now.saturating_sub(self.limits.upkeep.quarantine_ttl_ms());
        while self.metadata.expire_quarantine(quarantined, now, STEP).await? > 0 {}
        let ended = now.saturating_sub(ENDED_LOGINS_KEPT_MS);
        while self.metadata.delete_expired_temporary_logins(ended, STEP).await? > 0 {}
        while self.metadata.delete_expired_temporary_keys(ended, STEP).await? > 0 {}
        while self.metadata.delete_expired_sessions(ended, STEP).await? > 0 {}
        let attempts = (FORGOTTEN_AFTER_MS, SIGNATURES_REMEMBERED_MS);
        while self.metadata.forget_attempts(attempts, STEP).await? > 0 {}
        self.metadata
            .forget_lanes(now.saturating_sub(IDLE_LANES_KEPT_MS), STEP)
            .await?;
        let forgotten = now.saturating_sub(REGION_CONTENTS_KEPT_MS);
        while self.metadata.forget_region_contents(forgotten, STEP).await? > 0 {}
        let ended = now.saturating_sub(SHUT_OUTS_KEPT_MS);
        while self.metadata.forget_shut_outs(ended, STEP).await? > 0 {}
        self.metadata.forget_commits().await?;
        self.shorten_trail(now).await?;
        let forgotten = now.saturating_sub(self.limits.retention.log_ttl_ms());
        while self.metadata.forget_retentions(forgotten, LINES).await? > 0 {}
        let forgotten = day_of(now) - REPOSITORY_DAYS_KEPT;
        while self.metadata.forget_repository_days(forgotten, STEP).await? > 0 {}
        self.forget_nodes().await?;
        let forgotten = now.saturating_sub(TRIGGER_RUNS_KEPT_MS);
        while self.metadata.forget_trigger_runs(forgotten, STEP).await? > 0 {}
        Ok(())
    }

    /// Unlinks what no manifest uses, no faster than its bytes are deleted later; what is more than a round may take is
    /// left to the next one.
    async fn sweep(&self, before: i64, now: i64) -> Result<(), Error> {
        let mut pace = Pace::new(u64::from(self.limits.upkeep.reclaim_rate));
        let mut left = LINKS_IN_A_ROUND;
        while left > 0 {
            let unlinked = self
                .metadata
                .sweep_unreferenced(before, now, LINKS_AT_ONCE)
                .await?;
            if unlinked == 0 {
                break;
            }
            left = left.saturating_sub(unlinked);
            pace.spend(unlinked).await;
        }
        Ok(())
    }

    async fn expire_uploads(&self, before: i64) -> Result<(), Error> {
        loop {
            let expired = self.metadata.expired_uploads(before, STEP).await?;
            let mut deleted = 0;
            for row in &expired {
                // Not the ones that bytes are coming in for now, in whichever process.
                if self.metadata.delete_expired_upload(&row.id, before).await? {
                    deleted += 1;
                    self.abort_or_leave(&stored(row)).await;
                }
            }
            if deleted == 0 {
                return Ok(());
            }
        }
    }

    /// Deletes the bytes of an upload without a row; what cannot be deleted must not keep the others.
    pub(crate) async fn abort_or_leave(&self, upload: &Upload) {
        if let Err(error) = self.blobs.abort(upload).await {
            tracing::warn!(
                upload = upload.key,
                error = &error as &dyn std::error::Error,
                "the bytes of an upload could not be deleted"
            );
        }
    }
}
