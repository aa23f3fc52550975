//! Who is calling: what an installation needs to find out, and the rules every credential passes.
//! `identity/login.rs` knows user names with passwords and login keys, `identity/signature.rs` signed requests,
//! `token.rs` bearer tokens. None of them decides what a caller may do.

mod login;
mod signature;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use berth_metadata::{
    AccessKey, AccessType, Concluded, Metadata, Session, SigningKeyRow, TemporaryKey, TemporaryLogin, User,
};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::Registry;
use crate::access::{Credential, UserCaller};
use crate::clock::now_ms;
use crate::error::{Denial, Error};
use crate::issuer::Issuers;
use crate::password::Passwords;
use crate::seal::MasterKey;
use crate::signer::{self, Signer, Verified};
use crate::throttle::Throttle;
use crate::token_holder::TokenHolder;

pub use login::Presented;
pub(crate) use login::login_key;
pub(crate) use signature::REMEMBERED_MS as SIGNATURES_REMEMBERED_MS;

/// SWR's text for a user whose access type does not cover programs, or the console.
const NO_ACCESS: &str = "Authenticate Error";
const CHECK_NAME: &str = "master_key_check";
const CHECK_CONTEXT: &str = "check of the master key";
const SIGNING_KEY_CONTEXT: &str = "token signing key";
const TOKEN_BYTES_REMEMBERED: u64 = 16 << 20;
const TOKEN_HOLDER_BYTES_MAX: usize = 8 << 20;
const USE_NOTED_EVERY_MS: i64 = 3_600_000;
const TOKENS_REMEMBERED_FOR: Duration = Duration::from_mins(15);

/// Questions to directories at a time; more callers are told to come back.
const QUESTIONS_MAX: usize = 32;

/// What identity needs to know of an installation.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// The file of the master key; created at the first start, to be backed up apart from the database.
    pub master_key_file: PathBuf,
    /// The name of the region, which is also the project's in login names.
    pub region: String,
    /// How long a registry token is good for.
    pub token_ttl: Duration,
    /// How long a temporary login is good for when nobody asks for less; 15 minutes to 24 hours.
    pub temporary_login_ttl: Duration,
}

/// The state that recognises callers: keys, counters and what was verified a moment ago.
pub(crate) struct Identity {
    pub(crate) master_key: MasterKey,
    pub(crate) passwords: Passwords,
    pub(crate) signer: Signer,
    pub(crate) region: String,
    pub(crate) token_ttl: Duration,
    pub(crate) temporary_login_ttl: Duration,
    /// Tokens whose signature was checked, by their SHA-256.
    pub(crate) verified_tokens: Cache<[u8; 32], Arc<Verified>>,
    /// Whom tokens stand for, as long as nothing about rights was written.
    pub(crate) holders: Concluded<TokenHolder>,
    throttle: Throttle,
    /// Questions to directories that may be asked now.
    pub(crate) questions: Semaphore,
    /// Issuers of tokens that were asked a while ago.
    pub(crate) issuers: Issuers,
}

impl Identity {
    /// Loads the master key and the token signing key, creating both at the first start; `Invalid` with what to do when
    /// the key is not the one the database was made with.
    pub(crate) async fn open(metadata: &Metadata, settings: &IdentitySettings) -> Result<Identity, Error> {
        let master_key = open_master_key(metadata, settings).await?;
        let signer = open_signer(metadata, &master_key).await?;
        Ok(Identity {
            master_key,
            passwords: Passwords::new(),
            signer,
            region: settings.region.clone(),
            token_ttl: settings.token_ttl,
            temporary_login_ttl: settings.temporary_login_ttl,
            verified_tokens: Cache::builder()
                .max_capacity(TOKEN_BYTES_REMEMBERED)
                .weigher(|_, verified: &Arc<Verified>| verified.memory_bytes())
                .time_to_live(TOKENS_REMEMBERED_FOR)
                .build(),
            holders: Concluded::new(TOKEN_HOLDER_BYTES_MAX, TokenHolder::memory_bytes),
            throttle: Throttle::new(metadata.clone()),
            questions: Semaphore::new(QUESTIONS_MAX),
            issuers: Issuers::default(),
        })
    }

    /// The secret key of an access key.
    pub(crate) fn secret_key(&self, key: &AccessKey) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        self.master_key
            .open(&secret_key_context(&key.access_key_id), &key.secret_encrypted)
    }

    /// The secret key of a temporary access key.
    fn temporary_secret_key(&self, key: &TemporaryKey) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        self.master_key
            .open(&secret_key_context(&key.access_key_id), &key.secret_encrypted)
    }
}

impl Registry {
    /// Notes that a key was used, to the hour: its owner finds keys that nobody needs any more. A store that cannot be
    /// written keeps nobody out.
    async fn note_use(&self, key: &AccessKey, now: i64) {
        if key
            .last_used_at
            .is_some_and(|last| now - last < USE_NOTED_EVERY_MS)
        {
            return;
        }
        if let Err(error) = self.metadata.touch_access_key(&key.access_key_id, now).await {
            tracing::debug!(%error, "the use of an access key could not be noted");
        }
    }
}

/// What the secret key of an access key is sealed under.
pub(crate) fn secret_key_context(access_key_id: &str) -> String {
    format!("secret key of access key {access_key_id}")
}

async fn open_master_key(metadata: &Metadata, settings: &IdentitySettings) -> Result<MasterKey, Error> {
    let path = &settings.master_key_file;
    let check = metadata.instance_value(CHECK_NAME).await?;
    let key = match (MasterKey::load(path)?, &check) {
        (Some(key), _) => key,
        (None, None) => MasterKey::create(path)?,
        (None, Some(_)) => {
            return Err(Error::Invalid(format!(
                "the master key {} is missing, but the database holds secrets that are sealed under it: put the file \
                 back from your backup, or say where it is (setting master_key_file)",
                path.display()
            )));
        }
    };
    let check = if let Some(check) = check {
        check
    } else {
        let sealed = hex::encode(key.seal(CHECK_CONTEXT, CHECK_NAME.as_bytes())?);
        // Another process may start on the same database: whoever was first names the key.
        metadata.set_instance_value_if_absent(CHECK_NAME, &sealed).await?
    };
    let opens = hex::decode(check).is_ok_and(|check| key.open(CHECK_CONTEXT, &check).is_ok());
    if opens {
        Ok(key)
    } else {
        Err(Error::Invalid(format!(
            "the master key {} is not the one this database was made with: put the right file back from your backup, \
             or say where it is (setting master_key_file)",
            path.display()
        )))
    }
}

async fn open_signer(metadata: &Metadata, master_key: &MasterKey) -> Result<Signer, Error> {
    let mut rows = metadata.signing_keys().await?;
    // The newest signs.
    rows.reverse();
    if rows.is_empty() {
        let private_key = signer::generate_private_key()?;
        let row = SigningKeyRow {
            id: uuid::Uuid::new_v4().simple().to_string(),
            private_encrypted: master_key.seal(SIGNING_KEY_CONTEXT, &private_key)?,
            created_at: now_ms(),
        };
        rows.push(metadata.insert_signing_key_if_none(row).await?);
    }
    let private_keys = rows
        .iter()
        .map(|row| master_key.open(SIGNING_KEY_CONTEXT, &row.private_encrypted))
        .collect::<Result<Vec<_>, _>>()?;
    Signer::new(&private_keys)
}

/// The refusal of a login whose secret was right, so that its owner may know why.
fn refused_because(explanation: String) -> Error {
    Error::BadCredentials {
        explanation: Some(explanation),
    }
}

/// The refusal that tells nothing.
pub(crate) fn not_recognised() -> Error {
    Error::BadCredentials { explanation: None }
}

/// The caller behind a password that was right.
pub(crate) fn admit_user(user: User) -> Result<UserCaller, Error> {
    admit(user, Credential::Password)
}

/// The caller behind a login key or signature that was right.
pub(crate) fn admit_key(key: &AccessKey, user: User, now: i64) -> Result<UserCaller, Error> {
    let id = &key.access_key_id;
    if !key.enabled {
        return Err(refused_because(format!("access key {id} is disabled")));
    }
    if let Some(end) = key.expires_at.filter(|end| *end <= now) {
        return Err(refused_because(format!(
            "access key {id} expired at {}",
            time_text(end)
        )));
    }
    admit(user, Credential::AccessKey(id.clone()))
}

/// The caller behind a temporary login whose key was right.
pub(crate) fn admit_temporary(found: (TemporaryLogin, User, bool), now: i64) -> Result<UserCaller, Error> {
    let (login, user, made_with_enabled) = found;
    let has_ended = login
        .password_fingerprint
        .as_deref()
        .is_some_and(|made_with| !has_password(&user, made_with));
    if login.expires_at <= now {
        return Err(refused_because(format!(
            "this temporary login ended at {}: generate a new login command",
            time_text(login.expires_at)
        )));
    }
    if !made_with_enabled {
        return Err(refused_because(
            "the access key that made this temporary login was disabled or deleted".to_owned(),
        ));
    }
    if has_ended {
        return Err(refused_because(
            "the password that made this temporary login was changed".to_owned(),
        ));
    }
    admit(user, Credential::TemporaryLogin(login.id))
}

/// The caller behind a temporary access key that signed a request and came with its token.
pub(crate) fn admit_temporary_key(found: (TemporaryKey, User, bool), now: i64) -> Result<UserCaller, Error> {
    let (key, user, made_with_enabled) = found;
    let password = key.password_fingerprint.as_deref();
    if key.expires_at <= now {
        return Err(refused_because(format!(
            "temporary access key {} ended at {}",
            key.access_key_id,
            time_text(key.expires_at)
        )));
    }
    if !made_with_enabled || password.is_some_and(|made_with| !has_password(&user, made_with)) {
        return Err(refused_because(format!(
            "temporary access key {} ended with the key or password that made it",
            key.access_key_id
        )));
    }
    admit(user, Credential::TemporaryKey(key.access_key_id))
}

/// The caller behind a session of the console.
pub(crate) fn admit_session(session: &Session, user: User, now: i64) -> Result<UserCaller, Error> {
    if session.expires_at <= now || !has_password(&user, &session.password_fingerprint) {
        return Err(refused_because("the session has ended: sign in again".to_owned()));
    }
    admit(user, Credential::Session(session.id.clone()))
}

/// Whether the password is still the one of that fingerprint.
pub(crate) fn has_password(user: &User, fingerprint: &str) -> bool {
    let stored = user.password_hash.as_deref();
    stored.is_some_and(|stored| password_fingerprint(stored) == fingerprint)
}

/// The rules for users, whatever they came with.
pub(crate) fn admit(user: User, credential: Credential) -> Result<UserCaller, Error> {
    if !user.enabled {
        return Err(refused_because(format!(
            "user '{}' of account '{}' is disabled: an administrator of the account can enable it",
            user.name, user.account_name
        )));
    }
    let is_person_at_console = matches!(credential, Credential::Session(_));
    if user.access == AccessType::Programmatic && is_person_at_console {
        return Err(Error::Denied(Box::new(Denial {
            text: NO_ACCESS,
            explanation: format!(
                "user '{}' of account '{}' has no console access: an administrator of the account can give it",
                user.name, user.account_name
            ),
        })));
    }
    if user.access == AccessType::Console && !is_person_at_console {
        return Err(Error::Denied(Box::new(Denial {
            text: NO_ACCESS,
            explanation: format!(
                "user '{}' of account '{}' has no programmatic access: an administrator of the account can give it",
                user.name, user.account_name
            ),
        })));
    }
    Ok(UserCaller {
        password_fingerprint: user.password_hash.as_deref().map(password_fingerprint),
        user_id: user.id,
        user_name: user.name,
        account_id: user.account_id,
        account_name: user.account_name,
        administrator: user.administrator,
        credential,
        scopes: None,
    })
}

/// What stands for a stored password hash in a token: it changes when the password does.
pub(crate) fn password_fingerprint(stored_hash: &str) -> String {
    hex::encode(&Sha256::digest(stored_hash.as_bytes())[..8])
}

/// A time as RFC 3339 in UTC, to the second.
pub fn time_text(ms: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
        .ok()
        .and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_else(|| format!("{ms} ms after the epoch"))
}
