//! What an operator watches, as Prometheus reads it: `/metrics` in the `OpenMetrics` text format. Which metrics there are is
//! one table; what they count is counted where it happens, and looked at here when somebody asks.

mod answer;
#[cfg(test)]
mod dashboards;
mod exposition;
mod polled;
mod process;
mod reference;
mod samples;
mod table;
mod traffic;

use std::sync::Arc;
use std::time::SystemTime;

use berth_registry::{Figures, Registry, Shared, StoredNow};

use crate::overload::{Gate, Standing};
use exposition::Scrape;
use polled::Polled;
use process::Process;

pub(crate) use answer::{listen, routes};
pub(crate) use reference::reference;
pub(crate) use traffic::{Passed, Traffic};

/// Everything of this process that is counted.
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    traffic: Arc<Traffic>,
    gate: Arc<Gate>,
    polled: Polled,
    started_at: SystemTime,
}

/// What the rows of the table read, as it is when somebody asks.
struct Sources<'a> {
    traffic: &'a Traffic,
    gate: Standing,
    registry: Figures<'a>,
    /// None when the database did not say.
    shared: Option<&'a Shared>,
    stored: Option<StoredNow>,
    process: Process,
}

impl Metrics {
    /// What is counted by these.
    pub(crate) fn new(registry: Arc<Registry>, traffic: Arc<Traffic>, gate: Arc<Gate>) -> Self {
        Self {
            polled: Polled::new(Arc::clone(&registry)),
            registry,
            traffic,
            gate,
            started_at: SystemTime::now(),
        }
    }

    /// All of it, as text.
    async fn text(&self) -> String {
        let (shared, stored) = self.polled.now().await;
        let scrape = Scrape {
            registry: Arc::clone(&self.registry),
            traffic: Arc::clone(&self.traffic),
            gate: Arc::clone(&self.gate),
            shared,
            stored,
            started_at: self.started_at,
        };
        scrape.text()
    }
}
