//! The memory of a transfer is a few buffers, whatever the blob and however slow its client. `BENCH_CROWD=1 make bench`
//! does the same with 64 blobs of 1 GiB.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use e2e::server::Server;
use futures_util::StreamExt;
use reqwest::{Body, Method, StatusCode};
use sha2::{Digest, Sha256};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use e2e::distribution::{How, Repository, location, send};

const CLIENTS: usize = 64;
const PULLED: usize = 256 << 20;
const PUSHED: usize = 64 << 20;
const GROWTH_MAX: u64 = 256 << 20;
const PART: usize = 256 << 10;

/// Watches the anonymous memory of a process; mapped files are the page cache's and do not count.
struct Watch {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
    before: u64,
}

impl Watch {
    fn start(process: u32) -> Self {
        let before = anonymous_bytes(process);
        let (most, stop) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
        let (most_seen, stopped) = (most.clone(), stop.clone());
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                most_seen.fetch_max(anonymous_bytes(process), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self {
            most,
            stop,
            thread,
            before,
        }
    }

    /// The growth from the start to the highest moment, in bytes.
    fn growth(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.most.load(Ordering::Relaxed) - self.before
    }
}

fn anonymous_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// The bytes that every blob here is made of, so that none has to be kept whole.
fn part(number: usize) -> Vec<u8> {
    vec![u8::try_from(number % 251).unwrap(); PART]
}

fn digest_of_parts(length: usize) -> String {
    let mut hash = Sha256::new();
    for number in 0..length / PART {
        hash.update(part(number));
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_pushes_at_once_take_a_few_buffers() {
    let server = Server::start();
    server.create_organization("memory");
    let repository = Repository::open(&server, "memory/push").await;
    repository
        .push_blob(b"warm", How::Stream)
        .await
        .unwrap()
        .expect(StatusCode::CREATED);
    let digest = digest_of_parts(PUSHED);
    let half_way = Arc::new(Barrier::new(CLIENTS));
    let watch = Watch::start(server.process_id());
    let mut pushes = JoinSet::new();
    for _ in 0..CLIENTS {
        let (repository, digest, half_way) = (repository.clone(), digest.clone(), half_way.clone());
        pushes.spawn(async move {
            let upload = repository.start_upload().await.unwrap().unwrap();
            // Nobody sends the second half before everybody sent the first: all of them run at once.
            let parts = futures_util::stream::iter(0..PUSHED / PART).then(move |number| {
                let half_way = half_way.clone();
                async move {
                    if number == PUSHED / PART / 2 {
                        half_way.wait().await;
                    }
                    Ok::<_, std::io::Error>(part(number))
                }
            });
            let body = Body::wrap_stream(parts);
            let answer = send(repository.request(Method::PATCH, &upload).body(body))
                .await
                .unwrap();
            let upload = location(&answer.expect(StatusCode::ACCEPTED));
            repository
                .finish(&upload, &digest, Vec::new())
                .await
                .unwrap()
                .expect(StatusCode::CREATED);
        });
    }
    pushes.join_all().await;
    let growth = watch.growth();
    assert!(growth <= GROWTH_MAX, "{} MiB more than before", growth >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_pulls_at_once_take_a_few_buffers() {
    let server = Server::start();
    server.create_organization("memory");
    let repository = Repository::open(&server, "memory/pull").await;
    let digest = digest_of_parts(PULLED);
    let upload = repository.start_upload().await.unwrap().unwrap();
    let parts =
        futures_util::stream::iter((0..PULLED / PART).map(|number| Ok::<_, std::io::Error>(part(number))));
    let body = Body::wrap_stream(parts);
    let answer = send(repository.request(Method::PATCH, &upload).body(body))
        .await
        .unwrap();
    let upload = location(&answer.expect(StatusCode::ACCEPTED));
    repository
        .finish(&upload, &digest, Vec::new())
        .await
        .unwrap()
        .expect(StatusCode::CREATED);

    let begun = Arc::new(Barrier::new(CLIENTS));
    let watch = Watch::start(server.process_id());
    let mut pulls = JoinSet::new();
    for _ in 0..CLIENTS {
        let (repository, digest, begun) = (repository.clone(), digest.clone(), begun.clone());
        pulls.spawn(async move {
            let request = repository.request(Method::GET, &format!("blobs/{digest}"));
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let mut stream = answer.bytes_stream();
            let mut length = stream.next().await.unwrap().unwrap().len();
            begun.wait().await;
            while let Some(bytes) = stream.next().await {
                length += bytes.unwrap().len();
            }
            assert_eq!(length, PULLED);
        });
    }
    pulls.join_all().await;
    let growth = watch.growth();
    assert!(growth <= GROWTH_MAX, "{} MiB more than before", growth >> 20);
}
