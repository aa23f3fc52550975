//! The token protocol on the wire: challenges, both ways to ask, and what clients see when they are refused.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::installation::{Answer, Installation, LOGIN_KEY, PASSWORD, basic};

/// What the token in an answer grants, as `name:actions` separated by spaces.
fn granted(answer: &Answer) -> String {
    use base64::Engine as _;
    let token = answer.json()["token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .to_owned();
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let entry = |entry: &Value| {
        let actions: Vec<&str> = entry["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| a.as_str().unwrap())
            .collect();
        format!("{}:{}", entry["name"].as_str().unwrap(), actions.join(","))
    };
    claims["access"]
        .as_array()
        .unwrap()
        .iter()
        .map(entry)
        .collect::<Vec<_>>()
        .join(" ")
}

async fn form(installation: &Installation, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    installation.send(Method::POST, "/token", headers, body).await
}

#[tokio::test]
async fn a_token_is_got_by_each_way_to_ask() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let admin = basic("admin", PASSWORD);
    let by_key = basic("local@AKEXAMPLE0001", LOGIN_KEY);
    let pull = "scope=repository%3Ateam%2Fapp%3Apull";
    for (path, authorization, query, expected) in [
        ("/token", &admin, "", ""),
        (
            "/token",
            &admin,
            "service=berth&account=admin&client_id=docker&offline_token=true",
            "",
        ),
        ("/token", &admin, pull, "team/app:pull"),
        ("/token", &by_key, pull, "team/app:pull"),
        (
            "/token",
            &admin,
            "scope=repository:team/a:pull,push&scope=repository:team/b:pull",
            "team/a:pull,push team/b:pull",
        ),
        (
            "/token",
            &admin,
            "scope=repository:team/a:*+repository:team/b:pull",
            "team/a:pull,push,delete team/b:pull",
        ),
        ("/token", &admin, "scope=registry:catalog:*", "catalog:*"),
        (
            "/token",
            &admin,
            "scope=nonsense&scope=repository(plugin):team/a:pull&scope=repository:UPPER/a:pull",
            "",
        ),
        ("/swr/auth/v2/registry/auth", &by_key, pull, "team/app:pull"),
        ("/swr/auth/v2/registry/auth/", &by_key, pull, "team/app:pull"),
        ("/token", &String::new(), pull, ""),
    ] {
        let answer = installation.get(&format!("{path}?{query}"), authorization).await;
        assert_eq!(
            (answer.status, granted(&answer).as_str()),
            (StatusCode::OK, expected),
            "{query}"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["access_token"], body["token"]);
        assert_eq!(body["expires_in"], 900);
    }
    let answer = form(
        &installation,
        "grant_type=password&username=admin&password=correct+horse&service=berth&client_id=containerd-client&\
         scope=repository:team/a:pull+repository:team/b:push",
    );
    assert_eq!(granted(&answer.await), "team/a:pull team/b:push");
}

#[tokio::test]
async fn refusals_have_the_texts_that_clients_print() {
    let installation = Installation::start();
    let carol = installation.admin(&["user", "create", "berth/carol", "--access", "console"]);
    installation.admin(&["user", "create", "berth/dave"]);
    let dave = installation.admin(&["user", "reset-password", "berth/dave"]);
    installation.admin(&["user", "disable", "berth/dave"]);
    let password = |user: &Value| user["password"].as_str().unwrap().to_owned();
    let unauthorized = |detail: Value| {
        let error = json!({ "code": "UNAUTHORIZED", "message": "authentication required", "detail": detail });
        json!({ "errors": [error] })
    };
    let wrong = || {
        unauthorized(json!(
            "log in, or log in again: there was no login, or its user name, key or password is wrong, has ended or was deleted"
        ))
    };
    for (authorization, status, expected) in [
        (basic("admin", "wrong horse"), 401, wrong()),
        (basic("nobody", PASSWORD), 401, wrong()),
        (basic("other@AKEXAMPLE0001", LOGIN_KEY), 401, wrong()),
        (
            basic("dave", &password(&dave)),
            401,
            unauthorized(json!(
                "user 'dave' of account 'berth' is disabled: an administrator of the account can enable it"
            )),
        ),
        (
            basic("carol", &password(&carol)),
            401,
            json!({ "errors": [{
                "code": "DENIED",
                "message": "Authenticate Error",
                "detail": "user 'carol' of account 'berth' has no programmatic access: an administrator of the account can give it",
            }] }),
        ),
        (
            "Negotiate abc".to_owned(),
            401,
            unauthorized(json!(
                "the Authorization header is of no form that is accepted here"
            )),
        ),
    ] {
        let answer = installation.get("/token?service=berth", &authorization).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (status, expected),
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn a_token_that_would_carry_nothing_is_refused_with_the_reason() {
    let installation = Installation::start();
    let scope = "scope=repository:missing/a:pull,push";
    let answer = installation
        .get(&format!("/token?{scope}"), &basic("admin", PASSWORD))
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], "DENIED");
    assert_eq!(
        error["message"],
        "Image organization does not exist, you should create it first"
    );
}

#[tokio::test]
async fn a_form_without_a_password_is_refused_with_what_to_do() {
    let installation = Installation::start();
    let large = format!("grant_type=password&username={}", "x".repeat(70_000));
    for (body, says) in [
        (
            "grant_type=refresh_token&refresh_token=x",
            "the only grant_type is password",
        ),
        ("", "the only grant_type is password"),
        (
            "grant_type=password&username=admin",
            "username and password are missing",
        ),
        (large.as_str(), "the form is too large"),
    ] {
        let answer = form(&installation, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let message = answer.json()["errors"][0]["message"].to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn the_challenge_names_this_server_as_the_client_sees_it() {
    let installation = Installation::start_with(&["--trusted-proxies", "127.0.0.1"]);
    let address = installation.server.address;
    for (headers, expected) in [
        (
            vec![],
            format!("Bearer realm=\"http://{address}/token\",service=\"berth\""),
        ),
        (
            vec![
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "registry.example.com"),
            ],
            "Bearer realm=\"https://registry.example.com/token\",service=\"berth\"".to_owned(),
        ),
    ] {
        let headers = headers.into_iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let answer = installation
            .send(Method::GET, "/v2/", headers.collect(), "")
            .await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (StatusCode::UNAUTHORIZED, expected.as_str())
        );
    }
    let elsewhere = Installation::start_with(&["--external-url", "https://r.example:8443"]);
    let answer = elsewhere.get("/v2/team/app/tags/list", "").await;
    assert_eq!(
        answer.header("www-authenticate"),
        "Bearer realm=\"https://r.example:8443/token\",service=\"berth\",scope=\"repository:team/app:pull\""
    );
}

#[tokio::test]
async fn a_bearer_token_opens_what_it_grants_and_nothing_else() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let admin = basic("admin", PASSWORD);
    let answer = installation
        .get("/token?scope=repository:team/app:pull", &admin)
        .await;
    let token = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
    let ping = installation.get("/v2/", &token).await;
    assert_eq!(ping.status, StatusCode::OK);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", token.parse().unwrap());
    let push = installation
        .send(Method::POST, "/v2/team/app/blobs/uploads/", headers, "")
        .await;
    assert_eq!(push.status, StatusCode::UNAUTHORIZED);
    let challenge = push.header("www-authenticate");
    assert!(
        challenge.ends_with(",scope=\"repository:team/app:pull,push\",error=\"insufficient_scope\""),
        "{challenge}"
    );
    let forged = installation.get("/v2/", "Bearer no.token.ofours").await;
    assert!(
        forged
            .header("www-authenticate")
            .ends_with(",error=\"invalid_token\"")
    );
    let signed_in = installation.get("/v2/", &basic("berth/admin", PASSWORD)).await;
    assert_eq!(
        signed_in.status,
        StatusCode::OK,
        "Basic works on the API itself too"
    );
}
