//! Lists of images (operations 13 and 14), in the rows that lists of shared images have as well.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_registry::{
    RepositoriesWanted, RepositoryDetails, RepositoryFilter, RepositoryOrder, RepositorySet, TextMatch,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{path, refused};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::{Direction, Listing, ListingParameters, Marked, MarkedParameters, Matching};
use crate::manage::wire::Time;
use crate::origin::Origin;
use crate::state::AppState;

/// What lists of images are sorted by; two names for one column come from two editions of the API.
const COLUMNS: [&str; 6] = [
    "updated_at",
    "updated_time",
    "name",
    "tag_count",
    "namespace",
    "is_public",
];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_v3))
}

/// An image in a v2 list.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct RepoRow {
    /// The name within the organization, with `/`.
    name: String,
    category: String,
    description: String,
    /// Bytes of its configurations and layers, each counted once.
    size: i64,
    is_public: bool,
    /// How many tags it has.
    num_images: i64,
    /// How often it was pulled.
    num_download: i64,
    created_at: Time,
    /// When its content or what it says of itself changed last.
    updated_at: Time,
    /// Always empty.
    logo: String,
    /// Always empty.
    url: String,
    /// What clients pull, without a tag.
    path: String,
    internal_path: String,
    /// The account's name.
    domain_name: String,
    /// The organization's name.
    namespace: String,
    /// The tags moved last, newest first, at most 100; `num_images` counts all.
    #[schema(max_items = 100)]
    tags: Vec<String>,
    /// In lists of shared images, whether a share is valid; else false.
    status: bool,
    /// How many images there are on all pages.
    total_range: i64,
}

/// An image in a v3 list.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct RepoRowV3 {
    id: i64,
    /// The name within the organization, with `/`.
    name: String,
    category: String,
    description: String,
    /// Bytes of its configurations and layers, each counted once.
    size: i64,
    is_public: bool,
    /// How many tags it has.
    num_images: i64,
    /// How often it was pulled.
    num_download: i64,
    created_at: Time,
    /// When its content or what it says of itself changed last.
    updated_at: Time,
    /// The account's name.
    domain_name: String,
    /// The organization's name.
    namespace_name: String,
    /// In lists of shared images, whether a share is valid; else false.
    status: bool,
}

/// A page of images.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct Repos {
    repos: Vec<RepoRowV3>,
    /// The marker of the next page; left out when this is the last one.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// List images
///
/// Those that the caller has a permission on, by the organization or by the image; in the order of their full names
/// unless another one is asked for. The filter matches parts of `namespace` and `name`, the plain parameters the whole.
#[utoipa::path(get, path = "/v2/manage/repos", operation_id = "list_repos_details", tag = "repositories",
    params(
        ("namespace" = Option<String>, Query, description = "The organization's name"),
        ("name" = Option<String>, Query, description = "The image's name within it; `$` means `/`"),
        ("category" = Option<String>, Query, description = "What it is filed under"),
        ("is_public" = Option<bool>, Query, description = "Whether everybody may pull it"),
        ListingParameters),
    responses((status = 200, body = Vec<RepoRow>),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Response, Refused> {
    let keys = ["namespace", "name", "category", "is_public"];
    let listing = Listing::of(&call, &keys, &COLUMNS)?;
    answer(&app, &call, &listing, RepositorySet::Own, filter(&listing)?).await
}

/// List images by marker
///
/// The same images as the v2 list, in the order in which they were made.
#[utoipa::path(get, path = "/v3/manage/repos", operation_id = "list_repo_details", tag = "repositories",
    params(
        ("namespace" = Option<String>, Query, description = "The organization's name"),
        ("name" = Option<String>, Query, description = "The image's name within it; `$` means `/`"),
        ("category" = Option<String>, Query, description = "What it is filed under"),
        ("is_public" = Option<bool>, Query, description = "Whether everybody may pull it"),
        MarkedParameters),
    responses((status = 200, body = Repos),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")))]
async fn list_v3(State(app): State<AppState>, call: Call) -> Result<Json<Repos>, Refused> {
    let exact = |name: &str| call.query(name).map(TextMatch::Exact);
    let filter = RepositoryFilter {
        organization: exact("namespace"),
        image: call.query("name").map(|name| TextMatch::Exact(slashed(&name))),
        category: call.query("category"),
        is_public: call
            .query("is_public")
            .map(|text| truth("4001009", "is_public", &text))
            .transpose()?,
        ..RepositoryFilter::default()
    };
    answer_v3(&app, &call, RepositorySet::Own, filter).await
}

/// Answers a v2 list of images, with the header that tells where its page stands.
pub(in crate::manage) async fn answer(
    app: &AppState,
    call: &Call,
    listing: &Listing,
    set: RepositorySet,
    filter: RepositoryFilter,
) -> Result<Response, Refused> {
    let (order, direction) = listing.order.map_or(
        (RepositoryOrder::FullName, Direction::Asc),
        |(column, direction)| (order(column), direction),
    );
    let wanted = RepositoriesWanted {
        set,
        filter,
        order,
        descending: direction == Direction::Desc,
        offset: listing.offset,
        limit: listing.limit,
    };
    let found = app.registry.repositories(&call.caller, wanted).await;
    let found = found.map_err(refused)?;
    let rows: Vec<RepoRow> = found
        .rows
        .into_iter()
        .map(|row| row_of(row, found.total, &call.origin))
        .collect();
    let mut response = Json(&rows).into_response();
    response
        .headers_mut()
        .extend(listing.content_range(rows.len(), found.total));
    Ok(response)
}

/// Answers a v3 list of images.
pub(in crate::manage) async fn answer_v3(
    app: &AppState,
    call: &Call,
    set: RepositorySet,
    filter: RepositoryFilter,
) -> Result<Json<Repos>, Refused> {
    let page = Marked::<i64>::of(call)?;
    let limit = u32::try_from(page.limit).expect("a page has at most a thousand rows");
    let part = (page.marker.unwrap_or(0), limit);
    let found = app.registry.repositories_after(&call.caller, set, filter, part);
    let found = found.await.map_err(refused)?;
    let last = found.entries.last().map(|row| row.repository.id);
    Ok(Json(Repos {
        next_marker: last.filter(|_| found.more),
        repos: found.entries.into_iter().map(row_v3_of).collect(),
    }))
}

/// What a v2 list of images is cut down to.
pub(in crate::manage) fn filter(listing: &Listing) -> Result<RepositoryFilter, Refused> {
    let matching = |key| listing.matching(key).map(text_match);
    Ok(RepositoryFilter {
        organization: matching("namespace"),
        image: matching("name").map(|wanted| match wanted {
            TextMatch::Exact(name) => TextMatch::Exact(slashed(&name)),
            TextMatch::Holding(part) => TextMatch::Holding(slashed(&part)),
        }),
        account_name: matching("domain_name"),
        category: listing.value("category").map(str::to_owned),
        is_public: listing
            .value("is_public")
            .map(|text| truth("4001009", "is_public", text))
            .transpose()?,
        share_valid: listing
            .value("status")
            .map(|text| truth("4001025", "status", text))
            .transpose()?,
        ..RepositoryFilter::default()
    })
}

/// A parameter that is true or false.
pub(in crate::manage) fn truth(code: &str, name: &str, text: &str) -> Result<bool, Refused> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Refused::invalid(code, format!("{name} is true or false"))),
    }
}

fn text_match(wanted: Matching) -> TextMatch {
    match wanted {
        Matching::Exact(text) => TextMatch::Exact(text),
        Matching::Part(text) => TextMatch::Holding(text),
    }
}

/// An image's name as it is stored, from a client that writes `$` for `/` in queries as in paths.
pub(in crate::manage) fn slashed(name: &str) -> String {
    name.replace('$', "/")
}

fn order(column: &str) -> RepositoryOrder {
    match column {
        "name" => RepositoryOrder::Image,
        "tag_count" => RepositoryOrder::TagCount,
        "namespace" => RepositoryOrder::Organization,
        "is_public" => RepositoryOrder::IsPublic,
        "domain_name" => RepositoryOrder::AccountName,
        _ => RepositoryOrder::UpdatedAt,
    }
}

fn row_of(found: RepositoryDetails, total_range: i64, origin: &Origin) -> RepoRow {
    let path = path(&found, origin);
    RepoRow {
        name: found.repository.image,
        category: found.repository.category,
        description: found.repository.description,
        size: found.size_bytes,
        is_public: found.repository.is_public,
        num_images: found.tag_count,
        num_download: found.pull_count,
        created_at: Time(found.repository.created_at),
        updated_at: Time(found.repository.updated_at),
        logo: String::new(),
        url: String::new(),
        internal_path: path.clone(),
        path,
        domain_name: found.account_name,
        namespace: found.repository.organization,
        tags: found.tags,
        status: found.share_valid,
        total_range,
    }
}

fn row_v3_of(found: RepositoryDetails) -> RepoRowV3 {
    RepoRowV3 {
        id: found.repository.id,
        name: found.repository.image,
        category: found.repository.category,
        description: found.repository.description,
        size: found.size_bytes,
        is_public: found.repository.is_public,
        num_images: found.tag_count,
        num_download: found.pull_count,
        created_at: Time(found.repository.created_at),
        updated_at: Time(found.repository.updated_at),
        domain_name: found.account_name,
        namespace_name: found.repository.organization,
        status: found.share_valid,
    }
}
