//! Samples, their summary, and the tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::stats::median;

/// One measured run of one scenario against one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub scenario: String,
    pub target: String,
    pub round: usize,
    pub value: f64,
    pub unit: String,
    pub higher_is_better: bool,
    pub wall_s: f64,
    pub bytes: u64,
    pub ops: u64,
    pub errors: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// Server CPU seconds in the run; zero when no pid was given.
    pub server_cpu_s: f64,
    pub client_cpu_s: f64,
    /// CPU seconds of everything else on the machine: the noise.
    pub other_cpu_s: f64,
    pub peak_rss_mib: f64,
    pub peak_anon_mib: f64,
    pub note: Option<String>,
}

impl Sample {
    /// Server CPU seconds per GiB moved, for scenarios that move bytes.
    pub fn cpu_per_gib(&self) -> Option<f64> {
        let gib = self.bytes as f64 / (1u64 << 30) as f64;
        (self.unit == "MiB/s" && gib > 0.0).then(|| self.server_cpu_s / gib)
    }

    /// Cores that everything but server and generator used during the run. The clock
    /// ticks are coarse, so a very short run counts as a fifth of a second.
    pub fn noise(&self) -> f64 {
        self.other_cpu_s / self.wall_s.max(0.2)
    }

    pub fn cpu_us_per_op(&self) -> Option<f64> {
        (self.unit != "MiB/s" && self.ops > 0).then(|| self.server_cpu_s * 1e6 / self.ops as f64)
    }
}

/// The medians over the rounds of one scenario and target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    pub scenario: String,
    pub target: String,
    pub unit: String,
    pub higher_is_better: bool,
    pub runs: usize,
    pub value: f64,
    pub min: f64,
    pub max: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub cpu_per_gib: Option<f64>,
    pub cpu_us_per_op: Option<f64>,
    pub peak_rss_mib: f64,
    pub peak_anon_mib: f64,
    pub noise: f64,
    pub errors: u64,
    /// Median over rounds of this target's value over the baseline's in that round.
    pub ratio_to_baseline: Option<f64>,
    pub ratio_to_limit: Option<f64>,
    pub notes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub struct Report {
    pub started: String,
    pub label: String,
    pub cpus: usize,
    pub params: serde_json::Value,
    pub baseline: Option<String>,
    pub limit: Option<String>,
    pub summary: Vec<Summary>,
    pub samples: Vec<Sample>,
}

pub fn summarise(samples: &[Sample], baseline: Option<&str>, limit: Option<&str>) -> Vec<Summary> {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut groups: BTreeMap<(String, String), Vec<&Sample>> = BTreeMap::new();
    for s in samples {
        let key = (s.scenario.clone(), s.target.clone());
        if !groups.contains_key(&key) {
            order.push(key.clone());
        }
        groups.entry(key).or_default().push(s);
    }
    let against = |group: &[&Sample], other: Option<&str>| {
        let ratios: Vec<f64> = group
            .iter()
            .filter_map(|s| {
                let key = (s.scenario.clone(), other?.to_string());
                let peer = groups.get(&key)?.iter().find(|o| o.round == s.round)?;
                (peer.value > 0.0).then(|| s.value / peer.value)
            })
            .collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    };
    let mid = |g: &[&Sample], f: fn(&Sample) -> f64| median(&g.iter().map(|s| f(s)).collect::<Vec<_>>());
    let mid_opt = |g: &[&Sample], f: fn(&Sample) -> Option<f64>| {
        let v: Vec<f64> = g.iter().filter_map(|s| f(s)).collect();
        (!v.is_empty()).then(|| median(&v))
    };
    order
        .iter()
        .map(|key| {
            let g = &groups[key];
            let mut notes: Vec<String> = g.iter().filter_map(|s| s.note.clone()).collect();
            notes.dedup();
            Summary {
                scenario: key.0.clone(),
                target: key.1.clone(),
                unit: g[0].unit.clone(),
                higher_is_better: g[0].higher_is_better,
                runs: g.len(),
                value: mid(g, |s| s.value),
                min: g.iter().map(|s| s.value).fold(f64::MAX, f64::min),
                max: g.iter().map(|s| s.value).fold(0.0, f64::max),
                p50_ms: mid(g, |s| s.p50_ms),
                p99_ms: mid(g, |s| s.p99_ms),
                cpu_per_gib: mid_opt(g, Sample::cpu_per_gib),
                cpu_us_per_op: mid_opt(g, Sample::cpu_us_per_op),
                peak_rss_mib: g.iter().map(|s| s.peak_rss_mib).fold(0.0, f64::max),
                peak_anon_mib: g.iter().map(|s| s.peak_anon_mib).fold(0.0, f64::max),
                noise: mid(g, Sample::noise),
                errors: g.iter().map(|s| s.errors).sum(),
                ratio_to_baseline: against(g, baseline),
                ratio_to_limit: against(g, limit),
                notes,
            }
        })
        .collect()
}

fn num(v: f64) -> String {
    match v {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn opt(v: Option<f64>) -> String {
    v.map_or("-".into(), num)
}

/// The rows whose figure is worse than the baseline's, as `target scenario`.
fn behind(summary: &[Summary]) -> Vec<String> {
    summary
        .iter()
        .filter(|s| {
            s.ratio_to_baseline
                .is_some_and(|r| if s.higher_is_better { r < 1.0 } else { r > 1.0 })
        })
        .map(|s| format!("{} {}", s.target, s.scenario))
        .collect()
}

/// A Markdown table of the summary.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    let base = report.baseline.as_deref().unwrap_or("-");
    let limit = report.limit.as_deref().unwrap_or("-");
    let _ = writeln!(
        out,
        "| scenario | target | value | unit | min..max | x {base} | x {limit} | p50 ms | p99 ms | cpu s/GiB | cpu us/op | peak RSS MiB | anon MiB | noise cores |"
    );
    let _ = writeln!(out, "|---|---|--:|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for s in &report.summary {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {}..{} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            s.scenario,
            s.target,
            num(s.value),
            s.unit,
            num(s.min),
            num(s.max),
            opt(s.ratio_to_baseline),
            opt(s.ratio_to_limit),
            num(s.p50_ms),
            num(s.p99_ms),
            opt(s.cpu_per_gib),
            opt(s.cpu_us_per_op),
            num(s.peak_rss_mib),
            num(s.peak_anon_mib),
            num(s.noise),
        );
    }
    if report.baseline.is_some() {
        let behind = behind(&report.summary);
        let none = behind.is_empty();
        let _ = writeln!(
            out,
            "\nBehind {base}: {}",
            if none { "nothing".into() } else { behind.join(", ") }
        );
    }
    for s in &report.summary {
        if s.errors > 0 {
            let _ = writeln!(out, "\n! {} {}: {} errors", s.scenario, s.target, s.errors);
        }
        for n in &s.notes {
            let _ = writeln!(out, "\n! {} {}: {n}", s.scenario, s.target);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(target: &str, round: usize, value: f64) -> Sample {
        Sample {
            scenario: "pull-1".into(),
            target: target.into(),
            round,
            value,
            unit: "MiB/s".into(),
            higher_is_better: true,
            wall_s: 1.0,
            bytes: 1 << 30,
            ops: 1,
            errors: 0,
            p50_ms: 1.0,
            p95_ms: 1.0,
            p99_ms: 1.0,
            max_ms: 1.0,
            server_cpu_s: 0.5,
            client_cpu_s: 0.1,
            other_cpu_s: 0.0,
            peak_rss_mib: 10.0,
            peak_anon_mib: 5.0,
            note: None,
        }
    }

    #[test]
    fn ratios_pair_the_rounds() {
        // The second round ran on a machine half as fast: the ratio stands.
        let all = [
            sample("a", 0, 100.0),
            sample("b", 0, 200.0),
            sample("a", 1, 50.0),
            sample("b", 1, 100.0),
        ];
        let sum = summarise(&all, Some("a"), None);
        let b = sum.iter().find(|s| s.target == "b").expect("b is there");
        assert_eq!(b.ratio_to_baseline, Some(2.0));
        assert_eq!(b.cpu_per_gib, Some(0.5));
        assert_eq!(b.ratio_to_limit, None);
        assert!(behind(&sum).is_empty());
        assert_eq!(behind(&summarise(&all, Some("b"), None)), ["a pull-1"]);
    }
}
