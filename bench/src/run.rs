//! `run`: scenarios against targets, taking turns, and the table of it.

mod rounds;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;

use crate::limits::Limits;
use crate::registry::Target;
use crate::report::{Report, summarise};
use crate::scenario::{Params, Scenario};
use crate::scenarios::Bench;
use crate::{table, tls};

#[derive(Args)]
pub struct RunArgs {
    /// name=N,url=http://127.0.0.1:5000[+URL][,pid=1+2][,user=U,pass=P | ,token=T][,root=DIR]
    ///
    /// `root` marks a plain file server over DIR: fixtures are written there.
    #[arg(long = "target", required = true)]
    targets: Vec<String>,
    /// What to measure, in this order
    #[arg(long, value_delimiter = ',', required = true)]
    scenario: Vec<Scenario>,
    /// Measured runs of each scenario and target
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Unmeasured runs before them
    #[arg(long, default_value_t = 1)]
    warmup: usize,
    /// Target whose figures are 1.0 in the first ratio column
    #[arg(long)]
    baseline: Option<String>,
    /// Target whose figures are 1.0 in the second ratio column
    #[arg(long)]
    limit: Option<String>,
    /// Measure what the machine itself can do in this folder, beside what stores something
    #[arg(long)]
    machine: Option<PathBuf>,
    /// Write the samples and summary here
    #[arg(long)]
    json: Option<PathBuf>,
    /// Put the samples of this file into the report, such as those of `start`
    #[arg(long)]
    include: Vec<PathBuf>,
    /// Print a line for each scenario and target instead of the table with the goals
    #[arg(long)]
    detail: bool,
    #[arg(long, default_value = "")]
    label: String,
    /// Threads of the generator
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// Pause before each run, ms
    #[arg(long, default_value_t = 200)]
    settle_ms: u64,
    /// On a shared machine: wait before each round until all other processes together
    /// use fewer than this many cores, and count only such rounds; 0 counts all
    #[arg(long, default_value_t = 0.0)]
    max_noise: f64,
    /// Seconds to wait for quiet before a round; then it is run all the same
    #[arg(long, default_value_t = 30.0)]
    noise_wait: f64,
    /// Rounds run beyond `--rounds` when some were noisy; the quietest are kept
    #[arg(long, default_value_t = 3)]
    extra_rounds: usize,
    /// PEM file of the authority for https targets; any certificate passes without
    #[arg(long)]
    cacert: Option<String>,
    /// Let targets be elsewhere than on this machine
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    params: Params,
}

impl RunArgs {
    /// How many threads the generator's runtime has.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

/// Measures, writes the samples where they are wanted, and prints the table.
pub async fn run(args: RunArgs) -> Result<()> {
    let tls = tls::client_config(args.cacert.as_deref())?;
    let mut targets = Vec::new();
    for spec in &args.targets {
        targets.push(Arc::new(Target::parse(spec, &tls, args.allow_remote)?));
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut params = args.params.clone();
    if params.prefix.is_empty() {
        // A name under one organisation: registries with tenants want it made beforehand.
        params.prefix = format!("bench/run{seconds:x}");
    }
    let limits = args.machine.as_deref().map(Limits::new).transpose()?;
    let mut report = Report {
        started: seconds.to_string(),
        label: args.label.clone(),
        cpus: std::thread::available_parallelism().map_or(0, usize::from),
        params: serde_json::to_value(&params)?,
        baseline: args.baseline.clone(),
        limit: args.limit.clone(),
        tls: targets.iter().any(|t| t.endpoint().tls.is_some()),
        summary: Vec::new(),
        samples: Vec::new(),
    };
    for file in &args.include {
        report.samples.extend(read(file)?.samples);
    }
    let mut bench = Arc::new(Bench::new(params));
    for &scenario in &args.scenario {
        let rounds = rounds::rounds_of(&mut bench, scenario, &targets, limits.as_ref(), &args).await?;
        report.samples.extend(rounds.into_iter().flatten());
        finish(&mut report);
        // After each scenario: a run that breaks off was not in vain.
        if let Some(path) = &args.json {
            std::fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("write {}", path.display()))?;
        }
    }
    print!(
        "{}",
        if args.detail {
            table::detail(&report)
        } else {
            table::goals(&report)
        }
    );
    Ok(())
}

#[derive(Args)]
pub struct TableArgs {
    /// JSON files written by `run`
    files: Vec<PathBuf>,
    #[arg(long)]
    baseline: Option<String>,
    #[arg(long)]
    limit: Option<String>,
    /// Print a line for each scenario and target instead of the table with the goals
    #[arg(long)]
    detail: bool,
}

/// Results of `run` as one report; rounds of different files stay apart.
pub fn join(args: TableArgs) -> Result<()> {
    let mut all: Option<Report> = None;
    for (i, file) in args.files.iter().enumerate() {
        let mut report = read(file)?;
        report.samples.iter_mut().for_each(|s| s.round += i * 1000);
        match &mut all {
            Some(a) => a.samples.append(&mut report.samples),
            None => all = Some(report),
        }
    }
    let mut report = all.context("no files")?;
    report.baseline = args.baseline.or(report.baseline);
    report.limit = args.limit.or(report.limit);
    finish(&mut report);
    print!(
        "{}",
        if args.detail {
            table::detail(&report)
        } else {
            table::goals(&report)
        }
    );
    Ok(())
}

fn read(file: &PathBuf) -> Result<Report> {
    let text = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parse {}", file.display()))
}

fn finish(report: &mut Report) {
    report.summary = summarise(
        &report.samples,
        report.baseline.as_deref(),
        report.limit.as_deref(),
    );
}
