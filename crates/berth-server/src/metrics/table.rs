//! The one table of metrics. What is answered at `/metrics`, the reference page, and the check that dashboards and alerts name
//! nothing else are made of it. A label has few values, whatever users do: no image, no user, no address is one.

mod upkeep;

use berth_registry::StoreOperation;

use super::Sources;
use super::samples::{Kind, Samples};

/// One metric.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    /// As Prometheus knows it, with `_total` at the end of a counter's and the unit before that.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    /// One sentence, without a full stop.
    pub(crate) help: &'static str,
    /// Finds its values now.
    pub(super) read: fn(&Sources<'_>, &mut Samples<'_>),
}

/// All metrics, in the order of the reference page.
pub(crate) const METRICS: &[Metric] = &joined::<{ SERVING.len() + upkeep::METRICS.len() }>();

const fn joined<const COUNT: usize>() -> [Metric; COUNT] {
    let mut all = [SERVING[0]; COUNT];
    let mut next = 0;
    while next < COUNT {
        all[next] = if next < SERVING.len() {
            SERVING[next]
        } else {
            upkeep::METRICS[next - SERVING.len()]
        };
        next += 1;
    }
    all
}

/// What requests come to.
const SERVING: &[Metric] = &[
    Metric {
        name: "berth_build_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1; the version is that of the program",
        read: |_, samples| samples.count(&[env!("CARGO_PKG_VERSION")], 1),
    },
    Metric {
        name: "berth_http_requests_total",
        kind: Kind::Counter,
        labels: &["operation", "method", "status"],
        help: "Requests that ended, by what their path is about; status none: the client went away before the answer",
        read: |from, samples| from.traffic.requests(samples),
    },
    Metric {
        name: "berth_http_request_seconds",
        kind: Kind::Histogram,
        labels: &["operation"],
        help: "Time from a request's header to the header of its response, the body of an upload included",
        read: |from, samples| from.traffic.seconds(samples),
    },
    Metric {
        name: "berth_http_received_bytes_total",
        kind: Kind::Counter,
        labels: &["operation"],
        help: "Bytes of bodies of requests",
        read: |from, samples| from.traffic.received_bytes(samples),
    },
    Metric {
        name: "berth_http_sent_bytes_total",
        kind: Kind::Counter,
        labels: &["operation"],
        help: "Bytes of bodies of responses, those that a client did not take included",
        read: |from, samples| from.traffic.sent_bytes(samples),
    },
    Metric {
        name: "berth_http_requests_running",
        kind: Kind::Gauge,
        labels: &[],
        help: "Requests from their header to the last byte of their response",
        read: |from, samples| samples.count(&[], from.traffic.running()),
    },
    Metric {
        name: "berth_http_connections",
        kind: Kind::Gauge,
        labels: &[],
        help: "Connections of clients",
        read: |from, samples| samples.count(&[], from.traffic.connections()),
    },
    Metric {
        name: "berth_overload_running",
        kind: Kind::Gauge,
        labels: &["work"],
        help: "Requests that have one of the places for requests or for uploads",
        read: |from, samples| {
            from.gate
                .each(|work, queue| samples.count(&[work], queue.running));
        },
    },
    Metric {
        name: "berth_overload_places",
        kind: Kind::Gauge,
        labels: &["work"],
        help: "Places for requests (limits.requests_max) and for uploads (limits.uploads_max)",
        read: |from, samples| from.gate.each(|work, queue| samples.count(&[work], queue.places)),
    },
    Metric {
        name: "berth_overload_waiting",
        kind: Kind::Gauge,
        labels: &["work"],
        help: "Requests that wait for such a place",
        read: |from, samples| {
            from.gate
                .each(|work, queue| samples.count(&[work], queue.waiting));
        },
    },
    Metric {
        name: "berth_overload_refused_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Requests that were told to come back because no place came free",
        read: |from, samples| samples.count(&[], from.gate.refused),
    },
    Metric {
        name: "berth_rate_held_back_total",
        kind: Kind::Counter,
        labels: &["traffic"],
        help: "Requests that came faster than a rate (limits.rate_*) and waited for their turn",
        read: |from, samples| {
            for figures in &from.registry.rates {
                samples.count(&[figures.traffic], figures.held_back);
            }
        },
    },
    Metric {
        name: "berth_rate_refused_total",
        kind: Kind::Counter,
        labels: &["traffic"],
        help: "Requests that came faster than a rate and were told to come back",
        read: |from, samples| {
            for figures in &from.registry.rates {
                samples.count(&[figures.traffic], figures.refused);
            }
        },
    },
    Metric {
        name: "berth_shut_outs",
        kind: Kind::Gauge,
        labels: &[],
        help: "Accounts and addresses that are shut out; the same at every replica",
        read: |from, samples| {
            if let Some(count) = from.registry.shut_outs {
                samples.count(&[], u64::try_from(count).unwrap_or(u64::MAX));
            }
        },
    },
    Metric {
        name: "berth_remembered_lookups_total",
        kind: Kind::Counter,
        labels: &["kind", "outcome"],
        help: "Rows that every request asks for: found in memory (hit), or read from the database (miss)",
        read: |from, samples| {
            for (kind, figures) in from.registry.remembered {
                samples.count(&[kind, "hit"], figures.hits.get());
                samples.count(&[kind, "miss"], figures.misses.get());
            }
        },
    },
    Metric {
        name: "berth_database_seconds",
        kind: Kind::Histogram,
        labels: &["access"],
        help: "Time of reading statements (read) and of transactions that write, with their commit (write)",
        read: |from, samples| {
            samples.histogram(&["read"], &from.registry.database.reads.seconds);
            samples.histogram(&["write"], &from.registry.database.writes.seconds);
        },
    },
    Metric {
        name: "berth_database_errors_total",
        kind: Kind::Counter,
        labels: &["access"],
        help: "Statements and transactions that failed because of the database",
        read: |from, samples| {
            samples.count(&["read"], from.registry.database.reads.errors.get());
            samples.count(&["write"], from.registry.database.writes.errors.get());
        },
    },
    Metric {
        name: "berth_database_retries_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Statements and transactions tried again after a collision or a lost connection; PostgreSQL",
        read: |from, samples| samples.count(&[], from.registry.database.retries.get()),
    },
    Metric {
        name: "berth_database_connections",
        kind: Kind::Gauge,
        labels: &["state"],
        help: "Connections to PostgreSQL that are used, and that are idle",
        read: |from, samples| {
            if let Some(pool) = from.registry.pool {
                let idle = (pool.idle as u64).min(u64::from(pool.open));
                samples.count(&["used"], u64::from(pool.open) - idle);
                samples.count(&["idle"], idle);
            }
        },
    },
    Metric {
        name: "berth_store_operation_seconds",
        kind: Kind::Histogram,
        labels: &["operation"],
        help: "Time of operations on the store of blobs; open is until the first bytes can be read, not the reading",
        read: |from, samples| {
            for operation in StoreOperation::ALL {
                samples.histogram(&[operation.as_str()], &from.registry.store.of(operation).seconds);
            }
        },
    },
    Metric {
        name: "berth_store_errors_total",
        kind: Kind::Counter,
        labels: &["operation"],
        help: "Operations that failed because of the store; asking for what is not there is no failure",
        read: |from, samples| {
            for operation in StoreOperation::ALL {
                samples.count(
                    &[operation.as_str()],
                    from.registry.store.of(operation).errors.get(),
                );
            }
        },
    },
    Metric {
        name: "berth_disk_cache_chunks_total",
        kind: Kind::Counter,
        labels: &["outcome"],
        help: "Chunks of 4 MiB that were read from the disk cache in front of S3 (hit), or asked of S3 (miss); nothing without a cache",
        read: |from, samples| {
            if let Some(cache) = &from.registry.cache {
                samples.count(&["hit"], cache.hits.get());
                samples.count(&["miss"], cache.misses.get());
            }
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_metric_is() {
        for (index, metric) in METRICS.iter().enumerate() {
            let name = metric.name;
            assert!(
                name.starts_with("berth_") || name.starts_with("process_"),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(
                name.ends_with("_seconds") && !name.contains("timestamp"),
                metric.kind == Kind::Histogram
                    || ["berth_jobs_overdue_seconds", "process_start_time_seconds"].contains(&name),
                "{name}"
            );
            assert!(
                !metric.help.ends_with('.') && !metric.help.contains(['|', '\n']),
                "{name}"
            );
            assert!(
                METRICS[..index].iter().all(|other| other.name != name),
                "{name} is there twice"
            );
        }
    }
}
