//! Operations 20 and 21: what belongs to an image, and what a signature is about.

use http::Method;
use serde_json::{Value, json};

use super::{APP, artifact, docker, start};
use crate::client::Client;
use crate::content::digest;
use crate::manage::team::{IMAGE, NO_IMAGE, is_time};

/// The tag that cosign gives to what belongs to a manifest.
fn cosign(pushed: &[u8], suffix: &str) -> String {
    format!("{}.{suffix}", digest(pushed).replacen(':', "-", 1))
}

/// Pushes an image `v1` and one accessory of each kind; answers the image, and digest, tag and type of each accessory.
async fn push_all(docker: &Client) -> (Vec<u8>, Vec<Value>) {
    let image = docker.push_image(APP, "v1", b"image").await;
    let mut rows = Vec::new();
    for (suffix, kind) in [
        ("sig", "signature.cosign"),
        ("att", "attestation"),
        ("sbom", "sbom"),
    ] {
        let tag = cosign(&image, suffix);
        let pushed = docker.push_image(APP, &tag, suffix.as_bytes()).await;
        rows.push((digest(&pushed), tag, kind));
    }
    for (artifact_type, tag, kind) in [
        (
            "application/vnd.dev.cosign.artifact.sig.v1+json",
            "",
            "signature.cosign",
        ),
        ("application/vnd.cncf.notary.signature", "", "signature.notation"),
        ("application/spdx+json", "bill", "sbom"),
        ("application/vnd.example", "", "artifact"),
    ] {
        docker.push_blob(APP, artifact_type.as_bytes()).await;
        let manifest = artifact(artifact_type, artifact_type.as_bytes(), &image);
        let bytes = crate::content::written(&manifest);
        let reference = if tag.is_empty() {
            digest(&bytes)
        } else {
            tag.to_owned()
        };
        let pushed = docker.push_manifest(APP, &reference, &manifest).await;
        rows.push((digest(&pushed), tag.to_owned(), kind));
    }
    rows.sort();
    (image, rows.into_iter().map(|row| json!(row)).collect())
}

#[tokio::test]
async fn accessories_are_found_by_their_tags_and_their_subject() {
    let team = start().await;
    let (image, expected) = push_all(&docker(&team)).await;
    let target = format!("{IMAGE}/v1/accessories");
    let all = team
        .does(Method::GET, &format!("{target}?limit=100"), &Value::Null, 200)
        .await;
    let rows = all["accessories"].as_array().unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| json!([row["sig_digest"], row["sig_tag"], row["type"]]))
        .collect();
    assert_eq!((shown, &all["total"]), (expected, &json!(7)));
    let row = &rows[0];
    let whole = json!({
        "id": row["id"],
        "domain_id": row["domain_id"],
        "namespace_name": "group",
        "repo_name": "back/end",
        "sig_tag": row["sig_tag"],
        "sig_digest": row["sig_digest"],
        "target_digest": digest(&image),
        "size": row["size"],
        "type": row["type"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    });
    assert_eq!(*row, whole);
    assert!(
        row["id"].is_i64() && row["size"].is_i64() && is_time(&row["created_at"]),
        "{row}"
    );
    let same = team
        .does(
            Method::GET,
            &format!("{IMAGE}/tags/v1/accessories"),
            &Value::Null,
            200,
        )
        .await;
    assert_eq!(same, all);

    let mut paged = Vec::new();
    loop {
        let page = format!("{target}?limit=3&offset={}", paged.len());
        let page = team.does(Method::GET, &page, &Value::Null, 200).await;
        assert_eq!(page["total"], 7);
        let page = page["accessories"].as_array().unwrap().clone();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(&paged, rows);
}

#[tokio::test]
async fn a_signature_leads_to_the_tags_of_its_image() {
    let team = start().await;
    let docker = docker(&team);
    let image = docker.push_image(APP, "v01", b"image").await;
    for n in 2..=12 {
        docker
            .push_manifest(APP, &format!("v{n:02}"), &crate::content::image(&[b"image"]))
            .await;
    }
    let signature = cosign(&image, "sig");
    docker.push_image(APP, &signature, b"signature").await;
    docker.push_blob(APP, b"sbom").await;
    docker
        .push_manifest(APP, "bill", &artifact("application/spdx+json", b"sbom", &image))
        .await;
    let tags: Vec<String> = (1..=12).map(|n| format!("v{n:02}")).collect();
    for tag in [signature.as_str(), "bill"] {
        let target = format!("{IMAGE}/{tag}/references");
        let first = team.does(Method::GET, &target, &Value::Null, 200).await;
        let expected = json!({ "tags": tags[..10], "has_more": true, "next_marker": "v10" });
        assert_eq!(first, expected, "{tag}");
        let rest = team
            .does(
                Method::GET,
                &format!("{target}?marker=v10&limit=5"),
                &Value::Null,
                200,
            )
            .await;
        assert_eq!(rest, json!({ "tags": tags[10..], "has_more": false }), "{tag}");
        let same = format!("{IMAGE}/tags/{tag}/references");
        assert_eq!(team.does(Method::GET, &same, &Value::Null, 200).await, first);
    }
    let none = team
        .does(Method::GET, &format!("{IMAGE}/v01/references"), &Value::Null, 200)
        .await;
    assert_eq!(none, json!({ "tags": [], "has_more": false }));
}

#[tokio::test]
async fn a_tag_named_retentions_has_accessories_in_the_usual_place() {
    let team = start().await;
    let docker = docker(&team);
    let image = docker.push_image(APP, "retentions", b"image").await;
    let signature = cosign(&image, "sig");
    docker.push_image(APP, &signature, b"signature").await;
    let target = format!("{IMAGE}/retentions/accessories");
    let all = team.does(Method::GET, &target, &Value::Null, 200).await;
    assert_eq!(all["accessories"][0]["sig_tag"], signature);
    let target = format!("{IMAGE}/retentions/references");
    let none = team.does(Method::GET, &target, &Value::Null, 200).await;
    assert_eq!(none["tags"], json!([]));
}

#[tokio::test]
async fn accessories_are_refused_where_they_must_be() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"one").await;
    for word in ["accessories", "references"] {
        let target = format!("{IMAGE}/v1/{word}");
        team.answers_people(Method::GET, &target, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        for (target, expected) in [
            (format!("{IMAGE}/v9/{word}"), (404, "4040115")),
            (format!("{IMAGE}/tags/v9/{word}"), (404, "4040115")),
            (format!("{NO_IMAGE}/v1/{word}"), (404, "4040010")),
            (format!("{IMAGE}/.bad/{word}"), (400, "4009021")),
            (format!("{target}?limit=0"), (400, "4000056")),
            (format!("{target}?limit=101"), (400, "4000056")),
        ] {
            team.refuses(Method::GET, &target, &Value::Null, expected).await;
        }
    }
    let target = format!("{IMAGE}/v1/accessories?offset=-1");
    team.refuses(Method::GET, &target, &Value::Null, (400, "4001025"))
        .await;
    let target = format!("{IMAGE}/v1/references?limit=11");
    team.refuses(Method::GET, &target, &Value::Null, (400, "4000056"))
        .await;
}
