//! The first start: an account, its administrator and an access key, made together or not at all.

use berth_metadata::{AccessType, Account, Conflict, FirstAccount, NewUser};

use crate::account::{check_name, new_id};
use crate::clock::now_ms;
use crate::key::AccessKeyPair;
use crate::user::generate_password;
use crate::{Error, Registry};

/// What the first account is to be; absent secrets are generated.
#[derive(Clone)]
pub struct FirstStart {
    /// The account's name.
    pub account: String,
    /// The administrator's name.
    pub user: String,
    /// The administrator's password.
    pub password: Option<String>,
    /// The administrator's access key.
    pub access_key: Option<AccessKeyPair>,
}

/// What the first start made, at the only moment when generated secrets can be seen.
#[derive(Clone)]
pub struct FirstCredentials {
    /// The account's name.
    pub account: String,
    /// The administrator's name.
    pub user: String,
    /// The password, when it was generated.
    pub generated_password: Option<String>,
    /// The access key, when it was generated.
    pub generated_access_key: Option<AccessKeyPair>,
}

impl Registry {
    /// Makes the first account, unless there is or was one: then `None`. `Invalid` for names or secrets that break the
    /// rules; safe to call at every start and by several replicas at once.
    pub async fn bootstrap(&self, first: FirstStart) -> Result<Option<FirstCredentials>, Error> {
        if self.metadata.count_accounts().await? > 0 {
            return Ok(None);
        }
        check_name("account", &first.account)?;
        check_name("user", &first.user)?;
        let password = first.password.clone().unwrap_or_else(generate_password);
        let pair = first.access_key.clone().unwrap_or_else(AccessKeyPair::generate);
        pair.check()?;
        let now = now_ms();
        let (account_id, user_id) = (new_id(), new_id());
        let start = FirstAccount {
            account: Account {
                id: account_id.clone(),
                name: first.account.clone(),
                created_at: now,
            },
            key: self.sealed(&pair, &user_id)?,
            user: NewUser {
                id: user_id,
                account_id,
                name: first.user.clone(),
                password_hash: Some(self.hashed(&password).await?),
                access: AccessType::Both,
                enabled: true,
                administrator: true,
                description: String::new(),
                now,
            },
        };
        match self.metadata.create_first(start).await {
            Err(berth_metadata::Error::Conflict(Conflict::AlreadyBootstrapped)) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Some(FirstCredentials {
                account: first.account,
                user: first.user,
                generated_password: first.password.is_none().then_some(password),
                generated_access_key: first.access_key.is_none().then_some(pair),
            })),
        }
    }
}
