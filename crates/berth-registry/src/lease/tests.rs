//! Two processes that want the same lease.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use berth_blob::FileStore;
use berth_metadata::Metadata;

use super::*;
use crate::{IdentitySettings, Limits};

const SHORT: Terms = Terms {
    ttl: Duration::from_secs(2),
    renewed_every: Duration::from_millis(200),
};
const NAME: &str = "work";

/// What one process is of a registry in a folder.
async fn process(folder: &Path) -> Registry {
    let url = format!("sqlite://{}", folder.join("berth.db").display());
    let metadata = Metadata::open(&url).await.unwrap();
    let blobs = FileStore::open(&folder.join("storage")).unwrap();
    let identity = IdentitySettings {
        master_key_file: folder.join("master.key"),
        region: "local".to_owned(),
        token_ttl: Duration::from_mins(1),
        temporary_login_ttl: Duration::from_mins(1),
    };
    let registry = Registry::new(metadata, Arc::new(blobs), Limits::default(), &identity);
    registry.await.unwrap()
}

#[tokio::test]
async fn one_works_and_whoever_waits_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (process(folder.path()).await, process(folder.path()).await);
    let at_work = AtomicUsize::new(0);
    let work = async || {
        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0, "both work");
        // Longer than the lease lasts without a word.
        tokio::time::sleep(SHORT.ttl + SHORT.ttl / 2).await;
        at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    };
    let until_done = async |registry: &Registry| {
        let mut waits = 0;
        while registry
            .lease_holder()
            .under_for(SHORT, NAME, work())
            .await
            .unwrap()
            .is_none()
        {
            waits += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        waits
    };
    let (first, second) = tokio::join!(until_done(&a), until_done(&b));
    assert!(
        first.min(second) == 0 && first.max(second) > 0,
        "{first} {second}"
    );
}

#[tokio::test]
async fn a_holder_that_died_is_replaced_when_its_lease_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (process(folder.path()).await, process(folder.path()).await);
    let holder = a.lease_holder();
    let died = holder.under_for(SHORT, NAME, std::future::pending::<Result<(), Error>>());
    tokio::time::timeout(SHORT.ttl * 2, died).await.unwrap_err();
    let mut refused = 0;
    while b
        .lease_holder()
        .under_for(SHORT, NAME, async { Ok(()) })
        .await
        .unwrap()
        .is_none()
    {
        refused += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(refused > 0, "it had said that it is there");
}

#[test]
fn a_holder_that_stood_still_does_nothing_more_when_it_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let (told, stood_still) = std::sync::mpsc::channel();
    let stopped = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let a = process(&path).await;
            let work = async {
                told.send(()).unwrap();
                // As SIGSTOP does: nothing of the process runs, its timers included.
                std::thread::sleep(SHORT.ttl * 2);
                tokio::task::yield_now().await;
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            a.lease_holder().under_for(SHORT, NAME, work).await.unwrap()
        })
    });
    stood_still.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let taken_over = runtime.block_on(async {
        let b = process(folder.path()).await;
        loop {
            let taken = b
                .lease_holder()
                .under_for(SHORT, NAME, async { Ok(true) })
                .await
                .unwrap();
            match taken {
                Some(taken) => return taken,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    assert!(taken_over);
    assert_eq!(stopped.join().unwrap(), None, "its work was dropped");
    assert_eq!(steps.load(Ordering::SeqCst), 0);
}
