//! Parts of lists, and the tags of images as people look at them and move them.

use berth_oci::endpoint::Page;

use crate::Registry;

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

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            more: false,
        }
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
    /// The page's size: what was asked for, at most what this registry gives at once.
    pub(crate) fn page_limit(&self, page: &Page) -> u32 {
        let asked = page.n.unwrap_or(u64::from(self.limits.page_max));
        u32::try_from(asked).unwrap_or(u32::MAX).min(self.limits.page_max)
    }
}
