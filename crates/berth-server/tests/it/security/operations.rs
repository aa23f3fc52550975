//! Every operation that the document names, tried with what must not open it: credentials of other services, a session
//! without its proof, and the administrator of another account.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method};
use serde_json::json;

use crate::installation::{Answer, PASSWORD, basic};
use crate::manage::refusals::document::Operation;
use crate::manage::refusals::world::{World, written};

/// Sends an operation its right request with these headers.
async fn send(world: &World, operation: &Operation, headers: &[(HeaderName, String)]) -> Answer {
    let body = written(&world.names.body(&operation.id, ""));
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value.parse().unwrap());
    }
    let target = world.in_place(operation);
    world
        .installation
        .send(operation.method.clone(), &target, map, &body)
        .await
}

fn header(name: &'static str, value: impl Into<String>) -> (HeaderName, String) {
    (HeaderName::from_static(name), value.into())
}

/// What tells of the first tenant wherever it stands.
fn markers(world: &World) -> Vec<String> {
    let names = &world.names;
    let mut markers = vec![names.user.clone(), names.group.clone(), names.account.clone()];
    markers.extend(["roll-out", "\"mary\"", "\"hub\"", "\"east\"", "group/app"].map(str::to_owned));
    markers
}

/// Operations that nobody need log in for.
async fn is_open(world: &World, operation: &Operation) -> bool {
    send(world, operation, &[]).await.status != 401
}

#[tokio::test]
async fn no_operation_takes_what_is_for_another_service() {
    let world = World::furnished().await;
    let basic = basic("admin", PASSWORD);
    let scopes = "service=berth&scope=repository:group/app:pull,push,delete&scope=registry:catalog:*";
    let token = world.installation.get(&format!("/token?{scopes}"), &basic).await;
    let token = token.json()["token"].as_str().unwrap().to_owned();
    let wrong = [
        vec![(AUTHORIZATION, format!("Bearer {token}"))],
        vec![(AUTHORIZATION, basic)],
        vec![header("x-auth-token", token.as_str())],
        vec![
            header("cookie", format!("berth_session={token}")),
            header("x-csrf-token", token),
        ],
    ];
    let mut closed = 0;
    for operation in &world.operations {
        if is_open(&world, operation).await {
            continue;
        }
        closed += 1;
        for headers in &wrong {
            let answer = send(&world, operation, headers).await;
            assert_eq!(
                answer.status, 401,
                "{} {headers:?}: {}",
                operation.id, answer.text
            );
        }
    }
    assert!(closed > 100, "{closed} operations");
}

#[tokio::test]
async fn no_operation_that_changes_something_takes_a_session_without_its_proof() {
    let world = World::furnished().await;
    let body = json!({ "account": "berth", "user": "admin", "password": PASSWORD }).to_string();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let sessions = "/v2/manage/sessions";
    let opened = world
        .installation
        .send(Method::POST, sessions, headers, &body)
        .await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap().to_owned();
    let mut changing = 0;
    for operation in &world.operations {
        if operation.method.is_safe() || is_open(&world, operation).await {
            continue;
        }
        changing += 1;
        let headers = [
            header("cookie", cookie.as_str()),
            header("content-type", "text/plain"),
            header("origin", "https://evil.test"),
        ];
        let answer = send(&world, operation, &headers).await;
        assert_eq!(answer.status, 403, "{}: {}", operation.id, answer.text);
    }
    assert!(changing > 50, "{changing} operations");
    // What is open to everybody signs nobody in.
    for operation in &world.operations {
        if !operation.method.is_safe() && is_open(&world, operation).await {
            let answer = send(&world, operation, &[header("content-type", "text/plain")]).await;
            assert!(answer.header("set-cookie").is_empty(), "{}", operation.id);
        }
    }
}

#[tokio::test]
async fn no_operation_shows_or_changes_another_tenants_things() {
    let world = World::furnished().await;
    let installation = &world.installation;
    installation.admin(&["account", "create", "strangers"]);
    installation.admin(&["user", "create", "strangers/eve", "--administrator"]);
    let key = installation.admin(&["key", "create", "strangers/eve"]);
    let text = |field: &str| key[field].as_str().unwrap().to_owned();
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    let markers = markers(&world);
    // What they make under the same name is theirs: that comes last.
    let (making, others): (Vec<_>, Vec<_>) = world
        .operations
        .iter()
        .partition(|operation| operation.id.starts_with("create_"));
    for operation in others.into_iter().chain(making) {
        let body = written(&world.names.body(&operation.id, ""));
        let target = world.in_place(operation);
        let at = (target.as_str(), body.as_str());
        let unsigned = [("content-type", "application/json"), ("x-subject-token", "none")];
        // A stream has no end.
        if operation.id == "listen_to_events" {
            continue;
        }
        let method = operation.method.clone();
        let answer = installation
            .signed_beside(&id, &secret, (&[], &unsigned), method, at)
            .await;
        let status = answer.status.as_u16();
        let shown = format!("{} {target} {body}: {status} {}", operation.id, answer.text);
        assert!(status < 500, "{shown}");
        let names_something = operation.parameters("path").iter().any(|name| {
            !matches!(
                *name,
                "frequency" | "resource_type" | "api_version" | "kind" | "role_id" | "project_id"
            )
        });
        assert!(!names_something || status >= 400, "{shown}");
        if status < 400 {
            // What they said themselves tells nothing.
            for marker in markers.iter().filter(|marker| !body.contains(*marker)) {
                assert!(!answer.text.contains(marker), "{marker}: {shown}");
            }
        }
    }
    // The first tenant finds everything where it was.
    for id in [
        "show_repo",
        "show_namespace",
        "show_trigger",
        "show_cluster",
        "show_region",
    ] {
        let operation = world.operations.iter().find(|operation| operation.id == id);
        let Some(operation) = operation else { continue };
        let target = world.in_place(operation);
        let answer = installation.signed(Method::GET, &target, "").await;
        assert_eq!(answer.status, 200, "{id}: {}", answer.text);
    }
}
