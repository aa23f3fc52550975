//! What Berth does: rights, the distribution verbs, identity and upkeep over the metadata and the blob store.
//! Knows no HTTP server; a handler makes one call here and shapes the answer.

mod access;
mod account;
mod blob;
mod bootstrap;
mod clock;
mod error;
mod grant;
mod group;
mod identity;
mod key;
mod limits;
mod maintenance;
mod manifest;
mod open;
mod organization;
mod password;
mod referrers;
mod repository;
mod seal;
mod secret;
mod signer;
mod tag;
mod throttle;
mod token;
mod upload;
mod user;

use std::sync::Arc;

use berth_blob::BlobStore;
use berth_metadata::Metadata;

pub use access::{Action, Caller, Credential, Refusal, UserCaller, decide};
pub use berth_metadata::{
    AccessKey, AccessType, Account, Grant, Group, ListedOrganization, Organization, Permission, User,
};
pub use blob::{BlobRead, OpenedBlob};
pub use bootstrap::{FirstCredentials, FirstStart};
pub use clock::now_ms;
pub use error::{Denial, Error};
pub use grant::{GrantPlace, RepositoryGrants, WantedGrant};
pub use group::GroupRole;
pub use identity::{IdentitySettings, Presented, time_text};
pub use key::AccessKeyPair;
pub use limits::{Limits, MissingReferences};
pub use manifest::{Condition, PushedManifest, StoredManifest};
pub use open::Settings;
pub use organization::{ListedFor, OrganizationView};
pub use repository::Visibility;
pub use secret::{NewTemporaryLogin, WantedLogin};
pub use signer::SERVICE;
pub use tag::Listed;
pub use token::{IssuedToken, TokenCaller};
pub use upload::{Chunk, Started};
pub use user::{NewPerson, Switch, generate_password};

/// The registry: one value, shared by all requests and jobs.
pub struct Registry {
    metadata: Metadata,
    blobs: Arc<dyn BlobStore>,
    limits: Limits,
    uploads: upload::ActiveUploads,
    identity: identity::Identity,
}

impl Registry {
    /// A registry over an open metadata store and blob store; makes the master key and the token signing key at the
    /// first start. `Invalid` with what to do when the master key is missing or another's.
    pub async fn new(
        metadata: Metadata,
        blobs: Arc<dyn BlobStore>,
        limits: Limits,
        identity: &IdentitySettings,
    ) -> Result<Self, Error> {
        let identity = identity::Identity::open(&metadata, identity).await?;
        Ok(Self {
            metadata,
            blobs,
            limits,
            uploads: upload::ActiveUploads::default(),
            identity,
        })
    }

    /// The bounds this registry keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
