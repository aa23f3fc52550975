//! What an account may have at most, how much of it is used, and who may say so. The quotas are kept in the transactions
//! that make organisations, images and tags.

use berth_metadata::{ByteQuota, Conflict, Quotas};
use berth_oci::{OrganizationName, RepositoryName};

use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::limits::Quota;
use crate::{Error, Registry};

/// A quota and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// What it is on.
    pub quota: Quota,
    /// How many there may be.
    pub limit: i64,
    /// How many there are; more than the limit when it was set lower later.
    pub used: i64,
}

/// The quotas that count for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotasInUse {
    /// Of what is counted.
    pub counts: Vec<QuotaUse>,
    /// Of the account's bytes, when it has one.
    pub bytes: Option<ByteQuota>,
}

impl Registry {
    /// The quotas that count for the caller: of organisations always, of images and bytes when the account has one, of tags
    /// when it has one and an image is named, which the caller must have a right on.
    pub async fn quotas(
        &self,
        caller: &Caller,
        image: Option<&RepositoryName>,
    ) -> Result<QuotasInUse, Error> {
        let user = caller.require_user()?;
        let held = match image {
            Some(name) => Some(self.require_held(caller, Action::ReadRights, name).await?),
            None => None,
        };
        let set = self.metadata.quotas(&user.account_id).await?;
        let mut quotas = vec![QuotaUse {
            quota: Quota::Organizations,
            limit: set
                .organizations_per_user
                .unwrap_or(i64::from(self.limits.organizations_per_user)),
            used: self.metadata.count_organizations_created(&user.user_id).await?,
        }];
        if let Some(limit) = set.repositories {
            quotas.push(QuotaUse {
                quota: Quota::Repositories,
                limit,
                used: self.metadata.count_repositories_of(&user.account_id).await?,
            });
        }
        if let Some(held) = held {
            // The image may be another account's, which grants users of this one no more than a share.
            let set = self.metadata.quotas(&held.account_id).await?;
            if let Some(limit) = set.tags_per_repository {
                quotas.push(QuotaUse {
                    quota: Quota::Tags,
                    limit,
                    used: self.metadata.count_tags(held.id).await?,
                });
            }
        }
        Ok(QuotasInUse {
            counts: quotas,
            bytes: self.metadata.account_byte_quota(&user.account_id).await?,
        })
    }

    /// How many bytes an organisation may hold, and holds; none when no quota is set. For those who may read it all.
    pub async fn organization_byte_quota(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<Option<ByteQuota>, Error> {
        let id = self.visible_organization_id(caller, name).await?;
        Ok(self.metadata.organization_byte_quota(id).await?)
    }

    /// Sets how many bytes an organisation may hold, none for as many as its account may. For the administrators of its
    /// account and of the operator's. What it holds stays, whatever the quota.
    pub async fn set_organization_byte_quota(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        limit: Option<i64>,
    ) -> Result<(), Error> {
        let unknown = || Error::Unknown(format!("organization '{name}'"));
        if self.require_operating_account(caller).await.is_err() {
            let standing = self.visible_organization(caller, name).await?;
            let organization = standing.organization.ok_or_else(unknown)?;
            let account = self.account_by_id(&organization.account_id).await?;
            caller.require_administrator(&account.name)?;
        }
        if limit.is_some_and(|limit| limit < 0) {
            return Err(Error::Invalid("a quota is 0 or more".to_owned()));
        }
        let found = self
            .metadata
            .organization(name.as_str())
            .await?
            .ok_or_else(unknown)?;
        let set = self
            .metadata
            .set_organization_byte_quota(found.id, limit, now_ms());
        match set.await {
            Err(berth_metadata::Error::Conflict(Conflict::OrganizationGone)) => Err(unknown()),
            set => Ok(set?),
        }
    }

    /// Whether the caller's account has a quota of images or tags.
    pub async fn has_image_quotas(&self, caller: &Caller) -> Result<bool, Error> {
        let user = caller.require_user()?;
        let set = self.metadata.quotas(&user.account_id).await?;
        Ok(set.repositories.is_some() || set.tags_per_repository.is_some())
    }

    /// The quotas set for an account. For its administrators, the operator and the administrators of the operator's
    /// account.
    pub async fn account_quotas(&self, caller: &Caller, account: &str) -> Result<Quotas, Error> {
        if caller.require_administrator(account).is_err() {
            self.require_operating_account(caller).await?;
        }
        let account = self.account(account).await?;
        Ok(self.metadata.quotas(&account.id).await?)
    }

    /// Sets the quotas of an account in place of all earlier ones; none leaves one to the settings. For the operator and
    /// the administrators of the operator's account, which is that of the first start: nobody raises their own limits
    /// but who runs the registry.
    pub async fn set_account_quotas(
        &self,
        caller: &Caller,
        account: &str,
        quotas: Quotas,
    ) -> Result<(), Error> {
        self.require_operating_account(caller).await?;
        let all = [
            quotas.organizations_per_user,
            quotas.repositories,
            quotas.tags_per_repository,
            quotas.bytes,
        ];
        if all.into_iter().flatten().any(|limit| limit < 0) {
            return Err(Error::Invalid("a quota is 0 or more".to_owned()));
        }
        let account = self.account(account).await?;
        match self.metadata.set_quotas(&account.id, quotas, now_ms()).await {
            Err(berth_metadata::Error::Conflict(Conflict::AccountGone)) => {
                Err(Error::Unknown(format!("account '{}'", account.name)))
            }
            set => Ok(set?),
        }
    }
}
