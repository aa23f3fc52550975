//! What an index looks like in a registry: an artifact whose subject is the image, with the media types and annotations
//! that nydus-snapshotter looks for among the image's referrers.

use std::collections::BTreeMap;

use berth_oci::media_type::{OCI_EMPTY, OCI_LAYER_GZIP, OCI_MANIFEST};
use berth_oci::{Algorithm, Descriptor, Digest};
use serde_json::json;

use crate::Made;

/// The type of the artifact.
pub const ARTIFACT_TYPE: &str = "application/vnd.nydus.image.manifest.v1+json";
/// The type of what tells where in a layer its files are.
const META_TYPE: &str = "application/vnd.oci.image.layer.nydus.blob.v1";
/// The type of the tree of all entries.
const BOOTSTRAP_TYPE: &str = OCI_LAYER_GZIP;
/// The configuration of an artifact that has none.
pub const CONFIG: &[u8] = b"{}";

/// A layer of the image, and what was made of it.
#[derive(Clone, Debug)]
pub struct IndexedLayer {
    /// The layer in the image.
    pub layer: Digest,
    /// What tells where its files are.
    pub meta: Made,
}

/// The artifact's manifest: the subject, what tells where the files of its layers are, and last, where nodes look for it,
/// the tree. The same bytes for the same input.
pub fn manifest(subject: &Descriptor, layers: &[IndexedLayer], tree: &Made) -> Vec<u8> {
    let annotated = |descriptor: Descriptor, annotations: &[(&str, &str)]| Descriptor {
        annotations: Some(
            annotations
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
        ),
        ..descriptor
    };
    let mut descriptors: Vec<Descriptor> = Vec::new();
    for indexed in layers {
        if descriptors
            .iter()
            .any(|known| known.digest == indexed.meta.digest)
        {
            continue;
        }
        descriptors.push(annotated(
            Descriptor::new(META_TYPE, indexed.meta.digest.clone(), indexed.meta.size),
            &[
                ("containerd.io/snapshot/nydus-blob", "true"),
                ("containerd.io/snapshot/nydus-ref", indexed.layer.as_str()),
            ],
        ));
    }
    descriptors.push(annotated(
        Descriptor::new(BOOTSTRAP_TYPE, tree.digest.clone(), tree.size),
        &[
            ("containerd.io/snapshot/nydus-bootstrap", "true"),
            ("containerd.io/snapshot/nydus-fs-version", "6"),
        ],
    ));
    let config = Descriptor::new(
        OCI_EMPTY,
        Digest::of(Algorithm::Sha256, CONFIG),
        CONFIG.len() as u64,
    );
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": config,
        "layers": descriptors,
        "subject": Descriptor::new(subject.media_type.clone(), subject.digest.clone(), subject.size),
    });
    manifest.to_string().into_bytes()
}
