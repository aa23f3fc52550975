//! The document and the routes hold each other to their word.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use berth_registry::{IdentitySettings, Limits, Registry};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{operations, page, routes};
use crate::config::Settings;
use crate::state::AppState;

/// A documented operation.
struct Documented {
    method: Method,
    path: String,
    operation: Value,
}

fn documented() -> Vec<Documented> {
    let document = serde_json::to_value(operations().1).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let operation = &item[method.as_str().to_lowercase()];
            if operation.is_object() {
                found.push(Documented {
                    method,
                    path: path.clone(),
                    operation: operation.clone(),
                });
            }
        }
    }
    found
}

async fn server() -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let settings = berth_registry::Settings {
        database: format!("sqlite://{}", folder.path().join("berth.db").display()),
        storage: berth_registry::Storage::Folder(folder.path().join("storage")),
        limits: Limits::default(),
        identity: IdentitySettings {
            master_key_file: folder.path().join("master.key"),
            region: "local".to_owned(),
            token_ttl: std::time::Duration::from_mins(15),
            temporary_login_ttl: std::time::Duration::from_hours(24),
        },
    };
    let app = AppState {
        registry: Arc::new(Registry::open(settings).await.unwrap()),
        settings: Arc::new(Settings::default()),
    };
    (routes(&app).with_state(app), folder)
}

/// A path with something in the place of each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{namespace}" | "{repository}" | "{tag}" => "a",
        part if part.starts_with('{') => "1",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_is_told_in_full() {
    let document = serde_json::to_value(operations().1).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let known: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    for Documented {
        method,
        path,
        operation,
    } in documented()
    {
        let at = format!("{method} {path}");
        assert!(
            ids.insert(operation["operationId"].to_string()),
            "{at}: a second {}",
            operation["operationId"]
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| !summary.is_empty()),
            "{at}: no summary"
        );
        assert!(
            known.contains(&&operation["tags"][0]),
            "{at}: the tag {} is not described",
            operation["tags"][0]
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            // Browsers that sign in are led on.
            responses.keys().any(|status| status.starts_with(['2', '3'])),
            "{at}: no success"
        );
        for part in path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let named = parameters.filter(|known| known["in"] == "path" && known["name"] == part);
            assert_eq!(named.count(), 1, "{at}: the parameter {part} is not described");
        }
    }
}

#[tokio::test]
async fn nobody_gets_past_the_login() {
    let (router, _folder) = server().await;
    for Documented {
        method,
        path,
        operation,
    } in documented()
    {
        if operation["security"] == serde_json::json!([{}]) {
            continue;
        }
        for (name, credential) in [
            ("accept", "*/*"),
            ("authorization", "Basic YWRtaW46cGFzc3dvcmQ="),
            ("authorization", "Bearer a.b.c"),
            ("authorization", "SDK-HMAC-SHA256 nonsense"),
            ("x-auth-token", "a.b.c"),
            ("cookie", "berth_session=nonsense"),
        ] {
            let request = Request::builder()
                .method(&method)
                .uri(filled(&path))
                .header(name, credential);
            let response = router
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            assert_eq!(
                response.status(),
                StatusCode::UNAUTHORIZED,
                "{method} {path} with {name}: {credential:?}"
            );
        }
    }
}

#[tokio::test]
async fn there_is_no_method_that_the_document_does_not_have() {
    let (router, _folder) = server().await;
    let documented = documented();
    for path in documented.iter().map(|operation| &operation.path) {
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            if documented
                .iter()
                .any(|known| known.path == *path && known.method == method)
            {
                continue;
            }
            let request = Request::builder().method(&method).uri(filled(path));
            let response = router
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap();
            let other = documented
                .iter()
                .any(|known| known.method == method && filled(&known.path) == filled(path));
            assert!(
                other || response.status() == StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path} answered {}",
                response.status()
            );
        }
    }
}

#[test]
fn the_page_shows_every_operation() {
    let (_, document) = operations();
    let page = page::of(&document);
    for Documented { operation, .. } in documented() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(
            page.contains(&format!("<details id={id}>")),
            "{id} is not on the page"
        );
    }
}

/// The codes in the source of the documented APIs, in quotation marks as they stand there.
fn codes_in(folder: &std::path::Path, found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_in(&path, found);
        } else if !path.ends_with("published.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let quoted = text.split('"').skip(1).step_by(2);
            let is_code = |text: &&str| {
                text.starts_with("SVCSTG.S2I.")
                    || text.starts_with("APIGW.")
                    || (text.len() == 7
                        && text.starts_with(['4', '5'])
                        && text.bytes().all(|byte| byte.is_ascii_digit()))
            };
            found.extend(quoted.filter(is_code).map(str::to_owned));
        }
    }
}

#[test]
fn every_code_is_published_and_every_published_code_is_used() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manage");
    let mut found = std::collections::BTreeSet::new();
    codes_in(&source, &mut found);
    // Tests name codes too, and only those that exist.
    let published = crate::manage::error::published::CODES.map(|(code, _)| code.to_owned());
    assert_eq!(found, published.into_iter().collect());
}

/// Generators of clients stop at the first name that leads nowhere.
#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(operations().1).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    let lost: Vec<&str> = found
        .into_iter()
        .filter(|reference| document.pointer(&reference[1..]).is_none())
        .collect();
    assert_eq!(lost, Vec::<&str>::new());
}

/// Two bodies of one name become one in the document, and whoever generates a client gets the wrong fields for the other.
#[test]
fn no_two_bodies_have_the_same_name() {
    fn sources(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    sources(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files,
    );
    let mut names: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        for derived in text.split("#[derive(").skip(1) {
            let (traits, rest) = derived.split_once(")]").unwrap_or_default();
            if !traits.split(", ").any(|one| one == "ToSchema") {
                continue;
            }
            let declared = rest.lines().find_map(|line| {
                let mut words = line.split_whitespace();
                line.trim_start().starts_with(['p', 's', 'e']).then_some(())?;
                words.find(|word| matches!(*word, "struct" | "enum"))?;
                words.next()
            });
            let declared = declared.unwrap_or_else(|| panic!("{}: {derived}", file.display()));
            let name: String = declared.chars().take_while(|c| c.is_alphanumeric()).collect();
            names.entry(name).or_default().push(file.display().to_string());
        }
    }
    assert!(names.len() > 100, "the sources are read");
    names.retain(|_, places| places.len() > 1);
    assert_eq!(names, std::collections::BTreeMap::new());
}
