//! Runs of triggers where no cluster is needed: what people may ask for, and what becomes of runs that cannot act.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, Team, push};
use super::triggers::{team, trigger, triggers, with};

fn at(below: &str) -> String {
    format!("{}/{below}", triggers())
}

/// The run once it has ended.
async fn ended(team: &Team, trigger: &str, run: &Value) -> Value {
    let target = at(&format!("{trigger}/runs/{run}"));
    for _ in 0..600 {
        let found = team.does(Method::GET, &target, &Value::Null, 200).await;
        if !found["ended_at"].is_null() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("run {run} does not end");
}

#[tokio::test]
async fn a_run_says_what_is_missing() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll"), 201).await;
    let asked = json!({ "tag": "pushed" });
    let begun = team.does(Method::POST, &at("roll/run"), &asked, 202).await;
    assert_eq!(
        (&begun["why"], &begun["user_name"]),
        (&json!("run"), &json!("admin"))
    );
    assert_eq!((&begun["tag"], &begun["images"]), (&json!("pushed"), &json!([])));
    assert!(
        begun["digest"].as_str().unwrap().starts_with("sha256:"),
        "{begun}"
    );
    let run = ended(&team, "roll", &begun["id"]).await;
    assert_eq!(run["status"], "failed");
    let detail = run["detail"].as_str().unwrap();
    assert!(
        detail.contains("image_hosts") && detail.contains("external_url"),
        "{detail}"
    );
    let shown = team.does(Method::GET, &at("roll"), &Value::Null, 200).await;
    let history = &shown["trigger_history"][0];
    assert_eq!(
        (&history["result"], &history["run_id"]),
        (&json!("failed"), &begun["id"])
    );

    // Container instances have no cluster.
    let cci = with(
        with(trigger("cci"), "cluster_id", json!("")),
        "cluster_name",
        json!(""),
    );
    team.does(
        Method::POST,
        &triggers(),
        &with(cci, "trigger_mode", json!("cci")),
        201,
    )
    .await;
    let begun = team.does(Method::POST, &at("cci/run"), &asked, 202).await;
    let run = ended(&team, "cci", &begun["id"]).await;
    assert!(run["detail"].as_str().unwrap().contains("cci"), "{run}");
    // What changed nothing cannot be undone.
    let undo = at(&format!("roll/runs/{}/undo", history["run_id"]));
    team.refuses(Method::POST, &undo, &Value::Null, (400, "4000014"))
        .await;
}

#[tokio::test]
async fn a_push_sets_off_the_triggers_that_wait_for_it() {
    let team = team().await;
    for (name, field, value) in [
        ("waits", "condition", json!("v1")),
        ("other", "condition", json!("v2")),
        ("off", "enable", json!("false")),
    ] {
        team.does(Method::POST, &triggers(), &with(trigger(name), field, value), 201)
            .await;
    }
    for _ in 0..3 {
        push(&team.installation, "v1").await;
    }
    let runs = async |name: &str| {
        let page = team
            .does(Method::GET, &at(&format!("{name}/runs")), &Value::Null, 200)
            .await;
        page["runs"].as_array().unwrap().clone()
    };
    for _ in 0..600 {
        if !runs("waits").await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let waits = runs("waits").await;
    assert_eq!(
        (waits.len(), &waits[0]["why"], &waits[0]["tag"]),
        (1, &json!("push"), &json!("v1"))
    );
    assert_eq!((runs("other").await.len(), runs("off").await.len()), (0, 0));
}

#[tokio::test]
async fn runs_are_paged_and_belong_to_their_trigger() {
    let team = team().await;
    for name in ["roll", "other"] {
        team.does(Method::POST, &triggers(), &trigger(name), 201).await;
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        let begun = team
            .does(Method::POST, &at("roll/run"), &json!({ "tag": "pushed" }), 202)
            .await;
        ended(&team, "roll", &begun["id"]).await;
        ids.insert(0, begun["id"].clone());
    }
    let page = team
        .does(Method::GET, &at("roll/runs?limit=2"), &Value::Null, 200)
        .await;
    let listed = |page: &Value| -> Vec<Value> {
        page["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].clone())
            .collect()
    };
    assert_eq!(listed(&page), ids[..2]);
    let next = at(&format!("roll/runs?limit=2&marker={}", page["nextMarker"]));
    let page = team.does(Method::GET, &next, &Value::Null, 200).await;
    assert_eq!(
        (listed(&page), &page["nextMarker"]),
        (ids[2..].to_vec(), &Value::Null)
    );
    let elsewhere = at(&format!("other/runs/{}", ids[0]));
    team.refuses(Method::GET, &elsewhere, &Value::Null, (404, "4040126"))
        .await;
    team.refuses(
        Method::POST,
        &format!("{elsewhere}/undo"),
        &Value::Null,
        (404, "4040126"),
    )
    .await;
    team.refuses(
        Method::POST,
        &at("roll/run"),
        &json!({ "tag": "missing" }),
        (404, "4041060"),
    )
    .await;
    team.refuses(
        Method::POST,
        &at("roll/run"),
        &json!({ "tag": "-" }),
        (400, "4009021"),
    )
    .await;
}

#[tokio::test]
async fn a_dry_run_tells_which_tags_are_waited_for() {
    let team = team().await;
    for tag in ["v1", "v2", "w1"] {
        push(&team.installation, tag).await;
    }
    let body = with(
        with(trigger("new"), "trigger_type", json!("regexp")),
        "condition",
        json!("^v"),
    );
    let place = format!("{IMAGE}/trigger-dry-runs");
    let tried = team
        .does(Method::POST, &place, &json!({ "trigger": body }), 200)
        .await;
    assert_eq!(
        (&tried["tags"], &tried["tags_matching"]),
        (&json!(["v2", "v1"]), &json!(2))
    );
    assert_eq!((&tried["tags_seen"], &tried["tag"]), (&json!(4), &json!("v2")));
    assert!(
        tried["problem"].as_str().unwrap().contains("image_hosts"),
        "{tried}"
    );
    let named = json!({ "trigger": body, "tag": "w1" });
    let tried = team.does(Method::POST, &place, &named, 200).await;
    assert_eq!(tried["tag"], "w1");
    let none = json!({ "trigger": with(body.clone(), "condition", json!("^x")) });
    let tried = team.does(Method::POST, &place, &none, 200).await;
    assert_eq!((&tried["tags"], &tried["tag"]), (&json!([]), &Value::Null));
    assert!(tried["problem"].as_str().unwrap().contains("no tag"), "{tried}");
    // Nothing was set up.
    assert_eq!(
        team.does(Method::GET, &triggers(), &Value::Null, 200).await,
        json!([])
    );
    for wrong in [
        json!({ "trigger": with(body.clone(), "condition", json!("(")) }),
        json!({ "trigger": with(body.clone(), "cluster_name", json!("east")) }),
    ] {
        team.refuses(Method::POST, &place, &wrong, (400, "4000014")).await;
    }
    let missing = json!({ "trigger": body, "tag": "missing" });
    team.refuses(Method::POST, &place, &missing, (404, "4041060"))
        .await;
    team.does(Method::POST, &triggers(), &body, 201).await;
    let tried = team.does(Method::POST, &at("new/dry-run"), &json!({}), 200).await;
    assert_eq!(tried["tag"], "v2");
}

#[tokio::test]
async fn a_trigger_is_replaced_but_for_its_name() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll"), 201).await;
    let mut other = with(trigger("roll"), "application", json!("api"));
    other["update_by"] = json!("tag");
    other["undo_on_failure"] = json!(true);
    other["rollout_timeout"] = json!(30);
    assert_eq!(team.does(Method::PUT, &at("roll"), &other, 200).await, json!({}));
    let shown = team.does(Method::GET, &at("roll"), &Value::Null, 200).await;
    for field in ["application", "update_by", "undo_on_failure", "rollout_timeout"] {
        assert_eq!(shown[field], other[field], "{shown}");
    }
    for (field, value) in [
        ("name", json!("other")),
        ("update_by", json!("name")),
        ("rollout_timeout", json!(0)),
        ("rollout_timeout", json!(86401)),
        ("cluster_name", json!("east")),
    ] {
        let wrong = with(other.clone(), field, value);
        team.refuses(Method::PUT, &at("roll"), &wrong, (400, "4000014"))
            .await;
    }
    let text = with(other.clone(), "undo_on_failure", json!("true"));
    team.refuses(Method::PUT, &at("roll"), &text, (400, "4001018"))
        .await;
    team.refuses(Method::PUT, &at("missing"), &other, (404, "4040126"))
        .await;
}

#[tokio::test]
async fn who_may_push_runs_triggers_and_who_may_pull_sees_what_came_of_it() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll"), 201).await;
    let body = json!({ "tag": "pushed" });
    let begun = team.does(Method::POST, &at("roll/run"), &body, 202).await;
    ended(&team, "roll", &begun["id"]).await;
    let run = at(&format!("roll/runs/{}", begun["id"]));
    for target in [at("roll/runs"), run.clone()] {
        team.answers_people(Method::GET, &target, &Value::Null, [200, 200, 200, 404, 404])
            .await;
    }
    let undo = format!("{run}/undo");
    team.answers_people(Method::POST, &undo, &Value::Null, [400, 400, 403, 404, 404])
        .await;
    team.answers_people(Method::POST, &at("roll/run"), &body, [202, 202, 403, 404, 404])
        .await;
    team.answers_people(
        Method::POST,
        &at("roll/dry-run"),
        &json!({}),
        [200, 200, 403, 404, 404],
    )
    .await;
    let try_new = json!({ "trigger": trigger("new") });
    let place = format!("{IMAGE}/trigger-dry-runs");
    team.answers_people(Method::POST, &place, &try_new, [200, 200, 403, 404, 404])
        .await;
    team.answers_people(
        Method::PUT,
        &at("roll"),
        &trigger("roll"),
        [200, 200, 403, 404, 404],
    )
    .await;
}
