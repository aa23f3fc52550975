//! Uploads of archives of images, as a browser sends them: begun, sent in chunks, asked about, answered, cancelled. Calls that
//! SWR does not have.

use axum::Json;
use axum::extract::State;
use berth_oci::OrganizationName;
use berth_registry::{ArchiveChunk, ArchiveFile, ArchiveSource, ArchiveWanted, Error};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call::{Call, Streamed};
use super::error::{RefusalBody, Refused, Subject};
use super::listing::{Marked, MarkedParameters};
use super::names::{self, InOrganization, Path};
use super::wire::Nothing;
use crate::serve::Arrival;
use crate::state::AppState;
use documents::{ArchiveUpload, ArchiveUploadLimits, ArchiveUploadsPage, document, said};

mod documents;

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
    let arrival = call.parts.extensions.get::<Arrival>();
    let id = arrival.map_or("", Arrival::id);
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

fn refused(error: Error) -> Refused {
    Refused::of(Subject::Archive, error)
}
