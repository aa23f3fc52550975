//! What a path may say: names, tags, methods, and paths that lead nowhere.

use crate::content::digest;
use crate::world::World;

#[tokio::test]
async fn a_name_that_breaks_the_rules_is_refused_with_swrs_text() {
    let world = World::start().await;
    let digest = digest(b"x");
    let long = format!("team/{}", "x".repeat(129));
    for name in [
        "Team/app",
        "team/App",
        "team/-app",
        "team/app-",
        "team//app",
        "team/app/",
        "team/a..b",
        "team/a___b",
        "-team/app",
        "1team/app",
        "app",
        "manage/app",
        "team/%2Fapp",
        "team%2Fapp/app",
        "team/a%00b",
        "team/%E4",
        long.as_str(),
    ] {
        for line in [
            format!("GET /v2/{name}/manifests/v1"),
            format!("GET /v2/{name}/tags/list"),
            format!("POST /v2/{name}/blobs/uploads/"),
            format!("GET /v2/{name}/blobs/{digest}"),
            format!("GET /v2/{name}/referrers/{digest}"),
        ] {
            // Below the reserved name the management API answers, in its own form.
            if name == "manage/app" {
                let answer = world.admin.ask(line).await.is(404);
                assert!(answer.json()["error_code"].is_string(), "{}", answer.json());
                continue;
            }
            let answer = world.admin.ask(line).await.refused(400, "NAME_INVALID");
            let error = &answer.errors()[0];
            assert_eq!(error["message"], "'repository' is invalid");
            assert!(error["detail"].as_str().unwrap().contains("name"), "{error}");
        }
    }
    for name in [
        "team/a",
        "team/a/b/c",
        "team/a.b_c__d--e",
        "team/1",
        &format!("team/{}", "x".repeat(128)),
    ] {
        world.admin.push_blob(name, b"x").await;
    }
}

#[tokio::test]
async fn a_tag_that_breaks_the_rules_is_refused_with_them() {
    let world = World::start().await;
    let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
    let by_digest = digest(&manifest);
    for tag in [".v1", "-v1", "v%2F1", "v%201", "v%C3%A4", &"x".repeat(129)] {
        for line in [
            format!("PUT /v2/team/app/manifests/{tag}"),
            format!("PUT /v2/team/app/manifests/{by_digest}?tag=fine&tag={tag}"),
        ] {
            let put = world.admin.ask(line).body(manifest.clone());
            let answer = put.await.refused(400, "TAG_INVALID");
            let message = answer.errors()[0]["message"].to_string();
            assert!(message.contains("1 to 128 characters"), "{message}");
        }
    }
    for tag in ["_", "V.1-a_b", "0", &"x".repeat(128)] {
        let put = world.admin.ask(format!("PUT /v2/team/app/manifests/{tag}"));
        put.body(manifest.clone()).await.is(201);
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_405_with_those_it_has() {
    let world = World::start().await;
    let digest = digest(b"x");
    let session = world.admin.start_upload("team/app").await;
    for (line, allowed) in [
        ("DELETE /v2/".to_owned(), "GET, HEAD"),
        ("POST /v2/_catalog".to_owned(), "GET, HEAD"),
        ("DELETE /v2/team/app/tags/list".to_owned(), "GET, HEAD"),
        (format!("PUT /v2/team/app/referrers/{digest}"), "GET, HEAD"),
        (
            "POST /v2/team/app/manifests/v1".to_owned(),
            "GET, HEAD, PUT, DELETE",
        ),
        (format!("PUT /v2/team/app/blobs/{digest}"), "GET, HEAD, DELETE"),
        ("GET /v2/team/app/blobs/uploads/".to_owned(), "POST"),
        (format!("POST {session}"), "GET, HEAD, PATCH, PUT, DELETE"),
    ] {
        let answer = world.admin.ask(line).await;
        answer.refused(405, "UNSUPPORTED").has("allow", allowed);
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_404() {
    let world = World::start().await;
    for path in [
        "/v2/team/app",
        "/v2/team/app/",
        "/v2/team/app/tags",
        "/v2/team/app/tags/other",
        "/v2/team/app/blobs",
        "/v2/tags/list",
        "/v2/_other",
    ] {
        let answer = world.admin.ask(format!("GET {path}")).await.is(404);
        assert_eq!(answer.errors().len(), 1);
    }
}

#[tokio::test]
async fn every_answer_carries_the_id_that_finds_it_in_the_log() {
    let world = World::start().await;
    for line in [
        "GET /v2/",
        "GET /v2/team/absent/tags/list",
        "GET /v2/BAD/x/tags/list",
    ] {
        // Only a proxy of ours names requests: an id that anybody may choose finds nothing.
        let given = world.admin.ask(line).header("x-request-id", "from-the-client");
        assert_ne!(given.await.header("x-request-id"), "from-the-client");
        let (one, two) = (world.admin.ask(line).await, world.admin.ask(line).await);
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    }
}
