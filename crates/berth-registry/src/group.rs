//! Groups of users; an administrators' group makes its members administer the account.

use berth_metadata::{Conflict, Group};

use crate::access::Caller;
use crate::account::{LIST_PAGE, check_name, new_id};
use crate::clock::now_ms;
use crate::{Error, Registry};

/// What membership of a group means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRole {
    /// A list of people, nothing more.
    Members,
    /// Its members administer the account.
    Administrators,
}

impl Registry {
    /// Creates a group of `account`; `Exists` when the account has one of that name.
    pub async fn create_group(
        &self,
        caller: &Caller,
        account: &str,
        name: &str,
        role: GroupRole,
    ) -> Result<Group, Error> {
        caller.require_administrator(account)?;
        check_name("group", name)?;
        let account = self.account(account).await?;
        let group = Group {
            id: new_id(),
            account_id: account.id,
            name: name.to_owned(),
            administrator: role == GroupRole::Administrators,
            description: String::new(),
            created_at: now_ms(),
        };
        match self.metadata.create_group(group.clone()).await {
            Err(berth_metadata::Error::Conflict(Conflict::GroupExists)) => Err(Error::Exists(format!(
                "group '{name}' of account '{}'",
                account.name
            ))),
            created => Ok(created.map(|()| group)?),
        }
    }

    /// Adds a user to a group of their account.
    pub async fn add_member(
        &self,
        caller: &Caller,
        account: &str,
        group: &str,
        user: &str,
    ) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let group = self.group(account, group).await?;
        let user = self.user(account, user).await?;
        self.metadata.add_group_member(&group.id, &user.id).await?;
        Ok(())
    }

    /// Takes a user out of a group.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        account: &str,
        group: &str,
        user: &str,
    ) -> Result<(), Error> {
        caller.require_administrator(account)?;
        let group = self.group(account, group).await?;
        let user = self.user(account, user).await?;
        self.metadata.remove_group_member(&group.id, &user.id).await?;
        Ok(())
    }

    /// Every group of `account`, by name.
    pub async fn list_groups(&self, caller: &Caller, account: &str) -> Result<Vec<Group>, Error> {
        caller.require_administrator(account)?;
        let account = self.account(account).await?;
        let mut groups: Vec<Group> = Vec::new();
        loop {
            let last = groups.last().map(|group| group.name.clone());
            let page = self
                .metadata
                .list_groups(&account.id, last.as_deref(), LIST_PAGE)
                .await?;
            if page.is_empty() {
                return Ok(groups);
            }
            groups.extend(page);
        }
    }

    async fn group(&self, account: &str, name: &str) -> Result<Group, Error> {
        let id = self.account(account).await?.id;
        let found = self.metadata.group_by_name(&id, name).await?;
        found.ok_or_else(|| Error::Unknown(format!("group '{name}' of account '{account}'")))
    }
}
