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
    let beside_a_server = filled.refused(&["restore", "--replace"]);
    assert!(
        beside_a_server.err.contains("stop it first"),
        "{}",
        beside_a_server.err
    );
    assert!(server.stop().status.success());
    let with_a_snapshot = filled.refused(&["rebuild", "--replace"]);
    assert!(
        with_a_snapshot.err.contains("berth restore"),
        "{}",
        with_a_snapshot.err
    );
    let storage = filled.place.0.path().join("data/storage/documents");
    let bits = fs::metadata(&storage).unwrap().permissions().mode();
    assert_eq!(bits & 0o777, 0o700, "{}", storage.display());
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

/// Deletes a tag, so that there is something which must not come back.
async fn delete_tag(server: &Server, repository: &str, tag: &str) {
    let url = format!("http://{}/v2/{repository}/manifests/{tag}", server.address);
    assert_eq!(
        ask(Client::new().delete(url)).await.status(),
        StatusCode::ACCEPTED
    );
}

async fn status(server: &Server, path: &str) -> StatusCode {
    ask(Client::new().get(format!("http://{}/v2/{path}", server.address)))
        .await
        .status()
}

#[tokio::test]
async fn what_happened_after_the_snapshot_comes_back_from_records() {
    let (mut filled, server) = Filled::new().await;
    filled.run(&["backup"]);
    filled.pushed.extend(push(&server, "demo/app", "v3").await);
    filled.pushed.extend(push(&server, "demo/later", "v1").await);
    push(&server, "demo/gone", "v1").await;
    delete_tag(&server, "demo/gone", "v1").await;
    assert!(server.stop().status.success());
    filled.lose_database();
    let report = filled.run(&["restore"]);
    assert!(report["records_after"].as_u64().unwrap() > 5, "{report}");
    let server = filled.place.serve(&[]);
    filled.is_back(&server).await;
    assert_eq!(
        status(&server, "demo/gone/manifests/v1").await,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_registry_is_rebuilt_from_the_storage_alone() {
    let (filled, server) = Filled::new().await;
    push(&server, "demo/gone", "v1").await;
    delete_tag(&server, "demo/gone", "v1").await;
    assert!(server.stop().status.success());
    filled.lose_database();
    let without = filled.refused(&["restore"]);
    assert!(without.err.contains("snapshot"), "{}", without.err);
    for arguments in [&["rebuild"][..], &["rebuild", "--replace", "--rehash"][..]] {
        let report = filled.run(arguments);
        assert_eq!(report["tags"], json!(3), "{report}");
        assert_eq!(report["incomplete"], json!(0), "{report}");
        let password = report["password"].as_str().unwrap();
        let server = filled.place.serve(&[]);
        let client = Client::new();
        for (path, bytes) in &filled.pushed {
            let pulled = client.get(format!("http://{}/v2/{path}", server.address));
            let pulled = pulled
                .basic_auth("berth/admin", Some(password))
                .send()
                .await
                .unwrap();
            assert_eq!(pulled.status(), StatusCode::OK, "{path}");
            assert_eq!(pulled.bytes().await.unwrap(), bytes, "{path}");
        }
        assert!(server.stop().status.success());
    }
}

#[tokio::test]
async fn missing_bytes_are_told_with_the_tags_that_need_them() {
    let (filled, server) = Filled::new().await;
    filled.run(&["backup"]);
    assert!(server.stop().status.success());
    filled.lose_database();
    let (path, _) = &filled.pushed[0];
    let lost = path.rsplit(':').next().unwrap();
    let shard = filled
        .place
        .0
        .path()
        .join("data/storage/blobs/sha256")
        .join(&lost[..2]);
    let shard = if shard.exists() {
        shard
    } else {
        filled.place.0.path().join("data/storage/sha256").join(&lost[..2])
    };
    for file in fs::read_dir(&shard).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with(lost) {
            fs::remove_file(file.path()).unwrap();
        }
    }
    let ended = filled.place.run(&["restore"], &[]);
    assert!(ended.status.success(), "{}", ended.err);
    assert!(
        ended.err.contains(&format!("demo/app v1 needs sha256:{lost}")),
        "{}",
        ended.err
    );
    let server = filled.place.serve(&[]);
    assert_eq!(status(&server, path).await, StatusCode::NOT_FOUND);
    pulls(&server, &filled.pushed[1..]).await;
    // The next push refills it.
    push(&server, "demo/app", "v1").await;
    filled.is_back(&server).await;
}

#[tokio::test]
async fn a_running_registry_moves_to_other_stores() {
    let (mut filled, server) = Filled::new().await;
    let new = filled.place.0.path().join("new");
    fs::create_dir(&new).unwrap();
    let (database, storage) = (new.join("berth.db"), new.join("storage"));
    let (database, storage) = (
        format!("sqlite://{}", database.display()),
        storage.display().to_string(),
    );
    let migrate = ["migrate", "--to-database", &database, "--to-storage", &storage];
    let first = filled.run(&migrate);
    assert_eq!(first["blobs_copied"], json!(6), "{first}");
    assert_eq!(first["blobs_damaged"], json!(0), "{first}");
    let serve = ["--database", &database, "--storage", &storage];
    let early = filled.place.run(&[&["serve"], &serve[..]].concat(), &[]);
    assert!(early.err.contains("berth migrate --finish"), "{}", early.err);
    filled.pushed.extend(push(&server, "demo/app", "late").await);
    let second = filled.run(&migrate);
    assert_eq!(second["blobs_copied"], json!(2), "{second}");
    filled.pushed.extend(push(&server, "demo/app", "last").await);
    assert!(server.stop().status.success());
    let last = filled.run(&[&migrate[..], &["--finish"]].concat());
    assert_eq!(
        (&last["blobs_copied"], &last["finished"]),
        (&json!(2), &json!(true))
    );
    fs::remove_dir_all(filled.place.0.path().join("data/storage")).unwrap();
    filled.lose_database();
    let server = filled.place.serve(&serve);
    filled.is_back(&server).await;
    push(&server, "demo/app", "new").await;
    assert!(server.stop().status.success());
    // Not over a registry that is in use.
    let (other, server) = Filled::new().await;
    assert!(server.stop().status.success());
    let refused = other.refused(&["migrate", "--to-database", &database, "--to-storage", "elsewhere"]);
    assert!(refused.err.contains("--replace"), "{}", refused.err);
}

#[tokio::test]
async fn a_killed_migration_is_run_again() {
    let (filled, server) = Filled::new().await;
    let new = filled.place.0.path().join("new");
    fs::create_dir(&new).unwrap();
    let database = format!("sqlite://{}", new.join("berth.db").display());
    let storage = new.join("storage").display().to_string();
    let migrate = ["migrate", "--to-database", &database, "--to-storage", &storage];
    for milliseconds in [1, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200] {
        let mut running = filled.place.command(&migrate, &[]);
        let quiet = running
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let mut running = quiet.spawn().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert!(server.stop().status.success());
    let done = filled.run(&[&migrate[..], &["--finish"]].concat());
    assert_eq!(done["blobs_damaged"], json!(0));
    let server = filled
        .place
        .serve(&["--database", &database, "--storage", &storage]);
    filled.is_back(&server).await;
}
