//! Long work of the registry: asked for, done within seconds, told about; for those who run the registry.

use http::Method;
use serde_json::{Value, json};

use super::team::Team;
use crate::installation::Installation;

const RUNS: &str = "/v2/manage/maintenance/runs";
const DAMAGED: &str = "/v2/manage/maintenance/damaged";
const RECLAIM: &str = "/v2/manage/maintenance/reclaim";

#[tokio::test]
async fn what_is_asked_for_is_done_and_told() {
    let installation = Installation::start();
    let asked = installation
        .signed(Method::POST, RECLAIM, r#"{"orphans":true}"#)
        .await;
    assert_eq!(asked.status.as_u16(), 202, "{asked:?}");
    let asked = asked.json();
    assert_eq!(
        (&asked["kind"], &asked["wanted_by"], &asked["options"]),
        (&json!("reclaim"), &json!("admin"), &json!({ "orphans": true }))
    );
    let target = format!("{RUNS}/{}", asked["id"]);
    let done = loop {
        let run = installation.signed(Method::GET, &target, "").await.json();
        if !run["ended_at"].is_null() {
            break run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    };
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(done["report"]["keys"], 0);

    // A page of one tells where the next one begins, and the last page does not.
    installation
        .signed(Method::POST, RECLAIM, r#"{"orphans":false}"#)
        .await;
    let first = format!("{RUNS}?kind=reclaim&limit=1");
    let page = installation.signed(Method::GET, &first, "").await.json();
    assert_ne!(page["runs"][0]["id"], done["id"]);
    let next = page["nextMarker"].as_str().unwrap();
    let next = installation
        .signed(Method::GET, &format!("{RUNS}?kind=reclaim&marker={next}"), "")
        .await
        .json();
    assert_eq!(next["runs"][0]["id"], done["id"]);
    assert_eq!(next.get("nextMarker"), None);
}

#[tokio::test]
async fn only_those_who_run_the_registry_see_and_start_it() {
    let team = Team::start().await;
    let refused = [403; 5];
    team.answers_people(Method::POST, RECLAIM, &json!({}), refused)
        .await;
    team.answers_people(Method::GET, RUNS, &Value::Null, refused)
        .await;
    team.answers_people(Method::GET, &format!("{RUNS}/1"), &Value::Null, refused)
        .await;
    team.answers_people(Method::GET, DAMAGED, &Value::Null, refused)
        .await;
}
