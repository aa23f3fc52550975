//! Blobs without the manifests around them: the layers of many tags, and the beginning of any.

use axum::Json;
use axum::extract::State;
use berth_oci::Digest;
use berth_registry::TagLayers;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::files::{PreviewEncoding, written};
use super::refused;
use crate::manage::call::Call;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::names::{InRepository, Path, repository, tag};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(layers))
        .routes(routes!(preview))
}

/// The path of a blob.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InBlob {
    /// The organization's name.
    namespace: String,
    /// The image's name, each `/` in it written as `$`.
    repository: String,
    /// The blob's digest.
    digest: String,
}

/// The layers of tags.
#[derive(Serialize, ToSchema)]
struct LayersOfTags {
    /// In the order that they were asked for, those that are there and name an image.
    tags: Vec<LayersOfTag>,
}

/// The layers of a tag.
#[derive(Serialize, ToSchema)]
struct LayersOfTag {
    tag: String,
    /// The digest of the image: of an index that for linux/amd64, else the first.
    image: String,
    /// The lowest first.
    layers: Vec<LayerOfTag>,
}

/// A layer of a tag.
#[derive(Serialize, ToSchema)]
struct LayerOfTag {
    digest: String,
    size: u64,
    /// Whether another manifest of this repository has it too.
    shared: bool,
}

/// The beginning of a blob.
#[derive(Serialize, ToSchema)]
struct BlobPreviewDocument {
    digest: String,
    /// Bytes of the blob.
    size: u64,
    encoding: PreviewEncoding,
    /// The beginning of it: as it is when it is text, else two hexadecimal digits a byte.
    content: String,
    /// Whether that is all of it.
    whole: bool,
}

/// List the layers of many tags
///
/// For lists that draw them: of up to 100 tags at once the layers with their sizes, and whether they are of that tag alone.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/layers",
    operation_id = "list_tag_layers", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InRepository, ("tags" = String, Query, description = "The tags, by commas", example = "v1,v2")),
    responses((status = 200, body = LayersOfTags), (status = 404, body = RefusalBody)))]
async fn layers(
    State(app): State<AppState>,
    Path(place): Path<InRepository>,
    call: Call,
) -> Result<Json<LayersOfTags>, Refused> {
    let repository = place.name()?;
    let wanted = call.query("tags");
    let wanted = wanted.ok_or_else(|| Refused::invalid("4001036", "tags names the tags, by commas"))?;
    let tags = wanted.split(',').map(tag).collect::<Result<Vec<_>, _>>()?;
    let found = app
        .registry
        .tag_layers(&call.caller, &repository, &tags)
        .await
        .map_err(refused)?;
    let layers = |of: TagLayers| LayersOfTag {
        tag: of.tag,
        image: of.image,
        layers: of
            .layers
            .into_iter()
            .map(|(digest, size, shared)| LayerOfTag { digest, size, shared })
            .collect(),
    };
    Ok(Json(LayersOfTags {
        tags: found.into_iter().map(layers).collect(),
    }))
}

/// Show the beginning of a blob
///
/// Of text up to 256 KiB, of anything else up to 16 KiB: for what signatures, attestations and lists of contents say.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/blobs/{digest}/preview",
    operation_id = "preview_image_blob", tag = "contents", extensions(("x-berth-extension" = json!(true))),
    params(InBlob), responses((status = 200, body = BlobPreviewDocument), (status = 404, body = RefusalBody)))]
async fn preview(
    State(app): State<AppState>,
    Path(place): Path<InBlob>,
    call: Call,
) -> Result<Json<BlobPreviewDocument>, Refused> {
    let repository = repository(&place.namespace, &place.repository)?;
    let digest: Digest = place
        .digest
        .parse()
        .map_err(|error: berth_oci::DigestError| Refused::invalid("4000014", error.to_string()))?;
    let found = app
        .registry
        .preview_blob(&call.caller, &repository, &digest)
        .await
        .map_err(refused)?;
    let shown = written(&found.bytes);
    Ok(Json(BlobPreviewDocument {
        digest: digest.to_string(),
        size: found.size,
        whole: shown.is_whole && found.bytes.len() as u64 == found.size,
        encoding: shown.encoding,
        content: shown.content,
    }))
}
