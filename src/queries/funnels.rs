//! Funnels, asked of ClickHouse and counted here.
//!
//! ClickHouse finds the events of the steps, which is what it is fast at; what an actor made of them is followed in
//! `conversions.rs`. Its own `windowFunnel` gives no times, counts an event as two steps and knows no breakdown.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use futures_util::future::try_join;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    answers::{Answers, VALID_MIN},
    computation::Outcome,
    funnel::{Funnel, Order, Step},
    funnel_answer::{FunnelAnswer, Sample, Stretch},
    funnel_rows::Rows,
    latest::{Content, Latest},
};
use crate::{
    clock::milliseconds,
    store::{Parameter, Store, StoreError},
};

const FUNNEL_EVENTS: &str = include_str!("internal/funnel_events.sql");
const FUNNEL_SIZE: &str = include_str!("internal/funnel_size.sql");

/// A few actors may have far more events than the others: what is read beyond the limit, before it is an error.
const SAMPLE_EXCESS: u64 = 2;
/// Funnels computed at once.
const COMPUTATIONS_MAX: usize = 2;
/// Answers kept at once.
const FUNNELS_KEPT_MAX: usize = 100;

/// The latest answers about funnels.
pub struct Funnels {
    latest: Latest<Funnel, Arc<FunnelAnswer>>,
    computations: Arc<Semaphore>,
    events_max: u64,
}

impl Funnels {
    /// `events_max`: events that are followed at once, in 24 bytes each; if there are more, as many actors are taken as
    /// have about this many.
    pub fn new(events_max: u64) -> Self {
        Self {
            latest: Latest::new(FUNNELS_KEPT_MAX, VALID_MIN),
            computations: Arc::new(Semaphore::new(COMPUTATIONS_MAX)),
            events_max,
        }
    }
}

#[derive(Deserialize)]
struct Size {
    events: u64,
}

impl Answers {
    /// The latest answer, or a new one. Dropping the future cancels the query if nobody else waits for it.
    pub async fn funnel(&self, funnel: &Funnel, content: Content) -> Result<Arc<FunnelAnswer>, StoreError> {
        let work = || {
            let now_ms = self.clock.now_ms();
            let newest_event = self.newest_event.find();
            let question = Question {
                store: self.store.clone(),
                funnel: funnel.clone(),
                stretch: Stretch::before(now_ms, funnel.range.0),
                events_max: self.funnels.events_max,
            };
            compute(question, Arc::clone(&self.funnels.computations), newest_event)
        };
        let waiting = self.funnels.latest.wait(funnel, content, self.revision(), work);
        waiting.await.map_err(StoreError::of_query)
    }
}

async fn compute(
    question: Question,
    computations: Arc<Semaphore>,
    newest_event: impl Future<Output = Outcome<Option<String>>>,
) -> Outcome<Arc<FunnelAnswer>> {
    let _permit = computations.acquire().await.expect("it is never closed");
    let started = Instant::now();
    let (sample, newest_event_at) = try_join(question.sample(), newest_event)
        .await
        .inspect_err(|error| tracing::warn!(query = "funnel", %error, "a query failed"))?;
    let counted = tokio::task::spawn_blocking(move || sample.answer()).await;
    let mut answer = counted.map_err(|error| StoreError::Permanent(format!("the funnel failed: {error}")))?;
    answer.newest_event_at = newest_event_at;
    answer.elapsed_ms = milliseconds(started.elapsed());
    Ok(Arc::new(answer))
}

/// A funnel and whom to ask.
struct Question {
    store: Store,
    funnel: Funnel,
    stretch: Stretch,
    events_max: u64,
}

impl Question {
    /// The events of the funnel, or, if there are too many, those of a share of the actors.
    async fn sample(self) -> Result<Sample, StoreError> {
        let names = masks(&self.funnel).into_keys();
        let parameters = [self.range_parameters(), vec![Parameter::texts("names", names)]].concat();
        let size: Vec<Size> = self.store.query(FUNNEL_SIZE, &parameters).await?;
        let events = size.first().map_or(0, |size| size.events);
        let one_in = u32::try_from(events.div_ceil(self.events_max)).unwrap_or(u32::MAX).max(1);
        let mut rows = self.rows(one_in, Part::Sample).await?;
        // Of sessions in the sample everything is known. If hardly anybody signs in during one of them, who would in another?
        let mut users = rows.users_by_session();
        if one_in > 1 && rows.people_sign_in(&users) {
            rows.append(self.rows(one_in, Part::BeforeSignIn).await?);
            users = rows.users_by_session();
        }
        let (events, values, values_cut) = rows.finish(one_in, &users);
        Ok(Sample { funnel: self.funnel, stretch: self.stretch, one_in, events, values, values_cut })
    }

    /// Asks twice at once: most steps need no property, and to read it takes longer than the rest.
    async fn rows(&self, one_in: u32, part: Part) -> Result<Rows, StoreError> {
        let detailed = detailed_steps(&self.funnel);
        let (with_details, plain): (BTreeMap<_, _>, BTreeMap<_, _>) =
            masks(&self.funnel).into_iter().partition(|(_, mask)| mask & detailed != 0);
        let read = async |masks: BTreeMap<&str, u16>, details: bool| -> Result<Rows, StoreError> {
            let mut rows = Rows::default();
            if masks.is_empty() {
                return Ok(rows);
            }
            let rows_max = self.events_max.saturating_mul(SAMPLE_EXCESS);
            let parameters = self.parameters(masks, details, one_in, part, rows_max);
            self.store.read(FUNNEL_EVENTS, &parameters, rows_max, |bytes| rows.take(bytes)).await?;
            if rows.len() as u64 >= rows_max { Err(StoreError::OverLimit) } else { Ok(rows) }
        };
        let (mut rows, others) = try_join(read(with_details, true), read(plain, false)).await?;
        rows.append(others);
        Ok(rows)
    }

    fn range_parameters(&self) -> Vec<Parameter> {
        vec![Parameter::new("since_ms", self.stretch.since_ms), Parameter::new("until_ms", self.stretch.until_ms)]
    }

    /// `asked`: the event names, with their steps. `details`: whether filters and the breakdown concern them.
    fn parameters(
        &self,
        asked: BTreeMap<&str, u16>,
        details: bool,
        one_in: u32,
        part: Part,
        rows_max: u64,
    ) -> Vec<Parameter> {
        let steps = self.funnel.steps.iter().enumerate().filter(|_| details);
        let filters: Vec<_> = steps
            .flat_map(|(step, Step { filters, .. })| filters.iter().map(move |filter| (1_u16 << step, filter)))
            .collect();
        let fields: Vec<_> = filters.iter().map(|(_, filter)| filter.field.to_string()).collect();
        let breakdown = self.funnel.breakdown.as_ref().filter(|_| details).map(ToString::to_string).unwrap_or_default();
        let mut parameters = self.range_parameters();
        parameters.extend([
            Parameter::texts("names", asked.keys().copied()),
            Parameter::numbers("masks", asked.into_values()),
            Parameter::texts("all_names", masks(&self.funnel).into_keys()),
            Parameter::new("filtered", u8::from(!filters.is_empty())),
            Parameter::numbers("filter_bits", filters.iter().map(|(bit, _)| *bit)),
            Parameter::texts("filter_fields", fields.iter().map(String::as_str)),
            Parameter::texts("filter_ops", filters.iter().map(|(_, filter)| filter.op.name())),
            Parameter::texts(
                "filter_values",
                filters.iter().map(|(_, filter)| filter.value.as_deref().unwrap_or_default()),
            ),
            Parameter::text("breakdown", &breakdown),
            Parameter::new("broken_down", u8::from(!breakdown.is_empty())),
            Parameter::new("entry_steps", entry_steps(&self.funnel)),
            Parameter::new("sampled", u8::from(one_in > 1)),
            Parameter::new("one_in", one_in),
            Parameter::new("before_sign_in", u8::from(part == Part::BeforeSignIn)),
            Parameter::new("rows_max", rows_max),
        ]);
        parameters
    }
}

/// Which events of a sample are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Those of its users, and of its sessions, whoever signs in during them.
    Sample,
    /// Those without a user in other sessions, during which one of its users signs in.
    BeforeSignIn,
}

/// The bits of the steps that can be an entry.
fn entry_steps(funnel: &Funnel) -> u16 {
    match funnel.order {
        Order::Strict => 1,
        Order::Any => (1 << funnel.steps.len()) - 1,
    }
}

/// The bits of the steps whose events' fields are looked at.
fn detailed_steps(funnel: &Funnel) -> u16 {
    let steps = funnel.steps.iter().enumerate();
    let filtered = steps.filter(|(_, step)| !step.filters.is_empty()).fold(0, |bits, (step, _)| bits | 1 << step);
    let broken_down = if funnel.breakdown.is_some() { entry_steps(funnel) } else { 0 };
    filtered | broken_down
}

/// The event names of a funnel, each with the bits of all steps that go by it.
fn masks(funnel: &Funnel) -> BTreeMap<&str, u16> {
    let mut masks = BTreeMap::new();
    for (index, step) in funnel.steps.iter().enumerate() {
        *masks.entry(step.event_name.as_str()).or_default() |= 1 << index;
    }
    masks
}
