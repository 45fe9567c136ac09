//! How many events were rejected since the start, by the field at fault and the reason: for `/health` and `/metrics`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;

use crate::{
    ingest::{Field, Rejection},
    store::{FlushReport, Source},
};

/// Events that were rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RejectedCount {
    pub source: Source,
    /// The field at fault, or `event` when the event as a whole is.
    pub field: Field,
    /// A word for it. Of ClickHouse: `refused`, and kept for `/api/rejected`, or `set_aside` in a file of the journal.
    pub reason: &'static str,
    pub events: u64,
}

/// Counts by reason; there are few reasons.
#[derive(Debug, Default)]
pub struct RejectedCounts(Mutex<BTreeMap<(Field, &'static str), u64>>);

impl RejectedCounts {
    /// Counts those of a request; one without any takes no lock.
    pub fn add(&self, rejected: &[Rejection]) {
        if rejected.is_empty() {
            return;
        }
        let mut counts = self.lock();
        for rejection in rejected {
            *counts.entry((rejection.field, rejection.code.as_str())).or_default() += 1;
        }
    }

    /// What validation rejected.
    pub fn by_validation(&self) -> Vec<RejectedCount> {
        let counts = self.lock();
        let count = |(&(field, reason), &events): (&(Field, &'static str), &u64)| RejectedCount {
            source: Source::Ingest,
            field,
            reason,
            events,
        };
        counts.iter().map(count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Field, &'static str), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ClickHouse refused for good, after it had been accepted.
pub fn by_store(report: &FlushReport) -> impl Iterator<Item = RejectedCount> {
    [("refused", report.rejected_events), ("set_aside", report.set_aside_events)]
        .into_iter()
        .filter(|(_, events)| *events > 0)
        .map(|(reason, events)| RejectedCount { source: Source::Store, field: Field::Event, reason, events })
}
