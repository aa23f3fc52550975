//! What came of the requests to mirrors: added up in memory and written in batches, like counts of pulls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use berth_metadata::{Metadata, MirrorFigures};
use prometheus_client::metrics::counter::Counter;

use crate::error::Error;

/// The figures of all mirrors since the last batch, by their organisation.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    tallies: Mutex<HashMap<i64, Arc<Tally>>>,
    totals: MirrorTotals,
    /// One batch at a time.
    flushing: tokio::sync::Mutex<()>,
}

/// The figures of all mirrors together, of this process since its start.
#[derive(Clone, Debug, Default)]
pub struct MirrorTotals {
    /// Requests that were answered without fetching anything for them.
    pub hits: Counter,
    /// Requests for which something was fetched.
    pub misses: Counter,
    /// Bytes that were answered without fetching them.
    pub saved_bytes: Counter,
    /// Bytes that came from mirrored registries.
    pub fetched_bytes: Counter,
}

/// The figures of one mirror.
#[derive(Debug, Default)]
pub(super) struct Tally {
    totals: MirrorTotals,
    hits: AtomicI64,
    misses: AtomicI64,
    bytes_served: AtomicI64,
    bytes_fetched: AtomicI64,
}

impl Tally {
    /// A request was answered without fetching anything for it.
    pub(super) fn hit(&self, bytes: u64) {
        self.totals.hits.inc();
        self.totals.saved_bytes.inc_by(bytes);
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.bytes_served.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    /// Something is fetched for a request.
    pub(super) fn missed(&self) {
        self.totals.misses.inc();
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes came.
    pub(super) fn fetched(&self, bytes: u64) {
        self.totals.fetched_bytes.inc_by(bytes);
        self.bytes_fetched.fetch_add(signed(bytes), Ordering::Relaxed);
    }

    fn take(&self) -> MirrorFigures {
        MirrorFigures {
            hits: self.hits.swap(0, Ordering::Relaxed),
            misses: self.misses.swap(0, Ordering::Relaxed),
            bytes_served: self.bytes_served.swap(0, Ordering::Relaxed),
            bytes_fetched: self.bytes_fetched.swap(0, Ordering::Relaxed),
        }
    }

    fn put_back(&self, figures: MirrorFigures) {
        self.hits.fetch_add(figures.hits, Ordering::Relaxed);
        self.misses.fetch_add(figures.misses, Ordering::Relaxed);
        self.bytes_served
            .fetch_add(figures.bytes_served, Ordering::Relaxed);
        self.bytes_fetched
            .fetch_add(figures.bytes_fetched, Ordering::Relaxed);
    }
}

impl Figures {
    /// The figures of the mirror that an organisation is. There are few.
    pub(super) fn of(&self, organization_id: i64) -> Arc<Tally> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(organization_id).or_insert_with(|| {
            Arc::new(Tally {
                totals: self.totals.clone(),
                ..Tally::default()
            })
        });
        Arc::clone(tally)
    }

    /// The figures of all mirrors together.
    pub(crate) fn totals(&self) -> &MirrorTotals {
        &self.totals
    }

    /// A request was answered with what is stored.
    pub(crate) fn hit(&self, organization_id: i64, bytes: u64) {
        self.of(organization_id).hit(bytes);
    }

    /// Writes what was counted; what cannot be written stays counted.
    pub(crate) async fn flush(&self, metadata: &Metadata) -> Result<(), Error> {
        let _turn = self.flushing.lock().await;
        let tallies: Vec<_> = {
            let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = tallies
                .iter()
                .map(|(id, tally)| (*id, Arc::clone(tally), tally.take()))
                .filter(|(.., figures)| *figures != MirrorFigures::default())
                .collect();
            // Nobody finds it while the map is locked, so that one of ours alone cannot change any more.
            tallies.retain(|_, tally| Arc::strong_count(tally) > 1);
            taken
        };
        if tallies.is_empty() {
            return Ok(());
        }
        let figures = tallies.iter().map(|(id, _, figures)| (*id, *figures)).collect();
        let added = metadata.add_mirror_figures(figures).await;
        if added.is_err() {
            for (id, _, figures) in tallies {
                self.of(id).put_back(figures);
            }
        }
        Ok(added?)
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
