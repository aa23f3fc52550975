//! "Pulling blobs" and "Checking if content exists in the registry": the whole, parts, and what caches ask.

use crate::content::{bytes, digest, sha512};
use crate::world::World;

const IMMUTABLE: &str = "private, max-age=31536000, immutable";

#[tokio::test]
async fn a_blob_is_answered_as_it_was_pushed() {
    let world = World::start().await;
    for content in [bytes(1, 100_000), b"x".to_vec(), Vec::new()] {
        let digest = world.admin.push_blob("team/app", &content).await;
        for method in ["GET", "HEAD"] {
            let line = format!("{method} /v2/team/app/blobs/{digest}");
            let answer = world.admin.ask(line).await.is(200);
            let body: &[u8] = if method == "GET" { &content } else { b"" };
            answer
                .holds(body)
                .has("content-type", "application/octet-stream")
                .has("content-length", &content.len().to_string())
                .has("docker-content-digest", &digest)
                .has("etag", &format!("\"{digest}\""))
                .has("cache-control", IMMUTABLE)
                .has("accept-ranges", "bytes");
        }
    }
}

#[tokio::test]
async fn a_blob_of_sha512_is_found_by_that_digest_alone() {
    let world = World::start().await;
    let digest = sha512(b"content");
    let push = format!("POST /v2/team/app/blobs/uploads/?digest={digest}");
    world
        .admin
        .ask(push)
        .body("content")
        .await
        .is(201)
        .has("docker-content-digest", &digest);
    let pull = format!("GET /v2/team/app/blobs/{digest}");
    world
        .admin
        .ask(pull)
        .await
        .is(200)
        .holds(b"content")
        .has("docker-content-digest", &digest);
    let other = format!("GET /v2/team/app/blobs/{}", self::digest(b"content"));
    world.admin.ask(other).await.refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_range_is_answered_with_exactly_those_bytes() {
    let world = World::start().await;
    let content = bytes(2, 1000);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest}");
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=0-99", 0..100),
        ("bytes=100-", 100..1000),
        ("bytes=-1", 999..1000),
        ("bytes=-100", 900..1000),
        ("bytes=-5000", 0..1000),
        ("bytes=999-999", 999..1000),
        ("bytes=990-100000000000000000000000", 990..1000),
        ("Bytes=5-9", 5..10),
    ] {
        let answer = world.admin.ask(&line).header("range", range).await.is(206);
        let shown = format!("bytes {}-{}/1000", part.start, part.end - 1);
        answer
            .holds(&content[part.clone()])
            .has("content-range", &shown)
            .has("content-length", &part.len().to_string())
            .has("docker-content-digest", &digest)
            .has("etag", &format!("\"{digest}\""));
    }
    // RFC 9110 section 14.2: what is no range of bytes is ignored.
    for range in ["bytes=a-b", "bytes=", "bytes=-", "lines=0-1", "0-1"] {
        let answer = world.admin.ask(&line).header("range", range).await.is(200);
        answer.holds(&content).lacks("content-range");
    }
    // A HEAD is about the whole.
    let head = format!("HEAD /v2/team/app/blobs/{digest}");
    world
        .admin
        .ask(head)
        .header("range", "bytes=0-1")
        .await
        .is(200)
        .has("content-length", "1000");
}

#[tokio::test]
async fn a_range_outside_the_blob_is_refused_with_its_size() {
    let world = World::start().await;
    let (some, none) = (bytes(3, 1000), Vec::new());
    for (content, range) in [
        (&some, "bytes=1000-"),
        (&some, "bytes=1000-1001"),
        (&some, "bytes=99999999999999999999-"),
        (&some, "bytes=-0"),
        // It runs backwards, which no blob satisfies.
        (&some, "bytes=9-1"),
        (&none, "bytes=0-0"),
    ] {
        let digest = world.admin.push_blob("team/app", content).await;
        let line = format!("GET /v2/team/app/blobs/{digest}");
        let answer = world.admin.ask(line).header("range", range).await;
        answer
            .refused(416, "RANGE_INVALID")
            .has("content-range", &format!("bytes */{}", content.len()))
            .lacks("cache-control");
    }
}

#[tokio::test]
async fn a_part_is_answered_only_while_the_blob_is_the_one_begun_with() {
    let world = World::start().await;
    let content = bytes(4, 100);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest}");
    for (validator, status) in [
        (format!("\"{digest}\""), 206),
        ("\"another\"".to_owned(), 200),
        // RFC 9110 section 13.1.5: a weak validator never matches, and a date that we never gave out is not ours.
        (format!("W/\"{digest}\""), 200),
        ("Sat, 29 Oct 1994 19:43:31 GMT".to_owned(), 200),
    ] {
        let asked = world.admin.ask(&line).header("range", "bytes=0-9");
        let answer = asked.header("if-range", &validator).await.is(status);
        let body = if status == 206 { &content[..10] } else { &content };
        answer.holds(body);
    }
}

#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    let world = World::start().await;
    let digest = world.admin.push_blob("team/app", b"content").await;
    for method in ["GET", "HEAD"] {
        let line = format!("{method} /v2/team/app/blobs/{digest}");
        for (tags, status) in [
            (format!("\"{digest}\""), 304),
            (format!("W/\"{digest}\""), 304),
            (format!("\"other\", \"{digest}\""), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
        ] {
            let asked = world.admin.ask(&line).header("if-none-match", &tags);
            let answer = asked.await.is(status);
            answer
                .has("etag", &format!("\"{digest}\""))
                .has("cache-control", IMMUTABLE);
        }
        // The precondition is looked at before the range (RFC 9110 section 13.2.2).
        let asked = world.admin.ask(&line).header("if-none-match", "*");
        asked.header("range", "bytes=0-0").await.is(304).holds(b"");
    }
    // Knowing a digest is not having a blob.
    let absent = format!("GET /v2/team/app/blobs/{}", self::digest(b"absent"));
    let asked = world.admin.ask(absent).header("if-none-match", "*");
    asked.await.refused(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_blob_is_readable_only_through_a_repository_that_links_it() {
    let world = World::start().await;
    let digest = world.admin.push_blob("team/app", b"content").await;
    world.admin.push_blob("team/other", b"something else").await;
    for (method, repository, code) in [
        ("GET", "team/other", "BLOB_UNKNOWN"),
        ("HEAD", "team/other", ""),
        ("GET", "team/absent", "NAME_UNKNOWN"),
        ("HEAD", "team/absent", ""),
    ] {
        let answer = world
            .admin
            .ask(format!("{method} /v2/{repository}/blobs/{digest}"))
            .await;
        if method == "HEAD" {
            answer.is(404).holds(b"");
        } else {
            answer.refused(404, code);
        }
    }
}
