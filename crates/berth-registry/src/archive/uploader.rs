//! Who uploads an archive: kept with it, so that the work on it is done in their name when they are gone.

use std::net::IpAddr;

use berth_metadata::Archive;
use serde::{Deserialize, Serialize};

use crate::Registry;
use crate::access::{Caller, Credential, UserCaller};
use crate::error::Error;
use crate::identity::{admit, not_recognised};

/// Where a request came from, for the audit trail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArchiveSource {
    /// The client's address.
    pub address: IpAddr,
    /// The id of the request.
    pub request_id: String,
}

/// What is kept of an uploader beside their id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Uploader {
    with: With,
    pub(super) source: ArchiveSource,
}

/// What they were known by, without what is secret of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum With {
    Password,
    Session,
    AccessKey(String),
    TemporaryLogin(String),
    TemporaryKey(String),
}

impl Uploader {
    pub(super) fn of(user: &UserCaller, source: ArchiveSource) -> Self {
        let with = match &user.credential {
            Credential::Password => With::Password,
            Credential::Session(_) => With::Session,
            Credential::AccessKey(id) => With::AccessKey(id.clone()),
            Credential::TemporaryLogin(id) => With::TemporaryLogin(id.clone()),
            Credential::TemporaryKey(id) => With::TemporaryKey(id.clone()),
        };
        Self { with, source }
    }

    fn credential(&self) -> Credential {
        match &self.with {
            With::Password => Credential::Password,
            With::Session => Credential::Session(String::new()),
            With::AccessKey(id) => Credential::AccessKey(id.clone()),
            With::TemporaryLogin(id) => Credential::TemporaryLogin(id.clone()),
            With::TemporaryKey(id) => Credential::TemporaryKey(id.clone()),
        }
    }
}

impl Registry {
    /// The uploader of an archive as a caller, with the rights that they have now.
    pub(super) async fn uploader(&self, archive: &Archive) -> Result<(Caller, Uploader), Error> {
        let uploader: Uploader = super::read(&archive.actor)?;
        let user = self.metadata.user_by_id(&archive.user_id).await?;
        let user = admit(user.ok_or_else(not_recognised)?, uploader.credential())?;
        Ok((Caller::from(user), uploader))
    }
}
