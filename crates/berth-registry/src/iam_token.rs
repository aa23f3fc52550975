//! IAM tokens: who somebody is, signed, for a day, as the cloud's API calls take them. The credential behind a token is
//! looked up at every use, so that a changed password or a deleted key ends it at the next request.

use std::net::IpAddr;

use crate::access::{Caller, Credential, UserCaller};
use crate::clock::now_ms;
use crate::identity;
use crate::signer::{Claims, IAM, SERVICE, TokenScope, Verified};
use crate::token::credential_claim;
use crate::{Error, Registry};

/// How long an IAM token is good for, as in SWR: 24 hours.
const LIFE_SECONDS: i64 = 24 * 3600;

/// An account by what a request knows of it.
#[derive(Clone, Copy, Debug)]
pub enum AccountRef<'a> {
    /// Its id.
    Id(&'a str),
    /// Its name.
    Name(&'a str),
}

/// What somebody shows to get a token.
#[derive(Clone, Copy)]
pub enum IamProof<'a> {
    /// A user's name and password.
    Password {
        /// The user's account.
        account: AccountRef<'a>,
        /// The user's name.
        user: &'a str,
        /// The password.
        password: &'a str,
    },
    /// An access key with its secret.
    AccessKey {
        /// The access key id.
        access: &'a str,
        /// The secret key.
        secret: &'a str,
    },
}

/// What a token is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedScope<'a> {
    /// The user's whole account.
    OwnDomain,
    /// The account of this id.
    DomainId(&'a str),
    /// The account of this name.
    DomainName(&'a str),
    /// The project of this id.
    ProjectId(&'a str),
    /// The project of this name.
    ProjectName(&'a str),
}

/// An IAM token and what it says.
#[derive(Clone, Debug)]
pub struct IamToken {
    /// The token as clients send it back.
    pub token: String,
    /// Whose it is.
    pub user: UserCaller,
    /// What it is for.
    pub scope: TokenScope,
    /// Milliseconds since the epoch.
    pub issued_at: i64,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Registry {
    /// A token for who proves to be a user with programmatic access. `BadCredentials`, `Denied`, `Throttled` as for any
    /// login; `Unknown` for a project or account that is not the user's.
    pub async fn create_iam_token(
        &self,
        proof: IamProof<'_>,
        wanted: WantedScope<'_>,
        source: IpAddr,
    ) -> Result<IamToken, Error> {
        let user = match proof {
            IamProof::AccessKey { access, secret } => self.holder_of_secret_key(access, secret).await?,
            IamProof::Password {
                account,
                user,
                password,
            } => {
                let account = self.account_name(account).await?;
                let user = self
                    .person_by_password(Some(&account), user, password, source)
                    .await?;
                identity::admit_user(user)?
            }
        };
        let scope = self.scope_for(&user, wanted)?;
        let issued_at = now_ms();
        let claims = Claims {
            iss: SERVICE.to_owned(),
            sub: user.user_id.clone(),
            aud: IAM.to_owned(),
            exp: issued_at / 1000 + LIFE_SECONDS,
            nbf: issued_at / 1000,
            iat: issued_at / 1000,
            jti: uuid::Uuid::new_v4().simple().to_string(),
            credential: Some(credential_claim(&user)?),
            access: Vec::new(),
            scope: Some(scope),
        };
        Ok(IamToken {
            token: self.identity.signer.sign(&claims)?,
            user,
            scope,
            issued_at: claims.iat * 1000,
            expires_at: claims.exp * 1000,
        })
    }

    /// The caller whose IAM token this is; `BadCredentials` for anything that is none, has ended, or whose credential has
    /// gone since.
    pub async fn authenticate_iam_token(&self, token: &str) -> Result<Caller, Error> {
        let shown = self.shown_iam_token(token).await?;
        Ok(Caller::from(shown.user))
    }

    /// What a token says, for its holder and the administrators of the holder's account; `Unknown` for anybody else and
    /// for what is no token.
    pub async fn inspect_iam_token(&self, caller: &Caller, token: &str) -> Result<IamToken, Error> {
        let asking = caller.require_user()?;
        let shown = match self.shown_iam_token(token).await {
            Err(Error::BadCredentials { .. } | Error::Denied(_)) => None,
            shown => Some(shown?),
        };
        shown
            .filter(|shown| {
                shown.user.user_id == asking.user_id
                    || (asking.administrator && shown.user.account_id == asking.account_id)
            })
            .ok_or_else(|| Error::Unknown("the token in X-Subject-Token".to_owned()))
    }

    async fn shown_iam_token(&self, token: &str) -> Result<IamToken, Error> {
        let now = now_ms();
        let verified = self
            .verified(token, IAM, now)
            .filter(|verified| !verified.is_expired(now))
            .ok_or_else(identity::not_recognised)?;
        let Verified {
            claims, expires_at, ..
        } = &*verified;
        let user = self.holder_of(claims, now).await?;
        Ok(IamToken {
            token: token.to_owned(),
            user: user.ok_or_else(identity::not_recognised)?,
            scope: claims.scope.unwrap_or(TokenScope::Domain),
            issued_at: claims.iat * 1000,
            expires_at: *expires_at,
        })
    }

    /// A name for the login; one that no account has when the id is unknown, so that it costs the same.
    async fn account_name(&self, account: AccountRef<'_>) -> Result<String, Error> {
        match account {
            AccountRef::Name(name) => Ok(name.to_owned()),
            AccountRef::Id(id) => {
                let found = self.metadata.account_by_id(id).await?;
                Ok(found.map_or_else(|| format!("id {id}"), |account| account.name))
            }
        }
    }

    fn scope_for(&self, user: &UserCaller, wanted: WantedScope<'_>) -> Result<TokenScope, Error> {
        let project = self.project(&user.account_id);
        let (is_theirs, scope, what) = match wanted {
            WantedScope::OwnDomain => (true, TokenScope::Domain, String::new()),
            WantedScope::DomainId(id) => (id == user.account_id, TokenScope::Domain, format!("domain {id}")),
            WantedScope::DomainName(name) => (
                name == user.account_name,
                TokenScope::Domain,
                format!("domain '{name}'"),
            ),
            WantedScope::ProjectId(id) => (id == project.id, TokenScope::Project, format!("project {id}")),
            WantedScope::ProjectName(name) => (
                name == project.name,
                TokenScope::Project,
                format!("project '{name}'"),
            ),
        };
        is_theirs.then_some(scope).ok_or(Error::Unknown(what))
    }
}

impl IamToken {
    /// The methods that proved who it is, in IAM's words.
    pub fn method(&self) -> &'static str {
        match self.user.credential {
            Credential::AccessKey(_) => "hw_ak_sk",
            _ => "password",
        }
    }
}
