//! What people push and write is never a page or a script of this origin: manifests and blobs that say they are, texts,
//! names of files, addresses. That the console shows them as text is tested in a browser (`ui/e2e/hostile.spec.ts`).

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::content::{digest, image, written};
use crate::installation::{ACCESS_KEY_ID, Installation, LOGIN_KEY, basic};
use crate::world::World;

const SCRIPT: &str = "<script>alert(document.domain)</script><img src=x onerror=alert(1)>";

/// Types that browsers run, or draw with what runs in them.
const ACTIVE: &[&str] = &[
    "text/html",
    "TEXT/HTML",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "text/xsl",
    "application/rss+xml",
    "text/javascript",
    "application/javascript",
    "text/css",
    "application/pdf",
    "multipart/x-mixed-replace",
    "application/manifest+json",
];

/// Whether a browser would neither run what was answered nor take it for something else.
fn is_harmless(answer: &Answer) -> bool {
    let kind = answer.find("content-type").unwrap_or_default();
    let policy = answer.find("content-security-policy").unwrap_or_default();
    let sniffs = answer.find("x-content-type-options") != Some("nosniff");
    let is_image = kind.starts_with("application/vnd.oci.") || kind.starts_with("application/vnd.docker.");
    is_image || (!sniffs && (kind == "application/octet-stream" || policy.contains("sandbox")))
}

#[tokio::test]
async fn nothing_that_is_pushed_is_a_page_of_this_origin() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", SCRIPT.as_bytes()).await;
    world.publish("team/app").await;
    let anonymous = world.admin.anonymous();
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let mut paths = vec![
        format!("/v2/team/app/blobs/{}", digest(SCRIPT)),
        "/v2/team/app/manifests/v1".to_owned(),
    ];
    for kind in ACTIVE {
        let mut page = image(&[SCRIPT.as_bytes()]);
        page["annotations"] = json!({ "a": SCRIPT });
        for inside in [true, false] {
            let document = page.as_object_mut().unwrap();
            document.remove("mediaType");
            if inside {
                document.insert("mediaType".to_owned(), json!(kind));
            }
            let bytes = written(&page);
            let put = world
                .admin
                .ask(format!("PUT /v2/team/app/manifests/{}", digest(&bytes)));
            let pushed = put.header("content-type", kind).body(bytes.clone()).await;
            if pushed.status == 201 {
                paths.push(format!("/v2/team/app/manifests/{}", digest(&bytes)));
            } else {
                pushed.refused(400, "MANIFEST_INVALID");
            }
        }
    }
    for path in paths {
        for range in ["", "bytes=0-20"] {
            let asked = anonymous.ask(format!("GET {path}")).header("accept", browser);
            let asked = if range.is_empty() {
                asked
            } else {
                asked.header("range", range)
            };
            let answer = asked.await;
            assert!(matches!(answer.status, 200 | 206), "{path}: {}", answer.status);
            assert!(is_harmless(&answer), "{path}: {:?}", answer.headers);
        }
    }
}

async fn as_browser(installation: &Installation, target: &str) -> crate::installation::Answer {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
    installation.send(Method::GET, target, headers, "").await
}

#[tokio::test]
async fn no_address_is_written_into_a_page() {
    let installation = Installation::start();
    for target in [
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/\"onload=\"alert(1)",
        "/images/%3Cimg%20src=x%20onerror=alert(1)%3E?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/v2/%3Cscript%3Ealert(1)%3C/script%3E",
        "/v2/team/%3Cscript%3Ealert(1)%3C%2Fscript%3E/tags/list",
        "/v2/team/app/manifests/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/v2/manage/%3Cscript%3Ealert(1)%3C/script%3E",
        "/v3/%3Cscript%3Ealert(1)%3C/script%3E",
        "/token?service=%3Cscript%3E&scope=%3Cscript%3Ealert(1)%3C/script%3E",
        "/assets/%3Cscript%3Ealert(1)%3C/script%3E",
        "/openapi.json?%3Cscript%3Ealert(1)%3C/script%3E",
        "/api-docs?%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let answer = as_browser(&installation, target).await;
        let kind = answer.header("content-type");
        let shown = format!("{target}: {kind} {:?}", answer.headers);
        if kind.starts_with("text/html") {
            for hostile in ["alert(1)", "%3C", "onload"] {
                assert!(!answer.text.contains(hostile), "{shown}");
            }
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'"), "{shown}");
            assert!(policy.contains("frame-ancestors 'none'"), "{shown}");
            assert!(!policy.contains("script-src 'unsafe"), "{shown}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{shown}");
        } else {
            assert!(
                kind.starts_with("application/json")
                    || kind.starts_with("text/plain")
                    || answer.text.is_empty(),
                "{shown}"
            );
        }
    }
}

/// Asks until the list of the layer's files is made.
async fn look(installation: &Installation, target: &str) -> crate::installation::Answer {
    for attempt in 0..200 {
        let mark = if target.contains('?') { '&' } else { '?' };
        let asked = format!("{target}{mark}attempt={attempt}");
        let answer = installation.signed(Method::GET, &asked, "").await;
        if answer.status.as_u16() != 202 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{target} is never answered");
}

/// A layer with one file of that name.
fn layer(name: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_size(SCRIPT.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut layer = tar::Builder::new(Vec::new());
    layer.append(&header, SCRIPT.as_bytes()).unwrap();
    layer.into_inner().unwrap()
}

#[tokio::test]
async fn hostile_texts_come_back_as_data() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let admin = Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    };
    let image_at = "/v2/manage/namespaces/team/repos/app";
    let name = b"a\";filename=\"b.html\r\nX-A: b\r\n\r\n<script>.html";
    let layer = layer(name);
    let config = json!({ "architecture": SCRIPT, "os": SCRIPT, "author": SCRIPT,
        "config": { "Labels": { SCRIPT: SCRIPT }, "Env": [SCRIPT], "Cmd": [SCRIPT] },
        "history": [{ "created_by": SCRIPT, "comment": SCRIPT }] });
    let config = written(&config);
    let mut manifest = image(&[&layer]);
    manifest["config"]["digest"] = json!(digest(&config));
    manifest["config"]["size"] = json!(config.len());
    manifest["annotations"] = json!({ SCRIPT: SCRIPT });
    admin.push_blob("team/app", &config).await;
    admin.push_blob("team/app", &layer).await;
    admin.push_manifest("team/app", "v1", &manifest).await;
    let description = json!({ "description": SCRIPT, "is_public": true }).to_string();
    let changed = installation.signed(Method::PATCH, image_at, &description).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    for target in [
        "",
        "/tags",
        "/contents/v1/image",
        "/contents/v1/manifest",
        "/contents/v1/files",
        &format!("/blobs/{}/preview", digest(&config)),
    ] {
        let shown = look(&installation, &format!("{image_at}{target}")).await;
        assert_eq!(shown.status.as_u16(), 200, "{target}: {}", shown.text);
        assert_eq!(shown.header("content-type"), "application/json", "{target}");
    }
    let files: Value = look(
        &installation,
        &format!("{image_at}/contents/v1/files?text=script"),
    )
    .await
    .json();
    let path = files["files"][0]["path"].as_str().unwrap();
    // What could end a line or a word for a reader is written out.
    assert!(!path.contains(['\r', '\n']), "{path:?}");
    let query = form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
    let sent = look(
        &installation,
        &format!("{image_at}/contents/v1/download?path={query}"),
    )
    .await;
    assert_eq!(sent.status.as_u16(), 200, "{}", sent.text);
    let disposition = sent.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename*=UTF-8''"),
        "{disposition}"
    );
    assert!(
        !disposition.contains(['"', '<', '\\']) && sent.header("x-a").is_empty(),
        "{disposition}"
    );
    for (header, expected) in [
        ("content-type", "application/octet-stream"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(sent.header(header), expected);
    }
    assert!(sent.header("content-security-policy").contains("sandbox"));
}
