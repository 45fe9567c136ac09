//! How long flushes took, as a distribution: the last one alone hides the slow ones between two scrapes.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the buckets in seconds: from a flush on an idle machine to the bound on one insert.
const BUCKETS_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Successful flushes by their duration. Clones count together.
#[derive(Debug, Clone)]
pub struct FlushDurations(Histogram);

impl Default for FlushDurations {
    fn default() -> Self {
        Self(Histogram::new(BUCKETS_SECONDS))
    }
}

impl FlushDurations {
    pub fn observe(&self, duration: Duration) {
        self.0.observe(duration.as_secs_f64());
    }

    /// For a registry of metrics.
    pub fn histogram(&self) -> Histogram {
        self.0.clone()
    }
}
