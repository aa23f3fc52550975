//! Nothing acknowledged is lost: the server is killed at random moments under a mixed load, and the power is cut.

use std::time::Duration;

use e2e::home::Home;
use e2e::server::Server;
use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Barrier;

use crate::worker::{End, Worker};
use e2e::content::fresh_random;
use e2e::filesystem::Filesystem;

const WORKERS: usize = 6;
const KILLS: usize = 10;
const POWER_CUTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_keeps_all_that_it_acknowledged() {
    let mut random = fresh_random();
    let mut server = Server::start();
    server.create_organization("crash");
    let mut workers = workers(&mut random);
    let mut steps = 0;
    for _ in 0..KILLS {
        steps += work_until(&server, &mut workers, random_pause(&mut random), || server.kill()).await;
        server.wait_after_kill();
        server.start_again();
        verify(&server, &mut workers, End::Kill).await;
    }
    assert!(steps > KILLS, "the server was killed before it did anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_takes_nothing_that_was_acknowledged() {
    let mut random = fresh_random();
    let home = Home::new("power");
    let disk = Filesystem::mount(&home, "data", 512);
    let mut server = Server::start_at(home);
    server.create_organization("crash");
    let mut workers = workers(&mut random);
    let mut steps = 0;
    for _ in 0..POWER_CUTS {
        steps += work_until(&server, &mut workers, random_pause(&mut random), || {
            disk.cut_power();
        })
        .await;
        server.kill();
        server.wait_after_kill();
        disk.mount_again();
        server.start_again();
        verify(&server, &mut workers, End::PowerCut).await;
    }
    assert!(
        steps > POWER_CUTS,
        "the power was cut before the server did anything"
    );
}

fn workers(random: &mut StdRng) -> Vec<Worker> {
    (0..WORKERS)
        .map(|number| Worker::new(number, StdRng::from_rng(random)))
        .collect()
}

fn random_pause(random: &mut StdRng) -> Duration {
    Duration::from_millis(random.random_range(100..2500))
}

/// Lets all workers work side by side, ends the server a pause after they have begun, and waits for them to notice; the
/// number of acknowledged steps.
async fn work_until(server: &Server, workers: &mut [Worker], pause: Duration, end: impl FnOnce()) -> usize {
    let ready = Barrier::new(WORKERS + 1);
    let work = join_all(workers.iter_mut().map(|worker| worker.work(server, &ready)));
    let end = async {
        ready.wait().await;
        tokio::time::sleep(pause).await;
        end();
    };
    let (steps, ()) = join(work, end).await;
    steps.into_iter().sum()
}

async fn verify(server: &Server, workers: &mut [Worker], end: End) {
    join_all(workers.iter_mut().map(|worker| worker.verify(server, end))).await;
}
