//! "Pulling manifests" and end-1: by tag and by digest, whole, looked at, and asked for again.

use berth_oci::media_type;
use serde_json::json;

use crate::content::{digest, sha512, written};
use crate::world::World;

#[tokio::test]
async fn whoever_logged_in_learns_that_this_is_a_registry() {
    let world = World::start().await;
    for method in ["GET", "HEAD"] {
        world
            .admin
            .ask(format!("{method} /v2/"))
            .await
            .is(200)
            .has("docker-distribution-api-version", "registry/2.0")
            .has("content-type", "application/json");
    }
    let posted = world.admin.ask("POST /v2/").await;
    posted.refused(405, "UNSUPPORTED").has("allow", "GET, HEAD");
}

#[tokio::test]
async fn a_manifest_is_answered_as_it_was_pushed() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    let digest = digest(&manifest);
    for (reference, cache) in [
        ("v1", "private, no-cache"),
        (digest.as_str(), "private, max-age=31536000, immutable"),
    ] {
        for method in ["GET", "HEAD"] {
            let line = format!("{method} /v2/team/app/manifests/{reference}");
            let answer = world.admin.ask(line).await.is(200);
            let body: &[u8] = if method == "GET" { &manifest } else { b"" };
            answer
                .holds(body)
                .has("content-type", media_type::OCI_MANIFEST)
                .has("content-length", &manifest.len().to_string())
                .has("docker-content-digest", &digest)
                .has("etag", &format!("\"{digest}\""))
                .has("cache-control", cache);
        }
    }
}

#[tokio::test]
async fn caches_between_may_keep_what_was_given_to_nobody_in_particular() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    world.publish("team/app").await;
    let (of_manifest, of_layer) = (digest(&manifest), digest(b"layer"));
    let nobody = world.admin.anonymous();
    let token = world.token(&nobody, "repository:team/app:pull").await;
    // Those between ask again after a day: it may not be public any more.
    let shared = "max-age=31536000, s-maxage=86400, immutable";
    for (client, word, for_ever) in [
        (&nobody, "public", shared),
        (&token, "public", shared),
        (&world.admin, "private", "max-age=31536000, immutable"),
    ] {
        for (path, rest) in [
            ("manifests/v1".to_owned(), "no-cache"),
            (format!("manifests/{of_manifest}"), for_ever),
            (format!("blobs/{of_layer}"), for_ever),
        ] {
            for (method, tag, status) in [
                ("GET", "\"other\"", 200),
                ("HEAD", "\"other\"", 200),
                ("GET", "*", 304),
                ("HEAD", "*", 304),
            ] {
                let asked = client.ask(format!("{method} /v2/team/app/{path}"));
                let answer = asked.header("if-none-match", tag).await.is(status);
                answer.has("cache-control", &format!("{word}, {rest}"));
            }
        }
    }
}

#[tokio::test]
async fn an_accept_header_never_changes_what_is_answered() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    for accept in ["application/vnd.docker.distribution.manifest.v2+json", "*/*", ""] {
        let asked = world.admin.ask("GET /v2/team/app/manifests/v1");
        asked.header("accept", accept).await.is(200).holds(&manifest);
    }
}

#[tokio::test]
async fn a_manifest_that_the_client_has_is_not_sent_again() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    let digest = digest(&manifest);
    for method in ["GET", "HEAD"] {
        for reference in ["v1", digest.as_str()] {
            let line = format!("{method} /v2/team/app/manifests/{reference}");
            for (tags, status) in [
                (format!("\"{digest}\""), 304),
                (format!("W/\"{digest}\""), 304),
                (format!("\"other\", \"{digest}\""), 304),
                ("*".to_owned(), 304),
                ("\"other\"".to_owned(), 200),
            ] {
                let asked = world.admin.ask(&line).header("if-none-match", &tags);
                asked.await.is(status).has("etag", &format!("\"{digest}\""));
            }
        }
    }
    // The tag moves, and the kept answer is stale.
    let moved = world.admin.push_image("team/app", "v1", b"another layer").await;
    let asked = world.admin.ask("GET /v2/team/app/manifests/v1");
    let asked = asked.header("if-none-match", format!("\"{digest}\""));
    asked.await.is(200).holds(&moved);
}

#[tokio::test]
async fn what_is_not_there_is_404_with_the_reason() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let absent = digest(b"absent");
    for (path, code) in [
        ("team/app/manifests/v2".to_owned(), "MANIFEST_UNKNOWN"),
        (format!("team/app/manifests/{absent}"), "MANIFEST_UNKNOWN"),
        // No manifest can have such a tag.
        ("team/app/manifests/.v1".to_owned(), "MANIFEST_UNKNOWN"),
        (
            format!("team/app/manifests/{}", "x".repeat(129)),
            "MANIFEST_UNKNOWN",
        ),
        ("team/absent/manifests/v1".to_owned(), "NAME_UNKNOWN"),
        (format!("team/absent/manifests/{absent}"), "NAME_UNKNOWN"),
    ] {
        let get = world.admin.ask(format!("GET /v2/{path}")).await;
        get.refused(404, code);
        let head = world.admin.ask(format!("HEAD /v2/{path}")).await;
        head.is(404).holds(b"");
    }
}

#[tokio::test]
async fn a_manifest_pushed_by_sha512_is_pulled_by_it() {
    let world = World::start().await;
    let document =
        written(&json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] }));
    let digest = sha512(&document);
    let put = world
        .admin
        .ask(format!("PUT /v2/team/app/manifests/{digest}?tag=v1"))
        .header("content-type", media_type::OCI_INDEX)
        .body(document.clone());
    put.await.is(201).has("docker-content-digest", &digest);
    for reference in [digest.as_str(), "v1"] {
        let asked = world.admin.ask(format!("GET /v2/team/app/manifests/{reference}"));
        asked
            .await
            .is(200)
            .holds(&document)
            .has("docker-content-digest", &digest);
    }
}
