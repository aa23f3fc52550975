//! Requests signed with an access key (SDK-HMAC-SHA256). The arithmetic is in `berth_oci::signature`; here are the key,
//! the lock after five failures, and the refusal of a request that comes twice.

use berth_oci::signature::{Authorization, SignatureError, SignedRequest};
use http::Method;

use super::{Error, admit_key, not_recognised, refused_because};
use crate::Registry;
use crate::access::Caller;
use crate::clock::now_ms;
use crate::throttle::Subject;

impl Registry {
    /// The caller who signed `request`, whose `Authorization` header is `authorization`. `BadCredentials` when the
    /// signature is not right, too old, or was used before to change something; `Throttled` while the key is locked.
    pub async fn authenticate_signature(
        &self,
        authorization: &str,
        request: &SignedRequest<'_>,
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
                self.refuse_second_use(&authorization, request.method)?;
                Ok(Caller::User(Box::new(admit_key(&key, user, now)?)))
            }
            (Err(SignatureError::Mismatch), _) | (Ok(()), None) => {
                self.identity.throttle.failed(subject, now);
                Err(not_recognised())
            }
            (Err(error), _) => Err(told(error)),
        }
    }

    /// A captured request must not change anything a second time within the window in which its date is accepted.
    fn refuse_second_use(&self, authorization: &Authorization, method: &Method) -> Result<(), Error> {
        if method.is_safe() {
            return Ok(());
        }
        let seen = self.identity.seen_signatures.entry(authorization.to_string());
        if seen.or_insert(()).is_fresh() {
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
