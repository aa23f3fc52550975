//! Uploads that go from one server to the other.

use std::future::IntoFuture as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use rustix::process::Signal;
use tokio::sync::mpsc;

use super::Replicas;
use crate::client::Client;
use crate::content::{bytes, digest};

const REPOSITORY: &str = "team/app";

/// A body that comes as it is sent; it ends when the sender is dropped.
fn slow_body() -> (mpsc::UnboundedSender<Bytes>, reqwest::Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receiver))
    });
    (sender, reqwest::Body::wrap_stream(pieces))
}

async fn offset(client: &Client, session: &str) -> usize {
    let answer = client.ask(format!("GET {session}")).await.is(204);
    let (_, last) = answer.header("range").split_once('-').unwrap();
    last.parse::<usize>().unwrap() + 1
}

#[tokio::test]
async fn any_server_goes_on_with_any_upload() {
    let replicas = Replicas::start();
    let (a, b) = (&replicas.a, &replicas.b);
    let content = bytes(1, 900_000);
    let digest = digest(&content);
    let session = a.start_upload(REPOSITORY).await;
    for (number, client) in [b, a, b, a, b, a].into_iter().enumerate() {
        let (start, end) = (number * 150_000, (number + 1) * 150_000);
        let patch = client.ask(format!("PATCH {session}"));
        let range = format!("{start}-{}", end - 1);
        let patch = patch
            .header("content-range", range)
            .body(content[start..end].to_vec());
        patch.await.is(202).has("range", &format!("0-{}", end - 1));
        assert_eq!(offset(a, &session).await, end);
        assert_eq!(offset(b, &session).await, end);
    }
    b.ask(format!("PUT {session}?digest={digest}")).await.is(201);
    for client in [a, b] {
        let blob = format!("GET /v2/{REPOSITORY}/blobs/{digest}");
        client.ask(blob).await.is(200).holds(&content);
        client.ask(format!("GET {session}")).await.is(404);
    }
    let cancelled = a.start_upload(REPOSITORY).await;
    b.ask(format!("DELETE {cancelled}")).await.is(204);
    a.ask(format!("PATCH {cancelled}")).body("x").await.is(404);
}

#[tokio::test]
async fn two_that_write_one_upload_at_once_never_mix_their_bytes() {
    let replicas = Replicas::start();
    let contents = [bytes(1, 2_000_000), bytes(2, 2_000_000)];
    for round in 0..12 {
        let session = replicas.a.start_upload(REPOSITORY).await;
        let patch = |client: &Client, content: &[u8]| {
            let patch = client.ask(format!("PATCH {session}"));
            let patch = patch.header("content-range", format!("0-{}", content.len() - 1));
            patch.body(content.to_vec()).into_future()
        };
        let (first, second) =
            tokio::join!(patch(&replicas.a, &contents[0]), patch(&replicas.b, &contents[1]));
        let stands = offset(&replicas.b, &session).await;
        let won: Vec<_> = [first, second]
            .into_iter()
            .map(|answer| {
                match answer.status {
                    202 => true,
                    // Where it stands now: 416 tells, as the specification wants it.
                    416 => {
                        assert_eq!(answer.header("range"), format!("0-{}", stands.saturating_sub(1)));
                        false
                    }
                    // Interrupted by the other.
                    400 => false,
                    other => panic!("round {round}: {other}"),
                }
            })
            .collect();
        assert_eq!(
            won.iter().filter(|won| **won).count(),
            1,
            "round {round}: {won:?}"
        );
        // What is there is the beginning of one of them; its own rest makes it whole.
        let mut ends = Vec::new();
        for content in &contents {
            let put = format!("PUT {session}?digest={}", digest(content));
            ends.push(replicas.a.ask(put).body(content[stands..].to_vec()).await.status);
            if ends.last() == Some(&400) {
                break;
            }
        }
        let whole = won.iter().position(|won| *won).unwrap();
        assert_eq!(
            ends[0],
            if whole == 0 { 201 } else { 400 },
            "round {round}: {ends:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_comes_back_to_the_other_server_goes_on_there() {
    let replicas = Replicas::start();
    let content = bytes(3, 3_000_000);
    let session = replicas.a.start_upload(REPOSITORY).await;
    let (sender, body) = slow_body();
    let hung = tokio::spawn({
        let patch = replicas.a.ask(format!("PATCH {session}")).body(body);
        async move { patch.await.status }
    });
    sender
        .send(Bytes::copy_from_slice(&content[..1_000_000]))
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // To the first server nothing ended: its client is there, and says nothing.
    let patch = replicas.b.ask(format!("PATCH {session}"));
    let patch = patch.header("content-range", "0-2999999").body(content.clone());
    let told = patch.await.is(416);
    assert_eq!(
        told.header("range"),
        "0-999999",
        "what the first server received counts"
    );
    assert_eq!(hung.await.unwrap(), 400);
    let put = format!("PUT {session}?digest={}", digest(&content));
    let put = replicas.b.ask(put).body(content[1_000_000..].to_vec());
    put.await.is(201);
    drop(sender);
}

#[tokio::test]
async fn of_a_killed_server_s_upload_no_more_than_a_part_is_sent_again() {
    let mut replicas = Replicas::start();
    let content = bytes(5, 150 << 20);
    let session = replicas.a.start_upload(REPOSITORY).await;
    let (sender, body) = slow_body();
    let url = format!("{}{session}", replicas.a.url);
    let login = replicas.a.authorization.clone().unwrap();
    let patch = replicas
        .a
        .http
        .patch(url)
        .header("authorization", login)
        .body(body);
    let patch = tokio::spawn(patch.send());
    for piece in content[..140 << 20].chunks(1 << 20) {
        sender.send(Bytes::copy_from_slice(piece)).unwrap();
    }
    let mut waits = 0;
    while offset(&replicas.b, &session).await < 64 << 20 {
        waits += 1;
        assert!(waits < 1200, "nothing of the body is noted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    replicas.first.signal(Signal::KILL);
    assert!(patch.await.unwrap().is_err());
    let stands = offset(&replicas.b, &session).await;
    let patch = replicas.b.ask(format!("PATCH {session}"));
    let patch = patch.header("content-range", format!("{stands}-{}", content.len() - 1));
    patch.body(content[stands..].to_vec()).await.is(202);
    let put = format!("PUT {session}?digest={}", digest(&content));
    replicas.b.ask(put).await.is(201);
    let second = replicas.second.take().unwrap().stop();
    assert!(second.status.success());
}
