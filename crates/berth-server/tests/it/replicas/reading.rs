//! Read-your-writes: what one server acknowledged, the other answers at once.

use super::{Replicas, TEAM};
use crate::client::Client;
use crate::content::{bytes, digest};
use crate::installation::{VARIABLES, basic};

#[tokio::test]
async fn content_is_there_and_gone_at_once() {
    let replicas = Replicas::start();
    let (a, b) = (&replicas.a, &replicas.b);
    for round in 0..10 {
        let (writer, reader) = if round % 2 == 0 { (a, b) } else { (b, a) };
        let layer = bytes(round, 1000);
        let manifest = writer.push_image("team/app", "latest", &layer).await;
        let get = reader.ask("GET /v2/team/app/manifests/latest").await.is(200);
        get.holds(&manifest);
        let blob = format!("GET /v2/team/app/blobs/{}", digest(&layer));
        reader.ask(blob).await.is(200).holds(&layer);
        let other = writer.push_image("team/app", &format!("v{round}"), &layer).await;
        let tags = reader.ask("GET /v2/team/app/tags/list").await.is(200).json();
        let tags = tags["tags"].as_array().unwrap();
        assert!(tags.contains(&format!("v{round}").into()), "{tags:?}");
        writer
            .ask(format!("DELETE /v2/team/app/manifests/v{round}"))
            .await
            .is(202);
        reader
            .ask(format!("GET /v2/team/app/manifests/v{round}"))
            .await
            .is(404);
        writer
            .ask(format!("DELETE /v2/team/app/manifests/{}", digest(&other)))
            .await
            .is(202);
        reader.ask("GET /v2/team/app/manifests/latest").await.is(404);
        reader
            .ask(format!("GET /v2/team/app/manifests/{}", digest(&other)))
            .await
            .is(404);
    }
}

/// Whether the client may read the tags of an image.
async fn may(client: &Client) -> bool {
    match client.ask("GET /v2/team/app/tags/list").await.status {
        200 => true,
        401 | 403 | 404 => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn rights_hold_and_end_at_once() {
    let replicas = Replicas::start();
    let (a, b) = (&replicas.a, &replicas.b);
    a.push_image("team/app", "v1", b"layer").await;
    let (member_a, member_b) = replicas.member("mary");
    let scope = "GET /token?service=berth&scope=repository:team/app:pull";
    let token = member_a.ask(scope).await.is(200).json();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    // Both have seen login and token, and remember what they checked.
    for client in [&member_a, &member_b, &a.with(&bearer), &b.with(&bearer)] {
        assert!(may(client).await);
    }
    for (change, allowed) in [
        (&["grant", "remove", TEAM, "berth/mary"][..], false),
        (&["grant", "set", TEAM, "berth/mary", "read"], true),
        (&["user", "disable", "berth/mary"], false),
        (&["user", "enable", "berth/mary"], true),
    ] {
        replicas.admin(change);
        for client in [&member_a, &member_b, &a.with(&bearer), &b.with(&bearer)] {
            assert_eq!(may(client).await, allowed, "{change:?}");
        }
    }
}

#[tokio::test]
async fn a_password_that_was_changed_ends_everywhere() {
    let replicas = Replicas::start();
    let (_, old) = VARIABLES[0];
    let login = |client: &Client, password: &str| client.with(&basic("admin", password));
    for client in [&replicas.a, &replicas.b] {
        login(client, old).ask("GET /v2/").await.is(200);
        // A second time it is remembered.
        login(client, old).ask("GET /v2/").await.is(200);
    }
    let changed = replicas.admin(&["user", "reset-password", "berth/admin"]);
    let new = changed["password"].as_str().unwrap();
    for client in [&replicas.a, &replicas.b] {
        login(client, old).ask("GET /v2/").await.is(401);
        login(client, new).ask("GET /v2/").await.is(200);
    }
}
