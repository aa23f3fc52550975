//! Lists of shared images (operations 31 and 32): those that the caller's account shares, and those shared with it.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use berth_registry::{RepositoryFilter, RepositorySet, TextMatch};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused};
use super::listing::{Listing, ListingParameters, MarkedParameters};
use super::repositories::list::{RepoRow, Repos, answer, answer_v3, filter, slashed, truth};
use crate::state::AppState;

/// What these lists are sorted by; two names for one column come from two editions of the API.
const COLUMNS: [&str; 6] = [
    "updated_at",
    "updated_time",
    "name",
    "tag_count",
    "namespace",
    "domain_name",
];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_v3))
}

/// Whose shares a list is about.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "documents what `set` reads")]
enum Center {
    /// Images that the caller's account shares.
    SelfAccount,
    /// Images of other accounts that are shared with the caller's.
    Thirdparty,
}

/// List shared images
///
/// Those of the caller's account that are shared and that the caller has a right on, or those shared with the account. The
/// filter matches parts of names, the plain parameters the whole. `status` tells whether a share is valid; of an image whose
/// share is over only the name is told.
#[utoipa::path(get, path = "/v2/manage/shared-repositories", operation_id = "list_shared_repos_details", tag = "sharing",
    params(
        ("center" = inline(Center), Query, description = "`self`: shared by the caller's account; `thirdparty`: shared with it"),
        ("namespace" = Option<String>, Query, description = "The organization's name"),
        ("name" = Option<String>, Query, description = "The image's name within it; `$` means `/`"),
        ("domain_name" = Option<String>, Query, description = "The name of the account that the image belongs to"),
        ("status" = Option<bool>, Query, description = "Whether a share is valid"),
        ListingParameters),
    responses((status = 200, body = Vec<RepoRow>),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let keys = ["namespace", "name", "domain_name", "status"];
    let listing = Listing::of(&call, &keys, &COLUMNS)?;
    let center = listing
        .value("center")
        .map(str::to_owned)
        .or_else(|| call.query("center"));
    let set = set("center", center.as_deref())?;
    answer(&app, &call, &listing, set, filter(&listing)?).await
}

/// List shared images by marker
///
/// The same images as the v2 list, in the order in which they were made. `name` matches parts.
#[utoipa::path(get, path = "/v3/manage/shared-repositories", operation_id = "list_shared_repo_details", tag = "sharing",
    params(
        ("shared_by" = inline(Center), Query, description = "`self`: shared by the caller's account; `thirdparty`: shared with it"),
        ("namespace" = Option<String>, Query, description = "The organization's name"),
        ("name" = Option<String>, Query, description = "A part of the image's name within it; `$` means `/`"),
        ("status" = Option<bool>, Query, description = "Whether a share is valid"),
        MarkedParameters),
    responses((status = 200, body = Repos),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list_v3(State(app): State<AppState>, call: Call) -> Result<Json<Repos>, Refused> {
    let set = set("shared_by", call.query("shared_by").as_deref())?;
    let filter = RepositoryFilter {
        organization: call.query("namespace").map(TextMatch::Exact),
        image: call.query("name").map(|name| TextMatch::Holding(slashed(&name))),
        share_valid: call
            .query("status")
            .map(|text| truth("4001025", "status", &text))
            .transpose()?,
        ..RepositoryFilter::default()
    };
    answer_v3(&app, &call, set, filter).await
}

fn set(name: &str, value: Option<&str>) -> Result<RepositorySet, Refused> {
    match value {
        Some("self") => Ok(RepositorySet::SharedByAccount),
        Some("thirdparty") => Ok(RepositorySet::SharedWithAccount),
        Some(_) => Err(Refused::invalid(
            "4001025",
            format!("{name} is self or thirdparty"),
        )),
        None => Err(Refused::invalid(
            "4001036",
            format!("{name} is missing: self or thirdparty"),
        )),
    }
}
