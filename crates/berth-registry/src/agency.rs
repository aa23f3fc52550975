//! What SWR calls an agency: an account's word that triggers may act on clusters. Kept because its clients ask for it; here
//! the registered cluster is that word, and nothing is held back for want of this.

use berth_metadata::Conflict;

use crate::access::Caller;
use crate::clock::now_ms;
use crate::{Error, Registry};

/// Whether an account's triggers may act on clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agency {
    /// The account's id.
    pub account_id: String,
    /// Whether they may.
    pub exists: bool,
}

impl Registry {
    /// Whether the triggers of the caller's account may act on clusters.
    pub async fn agency(&self, caller: &Caller) -> Result<Agency, Error> {
        let user = caller.require_user()?;
        Ok(Agency {
            exists: self.metadata.has_agency(&user.account_id).await?,
            account_id: user.account_id.clone(),
        })
    }

    /// Lets the triggers of the caller's account act on clusters; `Exists` when they may. For its administrators.
    pub async fn create_agency(&self, caller: &Caller) -> Result<(), Error> {
        let user = caller.require_user()?;
        caller.require_administrator(&user.account_name)?;
        let created = self
            .metadata
            .create_agency(&user.account_id, &user.user_id, now_ms());
        match created.await {
            Err(berth_metadata::Error::Conflict(Conflict::AgencyExists)) => Err(Error::Exists(format!(
                "the agency of account '{}'",
                user.account_name
            ))),
            created => Ok(created?),
        }
    }
}
