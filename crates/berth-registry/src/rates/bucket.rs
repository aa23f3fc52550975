//! Counts of requests by key, against one rate: a time for each key, up to which what it asked for is paid. Holds so many keys
//! and no more, whoever asks. Knows neither who a key is nor what a request is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits::Rate;

/// Parts of the table, each with a lock of its own.
const SHARDS: usize = 16;
/// Keys that one part holds: some forty bytes each, 2 MiB in all.
const KEYS_MAX: usize = 4096;
/// How often a part that is full is gone through for keys that can be forgotten.
const SWEPT_EVERY_NANOS: u64 = 1_000_000_000;
/// What keys are counted together under for which there is no room.
const CROWD: u128 = u128::MAX;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes on.
    Now,
    /// It goes on after this time, which is kept for it.
    After(Duration),
    /// It is refused: one would go on after this time.
    Refused(Duration),
}

/// The counts.
#[derive(Debug)]
pub(super) struct Buckets {
    pub(super) rate: Rate,
    shards: Box<[Mutex<Shard>]>,
    /// Nanoseconds that one request takes of its key's time.
    interval: u64,
    /// Nanoseconds by which a key may be ahead and still go on at once.
    ahead_max: u64,
}

#[derive(Debug, Default)]
struct Shard {
    paid_until: HashMap<u128, u64>,
    swept_at: u64,
}

impl Buckets {
    pub(super) fn new(rate: Rate) -> Self {
        let nanos = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        let interval = (nanos / u64::from(rate.count.get())).max(1);
        Self {
            rate,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            interval,
            ahead_max: interval.saturating_mul(u64::from(rate.count.get()) - 1),
        }
    }

    /// Takes the turn of one request of this key at this time, in nanoseconds since whatever beginning; one whose turn would come
    /// later than its patience lasts takes none.
    pub(super) fn take(&self, key: u128, now: u64, patience: Duration) -> Turn {
        let shard = usize::try_from((key ^ (key >> 64)) % (SHARDS as u128)).unwrap_or(0);
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let paid_until = shard.entry(key, now);
        let from = (*paid_until).max(now);
        let wait = Duration::from_nanos((from - now).saturating_sub(self.ahead_max));
        if wait > patience {
            return Turn::Refused(wait);
        }
        *paid_until = from.saturating_add(self.interval);
        if wait.is_zero() {
            Turn::Now
        } else {
            Turn::After(wait)
        }
    }
}

impl Shard {
    fn entry(&mut self, key: u128, now: u64) -> &mut u64 {
        let is_known = self.paid_until.contains_key(&key);
        if !is_known
            && self.paid_until.len() >= KEYS_MAX
            && now.saturating_sub(self.swept_at) >= SWEPT_EVERY_NANOS
        {
            self.swept_at = now;
            // Who owes nothing is as good as unknown.
            self.paid_until.retain(|_, paid_until| *paid_until > now);
        }
        let has_room = is_known || self.paid_until.len() < KEYS_MAX;
        self.paid_until
            .entry(if has_room { key } else { CROWD })
            .or_insert(0)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn buckets(count: u32) -> Buckets {
        Buckets::new(Rate {
            count: NonZeroU32::new(count).unwrap(),
            per: Duration::from_secs(1),
        })
    }

    fn millis(turn: Turn) -> i64 {
        match turn {
            Turn::Now => 0,
            Turn::After(wait) => i64::try_from(wait.as_millis()).unwrap(),
            Turn::Refused(wait) => -i64::try_from(wait.as_millis()).unwrap(),
        }
    }

    #[test]
    fn as_many_as_the_rate_go_on_at_once_then_one_by_one_and_beyond_the_patience_none() {
        let patience = Duration::from_millis(500);
        let buckets = buckets(4);
        let now = 77 * SECOND;
        let turns = |now| {
            (0..8)
                .map(|_| millis(buckets.take(1, now, patience)))
                .collect::<Vec<_>>()
        };
        assert_eq!(turns(now), [0, 0, 0, 0, 250, 500, -750, -750]);
        // Another key has turns of its own.
        assert_eq!(buckets.take(2, now, patience), Turn::Now);
        // What was refused took nothing.
        assert_eq!(turns(now + SECOND), [0, 0, 250, 500, -750, -750, -750, -750]);
        assert_eq!(turns(now + 60 * SECOND), [0, 0, 0, 0, 250, 500, -750, -750]);
    }

    #[test]
    fn strangers_take_no_more_room_than_there_is_and_do_not_drive_others_out() {
        let buckets = buckets(1);
        let none = Duration::ZERO;
        // Keys of one part.
        let key = |number: usize| (number * SHARDS) as u128;
        for number in 0..KEYS_MAX {
            assert_eq!(buckets.take(key(number), SECOND, none), Turn::Now);
        }
        // The next ones share what one has.
        assert_eq!(buckets.take(key(KEYS_MAX), SECOND, none), Turn::Now);
        assert!(matches!(
            buckets.take(key(KEYS_MAX + 1), SECOND, none),
            Turn::Refused(_)
        ));
        assert!(matches!(buckets.take(key(0), SECOND, none), Turn::Refused(_)));
        assert_eq!(buckets.shards[0].lock().unwrap().paid_until.len(), KEYS_MAX + 1);
        // Who owes nothing any more makes room.
        assert_eq!(buckets.take(key(KEYS_MAX + 2), 3 * SECOND, none), Turn::Now);
        assert_eq!(buckets.shards[0].lock().unwrap().paid_until.len(), 1);
    }
}
