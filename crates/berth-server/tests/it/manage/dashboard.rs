//! The dashboard: of each what they have a right on, and what needs their attention.

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use crate::installation::{Installation, PASSWORD, basic};

const DASHBOARD: &str = "/v2/manage/dashboard";

/// What somebody who signs in sees; no key is used.
async fn seen_by(installation: &Installation, login: &Value) -> Value {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let opened = installation
        .send(Method::POST, "/v2/manage/sessions", headers, &login.to_string())
        .await;
    let cookie = opened.header("set-cookie").split(';').next().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("cookie", cookie.parse().unwrap());
    let shown = installation.send(Method::GET, DASHBOARD, headers, "").await;
    assert_eq!(shown.status.as_u16(), 200, "{}", shown.text);
    shown.json()
}

fn admin() -> Value {
    json!({ "user": "admin", "password": PASSWORD })
}

fn person(installation: &Installation, full_name: &str) -> Value {
    let user = installation.admin(&["user", "create", full_name]);
    let (account, name) = full_name.split_once('/').unwrap();
    json!({ "account": account, "user": name, "password": user["password"] })
}

async fn push(installation: &Installation, image: &str, tag: &str) {
    const INDEX: &str =
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let mut headers = HeaderMap::new();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/vnd.oci.image.index.v1+json"),
    );
    headers.insert("authorization", basic("admin", PASSWORD).parse().unwrap());
    let at = format!("/v2/{image}/manifests/{tag}");
    let pushed = installation.send(Method::PUT, &at, headers, INDEX).await;
    assert_eq!(pushed.status.as_u16(), 201, "{}", pushed.text);
}

async fn make(installation: &Installation, target: &str, body: &Value) {
    let made = installation.signed(Method::POST, target, &body.to_string()).await;
    assert!(made.status.is_success(), "{}", made.text);
}

#[tokio::test]
async fn somebody_new_sees_what_to_do_and_that_it_is_done() {
    let installation = Installation::start();
    let new = seen_by(&installation, &admin()).await;
    let none = json!({ "organizations": 0, "images": 0, "tags": 0, "held_bytes": 0 });
    assert_eq!(new["figures"], none);
    let steps = |done: [bool; 4]| json!({ "organization": done[0], "login": done[1], "image": done[2], "share": done[3] });
    assert_eq!(new["steps"], steps([false; 4]));
    assert_eq!(new["attention"], json!([]));
    // Signed, and so a key was used.
    make(
        &installation,
        "/v2/manage/namespaces",
        &json!({ "namespace": "team" }),
    )
    .await;
    assert_eq!(
        seen_by(&installation, &admin()).await["steps"],
        steps([true, true, false, false])
    );
    push(&installation, "team/app", "v1").await;
    assert_eq!(
        seen_by(&installation, &admin()).await["steps"],
        steps([true, true, true, false])
    );
    person(&installation, "berth/mary");
    installation.admin(&["grant", "set", "team/app", "berth/mary", "read"]);
    assert_eq!(seen_by(&installation, &admin()).await["steps"], steps([true; 4]));
}

#[tokio::test]
async fn each_sees_what_they_have_a_right_on() {
    let installation = Installation::start();
    installation.admin(&["account", "create", "guests"]);
    let logins: Vec<Value> = ["berth/member", "berth/reader", "berth/nobody", "guests/guest"]
        .iter()
        .map(|name| person(&installation, name))
        .collect();
    for name in ["team", "other"] {
        make(
            &installation,
            "/v2/manage/namespaces",
            &json!({ "namespace": name }),
        )
        .await;
    }
    for (image, tag) in [
        ("team/app", "v1"),
        ("team/app", "v2"),
        ("team/open", "v1"),
        ("other/app", "v1"),
    ] {
        push(&installation, image, tag).await;
    }
    installation
        .signed(
            Method::PATCH,
            "/v2/manage/namespaces/team/repos/open",
            r#"{"is_public":true}"#,
        )
        .await;
    installation.admin(&["grant", "set", "team", "berth/member", "read"]);
    installation.admin(&["grant", "set", "other/app", "berth/reader", "read"]);
    let mut seen = vec![seen_by(&installation, &admin()).await];
    for login in &logins {
        seen.push(seen_by(&installation, login).await);
    }
    let expected: [(&str, i64, i64, i64, &[&str]); 5] = [
        ("admin", 2, 3, 4, &["other/app", "team/app", "team/open"]),
        ("member", 1, 2, 3, &["team/app", "team/open"]),
        ("reader", 1, 1, 1, &["other/app"]),
        ("nobody", 0, 0, 0, &[]),
        ("guest", 0, 0, 0, &[]),
    ];
    for ((who, organizations, images, tags, newest), seen) in expected.into_iter().zip(seen) {
        let figures =
            json!({ "organizations": organizations, "images": images, "tags": tags, "held_bytes": 0 });
        assert_eq!(seen["figures"], figures, "{who}");
        let found = seen["newest"].as_array().unwrap().iter();
        let mut found: Vec<String> = found
            .map(|tag| {
                format!(
                    "{}/{}",
                    tag["namespace"].as_str().unwrap(),
                    tag["repository"].as_str().unwrap()
                )
            })
            .collect();
        found.sort();
        assert_eq!(found, newest, "{who}");
        let space = seen["space"].as_array().unwrap();
        assert_eq!(i64::try_from(space.len()).unwrap(), organizations, "{who}");
    }
}

#[tokio::test]
async fn what_ends_and_what_is_full_needs_attention() {
    let installation = Installation::start();
    installation.admin(&["account", "create", "guests"]);
    for name in ["a", "b", "c"] {
        make(
            &installation,
            "/v2/manage/namespaces",
            &json!({ "namespace": name }),
        )
        .await;
    }
    push(&installation, "a/app", "v1").await;
    let day = time::OffsetDateTime::now_utc() + time::Duration::days(3);
    let share = |deadline: &str| json!({ "access_domain": "guests", "permit": "read", "deadline": deadline, "description": "" });
    let shares = "/v2/manage/namespaces/a/repositories/app/access-domains";
    let deadline = format!(
        "{:04}-{:02}-{:02}T00:00:00Z",
        day.year(),
        u8::from(day.month()),
        day.day()
    );
    make(&installation, shares, &share(&deadline)).await;
    let seen = seen_by(&installation, &admin()).await;
    let [ending] = seen["attention"].as_array().unwrap().as_slice() else {
        panic!("{}", seen["attention"]);
    };
    for (field, value) in [
        ("kind", "share_ends"),
        ("namespace", "a"),
        ("repository", "app"),
        ("name", "guests"),
    ] {
        assert_eq!(ending[field], value);
    }
    // Four of the five that one may make.
    make(
        &installation,
        "/v2/manage/namespaces",
        &json!({ "namespace": "d" }),
    )
    .await;
    let seen = seen_by(&installation, &admin()).await;
    let quota = &seen["attention"][0];
    let found = json!([quota["kind"], quota["name"], quota["used"], quota["limit"]]);
    assert_eq!(found, json!(["quota", "organizations", 4, 5]));
}
