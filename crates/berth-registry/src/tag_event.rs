//! What follows when a tag came to name something else: triggers that wait for it, regions that it is sent to, an index for lazy starts,
//! nodes that it goes to. Only queues it.

use std::sync::Arc;

use berth_metadata::{EventFollows, TagEvent};
use berth_oci::Tag;

use crate::Registry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::jobs::JobKind;

/// Events of one look.
const AT_ONCE: i64 = 100;

impl Registry {
    /// Queues what follows from events for as long as it is polled.
    pub(crate) async fn follow(self: &Arc<Self>) {
        loop {
            if let Err(error) = self.follow_events().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what follows from pushes could not be queued and will be later"
                );
            }
            self.jobs.a_tag_moved().await;
        }
    }

    /// Queues what follows from all events that there are.
    pub(crate) async fn follow_events(&self) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let events = self.metadata.tag_events(after, AT_ONCE).await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            after = last.id;
            for event in events {
                let id = event.id;
                // One that nothing can follow from keeps no other waiting; when the database is away the next page says so.
                if let Err(error) = self.follow_event(event).await {
                    tracing::warn!(
                        event = id,
                        error = &error as &dyn std::error::Error,
                        "what follows from a push could not be queued and will be later"
                    );
                }
            }
        }
    }

    async fn follow_event(&self, event: TagEvent) -> Result<(), Error> {
        let follows = self.what_follows(&event).await?;
        let of = |kind: JobKind| follows.triggers.iter().any(|(_, job)| job.kind == kind.as_str());
        let kinds = [
            (JobKind::Trigger, of(JobKind::Trigger)),
            (JobKind::Webhook, of(JobKind::Webhook)),
            (JobKind::Sync, !follows.sync_rules.is_empty()),
            (JobKind::Lazy, follows.lazy),
        ];
        let has_preheats = !follows.preheats.is_empty();
        self.metadata.settle_event(event, follows, now_ms()).await?;
        for (kind, _) in kinds.into_iter().filter(|(_, is_queued)| *is_queued) {
            self.jobs.queued(kind);
        }
        if has_preheats && let Err(error) = self.wake_nodes().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "nodes may hear late of what a push brings them");
        }
        Ok(())
    }

    async fn what_follows(&self, event: &TagEvent) -> Result<EventFollows, Error> {
        let tag: Tag = event
            .tag
            .parse()
            .map_err(|error| Error::internal("reading the tag of an event", error))?;
        Ok(EventFollows {
            triggers: self.triggers_for(event.repository_id, &tag).await?,
            sync_rules: self.sync_rules_for(event).await?,
            lazy: self.wants_lazy_index(event, &tag).await?,
            preheats: self.preheats_for(event, &tag).await?,
        })
    }
}
