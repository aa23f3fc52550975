//! Requests signed with an access key (SDK-HMAC-SHA256). The arithmetic is in `berth_oci::signature`; here are the key,
//! the lock after five failures, and the refusal of a request that comes twice.

use std::net::IpAddr;

use berth_oci::signature::{Authorization, SignatureError, SignedRequest};

use super::{Error, admit_key, not_recognised, refused_because};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::throttle::Subject;

/// Dates are signed to the second, so that a client which makes the same call twice within one sends the same bytes.
const SAME_CALL_MS: i64 = 2_000;

/// When and from where a signature came first.
#[derive(Clone, Copy)]
pub(super) struct SeenSignature {
    first_at: i64,
    source: IpAddr,
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
        let subject = Subject::signing_key(authorization.access_key_id());
        tokio::time::sleep(self.identity.throttle.turn(&subject, now_ms())?).await;
        let now = now_ms();
        let found = self.metadata.access_key(authorization.access_key_id()).await?;
        let secret = match &found {
            Some((key, _)) => self.identity.secret_key(key)?,
            // An unknown key costs the same arithmetic as a wrong signature.
            None => {
                zeroize::Zeroizing::new(rand::random::<[u8; 32]>().map(|byte| b'0' | (byte & 7)).to_vec())
            }
        };
        let secret =
            std::str::from_utf8(&secret).map_err(|error| Error::internal("reading a secret key", error))?;
        match (request.verify(&authorization, secret, now), found) {
            (Ok(()), Some((key, user))) => {
                self.identity.throttle.succeeded(&subject);
                self.note_use(&key, now).await;
                if !request.method.is_safe() {
                    self.refuse_replay(
                        &authorization,
                        SeenSignature {
                            first_at: now,
                            source,
                        },
                    )?;
                }
                Ok(Caller::User(Box::new(admit_key(&key, user, now)?)))
            }
            (Err(SignatureError::Mismatch), _) | (Ok(()), None) => {
                self.identity.throttle.failed(subject, now);
                Err(not_recognised())
            }
            (Err(error), _) => Err(told(error)),
        }
    }

    /// A captured request must not change anything again within the window in which its date is accepted.
    fn refuse_replay(&self, authorization: &Authorization, now: SeenSignature) -> Result<(), Error> {
        let seen = self
            .identity
            .seen_signatures
            .entry(authorization.to_string())
            .or_insert(now);
        let first = *seen.value();
        let is_again = first.source == now.source && now.first_at - first.first_at < SAME_CALL_MS;
        if seen.is_fresh() || is_again {
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
