//! What the ledger's operations take and answer, as JSON.

use berth_registry::{Ledger, LedgerFigures, StoreFigures, TagFigures, WouldFree};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::manage::wire::Time;

/// The bytes that a place holds.
///
/// `blob_bytes` is the sum of `exclusive_bytes`, `shared_namespace_bytes`, `shared_outside_bytes` and `bin_blob_bytes`.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the fields of the answer")]
pub(super) struct Amounts {
    /// What a quota counts: the blobs of each image, each once per image, and all manifests.
    pub(super) held_bytes: i64,
    /// Blobs, each once in the whole place.
    pub(super) blob_bytes: i64,
    /// Of these, what nobody outside the place holds: it would be freed with the place.
    pub(super) exclusive_bytes: i64,
    /// Of these, what other images of the organization hold too, and nobody outside it; 0 for more than an image.
    pub(super) shared_namespace_bytes: i64,
    /// Of these, what is held outside the organization too; of an account, by other accounts.
    pub(super) shared_outside_bytes: i64,
    /// Of these, what only the bin holds: it goes by itself.
    pub(super) bin_blob_bytes: i64,
    /// Of the others, what no manifest uses: a push under way, or one that was given up.
    pub(super) unreferenced_bytes: i64,
    /// Manifests.
    pub(super) manifest_bytes: i64,
    /// Manifests in the bin.
    pub(super) bin_manifest_bytes: i64,
    /// What unfinished uploads have brought.
    pub(super) upload_bytes: i64,
    /// What they have reserved of quotas.
    pub(super) reserved_bytes: i64,
}

/// What a place holds now.
#[derive(Serialize, ToSchema)]
pub(super) struct LedgerDocument {
    #[serde(flatten)]
    pub(super) bytes: Amounts,
    /// Images, those in the bin left out.
    pub(super) repo_num: i64,
    /// The quota of bytes; null without one, and for an image.
    pub(super) quota_bytes: Option<i64>,
    /// Whether other accounts' images count as holders: for those alone who run the registry.
    pub(super) sees_everything: bool,
    /// When it was counted.
    pub(super) counted_at: Time,
}

/// What an image of an organization holds.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageLedger {
    /// The image's name.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) bytes: Amounts,
}

/// Images of an organization.
#[derive(Serialize, ToSchema)]
pub(super) struct ImageLedgers {
    /// By name.
    pub(super) repos: Vec<ImageLedger>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
}

/// What a tag holds.
///
/// `blob_bytes` is the sum of the four below it.
#[derive(Serialize, ToSchema)]
pub(super) struct TagLedger {
    /// The tag.
    pub(super) tag: String,
    /// Blobs of what it names, each once.
    pub(super) blob_bytes: i64,
    /// What would be freed with the tag.
    pub(super) exclusive_bytes: i64,
    /// What the image keeps without the tag.
    pub(super) shared_image_bytes: i64,
    /// Of the others, what other images of the organization hold too, and nobody outside it.
    pub(super) shared_namespace_bytes: i64,
    /// Of the others, what is held outside the organization too.
    pub(super) shared_outside_bytes: i64,
    /// Manifests of what it names.
    pub(super) manifest_bytes: i64,
}

/// Tags of an image.
#[derive(Serialize, ToSchema)]
pub(super) struct TagLedgers {
    /// By name.
    pub(super) tags: Vec<TagLedger>,
    /// Where the next page begins; absent at the end.
    #[serde(rename = "nextMarker", skip_serializing_if = "Option::is_none")]
    pub(super) next_marker: Option<String>,
}

/// What the rows say that the blob store holds.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names of the fields of the answer")]
pub(super) struct StoreLedger {
    /// Blobs, each once.
    pub(super) blob_bytes: i64,
    /// Bytes of no blob any more, waiting to be deleted.
    pub(super) reclaim_bytes: i64,
    /// Bytes that were found wrong, kept to be looked at.
    pub(super) quarantine_bytes: i64,
    /// What unfinished uploads have brought.
    pub(super) upload_bytes: i64,
    /// All of it.
    pub(super) total_bytes: i64,
}

/// An image.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageRef {
    /// The organization's name.
    pub(super) namespace: String,
    /// The image's name.
    pub(super) repository: String,
}

/// A tag of an image.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagRef {
    /// The organization's name.
    pub(super) namespace: String,
    /// The image's name.
    pub(super) repository: String,
    /// The tag.
    pub(super) tag: String,
}

/// What might be deleted, all of it together.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhatIf {
    /// Organizations with all their images.
    #[serde(default)]
    pub(super) namespaces: Vec<String>,
    /// Images.
    #[serde(default)]
    pub(super) repos: Vec<ImageRef>,
    /// Tags, with the manifests that nothing names without them.
    #[serde(default)]
    pub(super) tags: Vec<TagRef>,
}

/// What a deletion would free.
#[derive(Serialize, ToSchema)]
pub(in crate::manage) struct FreedDocument {
    /// Bytes that leave the store.
    pub(super) freed_bytes: i64,
    /// Blobs that leave the store.
    pub(super) freed_blobs: i64,
    /// Bytes that are let go of and stay, because something else holds them.
    pub(super) kept_bytes: i64,
    /// Manifests that go.
    pub(super) manifests: i64,
    /// Their bytes, which are in the database.
    pub(super) manifest_bytes: i64,
    /// Bytes that quotas get back.
    pub(super) quota_bytes: i64,
    /// Seconds from the deletion until quotas have them back: the time in the bin.
    pub(super) quota_after_seconds: i64,
    /// Seconds from the deletion until the bytes have left the store, at least: the time in the bin, and the time that
    /// running reads are given.
    pub(super) store_after_seconds: i64,
    /// Whether other accounts' images count as holders: for those alone who run the registry.
    pub(super) sees_everything: bool,
}

pub(super) fn document(ledger: &Ledger) -> LedgerDocument {
    LedgerDocument {
        bytes: bytes(&ledger.figures),
        repo_num: ledger.figures.images,
        quota_bytes: ledger.quota.map(|quota| quota.limit),
        sees_everything: ledger.sees_everything,
        counted_at: Time(ledger.counted_at),
    }
}

pub(super) fn bytes(figures: &LedgerFigures) -> Amounts {
    Amounts {
        held_bytes: figures.held_bytes,
        blob_bytes: figures.blob_bytes,
        exclusive_bytes: figures.exclusive_bytes,
        shared_namespace_bytes: figures.shared_organization_bytes,
        shared_outside_bytes: figures.shared_outside_bytes,
        bin_blob_bytes: figures.bin_blob_bytes,
        unreferenced_bytes: figures.unreferenced_bytes,
        manifest_bytes: figures.manifest_bytes,
        bin_manifest_bytes: figures.bin_manifest_bytes,
        upload_bytes: figures.upload_bytes,
        reserved_bytes: figures.reserved_bytes,
    }
}

pub(super) fn tag_document((tag, figures): (String, TagFigures)) -> TagLedger {
    TagLedger {
        tag,
        blob_bytes: figures.blob_bytes,
        exclusive_bytes: figures.exclusive_bytes,
        shared_image_bytes: figures.shared_image_bytes,
        shared_namespace_bytes: figures.shared_organization_bytes,
        shared_outside_bytes: figures.shared_outside_bytes,
        manifest_bytes: figures.manifest_bytes,
    }
}

pub(super) fn store_document(figures: StoreFigures) -> StoreLedger {
    let StoreFigures {
        blob_bytes,
        reclaim_bytes,
        quarantine_bytes,
        upload_bytes,
    } = figures;
    StoreLedger {
        blob_bytes,
        reclaim_bytes,
        quarantine_bytes,
        upload_bytes,
        total_bytes: blob_bytes + reclaim_bytes + quarantine_bytes + upload_bytes,
    }
}

/// What would be freed, as it is shown.
pub(in crate::manage) fn freed_document(found: &WouldFree) -> FreedDocument {
    FreedDocument {
        freed_bytes: found.freed.blob_bytes,
        freed_blobs: found.freed.blobs,
        kept_bytes: found.freed.kept_bytes,
        manifests: found.freed.manifests,
        manifest_bytes: found.freed.manifest_bytes,
        quota_bytes: found.freed.held_bytes,
        quota_after_seconds: found.quota_after_ms / 1000,
        store_after_seconds: found.store_after_ms / 1000,
        sees_everything: found.sees_everything,
    }
}
