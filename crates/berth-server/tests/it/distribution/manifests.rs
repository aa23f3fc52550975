//! "Pushing Manifests": what is accepted, what is refused and why, tags beside a digest, subjects.

use berth_oci::media_type;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::content::{CONFIG, LAYER_TYPE, bytes, descriptor, digest, image, index, sha512, written};
use crate::world::World;

const ARTIFACT_TYPE: &str = "application/vnd.example.thing";

async fn put(client: &Client, reference: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    let line = format!("PUT /v2/team/app/manifests/{reference}");
    let asked = client.ask(line).body(body.into());
    if kind.is_empty() {
        asked.await
    } else {
        asked.header("content-type", kind).await
    }
}

#[tokio::test]
async fn a_manifest_is_stored_under_its_digest_and_its_tag() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let manifest = written(&image(&[]));
    let digest = digest(&manifest);
    for reference in ["v1", digest.as_str(), "v1"] {
        let answer = put(
            &world.admin,
            reference,
            media_type::OCI_MANIFEST,
            manifest.clone(),
        )
        .await;
        let answer = answer
            .is(201)
            .has("location", &format!("/v2/team/app/manifests/{digest}"))
            .has("docker-content-digest", &digest)
            .has("etag", &format!("\"{digest}\""))
            .lacks("oci-subject")
            .holds(b"");
        let tags = if reference == "v1" { vec!["v1"] } else { vec![] };
        assert_eq!(answer.all("oci-tag"), tags);
        let pulled = world
            .admin
            .ask(format!("GET {}", answer.header("location")))
            .await;
        pulled.is(200).holds(&manifest);
    }
}

/// Every kind of manifest, over a layer, the empty blob, an image and an index that the repository holds.
fn kinds(
    layer: &[u8],
    empty: &[u8],
    child: &[u8],
    nested: &[u8],
) -> Vec<(&'static str, &'static str, Value)> {
    let docker = |kind: &str| {
        json!({
            "schemaVersion": 2, "mediaType": kind,
            "config": descriptor("application/vnd.docker.container.image.v1+json", CONFIG),
            "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
        })
    };
    let mut of_index = index(&[]);
    of_index["manifests"] = json!([descriptor(media_type::OCI_INDEX, nested)]);
    let mut foreign = image(&[layer]);
    foreign["layers"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest(b"elsewhere"), "size": 9, "urls": ["https://example.com/layer"],
    }));
    let mut with_fields = image(&[layer]);
    with_fields["org.example.custom"] = json!({ "any": ["thing", 1.5, null] });
    with_fields["config"]["data"] = json!("e30=");
    vec![
        ("an image", media_type::OCI_MANIFEST, image(&[layer])),
        ("one without layers", media_type::OCI_MANIFEST, image(&[])),
        ("a layer twice", media_type::OCI_MANIFEST, image(&[layer, layer])),
        (
            "docker's",
            media_type::DOCKER_MANIFEST,
            docker(media_type::DOCKER_MANIFEST),
        ),
        (
            "docker's list",
            media_type::DOCKER_LIST,
            json!({
                "schemaVersion": 2, "mediaType": media_type::DOCKER_LIST,
                "manifests": [descriptor(media_type::OCI_MANIFEST, child)],
            }),
        ),
        ("an index", media_type::OCI_INDEX, index(&[child])),
        ("an empty index", media_type::OCI_INDEX, index(&[])),
        ("an index of indexes", media_type::OCI_INDEX, of_index),
        (
            "an artifact",
            media_type::OCI_MANIFEST,
            json!({
                "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": ARTIFACT_TYPE,
                "config": descriptor(media_type::OCI_EMPTY, empty), "layers": [descriptor(media_type::OCI_EMPTY, empty)],
            }),
        ),
        (
            "an artifact manifest",
            media_type::OCI_ARTIFACT_MANIFEST,
            json!({
                "mediaType": media_type::OCI_ARTIFACT_MANIFEST, "artifactType": ARTIFACT_TYPE,
                "blobs": [descriptor(LAYER_TYPE, layer)],
            }),
        ),
        ("a foreign layer", media_type::OCI_MANIFEST, foreign),
        ("fields of others", media_type::OCI_MANIFEST, with_fields),
        (
            "an unknown type",
            "application/vnd.example.unheard+json",
            json!({ "any": "object" }),
        ),
    ]
}

#[tokio::test]
async fn every_kind_of_manifest_is_taken_and_given_back_with_its_type() {
    let world = World::start().await;
    let layer = b"layer".as_slice();
    let child = world.admin.push_image("team/app", "child", layer).await;
    let empty = b"{}".as_slice();
    world.admin.push_blob("team/app", empty).await;
    let nested = written(&index(&[&child]));
    put(&world.admin, "inner", media_type::OCI_INDEX, nested.clone())
        .await
        .is(201);
    for (name, kind, document) in kinds(layer, empty, &child, &nested) {
        let document = written(&document);
        // Parameters of the type are ignored (specification, "Pushing Manifests").
        for (reference, sent) in [
            ("plain", kind.to_owned()),
            ("param", format!("{kind}; charset=utf-8")),
        ] {
            let answer = put(&world.admin, reference, &sent, document.clone()).await;
            assert_eq!(answer.status, 201, "{name}: {:?}", answer.body);
            let pulled = world
                .admin
                .ask(format!("GET /v2/team/app/manifests/{reference}"))
                .await;
            pulled.is(200).holds(&document).has("content-type", kind);
        }
    }
}

#[tokio::test]
async fn without_a_header_what_stands_inside_counts_and_then_the_shape() {
    let world = World::start().await;
    let layer = b"layer".as_slice();
    world.admin.push_image("team/app", "v1", layer).await;
    let mut silent = image(&[layer]);
    silent.as_object_mut().unwrap().remove("mediaType");
    for document in [image(&[layer]), silent] {
        put(&world.admin, "silent", "", written(&document)).await.is(201);
        let pulled = world.admin.ask("HEAD /v2/team/app/manifests/silent").await;
        pulled.is(200).has("content-type", media_type::OCI_MANIFEST);
    }
}

#[tokio::test]
async fn a_document_that_is_no_manifest_is_refused_with_what_is_wrong() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let of = |change: fn(&mut Value)| {
        let mut document = image(&[b"layer"]);
        change(&mut document);
        document.to_string()
    };
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for (kind, body, says) in [
        (media_type::OCI_MANIFEST, String::new(), "JSON"),
        (media_type::OCI_MANIFEST, "not json".to_owned(), "JSON"),
        (media_type::OCI_MANIFEST, "[]".to_owned(), "object"),
        (media_type::OCI_MANIFEST, deep, ""),
        (media_type::OCI_MANIFEST, "{}".to_owned(), "schemaVersion"),
        ("", "{}".to_owned(), "Content-Type"),
        (
            media_type::OCI_MANIFEST,
            r#"{"schemaVersion":2,"schemaVersion":2}"#.to_owned(),
            "schemaVersion",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["schemaVersion"] = json!(3)),
            "schemaVersion",
        ),
        (media_type::OCI_INDEX, of(|_| ()), "Content-Type"),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["layers"] = json!("none")),
            "layers",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["layers"][0]["digest"] = json!("sha256:short")),
            "layers[0]",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["layers"][0]["size"] = json!(-1)),
            "layers[0]",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["config"] = json!(null)),
            "config",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["subject"] = json!({ "digest": "none" })),
            "subject",
        ),
        // Two clients would see two images (CVE-2021-41190).
        (
            media_type::OCI_MANIFEST,
            of(|document| document["manifests"] = json!([])),
            "index",
        ),
        (
            media_type::OCI_MANIFEST,
            of(|document| document["Layers"] = json!([])),
            "Layers",
        ),
    ] {
        let answer = put(&world.admin, "bad", kind, body.clone()).await;
        let answer = answer.refused(400, "MANIFEST_INVALID");
        let message = answer.errors()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{body}: {message}");
    }
    let bad = world.admin.ask("GET /v2/team/app/manifests/bad").await;
    bad.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn schema_1_is_refused_with_what_to_do() {
    let world = World::start().await;
    let document =
        json!({ "schemaVersion": 1, "name": "team/app", "tag": "v1", "fsLayers": [], "history": [] });
    for kind in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        media_type::OCI_MANIFEST,
        "application/json",
        "",
    ] {
        let answer = put(&world.admin, "v1", kind, document.to_string()).await;
        let answer = answer.refused(400, "UNSUPPORTED");
        let message = answer.errors()[0]["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains("schema 1") && message.contains("push"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_manifest_larger_than_4_mib_is_413() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let mut document = image(&[]);
    document["annotations"] = json!({ "padding": "" });
    let max = 4 << 20;
    let without = document.to_string().len();
    for (length, fits) in [(max, true), (max + 1, false)] {
        document["annotations"]["padding"] = json!("x".repeat(length - without));
        let body = document.to_string();
        assert_eq!(body.len(), length);
        let answer = put(&world.admin, "large", media_type::OCI_MANIFEST, body.clone()).await;
        if fits {
            answer.is(201);
            let pulled = world.admin.ask("GET /v2/team/app/manifests/large").await;
            pulled.is(200).holds(body.as_bytes());
        } else {
            let answer = answer.refused(413, "SIZE_INVALID");
            let message = answer.errors()[0]["message"].to_string();
            assert!(
                message.contains("manifest") && message.contains("4194304"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn each_missing_reference_is_an_error_of_its_own() {
    let world = World::start().await;
    world.admin.push_blob("team/app", b"there").await;
    world.admin.push_blob("team/other", b"elsewhere").await;
    let check = async |document: Value, missing: &[String]| {
        let kind = document["mediaType"].as_str().unwrap().to_owned();
        let answer = put(&world.admin, "v1", &kind, written(&document)).await.is(404);
        let mut found: Vec<String> = Vec::new();
        for error in answer.errors() {
            assert_eq!(error["code"], "MANIFEST_BLOB_UNKNOWN");
            let digest = error["detail"]["digest"].as_str().unwrap();
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(digest) && message.contains("push"), "{message}");
            found.push(digest.to_owned());
        }
        let mut missing = missing.to_vec();
        missing.sort();
        found.sort();
        assert_eq!(found, missing);
    };
    check(
        image(&[b"there", b"absent", b"elsewhere"]),
        &[digest(CONFIG), digest(b"absent"), digest(b"elsewhere")],
    )
    .await;
    check(index(&[b"one", b"two"]), &[digest(b"one"), digest(b"two")]).await;
    // A blob is no manifest.
    check(index(&[b"there"]), &[digest(b"there")]).await;
    let tags = world.admin.ask("GET /v2/team/app/manifests/v1").await;
    tags.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn an_operator_may_let_references_be_missing() {
    for (setting, image_status, index_status) in [("accept-manifests", 404, 201), ("accept", 201, 201)] {
        let world = World::start_with(&["--missing-references", setting]).await;
        let answer = put(&world.admin, "v1", media_type::OCI_MANIFEST, written(&image(&[]))).await;
        answer.is(image_status);
        let answer = put(
            &world.admin,
            "v1",
            media_type::OCI_INDEX,
            written(&index(&[b"x"])),
        )
        .await;
        answer.is(index_status);
    }
}

#[tokio::test]
async fn an_image_with_more_layers_than_the_limit_is_refused_with_advice() {
    let world = World::start_with(&["--limits-layers-max", "2"]).await;
    let layers = [bytes(1, 10), bytes(2, 10), bytes(3, 10)];
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    world.admin.push_image("team/app", "v1", layers[0]).await;
    for layer in &layers {
        world.admin.push_blob("team/app", layer).await;
    }
    world
        .admin
        .push_manifest("team/app", "v2", &image(&layers[..2]))
        .await;
    let answer = put(
        &world.admin,
        "v3",
        media_type::OCI_MANIFEST,
        written(&image(&layers)),
    )
    .await;
    let answer = answer.refused(400, "MANIFEST_INVALID");
    let message = answer.errors()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("3 layers") && message.contains("accepts 2"),
        "{message}"
    );
}

#[tokio::test]
async fn a_digest_in_the_address_must_be_the_bodys() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let manifest = written(&image(&[]));
    for wrong in [digest(b"other"), sha512(b"other")] {
        let answer = put(&world.admin, &wrong, media_type::OCI_MANIFEST, manifest.clone()).await;
        let answer = answer.refused(400, "DIGEST_INVALID");
        assert_eq!(answer.errors()[0]["detail"]["expected"], wrong);
    }
    let absent = world
        .admin
        .ask(format!("GET /v2/team/app/manifests/{}", digest(&manifest)))
        .await;
    absent.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn tags_beside_a_digest_are_all_set_and_named() {
    let world = World::start().await;
    world.admin.push_blob("team/app", CONFIG).await;
    let manifest = written(&image(&[]));
    let digest = digest(&manifest);
    let named: Vec<String> = (0..100).map(|n| format!("v{n:03}")).collect();
    let query = named.join("&tag=");
    let repeated = format!("{digest}?tag={query}&tag=v000");
    let answer = put(
        &world.admin,
        &repeated,
        media_type::OCI_MANIFEST,
        manifest.clone(),
    )
    .await;
    let answer = answer.is(201);
    let joined = answer.all("oci-tag").join(", ");
    let mut tags: Vec<&str> = joined.split(", ").collect();
    tags.sort_unstable();
    assert_eq!(tags, named);
    for tag in &named {
        let line = format!("HEAD /v2/team/app/manifests/{tag}");
        let head = world.admin.ask(line).await.is(200);
        head.has("docker-content-digest", &digest);
    }
    let one_more = format!("{digest}?tag={query}&tag=v100");
    let answer = put(&world.admin, &one_more, media_type::OCI_MANIFEST, manifest).await;
    let answer = answer.refused(414, "TAG_INVALID");
    assert!(answer.errors()[0]["message"].to_string().contains("100"));
}

#[tokio::test]
async fn a_subject_is_acknowledged_and_need_not_be_there() {
    let world = World::start().await;
    let there = world.admin.push_image("team/app", "v1", b"layer").await;
    for subject in [there.as_slice(), b"absent"] {
        for mut document in [image(&[]), index(&[])] {
            document["subject"] = descriptor(media_type::OCI_MANIFEST, subject);
            let kind = document["mediaType"].as_str().unwrap().to_owned();
            let answer = put(&world.admin, "sig", &kind, written(&document)).await;
            answer.is(201).has("oci-subject", &digest(subject));
        }
    }
}
