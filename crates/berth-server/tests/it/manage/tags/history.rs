//! Where a tag was, and setting it back.

use http::Method;
use serde_json::{Value, json};

use super::{APP, docker, start};
use crate::content::digest;
use crate::manage::team::{NO_IMAGE, is_time};

const TAG: &str = "/v2/manage/namespaces/group/repos/back$end/tags/v1";

#[tokio::test]
async fn every_move_is_told_with_who_did_it() {
    let team = start().await;
    let docker = docker(&team);
    let one = digest(docker.push_image(APP, "v1", b"one").await);
    let two = digest(docker.push_image(APP, "v1", b"two").await);
    team.does(Method::DELETE, TAG, &Value::Null, 204).await;
    let body = json!({ "digest": one });
    let restored = team
        .ask(&team.writer, Method::POST, &format!("{TAG}/restore"), &body)
        .await;
    assert_eq!((restored.status.as_u16(), restored.json()), (200, json!({})));
    docker
        .ask(format!("HEAD /v2/{APP}/manifests/{two}"))
        .await
        .is(404);

    let told = team
        .does(Method::GET, &format!("{TAG}/history"), &Value::Null, 200)
        .await;
    assert_eq!(told.as_object().unwrap().len(), 1, "no next page: {told}");
    let entries = told["history"].as_array().unwrap();
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            json!([
                entry["digest"],
                entry["restorable"],
                entry["user_name"],
                entry["why"]
            ])
        })
        .collect();
    let expected = [
        json!([one, true, "writer", "set_back"]),
        json!([null, false, "admin", "delete"]),
        json!([two, true, "admin", "push"]),
        json!([one, true, "admin", "push"]),
    ];
    assert_eq!(shown, expected);
    for entry in entries {
        assert!(entry["id"].is_i64() && is_time(&entry["at"]), "{entry}");
        assert_eq!(entry["user_id"].as_str().unwrap().len(), 32, "{entry}");
        assert_eq!(entry.as_object().unwrap().len(), 7, "{entry}");
    }

    let first = team
        .does(Method::GET, &format!("{TAG}/history?limit=3"), &Value::Null, 200)
        .await;
    assert_eq!(first["history"], json!(entries[..3]));
    let next = format!("{TAG}/history?limit=3&marker={}", first["nextMarker"]);
    let rest = team.does(Method::GET, &next, &Value::Null, 200).await;
    assert_eq!(rest, json!({ "history": entries[3..] }));
}

#[tokio::test]
async fn a_tag_is_restored_to_what_is_still_there() {
    let team = start().await;
    let docker = docker(&team);
    let one = digest(docker.push_image(APP, "v1", b"one").await);
    let two = digest(docker.push_image(APP, "v1", b"two").await);
    let other = digest(docker.push_image(APP, "v2", b"other").await);
    let restore = format!("{TAG}/restore");
    let named = async || {
        let head = docker.ask(format!("HEAD /v2/{APP}/manifests/v1")).await;
        (head.status, head.find("docker-content-digest").map(str::to_owned))
    };
    team.does(Method::POST, &restore, &json!({ "digest": one }), 200)
        .await;
    assert_eq!(named().await, (200, Some(one.clone())));
    let delete = format!("DELETE /v2/{APP}/manifests/{one}");
    docker.ask(&delete).await.is(202);
    assert_eq!(named().await.0, 404, "the tag went with its manifest");
    team.does(Method::POST, &restore, &json!({ "digest": one }), 200)
        .await;
    assert_eq!(named().await, (200, Some(one.clone())), "the bin had it still");
    docker.ask(&delete).await.is(202);
    let bin = "/v2/manage/namespaces/group/bin";
    team.does(Method::DELETE, bin, &Value::Null, 200).await;
    team.refuses(
        Method::POST,
        &restore,
        &json!({ "digest": one }),
        (404, "4040115"),
    )
    .await;
    let answer = team
        .ask(
            &team.admin,
            Method::POST,
            &restore,
            &json!({ "digest": one, "again": 1 }),
        )
        .await;
    let message = answer.json()["error_msg"].to_string();
    assert!(
        message.contains("was deleted since and is not in the bin any more"),
        "{message}"
    );
    team.refuses(
        Method::POST,
        &restore,
        &json!({ "digest": other }),
        (404, "4040115"),
    )
    .await;
    team.does(Method::POST, &restore, &json!({ "digest": two }), 200)
        .await;
    assert_eq!(named().await, (200, Some(two)));
}

#[tokio::test]
async fn history_and_restore_are_refused_where_they_must_be() {
    let team = start().await;
    let pushed = digest(docker(&team).push_image(APP, "v1", b"one").await);
    let body = json!({ "digest": pushed });
    let (history, restore) = (format!("{TAG}/history"), format!("{TAG}/restore"));
    team.answers_people(Method::GET, &history, &Value::Null, [200, 200, 200, 404, 404])
        .await;
    team.answers_people(Method::POST, &restore, &body, [200, 200, 403, 404, 404])
        .await;
    let none = TAG.replace("v1", "v9");
    for (method, target, body, expected) in [
        (
            Method::GET,
            format!("{none}/history"),
            Value::Null,
            (404, "4040115"),
        ),
        (
            Method::GET,
            format!("{NO_IMAGE}/tags/v1/history"),
            Value::Null,
            (404, "4040010"),
        ),
        (
            Method::GET,
            format!("{history}?limit=0"),
            Value::Null,
            (400, "4000056"),
        ),
        (
            Method::GET,
            format!("{history}?marker=x"),
            Value::Null,
            (400, "4001025"),
        ),
        (
            Method::POST,
            format!("{none}/restore"),
            body.clone(),
            (404, "4040115"),
        ),
        (
            Method::POST,
            format!("{NO_IMAGE}/tags/v1/restore"),
            body.clone(),
            (404, "4040010"),
        ),
        (
            Method::POST,
            restore.clone(),
            json!({ "digest": "v1" }),
            (400, "4000014"),
        ),
        (Method::POST, restore, json!({}), (400, "4001018")),
    ] {
        team.refuses(method, &target, &body, expected).await;
    }
}
