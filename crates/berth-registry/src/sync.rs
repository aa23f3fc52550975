//! Synchronisation of images to other regions: the rules for every push, and the copies that somebody asked for. Checks,
//! stores and queues; the copies are made as jobs. Only administrators of the image's account set it.

mod closure;
mod copy;
mod heal;
mod job;
mod outcome;
mod plan;
mod progress;
mod records;
mod turns;

use std::collections::BTreeSet;

use berth_metadata::{
    Account, Conflict, HistoryOrder, NewSyncJobs, Region, SyncRule, TagEvent, WantedSyncRule,
};
use berth_oci::excerpt::shown;
use berth_oci::{OrganizationName, RepositoryName, Tag};

use crate::access::{Action, Caller, Held};
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::{Error, Registry};

pub use records::SyncStatus;
pub(crate) use turns::Turns;

/// Destinations of one image; a list of them is answered whole.
const RULES_MAX: i64 = 100;
/// Tags of one request, and of one transaction when all are meant.
const TAGS_MAX: usize = 500;

/// Where an image is sent.
#[derive(Clone, Debug)]
pub struct Destination {
    /// A region that the account registered.
    pub region: String,
    /// The organisation there that receives it.
    pub organization: OrganizationName,
}

/// How an image is sent to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncSwitches {
    /// Whether pushes are sent by themselves.
    pub automatic: bool,
    /// Whether a tag that is there already is replaced.
    pub overwrite: bool,
    /// Whether the tags that the image has now are sent, too.
    pub existing: bool,
}

/// Which tags are to be copied.
#[derive(Clone, Copy, Debug)]
pub enum SyncTags<'a> {
    /// All that the image has.
    All,
    /// These.
    Named(&'a [Tag]),
}

/// What of an image's synchronisation somebody looks at, and whose it is.
#[derive(Clone, Debug)]
pub struct Synced<T> {
    /// The account that the image belongs to.
    pub account: Account,
    /// What was asked for.
    pub rows: Vec<T>,
    /// How many there are in all.
    pub total: i64,
}

/// Which part of a history somebody looks at.
#[derive(Clone, Copy, Debug)]
pub struct HistoryPage {
    /// Which end comes first.
    pub order: HistoryOrder,
    /// Rows to skip.
    pub offset: i64,
    /// Rows to answer at most.
    pub limit: i64,
}

impl Registry {
    /// Sends the image's pushes to a destination from now on, in the place of what was set for it before; what it has
    /// now only if that is asked for.
    pub async fn put_sync_rule(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        destination: &Destination,
        switches: SyncSwitches,
    ) -> Result<(), Error> {
        let held = self.require_sync(caller, name).await?;
        let region = self.destination(&held, destination).await?;
        let rule = WantedSyncRule {
            repository_id: held.id,
            region: region.id,
            remote_organization: destination.organization.to_string(),
            automatic: switches.automatic,
            overwrite: switches.overwrite,
            now: now_ms(),
        };
        let stored = self.metadata.put_sync_rule(rule, RULES_MAX).await;
        stored.map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::TooMany) => {
                Error::Invalid(format!("an image is sent to at most {RULES_MAX} destinations"))
            }
            // The region went in the middle of this: the same request says so.
            berth_metadata::Error::Conflict(Conflict::Changed) => Error::Unavailable,
            other => other.into(),
        })?;
        if switches.existing {
            let place = (&region, destination.organization.as_str());
            let jobs = new_jobs(caller, &held, place, switches.overwrite);
            self.sync_all(jobs).await?;
        }
        Ok(())
    }

    /// Where the image's pushes are sent, for those with a right on it.
    pub async fn list_sync_rules(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Synced<SyncRule>, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        let rows = self.metadata.list_sync_rules(held.id).await?;
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        self.synced(held, rows, total).await
    }

    /// Sends the image's pushes no longer to a destination; what is there stays. `Unknown` when they are not sent there.
    pub async fn delete_sync_rule(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        destination: &Destination,
    ) -> Result<(), Error> {
        let held = self.require_sync(caller, name).await?;
        let organization = destination.organization.as_str();
        let deleted = match self
            .metadata
            .region(&held.account_id, &destination.region)
            .await?
        {
            None => false,
            Some(region) => {
                self.metadata
                    .delete_sync_rule(held.id, region.id, organization)
                    .await?
            }
        };
        if deleted {
            return Ok(());
        }
        Err(Error::Unknown(format!(
            "a rule that sends '{name}' to organization '{organization}' of region '{}'",
            shown(&destination.region)
        )))
    }

    /// Queues copies of tags to a destination and answers the tags that the image does not have. A copy that waits
    /// already is not queued again.
    pub async fn sync_tags(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        destination: &Destination,
        (tags, overwrite): (SyncTags<'_>, bool),
    ) -> Result<Vec<String>, Error> {
        let held = self.require_sync(caller, name).await?;
        let distinct: BTreeSet<&str> = match tags {
            SyncTags::All => BTreeSet::new(),
            SyncTags::Named(tags) => tags.iter().map(Tag::as_str).collect(),
        };
        if matches!(tags, SyncTags::Named(_)) && !(1..=TAGS_MAX).contains(&distinct.len()) {
            return Err(Error::Invalid(format!("imageTag names 1 to {TAGS_MAX} tags")));
        }
        let region = self.destination(&held, destination).await?;
        let place = (&region, destination.organization.as_str());
        let jobs = new_jobs(caller, &held, place, overwrite);
        if matches!(tags, SyncTags::All) {
            self.sync_all(jobs).await?;
            return Ok(Vec::new());
        }
        let missing = self.metadata.create_sync_jobs(NewSyncJobs {
            tags: distinct.into_iter().map(str::to_owned).collect(),
            ..jobs
        });
        let missing = missing.await?;
        self.jobs.queued(JobKind::Sync);
        Ok(missing)
    }

    /// Queues copies of all tags that the image has.
    async fn sync_all(&self, jobs: NewSyncJobs) -> Result<(), Error> {
        let mut last: Option<String> = None;
        loop {
            let page = i64::try_from(TAGS_MAX).expect("a small number");
            let tags = self.metadata.list_tags(jobs.repository_id, last.as_deref(), page);
            let tags = tags.await?;
            let Some(end) = tags.last() else { break };
            last = Some(end.clone());
            let jobs = NewSyncJobs { tags, ..jobs.clone() };
            self.metadata.create_sync_jobs(jobs).await?;
            self.jobs.queued(JobKind::Sync);
        }
        Ok(())
    }

    /// The automatic rules of a repository, which send a tag that moved elsewhere.
    pub(crate) async fn sync_rules_for(&self, event: &TagEvent) -> Result<Vec<i64>, Error> {
        let rules = self.metadata.list_sync_rules(event.repository_id).await?;
        let automatic = rules.into_iter().filter(|rule| rule.automatic);
        Ok(automatic.map(|rule| rule.id).collect())
    }

    /// The repository, if the caller administers the account that it belongs to.
    async fn require_sync(&self, caller: &Caller, name: &RepositoryName) -> Result<Held, Error> {
        let held = self.require_held(caller, Action::ManageRepository, name).await?;
        let account = self.account_by_id(&held.account_id).await?;
        caller.require_administrator(&account.name)?;
        Ok(held)
    }

    async fn destination(&self, held: &Held, destination: &Destination) -> Result<Region, Error> {
        if destination.region == self.identity.region {
            return Err(Error::Invalid(format!(
                "remoteRegionId is another region than this one, '{}'",
                self.identity.region
            )));
        }
        let found = self.region_of(&held.account_id, &destination.region).await;
        found.map_err(|error| match error {
            Error::Unknown(what) => Error::Invalid(format!(
                "remoteRegionId: {what} is not registered in this account: one of its administrators can register it"
            )),
            other => other,
        })
    }

    async fn synced<T>(&self, held: Held, rows: Vec<T>, total: i64) -> Result<Synced<T>, Error> {
        let account = self.account_by_id(&held.account_id).await?;
        Ok(Synced { account, rows, total })
    }
}

/// Copies to queue, of no tag yet.
fn new_jobs(
    caller: &Caller,
    held: &Held,
    (region, organization): (&Region, &str),
    overwrite: bool,
) -> NewSyncJobs {
    NewSyncJobs {
        repository_id: held.id,
        tags: Vec::new(),
        region: region.id,
        region_id: region.region_id.clone(),
        remote_organization: organization.to_owned(),
        overwrite,
        operator_id: caller.user_id().unwrap_or_default().to_owned(),
        operator_name: caller.user_name().to_owned(),
        now: now_ms(),
    }
}
