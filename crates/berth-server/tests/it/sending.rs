//! How the bytes of a blob leave: from its file to the socket on plain HTTP/1, read where they must be encrypted or put
//! into frames; to clients that are slow, go away, or ask for more before they have read; from files that change.

mod wire;

use std::io::{Seek as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use self::wire::Wire;
use crate::berth::Place;
use crate::client::Client;
use crate::content::bytes;
use crate::installation::{ACCESS_KEY_ID, LOGIN_KEY, VARIABLES, basic};
use crate::world::World;

/// A few parts of a file, and some bytes more.
const LARGE: usize = (3 << 20) + 333;
/// More than all the buffers of a connection take.
const HUGE: usize = 48 << 20;

/// The one file that holds a blob.
fn file(world: &World, digest: &str) -> PathBuf {
    let hex = digest.split_once(':').unwrap().1;
    let files = world.stored_files();
    let mut files = files
        .into_iter()
        .filter(|file| file.display().to_string().contains(hex));
    files.next().unwrap()
}

fn get(digest: &str) -> String {
    format!("GET /v2/team/app/blobs/{digest} HTTP/1.1")
}

#[tokio::test]
async fn many_answers_follow_one_another_on_a_connection() {
    let world = World::start().await;
    let mut wire = Wire::to(&world);
    for length in [
        0,
        1,
        (64 << 10) - 1,
        64 << 10,
        (1 << 20) - 1,
        1 << 20,
        (1 << 20) + 1,
        LARGE,
    ] {
        let content = bytes(length as u64, length);
        let digest = world.admin.push_blob("team/app", &content).await;
        wire.ask(&get(&digest), &[]);
        wire.answer().is(200, &content);
        wire.ask(&format!("HEAD /v2/team/app/blobs/{digest} HTTP/1.1"), &[]);
        let head = wire.head();
        assert_eq!((head.status, head.length()), (200, length));
        let last = length.saturating_sub(1);
        for (from, to) in [
            (0, 0),
            (last / 2, last),
            (last / 3, last / 2),
            (last, last),
            ((1 << 20) - 1, 1 << 20),
        ] {
            wire.ask(&get(&digest), &[&format!("range: bytes={from}-{to}")]);
            if from < length {
                wire.answer().is(206, &content[from..=to.min(last)]);
            } else {
                assert_eq!(wire.answer().status, 416, "{from}-{to} of {length}");
            }
        }
    }
}

#[tokio::test]
async fn requests_that_do_not_wait_are_answered_in_their_order() {
    let world = World::start().await;
    let (large, small) = (bytes(1, LARGE), bytes(2, 10));
    let manifest = world.admin.push_image("team/app", "v1", &large).await;
    let digests = [
        crate::content::digest(&large),
        world.admin.push_blob("team/app", &small).await,
    ];
    let mut wire = Wire::to(&world);
    let rounds = 5;
    for _ in 0..rounds {
        wire.ask(&get(&digests[0]), &[]);
        wire.ask(&get(&digests[1]), &[]);
        wire.ask(&get(&digests[0]), &["range: bytes=100000-2500000"]);
        wire.ask(&format!("HEAD /v2/team/app/blobs/{} HTTP/1.1", digests[0]), &[]);
        wire.ask("GET /v2/team/app/manifests/v1 HTTP/1.1", &[]);
    }
    for _ in 0..rounds {
        wire.answer().is(200, &large);
        wire.answer().is(200, &small);
        wire.answer().is(206, &large[100_000..=2_500_000]);
        assert_eq!(wire.head().length(), LARGE);
        wire.answer().is(200, &manifest);
    }
}

#[tokio::test]
async fn clients_of_http_1_0_are_served() {
    let world = World::start().await;
    let content = bytes(3, LARGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let line = format!("GET /v2/team/app/blobs/{digest} HTTP/1.0");
    let mut kept = Wire::to(&world);
    for _ in 0..2 {
        kept.ask(&line, &["connection: keep-alive"]);
        kept.answer().is(200, &content);
    }
    let mut closed = Wire::to(&world);
    closed.ask(&line, &[]);
    let head = closed.head();
    assert_eq!(head.status, 200);
    assert!(closed.rest() == content, "all, and then the end");
}

#[tokio::test]
async fn encrypted_and_framed_answers_carry_the_same_bytes() {
    let place = Place::new();
    let made = place.run(&["tls", "self-signed", "--directory", "tls"], &[]);
    assert!(made.status.success(), "{}", made.err);
    let flags = [
        "--tls-certificate",
        "tls/server.crt",
        "--tls-key",
        "tls/server.key",
    ];
    let secure = place.serve_with(&flags, VARIABLES);
    let made = place.run(&["admin", "org", "create", "team", "--account", "berth"], &[]);
    assert!(made.status.success(), "{}", made.err);
    let authority = std::fs::read(place.0.path().join("tls/ca.crt")).unwrap();
    let trusting = || {
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        reqwest::Client::builder().tls_certs_only([authority])
    };
    let world = World::start().await;
    let content = bytes(4, LARGE);
    let framed = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
    for (builder, url, version) in [
        (trusting(), None, http::Version::HTTP_2),
        (trusting().http1_only(), None, http::Version::HTTP_11),
        (framed, Some(&world.admin.url), http::Version::HTTP_2),
    ] {
        let client = Client {
            http: builder.build().unwrap(),
            url: url.map_or_else(
                || format!("https://localhost:{}", secure.address.port()),
                Clone::clone,
            ),
            authorization: Some(basic(&format!("local@{ACCESS_KEY_ID}"), LOGIN_KEY)),
        };
        let spoken = client.http.get(format!("{}/readyz", client.url)).send();
        assert_eq!(spoken.await.unwrap().version(), version);
        let digest = client.push_blob("team/app", &content).await;
        let line = format!("GET /v2/team/app/blobs/{digest}");
        client.ask(&line).await.is(200).holds(&content);
        let part = client.ask(&line).header("range", "bytes=70000-1400000").await;
        part.is(206).holds(&content[70_000..=1_400_000]);
        // As long a header as the partial pulls of podman send.
        let parts: Vec<_> = (0..999)
            .map(|at| 1_000_000 + at * 2000..1_000_000 + at * 2000 + 1500)
            .collect();
        let ranges: Vec<_> = parts
            .iter()
            .map(|part| format!("{:09}-{:09}", part.start, part.end - 1))
            .collect();
        let header = format!("bytes={}", ranges.join(","));
        assert!(header.len() > 18_000, "{}", header.len());
        let several = client.ask(&line).header("range", header).await;
        several.is(206).holds_parts(&parts, &content);
    }
}

/// The bytes that a socket holds are those of the file itself: what changes there while they wait changes on the wire.
/// (Berth never writes to a blob's file; this shows that nothing is copied on the way.)
#[tokio::test]
async fn the_bytes_on_their_way_are_not_a_copy() {
    let world = World::start().await;
    let content = bytes(5, HUGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let mut wire = Wire::to(&world);
    wire.ask(&get(&digest), &[]);
    assert_eq!(wire.head().length(), HUGE);
    // As much as both sockets hold has been sent, and the server waits.
    let waiting = wire.wait_for_bytes(32 << 10);
    let mut changed = std::fs::OpenOptions::new()
        .write(true)
        .open(file(&world, &digest))
        .unwrap();
    changed
        .seek(std::io::SeekFrom::Start(waiting as u64 / 2))
        .unwrap();
    changed.write_all(b"changed while it waited to be taken").unwrap();
    let taken = wire.read(waiting);
    assert!(
        taken
            .windows(35)
            .any(|bytes| bytes == b"changed while it waited to be taken"),
        "the socket held a copy of the bytes"
    );
}

#[tokio::test]
async fn a_slow_client_gets_everything_and_costs_nothing_while_it_waits() {
    let world = World::start().await;
    let content = bytes(6, HUGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let mut slow = Wire::with_small_buffer(&world);
    slow.ask(&get(&digest), &[]);
    assert_eq!(slow.head().length(), HUGE);
    slow.wait_for_bytes(1);
    // A loop that tries again and again would use all the time there is.
    let before = world.processor_ticks();
    std::thread::sleep(Duration::from_secs(1));
    let used = world.processor_ticks() - before;
    assert!(used < 50, "{used} hundredths of a second for a client that waits");
    let mut received = Vec::new();
    while received.len() < HUGE {
        received.extend(slow.read((1 << 20).min(HUGE - received.len())));
        // Others are served meanwhile, and the socket runs full each time.
        if received.len() % (8 << 20) == 0 {
            let head = format!("HEAD /v2/team/app/blobs/{digest}");
            world.admin.ask(head).await.is(200);
        }
    }
    assert!(received == content);
    slow.ask(&get(&digest), &["range: bytes=-1"]);
    slow.answer().is(206, &content[HUGE - 1..]);
}

#[tokio::test]
async fn a_client_that_takes_nothing_any_more_is_cut_off() {
    let world = World::start_with(&["--limits-response-stall-timeout", "1s"]).await;
    let digest = world.admin.push_blob("team/app", &bytes(7, HUGE)).await;
    let mut deaf = Wire::with_small_buffer(&world);
    deaf.ask(&get(&digest), &[]);
    assert_eq!(deaf.head().length(), HUGE);
    // A stop waits for running answers much longer than this one can stand.
    let log = world.end();
    assert!(!log.contains("the time to end is over"), "{log}");
    let [ended] = &requests(&log, &digest)[..] else {
        panic!("one request: {log}")
    };
    assert!(ended["sent"].as_u64().unwrap() < HUGE as u64, "{ended}");
    assert!(deaf.rest().len() < HUGE);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_server_as_it_was() {
    let world = World::start().await;
    let content = bytes(8, HUGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    for _ in 0..20 {
        let mut gone = Wire::with_small_buffer(&world);
        gone.ask(&get(&digest), &[]);
        assert_eq!(gone.head().length(), HUGE);
        gone.read(100_000);
    }
    let mut wire = Wire::to(&world);
    wire.ask(&get(&digest), &[]);
    wire.answer().is(200, &content);
    drop(wire);
    let mut whole = 0;
    for line in requests(&world.end(), &digest) {
        let sent = line["sent"].as_u64().unwrap();
        assert!((100_000..=HUGE as u64).contains(&sent), "{line}");
        whole += usize::from(sent == HUGE as u64);
    }
    assert_eq!(whole, 1, "one client took all of it");
}

#[tokio::test]
async fn the_log_knows_what_was_sent() {
    let world = World::start().await;
    let content = bytes(9, LARGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let mut wire = Wire::to(&world);
    wire.ask(&get(&digest), &[]);
    wire.answer().is(200, &content);
    wire.ask(&get(&digest), &["range: bytes=1000-2000999"]);
    wire.answer().is(206, &content[1000..2_001_000]);
    drop(wire);
    let sent: Vec<_> = requests(&world.end(), &digest)
        .iter()
        .map(|line| line["sent"].as_u64().unwrap())
        .collect();
    assert_eq!(sent, [LARGE as u64, 2_000_000]);
}

/// What the log says of the answers with a blob's bytes.
fn requests(log: &str, digest: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_blob = |line: &Value| {
        line["message"] == "request"
            && line["method"] == "GET"
            && line["path"].as_str().is_some_and(|path| path.ends_with(digest))
    };
    lines.filter(of_blob).collect()
}

#[tokio::test]
async fn a_file_that_is_cut_short_ends_the_connection_and_marks_the_blob() {
    // Within the part that is being sent, between two parts, and before anything is sent.
    for left in [(20 << 20) + 5, 24 << 20, 5] {
        let world = World::start().await;
        let content = bytes(10, HUGE);
        let digest = world.admin.push_blob("team/app", &content).await;
        let mut wire = Wire::with_small_buffer(&world);
        if left > 1 << 20 {
            wire.ask(&get(&digest), &[]);
            assert_eq!(wire.head().length(), HUGE);
        }
        let cut = std::fs::OpenOptions::new()
            .write(true)
            .open(file(&world, &digest));
        cut.unwrap().set_len(left).unwrap();
        if left < 1 << 20 {
            wire.ask(&get(&digest), &[]);
            assert_eq!(wire.head().length(), HUGE);
        }
        let received = wire.rest();
        let right = received.len().min(usize::try_from(left).unwrap());
        assert!(received.len() < HUGE, "{left}: it ends early");
        assert!(
            received[..right] == content[..right],
            "{left}: what came is right"
        );
        let head = format!("HEAD /v2/team/app/blobs/{digest}");
        while world.admin.ask(&head).await.status != 404 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.admin.push_blob("team/app", &content).await;
        let answer = world.admin.ask(format!("GET /v2/team/app/blobs/{digest}")).await;
        answer.is(200).holds(&content);
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_is_sent_to_its_end() {
    let world = World::start().await;
    let content = bytes(11, HUGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let mut wire = Wire::with_small_buffer(&world);
    wire.ask(&get(&digest), &[]);
    let head = wire.head();
    std::fs::remove_file(file(&world, &digest)).unwrap();
    assert!(wire.read(head.length()) == content);
}

#[tokio::test]
async fn a_file_that_is_not_in_memory_is_sent_all_the_same() {
    let world = World::start().await;
    let content = bytes(12, HUGE);
    let digest = world.admin.push_blob("team/app", &content).await;
    let stored = std::fs::File::open(file(&world, &digest)).unwrap();
    let mut wire = Wire::to(&world);
    for forgotten in [0..HUGE as u64, 5 << 20..6 << 20, (9 << 20) + 4096..40 << 20] {
        stored.sync_all().unwrap();
        let length = std::num::NonZeroU64::new(forgotten.end - forgotten.start);
        rustix::fs::fadvise(&stored, forgotten.start, length, rustix::fs::Advice::DontNeed).unwrap();
        wire.ask(&get(&digest), &[]);
        wire.answer().is(200, &content);
    }
}
