//! Indexes for lazy starts: by request and by rule, what they are made of, what cannot have one, and what becomes of them.

use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use serde_json::{Value, json};
use std::io::Write as _;

use super::team::Team;
use crate::client::Client;
use crate::content::{CONFIG, descriptor, digest, image, written};

const APP: &str = "group/back/end";
const RUNS: &str = "/v2/manage/namespaces/group/repos/back$end/lazy_indexes";
const RULE: &str = "/v2/manage/namespaces/group/repos/back$end/lazy_rule";
const OF_GROUP: &str = "/v2/manage/namespaces/group/lazy_rule";
const NYDUS: &str = "application/vnd.nydus.image.manifest.v1+json";

/// A layer with files of these bytes.
fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *bytes).unwrap();
    }
    gzip(&tar.into_inner().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn push(docker: &Client, tag: &str, manifest: &Value, layers: &[&[u8]]) -> String {
    docker.push_blob(APP, CONFIG).await;
    for layer in layers {
        docker.push_blob(APP, layer).await;
    }
    digest(docker.push_manifest(APP, tag, manifest).await)
}

/// The newest run, once it has ended.
async fn ended(team: &Team) -> Value {
    for _ in 0..600 {
        let runs = team.does(Method::GET, RUNS, &Value::Null, 200).await;
        if let Some(run) = runs["runs"].as_array().unwrap().first()
            && !run["ended_at"].is_null()
        {
            return run.clone();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no run ended");
}

async fn made(team: &Team, reference: &str) -> Value {
    let asked = team
        .does(Method::POST, RUNS, &json!({ "reference": reference }), 202)
        .await;
    let run = ended(team).await;
    assert_eq!(run["id"], asked["id"]);
    run
}

#[tokio::test]
async fn an_image_of_gzip_layers_gets_an_index_beside_it() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let lower = layer(&[("bin/sh", &vec![7; 90_000]), ("etc/hosts", b"localhost")]);
    let upper = layer(&[("etc/.wh.hosts", b""), ("usr/bin/tool", &[9; 5_000])]);
    let manifest = image(&[&lower, &upper]);
    let subject = push(&docker, "v1", &manifest, &[&lower, &upper]).await;
    let before = docker.ask(format!("GET /v2/{APP}/manifests/v1")).await.is(200);
    let run = made(&team, "v1").await;
    assert_eq!(
        (&run["status"], &run["failed"], &run["tag"]),
        (&json!("done"), &Value::Null, &json!("v1")),
        "{run}"
    );
    let found = &run["images"][0];
    assert_eq!(found["digest"], json!(subject));
    let listed = docker
        .ask(format!("GET /v2/{APP}/referrers/{subject}?artifactType={NYDUS}"))
        .await
        .is(200)
        .json();
    assert_eq!(listed["manifests"][0]["digest"], found["index"], "{listed}");
    let index = found["index"].as_str().unwrap();
    let index = docker
        .ask(format!("GET /v2/{APP}/manifests/{index}"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&index["artifactType"], &index["subject"]["digest"]),
        (&json!(NYDUS), &json!(subject))
    );
    let layers = index["layers"].as_array().unwrap();
    let of: Vec<_> = layers
        .iter()
        .map(|layer| &layer["annotations"]["containerd.io/snapshot/nydus-ref"])
        .collect();
    assert_eq!(of, [&json!(digest(&lower)), &json!(digest(&upper)), &Value::Null]);
    let last = &layers[2]["annotations"];
    assert_eq!(last["containerd.io/snapshot/nydus-bootstrap"], json!("true"));
    // The image is what it was.
    let after = docker.ask(format!("GET /v2/{APP}/manifests/v1")).await.is(200);
    assert_eq!(
        before.header("docker-content-digest"),
        after.header("docker-content-digest")
    );

    // The same again is the same.
    let again = made(&team, &subject).await;
    assert_eq!((&again["images"], &again["tag"]), (&run["images"], &Value::Null));
    let listed = docker
        .ask(format!("GET /v2/{APP}/referrers/{subject}"))
        .await
        .json();
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 1);

    // It goes as all does that refers to an image.
    docker
        .ask(format!("DELETE /v2/{APP}/manifests/{subject}"))
        .await
        .is(202);
    let gone = made_by_nobody(&team, &subject).await;
    assert_eq!(gone, 404);
}

async fn made_by_nobody(team: &Team, reference: &str) -> u16 {
    let body = json!({ "reference": reference });
    let answer = team.ask(&team.admin, Method::POST, RUNS, &body).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn what_cannot_have_an_index_is_told() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let good = layer(&[("file", b"bytes")]);
    let noise = gzip(&crate::content::bytes(1, 200_000));
    let mut cut = layer(&[("file", &crate::content::bytes(2, 200_000))]);
    cut.truncate(cut.len() / 2);
    let mut trailing = good.clone();
    trailing.extend_from_slice(&vec![1; 100_000]);
    // A folder in a folder, and so on: far more than any stack holds.
    let deep = format!("{}file", "d/".repeat(100_000));
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, &deep, b"bytes".as_slice()).unwrap();
    let deep = gzip(&tar.into_inner().unwrap());
    for (name, bytes) in [
        ("noise", noise),
        ("cut", cut),
        ("trailing", trailing),
        ("deep", deep),
    ] {
        push(&docker, name, &image(&[&good, &bytes]), &[&good, &bytes]).await;
        let run = made(&team, name).await;
        assert_eq!(run["status"], json!("failed"), "{name}: {run}");
        let reason = run["images"][0]["reason"].as_str();
        assert!(reason.is_some_and(|reason| reason.contains(' ')), "{name}: {run}");
    }
    let mut zstd = image(&[&good]);
    zstd["layers"][0] = descriptor("application/vnd.oci.image.layer.v1.tar+zstd", &good);
    push(&docker, "zstd", &zstd, &[&good]).await;
    let run = made(&team, "zstd").await;
    assert!(
        run["images"][0]["reason"].as_str().unwrap().contains("zstd"),
        "{run}"
    );

    // Of an index each platform for itself.
    let fit = written(&image(&[&good]));
    push(&docker, "fit", &image(&[&good]), &[]).await;
    let mut entries = vec![
        descriptor("application/vnd.oci.image.manifest.v1+json", &fit),
        descriptor("application/vnd.oci.image.manifest.v1+json", &written(&zstd)),
    ];
    for (entry, architecture) in entries.iter_mut().zip(["amd64", "arm64"]) {
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
    }
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries });
    docker.push_manifest(APP, "both", &index).await;
    let run = made(&team, "both").await;
    assert_eq!(run["status"], json!("done"), "{run}");
    let platforms: Vec<_> = run["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (image["platform"].as_str().unwrap(), image["index"].is_string()))
        .collect();
    assert_eq!(platforms, [("linux/amd64", true), ("linux/arm64", false)]);
}

#[tokio::test]
async fn pushes_by_rule_are_followed_by_an_index() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    for place in [RULE, OF_GROUP] {
        team.refuses(Method::GET, place, &Value::Null, (404, "4040135"))
            .await;
        team.refuses(Method::DELETE, place, &Value::Null, (404, "4040135"))
            .await;
    }
    let set = team.does(Method::PUT, RULE, &json!({ "tags": "v*" }), 200).await;
    assert_eq!(set["tags"], json!("v*"));
    let wrong = json!({ "tags": "[" });
    let refused = team.ask(&team.admin, Method::PUT, RULE, &wrong).await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    let bytes = layer(&[("file", b"bytes")]);
    push(&docker, "other", &image(&[&bytes]), &[&bytes]).await;
    let other = layer(&[("file", b"others")]);
    let subject = push(&docker, "v1", &image(&[&other]), &[&other]).await;
    let run = ended(&team).await;
    assert_eq!(
        (&run["digest"], &run["by_rule"], &run["status"]),
        (&json!(subject), &json!(true), &json!("done")),
        "{run}"
    );
    let runs = team.does(Method::GET, RUNS, &Value::Null, 200).await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "{runs}");
    team.does(Method::DELETE, RULE, &Value::Null, 204).await;
    team.does(Method::PUT, OF_GROUP, &json!({}), 200).await;
    assert_eq!(
        team.does(Method::GET, OF_GROUP, &Value::Null, 200).await["tags"],
        json!("")
    );
}

#[tokio::test]
async fn who_may_push_asks_and_who_manages_sets_rules() {
    let team = Team::start().await;
    let body = json!({ "reference": "pushed" });
    team.answers_people(Method::POST, RUNS, &body, [202, 202, 403, 404, 404])
        .await;
    team.answers_people(Method::GET, RUNS, &Value::Null, [200, 200, 200, 404, 404])
        .await;
    let rule = json!({ "tags": "v*" });
    for place in [RULE, OF_GROUP] {
        team.answers_people(Method::PUT, place, &rule, [200, 403, 403, 404, 404])
            .await;
        team.answers_people(Method::GET, place, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        team.answers_people(Method::DELETE, place, &Value::Null, [204, 403, 403, 404, 404])
            .await;
    }
}

const RULES: &str = "/v2/manage/namespaces/group/repos/back$end/immutability";
const QUOTAS: &str = "/v2/manage/namespaces/group/quotas";

#[tokio::test]
async fn an_index_counts_is_hindered_by_no_rule_and_goes_with_its_image() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let bytes = layer(&[("bin/sh", &vec![7; 90_000])]);
    let subject = push(&docker, "v1", &image(&[&bytes]), &[&bytes]).await;
    // Tags that nobody may move are none of an index's.
    let rule = json!({ "pattern": "*" });
    let rule = team.does(Method::POST, RULES, &rule, 201).await;
    let quota = json!({ "bytes": 1_000_000_000 });
    team.does(Method::PUT, QUOTAS, &quota, 200).await;
    let used = async || team.does(Method::GET, QUOTAS, &Value::Null, 200).await["used_bytes"].as_i64();
    let before = used().await.unwrap();
    let run = made(&team, "v1").await;
    let found = &run["images"][0];
    let index = found["index"].as_str().unwrap();
    assert_eq!(run["status"], json!("done"), "{run}");
    let size = found["index_bytes"].as_i64().unwrap();
    let counted = used().await.unwrap() - before;
    // What it counts with is what is stored of it.
    assert!((size..size + 100).contains(&counted), "{counted} of {size}");
    // In use as long as the image is there, so no sweep takes it.
    let manifest = docker
        .ask(format!("GET /v2/{APP}/manifests/{index}"))
        .await
        .is(200)
        .json();
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let linked = team.metadata.linked_blob(team.image, digest).await.unwrap();
        assert_eq!(linked.unwrap().idle_since, None, "{layer}");
    }
    let rule = format!("{RULES}/{}", rule["id"]);
    team.does(Method::DELETE, &rule, &Value::Null, 204).await;
    let line = format!("DELETE /v2/{APP}/manifests/{subject}");
    docker.ask(line).await.is(202);
    docker
        .ask(format!("GET /v2/{APP}/manifests/{index}"))
        .await
        .refused(404, "MANIFEST_UNKNOWN");
    let listed = docker.ask(format!("GET /v2/{APP}/referrers/{subject}")).await;
    assert_eq!(listed.json()["manifests"], json!([]));
}
