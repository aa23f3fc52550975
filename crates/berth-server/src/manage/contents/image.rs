//! What a tag or digest names: the image's description, the manifest as a tree, what belongs to it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use berth_oci::Descriptor;
use berth_registry::{
    AccessoryContent, AccessoryContents, ImageDetail, ListedManifest, ManifestContent, ManifestTree,
    NamedBlob,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{InContent, refused};
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::listing::Listing;
use crate::manage::names::Path;
use crate::manage::tags::accessories::kind_name;
use crate::manage::tags::commands::PullCommands;
use crate::manage::tags::detail::{ImageContent, ImageOfPlatform, content, of_platform};
use crate::manage::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(tree))
        .routes(routes!(accessories))
}

/// What a tag or digest names.
#[derive(Serialize, ToSchema)]
struct ReferenceDetail {
    digest: String,
    media_type: String,
    /// Bytes of the image's configuration and layers; of an index the sum of its images that are in the repository.
    size: i64,
    /// 0 for an image, 1 for an index of several.
    tag_type: i64,
    /// The annotations of the manifest.
    annotations: BTreeMap<String, String>,
    /// The images of an index, or the one image.
    images: Vec<ImageOfPlatform>,
    /// The image for the platform that was asked for; null when there is none to show.
    image: Option<ImageContent>,
    /// What could not be told, and why.
    remarks: Vec<String>,
    pull_commands: PullCommands,
}

/// A manifest as a tree.
#[derive(Serialize, ToSchema)]
struct ManifestTreeDocument {
    digest: String,
    media_type: String,
    /// The manifest's text, byte by byte as it is served.
    manifest: String,
    /// Bytes of that.
    size: usize,
    content: ManifestContentDocument,
    /// The manifests of an index.
    manifests: Vec<ListedManifestDocument>,
    /// What is not shown, and why.
    remarks: Vec<String>,
}

/// What a manifest says.
#[derive(Serialize, ToSchema)]
struct ManifestContentDocument {
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
    config: Option<NamedBlobDocument>,
    /// The lowest first.
    layers: Vec<NamedBlobDocument>,
    /// The digest of the manifest that it belongs to.
    subject: Option<String>,
}

/// A blob that a manifest names.
#[derive(Serialize, ToSchema)]
struct NamedBlobDocument {
    digest: String,
    media_type: String,
    size: u64,
    annotations: BTreeMap<String, String>,
    /// Where it can be had besides.
    urls: Vec<String>,
    /// Whether this repository has it.
    present: bool,
}

/// A manifest that an index lists.
#[derive(Serialize, ToSchema)]
struct ListedManifestDocument {
    #[serde(flatten)]
    entry: ImageOfPlatform,
    artifact_type: Option<String>,
    /// What it says; null when it is not in the repository.
    content: Option<ManifestContentDocument>,
}

/// What belongs to a manifest.
#[derive(Serialize, ToSchema)]
struct AccessoriesWithContent {
    /// The digest of the manifest.
    target: String,
    /// How many there are on all pages.
    total: i64,
    accessories: Vec<AccessoryWithContent>,
}

/// A signature, an attestation, a list of contents, or another artifact that belongs to a manifest.
#[derive(Serialize, ToSchema)]
struct AccessoryWithContent {
    digest: String,
    media_type: String,
    /// `signature.cosign`, `signature.notation`, `sbom`, `attestation` or `artifact`.
    r#type: &'static str,
    artifact_type: Option<String>,
    /// Its tag; null when it is reachable by its digest only.
    tag: Option<String>,
    /// Bytes of its configuration and layers.
    size: i64,
    /// Bytes of its manifest.
    manifest_size: u64,
    created: Time,
    /// What it says; `preview_image_blob` shows the beginning of its blobs.
    content: ManifestContentDocument,
}

/// Show what is in an image, by tag or digest
///
/// As `show_tag_detail` does for a tag.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/image",
    operation_id = "show_image_content", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent,
        ("platform" = Option<String>, Query, description = "`os/architecture` or `os/architecture/variant`", example = "linux/arm64")),
    responses((status = 200, body = ReferenceDetail), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Json<ReferenceDetail>, Refused> {
    let (repository, reference) = place.names()?;
    let platform = call.query("platform");
    let detail = app
        .registry
        .image(&call.caller, &repository, &reference, platform.as_deref())
        .await
        .map_err(refused)?;
    let mark = if reference.as_str().contains(':') {
        '@'
    } else {
        ':'
    };
    let path = format!("{}/{repository}{mark}{reference}", call.origin.host());
    let commands = PullCommands::of(&call.origin, &path);
    Ok(Json(detail_document(detail, commands)))
}

/// Show a manifest as a tree
///
/// The manifests of an index with their platforms, of each its configuration and layers, and the text as it is served.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/manifest",
    operation_id = "show_image_manifest", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent), responses((status = 200, body = ManifestTreeDocument), (status = 404, body = RefusalBody)))]
async fn tree(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Json<ManifestTreeDocument>, Refused> {
    let (repository, reference) = place.names()?;
    let found = app
        .registry
        .manifest_tree(&call.caller, &repository, &reference)
        .await
        .map_err(refused)?;
    let ManifestTree {
        digest,
        media_type,
        text,
        content,
        manifests,
        remarks,
    } = found;
    Ok(Json(ManifestTreeDocument {
        digest,
        media_type,
        size: text.len(),
        manifest: text,
        content: content_document(content),
        manifests: manifests.into_iter().map(listed).collect(),
        remarks,
    }))
}

/// List what belongs to a manifest, with what is in it
///
/// Signatures, attestations and lists of contents of a tag or digest, found by the tags that cosign gives them and by their
/// subject.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/contents/{reference}/accessories",
    operation_id = "list_image_accessories", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InContent,
        ("limit" = Option<u32>, Query, description = "Rows to answer at most, 100 when nobody says", minimum = 1, maximum = 1000),
        ("offset" = Option<u32>, Query, description = "Rows to skip")),
    responses((status = 200, body = AccessoriesWithContent), (status = 404, body = RefusalBody)))]
async fn accessories(
    State(app): State<AppState>,
    Path(place): Path<InContent>,
    call: Call,
) -> Result<Json<AccessoriesWithContent>, Refused> {
    let (repository, reference) = place.names()?;
    let listing = Listing::of(&call, &[], &[])?;
    // Each is read, so a page is shorter than elsewhere.
    let page = (listing.offset, listing.limit.min(100));
    let found: AccessoryContents = app
        .registry
        .accessory_contents(&call.caller, &repository, &reference, page)
        .await
        .map_err(refused)?;
    Ok(Json(AccessoriesWithContent {
        target: found.target,
        total: found.total,
        accessories: found.accessories.into_iter().map(accessory).collect(),
    }))
}

fn detail_document(detail: ImageDetail, pull_commands: PullCommands) -> ReferenceDetail {
    ReferenceDetail {
        digest: detail.digest,
        media_type: detail.media_type,
        size: detail.facts.image_bytes,
        tag_type: i64::from(detail.facts.is_index),
        annotations: detail.annotations,
        images: detail.images.into_iter().map(of_platform).collect(),
        image: detail.selected.map(content),
        remarks: detail.remarks,
        pull_commands,
    }
}

fn listed(manifest: ListedManifest) -> ListedManifestDocument {
    ListedManifestDocument {
        entry: of_platform(manifest.entry),
        artifact_type: manifest.artifact_type,
        content: manifest.content.map(content_document),
    }
}

fn content_document(content: ManifestContent) -> ManifestContentDocument {
    ManifestContentDocument {
        artifact_type: content.artifact_type,
        annotations: content.annotations,
        config: content.config.map(blob),
        layers: content.layers.into_iter().map(blob).collect(),
        subject: content.subject.map(|subject| subject.digest.to_string()),
    }
}

fn blob(named: NamedBlob) -> NamedBlobDocument {
    let Descriptor {
        media_type,
        digest,
        size,
        annotations,
        urls,
        ..
    } = named.descriptor;
    NamedBlobDocument {
        digest: digest.to_string(),
        media_type,
        size,
        annotations: annotations.unwrap_or_default(),
        urls,
        present: named.is_present,
    }
}

fn accessory(found: AccessoryContent) -> AccessoryWithContent {
    let accessory = found.view.accessory;
    AccessoryWithContent {
        r#type: kind_name(found.view.kind),
        digest: accessory.digest,
        media_type: found.media_type,
        artifact_type: accessory.artifact_type,
        tag: accessory.tag,
        size: accessory.image_bytes,
        manifest_size: found.manifest_bytes,
        created: Time(accessory.created_at),
        content: content_document(found.content),
    }
}
