//! The one place that gives distribution errors their status and code.

use axum::response::{IntoResponse, Response};
use berth_oci::excerpt::shown;
use berth_oci::{Endpoint, EndpointError, ErrorBody, ErrorCode, ErrorEntry, TooManyRanges};
use berth_registry::{Error, NO_PERMISSION, UpstreamKind};
use http::header::{
    ALLOW, CONTENT_RANGE, CONTENT_TYPE, ETAG, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::manifests::{DIGEST, text};
use crate::audit::Code;
use crate::authenticate::{self, ChallengeError};
use crate::mirrored::{Named, Unread, Wanted};
use crate::rates;
use crate::state::AppState;

/// Answers errors of one request; knows which token would help.
pub(super) struct Refused<'a> {
    app: &'a AppState,
    parts: &'a Parts,
    wanted: &'a Wanted,
}

impl<'a> Refused<'a> {
    pub(super) fn new(app: &'a AppState, parts: &'a Parts, wanted: &'a Wanted) -> Self {
        Self { app, parts, wanted }
    }

    /// The answer to an error, logged here if nobody else can act on it.
    pub(super) fn answer(&self, error: &Error) -> Response {
        let path = self.parts.uri.path();
        let puts_manifest = matches!(self.wanted.endpoint, Endpoint::PutManifest { .. });
        let (status, code) = match (status(error), error) {
            ((status, _), Error::BodyInterrupted(_)) if puts_manifest => (status, ErrorCode::ManifestInvalid),
            (found, _) => found,
        };
        let (status, code) = self.softened(error, (status, code));
        if let Error::Upstream(failure) = error {
            // Nothing is wrong here.
            tracing::warn!(
                path,
                failure = failure.sentence,
                "a mirrored registry did not answer"
            );
        } else if status.is_server_error() && !matches!(error, Error::TooFast(_)) {
            tracing::error!(path, error = error as &dyn std::error::Error, "request failed");
        }
        let mut headers = HeaderMap::new();
        match error {
            Error::Unauthenticated => self.challenge(&mut headers, None),
            Error::BadCredentials { .. } => self.challenge(&mut headers, Some(ChallengeError::InvalidToken)),
            Error::InsufficientScope(_) => {
                self.challenge(&mut headers, Some(ChallengeError::InsufficientScope));
            }
            _ if self.wanted.named != Named::Here => {}
            Error::Throttled { retry_after_seconds } => {
                headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
            }
            Error::TooFast(fast) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(fast.retry_after_seconds));
            }
            Error::Upstream(failure) => match failure.kind {
                UpstreamKind::RateLimited { retry_after_seconds } => {
                    headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
                }
                UpstreamKind::Unreachable => {
                    headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
                }
                _ => {}
            },
            Error::Unavailable | Error::SignInUnavailable(_) | Error::ReadOnly => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Error::RangeInvalid { offset } => {
                headers.insert(RANGE, text(&format!("0-{}", offset.saturating_sub(1))));
                headers.insert(LOCATION, text(path));
            }
            Error::TagMoved { now: Some(now) } => {
                headers.insert(DIGEST, text(now));
                headers.insert(ETAG, text(&format!("\"{now}\"")));
            }
            _ => {}
        }
        let mut response = respond(status, headers, &body(error, code));
        response.extensions_mut().insert(Code(code.to_string()));
        response
    }

    /// A mirror's client has others to ask, and does so at once when something is not there. Told to come back later, some
    /// come back without a pause.
    fn softened(&self, error: &Error, (status, code): (StatusCode, ErrorCode)) -> (StatusCode, ErrorCode) {
        let is_told = self.wanted.named == Named::Here;
        match error {
            Error::TooFast(_) if is_told && rates::gives_up_at_429(&self.parts.headers) => {
                (StatusCode::SERVICE_UNAVAILABLE, code)
            }
            _ if is_told => (status, code),
            Error::Upstream(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
            _ if status == StatusCode::TOO_MANY_REQUESTS => (StatusCode::NOT_FOUND, code),
            _ => (status, code),
        }
    }

    fn challenge(&self, headers: &mut HeaderMap, error: Option<ChallengeError>) {
        let challenge = authenticate::challenge(
            self.app,
            self.parts,
            scope(&self.wanted.endpoint).as_deref(),
            error,
        );
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
}

/// The answer to a request that is not understood.
pub(super) fn unread(unread: &Unread) -> Response {
    match unread {
        Unread::Endpoint(error) => endpoint(error),
        Unread::RegistryUnknown(registry) => {
            let message = format!("no mirror of {} is here", shown(registry));
            let body = ErrorBody::one(ErrorCode::NameUnknown, message, None);
            respond(StatusCode::NOT_FOUND, HeaderMap::new(), &body)
        }
        Unread::PullsOnly => {
            let message = "a mirror is pulled from: name the image as this registry does for anything else";
            let body = ErrorBody::one(ErrorCode::Unsupported, message, None);
            let mut headers = HeaderMap::new();
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            respond(StatusCode::METHOD_NOT_ALLOWED, headers, &body)
        }
        Unread::Failed(error) => {
            let (status, code) = status(error);
            tracing::error!(error = error as &dyn std::error::Error, "request failed");
            respond(status, HeaderMap::new(), &body(error, code))
        }
    }
}

/// The answer to a request that is none of the API's.
pub(super) fn endpoint(error: &EndpointError) -> Response {
    let mut headers = HeaderMap::new();
    let status = match error {
        EndpointError::UnknownPath | EndpointError::UnknownTag(_) | EndpointError::UnknownUpload => {
            StatusCode::NOT_FOUND
        }
        EndpointError::MethodNotAllowed { allowed } => {
            headers.insert(ALLOW, HeaderValue::from_static(allowed));
            StatusCode::METHOD_NOT_ALLOWED
        }
        EndpointError::TooManyTags => StatusCode::URI_TOO_LONG,
        EndpointError::Name(_)
        | EndpointError::Tag(_)
        | EndpointError::Digest(_)
        | EndpointError::MissingDigest
        | EndpointError::UnknownAlgorithm(_)
        | EndpointError::BadPage(_) => StatusCode::BAD_REQUEST,
    };
    let body = match error {
        // The sentence that SWR's clients show; which rule was broken is the detail.
        EndpointError::Name(name) => name_invalid(name),
        error => ErrorBody::one(error.code(), error.to_string(), None),
    };
    respond(status, headers, &body)
}

/// The answer to a range that begins beyond the end of a blob of `size` bytes (RFC 9110 section 15.5.17).
pub(super) fn outside(size: u64) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_RANGE, text(&format!("bytes */{size}")));
    let message = format!("the range lies outside the blob, which has {size} bytes");
    let body = ErrorBody::one(ErrorCode::RangeInvalid, message, None);
    respond(StatusCode::RANGE_NOT_SATISFIABLE, headers, &body)
}

/// The answer to a header with more ranges than are served at once: not one that has a client fetch the whole, but 400, after
/// which containers/storage asks for fewer.
pub(super) fn too_many_ranges(refused: TooManyRanges) -> Response {
    let body = ErrorBody::one(ErrorCode::RangeInvalid, refused.to_string(), None);
    respond(StatusCode::BAD_REQUEST, HeaderMap::new(), &body)
}

fn scope(endpoint: &Endpoint) -> Option<String> {
    let actions = match endpoint {
        Endpoint::Ping | Endpoint::SwarmKey | Endpoint::SwarmNodes | Endpoint::SwarmReplica => return None,
        Endpoint::ListRepositories { .. } => return Some("registry:catalog:*".into()),
        Endpoint::ListTags { .. }
        | Endpoint::GetManifest { .. }
        | Endpoint::HeadManifest { .. }
        | Endpoint::GetBlob { .. }
        | Endpoint::HeadBlob { .. }
        | Endpoint::ListReferrers { .. }
        | Endpoint::JoinSwarm { .. } => "pull",
        // A mount reads its source too: the token must say so, as in the reference implementation.
        Endpoint::StartUpload { repository, start } => {
            let source = start.from.as_ref().filter(|_| start.mount.is_some());
            let also = source.map_or_else(String::new, |from| format!(" repository:{from}:pull"));
            return Some(format!("repository:{repository}:pull,push{also}"));
        }
        Endpoint::PutManifest { .. }
        | Endpoint::UploadStatus { .. }
        | Endpoint::AppendUpload { .. }
        | Endpoint::FinishUpload { .. }
        | Endpoint::CancelUpload { .. } => "pull,push",
        Endpoint::DeleteManifest { .. } | Endpoint::DeleteBlob { .. } => "delete",
    };
    Some(format!("repository:{}:{actions}", endpoint.repository()?))
}

fn status(error: &Error) -> (StatusCode, ErrorCode) {
    match error {
        Error::Unauthenticated | Error::BadCredentials { .. } | Error::InsufficientScope(_) => {
            (StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized)
        }
        Error::Denied(_) | Error::QuotaExceeded { .. } | Error::BytesQuota(_) => {
            (StatusCode::FORBIDDEN, ErrorCode::Denied)
        }
        Error::Throttled { .. } | Error::TooFast(_) | Error::TooManyStreams(_) => {
            (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests)
        }
        Error::RepositoryUnknown(_) | Error::Unknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        Error::ManifestUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        Error::BlobUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
        Error::UploadUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        Error::RangeInvalid { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::RangeInvalid),
        Error::SizeInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
        Error::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
        Error::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
        Error::ManifestUnsupported(_)
        | Error::ArchiveInvalid(_)
        | Error::Invalid(_)
        | Error::TooLong { .. } => (StatusCode::BAD_REQUEST, ErrorCode::Unsupported),
        Error::ReferencesMissing(_) => (StatusCode::NOT_FOUND, ErrorCode::ManifestBlobUnknown),
        Error::TagMoved { .. } => (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied),
        // Clients take this code for an answer; others they try again for a while.
        Error::TagImmutable(_)
        | Error::BlobInUse { .. }
        | Error::Exists(_)
        | Error::InUse(_)
        | Error::OrganizationNotEmpty(_) => (StatusCode::CONFLICT, ErrorCode::Denied),
        Error::BodyInterrupted(source) if source.kind() == std::io::ErrorKind::TimedOut => {
            (StatusCode::REQUEST_TIMEOUT, ErrorCode::BlobUploadInvalid)
        }
        // The server stops: what came is saved, and the client goes on with it after the restart.
        Error::BodyInterrupted(source) if source.kind() == std::io::ErrorKind::ConnectionAborted => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unknown)
        }
        Error::BodyInterrupted(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
        Error::Upstream(failure) => upstream(failure.kind),
        Error::NameInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::NameInvalid),
        Error::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unknown),
        Error::ReadOnly | Error::Unavailable | Error::SignInUnavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unknown)
        }
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

/// What a failure of a mirrored registry is to somebody who named the mirror. That something is not there is said only when
/// that registry said so.
fn upstream(kind: UpstreamKind) -> (StatusCode, ErrorCode) {
    match kind {
        UpstreamKind::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests),
        UpstreamKind::Unreachable | UpstreamKind::SwitchedOff => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unknown)
        }
        UpstreamKind::Refused | UpstreamKind::Unusable => (StatusCode::BAD_GATEWAY, ErrorCode::Unknown),
        UpstreamKind::Unknown => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
    }
}

fn body(error: &Error, code: ErrorCode) -> ErrorBody {
    match error {
        Error::Unauthenticated => authenticate::unauthorized(None),
        Error::BadCredentials { explanation } => authenticate::unauthorized(explanation.as_deref()),
        Error::Denied(denial) => ErrorBody::one(code, denial.text, Some(json!(denial.explanation))),
        Error::TooFast(fast) => ErrorBody::one(code, error.to_string(), Some(json!(fast.explanation))),
        Error::QuotaExceeded { .. } => ErrorBody::one(code, NO_PERMISSION, Some(json!(error.to_string()))),
        // Docker shows the message alone.
        Error::BytesQuota(full) => ErrorBody::one(
            code,
            error.to_string(),
            Some(json!({
                "quota_of": full.of(),
                "limit_bytes": full.limit,
                "used_bytes": full.used,
                "reserved_bytes": full.reserved,
                "wanted_bytes": full.wanted,
            })),
        ),
        Error::TagImmutable(tag) => ErrorBody::one(
            code,
            error.to_string(),
            Some(json!({ "tag": tag.tag, "digest": tag.digest, "rule": tag.rule_id })),
        ),
        Error::NameInvalid(name) => name_invalid(name),
        Error::ReferencesMissing(missing) => ErrorBody {
            errors: missing
                .iter()
                .map(|digest| ErrorEntry {
                    code,
                    message: format!("{digest} is not in this repository: push it before the manifest"),
                    detail: Some(json!({ "digest": digest })),
                })
                .collect(),
        },
        Error::TagMoved { now } => ErrorBody::one(code, error.to_string(), Some(json!({ "digest": now }))),
        Error::RangeInvalid { offset } => {
            ErrorBody::one(code, error.to_string(), Some(json!({ "offset": offset })))
        }
        Error::DigestMismatch { expected, found } => ErrorBody::one(
            code,
            "provided digest did not match uploaded content",
            Some(json!({ "expected": expected.as_str(), "found": found.as_str() })),
        ),
        // What broke inside is for the log; the request id in the answer's header finds it there.
        Error::Internal { .. } => ErrorBody::one(
            code,
            "internal error; the X-Request-Id of this answer finds it in the log",
            None,
        ),
        error => ErrorBody::one(code, error.to_string(), None),
    }
}

fn name_invalid(error: &berth_oci::NameError) -> ErrorBody {
    ErrorBody::one(
        ErrorCode::NameInvalid,
        "'repository' is invalid",
        Some(json!(error.to_string())),
    )
}

fn respond(status: StatusCode, mut headers: HeaderMap, body: &ErrorBody) -> Response {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, headers, body.to_json()).into_response()
}
