//! Rules by which pushes go to nodes: what they may say, and whose they are.

use http::Method;
use serde_json::{Value, json};

use super::team::Team;

const RULE: &str = "/v2/manage/namespaces/group/repos/back$end/preheat_rule";
const OF_GROUP: &str = "/v2/manage/namespaces/group/preheat_rule";

#[tokio::test]
async fn a_rule_is_set_shown_and_deleted() {
    let team = Team::start().await;
    for place in [RULE, OF_GROUP] {
        for method in [Method::GET, Method::DELETE] {
            team.refuses(method, place, &Value::Null, (404, "4040136")).await;
        }
        let set = team.does(Method::PUT, place, &json!({}), 200).await;
        assert_eq!(
            (&set["enabled"], &set["tags"], &set["nodes"]),
            (&json!(true), &json!(""), &json!({ "labels": {} }))
        );
        let other = json!({ "enabled": false, "tags": "v*", "nodes": { "labels": { "zone": "a" } } });
        let set = team.does(Method::PUT, place, &other, 200).await;
        let shown = team.does(Method::GET, place, &Value::Null, 200).await;
        assert_eq!(set, shown);
        for field in ["enabled", "tags", "nodes"] {
            assert_eq!(shown[field], other[field], "{field}");
        }
        let many: serde_json::Map<String, Value> =
            (0..65).map(|label| (format!("l{label}"), json!(""))).collect();
        for (wrong, code) in [
            (json!({ "tags": "[" }), "4000014"),
            (json!({ "nodes": { "labels": many } }), "4000014"),
            (
                json!({ "nodes": { "labels": { "zone": "a".repeat(254) } } }),
                "4000014",
            ),
            (json!({ "nodes": { "zone": "a" } }), "4001018"),
            (json!({ "enabled": "true" }), "4001018"),
            (json!({ "tag": "v*" }), "4001018"),
        ] {
            team.refuses(Method::PUT, place, &wrong, (400, code)).await;
        }
        assert_eq!(team.does(Method::GET, place, &Value::Null, 200).await, shown);
        team.does(Method::DELETE, place, &Value::Null, 204).await;
        team.refuses(Method::GET, place, &Value::Null, (404, "4040136"))
            .await;
    }
    for place in [
        RULE.replace("back$end", "missing"),
        OF_GROUP.replace("group", "missing"),
    ] {
        let answer = team.ask(&team.admin, Method::PUT, &place, &json!({})).await;
        assert_eq!(answer.status.as_u16(), 404, "{place}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_manages_sets_rules_and_who_may_pull_sees_them() {
    let team = Team::start().await;
    for place in [RULE, OF_GROUP] {
        team.answers_people(Method::PUT, place, &json!({}), [200, 403, 403, 404, 404])
            .await;
        team.answers_people(Method::GET, place, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        team.answers_people(Method::DELETE, place, &Value::Null, [204, 403, 403, 404, 404])
            .await;
    }
}
