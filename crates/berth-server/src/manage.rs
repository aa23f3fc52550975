//! The management API, in the paths, shapes and codes of SWR's basic edition. Every caller proves who they are, but for the
//! versions.
//! What the rules are is the registry's business; here are only names, statuses and JSON.

mod agency;
mod agents;
mod archives;
mod audit;
mod automation;
mod bin;
pub(crate) mod call;
mod clusters;
mod console_settings;
mod contents;
mod dashboard;
pub(crate) mod error;
mod events;
mod explanation;
mod features;
mod grants;
mod images;
mod immutability;
mod lazy;
mod ledger;
mod listing;
mod maintenance;
mod mirrors;
pub(crate) mod names;
mod organizations;
mod preheat_rules;
mod preheats;
mod providers;
mod quotas;
mod regions;
mod repositories;
mod retentions;
mod search;
mod secrets;
mod sessions;
mod shared_repositories;
mod shares;
mod shut_outs;
mod sign_in;
mod statistics;
mod sync;
mod sync_copies;
mod tags;
mod triggers;
mod trust_rules;
mod versions;
mod webhooks;
pub(crate) mod wire;
mod workloads;

use axum::Router;
use axum::routing::any;
pub(crate) use listing::Direction;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every documented operation of the management API.
pub(crate) fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(versions::routes())
        .merge(organizations::routes())
        .merge(repositories::routes())
        .merge(images::routes())
        .merge(console_settings::routes())
        .merge(grants::routes())
        .merge(shares::routes())
        .merge(shared_repositories::routes())
        .merge(quotas::routes())
        .merge(features::routes())
        .merge(agency::routes())
        .merge(search::routes())
        .merge(secrets::routes())
        .merge(sync::routes())
        .merge(sync_copies::routes())
        .merge(automation::routes())
        .merge(triggers::routes())
        .merge(webhooks::routes())
        .merge(retentions::routes())
        .merge(immutability::routes())
        .merge(lazy::routes())
        .merge(clusters::routes())
        .merge(workloads::routes())
        .merge(ledger::routes())
        .merge(maintenance::routes())
        .merge(shut_outs::routes())
        .merge(explanation::routes())
        .merge(regions::routes())
        .merge(mirrors::routes())
        .merge(agents::routes())
        .merge(preheats::routes())
        .merge(preheat_rules::routes())
        .merge(tags::routes())
        .merge(contents::routes())
        .merge(bin::routes())
        .merge(statistics::routes())
        .merge(audit::routes())
        .merge(events::routes())
        .merge(dashboard::routes())
        .merge(sessions::routes())
        .merge(providers::routes())
        .merge(trust_rules::routes())
        .merge(sign_in::routes())
        .merge(archives::routes())
}

/// What paths below the API's that lead nowhere are answered with: its error form too.
pub(crate) fn dead_ends() -> Router<AppState> {
    Router::new()
        .route("/v2/manage", any(error::unknown_path))
        .route("/v2/manage/", any(error::unknown_path))
        .route("/v2/manage/{*rest}", any(error::unknown_path))
        .route("/v3/manage", any(error::unknown_path))
        .route("/v3/manage/{*rest}", any(error::unknown_path))
}
