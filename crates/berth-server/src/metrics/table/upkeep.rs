//! Metrics of what goes on beside requests: mirrors, jobs, maintenance, nodes, what is stored, and the process.

use super::Metric;
use crate::metrics::samples::Kind;

/// See [`super::METRICS`].
pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "berth_mirror_requests_total",
        kind: Kind::Counter,
        labels: &["outcome"],
        help: "Requests to mirrors that were answered with what is here (hit), or for which something was fetched (miss)",
        read: |from, samples| {
            samples.count(&["hit"], from.registry.mirrors.hits.get());
            samples.count(&["miss"], from.registry.mirrors.misses.get());
        },
    },
    Metric {
        name: "berth_mirror_fetched_bytes_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Bytes that came from mirrored registries",
        read: |from, samples| samples.count(&[], from.registry.mirrors.fetched_bytes.get()),
    },
    Metric {
        name: "berth_mirror_saved_bytes_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Bytes that mirrors answered without fetching them",
        read: |from, samples| samples.count(&[], from.registry.mirrors.saved_bytes.get()),
    },
    Metric {
        name: "berth_mirror_upstream_budget_remaining",
        kind: Kind::Gauge,
        labels: &["registry"],
        help: "Requests that a mirrored registry will answer yet, as it last told this process; of several mirrors of it the least, and of 50 registries at most",
        read: |from, samples| {
            for (registry, budget) in &from.registry.budgets {
                samples.count(&[registry], budget.remaining);
            }
        },
    },
    Metric {
        name: "berth_mirror_upstream_budget_limit",
        kind: Kind::Gauge,
        labels: &["registry"],
        help: "Requests that it answers in a window of time, when it says so",
        read: |from, samples| {
            for (registry, budget) in &from.registry.budgets {
                if let Some(limit) = budget.limit {
                    samples.count(&[registry], limit);
                }
            }
        },
    },
    Metric {
        name: "berth_jobs_waiting",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "Jobs that nobody does now, those that are due later included; the same at every replica",
        read: |from, samples| {
            for job in from.shared.iter().flat_map(|shared| &shared.jobs) {
                samples.count(&[&job.kind], job.waiting.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_jobs_overdue_seconds",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "How long the job that waits longest has been due; the same at every replica",
        read: |from, samples| {
            for job in from.shared.iter().flat_map(|shared| &shared.jobs) {
                let overdue_ms = job
                    .due_at
                    .map_or(0, |due| (berth_registry::now_ms() - due).max(0));
                samples.number(&[&job.kind], seconds(overdue_ms));
            }
        },
    },
    Metric {
        name: "berth_job_lanes_paused",
        kind: Kind::Gauge,
        labels: &[],
        help: "Places outside whose jobs wait because they do not answer; the same at every replica",
        read: |from, samples| {
            if let Some(shared) = from.shared {
                samples.count(&[], shared.paused_lanes.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_jobs_running",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "Jobs that this process does now",
        read: |from, samples| {
            for (kind, figures) in &from.registry.jobs {
                samples.count(&[kind], figures.running.get().unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_job_turns_total",
        kind: Kind::Counter,
        labels: &["kind", "outcome"],
        help: "Turns of jobs that ended here: nothing is left to do (done), it goes on later (postponed), or it failed and is tried again (failed)",
        read: |from, samples| {
            for (kind, figures) in &from.registry.jobs {
                samples.count(&[kind, "done"], figures.done.get());
                samples.count(&[kind, "postponed"], figures.postponed.get());
                samples.count(&[kind, "failed"], figures.failed.get());
            }
        },
    },
    Metric {
        name: "berth_job_turn_seconds",
        kind: Kind::Histogram,
        labels: &["kind"],
        help: "Time of such turns",
        read: |from, samples| {
            for (kind, figures) in &from.registry.jobs {
                samples.histogram(&[kind], &figures.seconds);
            }
        },
    },
    Metric {
        name: "berth_maintenance_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["kind"],
        help: "When the last reclaim, scrub or backup of any replica ended well, in seconds since 1970",
        read: |from, samples| {
            for (kind, at) in from.shared.iter().flat_map(|shared| &shared.maintained_at) {
                samples.number(&[kind], seconds(*at));
            }
        },
    },
    Metric {
        name: "berth_stored_bytes",
        kind: Kind::Gauge,
        labels: &["use"],
        help: "Bytes in the store, as the rows say: of blobs, waiting to be deleted (reclaim), kept because they are wrong (quarantine), of unfinished uploads; counted every 5 minutes at most",
        read: |from, samples| {
            if let Some(bytes) = from.stored.map(|stored| stored.bytes) {
                samples.count(&["blobs"], bytes.blob_bytes.unsigned_abs());
                samples.count(&["reclaim"], bytes.reclaim_bytes.unsigned_abs());
                samples.count(&["quarantine"], bytes.quarantine_bytes.unsigned_abs());
                samples.count(&["uploads"], bytes.upload_bytes.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_blobs",
        kind: Kind::Gauge,
        labels: &[],
        help: "Blobs, damaged ones included; counted every 5 minutes at most",
        read: |from, samples| {
            if let Some(stored) = from.stored {
                samples.count(&[], stored.blobs.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_blobs_damaged",
        kind: Kind::Gauge,
        labels: &[],
        help: "Blobs whose bytes were found missing or wrong; counted every 5 minutes at most",
        read: |from, samples| {
            if let Some(stored) = from.stored {
                samples.count(&[], stored.damaged.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_uploads_open",
        kind: Kind::Gauge,
        labels: &[],
        help: "Uploads that are not finished; counted every 5 minutes at most",
        read: |from, samples| {
            if let Some(stored) = from.stored {
                samples.count(&[], stored.uploads.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_agents_connected",
        kind: Kind::Gauge,
        labels: &[],
        help: "Node agents that are connected to any replica",
        read: |from, samples| {
            if let Some(shared) = from.shared {
                samples.count(&[], shared.agents.unsigned_abs());
            }
        },
    },
    Metric {
        name: "berth_swarm_blobs",
        kind: Kind::Gauge,
        labels: &[],
        help: "Blobs that node agents share and this process tracks",
        read: |from, samples| samples.count(&[], from.registry.swarm.swarms as u64),
    },
    Metric {
        name: "berth_swarm_peers",
        kind: Kind::Gauge,
        labels: &[],
        help: "Agents of all those blobs, one for each blob that it shares",
        read: |from, samples| samples.count(&[], from.registry.swarm.peers as u64),
    },
    Metric {
        name: "berth_swarm_leases",
        kind: Kind::Gauge,
        labels: &[],
        help: "Chunks of those blobs that some agent is to fetch from the registry now",
        read: |from, samples| samples.count(&[], from.registry.swarm.leases as u64),
    },
    Metric {
        name: "process_cpu_seconds_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Time that processors worked for this process",
        read: |from, samples| {
            if let Some(value) = from.process.cpu_seconds {
                samples.number(&[], value);
            }
        },
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory that this process takes, mapped files included",
        read: |from, samples| {
            if let Some(value) = from.process.resident_bytes {
                samples.count(&[], value);
            }
        },
    },
    Metric {
        name: "process_threads",
        kind: Kind::Gauge,
        labels: &[],
        help: "Threads",
        read: |from, samples| {
            if let Some(value) = from.process.threads {
                samples.count(&[], value);
            }
        },
    },
    Metric {
        name: "process_open_fds",
        kind: Kind::Gauge,
        labels: &[],
        help: "Open files and connections",
        read: |from, samples| {
            if let Some(value) = from.process.open_files {
                samples.count(&[], value);
            }
        },
    },
    Metric {
        name: "process_max_fds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The most that may be open",
        read: |from, samples| {
            if let Some(value) = from.process.open_files_max {
                samples.count(&[], value);
            }
        },
    },
    Metric {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When this process began, in seconds since 1970",
        read: |from, samples| samples.number(&[], from.process.started_at_seconds),
    },
];

#[expect(clippy::cast_precision_loss, reason = "of milliseconds in centuries")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}
