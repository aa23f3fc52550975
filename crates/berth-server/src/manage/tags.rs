//! Tags, which this API also calls image versions (operations 15 to 19), their history and what is in an image. The
//! accessories of images lie beside them.

pub(super) mod accessories;
pub(super) mod commands;
pub(super) mod detail;
mod history;

use axum::Json;
use axum::extract::State;
use berth_registry::{
    ExistingTag, Retag, TagColumn, TagOrder, TagPlace, TagRow, TagSearch, TagStart, TagView, TagsWanted,
};
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Visit};
use super::error::{RefusalBody, Refused, Subject};
use super::immutability::Kept;
use super::listing::{Direction, Listing, ListingParameters, Marked, MarkedParameters, Matching};
use super::names::{InRepository, InTag, tag};
use super::wire::{Nothing, Time};
use crate::manage::names::Path;
use crate::state::AppState;

/// What lists of tags are sorted by.
const COLUMNS: [&str; 2] = ["updated_at", "tag"];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, retag))
        .routes(routes!(list_v3))
        .routes(routes!(show, delete))
        .merge(accessories::routes())
        .merge(detail::routes())
        .merge(history::routes())
}

/// A tag.
#[derive(Serialize, ToSchema)]
struct TagDocument {
    id: i64,
    repo_id: i64,
    tag: String,
    /// The digest of the image's configuration without its algorithm; empty for an index, which has none.
    image_id: String,
    /// The manifest's text. The v3 list has it when it was asked for. In a list whose manifests have more than 16 MiB
    /// together it is left out of the last ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    /// The digest of the manifest.
    digest: String,
    /// The version of the manifest's schema, always 2.
    schema: i64,
    /// What clients pull.
    path: String,
    internal_path: String,
    /// Bytes of the image's configuration and layers; of an index the sum of its images that are in the repository.
    size: i64,
    is_trusted: bool,
    created: Time,
    /// When it was pushed or moved last.
    updated: Time,
    domain_id: String,
    /// 0 for an image, 1 for an index of several.
    tag_type: i64,
    #[serde(flatten)]
    kept: Kept,
}

/// A tag in the v2 list.
#[derive(Serialize, ToSchema)]
struct ListedTag {
    id: i64,
    repo_id: i64,
    #[serde(rename = "Tag")]
    tag: String,
    /// The digest of the image's configuration without its algorithm; empty for an index, which has none.
    image_id: String,
    /// The manifest's text; empty for the last ones of a list whose manifests have more than 16 MiB together.
    manifest: String,
    /// The digest of the manifest.
    digest: String,
    /// The version of the manifest's schema, always 2.
    schema: i64,
    /// What clients pull.
    path: String,
    internal_path: String,
    /// Bytes of the image's configuration and layers; of an index the sum of its images that are in the repository.
    size: i64,
    is_trusted: bool,
    created: Time,
    /// When it was pushed or moved last.
    updated: Time,
    /// Always null: deleted tags are in no list.
    deleted: Option<Time>,
    domain_id: String,
    scanned: bool,
    /// 0 for an image, 1 for an index of several.
    tag_type: i64,
    #[serde(flatten)]
    kept: Kept,
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
struct TagsPage {
    tags: Vec<TagDocument>,
    has_more: bool,
    /// Where the next page begins; left out on the last page.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

/// A tag to set to what another tag names.
#[derive(Deserialize, ToSchema)]
struct CreateTag {
    /// The tag that is there.
    source_tag: String,
    /// The tag to set.
    destination_tag: String,
    /// Whether to move that tag when it is there already.
    #[serde(default, rename = "override")]
    overrides: bool,
}

/// Where a page of the v3 list begins: the last tag before it.
struct TagMarker {
    updated_at: i64,
    tag: String,
}

impl std::str::FromStr for TagMarker {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (updated_at, tag) = text.split_once('.').ok_or(())?;
        Ok(Self {
            updated_at: updated_at.parse().map_err(|_| ())?,
            tag: tag.to_owned(),
        })
    }
}

/// List the tags of an image
///
/// The latest first, unless an order is asked for.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags",
    operation_id = "list_repository_tags", tag = "tags",
    params(InRepository, ListingParameters, ("tag" = Option<String>, Query, description = "The tag wanted")),
    responses((status = 200, body = Vec<ListedTag>), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(Option<[(HeaderName, HeaderValue); 1]>, Json<Vec<ListedTag>>), Refused> {
    let repository = place.name()?;
    let listing = Listing::of(&call, &["tag"], &COLUMNS)?;
    let wanted = TagsWanted {
        search: match listing.matching("tag") {
            None => TagSearch::All,
            Some(Matching::Exact(tag)) => TagSearch::Exact(tag),
            Some(Matching::Part(part)) => TagSearch::Part(part),
        },
        order: order(&listing),
        start: TagStart::Offset(listing.offset),
        limit: limit(listing.limit),
        with_manifests: true,
        with_total: listing.is_paged(),
    };
    let found = app
        .registry
        .tags(&call.caller, &repository, wanted)
        .await
        .map_err(refused)?;
    let path = format!("{}/{repository}", call.origin.host());
    let rows: Vec<ListedTag> = found
        .tags
        .entries
        .into_iter()
        .map(|view| document(&found.place, &path, view).into())
        .collect();
    let range = listing.content_range(rows.len(), found.total.unwrap_or_default());
    Ok((range.map(|range| [range]), Json(rows)))
}

/// List the tags of an image, page by page
///
/// The latest first, unless an order is asked for.
#[utoipa::path(get, path = "/v3/manage/namespaces/{namespace}/repos/{repository}/tags",
    operation_id = "list_repository_tag", tag = "tags",
    params(InRepository, MarkedParameters,
        ("tag" = Option<String>, Query, description = "A part of the tag, whatever its case"),
        ("order_column" = Option<String>, Query, description = "`updated_at` or `tag`; goes with `order_type`"),
        ("order_type" = Option<Direction>, Query, description = "`asc` or `desc`; goes with `order_column`"),
        ("with_manifest" = Option<bool>, Query, description = "Whether to answer the manifests")),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    responses((status = 200, body = TagsPage), (status = 404, body = RefusalBody)))]
async fn list_v3(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    Visit(call): Visit,
) -> Result<Json<TagsPage>, Refused> {
    let repository = place.name()?;
    let listing = Listing::of(&call, &["tag"], &COLUMNS)?;
    let page = Marked::<TagMarker>::of(&call)?;
    let start = page
        .marker
        .map(|TagMarker { updated_at, tag }| TagStart::After { updated_at, tag });
    let wanted = TagsWanted {
        search: call.query("tag").map_or(TagSearch::All, TagSearch::Part),
        order: order(&listing),
        start: start.unwrap_or(TagStart::Offset(0)),
        limit: limit(page.limit),
        with_manifests: with_manifest(&call)?,
        with_total: false,
    };
    let found = app
        .registry
        .tags(&call.caller, &repository, wanted)
        .await
        .map_err(refused)?;
    let last = found.tags.entries.last().filter(|_| found.tags.more);
    let next_marker = last.map(|last| format!("{}.{}", last.row.updated_at, last.row.tag));
    let path = format!("{}/{repository}", call.origin.host());
    let rows = found.tags.entries.into_iter();
    Ok(Json(TagsPage {
        tags: rows.map(|view| document(&found.place, &path, view)).collect(),
        has_more: found.tags.more,
        next_marker,
    }))
}

/// Show a tag
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}",
    operation_id = "show_repo_tag", tag = "tags", params(InTag),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    responses((status = 200, body = TagDocument), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    Visit(call): Visit,
) -> Result<Json<TagDocument>, Refused> {
    let (repository, tag) = place.names()?;
    let (place, view) = app
        .registry
        .tag(&call.caller, &repository, &tag)
        .await
        .map_err(refused)?;
    let path = format!("{}/{repository}", call.origin.host());
    Ok(Json(document(&place, &path, view)))
}

/// Set a tag to what another tag names
///
/// Nothing is copied: both name the same manifest. Who did it is in the history of the tag. Refused when the tag to set is
/// there and a rule makes it immutable.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags",
    operation_id = "create_repo_tag", tag = "tags", params(InRepository), request_body = CreateTag,
    responses((status = 201, body = Nothing), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn retag(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<(StatusCode, Json<Nothing>), Refused> {
    let wanted: CreateTag = call.json()?;
    let retag = Retag {
        source: tag(&wanted.source_tag)?,
        destination: tag(&wanted.destination_tag)?,
        existing: if wanted.overrides {
            ExistingTag::Override
        } else {
            ExistingTag::Keep
        },
    };
    app.registry
        .retag(&call.caller, &place.name()?, retag)
        .await
        .map_err(refused)?;
    Ok((StatusCode::CREATED, Json(Nothing {})))
}

/// Delete a tag
///
/// It goes to the bin, and so does the manifest that it names when no other tag and no index names that. Refused while a
/// rule makes it immutable.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}",
    operation_id = "delete_repo_tag", tag = "tags", params(InTag),
    responses((status = 204), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn delete(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    call: Call,
) -> Result<StatusCode, Refused> {
    let (repository, tag) = place.names()?;
    app.registry
        .delete_tag(&call.caller, &repository, &tag)
        .await
        .map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: berth_registry::Error) -> Refused {
    Refused::of(Subject::Tag, error)
}

fn order(listing: &Listing) -> TagOrder {
    match listing.order {
        None => TagOrder {
            column: TagColumn::UpdatedAt,
            descending: true,
        },
        Some((column, direction)) => TagOrder {
            column: if column == "tag" {
                TagColumn::Tag
            } else {
                TagColumn::UpdatedAt
            },
            descending: direction == Direction::Desc,
        },
    }
}

fn limit(limit: i64) -> u32 {
    u32::try_from(limit).expect("a page has at most 1000 rows")
}

fn with_manifest(call: &Call) -> Result<bool, Refused> {
    match call.query("with_manifest").as_deref() {
        None => Ok(false),
        Some(text) => text
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| Refused::invalid("4001025", "with_manifest is true or false")),
    }
}

/// The wire's form of a tag; `path` is the repository's.
fn document(place: &TagPlace, path: &str, view: TagView) -> TagDocument {
    let TagView {
        row,
        manifest,
        immutable_by,
    } = view;
    let path = format!("{path}:{}", row.tag);
    TagDocument {
        id: row.id,
        repo_id: place.repository_id,
        image_id: image_id(&row),
        manifest,
        schema: 2,
        internal_path: path.clone(),
        path,
        size: row.facts.image_bytes,
        is_trusted: false,
        created: Time(row.created_at),
        updated: Time(row.updated_at),
        domain_id: place.account_id.clone(),
        tag_type: i64::from(row.facts.is_index),
        kept: Kept::by(immutable_by),
        tag: row.tag,
        digest: row.digest,
    }
}

fn image_id(row: &TagRow) -> String {
    let config = row.facts.config_digest.as_deref().unwrap_or_default();
    let hex = config.split_once(':').map_or(config, |(_, hex)| hex);
    hex.to_owned()
}

impl From<TagDocument> for ListedTag {
    fn from(shown: TagDocument) -> Self {
        Self {
            id: shown.id,
            repo_id: shown.repo_id,
            tag: shown.tag,
            image_id: shown.image_id,
            manifest: shown.manifest.unwrap_or_default(),
            digest: shown.digest,
            schema: shown.schema,
            path: shown.path,
            internal_path: shown.internal_path,
            size: shown.size,
            is_trusted: shown.is_trusted,
            created: shown.created,
            updated: shown.updated,
            deleted: None,
            domain_id: shown.domain_id,
            scanned: false,
            tag_type: shown.tag_type,
            kept: shown.kept,
        }
    }
}
