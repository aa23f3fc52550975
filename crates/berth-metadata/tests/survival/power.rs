//! A machine that loses power under load, again and again.

use crate::load::{Load, url};
use crate::mount::Mount;
use futures_util::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const WRITERS: usize = 8;
/// The numbers of different rounds do not meet.
const ROUND_LENGTH: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_acknowledged_row_survives_a_power_failure() {
    let medium = Mount::ext4("64M");
    let mut acknowledged = Vec::new();
    for (round, pushes) in (0..).zip([5, 40, 150]) {
        let load = Arc::new(Load::open(&url(&medium.path())).await);
        acknowledged.extend(push_until_dark(&load, &medium, round, pushes).await);
        assert!(load.push(u64::MAX).await.is_err(), "the disk is gone");
        load.metadata.close().await;
        medium.restart();
        let load = Load::open(&url(&medium.path())).await;
        for n in &acknowledged {
            load.require(*n).await;
        }
        load.metadata.close().await;
    }
}

/// Pushes from many tasks, cuts the power after so many answers, and answers the numbers that were acknowledged.
async fn push_until_dark(load: &Arc<Load>, medium: &Mount, round: u64, pushes: u64) -> Vec<u64> {
    let next = Arc::new(AtomicU64::new(round * ROUND_LENGTH));
    let answered = Arc::new(AtomicU64::new(0));
    // Set before the power goes: a sync that the cut overtakes may be answered with success by the file system
    // itself, so what is acknowledged beside the cut says nothing about the database.
    let cut = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (load, next, answered) = (load.clone(), next.clone(), answered.clone());
            let cut = Arc::clone(&cut);
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if load.push(n).await.is_err() || cut.load(Ordering::SeqCst) {
                        return acknowledged;
                    }
                    acknowledged.push(n);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < pushes {
        tokio::task::yield_now().await;
    }
    cut.store(true, Ordering::SeqCst);
    tokio::task::block_in_place(|| medium.lose_power());
    join_all(writers)
        .await
        .into_iter()
        .flat_map(|writer| writer.unwrap())
        .collect()
}
