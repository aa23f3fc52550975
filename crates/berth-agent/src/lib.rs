//! The node agent: a mirror on each node that gets layers from other nodes where it can.
//!
//! Owns what agents and the registry's tracker say to one another, the cache on a node and how it is filled. Refuses to
//! know rows, stored blobs and who may do what: the registry is asked.

mod agent;
mod blobs;
mod cache;
mod channel;
pub mod configure;
mod door;
mod error;
mod figures;
mod flights;
mod identity;
mod job;
mod peers;
mod permits;
mod registry;
mod tickets;
pub mod wire;

pub use agent::{Agent, Settings};
pub use error::Error;
