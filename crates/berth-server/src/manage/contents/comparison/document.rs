//! The wire's form of what differs.

use berth_registry::{Change, Compared, FileChange, ImageDetail, PackageChange, PlatformImage, Side};
use serde::Serialize;
use utoipa::ToSchema;

use crate::manage::contents::files::ImageFile;
use crate::manage::contents::packages::PackageManagerName;

/// What differs between two images.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageComparison {
    pub(super) first: ComparedImage,
    pub(super) second: ComparedImage,
    /// What their configurations do not say alike.
    pub(super) config: Vec<ConfigChange>,
    /// The layers of both, each where it belongs.
    pub(super) layers: Vec<LayerChange>,
    /// The steps of both builds, each where it belongs.
    pub(super) history: Vec<StepChange>,
}

/// One of two images.
#[derive(Serialize, ToSchema)]
pub(super) struct ComparedImage {
    /// The digest of what the reference names.
    pub(super) digest: String,
    /// The digest of the image; null when nothing that is compared is there.
    pub(super) image: Option<String>,
    /// As `?platform=` takes it.
    pub(super) platform: Option<String>,
    /// The platforms that the reference has images for.
    pub(super) platforms: Vec<String>,
    /// Bytes of its configuration and layers.
    pub(super) size: i64,
    /// What could not be told, and why.
    pub(super) remarks: Vec<String>,
}

/// A setting that two images do not have alike.
#[derive(Serialize, ToSchema)]
pub(super) struct ConfigChange {
    /// `os`, `architecture`, `variant`, `created`, `author`, `user`, `working_dir`, `stop_signal`, `entrypoint`, `cmd`, `env`,
    /// `exposed_ports`, `volumes` or `labels`.
    pub(super) field: &'static str,
    /// Of which variable, port, volume or label.
    pub(super) name: Option<String>,
    /// What the first says; null when it says nothing.
    pub(super) before: Option<String>,
    /// What the second says.
    pub(super) after: Option<String>,
}

/// Which of two images has something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ComparedSide {
    Both,
    First,
    Second,
}

/// A layer of one image or both.
#[derive(Serialize, ToSchema)]
pub(super) struct LayerChange {
    pub(super) side: ComparedSide,
    pub(super) digest: String,
    pub(super) media_type: String,
    pub(super) size: u64,
}

/// A step of a build of one image or both.
#[derive(Serialize, ToSchema)]
pub(super) struct StepChange {
    pub(super) side: ComparedSide,
    pub(super) created_by: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) empty_layer: bool,
    /// The digest of the layer that the step made.
    pub(super) digest: Option<String>,
    /// That layer's bytes.
    pub(super) size: Option<u64>,
}

/// A page of the files that differ.
#[derive(Serialize, ToSchema)]
pub(super) struct FileChanges {
    pub(super) files: Vec<ChangedFile>,
    pub(super) has_more: bool,
    /// Where the next page begins; null on the last page.
    pub(super) next_marker: Option<String>,
    pub(super) sums: ChangeSums,
    /// What was not looked at, and why.
    pub(super) remarks: Vec<String>,
}

/// What changed altogether, whatever was asked for. Folders are not counted.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangeSums {
    pub(super) added: u64,
    pub(super) removed: u64,
    pub(super) changed: u64,
    /// Bytes.
    pub(super) added_size: u64,
    /// Bytes.
    pub(super) removed_size: u64,
    /// Bytes by which the files that changed grew; less than 0 when they shrank.
    pub(super) changed_size: i64,
}

/// A file that differs.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangedFile {
    pub(super) change: ChangeKind,
    /// What the first image has.
    pub(super) before: Option<ImageFile>,
    /// What the second image has.
    pub(super) after: Option<ImageFile>,
}

/// What became of something from the first image to the second.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// The packages that differ.
#[derive(Serialize, ToSchema)]
pub(super) struct PackageDifferences {
    /// By name.
    pub(super) packages: Vec<ChangedPackage>,
    /// How many packages are the same in both.
    pub(super) same: usize,
    /// What could not be read, and why.
    pub(super) remarks: Vec<String>,
}

/// A package that differs.
#[derive(Serialize, ToSchema)]
pub(super) struct ChangedPackage {
    pub(super) change: ChangeKind,
    pub(super) name: String,
    pub(super) manager: PackageManagerName,
    /// The versions in the first image.
    pub(super) before: Vec<String>,
    /// The versions in the second image.
    pub(super) after: Vec<String>,
}

pub(super) fn document(compared: Compared) -> ImageComparison {
    ImageComparison {
        config: compared
            .config
            .into_iter()
            .map(|change| ConfigChange {
                field: change.field,
                name: change.name,
                before: change.before,
                after: change.after,
            })
            .collect(),
        layers: compared
            .layers
            .into_iter()
            .map(|compared| LayerChange {
                side: compared.side.into(),
                digest: compared.layer.digest,
                media_type: compared.layer.media_type,
                size: compared.layer.bytes,
            })
            .collect(),
        history: compared
            .history
            .into_iter()
            .map(|compared| {
                let (digest, size) = compared.layer.unzip();
                StepChange {
                    side: compared.side.into(),
                    created_by: compared.step.created_by,
                    comment: compared.step.comment,
                    empty_layer: compared.step.is_empty_layer,
                    digest,
                    size,
                }
            })
            .collect(),
        first: compared_image(compared.first),
        second: compared_image(compared.second),
    }
}

fn compared_image(detail: ImageDetail) -> ComparedImage {
    let image = detail.selected.as_ref();
    let of_image = detail
        .images
        .iter()
        .find(|one| Some(&one.digest) == image.map(|image| &image.digest));
    ComparedImage {
        image: image.map(|image| image.digest.clone()),
        platform: of_image.and_then(PlatformImage::platform),
        platforms: detail.images.iter().filter_map(PlatformImage::platform).collect(),
        size: image.map_or(0, |image| image.image_bytes),
        digest: detail.digest,
        remarks: detail.remarks,
    }
}

pub(super) fn changed_file(file: FileChange) -> ChangedFile {
    ChangedFile {
        change: file.change.into(),
        before: file.before.map(ImageFile::from),
        after: file.after.map(ImageFile::from),
    }
}

pub(super) fn changed_package(package: PackageChange) -> ChangedPackage {
    ChangedPackage {
        change: package.change.into(),
        name: package.name,
        manager: package.manager.into(),
        before: package.before,
        after: package.after,
    }
}

impl From<Change> for ChangeKind {
    fn from(change: Change) -> Self {
        match change {
            Change::Added => Self::Added,
            Change::Removed => Self::Removed,
            Change::Changed => Self::Changed,
        }
    }
}

impl From<Side> for ComparedSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Both => Self::Both,
            Side::First => Self::First,
            Side::Second => Self::Second,
        }
    }
}
