//! Which status and which published code each outcome has, by what the operation was about.

use berth_oci::NameError;
use berth_registry::{Error, Quota};
use http::StatusCode;

use super::Subject;

/// The status and the code, without its prefix, of an operation on `subject` that failed so.
pub(super) fn status_and_code(subject: Subject, error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Denied(_) => (StatusCode::FORBIDDEN, denied(subject)),
        Error::InsufficientScope(_) => (StatusCode::FORBIDDEN, "4030170"),
        Error::Unknown(what) => unknown(subject, what),
        Error::Exists(_) => (StatusCode::CONFLICT, exists(subject)),
        Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "SVCSTG.S2I.4019000"),
        Error::BadCredentials { .. } | Error::Throttled { .. } => (StatusCode::UNAUTHORIZED, "APIGW.0301"),
        Error::InUse(_) => (StatusCode::NOT_ACCEPTABLE, "4060053"),
        Error::OrganizationNotEmpty(_) => (StatusCode::NOT_ACCEPTABLE, "4060074"),
        Error::QuotaExceeded { quota, .. } => (
            StatusCode::BAD_REQUEST,
            match quota {
                Quota::Organizations => "4000097",
                Quota::Repositories => "4000098",
                Quota::Tags => "4000099",
                Quota::Uploads => "4000151",
            },
        ),
        Error::BytesQuota(_) => (StatusCode::BAD_REQUEST, "4000100"),
        Error::NameInvalid(NameError::Image(_)) if subject == Subject::Archive => {
            (StatusCode::BAD_REQUEST, "4001029")
        }
        Error::NameInvalid(NameError::Tag(_)) if subject == Subject::Archive => {
            (StatusCode::BAD_REQUEST, "4009021")
        }
        Error::NameInvalid(_) => (StatusCode::BAD_REQUEST, "4001008"),
        Error::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, "5070070"),
        Error::TagImmutable(_) => (StatusCode::CONFLICT, "4090134"),
        Error::ReadOnly | Error::Unavailable | Error::SignInUnavailable(_) | Error::Upstream(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "5030000")
        }
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "5000000"),
        Error::RepositoryUnknown(_) => (StatusCode::NOT_FOUND, "4040010"),
        Error::ManifestUnknown(_) if subject == Subject::Tag => (StatusCode::NOT_FOUND, "4040115"),
        Error::ManifestUnknown(_) => (StatusCode::NOT_FOUND, "4041060"),
        Error::BlobUnknown(_) => (StatusCode::NOT_FOUND, "4041051"),
        Error::TooFast(_) => (StatusCode::TOO_MANY_REQUESTS, "4290002"),
        Error::TooManyStreams(_) => (StatusCode::TOO_MANY_REQUESTS, "4290001"),
        Error::TooLong { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "4131012"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "4131001"),
        Error::UploadUnknown if subject == Subject::Archive => (StatusCode::NOT_FOUND, "4040150"),
        Error::RangeInvalid { .. } if subject == Subject::Archive => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "4160150")
        }
        Error::ArchiveInvalid(_) => (StatusCode::BAD_REQUEST, "4000150"),
        Error::Invalid(_)
        | Error::UploadUnknown
        | Error::RangeInvalid { .. }
        | Error::SizeInvalid(_)
        | Error::DigestMismatch { .. }
        | Error::ManifestInvalid(_)
        | Error::ManifestUnsupported(_)
        | Error::ReferencesMissing(_)
        | Error::TagMoved { .. }
        | Error::BlobInUse { .. }
        | Error::BodyInterrupted(_) => (StatusCode::BAD_REQUEST, "4000014"),
    }
}

fn denied(subject: Subject) -> &'static str {
    match subject {
        Subject::Organization | Subject::Grant => "4037017",
        Subject::Repository => "4037018",
        Subject::Trigger
        | Subject::Retention
        | Subject::RetentionRule
        | Subject::Immutability
        | Subject::Lazy
        | Subject::Preheat
        | Subject::Sync
        | Subject::RepositoryGrant
        | Subject::NewShare
        | Subject::Share => "4037020",
        _ => "4030170",
    }
}

/// `what` tells an unknown organisation from the unknown thing in it.
fn unknown(subject: Subject, what: &str) -> (StatusCode, &'static str) {
    let in_organization = !what.starts_with("organization");
    match subject {
        Subject::Grant if in_organization => (StatusCode::NOT_FOUND, "4040078"),
        Subject::RepositoryGrant => (StatusCode::NOT_FOUND, "4040091"),
        Subject::Tag => (StatusCode::NOT_FOUND, "4040115"),
        Subject::Content => (StatusCode::NOT_FOUND, "4041061"),
        Subject::Bin if in_organization => (StatusCode::NOT_FOUND, "4040140"),
        Subject::Immutability if in_organization => (StatusCode::NOT_FOUND, "4040133"),
        Subject::Lazy if in_organization => (StatusCode::NOT_FOUND, "4040135"),
        Subject::Preheat if in_organization => (StatusCode::NOT_FOUND, "4040136"),
        Subject::RetentionRule if in_organization => (StatusCode::NOT_FOUND, "4040134"),
        Subject::Trigger => (StatusCode::NOT_FOUND, "4040126"),
        Subject::Registration if in_organization => (StatusCode::NOT_FOUND, "4040083"),
        Subject::NewShare | Subject::Account => (StatusCode::BAD_REQUEST, "4001041"),
        // Terraform takes these three for gone by their codes, which come with a 400.
        Subject::Retention => (StatusCode::BAD_REQUEST, "4000306"),
        Subject::Sync => (StatusCode::BAD_REQUEST, "4001158"),
        Subject::Share => (StatusCode::BAD_REQUEST, "4001090"),
        _ => (StatusCode::NOT_FOUND, "4040058"),
    }
}

fn exists(subject: Subject) -> &'static str {
    match subject {
        Subject::Grant => "4090076",
        Subject::RepositoryGrant | Subject::NewShare | Subject::Account => "4090089",
        // No code is published for a tag or a trigger that is there; this is the image's.
        Subject::Bin => "4090140",
        Subject::Immutability => "4090133",
        Subject::Repository | Subject::Tag | Subject::Trigger | Subject::Registration => "4090006",
        _ => "4090060",
    }
}
