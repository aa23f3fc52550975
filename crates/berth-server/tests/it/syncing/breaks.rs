//! Regions that are away, and connections and processes that end in the middle of a layer.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::desk::{APP, await_copies, copies, does, ended, told};
use super::{Pair, named};
use crate::content::{bytes, digest};

/// A layer that several requests carry.
const LARGE: usize = 24 << 20;
const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn a_region_that_is_away_for_a_day_catches_up_by_itself() {
    let pair = Pair::sending(true).await;
    pair.wire.close();
    let admin = &pair.here.admin;
    admin.push_image("team/app", "v1", b"one").await;
    let waits = |copy: &Value| copy["status"] == "waiting" && copy["nextAttemptAt"].is_string();
    let waiting = await_copies(&pair.here, APP, 1, waits).await;
    let detail = waiting[0]["detail"].as_str().unwrap();
    assert!(!detail.is_empty(), "{}", waiting[0]);
    let one = "/v2/manage/regions/there";
    let region = does(&pair.here, Method::GET, one, &Value::Null, 200).await;
    assert!(region["sync"]["pausedUntil"].is_string(), "{region}");
    assert_eq!(region["usable"], false, "{region}");
    // What is pushed meanwhile takes the place of what waits.
    let newest = admin.push_image("team/app", "v1", b"two").await;
    admin.push_image("team/app", "v2", b"three").await;
    await_copies(&pair.here, APP, 2, |copy| copy["status"] == "waiting").await;
    for days in 1..=3 {
        pair.here.move_clock(Duration::from_secs(days * DAY));
        await_copies(&pair.here, APP, 1, |copy| {
            copy["attempts"].as_u64().unwrap() > days && waits(copy)
        })
        .await;
    }
    let status = does(
        &pair.here,
        Method::GET,
        &format!("{APP}/sync_status"),
        &Value::Null,
        200,
    )
    .await;
    let open = |key: &str| status[0][key].as_u64().unwrap();
    assert_eq!(open("waiting") + open("running"), 2, "{status}");
    assert!(
        status[0]["behindSeconds"].as_u64().unwrap() >= 3 * DAY,
        "{status}"
    );
    // That it is longer than a copy is tried for is no reason to give up.
    pair.here.move_clock(Duration::from_secs(9 * DAY));
    await_copies(&pair.here, APP, 1, |copy| {
        copy["attempts"].as_u64().unwrap() > 4 && waits(copy)
    })
    .await;
    pair.wire.open();
    pair.here.move_clock(Duration::from_secs(10 * DAY));
    let copies = ended(&pair.here, APP, 2).await;
    assert_eq!(told(&copies), ["v1 success", "v2 success"]);
    assert!(
        copies[1]["lagSeconds"].as_u64().unwrap() >= 3 * DAY,
        "{}",
        copies[1]
    );
    assert_eq!(named(&pair.there, "v1").await, digest(&newest));
    let region = does(&pair.here, Method::GET, one, &Value::Null, 200).await;
    assert_eq!(
        (&region["usable"], &region["sync"]["pausedUntil"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn a_login_that_is_refused_stops_the_region_until_it_is_put_right() {
    let pair = Pair::sending(true).await;
    let one = "/v2/manage/regions/there";
    let right = super::region("there", pair.wire.address);
    let wrong = json!({ "username": right["username"], "password": "wrong", "unchecked": true });
    does(&pair.here, Method::PATCH, one, &wrong, 200).await;
    pair.here.admin.push_image("team/app", "v1", b"one").await;
    let waiting = await_copies(&pair.here, APP, 1, |copy| copy["nextAttemptAt"].is_string()).await;
    assert_eq!(waiting[0]["status"], "waiting");
    let login = json!({ "username": right["username"], "password": right["password"] });
    does(&pair.here, Method::PATCH, one, &login, 200).await;
    assert_eq!(told(&ended(&pair.here, APP, 1).await), ["v1 success"]);
}

#[tokio::test]
async fn a_copy_is_cancelled_and_tried_again() {
    let pair = Pair::sending(true).await;
    pair.here.admin.push_blob("team/app", &bytes(7, LARGE)).await;
    pair.wire.hold_after(4 << 20);
    pair.here
        .admin
        .push_image("team/app", "v1", &bytes(7, LARGE))
        .await;
    pair.wire.held().await;
    let running = await_copies(&pair.here, APP, 1, |copy| {
        copy["status"] == "running" && copy["progress"]["bytesDone"].as_u64().unwrap() > 1 << 20
    })
    .await;
    let one = format!("{APP}/sync_copies/{}", running[0]["id"]);
    does(
        &pair.here,
        Method::POST,
        &format!("{one}/cancel"),
        &Value::Null,
        200,
    )
    .await;
    does(
        &pair.here,
        Method::POST,
        &format!("{one}/cancel"),
        &Value::Null,
        406,
    )
    .await;
    assert_eq!(
        told(&copies(&pair.here, APP).await),
        ["v1 cancel cancelled by admin"]
    );
    pair.wire.close();
    // The other side hears of it, and writes down how far it is.
    tokio::time::sleep(Duration::from_secs(2)).await;
    pair.wire.open();
    does(
        &pair.here,
        Method::POST,
        &format!("{one}/retry"),
        &Value::Null,
        200,
    )
    .await;
    let copies = await_copies(&pair.here, APP, 1, |copy| copy["status"] == "success").await;
    let sent = copies[0]["progress"]["bytesSent"].as_u64().unwrap();
    assert!(sent < 3 * LARGE as u64 / 2, "{sent}");
    does(
        &pair.here,
        Method::POST,
        &format!("{one}/retry"),
        &Value::Null,
        406,
    )
    .await;
}

#[tokio::test]
async fn a_source_that_is_killed_in_mid_layer_goes_on_there() {
    let mut pair = Pair::sending(true).await;
    let layer = bytes(8, LARGE);
    pair.here.admin.push_blob("team/app", &layer).await;
    let before = pair.wire.bytes_up();
    pair.wire.hold_after(LARGE as u64 / 2);
    let pushed = pair.here.admin.push_image("team/app", "v1", &layer).await;
    pair.wire.held().await;
    // What is written down every second is what the next process knows.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    pair.here.kill();
    pair.wire.close();
    pair.wire.open();
    let copies = ended(&pair.here, APP, 1).await;
    assert_eq!(told(&copies), ["v1 success"]);
    assert_eq!(named(&pair.there, "v1").await, digest(&pushed));
    let travelled = pair.wire.bytes_up() - before;
    assert!(travelled < 5 * LARGE as u64 / 4, "{travelled}");
    let line = format!("GET /v2/team/app/blobs/{}", digest(&layer));
    pair.there.admin.ask(line).await.is(200).holds(&layer);
}

#[tokio::test]
async fn a_destination_that_is_killed_in_mid_layer_is_gone_on_with() {
    let mut pair = Pair::sending(true).await;
    let layer = bytes(9, LARGE);
    pair.here.admin.push_blob("team/app", &layer).await;
    let before = pair.wire.bytes_up();
    pair.wire.hold_after(LARGE as u64 / 2);
    let pushed = pair.here.admin.push_image("team/app", "v1", &layer).await;
    pair.wire.held().await;
    pair.there.kill();
    pair.wire.close();
    pair.wire.lead_to(pair.there.address());
    pair.wire.open();
    let copies = ended(&pair.here, APP, 1).await;
    assert_eq!(told(&copies), ["v1 success"]);
    assert_eq!(named(&pair.there, "v1").await, digest(&pushed));
    let travelled = pair.wire.bytes_up() - before;
    assert!(travelled < 7 * LARGE as u64 / 4, "{travelled}");
}

#[tokio::test]
async fn a_damaged_blob_comes_back_from_a_region_that_has_it() {
    let pair = Pair::sending(true).await;
    let layer = bytes(10, 1 << 20);
    pair.here.admin.push_image("team/app", "v1", &layer).await;
    ended(&pair.here, APP, 1).await;
    let hex = digest(&layer).split_off("sha256:".len());
    let files = pair.here.stored_files();
    let file = files.iter().find(|file| file.to_string_lossy().contains(&hex));
    std::fs::write(file.unwrap(), bytes(11, 1 << 20)).unwrap();
    let line = format!("GET /v2/team/app/blobs/{}", digest(&layer));
    // The first run finds it, the next one heals it.
    for status in [404, 200] {
        let scrub = "/v2/manage/maintenance/scrub";
        let run = does(&pair.here, Method::POST, scrub, &json!({}), 202).await;
        let one = format!("/v2/manage/maintenance/runs/{}", run["id"]);
        while does(&pair.here, Method::GET, &one, &Value::Null, 200).await["ended_at"].is_null() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let answer = pair.here.admin.ask(&line).await.is(status);
        assert!(status == 404 || answer.body.as_ref() == &layer[..]);
    }
}
