//! Roles: which there are, and what a group's members may do once it has one.

use http::StatusCode;
use serde_json::{Value, json};

use super::Account;

async fn role(account: &Account, name: &str) -> String {
    let listed = account
        .done(&format!("GET /v3/roles?name={name}"), Value::Null, 200)
        .await;
    assert_eq!(listed["total_number"], 1, "{listed}");
    listed["roles"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_roles_that_exist_are_listed() {
    let account = Account::start().await;
    let url = format!("http://{}", account.installation.server.address);
    let listed = account.done("GET /v3/roles", Value::Null, 200).await;
    let shown: Vec<(&Value, &Value)> = listed["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| (&role["name"], &role["display_name"]))
        .collect();
    assert_eq!(
        shown,
        [
            (&json!("te_admin"), &json!("Tenant Administrator")),
            (&json!("swr_adm"), &json!("SWR Administrator"))
        ]
    );
    let id = role(&account, "swr_adm").await;
    let swr = json!({
        "id": id, "name": "swr_adm", "display_name": "SWR Administrator", "domain_id": null, "catalog": "SWR",
        "type": "XA", "description": "Administers everything of the account, its people and keys too: there is no smaller role here",
        "policy": { "Version": "1.0", "Statement": [{ "Action": ["*:*:*"], "Effect": "Allow" }] },
        "links": { "self": format!("{url}/v3/roles/{id}"), "previous": null, "next": null },
    });
    assert_eq!(listed["roles"][1], swr);
    assert_eq!(
        account
            .done(&format!("GET /v3/roles/{id}"), Value::Null, 200)
            .await,
        json!({ "role": swr })
    );
    let named = account
        .done("GET /v3/roles?display_name=SWR%20Administrator", Value::Null, 200)
        .await;
    assert_eq!(named["roles"], json!([swr]));
    account
        .refused(
            &account.admin,
            "GET /v3/roles/missing",
            Value::Null,
            404,
            "IAM.0004",
        )
        .await;
}

#[tokio::test]
async fn a_role_of_a_group_makes_its_members_administrators() {
    let account = Account::start().await;
    let (tenant, swr) = (role(&account, "te_admin").await, role(&account, "swr_adm").await);
    let made = account
        .done("POST /v3/groups", json!({ "group": { "name": "ops" } }), 201)
        .await;
    let group = made["group"]["id"].as_str().unwrap().to_owned();
    account
        .done(
            &format!("PUT /v3/groups/{group}/users/{}", account.mary.id),
            Value::Null,
            204,
        )
        .await;
    let projects = account.done("GET /v3/projects", Value::Null, 200).await;
    let project = projects["projects"][0]["id"].as_str().unwrap();
    let places = [
        (
            format!("/v3/domains/{}/groups/{group}/roles", account.domain_id),
            tenant,
        ),
        (format!("/v3/projects/{project}/groups/{group}/roles"), swr),
    ];
    for (place, role) in &places {
        let (head, put, delete) = (
            format!("HEAD {place}/{role}"),
            format!("PUT {place}/{role}"),
            format!("DELETE {place}/{role}"),
        );
        account
            .refused(&account.admin, &head, Value::Null, 404, "IAM.0004")
            .await;
        account
            .refused(&account.admin, &delete, Value::Null, 404, "IAM.0004")
            .await;
        account
            .refused(&account.mary, "GET /v3/users", Value::Null, 403, "IAM.0003")
            .await;
        for _ in 0..2 {
            account.done(&put, Value::Null, 204).await;
        }
        account.done(&head, Value::Null, 204).await;
        let listed = account.done(&format!("GET {place}"), Value::Null, 200).await;
        assert_eq!(
            (&listed["total_number"], &listed["roles"][0]["id"]),
            (&json!(1), &json!(role))
        );
        let other = if *place == places[0].0 {
            &places[1].0
        } else {
            &places[0].0
        };
        assert_eq!(
            account.done(&format!("GET {other}"), Value::Null, 200).await["roles"],
            json!([])
        );
        let allowed = account.call(&account.mary, "GET /v3/users", &Value::Null).await;
        assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.text);
        account.done(&delete, Value::Null, 204).await;
    }
}

#[tokio::test]
async fn roles_are_given_by_administrators_at_places_of_their_account() {
    let account = Account::start().await;
    let role = role(&account, "te_admin").await;
    let made = account
        .done("POST /v3/groups", json!({ "group": { "name": "ops" } }), 201)
        .await;
    let group = made["group"]["id"].as_str().unwrap();
    let own = format!("/v3/domains/{}/groups/{group}/roles", account.domain_id);
    let foreign = format!("/v3/domains/{}/groups/{group}/roles", account.mary.id);
    let project = format!("/v3/projects/{}/groups/{group}/roles", account.domain_id);
    let missing = format!("/v3/domains/{}/groups/missing/roles", account.domain_id);
    for line in [
        format!("GET {own}"),
        format!("PUT {own}/{role}"),
        format!("HEAD {own}/{role}"),
        format!("DELETE {own}/{role}"),
    ] {
        account
            .refused(&account.mary, &line, Value::Null, 403, "IAM.0003")
            .await;
        account
            .refused(&account.stranger, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
    for place in [&foreign, &project, &missing] {
        for line in [
            format!("GET {place}"),
            format!("PUT {place}/{role}"),
            format!("HEAD {place}/{role}"),
            format!("DELETE {place}/{role}"),
        ] {
            account
                .refused(&account.admin, &line, Value::Null, 404, "IAM.0004")
                .await;
        }
    }
    for verb in ["PUT", "HEAD", "DELETE"] {
        let line = format!("{verb} {own}/missing");
        account
            .refused(&account.admin, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
}
