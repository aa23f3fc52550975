//! The `berth` binary: a container image registry with everything in it.

mod admin;
mod agent;
mod allocator;
mod api;
mod app;
mod audit;
mod authenticate;
mod backup;
mod body;
mod cli;
mod client;
mod config;
mod console;
mod descriptors;
mod distribution;
mod first_start;
mod health;
mod iam;
mod ledger;
mod logging;
mod manage;
mod metrics;
mod migrate;
mod mirrored;
mod origin;
mod overload;
mod rates;
mod rebuild;
mod reference;
mod self_signed;
mod serve;
mod state;
mod stores;
mod table;
mod token;
mod unknown_path;

fn main() -> std::process::ExitCode {
    allocator::limit();
    cli::run()
}
