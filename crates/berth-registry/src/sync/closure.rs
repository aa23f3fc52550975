//! What goes along with a tag: the manifest that it names, the manifests of an index, their blobs, and all that refers to
//! any of them, by subject or by the tags that signature tools write. Reads rows; knows no destination.

use std::collections::BTreeSet;

use berth_metadata::AccessoriesPage;
use berth_oci::{Digest, Manifest};

use super::outcome::Stop;
use crate::Registry;
use crate::accessory;

/// Manifests of one copy.
const PARTS_MAX: usize = 10_000;
/// Accessories of one look.
const PAGE: i64 = 100;

/// A piece of content, told by digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Why a manifest goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An index lists it.
    Child,
    /// The tag names it.
    Root,
    /// It refers to another part.
    Referrer,
    /// A tag says that it belongs to another part.
    Tagged(String),
}

/// A manifest that goes along, and the blobs that it needs.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) digest: Digest,
    pub(super) role: Role,
    /// The manifest that it says it is about.
    pub(super) subject: Option<Digest>,
    pub(super) blobs: Vec<Content>,
}

/// Everything that goes along, each after what it needs.
#[derive(Debug, Default)]
pub(super) struct Closure {
    pub(super) parts: Vec<Part>,
    /// Manifests of indexes that are not here.
    pub(super) absent: usize,
    seen: BTreeSet<Digest>,
    tagged: BTreeSet<(Digest, String)>,
}

enum Visit {
    Enter(Digest, Role),
    Leave(Part),
}

impl Registry {
    /// What goes along with the manifest of that digest, which a tag of the repository names.
    pub(super) async fn closure(&self, repository_id: i64, root: &Digest) -> Result<Closure, Stop> {
        let mut closure = Closure::default();
        self.gather(repository_id, (root, Role::Root), &mut closure)
            .await?;
        if closure.parts.is_empty() {
            return Err(Stop::failed(format!(
                "the manifest {root} is gone here: push it again"
            )));
        }
        let mut looked_at = 0;
        while let Some(part) = closure.parts.get(looked_at) {
            looked_at += 1;
            let digest = part.digest.clone();
            self.gather_accessories(repository_id, &digest, &mut closure)
                .await?;
        }
        Ok(closure)
    }

    /// Adds a manifest and, before it, those that it lists.
    async fn gather(
        &self,
        repository_id: i64,
        (digest, role): (&Digest, Role),
        closure: &mut Closure,
    ) -> Result<(), Stop> {
        let mut visits = vec![Visit::Enter(digest.clone(), role)];
        while let Some(visit) = visits.pop() {
            let (digest, role) = match visit {
                Visit::Leave(part) => {
                    closure.parts.push(part);
                    continue;
                }
                Visit::Enter(digest, role) => (digest, role),
            };
            let is_new = closure.seen.insert(digest.clone());
            // A tag is one more way to the same manifest, and each is gone once: it may name what it belongs to.
            let is_way = match &role {
                Role::Tagged(tag) => closure.tagged.insert((digest.clone(), tag.clone())),
                _ => is_new,
            };
            if !is_way {
                continue;
            }
            if closure.parts.len() + visits.len() > PARTS_MAX {
                return Err(Stop::failed(format!(
                    "more than {PARTS_MAX} manifests belong to it"
                )));
            }
            let found = self.metadata.manifest_by_digest(repository_id, digest.as_str());
            let Some(row) = found.await? else {
                if self.metadata.is_damaged(repository_id, digest.as_str()).await? {
                    return Err(Stop::damaged(&format!("the manifest {digest}")));
                }
                closure.absent += 1;
                continue;
            };
            let Ok(manifest) = Manifest::parse(&row.bytes, Some(&row.media_type)) else {
                return Err(Stop::failed(format!("the manifest {digest} cannot be read")));
            };
            let mut part = Part {
                digest,
                role,
                subject: manifest.subject.as_ref().map(|subject| subject.digest.clone()),
                blobs: contents(&manifest),
            };
            let mut children = Vec::new();
            for child in manifest.manifests().filter(|_| is_new) {
                // Some build tools list layers where manifests belong.
                if self.is_blob_only(repository_id, &child.digest).await? {
                    part.blobs.push(Content {
                        digest: child.digest.clone(),
                        size: child.size,
                    });
                } else {
                    children.push(Visit::Enter(child.digest.clone(), Role::Child));
                }
            }
            visits.push(Visit::Leave(part));
            // The first of them is visited first.
            visits.extend(children.into_iter().rev());
        }
        Ok(())
    }

    async fn is_blob_only(&self, repository_id: i64, digest: &Digest) -> Result<bool, Stop> {
        let digest = digest.as_str();
        let manifest = self.metadata.manifest_descriptor_by_digest(repository_id, digest);
        Ok(manifest.await?.is_none() && self.metadata.is_linked(repository_id, digest).await?)
    }

    async fn gather_accessories(
        &self,
        repository_id: i64,
        of: &Digest,
        closure: &mut Closure,
    ) -> Result<(), Stop> {
        let tags = accessory::tags_of(of.as_str());
        for offset in (0..).step_by(usize::try_from(PAGE).expect("a small number")) {
            let page = AccessoriesPage {
                repository_id,
                digest: of.to_string(),
                tags: tags.clone(),
                offset,
                limit: PAGE,
            };
            let (rows, _) = self.metadata.accessories(page).await?;
            let is_last = i64::try_from(rows.len()).is_ok_and(|count| count < PAGE);
            for row in rows {
                let Ok(digest) = row.digest.parse::<Digest>() else {
                    return Err(Stop::failed(format!("the digest {} cannot be read", row.digest)));
                };
                let role = match row.tag.filter(|tag| tags.contains(tag)) {
                    Some(tag) => Role::Tagged(tag),
                    None => Role::Referrer,
                };
                self.gather(repository_id, (&digest, role), closure).await?;
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }
}

/// The blobs that have to be there before the manifest, each once.
fn contents(manifest: &Manifest) -> Vec<Content> {
    let all = manifest.blobs().map(|blob| Content {
        digest: blob.digest.clone(),
        size: blob.size,
    });
    all.collect::<BTreeSet<_>>().into_iter().collect()
}
