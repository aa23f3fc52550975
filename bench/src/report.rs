//! Samples and their summary: medians, and ratios within a round.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::stats::median;

/// The target whose figures are what the machine itself can do.
pub const MACHINE: &str = "machine";

/// One measured run of one scenario against one target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// Further figures by name.
    #[serde(default)]
    pub more: BTreeMap<String, f64>,
}

impl Sample {
    /// Nothing measured yet.
    pub fn new(scenario: &str, target: &str) -> Self {
        Self {
            scenario: scenario.into(),
            target: target.into(),
            ..Self::default()
        }
    }

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
    #[serde(default)]
    pub more: BTreeMap<String, f64>,
}

#[derive(Default, Serialize, Deserialize)]
pub struct Report {
    pub started: String,
    pub label: String,
    pub cpus: usize,
    pub params: serde_json::Value,
    pub baseline: Option<String>,
    pub limit: Option<String>,
    /// Whether the servers spoke TLS.
    #[serde(default)]
    pub tls: bool,
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
                ratio_to_baseline: baseline.and_then(|other| ratio(samples, &key.0, &key.1, other)),
                ratio_to_limit: limit.and_then(|other| ratio(samples, &key.0, &key.1, other)),
                notes,
                more: medians(g),
            }
        })
        .collect()
}

/// The medians of what the samples tell besides.
fn medians(group: &[&Sample]) -> BTreeMap<String, f64> {
    let names: BTreeSet<&String> = group.iter().flat_map(|s| s.more.keys()).collect();
    let of = |name: &String| {
        median(
            &group
                .iter()
                .filter_map(|s| s.more.get(name).copied())
                .collect::<Vec<_>>(),
        )
    };
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}

/// The median over rounds of one target's value over another's in the same round.
pub fn ratio(samples: &[Sample], scenario: &str, target: &str, other: &str) -> Option<f64> {
    let of = |name: &str| {
        let name = name.to_string();
        samples
            .iter()
            .filter(move |s| s.scenario == scenario && s.target == name)
    };
    let ratios: Vec<f64> = of(target)
        .filter_map(|s| {
            let peer = of(other).find(|o| o.round == s.round && o.unit == s.unit)?;
            (peer.value > 0.0).then(|| s.value / peer.value)
        })
        .collect();
    (!ratios.is_empty()).then(|| median(&ratios))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(target: &str, round: usize, value: f64) -> Sample {
        Sample {
            round,
            value,
            unit: "MiB/s".into(),
            higher_is_better: true,
            wall_s: 1.0,
            bytes: 1 << 30,
            ops: 1,
            server_cpu_s: 0.5,
            ..Sample::new("pull-1", target)
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
    }
}
