//! Random blobs, images over them, and digests.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The media type of the manifests that are made here.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// `sha256:<hex>` of the bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A source of content that no other test makes; its seed is printed, so a failure can be looked into.
#[expect(
    clippy::print_stderr,
    reason = "the test runner shows it with the failed test"
)]
pub fn fresh_random() -> StdRng {
    let seed = rand::rng().next_u64();
    eprintln!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Random bytes of a random length within the limits.
pub fn random_blob(random: &mut StdRng, least: usize, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(least..=most)];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A config blob that no other image has.
pub fn random_config(random: &mut StdRng) -> Vec<u8> {
    let id = format!("{:032x}", random.random::<u128>());
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"id": id}},
        "rootfs": {"type": "layers", "diff_ids": []},
    });
    config.to_string().into_bytes()
}

/// The manifest of an image over a config and layers.
pub fn image(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let descriptor = |kind: &str, bytes: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": digest_of(bytes),
            "size": bytes.len(),
        })
    };
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| descriptor("layer.v1.tar", layer))
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("config.v1+json", config),
        "layers": layers,
    });
    manifest.to_string().into_bytes()
}
