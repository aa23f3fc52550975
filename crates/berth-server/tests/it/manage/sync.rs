//! Synchronisation on the wire (operations 33 to 38).

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, NO_IMAGE, Team, is_time, push};

fn sync_repo() -> String {
    format!("{IMAGE}/sync_repo")
}

fn rule(region: &str) -> Value {
    json!({ "remoteRegionId": region, "remoteNamespace": "there", "syncAuto": true, "override": false })
}

fn destination(region: &str, namespace: &str) -> Value {
    json!({ "remoteRegionId": region, "remoteNamespace": namespace })
}

async fn team() -> Team {
    let team = Team::start().await;
    // Nothing leaves for an address that no region may have: copies wait.
    let region = json!({ "regionID": "east", "registryURL": "http://127.0.0.1:1", "unchecked": true });
    team.does(Method::POST, "/v2/manage/regions", &region, 201).await;
    team
}

#[tokio::test]
async fn an_image_is_sent_to_a_region_until_it_is_not() {
    let team = team().await;
    assert_eq!(
        team.does(Method::GET, &sync_repo(), &Value::Null, 200).await,
        json!([])
    );
    assert_eq!(
        team.does(Method::POST, &sync_repo(), &rule("east"), 200).await,
        json!({})
    );
    // Without its switches, it is off; and it takes the place of what was set before.
    let quiet = destination("east", "there");
    let listed = team.does(Method::GET, &sync_repo(), &Value::Null, 200).await;
    let expected = |sync_auto: bool, at: &Value| {
        json!([{
            "id": at["id"], "namespace": "group", "repoName": "back/end", "remoteNamespace": "there",
            "remoteRegionId": "east", "domainID": at["domainID"], "domainName": "berth", "override": false,
            "syncAuto": sync_auto, "createdAt": at["createdAt"], "updatedAt": at["updatedAt"],
        }])
    };
    assert_eq!(listed, expected(true, &listed[0]));
    assert!(listed[0]["id"].is_i64() && is_time(&listed[0]["createdAt"]) && is_time(&listed[0]["updatedAt"]));
    assert_eq!(listed[0]["domainID"].as_str().unwrap().len(), 32);
    team.does(Method::POST, &sync_repo(), &quiet, 200).await;
    let again = team.does(Method::GET, &sync_repo(), &Value::Null, 200).await;
    assert_eq!(again, expected(false, &again[0]));
    assert_eq!(again[0]["id"], listed[0]["id"]);
    assert_eq!(
        team.does(Method::DELETE, &sync_repo(), &quiet, 200).await,
        json!({})
    );
    team.refuses(Method::DELETE, &sync_repo(), &quiet, (400, "4001158"))
        .await;
    assert_eq!(
        team.does(Method::GET, &sync_repo(), &Value::Null, 200).await,
        json!([])
    );
}

/// Until the region is left alone, because nothing may be sent there.
async fn await_pause(team: &Team) {
    let region = "/v2/manage/regions/east";
    while team.does(Method::GET, region, &Value::Null, 200).await["sync"]["pausedUntil"].is_null() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn copies_wait_and_are_listed() {
    let team = team().await;
    for name in ["v0", "v1", "v2"] {
        push(&team.installation, name).await;
    }
    let sync_images = format!("{IMAGE}/sync_images");
    let copy =
        |tags: &[&str]| json!({ "imageTag": tags, "remoteRegionId": "east", "remoteNamespace": "there" });
    team.does(Method::POST, &sync_images, &copy(&["v0"]), 200).await;
    await_pause(&team).await;
    assert_eq!(
        team.does(Method::POST, &sync_images, &copy(&["v1", "v2"]), 200)
            .await,
        json!([])
    );
    assert_eq!(
        team.does(Method::POST, &sync_images, &copy(&["v2", "v3"]), 200)
            .await,
        json!(["v3"])
    );
    let jobs = format!("{IMAGE}/sync_job?filter=");
    for (filter, tags, range) in [
        ("limit::10|offset::0", "v2 v1 v0", "0-3/3"),
        (
            "limit%3A%3A10%7Coffset%3A%3A0%7Corder%3A%3Adesc",
            "v2 v1 v0",
            "0-3/3",
        ),
        ("limit::1|offset::0|order::asc", "v0", "0-1/3"),
        ("limit::1|offset::1|order::asc", "v1", "1-1/3"),
        ("limit::10|offset::3", "", "3-0/3"),
    ] {
        let target = format!("{jobs}{filter}");
        let answer = team.ask(&team.admin, Method::GET, &target, &Value::Null).await;
        let listed = answer.json();
        let listed = listed.as_array().unwrap();
        let found: Vec<_> = listed.iter().map(|job| job["tag"].as_str().unwrap()).collect();
        assert_eq!(
            (found.join(" ").as_str(), answer.header("content-range")),
            (tags, range),
            "{filter}"
        );
    }
    let one = team
        .does(
            Method::GET,
            &format!("{jobs}limit::1|offset::0"),
            &Value::Null,
            200,
        )
        .await;
    let job = &one[0];
    assert!(
        job["id"].is_i64() && is_time(&job["createdAt"]) && is_time(&job["updatedAt"]),
        "{job}"
    );
    assert_eq!(job["syncOperatorId"].as_str().unwrap().len(), 32);
    assert_eq!(
        one,
        json!([{
            "id": job["id"], "namespace": "group", "repoName": "back/end", "tag": "v2", "remoteNamespace": "there",
            "remoteRegionId": "east", "domainID": job["domainID"], "domainName": "berth",
            "syncOperatorId": job["syncOperatorId"], "syncOperatorName": "admin", "override": false,
            "status": "waiting", "createdAt": job["createdAt"], "updatedAt": job["updatedAt"],
        }])
    );
}

#[tokio::test]
async fn the_list_of_copies_insists_on_its_page() {
    let team = team().await;
    let jobs = format!("{IMAGE}/sync_job");
    for (query, expected) in [
        ("", (400, "4001036")),
        ("?filter=limit::10", (400, "4001036")),
        ("?filter=offset::0", (400, "4001036")),
        ("?filter=limit::0|offset::0", (400, "4000056")),
        ("?filter=limit::1|offset::x", (400, "4001025")),
        ("?filter=limit::1|offset::0|order::up", (400, "4001035")),
        ("?filter=limit::1|offset::0|tag::v1", (400, "4001035")),
    ] {
        team.refuses(Method::GET, &format!("{jobs}{query}"), &Value::Null, expected)
            .await;
    }
}

#[tokio::test]
async fn every_mistake_in_a_synchronisation_is_told() {
    let team = team().await;
    let invalid = (400, "4000014");
    let malformed = (400, "4001018");
    let bad_name = (400, "4001008");
    let sync_images = format!("{IMAGE}/sync_images");
    for (body, expected) in [
        (rule("west"), invalid),
        (rule("local"), invalid),
        (destination("east", "Bad"), bad_name),
        (json!({ "remoteRegionId": "east" }), malformed),
        (json!({ "remoteNamespace": "there" }), malformed),
        (
            json!({ "remoteRegionId": "east", "remoteNamespace": "there", "syncAuto": "yes" }),
            malformed,
        ),
        (Value::Null, malformed),
    ] {
        team.refuses(Method::POST, &sync_repo(), &body, expected).await;
    }
    for (body, expected) in [
        (destination("west", "there"), (400, "4001158")),
        (destination("east", "there"), (400, "4001158")),
        (destination("east", "Bad"), bad_name),
        (json!({}), malformed),
        (Value::Null, malformed),
    ] {
        team.refuses(Method::DELETE, &sync_repo(), &body, expected).await;
    }
    let many: Vec<String> = (0..501).map(|number| format!("v{number}")).collect();
    for (tags, region, expected) in [
        (json!(["v1"]), "west", invalid),
        (json!(["v1"]), "local", invalid),
        (json!([]), "east", invalid),
        (json!(many), "east", invalid),
        (json!(["-v1"]), "east", (400, "4009021")),
        (json!("v1"), "east", malformed),
        (Value::Null, "east", malformed),
    ] {
        let body = json!({ "imageTag": tags, "remoteRegionId": region, "remoteNamespace": "there" });
        team.refuses(Method::POST, &sync_images, &body, expected).await;
    }
    let copy = json!({ "imageTag": ["v1"], "remoteRegionId": "east", "remoteNamespace": "there" });
    let mixed =
        json!({ "imageTag": ["v1"], "allTags": true, "remoteRegionId": "east", "remoteNamespace": "there" });
    team.refuses(Method::POST, &sync_images, &mixed, invalid).await;
    for (method, path, body) in [
        (Method::POST, "sync_repo", rule("east")),
        (Method::GET, "sync_repo", Value::Null),
        (Method::DELETE, "sync_repo", destination("east", "there")),
        (Method::POST, "sync_images", copy),
        (Method::GET, "sync_job?filter=limit::1|offset::0", Value::Null),
        (Method::GET, "sync_copies", Value::Null),
        (Method::GET, "sync_copies/1", Value::Null),
        (Method::POST, "sync_copies/1/cancel", Value::Null),
        (Method::POST, "sync_copies/1/retry", Value::Null),
        (Method::GET, "sync_status", Value::Null),
    ] {
        team.refuses(method, &format!("{NO_IMAGE}/{path}"), &body, (404, "4040010"))
            .await;
    }
}

#[tokio::test]
async fn only_administrators_of_the_account_set_synchronisation() {
    let team = team().await;
    let copy = json!({ "imageTag": ["v1"], "remoteRegionId": "east", "remoteNamespace": "there" });
    for (method, path, body, expected) in [
        (Method::POST, "sync_repo", rule("east"), [403, 403, 403, 404, 404]),
        (
            Method::DELETE,
            "sync_repo",
            destination("east", "there"),
            [403, 403, 403, 404, 404],
        ),
        (Method::POST, "sync_images", copy, [403, 403, 403, 404, 404]),
        (
            Method::POST,
            "sync_copies/1/cancel",
            Value::Null,
            [403, 403, 403, 404, 404],
        ),
        (
            Method::POST,
            "sync_copies/1/retry",
            Value::Null,
            [403, 403, 403, 404, 404],
        ),
        (Method::GET, "sync_copies", Value::Null, [200, 200, 200, 404, 404]),
        (
            Method::GET,
            "sync_copies/1",
            Value::Null,
            [404, 404, 404, 404, 404],
        ),
        (Method::GET, "sync_status", Value::Null, [200, 200, 200, 404, 404]),
        (Method::GET, "sync_repo", Value::Null, [200, 200, 200, 404, 404]),
        (
            Method::GET,
            "sync_job?filter=limit::1|offset::0",
            Value::Null,
            [200, 200, 200, 404, 404],
        ),
    ] {
        team.answers_people(method, &format!("{IMAGE}/{path}"), &body, expected)
            .await;
    }
}

#[tokio::test]
async fn the_regions_are_this_one_and_those_of_the_account() {
    let team = team().await;
    let here = format!("http://{}", team.installation.server.address);
    let listed = team
        .does(Method::GET, "/v2/manage/regions", &Value::Null, 200)
        .await;
    assert_eq!(
        listed,
        json!([
            { "regionID": "local", "registryURL": here },
            { "regionID": "east", "registryURL": "http://127.0.0.1:1" },
        ])
    );
    let elsewhere = team
        .ask(&team.stranger, Method::GET, "/v2/manage/regions", &Value::Null)
        .await;
    assert_eq!(
        elsewhere.json(),
        json!([{ "regionID": "local", "registryURL": here }])
    );
}
