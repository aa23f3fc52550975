//! The management API as the Terraform provider's client uses it: signed without the host, exact statuses, a body on
//! every 200 and 201, lists paged by ten until they say that they end. From its code; the provider itself is not run here.

use std::collections::BTreeSet;

use berth_oci::signature::{SignedBody, SignedRequest};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::installation::{ACCESS_KEY_ID, Answer, Installation, SECRET_KEY};

const ORGANIZATION: &str = "/v2/manage/namespaces/terra";
const IMAGE: &str = "/v2/manage/namespaces/terra/repos/back$end";
const SHARES: &str = "/v2/manage/namespaces/terra/repositories/back$end/access-domains";

struct Provider(Installation);

impl Provider {
    /// Sends a request as the provider's client signs it, and insists on the one status that it takes for success.
    async fn ask(&self, method: Method, target: &str, body: Value, status: u16) -> Value {
        let answer = self.send(method.clone(), target, body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{method} {target}: {}",
            answer.text
        );
        if status == 204 {
            assert_eq!(answer.text, "", "{method} {target}");
            return Value::Null;
        }
        answer.json()
    }

    async fn send(&self, method: Method, target: &str, body: Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let date = OffsetDateTime::now_utc()
            .format(format_description!("[year][month][day]T[hour][minute][second]Z"));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "application/json"),
            ("user-agent", "terraform-provider-iac"),
            ("x-sdk-date", date.unwrap().as_str()),
        ] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let mut signed = vec!["accept", "user-agent", "x-sdk-date"];
        if !body.is_empty() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            signed.insert(1, "content-type");
        }
        let (raw_path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let request = SignedRequest {
            method: &method,
            raw_path,
            query,
            headers: &headers,
            authority: None,
            body: SignedBody::Received(body.as_bytes()),
        };
        let authorization = request
            .sign(ACCESS_KEY_ID, SECRET_KEY, &signed)
            .unwrap()
            .to_string();
        headers.insert("authorization", HeaderValue::try_from(authorization).unwrap());
        // Added after signing.
        headers.insert(
            "x-project-id",
            HeaderValue::from_static("0123456789abcdef0123456789abcdef"),
        );
        self.0.send(method, target, headers, &body).await
    }

    /// The names of all rows of a list, ten at a time, until the running offset is what the first row calls the total.
    async fn all_images(&self, list: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut offset = 0;
        for _ in 0..10 {
            let page = self
                .ask(
                    Method::GET,
                    &format!("{list}limit=10&offset={offset}"),
                    Value::Null,
                    200,
                )
                .await;
            let page = page.as_array().unwrap();
            offset += page.len();
            names.extend(page.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
            let total = page.first().map_or(0, |row| row["total_range"].as_u64().unwrap());
            if page.is_empty() || u64::try_from(offset).unwrap() == total {
                return names;
            }
        }
        panic!("{list} never ends");
    }

    async fn create(&self, image: &str) {
        let body = json!({ "repository": image, "is_public": false });
        self.ask(Method::POST, &format!("{ORGANIZATION}/repos"), body, 200)
            .await;
    }
}

async fn provider() -> Provider {
    let provider = Provider(Installation::start());
    let created = provider
        .ask(
            Method::POST,
            "/v2/manage/namespaces",
            json!({ "namespace": "terra" }),
            201,
        )
        .await;
    assert_eq!(created, json!({}));
    provider
}

#[tokio::test]
async fn organizations_and_images_come_and_go_with_the_statuses_it_insists_on() {
    let provider = provider().await;
    let shown = provider.ask(Method::GET, ORGANIZATION, Value::Null, 200).await;
    assert_eq!(
        (shown["name"].as_str(), shown["auth"].as_i64()),
        (Some("terra"), Some(7))
    );
    provider.create("back/end").await;
    let shown = provider.ask(Method::GET, IMAGE, Value::Null, 200).await;
    assert_eq!(
        (shown["name"].as_str(), shown["num_images"].as_i64()),
        (Some("back/end"), Some(0))
    );
    let updated = provider
        .ask(Method::PATCH, IMAGE, json!({ "is_public": false }), 201)
        .await;
    assert_eq!(updated, json!({}));
    provider.ask(Method::DELETE, IMAGE, Value::Null, 204).await;
    provider.ask(Method::GET, IMAGE, Value::Null, 404).await;
    provider.ask(Method::DELETE, ORGANIZATION, Value::Null, 204).await;
}

#[tokio::test]
async fn lists_end_where_it_stops_to_ask() {
    let provider = provider().await;
    let mut images = BTreeSet::new();
    for number in 0..20 {
        let image = format!("image-{number}");
        provider.create(&image).await;
        images.insert(image);
    }
    assert_eq!(
        provider.all_images("/v2/manage/repos?namespace=terra&").await,
        images
    );
    assert_eq!(
        provider.all_images("/v2/manage/repos?namespace=none&").await,
        BTreeSet::new()
    );
    let shared = provider.all_images("/v2/manage/shared-repositories?center=self&");
    assert_eq!(shared.await, BTreeSet::new());
    let tags = format!("{ORGANIZATION}/repos/image-0/tags?limit=10&offset=0");
    assert_eq!(
        provider.ask(Method::GET, &tags, Value::Null, 200).await,
        json!([])
    );
}

#[tokio::test]
async fn a_share_that_is_gone_is_told_in_a_way_it_understands() {
    let provider = provider().await;
    provider.0.admin(&["account", "create", "guests"]);
    provider.create("back/end").await;
    let share = json!({ "access_domain": "guests", "permit": "read", "deadline": "2099-12-31T00:00:00Z" });
    assert_eq!(provider.ask(Method::POST, SHARES, share, 201).await, json!({}));
    let one = format!("{SHARES}/guests");
    let shown = provider.ask(Method::GET, &one, Value::Null, 200).await;
    assert_eq!(
        (
            shown["exist"].as_bool(),
            &shown["deadline"].as_str().unwrap()[..10]
        ),
        (Some(true), "2099-12-31")
    );
    let change = json!({ "permit": "read", "deadline": "forever", "description": "" });
    assert_eq!(provider.ask(Method::PATCH, &one, change, 201).await, json!({}));
    provider.ask(Method::DELETE, &one, Value::Null, 204).await;
    let gone = provider.send(Method::GET, &one, Value::Null).await;
    let is_absent = match gone.status.as_u16() {
        200 => gone.json()["exist"] == false,
        400 => gone.json()["errorCode"] == "SVCSTG.SWR.4001090",
        status => status == 404,
    };
    assert!(is_absent, "{gone:?}");
}

#[tokio::test]
async fn policies_are_made_read_and_found_gone() {
    let provider = provider().await;
    provider.create("back/end").await;
    let rule = json!({ "template": "tag_rule", "params": { "num": "7" }, "tag_selectors": [] });
    let policy = json!({ "algorithm": "or", "rules": [rule] });
    let retentions = format!("{IMAGE}/retentions");
    let id = provider.ask(Method::POST, &retentions, policy, 201).await["id"]
        .as_i64()
        .unwrap();
    let one = format!("{retentions}/{id}");
    let shown = provider.ask(Method::GET, &one, Value::Null, 200).await;
    assert_eq!(shown["rules"][0]["params"], json!({ "num": "7" }));
    provider.ask(Method::DELETE, &one, Value::Null, 200).await;
    let gone = provider.send(Method::DELETE, &one, Value::Null).await;
    let found = (
        gone.status.as_u16(),
        gone.json()["errors"][0]["errorCode"].clone(),
    );
    assert!(
        found.0 == 404 || found == (400, json!("SVCSTG.SWR.4000306")),
        "{gone:?}"
    );

    let trigger = json!({
        "name": "roll-out", "trigger_type": "all", "condition": ".*", "action": "update", "enable": "true",
        "app_type": "deployments", "application": "back-end", "cluster_ns": "default", "trigger_mode": "cci",
    });
    let triggers = format!("{IMAGE}/triggers");
    provider.ask(Method::POST, &triggers, trigger, 201).await;
    let one = format!("{triggers}/roll-out");
    let shown = provider.ask(Method::GET, &one, Value::Null, 200).await;
    assert_eq!(
        (&shown["enable"], &shown["trigger_history"]),
        (&json!("true"), &json!([]))
    );
    provider
        .ask(Method::PATCH, &one, json!({ "enable": "false" }), 201)
        .await;
    provider.ask(Method::DELETE, &one, Value::Null, 204).await;
    provider.ask(Method::GET, &one, Value::Null, 404).await;

    let sync = format!("{IMAGE}/sync_repo");
    assert_eq!(
        provider.ask(Method::GET, &sync, Value::Null, 200).await,
        json!([])
    );
    let rule = json!({ "remoteRegionId": "elsewhere", "remoteNamespace": "terra" });
    let gone = provider.send(Method::DELETE, &sync, rule).await;
    let found = (
        gone.status.as_u16(),
        gone.json()["errors"][0]["errorCode"].clone(),
    );
    assert_eq!(found, (400, json!("SVCSTG.SWR.4001158")));
    let jobs = format!("{IMAGE}/sync_job?filter=limit::10|offset::0");
    assert_eq!(
        provider.ask(Method::GET, &jobs, Value::Null, 200).await,
        json!([])
    );
}
