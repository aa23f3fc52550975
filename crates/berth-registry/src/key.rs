//! Access keys (AK/SK): they sign API calls and make long-term logins. The secret key is shown once and kept sealed.

use berth_metadata::{AccessKey, Conflict, User};

use crate::access::Caller;
use crate::clock::now_ms;
use crate::identity::{login_key, secret_key_context};
use crate::people::check_description;
use crate::user::{Switch, random_text};
use crate::{Error, Registry};

const ACCESS_KEY_CHARS: usize = 20;
const ACCESS_KEY_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SECRET_KEY_CHARS: usize = 40;
const SECRET_KEY_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Keys of one user; SWR allows two, robots of one team may need some more.
const KEYS_PER_USER_MAX: i64 = 20;

/// An access key with its secret, at the only moment when that can be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyPair {
    /// The access key id (AK).
    pub access_key_id: String,
    /// The secret key (SK).
    pub secret_key: String,
}

impl AccessKeyPair {
    /// A random pair: 20 characters and 40 characters.
    pub fn generate() -> AccessKeyPair {
        AccessKeyPair {
            access_key_id: generate_access_key_id(),
            secret_key: random_text(SECRET_KEY_ALPHABET, SECRET_KEY_CHARS),
        }
    }

    /// The password of the long-term login `<project>@<AK>`.
    pub fn login_key(&self) -> String {
        login_key(&self.access_key_id, self.secret_key.as_bytes())
    }

    /// Refuses what could not be sent in a login name, a header or a command line.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let id = &self.access_key_id;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(4..=64).contains(&id.len()) || !id.bytes().all(plain) {
            return Err(Error::Invalid(
                "an access key id has 4 to 64 letters, digits, '_' or '-'".to_owned(),
            ));
        }
        let secret = &self.secret_key;
        if !(8..=128).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Invalid(
                "a secret key has 8 to 128 printable ASCII characters and no space".to_owned(),
            ));
        }
        Ok(())
    }
}

/// A random id in the form of an access key's.
pub(crate) fn generate_access_key_id() -> String {
    random_text(ACCESS_KEY_ALPHABET, ACCESS_KEY_CHARS)
}

impl Registry {
    /// Creates an access key for a user and gives its secret, once.
    pub async fn create_access_key(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
    ) -> Result<AccessKeyPair, Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        self.create_key(&user, "").await.map(|(pair, _)| pair)
    }

    /// Creates an access key for the caller, or for a user of the account that the caller administers; its row and its
    /// secret, once. `Invalid` when the user has as many as one may.
    pub async fn create_key_of(
        &self,
        caller: &Caller,
        user_id: &str,
        description: &str,
    ) -> Result<(AccessKeyPair, AccessKey), Error> {
        caller.require_lasting()?;
        let user = self.person_by_id(caller, user_id).await?;
        check_description(description)?;
        self.create_key(&user, description).await
    }

    async fn create_key(&self, user: &User, description: &str) -> Result<(AccessKeyPair, AccessKey), Error> {
        let pair = AccessKeyPair::generate();
        let mut row = self.sealed(&pair, &user.id)?;
        description.clone_into(&mut row.description);
        let stored = self.metadata.create_access_key(row.clone(), KEYS_PER_USER_MAX);
        match stored.await {
            Err(berth_metadata::Error::Conflict(Conflict::TooMany)) => Err(Error::Invalid(format!(
                "user '{}' has {KEYS_PER_USER_MAX} access keys, as many as one user may: delete one first",
                user.name
            ))),
            Err(berth_metadata::Error::Conflict(Conflict::AccessKeyExists)) => {
                Err(Error::Exists(format!("access key {}", pair.access_key_id)))
            }
            created => Ok(created.map(|()| (pair, row))?),
        }
    }

    /// The access keys of a user, without their secrets.
    pub async fn list_access_keys(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
    ) -> Result<Vec<AccessKey>, Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        Ok(self.metadata.list_access_keys(&user.id).await?)
    }

    /// The access keys of the caller, or of a user of the account that the caller administers; without their secrets.
    pub async fn keys_of(&self, caller: &Caller, user_id: &str) -> Result<Vec<AccessKey>, Error> {
        let user = self.person_by_id(caller, user_id).await?;
        Ok(self.metadata.list_access_keys(&user.id).await?)
    }

    /// An access key, for its owner and the administrators of the owner's account.
    pub async fn key_by_id(&self, caller: &Caller, access_key_id: &str) -> Result<AccessKey, Error> {
        self.key_for(caller, access_key_id).await
    }

    /// Switches and describes a key, each unless absent; for its owner and the administrators of the owner's account.
    pub async fn change_key(
        &self,
        caller: &Caller,
        access_key_id: &str,
        switch: Option<Switch>,
        description: Option<&str>,
    ) -> Result<AccessKey, Error> {
        let key = self.key_for(caller, access_key_id).await?;
        caller.require_lasting()?;
        check_description(description.unwrap_or_default())?;
        let enabled = switch.map(|switch| switch == Switch::Enabled);
        self.metadata
            .update_access_key(&key.access_key_id, enabled, description)
            .await?;
        Ok(AccessKey {
            enabled: enabled.unwrap_or(key.enabled),
            description: description.map_or(key.description, str::to_owned),
            ..key
        })
    }

    /// Makes a key good again, or refuses it and every login made with it from the next request on.
    pub async fn switch_access_key(
        &self,
        caller: &Caller,
        access_key_id: &str,
        switch: Switch,
    ) -> Result<(), Error> {
        let key = self.key_for(caller, access_key_id).await?;
        self.metadata
            .set_access_key_enabled(&key.access_key_id, switch == Switch::Enabled)
            .await?;
        Ok(())
    }

    /// Deletes a key; every login made with it ends at its next request.
    pub async fn delete_access_key(&self, caller: &Caller, access_key_id: &str) -> Result<(), Error> {
        let key = self.key_for(caller, access_key_id).await?;
        self.metadata.delete_access_key(&key.access_key_id).await?;
        Ok(())
    }

    /// The row that keeps a pair.
    pub(crate) fn sealed(&self, pair: &AccessKeyPair, user_id: &str) -> Result<AccessKey, Error> {
        let context = secret_key_context(&pair.access_key_id);
        Ok(AccessKey {
            access_key_id: pair.access_key_id.clone(),
            user_id: user_id.to_owned(),
            secret_encrypted: self
                .identity
                .master_key
                .seal(&context, pair.secret_key.as_bytes())?,
            enabled: true,
            description: String::new(),
            created_at: now_ms(),
            last_used_at: None,
            expires_at: None,
        })
    }

    /// A key that is the caller's own or that the caller administers; any other is `Unknown` like one that is not.
    async fn key_for(&self, caller: &Caller, access_key_id: &str) -> Result<AccessKey, Error> {
        let asking = match caller {
            Caller::System => None,
            _ => Some(caller.require_user()?),
        };
        let is_theirs = |user: &User| {
            asking.is_none_or(|asking| asking.user_id == user.id || asking.administers(&user.account_id))
        };
        match self.metadata.access_key(access_key_id).await? {
            Some((key, user)) if is_theirs(&user) => Ok(key),
            _ => Err(Error::Unknown(format!("access key {access_key_id}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(access_key_id: &str, secret_key: &str) -> AccessKeyPair {
        AccessKeyPair {
            access_key_id: access_key_id.to_owned(),
            secret_key: secret_key.to_owned(),
        }
    }

    #[test]
    fn a_given_pair_must_fit_into_names_and_headers() {
        for (id, secret, allowed) in [
            ("AKEXAMPLE0001", "SKexampleSecret0001", true),
            ("AK_-", "+/=:\"'x1", true),
            ("AK1", "SKexampleSecret0001", false),
            (&"A".repeat(65), "SKexampleSecret0001", false),
            ("AK@1", "SKexampleSecret0001", false),
            ("AK,1", "SKexampleSecret0001", false),
            ("AK 1", "SKexampleSecret0001", false),
            ("AK01", "short12", false),
            ("AK01", "with space", false),
            ("AK01", "täglich-neu", false),
            ("AK01", &"x".repeat(129), false),
        ] {
            assert_eq!(pair(id, secret).check().is_ok(), allowed, "{id} {secret}");
        }
    }

    #[test]
    fn generated_pairs_are_allowed_and_differ() {
        let (one, two) = (AccessKeyPair::generate(), AccessKeyPair::generate());
        assert!(one.check().is_ok());
        assert!(one != two);
        assert_eq!((one.access_key_id.len(), one.secret_key.len()), (20, 40));
    }
}
