//! What a request tells of how it came: its connection, who is at the other end, and what runs on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, Version};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Peer;
use super::sendfile::Bypass;

/// How many requests of one connection run, and since when none does.
#[derive(Debug)]
pub(super) struct Requests {
    start: Instant,
    running: AtomicUsize,
    /// When the last one ended, in milliseconds after the start.
    ended_at: AtomicU64,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            running: AtomicUsize::new(0),
            ended_at: AtomicU64::new(0),
        }
    }
}

impl Requests {
    /// Waits until no request has run for this long, and since this was called.
    pub(super) async fn silence(&self, limit: Duration) {
        let mut end = Instant::now() + limit;
        loop {
            tokio::time::sleep_until(end).await;
            let now = Instant::now();
            let is_running = self.running.load(Ordering::Acquire) > 0;
            let ended_at = Duration::from_millis(self.ended_at.load(Ordering::Relaxed));
            let quiet_since = if is_running { now } else { self.start + ended_at };
            end = quiet_since + limit;
            if end <= now {
                return;
            }
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

/// What the requests of one connection have in common.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) requests: Requests,
    /// None where the bytes that are sent must be read before, to encrypt them.
    bypass: Option<Bypass>,
    stopping: CancellationToken,
}

/// How a request came; every request carries it as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(super) connection: Arc<Connection>,
    pub(super) id: HeaderValue,
    pub(super) version: Version,
}

impl Arrival {
    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Peer {
        self.connection.peer
    }

    /// The id of the request, in log lines and answers.
    pub(crate) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// How bytes of files may go out without being read.
    pub(crate) fn bypass(&self) -> Option<&Bypass> {
        // The frames of HTTP/2 take their bytes out of what they are given.
        let is_plain = self.version <= Version::HTTP_11;
        self.connection.bypass.as_ref().filter(|_| is_plain)
    }

    /// Cancelled when the server is about to end: for answers without an end of their own.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.connection.stopping
    }

    #[cfg(test)]
    pub(crate) fn of(peer: Peer) -> Self {
        Self {
            connection: Arc::new(Connection::new(peer, None, CancellationToken::new())),
            id: HeaderValue::from_static("an-id"),
            version: Version::HTTP_11,
        }
    }
}

impl Connection {
    pub(super) fn new(peer: Peer, bypass: Option<Bypass>, stopping: CancellationToken) -> Self {
        Self {
            peer,
            requests: Requests::default(),
            bypass,
            stopping,
        }
    }
}
