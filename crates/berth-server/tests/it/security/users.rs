//! Whether somebody has an account here: refusals do not tell. That a password is hashed for nobody as it is for
//! somebody is shown where hashes are made (`password` in berth-registry).

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::installation::{Installation, PASSWORD, basic};

/// What a caller can see of an answer, without what they said themselves.
fn seen(answer: &Answer, said: &str) -> (u16, Vec<(String, String)>, String) {
    let strip = |text: &str| text.replace(said, "{user}");
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), strip(value.to_str().unwrap())))
        .collect();
    headers.sort();
    let mut body = strip(&String::from_utf8_lossy(&answer.body));
    if let Some(id) = answer.find("x-request-id") {
        body = body.replace(id, "{id}");
    }
    (answer.status, headers, body)
}

async fn asked(nobody: &Client, user: &str, password: &str) -> Vec<(u16, Vec<(String, String)>, String)> {
    let basic = nobody.with(&basic(&format!("berth/{user}"), password));
    let person = json!({ "account": "berth", "user": user, "password": password });
    let domain = json!({ "name": "berth" });
    let proof = json!({ "user": { "name": user, "password": password, "domain": domain } });
    let token = json!({ "auth": { "identity": { "methods": ["password"], "password": proof } } });
    let post = |path: &str, body: &Value| {
        nobody
            .ask(format!("POST {path}"))
            .header("content-type", "application/json")
            .body(body.to_string())
    };
    let form = format!("grant_type=password&service=berth&username=berth/{user}&password={password}");
    let answers = [
        basic.ask("GET /v2/").await,
        basic.ask("GET /token").await,
        nobody
            .ask("POST /token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .await,
        post("/v2/manage/sessions", &person).await,
        post("/v3/auth/tokens", &token).await,
    ];
    answers.iter().map(|answer| seen(answer, user)).collect()
}

#[tokio::test]
async fn a_name_that_nobody_has_is_answered_as_one_that_somebody_has() {
    let installation = Installation::start();
    let create = |name: &str, access: &str| installation.admin(&["user", "create", name, "--access", access]);
    create("berth/mary", "both");
    create("berth/script", "programmatic");
    create("berth/looker", "console");
    create("berth/gone", "both");
    installation.admin(&["user", "disable", "berth/gone"]);
    let nobody = Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: None,
    };
    let unknown = asked(&nobody, "nobody", "wrong").await;
    for (status, _, body) in &unknown {
        assert_eq!(*status, 401, "{body}");
    }
    for user in [
        "mary",
        "script",
        "looker",
        "gone",
        "ma ry",
        "MARY",
        "mary\u{200b}",
    ] {
        assert_eq!(asked(&nobody, user, "wrong").await, unknown, "{user}");
    }
    // Of an account that is not there, the same.
    let elsewhere = nobody.with(&basic("nowhere/mary", PASSWORD));
    let elsewhere = seen(&elsewhere.ask("GET /v2/").await, "nowhere/mary");
    assert_eq!(elsewhere, unknown[0]);
}
