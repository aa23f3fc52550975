//! "Pushing a blob in chunks" and "Cancel a blob upload": order, status, and going on after a restart.

use berth_registry::Permission;

use crate::content::{bytes, digest, sha512};
use crate::world::World;

#[tokio::test]
async fn chunks_are_taken_in_order() {
    let world = World::start().await;
    let content = bytes(1, 250);
    for (algorithm, digest) in [("sha256", digest(&content)), ("sha512", sha512(&content))] {
        let start = format!("POST /v2/team/app/blobs/uploads/?digest-algorithm={algorithm}");
        let session = world.admin.ask(start).await.is(202);
        let session = session.header("location").to_owned();
        for (range, shown) in [
            ("0-99", "0-99"),
            // HTTP's own form of the header is understood too.
            ("bytes 100-199/*", "0-199"),
        ] {
            let (start, end) = if range == "0-99" { (0, 100) } else { (100, 200) };
            let patch = world.admin.ask(format!("PATCH {session}"));
            let answer = patch
                .header("content-range", range)
                .header("content-type", "application/octet-stream")
                .body(content[start..end].to_vec())
                .await
                .is(202);
            answer.has("range", shown).has("location", &session).holds(b"");
            let status = world.admin.ask(format!("GET {session}")).await.is(204);
            status.has("range", shown).has("location", &session).holds(b"");
        }
        let put = world.admin.ask(format!("PUT {session}?digest={digest}"));
        let put = put
            .header("content-range", "200-249")
            .body(content[200..].to_vec());
        put.await
            .is(201)
            .has("location", &format!("/v2/team/app/blobs/{digest}"));
        let pulled = world.admin.ask(format!("GET /v2/team/app/blobs/{digest}")).await;
        pulled.is(200).holds(&content);
    }
}

#[tokio::test]
async fn a_chunk_that_does_not_follow_is_416_with_the_offset() {
    let world = World::start().await;
    let session = world.admin.start_upload("team/app").await;
    let digest = digest(b"helloworld");
    let refused = |answer: crate::client::Answer, offset: u64, range: &str| {
        let answer = answer.refused(416, "RANGE_INVALID");
        assert_eq!(answer.errors()[0]["detail"]["offset"], offset);
        answer.has("range", range).has("location", &session);
    };
    let chunk = |range: &str, body: &'static str| {
        let patch = world.admin.ask(format!("PATCH {session}"));
        patch.header("content-range", range).body(body)
    };
    refused(chunk("1-5", "hello").await, 0, "0-0");
    chunk("0-4", "hello").await.is(202);
    for (range, body) in [
        ("0-4", "hello"),
        ("4-8", "oworl"),
        ("6-9", "orld"),
        ("100-104", "world"),
    ] {
        refused(chunk(range, body).await, 5, "0-4");
    }
    let put = world.admin.ask(format!("PUT {session}?digest={digest}"));
    let put = put.header("content-range", "0-4").body("world");
    refused(put.await, 5, "0-4");
    // None of that did any harm.
    let status = world.admin.ask(format!("GET {session}")).await;
    status.is(204).has("range", "0-4");
    let put = world.admin.ask(format!("PUT {session}?digest={digest}"));
    put.header("content-range", "5-9").body("world").await.is(201);
}

#[tokio::test]
async fn a_chunk_and_its_announcement_must_agree() {
    let world = World::start().await;
    let session = world.admin.start_upload("team/app").await;
    for range in ["0-3", "0-5", "a-b", "5", "4-0", "-5", "0-", "bytes=0-4", ""] {
        let patch = world.admin.ask(format!("PATCH {session}"));
        let answer = patch.header("content-range", range).body("hello").await;
        answer.refused(400, "SIZE_INVALID");
    }
    let status = world.admin.ask(format!("GET {session}")).await;
    status.is(204).has("range", "0-0");
    // Without a length only the end shows it; what came stays, and the client may ask how far it is.
    let patch = world.admin.ask(format!("PATCH {session}"));
    let answer = patch.header("content-range", "0-9").streamed(&[b"hello"]).await;
    answer.refused(400, "SIZE_INVALID");
    let status = world.admin.ask(format!("GET {session}")).await;
    status.is(204).has("range", "0-4");
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let world = World::start().await;
    // Few bytes are in memory where no other process serves, more are on the disk.
    for (size, files) in [(7, 0..=1), (300_000, 1..=1)] {
        let (session, content) = (world.admin.start_upload("team/app").await, bytes(1, size));
        let digest = digest(&content);
        world
            .admin
            .ask(format!("PATCH {session}"))
            .body(content)
            .await
            .is(202);
        let stored = world.stored_files().len();
        assert!(files.contains(&stored), "{stored} files with {size} bytes");
        let cancelled = world.admin.ask(format!("DELETE {session}")).await.is(204);
        cancelled.holds(b"");
        assert_eq!(world.stored_files().len(), 0);
        for line in [
            format!("DELETE {session}"),
            format!("GET {session}"),
            format!("PATCH {session}"),
            format!("PUT {session}?digest={digest}"),
        ] {
            let answer = world.admin.ask(line).await;
            answer.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn an_upload_belongs_to_who_began_it_and_to_its_repository() {
    let world = World::start().await;
    let writer = world.member("writer", Permission::Write).await;
    let session = writer.start_upload("team/app").await;
    world.admin.start_upload("team/other").await;
    let elsewhere = session.replace("team/app", "team/other");
    let unmade = "/v2/team/app/blobs/uploads/00000000-0000-4000-8000-000000000000";
    let no_id = "/v2/team/app/blobs/uploads/..%2F..%2Fetc";
    for (client, session) in [
        (&world.admin, session.as_str()),
        (&writer, &elsewhere),
        (&writer, unmade),
        (&writer, no_id),
    ] {
        for line in [
            format!("GET {session}"),
            format!("PATCH {session}"),
            format!("PUT {session}?digest={}", digest(b"")),
            format!("DELETE {session}"),
        ] {
            client.ask(line).await.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
    writer.ask(format!("GET {session}")).await.is(204);
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_of_the_server() {
    let mut world = World::start().await;
    let content = bytes(8, 700_000);
    for (digest, algorithm) in [(digest(&content), "sha256"), (sha512(&content), "sha512")] {
        let start = format!("POST /v2/team/app/blobs/uploads/?digest-algorithm={algorithm}");
        let session = world.admin.ask(start).await.is(202).header("location").to_owned();
        let patch = world.admin.ask(format!("PATCH {session}"));
        // An odd length: the state of the hash holds part of a block.
        patch.body(content[..300_001].to_vec()).await.is(202);
        world.restart();
        let status = world.admin.ask(format!("GET {session}")).await;
        status.is(204).has("range", "0-300000");
        let patch = world.admin.ask(format!("PATCH {session}"));
        let patch = patch.header("content-range", "300001-699999");
        patch.body(content[300_001..].to_vec()).await.is(202);
        world.restart();
        let put = format!("PUT {session}?digest={digest}");
        world.admin.ask(put).await.is(201);
        let pulled = world.admin.ask(format!("GET /v2/team/app/blobs/{digest}")).await;
        pulled.is(200).holds(&content);
    }
}
