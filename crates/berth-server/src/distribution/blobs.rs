//! Blobs: read whole, in part or in several parts, looked at, deleted.

mod parts;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_oci::{Digest, RangeRequest, RepositoryName};
use berth_registry::{BlobRead, Caller, Error, Extent, OpenedBlob};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, LOCATION,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::error;
use super::manifests::{DIGEST, quoted, text};
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
            described(asked, digest),
            Body::empty(),
        ));
    }
    let range = match RangeRequest::parse(asked.header(RANGE).filter(|_| range_holds(asked, digest))) {
        Ok(range) => range,
        Err(refused) => return Ok(error::too_many_ranges(refused)),
    };
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
        BlobRead::Opened(blob) => Ok(opened(asked, digest, blob)),
    }
}

fn opened(asked: &Asked<'_>, digest: &Digest, blob: OpenedBlob) -> Response {
    let OpenedBlob { size, extent, stream } = blob;
    let mut head = described(asked, digest);
    let (status, length) = match extent {
        Extent::Whole => (StatusCode::OK, size),
        Extent::Part(part) => {
            let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
            head.insert(CONTENT_RANGE, text(&range));
            (StatusCode::PARTIAL_CONTENT, part.end - part.start)
        }
        Extent::Parts(parts) => return parts::answer(head, (parts, size), stream),
    };
    head.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let body = match asked.parts.extensions.get::<Arrival>().and_then(Arrival::bypass) {
        Some(bypass) => bypass.body(stream),
        None => Body::from_stream(stream),
    };
    respond(status, head, body)
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
            described(asked, digest),
            Body::empty(),
        ));
    }
    let mut head = described(asked, digest);
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

fn described(asked: &Asked<'_>, digest: &Digest) -> HeaderMap {
    let mut head = head_of([
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (DIGEST, text(digest.as_str())),
        (ETAG, quoted(digest.as_str())),
        (CACHE_CONTROL, asked.for_ever()),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ]);
    // Bytes of strangers are no script, whatever names them as one; pages of browsers show no login here.
    if matches!(asked.caller, Caller::Anonymous) {
        head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    head
}
