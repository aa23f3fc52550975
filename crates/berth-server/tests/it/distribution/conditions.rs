//! Moves of a tag under a condition (RFC 9110 section 13.1): `If-Match` and `If-None-Match: *`.

use berth_oci::media_type;

use crate::client::Answer;
use crate::content::{CONFIG, digest, image, written};
use crate::world::World;

/// Pushes an image of one layer under these headers.
async fn push(world: &World, reference: &str, layer: &[u8], header: (&str, &str)) -> Answer {
    for blob in [CONFIG, layer] {
        world.admin.push_blob("team/app", blob).await;
    }
    let line = format!("PUT /v2/team/app/manifests/{reference}");
    let asked = world
        .admin
        .ask(line)
        .header("content-type", media_type::OCI_MANIFEST);
    asked
        .header(header.0, header.1)
        .body(written(&image(&[layer])))
        .await
}

#[tokio::test]
async fn a_tag_moves_only_from_where_the_client_saw_it() {
    let world = World::start().await;
    let first = digest(world.admin.push_image("team/app", "v1", b"first").await);
    let second = digest(written(&image(&[b"second"])));
    let (at_first, at_second) = (format!("\"{first}\""), format!("\"{second}\""));

    let moved = push(&world, "v1", b"second", ("if-match", &at_second)).await;
    let refused = moved.refused(412, "DENIED");
    let error = &refused.errors()[0];
    assert_eq!(error["detail"]["digest"], first);
    assert!(error["message"].to_string().contains(&first), "{error}");
    refused
        .has("docker-content-digest", &first)
        .has("etag", &at_first);
    let head = world.admin.ask("HEAD /v2/team/app/manifests/v1").await;
    head.is(200).has("docker-content-digest", &first);

    push(&world, "v1", b"second", ("if-match", &at_first))
        .await
        .is(201);
    // One of several, and any at all.
    let either = format!("\"sha256:other\", {at_second}");
    push(&world, "v1", b"first", ("if-match", &either)).await.is(201);
    push(&world, "v1", b"second", ("if-match", "*")).await.is(201);
    // RFC 9110 section 13.1.1: the comparison is strong.
    let weak = format!("W/{at_second}");
    let answer = push(&world, "v1", b"first", ("if-match", &weak)).await;
    answer.refused(412, "DENIED");

    for condition in ["*", &at_first] {
        let answer = push(&world, "absent", b"first", ("if-match", condition)).await;
        let answer = answer.refused(412, "DENIED");
        assert_eq!(answer.errors()[0]["detail"]["digest"], serde_json::Value::Null);
        answer.lacks("docker-content-digest");
    }
    let absent = world.admin.ask("GET /v2/team/app/manifests/absent").await;
    absent.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_tag_can_be_asked_for_only_when_it_is_new() {
    let world = World::start().await;
    push(&world, "v1", b"first", ("if-none-match", "*")).await.is(201);
    let answer = push(&world, "v1", b"second", ("if-none-match", "*")).await;
    let first = digest(written(&image(&[b"first"])));
    answer.refused(412, "DENIED").has("docker-content-digest", &first);
}

#[tokio::test]
async fn without_a_condition_the_last_push_wins_and_nothing_is_lost() {
    let world = World::start().await;
    let first = world.admin.push_image("team/app", "v1", b"first").await;
    let second = world.admin.push_image("team/app", "v1", b"second").await;
    for (reference, manifest) in [
        ("v1".to_owned(), &second),
        (digest(&first), &first),
        (digest(&second), &second),
    ] {
        let pulled = world.admin.ask(format!("GET /v2/team/app/manifests/{reference}"));
        pulled.await.is(200).holds(manifest);
    }
}

#[tokio::test]
async fn several_tags_move_all_or_none() {
    let world = World::start().await;
    let first = digest(world.admin.push_image("team/app", "one", b"first").await);
    world.admin.push_image("team/app", "two", b"other").await;
    let second = digest(written(&image(&[b"second"])));
    let at_first = format!("\"{first}\"");
    let reference = format!("{second}?tag=one&tag=two");
    let answer = push(&world, &reference, b"second", ("if-match", &at_first)).await;
    answer.refused(412, "DENIED");
    let head = world.admin.ask("HEAD /v2/team/app/manifests/one").await;
    head.is(200).has("docker-content-digest", &first);
    let absent = world
        .admin
        .ask(format!("GET /v2/team/app/manifests/{second}"))
        .await;
    absent.refused(404, "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn a_tag_is_deleted_only_from_where_the_client_saw_it() {
    let world = World::start().await;
    let first = digest(world.admin.push_image("team/app", "v1", b"first").await);
    let delete = |condition: String| {
        let asked = world.admin.ask("DELETE /v2/team/app/manifests/v1");
        asked.header("if-match", condition)
    };
    let answer = delete(format!("\"{}\"", digest(b"other"))).await;
    answer.refused(412, "DENIED").has("docker-content-digest", &first);
    delete(format!("\"{first}\"")).await.is(202);
}
