//! Operations 18 and 19: retag and delete, which docker sees at once.

use http::Method;
use serde_json::{Value, json};

use super::{APP, docker, start};
use crate::content::digest;
use crate::manage::team::{IMAGE, NO_IMAGE};

const TAGS: &str = "/v2/manage/namespaces/group/repos/back$end/tags";

fn retag(source: &str, destination: &str) -> Value {
    json!({ "source_tag": source, "destination_tag": destination })
}

#[tokio::test]
async fn a_retag_names_the_same_manifest() {
    let team = start().await;
    let docker = docker(&team);
    let one = docker.push_image(APP, "v1", b"one").await;
    let two = docker.push_image(APP, "v2", b"two").await;
    let named = async |tag: &str| {
        let head = docker
            .ask(format!("HEAD /v2/{APP}/manifests/{tag}"))
            .await
            .is(200);
        head.header("docker-content-digest").to_owned()
    };
    let made = team.does(Method::POST, TAGS, &retag("v1", "stable"), 201).await;
    assert_eq!(made, json!({}));
    assert_eq!(named("stable").await, digest(&one));
    team.refuses(Method::POST, TAGS, &retag("v2", "stable"), (409, "4090006"))
        .await;
    let mut kept = retag("v2", "stable");
    kept["override"] = json!(false);
    team.refuses(Method::POST, TAGS, &kept, (409, "4090006")).await;
    assert_eq!(named("stable").await, digest(&one));
    let mut moved = retag("v2", "stable");
    moved["override"] = json!(true);
    team.does(Method::POST, TAGS, &moved, 201).await;
    assert_eq!(named("stable").await, digest(&two));
    let row = team
        .does(Method::GET, &format!("{TAGS}/stable"), &Value::Null, 200)
        .await;
    assert_eq!(row["digest"], digest(&two));
}

#[tokio::test]
async fn a_wrong_retag_changes_nothing() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"one").await;
    let missing = format!("{NO_IMAGE}/tags");
    for (target, body, expected) in [
        (TAGS, retag("v2", "new"), (404, "4040115")),
        (&missing, retag("v1", "new"), (404, "4040010")),
        (TAGS, retag("v1", "-bad"), (400, "4009021")),
        (TAGS, retag("", "new"), (400, "4009021")),
        (TAGS, json!({ "source_tag": "v1" }), (400, "4001018")),
        (TAGS, json!(["v1", 1]), (400, "4001018")),
        (
            TAGS,
            json!({ "source_tag": "v1", "destination_tag": "new", "override": "yes" }),
            (400, "4001018"),
        ),
    ] {
        team.refuses(Method::POST, target, &body, expected).await;
    }
    let rows = team.does(Method::GET, TAGS, &Value::Null, 200).await;
    assert_eq!(rows.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_retag_keeps_to_the_quota_of_tags() {
    let team = start().await;
    let pushed = docker(&team).push_image(APP, "v1", b"one").await;
    let quotas = "/v2/manage/domains/berth/quotas";
    team.does(Method::PUT, quotas, &json!({ "tag": 1 }), 200).await;
    team.refuses(Method::POST, TAGS, &retag("v1", "new"), (400, "4000099"))
        .await;
    let mut same = retag("v1", "v1");
    same["override"] = json!(true);
    team.does(Method::POST, TAGS, &same, 201).await;
    team.does(Method::DELETE, &format!("{TAGS}/v1"), &Value::Null, 204)
        .await;
    let restore = format!("{TAGS}/v1/restore");
    let body = json!({ "digest": digest(&pushed) });
    team.does(Method::POST, &restore, &body, 200).await;
    team.does(Method::PUT, quotas, &json!({ "tag": 0 }), 200).await;
    team.does(Method::DELETE, &format!("{TAGS}/v1"), &Value::Null, 204)
        .await;
    team.refuses(Method::POST, &restore, &body, (400, "4000099"))
        .await;
}

#[tokio::test]
async fn retags_need_write_and_deletes_need_manage() {
    let team = start().await;
    docker(&team).push_image(APP, "v1", b"one").await;
    let mut body = retag("v1", "new");
    body["override"] = json!(true);
    team.answers_people(Method::POST, TAGS, &body, [201, 201, 403, 404, 404])
        .await;
    team.answers_people(
        Method::DELETE,
        &format!("{TAGS}/new"),
        &Value::Null,
        [204, 403, 403, 404, 404],
    )
    .await;
}

#[tokio::test]
async fn a_deleted_tag_is_gone_for_docker_too() {
    let team = start().await;
    let docker = docker(&team);
    let pushed = docker.push_image(APP, "v1", b"one").await;
    let kept = docker.push_image(APP, "v2", b"two").await;
    team.does(Method::POST, TAGS, &retag("v2", "also"), 201).await;
    let target = format!("{IMAGE}/tags/v1");
    assert_eq!(
        team.does(Method::DELETE, &target, &Value::Null, 204).await,
        Value::Null
    );
    docker.ask(format!("HEAD /v2/{APP}/manifests/v1")).await.is(404);
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v2"), &Value::Null, 204)
        .await;
    for (manifest, status) in [(&pushed, 404), (&kept, 200)] {
        docker
            .ask(format!("HEAD /v2/{APP}/manifests/{}", digest(manifest)))
            .await
            .is(status);
    }
    let rows = team.does(Method::GET, TAGS, &Value::Null, 200).await;
    let rows: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["Tag"]).collect();
    assert_eq!(rows, ["also"], "its manifest has that tag still");
    let missing = format!("{NO_IMAGE}/tags/v1");
    for (target, expected) in [
        (target.as_str(), (404, "4040115")),
        (&missing, (404, "4040010")),
        (
            "/v2/manage/namespaces/group/repos/back$end/tags/-bad",
            (400, "4009021"),
        ),
    ] {
        team.refuses(Method::DELETE, target, &Value::Null, expected).await;
    }
}

#[tokio::test]
async fn tags_may_be_named_like_parts_of_paths() {
    let team = start().await;
    let docker = docker(&team);
    docker.push_image(APP, "v1", b"one").await;
    for tag in ["tags", "retentions", "latest", "accessories", "triggers", "list"] {
        team.does(Method::POST, TAGS, &retag("v1", tag), 201).await;
        let row = team
            .does(Method::GET, &format!("{TAGS}/{tag}"), &Value::Null, 200)
            .await;
        assert_eq!(row["tag"], tag);
        let own = team
            .does(
                Method::GET,
                &format!("{TAGS}/{tag}/accessories"),
                &Value::Null,
                200,
            )
            .await;
        assert_eq!(own, json!({ "total": 0, "accessories": [] }), "{tag}");
        let own = team
            .does(
                Method::GET,
                &format!("{TAGS}/{tag}/references"),
                &Value::Null,
                200,
            )
            .await;
        assert_eq!(own, json!({ "tags": [], "has_more": false }), "{tag}");
        team.does(Method::DELETE, &format!("{TAGS}/{tag}"), &Value::Null, 204)
            .await;
    }
}
