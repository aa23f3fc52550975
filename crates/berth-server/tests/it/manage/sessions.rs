//! Sessions of the console: signing in, what the cookie is and proves, signing out.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::code;
use crate::installation::{Answer, Installation, PASSWORD};

const SESSIONS: &str = "/v2/manage/sessions";
const NAMESPACES: &str = "/v2/manage/namespaces";

async fn send(
    installation: &Installation,
    method: Method,
    target: &str,
    headers: &[(&'static str, &str)],
    body: &Value,
) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    installation.send(method, target, map, &body.to_string()).await
}

async fn sign_in(installation: &Installation, body: &Value) -> Answer {
    let headers = [("content-type", "application/json; charset=utf-8")];
    send(installation, Method::POST, SESSIONS, &headers, body).await
}

fn admin() -> Value {
    json!({ "account": "berth", "user": "admin", "password": PASSWORD })
}

/// The pair to send back, out of the header that set it.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_acts_and_signs_out() {
    let installation = Installation::start();
    let opened = sign_in(&installation, &admin()).await;
    assert_eq!(opened.status.as_u16(), 201, "{}", opened.text);
    assert_eq!(opened.header("cache-control"), "no-store");
    let (cookie, attributes) = opened.header("set-cookie").split_once("; ").unwrap();
    assert_eq!(cookie.len(), "berth_session=".len() + 64);
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict; Max-Age=43200");
    let view = opened.json();
    let token = view["csrf_token"].as_str().unwrap();
    let expected = json!({
        "user_id": view["user_id"], "user_name": "admin", "domain_id": view["domain_id"], "domain_name": "berth",
        "administrator": true, "project_id": view["project_id"], "project_name": "local", "csrf_token": token,
        "expires_at": view["expires_at"],
    });
    assert_eq!(view, expected);
    assert!(!cookie.contains(token), "the proof must not be in the cookie");
    let shown = send(
        &installation,
        Method::GET,
        SESSIONS,
        &[("cookie", cookie)],
        &Value::Null,
    )
    .await;
    assert_eq!((shown.status.as_u16(), shown.json()), (200, expected));
    let group = json!({ "namespace": "group" });
    let crowded = format!("theme=dark; {cookie}; lang=en");
    for (headers, status) in [
        (vec![("cookie", cookie)], 403),
        (vec![("cookie", cookie), ("x-csrf-token", "wrong")], 403),
        (vec![("x-csrf-token", token)], 401),
        (vec![("cookie", crowded.as_str()), ("x-csrf-token", token)], 201),
    ] {
        let answer = send(&installation, Method::POST, NAMESPACES, &headers, &group).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}: {}", answer.text);
    }
    let forged = send(
        &installation,
        Method::DELETE,
        SESSIONS,
        &[("cookie", cookie)],
        &Value::Null,
    )
    .await;
    assert_eq!(forged.status.as_u16(), 403, "{}", forged.text);
    let headers = [("cookie", cookie), ("x-csrf-token", token)];
    let left = send(&installation, Method::DELETE, SESSIONS, &headers, &Value::Null).await;
    assert_eq!((left.status.as_u16(), left.text.as_str()), (204, ""));
    assert!(
        left.header("set-cookie").starts_with("berth_session=; "),
        "{:?}",
        left.headers
    );
    let ended = send(
        &installation,
        Method::GET,
        SESSIONS,
        &[("cookie", cookie)],
        &Value::Null,
    )
    .await;
    assert_eq!(
        (ended.status.as_u16(), code(&ended).as_str()),
        (401, "APIGW.0301")
    );
}

#[tokio::test]
async fn people_without_console_access_do_not_sign_in() {
    let installation = Installation::start();
    let person = |name: &str, access: &str| {
        let made = installation.admin(&["user", "create", name, "--access", access]);
        made["password"].as_str().unwrap().to_owned()
    };
    let (cora, robot) = (
        person("berth/cora", "console"),
        person("berth/robot", "programmatic"),
    );
    for (user, password, status) in [
        ("cora", cora.as_str(), 201),
        ("robot", &robot, 403),
        ("admin", "wrong password", 401),
        ("nobody", PASSWORD, 401),
    ] {
        let answer = sign_in(&installation, &json!({ "user": user, "password": password })).await;
        assert_eq!(answer.status.as_u16(), status, "{user}: {}", answer.text);
        assert_eq!(answer.header("set-cookie").is_empty(), status != 201, "{user}");
    }
    let opened = sign_in(&installation, &json!({ "user": "cora", "password": cora })).await;
    let listed = send(
        &installation,
        Method::GET,
        NAMESPACES,
        &[("cookie", &cookie(&opened))],
        &Value::Null,
    )
    .await;
    assert_eq!(listed.json(), json!({ "namespaces": [] }));
    let view = opened.json();
    assert_eq!(
        (&view["user_name"], &view["administrator"]),
        (&json!("cora"), &json!(false))
    );
}

#[tokio::test]
async fn a_page_of_another_site_cannot_sign_anybody_in() {
    let installation = Installation::start();
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = send(
            &installation,
            Method::POST,
            SESSIONS,
            &[("content-type", kind)],
            &admin(),
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), code(&answer).as_str()),
            (400, "SVCSTG.SWR.4000014")
        );
    }
    for body in [Value::Null, json!({}), json!({ "user": "admin" })] {
        let answer = sign_in(&installation, &body).await;
        assert_eq!(
            (answer.status.as_u16(), code(&answer).as_str()),
            (400, "SVCSTG.SWR.4001018"),
            "{body}"
        );
    }
    let large = json!({ "user": "x".repeat(1024 * 1024), "password": "" });
    assert_eq!(sign_in(&installation, &large).await.status.as_u16(), 413);
}

#[tokio::test]
async fn who_signs_requests_has_no_session_to_show_or_end() {
    let installation = Installation::start();
    let shown = installation.signed(Method::GET, SESSIONS, "").await;
    let view = shown.json();
    assert_eq!(
        (&view["user_name"], &view["csrf_token"], &view["expires_at"]),
        (&json!("admin"), &Value::Null, &Value::Null)
    );
    let ended = installation.signed(Method::DELETE, SESSIONS, "").await;
    assert_eq!(
        (ended.status.as_u16(), code(&ended).as_str()),
        (400, "SVCSTG.SWR.4000014")
    );
}

#[tokio::test]
async fn a_session_ends_with_its_password() {
    let installation = Installation::start();
    let opened = sign_in(&installation, &admin()).await;
    let cookie = cookie(&opened);
    let shown = send(
        &installation,
        Method::GET,
        SESSIONS,
        &[("cookie", &cookie)],
        &Value::Null,
    )
    .await;
    assert_eq!(shown.status.as_u16(), 200);
    installation.admin(&["user", "reset-password", "berth/admin"]);
    let ended = send(
        &installation,
        Method::GET,
        SESSIONS,
        &[("cookie", &cookie)],
        &Value::Null,
    )
    .await;
    assert_eq!(ended.status.as_u16(), 401, "{}", ended.text);
}

#[tokio::test]
async fn the_cookie_stays_on_tls_where_the_address_has_it() {
    let installation = Installation::start_with(&["--external-url", "https://registry.example.com"]);
    let opened = sign_in(&installation, &admin()).await;
    assert!(
        opened.header("set-cookie").ends_with("; Secure"),
        "{:?}",
        opened.headers
    );
}
