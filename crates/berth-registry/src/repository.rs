//! Repositories: made by their first push, listed for those who may see them.

mod images;
mod list;
mod settings;

pub use images::{ImageView, ImagesFound};
pub use list::{RepositoriesFound, RepositoriesWanted};
pub use settings::{CATEGORIES, DESCRIPTION_CHARS_MAX, WantedRepository};

use std::sync::Arc;

use berth_metadata::{NewRepository, OrganizationFacts, Standing, Viewer};
use berth_oci::RepositoryName;
use berth_oci::endpoint::Page;

use crate::Registry;
use crate::access::{Action, Caller, ORGANIZATION_UNKNOWN};
use crate::clock::now_ms;
use crate::counting::Counter;
use crate::error::{Denial, Error};
use crate::tag::Listed;

/// Who may pull a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody, also without logging in.
    Public,
    /// Those with a right or a share.
    Private,
}

/// A repository and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) repository_id: i64,
    pub(crate) organization: OrganizationFacts,
}

impl Place {
    /// The repository that a standing is about, if there is one.
    pub(crate) fn of(standing: Standing, name: &RepositoryName) -> Result<Self, Error> {
        match (standing.repository, standing.organization) {
            (Some(repository), Some(organization)) => Ok(Self {
                repository_id: repository.id,
                organization,
            }),
            _ => Err(Error::RepositoryUnknown(name.to_string())),
        }
    }
}

impl Registry {
    /// The full names of the repositories that the caller may see, after `page.last`, at most `page.n`.
    pub async fn list_repositories(&self, caller: &Caller, page: &Page) -> Result<Listed<String>, Error> {
        if matches!(caller, Caller::Anonymous) && !self.limits.anonymous_pulls {
            return Err(Error::Unauthenticated);
        }
        caller.require_catalog()?;
        let limit = self.page_limit(page);
        let names = self
            .metadata
            .list_repositories_visible(
                viewer(caller),
                page.last.as_deref(),
                i64::from(limit) + 1,
                now_ms(),
            )
            .await?;
        Ok(Listed::cut(names, limit))
    }

    /// Lets everybody pull a repository, or those with a right only.
    pub async fn set_visibility(
        &self,
        caller: &Caller,
        name: &RepositoryName,
        visibility: Visibility,
    ) -> Result<(), Error> {
        let standing = self.require(caller, Action::EditRepository, name).await?;
        let unknown = || Error::RepositoryUnknown(name.to_string());
        let id = standing.repository.ok_or_else(unknown)?.id;
        let is_public = visibility == Visibility::Public;
        if self
            .metadata
            .set_repository_public(id, is_public, now_ms())
            .await?
        {
            Ok(())
        } else {
            Err(unknown())
        }
    }

    /// A repository that the caller may read, and whose it is.
    pub(crate) async fn readable_place(
        &self,
        caller: &Caller,
        name: &RepositoryName,
    ) -> Result<Place, Error> {
        let standing = self.require(caller, Action::Pull, name).await?;
        Place::of(standing, name)
    }

    /// What counts for a repository.
    pub(crate) fn counter(&self, place: &Place) -> Arc<Counter> {
        self.counting.of(place.repository_id, &place.organization)
    }

    /// The id of the repository that a permitted push goes to, made when it is not there.
    pub(crate) async fn repository_for_push(
        &self,
        caller: &Caller,
        standing: &Standing,
        name: &RepositoryName,
    ) -> Result<i64, Error> {
        if let Some(place) = &standing.repository {
            return Ok(place.id);
        }
        let Some(organization) = &standing.organization else {
            return Err(Error::Denied(Box::new(Denial {
                text: ORGANIZATION_UNKNOWN,
                explanation: format!("no organization is named '{}'", name.organization()),
            })));
        };
        let new = NewRepository {
            organization_id: organization.id,
            image: name.image().to_string(),
            full_name: name.to_string(),
            creator_id: caller.user_id().unwrap_or_default().to_owned(),
            now: now_ms(),
        };
        let made = self.metadata.ensure_repository(new).await;
        Ok(made?.id)
    }
}

/// How lists are filtered for this caller. The system has no list of its own: it sees what everybody sees.
pub(crate) fn viewer(caller: &Caller) -> Viewer<'_> {
    match caller {
        Caller::Anonymous | Caller::System => Viewer::Anonymous,
        Caller::User(user) => Viewer::User {
            user_id: &user.user_id,
            account_id: &user.account_id,
            administrator: user.administrator,
        },
    }
}
