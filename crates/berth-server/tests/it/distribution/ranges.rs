//! Several parts of a blob in one answer (RFC 9110, sections 14.2, 14.6 and 15.3.7), as podman's partial pulls ask for them.

use std::ops::Range;

use crate::content::bytes;
use crate::world::World;

fn header(parts: &[Range<usize>]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| format!("{}-{}", part.start, part.end - 1))
        .collect();
    format!("bytes={}", parts.join(","))
}

#[tokio::test]
async fn several_parts_are_one_answer_in_the_order_asked_for() {
    let world = World::start().await;
    let content = bytes(11, 1_000_000);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest}");
    for parts in [
        vec![0..1, 999_999..1_000_000],
        // They touch, overlap, go back: each is answered for itself.
        vec![0..100_000, 100_000..300_000, 300_000..300_001],
        vec![500..700, 600..800],
        vec![700_000..900_000, 0..50_000, 600_000..600_010],
    ] {
        let answer = world.admin.ask(&line).header("range", header(&parts)).await;
        let answer = answer
            .is(206)
            .lacks("content-range")
            .has("docker-content-digest", &digest)
            .has("etag", &format!("\"{digest}\""))
            .has("accept-ranges", "bytes");
        let length = answer.body.len().to_string();
        answer
            .clone()
            .has("content-length", &length)
            .holds_parts(&parts, &content);
    }
    let answer = world.admin.ask(&line).header("range", "bytes=0-9, -10").await;
    answer.is(206).holds_parts(&[0..10, 999_990..1_000_000], &content);
    // What does not exist is left out; one part that is left is no part of several.
    let answer = world
        .admin
        .ask(&line)
        .header("range", "bytes=0-9,1000000-,20-29")
        .await;
    answer.is(206).holds_parts(&[0..10, 20..30], &content);
    let answer = world.admin.ask(&line).header("range", "bytes=0-9,1000000-").await;
    answer
        .is(206)
        .holds(&content[..10])
        .has("content-range", "bytes 0-9/1000000")
        .has("content-type", "application/octet-stream");
    let answer = world
        .admin
        .ask(&line)
        .header("range", "bytes=1000000-,2000000-")
        .await;
    answer
        .refused(416, "RANGE_INVALID")
        .has("content-range", "bytes */1000000");
}

#[tokio::test]
async fn as_many_parts_as_partial_pulls_ask_for_and_no_more() {
    let world = World::start().await;
    let content = bytes(12, 3 << 20);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest}");
    let parts: Vec<_> = (0..1024).map(|at| at * 3000..at * 3000 + 700 + at).collect();
    let asked = world.admin.ask(&line).header("range", header(&parts));
    asked.await.is(206).holds_parts(&parts, &content);
    let more: Vec<_> = (0..1025).map(|at| at * 3000..at * 3000 + 700).collect();
    let asked = world.admin.ask(&line).header("range", header(&more));
    asked.await.refused(400, "RANGE_INVALID");
}

#[tokio::test]
async fn ranges_that_only_cost_are_answered_with_the_whole() {
    let world = World::start().await;
    let content = bytes(13, 10_000);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest}");
    for range in ["bytes=0-,0-", "bytes=0-9,1-1,2-2,3-3", "bytes=0-9,x"] {
        let answer = world.admin.ask(&line).header("range", range).await;
        answer
            .is(200)
            .holds(&content)
            .has("content-type", "application/octet-stream")
            .lacks("content-range");
    }
    let head = format!("HEAD /v2/team/app/blobs/{digest}");
    let answer = world.admin.ask(head).header("range", "bytes=0-1,5-6").await;
    answer.is(200).has("content-length", "10000");
    let asked = world.admin.ask(&line).header("range", "bytes=0-1,5-6");
    asked
        .header("if-range", "\"another\"")
        .await
        .is(200)
        .holds(&content);
}
