//! How long flushes took, as a distribution: the last one alone hides the slow ones between two looks at it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of the buckets in seconds: from a flush on an idle machine to the bound on one insert.
const BUCKETS_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Flushes that are remembered one by one: at two a second, those of eight minutes.
const RECENT_FLUSHES_MAX: usize = 1_000;

/// Successful flushes by their duration. Clones count together.
#[derive(Debug, Clone)]
pub struct FlushDurations {
    histogram: Histogram,
    recent: Arc<Mutex<VecDeque<Duration>>>,
}

/// How long the latest flushes took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentFlushes {
    pub flushes: usize,
    /// Half of them took no longer.
    pub median: Duration,
    /// 99 in 100 of them took no longer.
    pub p99: Duration,
    pub longest: Duration,
}

impl Default for FlushDurations {
    fn default() -> Self {
        Self { histogram: Histogram::new(BUCKETS_SECONDS), recent: Arc::default() }
    }
}

impl FlushDurations {
    pub fn observe(&self, duration: Duration) {
        self.histogram.observe(duration.as_secs_f64());
        let mut recent = self.lock();
        if recent.len() == RECENT_FLUSHES_MAX {
            recent.pop_front();
        }
        recent.push_back(duration);
    }

    /// For a registry of metrics.
    pub fn histogram(&self) -> Histogram {
        self.histogram.clone()
    }

    /// The latest 1,000 flushes; `None` before the first.
    pub fn recent(&self) -> Option<RecentFlushes> {
        let mut durations: Vec<_> = self.lock().iter().copied().collect();
        durations.sort_unstable();
        let longest = *durations.last()?;
        // By nearest rank, <https://en.wikipedia.org/wiki/Percentile#The_nearest-rank_method>.
        let percentile = |percent: usize| durations[(durations.len() * percent).div_ceil(100) - 1];
        Some(RecentFlushes { flushes: durations.len(), median: percentile(50), p99: percentile(99), longest })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Duration>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_flushes_are_told_by_rank_and_old_ones_are_forgotten() {
        let durations = FlushDurations::default();
        assert_eq!(durations.recent(), None);
        let of = |flushes, median, p99, longest| {
            let [median, p99, longest] = [median, p99, longest].map(Duration::from_millis);
            Some(RecentFlushes { flushes, median, p99, longest })
        };
        durations.observe(Duration::from_millis(9_000));
        assert_eq!(durations.recent(), of(1, 9_000, 9_000, 9_000));
        for millis in (1..=99).rev() {
            durations.observe(Duration::from_millis(millis));
        }
        assert_eq!(durations.recent(), of(100, 50, 99, 9_000));
        for _ in 0..RECENT_FLUSHES_MAX {
            durations.observe(Duration::from_millis(7));
        }
        assert_eq!(durations.recent(), of(RECENT_FLUSHES_MAX, 7, 7, 7));
    }
}
