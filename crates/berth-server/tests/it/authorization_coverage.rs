//! Every endpoint is refused to whoever has no right, and tells them nothing of what is there.

use berth_oci::Endpoint;
use berth_registry::Permission;
use http::Method;

use crate::client::{Answer, Client};
use crate::content::digest;
use crate::world::World;

/// What an endpoint is worth protecting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// A login as somebody.
    User,
    /// What no client has: for all of them there is nothing.
    Hidden,
    /// A login, whoever it is.
    Login,
    /// Nothing but a login either, and the answer is made for the caller.
    Filtered,
    Read,
    Write,
    Manage,
}

/// The endpoint after this one and what this one needs. There is no wildcard: a new endpoint does not compile before it
/// has its place here.
fn covered(endpoint: &Endpoint) -> (Needs, Option<&'static str>) {
    match endpoint {
        Endpoint::Ping => (Needs::Login, Some("GET /v2/_catalog")),
        Endpoint::ListRepositories { .. } => (Needs::Filtered, Some("GET /v2/{name}/tags/list")),
        Endpoint::ListTags { .. } => (Needs::Read, Some("GET /v2/{name}/manifests/v1")),
        Endpoint::GetManifest { .. } => (Needs::Read, Some("HEAD /v2/{name}/manifests/v1")),
        Endpoint::HeadManifest { .. } => (Needs::Read, Some("PUT /v2/{name}/manifests/v1")),
        Endpoint::PutManifest { .. } => (Needs::Write, Some("DELETE /v2/{name}/manifests/v1")),
        Endpoint::DeleteManifest { .. } => (Needs::Manage, Some("GET /v2/{name}/blobs/{digest}")),
        Endpoint::GetBlob { .. } => (Needs::Read, Some("HEAD /v2/{name}/blobs/{digest}")),
        Endpoint::HeadBlob { .. } => (Needs::Read, Some("DELETE /v2/{name}/blobs/{digest}")),
        Endpoint::DeleteBlob { .. } => (Needs::Manage, Some("POST /v2/{name}/blobs/uploads/")),
        Endpoint::StartUpload { .. } => (Needs::Write, Some("GET /v2/{name}/blobs/uploads/{id}")),
        Endpoint::UploadStatus { .. } => (Needs::Write, Some("PATCH /v2/{name}/blobs/uploads/{id}")),
        Endpoint::AppendUpload { .. } => (
            Needs::Write,
            Some("PUT /v2/{name}/blobs/uploads/{id}?digest={digest}"),
        ),
        Endpoint::FinishUpload { .. } => (Needs::Write, Some("DELETE /v2/{name}/blobs/uploads/{id}")),
        Endpoint::CancelUpload { .. } => (Needs::Write, Some("GET /v2/{name}/referrers/{digest}")),
        Endpoint::ListReferrers { .. } => (Needs::Read, Some("POST /v2/{name}/_berth/swarm/{digest}")),
        Endpoint::JoinSwarm { .. } => (Needs::Read, Some("GET /v2/_berth/swarm/key")),
        Endpoint::SwarmKey => (Needs::Nothing, Some("POST /v2/_berth/swarm/nodes")),
        Endpoint::SwarmNodes => (Needs::User, Some("POST /v2/_berth/swarm/replica")),
        Endpoint::SwarmReplica => (Needs::Hidden, None),
    }
}

/// Every request of the API with what it needs.
fn requests() -> Vec<(Needs, &'static str)> {
    let mut found = Vec::new();
    let mut next = Some("GET /v2/");
    while let Some(request) = next {
        let line = filled(request, "team/app", "0");
        let (method, path) = line.split_once(' ').unwrap();
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        let method: Method = method.parse().unwrap();
        let (needs, after) = covered(&Endpoint::parse(&method, path, query).unwrap());
        assert!(!found.contains(&(needs, request)), "{request} comes twice");
        found.push((needs, request));
        next = after;
    }
    found
}

fn filled(request: &str, name: &str, id: &str) -> String {
    request
        .replace("{name}", name)
        .replace("{id}", id)
        .replace("{digest}", &digest(b"layer"))
}

/// What a caller can see of an answer, without what they said themselves.
fn seen(answer: &Answer, name: &str) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter();
    let mut headers: Vec<(String, String)> = headers
        .filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()))
        .map(|(header, value)| {
            (
                header.to_string(),
                value.to_str().unwrap().replace(name, "{name}"),
            )
        })
        .collect();
    headers.sort();
    let body = String::from_utf8_lossy(&answer.body).replace(name, "{name}");
    (answer.status, headers, body)
}

/// A repository with content, an upload in it, and the upload's id.
async fn stocked(world: &World) -> String {
    world.admin.push_image("team/app", "v1", b"layer").await;
    let session = world.admin.start_upload("team/app").await;
    session.rsplit('/').next().unwrap().to_owned()
}

async fn ask(client: &Client, request: &str, name: &str, id: &str) -> Answer {
    client.ask(filled(request, name, id)).await
}

#[tokio::test]
async fn without_a_login_every_endpoint_sends_to_the_token_endpoint() {
    let world = World::start().await;
    let id = stocked(&world).await;
    let anonymous = world.admin.anonymous();
    for (needs, request) in requests() {
        let answer = ask(&anonymous, request, "team/app", &id).await;
        if needs == Needs::Nothing || needs == Needs::Hidden {
            answer.is(if needs == Needs::Hidden { 404 } else { 200 });
            continue;
        }
        let answer = answer.is(401);
        let scope = match needs {
            Needs::Nothing | Needs::Hidden | Needs::User | Needs::Login => String::new(),
            Needs::Filtered => ",scope=\"registry:catalog:*\"".to_owned(),
            Needs::Read => ",scope=\"repository:team/app:pull\"".to_owned(),
            Needs::Write => ",scope=\"repository:team/app:pull,push\"".to_owned(),
            Needs::Manage => ",scope=\"repository:team/app:delete\"".to_owned(),
        };
        let challenge = format!(
            "Bearer realm=\"{}/token\",service=\"berth\"{scope}",
            anonymous.url
        );
        assert_eq!(answer.header("www-authenticate"), challenge, "{request}");
        if !request.starts_with("HEAD") {
            answer.clone().refused(401, "UNAUTHORIZED");
        }
        for absent in ["team/absent", "nobody/absent"] {
            let other = ask(&anonymous, request, absent, &id).await;
            assert_eq!(seen(&other, absent), seen(&answer, "team/app"), "{request}");
        }
    }
}

#[tokio::test]
async fn without_a_right_every_endpoint_is_refused_and_nothing_shows_what_is_there() {
    let world = World::start().await;
    let id = stocked(&world).await;
    let stranger = world.stranger().await;
    let anonymous = world
        .token(&world.admin.anonymous(), "repository:team/app:pull")
        .await;
    for (needs, request) in requests() {
        let answer = ask(&stranger, request, "team/app", &id).await;
        let unknown = ask(&anonymous, request, "team/app", &id).await;
        match needs {
            Needs::User => {
                // Who it is does not matter; without a body there is nothing to be heard.
                answer.is(400);
                unknown.is(401);
                continue;
            }
            Needs::Hidden => {
                answer.is(404);
                unknown.is(404);
                continue;
            }
            Needs::Nothing | Needs::Login => {
                answer.is(200);
                unknown.is(200);
                continue;
            }
            Needs::Filtered => {
                let none = serde_json::json!({ "repositories": [] });
                assert_eq!(answer.is(200).json(), none);
                assert_eq!(unknown.is(200).json(), none);
                continue;
            }
            Needs::Read | Needs::Write | Needs::Manage => {}
        }
        unknown.is(401);
        if request.starts_with("HEAD") {
            answer.clone().is(403);
        } else {
            answer.clone().refused(403, "DENIED");
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            request.starts_with("HEAD") || body.contains("you do not have the permission"),
            "{body}"
        );
        let absent = ask(&stranger, request, "team/absent", &id).await;
        assert_eq!(
            seen(&absent, "team/absent"),
            seen(&answer, "team/app"),
            "{request}"
        );
        // Pushing into an organization that is not there has a text of its own, as SWR has it.
        if needs != Needs::Write {
            let nowhere = ask(&stranger, request, "nobody/app", &id).await;
            assert_eq!(seen(&nowhere, "nobody"), seen(&answer, "team"), "{request}");
        }
    }
    world.admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
}

#[tokio::test]
async fn each_right_opens_its_endpoints_and_no_more() {
    let world = World::start().await;
    let id = stocked(&world).await;
    for (permission, opens) in [
        (Permission::Read, &[Needs::Read][..]),
        (Permission::Write, &[Needs::Read, Needs::Write]),
        (Permission::Manage, &[Needs::Read, Needs::Write, Needs::Manage]),
    ] {
        let client = world.member(permission.as_str(), permission).await;
        for (needs, request) in requests() {
            let answer = ask(&client, request, "team/app", &id).await;
            let for_all = [
                Needs::Nothing,
                Needs::Hidden,
                Needs::User,
                Needs::Login,
                Needs::Filtered,
            ];
            let opened = for_all.contains(&needs) || opens.contains(&needs);
            assert_eq!(
                answer.status != 403,
                opened,
                "{permission:?} {request}: {}",
                answer.status
            );
            assert_ne!(answer.status, 401);
        }
    }
}

#[tokio::test]
async fn a_token_opens_what_it_was_asked_for_and_no_more() {
    let world = World::start().await;
    let id = stocked(&world).await;
    for (scopes, opens) in [
        ("", &[][..]),
        ("repository:team/other:*", &[]),
        ("registry:catalog:*", &[Needs::Filtered]),
        ("repository:team/app:pull", &[Needs::Read]),
        ("repository:team/app:push", &[Needs::Write]),
        ("repository:team/app:delete", &[Needs::Manage]),
        (
            "repository:team/app:pull,push,delete registry:catalog:*",
            &[Needs::Filtered, Needs::Read, Needs::Write, Needs::Manage],
        ),
    ] {
        let client = world.token(&world.admin, scopes).await;
        for (needs, request) in requests() {
            let answer = ask(&client, request, "team/app", &id).await;
            let opened = matches!(needs, Needs::Nothing | Needs::Hidden | Needs::User | Needs::Login)
                || opens.contains(&needs);
            assert_eq!(
                answer.status != 401,
                opened,
                "{scopes} {request}: {}",
                answer.status
            );
            if !opened {
                let challenge = answer.header("www-authenticate");
                assert!(
                    challenge.ends_with(",error=\"insufficient_scope\""),
                    "{challenge}"
                );
            }
            assert_ne!(answer.status, 403);
            if opened && needs == Needs::Manage {
                // What this one deleted, the next shall find.
                world.admin.push_image("team/app", "v1", b"layer").await;
            }
        }
    }
}
