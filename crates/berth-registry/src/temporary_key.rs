//! Temporary access keys: a pair and a security token that end by themselves, for programs that sign requests.

use berth_metadata::{Conflict, TemporaryKey};
use rand::random;
use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::clock::now_ms;
use crate::error::Denial;
use crate::identity::{not_recognised, secret_key_context};
use crate::key::AccessKeyPair;
use crate::secret::{Roots, checked_duration};
use crate::{Credential, Error, Registry};

/// How long a key is good for when nobody says, as in IAM: 15 minutes.
const SECONDS_USUAL: i64 = 900;

/// A temporary access key, at the only moment when its secrets can be seen.
#[derive(Clone)]
pub struct NewTemporaryKey {
    /// The key.
    pub pair: AccessKeyPair,
    /// What requests carry in X-Security-Token.
    pub security_token: String,
    /// Milliseconds since the epoch.
    pub expires_at: i64,
}

impl Registry {
    /// A temporary access key for the caller, good for 900 to 86400 seconds, 900 when absent. It ends early with the
    /// access key or password behind the caller; `Denied` to a caller with a temporary credential.
    pub async fn create_temporary_key(
        &self,
        caller: &Caller,
        duration_seconds: Option<i64>,
    ) -> Result<NewTemporaryKey, Error> {
        let user = caller.require_lasting()?;
        let seconds = checked_duration(duration_seconds.unwrap_or(SECONDS_USUAL))?;
        let Roots {
            access_key_id,
            password_fingerprint,
            ..
        } = self.roots_of(user).await?;
        let (pair, now) = (AccessKeyPair::generate(), now_ms());
        let security_token = hex::encode(random::<[u8; 48]>());
        let context = secret_key_context(&pair.access_key_id);
        let row = TemporaryKey {
            access_key_id: pair.access_key_id.clone(),
            user_id: user.user_id.clone(),
            secret_encrypted: self
                .identity
                .master_key
                .seal(&context, pair.secret_key.as_bytes())?,
            token_hash: Sha256::digest(security_token.as_bytes()).to_vec(),
            made_with: access_key_id,
            password_fingerprint,
            created_at: now,
            expires_at: now + seconds * 1000,
        };
        let expires_at = row.expires_at;
        match self.metadata.create_temporary_key(row).await {
            // Deleted since the request was let in.
            Err(berth_metadata::Error::Conflict(Conflict::AccessKeyGone)) => Err(not_recognised()),
            created => Ok(created.map(|()| NewTemporaryKey {
                pair,
                security_token,
                expires_at,
            })?),
        }
    }
}

impl Caller {
    /// Lets users pass whose credential does not end by itself: it makes others, and must not outlive itself in them.
    pub(crate) fn require_lasting(&self) -> Result<&crate::UserCaller, Error> {
        let user = self.require_user()?;
        match user.credential {
            Credential::TemporaryKey(_) | Credential::TemporaryLogin(_) => Err(Error::Denied(Box::new(Denial {
                text: crate::access::NO_PERMISSION,
                explanation: "a temporary credential makes no other credentials: use a password, a token or an access key"
                    .to_owned(),
            }))),
            Credential::Password | Credential::AccessKey(_) | Credential::Session(_) => Ok(user),
        }
    }
}
