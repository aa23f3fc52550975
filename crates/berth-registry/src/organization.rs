//! Organisations: the tenants' name spaces. Anybody with an account makes them, up to a quota; who manages one deletes it.

mod seen;

pub use seen::{
    OrganizationOrder, OrganizationSeen, OrganizationsSeen, OrganizationsWanted, SeenOrganization,
};

use berth_metadata::{
    Conflict, ListedOrganization, NewOrganization, Organization, OrganizationFacts, OrganizationsPage,
    Permission, Standing,
};
use berth_oci::OrganizationName;

use crate::access::{Action, Caller, Refusal, UserCaller, refuse};
use crate::clock::now_ms;
use crate::{Error, Registry};

/// An organisation and what the caller may do in it.
#[derive(Clone, Debug)]
pub struct OrganizationView {
    /// The organisation.
    pub organization: Organization,
    /// The caller's permission on the whole organisation; `Read` when they only have rights on some of its images.
    pub permission: Permission,
}

/// Which organisations a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedFor {
    /// Those the caller has a permission on.
    Permitted,
    /// Also those where the caller has a permission on an image only.
    Visible,
}

/// Rows read at a time; the list itself is whole, as SWR's is.
const LIST_PAGE: i64 = 1000;

impl Registry {
    /// Creates an organisation that the caller manages from then on; `Exists` when any account has one of that name,
    /// `QuotaExceeded` when the caller has made as many as one user may.
    pub async fn create_organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<Organization, Error> {
        let user = caller.require_user()?;
        let limit = i64::from(self.limits.organizations_per_user);
        self.insert_organization(name, &user.user_id, Some(limit)).await
    }

    /// Creates an organisation for a user, without the quota. For the operator and the account's administrators.
    pub async fn create_organization_for(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        account: &str,
        owner: &str,
    ) -> Result<Organization, Error> {
        caller.require_administrator(account)?;
        let owner = self.user(account, owner).await?;
        self.insert_organization(name, &owner.id, None).await
    }

    async fn insert_organization(
        &self,
        name: &OrganizationName,
        creator: &str,
        limit: Option<i64>,
    ) -> Result<Organization, Error> {
        let new = NewOrganization {
            name: name.to_string(),
            creator_id: creator.to_owned(),
            limit,
            now: now_ms(),
        };
        self.metadata
            .create_organization(new)
            .await
            .map_err(|error| match error {
                berth_metadata::Error::Conflict(Conflict::OrganizationExists) => {
                    Error::Exists(format!("organization '{name}'"))
                }
                berth_metadata::Error::Conflict(Conflict::UserGone) => crate::identity::not_recognised(),
                other => other.into(),
            })
    }

    /// The caller's organisations, by name.
    pub async fn list_organizations(
        &self,
        caller: &Caller,
        listed_for: ListedFor,
    ) -> Result<Vec<OrganizationView>, Error> {
        let user = caller.require_user()?;
        let rows = self
            .organization_rows(OrganizationsPage {
                account_id: user.account_id.clone(),
                user_id: user.user_id.clone(),
                all: user.administrator,
                with_repository_grants: listed_for == ListedFor::Visible,
                last: None,
                limit: LIST_PAGE,
            })
            .await?;
        Ok(rows.into_iter().map(|row| view_of(user, row)).collect())
    }

    /// Every organisation of an account. For the operator and the account's administrators.
    pub async fn list_organizations_of(
        &self,
        caller: &Caller,
        account: &str,
    ) -> Result<Vec<Organization>, Error> {
        caller.require_administrator(account)?;
        let account = self.account(account).await?;
        let rows = self
            .organization_rows(OrganizationsPage {
                account_id: account.id,
                user_id: String::new(),
                all: true,
                with_repository_grants: false,
                last: None,
                limit: LIST_PAGE,
            })
            .await?;
        Ok(rows.into_iter().map(|row| row.organization).collect())
    }

    async fn organization_rows(&self, mut page: OrganizationsPage) -> Result<Vec<ListedOrganization>, Error> {
        let mut rows: Vec<ListedOrganization> = Vec::new();
        loop {
            page.last = rows.last().map(|row| row.organization.name.clone());
            let more = self.metadata.list_organizations(page.clone()).await?;
            if more.is_empty() {
                return Ok(rows);
            }
            rows.extend(more);
        }
    }

    /// One organisation and the caller's permission on it.
    pub async fn organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<OrganizationView, Error> {
        let permission = match self.visible_organization(caller, name).await {
            Ok(standing) => standing.organization_permission,
            // Whoever has a right on one of its images sees that it is there.
            Err(Error::Denied(_)) => None,
            Err(error) => return Err(error),
        };
        let found = self.metadata.organization(name.as_str()).await?;
        let organization = found.ok_or_else(|| unknown(name))?;
        let permission = match caller {
            Caller::User(user) if user.administrator && user.account_id == organization.account_id => {
                Permission::Manage
            }
            Caller::System => Permission::Manage,
            _ => permission.unwrap_or(Permission::Read),
        };
        Ok(OrganizationView {
            organization,
            permission,
        })
    }

    /// Where the caller stands to an organisation that they have a right on. `Denied` for one where they have a right on
    /// an image only; `Unknown` for a hidden one as for one that is not.
    pub(crate) async fn visible_organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<Standing, Error> {
        let asked = self.require_organization(caller, Action::ReadOrganization, name.as_str());
        match asked.await {
            Err(Error::Denied(_)) => match caller.user_id() {
                Some(user_id) if self.metadata.has_grant_within(name.as_str(), user_id).await? => {
                    let needed = Refusal::Needs(Permission::Read);
                    Err(refuse(needed, caller, name.as_str(), None))
                }
                _ => Err(unknown(name)),
            },
            asked => asked,
        }
    }

    /// The id of an organisation that the caller may see.
    pub(crate) async fn visible_organization_id(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<i64, Error> {
        let standing = self.visible_organization(caller, name).await?;
        Ok(standing.organization.ok_or_else(|| unknown(name))?.id)
    }

    /// The facts of an organisation that the caller manages; `Denied` when they only see it.
    pub(crate) async fn managed_organization(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<OrganizationFacts, Error> {
        self.visible_organization(caller, name).await?;
        let standing = self
            .require_organization(caller, Action::ManageOrganization, name.as_str())
            .await?;
        standing.organization.ok_or_else(|| unknown(name))
    }

    /// Deletes an organisation and what its bin holds; `OrganizationNotEmpty` while it holds images.
    pub async fn delete_organization(&self, caller: &Caller, name: &OrganizationName) -> Result<(), Error> {
        self.managed_organization(caller, name).await?;
        match self.metadata.delete_organization(name.as_str(), now_ms()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(unknown(name)),
            Err(berth_metadata::Error::Conflict(Conflict::OrganizationNotEmpty)) => {
                Err(Error::OrganizationNotEmpty(name.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn view_of(user: &UserCaller, row: ListedOrganization) -> OrganizationView {
    let permission = if user.administrator {
        Permission::Manage
    } else {
        row.permission.unwrap_or(Permission::Read)
    };
    OrganizationView {
        organization: row.organization,
        permission,
    }
}

fn unknown(name: &OrganizationName) -> Error {
    Error::Unknown(format!("organization '{name}'"))
}
