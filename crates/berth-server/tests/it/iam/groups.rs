//! Groups and who is in them.

use serde_json::{Value, json};

use super::Account;

async fn group(account: &Account, name: &str) -> String {
    let body = json!({ "group": { "name": name } });
    let made = account.done("POST /v3/groups", body, 201).await;
    made["group"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_administrator_makes_shows_changes_and_deletes_groups() {
    let account = Account::start().await;
    let url = format!("http://{}", account.installation.server.address);
    let body =
        json!({ "group": { "name": "crew", "domain_id": account.domain_id, "description": "everybody" } });
    let made = account.done("POST /v3/groups", body.clone(), 201).await;
    let id = made["group"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v3/groups/{id}");
    let mut crew = json!({
        "id": id, "name": "crew", "domain_id": account.domain_id, "description": "everybody",
        "create_time": made["group"]["create_time"],
        "links": { "self": format!("{url}{path}"), "previous": null, "next": null },
    });
    assert!(crew["create_time"].is_i64(), "{crew}");
    assert_eq!(made, json!({ "group": crew }));
    account
        .refused(&account.admin, "POST /v3/groups", body, 409, "IAM.0005")
        .await;
    let other = group(&account, "other").await;
    let taken = json!({ "group": { "name": "crew" } });
    account
        .refused(
            &account.admin,
            &format!("PATCH /v3/groups/{other}"),
            taken,
            409,
            "IAM.0005",
        )
        .await;
    let change = json!({ "group": { "name": "team", "description": "" } });
    let changed = account.done(&format!("PATCH {path}"), change, 200).await;
    (crew["name"], crew["description"]) = (json!("team"), json!(""));
    assert_eq!(changed, json!({ "group": crew }));
    assert_eq!(
        account.done(&format!("GET {path}"), Value::Null, 200).await,
        json!({ "group": crew })
    );
    for (query, names) in [
        ("", vec!["other", "team"]),
        ("?name=team", vec!["team"]),
        ("?name=crew", vec![]),
    ] {
        let listed = account
            .done(&format!("GET /v3/groups{query}"), Value::Null, 200)
            .await;
        let groups = listed["groups"].as_array().unwrap();
        let found: Vec<&str> = groups
            .iter()
            .map(|group| group["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{query}");
    }
    account.done(&format!("DELETE {path}"), Value::Null, 204).await;
    for line in [
        format!("GET {path}"),
        format!("DELETE {path}"),
        format!("GET {path}/users"),
    ] {
        account
            .refused(&account.admin, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
    for body in [
        Value::Null,
        json!({ "group": {} }),
        json!({ "group": { "name": "a b" } }),
    ] {
        account
            .refused(&account.admin, "POST /v3/groups", body, 400, "IAM.0011")
            .await;
    }
}

#[tokio::test]
async fn users_come_into_groups_and_leave_them() {
    let account = Account::start().await;
    let crew = group(&account, "crew").await;
    let member = format!("/v3/groups/{crew}/users/{}", account.mary.id);
    let (head, put, delete) = (
        format!("HEAD {member}"),
        format!("PUT {member}"),
        format!("DELETE {member}"),
    );
    account
        .refused(&account.admin, &head, Value::Null, 404, "IAM.0004")
        .await;
    account
        .refused(&account.admin, &delete, Value::Null, 404, "IAM.0004")
        .await;
    for _ in 0..2 {
        account.done(&put, Value::Null, 204).await;
    }
    account.done(&head, Value::Null, 204).await;
    let listed = account
        .done(&format!("GET /v3/groups/{crew}/users"), Value::Null, 200)
        .await;
    assert_eq!(listed["users"][0]["name"], "mary");
    let groups = format!("GET /v3/users/{}/groups", account.mary.id);
    let own = account.call(&account.mary, &groups, &Value::Null).await;
    assert_eq!(own.json()["groups"][0]["name"], "crew");
    account.done(&delete, Value::Null, 204).await;
    assert_eq!(account.done(&groups, Value::Null, 200).await["groups"], json!([]));
    let stranger = format!("PUT /v3/groups/{crew}/users/{}", account.stranger.id);
    account
        .refused(&account.admin, &stranger, Value::Null, 404, "IAM.0004")
        .await;
}

#[tokio::test]
async fn only_administrators_of_the_account_manage_its_groups() {
    let account = Account::start().await;
    let crew = group(&account, "crew").await;
    let member = format!("/v3/groups/{crew}/users/{}", account.mary.id);
    let body = json!({ "group": { "name": "new", "domain_id": account.domain_id } });
    for (line, body, by_stranger) in [
        (
            format!("GET /v3/groups?domain_id={}", account.domain_id),
            Value::Null,
            403,
        ),
        ("POST /v3/groups".to_owned(), body.clone(), 403),
        (format!("GET /v3/groups/{crew}"), Value::Null, 404),
        (format!("PATCH /v3/groups/{crew}"), body, 404),
        (format!("DELETE /v3/groups/{crew}"), Value::Null, 404),
        (format!("GET /v3/groups/{crew}/users"), Value::Null, 404),
        (format!("PUT {member}"), Value::Null, 404),
        (format!("DELETE {member}"), Value::Null, 404),
    ] {
        account
            .refused(&account.mary, &line, body.clone(), 403, "IAM.0003")
            .await;
        let code = if by_stranger == 403 {
            "IAM.0003"
        } else {
            "IAM.0004"
        };
        account
            .refused(&account.stranger, &line, body, by_stranger, code)
            .await;
    }
    account
        .refused(
            &account.stranger,
            &format!("HEAD {member}"),
            Value::Null,
            404,
            "IAM.0004",
        )
        .await;
    let others = format!("GET /v3/users/{}/groups", account.admin.id);
    account
        .refused(&account.mary, &others, Value::Null, 404, "IAM.0004")
        .await;
}
