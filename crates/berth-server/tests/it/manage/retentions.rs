//! Retention on the wire (operations 44 to 49).

use berth_metadata::{By, CondemnedTag, CondemnedTags, Deletion, Guard, LedgerView, TagChange, Untagged};
use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, NO_IMAGE, Team, push};

fn retentions() -> String {
    format!("{IMAGE}/retentions")
}

fn days(days: &str) -> Value {
    json!({
        "algorithm": "or",
        "rules": [{
            "template": "date_rule",
            "params": { "days": days },
            "tag_selectors": [{ "kind": "label", "pattern": "v5" }, { "kind": "regexp", "pattern": "^123$" }],
        }],
    })
}

fn newest(num: &str) -> Value {
    json!({ "algorithm": "or", "rules": [{ "template": "tag_rule", "params": { "num": num }, "tag_selectors": [] }] })
}

/// The policy as it is shown under an id.
fn shown(mut policy: Value, id: &Value) -> Value {
    policy["id"] = id.clone();
    policy["scope"] = json!("");
    policy
}

#[tokio::test]
async fn a_retention_lives_from_its_creation_to_its_deletion() {
    let team = Team::start().await;
    assert_eq!(
        team.does(Method::GET, &retentions(), &Value::Null, 200).await,
        json!([])
    );
    let created = team.does(Method::POST, &retentions(), &days("30"), 201).await;
    let id = &created["id"];
    assert!(
        id.is_i64() && created.as_object().unwrap().len() == 1,
        "{created}"
    );
    let one = format!("{}/{id}", retentions());
    let document = shown(days("30"), id);
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, document);
    assert_eq!(
        team.does(Method::GET, &retentions(), &Value::Null, 200).await,
        json!([document])
    );
    assert_eq!(team.does(Method::PATCH, &one, &days("365"), 201).await, json!({}));
    assert_eq!(
        team.does(Method::GET, &one, &Value::Null, 200).await,
        shown(days("365"), id)
    );
    assert_eq!(
        team.does(Method::DELETE, &one, &Value::Null, 200).await,
        json!({})
    );
    // Terraform takes this code for gone.
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &one, &Value::Null, (400, "4000306")).await;
    }
    team.refuses(Method::PATCH, &one, &days("30"), (400, "4000306"))
        .await;
    let second = team.does(Method::POST, &retentions(), &newest("1000"), 201).await["id"].clone();
    assert_ne!(&second, id, "an id is never used again");
    let one = format!("{}/{second}", retentions());
    assert_eq!(
        team.does(Method::GET, &one, &Value::Null, 200).await,
        shown(newest("1000"), &second)
    );
}

#[tokio::test]
async fn every_mistake_in_a_retention_is_told() {
    let team = Team::start().await;
    let id = team.does(Method::POST, &retentions(), &days("30"), 201).await["id"].clone();
    let one = format!("{}/{id}", retentions());
    let invalid = (400, "4000014");
    let malformed = (400, "4001018");
    team.refuses(Method::POST, &retentions(), &days("30"), invalid)
        .await;
    team.refuses(Method::PATCH, &one, &newest("3"), invalid).await;
    let mut wrong = Vec::new();
    let mut table = |pointer: &str, value: Value, expected| {
        let mut body = days("30");
        *body.pointer_mut(pointer).unwrap() = value;
        wrong.push((body, expected));
    };
    table("/algorithm", json!("and"), invalid);
    table("/rules", json!([]), invalid);
    table(
        "/rules",
        json!([days("30")["rules"][0], days("30")["rules"][0]]),
        invalid,
    );
    table("/rules/0/template", json!("size_rule"), invalid);
    table("/rules/0/params", json!({}), invalid);
    table("/rules/0/params", json!({ "num": "3" }), invalid);
    table("/rules/0/params/days", json!("0"), invalid);
    table("/rules/0/params/days", json!("366"), invalid);
    table("/rules/0/params/days", json!(30), malformed);
    table("/rules/0/tag_selectors", Value::Null, malformed);
    table("/rules/0/tag_selectors/0/kind", json!("glob"), invalid);
    table("/rules/0/tag_selectors/0/pattern", json!("v*"), invalid);
    table("/rules/0/tag_selectors/1/pattern", json!("("), invalid);
    table(
        "/rules/0/tag_selectors/1/pattern",
        json!("(a{100}){1000}"),
        invalid,
    );
    wrong.push((Value::Null, malformed));
    wrong.push((json!({ "algorithm": "or" }), malformed));
    for (body, expected) in wrong {
        team.refuses(Method::POST, &retentions(), &body, expected).await;
        team.refuses(Method::PATCH, &one, &body, expected).await;
    }
    for id in ["0", "-1", "abc", "99999999999999999999"] {
        let other = format!("{}/{id}", retentions());
        team.refuses(Method::GET, &other, &Value::Null, (400, "4000306"))
            .await;
    }
    let missing = format!("{NO_IMAGE}/retentions");
    for (method, target, body) in [
        (Method::POST, missing.clone(), days("30")),
        (Method::GET, missing.clone(), Value::Null),
        (Method::GET, format!("{missing}/{id}"), Value::Null),
        (Method::GET, format!("{missing}/histories"), Value::Null),
        (Method::PATCH, format!("{missing}/{id}"), days("30")),
        (Method::DELETE, format!("{missing}/{id}"), Value::Null),
    ] {
        team.refuses(method, &target, &body, (404, "4040010")).await;
    }
    for (query, expected) in [
        ("limit=0&offset=0", (400, "4000056")),
        ("filter=limit::1001|offset::0", (400, "4000056")),
        ("limit=1&offset=-1", (400, "4001025")),
        ("filter=tag::v1", (400, "4001035")),
    ] {
        let histories = format!("{}/histories?{query}", retentions());
        team.refuses(Method::GET, &histories, &Value::Null, expected)
            .await;
    }
}

#[expect(clippy::too_many_lines, reason = "the story reads best in one piece")]
#[tokio::test]
async fn the_log_of_deletions_is_paged() {
    let team = Team::start().await;
    let histories = format!("{}/histories", retentions());
    let empty = team.does(Method::GET, &histories, &Value::Null, 200).await;
    assert_eq!(empty, json!({ "retention_log": [], "total": 0 }));
    for tag in ["v1", "v2", "v3"] {
        push(&team.installation, tag).await;
    }
    let judged = team.metadata.judged_tags(team.image, "pushed", 10).await.unwrap();
    for tag in judged {
        let run = team.metadata.begin_retention_run(team.image, 5).await.unwrap();
        let condemned = CondemnedTags {
            repository_id: team.image,
            run_id: run.unwrap(),
            retention_id: 7,
            known: std::sync::Arc::default(),
            tags: vec![CondemnedTag {
                tag: tag.tag,
                digest: tag.digest,
                pushed_at: tag.pushed_at,
                rule: r#"{"template":"date_rule"}"#.into(),
                reason: "old".to_owned(),
            }],
            deletion: Deletion {
                by: By {
                    user_id: None,
                    now: 1_700_000_000_000,
                },
                why: TagChange::Retention,
                untagged: Untagged::Goes,
                kept_ms: 1,
                guard: Guard::Off,
            },
            view: LedgerView::Everything,
        };
        let deleted = team.metadata.delete_condemned_tags(condemned).await.unwrap();
        assert_eq!(deleted.deleted, 1);
    }
    for (query, tags, range) in [
        ("", "v3 v2 v1", ""),
        ("?limit=2&offset=0", "v3 v2", "0-2/3"),
        ("?filter=limit::2|offset::2", "v1", "2-1/3"),
        (
            "?filter=limit%3A%3A2%7Coffset%3A%3A2&limit=3&offset=0",
            "v1",
            "2-1/3",
        ),
        ("?limit=2&offset=4", "", "4-0/3"),
    ] {
        let answer = team
            .ask(
                &team.admin,
                Method::GET,
                &format!("{histories}{query}"),
                &Value::Null,
            )
            .await;
        let (body, found) = (answer.json(), answer.header("content-range").to_owned());
        let listed = body["retention_log"].as_array().unwrap();
        let listed: Vec<_> = listed.iter().map(|line| line["tag"].as_str().unwrap()).collect();
        assert_eq!(
            (listed.join(" ").as_str(), &body["total"], found.as_str()),
            (tags, &json!(3), range),
            "{query}"
        );
    }
    let one = team
        .does(
            Method::GET,
            &format!("{histories}?limit=1&offset=0"),
            &Value::Null,
            200,
        )
        .await;
    let id = one["retention_log"][0]["id"].clone();
    assert!(id.is_i64(), "{one}");
    assert_eq!(
        one["retention_log"],
        json!([{
            "id": id, "retention_id": 7, "namespace": "group", "repo": "back/end",
            "rule_type": r#"{"template":"date_rule"}"#, "tag": "v3", "created_at": "2023-11-14T22:13:20Z",
        }])
    );
}

#[tokio::test]
async fn who_manages_sets_retention_and_who_may_pull_sees_it() {
    let team = Team::start().await;
    let id = team.does(Method::POST, &retentions(), &days("30"), 201).await["id"].clone();
    let one = format!("{}/{id}", retentions());
    for target in [retentions(), one.clone(), format!("{}/histories", retentions())] {
        team.answers_people(Method::GET, &target, &Value::Null, [200, 200, 200, 404, 404])
            .await;
    }
    team.answers_people(Method::PATCH, &one, &days("31"), [201, 403, 403, 404, 404])
        .await;
    team.answers_people(Method::DELETE, &one, &Value::Null, [200, 403, 403, 404, 404])
        .await;
    team.answers_people(
        Method::POST,
        &retentions(),
        &days("30"),
        [201, 403, 403, 404, 404],
    )
    .await;
}
