//! The outcomes a caller of [`crate::Registry`] can act on. Knows no HTTP status and no wire code.

mod too_fast;
mod upstream;

use berth_metadata::{Conflict, QuotaFull};
use berth_oci::{Digest, NameError, Reference};

use crate::limits::Quota;

pub use too_fast::{Hurried, TooFast};
pub use upstream::{UpstreamFailure, UpstreamKind};

/// A refusal to a caller who is known, told so that they know what to do.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Denial {
    /// The text that clients show, as SWR words it.
    pub text: &'static str,
    /// Who was recognised, which rule said no and what would help; tells nothing the caller may not know.
    pub explanation: String,
}

/// A tag that a rule protects, told so that the caller knows what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{explanation}")]
pub struct ImmutableTag {
    /// The tag.
    pub tag: String,
    /// The digest it names.
    pub digest: String,
    /// The rule's id.
    pub rule_id: i64,
    /// Which rule, where, since when, what the tag names, and what helps.
    pub explanation: String,
}

/// Everything a registry method can answer besides success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is logged in and the place is not open to everybody; logging in may help.
    #[error("authentication required")]
    Unauthenticated,
    /// The login was refused: wrong, expired, disabled or deleted.
    #[error("authentication required")]
    BadCredentials {
        /// Which rule said no, for a caller who proved to hold the secret; nothing for anybody else.
        explanation: Option<String>,
    },
    /// The token does not carry the scope that this request needs; a new token may help.
    #[error("the token does not carry {0}")]
    InsufficientScope(String),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Denied(Box<Denial>),
    /// Too many failed logins or requests; worth a retry after this many seconds.
    #[error("too many attempts; try again in {retry_after_seconds} s")]
    Throttled {
        /// Seconds until the next attempt can succeed.
        retry_after_seconds: u64,
    },
    /// More requests came than a rate allows; worth a retry when it says so.
    #[error(transparent)]
    TooFast(Box<TooFast>),

    /// The repository does not exist (and the caller may know that).
    #[error("repository {0} does not exist; the first push creates it")]
    RepositoryUnknown(String),
    /// No such manifest or tag in the repository.
    #[error("manifest {0} is not in this repository")]
    ManifestUnknown(Reference),
    /// No such blob in the repository, or none that the caller may see.
    #[error("blob {0} is not in this repository")]
    BlobUnknown(Digest),
    /// The upload ended, expired, was cancelled or never was.
    #[error("this upload does not exist; it ended, expired or was cancelled: start a new one with POST")]
    UploadUnknown,
    /// A chunk does not begin where the upload stands.
    #[error("the chunk does not begin at byte {offset}, where this upload stands")]
    RangeInvalid {
        /// Bytes the upload has; the next chunk begins here.
        offset: u64,
    },
    /// The body and its announced length or range disagree.
    #[error("{0}")]
    SizeInvalid(String),
    /// The body is larger than a limit.
    #[error("{what} is larger than the {max} bytes that this registry accepts")]
    TooLarge {
        /// What was too large, as the sentence's subject.
        what: &'static str,
        /// The limit in bytes.
        max: u64,
    },
    /// The content does not have the digest it was announced with.
    #[error("the content has digest {found}, not {expected}")]
    DigestMismatch {
        /// What the client said.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// The manifest cannot be accepted, with the reason.
    #[error("{0}")]
    ManifestInvalid(String),
    /// The manifest's format is one that this registry does not take, with what to do.
    #[error("{0}")]
    ManifestUnsupported(String),
    /// The manifest names content that its repository does not hold.
    #[error("the manifest names content that is not in this repository: {}", join(.0))]
    ReferencesMissing(Vec<String>),
    /// `If-Match` named another digest than the tag's.
    #[error("the tag has moved: it is now at {}", .now.as_deref().unwrap_or("nothing"))]
    TagMoved {
        /// The digest the tag names now, if it exists.
        now: Option<String>,
    },
    /// A rule makes the tag immutable.
    #[error(transparent)]
    TagImmutable(Box<ImmutableTag>),
    /// The blob is part of a manifest and cannot be deleted alone.
    #[error("blob {digest} is used by manifest {manifest}; delete the manifest first")]
    BlobInUse {
        /// The blob.
        digest: Digest,
        /// One manifest that uses it.
        manifest: String,
    },
    /// The client went away, or another request took the upload over, before the body ended.
    #[error("the request body ended early: {0}")]
    BodyInterrupted(std::io::Error),

    /// A name breaks the rules.
    #[error(transparent)]
    NameInvalid(#[from] NameError),
    /// A file that is uploaded is no archive of images, or a broken one; says why.
    #[error("invalid image format: {0}")]
    ArchiveInvalid(String),
    /// A value breaks the rules, with a sentence that says which.
    #[error("{0}")]
    Invalid(String),
    /// A text is longer than its limit.
    #[error("{what} has more than {characters_max} characters")]
    TooLong {
        /// What is too long, as the sentence's subject.
        what: &'static str,
        /// The limit in characters.
        characters_max: usize,
    },
    /// A named thing is not there.
    #[error("{0} does not exist")]
    Unknown(String),
    /// A thing of that name is there already.
    #[error("{0} already exists")]
    Exists(String),
    /// A thing cannot be deleted while another needs it; says which and what to do.
    #[error("{0}")]
    InUse(String),
    /// An organisation with images cannot be deleted.
    #[error("organization {0} still holds images; delete them first")]
    OrganizationNotEmpty(String),
    /// A quota is used up.
    #[error("{}", full(*.quota, *.limit))]
    QuotaExceeded {
        /// What it is on.
        quota: Quota,
        /// How many there may be.
        limit: i64,
    },

    /// Too many streams of events are open, with a sentence that says whose; the caller asks now and then instead.
    #[error("{0}")]
    TooManyStreams(String),

    /// A quota of bytes has no room.
    #[error("{}", no_room(.0))]
    BytesQuota(QuotaFull),

    /// A mirrored registry was not asked, or did not give what was asked for.
    #[error(transparent)]
    Upstream(Box<UpstreamFailure>),

    /// The disk or its quota is full.
    #[error("the registry's storage is full; an operator must free or add space")]
    NoSpace,
    /// Storage or database refuses writes.
    #[error("the registry's storage is read-only at the moment; an operator must look")]
    ReadOnly,
    /// Whoever would say who the caller is cannot be asked; worth a retry.
    #[error("{0}")]
    SignInUnavailable(String),
    /// Storage or database cannot be reached or is too busy; worth a retry.
    #[error("the registry is too busy or its storage cannot be reached; try again")]
    Unavailable,
    /// Something broke that the caller can do nothing about; the source is for the log alone.
    #[error("internal error while {doing}")]
    Internal {
        /// What was being done, for the log.
        doing: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn full(quota: Quota, limit: i64) -> String {
    match quota {
        Quota::Organizations => {
            format!(
                "you have created {limit} organizations, as many as one user may: the operator can raise the limit"
            )
        }
        Quota::Repositories => {
            format!(
                "the account may hold {limit} images, and does: delete some, or have the operator raise the limit"
            )
        }
        Quota::Uploads => {
            format!(
                "{limit} of your uploads are under way, as many as there may be: wait for one, or cancel it"
            )
        }
        Quota::Tags => {
            format!(
                "an image may have {limit} tags, and this one has: delete some, or have the operator raise the limit"
            )
        }
    }
}

fn no_room(full: &QuotaFull) -> String {
    let of = full.of();
    let (limit, used, reserved, wanted) = (full.limit, full.used, full.reserved, full.wanted);
    format!(
        "{of} may hold {limit} bytes: it holds {used}, running uploads have reserved {reserved}, and {wanted} more are \
         wanted; delete images or tags and empty the bin, or have an administrator raise the quota"
    )
}

fn join(digests: &[String]) -> String {
    digests.join(", ")
}

impl Error {
    /// An [`Error::Internal`] with its cause.
    pub(crate) fn internal(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Internal {
            doing: doing.into(),
            source: source.into(),
        }
    }
}

impl From<berth_blob::Error> for Error {
    fn from(error: berth_blob::Error) -> Self {
        match error {
            berth_blob::Error::NoSpace => Self::NoSpace,
            berth_blob::Error::ReadOnly => Self::ReadOnly,
            berth_blob::Error::Body(source) => Self::BodyInterrupted(source),
            // Another process writes to the upload; this one's requests take turns.
            berth_blob::Error::Busy | berth_blob::Error::Unavailable { .. } => Self::Unavailable,
            berth_blob::Error::Misconfigured(what) => Self::Invalid(what),
            other => Self::internal("using the blob store", other),
        }
    }
}

impl From<berth_metadata::Error> for Error {
    fn from(error: berth_metadata::Error) -> Self {
        match error {
            berth_metadata::Error::Full => Self::NoSpace,
            berth_metadata::Error::ReadOnly => Self::ReadOnly,
            // Somebody deleted the repository in the middle of this: the same request makes it anew or finds nothing.
            // So are the rules about immutable tags read again.
            berth_metadata::Error::Unavailable { .. }
            | berth_metadata::Error::Conflict(Conflict::RepositoryGone | Conflict::RulesChanged) => {
                Self::Unavailable
            }
            berth_metadata::Error::Conflict(Conflict::OrganizationQuota { limit }) => Self::QuotaExceeded {
                quota: Quota::Organizations,
                limit,
            },
            berth_metadata::Error::Conflict(Conflict::RepositoryQuota { limit }) => Self::QuotaExceeded {
                quota: Quota::Repositories,
                limit,
            },
            berth_metadata::Error::Conflict(Conflict::BytesQuota(full)) => Self::BytesQuota(full),
            berth_metadata::Error::Conflict(Conflict::TagQuota { limit }) => Self::QuotaExceeded {
                quota: Quota::Tags,
                limit,
            },
            other => Self::internal("using the metadata", other),
        }
    }
}
