//! Immutable tags: the rules, and what they stop, in the management API and for docker.

use berth_oci::media_type;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::code;
use super::team::{IMAGE, NO_IMAGE, Team, is_time};
use crate::client::Client;
use crate::content::{CONFIG, digest, image, written};

/// The image, as docker names it.
const APP: &str = "group/back/end";
const OF_GROUP: &str = "/v2/manage/namespaces/group/immutability";
const OF_IMAGE: &str = "/v2/manage/namespaces/group/repos/back$end/immutability";
/// A tag is immutable, in the management API.
const IMMUTABLE: (u16, &str) = (409, "4090134");

async fn rule(team: &Team, place: &str, body: &Value) -> Value {
    team.does(Method::POST, place, body, 201).await
}

/// What a push of an image over this layer under a tag is answered with.
async fn push(docker: &Client, tag: &str, layer: &[u8]) -> crate::client::Answer {
    docker.push_blob(APP, CONFIG).await;
    docker.push_blob(APP, layer).await;
    let put = docker.ask(format!("PUT /v2/{APP}/manifests/{tag}"));
    put.header("content-type", media_type::OCI_MANIFEST)
        .body(written(&image(&[layer])))
        .await
}

#[tokio::test]
async fn rules_are_made_listed_and_deleted() {
    let team = Team::start().await;
    assert_eq!(
        team.does(Method::GET, OF_GROUP, &Value::Null, 200).await,
        json!([])
    );
    let body = json!({ "pattern": "v*", "except": "{vnext,v0}", "images": "back/**" });
    let whole = rule(&team, OF_GROUP, &body).await;
    assert!(is_time(&whole["created_at"]), "{whole}");
    assert_eq!(whole["creator_id"].as_str().unwrap().len(), 32);
    let expected = json!({
        "id": whole["id"], "on": "organization", "pattern": "v*", "kind": "glob", "except": "{vnext,v0}",
        "images": "back/**", "creator_id": whole["creator_id"], "creator_name": "admin",
        "created_at": whole["created_at"],
    });
    assert_eq!(whole, expected);
    let own = rule(
        &team,
        OF_IMAGE,
        &json!({ "pattern": "^r[0-9]+$", "kind": "regex" }),
    )
    .await;
    assert_eq!(
        (&own["on"], &own["kind"], &own["except"], &own["images"]),
        (&json!("image"), &json!("regex"), &Value::Null, &Value::Null)
    );
    // One about other images does not hold for this one.
    let other = rule(&team, OF_GROUP, &json!({ "pattern": "*", "images": "*" })).await;
    let listed = team.does(Method::GET, OF_GROUP, &Value::Null, 200).await;
    assert_eq!(listed, json!([whole, other]));
    let listed = team.does(Method::GET, OF_IMAGE, &Value::Null, 200).await;
    assert_eq!(listed, json!([whole, own]));

    team.refuses(Method::POST, OF_GROUP, &body, (409, "4090133"))
        .await;
    let of_group = |rule: &Value| format!("{OF_GROUP}/{}", rule["id"]);
    let of_image = |rule: &Value| format!("{OF_IMAGE}/{}", rule["id"]);
    let gone = (404, "4040133");
    team.refuses(Method::DELETE, &of_group(&own), &Value::Null, gone)
        .await;
    team.refuses(Method::DELETE, &of_image(&whole), &Value::Null, gone)
        .await;
    for target in [of_image(&own), of_group(&whole), of_group(&other)] {
        team.does(Method::DELETE, &target, &Value::Null, 204).await;
        team.refuses(Method::DELETE, &target, &Value::Null, gone).await;
    }
    assert_eq!(
        team.does(Method::GET, OF_IMAGE, &Value::Null, 200).await,
        json!([])
    );
}

#[tokio::test]
async fn docker_is_told_which_rule_keeps_a_tag() {
    let team = Team::start().await;
    let docker = team.docker(&team.writer);
    let one = docker.push_image(APP, "v1", b"one").await;
    let made = rule(&team, OF_GROUP, &json!({ "pattern": "v*", "except": "vnext" })).await;
    let refused = push(&docker, "v1", b"two").await.refused(409, "DENIED");
    let error = &refused.errors()[0];
    let expected = format!(
        "tag 'v1' of image '{APP}' is immutable and names {}: rule {} on organization 'group' ('v*' except 'vnext') \
         protects it since {}; use another tag, or ask who manages organization 'group' to delete the rule",
        digest(&one),
        made["id"],
        made["created_at"].as_str().unwrap()
    );
    assert_eq!(error["message"], expected);
    let detail = json!({ "tag": "v1", "digest": digest(&one), "rule": made["id"] });
    assert_eq!(error["detail"], detail);
    // An answer, and not a reason to try again.
    assert_eq!(refused.find("retry-after"), None);
    let named = docker.ask(format!("GET /v2/{APP}/manifests/v1"));
    named.await.is(200).holds(&one);

    // What it names can be pushed again as often as one likes, other tags move, and new ones come.
    push(&docker, "v1", b"one").await.is(201);
    push(&docker, "vnext", b"one").await.is(201);
    push(&docker, "vnext", b"two").await.is(201);
    push(&docker, "v2", b"two").await.is(201);
    push(&docker, "v2", b"three").await.refused(409, "DENIED");
    // Several tags move together or not at all.
    let manifest = written(&image(&[b"two"]));
    let put = docker.ask(format!(
        "PUT /v2/{APP}/manifests/{}?tag=fresh&tag=v1",
        digest(&manifest)
    ));
    let put = put
        .header("content-type", media_type::OCI_MANIFEST)
        .body(manifest);
    put.await.refused(409, "DENIED");
    docker
        .ask(format!("HEAD /v2/{APP}/manifests/fresh"))
        .await
        .is(404);

    team.does(
        Method::DELETE,
        &format!("{OF_GROUP}/{}", made["id"]),
        &Value::Null,
        204,
    )
    .await;
    push(&docker, "v1", b"two").await.is(201);
}

#[tokio::test]
async fn nothing_moves_or_deletes_an_immutable_tag() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    let one = docker.push_image(APP, "v1", b"one").await;
    docker.push_image(APP, "latest", b"two").await;
    // Named before, and in the bin.
    let old = docker.push_image(APP, "v2", b"old").await;
    team.does(Method::DELETE, &format!("{IMAGE}/tags/v2"), &Value::Null, 204)
        .await;
    let bin = team.does(Method::GET, "/v2/manage/bin", &Value::Null, 200).await;
    let entry = format!("/v2/manage/bin/{}/restore", bin["entries"][0]["id"]);
    let two = docker.push_image(APP, "v2", b"two").await;
    rule(&team, OF_IMAGE, &json!({ "pattern": "v?" })).await;

    let retag = json!({ "source_tag": "latest", "destination_tag": "v1", "override": true });
    let tags = format!("{IMAGE}/tags");
    team.refuses(Method::POST, &tags, &retag, IMMUTABLE).await;
    let set_back = json!({ "digest": digest(&old) });
    team.refuses(Method::POST, &format!("{tags}/v2/restore"), &set_back, IMMUTABLE)
        .await;
    team.refuses(Method::POST, &entry, &json!({ "overwrite": true }), IMMUTABLE)
        .await;
    team.refuses(Method::DELETE, &format!("{tags}/v1"), &Value::Null, IMMUTABLE)
        .await;
    team.refuses(Method::DELETE, IMAGE, &Value::Null, IMMUTABLE).await;
    for reference in ["v1", &digest(&one)] {
        let delete = docker.ask(format!("DELETE /v2/{APP}/manifests/{reference}"));
        let refused = delete.await.refused(409, "DENIED");
        let message = refused.errors()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("on image 'group/back/end' ('v?')"), "{message}");
    }
    for (tag, manifest) in [("v1", &one), ("v2", &two)] {
        let get = docker.ask(format!("GET /v2/{APP}/manifests/{tag}"));
        get.await.is(200).holds(manifest);
    }

    // A tag that is set to what it names already, and one that is not there, stand in nobody's way.
    let same = json!({ "source_tag": "v1", "destination_tag": "v1", "override": true });
    team.does(Method::POST, &tags, &same, 201).await;
    let new = json!({ "source_tag": "latest", "destination_tag": "v3" });
    team.does(Method::POST, &tags, &new, 201).await;
    docker
        .ask(format!("DELETE /v2/{APP}/manifests/latest"))
        .await
        .is(202);

    // The way out.
    let rules = team.does(Method::GET, OF_IMAGE, &Value::Null, 200).await;
    let target = format!("{OF_IMAGE}/{}", rules[0]["id"]);
    team.does(Method::DELETE, &target, &Value::Null, 204).await;
    team.does(Method::DELETE, IMAGE, &Value::Null, 204).await;
}

#[tokio::test]
async fn of_two_first_pushes_of_an_immutable_tag_one_happens() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    rule(&team, OF_GROUP, &json!({ "pattern": "*" })).await;
    docker.push_blob(APP, CONFIG).await;
    for round in 0..3 {
        let pushes = (0..8).map(|number| {
            let mut document = image(&[]);
            document["annotations"] = json!({ "number": format!("{round}.{number}") });
            let put = docker.ask(format!("PUT /v2/{APP}/manifests/new{round}"));
            put.header("content-type", media_type::OCI_MANIFEST)
                .body(written(&document))
                .into_future()
        });
        let answers = join_all(pushes).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(won.len(), 1);
        let winner = won[0].header("docker-content-digest").to_owned();
        for lost in answers.iter().filter(|answer| answer.status != 201) {
            let lost = lost.clone().refused(409, "DENIED");
            assert_eq!(lost.errors()[0]["detail"]["digest"], winner);
        }
        let head = docker.ask(format!("HEAD /v2/{APP}/manifests/new{round}"));
        head.await.is(200).has("docker-content-digest", &winner);
    }
}

#[tokio::test]
async fn lists_of_tags_say_what_is_immutable() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    docker.push_image(APP, "v1", b"one").await;
    let made = rule(&team, OF_IMAGE, &json!({ "pattern": "v*" })).await;
    rule(&team, OF_GROUP, &json!({ "pattern": "v1" })).await;
    let v2 = team
        .does(Method::GET, &format!("{IMAGE}/tags"), &Value::Null, 200)
        .await;
    let v3 = format!("{}/tags", IMAGE.replace("/v2/", "/v3/"));
    let v3 = team.does(Method::GET, &v3, &Value::Null, 200).await;
    let mut shown = Vec::new();
    for tag in ["v1", "pushed"] {
        let target = format!("{IMAGE}/tags/{tag}");
        shown.push(team.does(Method::GET, &target, &Value::Null, 200).await);
    }
    for (name, rows) in [("Tag", &v2), ("tag", &v3["tags"]), ("tag", &json!(shown))] {
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            let by = if row[name] == "v1" {
                &made["id"]
            } else {
                &Value::Null
            };
            let immutable = (&row["immutable"], &row["immutable_rule"]);
            assert_eq!(immutable, (&json!(!by.is_null()), by), "{row}");
        }
    }
}

#[tokio::test]
async fn a_preview_tells_what_a_rule_would_keep() {
    let team = Team::start().await;
    let docker = team.docker(&team.admin);
    docker.push_image(APP, "v1", b"one").await;
    docker.push_image(APP, "v2", b"one").await;
    docker.push_image("group/front", "v1", b"one").await;
    let check = async |place: &str, body: Value, expected: &[(&str, &str)]| {
        let target = format!("{place}/preview");
        let found = team.does(Method::POST, &target, &body, 200).await;
        let tags: Vec<Value> = expected
            .iter()
            .map(|(image, tag)| json!({ "repository": image, "tag": tag }))
            .collect();
        assert_eq!(
            found,
            json!({ "tags": tags, "found": tags.len(), "more": false }),
            "{body}"
        );
    };
    let end = "back/end";
    check(OF_IMAGE, json!({ "pattern": "v*" }), &[(end, "v1"), (end, "v2")]).await;
    check(
        OF_IMAGE,
        json!({ "pattern": "v*", "except": "v2" }),
        &[(end, "v1")],
    )
    .await;
    check(
        OF_IMAGE,
        json!({ "pattern": "2", "kind": "regex" }),
        &[(end, "v2")],
    )
    .await;
    check(OF_IMAGE, json!({ "pattern": "2" }), &[]).await;
    check(
        OF_GROUP,
        json!({ "pattern": "v1" }),
        &[(end, "v1"), ("front", "v1")],
    )
    .await;
    check(
        OF_GROUP,
        json!({ "pattern": "*", "images": "*" }),
        &[("front", "v1")],
    )
    .await;
    check(
        OF_GROUP,
        json!({ "pattern": "{v2,pushed}", "images": "**" }),
        &[(end, "pushed"), (end, "v2")],
    )
    .await;
    assert_eq!(
        team.does(Method::GET, OF_IMAGE, &Value::Null, 200).await,
        json!([])
    );
}

#[tokio::test]
async fn who_manages_a_place_sets_its_rules() {
    let team = Team::start().await;
    let body = json!({ "pattern": "v*" });
    for place in [OF_GROUP, OF_IMAGE] {
        team.answers_people(Method::GET, place, &Value::Null, [200, 200, 200, 404, 404])
            .await;
        team.answers_people(
            Method::POST,
            &format!("{place}/preview"),
            &body,
            [200, 403, 403, 404, 404],
        )
        .await;
        team.answers_people(Method::POST, place, &body, [201, 403, 403, 404, 404])
            .await;
    }
    let denied = team.ask(&team.writer, Method::POST, OF_IMAGE, &body).await;
    assert_eq!(code(&denied), "SVCSTG.SWR.4037020");
    for place in [OF_GROUP, OF_IMAGE] {
        let rules = team.does(Method::GET, place, &Value::Null, 200).await;
        let rules = rules.as_array().unwrap();
        let on = if place == OF_GROUP {
            "organization"
        } else {
            "image"
        };
        let own = rules.iter().find(|rule| rule["on"] == on).unwrap();
        let target = format!("{place}/{}", own["id"]);
        team.answers_people(Method::DELETE, &target, &Value::Null, [204, 403, 403, 404, 404])
            .await;
    }
}

#[tokio::test]
async fn mistakes_in_rules_have_their_codes() {
    let team = Team::start().await;
    let missing = format!("{NO_IMAGE}/immutability");
    let nowhere = "/v2/manage/namespaces/missing/immutability";
    let body = json!({ "pattern": "v*" });
    for (place, body, expected) in [
        (OF_IMAGE, json!({ "pattern": "" }), (400, "4000014")),
        (OF_IMAGE, json!({ "pattern": "{a" }), (400, "4000014")),
        (
            OF_IMAGE,
            json!({ "pattern": "(", "kind": "regex" }),
            (400, "4000014"),
        ),
        (OF_IMAGE, json!({ "pattern": "x".repeat(257) }), (400, "4000014")),
        (
            OF_IMAGE,
            json!({ "pattern": "v*", "except": "(" }),
            (400, "4000014"),
        ),
        (
            OF_GROUP,
            json!({ "pattern": "v*", "images": "{a" }),
            (400, "4000014"),
        ),
        (
            OF_IMAGE,
            json!({ "pattern": "v*", "kind": "exact" }),
            (400, "4001018"),
        ),
        (
            OF_IMAGE,
            json!({ "pattern": "v*", "images": "*" }),
            (400, "4001018"),
        ),
        (OF_IMAGE, json!({}), (400, "4001018")),
        (&missing, body.clone(), (404, "4040010")),
        (nowhere, body, (404, "4040058")),
    ] {
        team.refuses(Method::POST, place, &body, expected).await;
        team.refuses(Method::POST, &format!("{place}/preview"), &body, expected)
            .await;
    }
    for number in 0..20 {
        rule(&team, OF_IMAGE, &json!({ "pattern": format!("v{number}") })).await;
    }
    let one_more = json!({ "pattern": "one more" });
    team.refuses(Method::POST, OF_IMAGE, &one_more, (400, "4000014"))
        .await;
}
