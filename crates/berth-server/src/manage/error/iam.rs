//! The refusals of IAM's paths: the same ones, in a body and with codes of their own.

use serde::Serialize;
use utoipa::ToSchema;

use super::Refused;

/// The body of a refusal on IAM's paths: its older and its newer form.
#[derive(Serialize, ToSchema)]
pub(crate) struct IamRefusalBody {
    error: IamRefusal,
    /// The published code, such as `IAM.0004`.
    error_code: String,
    /// What is wrong, for a person.
    error_msg: String,
    /// The id of the request, as in the header `X-Request-Id`; the server's log has it too.
    request_id: String,
}

/// A refusal in IAM's older form.
#[derive(Serialize, ToSchema)]
struct IamRefusal {
    /// The HTTP status.
    code: u16,
    /// What is wrong, for a person.
    message: String,
    /// The status in words.
    title: String,
}

/// Whether a path is of IAM's API, which has a body of its own for refusals.
pub(crate) fn is_iam(path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below("/v3.0") || (below("/v3") && !below("/v3/manage"))
}

impl Refused {
    /// IAM has one code for each kind of refusal; those of the gateway before it stay.
    fn iam_code(&self) -> &str {
        if !self.code.starts_with("SVCSTG") {
            return &self.code;
        }
        match self.status.as_u16() {
            400 | 406 | 413 => "IAM.0011",
            401 => "IAM.0001",
            403 => "IAM.0003",
            404 => "IAM.0004",
            405 => "IAM.0002",
            409 => "IAM.0005",
            _ => "IAM.0006",
        }
    }

    pub(super) fn iam_body(&self, request_id: &str) -> IamRefusalBody {
        let message = if self.detail.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.message, self.detail)
        };
        IamRefusalBody {
            error: IamRefusal {
                code: self.status.as_u16(),
                message: message.clone(),
                title: self.status.canonical_reason().unwrap_or_default().to_owned(),
            },
            error_code: self.iam_code().to_owned(),
            error_msg: message,
            request_id: request_id.to_owned(),
        }
    }
}
