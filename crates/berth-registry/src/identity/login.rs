//! User names with passwords, as `docker login` sends them: people (`<account>/<user>`, `<user>`), access keys with
//! their long-term login key and temporary logins (both `<project>@<id>`).

use std::net::IpAddr;

use berth_metadata::{AccessKey, User};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Identity;
use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::password::{Attempt, is_elsewhere};
use crate::throttle::{self, Subject};
use crate::{Error, Registry};

/// Longer names and secrets are of no form that is known.
const FIELD_BYTES_MAX: usize = 1024;

/// Tokens of issuers elsewhere are passwords, too, of `oidc@<account>/<rule>`.
const ISSUED: &str = "oidc";
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A user name and password as presented, and the address they came from.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The user name in one of the login forms.
    pub user: &'a str,
    /// The password, login key or temporary key.
    pub password: &'a str,
    /// The client's address, after trusted proxies.
    pub source: IpAddr,
}

/// What the form of a user name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form<'a> {
    Person { account: Option<&'a str>, user: &'a str },
    Key { project: &'a str, id: &'a str },
}

impl<'a> Form<'a> {
    fn of(name: &'a str) -> Form<'a> {
        if let Some((project, id)) = name.rsplit_once('@') {
            return Form::Key { project, id };
        }
        match name.split_once('/') {
            Some((account, user)) => Form::Person {
                account: Some(account),
                user,
            },
            None => Form::Person {
                account: None,
                user: name,
            },
        }
    }
}

/// Which passwords that were right a moment ago are right without asking again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// All: docker logs in for each token.
    OfDirectoriesToo,
    /// Those of this registry: who signs in to the console gets the groups that they have now.
    OfOwnPasswords,
}

/// What was found behind a presented name: nothing that fits, or a caller whose secret was right and what became of it.
type Found = Option<Result<UserCaller, Error>>;

impl Registry {
    /// The caller behind a user name and password; `BadCredentials` when they are not right, `Denied` without
    /// programmatic access, `Throttled` when too many attempts after failures wait already.
    pub async fn authenticate_password(&self, presented: Presented<'_>) -> Result<Caller, Error> {
        let throttle = &self.identity.throttle;
        let source = throttle.attempt(Subject::source(presented.source)).await?;
        let form = Form::of(presented.user);
        let password_bytes_max = match form {
            Form::Key { project: ISSUED, .. } => TOKEN_BYTES_MAX,
            _ => FIELD_BYTES_MAX,
        };
        let too_long =
            presented.user.len() > FIELD_BYTES_MAX || presented.password.len() > password_bytes_max;
        let found = match form {
            _ if too_long => None,
            Form::Person { account, user } => {
                let proven = self
                    .prove_password((account, user), presented, Memory::OfDirectoriesToo)
                    .await?;
                proven.map(super::admit_user)
            }
            Form::Key { project: ISSUED, id } if id.contains('/') => {
                self.workload(id, presented.password).await?
            }
            Form::Key { project, id } => self.prove_login_key(project, id, presented.password).await?,
        };
        match found {
            Some(Ok(caller)) => {
                throttle.succeeded(source).await;
                Ok(Caller::from(caller))
            }
            Some(Err(refusal)) => Err(refusal),
            None => {
                throttle.failed(source).await?;
                Err(super::not_recognised())
            }
        }
    }

    /// The user of that name whose password was given, whatever else their state; for who states account, name and
    /// password apart. Without an account it is the first that was made here.
    pub(crate) async fn person_by_password(
        &self,
        account: Option<&str>,
        user: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<User, Error> {
        let throttle = &self.identity.throttle;
        let source = throttle.attempt(Subject::source(address)).await?;
        let login = account.map_or_else(|| user.to_owned(), |account| format!("{account}/{user}"));
        let proven = if login.len().max(password.len()) > FIELD_BYTES_MAX {
            None
        } else {
            let presented = Presented {
                user: &login,
                password,
                source: address,
            };
            self.prove_password((account, user), presented, Memory::OfOwnPasswords)
                .await?
        };
        if proven.is_some() {
            throttle.succeeded(source).await;
        } else {
            throttle.failed(source).await?;
        }
        proven.ok_or_else(super::not_recognised)
    }

    /// The caller behind an access key whose secret was given in plain text.
    pub(crate) async fn holder_of_secret_key(
        &self,
        access_key_id: &str,
        secret: &str,
    ) -> Result<UserCaller, Error> {
        let now = now_ms();
        let attempt = self
            .identity
            .throttle
            .attempt(Subject::signing_key(access_key_id));
        let attempt = attempt.await?;
        let found = self.metadata.access_key(access_key_id).await?;
        if let Some((key, user)) = found
            && bool::from(self.identity.secret_key(&key)?.ct_eq(secret.as_bytes()))
        {
            self.identity.throttle.succeeded(attempt).await;
            self.note_use(&key, now).await;
            return super::admit_key(&key, user, now);
        }
        self.identity.throttle.failed(attempt).await?;
        Err(super::not_recognised())
    }

    /// The account and the user that a refused login was meant for, as far as its name tells.
    pub(crate) async fn owner_of_login(
        &self,
        presented: &str,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let owned = |user: User| (Some(user.account_id), Some(user.id));
        let (account, user) = match Form::of(presented) {
            _ if presented.len() > FIELD_BYTES_MAX => return Ok((None, None)),
            Form::Person { account, user } => (account, user),
            Form::Key { id, .. } => {
                if let Some((_, user)) = self.metadata.access_key(id).await? {
                    return Ok(owned(user));
                }
                if let Some((_, user, _)) = self.metadata.temporary_login(id).await? {
                    return Ok(owned(user));
                }
                let key = self.metadata.temporary_key(id).await?;
                return Ok(key.map_or((None, None), |(_, user, _)| owned(user)));
            }
        };
        let account = match account {
            None => self.metadata.first_account().await?,
            Some(account) => match self.metadata.account_by_name(account).await? {
                Some(found) => Some(found),
                // Some logins name it so.
                None => self.metadata.account_by_id(account).await?,
            },
        };
        let Some(account) = account else {
            return Ok((None, None));
        };
        let user = self.person(Some(&account.name), user).await?;
        Ok((Some(account.id), user.map(|user| user.id)))
    }

    /// A user by name; without an account, of the first account that was made here.
    async fn person(&self, account: Option<&str>, user: &str) -> Result<Option<User>, Error> {
        match self.account_meant(account).await? {
            Some(account) => Ok(self.metadata.user_by_name(&account, user).await?),
            None => Ok(None),
        }
    }

    async fn account_meant(&self, account: Option<&str>) -> Result<Option<String>, Error> {
        match account {
            Some(account) => Ok(Some(account.to_owned())),
            None => Ok(self.metadata.first_account().await?.map(|account| account.name)),
        }
    }

    /// Passwords can be guessed, so that failures in a user's name slow the next ones down.
    async fn prove_password(
        &self,
        (account, name): (Option<&str>, &str),
        presented: Presented<'_>,
        memory: Memory,
    ) -> Result<Option<User>, Error> {
        let Identity {
            passwords, throttle, ..
        } = &self.identity;
        let account = self.account_meant(account).await?.unwrap_or_default();
        let user = self.metadata.user_by_name(&account, name).await?;
        let attempt = Attempt {
            stored: user.as_ref().and_then(|user| user.password_hash.as_deref()),
            password: presented.password,
            source: presented.source,
        };
        // Directories take a name in any case: that is no other name to guess for.
        let login = Subject::login(&presented.user.to_lowercase());
        // A push that is under way goes on while somebody else fails in this user's name.
        let is_known_here = !attempt.stored.is_some_and(is_elsewhere);
        // Who was kept out may be back there.
        let is_let_in = user.as_ref().is_some_and(|user| user.enabled);
        let is_remembered = is_known_here || (memory == Memory::OfDirectoriesToo && is_let_in);
        let is_recent = is_remembered && passwords.is_recent(attempt);
        let turn = if is_recent {
            throttle::Attempt::free(login)
        } else {
            throttle.attempt(login).await?
        };
        // What is elsewhere is hashed for nobody, and not remembered here.
        let here = Attempt {
            stored: attempt.stored.filter(|_| is_known_here),
            ..attempt
        };
        let proven = if is_recent || passwords.verify(here).await? {
            user
        } else if user.is_none() || !is_known_here {
            let proven = self
                .prove_elsewhere(&account, user.as_ref(), (name, presented.password))
                .await?;
            if let Some(user) = &proven {
                passwords.remember(Attempt {
                    stored: user.password_hash.as_deref(),
                    ..attempt
                });
            }
            proven
        } else {
            None
        };
        if proven.is_some() {
            throttle.succeeded(turn).await;
        } else {
            throttle.failed(turn).await?;
        }
        Ok(proven)
    }

    /// Keys are random: no number of failures brings anybody nearer, and nobody is slowed down for them.
    async fn prove_login_key(&self, project: &str, id: &str, secret: &str) -> Result<Found, Error> {
        let now = now_ms();
        if let Some((key, user)) = self.metadata.access_key(id).await? {
            let right = self.is_login_key(&key, secret)?;
            if !right || project != self.identity.region {
                return Ok(None);
            }
            self.note_use(&key, now).await;
            return Ok(Some(super::admit_key(&key, user, now)));
        }
        if let Some(found) = self.metadata.temporary_login(id).await? {
            let right = bool::from(Sha256::digest(secret.as_bytes()).ct_eq(&found.0.secret_hash[..]));
            return Ok((right && project == found.0.project).then(|| super::admit_temporary(found, now)));
        }
        Ok(None)
    }

    fn is_login_key(&self, key: &AccessKey, presented: &str) -> Result<bool, Error> {
        let expected = login_key(&key.access_key_id, &self.identity.secret_key(key)?);
        Ok(expected.as_bytes().ct_eq(presented.as_bytes()).into())
    }
}

/// The long-term login key of an access key: hex(HMAC-SHA256(key = SK, message = AK)).
pub(crate) fn login_key(access_key_id: &str, secret_key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key).expect("HMAC takes keys of any length");
    mac.update(access_key_id.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_has_one_form() {
        let person = |account, user| Form::Person { account, user };
        for (name, form) in [
            ("admin", person(None, "admin")),
            ("berth/admin", person(Some("berth"), "admin")),
            ("berth/a/b", person(Some("berth"), "a/b")),
            ("", person(None, "")),
            (
                "local@AK1",
                Form::Key {
                    project: "local",
                    id: "AK1",
                },
            ),
            (
                "a@b@AK1",
                Form::Key {
                    project: "a@b",
                    id: "AK1",
                },
            ),
            ("@", Form::Key { project: "", id: "" }),
        ] {
            assert_eq!(Form::of(name), form, "{name}");
        }
    }

    #[test]
    fn the_login_key_is_the_one_of_swr() {
        assert_eq!(
            login_key("AKEXAMPLE0001", b"SKexampleSecret0001"),
            "50e8d05e959cb9a7cc1cc5ebc12406f96673b34b23750610eb19493668007d3e"
        );
    }
}
