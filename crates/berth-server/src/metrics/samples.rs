//! What the rows of the table find, on its way into the text.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric as _, MetricEncoder};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::histogram::Histogram;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, from the start of the process on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many were how large.
    Histogram,
}

/// Labels with their values.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Where a row of the table puts what it finds: one value for each set of values of its labels.
pub(super) struct Samples<'a> {
    kind: Kind,
    labels: &'static [&'static str],
    encoder: MetricEncoder<'a>,
    written: fmt::Result,
}

impl<'a> Samples<'a> {
    /// Samples of a metric that is described already.
    pub(super) fn of(kind: Kind, labels: &'static [&'static str], encoder: MetricEncoder<'a>) -> Self {
        Self {
            kind,
            labels,
            encoder,
            written: Ok(()),
        }
    }

    /// Whether all could be written.
    pub(super) fn written(self) -> fmt::Result {
        self.written
    }

    /// A count.
    pub(super) fn count(&mut self, labels: &[&str], value: u64) {
        let kind = self.kind;
        self.write(labels, |encoder| match kind {
            Kind::Counter => encoder.encode_counter(&value, None::<&Exemplar<Labels<'_>, u64>>),
            Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&value),
        });
    }

    /// A measure.
    pub(super) fn number(&mut self, labels: &[&str], value: f64) {
        let kind = self.kind;
        self.write(labels, |encoder| match kind {
            Kind::Counter => encoder.encode_counter(&value, None::<&Exemplar<Labels<'_>, f64>>),
            Kind::Gauge | Kind::Histogram => encoder.encode_gauge(&value),
        });
    }

    /// A distribution.
    pub(super) fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        let labels = self.labels(values);
        if self.written.is_ok() {
            let encoder = self.encoder.encode_family(&labels);
            self.written = encoder.and_then(|encoder| histogram.encode(encoder));
        }
    }

    fn write(&mut self, values: &[&str], write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result) {
        let labels = self.labels(values);
        if self.written.is_err() {
            return;
        }
        self.written = if labels.is_empty() {
            write(&mut self.encoder)
        } else {
            let encoder = self.encoder.encode_family(&labels);
            encoder.and_then(|mut encoder| write(&mut encoder))
        };
    }

    fn labels<'v>(&self, values: &[&'v str]) -> Labels<'v> {
        debug_assert_eq!(values.len(), self.labels.len(), "{:?}", self.labels);
        self.labels.iter().copied().zip(values.iter().copied()).collect()
    }
}
