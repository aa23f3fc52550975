//! Failures to say who one is, and signatures that come twice.

use crate::world::World;
use berth_metadata::Failures;
use futures_util::future::join_all;
use std::time::Duration;

const HOUR: i64 = 3_600_000;

fn one_more(before: Failures, _now: i64) -> (Failures, i64) {
    let count = before.count + 1;
    (Failures { count, ..before }, count)
}

pub(crate) async fn failures_are_counted_for_all(world: World) {
    let other = world.again().await;
    assert_eq!(world.metadata.failures("login a", HOUR).await.unwrap(), None);
    let counted = join_all((0..20).map(|n| {
        let metadata = if n % 2 == 0 {
            &world.metadata
        } else {
            &other.metadata
        };
        metadata.change_failures("login a", HOUR, one_more)
    }))
    .await;
    let mut counted: Vec<i64> = counted.into_iter().map(Result::unwrap).collect();
    counted.sort_unstable();
    assert_eq!(counted, (1..=20).collect::<Vec<_>>());
    let (found, now) = other.metadata.failures("login a", HOUR).await.unwrap().unwrap();
    assert_eq!(
        found,
        Failures {
            count: 20,
            next_at: 0
        }
    );
    assert!(now > 1_700_000_000_000, "{now}");
    assert_eq!(other.metadata.failures("login b", HOUR).await.unwrap(), None);
    world.metadata.forget_failures("login a").await.unwrap();
    assert_eq!(other.metadata.failures("login a", HOUR).await.unwrap(), None);
    other.metadata.close().await;
}

pub(crate) async fn attempts_queue_up_whoever_they_come_to(world: World) {
    let turn = |before: Failures, now: i64| {
        let at = before.next_at.max(now);
        let after = Failures {
            count: before.count + 1,
            next_at: at + 10_000,
        };
        (after, at - now)
    };
    let waits = join_all((0..4).map(|_| world.metadata.change_failures("s", HOUR, turn))).await;
    let mut waits: Vec<i64> = waits.into_iter().map(Result::unwrap).collect();
    waits.sort_unstable();
    for (n, wait) in (0_i64..).zip(waits) {
        // A little time passes between one and the next.
        let latest = n * 10_000;
        assert!(
            (latest - 9_000..=latest).contains(&wait),
            "turn {n} waits {wait} ms"
        );
    }
}

pub(crate) async fn a_signature_is_new_once(world: World) {
    let other = world.again().await;
    let first = world.metadata.note_signature("abc", "192.0.2.1").await.unwrap();
    assert!(first.is_new);
    let again = other.metadata.note_signature("abc", "192.0.2.9").await.unwrap();
    assert!(!again.is_new);
    assert_eq!(again.source, "192.0.2.1");
    assert!((0..60_000).contains(&again.age_ms), "{again:?}");
    let racing = join_all((0..8).map(|n| {
        let metadata = if n % 2 == 0 {
            &world.metadata
        } else {
            &other.metadata
        };
        metadata.note_signature("xyz", "192.0.2.1")
    }))
    .await;
    let new = racing.into_iter().filter(|seen| seen.as_ref().unwrap().is_new);
    assert_eq!(new.count(), 1);
    other.metadata.close().await;
}

pub(crate) async fn both_are_forgotten(world: World) {
    let metadata = &world.metadata;
    for subject in ["a", "b", "c"] {
        metadata.change_failures(subject, HOUR, one_more).await.unwrap();
    }
    metadata.note_signature("abc", "192.0.2.1").await.unwrap();
    assert_eq!(metadata.forget_attempts((HOUR, HOUR), 100).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(metadata.failures("a", 1).await.unwrap(), None, "too old to count");
    assert_eq!(metadata.change_failures("a", 1, one_more).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(metadata.forget_attempts((1, HOUR), 2).await.unwrap(), 2);
    assert_eq!(metadata.forget_attempts((1, 1), 2).await.unwrap(), 2);
    assert_eq!(metadata.forget_attempts((1, 1), 2).await.unwrap(), 0);
}
