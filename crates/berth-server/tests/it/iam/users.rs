//! Users: made, shown, changed and deleted by administrators; passwords changed by their owners.

use serde_json::{Value, json};

use super::{Account, signed_in};
use crate::installation::PASSWORD;

#[tokio::test]
async fn an_administrator_makes_shows_changes_and_deletes_users() {
    let account = Account::start().await;
    let url = format!("http://{}", account.installation.server.address);
    let body = json!({ "user": {
        "name": "ana", "domain_id": account.domain_id, "password": "a long password", "enabled": true,
        "description": "pushes at night",
    } });
    let made = account.done("POST /v3/users", body.clone(), 201).await;
    let id = made["user"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v3/users/{id}");
    let mut user = json!({
        "id": id, "name": "ana", "domain_id": account.domain_id, "enabled": true, "description": "pushes at night",
        "access_mode": "default", "pwd_status": false, "password_expires_at": null,
        "links": { "self": format!("{url}{path}"), "previous": null, "next": null },
    });
    assert_eq!(made, json!({ "user": user }));
    account
        .refused(&account.admin, "POST /v3/users", body, 409, "IAM.0005")
        .await;
    signed_in(&account.installation, ("berth", "ana"), "a long password").await;
    let change = json!({ "user": { "name": "anna", "enabled": false, "description": "", "password": "another password" } });
    let changed = account.done(&format!("PATCH {path}"), change, 200).await;
    (user["name"], user["enabled"], user["description"]) = (json!("anna"), json!(false), json!(""));
    assert_eq!(changed, json!({ "user": user }));
    assert_eq!(
        account.done(&format!("GET {path}"), Value::Null, 200).await,
        json!({ "user": user })
    );
    for (query, names) in [
        ("", vec!["admin", "anna", "mary"]),
        ("?name=anna", vec!["anna"]),
        ("?enabled=false", vec!["anna"]),
        ("?enabled=true", vec!["admin", "mary"]),
        (
            &format!("?domain_id={}&name=mary", account.domain_id),
            vec!["mary"],
        ),
        ("?name=nobody", vec![]),
    ] {
        let listed = account
            .done(&format!("GET /v3/users{query}"), Value::Null, 200)
            .await;
        assert_eq!(listed["links"]["self"], format!("{url}/v3/users"));
        let users = listed["users"].as_array().unwrap();
        let found: Vec<&str> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
    }
    account.done(&format!("DELETE {path}"), Value::Null, 204).await;
    for line in [format!("GET {path}"), format!("DELETE {path}")] {
        account
            .refused(&account.admin, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
    let gone = json!({ "user": { "name": "x" } });
    account
        .refused(&account.admin, &format!("PATCH {path}"), gone, 404, "IAM.0004")
        .await;
}

#[tokio::test]
async fn a_user_has_an_access_type() {
    let account = Account::start().await;
    let url = format!("http://{}", account.installation.server.address);
    let path = "/v3.0/OS-USER/users";
    let body = json!({ "user": {
        "name": "robot", "domain_id": account.domain_id, "password": "a long password", "access_mode": "programmatic",
        "email": "robot@example.com", "areacode": "0086", "phone": "123", "xuser_id": "", "xuser_type": "",
        "pwd_status": false, "enabled": true, "description": "builds",
    } });
    let made = account.done(&format!("POST {path}"), body.clone(), 201).await;
    let id = made["user"]["id"].as_str().unwrap().to_owned();
    let mut user = json!({
        "id": id, "name": "robot", "domain_id": account.domain_id, "enabled": true, "description": "builds",
        "access_mode": "programmatic", "is_domain_owner": false, "pwd_status": false, "password_expires_at": null,
        "create_time": made["user"]["create_time"], "email": "", "areacode": "", "phone": "", "xuser_id": "",
        "xuser_type": "", "xdomain_id": "", "xdomain_type": "",
        "links": { "self": format!("{url}{path}/{id}"), "previous": null, "next": null },
    });
    assert_eq!(made, json!({ "user": user }));
    account
        .refused(&account.admin, &format!("POST {path}"), body, 409, "IAM.0005")
        .await;
    for mode in ["console", "default"] {
        let change = json!({ "user": { "access_mode": mode } });
        let changed = account.done(&format!("PUT {path}/{id}"), change, 200).await;
        user["access_mode"] = json!(mode);
        assert_eq!(changed, json!({ "user": user }));
    }
    assert_eq!(
        account.done(&format!("GET {path}/{id}"), Value::Null, 200).await,
        json!({ "user": user })
    );
    let bad = json!({ "user": { "access_mode": "sometimes" } });
    account
        .refused(&account.admin, &format!("PUT {path}/{id}"), bad, 400, "IAM.0011")
        .await;
    let taken = json!({ "user": { "name": "mary" } });
    account
        .refused(
            &account.admin,
            &format!("PUT {path}/{id}"),
            taken,
            409,
            "IAM.0005",
        )
        .await;
}

#[tokio::test]
async fn only_administrators_of_the_account_manage_its_people() {
    let account = Account::start().await;
    let (domain, admin, mary) = (&account.domain_id, &account.admin.id, &account.mary.id);
    let new = json!({ "user": { "name": "new", "domain_id": domain } });
    let change = json!({ "user": { "description": "new" } });
    for (line, body, by_mary, by_stranger) in [
        (format!("GET /v3/users?domain_id={domain}"), Value::Null, 403, 403),
        ("POST /v3/users".to_owned(), new.clone(), 403, 403),
        ("POST /v3.0/OS-USER/users".to_owned(), new, 403, 403),
        (format!("GET /v3/users/{admin}"), Value::Null, 404, 404),
        (format!("GET /v3.0/OS-USER/users/{admin}"), Value::Null, 404, 404),
        (format!("GET /v3/users/{mary}"), Value::Null, 200, 404),
        (format!("GET /v3.0/OS-USER/users/{mary}"), Value::Null, 200, 404),
        (format!("PATCH /v3/users/{mary}"), change.clone(), 403, 404),
        (format!("PUT /v3.0/OS-USER/users/{mary}"), change, 403, 404),
        (format!("DELETE /v3/users/{mary}"), Value::Null, 403, 404),
        (format!("DELETE /v3/users/{admin}"), Value::Null, 404, 404),
    ] {
        for (by, status) in [(&account.mary, by_mary), (&account.stranger, by_stranger)] {
            let code = if status == 403 { "IAM.0003" } else { "IAM.0004" };
            if status == 200 {
                let answer = account.call(by, &line, &body).await;
                assert_eq!(answer.status.as_u16(), 200, "{line}: {}", answer.text);
            } else {
                account.refused(by, &line, body.clone(), status, code).await;
            }
        }
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let account = Account::start().await;
    let user = |fields: Value| json!({ "user": fields });
    for body in [
        Value::Null,
        json!({}),
        user(json!({})),
        user(json!({ "name": "" })),
        user(json!({ "name": "with space" })),
        user(json!({ "name": "a@b" })),
        user(json!({ "name": "x".repeat(65) })),
        user(json!({ "name": "ana", "password": "short" })),
        user(json!({ "name": "ana", "description": "x".repeat(256) })),
        user(json!({ "name": "ana", "enabled": "yes" })),
    ] {
        account
            .refused(&account.admin, "POST /v3/users", body, 400, "IAM.0011")
            .await;
    }
    account
        .refused(
            &account.admin,
            "GET /v3/users?enabled=maybe",
            Value::Null,
            400,
            "IAM.0011",
        )
        .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let account = Account::start().await;
    let path = format!("/v3/users/{}", account.admin.id);
    let disable = json!({ "user": { "enabled": false } });
    account
        .refused(
            &account.admin,
            &format!("DELETE {path}"),
            Value::Null,
            400,
            "IAM.0011",
        )
        .await;
    account
        .refused(
            &account.admin,
            &format!("PATCH {path}"),
            disable.clone(),
            400,
            "IAM.0011",
        )
        .await;
    let refused = account
        .call(&account.admin, &format!("DELETE {path}"), &Value::Null)
        .await;
    let message = refused.json()["error_msg"].clone();
    assert_eq!(
        message,
        "account 'berth' would have no administrator left: make somebody else one first"
    );
    account
        .installation
        .admin(&["user", "create", "berth/second", "--administrator"]);
    account.done(&format!("PATCH {path}"), disable, 200).await;
    account
        .refused(&account.admin, "GET /v3/users", Value::Null, 401, "APIGW.0301")
        .await;
}

#[tokio::test]
async fn people_change_their_own_password() {
    let account = Account::start().await;
    let line = format!("POST /v3/users/{}/password", account.admin.id);
    let change =
        |original: &str, new: &str| json!({ "user": { "password": new, "original_password": original } });
    for body in [
        Value::Null,
        change("wrong password", "another password"),
        change(PASSWORD, PASSWORD),
        change(PASSWORD, "short"),
    ] {
        account
            .refused(&account.admin, &line, body, 400, "IAM.0011")
            .await;
    }
    let others = format!("POST /v3/users/{}/password", account.mary.id);
    let body = change(PASSWORD, "another password");
    account
        .refused(&account.admin, &others, body.clone(), 403, "IAM.0003")
        .await;
    account
        .refused(&account.stranger, &line, body.clone(), 404, "IAM.0004")
        .await;
    account.done(&line, body, 204).await;
    account
        .refused(&account.admin, "GET /v3/users", Value::Null, 401, "APIGW.0301")
        .await;
    signed_in(&account.installation, ("berth", "admin"), "another password").await;
}
