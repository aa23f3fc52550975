//! Temporary access keys: used with their token, ended by time and by what made them.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Account, Person};
use crate::installation::{ACCESS_KEY_ID, Answer, SECRET_KEY};

const LINE: &str = "POST /v3.0/OS-CREDENTIAL/securitytokens";

fn wanted(seconds: Option<i64>) -> Value {
    let mut body = json!({ "auth": { "identity": { "methods": ["token"] } } });
    if let Some(seconds) = seconds {
        body["auth"]["identity"]["token"] = json!({ "duration_seconds": seconds });
    }
    body
}

async fn create(account: &Account, by: &Person) -> Value {
    let answer = account.call(by, LINE, &wanted(Some(3600))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["credential"].clone()
}

/// Signs with a temporary key, with its token signed, unsigned or left out.
async fn signed(
    account: &Account,
    key: &Value,
    token: Option<&str>,
    method: Method,
    at: (&str, &str),
) -> Answer {
    let text = |field: &str| key[field].as_str().unwrap();
    let unsigned: Vec<(&str, &str)> = token.iter().map(|token| ("x-security-token", *token)).collect();
    account
        .installation
        .signed_beside(text("access"), text("secret"), (&[], &unsigned), method, at)
        .await
}

#[tokio::test]
async fn a_temporary_key_is_used_with_its_token() {
    let account = Account::start().await;
    let answer = account.call(&account.mary, LINE, &wanted(None)).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let fields: Vec<String> = answer.json()["credential"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(fields, ["access", "expires_at", "secret", "securitytoken"]);
    let key = create(&account, &account.mary).await;
    let token = key["securitytoken"].as_str().unwrap();
    let at = ("/v2/manage/namespaces", "");
    for (token, status) in [
        (Some(token), 200),
        (None, 401),
        (Some("wrong"), 401),
        (Some(""), 401),
    ] {
        let answer = signed(&account, &key, token, Method::GET, at).await;
        assert_eq!(answer.status.as_u16(), status, "{token:?}: {}", answer.text);
        if status == 401 {
            assert_eq!(answer.json()["error_code"], "APIGW.0301");
        }
    }
    let (access, secret) = (key["access"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let covered = account
        .installation
        .signed_beside(
            access,
            secret,
            (&[("x-security-token", token)], &[]),
            Method::GET,
            at,
        )
        .await;
    assert_eq!(covered.status, StatusCode::OK, "{}", covered.text);
}

#[tokio::test]
async fn a_temporary_key_makes_no_lasting_one() {
    let account = Account::start().await;
    let key = create(&account, &account.mary).await;
    let token = key["securitytoken"].as_str();
    let own = json!({ "credential": { "user_id": account.mary.id } }).to_string();
    let again = wanted(None).to_string();
    for (path, body) in [
        ("/v3.0/OS-CREDENTIAL/credentials", &own),
        ("/v3.0/OS-CREDENTIAL/securitytokens", &again),
    ] {
        let answer = signed(&account, &key, token, Method::POST, (path, body)).await;
        super::refusal(&answer, path, 403, "IAM.0003");
    }
    let login = signed(
        &account,
        &key,
        token,
        Method::POST,
        ("/v2/manage/utils/secret", ""),
    )
    .await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.text);
    let end = key["expires_at"].as_str().unwrap();
    assert_eq!(
        &login.header("x-swr-expireat")[..19],
        &end[..19],
        "it ends with the key"
    );
}

#[tokio::test]
async fn a_temporary_key_of_an_administrator_changes_nobody() {
    let account = Account::start().await;
    let key = create(&account, &account.admin).await;
    let token = key["securitytoken"].as_str();
    let password = json!({ "user": { "password": "Another-pass-1" } }).to_string();
    let person = json!({ "user": { "name": "second", "password": "Another-pass-1" } }).to_string();
    let (own, mary) = (&account.admin.id, &account.mary.id);
    for (method, path, body) in [
        (Method::PATCH, format!("/v3/users/{own}"), &password),
        (Method::PATCH, format!("/v3/users/{mary}"), &password),
        (Method::PUT, format!("/v3.0/OS-USER/users/{own}"), &password),
        (Method::POST, "/v3/users".to_owned(), &person),
        (Method::DELETE, format!("/v3/users/{mary}"), &String::new()),
    ] {
        let answer = signed(&account, &key, token, method, (&path, body)).await;
        super::refusal(&answer, &path, 403, "IAM.0003");
    }
    let seen = signed(&account, &key, token, Method::GET, ("/v3/users", "")).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
}

#[tokio::test]
async fn a_temporary_key_ends_with_what_made_it() {
    let account = Account::start().await;
    let at = ("/v3/auth/domains", "");
    let key = create(&account, &account.mary).await;
    let token = key["securitytoken"].as_str();
    assert_eq!(
        signed(&account, &key, token, Method::GET, at).await.status,
        StatusCode::OK
    );
    account
        .installation
        .admin(&["user", "reset-password", "berth/mary"]);
    let ended = signed(&account, &key, token, Method::GET, at).await;
    super::refusal(&ended, "a changed password", 401, "APIGW.0301");

    let target = ("/v3.0/OS-CREDENTIAL/securitytokens", wanted(None).to_string());
    let made = account
        .installation
        .signed_by(ACCESS_KEY_ID, SECRET_KEY, Method::POST, (target.0, &target.1))
        .await;
    let key = made.json()["credential"].clone();
    let token = key["securitytoken"].as_str();
    assert_eq!(
        signed(&account, &key, token, Method::GET, at).await.status,
        StatusCode::OK
    );
    account.installation.admin(&["key", "disable", ACCESS_KEY_ID]);
    let ended = signed(&account, &key, token, Method::GET, at).await;
    super::refusal(&ended, "a disabled key", 401, "APIGW.0301");
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let account = Account::start().await;
    let with_policy =
        json!({ "auth": { "identity": { "methods": ["token"], "policy": { "Version": "1.1" } } } });
    for body in [
        Value::Null,
        json!({ "auth": { "identity": { "methods": ["assume_role"] } } }),
        json!({ "auth": { "identity": { "methods": [] } } }),
        with_policy,
        wanted(Some(899)),
        wanted(Some(86_401)),
        wanted(Some(i64::MAX)),
    ] {
        account.refused(&account.mary, LINE, body, 400, "IAM.0011").await;
    }
}
