//! Uploads of archives of images, as a browser sends them: begun, sent in chunks, asked about, answered, cancelled. Calls that
//! SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_oci::OrganizationName;
use berth_registry::{
    ArchiveChunk, ArchiveFailure, ArchiveFile, ArchiveImage, ArchiveProblem, ArchiveQuestion, ArchiveSource,
    ArchiveState, ArchiveView, ArchiveWanted, Error,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tower_http::request_id::RequestId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Streamed};
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::{self, InOrganization, Path};
use super::wire::{Nothing, Time};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(begin))
        .routes(routes!(show, answer, cancel))
        .routes(routes!(send))
}

/// The path of an upload.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InArchive {
    /// The organization's name.
    namespace: String,
    /// The upload's id.
    archive_id: String,
}

impl InArchive {
    fn organization(&self) -> Result<OrganizationName, Refused> {
        names::organization(&self.namespace)
    }
}

/// A file that is about to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewArchiveUpload {
    /// The file's name, for people. It says nothing about the image.
    file_name: String,
    /// Bytes.
    size: u64,
    /// What the client knows the file by, to find it again after a break: a hash of its first bytes, say. 128 characters.
    #[serde(default)]
    fingerprint: String,
    /// What the file calls its images (`RepoTags`, or the annotations of an OCI layout), when the client read that already.
    /// They are checked before a byte is sent.
    #[serde(default)]
    references: Vec<String>,
    /// The image's name in the organization, in place of what the file says; for a file with one image.
    #[serde(default)]
    repository: Option<String>,
    /// The tag, in place of what the file says; for a file with one image.
    #[serde(default)]
    tag: Option<String>,
    /// Whether tags that are there already are moved. Otherwise the upload asks when it finds one.
    #[serde(default)]
    overwrite: bool,
}

/// What an upload is to become.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ArchiveUploadAnswer {
    /// The image's name in the organization, in place of what the file says; for a file with one image.
    #[serde(default)]
    repository: Option<String>,
    /// The tag, in place of what the file says; for a file with one image.
    #[serde(default)]
    tag: Option<String>,
    /// Whether tags that are there already are moved.
    #[serde(default)]
    overwrite: bool,
}

/// How far an upload is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ArchiveUploadState {
    /// Its bytes are coming.
    Receiving,
    /// They are there, and what is in them is checked and stored.
    Processing,
    /// It waits for an answer: `questions` says to what.
    Asking,
    /// What was in it is stored.
    Done,
    /// Nothing more will come of it: `failure` says why.
    Failed,
}

/// What an upload asks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ArchiveUploadQuestion {
    /// The name of its image: the file has none.
    Name,
    /// Whether a tag that is there already may be moved.
    Overwrite,
}

/// Where an image goes.
#[derive(Serialize, ToSchema)]
struct ArchiveUploadTarget {
    /// The image's name in the organization.
    repository: String,
    tag: String,
    /// The digest that the tag names now; null when there is no such tag.
    current_digest: Option<String>,
}

/// An image in the file.
#[derive(Serialize, ToSchema)]
struct ArchiveUploadImage {
    /// What the file calls it.
    references: Vec<String>,
    targets: Vec<ArchiveUploadTarget>,
    /// Null as long as it is not known.
    digest: Option<String>,
    /// Layers of all its platforms; 0 as long as that is not known.
    layers: u64,
    /// Bytes of its layers and configurations.
    bytes: u64,
    /// `os/architecture` of each.
    platforms: Vec<String>,
    /// Whether it is stored under all its tags.
    stored: bool,
}

/// Why nothing more will come of an upload.
#[derive(Serialize, ToSchema)]
struct ArchiveUploadFailure {
    /// The published code, as of a refusal.
    error_code: String,
    /// What is wrong, for a person.
    error_msg: String,
}

/// An upload of a file.
#[derive(Serialize, ToSchema)]
struct ArchiveUpload {
    id: String,
    namespace: String,
    file_name: String,
    /// Bytes.
    size: i64,
    /// Bytes of each chunk but the last, which has the rest.
    chunk_size: i64,
    fingerprint: String,
    /// Where the next chunk begins: the bytes that came.
    offset: i64,
    state: ArchiveUploadState,
    /// Bytes of the file that were checked, after all of them came.
    checked_bytes: u64,
    /// Bytes of the images that are stored.
    stored_bytes: u64,
    /// Bytes of the images that are to be stored; 0 as long as that is not known.
    bytes_to_store: u64,
    /// What is in the file, as far as that is known.
    images: Vec<ArchiveUploadImage>,
    questions: Vec<ArchiveUploadQuestion>,
    failure: Option<ArchiveUploadFailure>,
    /// What was wanted in place of the file's own name.
    repository: Option<String>,
    /// What was wanted in place of the file's own tag.
    tag: Option<String>,
    overwrite: bool,
    created_at: Time,
    updated_at: Time,
    /// When it is forgotten, with what came of it, if nothing more happens.
    expires_at: Time,
}

/// What may be uploaded.
#[expect(clippy::struct_field_names, reason = "they are called as the settings are")]
#[derive(Serialize, ToSchema)]
struct ArchiveUploadLimits {
    /// Bytes of one file.
    file_size_max: u64,
    /// Bytes that it may unpack to.
    unpacked_size_max: u64,
    /// Files of one user that are under way at once.
    files_max: u32,
}

/// A page of uploads.
#[derive(Serialize, ToSchema)]
struct ArchiveUploadsPage {
    /// Newest first.
    uploads: Vec<ArchiveUpload>,
    limits: ArchiveUploadLimits,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    next_marker: Option<i64>,
}

/// List the caller's uploads
///
/// Of files to all organizations, newest first: those under way, and those that ended lately.
#[utoipa::path(get, path = "/v2/manage/archives",
    operation_id = "list_archive_uploads", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(MarkedParameters),
    responses((status = 200, body = ArchiveUploadsPage), (status = 400, body = RefusalBody)))]
async fn list(State(app): State<AppState>, call: Call) -> Result<Json<ArchiveUploadsPage>, Refused> {
    let Marked { limit, marker } = Marked::<i64>::of(&call)?;
    let found = app.registry.archives(&call.caller, marker, limit);
    let (uploads, next_marker) = found.await.map_err(refused)?;
    let limits = &app.registry.limits().archives;
    Ok(Json(ArchiveUploadsPage {
        uploads: uploads.into_iter().map(document).collect(),
        limits: ArchiveUploadLimits {
            file_size_max: limits.bytes_max,
            unpacked_size_max: limits.unpacked_bytes_max,
            files_max: limits.files_max,
        },
        next_marker,
    }))
}

/// Begin the upload of a file
///
/// A `docker save` package or an OCI layout, as `.tar` or `.tar.gz`. For who may push to the organization, or to the images
/// that are named. What can be refused now is refused now: a bad name, an immutable tag, a quota, a file that is too large.
#[utoipa::path(post, path = "/v2/manage/namespaces/{namespace}/archives",
    operation_id = "create_archive_upload", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(InOrganization), request_body = NewArchiveUpload,
    responses((status = 201, body = ArchiveUpload), (status = 409, body = RefusalBody)))]
async fn begin(
    State(app): State<AppState>,
    Path(place): Path<InOrganization>,
    call: Call,
) -> Result<(StatusCode, Json<ArchiveUpload>), Refused> {
    let (organization, sent) = (place.name()?, call.json::<NewArchiveUpload>()?);
    let id = call.parts.extensions.get::<RequestId>();
    let id = id
        .and_then(|id| id.header_value().to_str().ok())
        .unwrap_or_default();
    let source = ArchiveSource {
        address: call.origin.client,
        request_id: id.to_owned(),
    };
    let file = ArchiveFile {
        name: sent.file_name,
        size: sent.size,
        fingerprint: sent.fingerprint,
    };
    let wanted = ArchiveWanted {
        references: sent.references,
        repository: said(sent.repository),
        tag: said(sent.tag),
        overwrite: sent.overwrite,
    };
    let begun = app
        .registry
        .begin_archive((&call.caller, source), &organization, (file, wanted));
    Ok((StatusCode::CREATED, Json(document(begun.await.map_err(refused)?))))
}

/// Show an upload
///
/// For who began it: how far each step is, what was found in the file, what it asks, why it failed.
#[utoipa::path(get, path = "/v2/manage/namespaces/{namespace}/archives/{archive_id}",
    operation_id = "show_archive_upload", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(InArchive), responses((status = 200, body = ArchiveUpload), (status = 404, body = RefusalBody)))]
async fn show(
    State(app): State<AppState>,
    Path(place): Path<InArchive>,
    call: Call,
) -> Result<Json<ArchiveUpload>, Refused> {
    let organization = place.organization()?;
    let found = app
        .registry
        .archive(&call.caller, &organization, &place.archive_id);
    Ok(Json(document(found.await.map_err(refused)?)))
}

/// Send the next chunk
///
/// The bytes of the file from `offset` on, `chunk_size` of them, or the rest. A chunk comes whole or not at all. One that
/// begins elsewhere is refused with the place where the upload stands, in the detail. After the last one the file is checked
/// and stored.
#[utoipa::path(put, path = "/v2/manage/namespaces/{namespace}/archives/{archive_id}/bytes",
    operation_id = "send_archive_chunk", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(InArchive, ("offset" = u64, Query, description = "Where the chunk begins in the file")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ArchiveUpload), (status = 404, body = RefusalBody), (status = 416, body = RefusalBody)))]
async fn send(
    State(app): State<AppState>,
    Path(place): Path<InArchive>,
    streamed: Streamed,
) -> Result<Json<ArchiveUpload>, Refused> {
    let organization = place.organization()?;
    let chunk = ArchiveChunk {
        offset: streamed.number("offset")?,
        length: streamed.length,
        body: streamed.body,
    };
    let place = (&organization, place.archive_id.as_str());
    let added = app.registry.add_archive_chunk(&streamed.caller, place, chunk);
    Ok(Json(document(added.await.map_err(refused)?)))
}

/// Answer an upload
///
/// Says what it is to become, in place of what was said before. One that asks goes on.
#[utoipa::path(patch, path = "/v2/manage/namespaces/{namespace}/archives/{archive_id}",
    operation_id = "answer_archive_upload", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(InArchive), request_body = ArchiveUploadAnswer,
    responses((status = 200, body = ArchiveUpload), (status = 404, body = RefusalBody), (status = 409, body = RefusalBody)))]
async fn answer(
    State(app): State<AppState>,
    Path(place): Path<InArchive>,
    call: Call,
) -> Result<Json<ArchiveUpload>, Refused> {
    let (organization, sent) = (place.organization()?, call.json::<ArchiveUploadAnswer>()?);
    let wanted = ArchiveWanted {
        references: Vec::new(),
        repository: said(sent.repository),
        tag: said(sent.tag),
        overwrite: sent.overwrite,
    };
    let answered = app
        .registry
        .answer_archive(&call.caller, (&organization, &place.archive_id), wanted);
    Ok(Json(document(answered.await.map_err(refused)?)))
}

/// Cancel an upload
///
/// What came of the file is deleted; images that it stored already stay. One that has ended is taken off the list.
#[utoipa::path(delete, path = "/v2/manage/namespaces/{namespace}/archives/{archive_id}",
    operation_id = "cancel_archive_upload", tag = "uploads", extensions(("x-berth-extension" = json!(true))),
    params(InArchive), responses((status = 200, body = Nothing), (status = 404, body = RefusalBody)))]
async fn cancel(
    State(app): State<AppState>,
    Path(place): Path<InArchive>,
    call: Call,
) -> Result<Json<Nothing>, Refused> {
    let organization = place.organization()?;
    let cancelled = app
        .registry
        .cancel_archive(&call.caller, &organization, &place.archive_id);
    cancelled.await.map_err(refused)?;
    Ok(Json(Nothing {}))
}

/// An empty text says nothing.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn document(view: ArchiveView) -> ArchiveUpload {
    ArchiveUpload {
        id: view.id,
        namespace: view.organization,
        file_name: view.file_name,
        size: view.size,
        chunk_size: view.chunk_size,
        fingerprint: view.fingerprint,
        offset: view.offset,
        state: match view.state {
            ArchiveState::Receiving => ArchiveUploadState::Receiving,
            ArchiveState::Processing => ArchiveUploadState::Processing,
            ArchiveState::Asking => ArchiveUploadState::Asking,
            ArchiveState::Done => ArchiveUploadState::Done,
            // Nobody is shown one that they cancelled.
            ArchiveState::Failed | ArchiveState::Cancelled => ArchiveUploadState::Failed,
        },
        checked_bytes: view.checked,
        stored_bytes: view.stored,
        bytes_to_store: view.to_store,
        images: view.images.into_iter().map(image).collect(),
        questions: view.questions.into_iter().map(question).collect(),
        failure: view.failure.map(failure),
        repository: view.wanted.repository,
        tag: view.wanted.tag,
        overwrite: view.wanted.overwrite,
        created_at: Time(view.created_at),
        updated_at: Time(view.updated_at),
        expires_at: Time(view.expires_at),
    }
}

fn image(image: ArchiveImage) -> ArchiveUploadImage {
    let targets = image.targets.into_iter().map(|target| ArchiveUploadTarget {
        repository: target.repository,
        tag: target.tag,
        current_digest: target.now,
    });
    ArchiveUploadImage {
        references: image.references,
        targets: targets.collect(),
        digest: image.digest,
        layers: image.layers,
        bytes: image.bytes,
        platforms: image.platforms,
        stored: image.stored,
    }
}

fn question(question: ArchiveQuestion) -> ArchiveUploadQuestion {
    match question {
        ArchiveQuestion::Name => ArchiveUploadQuestion::Name,
        ArchiveQuestion::Overwrite => ArchiveUploadQuestion::Overwrite,
    }
}

fn failure(failure: ArchiveFailure) -> ArchiveUploadFailure {
    let code = match failure.problem {
        ArchiveProblem::Format => "4000150",
        ArchiveProblem::Name => "4001029",
        ArchiveProblem::Denied => "4030170",
        ArchiveProblem::Quota => "4000100",
        ArchiveProblem::Immutable => "4090134",
        ArchiveProblem::TooLarge => "4131001",
        ArchiveProblem::Internal => "5000000",
    };
    ArchiveUploadFailure {
        error_code: format!("SVCSTG.SWR.{code}"),
        error_msg: failure.sentence,
    }
}

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Archive, error)
}
