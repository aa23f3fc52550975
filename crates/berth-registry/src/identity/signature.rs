//! Requests signed with an access key (SDK-HMAC-SHA256). The arithmetic is in `berth_oci::signature`; here are the key,
//! the lock after five failures, and the refusal of a request that comes twice.

use std::net::IpAddr;

use berth_metadata::{AccessKey, TemporaryKey, User};
use berth_oci::signature::{Authorization, SignatureError, SignedRequest};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Error, admit_key, admit_temporary_key, not_recognised, refused_because};
use crate::Registry;
use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::throttle::Subject;

/// Dates are signed to the second, so that a client which makes the same call twice within one sends the same bytes.
const SAME_CALL_MS: i64 = 2_000;

/// The header of the token that belongs to a temporary key; some clients add it after signing, so it may be unsigned.
const SECURITY_TOKEN_HEADER: &str = "x-security-token";

/// How long a signature is remembered: it may be dated 15 minutes ahead and is then good for 15 minutes more.
pub(crate) const REMEMBERED_MS: i64 = 31 * 60 * 1000;

/// What signed, with its owner.
enum SigningKey {
    Lasting(AccessKey, User),
    /// And whether the access key that made it still stands.
    Temporary(TemporaryKey, User, bool),
}

impl Registry {
    /// The caller who signed `request`, whose `Authorization` header is `authorization`. `BadCredentials` when the
    /// signature is not right, too old, or was used before to change something; `Throttled` while the key is locked.
    pub async fn authenticate_signature(
        &self,
        authorization: &str,
        request: &SignedRequest<'_>,
        source: IpAddr,
    ) -> Result<Caller, Error> {
        let authorization: Authorization = authorization.parse().map_err(told)?;
        let throttle = &self.identity.throttle;
        // First: keys can be invented without end, each with failures of its own to count.
        let from = throttle.attempt(Subject::source(source)).await?;
        let subject = Subject::signing_key(authorization.access_key_id());
        let attempt = throttle.attempt(subject).await?;
        let now = now_ms();
        let found = self.signing_key(authorization.access_key_id()).await?;
        let secret = match &found {
            Some(SigningKey::Lasting(key, _)) => self.identity.secret_key(key)?,
            Some(SigningKey::Temporary(key, ..)) => self.identity.temporary_secret_key(key)?,
            // An unknown key costs the same arithmetic as a wrong signature.
            None => {
                zeroize::Zeroizing::new(rand::random::<[u8; 32]>().map(|byte| b'0' | (byte & 7)).to_vec())
            }
        };
        let secret =
            std::str::from_utf8(&secret).map_err(|error| Error::internal("reading a secret key", error))?;
        match (request.verify(&authorization, secret, now), found) {
            (Ok(()), Some(key)) => {
                throttle.succeeded(from).await;
                throttle.succeeded(attempt).await;
                let user = self.admit_signer(key, request, now).await;
                if !request.method.is_safe() {
                    self.refuse_replay(&authorization, source).await?;
                }
                Ok(Caller::from(user?))
            }
            (Err(SignatureError::Mismatch), _) | (Ok(()), None) => {
                throttle.failed(from).await?;
                throttle.failed(attempt).await?;
                Err(not_recognised())
            }
            (Err(error), _) => Err(told(error)),
        }
    }

    /// The key that may have signed, of either kind.
    async fn signing_key(&self, access_key_id: &str) -> Result<Option<SigningKey>, Error> {
        if let Some((key, user)) = self.metadata.access_key(access_key_id).await? {
            return Ok(Some(SigningKey::Lasting(key, user)));
        }
        let found = self.metadata.temporary_key(access_key_id).await?;
        Ok(found.map(|(key, user, is_rooted)| SigningKey::Temporary(key, user, is_rooted)))
    }

    /// The caller behind a signature that was right. A temporary key is half of a credential: its token is the other.
    async fn admit_signer(
        &self,
        key: SigningKey,
        request: &SignedRequest<'_>,
        now: i64,
    ) -> Result<UserCaller, Error> {
        match key {
            SigningKey::Lasting(key, user) => {
                self.note_use(&key, now).await;
                admit_key(&key, user, now)
            }
            SigningKey::Temporary(key, user, is_rooted) => {
                let token = request.headers.get(SECURITY_TOKEN_HEADER);
                let hash = Sha256::digest(token.map_or(&[][..], |token| token.as_bytes().trim_ascii()));
                if !bool::from(hash.ct_eq(&key.token_hash[..])) {
                    return Err(refused_because(
                        "a temporary access key is used together with its token, in the header X-Security-Token"
                            .to_owned(),
                    ));
                }
                admit_temporary_key((key, user, is_rooted), now)
            }
        }
    }

    /// A captured request must not change anything again within the window in which its date is accepted, at no replica.
    async fn refuse_replay(&self, authorization: &Authorization, source: IpAddr) -> Result<(), Error> {
        let signature = hex::encode(Sha256::digest(authorization.to_string().as_bytes()));
        let source = source.to_string();
        let seen = self.metadata.note_signature(&signature, &source).await?;
        let is_again = seen.source == source && seen.age_ms < SAME_CALL_MS;
        if seen.is_new || is_again {
            return Ok(());
        }
        Err(refused_because(
            "this signed request was received before: sign it again with a new X-Sdk-Date".to_owned(),
        ))
    }
}

/// Mistakes in form, date and coverage say nothing about the key, so their maker may know them.
fn told(error: SignatureError) -> Error {
    match error {
        SignatureError::Mismatch => not_recognised(),
        other => refused_because(other.to_string()),
    }
}
