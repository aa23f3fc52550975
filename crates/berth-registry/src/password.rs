//! Passwords of people: argon2id hashes, made and checked on blocking threads with a bound on memory.
//! A password that was verified a moment ago from the same source is recognised without hashing again, so that Basic
//! on every request of a push does not burn a core. Knows no users and no rights.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::Error;

/// Hashes at a time: each needs 19 MiB (OWASP: argon2id, 19 MiB, two passes, one lane) and a core.
const CONCURRENT_HASHES: usize = 2;
/// Callers that may wait for their turn; more are told to come back, so that a flood of logins cannot pile up.
const WAITING_CALLERS: usize = 128;
const REMEMBERED_PASSWORDS: u64 = 10_000;
const REMEMBERED_FOR: Duration = Duration::from_mins(2);

/// What stands in the place of a hash for people whose password a sign-in provider knows.
const ELSEWHERE: &str = "elsewhere:";

/// The text to store for somebody whose password a sign-in provider knows; what is made with it ends when it changes.
pub(crate) fn new_elsewhere() -> String {
    format!("{ELSEWHERE}{}", uuid::Uuid::new_v4().simple())
}

/// Whether that is stored in place of a hash: no password is right here.
pub(crate) fn is_elsewhere(stored: &str) -> bool {
    stored.starts_with(ELSEWHERE)
}

/// Hashes and verifies passwords.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    queue: Semaphore,
    /// Fingerprints under a key that lives as long as the process; the stored hash is part of each fingerprint, so a
    /// changed password is forgotten at once.
    recent: Cache<[u8; 32], ()>,
    fingerprint_key: Zeroizing<[u8; 32]>,
    nobody: OnceLock<String>,
}

/// A password as it was presented, and by whom.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// The hash stored for the named user, `None` when there is no such user or no password.
    pub(crate) stored: Option<&'a str>,
    pub(crate) password: &'a str,
    pub(crate) source: IpAddr,
}

impl Passwords {
    pub(crate) fn new() -> Passwords {
        Passwords {
            turns: Arc::new(Semaphore::new(CONCURRENT_HASHES)),
            queue: Semaphore::new(WAITING_CALLERS),
            recent: Cache::builder()
                .max_capacity(REMEMBERED_PASSWORDS)
                .time_to_live(REMEMBERED_FOR)
                .build(),
            fingerprint_key: Zeroizing::new(rand::random()),
            nobody: OnceLock::new(),
        }
    }

    /// The PHC string to store for `password`.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let password = Zeroizing::new(password.to_owned());
        self.in_turn(move || hash_now(&password)).await?
    }

    /// Whether this very attempt was found right a moment ago, at the price of one HMAC.
    pub(crate) fn is_recent(&self, attempt: Attempt<'_>) -> bool {
        attempt
            .stored
            .is_some_and(|stored| self.recent.contains_key(&self.fingerprint(stored, attempt)))
    }

    /// Whether the password is the stored one. Takes the same time for a wrong password and for no such user.
    pub(crate) async fn verify(&self, attempt: Attempt<'_>) -> Result<bool, Error> {
        if self.is_recent(attempt) {
            return Ok(true);
        }
        let stored = attempt
            .stored
            .filter(|stored| !is_elsewhere(stored))
            .map(str::to_owned);
        let password = Zeroizing::new(attempt.password.to_owned());
        let nobody = self.nobody.get().cloned();
        let (right, nobody) = self
            .in_turn(move || -> Result<_, Error> {
                let nobody = match nobody {
                    Some(hash) => hash,
                    None => hash_now(&uuid::Uuid::new_v4().to_string())?,
                };
                let right = verify_now(stored.as_deref().unwrap_or(&nobody), &password)?;
                Ok((right && stored.is_some(), nobody))
            })
            .await??;
        // Two first callers may both have made one; either serves.
        let _ = self.nobody.set(nobody);
        if right {
            self.remember(attempt);
        }
        Ok(right)
    }

    /// Takes the attempt for right for a moment.
    pub(crate) fn remember(&self, attempt: Attempt<'_>) {
        if let Some(stored) = attempt.stored {
            self.recent.insert(self.fingerprint(stored, attempt), ());
        }
    }

    fn fingerprint(&self, stored: &str, attempt: Attempt<'_>) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.fingerprint_key.as_slice())
            .expect("HMAC takes keys of any length");
        // A stored hash holds no zero byte, so the parts cannot run into one another.
        mac.update(stored.as_bytes());
        mac.update(&[0]);
        mac.update(attempt.source.to_string().as_bytes());
        mac.update(&[0]);
        mac.update(attempt.password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        // Not the callers' fault: no refused login, and none that the audit trail hears of.
        let _place = self.queue.try_acquire().map_err(|_| Error::Unavailable)?;
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        // The turn moves into the thread: a caller who goes away must not let one more hash start beside his.
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|error| Error::Internal {
            doing: "hashing a password".to_owned(),
            source: error.into(),
        })
    }
}

fn hash_now(password: &str) -> Result<String, Error> {
    // The default parameters are OWASP's first choice for argon2id.
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Internal {
            doing: "hashing a password".to_owned(),
            source: error.into(),
        })
}

fn verify_now(stored: &str, password: &str) -> Result<bool, Error> {
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| Error::Internal {
        doing: "reading a stored password hash".to_owned(),
        source: error,
    };
    let stored = PasswordHash::new(stored).map_err(|error| unusable(error.into()))?;
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(unusable(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt as _;

    use super::*;

    fn attempt<'a>(stored: Option<&'a str>, password: &'a str, last: u8) -> Attempt<'a> {
        Attempt {
            stored,
            password,
            source: Ipv4Addr::new(127, 0, 0, last).into(),
        }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_right() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        for (stored, password, right) in [
            (Some(stored.as_str()), "correct horse", true),
            (Some(stored.as_str()), "correct horse ", false),
            (Some(stored.as_str()), "", false),
            (None, "correct horse", false),
            (None, "", false),
        ] {
            let found = passwords.verify(attempt(stored, password, 1)).await.unwrap();
            assert_eq!(found, right, "{password:?}");
        }
    }

    #[tokio::test]
    async fn a_verified_password_is_remembered_for_its_source_until_it_changes() {
        let passwords = Passwords::new();
        let first = passwords.hash("one").await.unwrap();
        assert!(!passwords.is_recent(attempt(Some(&first), "one", 1)));
        passwords.verify(attempt(Some(&first), "one", 1)).await.unwrap();
        passwords.verify(attempt(Some(&first), "two", 1)).await.unwrap();
        assert!(passwords.is_recent(attempt(Some(&first), "one", 1)));
        assert!(!passwords.is_recent(attempt(Some(&first), "two", 1)));
        assert!(!passwords.is_recent(attempt(Some(&first), "one", 2)));
        let second = passwords.hash("one").await.unwrap();
        assert!(!passwords.is_recent(attempt(Some(&second), "one", 1)));
    }

    #[tokio::test]
    async fn a_password_is_hashed_for_nobody_as_it_is_for_somebody() {
        let passwords = Passwords::new();
        let stored = passwords.hash("correct horse").await.unwrap();
        let all = u32::try_from(CONCURRENT_HASHES).unwrap();
        let turns = passwords.turns.acquire_many(all).await.unwrap();
        // Without a place to hash neither is answered.
        for stored in [Some(stored.as_str()), None] {
            let waits = passwords.verify(attempt(stored, "wrong", 1)).now_or_never();
            assert!(waits.is_none(), "{stored:?}");
        }
        drop(turns);
        assert!(!passwords.verify(attempt(None, "wrong", 1)).await.unwrap());
        let cost = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        let nobody = passwords.nobody.get().unwrap();
        assert_eq!(cost(nobody), cost(&stored));
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_error_and_not_a_wrong_password() {
        let passwords = Passwords::new();
        let error = passwords.verify(attempt(Some("plain"), "plain", 1)).await;
        assert!(matches!(error, Err(Error::Internal { .. })));
    }

    #[tokio::test]
    async fn a_flood_is_told_to_come_back() {
        let passwords = Arc::new(Passwords::new());
        let all = u32::try_from(CONCURRENT_HASHES).unwrap();
        let _all = passwords.turns.acquire_many(all).await.unwrap();
        let waiting = (0..WAITING_CALLERS).map(|_| {
            let passwords = Arc::clone(&passwords);
            tokio::spawn(async move { passwords.hash("x").await })
        });
        let waiting: Vec<_> = waiting.collect();
        while passwords.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.hash("x").await;
        assert!(matches!(refused, Err(Error::Unavailable)));
        for task in waiting {
            task.abort();
        }
    }
}
