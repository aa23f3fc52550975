//! Rights of users on a whole organisation. Who manages it grants them, to users of its account only.

use std::collections::BTreeSet;

use berth_metadata::{Conflict, Grant, Permission};
use berth_oci::OrganizationName;

use crate::access::Caller;
use crate::organization::OrganizationView;
use crate::{Error, Registry};

/// Grants of one request.
const GRANTS_MAX: usize = 100;

/// A right to be given to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGrant {
    /// The user's id, 32 hex digits.
    pub user_id: String,
    /// What the user may do.
    pub permission: Permission,
}

impl Registry {
    /// An organisation, the caller's permission on it, and the rights of everybody who has some.
    pub async fn organization_grants(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<(OrganizationView, Vec<Grant>), Error> {
        let view = self.organization(caller, name).await?;
        let grants = self.metadata.organization_grants(view.organization.id).await?;
        Ok((view, grants))
    }

    /// Gives users a right they do not have yet, all or none; `Exists` when one has a right already.
    pub async fn add_organization_grants(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let organization = self.managed_organization(caller, name).await?;
        let pairs = checked(wanted)?;
        for grant in wanted {
            let user = self.metadata.user_by_id(&grant.user_id).await?;
            // Users of other accounts do not exist for this one.
            if user.is_none_or(|user| user.account_id != organization.account_id) {
                return Err(unknown_user(&grant.user_id));
            }
        }
        self.metadata
            .add_organization_grants(organization.id, &pairs)
            .await
            .map_err(|error| conflict(error, name))
    }

    /// Changes rights that users have, all or none; `Unknown` when one has none.
    pub async fn update_organization_grants(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let organization = self.managed_organization(caller, name).await?;
        let pairs = checked(wanted)?;
        self.metadata
            .update_organization_grants(organization.id, &pairs)
            .await
            .map_err(|error| conflict(error, name))
    }

    /// Takes the rights of users away, all or none; `Unknown` when one has none.
    pub async fn remove_organization_grants(
        &self,
        caller: &Caller,
        name: &OrganizationName,
        user_ids: &[String],
    ) -> Result<(), Error> {
        let organization = self.managed_organization(caller, name).await?;
        let distinct: BTreeSet<&String> = user_ids.iter().collect();
        check_number(distinct.len(), user_ids.len())?;
        self.metadata
            .remove_organization_grants(organization.id, user_ids)
            .await
            .map_err(|error| conflict(error, name))
    }
}

fn checked(wanted: &[WantedGrant]) -> Result<Vec<(String, Permission)>, Error> {
    let distinct: BTreeSet<&String> = wanted.iter().map(|grant| &grant.user_id).collect();
    check_number(distinct.len(), wanted.len())?;
    let pair = |grant: &WantedGrant| (grant.user_id.clone(), grant.permission);
    Ok(wanted.iter().map(pair).collect())
}

fn check_number(distinct: usize, given: usize) -> Result<(), Error> {
    if distinct != given {
        return Err(Error::Invalid("a user is named twice in one request".to_owned()));
    }
    if !(1..=GRANTS_MAX).contains(&given) {
        return Err(Error::Invalid(format!("a request names 1 to {GRANTS_MAX} users")));
    }
    Ok(())
}

fn conflict(error: berth_metadata::Error, name: &OrganizationName) -> Error {
    match error {
        berth_metadata::Error::Conflict(Conflict::GrantExists { user_id }) => {
            Error::Exists(format!("a permission of user {user_id} on organization '{name}'"))
        }
        berth_metadata::Error::Conflict(Conflict::GrantMissing { user_id }) => {
            Error::Unknown(format!("a permission of user {user_id} on organization '{name}'"))
        }
        berth_metadata::Error::Conflict(Conflict::UserGone) => Error::Unknown("a named user".to_owned()),
        other => other.into(),
    }
}

fn unknown_user(user_id: &str) -> Error {
    let shown: String = user_id.chars().take(64).collect();
    Error::Unknown(format!("user {}", shown.escape_debug()))
}
