//! Every bound of the service in one struct, each with its reason.

use std::time::Duration;

/// What [`Limits::missing_references`] says of a manifest that names content which is not there.
pub use berth_metadata::MissingReferences;

/// What a quota is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Organisations that one user creates.
    Organizations,
    /// Images of an account, those included that a first push is making.
    Repositories,
    /// Tags of one image.
    Tags,
}

/// The bounds the registry keeps; the server fills them from its settings.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest manifest in bytes; the specification asks for at least 4 MiB.
    pub manifest_bytes_max: u64,
    /// Largest blob in bytes a client may push; SWR's guide says 10 GB.
    pub blob_bytes_max: u64,
    /// Most layers of one image; 20 in SWR's guide, 127 is what overlay file systems mount.
    pub layers_max: usize,
    /// Age at which an unfinished upload, or a blob no manifest uses, may be swept.
    pub upload_ttl: Duration,
    /// Organisations one user may create.
    pub organizations_per_user: u32,
    /// What to do with a manifest whose blobs or manifests are not in its repository.
    pub missing_references: MissingReferences,
    /// Most entries of one page, so that no answer is unbounded.
    pub page_max: u32,
    /// How long the audit trail is kept.
    pub audit_ttl: Duration,
    /// Whether callers who did not log in may pull public images.
    pub anonymous_pulls: bool,
}

impl Limits {
    /// [`Limits::upload_ttl`] in milliseconds.
    pub(crate) fn upload_ttl_ms(&self) -> i64 {
        i64::try_from(self.upload_ttl.as_millis()).unwrap_or(i64::MAX)
    }

    /// [`Limits::audit_ttl`] in milliseconds.
    pub(crate) fn audit_ttl_ms(&self) -> i64 {
        i64::try_from(self.audit_ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes_max: 4 << 20,
            blob_bytes_max: 10 << 30,
            layers_max: 127,
            upload_ttl: Duration::from_hours(24),
            organizations_per_user: 5,
            missing_references: MissingReferences::Refuse,
            page_max: 10_000,
            audit_ttl: Duration::from_hours(90 * 24),
            anonymous_pulls: true,
        }
    }
}
