//! The management API, in the paths, shapes and codes of SWR's basic edition. Every request is signed with an access key.
//! What the rules are is the registry's business; here are only names, statuses and JSON.

mod error;
mod grants;
mod organizations;
mod secrets;
mod signed;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::routing::{MethodRouter, any, get, post};

use crate::state::AppState;

/// A path and what answers its methods.
type Route = (&'static str, fn() -> MethodRouter<AppState>);

/// Every path of the API; the test of refusals goes through this same table.
const ROUTES: &[Route] = &[
    ("/v2/manage/namespaces", || {
        get(organizations::list).post(organizations::create)
    }),
    ("/v2/manage/namespaces/{namespace}", || {
        get(organizations::show).delete(organizations::delete)
    }),
    ("/v2/manage/namespaces/{namespace}/access", || {
        get(grants::show)
            .post(grants::create)
            .patch(grants::update)
            .delete(grants::delete)
    }),
    ("/v2/manage/utils/secret", || post(secrets::create)),
];

/// The routes of the management API; any other path below `/v2/manage` is answered in its error form too.
pub(crate) fn routes() -> Router<AppState> {
    let known = ROUTES.iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods())
    });
    known
        .method_not_allowed_fallback(error::method_not_allowed)
        .route("/v2/manage", any(error::unknown_path))
        .route("/v2/manage/{*rest}", any(error::unknown_path))
}
