//! OCI image layouts (image-spec, "Image Layout"): `index.json`, and all content under its digest. What is in it is stored as it
//! is, indexes of several platforms too.

use std::collections::HashSet;

use berth_oci::media_type::OCI_INDEX;
use berth_oci::{Descriptor, Digest, Manifest, ManifestKind};
use serde_json::Value;

use super::{Called, Planned, PlannedBlob, PlannedManifest, Source, platform, sha256};
use crate::archive::contents::invalid;
use crate::error::Error;

/// The annotation of a tag, or a name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation of a whole name.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// Indexes in indexes.
const DEPTH_MAX: usize = 4;
/// Manifests of one archive.
const MANIFESTS_MAX: usize = 1000;

pub(super) fn called(index: &[u8]) -> Result<Vec<Called>, Error> {
    Ok(entries(index)?.iter().filter_map(name_of).collect())
}

fn entries(index: &[u8]) -> Result<Vec<Descriptor>, Error> {
    let parsed = Manifest::parse(index, Some(OCI_INDEX));
    let parsed = parsed.map_err(|error| invalid(format!("index.json cannot be read: {error}")))?;
    Ok(parsed.manifests)
}

fn name_of(descriptor: &Descriptor) -> Option<Called> {
    let annotations = descriptor.annotations.as_ref()?;
    let whole = annotations.get(IMAGE_NAME).cloned().map(Called::Reference);
    whole.or_else(|| annotations.get(REF_NAME).cloned().map(Called::Annotation))
}

pub(super) async fn plan(source: &mut Source<'_>) -> Result<Vec<Planned>, Error> {
    let index = source.document("index.json").await?.unwrap_or_default();
    let entries = entries(&index)?;
    let mut reading = Reading::default();
    if entries.len() > 1 && entries.iter().all(|entry| name_of(entry).is_none()) {
        // One image of several platforms, whose index is the layout's own.
        let mut planned = Planned::default();
        for entry in &entries {
            reading.add(source, (entry, 1), &mut planned).await?;
        }
        planned.manifests.push(PlannedManifest {
            digest: sha256(&index),
            media_type: OCI_INDEX.to_owned(),
            bytes: index,
        });
        return Ok(vec![planned]);
    }
    let mut images: Vec<(Digest, Planned)> = Vec::new();
    for entry in &entries {
        let called = name_of(entry);
        let same = images.iter_mut().find(|(digest, _)| *digest == entry.digest);
        if let Some((_, image)) = same {
            image.called.extend(called);
        } else {
            let mut planned = Planned {
                called: called.into_iter().collect(),
                ..Planned::default()
            };
            reading.seen.clear();
            reading.add(source, (entry, 0), &mut planned).await?;
            images.push((entry.digest.clone(), planned));
        }
        if images.len() > super::IMAGES_MAX {
            break;
        }
    }
    Ok(images.into_iter().map(|(_, image)| image).collect())
}

/// What was read so far, of all images.
#[derive(Default)]
struct Reading {
    manifests: usize,
    /// Manifests and blobs of the image at hand.
    seen: HashSet<Digest>,
}

impl Reading {
    /// Adds a manifest and what it names, what is named first.
    async fn add(
        &mut self,
        source: &mut Source<'_>,
        (descriptor, depth): (&Descriptor, usize),
        planned: &mut Planned,
    ) -> Result<(), Error> {
        if !self.seen.insert(descriptor.digest.clone()) {
            return Ok(());
        }
        self.manifests += 1;
        if self.manifests > MANIFESTS_MAX || depth > DEPTH_MAX {
            return Err(invalid(format!(
                "there are more than {MANIFESTS_MAX} manifests in it, or they are nested deeper than {DEPTH_MAX}"
            )));
        }
        let digest = &descriptor.digest;
        let bytes = source.content(&path(digest), digest).await?;
        let bytes = bytes.ok_or_else(|| invalid(format!("the manifest {digest} is not in the archive")))?;
        let manifest = Manifest::parse(&bytes, Some(&descriptor.media_type))
            .map_err(|error| invalid(format!("the manifest {digest} cannot be read: {error}")))?;
        match manifest.kind {
            ManifestKind::Index => {
                let present = present(source, &manifest)?;
                if let Some(only) = present {
                    // What was saved is one platform of several: that is the image.
                    return Box::pin(self.add(source, (only, depth + 1), planned)).await;
                }
                for child in manifest.manifests() {
                    Box::pin(self.add(source, (child, depth + 1), planned)).await?;
                }
            }
            ManifestKind::Image => self.add_blobs(source, (digest, &manifest), planned).await?,
            ManifestKind::Other => {
                return Err(invalid(format!(
                    "the manifest {digest} is of the unknown type '{}'",
                    super::shown(&manifest.media_type)
                )));
            }
        }
        planned.manifests.push(PlannedManifest {
            digest: digest.clone(),
            media_type: manifest.media_type,
            bytes,
        });
        Ok(())
    }

    async fn add_blobs(
        &mut self,
        source: &mut Source<'_>,
        (digest, manifest): (&Digest, &Manifest),
        planned: &mut Planned,
    ) -> Result<(), Error> {
        for blob in manifest.blobs() {
            let missing = || {
                invalid(format!(
                    "the blob {}, which {digest} names, is not in the archive",
                    blob.digest
                ))
            };
            let file = source.contents.file(&path(&blob.digest)).ok_or_else(missing)?;
            if file.size != blob.size {
                return Err(invalid(format!(
                    "the blob {} has {} bytes and {digest} says {}",
                    blob.digest, file.size, blob.size
                )));
            }
            if self.seen.insert(blob.digest.clone()) {
                planned.blobs.push(PlannedBlob {
                    digest: blob.digest.clone(),
                    file,
                });
            }
        }
        let Some(config) = &manifest.config else {
            return Ok(());
        };
        planned.layers += manifest.layers.len() as u64;
        let is_image = config.media_type.ends_with("image.config.v1+json")
            || config.media_type.ends_with("container.image.v1+json");
        if is_image
            && let Some(config) = source.document(&path(&config.digest)).await?
            && let Ok(config) = serde_json::from_slice::<Value>(&config)
            && let Some(platform) = platform(&config).filter(|platform| platform != "unknown/unknown")
            && !planned.platforms.contains(&platform)
        {
            planned.platforms.push(platform);
        }
        Ok(())
    }
}

/// The one entry of an index that is in the archive, when others are not; none when all are.
fn present<'a>(source: &Source<'_>, index: &'a Manifest) -> Result<Option<&'a Descriptor>, Error> {
    let is_there = |entry: &&Descriptor| source.contents.file(&path(&entry.digest)).is_some();
    let there: Vec<_> = index.manifests().filter(is_there).collect();
    if there.len() == index.manifests.len() {
        return Ok(None);
    }
    let platforms: Vec<_> = there
        .into_iter()
        .filter(|entry| {
            let platform = entry.platform.as_ref().and_then(platform);
            platform.as_deref() != Some("unknown/unknown")
        })
        .collect();
    match platforms.as_slice() {
        [only] => Ok(Some(only)),
        found => Err(invalid(format!(
            "an index in it names {} manifests and {} of them are in it: save all platforms, or one (--platform)",
            index.manifests.len(),
            found.len()
        ))),
    }
}

fn path(digest: &Digest) -> String {
    digest
        .as_str()
        .replacen(':', "/", 1)
        .split('/')
        .fold("blobs".to_owned(), |path, part| path + "/" + part)
}
