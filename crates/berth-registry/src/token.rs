//! Registry tokens: what a caller may do to the asked repositories, signed, for a few minutes; and back to a caller.
//! A token limits its holder further than the rights do; the credential behind it is looked up at every use, so that
//! a deleted key or a disabled user ends at the next request.

use std::sync::Arc;

use berth_oci::{Resource, Scope, ScopeAction};
use futures_util::FutureExt as _;
use sha2::{Digest, Sha256};

use crate::access::{Caller, Credential, UserCaller, decide};
use crate::clock::now_ms;
use crate::identity;
use crate::signer::{AccessEntry, Claims, CredentialClaim, SERVICE, Verified};
use crate::token_holder::TokenHolder;
use crate::{Action, Error, Registry};

/// Scopes of one request; a push asks for one or two.
const SCOPES_MAX: usize = 50;
/// How long after its end a token still lets its holder finish a running upload.
const UPLOAD_GRACE_MS: i64 = 24 * 3600 * 1000;

/// A token for the distribution API.
#[derive(Clone)]
pub struct IssuedToken {
    /// The token as clients send it back.
    pub token: String,
    /// Seconds it is good for.
    pub expires_in_seconds: u64,
    /// Milliseconds since the epoch.
    pub issued_at: i64,
}

/// What a token that this installation signed says.
#[derive(Clone, Debug)]
pub enum TokenCaller {
    /// The token is good.
    Valid(Caller),
    /// The token ended less than a day ago: good for going on with one's own upload, and for nothing else.
    Expired(Caller),
}

impl Registry {
    /// A token with those of the asked `scopes` that the caller's rights allow. A user for whom none of them is left
    /// is told why here, as SWR does: most clients go on with HEAD, whose answer has no room for a reason.
    pub async fn issue_token(&self, caller: &Caller, scopes: &[Scope]) -> Result<IssuedToken, Error> {
        if scopes.len() > SCOPES_MAX {
            return Err(Error::Invalid(format!(
                "a token request names at most {SCOPES_MAX} scopes"
            )));
        }
        let mut access = Vec::new();
        for scope in scopes {
            let granted = self.granted(caller, scope).await?;
            if !granted.actions.is_empty() {
                access.push(AccessEntry::of(&granted));
            }
        }
        if access.is_empty() && matches!(caller, Caller::User(_)) {
            self.explain_nothing(caller, scopes).await?;
        }
        let (sub, credential) = match caller {
            Caller::User(user) => (user.user_id.clone(), Some(credential_claim(user)?)),
            Caller::Anonymous | Caller::System => (String::new(), None),
        };
        let issued_at = now_ms();
        let expires_in_seconds = self.identity.token_ttl.as_secs();
        let token = self.identity.signer.sign(&Claims {
            iss: SERVICE.to_owned(),
            sub,
            aud: SERVICE.to_owned(),
            exp: issued_at / 1000 + i64::try_from(expires_in_seconds).unwrap_or(i64::MAX / 2000),
            nbf: issued_at / 1000,
            iat: issued_at / 1000,
            jti: uuid::Uuid::new_v4().simple().to_string(),
            credential,
            access,
            scope: None,
        })?;
        Ok(IssuedToken {
            token,
            expires_in_seconds,
            issued_at,
        })
    }

    /// The caller that `token` stands for; `BadCredentials` for a token that is not ours, ended long ago, or whose
    /// credential has gone since.
    pub async fn verify_token(&self, token: &str) -> Result<TokenCaller, Error> {
        let now = now_ms();
        let holder = || self.token_holder(token, now).boxed();
        let kept = self.identity.holders.get(&self.metadata, token, holder).await?;
        let holder = if now < kept.until {
            kept
        } else {
            // The login behind it has an end of its own.
            self.token_holder(token, now).await?
        };
        if now < holder.expires_at {
            Ok(TokenCaller::Valid(holder.caller))
        } else if now < holder.expires_at.saturating_add(UPLOAD_GRACE_MS) {
            Ok(TokenCaller::Expired(holder.caller))
        } else {
            Err(identity::not_recognised())
        }
    }

    async fn token_holder(&self, token: &str, now: i64) -> Result<TokenHolder, Error> {
        let verified = self
            .verified(token, SERVICE, now)
            .ok_or_else(identity::not_recognised)?;
        let caller = self.caller_of(&verified, now).await?;
        Ok(TokenHolder {
            until: self.login_end(&verified.claims).await?,
            expires_at: verified.expires_at,
            caller,
        })
    }

    /// When the login behind a token ends by itself, milliseconds since the epoch.
    async fn login_end(&self, claims: &Claims) -> Result<i64, Error> {
        let end = match &claims.credential {
            None | Some(CredentialClaim::Password { .. }) => None,
            Some(CredentialClaim::Key { id }) => {
                let found = self.metadata.access_key(id).await?;
                found.and_then(|(key, _)| key.expires_at)
            }
            Some(CredentialClaim::Temporary { id }) => {
                let found = self.metadata.temporary_login(id).await?;
                found.map(|(login, ..)| login.expires_at)
            }
        };
        Ok(end.unwrap_or(i64::MAX))
    }

    /// Fails with the reason why the first repository asked for is out of the caller's reach; asking for no repository
    /// is fine.
    async fn explain_nothing(&self, caller: &Caller, scopes: &[Scope]) -> Result<(), Error> {
        for scope in scopes {
            if let Resource::Repository(name) = &scope.resource
                && let Some(action) = scope
                    .actions
                    .iter()
                    .max_by_key(|action| **action == ScopeAction::Push)
            {
                self.require(caller, action_of(*action), name).await?;
            }
        }
        Ok(())
    }

    async fn granted(&self, caller: &Caller, scope: &Scope) -> Result<Scope, Error> {
        let mut granted = scope.clone();
        match &scope.resource {
            Resource::Catalog => {
                if matches!(caller, Caller::Anonymous) {
                    granted.actions.clear();
                }
            }
            Resource::Repository(name) => {
                let (organization, image) = (name.organization().as_str(), name.image().as_str());
                let standing = self.standing(caller, organization, Some(image)).await?;
                granted
                    .actions
                    .retain(|action| decide(caller, action_of(*action), &standing).is_ok());
                if matches!(caller, Caller::Anonymous) && !self.limits.anonymous_pulls {
                    granted.actions.clear();
                }
            }
        }
        Ok(granted)
    }

    pub(crate) fn verified(&self, token: &str, audience: &str, now: i64) -> Option<Arc<Verified>> {
        let key = Sha256::digest(token.as_bytes()).into();
        if let Some(verified) = self.identity.verified_tokens.get(&key) {
            return (verified.claims.aud == audience).then_some(verified);
        }
        let verified = Arc::new(self.identity.signer.verify(token, audience, now)?);
        self.identity.verified_tokens.insert(key, Arc::clone(&verified));
        Some(verified)
    }

    async fn caller_of(&self, verified: &Verified, now: i64) -> Result<Caller, Error> {
        let Some(mut user) = self.holder_of(&verified.claims, now).await? else {
            return Ok(Caller::Anonymous);
        };
        user.scopes = Some(Arc::clone(&verified.scopes));
        Ok(Caller::from(user))
    }

    /// The user behind the claims as things stand now, `None` when there was none: one metadata read.
    pub(crate) async fn holder_of(&self, claims: &Claims, now: i64) -> Result<Option<UserCaller>, Error> {
        let (credential, fingerprint) = match &claims.credential {
            None => return Ok(None),
            Some(CredentialClaim::Password { fingerprint }) => {
                (Credential::Password, Some(fingerprint.as_str()))
            }
            Some(CredentialClaim::Key { id }) => (Credential::AccessKey(id.clone()), None),
            Some(CredentialClaim::Temporary { id }) => (Credential::TemporaryLogin(id.clone()), None),
        };
        self.holder(&claims.sub, (&credential, fingerprint), now)
            .await
            .map(Some)
    }

    /// A user who was recognised earlier as they are now; `BadCredentials` or `Denied` when their login has ended.
    pub(crate) async fn holder_now(&self, user: &UserCaller, now: i64) -> Result<UserCaller, Error> {
        let fingerprint = user.password_fingerprint.as_deref();
        self.holder(&user.user_id, (&user.credential, fingerprint), now)
            .await
    }

    async fn holder(
        &self,
        user_id: &str,
        (credential, fingerprint): (&Credential, Option<&str>),
        now: i64,
    ) -> Result<UserCaller, Error> {
        let metadata = &self.metadata;
        let found = match credential {
            Credential::Password => metadata
                .user_by_id(user_id)
                .await?
                .filter(|user| fingerprint.is_some_and(|known| identity::has_password(user, known)))
                .map(identity::admit_user),
            Credential::AccessKey(id) => metadata
                .access_key(id)
                .await?
                .map(|(key, user)| identity::admit_key(&key, user, now)),
            Credential::TemporaryLogin(id) => metadata
                .temporary_login(id)
                .await?
                .map(|found| identity::admit_temporary(found, now)),
            Credential::TemporaryKey(id) => metadata
                .temporary_key(id)
                .await?
                .map(|found| identity::admit_temporary_key(found, now)),
            Credential::Session(id) => metadata
                .session(id)
                .await?
                .map(|(session, user)| identity::admit_session(&session, user, now)),
        };
        let user = found.ok_or_else(identity::not_recognised)??;
        // An id that was given up and made anew for somebody else is another credential.
        if user.user_id != user_id {
            return Err(identity::not_recognised());
        }
        Ok(user)
    }
}

/// What a token of this caller names as the credential that it ends with.
pub(crate) fn credential_claim(user: &UserCaller) -> Result<CredentialClaim, Error> {
    Ok(match &user.credential {
        Credential::AccessKey(id) => CredentialClaim::Key { id: id.clone() },
        Credential::TemporaryLogin(id) => CredentialClaim::Temporary { id: id.clone() },
        // Otherwise what ends by itself could prolong itself.
        Credential::TemporaryKey(_) | Credential::Session(_) => return Err(identity::not_recognised()),
        // Of the row that the password was compared with: it may have been given up since.
        Credential::Password => CredentialClaim::Password {
            fingerprint: user
                .password_fingerprint
                .clone()
                .ok_or_else(identity::not_recognised)?,
        },
    })
}

fn action_of(action: ScopeAction) -> Action {
    match action {
        ScopeAction::Pull => Action::Pull,
        ScopeAction::Push => Action::Push,
        ScopeAction::Delete => Action::Delete,
    }
}
