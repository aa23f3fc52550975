//! The `berth` binary as a whole: its command line and its server, over real processes and sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod admin;
mod berth;
mod command_line;
mod installation;
mod manage;
mod regressions;
mod restart;
mod serve;
mod token;
