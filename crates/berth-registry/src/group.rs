//! Groups of users; an administrators' group makes its members administer the account.

use berth_metadata::{Conflict, Group, GroupUpdate, PeopleChange, User};

use crate::access::Caller;
use crate::account::{LIST_PAGE, check_name, new_id};
use crate::clock::now_ms;
use crate::people::{changed_or, check_description};
use crate::{Error, Registry};

/// What membership of a group means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupRole {
    /// A list of people, nothing more.
    Members,
    /// Its members administer the account.
    Administrators,
}

/// What to change of a group; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct GroupChange {
    /// The name within the account.
    pub name: Option<String>,
    /// What the group is for.
    pub description: Option<String>,
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

    /// The groups of the caller's account, by name. For its administrators; `Denied` for another `domain_id`.
    pub async fn groups(&self, caller: &Caller, domain_id: Option<&str>) -> Result<Vec<Group>, Error> {
        let asking = caller.require_domain_administrator(domain_id)?;
        self.list_groups(caller, &asking.account_name).await
    }

    /// Creates a group without a role in the caller's account. For its administrators; `Denied` for another `domain_id`,
    /// `Exists`.
    pub async fn create_members_group(
        &self,
        caller: &Caller,
        domain_id: Option<&str>,
        name: &str,
        description: &str,
    ) -> Result<Group, Error> {
        let asking = caller.require_domain_administrator(domain_id)?;
        check_description(description)?;
        let group = self
            .create_group(caller, &asking.account_name, name, GroupRole::Members)
            .await?;
        if description.is_empty() {
            return Ok(group);
        }
        let change = GroupChange {
            name: None,
            description: Some(description.to_owned()),
        };
        self.change_group(caller, &group.id, change).await
    }

    /// A group of the caller's account. For its administrators.
    pub async fn group_by_id(&self, caller: &Caller, group_id: &str) -> Result<Group, Error> {
        let asking = caller.require_domain_administrator(None)?;
        let found = self.metadata.group_by_id(group_id).await?;
        found
            .filter(|group| group.account_id == asking.account_id)
            .ok_or_else(|| unknown(group_id))
    }

    /// Changes a group of the caller's account. For its administrators; `Exists` for a taken name.
    pub async fn change_group(
        &self,
        caller: &Caller,
        group_id: &str,
        wanted: GroupChange,
    ) -> Result<Group, Error> {
        let group = self.group_by_id(caller, group_id).await?;
        if let Some(name) = &wanted.name {
            check_name("group", name)?;
        }
        check_description(wanted.description.as_deref().unwrap_or_default())?;
        let taken = wanted.name.clone().unwrap_or_default();
        let update = PeopleChange::UpdateGroup(GroupUpdate {
            group_id: group.id,
            name: wanted.name,
            description: wanted.description,
        });
        match self.metadata.change_people(&group.account_id, update).await {
            Err(berth_metadata::Error::Conflict(Conflict::GroupExists)) => {
                Err(Error::Exists(format!("group '{taken}' of this account")))
            }
            changed => {
                changed_or(changed, caller.account_name(), || unknown(group_id))?;
                self.group_by_id(caller, group_id).await
            }
        }
    }

    /// Deletes a group with its roles; its members stay users. `Invalid` when nobody would be left to administer the
    /// account.
    pub async fn remove_group(&self, caller: &Caller, group_id: &str) -> Result<(), Error> {
        let group = self.group_by_id(caller, group_id).await?;
        let delete = PeopleChange::DeleteGroup(group.id);
        let changed = self.metadata.change_people(&group.account_id, delete).await;
        changed_or(changed, caller.account_name(), || unknown(group_id))
    }

    /// The members of a group, by name. For the administrators of the account.
    pub async fn members(&self, caller: &Caller, group_id: &str) -> Result<Vec<User>, Error> {
        let group = self.group_by_id(caller, group_id).await?;
        Ok(self.metadata.list_group_members(&group.id).await?)
    }

    /// The groups that a user is in, by name; for the user and the administrators of the account.
    pub async fn groups_of(&self, caller: &Caller, user_id: &str) -> Result<Vec<Group>, Error> {
        let user = self.person_by_id(caller, user_id).await?;
        Ok(self.metadata.list_groups_of_user(&user.id).await?)
    }

    /// Whether a user is in a group: `Unknown` when not. For the user and the administrators of the account.
    pub async fn check_member(&self, caller: &Caller, group_id: &str, user_id: &str) -> Result<(), Error> {
        let groups = self.groups_of(caller, user_id).await?;
        let is_in = groups.iter().any(|group| group.id == group_id);
        is_in.then_some(()).ok_or_else(|| not_in(group_id, user_id))
    }

    /// Adds a user to a group; fine when they are in there already. For the administrators of the account.
    pub async fn admit_member(&self, caller: &Caller, group_id: &str, user_id: &str) -> Result<(), Error> {
        let group = self.group_by_id(caller, group_id).await?;
        let user = self.administered(caller, user_id).await?;
        match self.metadata.add_group_member(&group.id, &user.id).await {
            Err(berth_metadata::Error::Conflict(Conflict::UserGone)) => Err(not_in(group_id, user_id)),
            added => Ok(added.map(drop)?),
        }
    }

    /// Takes a user out of a group; `Unknown` when they are not in there, `Invalid` when nobody would be left to
    /// administer the account.
    pub async fn dismiss_member(&self, caller: &Caller, group_id: &str, user_id: &str) -> Result<(), Error> {
        let group = self.group_by_id(caller, group_id).await?;
        let remove = PeopleChange::RemoveMember {
            group_id: group.id,
            user_id: user_id.to_owned(),
        };
        let changed = self.metadata.change_people(&group.account_id, remove).await;
        changed_or(changed, caller.account_name(), || not_in(group_id, user_id))
    }

    async fn group(&self, account: &str, name: &str) -> Result<Group, Error> {
        let id = self.account(account).await?.id;
        let found = self.metadata.group_by_name(&id, name).await?;
        found.ok_or_else(|| Error::Unknown(format!("group '{name}' of account '{account}'")))
    }
}

fn unknown(group_id: &str) -> Error {
    Error::Unknown(format!("group {group_id}"))
}

fn not_in(group_id: &str, user_id: &str) -> Error {
    Error::Unknown(format!("user {user_id} in group {group_id}"))
}
