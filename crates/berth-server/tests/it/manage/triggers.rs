//! Triggers on the wire (operations 39 to 43).

use berth_metadata::{SaveTriggerRun, TriggerStep, TriggerStepKind, TriggerTurn, WantTriggerRun};
use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, NO_IMAGE, Team, is_time};

const IN_2100: i64 = 4_102_444_800_000;

pub(super) fn triggers() -> String {
    format!("{IMAGE}/triggers")
}

pub(super) fn trigger(name: &str) -> Value {
    json!({
        "name": name, "trigger_type": "tag", "condition": "v1;v2", "action": "update", "enable": "true",
        "app_type": "deployments", "application": "web", "cluster_ns": "default", "cluster_id": "c1",
        "cluster_name": "west", "container": "main", "trigger_mode": "cce",
    })
}

pub(super) async fn team() -> Team {
    let team = Team::start().await;
    let cluster =
        json!({ "cluster_id": "c1", "cluster_name": "west", "server": "https://c1:6443", "token": "abc" });
    team.does(Method::POST, "/v2/manage/clusters?unchecked=true", &cluster, 201)
        .await;
    team
}

/// `body` with another value for one field, or without it.
pub(super) fn with(mut body: Value, field: &str, value: Value) -> Value {
    if value.is_null() {
        body.as_object_mut().unwrap().remove(field);
    } else {
        body[field] = value;
    }
    body
}

#[tokio::test]
async fn a_trigger_lives_from_its_creation_to_its_deletion() {
    let team = team().await;
    let created = team
        .does(Method::POST, &triggers(), &trigger("roll-out"), 201)
        .await;
    assert_eq!(created, json!({}));
    let listed = team.does(Method::GET, &triggers(), &Value::Null, 200).await;
    let mut expected = trigger("roll-out");
    expected["created_at"] = listed[0]["created_at"].clone();
    expected["creator_name"] = json!("admin");
    expected["trigger_history"] = Value::Null;
    expected["update_by"] = json!("digest");
    expected["undo_on_failure"] = json!(false);
    expected["rollout_timeout"] = json!(600);
    assert!(is_time(&expected["created_at"]), "{listed}");
    assert_eq!(listed, json!([expected]));
    let one = format!("{}/roll-out", triggers());
    expected["trigger_history"] = json!([]);
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, expected);
    let off = json!({ "enable": "false" });
    assert_eq!(team.does(Method::PATCH, &one, &off, 201).await, json!({}));
    expected["enable"] = json!("false");
    assert_eq!(team.does(Method::GET, &one, &Value::Null, 200).await, expected);
    assert_eq!(
        team.does(Method::DELETE, &one, &Value::Null, 204).await,
        Value::Null
    );
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &one, &Value::Null, (404, "4040126")).await;
    }
    team.refuses(Method::PATCH, &one, &off, (404, "4040126")).await;
    assert_eq!(
        team.does(Method::GET, &triggers(), &Value::Null, 200).await,
        json!([])
    );
}

async fn wanted_run(team: &Team, trigger: i64, tag: &str) -> i64 {
    let wanted = WantTriggerRun {
        trigger_id: trigger,
        tag: tag.to_owned(),
        digest: format!("sha256:{}", "a".repeat(64)),
        why: "run",
        user_id: None,
        undoes: None,
        kind: "trigger",
        lane: "cluster/0".to_owned(),
        // The server does not begin with it before.
        now: IN_2100,
    };
    team.metadata.want_trigger_run(wanted).await.unwrap()
}

/// A run that ended so, with this state.
async fn ended_run(
    team: &Team,
    trigger: i64,
    tag: &str,
    (status, detail): (&'static str, &str),
    state: &str,
) -> i64 {
    let run = wanted_run(team, trigger, tag).await;
    let step = TriggerStep {
        kind: TriggerStepKind::Act,
        trigger_id: trigger,
        run_id: run,
        event: team
            .metadata
            .trigger_run(trigger, run)
            .await
            .unwrap()
            .unwrap()
            .event
            .unwrap(),
        holder: "test".to_owned(),
        ttl_ms: 60_000,
        now: IN_2100,
    };
    assert_eq!(
        team.metadata.begin_trigger_step(step).await.unwrap(),
        TriggerTurn::Taken
    );
    let save = SaveTriggerRun {
        id: run,
        holder: Some("test".to_owned()),
        status,
        detail: detail.to_owned(),
        state: state.to_owned(),
        has_acted: true,
        failures: 0,
        ended_at: Some(IN_2100),
    };
    assert!(team.metadata.save_trigger_run(save).await.unwrap());
    run
}

#[tokio::test]
async fn what_came_of_a_trigger_is_shown_newest_first() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll-out"), 201)
        .await;
    let row = team
        .metadata
        .trigger(team.image, "roll-out")
        .await
        .unwrap()
        .unwrap();
    for (tag, status, detail) in [
        ("v1", "success", "rolled out"),
        ("v2", "failed", "no such workload"),
    ] {
        ended_run(&team, row.id, tag, (status, detail), "{}").await;
    }
    // SWR has no word for what has not ended.
    wanted_run(&team, row.id, "v3").await;
    let shown = team
        .does(
            Method::GET,
            &format!("{}/roll-out", triggers()),
            &Value::Null,
            200,
        )
        .await;
    let entry = |tag: &str, result: &str, detail: &str| {
        json!({
            "action": "update", "app_type": "deployments", "application": "web", "cluster_id": "c1",
            "cluster_name": "west", "cluster_ns": "default", "condition": "v1;v2", "container": "main",
            "created_at": "2100-01-01T00:00:00Z", "creator_name": "admin", "detail": detail, "result": result,
            "tag": tag, "status": result,
        })
    };
    let mut history = shown["trigger_history"].clone();
    let ids: Vec<_> = history
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|run| run["run_id"].take())
        .collect();
    for run in history.as_array_mut().unwrap() {
        run.as_object_mut().unwrap().remove("run_id");
    }
    assert!(ids[0].as_i64() > ids[1].as_i64(), "{ids:?}");
    assert_eq!(
        history,
        json!([
            entry("v2", "failed", "no such workload"),
            entry("v1", "success", "rolled out")
        ])
    );
}

#[tokio::test]
async fn a_trigger_is_set_up_in_every_allowed_way() {
    let team = team().await;
    let base = |name: &str| trigger(name);
    for (number, (field, value)) in [
        ("trigger_mode", Value::Null),
        ("trigger_mode", json!("")),
        ("cluster_name", Value::Null),
        ("cluster_id", json!("")),
        ("container", Value::Null),
        ("container", json!("")),
        ("app_type", json!("statefulsets")),
        ("app_type", json!("daemonsets")),
        ("app_type", json!("cronjobs")),
        ("enable", json!("false")),
        ("application", json!("web.v2")),
        ("condition", json!("latest")),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("t{number}");
        let body = with(base(&name), field, value);
        team.does(Method::POST, &triggers(), &body, 201).await;
        let one = format!("{}/{name}", triggers());
        let shown = team.does(Method::GET, &one, &Value::Null, 200).await;
        assert_eq!(
            (&shown["cluster_id"], &shown["cluster_name"]),
            (&json!("c1"), &json!("west"))
        );
        assert_eq!(shown["trigger_mode"], "cce");
    }
    for (name, kind, condition) in [
        ("all", "all", ".*"),
        ("glob", "regular", "v{1,2}.*"),
        ("regex", "regular", "^v2.*"),
    ] {
        let body = with(
            with(base(name), "trigger_type", json!(kind)),
            "condition",
            json!(condition),
        );
        team.does(Method::POST, &triggers(), &body, 201).await;
    }
    // Container instances have no cluster.
    let cci = with(
        with(base("cci"), "cluster_id", json!("")),
        "cluster_name",
        Value::Null,
    );
    team.does(
        Method::POST,
        &triggers(),
        &with(cci, "trigger_mode", json!("cci")),
        201,
    )
    .await;
    let shown = team
        .does(Method::GET, &format!("{}/cci", triggers()), &Value::Null, 200)
        .await;
    assert_eq!(
        (
            &shown["cluster_id"],
            &shown["cluster_name"],
            &shown["trigger_mode"]
        ),
        (&json!(""), &json!(""), &json!("cci"))
    );
    let listed = team.does(Method::GET, &triggers(), &Value::Null, 200).await;
    assert_eq!(listed.as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn every_mistake_in_a_trigger_is_told() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll"), 201).await;
    team.refuses(Method::POST, &triggers(), &trigger("roll"), (409, "4090006"))
        .await;
    let invalid = (400, "4000014");
    let malformed = (400, "4001018");
    for (field, value, expected) in [
        ("name", json!("-a"), invalid),
        ("name", json!("a--b"), invalid),
        ("name", json!("x".repeat(65)), invalid),
        ("name", Value::Null, malformed),
        ("trigger_type", json!("some"), invalid),
        ("trigger_type", json!("all"), invalid),
        ("trigger_type", Value::Null, malformed),
        ("condition", json!(""), invalid),
        ("condition", json!("v1;;v2"), invalid),
        ("condition", Value::Null, malformed),
        ("action", json!("delete"), invalid),
        ("action", Value::Null, malformed),
        ("enable", json!("yes"), invalid),
        ("enable", json!(true), malformed),
        ("enable", Value::Null, malformed),
        ("app_type", json!("jobs"), invalid),
        ("application", json!("Web"), invalid),
        ("application", Value::Null, invalid),
        ("cluster_ns", json!("a.b"), invalid),
        ("cluster_ns", Value::Null, invalid),
        ("cluster_id", json!("c2"), invalid),
        ("cluster_name", json!("east"), invalid),
        ("container", json!("a b"), invalid),
        ("trigger_mode", json!("cci"), invalid),
        ("trigger_mode", json!("other"), invalid),
    ] {
        let body = with(trigger("other"), field, value);
        team.refuses(Method::POST, &triggers(), &body, expected).await;
    }
    for pattern in ["(", "{a", &"a".repeat(257), "(a{100}){100}{100}"] {
        let body = with(trigger("other"), "trigger_type", json!("regular"));
        let body = with(body, "condition", json!(pattern));
        team.refuses(Method::POST, &triggers(), &body, invalid).await;
    }
    let no_cluster = with(
        with(trigger("other"), "cluster_id", Value::Null),
        "cluster_name",
        Value::Null,
    );
    team.refuses(Method::POST, &triggers(), &no_cluster, invalid)
        .await;
    let one = format!("{}/roll", triggers());
    for (body, expected) in [
        (json!({ "enable": "yes" }), invalid),
        (json!({ "enable": false }), malformed),
        (json!({}), malformed),
        (json!({ "enable": "false", "condition": "v3" }), malformed),
        (Value::Null, malformed),
    ] {
        team.refuses(Method::PATCH, &one, &body, expected).await;
    }
    let missing = format!("{NO_IMAGE}/triggers");
    team.refuses(Method::POST, &missing, &trigger("roll"), (404, "4040010"))
        .await;
    team.refuses(Method::GET, &missing, &Value::Null, (404, "4040010"))
        .await;
    for method in [Method::GET, Method::DELETE] {
        team.refuses(method, &format!("{missing}/roll"), &Value::Null, (404, "4040010"))
            .await;
    }
    let off = json!({ "enable": "false" });
    team.refuses(Method::PATCH, &format!("{missing}/roll"), &off, (404, "4040010"))
        .await;
}

#[tokio::test]
async fn a_trigger_acts_in_the_namespaces_of_its_cluster() {
    let team = team().await;
    let bounded = json!({ "cluster_id": "c2", "cluster_name": "bounded", "server": "https://c2:6443", "token": "abc",
        "namespaces": ["shop", "blog"] });
    team.does(Method::POST, "/v2/manage/clusters?unchecked=true", &bounded, 201)
        .await;
    let of = |namespace: &str| {
        let body = with(trigger("bounded"), "cluster_id", json!("c2"));
        let body = with(body, "cluster_name", Value::Null);
        with(body, "cluster_ns", json!(namespace))
    };
    let refused = team
        .ask(&team.admin, Method::POST, &triggers(), &of("kube-system"))
        .await;
    assert_eq!(super::code(&refused), "SVCSTG.SWR.4000014");
    let said = refused.json()["error_msg"].to_string();
    assert!(said.contains("shop, blog"), "{said}");
    team.does(Method::POST, &triggers(), &of("blog"), 201).await;
    let one = format!("{}/bounded", triggers());
    team.refuses(Method::PUT, &one, &of("kube-system"), (400, "4000014"))
        .await;
    let tried = json!({ "trigger": of("kube-system") });
    let dry_run = format!("{IMAGE}/trigger-dry-runs");
    team.refuses(Method::POST, &dry_run, &tried, (400, "4000014"))
        .await;
}

#[tokio::test]
async fn an_image_has_a_hundred_triggers_at_most() {
    let team = team().await;
    for number in 0..100 {
        team.does(Method::POST, &triggers(), &trigger(&format!("t{number}")), 201)
            .await;
    }
    team.refuses(Method::POST, &triggers(), &trigger("more"), (400, "4000014"))
        .await;
}

#[tokio::test]
async fn who_may_push_sets_triggers_and_who_may_pull_sees_them() {
    let team = team().await;
    team.does(Method::POST, &triggers(), &trigger("roll"), 201).await;
    let one = format!("{}/roll", triggers());
    let off = json!({ "enable": "false" });
    team.answers_people(Method::GET, &triggers(), &Value::Null, [200, 200, 200, 404, 404])
        .await;
    team.answers_people(Method::GET, &one, &Value::Null, [200, 200, 200, 404, 404])
        .await;
    team.answers_people(Method::PATCH, &one, &off, [201, 201, 403, 404, 404])
        .await;
    team.answers_people(
        Method::POST,
        &triggers(),
        &trigger("more"),
        [201, 409, 403, 404, 404],
    )
    .await;
    team.answers_people(Method::DELETE, &one, &Value::Null, [204, 404, 403, 404, 404])
        .await;
    let denied = team
        .ask(&team.reader, Method::POST, &triggers(), &trigger("a"))
        .await;
    assert_eq!(super::code(&denied), "SVCSTG.SWR.4037020");
    // A public image gives its triggers away to nobody.
    team.metadata
        .set_repository_public(team.image, true, 1)
        .await
        .unwrap();
    team.answers_people(Method::GET, &triggers(), &Value::Null, [200, 200, 200, 403, 403])
        .await;
}
