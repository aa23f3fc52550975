//! The management API on the wire: the documented statuses, bodies and error codes.

mod audit;
mod automation;
mod bin;
mod byte_quotas;
mod contents;
mod dashboard;
mod document;
mod events;
mod explanation;
mod images;
mod immutability;
mod lazy;
mod ledger;
mod maintenance;
mod preheat_rules;
pub(crate) mod preheats;
mod quotas;
pub(crate) mod refusals;
mod registrations;
mod repositories;
mod retentions;
mod rights;
mod search;
mod secrets;
mod sessions;
mod sharing;
mod statistics;
mod story;
mod sync;
mod tags;
mod team;
mod terraform;
mod trigger_runs;
mod triggers;

pub(crate) use events::Stream;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::installation::{Answer, Installation, SECRET_KEY, basic};

/// The error code of a refusal, after its body was found to be one that every client reads.
pub(crate) fn code(answer: &Answer) -> String {
    let body = answer.json();
    let code = body["error_code"].clone();
    assert!(!body["error_msg"].as_str().unwrap().is_empty(), "{body}");
    assert_eq!(body["errorCode"], code);
    assert_eq!(body["errors"][0]["errorCode"], code);
    assert_eq!(body["errors"][0]["errorMessage"], body["error_msg"]);
    assert_eq!(body["details"][0]["error_code"], code);
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    code.as_str().unwrap().to_owned()
}

const NAMESPACES: &str = "/v2/manage/namespaces";
const GROUP: &str = "/v2/manage/namespaces/group";
const ACCESS: &str = "/v2/manage/namespaces/group/access";

#[tokio::test]
async fn an_organization_lives_from_its_creation_to_its_deletion() {
    let installation = Installation::start();
    let created = installation
        .signed(Method::POST, NAMESPACES, r#"{"namespace": "group"}"#)
        .await;
    assert_eq!((created.status, created.json()), (StatusCode::CREATED, json!({})));
    let shown = installation.signed(Method::GET, GROUP, "").await;
    let document = json!({ "id": shown.json()["id"], "name": "group", "creator_name": "admin", "auth": 7 });
    assert_eq!((shown.status, shown.json()), (StatusCode::OK, document.clone()));
    for (query, found) in [
        ("", true),
        ("?namespace=group", true),
        ("?namespace=grou", false),
        ("?filter=namespace%3A%3Arou", true),
        (
            "?filter=namespace%3A%3Arou%7Cmode%3A%3Avisible&namespace=ignored",
            true,
        ),
        ("?filter=namespace%3A%3Aother", false),
    ] {
        let listed = installation
            .signed(Method::GET, &format!("{NAMESPACES}{query}"), "")
            .await;
        let expected = if found { json!([document]) } else { json!([]) };
        assert_eq!(listed.json(), json!({ "namespaces": expected }), "{query}");
    }
    let deleted = installation.signed(Method::DELETE, GROUP, "").await;
    assert_eq!(
        (deleted.status, deleted.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    let gone = installation.signed(Method::GET, GROUP, "").await;
    assert_eq!(
        (gone.status, code(&gone).as_str()),
        (StatusCode::NOT_FOUND, "SVCSTG.SWR.4040058")
    );
}

#[tokio::test]
async fn rights_are_given_changed_shown_and_taken() {
    let installation = Installation::start();
    installation
        .signed(Method::POST, NAMESPACES, r#"{"namespace":"group"}"#)
        .await;
    let user = installation.admin(&["user", "create", "berth/mary"]);
    let id = user["id"].as_str().unwrap();
    let auth = |auth: i64| json!([{ "user_id": id, "user_name": "mary", "auth": auth }]).to_string();
    let created = installation.signed(Method::POST, ACCESS, &auth(1)).await;
    assert_eq!((created.status, created.json()), (StatusCode::OK, json!({})));
    let twice = installation.signed(Method::POST, ACCESS, &auth(3)).await;
    assert_eq!(
        (twice.status, code(&twice).as_str()),
        (StatusCode::CONFLICT, "SVCSTG.SWR.4090076")
    );
    let changed = installation.signed(Method::PATCH, ACCESS, &auth(3)).await;
    assert_eq!((changed.status, changed.json()), (StatusCode::CREATED, json!({})));
    let shown = installation.signed(Method::GET, ACCESS, "").await.json();
    assert_eq!(shown["self_auth"]["user_name"], "admin");
    assert_eq!(shown["self_auth"]["auth"], 7);
    assert_eq!(
        shown["others_auths"],
        json!([{ "user_id": id, "user_name": "mary", "auth": 3 }])
    );
    let ids = json!([id]).to_string();
    let taken = installation.signed(Method::DELETE, ACCESS, &ids).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT);
    let again = installation.signed(Method::DELETE, ACCESS, &ids).await;
    // The same bytes within the same second are the same call.
    assert_eq!(
        (again.status, code(&again).as_str()),
        (StatusCode::NOT_FOUND, "SVCSTG.SWR.4040078")
    );
}

/// Method, path, body, and the status and code they are answered with; the organisation `group` exists.
const MISTAKES: &[(Method, &str, &str, u16, &str)] = &[
    (
        Method::POST,
        NAMESPACES,
        r#"{"namespace":"group"}"#,
        409,
        "4090060",
    ),
    (Method::POST, NAMESPACES, r#"{"namespace":"Bad"}"#, 400, "4001008"),
    (
        Method::POST,
        NAMESPACES,
        r#"{"namespace":"manage"}"#,
        400,
        "4001008",
    ),
    (Method::POST, NAMESPACES, r#"{"name":"a"}"#, 400, "4001018"),
    (Method::POST, NAMESPACES, "", 400, "4001018"),
    (
        Method::GET,
        "/v2/manage/namespaces?filter=nonsense",
        "",
        400,
        "4001035",
    ),
    (Method::GET, "/v2/manage/namespaces/missing", "", 404, "4040058"),
    (
        Method::GET,
        "/v2/manage/namespaces/missing/access",
        "",
        404,
        "4040058",
    ),
    (
        Method::DELETE,
        "/v2/manage/namespaces/missing",
        "",
        404,
        "4040058",
    ),
    (Method::GET, "/v2/manage/namespaces/a%2Fb", "", 400, "4001008"),
    (
        Method::POST,
        ACCESS,
        r#"[{"user_id":"u1","auth":2}]"#,
        400,
        "4001065",
    ),
    (
        Method::POST,
        ACCESS,
        r#"[{"user_id":"u1","auth":7}]"#,
        404,
        "4040078",
    ),
    (Method::POST, ACCESS, "[]", 400, "4000014"),
    (
        Method::PATCH,
        ACCESS,
        r#"[{"user_id":"u1","auth":7}]"#,
        404,
        "4040078",
    ),
    (Method::DELETE, ACCESS, r#"{"user_id":"u1"}"#, 400, "4001018"),
    (
        Method::POST,
        "/v2/manage/utils/secret?projectname=elsewhere",
        "",
        400,
        "4000014",
    ),
    (
        Method::POST,
        "/v2/manage/utils/secret?duration_seconds=1",
        "",
        400,
        "4000014",
    ),
    (
        Method::POST,
        "/v2/manage/utils/secret?duration_seconds=x",
        "",
        400,
        "4001025",
    ),
    (Method::GET, "/v2/manage/nothing", "", 404, "4040083"),
];

#[tokio::test]
async fn every_mistake_has_its_status_and_code() {
    let installation = Installation::start();
    installation
        .signed(Method::POST, NAMESPACES, r#"{"namespace":"group"}"#)
        .await;
    let long = format!(r#"{{"namespace":"{}"}}"#, "x".repeat(1_100_000));
    let too_large = (Method::POST, NAMESPACES, long.as_str(), 413, "4131001");
    for (method, target, body, status, expected) in MISTAKES.iter().chain([&too_large]) {
        let answer = installation.signed(method.clone(), target, body).await;
        let found = (answer.status.as_u16(), code(&answer));
        assert_eq!(
            found,
            (*status, format!("SVCSTG.SWR.{expected}")),
            "{method} {target}"
        );
    }
}

#[tokio::test]
async fn a_sixth_organization_is_over_the_quota() {
    let installation = Installation::start();
    for number in 0..5 {
        let body = format!(r#"{{"namespace":"o{number}"}}"#);
        assert_eq!(
            installation.signed(Method::POST, NAMESPACES, &body).await.status,
            StatusCode::CREATED
        );
    }
    let sixth = installation
        .signed(Method::POST, NAMESPACES, r#"{"namespace":"o6"}"#)
        .await;
    assert_eq!(
        (sixth.status.as_u16(), code(&sixth).as_str()),
        (400, "SVCSTG.SWR.4000097")
    );
}

#[tokio::test]
async fn others_of_the_account_see_no_more_than_strangers() {
    let installation = Installation::start();
    installation
        .signed(Method::POST, NAMESPACES, r#"{"namespace":"group"}"#)
        .await;
    installation.admin(&["user", "create", "berth/mary"]);
    let key = installation.admin(&["key", "create", "berth/mary"]);
    let text = |field: &str| key[field].as_str().unwrap().to_owned();
    let (id, secret) = (text("access_key_id"), text("secret_access_key"));
    let as_mary = async |method: Method, target: &str, body: &str| {
        let answer = installation.signed_by(&id, &secret, method, (target, body)).await;
        (answer.status.as_u16(), code(&answer))
    };
    let hidden = (404, "SVCSTG.SWR.4040058".to_owned());
    assert_eq!(as_mary(Method::GET, GROUP, "").await, hidden);
    assert_eq!(as_mary(Method::DELETE, GROUP, "").await, hidden);
    assert_eq!(as_mary(Method::GET, ACCESS, "").await, hidden);
    installation.admin(&["grant", "set", "group", "berth/mary", "read"]);
    let denied = (403, "SVCSTG.SWR.4037017".to_owned());
    assert_eq!(as_mary(Method::DELETE, GROUP, "").await, denied);
    assert_eq!(as_mary(Method::DELETE, ACCESS, r#"["u1"]"#).await, denied);
}

#[tokio::test]
async fn a_login_command_logs_in() {
    let installation = Installation::start();
    let made = installation
        .signed(Method::POST, "/v2/manage/utils/secret?projectname=local", "")
        .await;
    assert_eq!(made.status, StatusCode::OK);
    let host = installation.server.address.to_string();
    let words: Vec<&str> = made.header("x-swr-dockerlogin").split(' ').collect();
    let ["docker", "login", "-u", user, "-p", password, address] = words[..] else {
        panic!("{words:?}");
    };
    assert_eq!(address, host);
    assert!(
        user.starts_with("local@") && password.len() == 64,
        "{user} {password}"
    );
    let auth = made.json()["auths"][&host]["auth"].as_str().unwrap().to_owned();
    assert_eq!(format!("Basic {auth}"), basic(user, password));
    let expires = made.header("x-swr-expireat");
    assert!(expires.len() == 27 && expires.ends_with('Z'), "{expires}");
    assert_eq!(
        installation.get("/v2/", &basic(user, password)).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_request_that_nobody_signed_rightly_is_refused_in_the_gateways_words() {
    let installation = Installation::start();
    let wrong = installation
        .signed_by("AKEXAMPLE0001", "wrong", Method::GET, (NAMESPACES, ""))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), code(&wrong).as_str()),
        (401, "APIGW.0301")
    );
    let message = wrong.json()["error_msg"].as_str().unwrap().to_owned();
    assert_eq!(
        message,
        "Incorrect IAM authentication information: verify aksk signature fail"
    );
    let unknown = installation
        .signed_by("AKMISSING", SECRET_KEY, Method::GET, (NAMESPACES, ""))
        .await;
    let same = |answer: &Answer| {
        (
            answer.status,
            answer.json()["error_code"].clone(),
            answer.json()["error_msg"].clone(),
        )
    };
    assert_eq!(same(&unknown), same(&wrong), "an unknown key looks the same");
    for _ in 0..5 {
        installation
            .signed_by("AKEXAMPLE0001", "wrong", Method::GET, (NAMESPACES, ""))
            .await;
    }
    let locked = installation.signed(Method::GET, NAMESPACES, "").await;
    assert_eq!(
        (locked.status.as_u16(), code(&locked).as_str()),
        (401, "APIGW.0301")
    );
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 200);
    let said: Value = locked.json();
    assert!(
        said["error_msg"]
            .as_str()
            .unwrap()
            .contains("locked after repeated failures"),
        "{said}"
    );
}
