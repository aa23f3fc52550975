//! Manifests: got, looked at, put and deleted by tag or digest.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use berth_oci::{Reference, RepositoryName, Tag, media_type};
use berth_registry::{Condition, Error, PushedManifest};
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH,
    LOCATION, WARNING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Asked, head_of, respond};
use crate::body;

/// The header that names the digest of what is answered.
pub(super) const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The header that says a subject was understood.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// The header that says a tag was set.
const TAG: HeaderName = HeaderName::from_static("oci-tag");
/// The header that names the registries that a copy came through, so that none sends it back to one of them.
const SYNC_PATH: HeaderName = HeaderName::from_static("berth-sync-path");
/// What an answer about a mirrored image carries that could not be compared (RFC 7234 section 5.5.1).
pub(super) const STALE: HeaderValue = HeaderValue::from_static("110 berth \"Response is Stale\"");

/// The policy of a manifest of a type that only its author knows: a browser that draws it loads and runs nothing for it.
const SANDBOX: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// end-3, GET.
pub(super) async fn get(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Error> {
    let manifest = asked
        .app
        .registry
        .manifest(asked.caller, repository, reference)
        .await?;
    let mut head = described(asked, reference, (manifest.digest(), manifest.media_type()));
    if manifest.stale().is_some() {
        head.insert(WARNING, STALE);
    }
    if asked.has_already(manifest.digest()) {
        return Ok(respond(StatusCode::NOT_MODIFIED, head, Body::empty()));
    }
    Ok(respond(StatusCode::OK, head, Body::from(manifest.pull())))
}

/// end-3, HEAD.
pub(super) async fn head(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Error> {
    let manifest = asked
        .app
        .registry
        .manifest_descriptor(asked.caller, repository, reference)
        .await?;
    let mut head = described(asked, reference, (&manifest.digest, &manifest.media_type));
    if manifest.stale.is_some() {
        head.insert(WARNING, STALE);
    }
    if asked.has_already(&manifest.digest) {
        return Ok(respond(StatusCode::NOT_MODIFIED, head, Body::empty()));
    }
    head.insert(CONTENT_LENGTH, HeaderValue::from(manifest.size));
    Ok(respond(StatusCode::OK, head, Body::empty()))
}

/// end-7.
pub(super) async fn put(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    (reference, tags): (&Reference, &[Tag]),
    body: Body,
) -> Result<Response, Error> {
    let pushed = PushedManifest {
        reference,
        tags,
        content_type: asked.header(CONTENT_TYPE),
        body: Box::pin(body::bytes(body)),
        condition: condition(asked),
        origin: asked.header(SYNC_PATH),
    };
    let stored = asked
        .app
        .registry
        .put_manifest(asked.caller, repository, pushed)
        .await?;
    let mut response = (
        StatusCode::CREATED,
        [
            (LOCATION, format!("/v2/{repository}/manifests/{}", stored.digest)),
            (DIGEST, stored.digest.to_string()),
            (ETAG, format!("\"{}\"", stored.digest)),
        ],
    )
        .into_response();
    let headers = response.headers_mut();
    if let Some(subject) = stored.subject {
        headers.insert(SUBJECT, text(subject.as_ref()));
    }
    if !stored.tags.is_empty() {
        // In one header: some clients give up at a hundred of them.
        headers.insert(TAG, text(&stored.tags.join(", ")));
    }
    Ok(response)
}

/// end-9.
pub(super) async fn delete(
    asked: &Asked<'_>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Response, Error> {
    asked
        .app
        .registry
        .delete_manifest(asked.caller, repository, reference, condition(asked))
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// What the tag must name, as `If-Match` and `If-None-Match: *` say (RFC 9110 section 13.1).
fn condition(asked: &Asked<'_>) -> Option<Condition> {
    if let Some(tags) = asked.entity_tags(IF_MATCH) {
        let any = tags.iter().any(|tag| tag.value == "*");
        // The comparison is strong here: a weak tag matches nothing.
        let strong = tags.into_iter().filter(|tag| !tag.weak);
        return Some(if any {
            Condition::Anything
        } else {
            Condition::OneOf(strong.map(|tag| tag.value).collect())
        });
    }
    asked
        .entity_tags(IF_NONE_MATCH)?
        .iter()
        .any(|tag| tag.value == "*")
        .then_some(Condition::Nothing)
}

fn described(asked: &Asked<'_>, reference: &Reference, (digest, media_type): (&str, &str)) -> HeaderMap {
    let cache = match reference {
        Reference::Digest(_) => asked.for_ever(),
        Reference::Tag(_) => asked.until_asked_again(),
    };
    let mut head = head_of([
        (CONTENT_TYPE, text(media_type)),
        (DIGEST, text(digest)),
        (ETAG, quoted(digest)),
        (CACHE_CONTROL, cache),
    ]);
    // Whoever pushed it says what it is, perhaps a page: it must not be one of the console's origin.
    if !media_type::is_known_manifest(media_type) {
        head.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        head.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    }
    head
}

/// An entity tag.
pub(super) fn quoted(digest: &str) -> HeaderValue {
    text(&["\"", digest, "\""].concat())
}

/// A header value out of a text that was checked when it came in.
pub(super) fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}
