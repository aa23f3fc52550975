//! What Berth does: rights, the distribution verbs, identity and upkeep over the metadata and the blob store.
//! Knows no HTTP server; a handler makes one call here and shapes the answer.

mod access;
mod blob;
mod clock;
mod error;
mod limits;
mod maintenance;
mod manifest;
mod referrers;
mod repository;
mod tag;
mod upload;

use std::sync::Arc;

use berth_blob::BlobStore;
use berth_metadata::Metadata;

pub use access::{Action, Caller, Credential, Denial, Refusal, UserCaller, decide};
pub use blob::{BlobRead, OpenedBlob};
pub use clock::now_ms;
pub use error::Error;
pub use limits::{Limits, MissingReferences};
pub use manifest::{Condition, PushedManifest, StoredManifest};
pub use tag::Listed;
pub use upload::{Chunk, Started};

/// The registry: one value, shared by all requests and jobs.
pub struct Registry {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    limits: Limits,
    uploads: upload::ActiveUploads,
}

impl Registry {
    /// A registry over an open metadata store and blob store.
    pub fn new(metadata: Metadata, blobs: Arc<dyn BlobStore>, limits: Limits) -> Self {
        Self {
            metadata,
            blobs,
            limits,
            uploads: upload::ActiveUploads::default(),
        }
    }

    /// The bounds this registry keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
