//! Projects and accounts, which clients look up before anything else.

use serde_json::{Value, json};

use super::Account;

#[tokio::test]
async fn an_account_has_one_project_named_as_the_region() {
    let account = Account::start().await;
    let url = format!("http://{}", account.installation.server.address);
    let links = |path: &str| json!({ "self": format!("{url}{path}"), "previous": null, "next": null });
    let listed = account
        .done("GET /v3/projects?name=local", Value::Null, 200)
        .await;
    let id = listed["projects"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let project = json!({
        "id": id, "name": "local", "domain_id": account.domain_id, "parent_id": account.domain_id,
        "is_domain": false, "enabled": true, "description": "", "links": links(&format!("/v3/projects/{id}")),
    });
    assert_eq!(
        listed,
        json!({ "projects": [project], "links": links("/v3/projects") })
    );
    for (line, found) in [
        ("GET /v3/projects".to_owned(), true),
        (
            format!("GET /v3/projects?domain_id={}&enabled=true", account.domain_id),
            true,
        ),
        ("GET /v3/projects?name=elsewhere".to_owned(), false),
        ("GET /v3/projects?enabled=false".to_owned(), false),
        ("GET /v3/auth/projects".to_owned(), true),
        (format!("GET /v3/users/{}/projects", account.mary.id), true),
    ] {
        let listed = account.done(&line, Value::Null, 200).await;
        let expected = if found { json!([project]) } else { json!([]) };
        assert_eq!(listed["projects"], expected, "{line}");
    }
    let shown = account
        .done(&format!("GET /v3/projects/{id}"), Value::Null, 200)
        .await;
    assert_eq!(shown, json!({ "project": project }));
    let domains = account.done("GET /v3/auth/domains", Value::Null, 200).await;
    let domain = json!({
        "id": account.domain_id, "name": "berth", "enabled": true, "description": "",
        "links": links(&format!("/v3/domains/{}", account.domain_id)),
    });
    assert_eq!(
        domains,
        json!({ "domains": [domain], "links": links("/v3/auth/domains") })
    );
    for line in [
        format!("GET /v3/projects/{id}"),
        format!("GET /v3/users/{}/projects", account.mary.id),
    ] {
        account
            .refused(&account.stranger, &line, Value::Null, 404, "IAM.0004")
            .await;
    }
}
