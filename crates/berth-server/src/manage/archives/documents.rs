//! Uploads of archives as the API tells them.

use berth_registry::{
    ArchiveFailure, ArchiveImage, ArchiveProblem, ArchiveQuestion, ArchiveState, ArchiveView,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::manage::wire::Time;

/// How far an upload is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ArchiveUploadState {
    /// Its bytes are coming.
    Receiving,
    /// They are there, and what is in them is checked and stored.
    Processing,
    /// It waits for an answer: `questions` says to what.
    Asking,
    /// What was in it is stored.
    Done,
    /// Nothing more will come of it: `failure` says why.
    Failed,
}

/// What an upload asks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ArchiveUploadQuestion {
    /// The name of its image: the file has none.
    Name,
    /// Whether a tag that is there already may be moved.
    Overwrite,
}

/// Where an image goes.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUploadTarget {
    /// The image's name in the organization.
    repository: String,
    tag: String,
    /// The digest that the tag names now; null when there is no such tag.
    current_digest: Option<String>,
}

/// An image in the file.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUploadImage {
    /// What the file calls it.
    references: Vec<String>,
    targets: Vec<ArchiveUploadTarget>,
    /// Null as long as it is not known.
    digest: Option<String>,
    /// Layers of all its platforms; 0 as long as that is not known.
    layers: u64,
    /// Bytes of its layers and configurations.
    bytes: u64,
    /// `os/architecture` of each.
    platforms: Vec<String>,
    /// Whether it is stored under all its tags.
    stored: bool,
}

/// Why nothing more will come of an upload.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUploadFailure {
    /// The published code, as of a refusal.
    error_code: String,
    /// What is wrong, for a person.
    error_msg: String,
}

/// An upload of a file.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUpload {
    id: String,
    namespace: String,
    file_name: String,
    /// Bytes.
    size: i64,
    /// Bytes of each chunk but the last, which has the rest.
    chunk_size: i64,
    fingerprint: String,
    /// Where the next chunk begins: the bytes that came.
    offset: i64,
    state: ArchiveUploadState,
    /// Bytes of the file that were checked, after all of them came.
    checked_bytes: u64,
    /// Bytes of the images that are stored.
    stored_bytes: u64,
    /// Bytes of the images that are to be stored; 0 as long as that is not known.
    bytes_to_store: u64,
    /// What is in the file, as far as that is known.
    images: Vec<ArchiveUploadImage>,
    questions: Vec<ArchiveUploadQuestion>,
    failure: Option<ArchiveUploadFailure>,
    /// What was wanted in place of the file's own name.
    repository: Option<String>,
    /// What was wanted in place of the file's own tag.
    tag: Option<String>,
    overwrite: bool,
    created_at: Time,
    updated_at: Time,
    /// When it is forgotten, with what came of it, if nothing more happens.
    expires_at: Time,
}

/// What may be uploaded.
#[expect(clippy::struct_field_names, reason = "they are called as the settings are")]
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUploadLimits {
    /// Bytes of one file.
    pub(super) file_size_max: u64,
    /// Bytes that it may unpack to.
    pub(super) unpacked_size_max: u64,
    /// Files of one user that are under way at once.
    pub(super) files_max: u32,
}

/// A page of uploads.
#[derive(Serialize, ToSchema)]
pub(super) struct ArchiveUploadsPage {
    /// Newest first.
    pub(super) uploads: Vec<ArchiveUpload>,
    pub(super) limits: ArchiveUploadLimits,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<i64>,
}

/// An empty text says nothing.
pub(super) fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn document(view: ArchiveView) -> ArchiveUpload {
    ArchiveUpload {
        id: view.id,
        namespace: view.organization,
        file_name: view.file_name,
        size: view.size,
        chunk_size: view.chunk_size,
        fingerprint: view.fingerprint,
        offset: view.offset,
        state: match view.state {
            ArchiveState::Receiving => ArchiveUploadState::Receiving,
            ArchiveState::Processing => ArchiveUploadState::Processing,
            ArchiveState::Asking => ArchiveUploadState::Asking,
            ArchiveState::Done => ArchiveUploadState::Done,
            // Nobody is shown one that they cancelled.
            ArchiveState::Failed | ArchiveState::Cancelled => ArchiveUploadState::Failed,
        },
        checked_bytes: view.checked,
        stored_bytes: view.stored,
        bytes_to_store: view.to_store,
        images: view.images.into_iter().map(image).collect(),
        questions: view.questions.into_iter().map(question).collect(),
        failure: view.failure.map(failure),
        repository: view.wanted.repository,
        tag: view.wanted.tag,
        overwrite: view.wanted.overwrite,
        created_at: Time(view.created_at),
        updated_at: Time(view.updated_at),
        expires_at: Time(view.expires_at),
    }
}

pub(super) fn image(image: ArchiveImage) -> ArchiveUploadImage {
    let targets = image.targets.into_iter().map(|target| ArchiveUploadTarget {
        repository: target.repository,
        tag: target.tag,
        current_digest: target.now,
    });
    ArchiveUploadImage {
        references: image.references,
        targets: targets.collect(),
        digest: image.digest,
        layers: image.layers,
        bytes: image.bytes,
        platforms: image.platforms,
        stored: image.stored,
    }
}

pub(super) fn question(question: ArchiveQuestion) -> ArchiveUploadQuestion {
    match question {
        ArchiveQuestion::Name => ArchiveUploadQuestion::Name,
        ArchiveQuestion::Overwrite => ArchiveUploadQuestion::Overwrite,
    }
}

pub(super) fn failure(failure: ArchiveFailure) -> ArchiveUploadFailure {
    let code = match failure.problem {
        ArchiveProblem::Format => "4000150",
        ArchiveProblem::Name => "4001029",
        ArchiveProblem::Denied => "4030170",
        ArchiveProblem::Quota => "4000100",
        ArchiveProblem::Immutable => "4090134",
        ArchiveProblem::TooLarge => "4131001",
        ArchiveProblem::Internal => "5000000",
    };
    ArchiveUploadFailure {
        error_code: format!("SVCSTG.SWR.{code}"),
        error_msg: failure.sentence,
    }
}
