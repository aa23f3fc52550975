//! Turns: every target once a round, each round beginning with another one; and what one run cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::RunArgs;
use crate::limits::Limits;
use crate::proc;
use crate::registry::Target;
use crate::report::{MACHINE, Sample};
use crate::scenario::Scenario;
use crate::scenarios::{Bench, Outcome};
use crate::stats::{median, quantile};

/// The rounds of one scenario: the quietest `--rounds` of those that were run.
pub async fn rounds_of(
    bench: &mut Arc<Bench>,
    scenario: Scenario,
    targets: &[Arc<Target>],
    limits: Option<&Limits>,
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
        let mut round = one_round(bench, scenario, targets, turn, args).await?;
        if turn >= args.warmup
            && let Some(limits) = limits
        {
            settle(scenario, args.settle_ms).await?;
            round.extend(limit(limits, scenario, bench)?);
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
        for sample in round {
            sample.round = i;
        }
    }
    Ok(rounds)
}

async fn one_round(
    bench: &mut Arc<Bench>,
    scenario: Scenario,
    targets: &[Arc<Target>],
    turn: usize,
    args: &RunArgs,
) -> Result<Vec<Sample>> {
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
    Ok(round)
}

/// What the machine itself does in the place of a server.
fn limit(limits: &Limits, scenario: Scenario, bench: &Bench) -> Result<Option<Sample>> {
    let Some(limit) = limits.of(scenario, &bench.p)? else {
        return Ok(None);
    };
    eprintln!(
        "{:13} {:16} {:>17.1} {}",
        scenario.name(),
        MACHINE,
        limit.value,
        limit.unit
    );
    Ok(Some(Sample {
        value: limit.value,
        unit: limit.unit.into(),
        higher_is_better: true,
        note: limit.note,
        ..Sample::new(scenario.name(), MACHINE)
    }))
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
    let begin = Instant::now();
    let result = bench.run(scenario, target).await;
    let wall_s = begin.elapsed().as_secs_f64();
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
        value: value(scenario, &out),
        unit: scenario.unit().into(),
        higher_is_better: scenario.higher_is_better(),
        wall_s,
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
        more: out.more,
        ..Sample::new(scenario.name(), &target.name)
    })
}

fn value(scenario: Scenario, out: &Outcome) -> f64 {
    let wall = out.wall.max(1e-9);
    match scenario.unit() {
        "MiB/s" => out.bytes as f64 / f64::from(1 << 20) / wall,
        "ms p50" => median(&out.lat_ms),
        _ => out.ops as f64 / wall,
    }
}
