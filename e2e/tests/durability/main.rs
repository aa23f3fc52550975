//! What an acknowledged push is worth: full and read-only disks, many clients at once. Killed servers and cut power are in
//! `e2e/faults`.
//!
//! Talks to the real binary over HTTP with a client of its own, because the real clients hide what is asked here:
//! single requests, their status, and what had been acknowledged when the server died.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod disk;
mod memory;
mod tags;
