//! What an image says of itself: making it without a push, changing, showing and deleting it.

use berth_metadata::{Conflict, NewRepository, RepositoryDetails, RepositoryEdit, Untagged};
use berth_oci::RepositoryName;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;

/// What an image can be filed under, as SWR names it.
pub const CATEGORIES: [&str; 8] = [
    "app_server",
    "linux",
    "framework_app",
    "database",
    "lang",
    "other",
    "windows",
    "arm",
];
/// Longest description in characters (SWR's guide).
pub const DESCRIPTION_CHARS_MAX: usize = 30_000;

/// What an image is to say of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedRepository {
    /// Whether everybody may pull it.
    pub is_public: bool,
    /// One of [`CATEGORIES`], or empty; none leaves it as it is.
    pub category: Option<String>,
    /// Free text of at most [`DESCRIPTION_CHARS_MAX`] characters; none leaves it as it is.
    pub description: Option<String>,
}

impl Registry {
    /// Makes an image without a manifest. `Unknown` when the caller does not see the organisation, `Exists` when there is
    /// an image of that name.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: WantedRepository,
    ) -> Result<(), Error> {
        self.visible_organization(caller, name.organization()).await?;
        let standing = self.require(caller, Action::Push, name).await?;
        let organization = standing
            .organization
            .ok_or_else(|| Error::Unknown(format!("organization '{}'", name.organization())))?;
        let new = NewRepository {
            organization_id: organization.id,
            image: name.image().to_string(),
            full_name: name.to_string(),
            creator_id: caller.user_id().unwrap_or_default().to_owned(),
            now: now_ms(),
        };
        let created = self.metadata.create_repository(new, checked(wanted)?).await;
        created.map(drop).map_err(|error| match error {
            berth_metadata::Error::Conflict(Conflict::RepositoryExists) => {
                Error::Exists(format!("image '{name}'"))
            }
            berth_metadata::Error::Conflict(Conflict::OrganizationGone) => {
                Error::Unknown(format!("organization '{}'", name.organization()))
            }
            other => other.into(),
        })
    }

    /// Changes what an image says of itself; `RepositoryUnknown` when the caller does not see it.
    pub async fn update_repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        wanted: WantedRepository,
    ) -> Result<(), Error> {
        let held = self.require_held(caller, Action::EditRepository, name).await?;
        self.listed(name).await?;
        let edit = checked(wanted)?;
        if self.metadata.edit_repository(held.id, edit, now_ms()).await? {
            Ok(())
        } else {
            Err(Error::RepositoryUnknown(name.to_string()))
        }
    }

    /// All that is told of an image but its tags; `RepositoryUnknown` when the caller may not pull it.
    pub async fn repository(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<RepositoryDetails, Error> {
        self.require_held(caller, Action::Pull, name).await?;
        self.listed(name).await
    }

    /// Deletes an image with all its tags and manifests, into the bin; `RepositoryUnknown` when the caller does not see it,
    /// `TagImmutable` while one of its tags is.
    pub async fn delete_repository(&self, caller: &Caller, name: &RepositoryName) -> Result<(), Error> {
        let held = self.require_held(caller, Action::Delete, name).await?;
        self.listed(name).await?;
        let rules = self.rules(&held.standing, held.id, name).await?;
        let deletion = self.deletion(caller, Untagged::Goes, rules.guard());
        let deleted = self.metadata.delete_repository(held.id, deletion).await;
        if deleted.map_err(|error| rules.refused(error))? {
            Ok(())
        } else {
            Err(Error::RepositoryUnknown(name.to_string()))
        }
    }

    /// The details of an image that is in lists: one that a push has only begun is not there yet.
    async fn listed(&self, name: &RepositoryName) -> Result<RepositoryDetails, Error> {
        let found = self.metadata.repository_details(name.as_str()).await?;
        found.ok_or_else(|| Error::RepositoryUnknown(name.to_string()))
    }
}

fn checked(wanted: WantedRepository) -> Result<RepositoryEdit, Error> {
    let WantedRepository {
        is_public,
        category,
        description,
    } = wanted;
    let category = category.unwrap_or_default();
    if !category.is_empty() && !CATEGORIES.contains(&category.as_str()) {
        return Err(Error::Invalid(format!(
            "category is one of {}",
            CATEGORIES.join(", ")
        )));
    }
    if let Some(text) = &description {
        if text.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(Error::TooLong {
                what: "the description",
                characters_max: DESCRIPTION_CHARS_MAX,
            });
        }
        if text.contains('\0') {
            return Err(Error::Invalid("a description holds no zero character".to_owned()));
        }
    }
    Ok(RepositoryEdit {
        is_public: Some(is_public),
        category: Some(category).filter(|category| !category.is_empty()),
        description,
    })
}
