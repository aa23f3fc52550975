//! What needs somebody's attention, on the wire.

use berth_registry::{Attention, AwayPlace, EndingShare, FailedRun, FullQuota, Quota, QuotaUse, StaleLogin};
use serde::Serialize;
use utoipa::ToSchema;

use super::parts;
use crate::manage::wire::Time;

/// What kind of attention something needs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AttentionKind {
    /// `used` blobs and manifests are damaged.
    Damage,
    /// A cluster does not answer as it should: `name`, `detail`.
    ClusterAway,
    /// A region does not answer as it should: `name`, `detail`.
    RegionAway,
    /// A run of the trigger `name` failed.
    TriggerFailed,
    /// A delivery of the webhook `name` failed for good.
    DeliveryFailed,
    /// A copy to the region `name` failed.
    SyncFailed,
    /// A run of a retention failed.
    RetentionFailed,
    /// A quota is nearly used up: `name` says of what (`organizations`, `images`, `bytes`).
    Quota,
    /// The share with the account `name` ends at `at`.
    ShareEnds,
    /// The access key `name` of `user_name` ends at `at`.
    KeyEnds,
    /// The temporary login `name` of `user_name` ends at `at`.
    LoginEnds,
    /// The access key `name` of `user_name`, made at `at`, was never used.
    KeyUnused,
}

/// Something that needs attention.
#[derive(Serialize, ToSchema)]
pub(super) struct DashboardAttention {
    kind: AttentionKind,
    namespace: Option<String>,
    repository: Option<String>,
    name: Option<String>,
    tag: Option<String>,
    user_name: Option<String>,
    /// Why, for a person.
    detail: Option<String>,
    run_id: Option<i64>,
    at: Option<Time>,
    used: Option<i64>,
    limit: Option<i64>,
}

/// By urgency of its kind.
pub(super) fn attention(found: Attention) -> Vec<DashboardAttention> {
    let damaged = (found.damaged > 0).then(|| DashboardAttention {
        used: Some(found.damaged),
        ..DashboardAttention::of(AttentionKind::Damage)
    });
    let bytes = found.account_bytes.map(|(limit, used)| DashboardAttention {
        name: Some("bytes".to_owned()),
        used: Some(used),
        limit: Some(limit),
        ..DashboardAttention::of(AttentionKind::Quota)
    });
    let mut all: Vec<DashboardAttention> = damaged.into_iter().collect();
    all.extend(found.away.into_iter().map(away));
    all.extend(found.failed.into_iter().map(failed));
    all.extend(found.counts.iter().map(full));
    all.extend(bytes);
    all.extend(found.organization_bytes.into_iter().map(full_organization));
    all.extend(found.shares.into_iter().map(ending));
    all.extend(found.logins.into_iter().map(stale));
    all
}

impl DashboardAttention {
    fn of(kind: AttentionKind) -> Self {
        Self {
            kind,
            namespace: None,
            repository: None,
            name: None,
            tag: None,
            user_name: None,
            detail: None,
            run_id: None,
            at: None,
            used: None,
            limit: None,
        }
    }
}

fn away(place: AwayPlace) -> DashboardAttention {
    let kind = match place.kind.as_str() {
        "cluster" => AttentionKind::ClusterAway,
        _ => AttentionKind::RegionAway,
    };
    DashboardAttention {
        name: Some(place.name),
        detail: Some(place.problem),
        at: place.at.map(Time),
        ..DashboardAttention::of(kind)
    }
}

fn failed(run: FailedRun) -> DashboardAttention {
    let kind = match run.kind.as_str() {
        "trigger" => AttentionKind::TriggerFailed,
        "webhook" => AttentionKind::DeliveryFailed,
        "sync" => AttentionKind::SyncFailed,
        _ => AttentionKind::RetentionFailed,
    };
    let (namespace, repository) = parts(&run.full_name);
    let some = |text: String| (!text.is_empty()).then_some(text);
    DashboardAttention {
        namespace: Some(namespace),
        repository: Some(repository),
        name: some(run.name),
        tag: some(run.tag),
        detail: some(run.detail),
        run_id: Some(run.run),
        at: Some(Time(run.at)),
        ..DashboardAttention::of(kind)
    }
}

fn full(quota: &QuotaUse) -> DashboardAttention {
    let of = match quota.quota {
        Quota::Organizations => "organizations",
        Quota::Repositories => "images",
        Quota::Tags => "tags",
        Quota::Uploads => "uploads",
    };
    DashboardAttention {
        name: Some(of.to_owned()),
        used: Some(quota.used),
        limit: Some(quota.limit),
        ..DashboardAttention::of(AttentionKind::Quota)
    }
}

fn full_organization(quota: FullQuota) -> DashboardAttention {
    DashboardAttention {
        namespace: Some(quota.organization),
        name: Some("bytes".to_owned()),
        used: Some(quota.used_bytes),
        limit: Some(quota.limit_bytes),
        ..DashboardAttention::of(AttentionKind::Quota)
    }
}

fn ending(share: EndingShare) -> DashboardAttention {
    let (namespace, repository) = parts(&share.full_name);
    DashboardAttention {
        namespace: Some(namespace),
        repository: Some(repository),
        name: Some(share.account_name),
        at: Some(Time(share.at)),
        ..DashboardAttention::of(AttentionKind::ShareEnds)
    }
}

fn stale(login: StaleLogin) -> DashboardAttention {
    let kind = match login.why.as_str() {
        "ending" => AttentionKind::KeyEnds,
        "temporary" => AttentionKind::LoginEnds,
        _ => AttentionKind::KeyUnused,
    };
    DashboardAttention {
        name: Some(login.id),
        user_name: Some(login.user_name),
        at: Some(Time(login.at)),
        ..DashboardAttention::of(kind)
    }
}
