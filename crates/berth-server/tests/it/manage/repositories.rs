//! Images: their life, what is told of them, who may do what, and every mistake.

mod lists;

use http::Method;
use serde_json::{Value, json};

use super::code;
use crate::client::Client;
use crate::installation::{ACCESS_KEY_ID, Answer, Installation, LOGIN_KEY, SECRET_KEY, basic};

const REPOS: &str = "/v2/manage/namespaces/group/repos";
const APP: &str = "/v2/manage/namespaces/group/repos/back$end";

/// A server whose account has the organization `group`.
async fn start() -> Installation {
    let installation = Installation::start();
    let made = installation
        .signed(Method::POST, "/v2/manage/namespaces", r#"{"namespace":"group"}"#)
        .await;
    assert_eq!(made.status.as_u16(), 201, "{made:?}");
    installation
}

/// The administrator with docker's API.
fn docker(installation: &Installation) -> Client {
    Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
    }
}

/// Somebody with an access key.
struct Person {
    access_key_id: String,
    secret_key: String,
}

impl Person {
    fn admin() -> Self {
        Self {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
        }
    }

    /// A user, with this right on `group` if any.
    fn new(installation: &Installation, user: &str, right: Option<&str>) -> Self {
        installation.admin(&["user", "create", user]);
        if let Some(right) = right {
            installation.admin(&["grant", "set", "group", user, right]);
        }
        let key = installation.admin(&["key", "create", user]);
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        Self {
            access_key_id: text("access_key_id"),
            secret_key: text("secret_access_key"),
        }
    }

    async fn asks(&self, installation: &Installation, line: &str, body: &str) -> Answer {
        let (method, target) = line.split_once(' ').unwrap();
        let request = (target, body);
        let method = method.parse().unwrap();
        let (id, secret) = (&self.access_key_id, &self.secret_key);
        installation.signed_by(id, secret, method, request).await
    }
}

/// Asks as the administrator, and insists on a status.
async fn ask(installation: &Installation, line: &str, body: &str, status: u16) -> Answer {
    let answer = Person::admin().asks(installation, line, body).await;
    assert_eq!(answer.status.as_u16(), status, "{line} {body}: {answer:?}");
    answer
}

/// The administrator's row of users.
async fn admin_ids(installation: &Installation) -> (String, String) {
    let metadata = installation.place.0.path().join("data/berth.db");
    let url = format!("sqlite://{}", metadata.display());
    let metadata = berth_metadata::Metadata::open(&url).await.unwrap();
    let group = metadata.organization("group").await.unwrap().unwrap();
    (group.creator_id, group.account_id)
}

#[tokio::test]
async fn an_image_lives_from_its_creation_to_its_deletion() {
    let installation = start().await;
    let body = r#"{"repository":"back/end","is_public":false,"category":"database","description":"words"}"#;
    let created = ask(&installation, &format!("POST {REPOS}"), body, 200).await;
    assert_eq!(created.json(), json!({}));
    let shown = ask(&installation, &format!("GET {APP}"), "", 200).await.json();
    let (creator_id, domain_id) = admin_ids(&installation).await;
    let path = format!("{}/group/back/end", installation.server.address);
    let expected = json!({
        "id": shown["id"], "ns_id": shown["ns_id"], "name": "back/end", "category": "database", "description": "words",
        "creator_id": creator_id, "creator_name": "admin", "size": 0, "is_public": false, "num_images": 0,
        "num_download": 0, "url": "", "path": path, "internal_path": path, "created": shown["created"],
        "updated": shown["created"], "domain_id": domain_id, "priority": 0,
    });
    assert_eq!(shown, expected);
    assert!(shown["id"].is_i64() && shown["ns_id"].is_i64(), "{shown}");
    assert!(shown["created"].as_str().unwrap().ends_with('Z'), "{shown}");

    let updated = ask(
        &installation,
        &format!("PATCH {APP}"),
        r#"{"is_public":true}"#,
        201,
    )
    .await;
    assert_eq!(updated.json(), json!({}));
    let manifest = docker(&installation)
        .push_image("group/back/end", "v1", b"a layer")
        .await;
    docker(&installation)
        .push_image("group/back/end", "v2", b"a layer")
        .await;
    let shown = ask(&installation, &format!("GET {APP}"), "", 200).await.json();
    let said = ["category", "description", "is_public"].map(|field| shown[field].clone());
    assert_eq!(
        said,
        [json!("database"), json!("words"), json!(true)],
        "unsaid is unchanged"
    );
    let size = crate::content::CONFIG.len() + b"a layer".len();
    assert_eq!((&shown["num_images"], &shown["size"]), (&json!(2), &json!(size)));
    assert!(!manifest.is_empty());

    let full = r#"{"is_public":false,"category":"arm","description":""}"#;
    ask(&installation, &format!("PATCH {APP}"), full, 201).await;
    let shown = ask(&installation, &format!("GET {APP}"), "", 200).await.json();
    let said = ["category", "description", "is_public"].map(|field| shown[field].clone());
    assert_eq!(said, [json!("arm"), json!(""), json!(false)]);

    let deleted = ask(&installation, &format!("DELETE {APP}"), "", 204).await;
    assert_eq!(deleted.text, "");
    let gone = ask(&installation, &format!("GET {APP}"), "", 404).await;
    assert_eq!(code(&gone), "SVCSTG.SWR.4040010");
    let tags = docker(&installation)
        .ask("GET /v2/group/back/end/tags/list")
        .await;
    assert_ne!(tags.status, 200, "its tags went along");
}

#[tokio::test]
async fn a_slash_in_a_name_is_written_in_each_of_its_ways() {
    let installation = start().await;
    let body = r#"{"repository":"a$b/c","is_public":false}"#;
    ask(&installation, &format!("POST {REPOS}"), body, 200).await;
    for segment in ["a$b$c", "a%24b%24c", "a%2Fb%2Fc", "a$b%2fc"] {
        let shown = ask(&installation, &format!("GET {REPOS}/{segment}"), "", 200).await;
        assert_eq!(shown.json()["name"], "a/b/c", "{segment}");
    }
}

#[tokio::test]
async fn an_image_that_a_push_only_began_is_not_there_and_can_be_made() {
    let installation = start().await;
    let docker = docker(&installation);
    let upload = docker.start_upload("group/back/end").await;
    for line in [format!("GET {APP}"), format!("DELETE {APP}")] {
        let absent = ask(&installation, &line, "", 404).await;
        assert_eq!(code(&absent), "SVCSTG.SWR.4040010", "{line}");
    }
    let body = r#"{"repository":"back/end","is_public":false}"#;
    ask(&installation, &format!("POST {REPOS}"), body, 200).await;
    ask(&installation, &format!("GET {APP}"), "", 200).await;
    docker.ask(format!("GET {upload}")).await.is(204);
}

const TO_CREATE: &str = r#"{"repository":"back/end","is_public":false}"#;
const NOWHERE: &str = "/v2/manage/namespaces/nowhere/repos";

/// Bodies of a creation, with the status and code they are answered with; `back/end` exists.
const CREATIONS: &[(&str, u16, &str)] = &[
    (TO_CREATE, 409, "4090006"),
    (r#"{"repository":"Bad","is_public":true}"#, 400, "4001029"),
    (r#"{"is_public":true}"#, 400, "4001014"),
    (r#"{"repository":"a"}"#, 400, "4001014"),
    (r#"{"repository":"a","is_public":"true"}"#, 400, "4001009"),
    (
        r#"{"repository":"a","is_public":true,"category":"cats"}"#,
        400,
        "4000014",
    ),
    (
        r#"{"repository":"a","is_public":true,"description":"\u0000"}"#,
        400,
        "4000014",
    ),
    (
        r#"{"repository":"a","is_public":true,"description":1}"#,
        400,
        "4001018",
    ),
    ("[]", 400, "4001018"),
    ("", 400, "4001018"),
];

#[tokio::test]
async fn every_mistake_has_its_status_and_code() {
    let installation = start().await;
    ask(&installation, &format!("POST {REPOS}"), TO_CREATE, 200).await;
    let longest = |length: usize| json!({ "is_public": true, "description": "ü".repeat(length) }).to_string();
    ask(&installation, &format!("PATCH {APP}"), &longest(30_000), 201).await;
    let check = async |line: String, body: &str, status: u16, expected: &str| {
        let answer = ask(&installation, &line, body, status).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(code(&answer), format!("SVCSTG.SWR.{expected}"), "{line} {shown}");
    };
    for (body, status, expected) in CREATIONS {
        check(format!("POST {REPOS}"), body, *status, expected).await;
    }
    check(format!("POST {NOWHERE}"), TO_CREATE, 404, "4040058").await;
    check(format!("PATCH {APP}"), "{}", 400, "4001014").await;
    check(format!("PATCH {APP}"), r#"{"is_public":1}"#, 400, "4001009").await;
    let unknown = r#"{"is_public":true,"category":"cats"}"#;
    check(format!("PATCH {APP}"), unknown, 400, "4000014").await;
    check(format!("PATCH {APP}"), &longest(30_001), 413, "4131012").await;
    let missing = format!("{REPOS}/missing");
    check(
        format!("PATCH {missing}"),
        r#"{"is_public":true}"#,
        404,
        "4040010",
    )
    .await;
    check(format!("GET {missing}"), "", 404, "4040010").await;
    check(format!("DELETE {missing}"), "", 404, "4040010").await;
    check(format!("GET {NOWHERE}/a"), "", 404, "4040010").await;
    check(format!("GET {REPOS}/Bad"), "", 400, "4001029").await;
    check(
        "GET /v2/manage/namespaces/Bad/repos/a".to_owned(),
        "",
        400,
        "4001008",
    )
    .await;
    check(format!("PUT {APP}"), "", 405, "4050000").await;
}

#[tokio::test]
async fn each_may_do_what_their_right_allows() {
    let installation = start().await;
    let body = r#"{"repository":"back/end","is_public":false}"#;
    ask(&installation, &format!("POST {REPOS}"), body, 200).await;
    let create = format!("POST {REPOS}");
    let lines = [
        (format!("GET {APP}"), ""),
        (format!("PATCH {APP}"), r#"{"is_public":false}"#),
        (create, r#"{"repository":"made","is_public":false}"#),
        (format!("DELETE {APP}"), ""),
    ];
    installation.admin(&["account", "create", "other"]);
    let people = [
        ("other/stranger", None, [404, 404, 404, 404]),
        ("berth/nobody", None, [404, 404, 404, 404]),
        ("berth/reader", Some("read"), [200, 403, 403, 403]),
        ("berth/writer", Some("write"), [200, 201, 200, 403]),
        ("berth/manager", Some("manage"), [200, 201, 409, 204]),
    ];
    for (user, right, allowed) in people {
        let person = Person::new(&installation, user, right);
        for ((line, body), status) in lines.iter().zip(allowed) {
            let answer = person.asks(&installation, line, body).await;
            assert_eq!(answer.status.as_u16(), status, "{user}: {line}: {answer:?}");
            match (status, line.starts_with("POST")) {
                (403, _) => assert_eq!(code(&answer), "SVCSTG.SWR.4037018", "{user}: {line}"),
                (404, true) => assert_eq!(code(&answer), "SVCSTG.SWR.4040058", "{user}: {line}"),
                (404, false) => assert_eq!(code(&answer), "SVCSTG.SWR.4040010", "{user}: {line}"),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn what_is_public_is_shown_to_strangers_and_changed_by_none() {
    let installation = start().await;
    let body = r#"{"repository":"back/end","is_public":true}"#;
    ask(&installation, &format!("POST {REPOS}"), body, 200).await;
    installation.admin(&["account", "create", "other"]);
    let stranger = Person::new(&installation, "other/stranger", None);
    let shown = stranger.asks(&installation, &format!("GET {APP}"), "").await;
    assert_eq!(shown.status.as_u16(), 200, "{shown:?}");
    for (line, body) in [("PATCH", r#"{"is_public":false}"#), ("DELETE", "")] {
        let refused = stranger.asks(&installation, &format!("{line} {APP}"), body).await;
        let found = (refused.status.as_u16(), code(&refused));
        assert_eq!(found, (403, "SVCSTG.SWR.4037018".to_owned()), "{line}");
    }
}

/// The names in a list.
fn names(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap()).collect()
}
