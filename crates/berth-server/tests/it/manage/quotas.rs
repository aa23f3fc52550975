//! Quotas, feature gates and the agency on the wire (operations 52, 53, 56 and 57, and the calls to set quotas).

use http::Method;
use serde_json::{Value, json};

use super::code;
use super::team::Team;

/// What a client sends that knows no project.
const QUOTAS: &str = "/v2/manage/projects/%7Bproject_id%7D/quotas";
const OF_TAGS: &str = "/v2/manage/projects/0123456789abcdef/quotas?namespace=group&repository=back%24end";
const SET: &str = "/v2/manage/domains/berth/quotas";
const AGENCY: &str = "/v2/manage/agency";

fn row(key: &str, limit: i64, used: i64) -> Value {
    json!({ "quota_key": key, "quota_limit": limit, "used": used, "unit": "" })
}

#[tokio::test]
async fn quotas_tell_what_counts_for_the_caller() {
    let team = Team::start().await;
    let listed = async |path: &str| team.does(Method::GET, path, &Value::Null, 200).await;
    let organizations = row("namespace", 5, 1);
    for path in [QUOTAS, OF_TAGS] {
        assert_eq!(listed(path).await, json!({ "quotas": [organizations] }));
    }
    let none = json!({ "namespace": null, "repository": null, "tag": null, "bytes": null });
    assert_eq!(listed(SET).await, none);
    let set = json!({ "namespace": 9, "repository": 4, "tag": 3, "bytes": null });
    assert_eq!(team.does(Method::PUT, SET, &set, 200).await, json!({}));
    assert_eq!(listed(SET).await, set);
    let (organizations, images) = (row("namespace", 9, 1), row("repository", 4, 1));
    assert_eq!(listed(QUOTAS).await, json!({ "quotas": [organizations, images] }));
    assert_eq!(
        listed(OF_TAGS).await,
        json!({ "quotas": [organizations, images, row("tag", 3, 1)] })
    );
    // Another user has created nothing.
    let reader = team.ask(&team.reader, Method::GET, QUOTAS, &Value::Null).await;
    assert_eq!(reader.json()["quotas"][0], row("namespace", 9, 0));
    // What is left out is left to the settings.
    team.does(Method::PUT, SET, &json!({ "tag": 0 }), 200).await;
    assert_eq!(
        listed(OF_TAGS).await,
        json!({ "quotas": [row("namespace", 5, 1), row("tag", 0, 1)] })
    );
}

#[tokio::test]
async fn nobody_raises_their_own_limits() {
    let team = Team::start().await;
    let set = json!({ "namespace": 100 });
    team.answers_people(Method::PUT, SET, &set, [403, 403, 403, 403, 403])
        .await;
    team.answers_people(Method::GET, SET, &Value::Null, [403, 403, 403, 403, 403])
        .await;
    let other = "/v2/manage/domains/other/quotas";
    // The administrator of another account sees its quotas, and the operator's account sets them.
    team.answers_people(Method::PUT, other, &set, [403, 403, 403, 403, 403])
        .await;
    team.does(Method::PUT, other, &set, 200).await;
    let shown = team.ask(&team.stranger, Method::GET, other, &Value::Null).await;
    assert_eq!(shown.json()["namespace"], 100);
    let limit = team.ask(&team.stranger, Method::GET, QUOTAS, &Value::Null).await;
    assert_eq!(limit.json()["quotas"], json!([row("namespace", 100, 0)]));
}

#[tokio::test]
async fn mistakes_with_quotas_have_their_codes() {
    let team = Team::start().await;
    let nowhere = "/v2/manage/domains/none/quotas";
    let half = format!("{QUOTAS}?namespace=group");
    let missing = format!("{QUOTAS}?namespace=group&repository=missing");
    for (method, path, body, status, code) in [
        (Method::GET, half.as_str(), Value::Null, 400, "4001025"),
        (Method::GET, missing.as_str(), Value::Null, 404, "4040010"),
        (Method::GET, nowhere, Value::Null, 400, "4001041"),
        (Method::PUT, nowhere, json!({}), 400, "4001041"),
        (Method::PUT, SET, json!({ "namespace": -1 }), 400, "4000014"),
        (Method::PUT, SET, json!({ "namespace": "5" }), 400, "4001018"),
        (Method::PUT, SET, json!({ "organizations": 5 }), 400, "4001018"),
    ] {
        team.refuses(method, path, &body, (status, code)).await;
    }
    let hidden = team.ask(&team.stranger, Method::GET, OF_TAGS, &Value::Null).await;
    assert_eq!(
        (hidden.status.as_u16(), code(&hidden).as_str()),
        (404, "SVCSTG.SWR.4040010")
    );
}

#[tokio::test]
async fn an_organization_over_the_quota_is_refused() {
    let team = Team::start().await;
    let create = |name: &str| json!({ "namespace": name });
    let namespaces = "/v2/manage/namespaces";
    team.does(Method::PUT, SET, &json!({ "namespace": 2 }), 200).await;
    team.does(Method::POST, namespaces, &create("second"), 201).await;
    team.refuses(Method::POST, namespaces, &create("third"), (400, "4000097"))
        .await;
    team.does(Method::PUT, SET, &json!({ "namespace": 3 }), 200).await;
    team.does(Method::POST, namespaces, &create("third"), 201).await;
}

#[tokio::test]
async fn images_and_tags_over_the_quota_are_refused() {
    let team = Team::start().await;
    let admin = team.docker(&team.admin);
    let repos = "/v2/manage/namespaces/group/repos";
    let create = |name: &str| json!({ "repository": name, "is_public": false });
    team.does(Method::PUT, SET, &json!({ "repository": 2, "tag": 2 }), 200)
        .await;
    team.does(Method::POST, repos, &create("second"), 200).await;
    team.refuses(Method::POST, repos, &create("third"), (400, "4000098"))
        .await;
    let refused = admin.ask("POST /v2/group/third/blobs/uploads/").await;
    let error = &refused.refused(403, "DENIED").errors()[0];
    assert_eq!(error["message"], "you do not have the permission");
    assert!(
        error["detail"].as_str().unwrap().contains("may hold 2 images"),
        "{error}"
    );
    admin.push_image("group/second", "v1", b"layer").await;
    admin.push_image("group/second", "v2", b"layer").await;
    let third = admin.ask("PUT /v2/group/second/manifests/v3");
    let index = crate::content::index(&[]);
    let third = third
        .header("content-type", index["mediaType"].as_str().unwrap())
        .body(index.to_string());
    let error = &third.await.refused(403, "DENIED").errors()[0];
    assert!(
        error["detail"].as_str().unwrap().contains("may have 2 tags"),
        "{error}"
    );
    // A tag that is there moves, and a new one is refused, whatever the way.
    admin.push_image("group/second", "v2", b"another layer").await;
    let tags = format!("{repos}/second/tags");
    let retag = |to: &str| json!({ "source_tag": "v1", "destination_tag": to, "override": true });
    team.refuses(Method::POST, &tags, &retag("v3"), (400, "4000099"))
        .await;
    team.does(Method::POST, &tags, &retag("v2"), 201).await;
    let used = format!("{QUOTAS}?namespace=group&repository=second");
    let listed = team.does(Method::GET, &used, &Value::Null, 200).await;
    let expected = [row("namespace", 5, 1), row("repository", 2, 2), row("tag", 2, 2)];
    assert_eq!(listed, json!({ "quotas": expected }));
}

#[tokio::test]
async fn the_gates_tell_the_truth() {
    let team = Team::start().await;
    let path = "/v2/manage/projects/%7Bproject_id%7D/feature-gates";
    let gates = team.does(Method::GET, path, &Value::Null, 200).await;
    let document = team.installation.get("/openapi.json", "").await.json();
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| &operation["operationId"])
        .collect();
    let has = |operation: &str| operations.contains(&&json!(operation));
    let expected = json!({
        "enable_experience": false,
        "enable_hss_service": false,
        "enable_image_scan": false,
        "enable_sm3": false,
        "enable_image_sync": true,
        "enable_cci_service": false,
        "enable_image_label": false,
        "enable_pipeline": false,
        "enable_authorization_token": has("create_authorization_token"),
        "enable_resource": false,
        "enable_list_v3": has("list_repo_details") && has("list_repository_tag") && has("list_shared_repo_details"),
        "enable_image_quota": false,
    });
    assert_eq!(gates, expected);
    team.does(Method::PUT, SET, &json!({ "tag": 3 }), 200).await;
    let gates = team.does(Method::GET, path, &Value::Null, 200).await;
    assert_eq!(gates["enable_image_quota"], true);
}

#[tokio::test]
async fn an_agency_is_made_once_by_an_administrator() {
    let team = Team::start().await;
    let before = team.does(Method::GET, AGENCY, &Value::Null, 200).await;
    let account = before["domain_id"].as_str().unwrap();
    assert_eq!(account.len(), 32);
    assert_eq!(before, json!({ "domain_id": account, "is_agency": false }));
    team.answers_people(Method::POST, AGENCY, &Value::Null, [403, 403, 403, 403, 204])
        .await;
    assert_eq!(
        team.does(Method::GET, AGENCY, &Value::Null, 200).await,
        before,
        "another account's"
    );
    assert_eq!(
        team.does(Method::POST, AGENCY, &Value::Null, 204).await,
        Value::Null
    );
    let after = team.ask(&team.reader, Method::GET, AGENCY, &Value::Null).await;
    assert_eq!(after.json(), json!({ "domain_id": account, "is_agency": true }));
    team.refuses(Method::POST, AGENCY, &Value::Null, (409, "4090089"))
        .await;
}
