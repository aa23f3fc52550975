//! Agents against a registry with a tracker in the same process, which lies, stalls and dies when it is told to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod local;
mod node;
mod registry;
mod stranger;
mod swarm;
