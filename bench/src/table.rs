//! The tables: one with a row for each figure, its goal and whether it is met, and one with every detail.

use std::fmt::Write as _;

use crate::goals::{self, Goal, ROWS, Row, WORST_ANON};
use crate::report::{MACHINE, Report, Summary, ratio};

/// A Markdown table: each figure of Berth beside the others' in the same rounds.
pub fn goals(report: &Report) -> String {
    let names = targets(report);
    let (subjects, others) = sides(&names);
    let first = subjects.first().copied().unwrap_or_default();
    let mut out = String::from("| figure | unit |");
    for other in &others {
        let _ = write!(out, " {other} |");
    }
    out.push_str(" berth |");
    for other in compared(&others, &subjects) {
        let _ = write!(out, " x {other} |");
    }
    out.push_str(" CPU | p99 ms | peak RSS | anon | goal | met |\n|---|---|");
    out.push_str(&"--:|".repeat(others.len() + 1 + compared(&others, &subjects).len() + 4));
    out.push_str("---|---|\n");
    let mut missed = Vec::new();
    let sides = Sides {
        report,
        others: &others,
        subjects: &subjects,
    };
    for row in &ROWS {
        for &subject in &subjects {
            let Some(s) = find(report, row.scenario, subject) else {
                continue;
            };
            let label = if subjects.len() > 1 {
                format!("{}, {subject}", row.label)
            } else {
                row.label.into()
            };
            let judged = judge(row, report, s, first);
            if judged.1 == Some(false) {
                missed.push(label.clone());
            }
            line(&mut out, &sides, &label, s, &judged);
        }
    }
    for subject in &subjects {
        worst(&mut out, &sides, subject, &mut missed);
    }
    let none = missed.is_empty();
    let _ = writeln!(
        out,
        "\nNot met: {}",
        if none { "nothing".into() } else { missed.join("; ") }
    );
    remarks(&mut out, report);
    out
}

/// Every target once, in the order of the first samples.
fn targets(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for s in &report.samples {
        if !names.contains(&s.target.as_str()) {
            names.push(&s.target);
        }
    }
    names.sort_by_key(|name| (*name == MACHINE, name.starts_with("berth"), *name));
    names
}

/// The targets that are judged, and those they are compared with.
fn sides<'a>(names: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (subjects, others): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("berth"));
    if subjects.is_empty() {
        let split = others.len().min(1);
        return (others[..split].to_vec(), others[split..].to_vec());
    }
    (subjects, others)
}

/// Those that have a column of ratios.
fn compared<'a>(others: &[&'a str], subjects: &[&'a str]) -> Vec<&'a str> {
    let first = subjects.iter().take(usize::from(subjects.len() > 1));
    others.iter().chain(first).copied().collect()
}

fn find<'a>(report: &'a Report, scenario: &str, target: &str) -> Option<&'a Summary> {
    report
        .summary
        .iter()
        .find(|s| s.scenario == scenario && s.target == target)
}

/// The goals in words, and whether all of them are met that can be judged.
fn judge(row: &Row, report: &Report, s: &Summary, first: &str) -> (String, Option<bool>) {
    let goals: Vec<(Goal, bool)> = goals::of(row, report, &s.target, first)
        .into_iter()
        .filter_map(|goal| Some((goal, goal.met(report, s)?)))
        .collect();
    let words: Vec<String> = goals.iter().map(|(goal, _)| goal.wanted()).collect();
    let met = (!goals.is_empty()).then(|| goals.iter().all(|(_, met)| *met));
    (words.join(", "), met)
}

/// Whose figures stand beside whose.
struct Sides<'a> {
    report: &'a Report,
    others: &'a [&'a str],
    subjects: &'a [&'a str],
}

fn line(
    out: &mut String,
    sides: &Sides<'_>,
    label: &str,
    s: &Summary,
    (wanted, met): &(String, Option<bool>),
) {
    let Sides {
        report,
        others,
        subjects,
    } = *sides;
    let _ = write!(out, "| {label} | {} |", s.unit);
    for other in others {
        let text = find(report, &s.scenario, other).map_or("-".into(), |o| cell(o, &s.unit));
        let _ = write!(out, " {text} |");
    }
    let _ = write!(out, " {} |", num(s.value));
    for other in compared(others, subjects) {
        let _ = write!(
            out,
            " {} |",
            opt(ratio(&report.samples, &s.scenario, &s.target, other))
        );
    }
    let cpu = match (s.cpu_per_gib, s.cpu_us_per_op) {
        (Some(v), _) => format!("{} s/GiB", num(v)),
        (None, Some(v)) if v > 0.0 => format!("{} us", num(v)),
        _ => "-".into(),
    };
    let _ = writeln!(
        out,
        " {cpu} | {} | {} | {} | {wanted} | {} |",
        num(s.p99_ms),
        num(s.peak_rss_mib),
        num(s.peak_anon_mib),
        verdict(*met)
    );
}

/// A figure of somebody else, with its CPU time in brackets.
fn cell(s: &Summary, unit: &str) -> String {
    let figure = num(s.value);
    let cpu = s.cpu_per_gib.or(s.cpu_us_per_op).filter(|cpu| *cpu > 0.0);
    match cpu {
        _ if s.unit != unit => format!("{figure} {}", s.unit),
        Some(cpu) if s.unit != "ms p50" => format!("{figure} ({})", num(cpu)),
        _ => figure,
    }
}

/// The row of the worst anonymous memory of all scenarios.
fn worst(out: &mut String, sides: &Sides<'_>, subject: &str, missed: &mut Vec<String>) {
    let Sides {
        report,
        others,
        subjects,
    } = *sides;
    let most = |target: &str| {
        let of = report.summary.iter().filter(|s| s.target == target);
        of.map(|s| s.peak_anon_mib).fold(0.0, f64::max)
    };
    let label = if subjects.len() > 1 {
        format!("anonymous memory, worst, {subject}")
    } else {
        "anonymous memory, worst".into()
    };
    let _ = write!(out, "| {label} | MiB |");
    for other in others {
        let text = if *other == MACHINE {
            "-".into()
        } else {
            num(most(other))
        };
        let _ = write!(out, " {text} |");
    }
    let _ = write!(out, " {} |", num(most(subject)));
    out.push_str(&" - |".repeat(compared(others, subjects).len() + 4));
    let Goal::Anon(limit) = WORST_ANON else { return };
    let met = goals::bounds_memory(subject).then(|| most(subject) <= limit);
    if met == Some(false) {
        missed.push(label);
    }
    let wanted = if met.is_some() {
        WORST_ANON.wanted()
    } else {
        String::new()
    };
    let _ = writeln!(out, " {wanted} | {} |", verdict(met));
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "not met",
        None => "-",
    }
}

/// A Markdown table of the summary.
pub fn detail(report: &Report) -> String {
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
    remarks(&mut out, report);
    out
}

/// Further figures, errors and notes, a line for each scenario and target that has some.
fn remarks(out: &mut String, report: &Report) {
    for s in &report.summary {
        let mut parts: Vec<String> = s
            .more
            .iter()
            .map(|(name, v)| format!("{name} {}", num(*v)))
            .collect();
        parts.extend(s.notes.iter().take(1).cloned());
        if s.errors > 0 {
            parts.push(format!("{} errors", s.errors));
        }
        if !parts.is_empty() {
            let _ = writeln!(out, "\n{}, {}: {}", s.scenario, s.target, parts.join(", "));
        }
    }
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
