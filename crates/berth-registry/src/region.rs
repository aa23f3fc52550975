//! Other regions that images are sent to. An account's administrators register those that they have a login at, so
//! that no account sends images in another's name. A region is looked at before it is kept.

mod connection;

use std::time::Duration;

use berth_metadata::{PausedLane, Region, RegionCheck, SYNC, SyncStanding, region_lane};
use berth_oci::excerpt::shown;
use berth_remote::{Ping, Remote};

use crate::access::Caller;
use crate::account::check_name;
use crate::clock::now_ms;
use crate::jobs::JobKind;
use crate::remote::{LoginChange, checked_authority, checked_url, conflict, same_place_or_new_secret};
use crate::{Error, Registry};

/// Regions of one account; a list of them is answered whole.
const REGIONS_MAX: i64 = 100;
/// How long a region may take to say what it is.
const PING: Duration = Duration::from_secs(20);

/// A region to register.
#[derive(Clone)]
pub struct WantedRegion {
    /// The region's id.
    pub region_id: String,
    /// The address of its registry.
    pub registry_url: String,
    /// What the account logs in there with.
    pub login: LoginChange,
    /// The authorities that its certificate may come from besides those that the machine trusts, as PEM.
    pub certificate_authority: String,
    /// Whether it is kept whatever is found there.
    pub unchecked: bool,
}

/// What is to be different about a region; what is absent stays.
#[derive(Clone)]
pub struct RegionChange {
    /// The address of its registry; another server needs its login in the same request.
    pub registry_url: Option<String>,
    /// What the account logs in there with.
    pub login: LoginChange,
    /// The authorities that its certificate may come from besides those that the machine trusts, as PEM.
    pub certificate_authority: Option<String>,
    /// Whether it is kept whatever is found there.
    pub unchecked: bool,
}

/// A region, and how what is sent there stands.
#[derive(Clone, Debug)]
pub struct RegionView {
    /// The region.
    pub region: Region,
    /// How the copies to it stand.
    pub standing: SyncStanding,
    /// Until when and why nothing is sent there, if that is so.
    pub paused: Option<PausedLane>,
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
            certificate_authority: checked_authority(wanted.certificate_authority)?,
            check: None,
            created_at: now,
            updated_at: now,
        };
        let region = self.looked_at(region, wanted.unchecked).await?;
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

    /// A region that the caller's account registered, and how what is sent there stands.
    pub async fn region(&self, caller: &Caller, region_id: &str) -> Result<RegionView, Error> {
        let user = caller.require_user()?;
        let region = self.region_of(&user.account_id, region_id).await?;
        let lane = region_lane(region.id);
        Ok(RegionView {
            standing: self.metadata.region_standing(region.id).await?,
            paused: self.metadata.paused_lane(SYNC, &lane, now_ms()).await?,
            region,
        })
    }

    /// Looks whether images can be sent to a region of the caller's account, for its administrators; when they can, what
    /// waits for it goes on at once.
    pub async fn check_region(&self, caller: &Caller, region_id: &str) -> Result<Region, Error> {
        let user = caller.require_own_administrator()?;
        let mut region = self.region_of(&user.account_id, region_id).await?;
        let check = self.look_at_region(&region).await?;
        let is_usable = check.usable;
        self.metadata
            .note_region_check(region.id, region.updated_at, check.clone())
            .await?;
        region.check = Some(check);
        if is_usable {
            self.resume_region(region.id).await?;
        }
        Ok(region)
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
        if let Some(authority) = change.certificate_authority {
            region.certificate_authority = checked_authority(authority)?;
        }
        region.updated_at = now_ms().max(before.updated_at + 1);
        // What was found of the same place with the same login stays true.
        let is_same = region.registry_url == before.registry_url
            && region.login_encrypted == before.login_encrypted
            && region.certificate_authority == before.certificate_authority;
        let region = if is_same {
            region
        } else {
            self.looked_at(region, change.unchecked).await?
        };
        let stored = self
            .metadata
            .update_region(region.clone(), before.updated_at)
            .await;
        stored.map_err(|error| conflict(error, region_id, REGIONS_MAX))?;
        self.resume_region(region.id).await?;
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

    /// The region with what was found there; refused when images cannot be sent there, unless it is to be kept unchecked.
    async fn looked_at(&self, region: Region, unchecked: bool) -> Result<Region, Error> {
        if unchecked {
            return Ok(Region {
                check: None,
                ..region
            });
        }
        let check = self.look_at_region(&region).await?;
        if !check.usable {
            return Err(Error::Invalid(format!(
                "images cannot be sent there: {}; with \"unchecked\" true it is kept all the same",
                check.finding
            )));
        }
        Ok(Region {
            check: Some(check),
            ..region
        })
    }

    /// What is found when a region is looked at now.
    async fn look_at_region(&self, region: &Region) -> Result<RegionCheck, Error> {
        Ok(match ping(&self.connect(region)?).await {
            Ok(ping) => self.region_found(ping.registry_id, region),
            Err(error) => unusable(&error, region),
        })
    }

    /// What it means that a region answered, with the id that it told.
    pub(crate) fn region_found(&self, registry_id: Option<String>, region: &Region) -> RegionCheck {
        let registry_id = registry_id.unwrap_or_default();
        let login = if region.login_encrypted.is_some() {
            "takes the login"
        } else {
            "answers without a login"
        };
        let (usable, finding) = match registry_id.as_str() {
            "" => (true, format!("a registry, which {login}")),
            id if id == self.id() => (false, "the address leads back to this very registry".to_owned()),
            id => (true, format!("the Berth registry {id}, which {login}")),
        };
        RegionCheck {
            usable,
            finding,
            registry_id,
            at: now_ms(),
        }
    }

    /// Lets what waits for a region go on at once.
    async fn resume_region(&self, region: i64) -> Result<(), Error> {
        self.metadata.resume_lane(SYNC, &region_lane(region)).await?;
        self.jobs.queued(JobKind::Sync);
        Ok(())
    }

    /// The region of that id that the account registered, or `Unknown`.
    pub(crate) async fn region_of(&self, account_id: &str, region_id: &str) -> Result<Region, Error> {
        let found = self.metadata.region(account_id, region_id).await?;
        found.ok_or_else(|| unknown(region_id))
    }
}

/// Asks a region what it is, and waits no longer than somebody does at a desk.
pub(crate) async fn ping(remote: &Remote) -> Result<Ping, berth_remote::Error> {
    let pinged = tokio::time::timeout(PING, remote.ping()).await;
    pinged.unwrap_or_else(|_| {
        Err(berth_remote::Error::Unavailable {
            reason: format!("the region did not say what it is within {} s", PING.as_secs()),
            after: None,
        })
    })
}

/// What it means that a region did not answer as a registry does.
pub(crate) fn unusable(error: &berth_remote::Error, region: &Region) -> RegionCheck {
    let finding = match (error, &region.login_encrypted) {
        (berth_remote::Error::Unauthorized(text), Some(_)) => format!("the login is not taken: {text}"),
        (berth_remote::Error::Unauthorized(text), None) => format!("it wants a login: {text}"),
        (error, _) => error.to_string(),
    };
    RegionCheck {
        usable: false,
        finding,
        registry_id: String::new(),
        at: now_ms(),
    }
}

/// What the login of a region is sealed for.
fn context(account_id: &str, region_id: &str) -> String {
    format!("login of region {region_id} of account {account_id}")
}

fn unknown(region_id: &str) -> Error {
    Error::Unknown(format!("region '{}'", shown(region_id)))
}
