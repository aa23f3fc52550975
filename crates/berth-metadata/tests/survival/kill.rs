//! A process that is killed in the middle of its work, again and again.

use crate::load::{Load, url};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names the database in the process that is to be killed; it is this same test, told so.
const VICTIM: &str = "BERTH_METADATA_KILL_TEST_DATABASE";
const ROUNDS: u64 = 12;
const WRITERS: usize = 16;
/// The numbers of different rounds do not meet.
const ROUND_LENGTH: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_row_survives_a_kill() {
    if let Ok(victim) = std::env::var(VICTIM) {
        let (url, round) = victim.rsplit_once(' ').expect("an address and a round");
        push_until_killed(url, round.parse().unwrap()).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path());
    Load::open(&url).await.metadata.close().await;
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        // After few answers, and after many.
        let answers = kill_after(&url, round, 20 + 75 * (round % 4));
        assert!(!answers.is_empty());
        acknowledged.extend(answers);
        let load = Load::open(&url).await;
        for n in &acknowledged {
            load.require(*n).await;
        }
        load.metadata.close().await;
    }
}

/// Starts the victim, reads so many answers, kills it, and answers the numbers it was told to be stored.
fn kill_after(url: &str, round: u64, answers: u64) -> BTreeSet<u64> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::every_acknowledged_row_survives_a_kill",
            "--nocapture",
        ])
        .env(VICTIM, format!("{url} {round}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    // What the test framework prints is no answer.
    let mut answered = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("stored ")?.parse::<u64>().ok());
    let mut acknowledged: BTreeSet<u64> = answered
        .by_ref()
        .take(usize::try_from(answers).unwrap())
        .collect();
    victim.kill().unwrap();
    victim.wait().unwrap();
    // It may have answered more before the signal came.
    acknowledged.extend(answered);
    acknowledged
}

/// Pushes again and again from many tasks, and says so after each.
async fn push_until_killed(url: &str, round: u64) {
    let load = Arc::new(Load::open(url).await);
    let next = Arc::new(AtomicU64::new(round * ROUND_LENGTH));
    let writers = (0..WRITERS).map(|_| {
        let (load, next) = (load.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                load.push(n).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "stored {n}").unwrap();
                out.flush().unwrap();
            }
        })
    });
    join_all(writers).await;
}
