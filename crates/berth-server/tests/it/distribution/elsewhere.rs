//! Names of other registries: by `ns=`, by a host that is a mirror's, and bare. What is asked for lies here already.

use crate::client::Client;
use crate::content::digest;
use crate::world::World;

const STAND_INS: &str = "docker.io=hub,example.test:5000=quay";
const HOST: &str = "hub.test";

/// A server in which `hub` stands for Docker Hub and `quay` for another, with an image in each and in an organization.
async fn started(more: &[&str]) -> World {
    let mut flags = vec!["--mirror-registries", STAND_INS];
    flags.extend(more);
    let world = World::start_with(&flags).await;
    for organization in ["hub", "quay"] {
        world.organization(organization).await;
    }
    for (repository, layer) in [
        ("hub/library/alpine", b"hub".as_slice()),
        ("quay/tool", b"quay"),
        ("team/app", b"ours"),
    ] {
        world.admin.push_image(repository, "v1", layer).await;
    }
    world
}

/// Asks for a tag, and for the one layer of the image, as containerd and docker do.
async fn pulls(client: &Client, (host, path, query): (&str, &str, &str), layer: &[u8]) {
    for method in ["GET", "HEAD"] {
        let line = format!("{method} /v2/{path}/manifests/v1{query}");
        client.ask(line).header("host", host).await.is(200);
    }
    let line = format!("GET /v2/{path}/blobs/{}{query}", digest(layer));
    client.ask(line).header("host", host).await.is(200).holds(layer);
}

#[tokio::test]
async fn a_registry_that_a_client_names_is_the_organization_that_stands_for_it() {
    let world = started(&[]).await;
    let host = world.address().to_string();
    let here = format!("?ns={host}");
    for (path, query, layer) in [
        ("library/alpine", "?ns=docker.io", b"hub".as_slice()),
        ("library/alpine", "?ns=registry-1.docker.io", b"hub"),
        // override_path: the path begins with the organization.
        ("hub/library/alpine", "?ns=docker.io", b"hub"),
        ("hub/library/alpine", "", b"hub"),
        // A name that has no organization there.
        ("tool", "?ns=example.test%3A5000", b"quay"),
        ("quay/tool", "?ns=example.test:5000", b"quay"),
        // This registry itself, asked by another name.
        ("team/app", &here, b"ours"),
        ("team/app", "?ns=", b"ours"),
    ] {
        pulls(&world.admin, (&host, path, query), layer).await;
    }
    let named = world
        .admin
        .ask("GET /v2/library/alpine/manifests/v1?ns=docker.io");
    named.await.is(200).has("oci-namespace", "docker.io");
    let named = world.admin.ask("GET /v2/team/app/manifests/v1").await;
    named.is(200).lacks("oci-namespace");
}

#[tokio::test]
async fn what_no_mirror_has_sends_clients_on() {
    let world = started(&[]).await;
    for (line, code) in [
        // Our image is not what another registry has under that name.
        ("GET /v2/team/app/manifests/v1?ns=docker.io", "NAME_UNKNOWN"),
        ("GET /v2/team/app/manifests/v1?ns=quay.io", "NAME_UNKNOWN"),
        (
            "GET /v2/library/alpine/manifests/v2?ns=docker.io",
            "MANIFEST_UNKNOWN",
        ),
        ("GET /v2/library/absent/manifests/v1?ns=docker.io", "NAME_UNKNOWN"),
    ] {
        world.admin.ask(line).await.refused(404, code);
    }
    // Nothing is told of a registry that no mirror stands for, and no login is asked for it.
    let unknown = world
        .admin
        .anonymous()
        .ask("GET /v2/a/b/manifests/v1?ns=evil.test");
    unknown
        .await
        .refused(404, "NAME_UNKNOWN")
        .lacks("www-authenticate");
    for line in [
        "GET /v2/library/alpine/tags/list?ns=docker.io",
        "DELETE /v2/library/alpine/manifests/v1?ns=docker.io",
        "POST /v2/library/alpine/blobs/uploads/?ns=docker.io",
    ] {
        world.admin.ask(line).await.refused(405, "UNSUPPORTED");
    }
}

#[tokio::test]
async fn a_login_is_for_the_repository_that_is_meant() {
    let world = started(&[]).await;
    let anonymous = world.admin.anonymous();
    let line = "GET /v2/library/alpine/manifests/v1?ns=docker.io";
    let refused = anonymous.ask(line).await.refused(401, "UNAUTHORIZED");
    let challenge = refused.header("www-authenticate").to_owned();
    assert!(
        challenge.contains("scope=\"repository:hub/library/alpine:pull\""),
        "{challenge}"
    );
    let other = world.token(&world.admin, "repository:team/app:pull").await;
    other.ask(line).await.refused(401, "UNAUTHORIZED");
    let scopes = "repository:hub/library/alpine:pull repository:library/alpine:pull";
    let client = world.token(&world.admin, scopes).await;
    client.ask(line).await.is(200);
    // A public image needs no login.
    world.publish("hub/library/alpine").await;
    anonymous.ask(line).await.is(200);
}

#[tokio::test]
async fn a_host_may_be_a_mirrors_alone() {
    let flags = [
        "--mirror-hosts",
        "hub.test=hub",
        "--external-url",
        "https://berth.test",
    ];
    let world = started(&flags).await;
    pulls(&world.admin, (HOST, "library/alpine", ""), b"hub").await;
    pulls(&world.admin, ("berth.test", "hub/library/alpine", ""), b"hub").await;
    // No organization of ours is there, whatever its name.
    let ours = world
        .admin
        .ask("GET /v2/team/app/manifests/v1")
        .header("host", HOST);
    ours.await.refused(404, "NAME_UNKNOWN");
    // docker asks for a token at the place that it is told, with the name that it knows.
    let anonymous = world.admin.anonymous();
    let ping = anonymous.ask("GET /v2/").header("host", HOST).await.is(401);
    let challenge = ping.header("www-authenticate").to_owned();
    assert!(
        challenge.contains("realm=\"http://hub.test/token\""),
        "{challenge}"
    );
    let token = world
        .admin
        .ask("GET /token?service=berth&scope=repository:library/alpine:pull,push");
    let token = token.header("host", HOST).await.is(200).json();
    let docker = world
        .admin
        .with(&format!("Bearer {}", token["token"].as_str().unwrap()));
    pulls(&docker, (HOST, "library/alpine", ""), b"hub").await;
    docker
        .ask("GET /v2/team/app/manifests/v1")
        .await
        .refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_bare_name_is_the_mirrors_unless_an_organization_of_ours_has_it() {
    let world = started(&["--mirror-bare-names", "hub"]).await;
    let host = world.address().to_string();
    pulls(&world.admin, (&host, "library/alpine", ""), b"hub").await;
    pulls(&world.admin, (&host, "hub/library/alpine", ""), b"hub").await;
    pulls(&world.admin, (&host, "team/app", ""), b"ours").await;
    // A name of ours is never taken for another's, whoever asks.
    let anonymous = world.admin.anonymous();
    anonymous.ask("GET /v2/team/app/manifests/v1").await.is(401);
    let stranger = world.stranger().await;
    stranger
        .ask("GET /v2/team/app/manifests/v1")
        .await
        .refused(403, "DENIED");
    // No organization is named so: it can only be another registry's.
    world
        .admin
        .ask("GET /v2/1tool/app/manifests/v1")
        .await
        .refused(404, "NAME_UNKNOWN");
    let docker = world.token(&world.admin, "repository:library/alpine:pull").await;
    pulls(&docker, (&host, "library/alpine", ""), b"hub").await;
    let push = world.admin.ask("POST /v2/library/alpine/blobs/uploads/").await;
    assert!(matches!(push.status, 403 | 404), "{}", push.status);
}

#[tokio::test]
async fn a_mirror_of_the_first_account_stands_for_its_registry_by_itself() {
    let world = World::start().await;
    world.organization("hub").await;
    let manifest = world.admin.push_image("hub/library/alpine", "v1", b"hub").await;
    let line = "GET /v2/library/alpine/manifests/v1?ns=ghcr.io";
    world.admin.ask(line).await.refused(404, "NAME_UNKNOWN");
    let body = serde_json::json!({ "name": "hub", "namespace": "hub", "registry": "ghcr.io", "url": "http://127.0.0.1:1" })
    .to_string();
    let keys = (
        crate::installation::ACCESS_KEY_ID,
        crate::installation::SECRET_KEY,
    );
    let made = world.signed(keys, http::Method::POST, ("/v2/manage/mirrors", &body));
    assert_eq!(made.await.status, 201);
    // A digest is for ever: the mirror asks nobody.
    let line = format!(
        "GET /v2/library/alpine/manifests/{}?ns=ghcr.io",
        digest(&manifest)
    );
    world.admin.ask(line).await.is(200).holds(&manifest);
}
