//! Rights of users on an organisation or on one image. Who manages the place grants them, to users of its account only.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use berth_metadata::{Conflict, Grant, GrantTarget, Permission};
use berth_oci::excerpt::shown;
use berth_oci::{NameError, OrganizationName, RepositoryName};

use crate::access::{Action, Caller};
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

/// What a right is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantPlace {
    /// An organisation, with all its images.
    Organization(OrganizationName),
    /// One image.
    Repository(RepositoryName),
}

impl FromStr for GrantPlace {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains('/') {
            text.parse().map(Self::Repository)
        } else {
            text.parse().map(Self::Organization)
        }
    }
}

impl fmt::Display for GrantPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(name) => write!(formatter, "organization '{name}'"),
            Self::Repository(name) => write!(formatter, "image '{name}'"),
        }
    }
}

/// What rights hang on, and the account whose users may have them.
struct Place {
    target: GrantTarget,
    account_id: String,
}

/// An image, the caller's permission on it, and who else has a right on the image itself.
#[derive(Clone, Debug)]
pub struct RepositoryGrants {
    /// The image's id.
    pub id: i64,
    /// What the caller may do: the stronger of the rights on the organisation and on the image.
    pub permission: Permission,
    /// The rights on the image itself by user id; those that come with the organisation are not among them.
    pub grants: Vec<Grant>,
}

impl Registry {
    /// An organisation, the caller's permission on it, and the rights of everybody who has some. `Denied` for who has a
    /// right on one of its images only.
    pub async fn organization_grants(
        &self,
        caller: &Caller,
        name: &OrganizationName,
    ) -> Result<(OrganizationView, Vec<Grant>), Error> {
        self.visible_organization(caller, name).await?;
        let view = self.organization(caller, name).await?;
        let target = GrantTarget::Organization(view.organization.id);
        let grants = self.metadata.grants(target).await?;
        Ok((view, grants))
    }

    /// An image, the caller's permission on it, and the rights of everybody who has one on the image itself.
    pub async fn repository_grants(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<RepositoryGrants, Error> {
        let held = self.require_held(caller, Action::ReadRights, name).await?;
        Ok(RepositoryGrants {
            id: held.id,
            permission: held.permission,
            grants: self.metadata.grants(GrantTarget::Repository(held.id)).await?,
        })
    }

    /// Who has a right on a place itself; for who manages it.
    pub async fn list_grants(&self, caller: &Caller, place: &GrantPlace) -> Result<Vec<Grant>, Error> {
        let found = self.managed_place(caller, place).await?;
        Ok(self.metadata.grants(found.target).await?)
    }

    /// Gives users a right they do not have yet, all or none; `Exists` when one has a right already.
    pub async fn add_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let found = self.managed_place(caller, place).await?;
        let pairs = checked(wanted)?;
        check_not_oneself(caller, found.target, wanted)?;
        for grant in wanted {
            let user = self.metadata.user_by_id(&grant.user_id).await?;
            // Users of other accounts do not exist for this one.
            if user.is_none_or(|user| user.account_id != found.account_id) {
                return Err(unknown_user(&grant.user_id));
            }
        }
        let added = self.metadata.add_grants(found.target, &pairs).await;
        added.map_err(|error| conflict(error, place))
    }

    /// Changes rights that users have, all or none; `Unknown` when one has none.
    pub async fn update_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let found = self.managed_place(caller, place).await?;
        let pairs = checked(wanted)?;
        check_not_oneself(caller, found.target, wanted)?;
        let updated = self.metadata.update_grants(found.target, &pairs).await;
        updated.map_err(|error| conflict(error, place))
    }

    /// Takes the rights of users away, all or none; `Unknown` when one has none.
    pub async fn remove_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        user_ids: &[String],
    ) -> Result<(), Error> {
        let found = self.managed_place(caller, place).await?;
        let distinct: BTreeSet<&String> = user_ids.iter().collect();
        check_number(distinct.len(), user_ids.len())?;
        user_ids.iter().try_for_each(|user_id| check_id(user_id))?;
        let removed = self.metadata.remove_grants(found.target, user_ids).await;
        removed.map_err(|error| conflict(error, place))
    }

    /// The place, if the caller may change rights there: who manages it. (OTC's guide lets who may write to the
    /// organisation grant on its images as well; a writer could so have a friend manage what they may not. SWR's own
    /// guide says manage.)
    async fn managed_place(&self, caller: &Caller, place: &GrantPlace) -> Result<Place, Error> {
        match place {
            GrantPlace::Organization(name) => {
                let facts = self.managed_organization(caller, name).await?;
                Ok(Place {
                    target: GrantTarget::Organization(facts.id),
                    account_id: facts.account_id,
                })
            }
            GrantPlace::Repository(name) => {
                let held = self.require_held(caller, Action::ManageRepository, name).await?;
                Ok(Place {
                    target: GrantTarget::Repository(held.id),
                    account_id: held.account_id,
                })
            }
        }
    }
}

/// On an image, rights are for others (the management API's rule): who may grant there has them all already.
fn check_not_oneself(caller: &Caller, target: GrantTarget, wanted: &[WantedGrant]) -> Result<(), Error> {
    let own = caller.user_id();
    let names_oneself = wanted.iter().any(|grant| Some(grant.user_id.as_str()) == own);
    if names_oneself && matches!(target, GrantTarget::Repository(_)) {
        return Err(Error::Invalid(
            "rights on an image are granted to others, not to oneself".to_owned(),
        ));
    }
    Ok(())
}

fn checked(wanted: &[WantedGrant]) -> Result<Vec<(String, Permission)>, Error> {
    let distinct: BTreeSet<&String> = wanted.iter().map(|grant| &grant.user_id).collect();
    check_number(distinct.len(), wanted.len())?;
    wanted.iter().try_for_each(|grant| check_id(&grant.user_id))?;
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

/// Not every database takes a zero byte, so that no user has it in their id.
fn check_id(user_id: &str) -> Result<(), Error> {
    if user_id.contains('\0') {
        return Err(unknown_user(user_id));
    }
    Ok(())
}

fn conflict(error: berth_metadata::Error, place: &GrantPlace) -> Error {
    match error {
        berth_metadata::Error::Conflict(Conflict::GrantExists { user_id }) => {
            Error::Exists(format!("a permission of user {user_id} on {place}"))
        }
        berth_metadata::Error::Conflict(Conflict::GrantMissing { user_id }) => {
            Error::Unknown(format!("a permission of user {user_id} on {place}"))
        }
        berth_metadata::Error::Conflict(Conflict::UserGone) => Error::Unknown("a named user".to_owned()),
        other => other.into(),
    }
}

fn unknown_user(user_id: &str) -> Error {
    Error::Unknown(format!("user {}", shown(user_id)))
}
