//! Triggers as they travel: SWR's fields, and the few beside them.

use berth_registry::{TriggerRow, TriggerRun, WantedAhead, WantedTrigger};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::manage::preheats::WantedNodes;
use crate::manage::wire::Time;

/// A trigger to set up.
#[derive(Deserialize, ToSchema)]
pub(super) struct CreateTrigger {
    /// 1 to 64 letters, digits, `_` and `-`, beginning with a letter, with `_` and `-` only singly between others.
    #[schema(max_length = 64, example = "roll-out")]
    name: String,
    /// How `condition` is read; SWR knows the first three.
    #[schema(pattern = "^(all|tag|regular|regexp)$", example = "regular")]
    trigger_type: String,
    /// `.*` for `all`; tags joined by `;` for `tag`; for `regular` a glob (`*`, `**`, `?`, `{a,b}`), or a regular
    /// expression when it holds one of `^ $ ( ) | + \ [ ]` or begins with a dot.
    #[schema(example = "v*")]
    condition: String,
    /// `update`: the workload gets the image that was pushed. `webhook` (beyond SWR): an address is told of it.
    #[schema(pattern = "^(update|webhook)$", example = "update")]
    action: String,
    /// Whether it acts, as text.
    #[schema(pattern = "^(true|false)$", example = "true")]
    enable: String,
    /// The kind of workload; SWR knows the first two. Like all of the workload and its cluster, absent for `webhook`.
    #[serde(default)]
    #[schema(
        pattern = "^(deployments|statefulsets|daemonsets|cronjobs)$",
        example = "deployments"
    )]
    app_type: String,
    /// The workload's name.
    #[serde(default)]
    #[schema(max_length = 253, example = "web")]
    application: String,
    /// The workload's namespace.
    #[serde(default)]
    #[schema(max_length = 63, example = "default")]
    cluster_ns: String,
    /// The cluster's id; this or `cluster_name` when `trigger_mode` is `cce`, empty when it is `cci`.
    #[serde(default)]
    cluster_id: Option<String>,
    /// The cluster's name.
    #[serde(default)]
    cluster_name: Option<String>,
    /// One container of the workload; when absent, those that have the image already, or the only one.
    #[serde(default)]
    container: Option<String>,
    /// `cce`, a cluster, when absent.
    #[serde(default)]
    #[schema(pattern = "^(cce|cci|)$")]
    trigger_mode: Option<String>,
    /// What the workload is made to name (beyond SWR): the `digest` that was pushed, when absent, or the `tag`, with a
    /// restart of the rollout when that changes no name.
    #[serde(default)]
    #[schema(pattern = "^(digest|tag|)$")]
    update_by: Option<String>,
    /// Whether the images from before are put back when a rollout fails (beyond SWR); no when absent.
    #[serde(default)]
    undo_on_failure: Option<bool>,
    /// How long a rollout may take, in seconds (beyond SWR); ten minutes when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86400)]
    rollout_timeout: Option<i64>,
    /// Nodes that shall have the image before the workload is changed (beyond SWR); none are waited for when absent.
    #[serde(default)]
    preheat: Option<TriggerPreheat>,
    /// The address to tell of pushes, for the action `webhook`.
    #[serde(default)]
    #[schema(max_length = 2048, example = "https://ci.example.com/hooks/berth")]
    webhook_url: Option<String>,
    /// What deliveries are signed with: `whsec_` and 24 to 64 bytes in Base64; made and answered once when absent.
    #[serde(default)]
    webhook_secret: Option<String>,
}

/// Nodes that shall have an image before a trigger changes its workload.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TriggerPreheat {
    /// Every connected node when absent.
    #[serde(default)]
    nodes: WantedNodes,
    /// How long they are waited for, in seconds; five minutes when absent. The rollout goes on then, at once when there is
    /// no such node.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3600)]
    timeout: Option<i64>,
}

/// Nodes that have an image before a trigger changes its workload.
#[derive(Serialize, ToSchema)]
struct ShownTriggerPreheat {
    nodes: WantedNodes,
    /// Seconds.
    timeout: i64,
}

/// What is answered when a trigger is set up: nothing, or the secret that was made for its webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerCreated {
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) webhook_secret: Option<String>,
}

impl From<CreateTrigger> for WantedTrigger {
    fn from(sent: CreateTrigger) -> Self {
        Self {
            name: sent.name,
            trigger_type: sent.trigger_type,
            condition: sent.condition,
            action: sent.action,
            enable: sent.enable,
            app_type: sent.app_type,
            application: sent.application,
            cluster_ns: sent.cluster_ns,
            cluster_id: sent.cluster_id,
            cluster_name: sent.cluster_name,
            container: sent.container,
            trigger_mode: sent.trigger_mode,
            update_by: sent.update_by,
            undo_on_failure: sent.undo_on_failure,
            rollout_timeout: sent.rollout_timeout,
            preheat: sent.preheat.map(|preheat| WantedAhead {
                labels: preheat.nodes.labels,
                timeout: preheat.timeout,
            }),
            webhook_url: sent.webhook_url,
            webhook_secret: sent.webhook_secret,
        }
    }
}

/// What may be changed about a trigger.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateTrigger {
    /// Whether it acts, as text.
    #[schema(pattern = "^(true|false)$")]
    pub(super) enable: String,
}

/// A trigger.
#[derive(Serialize, ToSchema)]
pub(super) struct ShownTrigger {
    name: String,
    trigger_type: String,
    condition: String,
    /// `update` or `webhook`.
    action: &'static str,
    /// `true` or `false`, as text.
    enable: &'static str,
    app_type: String,
    application: String,
    cluster_ns: String,
    cluster_id: String,
    cluster_name: String,
    /// Empty for the containers of the workload that have the image.
    container: String,
    trigger_mode: String,
    /// `digest` or `tag`.
    update_by: String,
    undo_on_failure: bool,
    /// Seconds.
    rollout_timeout: i64,
    /// Nodes that shall have the image first.
    #[serde(skip_serializing_if = "Option::is_none")]
    preheat: Option<ShownTriggerPreheat>,
    /// The address that is told, for the action `webhook`; for who may not push the image, without path and query.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    created_at: Time,
    creator_name: String,
    /// What came of it lately, newest first; nothing in lists.
    #[schema(required)]
    trigger_history: Option<Vec<TriggerHistory>>,
}

/// One time that a trigger acted, as SWR shows it and with a little more.
#[derive(Serialize, ToSchema)]
pub(super) struct TriggerHistory {
    action: &'static str,
    app_type: String,
    application: String,
    cluster_id: String,
    cluster_name: String,
    cluster_ns: String,
    condition: String,
    container: String,
    created_at: Time,
    creator_name: String,
    /// Why it failed.
    detail: String,
    /// `success` or `failed`.
    result: &'static str,
    /// The tag that was pushed.
    tag: String,
    /// The run, of which there is more to know.
    run_id: i64,
    /// How it ended: `success`, `failed`, `undone`, `superseded` by something newer, or `cancelled`.
    status: String,
}

/// What a trigger does.
fn action(row: &TriggerRow) -> &'static str {
    if row.webhook_url.is_some() {
        "webhook"
    } else {
        "update"
    }
}

pub(super) fn document(row: TriggerRow, history: Option<Vec<TriggerHistory>>) -> ShownTrigger {
    ShownTrigger {
        action: action(&row),
        name: row.name,
        trigger_type: row.kind,
        condition: row.condition,
        enable: if row.enabled { "true" } else { "false" },
        app_type: row.workload_kind,
        application: row.workload,
        cluster_ns: row.namespace,
        cluster_id: row.cluster_id,
        cluster_name: row.cluster_name,
        container: row.container,
        trigger_mode: row.mode,
        update_by: row.update_by,
        undo_on_failure: row.undo_on_failure,
        rollout_timeout: row.rollout_seconds,
        preheat: row.preheat.map(|preheat| ShownTriggerPreheat {
            nodes: WantedNodes::stored(&preheat.labels),
            timeout: preheat.seconds,
        }),
        webhook_url: row.webhook_url,
        created_at: Time(row.created_at),
        creator_name: row.creator_name,
        trigger_history: history,
    }
}

/// SWR has no words for what has not ended, so that only runs that have are shown.
pub(super) fn history(row: &TriggerRow, run: TriggerRun) -> Option<TriggerHistory> {
    let ended = !run.is_open();
    ended.then(|| TriggerHistory {
        action: action(row),
        app_type: row.workload_kind.clone(),
        application: row.workload.clone(),
        cluster_id: row.cluster_id.clone(),
        cluster_name: row.cluster_name.clone(),
        cluster_ns: row.namespace.clone(),
        condition: row.condition.clone(),
        container: row.container.clone(),
        created_at: Time(run.at),
        creator_name: row.creator_name.clone(),
        detail: run.detail,
        result: if run.status == "success" {
            "success"
        } else {
            "failed"
        },
        tag: run.tag,
        run_id: run.id,
        status: run.status,
    })
}
