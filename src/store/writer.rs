//! Moves segments from the journal to ClickHouse, in order, until each is stored.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    attempts::{AttemptLimits, Attempts},
    client::{Rows, Store},
    error::StoreError,
    flush_durations::FlushDurations,
    split::{Split, split},
};
use crate::journal::{PendingSegment, SegmentQueue};

/// Bounds on flushes.
#[derive(Debug, Clone)]
pub struct WriterLimits {
    /// Least time from the start of one insert to the start of the next. Each insert makes a part, and what a part costs
    /// hardly depends on its rows: events that come faster go in larger parts. Segments that wait already do not wait for it.
    pub insert_interval_min: Duration,
    /// Age at which a slow stream's events are asked for, at the least; a ClickHouse that takes long is asked less often.
    pub flush_age_min: Duration,
    pub attempts: AttemptLimits,
    /// Inserts to take one refused segment apart: enough for a thousand events that are all refused. Beyond them, the
    /// fault is not in the events.
    pub split_inserts_max: usize,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self {
            insert_interval_min: Duration::from_millis(500),
            flush_age_min: Duration::from_millis(500),
            attempts: AttemptLimits::default(),
            split_inserts_max: 2_000,
        }
    }
}

/// A stream that has brought no event for so long has nothing to add to the next insert.
const LULL: Duration = Duration::from_millis(50);

/// How often an idle writer looks for inserted segments that have been kept long enough.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(10);

/// Inserts of a slow stream take at most one part in so many of ClickHouse's time.
const FLUSH_TIME_SHARE: u32 = 20;

/// What the last flush was like, and how many there were.
#[derive(Debug, Clone, Default)]
pub struct FlushReport {
    /// Successful flushes since the start. Answers computed before the latest are out of date.
    pub flushes: u64,
    pub events: u64,
    /// The newest of them when it was stored, by its own time in milliseconds since the epoch.
    pub newest_event_ms: Option<i64>,
    pub retries: u64,
    /// Events that ClickHouse refused for good and that are in `rejected_events`.
    pub rejected_events: u64,
    /// Events of segments that were set aside, because part of them could be put into no table.
    pub set_aside_events: u64,
    pub last: Option<LastFlush>,
    pub durations: FlushDurations,
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
    attempts: Attempts,
    queue: Arc<SegmentQueue>,
    limits: WriterLimits,
    clock: crate::clock::Clock,
    reports: watch::Sender<FlushReport>,
}

impl Writer {
    pub fn new(store: Store, queue: Arc<SegmentQueue>, limits: WriterLimits, clock: crate::clock::Clock) -> Self {
        let (reports, _) = watch::channel(FlushReport::default());
        Self { attempts: Attempts::new(store, limits.attempts.clone()), queue, limits, clock, reports }
    }

    /// Follows the flushes.
    pub fn reports(&self) -> watch::Receiver<FlushReport> {
        self.reports.subscribe()
    }

    /// Runs until the journal has ended and all of it is stored (`Ok(true)`), or until it is told to give up
    /// (`Ok(false)`); what is not stored then is sent after the next start.
    pub async fn run(mut self, give_up: CancellationToken) -> io::Result<bool> {
        tokio::select! {
            outcome = self.drain() => outcome.map(|()| true),
            () = give_up.cancelled() => Ok(false),
        }
    }

    async fn drain(&mut self) -> io::Result<()> {
        while let Some(pending) = self.next().await? {
            let started = Instant::now();
            self.flush(pending).await?;
            self.queue.want_age((started.elapsed() * FLUSH_TIME_SHARE).max(self.limits.flush_age_min));
            self.pace(started).await;
        }
        Ok(())
    }

    /// The next segment. While there is none, those that were inserted are deleted when their time is over: what people did
    /// must not stay on the disk because nobody does anything any more.
    async fn next(&self) -> io::Result<Option<PendingSegment>> {
        loop {
            match tokio::time::timeout(EXPIRY_INTERVAL, self.queue.next()).await {
                Ok(pending) => return Ok(pending),
                Err(_) => {
                    let queue = Arc::clone(&self.queue);
                    blocking(move || queue.remove_expired()).await?;
                }
            }
        }
    }

    /// Waits until the next insert may follow one that began at `started`.
    async fn pace(&self, started: Instant) {
        let mut events = self.queue.pending_events();
        // What is cut already does not grow while it waits: after an outage or a kill, it would only be late.
        while !self.queue.has_waiting() && started.elapsed() < self.limits.insert_interval_min {
            tokio::time::sleep(LULL).await;
            // Nor does what a burst has left, once the burst is over.
            if std::mem::replace(&mut events, self.queue.pending_events()) == events {
                return;
            }
        }
    }

    async fn flush(&mut self, pending: PendingSegment) -> io::Result<()> {
        let (queue, now_ms) = (Arc::clone(&self.queue), self.clock.now_ms());
        let read = blocking(move || {
            let segment = queue.read(&pending)?;
            let newest_event_ms = segment.newest_timestamp_ms(now_ms);
            Ok((segment, newest_event_ms))
        });
        let (segment, newest_event_ms) = read.await?;
        let started = Instant::now();
        let token = pending.id.token();
        let reports = &self.reports;
        let note = |error: &StoreError| note_failure(reports, error);
        let outcome = match self.attempts.until_stored(&token, Rows::Events(&segment), note).await {
            Ok(()) => Split::Placed { stored: segment.rows, rejected: 0 },
            Err(reason) => {
                let inserts_max = self.limits.split_inserts_max;
                split(&mut self.attempts, &token, &segment, reason, inserts_max, note).await
            }
        };
        let queue = Arc::clone(&self.queue);
        match outcome {
            Split::Placed { stored, rejected } => {
                blocking(move || queue.mark_stored(&pending)).await?;
                if rejected > 0 {
                    tracing::error!(
                        segment = token,
                        rejected,
                        "ClickHouse refuses events for good; see rejected_events"
                    );
                }
                // It may be among the rejected.
                let newest_event_ms = newest_event_ms.filter(|_| rejected == 0);
                self.note_success(stored, rejected, newest_event_ms, started.elapsed());
            }
            Split::Incomplete { reason } => {
                let events = segment.rows;
                tracing::error!(
                    segment = token,
                    events,
                    reason,
                    "ClickHouse refuses a segment; it is kept as .refused"
                );
                blocking(move || queue.mark_refused(&pending)).await?;
                self.reports.send_modify(|report| {
                    report.set_aside_events += events;
                    report.last_error = Some(reason);
                });
            }
        }
        Ok(())
    }

    fn note_success(&self, stored: u64, rejected: u64, newest_event_ms: Option<i64>, duration: Duration) {
        let last = LastFlush { at_ms: self.clock.now_ms(), duration, events: stored };
        self.reports.send_modify(|report| {
            report.flushes += 1;
            report.events += stored;
            report.newest_event_ms = report.newest_event_ms.max(newest_event_ms);
            report.rejected_events += rejected;
            report.last = Some(last);
            report.durations.observe(duration);
            report.last_error = None;
            if report.failing_since.take().is_some() {
                tracing::info!("ClickHouse takes events again");
            }
        });
    }
}

/// An outage is one line in the log, not one an attempt.
fn note_failure(reports: &watch::Sender<FlushReport>, error: &StoreError) {
    let text = error.to_string();
    reports.send_modify(|report| {
        report.retries += 1;
        report.failing_since.get_or_insert_with(Instant::now);
        if report.last_error.as_ref() != Some(&text) {
            tracing::warn!(error = text, "a flush failed; trying again");
            report.last_error = Some(text);
        }
    });
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
