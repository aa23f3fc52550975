//! A large blob over a cable that is cut again and again: what arrived is not sent again.

use std::time::Duration;

use berth_remote::{Limits, Mount, UploadSession};
use e2e::docker_registry::DockerRegistry;
use e2e::server::Server;
use e2e::wire::{Cable, Wire};

use super::{content, digest_of, impatient, pull, push, remote};

const SIZE: usize = 200 << 20;
const SIZE_BYTES: u64 = SIZE as u64;
/// What may be on its way when a cable is cut: the largest buffer of the receiving socket, and some for the proxy.
const LOST_PER_CUT: u64 = 7 << 20;

/// Cuts the cable whenever another `step` bytes have passed, so many times.
async fn cut(wire: &Wire, passed: fn(&Wire) -> u64, step: u64, times: u64) {
    let before = passed(wire);
    for cut in 1..=times {
        while passed(wire) < before + cut * step {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        wire.set(Cable::Cut);
        tokio::time::sleep(Duration::from_millis(100)).await;
        wire.set(Cable::Whole);
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_blob_travels_once_though_the_cable_is_cut() {
    let server = Server::start();
    server.create_organization("team");
    let wire = Wire::to(server.port()).await;
    let remote = remote(wire.port(), &server.administrator());
    let bytes = content(SIZE, 1);
    let digest = digest_of(&bytes);
    let repository = remote.repository("team/large").unwrap();

    let (pushed, _) = tokio::select! {
        pushed = push(&repository, &bytes, None) => pushed,
        () = cut(&wire, Wire::sent, SIZE_BYTES / 5, 4) => unreachable!("cutting has no end"),
    };
    let pushed = pushed.unwrap();
    let sent = wire.sent();
    assert!(
        (SIZE_BYTES..=SIZE_BYTES + 4 * LOST_PER_CUT).contains(&sent),
        "{sent} of {SIZE} bytes were sent"
    );
    assert!(
        pushed.bytes_sent > SIZE_BYTES,
        "the cable was cut while bytes were on it"
    );

    let read = tokio::select! {
        read = pull(&repository, &digest) => read.unwrap(),
        () = cut(&wire, Wire::received, SIZE_BYTES / 5, 4) => unreachable!("cutting has no end"),
    };
    assert_eq!(read, SIZE_BYTES);
    let received = wire.received();
    assert!(
        received <= SIZE_BYTES + 4 * LOST_PER_CUT,
        "{received} of {SIZE} bytes were received"
    );

    let before = wire.sent();
    let other = remote.repository("team/other").unwrap();
    assert_eq!(other.mount(&digest, "team/large").await.unwrap(), Mount::Mounted);
    assert!(other.has_blob(&digest).await.unwrap());
    let mounting = wire.sent() - before;
    assert!(mounting < 16 << 10, "{mounting} bytes were sent for a mount");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_falls_silent_is_left() {
    let server = Server::start();
    server.create_organization("team");
    let wire = Wire::to(server.port()).await;
    let limits = Limits {
        stall: Duration::from_secs(1),
        ..Limits::default()
    };
    let remote = impatient(wire.port(), &server.administrator(), limits);
    let repository = remote.repository("team/large").unwrap();
    let bytes = content(SIZE, 5);
    let silent = async {
        while wire.sent() < SIZE_BYTES / 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        wire.set(Cable::Silent);
        // Longer than the client waits. What was kept on the way arrives late, beside what is sent anew.
        tokio::time::sleep(Duration::from_secs(4)).await;
        wire.set(Cable::Whole);
    };
    let ((pushed, _), ()) = tokio::join!(push(&repository, &bytes, None), silent);
    pushed.unwrap();
    let sent = wire.sent();
    // What lies in buffers when it falls silent is sent again; to begin anew would be half of all.
    assert!(
        sent <= SIZE_BYTES + SIZE_BYTES / 8,
        "{sent} of {SIZE} bytes were sent"
    );
    assert_eq!(pull(&repository, &digest_of(&bytes)).await.unwrap(), SIZE_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on_with_a_server_that_was_killed() {
    let mut server = Server::start();
    server.create_organization("team");
    let wire = Wire::to(server.port()).await;
    let bytes = content(SIZE, 2);
    let session = {
        let remote = remote(wire.port(), &server.administrator());
        let repository = remote.repository("team/large").unwrap();
        let cut = async {
            while wire.sent() < SIZE_BYTES * 3 / 4 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            wire.set(Cable::Cut);
        };
        let ((pushed, session), ()) = tokio::join!(push(&repository, &bytes, None), cut);
        assert!(
            pushed.unwrap_err().is_transient(),
            "nobody is reached over a cable that stays cut"
        );
        serde_json::to_string(&session.unwrap()).unwrap()
    };
    server.kill_and_restart();
    wire.set(Cable::Whole);
    wire.lead_to(server.port());

    let session: UploadSession = serde_json::from_str(&session).unwrap();
    let (before, offset) = (wire.sent(), session.offset());
    assert!(offset > 0);
    let remote = remote(wire.port(), &server.administrator());
    let repository = remote.repository("team/large").unwrap();
    let (pushed, _) = push(&repository, &bytes, Some(session)).await;
    pushed.unwrap();
    let sent = wire.sent() - before;
    assert!(
        sent <= SIZE_BYTES - offset + LOST_PER_CUT,
        "{sent} bytes were sent after {offset} had arrived"
    );
    assert_eq!(pull(&repository, &digest_of(&bytes)).await.unwrap(), SIZE_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_registry_has_the_blob_too_though_the_cable_is_cut() {
    let registry = DockerRegistry::start();
    let wire = Wire::to(registry.port()).await;
    let remote = remote(wire.port(), &registry.login());
    let bytes = content(SIZE, 3);
    let repository = remote.repository("team/large").unwrap();
    let (pushed, _) = tokio::select! {
        pushed = push(&repository, &bytes, None) => pushed,
        () = cut(&wire, Wire::sent, SIZE_BYTES * 2 / 3, 2) => unreachable!("cutting has no end"),
    };
    pushed.unwrap();
    let digest = digest_of(&bytes);
    let read = tokio::select! {
        read = pull(&repository, &digest) => read.unwrap(),
        () = cut(&wire, Wire::received, SIZE_BYTES / 3, 2) => unreachable!("cutting has no end"),
    };
    assert_eq!(read, SIZE_BYTES);
}
