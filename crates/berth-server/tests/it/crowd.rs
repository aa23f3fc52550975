//! Many at once: pulls that nobody reads on, and connections that ask nothing, cost little and keep nobody waiting.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::content::{bytes, digest};
use crate::world::World;

const PULLS: usize = 500;
const IDLE: usize = 300;
/// More than the system keeps for a client that does not read.
const LAYER_BYTES: usize = 4 << 20;
/// What all of them may take: what a connection holds in a debug build, and no bytes of what it waits for.
const GROWTH_BYTES_MAX: u64 = 96 << 20;

/// What a process needs that has just begun, in a debug build, and little more. What the start leaves free is as much again.
const START_BYTES_MAX: u64 = 26 << 20;
/// What caches and the allocator's arenas may keep of a burst of uploads.
const KEPT_BYTES_MAX: u64 = 24 << 20;

/// A connection on which a request was sent, with little room for the answer.
async fn asked(world: &World, line: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(world.address()).await.unwrap();
    let authorization = world.admin.authorization.as_deref().unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: here\r\nAuthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK", "{line}");
    stream
}

/// Memory that no file stands for.
fn anonymous_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    kib.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn five_hundred_pulls_that_stand_still_keep_nobody_waiting() {
    let world = World::start().await;
    let admin = &world.admin;
    let layer = bytes(1, LAYER_BYTES);
    admin.push_image("team/app", "v1", &layer).await;
    let pull = format!("GET /v2/team/app/blobs/{}", digest(&layer));
    // What first requests make.
    drop(asked(&world, &pull).await);
    let before = anonymous_bytes(world.process_id());

    let mut pulls = Vec::new();
    for _ in 0..PULLS {
        pulls.push(asked(&world, &pull).await);
    }
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(asked(&world, "GET /v2/").await);
    }
    for _ in 0..100 {
        admin.ask("GET /v2/team/app/manifests/v1").await.is(200);
    }
    admin.push_image("team/app", "v2", &bytes(2, 1 << 20)).await;
    let growth = anonymous_bytes(world.process_id()).saturating_sub(before);
    assert!(
        growth <= GROWTH_BYTES_MAX,
        "{} MiB more than before",
        growth >> 20
    );

    // They go on where they stood.
    for mut pull in pulls.drain(..).step_by(PULLS / 5) {
        let mut answer = vec![0; LAYER_BYTES];
        pull.read_exact(&mut answer).await.unwrap();
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert!(layer.starts_with(&answer[head..]));
    }
}

#[tokio::test]
async fn memory_that_is_free_again_is_given_back() {
    let world = World::start().await;
    let started = settles_at(&world, START_BYTES_MAX).await;

    let pushes = (0..16).map(|number| {
        let admin = world.admin.clone();
        tokio::spawn(async move { admin.push_blob("team/app", &bytes(number, LAYER_BYTES)).await })
    });
    for push in pushes.collect::<Vec<_>>() {
        push.await.unwrap();
    }
    settles_at(&world, started + KEPT_BYTES_MAX).await;
}

/// Waits until the server has no more memory than `most`, and says how much it is.
async fn settles_at(world: &World, most: u64) -> u64 {
    let begun = Instant::now();
    loop {
        let now = anonymous_bytes(world.process_id());
        if now <= most {
            return now;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{} MiB stay", now >> 20);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
