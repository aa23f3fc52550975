//! Dashboards and alerts in `deploy/observability`: whether they name nothing but what the table has. Whether Prometheus takes
//! their expressions is proven with itself, in the tests of the program.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::samples::Kind;
use super::table::METRICS;

/// Words of the language that stand where a name could.
const WORDS: &[&str] = &[
    "sum",
    "max",
    "min",
    "avg",
    "count",
    "by",
    "without",
    "rate",
    "increase",
    "time",
    "histogram_quantile",
    "and",
    "or",
    "unless",
    "on",
    "ignoring",
    "label_values",
];
/// What Prometheus says of each sample itself, and `up`, which it makes.
const OWN_LABELS: &[&str] = &["instance", "job"];
const OWN_METRICS: &[&str] = &["up"];

fn deployed(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy/observability")
        .join(name);
    std::fs::read_to_string(file).expect("it is there")
}

/// The expressions of the dashboard, with the queries of its variables.
fn of_dashboard() -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if name == "expr" || name == "definition" => {
                            found.push(text.clone());
                        }
                        value => collect(value, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    let dashboard = serde_json::from_str(&deployed("grafana-dashboard.json")).expect("it is JSON");
    collect(&dashboard, &mut found);
    found
}

fn of_alerts() -> Vec<String> {
    let rules = deployed("alerts.yaml");
    let lines = rules.lines().map(str::trim);
    let found: Vec<String> = lines
        .clone()
        .filter_map(|line| line.strip_prefix("expr: "))
        .map(str::to_owned)
        .collect();
    let alerts = lines.filter(|line| line.starts_with("- alert:")).count();
    assert_eq!(found.len(), alerts, "an expression stands on one line");
    found
}

/// The names in an expression: what is within strings and ranges is none.
fn names(expression: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let length = match first {
            '"' => rest[1..].find('"').expect("a string has an end") + 2,
            '[' => rest.find(']').expect("a range has an end") + 1,
            _ if is_part(first) => {
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                if !first.is_ascii_digit() {
                    names.push(&rest[..length]);
                }
                length
            }
            _ => first.len_utf8(),
        };
        rest = &rest[length..];
    }
    names
}

/// What is wrong with the names in an expression.
fn unknown(expression: &str) -> Option<String> {
    let mut labels: BTreeSet<&str> = OWN_LABELS.iter().copied().collect();
    let mut others = Vec::new();
    let mut has_metric = false;
    for name in names(expression) {
        let found = METRICS
            .iter()
            .find(|metric| match name.strip_prefix(metric.name) {
                Some("") => metric.kind != Kind::Histogram,
                Some("_bucket" | "_sum" | "_count") => metric.kind == Kind::Histogram,
                _ => false,
            });
        match found {
            Some(metric) => {
                has_metric = true;
                labels.extend(metric.labels);
                if name.ends_with("_bucket") {
                    labels.insert("le");
                }
            }
            None if OWN_METRICS.contains(&name) => has_metric = true,
            None if WORDS.contains(&name) => {}
            None => others.push(name),
        }
    }
    let wrong = others.into_iter().find(|name| !labels.contains(name));
    let wrong = wrong.map(|name| format!("{name} is neither a metric nor a label of one"));
    wrong.or_else(|| (!has_metric).then(|| "no metric is named".to_owned()))
}

#[test]
fn dashboards_and_alerts_name_metrics_and_labels_that_there_are() {
    let all = [of_dashboard(), of_alerts()].concat();
    assert!(all.len() > 60, "{all:?}");
    for expression in all {
        if let Some(wrong) = unknown(&expression) {
            panic!("{expression}: {wrong}");
        }
    }
}

#[test]
fn every_metric_but_details_is_on_the_dashboard() {
    let all = of_dashboard();
    let named: BTreeSet<&str> = all.iter().flat_map(|expression| names(expression)).collect();
    for metric in METRICS {
        let is_there = ["", "_bucket", "_count"]
            .iter()
            .any(|end| named.contains(format!("{}{end}", metric.name).as_str()));
        assert!(is_there, "{} is on no panel", metric.name);
    }
}

#[test]
fn a_name_that_there_is_not_is_found_out() {
    for (expression, wrong) in [
        ("sum(rate(berth_http_requests_total[5m]))", None),
        (
            "sum by (status) (berth_http_requests_total{method=\"made_up\"})",
            None,
        ),
        (
            "sum(rate(berth_http_request_total[5m]))",
            Some("berth_http_request_total"),
        ),
        ("berth_http_requests_total{code=\"200\"}", Some("code")),
        ("sum by (le) (berth_http_requests_total)", Some("le")),
        ("berth_http_request_seconds", Some("berth_http_request_seconds")),
        ("berth_jobs_waiting_bucket", Some("berth_jobs_waiting_bucket")),
        ("time()", Some("no metric")),
    ] {
        let found = unknown(expression);
        assert_eq!(found.is_some(), wrong.is_some(), "{expression}: {found:?}");
        if let Some(wrong) = wrong {
            assert!(found.unwrap().starts_with(wrong), "{expression}");
        }
    }
}
