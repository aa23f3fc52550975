//! One search over everything that the caller may see; SWR has no such call.

use axum::Json;
use axum::extract::State;
use berth_registry::{ContentHit, Found, RepositoryHit, SEARCH_LIMIT_MAX};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::Call;
use super::error::{RefusalBody, Refused, Subject};
use super::wire::Time;
use crate::state::AppState;

/// Results of each kind when nobody says how many.
const LIMIT_DEFAULT: i64 = 20;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search))
}

/// What was found.
#[derive(Serialize, ToSchema)]
struct SearchResults {
    organizations: Vec<FoundOrganization>,
    repositories: Vec<FoundRepository>,
    /// At most ten of each image.
    tags: Vec<FoundTag>,
    /// Manifests by their digests.
    manifests: Vec<FoundDigest>,
    /// Configurations and layers by their digests, in every image that has them.
    blobs: Vec<FoundDigest>,
}

/// An organization.
#[derive(Serialize, ToSchema)]
struct FoundOrganization {
    name: String,
}

/// An image.
#[derive(Serialize, ToSchema)]
struct FoundRepository {
    /// The organization's name.
    namespace: String,
    /// The name within the organization, with `/`.
    name: String,
    is_public: bool,
    /// How many tags it has.
    num_images: i64,
    updated_at: Time,
    /// What clients pull, without a tag.
    path: String,
}

/// A tag.
#[derive(Serialize, ToSchema)]
struct FoundTag {
    /// The organization's name.
    namespace: String,
    /// The image's name, with `/`.
    repository: String,
    tag: String,
    /// What clients pull.
    path: String,
}

/// Something with a digest.
#[derive(Serialize, ToSchema)]
struct FoundDigest {
    /// The organization's name.
    namespace: String,
    /// The image's name, with `/`.
    repository: String,
    digest: String,
}

/// Search
///
/// Names of organizations and images that hold the text, tags that begin with it, digests that begin with it (with or
/// without `sha256:`, six digits at least). `image:tag` looks for tags of such images only. Everything that the caller
/// may pull is searched, public and shared images too.
#[utoipa::path(get, path = "/v2/manage/search", operation_id = "search", tag = "search",
    params(
        ("q" = String, Query, description = "The text", min_length = 1, max_length = 512),
        ("limit" = Option<i64>, Query, description = "Results of each kind at most, 20 when nobody says",
            minimum = 1, maximum = 100)),
    responses((status = 200, body = SearchResults),
        (status = 400, body = RefusalBody, description = "The query breaks a rule; the message says which")),
    extensions(("x-berth-extension" = json!(true))))]
async fn search(State(app): State<AppState>, call: Call) -> Result<Json<SearchResults>, Refused> {
    let text = call.query("q").filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| Refused::invalid("4000055", "q, what to search for, is missing"))?;
    let limit = match call.query("limit") {
        None => LIMIT_DEFAULT,
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=SEARCH_LIMIT_MAX).contains(limit))
            .ok_or_else(|| {
                Refused::invalid(
                    "4000056",
                    format!("limit is a number from 1 to {SEARCH_LIMIT_MAX}"),
                )
            })?,
    };
    let found = app.registry.search(&call.caller, &text, limit).await;
    let found = found.map_err(|error| Refused::of(Subject::Repository, error))?;
    Ok(Json(document(found, call.origin.host())))
}

fn document(found: Found, host: &str) -> SearchResults {
    let organization = |name| FoundOrganization { name };
    SearchResults {
        organizations: found.organizations.into_iter().map(organization).collect(),
        repositories: found
            .repositories
            .into_iter()
            .map(|hit| repository(&hit, host))
            .collect(),
        tags: found.tags.into_iter().map(|hit| tag(hit, host)).collect(),
        manifests: found.manifests.into_iter().map(digest).collect(),
        blobs: found.blobs.into_iter().map(digest).collect(),
    }
}

fn repository(hit: &RepositoryHit, host: &str) -> FoundRepository {
    let (namespace, name) = split(&hit.full_name);
    FoundRepository {
        namespace,
        name,
        is_public: hit.is_public,
        num_images: hit.tag_count,
        updated_at: Time(hit.updated_at),
        path: format!("{host}/{}", hit.full_name),
    }
}

fn tag(hit: ContentHit, host: &str) -> FoundTag {
    let (namespace, repository) = split(&hit.full_name);
    FoundTag {
        namespace,
        repository,
        path: format!("{host}/{}:{}", hit.full_name, hit.name),
        tag: hit.name,
    }
}

fn digest(hit: ContentHit) -> FoundDigest {
    let (namespace, repository) = split(&hit.full_name);
    FoundDigest {
        namespace,
        repository,
        digest: hit.name,
    }
}

/// The organisation and the image of a full name.
fn split(full_name: &str) -> (String, String) {
    let (namespace, image) = full_name.split_once('/').unwrap_or((full_name, ""));
    (namespace.to_owned(), image.to_owned())
}
