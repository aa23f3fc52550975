//! What an acknowledged push is worth: killed servers, cut power, full and read-only disks, many clients at once.
//!
//! Talks to the real binary over HTTP with a client of its own, because the real clients hide what is asked here:
//! single requests, their status, and what had been acknowledged when the server died.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod crash;
mod disk;
mod ledger;
mod memory;
mod tags;
mod worker;
