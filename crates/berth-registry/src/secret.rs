//! Temporary logins: a name and a key for docker that end by themselves (SWR `create_secret`, "login command").

use berth_metadata::{Conflict, GivenLogin, TemporaryLogin};
use sha2::{Digest, Sha256};

use crate::access::{Caller, Credential, UserCaller};
use crate::clock::now_ms;
use crate::key::generate_access_key_id;
use crate::{Error, Registry};

/// The shortest life of a temporary login in seconds (`duration_seconds` of SWR).
const SECONDS_MIN: i64 = 900;
/// The longest life.
const SECONDS_MAX: i64 = 86_400;

/// Temporary logins that are listed at most.
const LISTED_MAX: i64 = 200;

/// What stands for the project in the user names of logins by token.
const BEARER: &str = "bearertoken";
/// How long a login by token is good for: 12 hours.
const BEARER_SECONDS: i64 = 12 * 3600;

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

/// What a temporary credential hangs on: with any of these it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roots {
    pub(crate) access_key_id: Option<String>,
    pub(crate) password_fingerprint: Option<String>,
    /// Milliseconds since the epoch.
    pub(crate) ends_at: Option<i64>,
}

impl Registry {
    /// The caller's own temporary logins that are still good, the one that ends last first.
    pub async fn temporary_logins(&self, caller: &Caller) -> Result<Vec<GivenLogin>, Error> {
        let user = caller.require_user()?;
        let found = self
            .metadata
            .temporary_logins_of(&user.user_id, now_ms(), LISTED_MAX);
        Ok(found.await?)
    }

    /// A temporary login for the caller; it ends early when what it was asked with ends: an access key that is disabled
    /// or deleted, a password that changes.
    pub async fn create_secret(
        &self,
        caller: &Caller,
        wanted: &WantedLogin,
    ) -> Result<NewTemporaryLogin, Error> {
        let user = caller.require_user()?;
        let project = self.project_of_login(wanted)?;
        let roots = self.roots_of(user).await?;
        self.temporary_login(&user.user_id, roots, project, wanted.duration_seconds)
            .await
    }

    /// A temporary login `bearertoken@<id>` for the caller, good for 12 hours (SWR's "enhanced" login).
    pub async fn create_authorization_token(&self, caller: &Caller) -> Result<NewTemporaryLogin, Error> {
        let user = caller.require_user()?;
        let roots = self.roots_of(user).await?;
        self.temporary_login(&user.user_id, roots, BEARER, Some(BEARER_SECONDS))
            .await
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
        let project = self.project_of_login(wanted)?;
        self.temporary_login(&user.id, Roots::default(), project, wanted.duration_seconds)
            .await
    }

    /// What a credential that the caller makes for themselves must end with.
    pub(crate) async fn roots_of(&self, user: &UserCaller) -> Result<Roots, Error> {
        let gone = crate::identity::not_recognised;
        Ok(match &user.credential {
            Credential::AccessKey(id) => Roots {
                access_key_id: Some(id.clone()),
                ..Roots::default()
            },
            // Of the row that the password was compared with: it may have been given up since.
            Credential::Password | Credential::Session(_) => Roots {
                password_fingerprint: Some(user.password_fingerprint.clone().ok_or_else(gone)?),
                ..Roots::default()
            },
            Credential::TemporaryKey(id) => {
                let (key, ..) = self.metadata.temporary_key(id).await?.ok_or_else(gone)?;
                Roots {
                    access_key_id: key.made_with,
                    password_fingerprint: key.password_fingerprint,
                    ends_at: Some(key.expires_at),
                }
            }
            // Otherwise a temporary login could prolong itself for ever.
            Credential::TemporaryLogin(_) => return Err(Error::Unauthenticated),
        })
    }

    fn project_of_login<'a>(&'a self, wanted: &WantedLogin) -> Result<&'a str, Error> {
        let region = &self.identity.region;
        if wanted.project.as_ref().is_some_and(|project| project != region) {
            return Err(Error::Invalid(format!(
                "the project of this registry is '{region}'"
            )));
        }
        Ok(region)
    }

    async fn temporary_login(
        &self,
        user_id: &str,
        roots: Roots,
        project: &str,
        duration_seconds: Option<i64>,
    ) -> Result<NewTemporaryLogin, Error> {
        let usual = i64::try_from(self.identity.temporary_login_ttl.as_secs()).unwrap_or(SECONDS_MAX);
        let now = now_ms();
        let wanted_end = now + checked_duration(duration_seconds.unwrap_or(usual))? * 1000;
        let expires_at = wanted_end.min(roots.ends_at.unwrap_or(i64::MAX));
        let id = generate_access_key_id();
        let key = hex::encode(rand::random::<[u8; 32]>());
        let login = TemporaryLogin {
            id: id.clone(),
            user_id: user_id.to_owned(),
            secret_hash: Sha256::digest(key.as_bytes()).to_vec(),
            made_with: roots.access_key_id,
            password_fingerprint: roots.password_fingerprint,
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

/// The seconds that a temporary credential may be wanted for, 900 to 86400.
pub(crate) fn checked_duration(seconds: i64) -> Result<i64, Error> {
    if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        return Ok(seconds);
    }
    Err(Error::Invalid(format!(
        "duration_seconds is {SECONDS_MIN} to {SECONDS_MAX}"
    )))
}
