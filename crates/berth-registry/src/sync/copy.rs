//! Copies of tags to other regions.

use std::time::Duration;

use berth_metadata::{Job, TagEvent};

use crate::Registry;
use crate::error::Error;
use crate::jobs::JobEnd;

impl Registry {
    /// The automatic rules of a repository, which send a tag that moved elsewhere.
    pub(crate) async fn sync_rules_for(&self, event: &TagEvent) -> Result<Vec<i64>, Error> {
        let rules = self.metadata.list_sync_rules(event.repository_id).await?;
        let automatic = rules.into_iter().filter(|rule| rule.automatic);
        Ok(automatic.map(|rule| rule.id).collect())
    }

    /// Copies a tag.
    pub(crate) async fn run_sync_job(&self, _job: &Job) -> Result<JobEnd, Error> {
        Ok(JobEnd::Again {
            after: Duration::from_hours(1),
            pause: None,
        })
    }
}
