//! What a trigger would do: which tags it waits for, and what the cluster says to the change, of which it keeps nothing.

use berth_metadata::{TagColumn, TagOrder, TagRow, TagStart, TagsPage, TriggerRow};
use berth_oci::{Reference, RepositoryName, Tag};

use super::image::{NO_HOST, Pushed, target};
use super::state::{ImageChange, changes};
use super::{TriggerCondition, WantedTrigger};
use crate::access::{Action, Caller, Held};
use crate::account::new_id;
use crate::{Error, Registry};

/// Tags of one page.
const PAGE: i64 = 1000;
/// Tags that are looked at, the latest first.
const SEEN_MAX: usize = 10_000;
/// Tags that are named.
const NAMED_MAX: usize = 100;

/// What a trigger would do now.
#[derive(Clone, Debug, Default)]
pub struct TriggerPreview {
    /// Tags of the image that it waits for, the latest first, a hundred at most.
    pub tags: Vec<String>,
    /// How many there are among those that were looked at.
    pub tags_matching: usize,
    /// How many tags were looked at, the latest first.
    pub tags_seen: usize,
    /// The tag whose push was tried.
    pub tag: Option<String>,
    /// What it names.
    pub digest: Option<String>,
    /// The image that the workload would be given.
    pub image: Option<String>,
    /// The containers that are meant.
    pub changes: Vec<ImageChange>,
    /// Whether the workload's pods would be replaced.
    pub restarts: bool,
    /// What its webhook would tell.
    pub event: Option<String>,
    /// Why it would fail.
    pub problem: Option<String>,
}

impl Registry {
    /// What a trigger would do if `tag` were pushed, or else the latest that it waits for; changes nothing. For those who
    /// may push.
    pub async fn try_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        trigger: &str,
        tag: Option<&Tag>,
    ) -> Result<TriggerPreview, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        let row = self.trigger_of(held.id, trigger).await?;
        self.preview(&held, name, &row, tag).await
    }

    /// The same for a trigger that is not set up.
    pub async fn try_new_trigger(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: WantedTrigger,
        tag: Option<&Tag>,
    ) -> Result<TriggerPreview, Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        wanted.check()?;
        let cluster = self.trigger_cluster(&held.account_id, &wanted).await?;
        let (new, _) = self
            .new_trigger(caller, (held.id, &held.account_id), wanted)
            .await?;
        let row = TriggerRow {
            id: 0,
            name: new.name,
            kind: new.kind,
            condition: new.condition,
            enabled: new.enabled,
            mode: new.mode,
            cluster: new.cluster,
            cluster_id: cluster.map(|cluster| cluster.cluster_id).unwrap_or_default(),
            cluster_name: String::new(),
            namespace: new.namespace,
            workload_kind: new.workload_kind,
            workload: new.workload,
            container: new.container,
            update_by: new.update_by,
            undo_on_failure: new.undo_on_failure,
            rollout_seconds: new.rollout_seconds,
            preheat: new.preheat,
            creator_name: new.creator_name,
            created_at: new.now,
            webhook_url: new.webhook.map(|webhook| webhook.url),
        };
        self.preview(&held, name, &row, tag).await
    }

    async fn preview(
        &self,
        held: &Held,
        name: &RepositoryName,
        trigger: &TriggerRow,
        tag: Option<&Tag>,
    ) -> Result<TriggerPreview, Error> {
        let (mut preview, latest) = self.tags_waited_for(held.id, trigger).await?;
        let tried = match tag {
            None => latest,
            Some(tag) => {
                let found = self.metadata.tag_row(held.id, tag.as_str()).await?;
                Some(found.ok_or_else(|| Error::ManifestUnknown(Reference::Tag(tag.clone())))?)
            }
        };
        let Some(tried) = tried else {
            preview.problem = Some("the image has no tag yet that the trigger waits for".to_owned());
            return Ok(preview);
        };
        if trigger.webhook_url.is_some() {
            preview.event = Some(self.webhook_preview(held.id, name, &trigger.name, &tried).await?);
            preview.tag = Some(tried.tag);
            preview.digest = Some(tried.digest);
            return Ok(preview);
        }
        let pushed = Pushed {
            hosts: &self.limits.image_hosts,
            repository: name.as_str(),
            tag: &tried.tag,
            digest: &tried.digest,
        };
        let wanted = pushed.wanted(trigger, new_id());
        let wanted = wanted.zip(target(trigger));
        preview.image = wanted.as_ref().map(|(wanted, _)| wanted.image.clone());
        match (wanted, trigger.cluster) {
            (None, _) => preview.problem = Some(NO_HOST.to_owned()),
            (Some(_), None) => preview.problem = Some(super::NO_CLUSTER.to_owned()),
            (Some((mut wanted, target)), Some(_)) => {
                wanted.dry_run = true;
                let cluster = self
                    .kubernetes_of(&held.account_id, &trigger.cluster_id, &trigger.namespace)
                    .await?;
                let tried = async { cluster?.set_image(&target, &wanted).await };
                match tried.await {
                    Ok(change) => {
                        preview.changes = changes(&change);
                        preview.restarts = change.is_sent;
                    }
                    Err(error) => preview.problem = Some(error.to_string()),
                }
            }
        }
        preview.tag = Some(tried.tag);
        preview.digest = Some(tried.digest);
        Ok(preview)
    }

    /// The tags that a trigger waits for, and the latest of them.
    async fn tags_waited_for(
        &self,
        repository_id: i64,
        trigger: &TriggerRow,
    ) -> Result<(TriggerPreview, Option<TagRow>), Error> {
        let condition = TriggerCondition::parse(&trigger.kind, &trigger.condition)?;
        let (mut preview, mut latest) = (TriggerPreview::default(), None);
        let mut start = TagStart::Offset(0);
        while preview.tags_seen < SEEN_MAX {
            let page = TagsPage {
                repository_id,
                search: String::new(),
                order: TagOrder {
                    column: TagColumn::UpdatedAt,
                    descending: true,
                },
                start,
                limit: PAGE,
            };
            let rows = self.metadata.tag_rows(page).await?;
            let Some(last) = rows.last() else { break };
            start = TagStart::After {
                updated_at: last.updated_at,
                tag: last.tag.clone(),
            };
            preview.tags_seen += rows.len();
            let waited_for = |row: &TagRow| row.tag.parse().is_ok_and(|tag| condition.matches(&tag));
            for row in rows.into_iter().filter(waited_for) {
                preview.tags_matching += 1;
                if preview.tags.len() < NAMED_MAX {
                    preview.tags.push(row.tag.clone());
                }
                latest.get_or_insert(row);
            }
        }
        Ok((preview, latest))
    }
}
