//! The reference page, docs/reference/metrics.md.

use std::fmt::Write as _;

use super::samples::Kind;
use super::table::METRICS;

/// What node agents answer at their own `/metrics`.
const AGENT: &[(&str, &str)] = &[
    (
        "berth_agent_peer_bytes_total",
        "Bytes of chunks that came from other agents",
    ),
    (
        "berth_agent_registry_bytes_total",
        "Bytes of blobs that came from the registry",
    ),
    (
        "berth_agent_served_bytes_total",
        "Bytes of blobs given to clients of this node",
    ),
    (
        "berth_agent_shared_bytes_total",
        "Bytes of chunks given to other agents",
    ),
    ("berth_agent_wrong_chunks_total", "Chunks with a wrong checksum"),
    (
        "berth_agent_busy_total",
        "Requests of other agents that were told to come back",
    ),
    (
        "berth_agent_through_total",
        "Answers that went on straight from the registry",
    ),
    ("berth_agent_cache_bytes", "Bytes of blobs in the cache"),
    ("berth_agent_cache_limit_bytes", "Most bytes of the cache"),
];

/// The page.
pub(crate) fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         <!-- Made by `berth reference metrics` from the table in crates/berth-server/src/metrics/table.rs. -->\n\n\
         What a server answers at `/metrics`, in the OpenMetrics text format, once [it is told where](settings.md#metrics) and to\n\
         whom: [how to watch a server](../how-to/monitoring.md). Counters and histograms are those of one process since its start;\n\
         what is \"the same at every replica\" comes from the database and is not added up over replicas. Labels have few values,\n\
         whatever users do: no image, user or address is one.\n\n\
         | metric | type | labels | what it is |\n| --- | --- | --- | --- |\n",
    );
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {} |",
            metric.name,
            labels.join(", "),
            metric.help
        );
    }
    page.push_str(
        "\n# Node agents\n\nA [node agent](../how-to/agents.md) answers these at `/metrics` of its own address.\n\n\
         | metric | what it is |\n| --- | --- |\n",
    );
    for (name, help) in AGENT {
        let _ = writeln!(page, "| `{name}` | {help} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_page_in_the_repository_is_that_of_the_table() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
        let there = std::fs::read_to_string(page).unwrap_or_default();
        assert!(
            there == super::reference(),
            "docs/reference/metrics.md is not what the table says; run `make docs`"
        );
    }
}
