//! Chunks that all jobs of an agent have on their way. They share the node's link, and what is not whole cannot be passed on:
//! with many that come at once others wait long for the first. One that waits for its turn at another agent costs nothing,
//! but too many of them would take the turns of others.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The chunks of all jobs.
#[derive(Default)]
pub(crate) struct Flights {
    asked: AtomicUsize,
    coming: AtomicUsize,
}

impl Flights {
    /// One job asks for so many chunks, and for so many before.
    pub(crate) fn ask(&self, before: usize, now: usize) {
        // Wraps, and back again: what all jobs ask for is never less than what one does.
        self.asked.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// For how many chunks is asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// How many of them come.
    pub(crate) fn coming(&self) -> usize {
        self.coming.load(Ordering::Relaxed)
    }

    /// The first bytes of a chunk are here; it is no longer coming when this is dropped.
    pub(crate) fn come(&self) -> Coming<'_> {
        self.coming.fetch_add(1, Ordering::Relaxed);
        Coming(&self.coming)
    }
}

/// A chunk that comes.
pub(crate) struct Coming<'a>(&'a AtomicUsize);

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
