//! Moves segments from the journal to ClickHouse, in order, until each is stored.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{client::Store, error::StoreError};
use crate::journal::{PendingSegment, Segment, SegmentQueue};

/// Bounds on attempts.
#[derive(Debug, Clone)]
pub struct WriterLimits {
    /// Least time from the start of one insert to the start of the next. Each insert makes a part, and what a part costs
    /// hardly depends on its rows: events that come faster go in larger parts.
    pub insert_interval_min: Duration,
    /// Wait after the first failure; doubled after each further one, with jitter.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self {
            insert_interval_min: Duration::from_millis(200),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
        }
    }
}

/// What the last flush was like, and how many there were.
#[derive(Debug, Clone, Default)]
pub struct FlushReport {
    /// Successful flushes since the start. Answers computed before the latest are out of date.
    pub flushes: u64,
    pub events: u64,
    pub retries: u64,
    pub refused_events: u64,
    pub last: Option<LastFlush>,
    /// Since when ClickHouse has been failing, if the last attempt failed.
    pub failing_since: Option<Instant>,
    pub last_error: Option<String>,
}

/// One successful flush.
#[derive(Debug, Clone, Copy)]
pub struct LastFlush {
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    pub duration: Duration,
    pub events: u64,
}

/// The task that flushes.
pub struct Writer {
    store: Store,
    queue: Arc<SegmentQueue>,
    limits: WriterLimits,
    clock: crate::clock::Clock,
    reports: watch::Sender<FlushReport>,
}

impl Writer {
    pub fn new(store: Store, queue: Arc<SegmentQueue>, limits: WriterLimits, clock: crate::clock::Clock) -> Self {
        let (reports, _) = watch::channel(FlushReport::default());
        Self { store, queue, limits, clock, reports }
    }

    /// Follows the flushes.
    pub fn reports(&self) -> watch::Receiver<FlushReport> {
        self.reports.subscribe()
    }

    /// Runs until the journal has ended and all of it is stored (`Ok(true)`), or until it is told to give up
    /// (`Ok(false)`); what is not stored then is sent after the next start.
    pub async fn run(self, give_up: CancellationToken) -> io::Result<bool> {
        tokio::select! {
            outcome = self.drain() => outcome.map(|()| true),
            () = give_up.cancelled() => Ok(false),
        }
    }

    async fn drain(&self) -> io::Result<()> {
        while let Some(pending) = self.queue.next().await {
            let started = Instant::now();
            self.flush(pending).await?;
            tokio::time::sleep_until((started + self.limits.insert_interval_min).into()).await;
        }
        Ok(())
    }

    /// Repeats until success (`true`) or a permanent error (`false`).
    async fn insert(&self, token: &str, segment: &Segment) -> bool {
        let mut backoff = self.limits.backoff_min;
        loop {
            match self.store.insert(token, segment).await {
                Ok(()) => return true,
                Err(error) => {
                    self.note_failure(&error);
                    if error.is_permanent() {
                        return false;
                    }
                }
            }
            tokio::time::sleep(jittered(backoff)).await;
            backoff = (backoff * 2).min(self.limits.backoff_max);
        }
    }

    async fn flush(&self, pending: PendingSegment) -> io::Result<()> {
        let queue = Arc::clone(&self.queue);
        let segment = blocking(move || queue.read(&pending)).await?;
        let started = Instant::now();
        let token = pending.id.token();
        let stored = self.insert(&token, &segment).await;
        let queue = Arc::clone(&self.queue);
        if stored {
            blocking(move || queue.mark_stored(&pending)).await?;
            self.note_success(&segment, started.elapsed());
        } else {
            tracing::error!(
                segment = token,
                events = segment.rows,
                "ClickHouse refuses a segment for good; it is kept in a .refused file"
            );
            blocking(move || queue.mark_refused(&pending)).await?;
            self.reports.send_modify(|report| report.refused_events += segment.rows);
        }
        Ok(())
    }

    fn note_success(&self, segment: &Segment, duration: Duration) {
        let last = LastFlush { at_ms: self.clock.now_ms(), duration, events: segment.rows };
        self.reports.send_modify(|report| {
            report.flushes += 1;
            report.events += segment.rows;
            report.last = Some(last);
            report.last_error = None;
            if report.failing_since.take().is_some() {
                tracing::info!("ClickHouse takes events again");
            }
        });
    }

    /// An outage is one line in the log, not one an attempt.
    fn note_failure(&self, error: &StoreError) {
        let text = error.to_string();
        self.reports.send_modify(|report| {
            report.retries += 1;
            report.failing_since.get_or_insert_with(Instant::now);
            if report.last_error.as_ref() != Some(&text) {
                tracing::warn!(error = text, "a flush failed; trying again");
                report.last_error = Some(text);
            }
        });
    }
}

/// Between half and the whole of `wait`, so that many nodes do not come back at once.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::random_range(0.5..=1.0))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
