//! Rights of users on an organisation or on one image. Who manages the place grants them, to users of its account only.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use berth_metadata::{Conflict, Grant, Permission};
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

/// The row that rights hang on, and the account whose users may have them.
enum PlaceRow {
    Organization { id: i64, account_id: String },
    Repository { id: i64, account_id: String },
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

    /// Who has a right on a place itself; for who manages it.
    pub async fn list_grants(&self, caller: &Caller, place: &GrantPlace) -> Result<Vec<Grant>, Error> {
        Ok(match self.managed_place(caller, place).await? {
            PlaceRow::Organization { id, .. } => self.metadata.organization_grants(id).await?,
            PlaceRow::Repository { id, .. } => self.metadata.repository_grants(id).await?,
        })
    }

    /// Gives users a right they do not have yet, all or none; `Exists` when one has a right already.
    pub async fn add_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let row = self.managed_place(caller, place).await?;
        let pairs = checked(wanted)?;
        let (PlaceRow::Organization { account_id, .. } | PlaceRow::Repository { account_id, .. }) = &row;
        for grant in wanted {
            let user = self.metadata.user_by_id(&grant.user_id).await?;
            // Users of other accounts do not exist for this one.
            if user.is_none_or(|user| user.account_id != *account_id) {
                return Err(unknown_user(&grant.user_id));
            }
        }
        let added = match row {
            PlaceRow::Organization { id, .. } => self.metadata.add_organization_grants(id, &pairs).await,
            PlaceRow::Repository { id, .. } => self.metadata.add_repository_grants(id, &pairs).await,
        };
        added.map_err(|error| conflict(error, place))
    }

    /// Changes rights that users have, all or none; `Unknown` when one has none.
    pub async fn update_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        wanted: &[WantedGrant],
    ) -> Result<(), Error> {
        let row = self.managed_place(caller, place).await?;
        let pairs = checked(wanted)?;
        let updated = match row {
            PlaceRow::Organization { id, .. } => self.metadata.update_organization_grants(id, &pairs).await,
            PlaceRow::Repository { id, .. } => self.metadata.update_repository_grants(id, &pairs).await,
        };
        updated.map_err(|error| conflict(error, place))
    }

    /// Takes the rights of users away, all or none; `Unknown` when one has none.
    pub async fn remove_grants(
        &self,
        caller: &Caller,
        place: &GrantPlace,
        user_ids: &[String],
    ) -> Result<(), Error> {
        let row = self.managed_place(caller, place).await?;
        let distinct: BTreeSet<&String> = user_ids.iter().collect();
        check_number(distinct.len(), user_ids.len())?;
        let removed = match row {
            PlaceRow::Organization { id, .. } => self.metadata.remove_organization_grants(id, user_ids).await,
            PlaceRow::Repository { id, .. } => self.metadata.remove_repository_grants(id, user_ids).await,
        };
        removed.map_err(|error| conflict(error, place))
    }

    /// The place, if the caller may change rights there.
    async fn managed_place(&self, caller: &Caller, place: &GrantPlace) -> Result<PlaceRow, Error> {
        match place {
            GrantPlace::Organization(name) => {
                let facts = self.managed_organization(caller, name).await?;
                Ok(PlaceRow::Organization {
                    id: facts.id,
                    account_id: facts.account_id,
                })
            }
            GrantPlace::Repository(name) => {
                let standing = self.require(caller, Action::ManageRepository, name).await?;
                match (standing.organization, standing.repository) {
                    (Some(organization), Some(repository)) => Ok(PlaceRow::Repository {
                        id: repository.id,
                        account_id: organization.account_id,
                    }),
                    _ => Err(Error::RepositoryUnknown(name.to_string())),
                }
            }
        }
    }
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
    let shown: String = user_id.chars().take(64).collect();
    Error::Unknown(format!("user {}", shown.escape_debug()))
}
