//! Tags as pages of the console show them: in the order of their versions too, with platforms, layers, signatures and what
//! else names the same manifest. What is missing of a manifest's platforms is read and noted for the next time.

use std::collections::{BTreeSet, HashMap};

/// Rows of pages, as the metadata has them.
pub use berth_metadata::PagedTag;
use berth_metadata::{TagFilter, TagPageOrder, TagPagePart};
use berth_oci::{Manifest, ManifestKind, RepositoryName};
use futures_util::StreamExt as _;

mod version;

use crate::Registry;
use crate::access::{Action, Caller, Grounds, Rights};
use crate::accessory::{Marks, marks_of};
use crate::error::Error;
use crate::image::platform_default;

/// Most tags of an image that are sorted by version, which is done here and not by the database.
const SORTED_MAX: i64 = 100_000;
/// Rows of a page that comes with layers.
const WITH_LAYERS_MAX: i64 = 100;
/// Bytes of manifests that one page reads. Real pages stay far below.
const MANIFEST_BYTES_MAX: i64 = 16 << 20;
/// Manifests whose platforms one page finds out, and how many at once.
const PLATFORMS_FOUND_MAX: usize = 100;
const PLATFORMS_AT_ONCE: usize = 8;

/// What a page of tags is ordered by; equal ones by their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagSort {
    /// Their name, with numbers in it by their value.
    Version,
    /// Their name, in byte order.
    Tag,
    /// When they were pushed or moved last.
    UpdatedAt,
    /// Bytes of what they name.
    Size,
    /// When what they name was pulled last.
    PulledAt,
}

/// Which tags a page shows.
#[derive(Clone, Debug)]
pub struct TagPageWanted {
    /// Only tags with this in their name, whatever the case.
    pub text: Option<String>,
    /// Only tags that name the manifest of this digest.
    pub digest: Option<String>,
    /// Only tags that have an image for this processor.
    pub architecture: Option<String>,
    /// What to order by.
    pub order: TagSort,
    /// The largest first.
    pub descending: bool,
    /// How many to leave out.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
    /// Whether with layers.
    pub with_layers: bool,
}

/// A tag of a page.
#[derive(Clone, Debug)]
pub struct TagOfPage {
    /// The tag and what it names. Who moved it is told to people with a right of their own on the image.
    pub row: PagedTag,
    /// Platforms; none when they could not be found out now.
    pub platforms: Option<Vec<String>>,
    /// Layers of the image, of an index of the one that most people want, as digest and bytes; none when nobody asked.
    pub layers: Option<Vec<(String, u64)>>,
    /// The rule that makes the tag immutable, if one does.
    pub immutable_by: Option<i64>,
    /// What belongs to the image.
    pub marks: Marks,
}

/// A page of tags.
#[derive(Clone, Debug)]
pub struct TagPageFound {
    /// The tags.
    pub tags: Vec<TagOfPage>,
    /// How many there are on all pages.
    pub total: i64,
}

impl Registry {
    /// A page of an image's tags; `RepositoryUnknown` when the caller may not pull it.
    pub async fn tag_page(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        wanted: TagPageWanted,
    ) -> Result<TagPageFound, Error> {
        let held = self.require_held(caller, Action::Pull, repository).await?;
        if wanted.with_layers && wanted.limit > WITH_LAYERS_MAX {
            return Err(Error::Invalid(format!(
                "a page with layers has at most {WITH_LAYERS_MAX} rows"
            )));
        }
        let rules = self.rules(&held.standing, held.id, repository).await?;
        let (names, total) = self.names_of_page(held.id, &wanted).await?;
        let mut rows = self.metadata.paged_tags(held.id, &names).await?;
        let mut layers = if wanted.with_layers {
            self.layers_of(held.id, &rows).await?
        } else {
            HashMap::new()
        };
        self.find_platforms(held.id, &mut rows).await?;
        let marks = self.marks_of_page(held.id, &rows).await?;
        let grounds = Grounds {
            organization: held.standing.organization_permission,
            image: held.standing.repository_permission,
            ..Grounds::default()
        };
        let is_own = Rights::of(caller, &held.account_id, grounds).is_some_and(Rights::is_own);
        let view = |mut row: PagedTag| {
            row.moved_by = row.moved_by.filter(|_| is_own);
            TagOfPage {
                platforms: row.platforms.as_deref().map(split),
                layers: wanted
                    .with_layers
                    .then(|| layers.get(&row.row.digest).cloned().unwrap_or_default()),
                immutable_by: rules.covering(&row.row.tag).map(|rule| rule.id),
                marks: marks.get(&row.row.digest).copied().unwrap_or_default(),
                row,
            }
        };
        let tags = rows.into_iter().map(view).collect();
        layers.clear();
        Ok(TagPageFound { tags, total })
    }

    async fn names_of_page(
        &self,
        repository_id: i64,
        wanted: &TagPageWanted,
    ) -> Result<(Vec<String>, i64), Error> {
        let filter = TagFilter {
            repository_id,
            text: wanted.text.clone(),
            digest: wanted.digest.clone(),
            architecture: wanted.architecture.clone(),
        };
        let order = match wanted.order {
            TagSort::Version => {
                let mut names = self.metadata.tag_names(&filter, SORTED_MAX + 1).await?;
                let total = i64::try_from(names.len()).unwrap_or(i64::MAX);
                if total > SORTED_MAX {
                    return Err(Error::Invalid(format!(
                        "more than {SORTED_MAX} tags are not sorted by version; look for a part of the tag, or sort by tag"
                    )));
                }
                names.sort_unstable_by(|a, b| version::compare(a, b));
                if wanted.descending {
                    names.reverse();
                }
                let skipped = usize::try_from(wanted.offset).unwrap_or(usize::MAX);
                let limit = usize::try_from(wanted.limit).unwrap_or_default();
                return Ok((names.into_iter().skip(skipped).take(limit).collect(), total));
            }
            TagSort::Tag => TagPageOrder::Tag,
            TagSort::UpdatedAt => TagPageOrder::UpdatedAt,
            TagSort::Size => TagPageOrder::Size,
            TagSort::PulledAt => TagPageOrder::PulledAt,
        };
        let part = TagPagePart {
            order,
            descending: wanted.descending,
            offset: wanted.offset,
            limit: wanted.limit,
        };
        let names = self.metadata.tag_page(&filter, part).await?;
        Ok((names, self.metadata.count_tag_page(&filter).await?))
    }

    /// The layers of what the tags name, by digest.
    async fn layers_of(
        &self,
        repository_id: i64,
        rows: &[PagedTag],
    ) -> Result<HashMap<String, Vec<(String, u64)>>, Error> {
        let mut left = MANIFEST_BYTES_MAX;
        let sizes = rows
            .iter()
            .map(|row| (row.row.digest.clone(), row.row.manifest_bytes));
        let digests = fitting(&mut left, sizes);
        let (mut found, mut chosen) = (HashMap::new(), Vec::new());
        for (digest, manifest) in self.manifests_of(repository_id, &digests).await? {
            if manifest.kind == ManifestKind::Index {
                if let Some((child, bytes)) = platform_default(&manifest) {
                    chosen.push((digest, child, bytes));
                }
            } else {
                found.insert(digest, layers(&manifest));
            }
        }
        let sizes = chosen.iter().map(|(_, child, bytes)| (child.clone(), *bytes));
        let children = fitting(&mut left, sizes);
        let children: HashMap<String, Manifest> = self
            .manifests_of(repository_id, &children)
            .await?
            .into_iter()
            .collect();
        for (digest, child, _) in chosen {
            if let Some(manifest) = children.get(&child) {
                found.insert(digest, layers(manifest));
            }
        }
        Ok(found)
    }

    async fn manifests_of(
        &self,
        repository_id: i64,
        digests: &[String],
    ) -> Result<Vec<(String, Manifest)>, Error> {
        let found = self.metadata.manifest_bytes(repository_id, digests).await?;
        let parsed = found
            .into_iter()
            .filter_map(|(digest, bytes)| Some((digest, Manifest::parse(&bytes, None).ok()?)));
        Ok(parsed.collect())
    }

    /// Finds out what nobody knows yet of the platforms, and notes it.
    async fn find_platforms(&self, repository_id: i64, rows: &mut [PagedTag]) -> Result<(), Error> {
        let mut left = MANIFEST_BYTES_MAX;
        let unknown = rows.iter().filter(|row| row.platforms.is_none());
        let sizes = unknown.map(|row| (row.row.digest.clone(), row.row.manifest_bytes));
        let mut digests = fitting(&mut left, sizes);
        digests.truncate(PLATFORMS_FOUND_MAX);
        if digests.is_empty() {
            return Ok(());
        }
        let manifests = self.manifests_of(repository_id, &digests).await?;
        let looks = manifests.iter().map(|(digest, manifest)| async move {
            let platforms = self.platforms(repository_id, manifest).await;
            (digest.clone(), platforms)
        });
        let looks: Vec<_> = looks.collect();
        let found: Vec<_> = futures_util::stream::iter(looks)
            .buffer_unordered(PLATFORMS_AT_ONCE)
            .collect()
            .await;
        let mut known = HashMap::new();
        for (digest, platforms) in found {
            // Nothing is noted of an image whose configuration is not there: it may come.
            if let Some(platforms) = platforms? {
                known.insert(digest, platforms);
            }
        }
        for row in rows.iter_mut().filter(|row| row.platforms.is_none()) {
            row.platforms = known.get(&row.row.digest).cloned();
        }
        let noted = self
            .metadata
            .note_platforms(repository_id, known.into_iter().collect());
        Ok(noted.await?)
    }

    /// What belongs to what the tags name.
    async fn marks_of_page(
        &self,
        repository_id: i64,
        rows: &[PagedTag],
    ) -> Result<HashMap<String, Marks>, Error> {
        let digests: BTreeSet<String> = rows.iter().map(|row| row.row.digest.clone()).collect();
        let digests: Vec<String> = digests.into_iter().collect();
        let kinds = self.metadata.referrer_kinds(repository_id, &digests).await?;
        let names: Vec<String> = digests
            .iter()
            .flat_map(|digest| crate::accessory::tags_of(digest))
            .collect();
        let tags = self.metadata.tags_there(repository_id, &names).await?;
        Ok(marks_of(&kinds, &tags))
    }
}

/// The digests whose manifests fit into what is left of an answer, each once.
fn fitting(left: &mut i64, sizes: impl Iterator<Item = (String, i64)>) -> Vec<String> {
    let mut digests = BTreeSet::new();
    for (digest, bytes) in sizes {
        if *left >= bytes && digests.insert(digest) {
            *left -= bytes;
        }
    }
    digests.into_iter().collect()
}

fn layers(manifest: &Manifest) -> Vec<(String, u64)> {
    let layers = manifest.layers.iter();
    layers
        .map(|layer| (layer.digest.to_string(), layer.size))
        .collect()
}

fn split(platforms: &str) -> Vec<String> {
    platforms.split_terminator(',').map(str::to_owned).collect()
}
