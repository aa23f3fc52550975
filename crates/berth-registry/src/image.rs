//! What is in an image: its platforms, layers and configuration, read from what was pushed. What is missing or foreign
//! is told in a sentence, so that whoever looks sees the rest.

use std::collections::{BTreeMap, HashMap, HashSet};

use berth_metadata::{LayerUse, ManifestFacts, ManifestRow};
use berth_oci::{Descriptor, Digest, Manifest, ManifestKind, Reference, RepositoryName, media_type};
use futures_util::StreamExt as _;

use crate::Registry;
use crate::access::{Action, Caller};
use crate::clock::now_ms;
use crate::error::Error;
use crate::manifest::distinct;
use crate::repository::viewer;
use crate::tag::{TagPlace, TagRow};

mod config;
mod platform;
mod platforms;

pub use config::{History, ImageConfig};
pub use platform::PlatformImage;
use platform::{Platform, choose};
pub(crate) use platforms::platform_default;

/// Real configurations are a few KiB.
const CONFIG_BYTES_MAX: i64 = 4 << 20;
/// Images of an index that one answer describes; real ones have a dozen.
const IMAGES_MAX: usize = 200;

/// What a tag or a digest names, described.
#[derive(Clone, Debug)]
pub struct ImageDetail {
    /// Where it is.
    pub place: TagPlace,
    /// The tag; none when a digest was asked for.
    pub tag: Option<TagRow>,
    /// The digest of what it names.
    pub digest: String,
    /// What lists show of that.
    pub facts: ManifestFacts,
    /// The media type of what it names.
    pub media_type: String,
    /// The annotations of what it names.
    pub annotations: BTreeMap<String, String>,
    /// The images of an index, or the one image.
    pub images: Vec<PlatformImage>,
    /// The image that was asked for, or the one that most people want.
    pub selected: Option<SelectedImage>,
    /// What could not be told, and why; sentences for a person.
    pub remarks: Vec<String>,
}

/// An image's content.
#[derive(Clone, Debug)]
pub struct SelectedImage {
    /// The digest of its manifest.
    pub digest: String,
    /// The media type of its manifest.
    pub media_type: String,
    /// The media type of its configuration.
    pub config_media_type: Option<String>,
    /// The digest of its configuration.
    pub config_digest: Option<String>,
    /// The type of the artifact, when it declares one.
    pub artifact_type: Option<String>,
    /// Bytes of its configuration and layers.
    pub image_bytes: i64,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// What it says of itself; none when that is missing or foreign.
    pub config: Option<ImageConfig>,
}

/// A layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Bytes as it is stored and pulled.
    pub bytes: u64,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Where it can be had besides.
    pub urls: Vec<String>,
    /// Whether this repository has it.
    pub is_present: bool,
    /// Other manifests of the repository that name it, those of other platforms of the same tag among them.
    pub other_manifests: i64,
    /// Other repositories with it that the caller may read.
    pub other_repositories: i64,
}

impl Registry {
    /// What a tag or digest names, with the content of one image: of an index the one for `platform` (`os/arch`,
    /// `os/arch/variant`), else the one for linux/amd64, else the first that is there. Tells who else has its layers.
    pub async fn image(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
        platform: Option<&str>,
    ) -> Result<ImageDetail, Error> {
        let mut detail = self.described(caller, repository, reference, platform).await?;
        if let Some(image) = &mut detail.selected {
            let repository_id = detail.place.repository_id;
            self.note_layer_uses(caller, repository_id, &mut image.layers)
                .await?;
        }
        Ok(detail)
    }

    /// The same without who else has the layers.
    pub(crate) async fn described(
        &self,
        caller: &Caller,
        repository: &RepositoryName,
        reference: &Reference,
        platform: Option<&str>,
    ) -> Result<ImageDetail, Error> {
        let place = self.tag_place(caller, Action::Pull, repository).await?;
        let wanted = platform.map(Platform::parse).transpose()?;
        let (tag, digest) = match reference {
            Reference::Tag(tag) => {
                let row = self.tag_row(&place, tag).await?;
                let digest = row.digest.clone();
                (Some(row), digest)
            }
            Reference::Digest(digest) => (None, digest.to_string()),
        };
        // By digest, so that all of the answer is about one manifest although the tag may move.
        let stored = self.metadata.manifest_by_digest(place.repository_id, &digest);
        let stored = stored.await?;
        let stored = stored.ok_or_else(|| Error::ManifestUnknown(reference.clone()))?;
        let facts = if let Some(row) = &tag {
            row.facts.clone()
        } else {
            let digests = std::slice::from_ref(&digest);
            let facts = self.metadata.manifest_facts(place.repository_id, digests).await?;
            facts
                .into_iter()
                .next()
                .map(|(_, facts)| facts)
                .unwrap_or_default()
        };
        let mut detail = ImageDetail {
            place,
            tag,
            digest,
            facts,
            media_type: stored.media_type.clone(),
            annotations: BTreeMap::new(),
            images: Vec::new(),
            selected: None,
            remarks: Vec::new(),
        };
        let Ok(manifest) = Manifest::parse(&stored.bytes, Some(&stored.media_type)) else {
            detail.remarks.push("the manifest cannot be read".to_owned());
            return Ok(detail);
        };
        detail.annotations.clone_from(&manifest.annotations);
        match manifest.kind {
            ManifestKind::Index => {
                self.describe_index(&mut detail, &manifest, wanted.as_ref())
                    .await?;
            }
            ManifestKind::Image => {
                self.describe_image(&mut detail, &stored, &manifest, wanted.as_ref())
                    .await?;
            }
            ManifestKind::Other => detail.remarks.push(format!(
                "a manifest of type {} is none that this registry knows, so it does not tell what is in it",
                stored.media_type
            )),
        }
        Ok(detail)
    }

    async fn describe_image(
        &self,
        detail: &mut ImageDetail,
        stored: &ManifestRow,
        manifest: &Manifest,
        wanted: Option<&Platform<'_>>,
    ) -> Result<(), Error> {
        let image = self.content(detail, stored, manifest).await?;
        let config = image.config.as_ref();
        let only = PlatformImage {
            digest: image.digest.clone(),
            media_type: image.media_type.clone(),
            manifest_bytes: u64::try_from(stored.size).unwrap_or_default(),
            image_bytes: Some(image.image_bytes),
            os: config.and_then(|config| config.os.clone()),
            os_version: None,
            architecture: config.and_then(|config| config.architecture.clone()),
            variant: config.and_then(|config| config.variant.clone()),
            annotations: BTreeMap::new(),
        };
        if let Some(wanted) = wanted
            && !wanted.is_of(&only)
        {
            return Err(wanted.unknown());
        }
        detail.images.push(only);
        detail.selected = Some(image);
        Ok(())
    }

    async fn describe_index(
        &self,
        detail: &mut ImageDetail,
        index: &Manifest,
        wanted: Option<&Platform<'_>>,
    ) -> Result<(), Error> {
        if index.manifests.len() > IMAGES_MAX {
            detail.remarks.push(format!(
                "the index lists {} manifests, of which the first {IMAGES_MAX} are shown",
                index.manifests.len()
            ));
        }
        let entries = &index.manifests[..index.manifests.len().min(IMAGES_MAX)];
        let digests: Vec<String> = entries.iter().map(|entry| entry.digest.to_string()).collect();
        let facts = self
            .metadata
            .manifest_facts(detail.place.repository_id, &digests)
            .await?;
        let facts: HashMap<String, ManifestFacts> = facts.into_iter().collect();
        detail.images = entries
            .iter()
            .map(|entry| PlatformImage::of(entry, facts.get(entry.digest.as_str())))
            .collect();
        let missing = detail.images.iter().filter(|image| image.image_bytes.is_none());
        let missing: Vec<&str> = missing.map(|image| image.digest.as_str()).collect();
        if !missing.is_empty() {
            let sentence = format!(
                "{} of the manifests that the index lists are not in this repository: {}",
                missing.len(),
                missing.join(", ")
            );
            detail.remarks.push(sentence);
        }
        let Some(chosen) = choose(&detail.images, wanted)? else {
            return Ok(());
        };
        let chosen = chosen.digest.clone();
        let stored = self
            .metadata
            .manifest_by_digest(detail.place.repository_id, &chosen);
        let Some(stored) = stored.await? else {
            return Ok(());
        };
        match Manifest::parse(&stored.bytes, Some(&stored.media_type)) {
            Ok(manifest) if manifest.kind == ManifestKind::Image => {
                detail.selected = Some(self.content(detail, &stored, &manifest).await?);
            }
            _ => detail.remarks.push(format!(
                "manifest {chosen} is no image, so its content is not shown"
            )),
        }
        Ok(())
    }

    /// An image's content; what it cannot tell becomes a remark.
    async fn content(
        &self,
        detail: &mut ImageDetail,
        stored: &ManifestRow,
        manifest: &Manifest,
    ) -> Result<SelectedImage, Error> {
        let config = match &manifest.config {
            Some(descriptor) => self.config(detail, descriptor, manifest.layers.len()).await?,
            None => None,
        };
        let contents = manifest.config.iter().chain(&manifest.layers);
        let bytes = contents.fold(0_u64, |sum, content| sum.saturating_add(content.size));
        Ok(SelectedImage {
            digest: stored.digest.clone(),
            media_type: stored.media_type.clone(),
            config_media_type: manifest.config.as_ref().map(|config| config.media_type.clone()),
            config_digest: manifest.config.as_ref().map(|config| config.digest.to_string()),
            artifact_type: manifest.artifact_type.clone(),
            image_bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            layers: manifest.layers.iter().map(layer).collect(),
            annotations: manifest.annotations.clone(),
            config,
        })
    }

    async fn config(
        &self,
        detail: &mut ImageDetail,
        descriptor: &Descriptor,
        layers: usize,
    ) -> Result<Option<ImageConfig>, Error> {
        let kind = descriptor.media_type.as_str();
        if kind != media_type::OCI_CONFIG && kind != media_type::DOCKER_CONFIG {
            detail.remarks.push(format!(
                "the configuration is of type {kind}, which describes no container, so it is not shown"
            ));
            return Ok(None);
        }
        let bytes = match self
            .config_bytes(detail.place.repository_id, &descriptor.digest)
            .await?
        {
            Ok(bytes) => bytes,
            Err(remark) => {
                detail.remarks.push(remark);
                return Ok(None);
            }
        };
        match ImageConfig::parse(&bytes, layers) {
            Ok((config, remark)) => {
                detail.remarks.extend(remark);
                Ok(Some(config))
            }
            Err(remark) => {
                detail.remarks.push(remark);
                Ok(None)
            }
        }
    }

    /// The bytes of a configuration, or a sentence why there are none.
    async fn config_bytes(
        &self,
        repository_id: i64,
        digest: &Digest,
    ) -> Result<Result<Vec<u8>, String>, Error> {
        let missing = || {
            Ok(Err(format!(
                "the configuration {digest} is not in this repository"
            )))
        };
        let linked = self.metadata.linked_blob(repository_id, digest.as_str()).await?;
        let Some(linked) = linked else { return missing() };
        if linked.size > CONFIG_BYTES_MAX {
            return Ok(Err(format!(
                "the configuration has {} bytes; those above {CONFIG_BYTES_MAX} are not read",
                linked.size
            )));
        }
        let size = u64::try_from(linked.size).unwrap_or_default();
        let mut stream = match self.blobs.open(&linked.key, 0..size).await {
            Ok(stream) => stream,
            Err(berth_blob::Error::NotFound) => return missing(),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|source| Error::internal("reading an image's configuration", source))?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(Ok(bytes))
    }

    async fn note_layer_uses(
        &self,
        caller: &Caller,
        repository_id: i64,
        layers: &mut [Layer],
    ) -> Result<(), Error> {
        let digests = distinct(layers.iter().map(|layer| layer.digest.clone()));
        let present = self.metadata.linked_layers(repository_id, &digests).await?;
        let uses = self
            .metadata
            .layer_uses(repository_id, &digests, viewer(caller), now_ms())
            .await?;
        let present: HashSet<String> = present.into_iter().map(|blob| blob.digest).collect();
        let uses: HashMap<&str, &LayerUse> = uses.iter().map(|used| (used.digest.as_str(), used)).collect();
        for layer in layers {
            layer.is_present = present.contains(&layer.digest);
            if let Some(used) = uses.get(layer.digest.as_str()) {
                layer.other_manifests = (used.manifests - 1).max(0);
                layer.other_repositories = used.repositories;
            }
        }
        Ok(())
    }
}

fn layer(descriptor: &Descriptor) -> Layer {
    Layer {
        digest: descriptor.digest.to_string(),
        media_type: descriptor.media_type.clone(),
        bytes: descriptor.size,
        annotations: descriptor.annotations.clone().unwrap_or_default(),
        urls: descriptor.urls.clone(),
        is_present: false,
        other_manifests: 0,
        other_repositories: 0,
    }
}
