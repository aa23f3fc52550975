//! The part of IAM's API that SDKs and scripts need to build an account's people: tokens, projects, users, groups, roles
//! and access keys, on IAM's own paths and in its shapes. Its refusals have a body of their own (`manage/error.rs`).

mod groups;
mod keys;
mod memberships;
mod people;
mod projects;
mod roles;
mod temporary;
mod token_request;
mod tokens;
mod users;
mod wire;

use axum::Router;
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;

use crate::manage::error::unknown_path;
use crate::state::AppState;

/// Every documented operation.
pub(crate) fn operations() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(tokens::routes())
        .merge(projects::routes())
        .merge(users::routes())
        .merge(people::routes())
        .merge(groups::routes())
        .merge(memberships::routes())
        .merge(roles::routes())
        .merge(keys::routes())
        .merge(temporary::routes())
}

/// What paths below IAM's that lead nowhere are answered with.
pub(crate) fn dead_ends() -> Router<AppState> {
    Router::new()
        .route("/v3", any(unknown_path))
        .route("/v3/{*rest}", any(unknown_path))
        .route("/v3.0", any(unknown_path))
        .route("/v3.0/{*rest}", any(unknown_path))
}
