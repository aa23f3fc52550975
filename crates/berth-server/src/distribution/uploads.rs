//! Uploads: sessions begun, continued, asked about, finished and cancelled.

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse, Response};
use berth_oci::endpoint::StartUpload;
use berth_oci::{ContentRange, Digest, RepositoryName};
use berth_registry::{Chunk, Error, Started};
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderName, StatusCode};

use super::Asked;
use super::manifests::DIGEST;
use crate::body;

/// The header in which docker's registry names the session.
const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// end-4 and end-11.
pub(super) async fn start(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    start: StartUpload,
    body: Body,
) -> Result<Response, Error> {
    let registry = &asked.app.registry;
    if let Some(digest) = start.digest.as_ref().filter(|_| start.mount.is_none()) {
        registry
            .push_blob(asked.caller, repository, digest, chunk(asked, body)?)
            .await?;
        return Ok(created(repository, digest));
    }
    match registry.start_upload(asked.caller, repository, &start).await? {
        Started::Mounted(digest) => Ok(created(repository, &digest)),
        Started::Upload(id) => Ok(standing(StatusCode::ACCEPTED, repository, &id, 0)),
    }
}

/// end-13.
pub(super) async fn status(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    id: &str,
) -> Result<Response, Error> {
    let offset = asked
        .app
        .registry
        .upload_offset(asked.caller, repository, id)
        .await?;
    Ok(standing(StatusCode::NO_CONTENT, repository, id, offset))
}

/// end-5.
pub(super) async fn append(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    id: &str,
    body: Body,
) -> Result<Response, Error> {
    let chunk = chunk(asked, body)?;
    let offset = asked
        .app
        .registry
        .append_upload(asked.caller, repository, id, chunk)
        .await?;
    Ok(standing(StatusCode::ACCEPTED, repository, id, offset))
}

/// end-6.
pub(super) async fn finish(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    (id, digest): (&str, &Digest),
    body: Body,
) -> Result<Response, Error> {
    let chunk = chunk(asked, body)?;
    asked
        .app
        .registry
        .finish_upload(asked.caller, repository, id, (digest, chunk))
        .await?;
    Ok(created(repository, digest))
}

/// end-14.
pub(super) async fn cancel(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    id: &str,
) -> Result<Response, Error> {
    asked
        .app
        .registry
        .cancel_upload(asked.caller, repository, id)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn chunk(asked: &Asked<'_>, body: Body) -> Result<Chunk, Error> {
    let range = asked.parts.headers.get(CONTENT_RANGE).map(|value| {
        value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<ContentRange>().ok())
            .ok_or_else(|| {
                Error::SizeInvalid(
                    "Content-Range must read <first byte>-<last byte>, for example 0-1023".into(),
                )
            })
    });
    let length = body.size_hint().exact();
    Ok(Chunk {
        range: range.transpose()?,
        length,
        body: Box::pin(body::bytes(body)),
    })
}

fn created(repository: &RepositoryName, digest: &Digest) -> Response {
    let location = format!("/v2/{repository}/blobs/{digest}");
    (
        StatusCode::CREATED,
        [(LOCATION, location), (DIGEST, digest.to_string())],
    )
        .into_response()
}

fn standing(status: StatusCode, repository: &RepositoryName, id: &str, offset: u64) -> Response {
    let headers = [
        (LOCATION, format!("/v2/{repository}/blobs/uploads/{id}")),
        (RANGE, format!("0-{}", offset.saturating_sub(1))),
        (UPLOAD_ID, id.to_owned()),
    ];
    (status, headers).into_response()
}
