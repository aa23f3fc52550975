//! Blobs: read whole or in part, looked at, deleted.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_oci::{Digest, RangeRequest, RepositoryName};
use berth_registry::{BlobRead, Error};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, LOCATION,
    RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::error;
use super::manifests::{DIGEST, IMMUTABLE, quoted, text};
use super::{Asked, head_of, respond};
use crate::origin::Origin;
use crate::serve::Arrival;

/// end-2, GET.
pub(super) async fn get(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Error> {
    let registry = &asked.app.registry;
    if asked.has_already(digest.as_str()) {
        registry.stat_blob(asked.caller, repository, digest).await?;
        return Ok(respond(
            StatusCode::NOT_MODIFIED,
            described(digest),
            Body::empty(),
        ));
    }
    let range = RangeRequest::parse(asked.header(RANGE).filter(|_| range_holds(asked, digest)));
    let client = Origin::client(asked.parts, &asked.app.settings);
    let read = match asked.app.settings.redirect_ttl(client) {
        Some(ttl) => {
            let wanted = (range, ttl);
            registry
                .lead_to_blob(asked.caller, repository, digest, wanted)
                .await?
        }
        None => {
            registry
                .open_blob(asked.caller, repository, digest, range)
                .await?
        }
    };
    match read {
        BlobRead::Unsatisfiable(size) => Ok(error::outside(size)),
        BlobRead::Elsewhere(address) => {
            // The address ends soon: nobody may keep it for another request.
            let head = [
                (LOCATION, text(&address)),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (DIGEST, text(digest.as_str())),
            ];
            Ok((StatusCode::TEMPORARY_REDIRECT, head).into_response())
        }
        BlobRead::Opened(blob) => {
            let body = match asked.parts.extensions.get::<Arrival>().and_then(Arrival::bypass) {
                Some(bypass) => bypass.body(blob.stream),
                None => Body::from_stream(blob.stream),
            };
            let mut head = described(digest);
            let (status, length) = match blob.part {
                None => (StatusCode::OK, blob.size),
                Some(part) => {
                    let range = format!("bytes {}-{}/{}", part.start, part.end - 1, blob.size);
                    head.insert(CONTENT_RANGE, text(&range));
                    (StatusCode::PARTIAL_CONTENT, part.end - part.start)
                }
            };
            head.insert(CONTENT_LENGTH, HeaderValue::from(length));
            Ok(respond(status, head, body))
        }
    }
}

/// end-2, HEAD.
pub(super) async fn head(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Error> {
    let size = asked
        .app
        .registry
        .stat_blob(asked.caller, repository, digest)
        .await?;
    if asked.has_already(digest.as_str()) {
        return Ok(respond(
            StatusCode::NOT_MODIFIED,
            described(digest),
            Body::empty(),
        ));
    }
    let mut head = described(digest);
    head.insert(CONTENT_LENGTH, HeaderValue::from(size));
    Ok(respond(StatusCode::OK, head, Body::empty()))
}

/// end-10.
pub(super) async fn delete(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Response, Error> {
    asked
        .app
        .registry
        .delete_blob(asked.caller, repository, digest)
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `If-Range`: the part is wanted only if the blob is the one the client began with.
fn range_holds(asked: &Asked<'_>, digest: &Digest) -> bool {
    asked
        .header(IF_RANGE)
        .is_none_or(|tag| tag.trim().trim_matches('"') == digest.as_str())
}

fn described(digest: &Digest) -> HeaderMap {
    head_of([
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (DIGEST, text(digest.as_str())),
        (ETAG, quoted(digest.as_str())),
        (CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ])
}
