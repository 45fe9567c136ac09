//! The newest event, which every answer tells: what ClickHouse says, and what this process has stored since.

use std::time::Duration;

use serde::Deserialize;
use tokio::{sync::watch, time::sleep};

use super::{
    answers::VALID_MIN,
    arguments::clickhouse_time,
    catalog::NEWEST_EVENT,
    computation::Outcome,
    latest::{Content, Latest},
    revisions::Revisions,
};
use crate::{
    clock::{Clock, rfc3339},
    store::{FlushReport, Parameter, Store},
};

/// Where the answers learn that new events can be seen.
pub type Freshness = Option<watch::Receiver<FlushReport>>;

/// Where this process has a writer, ClickHouse is asked once in this time, for the events of others; elsewhere once in
/// `VALID_MIN`.
pub(super) const VALID_BESIDE_WRITER: Duration = Duration::from_secs(6);

/// The newest event, asked for beside all answers: with one query for each, ClickHouse would be asked twice as much.
pub(super) struct NewestEvent {
    store: Store,
    clock: Clock,
    freshness: Freshness,
    valid: Duration,
    latest: Latest<(), Found>,
}

/// What ClickHouse said.
#[derive(Clone)]
struct Found {
    at: Option<String>,
    /// Flushes of this process before it was asked.
    flushes: u64,
}

#[derive(Deserialize)]
struct Row {
    newest_event_at: Option<String>,
}

impl NewestEvent {
    pub fn new(store: Store, clock: Clock, freshness: Freshness) -> Self {
        let valid = if freshness.is_some() { VALID_BESIDE_WRITER } else { VALID_MIN };
        Self { store, clock, freshness, valid, latest: Latest::new(1, valid) }
    }

    /// Its time, RFC 3339; `None` when there is no event.
    pub fn find(&self) -> impl Future<Output = Outcome<Option<String>>> + Send + use<> {
        let (flushes, stored) = self.stored();
        let work = || {
            let store = self.store.clone();
            let until = Parameter::new("until", clickhouse_time(self.clock.now_ms()));
            async move {
                let rows = store.query::<Row>(NEWEST_EVENT, &[until]).await?;
                Ok(Found { at: rows.into_iter().next().and_then(|row| row.newest_event_at), flushes })
            }
        };
        let found = self.latest.wait(&(), Content::Valid, None, work);
        async move {
            let found = found.await?;
            // As texts of one form and one zone, times compare as times.
            Ok(if flushes > found.flushes { found.at.max(stored) } else { found.at })
        }
    }

    /// Flushes of this process, and the newest event in them.
    fn stored(&self) -> (u64, Option<String>) {
        let Some(reports) = &self.freshness else { return (0, None) };
        let report = reports.borrow();
        (report.flushes, report.newest_event_ms.map(rfc3339))
    }

    /// Notes what others store, as far as the newest event tells, while somebody follows the revisions.
    pub async fn watch(&self, revisions: &Revisions) {
        let mut known = None;
        loop {
            sleep(self.valid).await;
            if !revisions.are_followed() {
                continue;
            }
            // A failure is shared with the answers, which say so.
            let Ok(newest) = self.find().await else { continue };
            if newest != known && newest > self.stored().1 {
                revisions.note_change();
            }
            known = newest;
        }
    }
}
