//! Somebody with an account, an organization and images of their own, who knows every name and digest of another tenant:
//! none of it helps. That the swarm, mounts and blobs ask for the repository is tested with each of them, too.

use berth_oci::media_type;
use berth_registry::{AccessType, Caller, NewPerson};
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{CONFIG, descriptor, digest, image, index, written};
use crate::world::World;

const SECRET: &[u8] = b"what nobody else may read";

/// A user of another account who manages the organization `other` there.
pub(super) async fn stranger_with_an_organization(world: &World) -> Client {
    let stranger = world.stranger().await;
    let other = "other".parse().unwrap();
    let made = world
        .registry
        .create_organization_for(&Caller::System, &other, "elsewhere", "stranger");
    made.await.unwrap();
    stranger
}

/// An administrator of the other account, by the token of its management calls.
pub(super) async fn stranger_who_administers(world: &World) -> String {
    const PASSWORD: &str = "Correct-horse-1";
    let person = NewPerson {
        name: "eve".to_owned(),
        password: Some(PASSWORD.to_owned()),
        access: AccessType::Programmatic,
        administrator: true,
        description: String::new(),
    };
    let made = world.registry.create_user(&Caller::System, "elsewhere", person);
    made.await.unwrap();
    let token = super::tokens::iam_token(world, ("elsewhere", "eve"), PASSWORD).await;
    assert!(!token.is_empty());
    token
}

/// `team/app:v1` with a secret layer and something that refers to it; answers its manifest and what refers to it.
async fn furnished(world: &World) -> (Vec<u8>, Vec<u8>) {
    let manifest = world.admin.push_image("team/app", "v1", SECRET).await;
    world.admin.push_blob("team/app", b"signature").await;
    let referrer = about(&manifest, b"signature");
    let reference = digest(written(&referrer));
    let referrer = world.admin.push_manifest("team/app", &reference, &referrer).await;
    (manifest, referrer)
}

/// An artifact about a manifest.
fn about(subject: &[u8], layer: &[u8]) -> Value {
    let mut artifact = image(&[layer]);
    artifact["subject"] = descriptor(media_type::OCI_MANIFEST, subject);
    artifact["artifactType"] = json!("application/vnd.example.signature");
    artifact
}

#[tokio::test]
async fn who_knows_a_digest_gets_nothing_for_it() {
    let world = World::start().await;
    let (manifest, referrer) = furnished(&world).await;
    let stranger = stranger_with_an_organization(&world).await;
    stranger.push_image("other/mine", "v1", b"theirs").await;
    let (layer, manifest, referrer) = (digest(SECRET), digest(&manifest), digest(&referrer));
    for method in ["GET", "HEAD", "DELETE"] {
        for what in [&layer, &manifest, &referrer] {
            for kind in ["blobs", "manifests"] {
                let own = stranger
                    .ask(format!("{method} /v2/other/mine/{kind}/{what}"))
                    .await;
                assert_eq!(own.status, 404, "{method} {kind} {what}");
                let there = stranger.ask(format!("{method} /v2/team/app/{kind}/{what}")).await;
                assert_eq!(there.status, 403, "{method} {kind} {what}");
            }
        }
    }
    let own = stranger
        .ask(format!("GET /v2/other/mine/referrers/{manifest}"))
        .await;
    assert_eq!(own.is(200).json()["manifests"], json!([]));
    for line in [
        format!("POST /v2/other/mine/blobs/uploads/?mount={layer}&from=team/app"),
        format!("POST /v2/other/mine/blobs/uploads/?mount={layer}"),
        format!("POST /v2/other/mine/blobs/uploads/?mount={manifest}&from=team/app"),
    ] {
        stranger.ask(line).await.is(202);
    }
    // Bytes prove that one has them; a digest does not.
    let line = format!("POST /v2/other/mine/blobs/uploads/?digest={layer}");
    stranger
        .ask(line)
        .body("guessed")
        .await
        .refused(400, "DIGEST_INVALID");
    let session = stranger.start_upload("other/mine").await;
    let finished = stranger.ask(format!("PUT {session}?digest={layer}")).await;
    finished.refused(400, "DIGEST_INVALID");
    stranger
        .ask(format!("GET /v2/other/mine/blobs/{layer}"))
        .await
        .is(404);
    let swarm = format!("POST /v2/other/mine/_berth/swarm/{layer}");
    assert!((400..500).contains(&stranger.ask(swarm).await.status));
}

#[tokio::test]
async fn a_manifest_refers_to_nothing_of_another_tenant() {
    let world = World::start().await;
    let (manifest, _) = furnished(&world).await;
    let stranger = stranger_with_an_organization(&world).await;
    stranger.push_image("other/mine", "v1", b"theirs").await;
    let put = |kind: &'static str, document: Value| {
        let asked = stranger.ask("PUT /v2/other/mine/manifests/stolen");
        asked.header("content-type", kind).body(written(&document))
    };
    let refused = put(media_type::OCI_MANIFEST, image(&[SECRET])).await;
    refused.refused(404, "MANIFEST_BLOB_UNKNOWN");
    let refused = put(media_type::OCI_INDEX, index(&[&manifest])).await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    // The very same manifest is not theirs either.
    let line = format!("PUT /v2/other/mine/manifests/{}", digest(&manifest));
    let asked = stranger
        .ask(line)
        .header("content-type", media_type::OCI_MANIFEST);
    asked
        .body(manifest.clone())
        .await
        .refused(404, "MANIFEST_BLOB_UNKNOWN");
    // What they say about another tenant's image is heard in their repository only.
    stranger.push_blob("other/mine", CONFIG).await;
    let claim = about(&manifest, b"theirs");
    let reference = digest(written(&claim));
    stranger.push_manifest("other/mine", &reference, &claim).await;
    let line = format!("GET /v2/team/app/referrers/{}", digest(&manifest));
    let listed = world.admin.ask(line).await.is(200).json();
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 1, "{listed}");
    assert!(!listed.to_string().contains(&reference), "{listed}");
}

#[tokio::test]
async fn an_upload_is_of_who_began_it_wherever_it_is_asked_for() {
    let world = World::start().await;
    let stranger = stranger_with_an_organization(&world).await;
    stranger.push_blob("other/mine", b"theirs").await;
    let session = world.admin.start_upload("team/app").await;
    world
        .admin
        .ask(format!("PATCH {session}"))
        .body("half")
        .await
        .is(202);
    let colleague = world
        .member("colleague", berth_registry::Permission::Manage)
        .await;
    let as_theirs = session.replace("team/app", "other/mine");
    let elsewhere = session.replace("team/app", "team/other");
    let query = session.split_once('?').map_or("", |(_, query)| query);
    for (client, at, status) in [
        (&stranger, session.as_str(), 403),
        (&stranger, &as_theirs, 404),
        (&colleague, &session, 404),
        (&colleague, &elsewhere, 404),
    ] {
        let path = at.split('?').next().unwrap();
        for line in [
            format!("GET {path}?{query}"),
            format!("PATCH {path}?{query}"),
            format!("PUT {path}?{query}&digest={}", digest(b"half")),
            format!("PUT {path}?{query}&digest={}", digest(b"halfmore")),
            format!("DELETE {path}?{query}"),
        ] {
            let answer = client.ask(&line).body("more").await;
            assert_eq!(answer.status, status, "{line}");
        }
    }
    // It stands where it stood.
    let state = world.admin.ask(format!("GET {session}")).await.is(204);
    assert_eq!(state.header("range"), "0-3");
    let done = if session.contains('?') { '&' } else { '?' };
    let line = format!("PUT {session}{done}digest={}", digest(b"half"));
    world.admin.ask(line).await.is(201);
}

/// Lists and looks of the management API that could tell of another tenant.
const LISTS: &[&str] = &[
    "/v2/manage/namespaces",
    "/v2/manage/namespaces?filter=namespace::team",
    "/v2/manage/repos",
    "/v2/manage/repos?filter=namespace::team",
    "/v2/manage/images?set=public",
    "/v2/manage/images?text=team",
    "/v2/manage/bin",
    "/v2/manage/archives",
    "/v2/manage/search?q=team",
    "/v2/manage/search?q=app:v1",
    "/v2/manage/agents",
    "/v2/manage/clusters",
    "/v2/manage/regions",
    "/v2/manage/mirrors",
    "/v2/manage/webhooks/dead",
    "/v2/manage/dashboard",
    "/v2/manage/automation",
    "/v2/manage/shared-repositories?filter=center::self",
    "/v2/manage/namespaces/other/repos/mine/comparisons/v1/v1/image?other_repository=team/app",
    "/v2/manage/namespaces/other/repos/mine/comparisons/v1/v1/files?other_repository=team/app",
];

/// Those, and what they answer who knows the digests of another tenant.
fn lists(manifest: &str) -> Vec<String> {
    let secret = digest(SECRET);
    let mine = "/v2/manage/namespaces/other/repos/mine";
    let by_digest = [
        format!("/v2/manage/search?q={manifest}"),
        format!("/v2/manage/search?q={}", &secret[7..30]),
        format!("{mine}/contents/{manifest}/manifest"),
        format!("{mine}/contents/{manifest}/image"),
        format!("{mine}/contents/v1/files?layer={secret}"),
        format!("{mine}/blobs/{secret}/preview"),
        format!("{mine}/tags/{manifest}"),
    ];
    LISTS.iter().map(ToString::to_string).chain(by_digest).collect()
}

#[tokio::test]
async fn lists_show_nothing_of_another_tenant() {
    let world = World::start().await;
    let (manifest, referrer) = furnished(&world).await;
    let stranger = stranger_with_an_organization(&world).await;
    stranger.push_image("other/mine", "v1", b"theirs").await;
    let deleted = world.admin.push_image("team/gone", "old", b"gone").await;
    world
        .admin
        .ask("DELETE /v2/team/gone/manifests/old")
        .await
        .is(202);
    let token = stranger_who_administers(&world).await;
    for line in [
        "GET /v2/_catalog",
        "GET /v2/_catalog?n=1&last=team/a",
        "GET /v2/_catalog?last=team",
        "GET /v2/team/app/tags/list",
        "GET /v2/other/mine/tags/list?last=team/app",
    ] {
        let answer = stranger.ask(line).await;
        let text = String::from_utf8_lossy(&answer.body);
        let listed = answer.status == 200;
        assert!(!listed || !text.contains("team"), "{line}: {text}");
    }
    let markers = [
        "\"team\"".to_owned(),
        "team/app".to_owned(),
        digest(&manifest),
        digest(&referrer),
        digest(SECRET),
        digest(&deleted),
    ];
    for target in lists(&digest(&manifest)) {
        let asked = stranger.anonymous().ask(format!("GET {target}"));
        let answer = asked.header("x-auth-token", &token).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 500, "{target}: {text}");
        if answer.status == 200 {
            for marker in &markers {
                // What was searched for is said again nowhere.
                assert!(!text.contains(marker), "{target} shows {marker}: {text}");
            }
        }
    }
    // A tag is set to what the image has, not to what somebody else has.
    let restore = json!({ "digest": digest(&manifest) }).to_string();
    for (method, target, body) in [
        (
            Method::POST,
            "/v2/manage/namespaces/other/repos/mine/tags/v1/restore",
            restore.as_str(),
        ),
        (
            Method::POST,
            "/v2/manage/namespaces/other/repos/mine/tags",
            r#"{"source_tag":"v1","destination_tag":"team/app:v2"}"#,
        ),
    ] {
        let asked = stranger.anonymous().ask(format!("{method} {target}"));
        let answer = asked.header("x-auth-token", &token).body(body.to_owned()).await;
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
    }
}
