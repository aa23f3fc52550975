//! What an image has to have an index made of: which of its manifests are for Linux, and why one cannot have any.

use berth_oci::media_type::{DOCKER_CONFIG, DOCKER_LAYER_GZIP, OCI_CONFIG, OCI_LAYER_GZIP, is_foreign_layer};
use berth_oci::{Descriptor, Manifest, ManifestKind};
use serde_json::Value;

/// Platforms of one index that get an index.
pub(super) const PLATFORMS_MAX: usize = 32;

/// `linux/arm64/v8`, from the platform of an entry of an index.
pub(super) fn platform(entry: &Descriptor) -> Option<String> {
    let platform = entry.platform.as_ref()?;
    let part = |name: &str| platform.get(name).and_then(Value::as_str).unwrap_or_default();
    let parts = [part("os"), part("architecture"), part("variant")];
    let known: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(known.join("/"))
}

/// The entries of an index that an index can be for: those for Linux, or for nothing in particular.
pub(super) fn linux(index: &Manifest) -> impl Iterator<Item = &Descriptor> {
    index
        .manifests
        .iter()
        .filter(|entry| platform(entry).is_none_or(|platform| platform.split('/').next() == Some("linux")))
}

/// Why an image can have no index, if it cannot.
pub(super) fn unfit(manifest: &Manifest) -> Option<String> {
    let is_image = manifest.kind == ManifestKind::Image
        && manifest
            .config
            .as_ref()
            .is_some_and(|config| [OCI_CONFIG, DOCKER_CONFIG].contains(&config.media_type.as_str()));
    if !is_image {
        return Some("it is no image of layers".to_owned());
    }
    if manifest.layers.is_empty() {
        return Some("it has no layers".to_owned());
    }
    manifest.layers.iter().find_map(|layer| {
        let media_type = layer.media_type.as_str();
        if [OCI_LAYER_GZIP, DOCKER_LAYER_GZIP].contains(&media_type) {
            return None;
        }
        let digest = &layer.digest;
        Some(if is_foreign_layer(media_type) {
            format!("layer {digest} is foreign: its bytes are kept elsewhere")
        } else if media_type.contains("zstd") {
            format!("layer {digest} is compressed with zstd: only gzip can be read from the middle")
        } else {
            format!("layer {digest} is not compressed with gzip")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{linux, platform, unfit};
    use berth_oci::{Algorithm, Digest, Manifest};
    use serde_json::{Value, json};

    fn descriptor(media_type: &str) -> Value {
        json!({"mediaType": media_type, "size": 1, "digest": Digest::of(Algorithm::Sha256, media_type.as_bytes()).as_str()})
    }

    fn image(config: &str, layers: &[&str]) -> Manifest {
        let layers: Vec<Value> = layers.iter().map(|layer| descriptor(layer)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor(config), "layers": layers});
        Manifest::parse(manifest.to_string().as_bytes(), None).unwrap()
    }

    #[test]
    fn only_images_of_gzip_layers_are_fit() {
        let config = "application/vnd.oci.image.config.v1+json";
        let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert_eq!(
            unfit(&image(
                config,
                &[gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"]
            )),
            None
        );
        let cases = [
            (image("application/vnd.oci.empty.v1+json", &[gzip]), "no image"),
            (image(config, &[]), "no layers"),
            (
                image(config, &[gzip, "application/vnd.oci.image.layer.v1.tar+zstd"]),
                "zstd",
            ),
            (
                image(config, &["application/vnd.oci.image.layer.v1.tar"]),
                "not compressed",
            ),
            (
                image(
                    config,
                    &["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"],
                ),
                "foreign",
            ),
        ];
        for (image, part) in cases {
            let why = unfit(&image).unwrap();
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn entries_for_other_systems_are_left_out() {
        let entry = |system: &str, name: &str| {
            let mut entry = descriptor(&format!("application/{name}"));
            entry["platform"] = json!({"os": system, "architecture": "arm64", "variant": "v8"});
            entry
        };
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry("linux", "a"), entry("windows", "b"), entry("unknown", "c"), descriptor("application/d")]});
        let index = Manifest::parse(index.to_string().as_bytes(), None).unwrap();
        let found: Vec<_> = linux(&index).map(platform).collect();
        assert_eq!(found, [Some("linux/arm64/v8".to_owned()), None]);
    }
}
