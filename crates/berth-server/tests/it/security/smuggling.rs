//! What a proxy before the registry may have let pass: requests whose end the two could see at different places, and
//! headers that only a proxy of ours may set. No answer may ever come to a request that lies in another one's body.

use http::Method;
use serde_json::Value;

use super::raw::{exchange, status};
use crate::client::Client;
use crate::content::digest;
use crate::installation::{ACCESS_KEY_ID, SECRET_KEY};
use crate::world::World;

/// A request that must not be seen: its answer would carry its id, and end the connection.
const SMUGGLED: &str =
    "GET /v2/ HTTP/1.1\r\nHost: here\r\nX-Request-Id: smuggled\r\nConnection: close\r\n\r\n";

/// Requests before the smuggled one: one that is refused before its body is read, and one whose body is read.
fn starts(admin: &Client) -> [String; 2] {
    let authorization = admin.authorization.as_deref().unwrap();
    let put = "PUT /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: here\r\n";
    [put.to_owned(), format!("{put}Authorization: {authorization}\r\n")]
}

/// Sends the headers and body after each start; answers what came back.
fn tried(world: &World, headers: &str, body: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for start in starts(&world.admin) {
        let request = format!("{start}{headers}\r\n{body}");
        let answer = exchange(world.address(), request.as_bytes());
        let shown = format!("{headers:?} {body:?}: {answer}");
        assert!(
            !answer.to_lowercase().contains("x-request-id: smuggled"),
            "{shown}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shown}");
        assert!(status(&answer) < 500, "{shown}");
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn of_two_lengths_none_lets_a_second_request_in() {
    let world = World::start().await;
    let length = SMUGGLED.len();
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    // Both are there: the chunks count, and nothing that comes after them is answered.
    for headers in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
            chunked.len()
        ),
        format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
            chunked.len()
        ),
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n".to_owned(),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
    ] {
        tried(&world, &headers, &chunked);
    }
    // Lengths that are none, or that contradict each other, are refused, by whoever reads them.
    for lengths in [
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0, {length}\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        "Content-Length: +0\r\n".to_owned(),
        "Content-Length: -0\r\n".to_owned(),
        "Content-Length: 0x0\r\n".to_owned(),
        "Content-Length: 0 0\r\n".to_owned(),
        "Content-Length: 0;a\r\n".to_owned(),
        "Content-Length: \"0\"\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n".to_owned(),
        // By a line feed alone it is a second header for some.
        format!("X-A: b\nContent-Length: 0\r\nContent-Length: {length}\r\n"),
        "X-A: b\rContent-Length: 0\r\n".to_owned(),
        "X-A: b\0Content-Length: 0\r\n".to_owned(),
    ] {
        for answer in tried(&world, &lengths, SMUGGLED) {
            assert_eq!(status(&answer), 400, "{lengths:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_transfer_encoding_in_disguise_is_none() {
    let world = World::start().await;
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    for disguise in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "X-A: b\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: \x0cchunked",
        "Transfer-Encoding: chun\0ked",
        "Transfer_Encoding: chunked",
        "X-Transfer-Encoding: chunked",
    ] {
        // Where the disguise is no header of meaning, the length counts, and the smuggled request is in the body.
        let length = chunked.len();
        let headers = format!("{disguise}\r\nContent-Length: {length}\r\nConnection: close\r\n");
        for answer in tried(&world, &headers, &chunked) {
            assert!((400..500).contains(&status(&answer)), "{disguise}: {answer}");
        }
    }
    // HTTP/1.0 has no chunks.
    let old = format!(
        "PUT /v2/team/app/manifests/v1 HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n{chunked}"
    );
    let answer = exchange(world.address(), old.as_bytes());
    assert!(!answer.contains("smuggled"), "{answer}");
}

#[tokio::test]
async fn chunks_that_are_none_end_the_connection() {
    // Chunks that never end are no answer either; nobody waits for them here.
    let flags = [
        "--limits-body-stall-timeout",
        "1s",
        "--limits-header-timeout",
        "1s",
    ];
    let world = World::start_with(&flags).await;
    for chunks in [
        "-1\r\nx\r\n0\r\n\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "1 1\r\nx\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "g\r\nx\r\n0\r\n\r\n",
        "10000000000000000\r\nx\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
        // More than the size says.
        "1\r\nxx0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        // Line ends that others take for none.
        "0\n\r\n",
        "0\n\n",
        "1\nx\r\n0\r\n\r\n",
        "0;a\nb\r\n\r\n",
        "0\r\n\n",
        "0\rX\r\n\r\n",
    ] {
        let headers = "Transfer-Encoding: chunked\r\n";
        tried(&world, headers, &format!("{chunks}{SMUGGLED}"));
    }
}

#[tokio::test]
async fn a_body_is_never_taken_for_a_request() {
    let world = World::start().await;
    let length = SMUGGLED.len();
    let authorization = world.admin.authorization.as_deref().unwrap();
    for start in [
        // Methods whose bodies nobody expects.
        "GET /v2/",
        "HEAD /v2/",
        "OPTIONS /v2/",
        "DELETE /v2/team/app/manifests/none",
        "GET /v2/manage/namespaces",
        "GET /nowhere",
        "POST /token",
        "TRACE /v2/",
    ] {
        for more in [
            "",
            "Expect: 100-continue\r\n",
            "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        ] {
            let request = format!(
                "{start} HTTP/1.1\r\nHost: here\r\nAuthorization: {authorization}\r\nContent-Length: {length}\r\n\
                 {more}Connection: close\r\n\r\n{SMUGGLED}"
            );
            let answer = exchange(world.address(), request.as_bytes());
            let shown = format!("{start} {more:?}: {answer}");
            assert!(
                !answer.to_lowercase().contains("x-request-id: smuggled"),
                "{shown}"
            );
            assert!(!answer.contains("HTTP/1.1 101"), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_only_a_proxy_may_say_is_not_heard_from_others() {
    let world = World::start().await;
    let forged = |headers: &str| {
        let request =
            format!("GET /v2/ HTTP/1.1\r\nHost: registry.test\r\n{headers}Connection: close\r\n\r\n");
        let answer = exchange(world.address(), request.as_bytes());
        assert_eq!(status(&answer), 401, "{headers}: {answer}");
        answer
    };
    let headers = "X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /evil\r\n\
         Forwarded: for=6.6.6.6;host=evil.test;proto=https\r\nX-Real-Ip: 6.6.6.6\r\nX-Original-Url: /v2/manage\r\n\
         X-Rewrite-Url: /v2/manage\r\n";
    let answer = forged(headers);
    assert!(
        answer.contains("realm=\"http://registry.test/token\"") && !answer.contains("evil"),
        "{answer}"
    );
    // Ids that could not stand in a log line are replaced.
    for id in ["a b", "\u{e9}", "", &"x".repeat(65), "a\tb"] {
        let answer = forged(&format!("X-Request-Id: {id}\r\n"));
        let line = answer
            .lines()
            .find(|line| line.to_lowercase().starts_with("x-request-id: "));
        assert_eq!(line.unwrap().len(), "x-request-id: ".len() + 36, "{answer}");
    }
    // A host that is none gets into no answer.
    for host in ["evil\";x", "a/b", "a b", "<script>", "a%0d%0ab"] {
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = exchange(world.address(), request.as_bytes());
        assert!(!answer.contains(host), "{host}: {answer}");
    }
    // A refused login comes from where it came from, whatever it says.
    let wrong = world.admin.with(&crate::installation::basic("admin", "wrong"));
    let refused = wrong
        .ask("GET /v2/")
        .header("x-forwarded-for", "6.6.6.6, 7.7.7.7");
    refused.await.is(401);
    let keys = (ACCESS_KEY_ID, SECRET_KEY);
    let trail = world
        .signed(keys, Method::GET, ("/v2/manage/audit-events", ""))
        .await;
    let events: Value = trail.json();
    assert!(!events["events"].as_array().unwrap().is_empty(), "{events}");
    assert!(
        !trail.text.contains("6.6.6.6") && !trail.text.contains("7.7.7.7"),
        "{events}"
    );
}

#[tokio::test]
async fn of_two_hosts_none_counts() {
    let world = World::start().await;
    for hosts in [
        "Host: a.test\r\nHost: b.test\r\n",
        "Host: a.test\r\nhost: a.test\r\n",
        "Host: a.test, b.test\r\n",
    ] {
        let request = format!("GET /v2/ HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = exchange(world.address(), request.as_bytes());
        assert!(
            !answer.contains("a.test") && !answer.contains("b.test"),
            "{hosts}: {answer}"
        );
    }
    let asked = digest(b"none");
    world
        .admin
        .ask(format!("GET /v2/team/app/blobs/{asked}"))
        .await
        .is(404);
}
