//! The IAM calls on the wire, as scripts make them: with tokens and with signatures.

mod groups;
mod keys;
mod projects;
mod roles;
mod signatures;
mod temporary;
mod tokens;
mod trail;
mod users;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::installation::{Answer, Installation, PASSWORD};

/// An account `berth` with its administrator, a user without rights, and somebody of another account; each with a token.
struct Account {
    installation: Installation,
    domain_id: String,
    admin: Person,
    mary: Person,
    stranger: Person,
}

/// A user with a token.
struct Person {
    id: String,
    token: String,
}

impl Account {
    async fn start() -> Self {
        let installation = Installation::start();
        installation.admin(&["account", "create", "elsewhere"]);
        let create = |name: &str, more: &[&str]| {
            let created = installation.admin(&[&["user", "create", name], more].concat());
            created["password"].as_str().unwrap().to_owned()
        };
        let (mary, stranger) = (
            create("berth/mary", &[]),
            create("elsewhere/eve", &["--administrator"]),
        );
        let admin = signed_in(&installation, ("berth", "admin"), PASSWORD).await;
        let mary = signed_in(&installation, ("berth", "mary"), &mary).await;
        let stranger = signed_in(&installation, ("elsewhere", "eve"), &stranger).await;
        Self {
            domain_id: admin.1,
            admin: admin.0,
            mary: mary.0,
            stranger: stranger.0,
            installation,
        }
    }

    /// Sends a request with a token; the body as JSON, none when it is `null`.
    async fn call(&self, by: &Person, line: &str, body: &Value) -> Answer {
        send(&self.installation, &[("x-auth-token", &by.token)], line, body).await
    }

    /// The same by the administrator, who must succeed.
    #[track_caller]
    fn done(&self, line: &str, body: Value, status: u16) -> impl Future<Output = Value> {
        let line = line.to_owned();
        async move {
            let answer = self.call(&self.admin, &line, &body).await;
            assert_eq!(answer.status.as_u16(), status, "{line}: {}", answer.text);
            if answer.text.is_empty() {
                Value::Null
            } else {
                answer.json()
            }
        }
    }

    /// A refusal in IAM's shapes with that status and code.
    async fn refused(&self, by: &Person, line: &str, body: Value, status: u16, code: &str) {
        let answer = self.call(by, line, &body).await;
        refusal(&answer, line, status, code);
    }
}

fn refusal(answer: &Answer, line: &str, status: u16, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{line}: {}", answer.text);
    let request_id = answer.header("x-request-id");
    assert!(!request_id.is_empty(), "{line}");
    assert_eq!(answer.header("content-type"), "application/json", "{line}");
    if line.starts_with("HEAD") {
        return;
    }
    let body = answer.json();
    let message = body["error_msg"].as_str().unwrap();
    assert!(message.contains(' '), "{line}: {message} is no sentence");
    let expected = json!({
        "error": {
            "code": status,
            "message": message,
            "title": StatusCode::from_u16(status).unwrap().canonical_reason(),
        },
        "error_code": code,
        "error_msg": message,
        "request_id": request_id,
    });
    assert_eq!(body, expected, "{line}");
}

async fn send(
    installation: &Installation,
    headers: &[(&'static str, &str)],
    line: &str,
    body: &Value,
) -> Answer {
    let (method, target) = line.split_once(' ').unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let method: Method = method.parse().unwrap();
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    installation.send(method, target, map, &body).await
}

/// The body that asks for a token by password.
fn by_password((account, user): (&str, &str), password: &str) -> Value {
    json!({ "auth": { "identity": {
        "methods": ["password"],
        "password": { "user": { "name": user, "password": password, "domain": { "name": account } } },
    } } })
}

/// A user's token, and their account.
async fn signed_in(installation: &Installation, who: (&str, &str), password: &str) -> (Person, String) {
    let answer = send(
        installation,
        &[],
        "POST /v3/auth/tokens",
        &by_password(who, password),
    )
    .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let user = &answer.json()["token"]["user"];
    let person = Person {
        id: user["id"].as_str().unwrap().to_owned(),
        token: answer.header("x-subject-token").to_owned(),
    };
    (person, user["domain"]["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_is_not_there_is_refused_in_iams_form() {
    let account = Account::start().await;
    for (line, status, code) in [
        ("GET /v3/nothing", 404, "IAM.0004"),
        ("GET /v3.0/OS-NOTHING", 404, "IAM.0004"),
        ("PUT /v3/users", 405, "IAM.0002"),
        ("GET /v3/users/%00", 404, "IAM.0004"),
        ("GET /v3/users/%FF", 400, "IAM.0011"),
    ] {
        account
            .refused(&account.admin, line, Value::Null, status, code)
            .await;
    }
    for line in ["GET /v3/users", "GET /v3.0/OS-CREDENTIAL/credentials"] {
        let answer = send(&account.installation, &[], line, &Value::Null).await;
        refusal(&answer, line, 401, "IAM.0001");
        let answer = send(
            &account.installation,
            &[("x-auth-token", "a.b.c")],
            line,
            &Value::Null,
        )
        .await;
        refusal(&answer, line, 401, "APIGW.0301");
    }
}
