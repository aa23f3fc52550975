//! The media types that the registry understands, and how a `Content-Type` is reduced to one.
//!
//! Any other media type is stored as it is (distribution-spec, "Pushing Manifests"), without a meaning here.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty JSON object `{}` used as a placeholder.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// OCI artifact manifest, from a release candidate of image-spec 1.1; still pushed by older clients.
pub const OCI_ARTIFACT_MANIFEST: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// OCI layer, uncompressed.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI layer, gzip.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// OCI layer, zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker layer, uncompressed.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// Docker layer, gzip.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// Docker image manifest, schema 1, unsigned: refused.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker image manifest, schema 1, signed: refused.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The manifests with a shape of their own here.
const KNOWN_MANIFESTS: [&str; 5] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    OCI_ARTIFACT_MANIFEST,
];

/// What HTTP clients send when they were told nothing about the content.
const MEANINGLESS: [&str; 6] = [
    "",
    "*/*",
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain",
];

/// True for the four types of images and indexes, and the artifact manifest, in their canonical spelling.
pub fn is_known_manifest(media_type: &str) -> bool {
    KNOWN_MANIFESTS.contains(&media_type)
}

/// True for both forms of Docker schema 1, in any spelling.
pub fn is_schema1(media_type: &str) -> bool {
    [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]
        .iter()
        .any(|schema1| schema1.eq_ignore_ascii_case(media_type))
}

/// The spelling that a known manifest type is stored under (types do not depend on case); any other type as it is.
pub fn canonical(media_type: &str) -> &str {
    let known = KNOWN_MANIFESTS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(media_type));
    known.copied().unwrap_or(media_type)
}

/// True for layers whose licence keeps them out of registries; a push may leave their bytes away.
pub fn is_foreign_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.nondistributable.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.foreign.")
}

/// The type in a `Content-Type` header, without parameters; none when it says nothing about the content.
pub fn of_content_type(header: Option<&str>) -> Option<&str> {
    let essence = header?.split(';').next().unwrap_or_default().trim();
    let says_nothing = MEANINGLESS.iter().any(|word| word.eq_ignore_ascii_case(essence));
    if says_nothing {
        None
    } else {
        Some(canonical(essence))
    }
}

/// True for `type/subtype` of RFC 6838, section 4.2: what may stand in a `Content-Type` header.
pub fn is_valid(media_type: &str) -> bool {
    let is_part = |part: &str| {
        part.len() <= 127
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    media_type
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_part(kind) && is_part(subtype))
}
