//! Users of an account: made, named, enabled, given a password. For the operator and the account's administrators.

use berth_metadata::{AccessType, Conflict, NewUser, User};
use rand::seq::IndexedRandom;

use crate::access::Caller;
use crate::account::{LIST_PAGE, check_name, new_id};
use crate::clock::now_ms;
use crate::{Error, Registry};

const PASSWORD_CHARS_MIN: usize = 8;
/// Longer passwords only cost hashing time.
const PASSWORD_BYTES_MAX: usize = 512;
const GENERATED_PASSWORD_CHARS: usize = 20;
/// No characters that are mistaken for one another when they are typed.
const GENERATED_PASSWORD_ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A user to be made.
#[derive(Clone)]
pub struct NewPerson {
    /// The name within the account.
    pub name: String,
    /// The password; without one the user has access keys only.
    pub password: Option<String>,
    /// Where the user may log in.
    pub access: AccessType,
    /// Whether the user administers the account.
    pub administrator: bool,
    /// What the user is for, in somebody's words; may be empty.
    pub description: String,
}

/// Whether a user or an access key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It may.
    Enabled,
    /// It is refused until it is enabled again.
    Disabled,
}

impl Caller {
    /// The user's name within the account; empty for callers who are none.
    pub(crate) fn user_name(&self) -> &str {
        match self {
            Self::User(user) => &user.user_name,
            Self::Anonymous | Self::System => "",
        }
    }
}

impl Registry {
    /// Creates a user of `account`; `Exists` when the account has one of that name.
    pub async fn create_user(
        &self,
        caller: &Caller,
        account: &str,
        person: NewPerson,
    ) -> Result<User, Error> {
        self.create_switched_user(caller, account, person, Switch::Enabled)
            .await
    }

    /// The same, of one who may not sign in yet, say.
    pub(crate) async fn create_switched_user(
        &self,
        caller: &Caller,
        account: &str,
        person: NewPerson,
        switch: Switch,
    ) -> Result<User, Error> {
        caller.require_administrator(account)?;
        check_name("user", &person.name)?;
        let password_hash = match &person.password {
            Some(password) => Some(self.hashed(password).await?),
            None => None,
        };
        let account = self.account(account).await?;
        let new = NewUser {
            id: new_id(),
            account_id: account.id,
            name: person.name,
            password_hash,
            access: person.access,
            administrator: person.administrator,
            enabled: switch == Switch::Enabled,
            description: person.description,
            now: now_ms(),
        };
        let taken = format!("user '{}' of account '{}'", new.name, account.name);
        match self.metadata.create_user(new).await {
            Err(berth_metadata::Error::Conflict(Conflict::UserExists)) => Err(Error::Exists(taken)),
            created => Ok(created?),
        }
    }

    /// Every user of `account`, by name.
    pub async fn list_users(&self, caller: &Caller, account: &str) -> Result<Vec<User>, Error> {
        caller.require_administrator(account)?;
        let account = self.account(account).await?;
        let mut users: Vec<User> = Vec::new();
        loop {
            let last = users.last().map(|user| user.name.clone());
            let page = self
                .metadata
                .list_users(&account.id, last.as_deref(), LIST_PAGE)
                .await?;
            if page.is_empty() {
                return Ok(users);
            }
            users.extend(page);
        }
    }

    /// The user of that name; `Unknown` when the account has none.
    pub async fn show_user(&self, caller: &Caller, account: &str, user: &str) -> Result<User, Error> {
        caller.require_administrator(account)?;
        self.user(account, user).await
    }

    /// Gives a user a new password; tokens made with the old one end.
    pub async fn reset_password(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
        password: &str,
    ) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        let hash = self.hashed(password).await?;
        self.metadata.set_password_hash(&user.id, Some(&hash)).await?;
        Ok(())
    }

    /// Lets a user in again, or keeps them out from their next request on.
    pub async fn switch_user(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
        switch: Switch,
    ) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        self.metadata
            .set_user_enabled(&user.id, switch == Switch::Enabled)
            .await?;
        Ok(())
    }

    /// Changes where a user may log in; logins made before follow from their next request on.
    pub async fn set_access(
        &self,
        caller: &Caller,
        account: &str,
        user: &str,
        access: AccessType,
    ) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        self.metadata.set_user_access(&user.id, access).await?;
        Ok(())
    }

    /// Deletes a user with their keys, logins and rights.
    pub async fn delete_user(&self, caller: &Caller, account: &str, user: &str) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let user = self.user(account, user).await?;
        self.metadata.delete_user(&user.id).await?;
        Ok(())
    }

    /// The user of that name, or `Unknown`.
    pub(crate) async fn user(&self, account: &str, user: &str) -> Result<User, Error> {
        let found = self.metadata.user_by_name(account, user).await?;
        found.ok_or_else(|| Error::Unknown(format!("user '{user}' of account '{account}'")))
    }

    pub(crate) async fn hashed(&self, password: &str) -> Result<String, Error> {
        check_password(password)?;
        self.identity.passwords.hash(password).await
    }
}

/// Refuses passwords that are too short to be one or too long to be hashed.
pub(crate) fn check_password(password: &str) -> Result<(), Error> {
    if password.chars().count() >= PASSWORD_CHARS_MIN && password.len() <= PASSWORD_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a password has at least {PASSWORD_CHARS_MIN} characters and at most {PASSWORD_BYTES_MAX} bytes"
    )))
}

/// A random password of 20 characters (116 bits).
pub fn generate_password() -> String {
    random_text(GENERATED_PASSWORD_ALPHABET, GENERATED_PASSWORD_CHARS)
}

/// Random characters of `alphabet`, from a cryptographic source.
pub(crate) fn random_text(alphabet: &[u8], chars: usize) -> String {
    let mut source = rand::rng();
    (0..chars)
        .filter_map(|_| alphabet.choose(&mut source))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for (name, allowed) in [
            ("admin", true),
            ("a", true),
            ("1st.robot_of-team", true),
            (&"x".repeat(64), true),
            ("", false),
            (&"x".repeat(65), false),
            (".a", false),
            ("-a", false),
            ("a/b", false),
            ("a@b", false),
            ("a:b", false),
            ("a b", false),
            ("ä", false),
            ("a\n", false),
        ] {
            assert_eq!(check_name("user", name).is_ok(), allowed, "{name:?}");
        }
    }

    #[test]
    fn passwords_have_bounds() {
        for (password, allowed) in [
            ("1234567", false),
            ("12345678", true),
            ("äöüäöüäö", true),
            (&"x".repeat(512), true),
            (&"x".repeat(513), false),
        ] {
            assert_eq!(check_password(password).is_ok(), allowed, "{password:?}");
        }
    }

    #[test]
    fn generated_passwords_are_allowed_and_differ() {
        let (one, two) = (generate_password(), generate_password());
        assert!(check_password(&one).is_ok());
        assert_eq!(one.len(), GENERATED_PASSWORD_CHARS);
        assert_ne!(one, two);
    }
}
