//! The metrics of ingestion, in the text format that Prometheus scrapes
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{
    rejected_counts::{RejectedCount, RejectedCounts},
    taken::Taken,
};
use crate::{
    journal::Depth,
    store::{Dropped, FlushDurations, FlushReport},
};

pub const CONTENT_TYPE_VALUE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counts what the routes see, and shows what the stages behind them report.
pub struct IngestMetrics {
    registry: Registry,
    pub rejected: RejectedCounts,
    events_accepted: Counter,
    events_duplicate: Counter,
    events_corrected: Counter,
    events_late: Counter,
    events_future: Counter,
    events_rejected: Family<RejectedLabels, Counter>,
    events_ignored: Family<ReasonLabels, Counter>,
    rejected_events_dropped: Family<ReasonLabels, Counter>,
    requests_failed: Family<FailedLabels, Counter>,
    connections_open: Gauge,
    requests_in_flight: Gauge,
    bodies_bytes: Gauge,
    journal_events: Gauge,
    journal_bytes: Gauge,
    journal_segments: Gauge,
    journal_damaged_segments: Gauge,
    journal_set_aside_bytes: Gauge,
    journal_oldest_age: Gauge<f64, AtomicU64>,
    store_flushes: Counter,
    store_events: Counter,
    store_retries: Counter,
    store_rejected_events: Counter,
    store_set_aside_events: Counter,
    store_flush_duration: Gauge<f64, AtomicU64>,
    store_up: Gauge,
}

/// What the listener holds right now.
#[derive(Debug, Clone, Copy)]
pub struct Backpressure {
    pub connections_open: usize,
    pub requests_in_flight: usize,
    pub bodies_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    field: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailedLabels {
    status: u16,
}

impl IngestMetrics {
    /// `flushes`: counted by the store.
    pub fn new(flushes: &FlushDurations) -> Self {
        let mut registry = Registry::default();
        let mut metrics = Self {
            rejected: RejectedCounts::default(),
            events_accepted: Counter::default(),
            events_duplicate: Counter::default(),
            events_corrected: Counter::default(),
            events_late: Counter::default(),
            events_future: Counter::default(),
            events_rejected: Family::default(),
            events_ignored: Family::default(),
            rejected_events_dropped: Family::default(),
            requests_failed: Family::default(),
            connections_open: Gauge::default(),
            requests_in_flight: Gauge::default(),
            bodies_bytes: Gauge::default(),
            journal_events: Gauge::default(),
            journal_bytes: Gauge::default(),
            journal_segments: Gauge::default(),
            journal_damaged_segments: Gauge::default(),
            journal_set_aside_bytes: Gauge::default(),
            journal_oldest_age: Gauge::default(),
            store_flushes: Counter::default(),
            store_events: Counter::default(),
            store_retries: Counter::default(),
            store_rejected_events: Counter::default(),
            store_set_aside_events: Counter::default(),
            store_flush_duration: Gauge::default(),
            store_up: Gauge::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        let durations = "Time that flushes took";
        registry.sub_registry_with_prefix("weir_store").register_with_unit(
            "flush_duration",
            durations,
            Unit::Seconds,
            flushes.histogram(),
        );
        metrics.registry = registry;
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        let ingest = registry.sub_registry_with_prefix("weir_ingest");
        ingest.register("events_accepted", "Events that are on disk", self.events_accepted.clone());
        let duplicate = self.events_duplicate.clone();
        ingest.register("events_duplicate", "Events that were on disk already, by their ids", duplicate);
        let corrected = self.events_corrected.clone();
        ingest.register("events_corrected", "Events whose time was corrected by their client's sent_at", corrected);
        ingest.register(
            "events_late",
            "Events that arrived an hour or more after their time",
            self.events_late.clone(),
        );
        ingest.register("events_future", "Events that arrived before their time", self.events_future.clone());
        ingest.register(
            "events_rejected",
            "Events refused, by the field at fault and the reason",
            self.events_rejected.clone(),
        );
        let ignored = "Valid events that are not kept, by the reason";
        ingest.register("events_ignored", ignored, self.events_ignored.clone());
        let dropped = "Rejected events that are not kept in rejected_events";
        ingest.register("rejected_events_dropped", dropped, self.rejected_events_dropped.clone());
        ingest.register("requests_failed", "Requests refused as a whole, by status", self.requests_failed.clone());
        ingest.register("connections_open", "Open connections", self.connections_open.clone());
        ingest.register("requests_in_flight", "Requests that are not answered yet", self.requests_in_flight.clone());
        ingest.register_with_unit("bodies", "Bodies held in memory", Unit::Bytes, self.bodies_bytes.clone());
        let journal = registry.sub_registry_with_prefix("weir_journal");
        journal.register("pending_events", "Events that ClickHouse does not have yet", self.journal_events.clone());
        journal.register_with_unit("pending", "Disk space they take", Unit::Bytes, self.journal_bytes.clone());
        journal.register("pending_segments", "Segments they are in", self.journal_segments.clone());
        let damaged = "Segments of which rot took something";
        journal.register("damaged_segments", damaged, self.journal_damaged_segments.clone());
        let set_aside = "Files that are kept as .corrupt and .refused, for a person to look at and delete";
        journal.register_with_unit("set_aside", set_aside, Unit::Bytes, self.journal_set_aside_bytes.clone());
        let oldest = self.journal_oldest_age.clone();
        journal.register_with_unit("oldest_age", "Age of the oldest of them", Unit::Seconds, oldest);
        let store = registry.sub_registry_with_prefix("weir_store");
        store.register("flushes", "Segments stored in ClickHouse", self.store_flushes.clone());
        store.register("events_stored", "Events stored in ClickHouse", self.store_events.clone());
        store.register("retries", "Attempts that failed and were repeated", self.store_retries.clone());
        let rejected = "Events that ClickHouse refused for good, kept in rejected_events";
        store.register("events_rejected", rejected, self.store_rejected_events.clone());
        let set_aside = "Events of segments that are kept as .refused in the journal, for a person to look at";
        store.register("events_set_aside", set_aside, self.store_set_aside_events.clone());
        let duration = self.store_flush_duration.clone();
        store.register_with_unit("last_flush_duration", "Time the last flush took", Unit::Seconds, duration);
        store.register("up", "1 unless the last attempt failed", self.store_up.clone());
    }

    /// Counts the events of an answered request.
    pub fn taken(&self, taken: &Taken) {
        self.events_accepted.inc_by(taken.stored as u64);
        // Most requests have none: a counter that stands still costs no write to shared memory.
        for (counter, count) in [
            (&self.events_duplicate, taken.duplicates as u64),
            (&self.events_corrected, taken.times.corrected),
            (&self.events_late, taken.times.late),
            (&self.events_future, taken.times.future),
        ] {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        if taken.ignored > 0 {
            self.events_ignored.get_or_create(&ReasonLabels { reason: "do_not_track" }).inc_by(taken.ignored as u64);
        }
        self.rejected.add(&taken.rejected);
    }

    /// Counts a request refused as a whole.
    pub fn failed(&self, status: StatusCode) {
        self.requests_failed.get_or_create(&FailedLabels { status: status.as_u16() }).inc();
    }

    /// The text of a scrape.
    pub fn encode(&self, depth: &Depth, report: &FlushReport, dropped: &Dropped, pressure: Backpressure) -> String {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.connections_open.set(gauge(pressure.connections_open as u64));
        self.requests_in_flight.set(gauge(pressure.requests_in_flight as u64));
        self.bodies_bytes.set(gauge(pressure.bodies_bytes as u64));
        self.journal_events.set(gauge(depth.events));
        self.journal_bytes.set(gauge(depth.bytes));
        self.journal_segments.set(gauge(depth.segments as u64));
        self.journal_damaged_segments.set(gauge(depth.damage.segments));
        self.journal_set_aside_bytes.set(gauge(depth.set_aside_bytes));
        self.journal_oldest_age.set(depth.oldest_age.as_secs_f64());
        self.store_flushes.inner().store(report.flushes, Ordering::Relaxed);
        self.store_events.inner().store(report.events, Ordering::Relaxed);
        self.store_retries.inner().store(report.retries, Ordering::Relaxed);
        self.store_rejected_events.inner().store(report.rejected_events, Ordering::Relaxed);
        self.store_set_aside_events.inner().store(report.set_aside_events, Ordering::Relaxed);
        self.store_flush_duration.set(report.last.map_or(0.0, |flush| flush.duration.as_secs_f64()));
        self.store_up.set(i64::from(report.failing_since.is_none()));
        for (reason, count) in
            [("queue_full", &dropped.queue_full), ("refused", &dropped.refused), ("ended", &dropped.ended)]
        {
            let counter = self.rejected_events_dropped.get_or_create(&ReasonLabels { reason });
            counter.inner().store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for RejectedCount { field, reason, events, .. } in self.rejected.by_validation() {
            let labels = RejectedLabels { field: field.as_str(), reason };
            self.events_rejected.get_or_create(&labels).inner().store(events, Ordering::Relaxed);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
