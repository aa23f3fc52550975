//! Images as pages of the console show them: each with what the caller may do with it and why, the newest tag and the last
//! pull. Public images are shown to everybody, unless the operator wants a login for them.

use berth_metadata::{ImageRow, RepositoryPage, RepositorySet};
use berth_oci::RepositoryName;

use super::list::{RepositoriesWanted, query, told};
use crate::Registry;
use crate::access::{Action, Caller, Grounds, Rights};
use crate::clock::now_ms;
use crate::error::Error;

/// An image, and what the caller may do with it.
#[derive(Clone, Debug)]
pub struct ImageView {
    /// The image.
    pub row: ImageRow,
    /// What the caller may do; none of an image whose share is over.
    pub rights: Option<Rights>,
    /// Shares of it that are valid now; none for who has no right of their own on it.
    pub share_count: Option<i64>,
    /// Names of people who can grant rights on it, a few; of one image only, and for who has a right of their own on it.
    pub managers: Vec<String>,
}

/// A page of images.
#[derive(Clone, Debug)]
pub struct ImagesFound {
    /// The images.
    pub images: Vec<ImageView>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Registry {
    /// A page of images; [`RepositorySet::Public`] also for who did not log in, where public images may be pulled so.
    pub async fn images(&self, caller: &Caller, wanted: RepositoriesWanted) -> Result<ImagesFound, Error> {
        self.require_visit(caller)?;
        let set = wanted.set;
        let query = query(caller, set, wanted.filter)?;
        let page = RepositoryPage::From {
            order: wanted.order,
            descending: wanted.descending,
            offset: wanted.offset,
            limit: wanted.limit,
        };
        let rows = self.metadata.list_images(&query, page).await?;
        let total = self.metadata.count_repositories(&query).await?;
        Ok(ImagesFound {
            images: rows.into_iter().map(|row| view(caller, set, row)).collect(),
            total,
        })
    }

    /// One image with its whole description; `RepositoryUnknown` when the caller may not pull it.
    pub async fn image_view(&self, caller: &Caller, name: &RepositoryName) -> Result<ImageView, Error> {
        let held = self.require_held(caller, Action::Pull, name).await?;
        let viewer = match caller {
            Caller::User(user) => (user.user_id.as_str(), user.account_id.as_str()),
            Caller::Anonymous | Caller::System => ("", ""),
        };
        let row = self.metadata.image(name.as_str(), viewer, now_ms()).await?;
        let row = row.ok_or_else(|| Error::RepositoryUnknown(name.to_string()))?;
        let mut view = view(caller, RepositorySet::Own, row);
        if view.rights.is_some_and(Rights::is_own) {
            let managers = self.metadata.managers(held.organization_id, Some(held.id));
            view.managers = managers.await?;
        }
        Ok(view)
    }
}

fn view(caller: &Caller, set: RepositorySet, row: ImageRow) -> ImageView {
    let grounds = Grounds {
        organization: row.organization_permission,
        image: row.repository_permission,
        shared: row.share.as_ref().is_some_and(|share| share.valid),
        public: row.details.repository.is_public,
    };
    let rights = Rights::of(caller, &row.details.account_id, grounds);
    let details = told(set, row.details);
    ImageView {
        share_count: rights.is_some_and(Rights::is_own).then_some(row.share_count),
        managers: Vec::new(),
        row: ImageRow {
            details,
            // What happened to it since a share ended is not for the other account.
            pulled_at: row.pulled_at.filter(|_| rights.is_some()),
            newest: row.newest.filter(|_| rights.is_some()),
            ..row
        },
        rights,
    }
}

#[cfg(test)]
mod tests;
