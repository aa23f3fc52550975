//! What the audit trail keeps of logins and people: who and whom, never a secret.

use serde_json::{Value, json};

use super::{Account, by_password, send};
use crate::installation::PASSWORD;

#[tokio::test]
async fn logins_and_changes_of_people_are_in_the_trail_without_their_secrets() {
    let account = Account::start().await;
    let installation = &account.installation;
    let guess = "a secret that nobody may read";
    let refused = send(
        installation,
        &[],
        "POST /v3/auth/tokens",
        &by_password(("berth", "admin"), guess),
    )
    .await;
    assert_eq!(refused.status.as_u16(), 401);
    let json_body = [("content-type", "application/json")];
    for (password, status) in [(guess, 401), (PASSWORD, 201)] {
        let body = json!({ "account": "berth", "user": "admin", "password": password });
        let answer = send(installation, &json_body, "POST /v2/manage/sessions", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
    let body = json!({ "user": { "name": "ana", "password": guess } });
    account.done("POST /v3/users", body, 201).await;
    let mut told = Vec::new();
    for _ in 0..100 {
        let trail = account
            .done("GET /v2/manage/audit-events", Value::Null, 200)
            .await;
        assert!(!trail.to_string().contains(guess), "{trail}");
        told = trail["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| {
                let text = |field: &str| event[field].as_str().unwrap().to_owned();
                (
                    text("user_name"),
                    text("action"),
                    text("resource"),
                    event["status"].as_i64().unwrap(),
                )
            })
            .collect();
        // Refusals are written soon, not before their answers.
        if told.iter().filter(|(.., status)| *status == 401).count() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for (who, action, resource, status) in [
        ("berth/admin", "keystone_create_user_token_by_password", "", 401),
        ("berth/admin", "create_session", "", 401),
        ("admin", "create_session", "", 201),
        ("admin", "keystone_create_user", "name=ana", 201),
    ] {
        let row = (who.to_owned(), action.to_owned(), resource.to_owned(), status);
        assert!(told.contains(&row), "{row:?} is not in {told:#?}");
    }
}
