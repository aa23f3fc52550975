//! Access keys: each user has their own, administrators see those of their account.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Account, Person};

const KEYS: &str = "/v3.0/OS-CREDENTIAL/credentials";

async fn create(account: &Account, by: &Person, user_id: &str) -> Value {
    let body = json!({ "credential": { "user_id": user_id, "description": "build server" } });
    let answer = account.call(by, &format!("POST {KEYS}"), &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()["credential"].clone()
}

#[tokio::test]
async fn a_key_is_made_shown_switched_and_deleted() {
    let account = Account::start().await;
    let made = create(&account, &account.mary, &account.mary.id).await;
    let access = made["access"].as_str().unwrap();
    let mut key = json!({
        "user_id": account.mary.id, "access": access, "status": "active", "create_time": made["create_time"],
        "description": "build server",
    });
    let mut with_secret = key.clone();
    with_secret["secret"] = made["secret"].clone();
    assert_eq!(made, with_secret);
    let secret = made["secret"].as_str().unwrap();
    assert_eq!((access.len(), secret.len()), (20, 40));
    let signed = async || {
        let answer = account
            .installation
            .signed_by(access, secret, Method::GET, ("/v3/auth/domains", ""));
        answer.await.status.as_u16()
    };
    let listed = account
        .call(&account.mary, &format!("GET {KEYS}"), &Value::Null)
        .await;
    key["last_use_time"] = Value::Null;
    assert_eq!(listed.json(), json!({ "credentials": [key] }));
    let path = format!("{KEYS}/{access}");
    assert_eq!(
        account.done(&format!("GET {path}"), Value::Null, 200).await,
        json!({ "credential": key })
    );
    assert_eq!(signed().await, 200);
    key["last_use_time"] =
        account.done(&format!("GET {path}"), Value::Null, 200).await["credential"]["last_use_time"].clone();
    assert!(key["last_use_time"].is_string(), "{key}");
    for (change, status) in [
        (json!({ "status": "inactive" }), 401),
        (json!({ "status": "active", "description": "" }), 200),
    ] {
        for (field, value) in change.as_object().unwrap() {
            key[field] = value.clone();
        }
        let body = json!({ "credential": change });
        let changed = account.call(&account.mary, &format!("PUT {path}"), &body).await;
        assert_eq!(changed.json(), json!({ "credential": key }), "{body}");
        assert_eq!(signed().await, status);
    }
    account.done(&format!("DELETE {path}"), Value::Null, 204).await;
    assert_eq!(signed().await, 401);
    for line in [format!("GET {path}"), format!("DELETE {path}")] {
        account
            .refused(&account.mary, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
    let body = json!({ "credential": { "status": "active" } });
    account
        .refused(&account.mary, &format!("PUT {path}"), body, 404, "IAM.0004")
        .await;
}

#[tokio::test]
async fn nobody_touches_the_keys_of_others_but_their_administrators() {
    let account = Account::start().await;
    let (hers, admins) = (
        create(&account, &account.admin, &account.mary.id).await,
        create(&account, &account.admin, &account.admin.id).await,
    );
    let (hers, admins) = (
        hers["access"].as_str().unwrap(),
        admins["access"].as_str().unwrap(),
    );
    let update = json!({ "credential": { "status": "inactive" } });
    for (by, access, owner) in [
        (&account.mary, admins, &account.admin.id),
        (&account.stranger, hers, &account.mary.id),
    ] {
        let body = json!({ "credential": { "user_id": owner } });
        for (line, body) in [
            (format!("GET {KEYS}?user_id={owner}"), Value::Null),
            (format!("POST {KEYS}"), body),
            (format!("GET {KEYS}/{access}"), Value::Null),
            (format!("PUT {KEYS}/{access}"), update.clone()),
            (format!("DELETE {KEYS}/{access}"), Value::Null),
        ] {
            account.refused(by, &line, body, 404, "IAM.0004").await;
        }
    }
    let listed = account
        .done(
            &format!("GET {KEYS}?user_id={}", account.mary.id),
            Value::Null,
            200,
        )
        .await;
    assert_eq!(listed["credentials"][0]["access"], hers);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let account = Account::start().await;
    let id = &account.mary.id;
    for body in [
        Value::Null,
        json!({ "credential": {} }),
        json!({ "credential": { "user_id": id, "description": "x".repeat(256) } }),
    ] {
        account
            .refused(&account.mary, &format!("POST {KEYS}"), body, 400, "IAM.0011")
            .await;
    }
    let mut last = Value::Null;
    for _ in 0..20 {
        last = create(&account, &account.mary, id).await;
    }
    let more = json!({ "credential": { "user_id": id } });
    account
        .refused(&account.mary, &format!("POST {KEYS}"), more, 400, "IAM.0011")
        .await;
    let path = format!("{KEYS}/{}", last["access"].as_str().unwrap());
    let bad = json!({ "credential": { "status": "asleep" } });
    account
        .refused(&account.mary, &format!("PUT {path}"), bad, 400, "IAM.0011")
        .await;
}
