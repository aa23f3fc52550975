//! How fast background work goes, so that requests do not feel it.

use std::time::Duration;

use tokio::time::Instant;

/// How far a pace may fall behind before it begins anew.
const SLACK: Duration = Duration::from_secs(1);

/// So many units a second, on average since the beginning.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u64,
    spent: u64,
    since: Instant,
}

impl Pace {
    /// A pace of so many a second; 0 for any.
    pub(crate) fn new(rate: u64) -> Self {
        Self {
            rate,
            spent: 0,
            since: Instant::now(),
        }
    }

    /// Waits until so many more are due.
    pub(crate) async fn spend(&mut self, more: u64) {
        if self.rate == 0 {
            return;
        }
        let wait = self.wait(more, Instant::now());
        if wait > Duration::ZERO {
            tokio::time::sleep(wait).await;
        }
    }

    /// How long from `now` until so many more are due.
    fn wait(&mut self, more: u64, now: Instant) -> Duration {
        self.spent = self.spent.saturating_add(more);
        let due =
            Duration::try_from_secs_f64(precise(self.spent) / precise(self.rate)).unwrap_or(Duration::MAX);
        let elapsed = now - self.since;
        if elapsed > due + SLACK {
            // Time in which nothing could be done is not made up for later.
            self.spent = 0;
            self.since = now;
        }
        due.saturating_sub(elapsed)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nobody notices the last bytes of a petabyte"
)]
fn precise(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_second_and_no_burst_after_a_pause() {
        let mut pace = Pace::new(100);
        let mut now = pace.since;
        for _ in 0..10 {
            now += pace.wait(50, now);
        }
        assert_eq!(now - pace.since, Duration::from_secs(5));
        now += Duration::from_mins(1);
        assert_eq!(pace.wait(50, now), Duration::ZERO);
        let again = now;
        for _ in 0..4 {
            now += pace.wait(50, now);
        }
        assert_eq!(now - again, Duration::from_secs(2));
    }
}
