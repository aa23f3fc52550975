//! "Pushing blobs": in one request, in two, streamed, and what is wrong with a body.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::content::{bytes, digest, sha512};
use crate::world::World;

#[tokio::test]
async fn a_blob_is_pushed_in_one_request() {
    let world = World::start().await;
    for content in [bytes(1, 300_000), Vec::new()] {
        for digest in [digest(&content), sha512(&content)] {
            let line = format!("POST /v2/team/app/blobs/uploads/?digest={digest}");
            let location = format!("/v2/team/app/blobs/{digest}");
            // Pushing the same again is as good.
            for _ in 0..2 {
                let answer = world.admin.ask(&line).body(content.clone()).await.is(201);
                answer
                    .has("location", &location)
                    .has("docker-content-digest", &digest)
                    .holds(b"");
            }
            let streamed = world.admin.ask(&line).streamed(&[&content]).await;
            streamed.is(201);
            let pulled = world.admin.ask(format!("GET {location}")).await;
            pulled.is(200).holds(&content);
        }
    }
}

#[tokio::test]
async fn a_blob_is_pushed_by_post_and_put() {
    let world = World::start().await;
    for (query, content, digest) in [
        ("", b"content".as_slice(), digest(b"content")),
        ("", b"", digest(b"")),
        ("?digest-algorithm=sha256", b"content", digest(b"content")),
        ("?digest-algorithm=sha512", b"content", sha512(b"content")),
        ("?digest-algorithm=sha512", b"", sha512(b"")),
        // The algorithm of the closing digest counts, announced or not.
        ("", b"unannounced", sha512(b"unannounced")),
        ("?digest-algorithm=sha512", b"other", self::digest(b"other")),
    ] {
        for slash in ["/", ""] {
            let line = format!("POST /v2/team/app/blobs/uploads{slash}{query}");
            let answer = world.admin.ask(line).header("content-length", "0").await.is(202);
            let session = answer.header("location").to_owned();
            let id = answer.header("docker-upload-uuid");
            assert_eq!(session, format!("/v2/team/app/blobs/uploads/{id}"));
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().to_string(), id);
            answer.clone().has("range", "0-0").holds(b"");

            let line = format!("PUT {session}?digest={digest}");
            let answer = world.admin.ask(line).body(content.to_vec()).await.is(201);
            let location = format!("/v2/team/app/blobs/{digest}");
            answer
                .has("location", &location)
                .has("docker-content-digest", &digest);
            let pulled = world.admin.ask(format!("GET {location}")).await;
            pulled.is(200).holds(content);
            // The session is over.
            let asked = world.admin.ask(format!("GET {session}")).await;
            asked.refused(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn a_blob_is_streamed_without_a_length() {
    let world = World::start().await;
    let content = bytes(5, 200_000);
    let (left, right) = content.split_at(70_000);
    for digest in [digest(&content), sha512(&content)] {
        let session = world.admin.start_upload("team/app").await;
        let patched = world.admin.ask(format!("PATCH {session}"));
        let patched = patched.streamed(&[left, right]).await.is(202);
        patched
            .has("location", &session)
            .has("range", "0-199999")
            .holds(b"");
        let put = world.admin.ask(format!("PUT {session}?digest={digest}")).await;
        put.is(201);
        let pulled = world.admin.ask(format!("GET /v2/team/app/blobs/{digest}")).await;
        pulled.is(200).holds(&content);
    }
}

#[tokio::test]
async fn a_wrong_digest_is_refused_and_nothing_is_kept() {
    let world = World::start().await;
    let wrong = digest(b"something else");
    let found = digest(b"content");
    let refused = |answer: crate::client::Answer| {
        let answer = answer.refused(400, "DIGEST_INVALID");
        let detail = &answer.errors()[0]["detail"];
        assert_eq!(detail["expected"], wrong);
        assert_eq!(detail["found"], found);
    };
    let line = format!("POST /v2/team/app/blobs/uploads/?digest={wrong}");
    refused(world.admin.ask(line).body("content").await);

    let session = world.admin.start_upload("team/app").await;
    let put = format!("PUT {session}?digest={wrong}");
    refused(world.admin.ask(&put).body("content").await);
    world.admin.ask(&put).await.refused(404, "BLOB_UPLOAD_UNKNOWN");

    let session = world.admin.start_upload("team/app").await;
    world
        .admin
        .ask(format!("PATCH {session}"))
        .body("content")
        .await
        .is(202);
    refused(world.admin.ask(format!("PUT {session}?digest={wrong}")).await);

    // Hashed again, because the algorithm was not announced, and still wrong.
    let session = world.admin.start_upload("team/app").await;
    world
        .admin
        .ask(format!("PATCH {session}"))
        .body("content")
        .await
        .is(202);
    let line = format!("PUT {session}?digest={}", sha512(b"something else"));
    world.admin.ask(line).await.refused(400, "DIGEST_INVALID");

    for digest in [&wrong, &found] {
        let line = format!("GET /v2/team/app/blobs/{digest}");
        world.admin.ask(line).await.refused(404, "BLOB_UNKNOWN");
    }
    assert_eq!(world.stored_files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_digest_that_is_none_is_refused() {
    let world = World::start().await;
    let session = world.admin.start_upload("team/app").await;
    let hex = "a".repeat(64);
    for text in [
        "sha256".to_owned(),
        "sha256:".to_owned(),
        "sha256:abc".to_owned(),
        format!("sha256:{}", "A".repeat(64)),
        format!("sha256:{hex}a"),
        format!("sha512:{hex}"),
        format!("md5:{hex}"),
        format!("SHA256:{hex}"),
        format!("sha256:{}", "g".repeat(64)),
        "sha256:..%2F..%2Fetc".to_owned(),
    ] {
        for line in [
            format!("POST /v2/team/app/blobs/uploads/?digest={text}"),
            format!("PUT {session}?digest={text}"),
            format!("GET /v2/team/app/blobs/{text}"),
            format!("DELETE /v2/team/app/blobs/{text}"),
            format!("GET /v2/team/app/referrers/{text}"),
        ] {
            world.admin.ask(line).await.refused(400, "DIGEST_INVALID");
        }
    }
    let answer = world.admin.ask(format!("PUT {session}")).await;
    answer.refused(400, "DIGEST_INVALID");
    let unknown = "POST /v2/team/app/blobs/uploads/?digest-algorithm=md5";
    let answer = world.admin.ask(unknown).await.refused(400, "UNSUPPORTED");
    let message = answer.errors()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("md5") && message.contains("sha512"), "{message}");
}

#[tokio::test]
async fn a_body_larger_than_a_layer_may_be_is_refused() {
    let world = World::start_with(&["--limits-layer-size-max", "1000B"]).await;
    let (fits, large) = (bytes(6, 1000), bytes(7, 1001));
    world.admin.push_blob("team/app", &fits).await;
    let files = world.stored_files();
    let line = format!("POST /v2/team/app/blobs/uploads/?digest={}", digest(&large));
    let refused = world.admin.ask(&line).body(large.clone()).await;
    let answer = refused.refused(413, "SIZE_INVALID");
    assert!(answer.errors()[0]["message"].as_str().unwrap().contains("1000"));
    let refused = world.admin.ask(&line).streamed(&[&large]).await;
    refused.refused(413, "SIZE_INVALID");

    let session = world.admin.start_upload("team/app").await;
    let patched = world.admin.ask(format!("PATCH {session}"));
    patched.body(large[..600].to_vec()).await.is(202);
    let patched = world.admin.ask(format!("PATCH {session}"));
    let refused = patched.body(large[600..].to_vec()).await;
    refused.refused(413, "SIZE_INVALID");
    world.admin.ask(format!("DELETE {session}")).await.is(204);
    assert_eq!(world.stored_files(), files);
}

/// A connection with a request's head and the beginning of a body of 10 bytes.
fn begin(world: &World, line: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.address()).unwrap();
    let login = world.admin.authorization.as_deref().unwrap();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nauthorization: {login}\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhello"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn a_body_that_stands_still_is_408_and_an_upload_goes_on_where_it_stopped() {
    let world = World::start_with(&["--limits-body-stall-timeout", "1s"]).await;
    let session = world.admin.start_upload("team/app").await;
    let digest = digest(b"helloworld");
    let mut streams = [
        begin(&world, &format!("PATCH {session}")),
        begin(
            &world,
            &format!("POST /v2/team/app/blobs/uploads/?digest={digest}"),
        ),
        begin(&world, "PUT /v2/team/app/manifests/v1"),
    ];
    for (stream, code) in
        streams
            .iter_mut()
            .zip(["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_INVALID", "MANIFEST_INVALID"])
    {
        // The connection itself stays open for a while, for what may still come.
        let mut text = String::new();
        let mut lines = BufReader::new(stream);
        while !text.ends_with("]}") {
            let mut byte = [0];
            lines.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
        assert!(text.contains(code), "{text}");
        assert!(text.contains("no byte of the request's body came"), "{text}");
    }
    let standing = world.admin.ask(format!("GET {session}")).await;
    standing.is(204).has("range", "0-4");
    let line = format!("PUT {session}?digest={digest}");
    world.admin.ask(line).body("world").await.is(201);
    assert_eq!(world.stored_files().len(), 1, "the single request left nothing");
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_never_a_blob() {
    let world = World::start().await;
    let digest = digest(b"hello");
    let sessions = [
        world.admin.start_upload("team/app").await,
        world.admin.start_upload("team/app").await,
    ];
    for line in [
        format!("POST /v2/team/app/blobs/uploads/?digest={digest}"),
        "PUT /v2/team/app/manifests/v1".to_owned(),
        format!("PATCH {}", sessions[0]),
        format!("PUT {}?digest={digest}", sessions[1]),
    ] {
        // The client goes away in the middle.
        let mut stream = begin(&world, &line);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(!text.starts_with("HTTP/1.1 2"), "{text}");
    }
    for session in &sessions {
        // What came is kept, and counts once it is saved.
        let mut tries = 0;
        while world
            .admin
            .ask(format!("GET {session}"))
            .await
            .is(204)
            .header("range")
            != "0-4"
        {
            tries += 1;
            assert!(tries < 1000, "{session} does not show what came");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let blob = format!("GET /v2/team/app/blobs/{digest}");
    world.admin.ask(&blob).await.refused(404, "BLOB_UNKNOWN");
    let tag = world.admin.ask("GET /v2/team/app/manifests/v1").await;
    tag.refused(404, "MANIFEST_UNKNOWN");
    for session in &sessions {
        world.admin.ask(format!("DELETE {session}")).await.is(204);
    }
    assert_eq!(world.stored_files(), Vec::<std::path::PathBuf>::new());
}
