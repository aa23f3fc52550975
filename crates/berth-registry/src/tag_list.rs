//! Tag lists as pulls ask for them, in byte order, paged by the last name seen; and what a list of an image is that may be a
//! mirrored one.

use std::sync::Arc;

use berth_oci::RepositoryName;
use berth_oci::endpoint::Page;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::manifest::StaleManifest;
use crate::repository::Place;
use crate::tag::Listed;

/// Part of a list of an image, which may be a mirrored one.
#[derive(Clone, Debug)]
pub struct PulledList<T> {
    /// The part.
    pub listed: Listed<T>,
    /// Why there may be another list by now.
    pub stale: Option<StaleManifest>,
}

impl<T> From<Listed<T>> for PulledList<T> {
    fn from(listed: Listed<T>) -> Self {
        Self { listed, stale: None }
    }
}

impl Registry {
    /// The tags of a repository after `page.last`, at most `page.n`; of a mirror's repository those that are there.
    pub async fn list_tags(
        self: &Arc<Self>,
        caller: &Caller,
        repository: &RepositoryName,
        page: &Page,
    ) -> Result<PulledList<String>, Error> {
        let standing = self.require(caller, Action::Pull, repository).await?;
        if standing.mirror.is_some() {
            return Box::pin(self.mirrored_tags(&standing, repository, page)).await;
        }
        let repository_id = Place::of(standing, repository)?.repository_id;
        let limit = self.page_limit(page);
        let tags = self
            .metadata
            .list_tags(repository_id, page.last.as_deref(), i64::from(limit) + 1)
            .await?;
        Ok(Listed::cut(tags, limit).into())
    }
}
