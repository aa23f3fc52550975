//! Tokens that are to do more than they were given for. That each endpoint asks for its scope is shown by
//! `authorization_coverage`, that a login ends its tokens by `distribution/logins`.

use crate::client::Client;
use crate::content::{digest, image, written};
use crate::installation::Installation;
use crate::installation::basic;
use crate::world::World;

/// The same client with what the token endpoint gives for a query; without a token when it gives none.
async fn token(client: &Client, query: &str) -> Option<Client> {
    let answer = client.ask(format!("GET /token?service=berth&{query}")).await;
    (answer.status == 200)
        .then(|| client.with(&format!("Bearer {}", answer.json()["token"].as_str().unwrap())))
}

#[tokio::test]
async fn a_scope_that_looks_like_more_is_not() {
    let world = World::start().await;
    for name in ["team/app", "team/other"] {
        world.admin.push_image(name, "v1", b"layer").await;
    }
    for scope in [
        "repository:team/*:pull",
        "repository:team/%2A:pull",
        "repository:*:pull",
        "repository:*:*",
        "repository:team:pull",
        "repository::pull",
        "repository:team/app/../other:pull",
        "repository:team/app,team/other:pull",
        "repository:team/app:pull:team/other:pull",
        "repository:team/other%2F:pull",
        "repository:TEAM/OTHER:pull",
        "repository:team/other:PULL",
        "repository:team/other:read",
        "repository:team/other:",
        "repository:team/other",
        "Repository:team/other:pull",
        "repository(plugin):team/other:pull",
        "registry:*:*",
        "registry:catalog:pull",
        "registry:team/other:*",
        "*:*:*",
        "*",
    ] {
        for more in [
            "",
            "&scope=repository:team/app:pull",
            "&scope=repository:team/app:pull,push,delete",
        ] {
            let query = format!("scope={scope}{more}");
            let Some(holder) = token(&world.admin, &query).await else {
                continue;
            };
            for line in [
                "GET /v2/team/other/tags/list",
                "GET /v2/team/other/manifests/v1",
                "POST /v2/team/other/blobs/uploads/",
                "DELETE /v2/team/other/manifests/v1",
                "GET /v2/_catalog",
            ] {
                let answer = holder.ask(line).await;
                assert_eq!(answer.status, 401, "{query}: {line}");
            }
        }
    }
    world.admin.ask("GET /v2/team/other/manifests/v1").await.is(200);
}

#[tokio::test]
async fn a_token_mounts_only_from_what_it_opens() {
    let world = World::start().await;
    let secret = world.admin.push_blob("team/secret", b"secret").await;
    world.admin.push_blob("team/target", b"own").await;
    // A pipeline was given a token for one image, by somebody who may read many.
    let pipeline = world
        .token(&world.admin, "repository:team/target:pull,push")
        .await;
    for query in [
        format!("mount={secret}&from=team/secret"),
        format!("mount={secret}"),
        format!("mount={secret}&from="),
        format!("mount={secret}&from=team/none"),
        format!("mount={secret}&from=team/target&from=team/secret"),
    ] {
        let line = format!("POST /v2/team/target/blobs/uploads/?{query}");
        let answer = pipeline.ask(&line).await;
        // Who names the source hears that the token does not reach it.
        assert!(matches!(answer.status, 202 | 401), "{query}: {}", answer.status);
        let there = pipeline.ask(format!("GET /v2/team/target/blobs/{secret}")).await;
        there.refused(404, "BLOB_UNKNOWN");
    }
    // What it does open is mounted, and what is public.
    let both = "repository:team/target:pull,push repository:team/secret:pull";
    let both = world.token(&world.admin, both).await;
    let line = format!("POST /v2/team/target/blobs/uploads/?mount={secret}");
    both.ask(&line).await.is(201);
    let open = world.admin.push_blob("team/open", b"open").await;
    world.publish("team/open").await;
    let line = format!("POST /v2/team/target/blobs/uploads/?mount={open}");
    pipeline.ask(&line).await.is(201);
    // A right to push alone shows nothing of the source.
    let blind = world
        .token(
            &world.admin,
            "repository:team/blind:push repository:team/secret:push",
        )
        .await;
    let line = format!("POST /v2/team/blind/blobs/uploads/?mount={secret}");
    blind.ask(&line).await.is(202);
}

#[tokio::test]
async fn a_token_is_worth_no_more_than_the_rights_that_are_left() {
    let installation = Installation::start();
    installation.admin(&["org", "create", "team", "--account", "berth"]);
    let nobody = Client {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: installation.url(),
        authorization: None,
    };
    let created = installation.admin(&["user", "create", "berth/mary"]);
    let login = nobody.with(&basic("berth/mary", created["password"].as_str().unwrap()));
    installation.admin(&["grant", "set", "team", "berth/mary", "manage"]);
    login.push_image("team/app", "v1", b"layer").await;
    let all = "scope=repository:team/app:pull,push,delete&scope=registry:catalog:*";
    let token = token(&login, all).await.unwrap();
    let session = token.start_upload("team/app").await;
    let manifest = written(&image(&[b"layer"]));
    for (grant, pulls, pushes, deletes) in [
        (
            &["grant", "set", "team", "berth/mary", "write"][..],
            200,
            202,
            403,
        ),
        (&["grant", "set", "team", "berth/mary", "read"], 200, 403, 403),
        (&["grant", "remove", "team", "berth/mary"], 403, 403, 403),
    ] {
        installation.admin(grant);
        for (line, status) in [
            ("GET /v2/team/app/manifests/v1".to_owned(), pulls),
            (format!("GET /v2/team/app/blobs/{}", digest(b"layer")), pulls),
            (format!("GET /v2/team/app/referrers/{}", digest(&manifest)), pulls),
            ("POST /v2/team/app/blobs/uploads/".to_owned(), pushes),
            (format!("DELETE /v2/team/app/blobs/{}", digest(b"layer")), deletes),
            ("DELETE /v2/team/app/manifests/v1".to_owned(), deletes),
        ] {
            assert_eq!(token.ask(&line).await.status, status, "{grant:?}: {line}");
        }
    }
    // Neither what it began nor what it would hear of is left to it.
    for line in [
        format!("PATCH {session}"),
        format!("PUT {session}?digest={}", digest(b"")),
        format!("GET {session}"),
    ] {
        token.ask(&line).await.refused(403, "DENIED");
    }
    let listed = token.ask("GET /v2/_catalog").await.is(200).json();
    assert_eq!(listed["repositories"], serde_json::json!([]));
}

#[tokio::test]
async fn a_token_makes_no_token() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    let narrow = world.token(&world.admin, "repository:team/app:pull").await;
    let value = narrow.authorization.clone().unwrap();
    let value = value.split_once(' ').unwrap().1;
    for line in [
        "GET /token?scope=repository:team/app:pull,push",
        "GET /token",
        "GET /swr/auth/v2/registry/auth",
    ] {
        narrow.ask(line).await.is(401);
    }
    for body in [
        format!(
            "grant_type=refresh_token&refresh_token={value}&service=berth&scope=repository:team/app:push"
        ),
        format!(
            "grant_type=password&username=admin&password={value}&service=berth&scope=repository:team/app:push"
        ),
        format!(
            "grant_type=password&username=<token>&password={value}&service=berth&scope=repository:team/app:push"
        ),
    ] {
        let asked = world.admin.anonymous().ask("POST /token");
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        let answer = asked.body(body.clone()).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.status);
    }
}
