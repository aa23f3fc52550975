//! Logins at the distribution API: what ends them, and that a token never outlives what it was made with.

use berth_metadata::GrantTarget;
use berth_registry::{AccessKeyPair, Permission};

use crate::content::digest;
use crate::installation::basic;
use crate::world::World;

const LIST: &str = "GET /v2/team/app/tags/list";

#[tokio::test]
async fn a_deleted_or_disabled_key_ends_every_login_at_the_next_request() {
    for end in ["disabled", "deleted"] {
        let world = World::start().await;
        world.admin.push_image("team/app", "v1", b"layer").await;
        let (user_id, pair) = world.person("berth", "robot").await;
        let organization = world.metadata.organization("team").await.unwrap().unwrap();
        world
            .metadata
            .add_grants(
                GrantTarget::Organization(organization.id),
                &[(user_id, Permission::Write)],
            )
            .await
            .unwrap();
        let by_key = world.admin.with(&basic(
            &format!("local@{}", pair.access_key_id),
            &pair.login_key(),
        ));
        let by_token = world.token(&by_key, "repository:team/app:pull,push").await;
        let session = by_token.start_upload("team/app").await;
        for client in [&by_key, &by_token] {
            client.ask(LIST).await.is(200);
        }
        let id = &pair.access_key_id;
        let done = match end {
            "disabled" => world.metadata.set_access_key_enabled(id, false).await,
            _ => world.metadata.delete_access_key(id).await,
        };
        assert!(done.unwrap());
        for client in [&by_key, &by_token] {
            for line in [
                LIST.to_owned(),
                "GET /v2/".to_owned(),
                "POST /v2/team/app/blobs/uploads/".to_owned(),
                format!("PATCH {session}"),
                format!("PUT {session}?digest={}", digest(b"")),
            ] {
                let answer = client.ask(line).await.refused(401, "UNAUTHORIZED");
                assert_eq!(answer.errors()[0]["message"], "authentication required");
                let challenge = answer.header("www-authenticate");
                assert!(challenge.ends_with(",error=\"invalid_token\""), "{challenge}");
            }
        }
        by_key.ask("GET /token").await.refused(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_credential_that_is_none_is_refused_even_where_nobody_needs_one() {
    let world = World::start().await;
    world.admin.push_image("team/app", "v1", b"layer").await;
    world.publish("team/app").await;
    let wrong_key = AccessKeyPair {
        access_key_id: crate::installation::ACCESS_KEY_ID.to_owned(),
        secret_key: "another-secret".to_owned(),
    };
    let user = format!("local@{}", wrong_key.access_key_id);
    for authorization in [
        basic("admin", "wrong"),
        basic("nobody", "wrong"),
        basic(&user, &wrong_key.login_key()),
        basic(
            &format!("elsewhere@{}", wrong_key.access_key_id),
            crate::installation::LOGIN_KEY,
        ),
        "Basic !!!".to_owned(),
        "Basic".to_owned(),
        "Bearer".to_owned(),
        "Bearer abc".to_owned(),
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.".to_owned(),
        "Digest x".to_owned(),
    ] {
        let client = world.admin.with(&authorization);
        let answer = client.ask(LIST).await.refused(401, "UNAUTHORIZED");
        assert_eq!(answer.errors()[0]["message"], "authentication required");
    }
    for client in [
        world.admin.anonymous(),
        world.token(&world.admin.anonymous(), "").await,
    ] {
        client.ask(LIST).await.is(200);
    }
}

#[tokio::test]
async fn a_public_image_is_pulled_without_a_login_unless_the_operator_says_no() {
    for (setting, status) in [("true", 200), ("false", 401)] {
        let world = World::start_with(&["--anonymous-pulls", setting]).await;
        let manifest = world.admin.push_image("team/app", "v1", b"layer").await;
        world.publish("team/app").await;
        let anonymous = world
            .token(&world.admin.anonymous(), "repository:team/app:pull,push")
            .await;
        for client in [&world.admin.anonymous(), &anonymous] {
            for line in [
                LIST.to_owned(),
                "GET /v2/team/app/manifests/v1".to_owned(),
                "HEAD /v2/team/app/manifests/v1".to_owned(),
                format!("GET /v2/team/app/manifests/{}", digest(&manifest)),
                format!("GET /v2/team/app/blobs/{}", digest(b"layer")),
                format!("GET /v2/team/app/referrers/{}", digest(&manifest)),
            ] {
                client.ask(line).await.is(status);
            }
            for line in [
                "POST /v2/team/app/blobs/uploads/",
                "PUT /v2/team/app/manifests/v2",
                "DELETE /v2/team/app/manifests/v1",
            ] {
                client.ask(line).await.refused(401, "UNAUTHORIZED");
            }
        }
        // A stranger who is logged in is not anonymous.
        world.stranger().await.ask(LIST).await.is(200);
    }
}

#[tokio::test]
async fn a_push_to_an_organization_that_is_not_there_says_so() {
    let world = World::start().await;
    let answer = world.admin.ask("POST /v2/absent/app/blobs/uploads/").await;
    let answer = answer.refused(403, "DENIED");
    let error = &answer.errors()[0];
    assert_eq!(
        error["message"],
        "Image organization does not exist, you should create it first"
    );
    assert!(error["detail"].as_str().unwrap().contains("'absent'"), "{error}");
}
