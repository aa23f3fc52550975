//! What is known of the requests of one connection beside what they ask: how many run, since when none does, and how fast their
//! client takes the answers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How many requests of one connection run, since when none does, and how fast its client takes their answers.
#[derive(Debug)]
pub(super) struct Requests {
    start: Instant,
    running: AtomicUsize,
    /// When the last one ended, in milliseconds after the start.
    ended_at: AtomicU64,
    /// Answers that are being sent, and those of them that wait for what they send.
    responding: AtomicUsize,
    without_source: AtomicUsize,
    /// Bytes that the socket took.
    written: AtomicU64,
    /// Told when the connection, being idle, has to make room.
    evicted: Notify,
}

/// The least that a client takes of answers in a time; else its connection ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// How far a connection was when it was looked at.
struct Mark {
    at: Instant,
    written: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            running: AtomicUsize::new(0),
            ended_at: AtomicU64::new(0),
            responding: AtomicUsize::new(0),
            without_source: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            evicted: Notify::new(),
        }
    }
}

impl Requests {
    /// Waits until no request has run for this long, and since this was called; or until answers are taken slower than
    /// that.
    pub(super) async fn silence(&self, limit: Duration, least: Option<Least>) {
        let mut mark = None;
        let mut end = Instant::now() + limit;
        loop {
            let look = least
                .filter(|_| self.is_running())
                .map(|least| Instant::now() + least.time);
            tokio::time::sleep_until(look.map_or(end, |look| look.min(end))).await;
            let now = Instant::now();
            if let Some(least) = least
                && self.creeps(now, least, &mut mark)
            {
                return;
            }
            let quiet_since = self.idle_since().unwrap_or(now);
            end = quiet_since + limit;
            if end <= now {
                return;
            }
        }
    }

    /// Whether the client took less than it must since the mark, all the while an answer was there for it to take.
    fn creeps(&self, now: Instant, least: Least, mark: &mut Option<Mark>) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        let is_taken =
            self.responding.load(Ordering::Relaxed) > 0 && self.without_source.load(Ordering::Relaxed) == 0;
        let before = mark.get_or_insert(Mark { at: now, written });
        if !is_taken || written - before.written >= least.bytes {
            *before = Mark { at: now, written };
        }
        now - before.at >= least.time
    }

    /// Waits until the connection is to make room.
    pub(super) async fn eviction(&self) {
        self.evicted.notified().await;
    }

    /// Has an idle connection make room.
    pub(super) fn evict(&self) {
        self.evicted.notify_one();
    }

    fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire) > 0
    }

    /// Since when no request runs; none while one does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_running = self.is_running();
        let ended_at = Duration::from_millis(self.ended_at.load(Ordering::Relaxed));
        (!is_running).then(|| self.start + ended_at)
    }

    /// Notes bytes that the socket took.
    pub(super) fn wrote(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An answer begins to be sent.
    pub(super) fn respond(&self) {
        self.responding.fetch_add(1, Ordering::Relaxed);
    }

    /// One was sent, or is not any more.
    pub(super) fn responded(&self) {
        self.responding.fetch_sub(1, Ordering::Relaxed);
    }

    /// One waits for what it sends, or does not any more.
    pub(super) fn waits_for_source(&self, waits: bool) {
        if waits {
            self.without_source.fetch_add(1, Ordering::Relaxed);
        } else {
            self.without_source.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// One begins.
    pub(super) fn begin(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    /// One has ended now.
    pub(super) fn end(&self, now: Instant) {
        let after = (now - self.start).as_millis();
        self.ended_at
            .store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.running.fetch_sub(1, Ordering::Release);
    }
}
