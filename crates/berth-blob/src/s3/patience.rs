//! How long the store is waited for, and how many requests may be sent again.
//! One budget is shared by all requests of a store, so that a store in trouble is not asked more than a store that works.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rand::RngExt as _;

/// How long a store is waited for.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For one answer to one request, besides what the request's own bytes take at 256 KiB/s.
    pub answer: Duration,
    /// From the first attempt at a request to the last.
    pub retries: Duration,
    /// Before the second attempt; about twice as long before each further one.
    pub pause: Duration,
    /// The longest pause between two attempts.
    pub pause_max: Duration,
    /// For the next bytes of a blob that is being read.
    pub stall: Duration,
}

/// How many times as long as for any other answer a completion is waited for: 10 minutes by default.
const COMPLETION_ANSWERS: u32 = 30;

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            retries: Duration::from_secs(30),
            pause: Duration::from_millis(100),
            pause_max: Duration::from_secs(5),
            stall: Duration::from_secs(20),
        }
    }
}

impl Patience {
    /// How long one attempt may take that carries `length` bytes.
    pub(super) fn attempt(&self, length: usize) -> Duration {
        self.answer + Duration::from_millis(length as u64 / 262)
    }

    /// How long the store may take to make one object of many parts: a store that copies them needs minutes, and one that
    /// is asked again meanwhile answers oddly.
    pub(super) fn completion(&self) -> Duration {
        self.answer * COMPLETION_ANSWERS
    }

    /// How long to wait before attempt `attempt`, which counts from 1 for the second one; random, so that those who were
    /// refused together do not come back together.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let longest = self
            .pause
            .saturating_mul(1 << attempt.min(16))
            .min(self.pause_max);
        longest.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

/// How many requests may be sent again before others have succeeded.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicI64,
}

/// The figures of Amazon's own clients: a hundred retries, more of them only as requests succeed.
const BUDGET: i64 = 500;
/// What sending a request again costs that the store refused.
pub(super) const REFUSED_COST: i64 = 5;
/// What it costs when the store did not answer: such requests cost everybody more.
pub(super) const SILENT_COST: i64 = 10;

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            left: AtomicI64::new(BUDGET),
        }
    }

    pub(super) fn take(&self, cost: i64) -> bool {
        let taken = self
            .left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= cost).then_some(left - cost)
            });
        taken.is_ok()
    }

    /// Notes a success of a request whose retries took `taken`.
    pub(super) fn give(&self, taken: i64) {
        self.left.update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left + taken.max(1)).min(BUDGET)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_stays_away_is_soon_not_asked_twice() {
        let budget = Budget::new();
        let retries = std::iter::repeat_with(|| budget.take(REFUSED_COST)).take_while(|taken| *taken);
        assert_eq!(retries.count(), 100);
        for _ in 0..REFUSED_COST {
            budget.give(0);
        }
        assert!(budget.take(REFUSED_COST) && !budget.take(REFUSED_COST));
    }

    #[test]
    fn retries_that_help_cost_nothing() {
        let budget = Budget::new();
        for _ in 0..1000 {
            assert!(budget.take(SILENT_COST));
            budget.give(SILENT_COST);
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let patience = Patience::default();
        for (attempt, from, to) in [(1, 100, 200), (2, 200, 400), (5, 1600, 3200), (40, 2500, 5000)] {
            let pause = patience.pause(attempt).as_millis();
            assert!((from..=to).contains(&pause), "{attempt}: {pause} ms");
        }
    }
}
