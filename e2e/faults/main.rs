//! Faults that are really injected into a running registry, under a load whose every answer is kept: what was acknowledged
//! must be there afterwards. Each program prints what it did and what was lost, and fails when that is not nothing.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

mod clock;
mod flip;
mod full;
mod history;
mod installation;
mod kill;
mod load;
mod look;
mod partition;
mod postgres;
mod power;
mod register;
mod report;
mod s3;
mod shelf;
mod trace;

/// Injects real faults into a registry and looks for what is lost.
#[derive(Parser)]
#[command(name = "faults")]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    /// Kill the server, or one of two replicas, with SIGKILL at random moments of a mixed load.
    Kill(Chosen),
    /// Cut the power of the file system, ext4 and XFS in turns, at every step and at random moments.
    Power(Chosen),
    /// Fill the disk under the server, and let single calls to it fail.
    Full(Chosen),
    /// Flip bits in stored blobs and cut their files, and heal them.
    Flip(Chosen),
    /// Let the clock of one of two replicas jump forward and backward by hours.
    Clock(Chosen),
    /// Restart PostgreSQL, kill it, and fail over to its standby, under two replicas.
    Postgres(Chosen),
    /// Let the S3 store fail, slow down, refuse, and answer after it is too late.
    S3(Chosen),
    /// Cut the network between two replicas, their database and their clients.
    Partition(Chosen),
}

#[derive(Args)]
struct Chosen {
    /// How often the fault is injected.
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// Repeats the content, order and moments of an earlier run as far as timing allows [default: a random one].
    #[arg(long)]
    seed: Option<u64>,
    /// Where the registry keeps its metadata and blobs.
    #[arg(long, value_enum, default_value_t = Stores::Embedded)]
    stores: Stores,
}

/// The stores of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stores {
    /// One server with SQLite and files.
    Embedded,
    /// Two replicas over one PostgreSQL and one folder of files.
    Postgres,
    /// Two replicas over one PostgreSQL and one bucket of an S3 store.
    S3,
}

/// What a program is told.
#[derive(Clone, Copy, Debug)]
struct Options {
    rounds: u64,
    seed: u64,
    stores: Stores,
}

impl From<Chosen> for Options {
    fn from(chosen: Chosen) -> Self {
        Self {
            rounds: chosen.rounds,
            seed: chosen.seed.unwrap_or_else(|| u64::from(rand::rng().next_u32())),
            stores: chosen.stores,
        }
    }
}

/// The random choices of a round, the same for the same seed.
fn round_random(seed: u64, round: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(round))
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let report = match Arguments::parse().program {
        Program::Kill(chosen) => kill::run(&chosen.into()).await,
        Program::Power(chosen) => power::run(&chosen.into()).await,
        Program::Full(chosen) => full::run(&chosen.into()).await,
        Program::Flip(chosen) => flip::run(&chosen.into()).await,
        Program::Clock(chosen) => clock::run(&chosen.into()).await,
        Program::Postgres(chosen) => postgres::run(&chosen.into()).await,
        Program::S3(chosen) => s3::run(&chosen.into()).await,
        Program::Partition(chosen) => partition::run(&chosen.into()).await,
    };
    report.end()
}
