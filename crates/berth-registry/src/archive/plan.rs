//! What is to be stored of an archive: its images as manifests and the blobs that they name, read from either form that images
//! are saved in. Where both are there, the OCI layout is taken, because its manifests are stored as they are.

mod docker;
mod oci;

use berth_oci::{Algorithm, Digest};
use serde_json::Value;

use super::contents::{Contents, File, invalid};
use super::name::Named;
use super::spool::Unpacked;
use crate::error::Error;

/// Images of one archive.
const IMAGES_MAX: usize = 100;
/// Names of one image.
const REFERENCES_MAX: usize = 100;
/// The longest name.
const REFERENCE_BYTES_MAX: usize = 512;

/// What an image is called in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// A reference.
    Reference(String),
    /// A reference, or a tag alone.
    Annotation(String),
}

impl Called {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Reference(text) | Self::Annotation(text) => text,
        }
    }

    pub(super) fn named(&self) -> Named<'_> {
        match self {
            Self::Reference(text) => Named::of(text),
            Self::Annotation(text) => Named::of_annotation(text),
        }
    }
}

/// A blob that is to be stored.
#[derive(Clone, Debug)]
pub(super) struct PlannedBlob {
    pub(super) digest: Digest,
    pub(super) file: File,
}

/// A manifest that is to be stored.
#[derive(Clone, Debug)]
pub(super) struct PlannedManifest {
    pub(super) digest: Digest,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// An image that is to be stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    pub(super) called: Vec<Called>,
    /// In the order of the archive.
    pub(super) blobs: Vec<PlannedBlob>,
    /// Those that others name before them; the last is the image.
    pub(super) manifests: Vec<PlannedManifest>,
    pub(super) layers: u64,
    pub(super) platforms: Vec<String>,
}

impl Planned {
    /// Bytes of its blobs.
    pub(super) fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.file.size).sum()
    }

    /// The digest of the image.
    pub(super) fn digest(&self) -> Option<&Digest> {
        self.manifests.last().map(|manifest| &manifest.digest)
    }

    fn in_order(mut self) -> Self {
        self.blobs
            .sort_by(|a, b| (a.file.offset, a.digest.as_str()).cmp(&(b.file.offset, b.digest.as_str())));
        self.blobs.dedup_by(|a, b| a.digest == b.digest);
        self
    }
}

/// An archive that was read once, and from which small files are read again.
pub(super) struct Source<'a> {
    pub(super) contents: &'a Contents,
    pub(super) unpacked: &'a mut Unpacked,
    pub(super) manifest_bytes_max: u64,
    pub(super) unpacked_max: u64,
}

impl Source<'_> {
    /// The bytes of a small file.
    async fn document(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.contents.file(name) else {
            return Ok(None);
        };
        if file.size > self.manifest_bytes_max {
            return Err(invalid(format!(
                "'{}' has {} bytes and this registry reads {}",
                shown(name),
                file.size,
                self.manifest_bytes_max
            )));
        }
        if let Some(kept) = self.contents.document(file.offset) {
            return Ok(Some(kept.to_vec()));
        }
        Ok(Some(self.unpacked.file(file).await?))
    }

    /// A file that must have that digest.
    async fn content(&mut self, name: &str, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.document(name).await? else {
            return Ok(None);
        };
        let found = Digest::of(digest.algorithm(), &bytes);
        if found != *digest {
            return Err(invalid(format!(
                "the content of '{}' has the digest {found}, and not the one of its name",
                shown(name)
            )));
        }
        Ok(Some(bytes))
    }
}

/// The images of an archive, with everything that is to be stored of them.
pub(super) async fn plan(mut source: Source<'_>) -> Result<Vec<Planned>, Error> {
    let has = |name: &str| source.contents.file(name).is_some();
    let (has_docker, has_layout) = (has("manifest.json"), has("index.json"));
    let planned = if has_layout {
        match oci::plan(&mut source).await {
            // What docker wrote beside it may be whole.
            Err(Error::ArchiveInvalid(_)) if has_docker => docker::plan(&mut source).await?,
            planned => planned?,
        }
    } else if has_docker {
        docker::plan(&mut source).await?
    } else {
        return Err(invalid(
            "neither manifest.json nor index.json is in it: save images with docker save, podman save or skopeo copy",
        ));
    };
    bounded(&planned)?;
    Ok(planned.into_iter().map(Planned::in_order).collect())
}

/// What the images of an archive are called, as soon as that is known.
pub(super) fn called(contents: &Contents) -> Result<Option<Vec<Called>>, Error> {
    let document = |name: &str| {
        contents
            .file(name)
            .and_then(|file| contents.document(file.offset))
    };
    let called = if let Some(index) = document("index.json") {
        oci::called(index)?
    } else if let Some(manifest) = document("manifest.json") {
        docker::called(manifest)?
    } else {
        return Ok(None);
    };
    Ok(Some(called))
}

fn bounded(planned: &[Planned]) -> Result<(), Error> {
    if planned.is_empty() {
        return Err(invalid("there is no image in it"));
    }
    if planned.len() > IMAGES_MAX {
        return Err(invalid(format!("there are more than {IMAGES_MAX} images in it")));
    }
    for image in planned {
        if image.called.len() > REFERENCES_MAX {
            return Err(invalid(format!("an image has more than {REFERENCES_MAX} names")));
        }
        if image
            .called
            .iter()
            .any(|called| called.text().len() > REFERENCE_BYTES_MAX)
        {
            return Err(invalid("the name of an image is too long"));
        }
    }
    Ok(())
}

/// `os/architecture`, with the variant if there is one, of a platform or a configuration.
fn platform(of: &Value) -> Option<String> {
    let part = |name: &str| {
        of.get(name)
            .and_then(Value::as_str)
            .filter(|part| part.len() < 32)
    };
    let (os, architecture) = (part("os")?, part("architecture")?);
    Some(match part("variant") {
        Some(variant) if !variant.is_empty() => format!("{os}/{architecture}/{variant}"),
        _ => format!("{os}/{architecture}"),
    })
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

fn shown(name: &str) -> String {
    name.chars()
        .take(100)
        .collect::<String>()
        .escape_debug()
        .to_string()
}
