//! What is in an image: platforms, layers, configuration, build history, and how to pull it (extension).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use berth_oci::Reference;
use berth_registry::{History, ImageConfig, ImageDetail, Layer, PlatformImage, SelectedImage};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::commands::PullCommands;
use super::{image_id, refused};
use crate::manage::call::Visit;
use crate::manage::error::{RefusalBody, Refused};
use crate::manage::names::InTag;
use crate::manage::names::Path;
use crate::manage::wire::Time;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What a tag names.
#[derive(Serialize, ToSchema)]
struct TagDetail {
    id: i64,
    repo_id: i64,
    tag: String,
    digest: String,
    image_id: String,
    media_type: String,
    /// Bytes of the image's configuration and layers; of an index the sum of its images that are in the repository.
    size: i64,
    /// 0 for an image, 1 for an index of several.
    tag_type: i64,
    path: String,
    created: Time,
    /// When it was pushed or moved last.
    updated: Time,
    domain_id: String,
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

/// An image for one platform.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct ImageOfPlatform {
    digest: String,
    media_type: String,
    /// Whether it is in the repository.
    present: bool,
    /// Bytes of its configuration and layers; null when it is not in the repository.
    size: Option<i64>,
    /// Bytes of its manifest.
    manifest_size: u64,
    /// As `?platform=` takes it; null when nothing tells.
    platform: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// An image's content.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct ImageContent {
    digest: String,
    media_type: String,
    artifact_type: Option<String>,
    config_digest: Option<String>,
    config_media_type: Option<String>,
    /// Bytes of its configuration and layers.
    size: i64,
    annotations: BTreeMap<String, String>,
    /// The lowest first.
    layers: Vec<LayerDocument>,
    /// Null when it is missing or describes no container; then a remark says why.
    config: Option<ConfigDocument>,
    /// The steps of the build, oldest first.
    history: Vec<HistoryDocument>,
}

/// A layer.
#[derive(Serialize, ToSchema)]
struct LayerDocument {
    digest: String,
    media_type: String,
    /// Bytes as it is pulled.
    size: u64,
    annotations: BTreeMap<String, String>,
    /// Where it can be had besides.
    urls: Vec<String>,
    /// Whether this repository has it.
    present: bool,
    /// Other manifests of this image that have it, those of the tag's other platforms among them.
    other_manifests: i64,
    /// Other images with it that the caller may pull.
    other_images: i64,
}

/// What an image says of itself.
#[derive(Serialize, ToSchema)]
struct ConfigDocument {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    /// As the builder wrote it.
    created: Option<String>,
    author: Option<String>,
    user: Option<String>,
    working_dir: Option<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    env: Vec<String>,
    exposed_ports: Vec<String>,
    volumes: Vec<String>,
    stop_signal: Option<String>,
    labels: BTreeMap<String, String>,
}

/// A step of a build.
#[derive(Serialize, ToSchema)]
struct HistoryDocument {
    /// As the builder wrote it.
    created: Option<String>,
    created_by: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    empty_layer: bool,
    /// The number of the layer that the step made, from 0; null when it made none.
    layer: Option<usize>,
    /// That layer's digest.
    digest: Option<String>,
    /// That layer's bytes, 0 when the step made none; null when history and layers do not match.
    size: Option<u64>,
}

/// Show what is in an image
///
/// Its platforms, layers, configuration and build history, read from what was pushed, and the commands that pull it. Of an
/// index the image for linux/amd64 is shown, else the first that is there, unless another platform is asked for.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/repos/{repository}/tags/{tag}/detail",
    operation_id = "show_tag_detail", tag = "tags", extensions(("x-berth-extension" = json!(true))),
    params(InTag,
        ("platform" = Option<String>, Query, description = "`os/architecture` or `os/architecture/variant`", example = "linux/arm64")),
    security((), ("signature" = []), ("token" = []), ("session" = [])),
    responses((status = 200, body = TagDetail), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InTag>,
    Visit(call): Visit,
) -> Result<Json<TagDetail>, Refused> {
    let (repository, tag) = place.names()?;
    let platform = call.query("platform");
    let detail = app
        .registry
        .image(
            &call.caller,
            &repository,
            &Reference::Tag(tag.clone()),
            platform.as_deref(),
        )
        .await
        .map_err(refused)?;
    let path = format!("{}/{repository}:{tag}", call.origin.host());
    let commands = PullCommands::of(&call.origin, &path);
    Ok(Json(document(detail, path, commands)))
}

fn document(detail: ImageDetail, path: String, pull_commands: PullCommands) -> TagDetail {
    let row = detail.tag.expect("a tag was asked for");
    TagDetail {
        id: row.id,
        repo_id: detail.place.repository_id,
        image_id: image_id(&row),
        media_type: detail.media_type,
        size: row.facts.image_bytes,
        tag_type: i64::from(row.facts.is_index),
        path,
        created: Time(row.created_at),
        updated: Time(row.updated_at),
        domain_id: detail.place.account_id,
        annotations: detail.annotations,
        images: detail.images.into_iter().map(of_platform).collect(),
        image: detail.selected.map(content),
        remarks: detail.remarks,
        pull_commands,
        tag: row.tag,
        digest: row.digest,
    }
}

pub(in crate::manage) fn of_platform(image: PlatformImage) -> ImageOfPlatform {
    ImageOfPlatform {
        platform: image.platform(),
        digest: image.digest,
        media_type: image.media_type,
        present: image.image_bytes.is_some(),
        size: image.image_bytes,
        manifest_size: image.manifest_bytes,
        os: image.os,
        os_version: image.os_version,
        architecture: image.architecture,
        variant: image.variant,
        annotations: image.annotations,
    }
}

pub(in crate::manage) fn content(image: SelectedImage) -> ImageContent {
    let (mut config, mut history) = (None, Vec::new());
    if let Some(mut said) = image.config {
        let steps = std::mem::take(&mut said.history).into_iter();
        history = steps.map(|step| step_document(step, &image.layers)).collect();
        config = Some(config_document(said));
    }
    ImageContent {
        digest: image.digest,
        media_type: image.media_type,
        artifact_type: image.artifact_type,
        config_digest: image.config_digest,
        config_media_type: image.config_media_type,
        size: image.image_bytes,
        annotations: image.annotations,
        layers: image.layers.into_iter().map(layer_document).collect(),
        config,
        history,
    }
}

fn layer_document(layer: Layer) -> LayerDocument {
    LayerDocument {
        digest: layer.digest,
        media_type: layer.media_type,
        size: layer.bytes,
        annotations: layer.annotations,
        urls: layer.urls,
        present: layer.is_present,
        other_manifests: layer.other_manifests,
        other_images: layer.other_repositories,
    }
}

fn step_document(step: History, layers: &[Layer]) -> HistoryDocument {
    let layer = step.layer.and_then(|number| layers.get(number));
    let made_none = step.is_empty_layer.then_some(0);
    HistoryDocument {
        created: step.created,
        created_by: step.created_by,
        author: step.author,
        comment: step.comment,
        empty_layer: step.is_empty_layer,
        layer: step.layer,
        digest: layer.map(|layer| layer.digest.clone()),
        size: layer.map(|layer| layer.bytes).or(made_none),
    }
}

fn config_document(config: ImageConfig) -> ConfigDocument {
    ConfigDocument {
        os: config.os,
        architecture: config.architecture,
        variant: config.variant,
        created: config.created,
        author: config.author,
        user: config.user,
        working_dir: config.working_folder,
        entrypoint: config.entrypoint,
        cmd: config.command,
        env: config.environment,
        exposed_ports: config.exposed_ports,
        volumes: config.volumes,
        stop_signal: config.stop_signal,
        labels: config.labels,
    }
}
