//! Tag lists, in byte order, paged by the last name seen.

use std::sync::Arc;

use berth_oci::RepositoryName;
use berth_oci::endpoint::Page;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::error::Error;
use crate::manifest::StaleManifest;
use crate::repository::Place;

mod moves;
mod view;

pub(crate) use moves::by;
pub use moves::{ExistingTag, Retag, TagHistoryPage, TagMove};
pub use view::{TagColumn, TagOrder, TagPlace, TagRow, TagSearch, TagStart, TagView, TagViews, TagsWanted};

/// Part of a list, and whether there is more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Whether entries follow after the last one.
    pub more: bool,
}

/// Part of a list of an image, which may be a mirrored one.
#[derive(Clone, Debug)]
pub struct PulledList<T> {
    /// The part.
    pub listed: Listed<T>,
    /// Why there may be another list by now.
    pub stale: Option<StaleManifest>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            more: false,
        }
    }
}

impl<T> From<Listed<T>> for PulledList<T> {
    fn from(listed: Listed<T>) -> Self {
        Self { listed, stale: None }
    }
}

impl<T> Listed<T> {
    /// Cuts the one entry that was read beyond `limit` to see whether there is more.
    pub(crate) fn cut(mut entries: Vec<T>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        // The specification: an empty page that was asked for has no next one.
        Self {
            more: more && limit > 0,
            entries,
        }
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

    /// The page's size: what was asked for, at most what this registry gives at once.
    pub(crate) fn page_limit(&self, page: &Page) -> u32 {
        let asked = page.n.unwrap_or(u64::from(self.limits.page_max));
        u32::try_from(asked).unwrap_or(u32::MAX).min(self.limits.page_max)
    }
}
