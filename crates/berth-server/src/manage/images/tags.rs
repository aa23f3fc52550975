//! The tags of an image as the console shows them (an extension): one request fills a page, in any order.

use axum::Json;
use axum::extract::State;
use berth_oci::RepositoryName;
use berth_registry::{TagOfPage, TagPageWanted, TagSort};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refused;
use crate::manage::call::Visit;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::immutability::Kept;
use crate::manage::listing::{Direction, Listing, PageParameters};
use crate::manage::names::{InRepository, Path};
use crate::manage::repositories::list::truth;
use crate::manage::wire::Time;
use crate::origin::Origin;
use crate::state::AppState;

/// What the list is sorted by.
const COLUMNS: [&str; 5] = ["version", "tag", "updated_at", "size", "pulled_at"];

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A page of tags.
#[derive(Serialize, ToSchema)]
struct ImageTagPage {
    tags: Vec<ImageTag>,
    /// How many there are on all pages.
    total: i64,
}

/// A tag with all that a page shows of it.
#[derive(Serialize, ToSchema)]
struct ImageTag {
    tag: String,
    /// The digest of the manifest.
    digest: String,
    /// What clients pull.
    path: String,
    /// The media type of the manifest.
    media_type: String,
    /// What an artifact says it is, and of an image the type of its configuration; null for an index.
    artifact_type: Option<String>,
    /// 0 for an image, 1 for an index of several.
    tag_type: i64,
    /// Bytes of the image's configuration and layers; of an index the sum of its images that are in the repository.
    size: i64,
    created: Time,
    /// When it was pushed or moved last.
    updated: Time,
    /// Who pushed or moved it last; null when that user is gone or was the registry itself, and for who has no right of
    /// their own on the image.
    pushed_by: Option<String>,
    /// How often the manifest was pulled.
    num_download: i64,
    /// When it was pulled last; null when it never was.
    pulled_at: Option<Time>,
    /// Its platforms, as `os/architecture` or `os/architecture/variant`; null when they could not be found out.
    platforms: Option<Vec<String>>,
    /// A few other tags that name the same manifest.
    #[schema(max_items = 5)]
    same_tags: Vec<String>,
    /// How many these are, counted up to 100.
    num_same_tags: i64,
    /// Whether a signature belongs to it. It was not verified.
    is_signed: bool,
    /// Whether a list of its contents belongs to it.
    has_sbom: bool,
    /// Whether a statement about its build belongs to it.
    has_attestation: bool,
    /// The layers, the lowest first; of an index those of the image that most people want. Null when they were not asked
    /// for.
    layers: Option<Vec<ImageTagLayer>>,
    #[serde(flatten)]
    kept: Kept,
}

/// A layer.
#[derive(Serialize, ToSchema)]
struct ImageTagLayer {
    digest: String,
    /// Bytes as it is pulled.
    size: u64,
}

/// List the tags of an image with all that a page shows of them
///
/// The latest first, unless another order is asked for; `version` takes numbers in tags by their value. Of a public image
/// without a login too, where it may be pulled without one.
#[utoipa::path(get, path = "/v2/manage/images/{namespace}/{repository}/tags", operation_id = "list_image_tags",
    tag = "tags", extensions(("x-berth-extension" = json!(true))),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    params(InRepository,
        ("text" = Option<String>, Query, description = "A part of the tag, whatever its case"),
        ("digest" = Option<String>, Query, description = "The digest of the manifest that the tags name"),
        ("architecture" = Option<String>, Query, description = "A processor that the tag has an image for", example = "arm64"),
        ("with_layers" = Option<bool>, Query, description = "Whether with layers; then `limit` is 100 at most"),
        ("order_column" = Option<String>, Query,
            description = "`version`, `tag`, `updated_at`, `size` or `pulled_at`; goes with `order_type`"),
        ("order_type" = Option<Direction>, Query, description = "`asc` or `desc`; goes with `order_column`"),
        PageParameters),
    responses((status = 200, body = ImageTagPage), (status = 404, body = RefusalBody)))]
async fn list(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    Visit(call): Visit,
) -> Result<Json<ImageTagPage>, Refused> {
    let repository = place.name()?;
    let keys = ["text", "digest", "architecture", "with_layers"];
    let listing = Listing::of(&call, &keys, &COLUMNS)?;
    let (column, direction) = listing.order.unwrap_or(("updated_at", Direction::Desc));
    let text = |key: &str| listing.value(key).map(str::to_owned);
    let with_layers = listing.value("with_layers");
    let with_layers = with_layers.map(|text| truth("4001025", "with_layers", text));
    let wanted = TagPageWanted {
        text: text("text"),
        digest: text("digest"),
        architecture: text("architecture"),
        order: match column {
            "version" => TagSort::Version,
            "tag" => TagSort::Tag,
            "size" => TagSort::Size,
            "pulled_at" => TagSort::PulledAt,
            _ => TagSort::UpdatedAt,
        },
        descending: direction == Direction::Desc,
        offset: listing.offset,
        limit: listing.limit,
        with_layers: with_layers.transpose()?.unwrap_or(false),
    };
    let found = app.registry.tag_page(&call.caller, &repository, wanted).await;
    let found = found.map_err(refused)?;
    let rows = found.tags.into_iter();
    Ok(Json(ImageTagPage {
        tags: rows.map(|tag| document(tag, &repository, &call.origin)).collect(),
        total: found.total,
    }))
}

fn document(tag: TagOfPage, repository: &RepositoryName, origin: &Origin) -> ImageTag {
    let row = tag.row;
    let layer = |(digest, size)| ImageTagLayer { digest, size };
    ImageTag {
        path: format!("{}/{repository}:{}", origin.host(), row.row.tag),
        tag: row.row.tag,
        digest: row.row.digest,
        media_type: row.media_type,
        artifact_type: row.artifact_type,
        tag_type: i64::from(row.row.facts.is_index),
        size: row.row.facts.image_bytes,
        created: Time(row.row.created_at),
        updated: Time(row.row.updated_at),
        pushed_by: row.moved_by,
        num_download: row.pulls,
        pulled_at: row.pulled_at.map(Time),
        platforms: tag.platforms,
        same_tags: row.same,
        num_same_tags: row.same_count,
        is_signed: tag.marks.signed,
        has_sbom: tag.marks.sbom,
        has_attestation: tag.marks.attested,
        layers: tag.layers.map(|layers| layers.into_iter().map(layer).collect()),
        kept: Kept::by(tag.immutable_by),
    }
}
