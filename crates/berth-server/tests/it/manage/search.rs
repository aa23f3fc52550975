//! The search: what each text finds, for whom, and the mistakes in it.

use http::Method;
use serde_json::{Value, json};

use super::code;
use crate::client::Client;
use crate::content::{CONFIG, digest};
use crate::installation::{ACCESS_KEY_ID, Installation, LOGIN_KEY, basic};

/// `group/back/end` with the tags `v1` and `v2` on one image, and the public `group/open`.
async fn filled() -> (Installation, String) {
    let installation = Installation::start();
    for (target, body) in [
        ("/v2/manage/namespaces", r#"{"namespace":"group"}"#),
        (
            "/v2/manage/namespaces/group/repos",
            r#"{"repository":"open","is_public":true}"#,
        ),
    ] {
        let made = installation.signed(Method::POST, target, body).await;
        assert!(made.status.is_success(), "{made:?}");
    }
    let docker = Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    };
    docker.push_image("group/back/end", "v1", b"a layer").await;
    let manifest = docker.push_image("group/back/end", "v2", b"a layer").await;
    (installation, digest(manifest))
}

async fn search(installation: &Installation, query: &str) -> Value {
    let found = installation
        .signed(Method::GET, &format!("/v2/manage/search?{query}"), "")
        .await;
    assert_eq!(found.status.as_u16(), 200, "{query}: {found:?}");
    found.json()
}

#[tokio::test]
async fn a_text_finds_names_tags_and_digests() {
    let (installation, manifest) = filled().await;
    let host = installation.server.address.to_string();
    let found = search(&installation, "q=group").await;
    let row = |n: usize| found["repositories"][n]["updated_at"].clone();
    let repository = |name: &str, is_public: bool, num_images: i64, updated_at: Value| {
        json!({
            "namespace": "group", "name": name, "is_public": is_public, "num_images": num_images,
            "updated_at": updated_at, "path": format!("{host}/group/{name}"),
        })
    };
    let expected = json!({
        "organizations": [{ "name": "group" }],
        "repositories": [repository("back/end", false, 2, row(0)), repository("open", true, 0, row(1))],
        "tags": [], "manifests": [], "blobs": [],
    });
    assert_eq!(found, expected);
    assert!(row(0).as_str().unwrap().ends_with('Z'), "{found}");

    let tag = |tag: &str| {
        json!({
            "namespace": "group", "repository": "back/end", "tag": tag,
            "path": format!("{host}/group/back/end:{tag}"),
        })
    };
    let with_digest =
        |digest: &str| json!([{ "namespace": "group", "repository": "back/end", "digest": digest }]);
    let (layer, config) = (digest(b"a layer"), digest(CONFIG));
    for (query, kind, expected) in [
        ("q=v", "tags", json!([tag("v1"), tag("v2")])),
        ("q=v&limit=1", "tags", json!([tag("v1")])),
        ("q=ck%2Fend:v2", "tags", json!([tag("v2")])),
        ("q=open:v2", "tags", json!([])),
        (&format!("q={manifest}"), "manifests", with_digest(&manifest)),
        (
            &format!("q={}", &manifest[..20]),
            "manifests",
            with_digest(&manifest),
        ),
        (
            &format!("q=%20{}%20", manifest[7..20].to_uppercase()),
            "manifests",
            with_digest(&manifest),
        ),
        (&format!("q={layer}"), "blobs", with_digest(&layer)),
        (&format!("q={}", &config[7..17]), "blobs", with_digest(&config)),
        (&format!("q={}", &config[7..11]), "blobs", json!([])),
        (&format!("q={}", &manifest[..11]), "manifests", json!([])),
        (
            "q=ck/e",
            "repositories",
            json!([repository("back/end", false, 2, row(0))]),
        ),
        ("q=ROU", "organizations", json!([{ "name": "group" }])),
    ] {
        assert_eq!(search(&installation, query).await[kind], expected, "{query}");
    }
}

#[tokio::test]
async fn strangers_find_what_is_public() {
    let (installation, manifest) = filled().await;
    installation.admin(&["account", "create", "other"]);
    installation.admin(&["user", "create", "other/eve"]);
    let key = installation.admin(&["key", "create", "other/eve"]);
    let text = |field: &str| key[field].as_str().unwrap().to_owned();
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    for (query, public) in [
        ("group".to_owned(), 1),
        ("v".to_owned(), 0),
        ("end:v".to_owned(), 0),
        (manifest, 0),
        (digest(CONFIG), 0),
    ] {
        let target = format!("/v2/manage/search?q={query}");
        let found = installation
            .signed_by(&id, &secret, Method::GET, (&target, ""))
            .await
            .json();
        let count = |kind: &str| found[kind].as_array().unwrap().len();
        assert_eq!(count("repositories"), public, "{found}");
        for kind in ["organizations", "tags", "manifests", "blobs"] {
            assert_eq!(count(kind), 0, "{query}: {found}");
        }
    }
}

#[tokio::test]
async fn a_search_says_what_is_wrong_with_it() {
    let (installation, _) = filled().await;
    for (query, expected) in [
        ("", "4000055"),
        ("q=", "4000055"),
        ("q=%20", "4000055"),
        ("q=a&limit=0", "4000056"),
        ("q=a&limit=101", "4000056"),
        ("q=a&limit=x", "4000056"),
        ("q=a%00", "4000014"),
        (&format!("q={}", "a".repeat(513)), "4000014"),
    ] {
        let target = format!("/v2/manage/search?{query}");
        let refused = installation.signed(Method::GET, &target, "").await;
        let found = (refused.status.as_u16(), code(&refused));
        assert_eq!(found, (400, format!("SVCSTG.SWR.{expected}")), "{query}");
    }
}
