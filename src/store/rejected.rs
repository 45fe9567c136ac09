//! Events that were not taken, kept for some days with the reason: to be looked at, and to be sent again after a fix.
//!
//! Keeping them is best effort, since their sender has been told; it never holds up events that are good. What is not
//! kept is counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    attempts::{AttemptLimits, Attempts},
    client::{Parameter, Rows, Store},
    error::StoreError,
};

/// Bounds on what is kept.
#[derive(Debug, Clone)]
pub struct RejectedLimits {
    /// Events that wait for the next flush, and bytes they take.
    pub waiting_events_max: usize,
    pub waiting_bytes_max: usize,
    /// What triggers a flush.
    pub flush_events: usize,
    pub flush_interval: Duration,
    /// A longer text is cut.
    pub raw_bytes_max: usize,
    /// Bytes on ClickHouse's disk; beyond them the oldest day goes.
    pub table_bytes_max: u64,
}

impl Default for RejectedLimits {
    fn default() -> Self {
        Self {
            waiting_events_max: 10_000,
            waiting_bytes_max: 8 * 1024 * 1024,
            flush_events: 1_000,
            flush_interval: Duration::from_secs(2),
            raw_bytes_max: 4 * 1024,
            table_bytes_max: 1024 * 1024 * 1024,
        }
    }
}

impl RejectedLimits {
    /// With the triggers of the events' own flushes.
    pub fn in_rhythm(flush_events: u64, flush_interval: Duration) -> Self {
        let defaults = Self::default();
        let flush_events =
            usize::try_from(flush_events).map_or(defaults.flush_events, |events| events.min(defaults.flush_events));
        Self { flush_events, flush_interval, ..defaults }
    }
}

/// Who refused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RejectedSource)]
pub enum Source {
    /// Validation: the sender was told.
    Ingest,
    /// ClickHouse, after the event had been accepted.
    Store,
}

/// A row of `rejected_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// Milliseconds since the epoch.
    pub received_at_ms: i64,
    pub source: Source,
    /// Position in its request, or in its segment.
    pub event_index: u32,
    pub field: String,
    pub reason: String,
    /// The event as it was sent, or the beginning of it.
    pub raw: Bytes,
}

impl RejectedEvent {
    pub(super) const INSERT_SQL: &str =
        "INSERT INTO rejected_events (received_at, source, event_index, field, reason, raw) FORMAT RowBinary";

    /// Rows as <https://clickhouse.com/docs/interfaces/formats/RowBinary>.
    pub(super) fn encode(events: &[Self]) -> Bytes {
        let mut rows = Vec::new();
        for event in events {
            rows.put_i64_le(event.received_at_ms);
            put_text(
                &mut rows,
                match event.source {
                    Source::Ingest => "ingest",
                    Source::Store => "store",
                },
            );
            rows.put_u32_le(event.event_index);
            put_text(&mut rows, &event.field);
            put_text(&mut rows, &event.reason);
            // It is shown as JSON, which has no room for other bytes.
            put_text(&mut rows, &String::from_utf8_lossy(&event.raw));
        }
        rows.into()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.field.len() + self.reason.len() + self.raw.len()
    }
}

fn put_text(row: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        row.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    row.put_u8(length as u8);
    row.put_slice(text.as_bytes());
}

/// Rejected events that were not kept, by the reason.
#[derive(Debug, Default)]
pub struct Dropped {
    /// More came than could wait.
    pub queue_full: AtomicU64,
    /// ClickHouse refused them.
    pub refused: AtomicU64,
    /// ClickHouse could not be reached before the end.
    pub ended: AtomicU64,
}

/// Where rejected events are handed over.
#[derive(Debug, Clone)]
pub struct RejectedEvents {
    queue: mpsc::Sender<Handed>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: Arc<Dropped>,
    limits: RejectedLimits,
}

/// What the writer is handed.
#[derive(Debug)]
enum Handed {
    Event(RejectedEvent),
    /// Answered when all that was handed over before is kept.
    Flush(oneshot::Sender<()>),
}

/// Waits for what was handed over. It does not hold up the end of the writer.
#[derive(Debug, Clone)]
pub struct RejectedFlush(mpsc::WeakSender<Handed>);

impl RejectedFlush {
    /// Returns when all that was handed over before is kept, or dropped, or nobody is left to keep it.
    pub async fn flushed(&self) {
        let (done, flushed) = oneshot::channel();
        let Some(queue) = self.0.upgrade() else { return };
        if queue.send(Handed::Flush(done)).await.is_ok() {
            drop(queue);
            // An error: the writer has ended.
            let _ = flushed.await;
        }
    }
}

impl RejectedEvents {
    /// The handing end, and the task that keeps them. `run_id`: drawn for this start, so that no token comes twice.
    pub fn new(
        store: Store,
        limits: RejectedLimits,
        attempt_limits: AttemptLimits,
        run_id: u64,
    ) -> (Self, RejectedWriter) {
        let (queue, received) = mpsc::channel(limits.waiting_events_max);
        let handing = Self { queue, waiting_bytes: Arc::default(), dropped: Arc::default(), limits: limits.clone() };
        let writer = RejectedWriter {
            attempts: Attempts::new(store.clone(), attempt_limits),
            store,
            received,
            waiting_bytes: Arc::clone(&handing.waiting_bytes),
            dropped: Arc::clone(&handing.dropped),
            limits,
            run_id,
            batches: 0,
        };
        (handing, writer)
    }

    /// Hands an event over, its text cut to the bound; never waits.
    pub fn push(&self, mut event: RejectedEvent) {
        // Copied: the body that it is part of must not stay in memory.
        event.raw = Bytes::copy_from_slice(&event.raw[..event.raw.len().min(self.limits.raw_bytes_max)]);
        let bytes = event.bytes();
        let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.limits.waiting_bytes_max || self.queue.try_send(Handed::Event(event)).is_err() {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.dropped.queue_full.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn flush(&self) -> RejectedFlush {
        RejectedFlush(self.queue.downgrade())
    }

    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }
}

impl Store {
    /// Drops the oldest day of what validation rejected, if `rejected_events` takes more than `bytes_max` on disk. What
    /// was accepted first stays: it is nowhere else.
    pub async fn shrink_rejected(&self, bytes_max: u64) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Oldest {
            partition_id: String,
        }
        let bytes_max = Parameter::new("bytes_max", bytes_max);
        let oldest: Vec<Oldest> = self.query_as_writer(include_str!("rejected_oldest_day.sql"), &[bytes_max]).await?;
        let Some(Oldest { partition_id }) = oldest.into_iter().next() else { return Ok(()) };
        // It comes from ClickHouse, and is made of letters and digits.
        self.execute(&format!("ALTER TABLE rejected_events DROP PARTITION ID '{partition_id}'"), true).await
    }
}

/// The task that keeps rejected events.
pub struct RejectedWriter {
    store: Store,
    attempts: Attempts,
    received: mpsc::Receiver<Handed>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: Arc<Dropped>,
    limits: RejectedLimits,
    run_id: u64,
    batches: u64,
}

impl RejectedWriter {
    /// Runs until nobody can hand over any more, and what was handed over is kept, or until it is told to give up.
    pub async fn run(mut self, give_up: CancellationToken) {
        let mut batch = Vec::new();
        if give_up.run_until_cancelled(self.keep_all(&mut batch)).await.is_none() {
            let waiting = std::iter::from_fn(|| self.received.try_recv().ok());
            let events = (batch.len() + waiting.filter(|handed| matches!(handed, Handed::Event(_))).count()) as u64;
            self.dropped.ended.fetch_add(events, Ordering::Relaxed);
            if events > 0 {
                tracing::warn!(events, "rejected events are not kept: ClickHouse did not take them in time");
            }
        }
    }

    async fn keep_all(&mut self, batch: &mut Vec<RejectedEvent>) {
        let mut flushed: Vec<oneshot::Sender<()>> = Vec::new();
        while self.gather(batch, &mut flushed).await {
            if !batch.is_empty() {
                self.keep(batch).await;
            }
            for done in flushed.drain(..) {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
            let bytes = batch.drain(..).map(|event| event.bytes()).sum();
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Waits for a first event, and from then until a flush is due or asked for; `false` after the last.
    async fn gather(&mut self, batch: &mut Vec<RejectedEvent>, flushed: &mut Vec<oneshot::Sender<()>>) -> bool {
        let Some(first) = self.received.recv().await else { return false };
        let due = tokio::time::sleep(self.limits.flush_interval);
        tokio::pin!(due);
        let mut handed = first;
        loop {
            match handed {
                Handed::Event(event) => batch.push(event),
                Handed::Flush(done) => {
                    flushed.push(done);
                    return true;
                }
            }
            if batch.len() >= self.limits.flush_events {
                return true;
            }
            handed = tokio::select! {
                next = self.received.recv() => match next {
                    Some(next) => next,
                    None => return true,
                },
                () = &mut due => return true,
            };
        }
    }

    async fn keep(&mut self, batch: &[RejectedEvent]) {
        self.batches += 1;
        let token = format!("weir-rejected-{:016x}-{}", self.run_id, self.batches);
        // The writer of events reports outages.
        let ignored = |_: &StoreError| {};
        if let Err(reason) = self.attempts.until_stored(&token, Rows::Rejected(batch), ignored).await {
            tracing::error!(events = batch.len(), reason, "ClickHouse refuses to keep rejected events");
            self.dropped.refused.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        if let Err(error) = self.store.shrink_rejected(self.limits.table_bytes_max).await {
            tracing::debug!(%error, "the size of rejected_events is not known; it is looked at after the next flush");
        }
    }
}
