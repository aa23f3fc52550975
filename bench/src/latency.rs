//! Latency against load: requests come at a fixed rate whether or not the server keeps up (an open loop), at shares of what each
//! server does at most, and the time of each counts from when it was due.

mod pace;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use self::pace::{Load, Served};
use crate::plot::{self, Panel, Point, Series};
use crate::registry::Target;
use crate::scenario::{Params, Scenario};
use crate::scenarios::Bench;
use crate::stats::{median, quantile};
use crate::tls;

#[derive(Args)]
pub struct LatencyArgs {
    /// As in `run`
    #[arg(long = "target", required = true)]
    targets: Vec<String>,
    /// What is asked for: manifest-get, blob-head
    #[arg(long, value_delimiter = ',', default_value = "manifest-get,blob-head")]
    scenario: Vec<Scenario>,
    /// Rates, in percent of what the server answers at most
    #[arg(long, value_delimiter = ',', default_value = "10,25,50,70,80,90,100,110,120")]
    steps: Vec<u32>,
    /// Seconds of each rate
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Runs of each rate; the medians count
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections that requests are spread over
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Write the plot here
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Write the figures here
    #[arg(long)]
    json: Option<PathBuf>,
    #[arg(long, default_value_t = 4)]
    pub threads: usize,
    /// Let targets be elsewhere than on this machine
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    params: Params,
}

/// One rate of one server.
#[derive(Serialize)]
struct Step {
    scenario: &'static str,
    target: String,
    percent: u32,
    offered: f64,
    answered: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
}

/// Measures every rate of every server in turns, prints the table, and draws it.
pub async fn run(args: LatencyArgs) -> Result<()> {
    let tls = tls::client_config(None)?;
    let mut targets = Vec::new();
    for spec in &args.targets {
        targets.push(Arc::new(Target::parse(spec, &tls, args.allow_remote)?));
    }
    let mut params = args.params.clone();
    if params.prefix.is_empty() {
        params.prefix = "bench/latency".into();
    }
    let mut bench = Bench::new(params);
    let mut steps = Vec::new();
    println!(
        "| scenario | target | of its most | asked for | answered | p50 ms | p99 ms | p99.9 ms |\n|---|---|--:|--:|--:|--:|--:|--:|"
    );
    for &scenario in &args.scenario {
        let mut loads = Vec::new();
        for target in &targets {
            bench.prepare(scenario, target).await?;
            loads.push(load(&bench, scenario, target, &args).await?);
        }
        for &percent in &args.steps {
            steps.extend(step(scenario, percent, &targets, &mut loads, &args).await?);
        }
    }
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&steps)?)?;
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, plot::svg(&panels(&args, &targets, &steps)))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// Connections to a server, and the median of what it answers in a second over them.
async fn load(
    bench: &Bench,
    scenario: Scenario,
    target: &Arc<Target>,
    args: &LatencyArgs,
) -> Result<(Load, f64)> {
    let (request, head_only) = bench.request_of(scenario, target).await?;
    let mut load = Load::open(target, request, head_only, args.connections).await?;
    let mut most = Vec::new();
    for _ in 0..=args.rounds {
        most.push(load.closed(Duration::from_secs_f64(args.seconds)).await?);
    }
    // The first run warms everything up.
    let most = median(&most[1..]);
    eprintln!(
        "{:13} {:16} at most {most:.0} req/s",
        scenario.name(),
        target.name
    );
    Ok((load, most))
}

async fn step(
    scenario: Scenario,
    percent: u32,
    targets: &[Arc<Target>],
    loads: &mut [(Load, f64)],
    args: &LatencyArgs,
) -> Result<Vec<Step>> {
    let mut rounds: Vec<Vec<Served>> = targets.iter().map(|_| Vec::new()).collect();
    for turn in 0..args.rounds {
        for i in 0..targets.len() {
            let at = (i + turn) % targets.len();
            let (load, most) = &mut loads[at];
            let rate = *most * f64::from(percent) / 100.0;
            rounds[at].push(load.offered(rate, Duration::from_secs_f64(args.seconds)).await?);
        }
    }
    let mut steps = Vec::new();
    for ((target, mut served), (_, most)) in targets.iter().zip(rounds).zip(loads) {
        let mut mid = |f: &dyn Fn(&mut Served) -> f64| median(&served.iter_mut().map(f).collect::<Vec<_>>());
        let step = Step {
            scenario: scenario.name(),
            target: target.name.clone(),
            percent,
            offered: *most * f64::from(percent) / 100.0,
            answered: mid(&|s| s.rate),
            p50_ms: mid(&|s| quantile(&mut s.lat_ms, 0.5)),
            p99_ms: mid(&|s| quantile(&mut s.lat_ms, 0.99)),
            p999_ms: mid(&|s| quantile(&mut s.lat_ms, 0.999)),
        };
        println!(
            "| {} | {} | {percent} % | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} |",
            step.scenario, step.target, step.offered, step.answered, step.p50_ms, step.p99_ms, step.p999_ms
        );
        steps.push(step);
    }
    Ok(steps)
}

fn panels(args: &LatencyArgs, targets: &[Arc<Target>], steps: &[Step]) -> Vec<Panel> {
    let series = |scenario: Scenario, target: &Target| Series {
        name: target.name.clone(),
        points: steps
            .iter()
            .filter(|s| s.scenario == scenario.name() && s.target == target.name)
            .map(|s| Point {
                x: s.offered,
                low: s.p50_ms,
                high: s.p99_ms,
            })
            .collect(),
    };
    args.scenario
        .iter()
        .map(|&scenario| Panel {
            title: title(scenario).into(),
            series: targets.iter().map(|target| series(scenario, target)).collect(),
        })
        .collect()
}

fn title(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::BlobHead => "HEAD of a blob",
        _ => "GET of a manifest by its tag",
    }
}
