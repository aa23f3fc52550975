//! What was pulled, pushed and stored, as the management API tells it.

use berth_registry::Permission;
use http::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::code;
use crate::content::{CONFIG, bytes};
use crate::installation::{ACCESS_KEY_ID, Answer, SECRET_KEY};
use crate::world::{ACCOUNT, World};

const OVERVIEW: &str = "/v2/manage/overview";
const STATISTICS: &str = "/v2/manage/statistics";
const OF_TEAM: &str = "/v2/manage/namespaces/team/statistics";
const OF_APP: &str = "/v2/manage/namespaces/team/repos/my$app/statistics";
const ADMIN: (&str, &str) = (ACCESS_KEY_ID, SECRET_KEY);

async fn show(world: &World, target: &str) -> Value {
    let answer = world.signed(ADMIN, Method::GET, (target, "")).await;
    assert_eq!(answer.status.as_u16(), 200, "{target}: {answer:?}");
    answer.json()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, expected: &str) {
    assert_eq!(
        (answer.status.as_u16(), code(answer)),
        (status, format!("SVCSTG.SWR.{expected}")),
        "{answer:?}"
    );
}

fn today() -> String {
    let format = format_description!("[year]-[month]-[day]");
    OffsetDateTime::now_utc().date().format(&format).unwrap()
}

/// A world in which an image of 1 MiB was pushed, and pulled whole once.
async fn used() -> World {
    let world = World::start().await;
    let layer = bytes(1, (1 << 20) - CONFIG.len());
    let manifest = world.admin.push_image("team/my/app", "v1", &layer).await;
    let pulled = world.admin.ask("GET /v2/team/my/app/manifests/v1").await.is(200);
    assert_eq!(pulled.body, manifest);
    for blob in [CONFIG, &layer] {
        let digest = crate::content::digest(blob);
        world
            .admin
            .ask(format!("GET /v2/team/my/app/blobs/{digest}"))
            .await
            .is(200);
    }
    // Neither a look at the manifest nor a client that has it already pulls.
    let looked = world.admin.ask("HEAD /v2/team/my/app/manifests/v1").await.is(200);
    world
        .admin
        .ask("GET /v2/team/my/app/manifests/v1")
        .header("if-none-match", looked.header("etag"))
        .await
        .is(304);
    world
}

#[tokio::test]
async fn the_overview_adds_up_what_happened() {
    let world = used().await;
    let overview = show(&world, OVERVIEW).await;
    let id = overview["domain_id"].as_str().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    let expected = json!({
        "domain_id": id,
        "domain_name": ACCOUNT,
        "namspace_num": 1,
        "repo_num": 1,
        "image_num": 1,
        "store_space": 1.0,
        "downflow_size": 1.0,
    });
    assert_eq!(overview, expected);
}

#[tokio::test]
async fn reports_tell_of_each_day_and_month() {
    let world = used().await;
    let today = today();
    let month = format!("{}-01", &today[..7]);
    for (kind, value) in [
        ("store", json!(1.0)),
        ("downflow", json!(1.0)),
        ("pulls", json!(1)),
        ("pushes", json!(1)),
    ] {
        let daily = show(&world, &format!("/v2/manage/reports/{kind}/daily")).await;
        assert_eq!(daily, json!([{ "date": today, "value": value }]), "{kind}");
        let monthly = show(&world, &format!("/v2/manage/reports/{kind}/monthly")).await;
        assert_eq!(monthly, json!([{ "date": month, "value": value }]), "{kind}");
    }
    for target in [
        "/v2/manage/reports/upflow/daily",
        "/v2/manage/reports/store/hourly",
    ] {
        refused(
            &world.signed(ADMIN, Method::GET, (target, "")).await,
            400,
            "4000014",
        );
    }
}

#[tokio::test]
async fn statistics_tell_of_account_organization_and_image() {
    let world = used().await;
    let mut day = json!({
        "date": today(),
        "pulls": 1,
        "pushes": 1,
        "bytes_out": 1 << 20,
        "bytes_in": 1 << 20,
        "stored_bytes": 1 << 20,
    });
    let team = json!([{ "namespace": "team", "repo_num": 1, "image_num": 1, "stored_bytes": 1 << 20 }]);
    for target in [STATISTICS, OF_TEAM, "/v2/manage/statistics?days=366"] {
        let found = show(&world, target).await;
        assert_eq!(found, json!({ "days": [day], "namespaces": team }), "{target}");
    }
    day.as_object_mut().unwrap().remove("stored_bytes");
    let found = show(&world, OF_APP).await;
    assert_eq!(found, json!({ "days": [day], "namespaces": [] }));
    for days in ["0", "367", "many", "-1"] {
        for target in [STATISTICS, OF_TEAM, OF_APP] {
            let answer = world
                .signed(ADMIN, Method::GET, (&format!("{target}?days={days}"), ""))
                .await;
            assert_eq!(answer.status.as_u16(), 400, "{target} {days}");
            code(&answer);
        }
    }
    for (target, status, expected) in [
        ("/v2/manage/namespaces/Team/statistics", 400, "4001008"),
        ("/v2/manage/namespaces/other/statistics", 404, "4040058"),
        ("/v2/manage/namespaces/team/repos/App/statistics", 400, "4001029"),
    ] {
        refused(
            &world.signed(ADMIN, Method::GET, (target, "")).await,
            status,
            expected,
        );
    }
    let missing = "/v2/manage/namespaces/team/repos/other/statistics";
    assert_eq!(
        world
            .signed(ADMIN, Method::GET, (missing, ""))
            .await
            .status
            .as_u16(),
        404
    );
}

#[tokio::test]
async fn who_has_no_right_sees_nothing_of_it() {
    let world = used().await;
    let (user_id, pair) = world.person(ACCOUNT, "ann").await;
    let keys = (pair.access_key_id.as_str(), pair.secret_key.as_str());
    let ask = async |target: &str| world.signed(keys, Method::GET, (target, "")).await;
    let overview = ask(OVERVIEW).await.json();
    assert_eq!(
        (
            &overview["namspace_num"],
            &overview["downflow_size"],
            &overview["store_space"]
        ),
        (&json!(0), &json!(0.0), &json!(0.0))
    );
    refused(&ask(OF_TEAM).await, 404, "4040058");
    let hidden = ask(OF_APP).await;
    assert!(matches!(hidden.status.as_u16(), 403 | 404), "{hidden:?}");
    world.publish("team/my/app").await;
    refused(&ask(OF_APP).await, 403, "4030170");
    world.grant(&user_id, Permission::Read).await;
    for target in [
        OVERVIEW,
        STATISTICS,
        OF_TEAM,
        OF_APP,
        "/v2/manage/reports/store/daily",
    ] {
        let (own, all) = (ask(target).await, show(&world, target).await);
        assert_eq!((own.status.as_u16(), own.json()), (200, all), "{target}");
    }
}

#[tokio::test]
async fn counts_outlive_the_server() {
    let mut world = used().await;
    world.restart();
    let statistics = show(&world, STATISTICS).await;
    assert_eq!(statistics["days"][0]["pulls"], 1, "{statistics}");
    assert_eq!(statistics["days"][0]["bytes_out"], 1 << 20, "{statistics}");
    world.admin.ask("GET /v2/team/my/app/manifests/v1").await.is(200);
    let statistics = show(&world, OF_APP).await;
    assert_eq!(statistics["days"][0]["pulls"], 2, "{statistics}");
}

#[tokio::test]
async fn a_pull_that_breaks_off_counts_the_bytes_it_took() {
    let world = World::start().await;
    let large = bytes(2, 64 << 20);
    let digest = world.admin.push_blob("team/app", &large).await;
    let url = format!("{}/v2/team/app/blobs/{digest}", world.admin.url);
    let authorization = world.admin.authorization.clone().unwrap();
    let request = reqwest::Client::builder().no_proxy().build().unwrap().get(url);
    let mut response = request
        .header("authorization", authorization)
        .send()
        .await
        .unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    drop(response);
    let found = show(&world, STATISTICS).await;
    let sent = found["days"][0]["bytes_out"].as_u64().unwrap();
    assert!(
        sent >= first.len() as u64,
        "{sent} bytes were sent, {} came",
        first.len()
    );
    assert!(sent < large.len() as u64, "nobody took all {sent} bytes");
}
