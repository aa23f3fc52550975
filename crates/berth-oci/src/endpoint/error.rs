//! Why a request line is none of the distribution API's, and what the client is told.

use super::TAGS_MAX;
use crate::digest::DigestError;
use crate::error_code::ErrorCode;
use crate::name::NameError;

/// Why a request is none of the API's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing is at this path.
    #[error("this path is not part of the registry API")]
    UnknownPath,
    /// The path is right, the method is not.
    #[error("this method is not allowed here: use {allowed}")]
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allowed: &'static str,
    },
    /// The repository name is malformed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A tag to write is malformed.
    #[error("{0}")]
    Tag(NameError),
    /// A tag to read or delete is malformed, so no manifest can have it.
    #[error("no manifest can have this tag: {0}")]
    UnknownTag(NameError),
    /// A digest is malformed or of an unknown algorithm.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The closing request of an upload does not say the digest.
    #[error("the request that finishes an upload needs the parameter digest=<digest of the whole blob>")]
    MissingDigest,
    /// `digest-algorithm` asks for an algorithm that the registry does not compute.
    #[error("the digest algorithm {0:?} is not supported: use sha256 or sha512")]
    UnknownAlgorithm(String),
    /// The upload's id was not made by this registry.
    #[error("no upload has this id: start a new one")]
    UnknownUpload,
    /// `n` is not a number.
    #[error("the parameter n must be a whole number, zero or more, and {0:?} is not")]
    BadPage(String),
    /// More `tag` parameters than allowed.
    #[error("at most {TAGS_MAX} tags can be set in one request")]
    TooManyTags,
}

impl EndpointError {
    /// The code to answer with.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownPath => ErrorCode::NameUnknown,
            Self::Name(_) => ErrorCode::NameInvalid,
            Self::MethodNotAllowed { .. } | Self::UnknownAlgorithm(_) => ErrorCode::Unsupported,
            Self::Tag(_) | Self::TooManyTags => ErrorCode::TagInvalid,
            Self::UnknownTag(_) => ErrorCode::ManifestUnknown,
            Self::Digest(_) | Self::MissingDigest => ErrorCode::DigestInvalid,
            Self::UnknownUpload => ErrorCode::BlobUploadUnknown,
            Self::BadPage(_) => ErrorCode::PaginationNumberInvalid,
        }
    }
}
