//! Which versions of the API there are (operations 58 and 59). Open to everybody: clients ask before they log in.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{self, RefusalBody};
use crate::console;
use crate::manage::names::Path;
use crate::origin::Origin;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// The versions of the API.
#[derive(Serialize, ToSchema)]
struct Versions {
    versions: Vec<Version>,
}

/// One version.
#[derive(Serialize, ToSchema)]
struct OneVersion {
    version: Version,
}

/// A version of the API.
#[derive(Serialize, ToSchema)]
struct Version {
    id: &'static str,
    links: Link,
    /// Empty: there are no micro-versions.
    #[serde(rename = "version")]
    micro: &'static str,
    /// `CURRENT`, `SUPPORTED` or `DEPRECATED`.
    status: &'static str,
    /// When this version's shape was settled.
    #[schema(format = DateTime)]
    updated: &'static str,
    /// Empty: there are no micro-versions.
    #[serde(rename = "min_version")]
    least: &'static str,
}

/// Where a version is.
#[derive(Serialize, ToSchema)]
struct Link {
    href: String,
    rel: &'static str,
}

/// The versions: the second one, and the lists that the third one adds.
const VERSIONS: [(&str, &str); 2] = [("v2", "SUPPORTED"), ("v3", "CURRENT")];

/// List the versions of the API
///
/// A browser, which asks for HTML, gets the console here.
#[utoipa::path(get, path = "/", operation_id = "list_api_versions", tag = "versions", security(()),
    responses((status = 200, body = Versions)))]
async fn list(State(app): State<AppState>, parts: Parts) -> Response {
    if console::is_wanted(&parts.headers) {
        return console::page(&app, &parts);
    }
    let origin = Origin::of(&parts, &app.settings);
    let versions = VERSIONS.iter().map(|known| document(*known, &origin)).collect();
    Json(Versions { versions }).into_response()
}

/// Show a version of the API
#[utoipa::path(get, path = "/{api_version}", operation_id = "show_api_version", tag = "versions", security(()),
    params(("api_version" = String, Path, description = "`v2` or `v3`")),
    responses((status = 200, body = OneVersion),
        (status = 400, body = RefusalBody, description = "The path holds what is no text"), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(wanted): Path<String>,
    origin: Origin,
    parts: Parts,
) -> Response {
    match VERSIONS.iter().find(|(id, _)| *id == wanted) {
        Some(known) => Json(OneVersion {
            version: document(*known, &origin),
        })
        .into_response(),
        // Pages of the console have one word as well.
        None if console::is_wanted(&parts.headers) => console::page(&app, &parts),
        None => error::unknown_path(parts.uri).await,
    }
}

fn document((id, status): (&'static str, &'static str), origin: &Origin) -> Version {
    Version {
        id,
        links: Link {
            href: format!("{}/{id}", origin.url),
            rel: "self",
        },
        micro: "",
        status,
        updated: "2026-11-21T00:00:00Z",
        least: "",
    }
}
