//! Mirrors: organisations of an account that stand for another registry. The account's administrators set them up; its
//! people see them, never their logins. What is pulled and not here is fetched from there, kept, and answered.

mod ahead;
mod beside;
mod blobs;
mod failed;
mod fetch;
mod figures;
mod flights;
mod lists;
mod manifests;
mod pulled;
mod rounds;
mod rules;
mod upkeep;
mod upstream;

use berth_metadata::{Conflict, Mirror, MirrorRules};
use berth_oci::OrganizationName;
use berth_oci::excerpt::shown;

use crate::access::Caller;
use crate::account::check_name;
use crate::clock::now_ms;
use crate::remote::{LoginChange, checked_host, checked_url, conflict, same_place_or_new_secret};
use crate::{Error, Registry};

pub use figures::MirrorTotals;
pub use pulled::MirrorStanding;
pub(crate) use pulled::Mirrors;
pub use rules::MirrorRulesChange;
pub use upstream::{LastFailure, UpstreamBudget};

/// Mirrors of one account; a list of them is answered whole.
const MIRRORS_MAX: i64 = 100;

/// A mirror to set up.
#[derive(Clone)]
pub struct WantedMirror {
    /// Its name, unique in the account.
    pub name: String,
    /// The organisation of the account that holds what is fetched.
    pub organization: OrganizationName,
    /// The mirrored registry as image references name it, such as `docker.io`.
    pub registry: String,
    /// The address that it is fetched from; `https://` and the registry when absent, for `docker.io` that of Docker Hub.
    pub url: Option<String>,
    /// What the account logs in there with.
    pub login: LoginChange,
    /// Whether it fetches.
    pub enabled: bool,
    /// What is wanted of it besides.
    pub rules: MirrorRulesChange,
}

/// What is to be different about a mirror; what is absent stays.
#[derive(Clone)]
pub struct MirrorChange {
    /// See [`WantedMirror::registry`].
    pub registry: Option<String>,
    /// See [`WantedMirror::url`]; another server needs its login in the same request.
    pub url: Option<String>,
    /// See [`WantedMirror::login`].
    pub login: LoginChange,
    /// See [`WantedMirror::enabled`].
    pub enabled: Option<bool>,
    /// See [`WantedMirror::rules`].
    pub rules: MirrorRulesChange,
}

impl Registry {
    /// Sets a mirror up in the caller's account, for its administrators; `Exists` when the account has one of that name
    /// or the organisation is a mirror already.
    pub async fn register_mirror(&self, caller: &Caller, wanted: WantedMirror) -> Result<Mirror, Error> {
        let user = caller.require_own_administrator()?;
        let organization = self.managed_organization(caller, &wanted.organization).await?;
        let not_there = || Error::Unknown(format!("organization '{}'", wanted.organization));
        if organization.account_id != user.account_id {
            return Err(not_there());
        }
        check_name("mirror", &wanted.name)?;
        let registry = checked_host(&wanted.registry)?;
        let url = wanted.url.unwrap_or_else(|| usual_url(&registry));
        let context = context(&user.account_id, &wanted.name);
        let now = now_ms();
        let mirror = Mirror {
            id: 0,
            account_id: user.account_id.clone(),
            name: wanted.name,
            organization_id: organization.id,
            organization: wanted.organization.to_string(),
            registry,
            url: checked_url("url", &url)?,
            login_encrypted: wanted.login.apply(self.master_key(), &context, None)?,
            enabled: wanted.enabled,
            rules: wanted.rules.onto(MirrorRules::default())?,
            created_at: now,
            updated_at: now,
        };
        let what = format!(
            "a mirror of the name '{}' or in organization '{}'",
            mirror.name, mirror.organization
        );
        match self.metadata.create_mirror(mirror.clone(), MIRRORS_MAX).await {
            Ok(()) => Ok(mirror),
            Err(berth_metadata::Error::Conflict(Conflict::OrganizationGone)) => Err(not_there()),
            Err(error) => Err(conflict(error, &what, MIRRORS_MAX)),
        }
    }

    /// The mirrors of the caller's account, by name.
    pub async fn list_mirrors(&self, caller: &Caller) -> Result<Vec<Mirror>, Error> {
        let user = caller.require_user()?;
        Ok(self.metadata.list_mirrors(&user.account_id).await?)
    }

    /// A mirror of the caller's account.
    pub async fn mirror(&self, caller: &Caller, name: &str) -> Result<Mirror, Error> {
        let user = caller.require_user()?;
        self.mirror_of(&user.account_id, name).await
    }

    /// Changes a mirror of the caller's account, for its administrators.
    pub async fn update_mirror(
        &self,
        caller: &Caller,
        name: &str,
        change: MirrorChange,
    ) -> Result<Mirror, Error> {
        let user = caller.require_own_administrator()?;
        let before = self.mirror_of(&user.account_id, name).await?;
        let mut mirror = before.clone();
        if let Some(registry) = change.registry {
            mirror.registry = checked_host(&registry)?;
        }
        if let Some(url) = change.url {
            mirror.url = checked_url("url", &url)?;
            let keeps = matches!(change.login, LoginChange::Keep) && before.login_encrypted.is_some();
            same_place_or_new_secret(&before.url, &mirror.url, keeps)?;
        }
        let context = context(&user.account_id, name);
        mirror.login_encrypted = change
            .login
            .apply(self.master_key(), &context, mirror.login_encrypted)?;
        mirror.enabled = change.enabled.unwrap_or(mirror.enabled);
        mirror.rules = change.rules.onto(mirror.rules)?;
        mirror.updated_at = now_ms().max(before.updated_at + 1);
        let stored = self
            .metadata
            .update_mirror(mirror.clone(), before.updated_at)
            .await;
        stored.map_err(|error| conflict(error, name, MIRRORS_MAX))?;
        Ok(mirror)
    }

    /// Ends a mirror of the caller's account, for its administrators; what it fetched stays.
    pub async fn delete_mirror(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let user = caller.require_own_administrator()?;
        let found = self.mirror_of(&user.account_id, name).await?;
        let done = self.metadata.delete_mirror(&user.account_id, &found.name).await?;
        done.then_some(()).ok_or_else(|| unknown(name))
    }

    async fn mirror_of(&self, account_id: &str, name: &str) -> Result<Mirror, Error> {
        let found = self.metadata.mirror(account_id, name).await?;
        found.ok_or_else(|| unknown(name))
    }
}

/// Where a registry answers when nothing else is said.
fn usual_url(registry: &str) -> String {
    match registry {
        // Image references name it so, and it answers elsewhere.
        "docker.io" => "https://registry-1.docker.io".to_owned(),
        registry => format!("https://{registry}"),
    }
}

fn context(account_id: &str, name: &str) -> String {
    format!("login of mirror {name} of account {account_id}")
}

fn unknown(name: &str) -> Error {
    Error::Unknown(format!("mirror '{}'", shown(name)))
}
