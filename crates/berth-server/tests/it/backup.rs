//! Backup and restore, as an operator meets them: everything pulls as it was pushed, and everybody can log in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use http::StatusCode;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::berth::{Ended, Place, Server};

const GIVEN: [(&str, &str); 2] = [
    ("BERTH_ADMIN_USER", "admin"),
    ("BERTH_ADMIN_PASSWORD", "hush-password"),
];
const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry with a few images, and what was pushed.
pub(crate) struct Filled {
    pub(crate) place: Place,
    /// Path below `/v2/` and bytes of every manifest and blob.
    pub(crate) pushed: Vec<(String, Vec<u8>)>,
    mary: String,
}

async fn ask(request: reqwest::RequestBuilder) -> Response {
    let request = request.basic_auth("berth/admin", Some("hush-password"));
    request.send().await.unwrap()
}

fn digest(bytes: &[u8]) -> String {
    berth_oci::Digest::of(berth_oci::Algorithm::Sha256, bytes).to_string()
}

/// Pushes an image of one layer, and answers what can be pulled then.
pub(crate) async fn push(server: &Server, repository: &str, tag: &str) -> Vec<(String, Vec<u8>)> {
    let (client, url) = (
        Client::new(),
        format!("http://{}/v2/{repository}", server.address),
    );
    let layer = format!("layer of {repository}:{tag}").into_bytes();
    let config = json!({ "os": "linux", "architecture": "amd64", "of": tag })
        .to_string()
        .into_bytes();
    for blob in [&layer, &config] {
        let begun = ask(client
            .post(format!("{url}/blobs/uploads/?digest={}", digest(blob)))
            .body(blob.clone()))
        .await;
        assert_eq!(begun.status(), StatusCode::CREATED);
    }
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MEDIA_TYPE,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(&layer), "size": layer.len() }],
    });
    let manifest = manifest.to_string().into_bytes();
    let put = client
        .put(format!("{url}/manifests/{tag}"))
        .header("content-type", MEDIA_TYPE);
    assert_eq!(
        ask(put.body(manifest.clone())).await.status(),
        StatusCode::CREATED
    );
    vec![
        (format!("{repository}/blobs/{}", digest(&layer)), layer),
        (format!("{repository}/blobs/{}", digest(&config)), config),
        (format!("{repository}/manifests/{tag}"), manifest.clone()),
        (format!("{repository}/manifests/{}", digest(&manifest)), manifest),
    ]
}

/// That all of this can be pulled as it was pushed.
pub(crate) async fn pulls(server: &Server, pushed: &[(String, Vec<u8>)]) {
    let client = Client::new();
    for (path, bytes) in pushed {
        let pulled = ask(client.get(format!("http://{}/v2/{path}", server.address))).await;
        assert_eq!(pulled.status(), StatusCode::OK, "{path}");
        assert_eq!(pulled.bytes().await.unwrap(), bytes, "{path}");
    }
}

impl Filled {
    pub(crate) async fn new() -> (Self, Server) {
        let place = Place::new();
        let server = place.serve_with(&[], &GIVEN);
        let made = place.run(&["admin", "org", "create", "demo", "--account", "berth"], &GIVEN);
        assert!(made.status.success(), "{}", made.err);
        let mary = place.run(
            &[
                "admin",
                "user",
                "create",
                "berth/mary",
                "--administrator",
                "--output",
                "json",
            ],
            &[],
        );
        let mary: Value = serde_json::from_str(&mary.out).unwrap();
        let mut pushed = Vec::new();
        for (repository, tag) in [("demo/app", "v1"), ("demo/app", "v2"), ("demo/deep/er", "latest")] {
            pushed.extend(push(&server, repository, tag).await);
        }
        let mary = mary["password"].as_str().unwrap().to_owned();
        (Self { place, pushed, mary }, server)
    }

    /// Runs a command that must succeed, and answers what it prints for programs.
    pub(crate) fn run(&self, arguments: &[&str]) -> Value {
        let all = [arguments, &["--output", "json"]].concat();
        let ended = self.place.run(&all, &[]);
        assert!(ended.status.success(), "{arguments:?}: {}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }

    fn refused(&self, arguments: &[&str]) -> Ended {
        let ended = self.place.run(arguments, &[]);
        assert!(!ended.status.success(), "{arguments:?}: {}", ended.out);
        ended
    }

    /// Loses the database.
    pub(crate) fn lose_database(&self) {
        for name in ["berth.db", "berth.db-wal", "berth.db-shm"] {
            let _there_or_not = fs::remove_file(self.place.0.path().join("data").join(name));
        }
    }

    /// That the server of this place gives everything that was pushed, to everybody who could log in.
    pub(crate) async fn is_back(&self, server: &Server) {
        pulls(server, &self.pushed).await;
        let ping = Client::new().get(format!("http://{}/v2/", server.address));
        let ping = ping
            .basic_auth("berth/mary", Some(&self.mary))
            .send()
            .await
            .unwrap();
        assert_eq!(ping.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_lost_database_comes_back_from_the_storage() {
    let (filled, server) = Filled::new().await;
    let made = filled.run(&["backup"]);
    let listed = filled.run(&["backup", "list"]);
    assert_eq!(listed[0]["name"], made["snapshot"]);
    assert!(server.stop().status.success());
    filled.lose_database();
    let report = filled.run(&["restore"]);
    assert_eq!(
        (&report["images"], &report["tags"], &report["users"]),
        (&json!(2), &json!(3), &json!(2))
    );
    let server = filled.place.serve(&[]);
    filled.is_back(&server).await;
    push(&server, "demo/app", "after").await;
}

#[tokio::test]
async fn a_lost_database_comes_back_from_a_file() {
    let (filled, server) = Filled::new().await;
    filled.run(&["backup", "--to", "kept.berth"]);
    let kept = filled.place.0.path().join("kept.berth");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let again = filled.refused(&["backup", "--to", "kept.berth"]);
    assert!(again.err.contains("already exists"), "{}", again.err);
    assert!(server.stop().status.success());
    let refused = filled.refused(&["restore", "--from", "kept.berth"]);
    assert!(refused.err.contains("--replace"), "{}", refused.err);
    filled.lose_database();
    filled.run(&["restore", "--from", "kept.berth"]);
    let server = filled.place.serve(&[]);
    filled.is_back(&server).await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_and_changes_nothing() {
    let (filled, server) = Filled::new().await;
    filled.run(&["backup", "--to", "kept.berth"]);
    assert!(server.stop().status.success());
    let kept = fs::read(filled.place.0.path().join("kept.berth")).unwrap();
    let restore = ["restore", "--replace", "--from", "bad.berth"];
    let check = |bytes: &[u8], why: &str| {
        fs::write(filled.place.0.path().join("bad.berth"), bytes).unwrap();
        let refused = filled.refused(&restore);
        assert!(
            refused.err.contains("the snapshot cannot be used"),
            "{why}: {}",
            refused.err
        );
    };
    for cut in [0, 1, 20, kept.len() / 2, kept.len() - 1] {
        check(&kept[..cut], &format!("cut after {cut} bytes"));
    }
    for flipped in [0, 5, 100, kept.len() / 3, kept.len() / 2, kept.len() - 2] {
        let mut bytes = kept.clone();
        bytes[flipped] ^= 0x10;
        check(&bytes, &format!("flipped at byte {flipped}"));
    }
    check(&[&kept[..], &kept[..]].concat(), "twice");
    check(b"this is another file", "another file");
    let server = filled.place.serve(&[]);
    filled.is_back(&server).await;
}

#[tokio::test]
async fn a_snapshot_of_another_registry_is_refused() {
    let (filled, server) = Filled::new().await;
    filled.run(&["backup", "--to", "kept.berth"]);
    assert!(server.stop().status.success());
    let (other, server) = Filled::new().await;
    assert!(server.stop().status.success());
    let kept = filled.place.0.path().join("kept.berth");
    let refused = other.refused(&["restore", "--replace", "--from", kept.to_str().unwrap()]);
    assert!(
        refused.err.contains("belong to another registry"),
        "{}",
        refused.err
    );
    let server = other.place.serve(&[]);
    other.is_back(&server).await;
}
