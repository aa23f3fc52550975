//! What was deleted: listed, shown, restored and purged on the wire, by whom, and what nobody sees of it meanwhile.

use http::Method;
use serde_json::{Value, json};

use super::team::{IMAGE, Team, is_time};
use crate::content::digest;

const BIN: &str = "/v2/manage/bin";
const GROUP_BIN: &str = "/v2/manage/namespaces/group/bin";
/// The image, as docker names it.
const APP: &str = "group/back/end";

async fn entries(team: &Team, query: &str) -> Vec<Value> {
    let page = team
        .does(Method::GET, &format!("{BIN}{query}"), &Value::Null, 200)
        .await;
    page["entries"].as_array().unwrap().clone()
}

async fn newest(team: &Team) -> Value {
    entries(team, "?limit=1").await.remove(0)
}

fn at(entry: &Value, below: &str) -> String {
    format!("{BIN}/{}{below}", entry["id"])
}

#[tokio::test]
async fn a_deleted_tag_is_told_of_and_restored() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let pushed = docker.push_image(APP, "v1", b"one").await;
    let target = format!("{IMAGE}/tags/v1");
    team.does(Method::DELETE, &target, &Value::Null, 204).await;
    let entry = newest(&team).await;
    assert!(
        is_time(&entry["deleted_at"]) && is_time(&entry["expires_at"]),
        "{entry}"
    );
    assert_eq!(entry["deleted_by_id"].as_str().unwrap().len(), 32);
    let said = [
        ("kind", json!("tag")),
        ("namespace", json!("group")),
        ("repository", json!("back/end")),
        ("digest", json!(digest(&pushed))),
        ("tags", json!(["v1"])),
        ("tag_count", json!(1)),
        ("deleted_by", json!("admin")),
        ("why", json!("delete")),
    ];
    for (field, expected) in said {
        assert_eq!(entry[field], expected, "{field} of {entry}");
    }
    let mut detail = team.does(Method::GET, &at(&entry, ""), &Value::Null, 200).await;
    assert_eq!(detail["in_the_way"].take(), json!([]));
    let usage = team.does(Method::GET, GROUP_BIN, &Value::Null, 200).await;
    assert_eq!(usage["entries"], 1);
    assert!(usage["bytes"].as_i64().unwrap() > 0, "{usage}");
    docker
        .ask(format!("HEAD /v2/{APP}/manifests/{}", digest(&pushed)))
        .await
        .is(404);

    let restore = at(&entry, "/restore");
    let restored = team.does(Method::POST, &restore, &json!({}), 200).await;
    assert_eq!(restored, json!({ "tags": ["v1"], "already": false }));
    let again = team.does(Method::POST, &restore, &json!({}), 200).await;
    assert_eq!(again, json!({ "tags": ["v1"], "already": true }));
    docker
        .ask(format!("GET /v2/{APP}/manifests/v1"))
        .await
        .is(200)
        .holds(&pushed);
    let layer = digest(b"one");
    docker
        .ask(format!("GET /v2/{APP}/blobs/{layer}"))
        .await
        .is(200)
        .holds(b"one");
    assert_eq!(entries(&team, "").await, Vec::<Value>::new());
    team.refuses(Method::GET, &at(&entry, ""), &Value::Null, (404, "4040140"))
        .await;
}

#[tokio::test]
async fn a_tag_deleted_by_docker_comes_back_too() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let pushed = docker.push_image(APP, "v1", b"one").await;
    docker.ask(format!("DELETE /v2/{APP}/manifests/v1")).await.is(202);
    let by_digest = format!("/v2/{APP}/manifests/{}", digest(&pushed));
    docker.ask(format!("HEAD {by_digest}")).await.is(200);
    team.does(
        Method::POST,
        &at(&newest(&team).await, "/restore"),
        &json!({}),
        200,
    )
    .await;
    docker.ask(format!("HEAD /v2/{APP}/manifests/v1")).await.is(200);
    docker.ask(format!("DELETE {by_digest}")).await.is(202);
    let entry = newest(&team).await;
    assert_eq!(
        (&entry["kind"], &entry["tags"]),
        (&json!("manifest"), &json!(["v1"]))
    );
    team.does(Method::POST, &at(&entry, "/restore"), &json!({}), 200)
        .await;
    docker
        .ask(format!("GET /v2/{APP}/manifests/v1"))
        .await
        .is(200)
        .holds(&pushed);
}

#[tokio::test]
async fn what_is_in_the_way_is_told_before() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let old = docker.push_image(APP, "v1", b"old").await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &Value::Null, 204)
        .await;
    let new = docker.push_image(APP, "v1", b"new").await;
    let entry = newest(&team).await;
    let detail = team.does(Method::GET, &at(&entry, ""), &Value::Null, 200).await;
    assert_eq!(
        detail["in_the_way"],
        json!([{ "tag": "v1", "digest": digest(&new) }])
    );
    let restore = at(&entry, "/restore");
    team.refuses(Method::POST, &restore, &json!({}), (409, "4090140"))
        .await;
    let renamed = json!({ "repository": "other" });
    team.refuses(Method::POST, &restore, &renamed, (400, "4000014"))
        .await;
    team.does(Method::POST, &restore, &json!({ "overwrite": true }), 200)
        .await;
    docker
        .ask(format!("GET /v2/{APP}/manifests/v1"))
        .await
        .is(200)
        .holds(&old);
    docker
        .ask(format!("HEAD /v2/{APP}/manifests/{}", digest(&new)))
        .await
        .is(200);
}

#[tokio::test]
async fn a_deleted_image_is_nowhere_and_comes_back_whole() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let pushed = docker.push_image(APP, "v1", b"one").await;
    team.does(Method::PATCH, IMAGE, &json!({ "is_public": true }), 201)
        .await;
    team.does(Method::DELETE, IMAGE, &Value::Null, 204).await;
    for target in ["/v2/manage/repos", "/v3/manage/repos", "/v2/manage/search?q=back"] {
        let listed = team.does(Method::GET, target, &Value::Null, 200).await;
        assert!(!listed.to_string().contains("back"), "{target}: {listed}");
        assert!(!listed.to_string().contains(":bin:"), "{target}: {listed}");
    }
    docker
        .ask("GET /v2/_catalog")
        .await
        .is(200)
        .holds(br#"{"repositories":[]}"#);
    docker.ask(format!("GET /v2/{APP}/manifests/v1")).await.is(404);
    let from = format!("POST /v2/group/other/blobs/uploads/?mount={}", digest(b"one"));
    docker.ask(from).await.is(202);
    team.refuses(Method::GET, IMAGE, &Value::Null, (404, "4040010"))
        .await;

    let again = docker.push_image(APP, "v2", b"two").await;
    let entry = newest(&team).await;
    assert_eq!(
        (&entry["kind"], &entry["repository"]),
        (&json!("image"), &json!("back/end"))
    );
    let restore = at(&entry, "/restore");
    team.refuses(Method::POST, &restore, &json!({}), (409, "4090140"))
        .await;
    let renamed = json!({ "repository": "restored$end" });
    team.does(Method::POST, &restore, &renamed, 200).await;
    docker
        .ask("GET /v2/group/restored/end/manifests/v1")
        .await
        .is(200)
        .holds(&pushed);
    docker
        .ask(format!("GET /v2/{APP}/manifests/v2"))
        .await
        .is(200)
        .holds(&again);
    let shown = "/v2/manage/namespaces/group/repos/restored$end";
    let shown = team.does(Method::GET, shown, &Value::Null, 200).await;
    assert_eq!(
        (&shown["is_public"], &shown["num_images"]),
        (&json!(true), &json!(2))
    );
}

#[tokio::test]
async fn rights_are_those_of_a_push_and_of_who_manages() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    docker.push_image(APP, "v1", b"one").await;
    team.does(Method::PATCH, IMAGE, &json!({ "is_public": true }), 201)
        .await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &Value::Null, 204)
        .await;
    let entry = newest(&team).await;
    let (own, restore) = (at(&entry, ""), at(&entry, "/restore"));
    let null = Value::Null;
    team.answers_people(Method::GET, &own, &null, [200, 200, 200, 404, 404])
        .await;
    for (person, seen) in [(&team.reader, 1), (&team.outsider, 0), (&team.stranger, 0)] {
        let page = team.ask(person, Method::GET, BIN, &null).await;
        assert_eq!(
            page.json()["entries"].as_array().unwrap().len(),
            seen,
            "{}",
            person.name
        );
    }
    team.answers_people(Method::GET, GROUP_BIN, &null, [200, 200, 200, 404, 404])
        .await;
    team.answers_people(Method::POST, &restore, &json!({}), [200, 200, 403, 404, 404])
        .await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &null, 204)
        .await;
    let own = at(&newest(&team).await, "");
    team.answers_people(Method::DELETE, &own, &null, [204, 404, 404, 404, 404])
        .await;
    docker.push_image(APP, "v1", b"one").await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &null, 204)
        .await;
    let own = at(&newest(&team).await, "");
    for (person, status) in [(&team.writer, 403), (&team.reader, 403), (&team.stranger, 404)] {
        let refused = team.ask(person, Method::DELETE, &own, &null).await;
        assert_eq!(refused.status.as_u16(), status, "{}", person.name);
    }
    team.answers_people(Method::DELETE, GROUP_BIN, &null, [200, 403, 403, 404, 404])
        .await;
    // The image is public, so all know of it.
    team.answers_people(
        Method::DELETE,
        &format!("{IMAGE}/bin"),
        &null,
        [200, 403, 403, 403, 403],
    )
    .await;
    team.does(Method::DELETE, IMAGE, &null, 204).await;
    let restore = at(&newest(&team).await, "/restore");
    team.answers_people(Method::POST, &restore, &json!({}), [200, 200, 403, 404, 404])
        .await;
}

#[tokio::test]
async fn lists_are_cut_down_and_paged() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    for tag in ["a", "b", "c"] {
        docker.push_image(APP, tag, tag.as_bytes()).await;
        team.does(Method::DELETE, &format!("{IMAGE}/tags/{tag}"), &Value::Null, 204)
            .await;
    }
    let check = async |query: &str, expected: &[&str]| {
        let found = entries(&team, query).await;
        let tags: Vec<_> = found.iter().map(|entry| entry["tags"][0].clone()).collect();
        assert_eq!(tags, expected, "{query}");
    };
    check("", &["c", "b", "a"]).await;
    check("?namespace=group", &["c", "b", "a"]).await;
    check("?namespace=group&repository=back$end", &["c", "b", "a"]).await;
    check("?namespace=group&repository=other", &[]).await;
    check("?namespace=missing", &[]).await;
    check("?tag=b&kind=tag", &["b"]).await;
    check("?kind=image", &[]).await;
    let first = team
        .does(Method::GET, &format!("{BIN}?limit=2"), &Value::Null, 200)
        .await;
    let next = format!("?limit=2&marker={}", first["nextMarker"]);
    check(&next, &["a"]).await;
    for (query, code) in [
        ("kind=x", "4001025"),
        ("repository=app", "4001025"),
        ("limit=0", "4000056"),
    ] {
        team.refuses(Method::GET, &format!("{BIN}?{query}"), &Value::Null, (400, code))
            .await;
    }
}

#[tokio::test]
async fn an_organization_goes_with_what_its_bin_holds() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    docker.push_image(APP, "v1", b"one").await;
    let group = "/v2/manage/namespaces/group";
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v1"), &Value::Null, 204)
        .await;
    team.refuses(Method::DELETE, group, &Value::Null, (406, "4060074"))
        .await;
    assert_eq!(entries(&team, "").await.len(), 1, "a refusal purges nothing");
    team.does(Method::DELETE, IMAGE, &Value::Null, 204).await;
    let usage = team.does(Method::GET, GROUP_BIN, &Value::Null, 200).await;
    assert_eq!(usage["entries"], 1, "what goes with it: {usage}");
    team.does(Method::DELETE, group, &Value::Null, 204).await;
    assert_eq!(entries(&team, "").await, Vec::<Value>::new());
}
