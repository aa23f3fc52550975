//! The `berth` binary as a whole: its command line and its server, over real processes and sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod admin;
mod authorization_coverage;
mod backup;
mod berth;
mod client;
mod clock;
mod command_line;
mod commands;
mod console;
mod content;
mod crowd;
mod distribution;
mod iam;
mod installation;
mod instructions;
mod limits;
mod manage;
mod metrics;
mod overload;
#[path = "../../../berth-metadata/tests/contract/postgres.rs"]
mod postgres;
mod regressions;
mod replicas;
mod restart;
mod retention;
mod scaled;
mod security;
mod sending;
mod serve;
mod stores;
mod swarm;
mod syncing;
mod token;
mod webhooks;
mod world;
