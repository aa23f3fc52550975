//! "Mounting a blob from another repository": with rights on the source, and without.

use berth_registry::Permission;

use crate::client::{Answer, Client};
use crate::content::digest;
use crate::world::World;

async fn mount(client: &Client, to: &str, query: String) -> Answer {
    client.ask(format!("POST /v2/{to}/blobs/uploads/?{query}")).await
}

#[tokio::test]
async fn a_blob_is_mounted_from_where_the_caller_may_read() {
    let world = World::start().await;
    let digest = world.admin.push_blob("team/source", b"content").await;
    for (to, query) in [
        ("team/named", format!("mount={digest}&from=team/source")),
        ("team/escaped", format!("mount={digest}&from=team%2Fsource")),
        // The specification lets a registry look for the source by itself.
        ("team/unnamed", format!("mount={digest}")),
        ("team/source", format!("mount={digest}&from=team/source")),
    ] {
        let location = format!("/v2/{to}/blobs/{digest}");
        let mounted = mount(&world.admin, to, query).await.is(201);
        mounted
            .has("location", &location)
            .has("docker-content-digest", &digest)
            .holds(b"");
        let pulled = world.admin.ask(format!("GET {location}")).await;
        pulled.is(200).holds(b"content");
    }
    assert_eq!(world.stored_files().len(), 1, "one copy serves all");
}

#[tokio::test]
async fn what_cannot_be_mounted_becomes_an_upload() {
    let world = World::start().await;
    world.organization("secret").await;
    let there = world.admin.push_blob("secret/app", b"secret").await;
    let writer = world.member("writer", Permission::Write).await;
    writer.push_blob("team/app", b"own").await;
    let absent = digest(b"absent");
    let mut seen = Vec::new();
    for query in [
        // One that is there, without a right to read it, and one that is not, look the same.
        format!("mount={there}&from=secret/app"),
        format!("mount={absent}&from=secret/app"),
        format!("mount={there}&from=secret/none"),
        format!("mount={there}&from=nobody/none"),
        format!("mount={there}"),
        format!("mount={absent}"),
        // There, but not in the repository that is named.
        format!("mount={there}&from=team/app"),
        format!("mount={there}&from=NO+NAME"),
    ] {
        let answer = mount(&writer, "team/app", query).await.is(202);
        let session = answer.header("location").to_owned();
        let id = answer.header("docker-upload-uuid").to_owned();
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        seen.push((session.replace(&id, ""), names, answer.body.clone()));
        writer.ask(format!("DELETE {session}")).await.is(204);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let pulled = writer.ask(format!("GET /v2/team/app/blobs/{there}")).await;
    pulled.refused(404, "BLOB_UNKNOWN");
    // The session that a refused mount begins takes the blob.
    let session = mount(&writer, "team/app", format!("mount={there}")).await;
    let put = format!("PUT {}?digest={there}", session.header("location"));
    writer.ask(put).body("secret").await.is(201);
}

#[tokio::test]
async fn a_public_repository_is_a_source_for_everybody() {
    let world = World::start().await;
    world.organization("open").await;
    let digest = world.admin.push_blob("open/app", b"content").await;
    world.publish("open/app").await;
    let writer = world.member("writer", Permission::Write).await;
    mount(&writer, "team/named", format!("mount={digest}&from=open/app"))
        .await
        .is(201);
    mount(&writer, "team/unnamed", format!("mount={digest}"))
        .await
        .is(201);
}

#[tokio::test]
async fn a_right_on_the_source_is_none_on_the_target() {
    let world = World::start().await;
    let digest = world.admin.push_blob("team/source", b"content").await;
    let reader = world.member("reader", Permission::Read).await;
    let query = format!("mount={digest}&from=team/source");
    mount(&reader, "team/target", query).await.refused(403, "DENIED");
}
