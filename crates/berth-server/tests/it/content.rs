//! Blobs and manifests to push, and the shortest way to push them.

use berth_oci::{Algorithm, Digest, media_type};
use serde_json::{Value, json};

use crate::client::Client;

/// The digest that clients use without being told otherwise.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    Digest::of(Algorithm::Sha256, bytes.as_ref()).to_string()
}

pub(crate) fn sha512(bytes: impl AsRef<[u8]>) -> String {
    Digest::of(Algorithm::Sha512, bytes.as_ref()).to_string()
}

/// Bytes that no compression or coincidence makes alike for two seeds.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

pub(crate) const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux"}"#;
pub(crate) const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An OCI image of these layers.
pub(crate) fn image(layers: &[&[u8]]) -> Value {
    let layers: Vec<Value> = layers.iter().map(|layer| descriptor(LAYER_TYPE, layer)).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": descriptor(media_type::OCI_CONFIG, CONFIG),
        "layers": layers,
    })
}

/// An OCI index of these manifests.
pub(crate) fn index(manifests: &[&[u8]]) -> Value {
    let manifests: Vec<Value> = manifests
        .iter()
        .map(|manifest| descriptor(media_type::OCI_MANIFEST, manifest))
        .collect();
    json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests })
}

/// Bytes that clients would send; the spaces show whether they come back unaltered.
pub(crate) fn written(document: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(document).unwrap()
}

impl Client {
    /// Pushes a blob in one request.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let line = format!("POST /v2/{repository}/blobs/uploads/?digest={digest}");
        self.ask(line).body(bytes.to_vec()).await.is(201);
        digest
    }

    /// Pushes a manifest that must be accepted, and answers its bytes.
    pub(crate) async fn push_manifest(&self, repository: &str, reference: &str, document: &Value) -> Vec<u8> {
        let bytes = written(document);
        let line = format!("PUT /v2/{repository}/manifests/{reference}");
        let kind = document["mediaType"].as_str().unwrap();
        self.ask(line)
            .header("content-type", kind)
            .body(bytes.clone())
            .await
            .is(201)
            .has("docker-content-digest", &digest(&bytes));
        bytes
    }

    /// Pushes an image of one layer under a tag, and answers the manifest's bytes.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str, layer: &[u8]) -> Vec<u8> {
        self.push_blob(repository, CONFIG).await;
        self.push_blob(repository, layer).await;
        self.push_manifest(repository, tag, &image(&[layer])).await
    }

    /// Begins an upload and answers its address.
    pub(crate) async fn start_upload(&self, repository: &str) -> String {
        let line = format!("POST /v2/{repository}/blobs/uploads/");
        let answer = self.ask(line).await.is(202);
        answer.header("location").to_owned()
    }
}
