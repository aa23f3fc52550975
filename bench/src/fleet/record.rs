//! What came of a run of many nodes: summed up from what each wrote down, kept in a file, printed as a table with the goals.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::pull::Pulled;
use crate::stats::quantile;

/// Goals: images out of the registry, and times the floor.
const IMAGES_MAX: f64 = 1.2;
const FLOORS_MAX: f64 = 1.4;
const MBIT: f64 = 1e6 / 8.0;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Every node from the registry
    Plain,
    /// Every node from the agent beside it
    Agent,
}

/// One run. Rates are Mbit/s.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// What it is called
    #[arg(long)]
    pub name: String,
    #[arg(long)]
    pub way: Way,
    #[arg(long)]
    pub nodes: usize,
    #[arg(long)]
    pub node_rate: f64,
    #[arg(long)]
    pub origin_rate: f64,
    /// Seconds over which the nodes began
    #[arg(long, default_value_t = 0.0)]
    pub spread: f64,
    #[arg(long)]
    pub image_bytes: u64,
    /// What the registry's interface sent
    #[arg(long)]
    pub sent: u64,
    /// Nodes that were to end well
    #[arg(long)]
    pub expected: usize,
    /// The machine's load at the end
    #[arg(long, default_value_t = 0.0)]
    pub load: f64,
    #[arg(skip)]
    pub seconds: Vec<f64>,
    #[arg(skip)]
    pub fallbacks: u64,
    #[arg(skip)]
    pub errors: Vec<String>,
}

impl Run {
    /// Seconds that one node alone needs, of its link and of the registry's.
    pub fn floor(&self) -> f64 {
        self.image_bytes as f64 / (self.node_rate.min(self.origin_rate) * MBIT)
    }

    pub fn images(&self) -> f64 {
        self.sent as f64 / self.image_bytes as f64
    }

    pub fn quantile(&self, q: f64) -> f64 {
        quantile(&mut self.seconds.clone(), q)
    }

    fn is_right(&self) -> bool {
        self.seconds.len() == self.expected
    }

    fn row(&self) -> String {
        let (p50, max, floor) = (self.quantile(0.5), self.quantile(1.0), self.floor());
        let way = match self.way {
            Way::Plain => "plain",
            Way::Agent => "agent",
        };
        let goal = match self.way {
            Way::Plain => "",
            Way::Agent if !self.is_right() => "failed",
            Way::Agent if self.images() <= IMAGES_MAX && p50 <= FLOORS_MAX * floor => "met",
            Way::Agent => "missed",
        };
        format!(
            "| {} | {way} | {} / {} | {}/{} | {:.2} | {p50:.1} | {max:.1} | {floor:.1} | {:.2} | {:.2} | {} | {:.1} | {goal} |",
            self.name,
            self.node_rate,
            self.origin_rate,
            self.seconds.len(),
            self.expected,
            self.images(),
            p50 / floor,
            max / floor,
            self.fallbacks,
            self.load,
        )
    }
}

const HEAD: &str = "\
| run | way | node / origin Mbit/s | right | images out | p50 s | max s | floor s | p50 / floor | max / floor | at the registry after a break | load | goal |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

#[derive(Args)]
pub struct TellArgs {
    #[command(flatten)]
    run: Run,
    /// Folder of what the nodes wrote down
    #[arg(long)]
    results: PathBuf,
    /// File of all runs, which this one is added to
    #[arg(long)]
    json: PathBuf,
}

#[derive(Args)]
pub struct TableArgs {
    /// Files of runs
    files: Vec<PathBuf>,
}

/// Adds a run to the file, and prints its row.
pub fn tell(args: TellArgs) -> Result<()> {
    let mut run = args.run;
    for entry in fs::read_dir(&args.results)? {
        let pulled: Pulled = serde_json::from_slice(&fs::read(entry?.path())?)?;
        run.fallbacks += pulled.fallbacks;
        match pulled.error {
            None => run.seconds.push(pulled.seconds),
            Some(error) => run.errors.push(error),
        }
    }
    run.seconds.sort_unstable_by(f64::total_cmp);
    println!("{}", run.row());
    for error in &run.errors {
        println!("  {error}");
    }
    let mut runs = if args.json.exists() {
        read(&args.json)?
    } else {
        Vec::new()
    };
    runs.push(run);
    fs::write(&args.json, serde_json::to_vec_pretty(&runs)?)?;
    Ok(())
}

/// Prints all runs.
pub fn table(args: &TableArgs) -> Result<()> {
    println!("{HEAD}");
    for file in &args.files {
        for run in read(file)? {
            println!("{}", run.row());
        }
    }
    Ok(())
}

/// The runs of a file.
pub fn read(file: &Path) -> Result<Vec<Run>> {
    let bytes = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} has no runs", file.display()))
}
