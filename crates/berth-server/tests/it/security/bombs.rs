//! Little that would become much: bodies that say they are packed, documents that nest without end. What layers and
//! uploaded archives unpack to is bounded by `manage/contents` and the registry's own `archives/refused`.

use std::io::Write as _;

use berth_oci::media_type;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::client::Client;
use crate::content::{digest, image, written};
use crate::installation::{ACCESS_KEY_ID, Installation, LOGIN_KEY, PASSWORD, basic};

/// What bodies may take of the server's memory that are told to be 64 MiB, in a debug build.
const GROWTH_BYTES_MAX: u64 = 40 << 20;

/// 64 MiB of nothing, packed; then some bytes that mean something.
fn packed(end: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&blank).unwrap();
    }
    encoder.write_all(end).unwrap();
    encoder.finish().unwrap()
}

fn client(installation: &Installation) -> Client {
    Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    }
}

#[tokio::test]
async fn bodies_are_taken_as_they_come_whatever_they_say_of_themselves() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let admin = client(&installation);
    admin.push_image("team/app", "v1", b"layer").await;
    let sign_in = json!({ "account": "berth", "user": "admin", "password": PASSWORD }).to_string();
    let before = installation.server.own_memory();
    for encoding in ["gzip", "x-gzip", "gzip, gzip"] {
        let manifest = written(&image(&[b"layer"]));
        let put = admin.ask("PUT /v2/team/app/manifests/v2");
        let put = put
            .header("content-encoding", encoding)
            .header("content-type", media_type::OCI_MANIFEST)
            .body(packed(&manifest));
        put.await.refused(400, "MANIFEST_INVALID");
        let session = admin.anonymous().ask("POST /v2/manage/sessions");
        let session = session
            .header("content-encoding", encoding)
            .header("content-type", "application/json")
            .body(packed(sign_in.as_bytes()));
        assert_eq!(session.await.status, 400, "{encoding}");
        // A blob is the bytes that came.
        let blob = packed(encoding.as_bytes());
        let line = format!("POST /v2/team/app/blobs/uploads/?digest={}", digest(&blob));
        let pushed = admin
            .ask(line)
            .header("content-encoding", encoding)
            .body(blob.clone());
        pushed.await.is(201);
        let pulled = admin
            .ask(format!("GET /v2/team/app/blobs/{}", digest(&blob)))
            .await;
        pulled.is(200).lacks("content-encoding").holds(&blob);
    }
    let growth = installation.server.own_memory().saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "{} MiB more than before", growth >> 20);
}

#[tokio::test]
async fn documents_that_nest_without_end_are_refused() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let admin = client(&installation);
    admin.push_image("team/app", "v1", b"layer").await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(300_000), close.repeat(300_000));
        let document = format!("{{\"schemaVersion\":2,\"annotations\":{deep}}}");
        let put = admin.ask("PUT /v2/team/app/manifests/deep");
        let put = put
            .header("content-type", media_type::OCI_MANIFEST)
            .body(document);
        put.await.refused(400, "MANIFEST_INVALID");
        let session = admin.anonymous().ask("POST /v2/manage/sessions");
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let session = session.header("content-type", "application/json").body(deep);
        session.await.is(400);
    }
    // A configuration that nests is stored, as any blob is, and what looks into it says that it cannot.
    let deep = format!("{}1{}", "[".repeat(300_000), "]".repeat(300_000));
    admin.push_blob("team/app", deep.as_bytes()).await;
    let mut nested = image(&[b"layer"]);
    nested["config"]["digest"] = json!(digest(&deep));
    nested["config"]["size"] = json!(deep.len());
    admin.push_manifest("team/app", "nested", &nested).await;
    let target = "/v2/manage/namespaces/team/repos/app/contents/nested/image";
    let shown = installation.signed(http::Method::GET, target, "").await;
    assert!(shown.status.as_u16() < 500, "{}", shown.text);
    admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
}
