//! Bounded load generator for OCI distribution registries. See README.md.

mod data;
mod h1;
mod lists;
mod proc;
mod reclaim;
mod registry;
mod report;
mod scenarios;
mod stats;

use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};

use crate::h1::Endpoint;
use crate::registry::{Kind, Login, Target};
use crate::report::{Report, Sample, summarise, table};
use crate::scenarios::{Bench, Outcome, Params, Scenario};
use crate::stats::{median, quantile};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure scenarios against one or more targets, taking turns
    Run(Box<RunArgs>),
    /// Measure lists and details of the management API of one Berth, whose database was filled
    Lists(lists::ListsArgs),
    /// Write the files of the blobs that `reclaim` waits for
    ReclaimFiles(reclaim::FilesArgs),
    /// Measure a few requests of one Berth for a while, or until a reclaim is over
    Reclaim(reclaim::ReclaimArgs),
    /// Join result files into one table
    Table {
        /// JSON files written by `run`
        files: Vec<PathBuf>,
        #[arg(long)]
        baseline: Option<String>,
        #[arg(long)]
        limit: Option<String>,
    },
}

#[derive(Args)]
struct RunArgs {
    /// name=N,url=http://127.0.0.1:5000[,pid=1+2][,user=U,pass=P | ,token=T][,root=DIR]
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
    /// Write the samples and summary here
    #[arg(long)]
    json: Option<PathBuf>,
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
    /// Repository prefix; a fresh one under `bench/` is made when empty
    #[arg(long, default_value = "")]
    prefix: String,
    /// Let targets be elsewhere than on this machine
    #[arg(long)]
    allow_remote: bool,

    /// Bytes of the large blob
    #[arg(long, default_value = "1GiB", value_parser = size)]
    blob_size: usize,
    #[arg(long, default_value = "16MiB", value_parser = size)]
    range_size: usize,
    #[arg(long, default_value_t = 64)]
    par_count: usize,
    #[arg(long, default_value = "16MiB", value_parser = size)]
    par_size: usize,
    #[arg(long, default_value_t = 8)]
    par_conc: usize,
    /// Blobs of push-crowd, each over a connection of its own
    #[arg(long, default_value_t = 64)]
    crowd: usize,
    /// Connections of pull-8
    #[arg(long, default_value_t = 8)]
    pull_conc: usize,
    /// Seconds of manifest-get, manifest-head and blob-head
    #[arg(long, default_value_t = 4.0)]
    rate_secs: f64,
    #[arg(long, default_value_t = 64)]
    rate_conc: usize,
    /// Seconds, and at most this many images, of small-push
    #[arg(long, default_value_t = 4.0)]
    small_secs: f64,
    #[arg(long, default_value_t = 5000)]
    small_max: usize,
    #[arg(long, default_value_t = 16)]
    small_conc: usize,
    /// small-push without the HEAD that clients send before each blob
    #[arg(long)]
    small_no_head: bool,
    /// How small-push sends blobs: put, patch or single
    #[arg(long, default_value = "put", value_parser = ["put", "patch", "single"])]
    small_mode: String,
    #[arg(long, default_value_t = 10_000)]
    tags: usize,
    /// Requests of tags-list and tags-page
    #[arg(long, default_value_t = 40)]
    tag_requests: usize,
    /// Nodes of cluster-pull, and layers each pulls at once
    #[arg(long, default_value_t = 50)]
    nodes: usize,
    #[arg(long, default_value_t = 3)]
    node_conc: usize,
    #[arg(long, default_value_t = 10)]
    layers: usize,
    #[arg(long, default_value = "50MiB", value_parser = size)]
    layer_size: usize,
    /// Drop pulled bytes in the kernel (MSG_TRUNC): the cheapest client there is
    #[arg(long)]
    trunc: bool,
}

fn size(text: &str) -> Result<usize, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let n: usize = text[..at].parse().map_err(|_| format!("bad size {text}"))?;
    let shift = match &text[at..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        unit => return Err(format!("unknown unit {unit} (B, KiB, MiB, GiB)")),
    };
    n.checked_mul(1 << shift).ok_or_else(|| "too large".into())
}

fn target(spec: &str, tls: &Arc<rustls::ClientConfig>, remote: bool) -> Result<Target> {
    let (mut name, mut url, mut root, mut token) = (None, None, None, None);
    let (mut user, mut pass, mut pids) = (None, None, Vec::new());
    for part in spec.split(',') {
        let (key, value) = part.split_once('=').with_context(|| format!("{part}: no '='"))?;
        let value = value.to_string();
        match key {
            "name" => name = Some(value),
            "url" => url = Some(value),
            "root" => root = Some(PathBuf::from(value)),
            "token" => token = Some(value),
            "user" => user = Some(value),
            "pass" => pass = Some(value),
            "pid" => {
                for p in value.split('+') {
                    pids.push(p.parse().with_context(|| format!("pid {p}"))?);
                }
            }
            other => bail!("unknown target key {other}"),
        }
    }
    let endpoint = Endpoint::parse(&url.context("target without url")?, tls)?;
    let addrs = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?;
    for addr in addrs {
        ensure!(
            remote || addr.ip().is_loopback(),
            "{addr} is not on this machine; --allow-remote lets it pass"
        );
    }
    let login = match (token, user, pass) {
        (Some(t), _, _) => Login::Token(t),
        (None, Some(u), Some(p)) => Login::Password(u, p),
        _ => Login::None,
    };
    let kind = root.map_or(Kind::Registry, Kind::Static);
    Ok(Target::new(
        name.context("target without name")?,
        kind,
        endpoint,
        login,
        pids,
    ))
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Run(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(args.threads)
                .enable_all()
                .build()?;
            runtime.block_on(run(*args))
        }
        Command::Lists(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(lists::run(args))
        }
        Command::ReclaimFiles(args) => reclaim::write_files(&args),
        Command::Reclaim(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(reclaim::run(args))
        }
        Command::Table {
            files,
            baseline,
            limit,
        } => join(&files, baseline, limit),
    }
}

/// `run` results as one report; rounds of different files stay apart.
fn join(files: &[PathBuf], baseline: Option<String>, limit: Option<String>) -> Result<()> {
    let mut all: Option<Report> = None;
    for (i, file) in files.iter().enumerate() {
        let text = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let mut report: Report = serde_json::from_slice(&text)?;
        report.samples.iter_mut().for_each(|s| s.round += i * 1000);
        match &mut all {
            Some(a) => a.samples.append(&mut report.samples),
            None => all = Some(report),
        }
    }
    let mut report = all.context("no files")?;
    report.baseline = baseline.or(report.baseline);
    report.limit = limit.or(report.limit);
    report.summary = summarise(
        &report.samples,
        report.baseline.as_deref(),
        report.limit.as_deref(),
    );
    print!("{}", table(&report));
    Ok(())
}

async fn run(args: RunArgs) -> Result<()> {
    let tls = h1::tls_config(args.cacert.as_deref())?;
    let mut targets = Vec::new();
    for spec in &args.targets {
        targets.push(Arc::new(target(spec, &tls, args.allow_remote)?));
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let prefix = match args.prefix.as_str() {
        // A name under one organisation: registries with tenants want it made beforehand.
        "" => format!("bench/run{seconds:x}"),
        p => p.to_string(),
    };
    let params = Params {
        prefix,
        blob_size: args.blob_size,
        range_size: args.range_size,
        par_count: args.par_count,
        par_size: args.par_size,
        par_conc: args.par_conc,
        crowd: args.crowd,
        pull_conc: args.pull_conc,
        rate_secs: args.rate_secs,
        rate_conc: args.rate_conc,
        small_secs: args.small_secs,
        small_max: args.small_max,
        small_conc: args.small_conc,
        small_head: !args.small_no_head,
        small_mode: args.small_mode.clone(),
        tags: args.tags,
        tag_requests: args.tag_requests,
        nodes: args.nodes,
        node_conc: args.node_conc,
        layers: args.layers,
        layer_size: args.layer_size,
        trunc: args.trunc,
    };
    let mut report = Report {
        started: seconds.to_string(),
        label: args.label.clone(),
        cpus: std::thread::available_parallelism().map_or(0, usize::from),
        params: serde_json::to_value(&params)?,
        baseline: args.baseline.clone(),
        limit: args.limit.clone(),
        summary: Vec::new(),
        samples: Vec::new(),
    };
    let mut bench = Arc::new(Bench::new(params));
    for &scenario in &args.scenario {
        let rounds = rounds_of(&mut bench, scenario, &targets, &args).await?;
        report.samples.extend(rounds.into_iter().flatten());
    }
    report.summary = summarise(
        &report.samples,
        report.baseline.as_deref(),
        report.limit.as_deref(),
    );
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    print!("{}", table(&report));
    Ok(())
}

/// The rounds of one scenario: the quietest `--rounds` of those that were run.
async fn rounds_of(
    bench: &mut Arc<Bench>,
    scenario: Scenario,
    targets: &[Arc<Target>],
    args: &RunArgs,
) -> Result<Vec<Vec<Sample>>> {
    let mut rounds: Vec<Vec<Sample>> = Vec::new();
    let mut quiet = 0;
    let gated = args.max_noise > 0.0;
    let most = args.rounds + if gated { args.extra_rounds } else { 0 };
    for turn in 0..args.warmup + most {
        if gated && turn >= args.warmup {
            wait_for_quiet(args.max_noise, args.noise_wait).await;
        }
        let mut round = Vec::new();
        for i in 0..targets.len() {
            // Each round begins with another target, so none is always first.
            let target = &targets[(i + turn) % targets.len()];
            if target.is_static() && scenario.needs_registry() {
                continue;
            }
            let what = || format!("{} against {}", scenario.name(), target.name);
            Arc::get_mut(bench)
                .context("a run is still going on")?
                .prepare(scenario, target)
                .await
                .with_context(what)?;
            settle(scenario, args.settle_ms).await?;
            let sample = measure(bench, scenario, target).await.with_context(what)?;
            eprintln!(
                "{:13} {:16} turn {turn} {:>10.1} {}  ({:.2} s, others use {:.2} cores)",
                sample.scenario,
                sample.target,
                sample.value,
                sample.unit,
                sample.wall_s,
                sample.noise()
            );
            round.push(sample);
        }
        if turn < args.warmup || round.is_empty() {
            continue;
        }
        if loudest(&round) <= args.max_noise {
            quiet += 1;
        }
        rounds.push(round);
        if quiet == args.rounds {
            break;
        }
    }
    rounds.sort_by(|a, b| loudest(a).total_cmp(&loudest(b)));
    rounds.truncate(args.rounds);
    for (i, round) in rounds.iter_mut().enumerate() {
        round.iter_mut().for_each(|s| s.round = i);
    }
    Ok(rounds)
}

/// The noise of the round's noisiest run.
fn loudest(round: &[Sample]) -> f64 {
    round.iter().map(Sample::noise).fold(0.0, f64::max)
}

/// Waits until the whole machine uses fewer than `cores`, at most `limit` seconds.
async fn wait_for_quiet(cores: f64, limit: f64) {
    const STEP: f64 = 0.5;
    let mut waited = 0.0;
    while waited < limit {
        let before = proc::machine_busy_seconds();
        tokio::time::sleep(Duration::from_secs_f64(STEP)).await;
        waited += STEP;
        if (proc::machine_busy_seconds() - before) / STEP < cores {
            return;
        }
    }
}

/// Lets earlier writes reach the disk, so that no target pays for another's.
async fn settle(scenario: Scenario, ms: u64) -> Result<()> {
    if scenario.writes() {
        // SAFETY: sync(2) takes nothing and cannot fail.
        tokio::task::spawn_blocking(|| unsafe { libc::sync() }).await?;
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    Ok(())
}

async fn measure(bench: &Arc<Bench>, scenario: Scenario, target: &Arc<Target>) -> Result<Sample> {
    let pids = proc::tree(&target.pids);
    proc::reset_peak(&pids);
    // Peak anonymous memory has no counter in /proc: it is sampled.
    let anon = Arc::new(AtomicU64::new(proc::anon_rss_kib(&pids)));
    let stop = Arc::new(AtomicBool::new(pids.is_empty()));
    let sampler = {
        let (anon, stop, pids) = (anon.clone(), stop.clone(), pids.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                anon.fetch_max(proc::anon_rss_kib(&pids), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        })
    };
    let before = (
        proc::cpu_seconds(&pids),
        proc::own_cpu_seconds(),
        proc::machine_busy_seconds(),
    );
    let result = bench.run(scenario, target).await;
    let after = (
        proc::cpu_seconds(&pids),
        proc::own_cpu_seconds(),
        proc::machine_busy_seconds(),
    );
    stop.store(true, Ordering::Relaxed);
    let _ = sampler.join();
    let out = result?;
    let (server, client) = (after.0 - before.0, after.1 - before.1);
    let mut lat = out.lat_ms.clone();
    Ok(Sample {
        scenario: scenario.name().into(),
        target: target.name.clone(),
        round: 0,
        value: value(scenario, &out),
        unit: scenario.unit().into(),
        higher_is_better: scenario.higher_is_better(),
        wall_s: out.wall,
        bytes: out.bytes,
        ops: out.ops,
        errors: out.errors,
        p50_ms: median(&lat),
        p95_ms: quantile(&mut lat, 0.95),
        p99_ms: quantile(&mut lat, 0.99),
        max_ms: quantile(&mut lat, 1.0),
        server_cpu_s: server,
        client_cpu_s: client,
        other_cpu_s: (after.2 - before.2 - server - client).max(0.0),
        peak_rss_mib: proc::peak_rss_kib(&pids) as f64 / 1024.0,
        peak_anon_mib: anon.load(Ordering::Relaxed) as f64 / 1024.0,
        note: out.note,
    })
}

fn value(scenario: Scenario, out: &Outcome) -> f64 {
    let wall = out.wall.max(1e-9);
    match scenario.unit() {
        "MiB/s" => out.bytes as f64 / (1 << 20) as f64 / wall,
        "ms p50" => median(&out.lat_ms),
        _ => out.ops as f64 / wall,
    }
}
