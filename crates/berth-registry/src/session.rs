//! Sessions of the console: a person signs in with a password and is known by a secret until they sign out.
//! Knows no cookie and no header; the secret and the proof against forged requests are texts here.

use std::net::IpAddr;

use berth_metadata::{Conflict, Session, User};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::access::{Caller, Credential};
use crate::clock::now_ms;
use crate::identity::{admit_session, not_recognised, password_fingerprint};
use crate::{Error, Registry};

/// A working day, whatever is done in it: 12 hours.
const LIFE_MS: i64 = 12 * 3600 * 1000;

/// A session at the moment when it was opened.
#[derive(Clone)]
pub struct NewSession {
    /// What the browser presents from now on.
    pub secret: String,
    /// How long it is good for.
    pub lasts_seconds: i64,
    /// Who signed in.
    pub caller: Caller,
    /// The session as it will be shown.
    pub open: OpenSession,
}

/// What a session tells its holder.
#[derive(Clone)]
pub struct OpenSession {
    /// What requests that change something carry besides the secret: a page of another site cannot know it.
    pub forgery_proof: String,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Registry {
    /// Signs a person in; without an account, of the first that was made here. `BadCredentials`, `Throttled` as for any
    /// login, `Denied` for a user without console access.
    pub async fn sign_in(
        &self,
        account: Option<&str>,
        user: &str,
        password: &str,
        source: IpAddr,
    ) -> Result<NewSession, Error> {
        let user = self.person_by_password(account, user, password, source).await?;
        self.open_session_of(user).await
    }

    /// Opens a session of somebody who proved who they are.
    pub(crate) async fn open_session_of(&self, user: User) -> Result<NewSession, Error> {
        let hash = user.password_hash.as_deref().ok_or_else(not_recognised)?;
        let secret = hex::encode(rand::random::<[u8; 32]>());
        let now = now_ms();
        let session = Session {
            id: id_of(&secret),
            user_id: user.id.clone(),
            password_fingerprint: password_fingerprint(hash),
            created_at: now,
            expires_at: now + LIFE_MS,
        };
        let caller = admit_session(&session, user, now)?;
        let expires_at = session.expires_at;
        match self.metadata.create_session(session).await {
            Err(berth_metadata::Error::Conflict(Conflict::UserGone)) => Err(not_recognised()),
            created => Ok(created.map(|()| NewSession {
                caller: Caller::from(caller),
                open: OpenSession {
                    forgery_proof: forgery_proof(&secret),
                    expires_at,
                },
                secret,
                lasts_seconds: LIFE_MS / 1000,
            })?),
        }
    }

    /// The caller behind a session; `BadCredentials` when it ended. `proof` is asked for by requests that change
    /// something: `Some` with what they carried, wrong or empty is `Denied`.
    pub async fn authenticate_session(&self, secret: &str, proof: Option<&str>) -> Result<Caller, Error> {
        let found = self.metadata.session(&id_of(secret)).await?;
        let (session, user) = found.ok_or_else(not_recognised)?;
        let caller = admit_session(&session, user, now_ms())?;
        if let Some(proof) = proof
            && !bool::from(forgery_proof(secret).as_bytes().ct_eq(proof.as_bytes()))
        {
            return Err(Error::Denied(Box::new(crate::Denial {
                text: crate::access::NO_PERMISSION,
                explanation:
                    "a request of a session that changes something carries the session's csrf_token in the \
                              header X-Csrf-Token"
                        .to_owned(),
            })));
        }
        Ok(Caller::from(caller))
    }

    /// What the caller's session tells them, `None` for callers without one.
    pub async fn open_session(&self, caller: &Caller, secret: &str) -> Result<Option<OpenSession>, Error> {
        let user = caller.require_user()?;
        let id = id_of(secret);
        if user.credential != Credential::Session(id.clone()) {
            return Ok(None);
        }
        let found = self.metadata.session(&id).await?;
        Ok(found.map(|(session, _)| OpenSession {
            forgery_proof: forgery_proof(secret),
            expires_at: session.expires_at,
        }))
    }

    /// Ends the caller's session; `Invalid` for callers without one.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Error> {
        let user = caller.require_user()?;
        let Credential::Session(id) = &user.credential else {
            return Err(Error::Invalid(
                "there is no session to end: this request was authenticated in another way".to_owned(),
            ));
        };
        self.metadata.delete_session(id).await?;
        Ok(())
    }
}

/// What is stored of a session's secret.
fn id_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Follows from the secret, so that every replica knows it; the secret does not follow from it.
fn forgery_proof(secret: &str) -> String {
    hex::encode(Sha256::digest(format!("berth forgery proof\n{secret}")))
}
