//! What clients read before they log in: the versions, the document and its page.

use http::{HeaderMap, Method};
use serde_json::json;

use super::code;
use crate::installation::Installation;

#[tokio::test]
async fn the_versions_are_told_to_everybody() {
    let installation = Installation::start();
    let url = format!("http://{}", installation.server.address);
    let version = |id: &str, status: &str| {
        json!({
            "id": id,
            "links": { "href": format!("{url}/{id}"), "rel": "self" },
            "version": "",
            "status": status,
            "updated": "2026-11-21T00:00:00Z",
            "min_version": "",
        })
    };
    let (v2, v3) = (version("v2", "SUPPORTED"), version("v3", "CURRENT"));
    let listed = installation.get("/", "").await;
    assert_eq!(
        (listed.status.as_u16(), listed.json()),
        (200, json!({ "versions": [v2, v3] }))
    );
    let shown = installation.get("/v2", "").await;
    assert_eq!(
        (shown.status.as_u16(), shown.json()),
        (200, json!({ "version": v2 }))
    );
    let missing = installation.get("/v9", "").await;
    assert_eq!(
        (missing.status.as_u16(), code(&missing).as_str()),
        (404, "SVCSTG.SWR.4040083")
    );
    let ping = installation.get("/v2/", "").await;
    assert_eq!(ping.status.as_u16(), 401, "the registry's ping is another path");
}

#[tokio::test]
async fn the_document_names_the_address_that_its_reader_used() {
    let installation = Installation::start();
    let mut headers = HeaderMap::new();
    headers.insert("host", "hub.test:8080".parse().unwrap());
    let document = installation.send(Method::GET, "/openapi.json", headers, "").await;
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"], json!([{ "url": "http://hub.test:8080" }]));
    let page = installation.get("/api-docs", "").await;
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert!(page.text.contains("create_namespace"), "{page:?}");
    assert!(
        !page.text.contains("<script") && !page.text.contains("https://"),
        "{page:?}"
    );
}
