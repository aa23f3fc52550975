//! Counters under a database that fails, and more of them than there may be.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use berth_metadata::{Counted, Counts, Metadata, OrganizationFacts};

use super::{COUNTED_MAX, Counting};

fn organization() -> OrganizationFacts {
    OrganizationFacts {
        id: 1,
        account_id: "account".to_owned(),
    }
}

async fn open(folder: &tempfile::TempDir) -> Metadata {
    let url = format!("sqlite://{}", folder.path().join("berth.db").display());
    Metadata::open(&url).await.unwrap()
}

/// All that is counted for the account.
async fn sum(metadata: &Metadata) -> Counts {
    let days = metadata
        .days(&Counted::Account("account".to_owned()), 0)
        .await
        .unwrap();
    days.iter().fold(Counts::default(), |sum, day| Counts {
        pulls: sum.pulls + day.counts.pulls,
        pushes: sum.pushes + day.counts.pushes,
        bytes_out: sum.bytes_out + day.counts.bytes_out,
        bytes_in: sum.bytes_in + day.counts.bytes_in,
    })
}

#[tokio::test]
async fn what_cannot_be_written_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = open(&folder).await;
    metadata.create_account("account", "account", 1).await.unwrap();
    let counting = Arc::new(Counting::open(&metadata).await.unwrap());
    // More than one transaction's worth.
    for repository_id in 1..=250 {
        let counter = counting.of(repository_id, &organization());
        counting.pulled(&counter, "sha256:1");
        counter.pushed();
        counter.bytes_in.fetch_add(3, Ordering::Relaxed);
        counter.bytes_out.fetch_add(5, Ordering::Relaxed);
    }
    metadata.close().await;
    assert!(counting.flush(&metadata).await.is_err());
    assert!(counting.flush(&metadata).await.is_err());
    let metadata = open(&folder).await;
    let expected = Counts {
        pulls: 250,
        pushes: 250,
        bytes_in: 750,
        bytes_out: 1250,
    };
    for _ in 0..2 {
        counting.flush(&metadata).await.unwrap();
        assert_eq!(sum(&metadata).await, expected);
    }
    assert_eq!(
        counting.counted.load(Ordering::Relaxed),
        0,
        "nothing is kept that nobody holds"
    );
    metadata.close().await;
}

#[tokio::test]
async fn a_counter_that_somebody_holds_goes_on_counting() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = open(&folder).await;
    metadata.create_account("account", "account", 1).await.unwrap();
    let counting = Arc::new(Counting::open(&metadata).await.unwrap());
    let held = counting.of(1, &organization());
    for expected in 1..=3 {
        held.bytes_out.fetch_add(1, Ordering::Relaxed);
        counting.flush(&metadata).await.unwrap();
        assert_eq!(sum(&metadata).await.bytes_out, expected);
    }
    metadata.close().await;
}

#[tokio::test]
async fn counters_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = open(&folder).await;
    let counting = Counting::open(&metadata).await.unwrap();
    for repository_id in 0..2 * i64::try_from(COUNTED_MAX).unwrap() {
        counting.of(repository_id, &organization()).pushed();
    }
    let kept: usize = counting.shards.iter().map(|shard| super::read(shard).len()).sum();
    assert_eq!(kept, COUNTED_MAX);
    let counter = counting.of(0, &organization());
    counting.pulled(&counter, "sha256:1");
    assert_eq!(super::read(&counter.pulled).len(), 0);
    assert_eq!(
        counter.pulls.load(Ordering::Relaxed),
        1,
        "its image is counted already"
    );
    metadata.close().await;
}
