//! Accounts, the tenants. Made and listed by the operator; a person never sees another account than their own.

use berth_metadata::{Account, Conflict};

use crate::access::{Caller, UserCaller};
use crate::clock::now_ms;
use crate::{Error, Registry};

const NAME_CHARS_MAX: usize = 64;
/// Rows the operator's lists read at a time.
pub(crate) const LIST_PAGE: i64 = 1000;

impl Caller {
    /// Lets the administrators of an account pass, to what is their own account's.
    pub(crate) fn require_own_administrator(&self) -> Result<&UserCaller, Error> {
        let user = self.require_user()?;
        self.require_administrator(&user.account_name)?;
        Ok(user)
    }
}

impl Registry {
    /// Lets the operator pass, and the administrators of the account of the first start.
    pub async fn require_operating_account(&self, caller: &Caller) -> Result<(), Error> {
        let Err(refused) = caller.require_operator() else {
            return Ok(());
        };
        let first = self.metadata.first_account().await?;
        match first {
            Some(first) => caller.require_administrator(&first.name).map_err(|_| refused),
            None => Err(refused),
        }
    }

    /// Creates an account; `Exists` when the name is taken. For the operator.
    pub async fn create_account(&self, caller: &Caller, name: &str) -> Result<Account, Error> {
        caller.require_operator()?;
        check_name("account", name)?;
        match self.metadata.create_account(&new_id(), name, now_ms()).await {
            Err(berth_metadata::Error::Conflict(Conflict::AccountExists)) => {
                Err(Error::Exists(format!("account '{name}'")))
            }
            created => Ok(created?),
        }
    }

    /// Every account, by name. For the operator.
    pub async fn list_accounts(&self, caller: &Caller) -> Result<Vec<Account>, Error> {
        caller.require_operator()?;
        let mut accounts: Vec<Account> = Vec::new();
        loop {
            let last = accounts.last().map(|account| account.name.clone());
            let page = self.metadata.list_accounts(last.as_deref(), LIST_PAGE).await?;
            if page.is_empty() {
                return Ok(accounts);
            }
            accounts.extend(page);
        }
    }

    /// The account of that id, which the caller has read from another row.
    pub(crate) async fn account_by_id(&self, id: &str) -> Result<Account, Error> {
        let found = self.metadata.account_by_id(id).await?;
        found.ok_or_else(|| Error::internal("finding the account of an image", id))
    }

    /// The account of that name, or `Unknown`.
    pub(crate) async fn account(&self, name: &str) -> Result<Account, Error> {
        let found = self.metadata.account_by_name(name).await?;
        found.ok_or_else(|| Error::Unknown(format!("account '{name}'")))
    }
}

/// Refuses names that could be mistaken for another login form or break a command line.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if plain && name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.len() <= NAME_CHARS_MAX
    {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "the {what} name '{}' is not allowed: names have 1 to {NAME_CHARS_MAX} letters, digits, '.', '_' or '-', and \
         start with a letter or digit",
        name.chars()
            .take(NAME_CHARS_MAX + 1)
            .collect::<String>()
            .escape_debug()
    )))
}

/// A fresh id for a row of people: 32 lower-case hexadecimal digits.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
