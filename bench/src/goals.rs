//! What Berth has set itself for each figure, and whether a figure meets it.

use crate::report::{MACHINE, Report, Summary, ratio};

/// One condition on one row.
#[derive(Clone, Copy)]
pub enum Goal {
    /// At least this share of what another target makes in the same round.
    Of(&'static str, f64),
    /// The same of CNCF Distribution, where this many of the old docker-registry make one of it.
    OfDistribution(f64, f64),
    /// At most this many CPU seconds per GiB.
    Cpu(f64),
    /// At most this many MiB resident at the peak.
    Rss(f64),
    /// At most this much anonymous memory, MiB.
    Anon(f64),
    /// At most this value, in the row's unit.
    AtMost(f64),
    /// At most this many times a further figure of the same run.
    Times(&'static str, f64),
    /// A further figure is at most this.
    More(&'static str, f64),
    /// No request failed in a way it should not have.
    NoErrors,
}

/// A row of the table: the scenario, what it is called, and its goals.
pub struct Row {
    pub scenario: &'static str,
    pub label: &'static str,
    pub goals: &'static [Goal],
}

const NGINX: &str = "nginx";
/// CNCF Distribution of the current line.
const DISTRIBUTION: &str = "distribution";
/// Its version 2.8, which distributions of Linux ship.
const OLD: &str = "docker-registry";
const ANON_MAX: f64 = 96.0;
const TLS_SHARE: f64 = 0.9;
/// What a read over PostgreSQL makes of the same one over SQLite.
const POSTGRES_SHARE: f64 = 0.7;

const fn row(scenario: &'static str, label: &'static str, goals: &'static [Goal]) -> Row {
    Row {
        scenario,
        label,
        goals,
    }
}

/// All rows that have goals, in the order of the table.
pub const ROWS: [Row; 19] = [
    row(
        "pull-1",
        "pull, 1 connection",
        &[Goal::Of(NGINX, 0.95), Goal::Cpu(0.15)],
    ),
    row(
        "pull-8",
        "pull, 8 connections",
        &[Goal::Of(NGINX, 0.95), Goal::Cpu(0.15)],
    ),
    row(
        "cluster-pull",
        "nodes pull one image",
        &[Goal::Of(NGINX, 0.95), Goal::Rss(64.0)],
    ),
    row(
        "manifest-get",
        "manifest GET by tag, c=64",
        &[Goal::Of(NGINX, 0.5), Goal::OfDistribution(8.0, 3.5)],
    ),
    row(
        "manifest-head",
        "manifest HEAD by tag, c=64",
        &[Goal::Of(NGINX, 0.5)],
    ),
    row("blob-head", "blob HEAD, c=64", &[Goal::Of(NGINX, 0.5)]),
    row(
        "push-mono",
        "push, POST and PUT",
        &[Goal::Of(MACHINE, 0.85), Goal::Cpu(1.3)],
    ),
    row(
        "push-patch",
        "push, streamed PATCH",
        &[Goal::Of(MACHINE, 0.85), Goal::Cpu(1.3)],
    ),
    row("push-ranges", "push, ranged PATCHes", &[]),
    row(
        "push-par",
        "pushes, 8 at once",
        &[Goal::Of(MACHINE, 0.9), Goal::Cpu(1.4)],
    ),
    row("push-crowd", "pushes, 64 at once", &[Goal::Anon(ANON_MAX)]),
    row(
        "small-push",
        "small images, c=16",
        &[Goal::OfDistribution(5.0, 2.4)],
    ),
    row("tags-page", "tags n=100", &[Goal::AtMost(1.0)]),
    row("tags-list", "all 10,000 tags", &[Goal::AtMost(5.0)]),
    row("start", "start to first answer", &[Goal::AtMost(300.0)]),
    row(
        "idle",
        "GET beside idle connections",
        &[
            Goal::Times("p50 alone ms", 1.5),
            Goal::Anon(ANON_MAX),
            Goal::NoErrors,
        ],
    ),
    row(
        "crowd",
        "GET beside slow pulls",
        &[
            Goal::Times("p50 alone ms", 2.0),
            Goal::Anon(ANON_MAX),
            Goal::NoErrors,
        ],
    ),
    row(
        "overload",
        "GET, too many clients",
        &[Goal::More("recovery ms", 1000.0), Goal::NoErrors],
    ),
    row(
        "overload-push",
        "push, too many clients",
        &[Goal::More("recovery ms", 1000.0), Goal::NoErrors],
    ),
];

/// The goal of the last row: the worst of all others.
pub const WORST_ANON: Goal = Goal::Anon(ANON_MAX);

const READS: [&str; 8] = [
    "pull-1",
    "pull-8",
    "cluster-pull",
    "manifest-get",
    "manifest-head",
    "blob-head",
    "tags-page",
    "tags-list",
];

/// Whether the goal for memory holds for this target: one Berth alone, whose uploads need not wait in memory for a store.
pub fn bounds_memory(target: &str) -> bool {
    !matches!(target, "berth-replicas" | "berth-s3" | "berth-redirect")
}

/// The goals of a row that can be judged in this report, for one of its targets; `first` is the first Berth of the run.
pub fn of(row: &Row, report: &Report, target: &str, first: &str) -> Vec<Goal> {
    let stated: Vec<Goal> = row
        .goals
        .iter()
        .filter_map(|goal| match *goal {
            // What TLS costs has a goal of its own; the CPU time of the cipher comes on top of the plain goals.
            Goal::Of(other, _) if report.tls && other == NGINX && row.label.contains("pull") => {
                Some(Goal::Of(other, TLS_SHARE))
            }
            Goal::Cpu(_) | Goal::Rss(_) if report.tls => None,
            Goal::OfDistribution(share, _) if report.summary.iter().any(|s| s.target == DISTRIBUTION) => {
                Some(Goal::Of(DISTRIBUTION, share))
            }
            Goal::OfDistribution(share, times) => Some(Goal::Of(OLD, share * times)),
            other => Some(other),
        })
        .collect();
    match target {
        "berth" | "berth-other" => stated,
        target if target == first && target == "berth-postgres" => stated,
        "berth-postgres" if READS.contains(&row.scenario) => vec![Goal::Of("berth", POSTGRES_SHARE)],
        // What lies between costs what it costs; the columns beside it tell.
        _ => Vec::new(),
    }
}

impl Goal {
    /// What is wanted, in words.
    pub fn wanted(self) -> String {
        match self {
            Self::Of(MACHINE, share) => format!("≥ {share} of the limit"),
            Self::Of(other, share) => format!("≥ {share} x {other}"),
            Self::OfDistribution(share, _) => format!("≥ {share} x {DISTRIBUTION}"),
            Self::Cpu(most) => format!("CPU ≤ {most} s/GiB"),
            Self::Rss(most) => format!("RSS ≤ {most} MiB"),
            Self::Anon(most) => format!("anon ≤ {most} MiB"),
            Self::AtMost(most) => format!("≤ {most} ms"),
            Self::Times(what, times) => format!("≤ {times} x {what}"),
            Self::More(what, most) => format!("{what} ≤ {most}"),
            Self::NoErrors => "no errors".into(),
        }
    }

    /// Whether the figure meets it; nothing when the run did not measure what it takes to say so.
    pub fn met(self, report: &Report, s: &Summary) -> Option<bool> {
        match self {
            Self::Of(other, share) => {
                let ratio = ratio(&report.samples, &s.scenario, &s.target, other)?;
                Some(if s.higher_is_better {
                    ratio >= share
                } else {
                    ratio <= 1.0 / share
                })
            }
            // Turned into one of the others by `of`.
            Self::OfDistribution(..) => None,
            Self::Cpu(most) => s.cpu_per_gib.map(|cpu| cpu <= most),
            Self::Rss(most) => (s.peak_rss_mib > 0.0).then_some(s.peak_rss_mib <= most),
            Self::Anon(most) => (s.peak_anon_mib > 0.0).then_some(s.peak_anon_mib <= most),
            Self::AtMost(most) => Some(s.value <= most),
            Self::Times(what, times) => s.more.get(what).map(|than| s.value <= times * than),
            Self::More(what, most) => s.more.get(what).map(|value| *value <= most),
            Self::NoErrors => Some(s.errors == 0),
        }
    }
}
