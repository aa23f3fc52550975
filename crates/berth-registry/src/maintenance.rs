//! Upkeep that runs beside requests in small steps: unfinished uploads expire, content that nothing refers to
//! is unlinked, bytes that nothing links are deleted. Rows go before bytes, so a stop in between loses only space.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use berth_blob::Upload;
use futures_util::TryStreamExt as _;
use serde_json::json;

use crate::Registry;
use crate::clock::now_ms;
use crate::counting::{Counting, day_of};
use crate::error::Error;
use crate::identity::SIGNATURES_REMEMBERED_MS;
use crate::maintenance_run::{MaintenanceKind, Running};
use crate::throttle::FORGOTTEN_AFTER_MS;
use crate::upload::stored;

/// Rows of one step: a step never holds a write transaction for long.
const STEP: i64 = 100;
/// Keys that one question to the metadata asks about.
const KEYS_AT_ONCE: usize = 500;
/// How long an ended temporary login is kept, so that whoever still uses it is told that it ended, and when.
const ENDED_LOGINS_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
/// Time between two looks whether somebody asked for maintenance.
const WANTED_LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// Time between two rounds.
const ROUND: Duration = Duration::from_mins(1);
/// Most time that a refusal waits for its place in the audit trail.
const REFUSALS_WRITTEN_EVERY: Duration = Duration::from_secs(1);
/// Rounds between two looks at how much is stored.
const ROUNDS_BETWEEN_LOOKS: u64 = 10;
/// Days that the counts of single repositories are kept: a year and some.
const REPOSITORY_DAYS_KEPT: i64 = 400;
/// Rounds between two looks for bytes without rows, which only a crash leaves.
const ROUNDS_BETWEEN_ORPHANS: u64 = 24 * 60;

impl Registry {
    /// Does the upkeep for as long as it is polled; a failed round is logged and tried again.
    pub async fn maintain(&self) {
        tokio::join!(
            self.upkeep(),
            self.do_wanted(),
            self.write_counts(),
            self.write_refusals()
        );
    }

    /// Does what people ask for, one kind beside another.
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

    /// Does the run of a kind that was asked for, if any.
    pub async fn do_one_wanted(&self, kind: MaintenanceKind) -> Result<(), Error> {
        match kind {
            MaintenanceKind::Reclaim => {
                let work = async |run: &Running<'_>| {
                    let deleted = self.reclaim().await?;
                    run.progress(&json!({ "deleted": deleted })).await?;
                    if run.wants("orphans") {
                        self.delete_orphans().await?;
                    }
                    Ok(json!({ "deleted": deleted }))
                };
                self.carry_out(kind, false, work).await
            }
        }
    }

    async fn upkeep(&self) {
        for round in 0_u64.. {
            if let Err(error) = self.maintain_once().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "upkeep round failed");
            }
            if round.is_multiple_of(ROUNDS_BETWEEN_ORPHANS)
                && let Err(error) = self.delete_orphans().await
            {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "search for orphaned bytes failed"
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

    /// Notes for today how much everybody stores.
    pub async fn note_stored_bytes(&self) -> Result<(), Error> {
        Ok(self.metadata.note_stored_bytes(day_of(now_ms())).await?)
    }

    /// One round: everything that is due now.
    pub async fn maintain_once(&self) -> Result<(), Error> {
        let now = now_ms();
        let before = now.saturating_sub(self.limits.upload_ttl_ms());
        self.expire_uploads(before).await?;
        while self.metadata.sweep_unreferenced(before, now, STEP).await? > 0 {}
        while self.metadata.delete_abandoned_repositories(before, STEP).await? > 0 {}
        self.reclaim().await?;
        let ended = now.saturating_sub(ENDED_LOGINS_KEPT_MS);
        while self.metadata.delete_expired_temporary_logins(ended, STEP).await? > 0 {}
        while self.metadata.delete_expired_temporary_keys(ended, STEP).await? > 0 {}
        while self.metadata.delete_expired_sessions(ended, STEP).await? > 0 {}
        let attempts = (FORGOTTEN_AFTER_MS, SIGNATURES_REMEMBERED_MS);
        while self.metadata.forget_attempts(attempts, STEP).await? > 0 {}
        self.metadata.forget_commits().await?;
        let forgotten = now.saturating_sub(self.limits.audit_ttl_ms());
        while self.metadata.forget_audit_events(forgotten, STEP).await? > 0 {}
        let forgotten = day_of(now) - REPOSITORY_DAYS_KEPT;
        while self.metadata.forget_repository_days(forgotten, STEP).await? > 0 {}
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
    async fn abort_or_leave(&self, upload: &Upload) {
        if let Err(error) = self.blobs.abort(upload).await {
            tracing::warn!(
                upload = upload.key,
                error = &error as &dyn std::error::Error,
                "the bytes of an upload could not be deleted"
            );
        }
    }

    /// Deletes the bytes whose rows are gone. Keys are never used twice, so nothing new can be hit.
    async fn reclaim(&self) -> Result<usize, Error> {
        let mut deleted = 0;
        loop {
            let rows = self.metadata.take_reclaim(STEP).await?;
            let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
            let kept: HashMap<_, _> = self.blobs.delete(&keys).await.into_iter().collect();
            deleted += keys.len() - kept.len();
            for key in &keys {
                let Some(error) = kept.get(key) else {
                    self.metadata.reclaimed(key).await?;
                    continue;
                };
                not_deleted(key, error);
                self.metadata.postpone_reclaim(key, now_ms()).await?;
            }
            if rows.is_empty() || !kept.is_empty() {
                return Ok(deleted);
            }
        }
    }

    async fn delete_orphans_of(&self, keys: Vec<String>) -> Result<(), Error> {
        let mut ended = Vec::new();
        for key in keys {
            let upload_id = key.rsplit('.').next().unwrap_or_default();
            if !self.metadata.upload_exists(upload_id).await? {
                ended.push(key);
            }
        }
        let known: HashSet<String> = self.metadata.known_keys(&ended).await?.into_iter().collect();
        ended.retain(|key| !known.contains(key));
        for key in &ended {
            tracing::info!(key, "deleting bytes that no row names");
        }
        for (key, error) in self.blobs.delete(&ended).await {
            not_deleted(&key, &error);
        }
        Ok(())
    }

    /// Deletes the bytes of one key.
    pub(crate) async fn delete_bytes(&self, key: &str) -> Result<(), Error> {
        let kept = self.blobs.delete(&[key.to_owned()]).await;
        kept.into_iter()
            .next()
            .map_or(Ok(()), |(_, error)| Err(error.into()))
    }

    /// Deletes stored bytes that no row knows: a crash between a commit and its row, or between a row and its abort.
    ///
    /// An upload's row is asked for first: when it is gone, its end is in the rows already, so bytes that
    /// the second question does not find belong to nobody.
    pub async fn delete_orphans(&self) -> Result<(), Error> {
        let keys = self.blobs.list().map_ok(|blob| blob.key);
        let mut keys = keys.try_chunks(KEYS_AT_ONCE);
        while let Some(keys) = keys.try_next().await.map_err(|partial| partial.1)? {
            self.delete_orphans_of(keys).await?;
        }
        let mut uploads = self.blobs.list_uploads();
        while let Some(upload) = uploads.try_next().await? {
            if !self.metadata.upload_exists(&upload.id).await? {
                tracing::info!(upload = upload.id, "deleting an upload that no row names");
                self.abort_or_leave(&Upload::new(upload.id)).await;
            }
        }
        Ok(())
    }
}

fn not_deleted(key: &str, error: &berth_blob::Error) {
    tracing::warn!(
        key,
        error = error as &dyn std::error::Error,
        "bytes could not be deleted"
    );
}
