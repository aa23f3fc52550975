//! Images: their documents, and how one comes to be stored at a target.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Kind, MANIFEST, PushMode, Session, Target};
use crate::data::sha256;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A manifest over a config and layers, each `(digest, size)`.
pub fn manifest(config: (&str, usize), layers: &[(String, usize)]) -> Vec<u8> {
    let layers: Vec<Value> = layers
        .iter()
        .map(|(d, s)| json!({"mediaType": LAYER, "digest": d, "size": s}))
        .collect();
    let doc = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.0, "size": config.1},
        "layers": layers,
    });
    serde_json::to_vec(&doc).expect("a manifest always serialises")
}

/// A config whose bytes (and so digest) depend on `id`.
pub fn config(id: u64, layers: &[(String, usize)]) -> Vec<u8> {
    let diff_ids: Vec<&str> = layers.iter().map(|(d, _)| d.as_str()).collect();
    let doc = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"berth.bench.id": format!("{id:016x}")}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    serde_json::to_vec(&doc).expect("a config always serialises")
}

/// An image ready to be pulled: what [`install_image`] stored.
pub struct Image {
    pub manifest: Vec<u8>,
    pub manifest_digest: String,
    pub config: (String, u64),
    pub layers: Vec<(String, u64)>,
}

/// Stores an image with these layers under `repo:tag`, by pushing or by writing.
pub async fn install_image(
    target: &Arc<Target>,
    repo: &str,
    tag: &str,
    id: u64,
    layers: &[(&[u8], &str)],
) -> Result<Image> {
    let list: Vec<(String, usize)> = layers
        .iter()
        .map(|(data, digest)| (digest.to_string(), data.len()))
        .collect();
    let config = config(id, &list);
    let config_digest = sha256(&config);
    let manifest = manifest((&config_digest, config.len()), &list);
    let manifest_digest = sha256(&manifest);
    match &target.kind {
        Kind::Registry => {
            let mut s = Session::open(target, repo).await?;
            for (data, digest) in layers {
                s.push_blob(data, digest, PushMode::Put).await?;
            }
            s.push_blob(&config, &config_digest, PushMode::Put).await?;
            s.put_manifest(tag, &manifest).await?;
        }
        Kind::Static(root) => {
            for (data, digest) in layers {
                write_file(root, &format!("v2/{repo}/blobs/{digest}"), data)?;
            }
            write_file(root, &format!("v2/{repo}/blobs/{config_digest}"), &config)?;
            write_file(root, &format!("v2/{repo}/manifests/{tag}"), &manifest)?;
            let by_digest = format!("v2/{repo}/manifests/{manifest_digest}");
            write_file(root, &by_digest, &manifest)?;
        }
    }
    Ok(Image {
        manifest_digest,
        config: (config_digest, config.len() as u64),
        layers: list.into_iter().map(|(d, s)| (d, s as u64)).collect(),
        manifest,
    })
}

pub fn write_file(root: &Path, rel: &str, data: &[u8]) -> Result<()> {
    let path = root.join(rel);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(&path, data).with_context(|| format!("write {}", path.display()))
}
