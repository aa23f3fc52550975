//! The S3 store while the server behind it fails, stalls, loses answers: never a wrong answer, nothing lost that was
//! acknowledged, and an end to every wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use berth_blob::contract::{body, bytes, contract, read};
use berth_blob::{BlobStore, Error, Patience, S3Settings, S3Store, Upload};
use berth_oci::{Algorithm, Digest};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::proxy::{Fault, PASSING, Proxy};
use super::settings;

/// More than any wait here may take.
const FOR_EVER: Duration = Duration::from_mins(2);

/// A store behind a proxy, in a hurry.
async fn store_behind_proxy(name: &str) -> (S3Store, Proxy, S3Settings) {
    let mut settings = settings(name);
    let endpoint = settings.endpoint.clone().unwrap();
    let proxy = Proxy::before(&endpoint).await;
    settings.endpoint = Some(proxy.url.clone());
    settings.patience = Patience {
        connect: Duration::from_secs(1),
        answer: Duration::from_secs(3),
        retries: Duration::from_secs(20),
        pause: Duration::from_millis(10),
        pause_max: Duration::from_millis(500),
        stall: Duration::from_secs(3),
    };
    (S3Store::open(&settings).await.unwrap(), proxy, settings)
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::of(Algorithm::Sha256, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_while_requests_fail_in_every_way() {
    let (store, proxy, _) = store_behind_proxy("faults").await;
    let met = AtomicU64::new(0);
    proxy.plan(move |request, _| {
        if request.is_multiple_of(8) {
            PASSING[usize::try_from(met.fetch_add(1, Ordering::Relaxed)).unwrap() % PASSING.len()]
        } else {
            Fault::None
        }
    });
    contract(&store).await;
    assert!(proxy.requests() > 8 * PASSING.len() as u64, "every fault was met");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_and_download_survive_each_fault() {
    let (store, proxy, _) = store_behind_proxy("large").await;
    let content = bytes((20 << 20) + 7, 1);
    for fault in PASSING {
        proxy.plan(move |request, _| {
            if request.is_multiple_of(3) {
                fault
            } else {
                Fault::None
            }
        });
        let mut upload = Upload::new(format!("large-{:016x}", rand::random::<u64>()));
        let half = content.len() / 2;
        for part in [&content[..half], &content[half..]] {
            store.append(&mut upload, body(part, 100_000)).await.unwrap();
        }
        let key = store.commit(&upload, &sha256(&content)).await.unwrap();
        assert!(
            read(&store, &key, 0, content.len() as u64).await == content,
            "after {fault:?}"
        );
        assert!(store.delete(&[key]).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_away_is_told_and_loses_nothing() {
    let (store, proxy, mut settings) = store_behind_proxy("away").await;
    settings.patience.retries = Duration::from_secs(1);
    settings.patience.answer = Duration::from_secs(1);
    settings.patience.stall = Duration::from_secs(1);
    let hurried = S3Store::open(&settings).await.unwrap();
    let content = bytes((18 << 20) + 3, 2);
    let (first, rest) = content.split_at(9 << 20);
    let away = [
        Fault::Refused(503, None),
        Fault::Refused(503, Some(3600)),
        Fault::Refused(503, Some(u64::MAX)),
        Fault::Reset,
        Fault::AnswerLost,
        Fault::Stalled(Duration::from_secs(4)),
        Fault::Cut,
    ];
    for fault in away {
        proxy.plan(|_, _| Fault::None);
        let mut upload = Upload::new(format!("away-{:016x}", rand::random::<u64>()));
        store.append(&mut upload, body(first, 100_000)).await.unwrap();
        let acknowledged = upload.clone();

        proxy.plan(move |_, _| fault);
        let appended = timeout(FOR_EVER, hurried.append(&mut upload, body(rest, 100_000))).await;
        let appended = appended.expect("a wait ends");
        assert!(
            matches!(appended, Err(Error::Unavailable { .. })),
            "{fault:?}: {appended:?}"
        );
        assert_eq!(upload, acknowledged, "{fault:?}");
        let committed = timeout(FOR_EVER, hurried.commit(&upload, &sha256(first))).await;
        let committed = committed.expect("a wait ends");
        assert!(
            matches!(committed, Err(Error::Unavailable { .. })),
            "{fault:?}: {committed:?}"
        );
        assert!(hurried.check().await.is_err());

        proxy.plan(|_, _| Fault::None);
        // The commit may have been carried out, its answer lost: then it is the same commit again.
        let key = store.commit(&upload, &sha256(first)).await.unwrap();
        assert!(
            read(&store, &key, 0, first.len() as u64).await == first,
            "after {fault:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_the_store_was_away() {
    let (store, proxy, _) = store_behind_proxy("on").await;
    let content = bytes((26 << 20) + 11, 3);
    let (first, rest) = content.split_at(9 << 20);
    let mut upload = Upload::new(format!("on-{:016x}", rand::random::<u64>()));
    store.append(&mut upload, body(first, 100_000)).await.unwrap();
    // Two parts more arrive, then none: what the failed append has left is in the next one's way.
    proxy.plan(|request, _| {
        if request > 2 {
            Fault::Refused(503, Some(3600))
        } else {
            Fault::None
        }
    });
    let mut failed = upload.clone();
    assert!(store.append(&mut failed, body(rest, 100_000)).await.is_err());
    proxy.plan(|_, _| Fault::None);
    // As another replica: nothing but the row is known.
    store.append(&mut upload, body(rest, 70_000)).await.unwrap();
    let key = store.commit(&upload, &sha256(&content)).await.unwrap();
    assert!(read(&store, &key, 0, content.len() as u64).await == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_repeated_after_a_stop_at_any_request() {
    let (store, proxy, mut settings) = store_behind_proxy("again").await;
    settings.patience.retries = Duration::ZERO;
    let hurried = S3Store::open(&settings).await.unwrap();
    // One piece; several; parts with a last one in place; parts and pieces.
    let appends: [&[usize]; 4] = [
        &[1000],
        &[1000, 70_000, 5],
        &[(9 << 20) + 1],
        &[(9 << 20) + 1, 1000, 1000],
    ];
    for lengths in appends {
        let content = bytes(lengths.iter().sum(), 4);
        for fault in [Fault::Refused(503, None), Fault::AnswerLost] {
            for stop in 1.. {
                proxy.plan(|_, _| Fault::None);
                let mut upload = Upload::new(format!("again-{:016x}", rand::random::<u64>()));
                let mut rest = &content[..];
                for length in lengths {
                    let (part, after) = rest.split_at(*length);
                    store.append(&mut upload, body(part, 100_000)).await.unwrap();
                    rest = after;
                }
                proxy.plan(move |request, _| if request >= stop { fault } else { Fault::None });
                let interrupted = hurried.commit(&upload, &sha256(&content)).await;
                let was_reached = proxy.requests() >= stop;
                proxy.plan(|_, _| Fault::None);
                let key = store.commit(&upload, &sha256(&content)).await.unwrap();
                assert!(
                    read(&store, &key, 0, content.len() as u64).await == content,
                    "{lengths:?} after {fault:?} from request {stop} on"
                );
                if let Ok(first) = interrupted {
                    assert_eq!(first, key);
                }
                if !was_reached {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_asks_for_time_gets_it() {
    let (store, proxy, _) = store_behind_proxy("wait").await;
    proxy.plan(|request, _| {
        if request == 1 {
            Fault::Refused(503, Some(2))
        } else {
            Fault::None
        }
    });
    let begun = Instant::now();
    store.check().await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "it was asked before the time it named"
    );
    // The write twice, the removal once.
    assert_eq!(proxy.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_with_little_memory_wait_for_one_another_and_all_end() {
    let mut settings = settings("memory");
    settings.memory_bytes = 1;
    let store = S3Store::open(&settings).await.unwrap();
    // The least is two parts, 16 MiB: far less than these have on their way.
    let uploads = (0..8).map(|seed| {
        let store = store.clone();
        async move {
            let content = bytes((10 << 20) + 3, seed);
            let mut upload = Upload::new(format!("memory-{seed}-{:016x}", rand::random::<u64>()));
            store.append(&mut upload, body(&content, 50_000)).await.unwrap();
            let key = store.commit(&upload, &sha256(&content)).await.unwrap();
            assert!(read(&store, &key, 0, content.len() as u64).await == content);
        }
    });
    timeout(FOR_EVER, join_all(uploads))
        .await
        .expect("no upload waits for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_finishes_is_found_and_forgotten() {
    let (store, proxy, _) = store_behind_proxy("lost").await;
    let content = bytes(20 << 20, 5);
    let mut lost = Upload::new("lost-1");
    proxy.plan(|request, _| {
        if request > 3 {
            Fault::Refused(503, Some(3600))
        } else {
            Fault::None
        }
    });
    assert!(store.append(&mut lost, body(&content, 100_000)).await.is_err());
    proxy.plan(|_, _| Fault::None);
    let found: Vec<_> = store.list_uploads().try_collect().await.unwrap();
    assert_eq!(
        found.iter().map(|upload| upload.id.as_str()).collect::<Vec<_>>(),
        ["lost-1"]
    );
    for _ in 0..2 {
        store.abort(&Upload::new("lost-1")).await.unwrap();
    }
    let found: Vec<_> = store.list_uploads().try_collect().await.unwrap();
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_404_that_is_not_the_store_s_is_no_missing_blob() {
    let (store, proxy, _) = store_behind_proxy("bare").await;
    let mut upload = Upload::new("bare");
    store.append(&mut upload, body(b"bytes", 5)).await.unwrap();
    let key = store.commit(&upload, &sha256(b"bytes")).await.unwrap();
    proxy.plan(|_, _| Fault::Refused(404, None));
    let opened = store.open(&key, 0..5).await.map(|_| ());
    assert!(matches!(opened, Err(Error::Internal { .. })), "{opened:?}");
}
