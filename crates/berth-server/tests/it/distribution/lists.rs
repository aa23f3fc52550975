//! "Listing Tags" and `_catalog`: order, pages, and who sees what.

use berth_metadata::{ManifestFacts, MissingReferences, NewRepository, PutManifest, RepositoryEdit};
use berth_oci::media_type;
use berth_registry::Permission;
use serde_json::{Value, json};

use crate::client::Client;
use crate::content::{digest, index, written};
use crate::world::World;

/// Sets many tags at once.
async fn tag_all(world: &World, repository: &str, tags: Vec<String>) {
    let bytes = written(&index(&[]));
    world.admin.push_manifest(repository, "seed", &index(&[])).await;
    let found = world.metadata.repository(repository).await.unwrap().unwrap();
    let put = world.metadata.put_manifest(PutManifest {
        guard: berth_metadata::Guard::Off,
        repository_id: found.id,
        digest: digest(&bytes),
        media_type: media_type::OCI_INDEX.to_owned(),
        bytes,
        blobs: Vec::new(),
        foreign_layers: Vec::new(),
        manifests: Vec::new(),
        subject: None,
        artifact_type: None,
        annotations_json: "{}".to_owned(),
        facts: ManifestFacts::default(),
        tags,
        expected: None,
        missing: MissingReferences::Refuse,
        origin: String::new(),
        user_id: None,
        now: 0,
    });
    put.await.unwrap();
    world
        .admin
        .ask(format!("DELETE /v2/{repository}/manifests/seed"))
        .await
        .is(202);
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|entry| entry.as_str().unwrap().to_owned()).collect()
}

/// Follows `Link` from the first page to the last and checks each page's length on the way.
async fn follow(client: &Client, first: &str, field: &str, n: usize) -> Vec<String> {
    let (mut found, mut path) = (Vec::new(), first.to_owned());
    loop {
        let answer = client.ask(format!("GET {path}")).await.is(200);
        let page = strings(&answer.json()[field]);
        let next = answer.next();
        assert!(
            page.len() == n || next.is_none() && page.len() < n,
            "{path}: {}",
            page.len()
        );
        found.extend(page);
        match next {
            Some(next) => path = next,
            None => return found,
        }
    }
}

#[tokio::test]
async fn tags_are_listed_in_byte_order() {
    let world = World::start().await;
    let tags = ["10", "2", "A", "Z", "_x", "a", "a-b", "a.b", "b", "latest"];
    let mut pushed = tags.map(str::to_owned).to_vec();
    pushed.reverse();
    tag_all(&world, "team/app", pushed).await;
    let all = world.admin.ask("GET /v2/team/app/tags/list").await.is(200);
    assert_eq!(all.json(), json!({ "name": "team/app", "tags": tags }));
    all.has("content-type", "application/json").lacks("link");
    for (query, expected, next) in [
        ("n=3", &tags[..3], Some("/v2/team/app/tags/list?n=3&last=A")),
        (
            "n=3&last=A",
            &tags[3..6],
            Some("/v2/team/app/tags/list?n=3&last=a"),
        ),
        ("last=A", &tags[3..], None),
        ("n=10", &tags[..], None),
        ("n=11", &tags[..], None),
        ("n=99999999999", &tags[..], None),
        // The specification: an empty list, and no link.
        ("n=0", &[], None),
        ("n=0&last=A", &[], None),
        // A tag that is not there is a place in the order too.
        ("last=B", &tags[3..], None),
        ("n=2&last=zzz", &[], None),
        ("n=&last=", &tags[..], None),
    ] {
        let line = format!("GET /v2/team/app/tags/list?{query}");
        let answer = world.admin.ask(line).await.is(200);
        assert_eq!(
            answer.json(),
            json!({ "name": "team/app", "tags": expected }),
            "{query}"
        );
        assert_eq!(answer.next().as_deref(), next, "{query}");
    }
    for n in ["-1", "x", "1.5", "%2B1", "99999999999999999999999"] {
        for path in ["team/app/tags/list", "_catalog"] {
            let line = format!("GET /v2/{path}?n={n}");
            let answer = world.admin.ask(line).await;
            answer.refused(400, "PAGINATION_NUMBER_INVALID");
        }
    }
    let absent = world.admin.ask("GET /v2/team/absent/tags/list").await;
    absent.refused(404, "NAME_UNKNOWN");
}

#[tokio::test]
async fn a_repository_without_tags_has_an_empty_list() {
    let world = World::start().await;
    let manifest = world.admin.push_manifest("team/app", "v1", &index(&[])).await;
    world.admin.ask("DELETE /v2/team/app/manifests/v1").await.is(202);
    let list = "GET /v2/team/app/tags/list";
    let empty = json!({ "name": "team/app", "tags": [] });
    assert_eq!(world.admin.ask(list).await.is(200).json(), empty);
    let line = format!("DELETE /v2/team/app/manifests/{}", digest(manifest));
    world.admin.ask(line).await.is(202);
    assert_eq!(world.admin.ask(list).await.is(200).json(), empty);
}

#[tokio::test]
async fn ten_thousand_tags_are_listed_whole_and_in_pages() {
    let world = World::start().await;
    let tags: Vec<String> = (0..10_001).map(|number| format!("v{number:05}")).collect();
    tag_all(&world, "team/app", tags.clone()).await;
    // One more than an answer holds.
    let first = world.admin.ask("GET /v2/team/app/tags/list").await.is(200);
    assert_eq!(strings(&first.json()["tags"]), tags[..10_000]);
    let rest = first.next().unwrap();
    let rest = world.admin.ask(format!("GET {rest}")).await.is(200);
    assert_eq!(strings(&rest.json()["tags"]), tags[10_000..]);
    rest.lacks("link");
    let paged = follow(&world.admin, "/v2/team/app/tags/list?n=700", "tags", 700).await;
    assert_eq!(paged, tags);
}

#[tokio::test]
async fn the_catalog_shows_each_caller_what_they_may_see() {
    let world = World::start().await;
    world.organization("other").await;
    for repository in ["team/b", "team/a/x", "team/a", "other/c", "other/open"] {
        world.admin.push_manifest(repository, "v1", &index(&[])).await;
    }
    world.publish("other/open").await;
    // Begun, but without any manifest: nothing that could be pulled.
    world.admin.start_upload("team/begun").await;
    let reader = world.member("reader", Permission::Read).await;
    let stranger = world.stranger().await;
    let everything = ["other/c", "other/open", "team/a", "team/a/x", "team/b"];
    let anonymous = world.token(&world.admin.anonymous(), "registry:catalog:*").await;
    for (who, client, expected) in [
        ("the administrator", &world.admin, &everything[..]),
        ("a reader of team", &reader, &everything[1..]),
        ("a stranger", &stranger, &["other/open"]),
        ("an anonymous token", &anonymous, &["other/open"]),
    ] {
        let answer = client.ask("GET /v2/_catalog").await.is(200);
        assert_eq!(answer.json(), json!({ "repositories": expected }), "{who}");
        answer.lacks("link");
        let none = client.ask("GET /v2/_catalog?n=0").await.is(200);
        assert_eq!(none.json(), json!({ "repositories": [] }));
        none.lacks("link");
        let paged = follow(client, "/v2/_catalog?n=1", "repositories", 1).await;
        assert_eq!(paged, expected, "{who}");
    }
    let answer = world.admin.ask("GET /v2/_catalog?n=2&last=other/c").await.is(200);
    assert_eq!(answer.json(), json!({ "repositories": everything[1..3] }));
    assert_eq!(answer.next().as_deref(), Some("/v2/_catalog?n=2&last=team%2Fa"));
}

#[tokio::test]
async fn a_hundred_thousand_repositories_are_listed_in_pages() {
    const COUNT: usize = 100_000;
    let world = World::start().await;
    let team = world.metadata.organization("team").await.unwrap().unwrap();
    let names: Vec<String> = (0..COUNT).map(|number| format!("app{number:06}")).collect();
    for some in names.chunks(1000) {
        let made = some.iter().map(|image| {
            let new = NewRepository {
                organization_id: team.id,
                image: image.clone(),
                full_name: format!("team/{image}"),
                creator_id: String::new(),
                now: 0,
            };
            world.metadata.create_repository(new, RepositoryEdit::default())
        });
        for made in futures_util::future::join_all(made).await {
            made.unwrap();
        }
    }
    let reader = world.member("reader", Permission::Read).await;
    let all = follow(&reader, "/v2/_catalog", "repositories", 10_000).await;
    assert_eq!(all.len(), COUNT);
    assert!(all.iter().zip(&names).all(|(found, image)| found[5..] == **image));
    let last = reader
        .ask("GET /v2/_catalog?n=3&last=team/app099996")
        .await
        .is(200);
    let expected = ["team/app099997", "team/app099998", "team/app099999"];
    assert_eq!(last.json(), json!({ "repositories": expected }));
    last.lacks("link");
    let stranger = world.stranger().await;
    let none = stranger.ask("GET /v2/_catalog").await.is(200);
    assert_eq!(none.json(), json!({ "repositories": [] }));
}
