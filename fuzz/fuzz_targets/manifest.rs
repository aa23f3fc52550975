//! Any bytes are read as a manifest or refused with a sentence; what is read has one meaning.
#![no_main]

use berth_oci::media_type::{DOCKER_LIST, DOCKER_MANIFEST, OCI_ARTIFACT_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use berth_oci::{Descriptor, Manifest, ManifestKind};
use libfuzzer_sys::fuzz_target;

const TYPES: [Option<&str>; 7] = [
    None,
    Some(OCI_MANIFEST),
    Some(OCI_INDEX),
    Some(DOCKER_MANIFEST),
    Some(DOCKER_LIST),
    Some(OCI_ARTIFACT_MANIFEST),
    Some("application/vnd.example+json; charset=utf-8"),
];

fuzz_target!(|bytes: &[u8]| {
    for content_type in TYPES {
        match Manifest::parse(bytes, content_type) {
            Ok(manifest) => check(bytes, &manifest),
            Err(error) => assert!((1..2_000).contains(&error.to_string().len())),
        }
    }
});

fn check(bytes: &[u8], manifest: &Manifest) {
    // The type it is stored as leads to the same reading, so what is served is understood as it was checked.
    assert_eq!(
        Manifest::parse(bytes, Some(&manifest.media_type)).as_ref(),
        Ok(manifest)
    );
    let blobs = manifest.blobs().count() + manifest.foreign_layers().count();
    match manifest.kind {
        ManifestKind::Image => assert_eq!(manifest.manifests().count(), 0),
        ManifestKind::Index => assert_eq!(blobs, 0),
        ManifestKind::Other => assert_eq!(
            (blobs, manifest.manifests().count(), manifest.subject()),
            (0, 0, None)
        ),
    }
    for descriptor in manifest
        .blobs()
        .chain(manifest.manifests())
        .chain(manifest.subject())
    {
        let json = serde_json::to_vec(descriptor).expect("a descriptor is written as JSON");
        let again: Descriptor = serde_json::from_slice(&json).expect("a written descriptor is read again");
        assert_eq!(&again, descriptor);
    }
}
