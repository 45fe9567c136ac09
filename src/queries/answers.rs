//! Answers, computed once for all who ask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{
    annotations::{MARKS_VALID, Marks},
    arguments::Arguments,
    catalog::Query,
    computation::Outcome,
    funnels::Funnels,
    latest::{Content, Latest},
    newest_event::{Freshness, NewestEvent},
    revisions::{Revision, Revisions},
    status::StoreReport,
};
use crate::{
    clock::{Clock, milliseconds, rfc3339},
    store::{Store, StoreError},
};

/// One query's answer.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub rows: Vec<Box<RawValue>>,
    /// RFC 3339; null when there is no event.
    pub newest_event_at: Option<String>,
    pub computed_at: String,
    /// Time that ClickHouse took, in milliseconds.
    pub elapsed_ms: f64,
}

/// Answers kept at once. A name in a URL can be anything, so their number must have a bound; the catalog's own choices are fewer.
const ANSWERS_MAX: usize = 256;

/// An answer is shared for this long where nobody tells when there is something new.
pub(super) const VALID_MIN: Duration = Duration::from_millis(1_250);

/// The latest answers, by query and arguments.
pub struct Answers {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) funnels: Funnels,
    pub(super) marks: Latest<(), Marks>,
    pub(super) store_report: Latest<(), Arc<StoreReport>>,
    freshness: Freshness,
    pub(super) revisions: Revisions,
    latest: Latest<(String, Arguments), Arc<Answer>>,
    pub(super) newest_event: NewestEvent,
}

impl Answers {
    /// `freshness`: the flushes of this process, if it has a writer.
    pub fn new(store: Store, clock: Clock, freshness: Freshness, funnels: Funnels) -> Self {
        Self {
            newest_event: NewestEvent::new(store.clone(), clock.clone(), freshness.clone()),
            revisions: Revisions::new(clock.clone()),
            latest: Latest::new(ANSWERS_MAX, VALID_MIN),
            store,
            clock,
            funnels,
            marks: Latest::new(1, MARKS_VALID),
            store_report: Latest::new(1, VALID_MIN),
            freshness,
        }
    }

    /// The present, which questions are asked about.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Looks for what is new, and does not end. Without it, an answer is given again for as long as one may be.
    pub async fn follow_data(&self) {
        tokio::join!(self.follow_flushes(), self.newest_event.watch(&self.revisions), self.revisions.run());
    }

    async fn follow_flushes(&self) {
        let Some(mut reports) = self.freshness.clone() else { return };
        let mut flushes = 0;
        while let Ok(report) = reports.wait_for(|report| report.flushes != flushes).await {
            flushes = report.flushes;
            self.revisions.note_change();
        }
    }

    /// The current revision of the data and each later one, of which only the latest is kept.
    pub fn revisions(&self) -> watch::Receiver<Revision> {
        self.revisions.follow()
    }

    /// The number of the current revision. Without a writer, nobody looks for the next unless somebody follows them.
    pub(super) fn revision(&self) -> Option<u64> {
        let is_known = self.freshness.is_some() || self.revisions.are_followed();
        is_known.then(|| self.revisions.number())
    }

    /// The latest answer, or a new one. Dropping the future cancels the query if nobody else waits for it.
    pub async fn answer(
        &self,
        query: &Query,
        arguments: &Arguments,
        content: Content,
    ) -> Result<Arc<Answer>, StoreError> {
        let work = || {
            let newest_event = self.newest_event.find();
            compute(self.store.clone(), query.clone(), arguments.clone(), self.clock.now_ms(), newest_event)
        };
        let waiting = self.latest.wait(&(query.name.clone(), arguments.clone()), content, self.revision(), work);
        waiting.await.map_err(StoreError::of_query)
    }
}

async fn compute(
    store: Store,
    query: Query,
    arguments: Arguments,
    now_ms: i64,
    newest_event: impl Future<Output = Outcome<Option<String>>>,
) -> Outcome<Arc<Answer>> {
    let started = Instant::now();
    let parameters = query.parameters(&arguments, now_ms);
    let rows = store.query::<Box<RawValue>>(&query.sql, &parameters);
    let (rows, newest_event_at) = futures_util::future::try_join(rows, newest_event)
        .await
        .inspect_err(|error| tracing::warn!(query = query.name, %error, "a query failed"))?;
    let (computed_at, elapsed_ms) = (rfc3339(now_ms), milliseconds(started.elapsed()));
    Ok(Arc::new(Answer { rows, newest_event_at, computed_at, elapsed_ms }))
}
