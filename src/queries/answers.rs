//! Answers, computed once for all who ask.

use std::{sync::Arc, time::Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::{
    arguments::{Arguments, clickhouse_time},
    catalog::{NEWEST_EVENT, Query},
    computation::{Outcome, Waiting},
    funnels::Funnels,
    latest::{Content, Latest},
};
use crate::{
    clock::{Clock, milliseconds, rfc3339},
    store::{FlushReport, Parameter, Store, StoreError},
};

/// Where the answers learn that new events can be seen.
pub type Freshness = Option<watch::Receiver<FlushReport>>;

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

/// The latest answers, by query and arguments.
pub struct Answers {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) funnels: Funnels,
    freshness: Freshness,
    latest: Latest<(String, Arguments), Arc<Answer>>,
    /// Beside all answers: with one query for each, ClickHouse would be asked twice as much.
    newest_event: Latest<(), Option<String>>,
}

#[derive(Deserialize)]
struct NewestEvent {
    newest_event_at: Option<String>,
}

impl Answers {
    /// `freshness`: the flushes of this process, if it has a writer; else answers are valid for the least time.
    pub fn new(store: Store, clock: Clock, freshness: Freshness, funnels: Funnels) -> Self {
        Self { store, clock, funnels, freshness, latest: Latest::new(ANSWERS_MAX), newest_event: Latest::new(1) }
    }

    /// Flushes so far, if they are known.
    pub(super) fn flushes(&self) -> Option<u64> {
        self.freshness.as_ref().map(|reports| reports.borrow().flushes)
    }

    /// The latest answer, or a new one. Dropping the future cancels the query if nobody else waits for it.
    pub async fn answer(
        &self,
        query: &Query,
        arguments: &Arguments,
        content: Content,
    ) -> Result<Arc<Answer>, StoreError> {
        let flushes = self.flushes();
        let work = || {
            let now_ms = self.clock.now_ms();
            let (flushes, newest_event) = self.newest_event(flushes, now_ms);
            (flushes, compute(self.store.clone(), query.clone(), arguments.clone(), now_ms, newest_event))
        };
        let (_, waiting) = self.latest.wait(&(query.name.clone(), arguments.clone()), content, flushes, work);
        waiting.await.map_err(StoreError::of_query)
    }

    /// The newest event as it is known after so many flushes, which may be fewer than there were: an answer that tells it
    /// is then as old.
    pub(super) fn newest_event(&self, flushes: Option<u64>, now_ms: i64) -> (Option<u64>, Waiting<Option<String>>) {
        let work = || {
            let store = self.store.clone();
            let until = Parameter::new("until", clickhouse_time(now_ms));
            let work = async move {
                let rows = store.query::<NewestEvent>(NEWEST_EVENT, &[until]).await?;
                Ok(rows.into_iter().next().and_then(|row| row.newest_event_at))
            };
            (flushes, work)
        };
        self.newest_event.wait(&(), Content::Valid, flushes, work)
    }
}

async fn compute(
    store: Store,
    query: Query,
    arguments: Arguments,
    now_ms: i64,
    newest_event: Waiting<Option<String>>,
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
