//! A copy as a job: taken on, made, and its end written where people look. What is copied is what the tag names when the
//! attempt begins; copies of one tag to one destination follow one another, so that the destination never goes back.

use std::time::Duration;

use berth_metadata::{Conflict, Job, RegionUpload, SyncEnd, SyncPause, SyncWork};

use super::outcome::{Status, Stop};
use super::progress::Progress;
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobEnd;

/// When to look again whether the copy before is done.
const TAKEN: Duration = Duration::from_secs(3);
/// How often it is written down how far a copy is, and looked whether it was cancelled.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// The repository at the destination.
pub(super) fn remote_name(work: &SyncWork) -> String {
    format!("{}/{}", work.remote_organization, work.image)
}

impl Registry {
    /// One attempt at a copy.
    pub(crate) async fn run_sync_job(&self, job: &Job) -> Result<JobEnd, Error> {
        let work = match self.metadata.begin_sync_job(job.subject, now_ms()).await {
            Ok(Some(work)) => work,
            // Ended, cancelled, or gone with its image.
            Ok(None) => return Ok(JobEnd::Done),
            Err(berth_metadata::Error::Conflict(Conflict::Taken)) => {
                return Ok(JobEnd::Again {
                    after: TAKEN,
                    pause: None,
                });
            }
            Err(error) => return Err(error.into()),
        };
        let progress = Progress::after(work.bytes_sent);
        let stop = match self.copy_unless_cancelled(&work, &progress).await {
            Ok(stop) | Err(stop) => stop,
        };
        self.conclude(&work, stop, &progress).await
    }

    async fn copy_unless_cancelled(&self, work: &SyncWork, progress: &Progress) -> Result<Stop, Stop> {
        let digest = self.digest_to_copy(work).await?;
        let saved = async {
            loop {
                self.keep_sessions(work, progress).await?;
                let figures = progress.figures();
                let saved = self
                    .metadata
                    .save_sync_progress(work.id, digest.as_str(), figures, now_ms());
                if !saved.await? {
                    return Err(Stop::Cancelled);
                }
                tokio::time::sleep(SAVED_EVERY).await;
            }
        };
        tokio::select! {
            stopped = saved => stopped,
            ended = self.copy(work, &digest, progress) => ended,
        }
    }

    /// What the tag names now.
    async fn digest_to_copy(&self, work: &SyncWork) -> Result<berth_oci::Digest, Stop> {
        let Some(digest) = self.metadata.tag_digest(work.repository_id, &work.tag).await? else {
            let gone = "the tag was deleted here before it was copied; what the region has stays";
            return Err(Stop::ended(Status::Cancel, gone));
        };
        digest
            .parse()
            .map_err(|error| Stop::Broken(Error::internal("reading the digest of a tag", error)))
    }

    /// Writes down how uploads that are under way can be gone on with.
    async fn keep_sessions(&self, work: &SyncWork, progress: &Progress) -> Result<(), berth_metadata::Error> {
        for (digest, session) in progress.take_sessions() {
            let upload = RegionUpload {
                region: work.region.id,
                remote_repository: remote_name(work),
                digest: digest.to_string(),
            };
            let text = serde_json::to_string(&session).unwrap_or_default();
            self.metadata
                .keep_region_upload(&upload, Some(&text), now_ms())
                .await?;
            // It ended while this was written.
            if progress.is_pushed(&digest) {
                self.metadata.keep_region_upload(&upload, None, now_ms()).await?;
            }
        }
        Ok(())
    }

    async fn conclude(&self, work: &SyncWork, stop: Stop, progress: &Progress) -> Result<JobEnd, Error> {
        let now = now_ms();
        self.keep_sessions(work, progress).await?;
        let (detail, after, whole_region, refused) = match stop {
            Stop::Cancelled => return Ok(JobEnd::Done),
            Stop::Ended { status, detail } => {
                self.end_copy(work, (status, detail), progress).await?;
                return Ok(JobEnd::Done);
            }
            Stop::Later {
                detail,
                after,
                whole_region,
                refused,
            } => (detail, after, whole_region, refused),
            Stop::Broken(error) => {
                tracing::warn!(
                    repository = work.repository,
                    tag = work.tag,
                    error = &error as &dyn std::error::Error,
                    "a copy broke off and will go on"
                );
                let pause = crate::jobs::pause_after(work.attempts);
                (
                    "this registry has a problem; it is tried again".to_owned(),
                    pause,
                    false,
                    false,
                )
            }
        };
        let pause = SyncPause {
            detail: detail.clone(),
            next_attempt_at: now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            refused,
            is_away: whole_region,
            figures: progress.figures(),
            now,
        };
        if !self.metadata.postpone_sync_job(work.id, pause).await? {
            return Ok(JobEnd::Done);
        }
        Ok(JobEnd::Again {
            after,
            pause: whole_region.then_some(detail),
        })
    }

    async fn end_copy(
        &self,
        work: &SyncWork,
        (status, detail): (Status, String),
        progress: &Progress,
    ) -> Result<(), Error> {
        let figures = progress.figures();
        tracing::info!(
            repository = work.repository,
            tag = work.tag,
            region = work.region.region_id,
            status = status.as_str(),
            bytes_sent = figures.bytes_sent,
            "a copy ended"
        );
        let end = SyncEnd {
            status: status.as_str(),
            detail,
            figures,
            now: now_ms(),
        };
        self.metadata.end_sync_job(work.id, end).await?;
        Ok(())
    }
}
