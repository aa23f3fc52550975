//! What is accepted as a manifest, what is refused, and what it refers to.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Manifest, ManifestError, ManifestKind};
use crate::media_type::{
    DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, OCI_ARTIFACT_MANIFEST, OCI_CONFIG,
    OCI_EMPTY, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST,
};

const CUSTOM: &str = "application/vnd.example.thing.v1+json";

fn descriptor(media_type: &str, letter: char) -> Value {
    json!({"mediaType": media_type, "digest": format!("sha256:{}", letter.to_string().repeat(64)), "size": 7})
}

fn image() -> Value {
    json!({"schemaVersion": 2, "config": descriptor(OCI_CONFIG, 'a'), "layers": [descriptor(OCI_LAYER_GZIP, 'b')]})
}

fn index() -> Value {
    json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, 'c'), descriptor(OCI_INDEX, 'd')]})
}

fn with(mut document: Value, key: &str, value: Value) -> Value {
    document[key] = value;
    document
}

fn without(mut document: Value, key: &str) -> Value {
    document.as_object_mut().unwrap().remove(key);
    document
}

fn parse(document: &Value, content_type: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(document.to_string().as_bytes(), Some(content_type))
}

fn check_type(document: &Value, header: Option<&str>, media_type: &str, kind: ManifestKind) {
    let manifest = Manifest::parse(document.to_string().as_bytes(), header);
    let manifest = manifest.unwrap_or_else(|error| panic!("{document} as {header:?}: {error}"));
    assert_eq!(
        (manifest.media_type.as_str(), manifest.kind),
        (media_type, kind),
        "{document} as {header:?}"
    );
}

#[test]
fn the_media_type_comes_from_the_header_else_from_the_shape() {
    let shouted = format!("{}; charset=utf-8", OCI_MANIFEST.to_uppercase());
    check_type(&image(), Some(OCI_MANIFEST), OCI_MANIFEST, ManifestKind::Image);
    check_type(&image(), Some(&shouted), OCI_MANIFEST, ManifestKind::Image);
    check_type(
        &image(),
        Some(DOCKER_MANIFEST),
        DOCKER_MANIFEST,
        ManifestKind::Image,
    );
    check_type(&image(), None, OCI_MANIFEST, ManifestKind::Image);
    check_type(
        &image(),
        Some("application/json"),
        OCI_MANIFEST,
        ManifestKind::Image,
    );
    check_type(&index(), Some(OCI_INDEX), OCI_INDEX, ManifestKind::Index);
    check_type(&index(), Some(DOCKER_LIST), DOCKER_LIST, ManifestKind::Index);
    check_type(&index(), None, OCI_INDEX, ManifestKind::Index);
    check_type(
        &with(index(), "manifests", json!([])),
        None,
        OCI_INDEX,
        ManifestKind::Index,
    );
    check_type(
        &json!({}),
        Some(OCI_ARTIFACT_MANIFEST),
        OCI_ARTIFACT_MANIFEST,
        ManifestKind::Image,
    );
}

#[test]
fn the_media_type_inside_goes_before_the_header() {
    let declared = |media_type: &str| with(image(), "mediaType", json!(media_type));
    check_type(
        &declared(DOCKER_MANIFEST),
        None,
        DOCKER_MANIFEST,
        ManifestKind::Image,
    );
    check_type(
        &declared(DOCKER_MANIFEST),
        Some("text/plain"),
        DOCKER_MANIFEST,
        ManifestKind::Image,
    );
    check_type(
        &declared(""),
        Some(OCI_MANIFEST),
        OCI_MANIFEST,
        ManifestKind::Image,
    );
    check_type(
        &declared(OCI_MANIFEST),
        Some(CUSTOM),
        OCI_MANIFEST,
        ManifestKind::Image,
    );
    check_type(
        &declared(&OCI_MANIFEST.to_uppercase()),
        None,
        OCI_MANIFEST,
        ManifestKind::Image,
    );
}

#[test]
fn unknown_media_types_are_kept_as_they_are() {
    check_type(
        &json!({"any": "thing"}),
        Some(CUSTOM),
        CUSTOM,
        ManifestKind::Other,
    );
    check_type(
        &json!({"mediaType": CUSTOM, "layers": 1}),
        None,
        CUSTOM,
        ManifestKind::Other,
    );
    check_type(
        &json!({}),
        Some("application/vnd.Example"),
        "application/vnd.Example",
        ManifestKind::Other,
    );
}

#[test]
fn an_image_refers_to_its_config_and_its_own_layers() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let elsewhere = with(
        descriptor(OCI_LAYER_GZIP, 'e'),
        "urls",
        json!(["https://example.org/layer"]),
    );
    let layers = json!([
        descriptor(OCI_LAYER_GZIP, 'b'),
        descriptor(foreign, 'd'),
        elsewhere
    ]);
    let subject = descriptor(OCI_MANIFEST, 'f');
    let manifest = parse(
        &with(with(image(), "layers", layers), "subject", subject),
        OCI_MANIFEST,
    )
    .unwrap();
    let first = |digest: &crate::Digest| digest.hex().chars().next().unwrap();
    let blobs: String = manifest.blobs().map(|blob| first(&blob.digest)).collect();
    let foreign: String = manifest
        .foreign_layers()
        .map(|blob| first(&blob.digest))
        .collect();
    assert_eq!((blobs.as_str(), foreign.as_str()), ("ab", "de"));
    assert_eq!(
        manifest.subject().map(|subject| first(&subject.digest)),
        Some('f')
    );
    assert_eq!(manifest.manifests().count(), 0);
}

#[test]
fn an_index_refers_to_manifests_and_an_artifact_to_blobs() {
    let manifest = parse(&index(), OCI_INDEX).unwrap();
    assert_eq!((manifest.blobs().count(), manifest.manifests().count()), (0, 2));
    let artifact = json!({"artifactType": CUSTOM, "blobs": [descriptor(CUSTOM, 'a')], "subject": descriptor(OCI_MANIFEST, 'b')});
    let manifest = parse(&artifact, OCI_ARTIFACT_MANIFEST).unwrap();
    assert_eq!(
        (manifest.blobs().count(), manifest.subject().is_some()),
        (1, true)
    );
    assert_eq!(manifest.referrer_artifact_type(), Some(CUSTOM));
}

#[test]
fn the_artifact_type_falls_back_to_the_config() {
    let check = |document: Value, header: &str, expected: Option<&str>| {
        assert_eq!(
            parse(&document, header).unwrap().referrer_artifact_type(),
            expected,
            "{document}"
        );
    };
    check(image(), OCI_MANIFEST, Some(OCI_CONFIG));
    check(
        with(image(), "artifactType", json!("")),
        OCI_MANIFEST,
        Some(OCI_CONFIG),
    );
    check(
        with(image(), "artifactType", json!(CUSTOM)),
        OCI_MANIFEST,
        Some(CUSTOM),
    );
    check(
        with(image(), "config", descriptor(OCI_EMPTY, 'a')),
        OCI_MANIFEST,
        Some(OCI_EMPTY),
    );
    check(index(), OCI_INDEX, None);
    check(
        with(index(), "artifactType", json!(CUSTOM)),
        OCI_INDEX,
        Some(CUSTOM),
    );
}

#[test]
fn null_and_empty_lists_are_the_same() {
    assert_eq!(
        parse(&with(image(), "layers", Value::Null), OCI_MANIFEST)
            .unwrap()
            .layers,
        []
    );
    assert_eq!(
        parse(&with(index(), "manifests", Value::Null), OCI_INDEX)
            .unwrap()
            .manifests,
        []
    );
    let layer = with(descriptor(OCI_LAYER_GZIP, 'b'), "urls", Value::Null);
    assert_eq!(
        parse(&with(image(), "layers", json!([layer])), OCI_MANIFEST)
            .unwrap()
            .blobs()
            .count(),
        2
    );
}

#[test]
fn schema_1_is_refused_with_advice() {
    let check = |document: Value, header: Option<&str>| {
        let error = Manifest::parse(document.to_string().as_bytes(), header).unwrap_err();
        assert_eq!(error, ManifestError::Schema1, "{document} as {header:?}");
        assert!(error.to_string().contains("push with a client"));
    };
    check(json!({"schemaVersion": 1, "fsLayers": []}), None);
    check(json!({"schemaVersion": 1, "name": "x"}), Some("application/json"));
    check(json!({"schemaVersion": 1}), Some(DOCKER_MANIFEST));
    check(json!({"mediaType": DOCKER_SCHEMA1}), None);
    check(json!({}), Some(DOCKER_SCHEMA1));
    check(json!({}), Some(DOCKER_SCHEMA1_SIGNED));
}

fn refuse(document: &Value, header: &str, part: &str) {
    let message = parse(document, header).unwrap_err().to_string();
    assert!(message.contains(part), "{document}: {message}");
}

#[test]
fn refused_documents_say_what_is_wrong() {
    refuse(&json!([]), OCI_MANIFEST, "JSON object");
    refuse(&json!("text"), OCI_MANIFEST, "JSON object");
    refuse(&json!({}), "application/json", "what kind of manifest");
    refuse(
        &json!({"mediaType": "no type"}),
        "application/json",
        "not a media type",
    );
    refuse(&json!({"mediaType": "a/b\r\nX: y"}), CUSTOM, "not a media type");
    refuse(&json!({"mediaType": 5}), OCI_MANIFEST, "mediaType");
    refuse(
        &with(image(), "mediaType", json!(OCI_INDEX)),
        OCI_MANIFEST,
        "the Content-Type is",
    );
    refuse(
        &with(image(), "mediaType", json!(CUSTOM)),
        OCI_MANIFEST,
        "the Content-Type is",
    );
}

#[test]
fn refused_fields_are_named() {
    refuse(&without(image(), "schemaVersion"), OCI_MANIFEST, "schemaVersion");
    refuse(
        &with(image(), "schemaVersion", json!("2")),
        OCI_MANIFEST,
        "schemaVersion",
    );
    refuse(
        &with(image(), "schemaVersion", json!(3)),
        OCI_MANIFEST,
        "schemaVersion",
    );
    refuse(&without(image(), "config"), OCI_MANIFEST, "\"config\"");
    refuse(&without(image(), "layers"), OCI_MANIFEST, "\"layers\" is missing");
    refuse(
        &without(index(), "manifests"),
        OCI_INDEX,
        "\"manifests\" is missing",
    );
    refuse(
        &with(image(), "layers", json!({})),
        OCI_MANIFEST,
        "list of descriptors",
    );
    refuse(&with(image(), "manifests", json!([])), OCI_MANIFEST, "at once");
    refuse(&with(index(), "layers", json!([])), OCI_INDEX, "at once");
    refuse(&with(index(), "config", json!({})), OCI_INDEX, "at once");
    refuse(
        &with(image(), "Layers", json!([])),
        OCI_MANIFEST,
        "must be written \"layers\"",
    );
    refuse(
        &with(image(), "annotations", json!({"a": 1})),
        OCI_MANIFEST,
        "annotations",
    );
    refuse(
        &with(image(), "artifactType", json!("a\u{0}b")),
        OCI_MANIFEST,
        "artifactType",
    );
    refuse(
        &with(image(), "artifactType", json!("a".repeat(256))),
        OCI_MANIFEST,
        "artifactType",
    );
}

#[test]
fn refused_descriptors_are_named_by_their_place() {
    let layer = || descriptor(OCI_LAYER_GZIP, 'b');
    let check = |layer: Value, part: &str| {
        let layers = json!([descriptor(OCI_LAYER_GZIP, 'b'), layer]);
        refuse(&with(image(), "layers", layers), OCI_MANIFEST, part);
    };
    check(
        with(layer(), "Digest", json!("x")),
        "layers[1]: the key \"Digest\" must be written \"digest\"",
    );
    check(json!(1), "layers[1]: a descriptor is a JSON object");
    check(without(layer(), "digest"), "layers[1]: missing field `digest`");
    check(without(layer(), "size"), "layers[1]: missing field `size`");
    check(
        without(layer(), "mediaType"),
        "layers[1]: missing field `mediaType`",
    );
    check(with(layer(), "size", json!(-1)), "layers[1]: invalid value");
    check(with(layer(), "size", json!(1.5)), "layers[1]: invalid type");
    check(with(layer(), "size", json!(u64::MAX)), "larger than any content");
    check(
        with(layer(), "digest", json!("sha256:../../etc/passwd")),
        "layers[1]: a digest is written",
    );
    check(with(layer(), "digest", json!("md5:00")), "not supported");
    check(
        with(layer(), "mediaType", json!("")),
        "layers[1]: \"\" is not a media type",
    );
}

#[test]
fn broken_and_ambiguous_json_is_refused() {
    let check = |text: &str, part: &str| {
        let message = Manifest::parse(text.as_bytes(), Some(CUSTOM))
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{text:.40}: {message}");
    };
    check("", "not valid JSON");
    check("{", "not valid JSON");
    check("{} {}", "not valid JSON");
    check("{\"a\": NaN}", "not valid JSON");
    check(r#"{"a": 1, "a": 1}"#, "\"a\" stands twice");
    check(r#"{"x": [{"a": 1, "\u0061": 2}]}"#, "\"a\" stands twice");
    check(
        &format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)),
        "not valid JSON",
    );
    let not_utf8 = Manifest::parse(b"{\"a\": \"\xff\"}", Some(CUSTOM)).unwrap_err();
    assert!(not_utf8.to_string().contains("not valid JSON"));
}

#[test]
fn numbers_of_any_size_are_no_reason_to_refuse_an_unknown_type() {
    let text = r#"{"a": 18446744073709551615, "b": -9223372036854775808, "c": 1e300, "d": 123456789012345678901234567890}"#;
    Manifest::parse(text.as_bytes(), Some(CUSTOM)).unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(descriptor(OCI_CONFIG, 'a')),
        "\\PC{0,20}|sha256:[0-9a-f]{64}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key =
            "schemaVersion|mediaType|config|layers|manifests|subject|digest|size|annotations|[a-z]{1,3}";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_document_is_read_or_refused(document in any_json(), known: bool) {
        let header = if known { OCI_MANIFEST } else { "application/json" };
        if let Err(error) = parse(&document, header) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_object_of_an_unknown_type_is_kept(document in any_json()) {
        prop_assume!(document.is_object() && document.get("mediaType").is_none());
        prop_assert_eq!(parse(&document, CUSTOM).unwrap().kind, ManifestKind::Other);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = Manifest::parse(&bytes, None);
    }
}
