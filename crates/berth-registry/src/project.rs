//! Projects: an account's part in a region. There is one for each account, named as the region; it is no row, because
//! nothing can be changed of it.

use sha2::{Digest, Sha256};

use crate::Registry;

/// An account's project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// 32 lower-case hexadecimal digits that stay the same.
    pub id: String,
    /// The region's name.
    pub name: String,
    /// The account it belongs to.
    pub account_id: String,
}

impl Registry {
    /// The project of an account.
    pub fn project(&self, account_id: &str) -> Project {
        let region = &self.identity.region;
        let digest = Sha256::digest(format!("project\n{region}\n{account_id}"));
        Project {
            id: hex::encode(&digest[..16]),
            name: region.clone(),
            account_id: account_id.to_owned(),
        }
    }
}
