//! Pulls of one image by many nodes: an image to pull, one node's pull, what came of a run, a peer that lies, and a simulation of more
//! nodes than one machine can be. `bench/fleet` puts them together.

mod image;
mod pull;
mod record;
mod simulation;
mod swarm;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum FleetCommand {
    /// Store an image of incompressible layers, and print its bytes
    Image(image::ImageArgs),
    /// Pull an image as one node does, and write down how it went
    Pull(pull::PullArgs),
    /// Wait until the nodes in the swarm of an image have every chunk between them
    Watch(swarm::SwarmArgs),
    /// Join the swarm of an image and give wrong bytes
    Liar(swarm::LiarArgs),
    /// Sum up the pulls of one run
    Tell(record::TellArgs),
    /// Print all runs as a table
    Table(record::TableArgs),
    /// Simulate the measured runs, and many nodes
    Simulate(simulation::SimulateArgs),
}

pub async fn run(command: FleetCommand) -> Result<()> {
    match command {
        FleetCommand::Image(args) => image::run(args).await,
        FleetCommand::Pull(args) => pull::run(args).await,
        FleetCommand::Watch(args) => swarm::watch(args).await,
        FleetCommand::Liar(args) => swarm::lie(args).await,
        FleetCommand::Tell(args) => record::tell(args),
        FleetCommand::Table(args) => record::table(&args),
        FleetCommand::Simulate(args) => simulation::run(&args),
    }
}
