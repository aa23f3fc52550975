//! What `docker save` and others write: `manifest.json`, configurations, and layers as tar files. It becomes an image manifest of
//! docker's second schema with the same configuration, so that the image keeps its id, and the layers as they are.

use std::io::Write as _;

use berth_oci::media_type::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_LAYER_GZIP, DOCKER_MANIFEST};
use berth_oci::{Algorithm, Descriptor, Digest, Hasher};
use flate2::write::MultiGzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Called, Planned, PlannedBlob, PlannedManifest, Source, platform, sha256, shown};
use crate::archive::contents::{File, invalid};
use crate::archive::spool::Unpacked;
use crate::error::Error;

/// The first byte of what is gzipped; a tar file begins with a name.
const GZIP: u8 = 0x1f;
/// Packed bytes that are unpacked at a time.
const PIECE: usize = 16 << 10;

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    repo_tags: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

pub(super) fn called(manifest: &[u8]) -> Result<Vec<Called>, Error> {
    let tags = items(manifest)?
        .into_iter()
        .flat_map(|item| item.repo_tags.unwrap_or_default());
    Ok(tags.map(Called::Reference).collect())
}

fn items(manifest: &[u8]) -> Result<Vec<Item>, Error> {
    serde_json::from_slice(manifest)
        .map_err(|error| invalid(format!("manifest.json cannot be read: {error}")))
}

pub(super) async fn plan(source: &mut Source<'_>) -> Result<Vec<Planned>, Error> {
    let manifest = source.document("manifest.json").await?.unwrap_or_default();
    let mut planned: Vec<Planned> = Vec::new();
    for item in items(&manifest)? {
        let image = image(source, item).await?;
        // One image under two names may be listed twice.
        match planned.iter_mut().find(|other| other.digest() == image.digest()) {
            Some(other) => other.called.extend(image.called),
            None => planned.push(image),
        }
        super::bounded(&planned)?;
    }
    Ok(planned)
}

fn missing(name: &str) -> Error {
    invalid(format!(
        "'{}', which manifest.json names, is not in the archive",
        shown(name)
    ))
}

async fn image(source: &mut Source<'_>, item: Item) -> Result<Planned, Error> {
    let config_file = source
        .contents
        .file(&item.config)
        .ok_or_else(|| missing(&item.config))?;
    let config = source
        .document(&item.config)
        .await?
        .ok_or_else(|| missing(&item.config))?;
    let broken = |error| {
        invalid(format!(
            "the configuration '{}' cannot be read: {error}",
            shown(&item.config)
        ))
    };
    let value: Value = serde_json::from_slice(&config).map_err(broken)?;
    let parsed: Config = serde_json::from_slice(&config).map_err(broken)?;
    let (diff_ids, layers) = (
        parsed.rootfs.diff_ids.unwrap_or_default(),
        item.layers.unwrap_or_default(),
    );
    if diff_ids.len() != layers.len() {
        return Err(invalid(format!(
            "manifest.json names {} layers and the configuration of the image {}",
            layers.len(),
            diff_ids.len()
        )));
    }
    let config_digest = sha256(&config);
    let mut planned = Planned {
        called: item
            .repo_tags
            .unwrap_or_default()
            .into_iter()
            .map(Called::Reference)
            .collect(),
        layers: layers.len() as u64,
        platforms: platform(&value).into_iter().collect(),
        ..Planned::default()
    };
    let mut descriptors = Vec::with_capacity(layers.len());
    for (name, diff_id) in layers.iter().zip(&diff_ids) {
        let file = source.contents.file(name).ok_or_else(|| missing(name))?;
        let diff_id: Digest = diff_id
            .parse()
            .map_err(|_| invalid(format!("'{}' in the configuration is no digest", shown(diff_id))))?;
        let (media_type, digest) = if file.first == GZIP {
            (DOCKER_LAYER_GZIP, packed(source, file, (name, &diff_id)).await?)
        } else {
            (DOCKER_LAYER, diff_id)
        };
        descriptors.push(Descriptor::new(media_type, digest.clone(), file.size));
        planned.blobs.push(PlannedBlob { digest, file });
    }
    planned.blobs.push(PlannedBlob {
        digest: config_digest.clone(),
        file: config_file,
    });
    let config = Descriptor::new(DOCKER_CONFIG, config_digest, config.len() as u64);
    planned.manifests.push(manifest(&config, &descriptors));
    Ok(planned)
}

/// The manifest of an image, which docker's archives do not have.
fn manifest(config: &Descriptor, layers: &[Descriptor]) -> PlannedManifest {
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": layers });
    let bytes = manifest.to_string().into_bytes();
    PlannedManifest {
        digest: sha256(&bytes),
        media_type: DOCKER_MANIFEST.to_owned(),
        bytes,
    }
}

/// The digest of a layer that is packed; what it unpacks to must be what the configuration names.
async fn packed(
    source: &mut Source<'_>,
    file: File,
    (name, diff_id): (&str, &Digest),
) -> Result<Digest, Error> {
    let max = source.unpacked_max;
    let unpacked: &mut Unpacked = source.unpacked;
    unpacked.seek(file.offset).await?;
    let (mut outside, mut inside) = (Hasher::new(Algorithm::Sha256), Hasher::new(diff_id.algorithm()));
    let mut decoder = MultiGzDecoder::new(Vec::new());
    let broken = |_| invalid(format!("the layer '{}' is gzipped and damaged", shown(name)));
    let (mut left, mut came) = (file.size, 0_u64);
    while left > 0 {
        let Some(bytes) = unpacked.part(left).await? else {
            return Err(invalid("the archive is cut off"));
        };
        left -= bytes.len() as u64;
        outside.update(&bytes);
        for piece in bytes.chunks(PIECE) {
            decoder.write_all(piece).map_err(broken)?;
            came += decoder.get_ref().len() as u64;
            if came > max {
                return Err(invalid(format!(
                    "the layer '{}' unpacks to more than the {max} bytes that this registry accepts",
                    shown(name)
                )));
            }
            inside.update(decoder.get_ref());
            decoder.get_mut().clear();
        }
    }
    decoder.try_finish().map_err(broken)?;
    inside.update(decoder.get_ref());
    if inside.finish() != *diff_id {
        return Err(invalid(format!(
            "the layer '{}' unpacks to {}, and the configuration names {diff_id}",
            shown(name),
            inside.finish()
        )));
    }
    Ok(outside.finish())
}
