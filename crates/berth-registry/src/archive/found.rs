//! What is known of an archive while it comes, is checked and stored: what its uploader is shown, and what its row keeps.

use berth_metadata::ArchiveState;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What an archive is to become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveWanted {
    /// What the file calls its images, when the uploader read that already: they are checked before a byte comes.
    pub references: Vec<String>,
    /// The image's name, in place of what the archive says; for an archive of one image.
    pub repository: Option<String>,
    /// The tag, in place of what the archive says; for an archive of one image.
    pub tag: Option<String>,
    /// Whether tags that are there already are moved.
    pub overwrite: bool,
}

/// A file that is about to come.
#[derive(Clone, Debug)]
pub struct ArchiveFile {
    /// Its name, for people; it says nothing about the image.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What the uploader knows it by, to find the file again after a break; opaque.
    pub fingerprint: String,
}

/// Where an image of an archive goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveTarget {
    /// The image within the organization.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What the tag names now, when it is there.
    pub now: Option<String>,
}

/// An image in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveImage {
    /// What the archive calls it.
    pub references: Vec<String>,
    /// Where it goes.
    pub targets: Vec<ArchiveTarget>,
    /// Its digest, when it is known.
    pub digest: Option<String>,
    /// Its layers; those of all platforms.
    pub layers: u64,
    /// Bytes of its layers and configurations.
    pub bytes: u64,
    /// `os/architecture` of each platform.
    pub platforms: Vec<String>,
    /// Whether it is stored, under all its tags.
    pub stored: bool,
}

/// What an archive waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveQuestion {
    /// The name of an image.
    Name,
    /// Whether a tag that is there may be moved.
    Overwrite,
}

/// What kind of thing stopped an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveProblem {
    /// It is no archive of images, or a broken one.
    Format,
    /// A name in it breaks the rules.
    Name,
    /// The uploader has no right to do this, any more.
    Denied,
    /// A quota is used up.
    Quota,
    /// A rule protects the tag.
    Immutable,
    /// Something in it is larger than this registry accepts.
    TooLarge,
    /// Something that the uploader can do nothing about.
    Internal,
}

/// Why nothing more will come of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFailure {
    /// What kind of thing.
    pub problem: ArchiveProblem,
    /// In a sentence.
    pub sentence: String,
}

impl ArchiveFailure {
    /// What an error is to an archive; none for one that another attempt may not meet.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let problem = match error {
            Error::ArchiveInvalid(_)
            | Error::DigestMismatch { .. }
            | Error::ManifestInvalid(_)
            | Error::ManifestUnsupported(_)
            | Error::ReferencesMissing(_)
            | Error::SizeInvalid(_)
            | Error::Invalid(_) => ArchiveProblem::Format,
            Error::NameInvalid(_) => ArchiveProblem::Name,
            Error::Denied(_)
            | Error::Unauthenticated
            | Error::BadCredentials { .. }
            | Error::InsufficientScope(_)
            | Error::RepositoryUnknown(_)
            | Error::Unknown(_) => ArchiveProblem::Denied,
            Error::QuotaExceeded { .. } | Error::BytesQuota(_) => ArchiveProblem::Quota,
            Error::TagImmutable(_) => ArchiveProblem::Immutable,
            Error::TooLarge { .. } => ArchiveProblem::TooLarge,
            Error::UploadUnknown => ArchiveProblem::Internal,
            _ => return None,
        };
        let sentence = match error {
            Error::Denied(denial) => format!("{denial}: {}", denial.explanation),
            Error::UploadUnknown => "the bytes of this upload are gone: upload the file again".to_owned(),
            error => error.to_string(),
        };
        Some(Self { problem, sentence })
    }
}

/// What is known of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) images: Vec<ArchiveImage>,
    /// Packed bytes that were checked.
    pub(super) checked: u64,
    /// Bytes that are stored of those that are to be.
    pub(super) stored: u64,
    pub(super) to_store: u64,
    pub(super) questions: Vec<ArchiveQuestion>,
    pub(super) failure: Option<ArchiveFailure>,
}

/// An archive as its uploader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveView {
    /// Unguessable.
    pub id: String,
    /// The organization that its images go to.
    pub organization: String,
    /// The file's name.
    pub file_name: String,
    /// Bytes.
    pub size: i64,
    /// Bytes of each chunk but the last.
    pub chunk_size: i64,
    /// What the uploader knows the file by.
    pub fingerprint: String,
    /// What it is to become.
    pub wanted: ArchiveWanted,
    /// Bytes that came.
    pub offset: i64,
    /// How far it is.
    pub state: ArchiveState,
    /// What is in it, as far as that is known.
    pub images: Vec<ArchiveImage>,
    /// Bytes of the file that were checked.
    pub checked: u64,
    /// Bytes of the images that are stored.
    pub stored: u64,
    /// Bytes of the images that are to be stored; 0 as long as that is not known.
    pub to_store: u64,
    /// What it waits for.
    pub questions: Vec<ArchiveQuestion>,
    /// Why nothing more will come of it.
    pub failure: Option<ArchiveFailure>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When anything of this changed last, milliseconds since the epoch.
    pub updated_at: i64,
    /// When it is forgotten if nothing more happens, milliseconds since the epoch.
    pub expires_at: i64,
}
