//! The roles that exist here, and the groups that have them: every role makes the members of a group administer the
//! account. Given on the account (domain) or on its project, which is the same here; both are kept as they were given.

use berth_metadata::{Conflict, GroupRole, PeopleChange};
use sha2::{Digest, Sha256};

use crate::access::Caller;
use crate::people::changed_or;
use crate::{Error, Registry};

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Administers everything of the account.
    TenantAdministrator,
    /// The same under SWR's name: it administers the account, its people too, and is described so.
    SwrAdministrator,
}

/// Where a role is given.
#[derive(Clone, Copy, Debug)]
pub enum RolePlace<'a> {
    /// On the account of this id.
    Domain(&'a str),
    /// On the project of this id.
    Project(&'a str),
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 2] = [Role::TenantAdministrator, Role::SwrAdministrator];

    /// Its name in IAM.
    pub fn name(self) -> &'static str {
        match self {
            Role::TenantAdministrator => "te_admin",
            Role::SwrAdministrator => "swr_adm",
        }
    }

    /// Its name for people.
    pub fn display_name(self) -> &'static str {
        match self {
            Role::TenantAdministrator => "Tenant Administrator",
            Role::SwrAdministrator => "SWR Administrator",
        }
    }

    /// 32 lower-case hexadecimal digits, the same in every installation.
    pub fn id(self) -> String {
        hex::encode(&Sha256::digest(format!("role\n{}", self.name()))[..16])
    }

    fn by_id(id: &str) -> Result<Role, Error> {
        let found = Role::ALL.into_iter().find(|role| role.id() == id);
        found.ok_or_else(|| Error::Unknown(format!("role {id}")))
    }
}

impl Registry {
    /// Every role, for anybody who is logged in.
    pub fn roles(&self, caller: &Caller) -> Result<[Role; 2], Error> {
        caller.require_user()?;
        Ok(Role::ALL)
    }

    /// The role of that id.
    pub fn role(&self, caller: &Caller, role_id: &str) -> Result<Role, Error> {
        caller.require_user()?;
        Role::by_id(role_id)
    }

    /// The roles that a group has at a place. For the administrators of the account.
    pub async fn roles_of_group(
        &self,
        caller: &Caller,
        place: RolePlace<'_>,
        group_id: &str,
    ) -> Result<Vec<Role>, Error> {
        let group = self.group_by_id(caller, group_id).await?;
        let place = self.place_of(caller, place)?;
        let given = self.metadata.group_roles(&group.id).await?;
        let has = |role: &Role| {
            given
                .iter()
                .any(|row| row.place == place && row.role == role.name())
        };
        Ok(Role::ALL.into_iter().filter(has).collect())
    }

    /// Whether a group has a role at a place: `Unknown` when not. For the administrators of the account.
    pub async fn check_role(
        &self,
        caller: &Caller,
        place: RolePlace<'_>,
        group_id: &str,
        role_id: &str,
    ) -> Result<(), Error> {
        let role = Role::by_id(role_id)?;
        let has = self
            .roles_of_group(caller, place, group_id)
            .await?
            .contains(&role);
        has.then_some(())
            .ok_or_else(|| Error::Unknown(format!("role '{}' of group {group_id}", role.display_name())))
    }

    /// Gives a group a role; its members administer the account from their next request on. Fine when it has it already.
    pub async fn add_role(
        &self,
        caller: &Caller,
        place: RolePlace<'_>,
        group_id: &str,
        role_id: &str,
    ) -> Result<(), Error> {
        caller.require_lasting()?;
        let group = self.group_by_id(caller, group_id).await?;
        let role = given(Role::by_id(role_id)?, self.place_of(caller, place)?);
        match self.metadata.add_group_role(&group.id, role).await {
            Err(berth_metadata::Error::Conflict(Conflict::GroupGone)) => {
                Err(Error::Unknown(format!("group {group_id}")))
            }
            added => Ok(added.map(drop)?),
        }
    }

    /// Takes a role from a group; `Unknown` when it did not have it, `Invalid` when nobody would be left to administer
    /// the account.
    pub async fn remove_role(
        &self,
        caller: &Caller,
        place: RolePlace<'_>,
        group_id: &str,
        role_id: &str,
    ) -> Result<(), Error> {
        let group = self.group_by_id(caller, group_id).await?;
        let role = Role::by_id(role_id)?;
        let remove = PeopleChange::RemoveRole {
            group_id: group.id,
            role: given(role, self.place_of(caller, place)?),
        };
        let changed = self.metadata.change_people(&group.account_id, remove).await;
        let unknown = || Error::Unknown(format!("role '{}' of group {group_id}", role.display_name()));
        changed_or(changed, caller.account_name(), unknown)
    }

    /// The stored word for a place, which must be the caller's.
    fn place_of(&self, caller: &Caller, place: RolePlace<'_>) -> Result<&'static str, Error> {
        let user = caller.require_user()?;
        match place {
            RolePlace::Domain(id) if id == user.account_id => Ok("domain"),
            RolePlace::Domain(id) => Err(Error::Unknown(format!("domain {id}"))),
            RolePlace::Project(id) if id == self.project(&user.account_id).id => Ok("project"),
            RolePlace::Project(id) => Err(Error::Unknown(format!("project {id}"))),
        }
    }
}

fn given(role: Role, place: &str) -> GroupRole {
    GroupRole {
        role: role.name().to_owned(),
        place: place.to_owned(),
    }
}
