//! Images that nodes shall have before a run of a trigger sets them: as by rule, but that somebody waits for it.

use berth_metadata::{NewPreheat, Preheat, PreheatCause};

use super::{KEPT, LIFE_MS, NODES_MAX};
use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;

/// What nodes shall have before a rollout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AheadOfRollout<'a> {
    /// Whose nodes.
    pub(crate) account_id: &'a str,
    /// `organization/image`.
    pub(crate) repository: &'a str,
    /// The tag and the digest.
    pub(crate) image: (&'a str, &'a str),
    /// The nodes that have all of these, a JSON object.
    pub(crate) labels: &'a str,
    /// The trigger.
    pub(crate) trigger: i64,
    /// The run, and its place in the order of events.
    pub(crate) run: (i64, i64),
    /// Who pushed or asked.
    pub(crate) user_name: &'a str,
}

impl Registry {
    /// Tells nodes to have what a run is about to set, once for each run; none when the image is gone.
    pub(crate) async fn begin_ahead_of_rollout(
        &self,
        wanted: AheadOfRollout<'_>,
    ) -> Result<Option<Preheat>, Error> {
        let Some(repository) = self.metadata.repository(wanted.repository).await? else {
            return Ok(None);
        };
        let labels = serde_json::from_str(wanted.labels)
            .map_err(|error| Error::internal("reading the labels of a trigger", error))?;
        let mut nodes = if self.has_swarms() {
            self.connected_nodes(wanted.account_id, &labels).await?
        } else {
            Vec::new()
        };
        nodes.truncate(NODES_MAX);
        let now = now_ms();
        let new = NewPreheat {
            repository_id: repository.id,
            tag: Some(wanted.image.0.to_owned()),
            digest: wanted.image.1.to_owned(),
            labels: wanted.labels.to_owned(),
            wanted_by: PreheatCause::Run {
                trigger: wanted.trigger,
                run: wanted.run.0,
                event: wanted.run.1,
            },
            creator: (None, wanted.user_name.to_owned()),
            nodes: (wanted.account_id.to_owned(), nodes),
            times: (now, now + LIFE_MS),
            most: KEPT,
        };
        let Some(id) = self.metadata.create_preheat(new).await? else {
            return Ok(None);
        };
        self.wake_nodes().await?;
        Ok(self.metadata.preheat(repository.id, id).await?)
    }

    /// How nodes stand to it; none when it is gone.
    pub(crate) async fn ahead_of_rollout(&self, repository: &str, id: i64) -> Result<Option<Preheat>, Error> {
        let Some(repository) = self.metadata.repository(repository).await? else {
            return Ok(None);
        };
        Ok(self.metadata.preheat(repository.id, id).await?)
    }
}
