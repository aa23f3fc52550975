//! Archives as the tools write them, made of given layers.

use std::io::Write as _;

use berth_oci::Digest;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::harness::sha256;

/// An archive and what is in it.
pub(super) struct Archive {
    pub(super) tar: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<Vec<u8>>,
}

/// An archive of several platforms.
pub(super) struct Platforms {
    pub(super) tar: Vec<u8>,
    pub(super) index: Digest,
}

/// A tar archive that is written entry by entry.
pub(super) struct Tar(pub(super) Builder<Vec<u8>>);

impl Tar {
    pub(super) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub(super) fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        self.0.append_data(&mut header, path, bytes).expect("an entry");
        self
    }

    pub(super) fn json(self, path: &str, value: &Value) -> Self {
        self.file(path, value.to_string().as_bytes())
    }

    pub(super) fn link(mut self, kind: EntryType, path: &str, target: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_path(path).expect("a path");
        header.set_link_name_literal(target).expect("a target");
        header.set_cksum();
        self.0.append(&header, std::io::empty()).expect("an entry");
        self
    }

    pub(super) fn end(self) -> Vec<u8> {
        self.0.into_inner().expect("an archive")
    }
}

/// A layer of pseudo-random bytes in a tar file.
pub(super) fn layer(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(size)
    .collect();
    Tar::new().file("etc/content", &bytes).end()
}

pub(super) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("bytes in memory");
    encoder.finish().expect("bytes in memory")
}

pub(super) fn config(architecture: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| sha256(layer).to_string()).collect();
    let config = json!({ "architecture": architecture, "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    config.to_string().into_bytes()
}

/// As docker wrote them before version 25: a folder for each layer, one of them a link when two are equal.
pub(super) fn docker_older(names: &[&str], layers: &[Vec<u8>]) -> Archive {
    let config = config("amd64", layers);
    let digest = sha256(&config);
    let mut tar = Tar::new();
    let mut paths = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let id = format!("{number:064x}");
        tar = tar
            .file(&format!("{id}/VERSION"), b"1.0")
            .json(&format!("{id}/json"), &json!({ "id": id }));
        let path = format!("{id}/layer.tar");
        let twin = layers[..number].iter().position(|other| other == layer);
        tar = match twin {
            Some(twin) => tar.link(EntryType::Symlink, &path, &format!("../{twin:064x}/layer.tar")),
            None => tar.file(&path, layer),
        };
        paths.push(path);
    }
    let config_name = format!("{}.json", digest.hex());
    tar = tar.file(&config_name, &config).json(
        "manifest.json",
        &json!([{ "Config": config_name, "RepoTags": names, "Layers": paths }]),
    );
    let tar = tar.json("repositories", &json!({})).end();
    Archive {
        tar,
        config,
        layers: layers.to_vec(),
    }
}

fn blob(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn manifest(config: &[u8], layers: &[Vec<u8>]) -> Value {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha256(layer), "size": layer.len() }))
        .collect();
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(config), "size": config.len() } })
}

/// An OCI layout with one image under its names.
pub(super) fn layout(names: &[&str], layers: &[Vec<u8>]) -> Archive {
    let config = config("amd64", layers);
    let manifest = manifest(&config, layers).to_string();
    let digest = sha256(manifest.as_bytes());
    let entry = |name: Option<&&str>| {
        let mut entry = json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest,
            "size": manifest.len() });
        if let Some(name) = name {
            entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        entry
    };
    let entries: Vec<_> = if names.is_empty() {
        vec![entry(None)]
    } else {
        names.iter().map(|name| entry(Some(name))).collect()
    };
    let mut tar = Tar::new()
        .json("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }))
        .json("index.json", &json!({ "schemaVersion": 2, "manifests": entries }))
        .file(&blob(&sha256(&config)), &config);
    for layer in layers {
        tar = tar.file(&blob(&sha256(layer)), layer);
    }
    Archive {
        tar: tar.file(&blob(&digest), manifest.as_bytes()).end(),
        config,
        layers: layers.to_vec(),
    }
}

/// As docker writes them since version 25: its own manifest, whose files are in an OCI layout without an index of its own here.
pub(super) fn docker_newer(names: &[&str], layers: &[Vec<u8>]) -> Archive {
    let config = config("amd64", layers);
    let mut tar = Tar::new();
    let paths: Vec<_> = layers.iter().map(|layer| blob(&sha256(layer))).collect();
    for (path, layer) in paths.iter().zip(layers) {
        tar = tar.file(path, layer);
    }
    let config_path = blob(&sha256(&config));
    let tar = tar.file(&config_path, &config).json(
        "manifest.json",
        &json!([{ "Config": config_path, "RepoTags": names, "Layers": paths }]),
    );
    Archive {
        tar: tar.end(),
        config,
        layers: layers.to_vec(),
    }
}

/// An OCI layout with an index of one image for each architecture, some of which are left away.
pub(super) fn platforms(name: &str, architectures: &[&str], left_away: &[&str]) -> Platforms {
    let mut tar = Tar::new().json("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }));
    let mut entries = Vec::new();
    for (number, architecture) in architectures.iter().enumerate() {
        let layers = [layer(100 + number as u64, 2000)];
        let config = config(architecture, &layers);
        let manifest = manifest(&config, &layers).to_string();
        let digest = sha256(manifest.as_bytes());
        if !left_away.contains(architecture) {
            tar = tar
                .file(&blob(&sha256(&layers[0])), &layers[0])
                .file(&blob(&sha256(&config)), &config)
                .file(&blob(&digest), manifest.as_bytes());
        }
        entries.push(
            json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest,
            "size": manifest.len(), "platform": { "os": "linux", "architecture": architecture } }),
        );
    }
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries });
    let index = index.to_string();
    let digest = sha256(index.as_bytes());
    let outer = json!({ "schemaVersion": 2, "manifests": [{ "mediaType": "application/vnd.oci.image.index.v1+json",
        "digest": digest, "size": index.len(), "annotations": { "io.containerd.image.name": name } }] });
    Platforms {
        tar: tar
            .file(&blob(&digest), index.as_bytes())
            .json("index.json", &outer)
            .end(),
        index: digest,
    }
}
