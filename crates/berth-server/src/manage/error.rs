//! The one place that gives management errors their status, code and body (shape 1 of the API's error bodies, with the
//! older top-level names beside it, so that every SDK and Terraform read it).

use axum::Json;
use axum::response::{IntoResponse, Response};
use berth_registry::Error;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::json;

/// What the refused operation was about; it chooses among the codes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// An organisation.
    Organization,
    /// A right on an organisation.
    Grant,
    /// Anything else.
    Other,
}

/// A refused request.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: String,
    message: String,
    detail: String,
    retry_after_seconds: Option<u64>,
}

impl Refused {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let code = if code.starts_with(|first: char| first.is_ascii_digit()) {
            format!("SVCSTG.SWR.{code}")
        } else {
            code.to_owned()
        };
        Self {
            status,
            code,
            message: message.into(),
            detail: String::new(),
            retry_after_seconds: None,
        }
    }

    pub(super) fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "4131001",
            "the request's body is larger than 1 MiB",
        )
    }

    pub(super) fn body_broken_off() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "4000014",
            "the request's body did not arrive whole",
        )
    }

    pub(super) fn body_malformed(error: &serde_json::Error) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "4001018",
            format!("the request's body is not what is expected: {error}"),
        )
    }

    pub(super) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The refusal of an operation on `subject`.
    pub(super) fn of(subject: Subject, error: Error) -> Self {
        let (status, code) = status_and_code(subject, &error);
        if status.is_server_error() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "management request failed"
            );
        }
        let mut refused = Self::new(status, code, error.to_string());
        match error {
            Error::Denied(denial) => refused.detail = denial.explanation,
            Error::BadCredentials { explanation } => {
                let why = explanation.unwrap_or_else(|| "verify aksk signature fail".to_owned());
                refused.message = format!("Incorrect IAM authentication information: {why}");
            }
            Error::Throttled { retry_after_seconds } => {
                refused.message = format!(
                    "Incorrect IAM authentication information: the access key is locked after repeated failures, try \
                     again in {retry_after_seconds} s"
                );
                refused.retry_after_seconds = Some(retry_after_seconds);
            }
            Error::Unauthenticated => {
                refused.message = String::from("Neither a token nor an AK/SK signature is in the request");
            }
            // What broke inside is for the log.
            Error::Internal { .. } => refused.message = String::from("internal error"),
            _ => {}
        }
        refused
    }
}

/// Failures before the operation is known: of the login.
impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::of(Subject::Other, error)
    }
}

fn status_and_code(subject: Subject, error: &Error) -> (StatusCode, &'static str) {
    match (error, subject) {
        (Error::Unauthenticated, _) => (StatusCode::UNAUTHORIZED, "SVCSTG.S2I.4019000"),
        (Error::BadCredentials { .. } | Error::Throttled { .. }, _) => {
            (StatusCode::UNAUTHORIZED, "APIGW.0301")
        }
        (Error::Denied(_), Subject::Organization | Subject::Grant) => (StatusCode::FORBIDDEN, "4037017"),
        (Error::Denied(_) | Error::InsufficientScope(_), _) => (StatusCode::FORBIDDEN, "4030170"),
        (Error::Unknown(what), Subject::Grant) if !what.starts_with("organization") => {
            (StatusCode::NOT_FOUND, "4040078")
        }
        (Error::Unknown(_), _) => (StatusCode::NOT_FOUND, "4040058"),
        (Error::Exists(_), Subject::Grant) => (StatusCode::CONFLICT, "4090076"),
        (Error::Exists(_), _) => (StatusCode::CONFLICT, "4090060"),
        (Error::OrganizationNotEmpty(_), _) => (StatusCode::NOT_ACCEPTABLE, "4060074"),
        (Error::OrganizationQuota(_), _) => (StatusCode::BAD_REQUEST, "4000097"),
        (Error::NameInvalid(_), _) => (StatusCode::BAD_REQUEST, "4001008"),
        (Error::NoSpace, _) => (StatusCode::INSUFFICIENT_STORAGE, "5070070"),
        (Error::ReadOnly | Error::Unavailable, _) => (StatusCode::SERVICE_UNAVAILABLE, "5030000"),
        (Error::Internal { .. }, _) => (StatusCode::INTERNAL_SERVER_ERROR, "5000000"),
        (Error::RepositoryUnknown(_), _) => (StatusCode::NOT_FOUND, "4040010"),
        (Error::ManifestUnknown(_), _) => (StatusCode::NOT_FOUND, "4041060"),
        (Error::BlobUnknown(_), _) => (StatusCode::NOT_FOUND, "4041051"),
        (Error::TooLarge { .. }, _) => (StatusCode::PAYLOAD_TOO_LARGE, "4131001"),
        (
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
            | Error::BodyInterrupted(_),
            _,
        ) => (StatusCode::BAD_REQUEST, "4000014"),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self {
            status,
            code,
            message,
            detail,
            retry_after_seconds,
        } = self;
        let body = json!({
            "errors": [{ "errorCode": code, "errorMessage": message, "detail": detail }],
            "error_code": code,
            "error_msg": message,
            "details": [{ "error_code": code, "error_msg": detail }],
            "errorCode": code,
            "errorMessage": message,
        });
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer for a method that a path does not have; its `Allow` header is the router's.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "4050000",
        format!("the method {method} is not allowed at {}", uri.path()),
    )
    .into_response()
}

/// The answer for a path below the API's that leads nowhere.
pub(super) async fn unknown_path(uri: Uri) -> Response {
    Refused::new(
        StatusCode::NOT_FOUND,
        "4040083",
        format!("there is nothing at {}", uri.path()),
    )
    .into_response()
}
