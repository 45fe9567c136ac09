//! Answers, computed once for all who ask.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OnceCell, watch};

use super::{
    catalog::{NEWEST_EVENT, Query, Range, clickhouse_time},
    funnels::Funnels,
};
use crate::{
    clock::{Clock, milliseconds, rfc3339},
    store::{FlushReport, Parameter, Store, StoreError},
};

/// Answers are shared for this long even when events come in faster.
const VALID_MIN: Duration = Duration::from_secs(1);
/// And no longer than this, even when none come in: the window of a question moves with the time.
const VALID_MAX: Duration = Duration::from_secs(4);

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

/// The latest answer of every query and range.
pub struct Answers {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) funnels: Funnels,
    freshness: Freshness,
    latest: Mutex<HashMap<(String, Range), Arc<Computation>>>,
}

/// An answer under way or done; all who ask while it is valid wait for the same one.
struct Computation {
    started: Instant,
    /// Flushes before the start, when they are known.
    flushes: u64,
    /// A failure is shared too: a server that is down must not be asked once a viewer.
    answer: OnceCell<Result<Arc<Answer>, StoreError>>,
}

#[derive(Deserialize)]
struct NewestEvent {
    newest_event_at: Option<String>,
}

impl Answers {
    /// `freshness`: the flushes of this process, if it has a writer; else answers are valid for the least time.
    pub fn new(store: Store, clock: Clock, freshness: Freshness, funnels: Funnels) -> Self {
        Self { store, clock, funnels, freshness, latest: Mutex::default() }
    }

    /// Flushes so far, if they are known.
    pub(super) fn flushes(&self) -> Option<u64> {
        self.freshness.as_ref().map(|reports| reports.borrow().flushes)
    }

    /// When the newest event up to a moment was, in RFC 3339.
    pub(super) async fn newest_event(&self, until_ms: i64) -> Result<Option<String>, StoreError> {
        let until = Parameter::new("until", clickhouse_time(until_ms));
        let rows = self.store.query::<NewestEvent>(NEWEST_EVENT, &[until]).await?;
        Ok(rows.into_iter().next().and_then(|row| row.newest_event_at))
    }

    /// The valid answer, or a new one.
    pub async fn answer(&self, query: &Query, range: Range) -> Result<Arc<Answer>, StoreError> {
        let computation = self.computation(query, range);
        let answer = computation.answer.get_or_init(|| async {
            let outcome = self.compute(query, range).await;
            outcome.inspect_err(|error| tracing::warn!(query = query.name, %error, "a query failed"))
        });
        let answer = answer.await;
        answer.clone().map_err(StoreError::of_query)
    }

    fn computation(&self, query: &Query, range: Range) -> Arc<Computation> {
        let flushes = self.flushes();
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (query.name.clone(), range);
        if let Some(computation) = latest.get(&key) {
            let age = computation.started.elapsed();
            let (running, succeeded) = match computation.answer.get() {
                None => (true, false),
                Some(outcome) => (false, outcome.is_ok()),
            };
            let unchanged = succeeded && flushes == Some(computation.flushes);
            if running || age < VALID_MIN || (unchanged && age < VALID_MAX) {
                return Arc::clone(computation);
            }
        }
        let computation = Arc::new(Computation {
            started: Instant::now(),
            flushes: flushes.unwrap_or_default(),
            answer: OnceCell::new(),
        });
        latest.insert(key, Arc::clone(&computation));
        computation
    }

    async fn compute(&self, query: &Query, range: Range) -> Result<Arc<Answer>, StoreError> {
        let now_ms = self.clock.now_ms();
        let started = Instant::now();
        let parameters = range.parameters(now_ms);
        let (rows, newest_event_at) = futures_util::future::try_join(
            self.store.query::<Box<RawValue>>(&query.sql, &parameters),
            self.newest_event(now_ms),
        )
        .await?;
        Ok(Arc::new(Answer {
            rows,
            newest_event_at,
            computed_at: rfc3339(now_ms),
            elapsed_ms: milliseconds(started.elapsed()),
        }))
    }
}
