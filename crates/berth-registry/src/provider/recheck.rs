//! Whom a provider does not vouch for any more is kept out: looked up in directories now and then, and wherever a sign-in
//! counts for some days only. Users who are kept out so are let in again by their next sign-in there.

use berth_metadata::{Identity, Provider};

use crate::clock::now_ms;
use crate::{Error, Registry};

/// Identities of one page.
const PAGE: i64 = 200;

impl Registry {
    /// Looks now and then, in one process of all, whether providers still vouch for their people.
    pub(crate) async fn follow_people(&self) {
        loop {
            tokio::time::sleep(self.limits.sign_in_recheck).await;
            if let Err(error) = self.under_lease("sign-in", self.recheck_people()).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "nobody may be looking after the people of sign-in providers"
                );
            }
        }
    }

    /// Keeps out whom no provider vouches for any more; for the process that holds the lease.
    async fn recheck_people(&self) -> Result<(), Error> {
        for provider in self.metadata.enabled_providers().await? {
            if let Err(error) = self.recheck_provider(&provider).await {
                tracing::warn!(
                    provider = provider.name,
                    error = &error as &dyn std::error::Error,
                    "the people of a sign-in provider could not be looked up"
                );
            }
        }
        Ok(())
    }

    async fn recheck_provider(&self, provider: &Provider) -> Result<(), Error> {
        let mut last = String::new();
        loop {
            let page = self
                .metadata
                .standing_identities(provider.id, &last, PAGE)
                .await?;
            let Some(end) = page.last() else {
                return Ok(());
            };
            last.clone_from(&end.subject);
            for identity in page {
                if !self.is_vouched_for(provider, &identity).await? {
                    tracing::info!(
                        user = identity.user_id,
                        provider = provider.name,
                        "a user is kept out: the sign-in provider does not vouch for them any more"
                    );
                    self.metadata.lapse(identity, now_ms()).await?;
                }
            }
        }
    }

    async fn is_vouched_for(&self, provider: &Provider, identity: &Identity) -> Result<bool, Error> {
        let now = now_ms();
        if provider
            .renew_ms
            .is_some_and(|counts| identity.confirmed_at.saturating_add(counts) <= now)
        {
            return Ok(false);
        }
        match self.directory(provider)? {
            Some(directory) if directory.can_look() => directory
                .has(identity.subject.clone())
                .await
                .map_err(|failure| Error::internal("looking a person up in a directory", failure)),
            _ => Ok(true),
        }
    }
}
