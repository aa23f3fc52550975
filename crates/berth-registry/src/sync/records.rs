//! What became of copies, for people: lists, single copies, how far behind destinations are; and a hand on a copy that
//! waits, runs or failed.

use std::collections::BTreeSet;

use berth_metadata::{Conflict, PausedLane, SYNC, SyncJob, SyncStanding, region_lane};
use berth_oci::RepositoryName;

use super::{HistoryPage, Synced};
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::{Error, Registry};

/// How far a destination of an image is.
#[derive(Clone, Debug)]
pub struct SyncStatus {
    /// The region's id.
    pub region_id: String,
    /// The organisation there.
    pub remote_organization: String,
    /// Whether every push is sent there.
    pub automatic: bool,
    /// How the copies stand.
    pub standing: SyncStanding,
    /// Until when and why nothing is sent to the region, if that is so.
    pub paused: Option<PausedLane>,
    /// For how long the destination lacks the oldest push that it waits for, in milliseconds; none when it lacks none.
    pub behind_ms: Option<i64>,
}

impl Registry {
    /// A page of the copies of the image's tags, for those with a right on it.
    pub async fn sync_jobs(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        page: HistoryPage,
    ) -> Result<Synced<SyncJob>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let listed = self
            .metadata
            .list_sync_jobs(held.id, page.order, page.offset, page.limit);
        let (mut rows, total) = listed.await?;
        self.tell_pauses(&mut rows).await?;
        self.synced(held, rows, total).await
    }

    /// One copy of a tag of the image, for those with a right on it.
    pub async fn sync_job(&self, caller: &Caller, name: &RepositoryName, id: i64) -> Result<SyncJob, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let found = self.metadata.sync_job(held.id, id).await?;
        let mut row = found.ok_or_else(|| unknown(id))?;
        self.tell_pauses(std::slice::from_mut(&mut row)).await?;
        Ok(row)
    }

    /// Cancels a copy that waits or runs; `InUse` for one that ended. What arrived stays.
    pub async fn cancel_sync_job(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        id: i64,
    ) -> Result<(), Error> {
        let held = self.require_sync(caller, name).await?;
        let detail = format!("cancelled by {}", caller.user_name());
        let cancelled = self
            .metadata
            .cancel_sync_job(held.id, id, &detail, now_ms())
            .await?;
        match cancelled {
            Some(true) => Ok(()),
            Some(false) => Err(Error::InUse(format!("copy {id} ended already"))),
            None => Err(unknown(id)),
        }
    }

    /// Queues a copy once more that failed, timed out or was cancelled; `InUse` for others.
    pub async fn retry_sync_job(&self, caller: &Caller, name: &RepositoryName, id: i64) -> Result<(), Error> {
        let held = self.require_sync(caller, name).await?;
        let retried = self.metadata.retry_sync_job(held.id, id, now_ms()).await;
        let retried = retried.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::Taken) => {
                Error::InUse("another copy of the tag waits for the same destination".to_owned())
            }
            other => other.into(),
        })?;
        match retried {
            Some(true) => {
                self.jobs.queued(JobKind::Sync);
                Ok(())
            }
            Some(false) => Err(Error::InUse(format!(
                "copy {id} waits, runs or succeeded, or its region is gone: only what failed, timed out or was \
                 cancelled is tried again"
            ))),
            None => Err(unknown(id)),
        }
    }

    /// How far each destination of the image is, for those with a right on it.
    pub async fn sync_status(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Vec<SyncStatus>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let rules = self.metadata.list_sync_rules(held.id).await?;
        let now = now_ms();
        let mut found = Vec::new();
        for destination in self.metadata.sync_standings(held.id).await? {
            let paused = match destination.region {
                Some(region) => self.metadata.paused_lane(SYNC, &region_lane(region), now).await?,
                None => None,
            };
            found.push(SyncStatus {
                automatic: false,
                behind_ms: destination
                    .standing
                    .waiting_since
                    .map(|since| (now - since).max(0)),
                region_id: destination.region_id,
                remote_organization: destination.remote_organization,
                standing: destination.standing,
                paused,
            });
        }
        for rule in rules {
            let same = |status: &&mut SyncStatus| {
                status.region_id == rule.region_id && status.remote_organization == rule.remote_organization
            };
            match found.iter_mut().find(same) {
                Some(status) => status.automatic = rule.automatic,
                // Nothing was sent there yet.
                None => found.push(SyncStatus {
                    region_id: rule.region_id,
                    remote_organization: rule.remote_organization,
                    automatic: rule.automatic,
                    standing: SyncStanding::default(),
                    paused: None,
                    behind_ms: None,
                }),
            }
        }
        Ok(found)
    }

    /// A copy that waits for a region which is paused is told the region's reason and time.
    async fn tell_pauses(&self, rows: &mut [SyncJob]) -> Result<(), Error> {
        let waiting = |row: &SyncJob| row.region.filter(|_| row.status == "waiting");
        let regions: BTreeSet<i64> = rows.iter().filter_map(waiting).collect();
        for region in regions {
            let lane = region_lane(region);
            let Some(paused) = self.metadata.paused_lane(SYNC, &lane, now_ms()).await? else {
                continue;
            };
            for row in rows.iter_mut().filter(|row| waiting(row) == Some(region)) {
                row.course.detail.clone_from(&paused.reason);
                row.course.next_attempt_at = Some(paused.until);
            }
        }
        Ok(())
    }
}

fn unknown(id: i64) -> Error {
    Error::Unknown(format!("copy {id} of this image"))
}
