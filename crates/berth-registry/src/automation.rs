//! What is set up for images and what came of it, across all images that the caller has a right on: as on the page of each
//! image, where any right opens these lists.

use berth_metadata::AutomationQuery;
/// Rows, as the metadata has them.
pub use berth_metadata::{
    AutomatedImage, AutomatedRetention, AutomatedRule, AutomatedSync, AutomatedTrigger, ListedCopy,
    ListedRun, RunMark,
};

use crate::Registry;
use crate::access::Caller;
use crate::error::Error;
use crate::webhook;

/// What of a list a page shows.
#[derive(Clone, Debug)]
pub struct AutomationWanted {
    /// Of images of this organisation only.
    pub organization: Option<String>,
    /// Of images whose full name holds this only.
    pub text: Option<String>,
    /// Of this status only: of a last run, or of the run itself.
    pub status: Option<String>,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// A page, and how many rows there are on all pages.
#[derive(Clone, Debug)]
pub struct Counted<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many there are.
    pub total: i64,
}

impl<T> From<(Vec<T>, i64)> for Counted<T> {
    fn from((rows, total): (Vec<T>, i64)) -> Self {
        Self { rows, total }
    }
}

impl Registry {
    /// A page of triggers by image, each with its last run. Addresses come without path and query.
    pub async fn automated_triggers(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<AutomatedTrigger>, Error> {
        let query = query(caller, wanted)?;
        let (mut rows, total) = self.metadata.automated_triggers(&query).await?;
        for url in rows.iter_mut().filter_map(|row| row.webhook_url.as_mut()) {
            webhook::shorten(url, berth_metadata::Permission::Read);
        }
        Ok(Counted { rows, total })
    }

    /// A page of runs of triggers, newest first.
    pub async fn automated_runs(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<ListedRun>, Error> {
        Ok(self
            .metadata
            .automated_runs(&query(caller, wanted)?)
            .await?
            .into())
    }

    /// A page of retentions by image, each with its last run.
    pub async fn automated_retentions(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<AutomatedRetention>, Error> {
        Ok(self
            .metadata
            .automated_retentions(&query(caller, wanted)?)
            .await?
            .into())
    }

    /// A page of sync rules by image, each with its last copy.
    pub async fn automated_syncs(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<AutomatedSync>, Error> {
        Ok(self
            .metadata
            .automated_syncs(&query(caller, wanted)?)
            .await?
            .into())
    }

    /// A page of copies to other regions, newest first.
    pub async fn automated_copies(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<ListedCopy>, Error> {
        Ok(self
            .metadata
            .automated_copies(&query(caller, wanted)?)
            .await?
            .into())
    }

    /// A page of rules about immutable tags by organisation.
    pub async fn automated_immutability(
        &self,
        caller: &Caller,
        wanted: AutomationWanted,
    ) -> Result<Counted<AutomatedRule>, Error> {
        Ok(self
            .metadata
            .automated_immutability(&query(caller, wanted)?)
            .await?
            .into())
    }
}

fn query(caller: &Caller, wanted: AutomationWanted) -> Result<AutomationQuery, Error> {
    let user = caller.require_user()?;
    Ok(AutomationQuery {
        user_id: user.user_id.clone(),
        account_id: user.account_id.clone(),
        administrator: user.administrator,
        organization: wanted.organization,
        text: wanted.text,
        status: wanted.status,
        offset: wanted.offset,
        limit: wanted.limit,
    })
}
