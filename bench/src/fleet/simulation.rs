//! What a swarm of more nodes than one machine can be would do, told after the same model was held against the runs that were measured.

mod links;
mod swarm;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use self::swarm::{Outcome, Plan, play};
use super::record::{self, Run, Way};
use crate::stats::{median, quantile};

/// What of a link's rate is the image's: the rest are the heads of packets.
const PAYLOAD: f64 = 1448.0 / 1514.0;
const CHUNK: u64 = 4 << 20;
const IMAGE: u64 = 1 << 30;
const MBIT: f64 = 1e6 / 8.0;
const SEEDS: u64 = 5;

#[derive(Args)]
pub struct SimulateArgs {
    /// File of measured runs
    #[arg(long)]
    measured: Option<PathBuf>,
    /// How many nodes
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000,10000")]
    nodes: Vec<usize>,
    /// Mbit/s of a node's link
    #[arg(long, default_value_t = 1000.0)]
    node_rate: f64,
    /// Mbit/s of the registry's link
    #[arg(long, default_value_t = 10_000.0)]
    origin_rate: f64,
    #[command(flatten)]
    agent: Agent,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How agents go about it.
#[derive(Args, Clone, Copy)]
struct Agent {
    /// Others that a node gets to know
    #[arg(long, default_value_t = 20)]
    neighbours: usize,
    /// Chunks that a node sends at one time
    #[arg(long, default_value_t = 3)]
    uploads: usize,
    /// Chunks that a node gets at one time
    #[arg(long, default_value_t = 4)]
    downloads: usize,
    /// Chunks that a node may get from the registry at one time
    #[arg(long, default_value_t = 2)]
    leases: usize,
    /// Chunks that the registry leases to all nodes together at one time
    #[arg(long, default_value_t = 16)]
    leases_of_all: usize,
}

/// Prints both tables.
pub fn run(args: &SimulateArgs) -> Result<()> {
    let mut slower = None;
    if let Some(file) = &args.measured {
        slower = compare(&record::read(file)?, args);
        println!();
    }
    println!(
        "1 GiB, nodes {} Mbit/s, registry {} Mbit/s:\n",
        args.node_rate, args.origin_rate
    );
    println!(
        "| nodes | each from the registry: s | GiB out | swarm: p50 s | max s | GiB out | as measured: p50 s |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for &nodes in &args.nodes {
        let plan = plan(args, nodes, IMAGE, [args.node_rate, args.origin_rate]);
        let outcome = play(&plan);
        let mut seconds = outcome.seconds.clone();
        let p50 = quantile(&mut seconds, 0.5);
        let as_measured = slower.map_or_else(|| "-".to_string(), |by: f64| format!("{:.1}", p50 * by));
        println!(
            "| {nodes} | {:.1} | {nodes} | {p50:.1} | {:.1} | {:.2} | {as_measured} |",
            direct(&plan),
            quantile(&mut seconds, 1.0),
            images(&plan, &outcome, IMAGE),
        );
    }
    Ok(())
}

/// The measured runs in which nothing was broken, beside what is foretold of them; how much slower the slowest was.
fn compare(runs: &[Run], args: &SimulateArgs) -> Option<f64> {
    println!(
        "| run | way | p50 s: foretold | measured | measured / foretold | max s: foretold | measured | images out: foretold | measured |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut worst: Option<f64> = None;
    for run in runs.iter().filter(|run| run.expected == run.nodes) {
        let mut plan = plan(args, run.nodes, run.image_bytes, [run.node_rate, run.origin_rate]);
        plan.spread = run.spread;
        let [p50, max, out] = match run.way {
            Way::Plain => [direct(&plan), direct(&plan), run.nodes as f64],
            Way::Agent => foretell(&plan, run.image_bytes),
        };
        let ratio = run.quantile(0.5) / p50;
        if run.way == Way::Agent {
            worst = Some(worst.map_or(ratio, |worst| worst.max(ratio)));
        }
        println!(
            "| {} | {} | {p50:.1} | {:.1} | {ratio:.2} | {max:.1} | {:.1} | {out:.2} | {:.2} |",
            run.name,
            if run.way == Way::Plain { "plain" } else { "agent" },
            run.quantile(0.5),
            run.quantile(1.0),
            run.images(),
        );
    }
    worst
}

/// Median, longest time and images out of the registry: medians over some seeds.
fn foretell(plan: &Plan, bytes: u64) -> [f64; 3] {
    let mut figures: [Vec<f64>; 3] = Default::default();
    for seed in plan.seed..plan.seed + SEEDS {
        let plan = Plan { seed, ..plan.clone() };
        let outcome = play(&plan);
        let mut seconds = outcome.seconds.clone();
        figures[0].push(quantile(&mut seconds, 0.5));
        figures[1].push(quantile(&mut seconds, 1.0));
        figures[2].push(images(&plan, &outcome, bytes));
    }
    figures.map(|values| median(&values))
}

fn images(plan: &Plan, outcome: &Outcome, bytes: u64) -> f64 {
    outcome.origin as f64 * plan.chunk_bytes / bytes as f64
}

/// Seconds when each node gets all from the registry.
fn direct(plan: &Plan) -> f64 {
    let image = plan.chunks as f64 * plan.chunk_bytes;
    (image / plan.node_rate).max(plan.nodes as f64 * image / plan.origin_rate)
}

fn plan(args: &SimulateArgs, nodes: usize, bytes: u64, [node_rate, origin_rate]: [f64; 2]) -> Plan {
    let chunks = bytes.div_ceil(CHUNK);
    Plan {
        nodes,
        chunks: chunks as usize,
        // All chunks are of one size here; the last one of a blob is smaller.
        chunk_bytes: bytes as f64 / chunks as f64,
        node_rate: node_rate * MBIT * PAYLOAD,
        origin_rate: origin_rate * MBIT * PAYLOAD,
        neighbours: args.agent.neighbours,
        uploads: args.agent.uploads,
        downloads: args.agent.downloads,
        leases: args.agent.leases,
        leases_of_all: args.agent.leases_of_all,
        spread: 0.0,
        seed: args.seed,
    }
}
