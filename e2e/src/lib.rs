//! Real clients against a real berth.
//!
//! Owns how the server under test and the clients' daemons are started, kept apart and ended, and how the
//! images that travel between them are made. Knows nothing of Berth's code: only its binary, its settings
//! and what it answers. The proofs are in `tests/clients`.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a harness for tests says what went wrong by panicking"
)]

pub mod agent;
pub mod balancer;
pub mod bucket;
pub mod client;
pub mod containerd;
pub mod content;
pub mod daemon;
pub mod debian;
pub mod directory;
pub mod distribution;
pub mod docker;
pub mod docker_registry;
pub mod filesystem;
pub mod home;
pub mod image;
pub mod kubernetes;
pub mod login;
pub mod network;
pub mod node;
pub mod openid;
pub mod peer;
pub mod postgres;
pub mod python;
pub mod replica;
pub mod sample;
pub mod server;
pub mod wire;
