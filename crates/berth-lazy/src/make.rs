//! Layers to indexes, with Nydus's own libraries: one at a time from a stream, then all of an image laid one upon another.
//! Blocking, trusting, unbounded in memory: runs in a child process only.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use nydus_api::ConfigV2;
use nydus_builder::attributes::Attributes;
use nydus_builder::{
    ArtifactStorage, BlobManager, BootstrapManager, BuildContext, Builder as _, ConversionType, Features,
    Merger, Prefetch, TarballBuilder, WhiteoutSpec,
};
use nydus_rafs::metadata::RafsVersion;
use nydus_storage::device::BlobFeatures;
use nydus_utils::{compress, digest};
use serde::{Deserialize, Serialize};

/// What the nodes' software looks for in the layer that holds an index.
const BOOTSTRAP_NAME: &str = "image/image.boot";
/// The digest of what is not there.
const NONE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A layer that was read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// The digest of its bytes, in hex, as they were read; none when no file in it has a byte.
    pub(crate) digest: Option<String>,
}

/// A layer to lay upon those before it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lower {
    /// Its own file of entries.
    pub(crate) bootstrap: PathBuf,
    /// Its digest, in hex.
    pub(crate) layer: String,
    /// The digest in hex and the bytes of what tells where its files are; none when it has none.
    pub(crate) meta: Option<(String, u64)>,
}

/// Reads a layer and writes its entries to `bootstrap`, and to `meta` where in the gzip stream their bytes are found.
pub(crate) fn layer(from: &Path, bootstrap: &Path, meta: &Path) -> Result<Layer> {
    let mut context = BuildContext::new(
        String::new(),
        true,
        0,
        compress::Algorithm::GZip,
        digest::Algorithm::Sha256,
        true,
        WhiteoutSpec::Oci,
        ConversionType::TargzToRef,
        from.to_owned(),
        Prefetch::default(),
        Some(ArtifactStorage::SingleFile(meta.to_owned())),
        None,
        false,
        Features::new(),
        false,
        Attributes::default(),
    );
    context.set_fs_version(RafsVersion::V6);
    context.blob_features.insert(BlobFeatures::CHUNK_INFO_V2);
    context.blob_features.insert(BlobFeatures::SEPARATE);
    let mut blobs = BlobManager::new(digest::Algorithm::Sha256, false);
    let mut bootstraps = BootstrapManager::new(Some(ArtifactStorage::SingleFile(bootstrap.to_owned())), None);
    TarballBuilder::new(ConversionType::TargzToRef)
        .build(&mut context, &mut bootstraps, &mut blobs)
        .map(drop)?;
    if context.blob_zran_generator.is_none() {
        bail!("its bytes are not gzip");
    }
    Ok(Layer {
        digest: blobs.get_blob_ids().pop(),
    })
}

/// Lays the layers one upon another, the lowest first, and writes what a node needs first: a gzipped tar with the tree of
/// all entries in it.
pub(crate) fn merge(layers: &[Lower], scratch: &Path, index: &Path) -> Result<()> {
    let mut context = BuildContext::default();
    let column = |of: &dyn Fn(&Lower) -> String| Some(layers.iter().map(of).collect::<Vec<_>>());
    let meta_digest = |lower: &Lower| match &lower.meta {
        Some((digest, _)) => digest.clone(),
        None => NONE.to_owned(),
    };
    let sizes = layers
        .iter()
        .map(|lower| lower.meta.as_ref().map_or(0, |(_, size)| *size));
    Merger::merge(
        &mut context,
        None,
        layers.iter().map(|lower| lower.bootstrap.clone()).collect(),
        column(&meta_digest),
        column(&|lower| lower.layer.clone()),
        Some(sizes.collect()),
        None,
        None,
        ArtifactStorage::SingleFile(scratch.to_owned()),
        None,
        Arc::new(ConfigV2::default()),
    )?;
    pack(scratch, index)
}

/// Packs a file as the nodes' software unpacks it; the same bytes whenever it is done.
fn pack(bootstrap: &Path, index: &Path) -> Result<()> {
    let file = File::open(bootstrap).context("opening what was made")?;
    let size = file.metadata().context("measuring what was made")?.len();
    let to = File::create(index).context("creating the index")?;
    let mut tar = tar::Builder::new(GzEncoder::new(to, Compression::default()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o444);
    header.set_size(size);
    tar.append_data(&mut header, BOOTSTRAP_NAME, file.take(size))
        .context("packing the index")?;
    tar.into_inner()
        .and_then(GzEncoder::finish)
        .and_then(|mut file| file.flush())
        .context("packing the index")
}

#[cfg(test)]
mod tests;
