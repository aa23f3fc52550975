//! Tags with what they name, in the order and the pages that people look at them in.

use std::collections::HashMap;

use berth_metadata::TagsPage;
/// Rows and orders of tags, as the metadata has them.
pub use berth_metadata::{TagColumn, TagOrder, TagRow, TagStart};
use berth_oci::{Reference, RepositoryName, Tag};

use super::Listed;
use crate::Registry;
use crate::access::{Action, Caller, Held};
use crate::error::Error;

/// Bytes of manifests in one list. Real pages stay far below; a page of the largest manifests would be gigabytes.
const MANIFEST_BYTES_MAX: i64 = 16 << 20;

/// Which tags a list shows.
#[derive(Clone, Debug)]
pub enum TagSearch {
    /// All of them.
    All,
    /// The one of this name.
    Exact(String),
    /// Those with this in their name, whatever the case.
    Part(String),
}

/// What a list of tags shows, and in which order.
#[derive(Clone, Debug)]
pub struct TagsWanted {
    /// Which tags.
    pub search: TagSearch,
    /// In which order.
    pub order: TagOrder,
    /// From where.
    pub start: TagStart,
    /// At most so many.
    pub limit: u32,
    /// Whether with the text of the manifests.
    pub with_manifests: bool,
    /// Whether to count all tags that are found.
    pub with_total: bool,
}

/// The repository that a tag is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPlace {
    /// The repository's id.
    pub repository_id: i64,
    /// The account that the repository belongs to.
    pub account_id: String,
}

impl TagPlace {
    fn of(held: Held) -> Self {
        Self {
            repository_id: held.id,
            account_id: held.account_id,
        }
    }
}

/// A tag, and its manifest if that was asked for.
#[derive(Clone, Debug)]
pub struct TagView {
    /// The tag and what it names.
    pub row: TagRow,
    /// The manifest's text; none when nobody asked or the manifests before it filled the answer (16 MiB).
    pub manifest: Option<String>,
    /// The rule that makes the tag immutable, if one does.
    pub immutable_by: Option<i64>,
}

/// A page of tags.
#[derive(Clone, Debug)]
pub struct TagViews {
    /// Where they are.
    pub place: TagPlace,
    /// The tags, and whether more follow.
    pub tags: Listed<TagView>,
    /// How many tags were found on all pages, if that was asked for.
    pub total: Option<i64>,
}

impl Registry {
    /// A page of a repository's tags.
    pub async fn tags(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        wanted: TagsWanted,
    ) -> Result<TagViews, Error> {
        let held = self.require_held(caller, Action::Pull, repository).await?;
        let rules = self.rules(&held.standing, held.id, repository).await?;
        let place = TagPlace::of(held);
        let (found, total) = match &wanted.search {
            TagSearch::Exact(tag) => {
                let row = self.metadata.tag_row(place.repository_id, tag).await?;
                let total = i64::from(row.is_some());
                let is_first = matches!(wanted.start, TagStart::Offset(0));
                (row.filter(|_| is_first).into_iter().collect(), Some(total))
            }
            TagSearch::Part(part) => self.page_of_tags(&place, part.clone(), &wanted).await?,
            TagSearch::All => self.page_of_tags(&place, String::new(), &wanted).await?,
        };
        let Listed { entries, more } = Listed::cut(found, wanted.limit);
        let mut texts = if wanted.with_manifests {
            self.manifest_texts(place.repository_id, &entries).await?
        } else {
            HashMap::new()
        };
        // Many tags may name one manifest, so each takes a copy but the last.
        let mut left: HashMap<String, usize> = HashMap::new();
        for row in &entries {
            *left.entry(row.digest.clone()).or_default() += 1;
        }
        let view = |row: TagRow| {
            let left = left.entry(row.digest.clone()).or_default();
            *left = left.saturating_sub(1);
            let manifest = if *left == 0 {
                texts.remove(&row.digest)
            } else {
                texts.get(&row.digest).cloned()
            };
            TagView {
                immutable_by: rules.covering(&row.tag).map(|rule| rule.id),
                row,
                manifest,
            }
        };
        let entries = entries.into_iter().map(view).collect();
        Ok(TagViews {
            place,
            tags: Listed { entries, more },
            total,
        })
    }

    /// A tag with the text of its manifest.
    pub async fn tag(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<(TagPlace, TagView), Error> {
        let held = self.require_held(caller, Action::Pull, repository).await?;
        let rules = self.rules(&held.standing, held.id, repository).await?;
        let place = TagPlace::of(held);
        let row = self.tag_row(&place, tag).await?;
        let digests = [row.digest.clone()];
        let found = self
            .metadata
            .manifest_bytes(place.repository_id, &digests)
            .await?;
        let manifest = found.into_iter().next().map(|(_, bytes)| text(bytes));
        let view = TagView {
            immutable_by: rules.covering(&row.tag).map(|rule| rule.id),
            row,
            manifest,
        };
        Ok((place, view))
    }

    /// The repository, if it is there and the caller may do `action` in it.
    pub(crate) async fn tag_place(
        &self,
        caller: &Caller,
        action: Action,
        repository: &RepositoryName,
    ) -> Result<TagPlace, Error> {
        Ok(TagPlace::of(self.require_held(caller, action, repository).await?))
    }

    /// The row of a tag that must be there.
    pub(crate) async fn tag_row(&self, place: &TagPlace, tag: &Tag) -> Result<TagRow, Error> {
        let row = self.metadata.tag_row(place.repository_id, tag.as_str()).await?;
        row.ok_or_else(|| Error::ManifestUnknown(Reference::Tag(tag.clone())))
    }

    async fn page_of_tags(
        &self,
        place: &TagPlace,
        search: String,
        wanted: &TagsWanted,
    ) -> Result<(Vec<TagRow>, Option<i64>), Error> {
        let total = if wanted.with_total {
            let count = self
                .metadata
                .count_tags_found(place.repository_id, &search)
                .await?;
            Some(count)
        } else {
            None
        };
        let page = TagsPage {
            repository_id: place.repository_id,
            search,
            order: wanted.order,
            start: wanted.start.clone(),
            limit: i64::from(wanted.limit) + 1,
        };
        Ok((self.metadata.tag_rows(page).await?, total))
    }

    /// The manifests of the first rows, as many as one answer holds.
    async fn manifest_texts(
        &self,
        repository_id: i64,
        rows: &[TagRow],
    ) -> Result<HashMap<String, String>, Error> {
        let mut bytes = 0_i64;
        let fitting = rows.iter().take_while(|row| {
            bytes = bytes.saturating_add(row.manifest_bytes);
            bytes <= MANIFEST_BYTES_MAX
        });
        let mut digests: Vec<String> = fitting.map(|row| row.digest.clone()).collect();
        digests.sort_unstable();
        digests.dedup();
        let found = self.metadata.manifest_bytes(repository_id, &digests).await?;
        Ok(found
            .into_iter()
            .map(|(digest, bytes)| (digest, text(bytes)))
            .collect())
    }
}

/// A manifest's bytes as text: JSON is UTF-8, and every manifest was read as JSON before it was stored.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
