//! Other regions that images are sent to. An account's administrators register those that they have a login at, so
//! that no account sends images in another's name.

use berth_metadata::Region;
use berth_oci::excerpt::shown;

use crate::access::Caller;
use crate::account::check_name;
use crate::clock::now_ms;
use crate::remote::{LoginChange, checked_url, conflict, same_place_or_new_secret};
use crate::{Error, Registry};

/// Regions of one account; a list of them is answered whole.
const REGIONS_MAX: i64 = 100;

/// A region to register.
#[derive(Clone)]
pub struct WantedRegion {
    /// The region's id.
    pub region_id: String,
    /// The address of its registry.
    pub registry_url: String,
    /// What the account logs in there with.
    pub login: LoginChange,
}

/// What is to be different about a region; what is absent stays.
#[derive(Clone)]
pub struct RegionChange {
    /// The address of its registry; another server needs its login in the same request.
    pub registry_url: Option<String>,
    /// What the account logs in there with.
    pub login: LoginChange,
}

/// Where images can be.
#[derive(Clone, Debug)]
pub struct Regions {
    /// This registry's own region.
    pub here: String,
    /// The regions that the account registered, by id.
    pub others: Vec<Region>,
}

impl Registry {
    /// Registers another region for the caller's account, for its administrators; `Exists` when the account has one of
    /// that id.
    pub async fn register_region(&self, caller: &Caller, wanted: WantedRegion) -> Result<Region, Error> {
        let user = caller.require_own_administrator()?;
        check_name("region", &wanted.region_id)?;
        if wanted.region_id == self.identity.region {
            return Err(Error::Exists(format!(
                "region '{}', this registry's own,",
                wanted.region_id
            )));
        }
        let registry_url = checked_url("registry_url", &wanted.registry_url)?;
        let context = context(&user.account_id, &wanted.region_id);
        let now = now_ms();
        let region = Region {
            id: 0,
            account_id: user.account_id.clone(),
            region_id: wanted.region_id,
            registry_url,
            login_encrypted: wanted.login.apply(self.master_key(), &context, None)?,
            created_at: now,
            updated_at: now,
        };
        let what = format!("region '{}'", region.region_id);
        let stored = self.metadata.create_region(region.clone(), REGIONS_MAX).await;
        stored.map_err(|error| conflict(error, &what, REGIONS_MAX))?;
        Ok(region)
    }

    /// This region, and the others that the caller's account registered.
    pub async fn list_regions(&self, caller: &Caller) -> Result<Regions, Error> {
        let user = caller.require_user()?;
        Ok(Regions {
            here: self.identity.region.clone(),
            others: self.metadata.list_regions(&user.account_id).await?,
        })
    }

    /// A region that the caller's account registered.
    pub async fn region(&self, caller: &Caller, region_id: &str) -> Result<Region, Error> {
        let user = caller.require_user()?;
        self.region_of(&user.account_id, region_id).await
    }

    /// Changes a region of the caller's account, for its administrators.
    pub async fn update_region(
        &self,
        caller: &Caller,
        region_id: &str,
        change: RegionChange,
    ) -> Result<Region, Error> {
        let user = caller.require_own_administrator()?;
        let before = self.region_of(&user.account_id, region_id).await?;
        let mut region = before.clone();
        if let Some(url) = change.registry_url {
            region.registry_url = checked_url("registry_url", &url)?;
            let keeps = matches!(change.login, LoginChange::Keep) && before.login_encrypted.is_some();
            same_place_or_new_secret(&before.registry_url, &region.registry_url, keeps)?;
        }
        let context = context(&user.account_id, region_id);
        region.login_encrypted = change
            .login
            .apply(self.master_key(), &context, region.login_encrypted)?;
        region.updated_at = now_ms().max(before.updated_at + 1);
        let stored = self
            .metadata
            .update_region(region.clone(), before.updated_at)
            .await;
        stored.map_err(|error| conflict(error, region_id, REGIONS_MAX))?;
        Ok(region)
    }

    /// Forgets a region of the caller's account, for its administrators, and cancels the copies that wait for it;
    /// `InUse` while images are sent there automatically.
    pub async fn delete_region(&self, caller: &Caller, region_id: &str) -> Result<(), Error> {
        let user = caller.require_own_administrator()?;
        let found = self.region_of(&user.account_id, region_id).await?;
        let in_use = format!("images are sent to region '{region_id}' with every push: end that first");
        let deleted = self
            .metadata
            .delete_region(&user.account_id, &found.region_id, now_ms())
            .await;
        let done = deleted.map_err(|error| conflict(error, &in_use, REGIONS_MAX))?;
        done.then_some(()).ok_or_else(|| unknown(region_id))
    }

    /// The region of that id that the account registered, or `Unknown`.
    pub(crate) async fn region_of(&self, account_id: &str, region_id: &str) -> Result<Region, Error> {
        let found = self.metadata.region(account_id, region_id).await?;
        found.ok_or_else(|| unknown(region_id))
    }
}

fn context(account_id: &str, region_id: &str) -> String {
    format!("login of region {region_id} of account {account_id}")
}

fn unknown(region_id: &str) -> Error {
    Error::Unknown(format!("region '{}'", shown(region_id)))
}
