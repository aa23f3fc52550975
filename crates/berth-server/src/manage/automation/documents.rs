//! Rows of the lists across images, on the wire.

use berth_registry::{
    AutomatedImage, AutomatedRetention, AutomatedRule, AutomatedSync, AutomatedTrigger, ListedCopy,
    ListedRun, RunMark,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::manage::wire::Time;

/// A page of triggers.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerPage {
    pub(super) triggers: Vec<TriggerOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// A page of runs of triggers.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerRunPage {
    pub(super) runs: Vec<TriggerRunOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// A page of retentions.
#[derive(Serialize, ToSchema)]
pub(super) struct RetentionPage {
    pub(super) retentions: Vec<RetentionOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// A page of sync rules.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncRulePage {
    pub(super) rules: Vec<SyncRuleOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// A page of copies.
#[derive(Serialize, ToSchema)]
pub(super) struct CopyPage {
    pub(super) copies: Vec<CopyOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// A page of rules about immutable tags.
#[derive(Serialize, ToSchema)]
pub(super) struct ImmutabilityPage {
    pub(super) rules: Vec<ImmutabilityOfImage>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// What something is set up for.
#[derive(Serialize, ToSchema)]
struct AutomatedFor {
    /// The organization's name.
    namespace: String,
    /// The image's name within it, with `/`; null for what is set up for a whole organization.
    repository: Option<String>,
}

/// A last run or copy.
#[derive(Serialize, ToSchema)]
struct LastRun {
    id: i64,
    /// The tag that it is about; empty for retentions.
    tag: String,
    /// `waiting`, `running`, `success` or `failed`; of triggers also `cancelled`, `superseded` or `undone`, of copies `cancel`,
    /// `existed` or `timeout`.
    status: String,
    /// Why it failed; empty when it did not.
    detail: String,
    /// When it was asked for or, of copies and retentions, changed last.
    at: Time,
}

/// A trigger.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    name: String,
    trigger_type: String,
    condition: String,
    /// `update` or `webhook`.
    action: &'static str,
    enabled: bool,
    app_type: String,
    application: String,
    cluster_ns: String,
    cluster_name: String,
    /// Empty for the containers of the workload that have the image.
    container: String,
    /// The address that is told, without path and query; null for the action `update`.
    webhook_url: Option<String>,
    creator_name: String,
    created_at: Time,
    /// Null when it never ran.
    last_run: Option<LastRun>,
}

/// A run of a trigger.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerRunOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    /// The trigger's name.
    trigger: String,
    #[serde(flatten)]
    run: LastRun,
    /// Why it ran; null for runs of earlier versions.
    why: Option<String>,
    /// Who set it off; null when that user is gone or was the registry itself.
    user_name: Option<String>,
    /// Null while it waits.
    started_at: Option<Time>,
    /// Null while it is open.
    ended_at: Option<Time>,
}

/// A retention.
#[derive(Serialize, ToSchema)]
pub(super) struct RetentionOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    id: i64,
    /// `date_rule` or `tag_rule`.
    template: String,
    /// Days or tags that are kept.
    amount: i64,
    /// How many selectors spare tags.
    num_selectors: usize,
    updated_at: Time,
    /// Null when it never ran.
    last_run: Option<LastRun>,
    /// Tags that the last run deleted.
    last_deleted: i64,
    /// Bytes that it freed.
    last_freed: i64,
}

/// A sync rule.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncRuleOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    id: i64,
    /// The region that the image is sent to.
    remote_region_id: String,
    /// The organization there.
    remote_namespace: String,
    /// Whether pushes are sent by themselves.
    sync_auto: bool,
    /// Whether a tag that is there already is replaced.
    #[serde(rename = "override")]
    overwrite: bool,
    updated_at: Time,
    /// The last copy to that place; null when there was none.
    last_copy: Option<LastRun>,
}

/// A copy to another region.
#[derive(Serialize, ToSchema)]
pub(super) struct CopyOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    #[serde(flatten)]
    copy: LastRun,
    /// The region that it is sent to.
    remote_region_id: String,
    /// The organization there.
    remote_namespace: String,
    /// Who asked for it, as they were called then.
    operator_name: String,
    created_at: Time,
    /// Bytes to send, as far as it is known.
    bytes_total: i64,
    /// And how many of these are there.
    bytes_done: i64,
}

/// A rule about immutable tags.
#[derive(Serialize, ToSchema)]
pub(super) struct ImmutabilityOfImage {
    #[serde(flatten)]
    image: AutomatedFor,
    id: i64,
    /// Of a rule of an organization: which images it is for; null for all.
    images: Option<String>,
    /// How `pattern` is read.
    kind: String,
    /// Which tags it keeps.
    pattern: String,
    /// And which of these not.
    #[serde(rename = "except")]
    except_pattern: Option<String>,
    creator_name: String,
    created_at: Time,
}

fn of(place: AutomatedImage) -> AutomatedFor {
    AutomatedFor {
        namespace: place.organization,
        repository: place.image,
    }
}

fn last(mark: RunMark) -> LastRun {
    LastRun {
        id: mark.id,
        tag: mark.tag,
        status: mark.status,
        detail: mark.detail,
        at: Time(mark.at),
    }
}

pub(super) fn trigger(row: AutomatedTrigger) -> TriggerOfImage {
    TriggerOfImage {
        image: of(row.place),
        name: row.name,
        trigger_type: row.kind,
        condition: row.condition,
        action: if row.webhook_url.is_some() {
            "webhook"
        } else {
            "update"
        },
        enabled: row.enabled,
        app_type: row.workload_kind,
        application: row.workload,
        cluster_ns: row.namespace,
        cluster_name: row.cluster_name,
        container: row.container,
        webhook_url: row.webhook_url,
        creator_name: row.creator_name,
        created_at: Time(row.created_at),
        last_run: row.last.map(last),
    }
}

pub(super) fn run(row: ListedRun) -> TriggerRunOfImage {
    TriggerRunOfImage {
        image: of(row.place),
        trigger: row.trigger,
        run: last(row.mark),
        why: row.why,
        user_name: row.user_name,
        started_at: row.started_at.map(Time),
        ended_at: row.ended_at.map(Time),
    }
}

pub(super) fn retention(row: AutomatedRetention) -> RetentionOfImage {
    let selectors: Vec<serde_json::Value> = serde_json::from_str(&row.exempt).unwrap_or_default();
    let (last_deleted, last_freed) = row
        .last
        .as_ref()
        .map_or((0, 0), |(_, deleted, freed)| (*deleted, *freed));
    RetentionOfImage {
        image: of(row.place),
        id: row.id,
        template: row.kind,
        amount: row.amount,
        num_selectors: selectors.len(),
        updated_at: Time(row.updated_at),
        last_run: row.last.map(|(mark, ..)| last(mark)),
        last_deleted,
        last_freed,
    }
}

pub(super) fn sync_rule(row: AutomatedSync) -> SyncRuleOfImage {
    SyncRuleOfImage {
        image: of(row.place),
        id: row.id,
        remote_region_id: row.region_id,
        remote_namespace: row.remote_organization,
        sync_auto: row.automatic,
        overwrite: row.overwrite,
        updated_at: Time(row.updated_at),
        last_copy: row.last.map(last),
    }
}

pub(super) fn copy(row: ListedCopy) -> CopyOfImage {
    CopyOfImage {
        image: of(row.place),
        copy: last(row.mark),
        remote_region_id: row.region_id,
        remote_namespace: row.remote_organization,
        operator_name: row.operator_name,
        created_at: Time(row.created_at),
        bytes_total: row.bytes_total,
        bytes_done: row.bytes_done,
    }
}

pub(super) fn immutability(row: AutomatedRule) -> ImmutabilityOfImage {
    ImmutabilityOfImage {
        image: of(row.place),
        id: row.id,
        images: row.images,
        kind: row.kind,
        pattern: row.pattern,
        except_pattern: row.except_pattern,
        creator_name: row.creator_name,
        created_at: Time(row.created_at),
    }
}
