//! Real clients against a real berth.
//!
//! Owns how the server under test and the clients' daemons are started, kept apart and ended, and how the
//! images that travel between them are made. Knows nothing of Berth's code: only its binary, its settings
//! and what it answers. The proofs are in `tests/clients`.
#![expect(
    clippy::missing_panics_doc,
    reason = "a harness for tests says what went wrong by panicking"
)]

pub mod client;
pub mod containerd;
pub mod daemon;
pub mod debian;
pub mod docker;
pub mod home;
pub mod image;
pub mod login;
pub mod network;
pub mod node;
pub mod peer;
pub mod python;
pub mod sample;
pub mod server;
