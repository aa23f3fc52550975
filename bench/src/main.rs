//! Bounded load generator for OCI distribution registries. See README.md.

mod churn;
mod data;
mod fleet;
mod goals;
mod h1;
mod latency;
mod limits;
mod lists;
mod plot;
mod proc;
mod reclaim;
mod registry;
mod report;
mod run;
mod scenario;
mod scenarios;
mod start;
mod stats;
mod table;
mod tls;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure scenarios against one or more targets, taking turns
    #[command(args_override_self = true)]
    Run(Box<run::RunArgs>),
    /// Measure how long answers take at rates from little to too much, and draw it
    #[command(args_override_self = true)]
    Latency(Box<latency::LatencyArgs>),
    /// Measure how long a server takes to its first answer
    Start(start::StartArgs),
    /// Measure lists and details of the management API of one Berth, whose database was filled
    Lists(lists::ListsArgs),
    /// Write the files of the blobs that `reclaim` waits for
    ReclaimFiles(reclaim::FilesArgs),
    /// Measure a few requests of one Berth for a while, or until a reclaim is over
    Reclaim(reclaim::ReclaimArgs),
    /// Push and delete images at a steady pace beside a measurement
    Churn(churn::ChurnArgs),
    /// Pulls of one image by many nodes: parts of `bench/fleet`, and a simulation
    #[command(subcommand)]
    Fleet(fleet::FleetCommand),
    /// Join result files into one table
    Table(run::TableArgs),
}

fn main() -> Result<()> {
    proc::raise_file_limit();
    match Cli::parse().command {
        Command::Run(args) => on_threads(args.threads(), run::run(*args)),
        Command::Latency(args) => on_threads(args.threads, latency::run(*args)),
        Command::Start(args) => on_threads(1, start::run(args)),
        Command::Lists(args) => on_threads(1, lists::run(args)),
        Command::ReclaimFiles(args) => reclaim::write_files(&args),
        Command::Reclaim(args) => on_threads(1, reclaim::run(args)),
        Command::Churn(args) => on_threads(1, churn::run(args)),
        Command::Fleet(command) => on_threads(2, fleet::run(command)),
        Command::Table(args) => run::join(args),
    }
}

fn on_threads(threads: usize, work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?
        .block_on(work)
}
