//! Providers that people of an account sign in at besides: set up by its administrators, with secrets that are kept sealed
//! and never told again. `terms` says how a provider is spoken to, `directory` speaks LDAP, `openid` OpenID Connect, `admission` makes users of
//! people, `recheck` keeps out whom a provider does not vouch for any more.

mod admission;
mod claims;
mod directory;
mod openid;
mod recheck;
mod terms;

use berth_metadata::{Conflict, MappedGroup, Provider};
use berth_oci::excerpt::shown;

use crate::access::Caller;
use crate::account::check_name;
use crate::clock::now_ms;
use crate::remote::{checked_authority, conflict, same_place_or_new_secret};
use crate::{Error, Registry};

pub use openid::{BegunSignIn, ProviderButton, Returned};
pub use terms::{DirectoryTerms, OpenIdTerms, ProviderTerms};

/// Providers of one account; a list of them is answered whole.
const PROVIDERS_MAX: i64 = 20;
const GROUPS_MAX: usize = 500;
const EXTERNAL_GROUP_CHARS_MAX: usize = 512;
const SECRET_BYTES_MAX: usize = 4096;
const DAY_MS: i64 = 24 * 3600 * 1000;
const RENEW_DAYS_MAX: i64 = 3650;

/// A provider to set up.
#[derive(Clone)]
pub struct WantedProvider {
    /// Its name, unique in the account.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// How it is spoken to.
    pub terms: ProviderTerms,
    /// What is wanted of it besides.
    pub change: ProviderChange,
}

/// What is to be different about a provider; what is absent stays.
#[derive(Clone, Default)]
pub struct ProviderChange {
    /// Where it is; another server needs its secret in the same request.
    pub url: Option<String>,
    /// How it is spoken to; of the same kind.
    pub terms: Option<ProviderTerms>,
    /// What Berth proves to be there with; empty for nothing.
    pub secret: Option<String>,
    /// PEM; empty for those that the machine trusts.
    pub certificate_authority: Option<String>,
    /// Whether people sign in there.
    pub enabled: Option<bool>,
    /// Days for which a sign-in counts; 0 for no end.
    pub renew_days: Option<i64>,
    /// Groups there and the names of those here that their members are in.
    pub groups: Option<Vec<(String, String)>>,
}

/// A provider as its administrators see it.
#[derive(Clone, Debug)]
pub struct ProviderView {
    /// What is kept of it.
    pub provider: Provider,
    /// How it is spoken to.
    pub terms: ProviderTerms,
    /// Groups there and those here.
    pub groups: Vec<MappedGroup>,
}

impl ProviderView {
    /// Days for which a sign-in counts; 0 for no end.
    pub fn renew_days(&self) -> i64 {
        self.provider.renew_ms.unwrap_or(0) / DAY_MS
    }
}

impl Registry {
    /// Sets a provider up in the caller's account, for its administrators; `Exists` when it has one of that name.
    pub async fn register_provider(
        &self,
        caller: &Caller,
        wanted: WantedProvider,
    ) -> Result<ProviderView, Error> {
        caller.require_lasting()?;
        let user = caller.require_own_administrator()?;
        check_name("sign-in provider", &wanted.name)?;
        wanted.terms.check()?;
        let now = now_ms();
        let mut provider = Provider {
            id: 0,
            account_id: user.account_id.clone(),
            name: wanted.name,
            url: wanted.terms.checked_url(&wanted.url)?,
            certificate_authority: String::new(),
            terms: wanted.terms.written()?,
            secret_encrypted: None,
            enabled: true,
            renew_ms: None,
            created_at: now,
            updated_at: now,
        };
        self.apply_change(&mut provider, &wanted.change)?;
        let groups = self
            .groups_to_map(&user.account_id, wanted.change.groups.unwrap_or_default())
            .await?;
        let what = format!("sign-in provider '{}'", provider.name);
        let (account, name) = (provider.account_id.clone(), provider.name.clone());
        let stored = self
            .metadata
            .create_provider(provider, groups, PROVIDERS_MAX)
            .await;
        stored.map_err(|error| refused(error, &what))?;
        self.provider_view(&account, &name).await
    }

    /// The providers of the caller's account by name, for its administrators.
    pub async fn list_providers(&self, caller: &Caller) -> Result<Vec<ProviderView>, Error> {
        let user = caller.require_own_administrator()?;
        let mut views = Vec::new();
        for provider in self.metadata.list_providers(&user.account_id).await? {
            views.push(self.viewed(provider).await?);
        }
        Ok(views)
    }

    /// A provider of the caller's account, for its administrators.
    pub async fn show_provider(&self, caller: &Caller, name: &str) -> Result<ProviderView, Error> {
        let user = caller.require_own_administrator()?;
        self.provider_view(&user.account_id, name).await
    }

    /// Changes a provider of the caller's account, for its administrators.
    pub async fn update_provider(
        &self,
        caller: &Caller,
        name: &str,
        change: ProviderChange,
    ) -> Result<ProviderView, Error> {
        caller.require_lasting()?;
        let user = caller.require_own_administrator()?;
        let before = self.provider_view(&user.account_id, name).await?;
        let mut provider = before.provider.clone();
        let terms = change.terms.clone().unwrap_or_else(|| before.terms.clone());
        terms.check()?;
        if terms.kind() != before.terms.kind() {
            return Err(Error::Invalid(
                "a provider keeps its kind: set up another one".to_owned(),
            ));
        }
        if let Some(url) = &change.url {
            provider.url = terms.checked_url(url)?;
            let keeps = change.secret.is_none() && provider.secret_encrypted.is_some();
            same_place_or_new_secret(&before.provider.url, &provider.url, keeps)?;
        }
        provider.terms = terms.written()?;
        self.apply_change(&mut provider, &change)?;
        provider.updated_at = now_ms().max(before.provider.updated_at + 1);
        let groups = match change.groups {
            Some(groups) => Some(self.groups_to_map(&user.account_id, groups).await?),
            None => None,
        };
        let stored = self
            .metadata
            .update_provider(provider, groups, before.provider.updated_at)
            .await;
        stored.map_err(|error| refused(error, name))?;
        self.provider_view(&user.account_id, name).await
    }

    /// Ends a provider of the caller's account, for its administrators. Its people stay users, who cannot sign in any
    /// more unless they get a password.
    pub async fn delete_provider(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.require_lasting()?;
        let user = caller.require_own_administrator()?;
        let done = self.metadata.delete_provider(&user.account_id, name).await?;
        done.then_some(()).ok_or_else(|| unknown(name))
    }

    fn apply_change(&self, provider: &mut Provider, change: &ProviderChange) -> Result<(), Error> {
        if let Some(pem) = &change.certificate_authority {
            provider.certificate_authority = checked_authority(pem.clone())?;
        }
        if let Some(secret) = &change.secret {
            if secret.len() > SECRET_BYTES_MAX {
                return Err(Error::Invalid(format!(
                    "a secret has at most {SECRET_BYTES_MAX} bytes"
                )));
            }
            let context = context(&provider.account_id, &provider.name);
            provider.secret_encrypted = if secret.is_empty() {
                None
            } else {
                Some(self.master_key().seal(&context, secret.as_bytes())?)
            };
        }
        provider.enabled = change.enabled.unwrap_or(provider.enabled);
        match change.renew_days {
            None => {}
            Some(0) => provider.renew_ms = None,
            Some(days) if (1..=RENEW_DAYS_MAX).contains(&days) => provider.renew_ms = Some(days * DAY_MS),
            Some(_) => {
                return Err(Error::Invalid(format!(
                    "renew_days is 1 to {RENEW_DAYS_MAX}, or 0 for no end"
                )));
            }
        }
        Ok(())
    }

    /// The secret of a provider, to be used.
    fn provider_secret(&self, provider: &Provider) -> Result<zeroize::Zeroizing<String>, Error> {
        let Some(sealed) = &provider.secret_encrypted else {
            return Ok(zeroize::Zeroizing::default());
        };
        let context = context(&provider.account_id, &provider.name);
        let opened = self.master_key().open(&context, sealed)?;
        let text = String::from_utf8(opened.to_vec())
            .map_err(|error| Error::internal("reading the secret of a sign-in provider", error))?;
        Ok(zeroize::Zeroizing::new(text))
    }

    async fn groups_to_map(
        &self,
        account_id: &str,
        wanted: Vec<(String, String)>,
    ) -> Result<Vec<MappedGroup>, Error> {
        if wanted.len() > GROUPS_MAX {
            return Err(Error::Invalid(format!(
                "a provider has at most {GROUPS_MAX} groups"
            )));
        }
        let mut groups = Vec::new();
        for (external, name) in wanted {
            let length = external.chars().count();
            if length == 0 || length > EXTERNAL_GROUP_CHARS_MAX || external.contains(char::is_control) {
                return Err(Error::Invalid(format!(
                    "a provider's group has 1 to {EXTERNAL_GROUP_CHARS_MAX} characters, none of them a control character"
                )));
            }
            let found = self.metadata.group_by_name(account_id, &name).await?;
            let found =
                found.ok_or_else(|| Error::Invalid(format!("there is no group '{}'", shown(&name))))?;
            groups.push(MappedGroup {
                external,
                group_id: found.id,
                group: found.name,
            });
        }
        Ok(groups)
    }

    async fn provider_view(&self, account_id: &str, name: &str) -> Result<ProviderView, Error> {
        let found = self.metadata.provider(account_id, name).await?;
        self.viewed(found.ok_or_else(|| unknown(name))?).await
    }

    async fn viewed(&self, provider: Provider) -> Result<ProviderView, Error> {
        Ok(ProviderView {
            terms: ProviderTerms::read(&provider.terms)?,
            groups: self.metadata.mapped_groups(provider.id).await?,
            provider,
        })
    }
}

/// What the secret of a provider is sealed for.
fn context(account_id: &str, name: &str) -> String {
    format!("secret of sign-in provider {name} of account {account_id}")
}

fn refused(error: berth_metadata::Error, what: &str) -> Error {
    match error {
        berth_metadata::Error::Conflict(Conflict::GroupGone) => Error::Unavailable,
        error => conflict(error, what, PROVIDERS_MAX),
    }
}

fn unknown(name: &str) -> Error {
    Error::Unknown(format!("sign-in provider '{}'", shown(name)))
}
