//! Tokens: made by password and by access key, looked at, used, ended.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Account, Person, by_password, refusal, send, signed_in};
use crate::installation::{ACCESS_KEY_ID, PASSWORD, SECRET_KEY};

fn by_key(access: &str, secret: &str) -> Value {
    json!({ "auth": { "identity": {
        "methods": ["hw_ak_sk"],
        "hw_ak_sk": { "access": { "key": access }, "secret": { "key": secret } },
    } } })
}

const TOKENS: &str = "POST /v3/auth/tokens";

#[tokio::test]
async fn a_token_is_answered_as_iam_does() {
    let account = Account::start().await;
    let project = account.done("GET /v3/auth/projects", Value::Null, 200).await["projects"][0]["id"].clone();
    let domain = json!({ "id": account.domain_id, "name": "berth" });
    let admin = ("berth", "admin");
    let scoped = |scope: Value| {
        let mut body = by_password(admin, PASSWORD);
        body["auth"]["scope"] = scope;
        body
    };
    let by_id = json!({ "auth": { "identity": {
        "methods": ["password"],
        "password": { "user": { "name": "admin", "password": PASSWORD, "domain": { "id": account.domain_id } } },
    } } });
    let in_project = json!({ "id": project, "name": "local", "domain": domain });
    for (body, method, scope, place) in [
        (by_password(admin, PASSWORD), "password", "domain", &domain),
        (by_id, "password", "domain", &domain),
        (by_key(ACCESS_KEY_ID, SECRET_KEY), "hw_ak_sk", "domain", &domain),
        (
            scoped(json!({ "domain": { "name": "berth" } })),
            "password",
            "domain",
            &domain,
        ),
        (
            scoped(json!({ "domain": { "id": account.domain_id } })),
            "password",
            "domain",
            &domain,
        ),
        (
            scoped(json!({ "project": { "name": "local" } })),
            "password",
            "project",
            &in_project,
        ),
        (
            scoped(json!({ "project": { "id": project } })),
            "password",
            "project",
            &in_project,
        ),
        (
            scoped(json!({ "project": { "id": project }, "domain": { "name": "berth" } })),
            "password",
            "project",
            &in_project,
        ),
    ] {
        check_token(&account, &body, method, (scope, place)).await;
    }
}

/// Asks for a token, compares what is told of it, and has it told again.
async fn check_token(account: &Account, body: &Value, method: &str, (scope, place): (&str, &Value)) {
    let installation = &account.installation;
    let answer = send(installation, &[], "POST /v3/auth/tokens?nocatalog=true", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let document = answer.json();
    let token = &document["token"];
    let mut expected = json!({ "token": {
            "methods": [method],
            "issued_at": token["issued_at"],
            "expires_at": token["expires_at"],
            "user": {
                "id": account.admin.id,
                "name": "admin",
                "domain": { "id": account.domain_id, "name": "berth" },
                "password_expires_at": "",
            },
            "roles": [{ "id": "0", "name": "te_admin" }],
            "catalog": [],
        } });
    expected["token"][scope] = place.clone();
    assert_eq!(document, expected);
    for time in ["issued_at", "expires_at"] {
        let text = token[time].as_str().unwrap();
        assert!(text.ends_with(".000000Z") && text.len() == 27, "{time}: {text}");
    }
    let value = answer.header("x-subject-token").to_owned();
    let headers = [
        ("x-auth-token", account.admin.token.as_str()),
        ("x-subject-token", &value),
    ];
    let validated = send(installation, &headers, "GET /v3/auth/tokens", &Value::Null).await;
    assert_eq!(validated.status, StatusCode::OK, "{}", validated.text);
    assert_eq!(validated.header("x-subject-token"), value);
    assert_eq!(validated.json(), expected);
}

#[tokio::test]
async fn what_is_no_request_for_a_token_is_refused() {
    let account = Account::start().await;
    let scoped = |scope: Value| {
        let mut body = by_password(("berth", "admin"), PASSWORD);
        body["auth"]["scope"] = scope;
        body
    };
    let methods = |methods: Value| json!({ "auth": { "identity": { "methods": methods } } });
    for (body, status, code) in [
        (Value::Null, 400, "IAM.0011"),
        (json!([]), 400, "IAM.0011"),
        (json!({ "auth": {} }), 400, "IAM.0011"),
        (methods(json!([])), 400, "IAM.0011"),
        (methods(json!(["token"])), 400, "IAM.0011"),
        (methods(json!(["password"])), 400, "IAM.0011"),
        (methods(json!(["hw_ak_sk"])), 400, "IAM.0011"),
        (methods(json!(["password", "totp"])), 400, "IAM.0011"),
        (
            json!({ "auth": { "identity": {
                "methods": ["password"],
                "password": { "user": { "name": "admin", "password": PASSWORD, "domain": {} } },
            } } }),
            400,
            "IAM.0011",
        ),
        (scoped(json!({ "project": {} })), 400, "IAM.0011"),
        (scoped(json!({ "domain": {} })), 400, "IAM.0011"),
        (
            scoped(json!({ "project": { "name": "elsewhere" } })),
            404,
            "IAM.0004",
        ),
        (
            scoped(json!({ "domain": { "name": "elsewhere" } })),
            404,
            "IAM.0004",
        ),
        (by_password(("berth", "admin"), "wrong password"), 401, "IAM.0001"),
        (by_password(("berth", "nobody"), PASSWORD), 401, "IAM.0001"),
        (by_password(("nowhere", "admin"), PASSWORD), 401, "IAM.0001"),
        (by_key(ACCESS_KEY_ID, "SKexampleSecret0002"), 401, "IAM.0001"),
        (by_key("AKEXAMPLE0002", SECRET_KEY), 401, "IAM.0001"),
    ] {
        let answer = send(&account.installation, &[], TOKENS, &body).await;
        refusal(&answer, &body.to_string(), status, code);
        assert_eq!(answer.header("x-subject-token"), "", "{body}");
    }
    let large = json!({ "auth": "x".repeat(1024 * 1024) });
    let answer = send(&account.installation, &[], TOKENS, &large).await;
    refusal(&answer, "a large body", 413, "IAM.0011");
    account
        .installation
        .admin(&["user", "set-access", "berth/mary", "console"]);
    account
        .installation
        .admin(&["user", "create", "berth/cora", "--access", "console"]);
    account
        .refused(
            &account.mary,
            "GET /v3/auth/domains",
            Value::Null,
            403,
            "IAM.0003",
        )
        .await;
}

#[tokio::test]
async fn a_token_calls_both_apis() {
    let account = Account::start().await;
    let made = account
        .call(
            &account.admin,
            "POST /v2/manage/namespaces",
            &json!({ "namespace": "group" }),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let listed = account
        .call(&account.admin, "GET /v2/manage/namespaces", &Value::Null)
        .await;
    assert_eq!(listed.json()["namespaces"][0]["creator_name"], "admin");
    let hidden = account
        .call(&account.mary, "GET /v2/manage/namespaces/group", &Value::Null)
        .await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{}", hidden.text);
    let login = account
        .call(&account.mary, "POST /v2/manage/utils/secret", &Value::Null)
        .await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.text);
    let none = Person {
        id: String::new(),
        token: format!("{}x", account.admin.token),
    };
    let refused = account
        .call(&none, "GET /v2/manage/namespaces", &Value::Null)
        .await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.json()["error_code"], "APIGW.0301");
}

#[tokio::test]
async fn a_registry_token_calls_no_api_and_an_iam_token_pulls_nothing() {
    let account = Account::start().await;
    let basic = crate::installation::basic("admin", PASSWORD);
    let answer = account.installation.get("/token?service=berth", &basic).await;
    let registry_token = Person {
        id: String::new(),
        token: answer.json()["token"].as_str().unwrap().to_owned(),
    };
    let line = "GET /v2/manage/namespaces";
    let refused = account.call(&registry_token, line, &Value::Null).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
    let bearer = format!("Bearer {}", account.admin.token);
    let pulled = account.installation.get("/v2/", &bearer).await;
    assert_eq!(pulled.status, StatusCode::UNAUTHORIZED, "{}", pulled.text);
}

#[tokio::test]
async fn a_token_ends_when_its_user_or_password_does() {
    let account = Account::start().await;
    let line = "GET /v3/auth/domains";
    for end in ["password", "disabled", "deleted"] {
        let name = format!("berth/{end}");
        let password = account.installation.admin(&["user", "create", &name]);
        let password = password["password"].as_str().unwrap();
        let (person, _) = signed_in(&account.installation, ("berth", end), password).await;
        assert_eq!(
            account.call(&person, line, &Value::Null).await.status,
            StatusCode::OK
        );
        let verb = match end {
            "password" => "reset-password",
            "disabled" => "disable",
            _ => "delete",
        };
        account.installation.admin(&["user", verb, &name]);
        account
            .refused(&person, line, Value::Null, 401, "APIGW.0301")
            .await;
    }
}

#[tokio::test]
async fn a_token_is_shown_to_nobody_of_another_account() {
    let account = Account::start().await;
    let line = "GET /v3/auth/tokens";
    for (by, subject, status) in [
        (&account.admin, &account.mary, 200),
        (&account.mary, &account.mary, 200),
        (&account.mary, &account.admin, 404),
        (&account.stranger, &account.mary, 404),
    ] {
        let headers = [
            ("x-auth-token", by.token.as_str()),
            ("x-subject-token", &subject.token),
        ];
        let answer = send(&account.installation, &headers, line, &Value::Null).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
    account
        .refused(&account.admin, line, Value::Null, 400, "IAM.0011")
        .await;
}
