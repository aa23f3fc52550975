//! The one place that gives management errors their status, code and body (shape 1 of the API's error bodies, with the
//! older top-level names beside it, so that every SDK and Terraform read it).

mod iam;
pub(crate) mod published;

mod codes;

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use berth_registry::Error;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use iam::{IamRefusalBody, is_iam};

use crate::audit::Code;
use crate::serve::Arrival;

/// What the refused operation was about; it chooses among the codes of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// An organisation.
    Organization,
    /// An image.
    Repository,
    /// A right on an organisation.
    Grant,
    /// A trigger of an image.
    Trigger,
    /// A retention of an image.
    Retention,
    /// The synchronisation of an image.
    Sync,
    /// A cluster, region or mirror of an account.
    Registration,
    /// A right on an image.
    RepositoryGrant,
    /// A share of an image with another account that is to be made.
    NewShare,
    /// A share of an image with another account.
    Share,
    /// What is kept for an account: its quotas, its agency.
    Account,
    /// A tag of an image.
    Tag,
    /// Something in an image.
    Content,
    /// A rule about immutable tags.
    Immutability,
    /// A rule of an organisation about which tags are kept.
    RetentionRule,
    /// An entry of the bin, or an organisation's bin.
    Bin,
    /// A rule about indexes for lazy starts.
    Lazy,
    /// A rule by which pushes go to nodes.
    Preheat,
    /// The upload of an archive.
    Archive,
    /// Anything else.
    Other,
}

/// A refused request. Its body is written by [`name_request`], which knows the request's id.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    code: String,
    message: String,
    detail: String,
    retry_after_seconds: Option<u64>,
}

impl Refused {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: published::on_the_wire(code),
            message: message.into(),
            detail: String::new(),
            retry_after_seconds: None,
        }
    }

    pub(crate) fn body_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "4131001",
            "the request's body is larger than 1 MiB",
        )
    }

    pub(crate) fn chunk_too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "4131001",
            "the request's body is larger than 8 MiB",
        )
    }

    pub(crate) fn parameter(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "4001025",
            format!("the parameter {name} of the query is missing, or no number"),
        )
    }

    pub(crate) fn body_broken_off() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "4000014",
            "the request's body did not arrive whole",
        )
    }

    pub(crate) fn body_malformed(error: &serde_json::Error) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "4001018",
            format!("the request's body is not what is expected: {error}"),
        )
    }

    pub(crate) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A login with what is not right.
    pub(crate) fn login(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "IAM.0001", message)
    }

    /// The refusal of an operation on `subject`.
    pub(crate) fn of(subject: Subject, error: Error) -> Self {
        let (status, code) = codes::status_and_code(subject, &error);
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
            Error::TooFast(fast) => {
                refused.retry_after_seconds = Some(fast.retry_after_seconds);
                refused.detail = fast.explanation;
            }
            Error::RangeInvalid { offset } => refused.detail = offset.to_string(),
            Error::Unavailable | Error::SignInUnavailable(_) | Error::ReadOnly => {
                refused.retry_after_seconds = Some(5);
            }
            Error::TooManyStreams(_) => refused.retry_after_seconds = Some(30),
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

/// The body of a refusal: the newest of the service's forms, and the older ones beside it.
#[derive(Serialize, ToSchema)]
pub(crate) struct RefusalBody {
    errors: [RefusalEntry; 1],
    /// The published code, such as `SVCSTG.SWR.4040058`.
    error_code: String,
    /// What is wrong, for a person.
    error_msg: String,
    details: [RefusalDetail; 1],
    #[serde(rename = "errorCode")]
    error_code_camel: String,
    #[serde(rename = "errorMessage")]
    error_message: String,
    /// The id of the request, as in the header `X-Request-Id`; the server's log has it too.
    request_id: String,
}

/// The refusal in the form with `errors`.
#[derive(Serialize, ToSchema)]
struct RefusalEntry {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(rename = "errorMessage")]
    message: String,
    /// Who was recognised, which rule said no, and what helps.
    detail: String,
}

/// The detail of a refusal.
#[derive(Serialize, ToSchema)]
struct RefusalDetail {
    error_code: String,
    error_msg: String,
}

impl Refused {
    fn body(&self, request_id: &str) -> RefusalBody {
        let (code, message, detail) = (&self.code, &self.message, &self.detail);
        RefusalBody {
            errors: [RefusalEntry {
                code: code.clone(),
                message: message.clone(),
                detail: detail.clone(),
            }],
            error_code: code.clone(),
            error_msg: message.clone(),
            details: [RefusalDetail {
                error_code: code.clone(),
                error_msg: detail.clone(),
            }],
            error_code_camel: code.clone(),
            error_message: message.clone(),
            request_id: request_id.to_owned(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let extensions = response.extensions_mut();
        extensions.insert(Code(self.code.clone()));
        extensions.insert(self);
        response
    }
}

/// Writes the bodies of refusals, with the id of the request that each was.
pub(crate) async fn name_request(request: Request, next: Next) -> Response {
    let arrival = request.extensions().get::<Arrival>().cloned();
    let is_iam = is_iam(request.uri().path());
    let mut response = next.run(request).await;
    let refused = match response.extensions_mut().remove::<Refused>() {
        Some(refused) => refused,
        // The router's own refusal, before any handler.
        None if response.status() == StatusCode::BAD_REQUEST => {
            let refused = Refused::invalid("4000014", "the path holds what is no text");
            response = refused.clone().into_response();
            refused
        }
        None => return response,
    };
    let (parts, _) = response.into_parts();
    let id = arrival.as_ref().map_or("", Arrival::id);
    let written = if is_iam {
        Json(refused.iam_body(id)).into_response()
    } else {
        Json(refused.body(id)).into_response()
    };
    let (mut head, body) = written.into_parts();
    head.status = parts.status;
    head.headers.extend(parts.headers);
    head.extensions = parts.extensions;
    Response::from_parts(head, body)
}

/// The answer for a method that a path does not have; its `Allow` header is the router's.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "4050000",
        format!("the method {method} is not allowed at {}", uri.path()),
    )
    .into_response()
}

/// The answer for a path below the API's that leads nowhere.
pub(crate) async fn unknown_path(uri: Uri) -> Response {
    Refused::new(
        StatusCode::NOT_FOUND,
        "4040083",
        format!("there is nothing at {}", uri.path()),
    )
    .into_response()
}
