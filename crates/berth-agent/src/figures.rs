//! What the agent counts, as Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Bytes of chunks that came from other agents.
    pub(crate) peers: AtomicU64,
    /// Bytes of blobs that came from the registry.
    pub(crate) registry: AtomicU64,
    /// Bytes of blobs given to clients of this node.
    pub(crate) served: AtomicU64,
    /// Bytes of chunks given to other agents.
    pub(crate) shared: AtomicU64,
    /// Chunks that were not what the registry says they are.
    pub(crate) wrong: AtomicU64,
    /// Requests of other agents that were told to come back.
    pub(crate) busy: AtomicU64,
    /// Answers that went on straight from the registry, because a blob could not be stored or shared.
    pub(crate) through: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Figures {
    /// The text of `/metrics`; the size of the cache is given.
    pub(crate) fn text(&self, cache_bytes: u64, cache_limit: u64) -> String {
        let counters = [
            (
                "peer_bytes_total",
                "Bytes of chunks that came from other agents",
                &self.peers,
            ),
            (
                "registry_bytes_total",
                "Bytes of blobs that came from the registry",
                &self.registry,
            ),
            (
                "served_bytes_total",
                "Bytes of blobs given to clients of this node",
                &self.served,
            ),
            (
                "shared_bytes_total",
                "Bytes of chunks given to other agents",
                &self.shared,
            ),
            ("wrong_chunks_total", "Chunks with a wrong checksum", &self.wrong),
            (
                "busy_total",
                "Requests of other agents that were told to come back",
                &self.busy,
            ),
            (
                "through_total",
                "Answers that went on straight from the registry",
                &self.through,
            ),
        ];
        let mut text = String::new();
        for (name, help, counter) in counters {
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "# HELP berth_agent_{name} {help}\n# TYPE berth_agent_{name} counter\nberth_agent_{name} {value}"
            );
        }
        for (name, help, value) in [
            ("cache_bytes", "Bytes of blobs in the cache", cache_bytes),
            ("cache_limit_bytes", "Most bytes of the cache", cache_limit),
        ] {
            let _ = writeln!(
                text,
                "# HELP berth_agent_{name} {help}\n# TYPE berth_agent_{name} gauge\nberth_agent_{name} {value}"
            );
        }
        text
    }
}
