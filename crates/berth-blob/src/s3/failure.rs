//! What the store's refusals mean: to a request, and to an operator at the start.

use std::error::Error as _;
use std::io;

use http::StatusCode;
use object_store::client::HttpError;

use crate::Error;

/// Why the store did not do what it was asked, after all attempts.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It said no.
    #[error("the object store answered {} {code}: {message}", .status.as_u16())]
    Answered {
        status: StatusCode,
        code: String,
        message: String,
        /// The region where the bucket is, when the store says so.
        region: Option<String>,
    },
    /// It did not answer, or asked to come back later, as long as we were ready to wait.
    #[error("the object store is away: {0}")]
    Away(String),
}

/// The refusal in an error of the S3 client.
pub(super) fn refusal(error: &object_store::Error) -> Option<&Refusal> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether the connection was lost in the middle of an answer.
fn is_loss(error: &object_store::Error) -> bool {
    causes(error).any(<dyn std::error::Error>::is::<HttpError>)
}

fn causes(error: &object_store::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// Whether the store answered one of these codes.
pub(super) fn says(error: &object_store::Error, codes: &[&str]) -> bool {
    matches!(refusal(error), Some(Refusal::Answered { code, .. }) if codes.contains(&code.as_str()))
}

/// Whether the store answered this status.
pub(super) fn answers(error: &object_store::Error, wanted: StatusCode) -> bool {
    matches!(refusal(error), Some(Refusal::Answered { status, .. }) if *status == wanted)
}

/// Tells the outcomes that a caller acts on from the rest.
pub(super) fn translated(doing: &str, error: object_store::Error) -> Error {
    match refusal(&error) {
        Some(Refusal::Away(_)) => unavailable(doing, io::Error::other(error)),
        Some(Refusal::Answered { status, code, .. }) => match (status.as_u16(), code.as_str()) {
            (_, "QuotaExceeded" | "XMinioStorageFull") | (507, _) => Error::NoSpace,
            (404, "NoSuchKey" | "NoSuchUpload") => Error::NotFound,
            _ => internal(doing, io::Error::other(error)),
        },
        None if is_loss(&error) => unavailable(doing, io::Error::other(error)),
        None => internal(doing, io::Error::other(error)),
    }
}

pub(super) fn unavailable(doing: &str, source: io::Error) -> Error {
    Error::Unavailable {
        doing: doing.to_owned(),
        source,
    }
}

pub(super) fn internal(doing: &str, source: io::Error) -> Error {
    Error::Internal {
        doing: doing.to_owned(),
        source,
    }
}

/// What an operator does about a store that cannot be used, in one sentence.
pub(super) fn advice(error: &object_store::Error, bucket: &str, endpoint: &str) -> String {
    let Some(refusal) = refusal(error) else {
        return format!(
            "no credentials for the bucket {bucket} could be had ({error}): set s3.access_key_id and \
             s3.secret_access_key, or the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        );
    };
    let (status, code, message, region) = match refusal {
        Refusal::Away(cause) => {
            return format!(
                "the object store at {endpoint} does not answer ({cause}): check s3.endpoint, the network and whether \
                 the store runs"
            );
        }
        Refusal::Answered {
            status,
            code,
            message,
            region,
        } => (*status, code.as_str(), message, region),
    };
    match (status.as_u16(), code) {
        (_, "NoSuchBucket") => format!(
            "there is no bucket {bucket} at {endpoint}: create it, or correct the setting storage (s3://bucket/prefix)"
        ),
        (_, "InvalidAccessKeyId") => format!(
            "the object store at {endpoint} does not know the access key: check s3.access_key_id (or AWS_ACCESS_KEY_ID)"
        ),
        (_, "SignatureDoesNotMatch") => format!(
            "the object store at {endpoint} refuses the signature: check s3.secret_access_key (or \
             AWS_SECRET_ACCESS_KEY), and that no proxy between changes the Host header"
        ),
        (_, "RequestTimeTooSkewed" | "RequestExpired") => format!(
            "the clock of this machine and that of the object store at {endpoint} are too far apart: let both follow \
             a time server (NTP)"
        ),
        (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") | (301, _) => format!(
            "the bucket {bucket} is in another region{}: set s3.region to it",
            region
                .as_ref()
                .map(|region| format!(" ({region})"))
                .unwrap_or_default()
        ),
        (401 | 403, _) => format!(
            "the object store at {endpoint} does not let this key use the bucket {bucket} ({code}): give it the \
             rights that docs/how-to/s3.md lists"
        ),
        _ => format!(
            "what answers at {endpoint} does not serve the bucket {bucket} ({} {code} {message}): check s3.endpoint and \
             s3.path_style",
            status.as_u16()
        ),
    }
}
