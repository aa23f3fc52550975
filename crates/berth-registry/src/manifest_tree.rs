//! A manifest or index as a tree of what it names, with what of that is here; the layers of many tags at once; what belongs
//! to a manifest, and the beginning of any blob. Looks into no layer.

use std::collections::{BTreeMap, HashMap, HashSet};

use berth_metadata::{LayerUse, ManifestRow};
use berth_oci::{Descriptor, Digest, Manifest, ManifestKind, Reference, RepositoryName, Tag};
use futures_util::StreamExt as _;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::accessory::{AccessoryView, AccessoryViews};
use crate::clock::now_ms;
use crate::error::Error;
use crate::image::PlatformImage;
use crate::manifest::distinct;
use crate::repository::viewer;

/// Manifests of an index that are looked into; real ones have a dozen.
const CHILDREN_MAX: usize = 200;
/// Tags whose layers one request asks for.
const TAGS_MAX: usize = 100;
/// Bytes of a blob that a preview shows.
pub const BLOB_PREVIEW_BYTES_MAX: u64 = 256 << 10;

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct NamedBlob {
    /// How the manifest describes it.
    pub descriptor: Descriptor,
    /// Whether this repository has it.
    pub is_present: bool,
}

/// What a manifest that is no index says.
#[derive(Clone, Debug, Default)]
pub struct ManifestContent {
    /// The type of the artifact, when it declares one.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its configuration.
    pub config: Option<NamedBlob>,
    /// Its layers, the lowest first.
    pub layers: Vec<NamedBlob>,
    /// The manifest that it belongs to.
    pub subject: Option<Descriptor>,
}

/// A manifest that an index lists.
#[derive(Clone, Debug)]
pub struct ListedManifest {
    /// How the index describes it.
    pub entry: PlatformImage,
    /// The type of the artifact, as the index says.
    pub artifact_type: Option<String>,
    /// What it says; none when it is not in the repository.
    pub content: Option<ManifestContent>,
}

/// What a tag or digest names, as a tree.
#[derive(Clone, Debug)]
pub struct ManifestTree {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// It as it is served.
    pub text: String,
    /// What it says.
    pub content: ManifestContent,
    /// The manifests of an index.
    pub manifests: Vec<ListedManifest>,
    /// What is not shown, and why.
    pub remarks: Vec<String>,
}

/// The layers of what a tag names.
#[derive(Clone, Debug)]
pub struct TagLayers {
    /// The tag.
    pub tag: String,
    /// The digest of the image: of an index that of the platform that most people want.
    pub image: String,
    /// Digest and bytes of each layer, the lowest first, and whether another manifest of the repository has it too.
    pub layers: Vec<(String, u64, bool)>,
}

/// What belongs to a manifest, and what is in it.
#[derive(Clone, Debug)]
pub struct AccessoryContent {
    /// What it is.
    pub view: AccessoryView,
    /// Its media type.
    pub media_type: String,
    /// Bytes of its manifest.
    pub manifest_bytes: u64,
    /// What it says.
    pub content: ManifestContent,
}

/// A page of what belongs to a manifest.
#[derive(Clone, Debug)]
pub struct AccessoryContents {
    /// The digest of the manifest.
    pub target: String,
    /// What belongs to it.
    pub accessories: Vec<AccessoryContent>,
    /// How many there are on all pages.
    pub total: i64,
}

/// The beginning of a blob.
#[derive(Clone, Debug)]
pub struct BlobPreview {
    /// Bytes of the blob.
    pub size: u64,
    /// The first of them.
    pub bytes: Vec<u8>,
}

impl Registry {
    /// What a tag or digest names, as a tree.
    pub async fn manifest_tree(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestTree, Error> {
        let repository_id = self
            .tag_place(caller, Action::Pull, repository)
            .await?
            .repository_id;
        let found = match reference {
            Reference::Tag(tag) => self.metadata.manifest_by_tag(repository_id, tag.as_str()).await?,
            Reference::Digest(digest) => {
                self.metadata
                    .manifest_by_digest(repository_id, digest.as_str())
                    .await?
            }
        };
        let row = found.ok_or_else(|| Error::ManifestUnknown(reference.clone()))?;
        let mut tree = ManifestTree {
            digest: row.digest.clone(),
            media_type: row.media_type.clone(),
            text: String::from_utf8_lossy(&row.bytes).into_owned(),
            content: ManifestContent::default(),
            manifests: Vec::new(),
            remarks: Vec::new(),
        };
        let Ok(manifest) = Manifest::parse(&row.bytes, Some(&row.media_type)) else {
            tree.remarks.push("the manifest cannot be read".to_owned());
            return Ok(tree);
        };
        if manifest.manifests.len() > CHILDREN_MAX {
            tree.remarks.push(format!(
                "the index lists {} manifests, of which the first {CHILDREN_MAX} are shown",
                manifest.manifests.len()
            ));
        }
        let listed = &manifest.manifests[..manifest.manifests.len().min(CHILDREN_MAX)];
        let children = self
            .parsed(repository_id, listed.iter().map(|entry| entry.digest.to_string()))
            .await?;
        let all = std::iter::once(&manifest).chain(children.values());
        let present = self.present(repository_id, all).await?;
        let facts = self
            .metadata
            .manifest_facts(repository_id, &distinct(children.keys().cloned()))
            .await?;
        let facts: HashMap<String, _> = facts.into_iter().collect();
        tree.manifests = listed
            .iter()
            .map(|entry| ListedManifest {
                entry: PlatformImage::of(entry, facts.get(entry.digest.as_str())),
                artifact_type: entry.artifact_type.clone(),
                content: children
                    .get(entry.digest.as_str())
                    .map(|child| content(child, &present)),
            })
            .collect();
        tree.content = content(&manifest, &present);
        Ok(tree)
    }

    /// The layers of what tags name, in their order; nothing of a tag that is not there.
    pub async fn tag_layers(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        tags: &[Tag],
    ) -> Result<Vec<TagLayers>, Error> {
        let repository_id = self
            .tag_place(caller, Action::Pull, repository)
            .await?
            .repository_id;
        if tags.len() > TAGS_MAX {
            return Err(Error::Invalid(format!(
                "at most {TAGS_MAX} tags are asked for at once"
            )));
        }
        let mut named: Vec<(&Tag, String)> = Vec::new();
        for tag in tags {
            let row = self.metadata.tag_row(repository_id, tag.as_str()).await?;
            named.extend(row.map(|row| (tag, row.digest)));
        }
        let manifests = self
            .parsed(repository_id, named.iter().map(|(_, digest)| digest.clone()))
            .await?;
        let chosen: HashMap<&str, String> = manifests
            .iter()
            .filter(|(_, manifest)| manifest.kind == ManifestKind::Index)
            .filter_map(|(digest, index)| Some((digest.as_str(), usual(index)?)))
            .collect();
        let children = self.parsed(repository_id, chosen.values().cloned()).await?;
        let images = named.iter().filter_map(|(tag, digest)| {
            let image = chosen.get(digest.as_str()).unwrap_or(digest);
            let manifest = children.get(image).or_else(|| manifests.get(image))?;
            (manifest.kind == ManifestKind::Image).then_some((*tag, image.clone(), manifest))
        });
        let images: Vec<_> = images.collect();
        let layers = images.iter().flat_map(|(_, _, manifest)| &manifest.layers);
        let digests = distinct(layers.map(|layer| layer.digest.to_string()));
        let uses = self
            .metadata
            .layer_uses(repository_id, &digests, viewer(caller), now_ms())
            .await?;
        let uses: HashMap<&str, &LayerUse> = uses.iter().map(|used| (used.digest.as_str(), used)).collect();
        let layer = |layer: &Descriptor| {
            let is_shared = uses
                .get(layer.digest.as_str())
                .is_some_and(|used| used.manifests > 1);
            (layer.digest.to_string(), layer.size, is_shared)
        };
        Ok(images
            .into_iter()
            .map(|(tag, image, manifest)| TagLayers {
                tag: tag.to_string(),
                image,
                layers: manifest.layers.iter().map(layer).collect(),
            })
            .collect())
    }

    /// What belongs to a manifest, with what is in it: `limit` after the first `offset`.
    pub async fn accessory_contents(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
        page: (i64, i64),
    ) -> Result<AccessoryContents, Error> {
        let AccessoryViews {
            place,
            target,
            accessories,
            total,
        } = self.accessories(caller, repository, reference, page).await?;
        let repository_id = place.repository_id;
        let mut found = Vec::new();
        for view in accessories {
            let row = self
                .metadata
                .manifest_by_digest(repository_id, &view.accessory.digest)
                .await?;
            found.extend(row.map(|row| (view, row)));
        }
        let parsed = |row: &ManifestRow| Manifest::parse(&row.bytes, Some(&row.media_type)).ok();
        let manifests: Vec<Option<Manifest>> = found.iter().map(|(_, row)| parsed(row)).collect();
        let present = self.present(repository_id, manifests.iter().flatten()).await?;
        let accessories = found
            .into_iter()
            .zip(&manifests)
            .map(|((view, row), manifest)| AccessoryContent {
                view,
                media_type: row.media_type.clone(),
                manifest_bytes: u64::try_from(row.size).unwrap_or_default(),
                content: manifest
                    .as_ref()
                    .map(|manifest| content(manifest, &present))
                    .unwrap_or_default(),
            });
        Ok(AccessoryContents {
            target,
            accessories: accessories.collect(),
            total,
        })
    }

    /// The beginning of a blob that the repository links.
    pub async fn preview_blob(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobPreview, Error> {
        let repository_id = self
            .tag_place(caller, Action::Pull, repository)
            .await?
            .repository_id;
        let linked = self.metadata.linked_blob(repository_id, digest.as_str()).await?;
        let linked = linked.ok_or_else(|| Error::BlobUnknown(digest.clone()))?;
        let size = u64::try_from(linked.size).unwrap_or_default();
        let mut stream = self
            .blobs
            .open(&linked.key, 0..size.min(BLOB_PREVIEW_BYTES_MAX))
            .await?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|source| Error::internal("reading the beginning of a blob", source))?;
            bytes.extend_from_slice(&piece);
        }
        Ok(BlobPreview { size, bytes })
    }

    /// Those of the manifests that are here and can be read.
    async fn parsed(
        &self,
        repository_id: i64,
        digests: impl Iterator<Item = String>,
    ) -> Result<HashMap<String, Manifest>, Error> {
        let rows = self
            .metadata
            .manifest_bytes(repository_id, &distinct(digests))
            .await?;
        let parsed = rows.into_iter().filter_map(|(digest, bytes)| {
            let manifest = Manifest::parse(&bytes, None).ok()?;
            Some((digest, manifest))
        });
        Ok(parsed.collect())
    }

    /// The digests of blobs that the manifests name and the repository has.
    async fn present<'a>(
        &self,
        repository_id: i64,
        manifests: impl Iterator<Item = &'a Manifest>,
    ) -> Result<HashSet<String>, Error> {
        let named = manifests.flat_map(|manifest| manifest.config.iter().chain(&manifest.layers));
        let digests = distinct(named.map(|blob| blob.digest.to_string()));
        let linked = self.metadata.linked_layers(repository_id, &digests).await?;
        Ok(linked.into_iter().map(|blob| blob.digest).collect())
    }
}

fn content(manifest: &Manifest, present: &HashSet<String>) -> ManifestContent {
    let blob = |descriptor: &Descriptor| NamedBlob {
        is_present: present.contains(descriptor.digest.as_str()),
        descriptor: descriptor.clone(),
    };
    ManifestContent {
        artifact_type: manifest.artifact_type.clone(),
        annotations: manifest.annotations.clone(),
        config: manifest.config.as_ref().map(blob),
        layers: manifest.layers.iter().map(blob).collect(),
        subject: manifest.subject.clone(),
    }
}

/// The image of an index that lists show: that for linux/amd64, else the first for a platform that is known.
fn usual(index: &Manifest) -> Option<String> {
    let says = |entry: &&Descriptor, key: &str, value: &str| {
        entry
            .platform
            .as_ref()
            .is_some_and(|platform| platform[key] == value)
    };
    let mut entries = index.manifests.iter();
    let usual = entries
        .clone()
        .find(|e| says(e, "os", "linux") && says(e, "architecture", "amd64"));
    let chosen = usual.or_else(|| entries.find(|entry| !says(entry, "os", "unknown")));
    chosen.map(|entry| entry.digest.to_string())
}
