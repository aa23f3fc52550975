//! Error codes of the distribution specification ("Error Codes") and the body that carries them.
//!
//! Refuses to know HTTP status codes: the server chooses them.

use std::fmt;

use serde::{Serialize, Serializer};

/// What went wrong, in the specification's vocabulary and the few words the reference implementation adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The blob is not in this repository.
    BlobUnknown,
    /// The upload cannot be completed with what was sent.
    BlobUploadInvalid,
    /// The upload does not exist, or not any more.
    BlobUploadUnknown,
    /// The digest is malformed or does not match the content.
    DigestInvalid,
    /// The manifest refers to content that is not in this repository.
    ManifestBlobUnknown,
    /// The manifest is malformed.
    ManifestInvalid,
    /// The manifest is not in this repository.
    ManifestUnknown,
    /// The repository name is malformed.
    NameInvalid,
    /// The repository does not exist.
    NameUnknown,
    /// The length does not match the content.
    SizeInvalid,
    /// The caller must log in.
    Unauthorized,
    /// The caller may not do this.
    Denied,
    /// The registry does not do this.
    Unsupported,
    /// The caller is too fast.
    TooManyRequests,
    /// The range does not fit (reference implementation).
    RangeInvalid,
    /// The tag is malformed (reference implementation).
    TagInvalid,
    /// Something failed inside (reference implementation).
    Unknown,
    /// The page size is no usable number (reference implementation).
    PaginationNumberInvalid,
}

impl ErrorCode {
    /// All of them, in the order of the specification.
    pub const ALL: [Self; 18] = [
        Self::BlobUnknown,
        Self::BlobUploadInvalid,
        Self::BlobUploadUnknown,
        Self::DigestInvalid,
        Self::ManifestBlobUnknown,
        Self::ManifestInvalid,
        Self::ManifestUnknown,
        Self::NameInvalid,
        Self::NameUnknown,
        Self::SizeInvalid,
        Self::Unauthorized,
        Self::Denied,
        Self::Unsupported,
        Self::TooManyRequests,
        Self::RangeInvalid,
        Self::TagInvalid,
        Self::Unknown,
        Self::PaginationNumberInvalid,
    ];

    /// The identifier on the wire.
    pub fn as_str(self) -> &'static str {
        self.told().0
    }

    /// What it says to people.
    pub fn meaning(self) -> &'static str {
        self.told().1
    }

    fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", "the blob is not in this repository"),
            Self::BlobUploadInvalid => (
                "BLOB_UPLOAD_INVALID",
                "the upload cannot be completed with what was sent",
            ),
            Self::BlobUploadUnknown => (
                "BLOB_UPLOAD_UNKNOWN",
                "the upload does not exist, or not any more",
            ),
            Self::DigestInvalid => (
                "DIGEST_INVALID",
                "the digest is malformed or does not match the content",
            ),
            Self::ManifestBlobUnknown => (
                "MANIFEST_BLOB_UNKNOWN",
                "the manifest refers to content that is not in this repository",
            ),
            Self::ManifestInvalid => ("MANIFEST_INVALID", "the manifest is malformed"),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", "the manifest is not in this repository"),
            Self::NameInvalid => ("NAME_INVALID", "the repository name is malformed"),
            Self::NameUnknown => ("NAME_UNKNOWN", "the repository does not exist"),
            Self::SizeInvalid => ("SIZE_INVALID", "the length does not match the content"),
            Self::Unauthorized => ("UNAUTHORIZED", "the caller must log in"),
            Self::Denied => ("DENIED", "the caller may not do this"),
            Self::Unsupported => ("UNSUPPORTED", "the registry does not do this"),
            Self::TooManyRequests => ("TOOMANYREQUESTS", "the caller is too fast"),
            Self::RangeInvalid => ("RANGE_INVALID", "the range does not fit"),
            Self::TagInvalid => ("TAG_INVALID", "the tag is malformed"),
            Self::Unknown => ("UNKNOWN", "something failed inside"),
            Self::PaginationNumberInvalid => {
                ("PAGINATION_NUMBER_INVALID", "the page size is no usable number")
            }
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One entry of an error body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorEntry {
    /// What kind of error.
    pub code: ErrorCode,
    /// A sentence for a person; clients print it after the code.
    pub message: String,
    /// More facts, for programs and curious persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

/// The JSON body of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What went wrong; most often one entry.
    pub errors: Vec<ErrorEntry>,
}

impl ErrorBody {
    /// A body with a single error.
    pub fn one(code: ErrorCode, message: impl Into<String>, detail: Option<serde_json::Value>) -> Self {
        Self {
            errors: vec![ErrorEntry {
                code,
                message: message.into(),
                detail,
            }],
        }
    }

    /// The body as bytes.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an error body has only string keys")
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorBody, ErrorCode};

    #[test]
    fn all_are_all() {
        for (place, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, place, "{code}");
        }
        assert_eq!(
            ErrorCode::PaginationNumberInvalid as usize + 1,
            ErrorCode::ALL.len()
        );
    }

    #[test]
    fn bodies_are_written_as_the_specification_says() {
        let check = |body: ErrorBody, expected: &str| {
            assert_eq!(String::from_utf8(body.to_json()).unwrap(), expected);
        };
        check(
            ErrorBody::one(ErrorCode::TooManyRequests, "slow down", None),
            r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#,
        );
        check(
            ErrorBody::one(
                ErrorCode::NameInvalid,
                "'repository' is invalid",
                Some("why".into()),
            ),
            r#"{"errors":[{"code":"NAME_INVALID","message":"'repository' is invalid","detail":"why"}]}"#,
        );
    }
}
