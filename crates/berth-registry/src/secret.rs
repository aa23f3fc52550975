//! Temporary logins: a name and a key for docker that end by themselves (SWR `create_secret`, "login command").

use berth_metadata::{Conflict, TemporaryLogin};
use sha2::{Digest, Sha256};

use crate::access::{Caller, Credential};
use crate::clock::now_ms;
use crate::key::generate_access_key_id;
use crate::{Error, Registry};

/// The shortest life of a temporary login in seconds (`duration_seconds` of SWR).
const SECONDS_MIN: i64 = 900;
/// The longest life.
const SECONDS_MAX: i64 = 86_400;

/// What somebody wants of a temporary login.
#[derive(Clone, Debug, Default)]
pub struct WantedLogin {
    /// The project in the user name; the region's when absent.
    pub project: Option<String>,
    /// Seconds it is good for, 900 to 86400; what the settings say when absent.
    pub duration_seconds: Option<i64>,
}

/// A login that ends by itself, at the only moment when its key can be seen.
#[derive(Clone)]
pub struct NewTemporaryLogin {
    /// The user name, `<project>@<temporary AK>`.
    pub user: String,
    /// The password, 64 hexadecimal digits.
    pub key: String,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Registry {
    /// A temporary login for the caller; it ends early when the access key it was asked with is disabled or deleted.
    pub async fn create_secret(
        &self,
        caller: &Caller,
        wanted: &WantedLogin,
    ) -> Result<NewTemporaryLogin, Error> {
        let user = caller.require_user()?;
        let made_with = match &user.credential {
            Credential::AccessKey(id) => Some(id.as_str()),
            Credential::Password => None,
            // Otherwise a temporary login could prolong itself for ever.
            Credential::TemporaryLogin(_) => return Err(Error::Unauthenticated),
        };
        self.temporary_login(&user.user_id, made_with, wanted).await
    }

    /// A temporary login for a user, on behalf of an administrator of the account.
    pub async fn create_secret_for(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
        wanted: &WantedLogin,
    ) -> Result<NewTemporaryLogin, Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        self.temporary_login(&user.id, None, wanted).await
    }

    async fn temporary_login(
        &self,
        user_id: &str,
        made_with: Option<&str>,
        wanted: &WantedLogin,
    ) -> Result<NewTemporaryLogin, Error> {
        let project = wanted.project.as_deref().unwrap_or(&self.identity.region);
        if project != self.identity.region {
            return Err(Error::Invalid(format!(
                "the project of this registry is '{}'",
                self.identity.region
            )));
        }
        let usual = i64::try_from(self.identity.temporary_login_ttl.as_secs()).unwrap_or(SECONDS_MAX);
        let seconds = wanted.duration_seconds.unwrap_or(usual);
        if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
            return Err(Error::Invalid(format!(
                "duration_seconds is {SECONDS_MIN} to {SECONDS_MAX}"
            )));
        }
        let now = now_ms();
        let expires_at = now + seconds * 1000;
        let id = generate_access_key_id();
        let key = hex::encode(rand::random::<[u8; 32]>());
        let login = TemporaryLogin {
            id: id.clone(),
            user_id: user_id.to_owned(),
            secret_hash: Sha256::digest(key.as_bytes()).to_vec(),
            made_with: made_with.map(str::to_owned),
            project: project.to_owned(),
            created_at: now,
            expires_at,
        };
        match self.metadata.create_temporary_login(login).await {
            // Deleted since the request was let in.
            Err(berth_metadata::Error::Conflict(Conflict::AccessKeyGone | Conflict::UserGone)) => {
                Err(crate::identity::not_recognised())
            }
            created => {
                created?;
                Ok(NewTemporaryLogin {
                    user: format!("{project}@{id}"),
                    key,
                    expires_at,
                })
            }
        }
    }
}
