//! A disk that fills up and is given room again.

use crate::load::{Load, url};
use crate::mount::Mount;
use berth_metadata::Error;
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_fails_writes_until_there_is_room() {
    let medium = Mount::tmpfs("6M");
    let filler = medium.path().join("filler");
    std::fs::write(&filler, vec![0; 4 << 20]).unwrap();
    let load = Load::open(&url(&medium.path())).await;
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    for start in (0..).step_by(8) {
        for (n, result) in (start..).zip(join_all((start..start + 8).map(|n| load.push(n))).await) {
            match result {
                Ok(()) => acknowledged.push(n),
                Err(error) => refused.push(error),
            }
        }
        if refused.len() >= 50 {
            break;
        }
    }
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    assert!(
        refused.iter().all(|error| matches!(error, Error::Full)),
        "{refused:?}"
    );
    for n in &acknowledged {
        load.require(*n).await;
    }
    std::fs::remove_file(&filler).unwrap();
    for n in 1_000_000..1_000_020 {
        load.push(n).await.unwrap();
        acknowledged.push(n);
    }
    load.metadata.close().await;
    let load = Load::open(&url(&medium.path())).await;
    for n in acknowledged {
        load.require(n).await;
    }
    load.metadata.close().await;
}
