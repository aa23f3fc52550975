//! The text that Prometheus reads, made of the table and what its rows find.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use berth_registry::{Registry, Shared, StoredNow};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry;

use super::Sources;
use super::process::Process;
use super::samples::{Kind, Samples};
use super::table::METRICS;
use super::traffic::Traffic;
use crate::overload::Gate;

/// Everything that rows read, at one moment.
pub(super) struct Scrape {
    pub(super) registry: Arc<Registry>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) gate: Arc<Gate>,
    pub(super) shared: Option<Shared>,
    pub(super) stored: Option<StoredNow>,
    pub(super) started_at: SystemTime,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

impl Scrape {
    /// It as text.
    pub(super) fn text(self) -> String {
        let mut registry = registry::Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry).expect("a string takes everything");
        text
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = Sources {
            traffic: &self.traffic,
            gate: self.gate.standing(),
            registry: self.registry.figures(),
            shared: self.shared.as_ref(),
            stored: self.stored,
            process: Process::now(self.started_at),
        };
        for metric in METRICS {
            // The encoder puts the end of a counter's name there itself.
            let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let described = encoder.encode_descriptor(name, metric.help, None, kind)?;
            let mut samples = Samples::of(metric.kind, metric.labels, described);
            (metric.read)(&sources, &mut samples);
            samples.written()?;
        }
        Ok(())
    }
}
