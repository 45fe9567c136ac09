//! Funnels, asked of ClickHouse and counted here.
//!
//! ClickHouse finds the events of the steps, which is what it is fast at; what an actor made of them is followed in
//! `conversions.rs`. Its own `windowFunnel` gives no times, counts an event as two steps and knows no breakdown.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use futures_util::future::try_join;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    answers::Answers,
    computation::{Outcome, Waiting},
    conversions::{StepEvent, VALUES_MAX},
    funnel::{Funnel, Order, Step},
    funnel_answer::{FunnelAnswer, Sample, Stretch},
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
/// Bytes of a breakdown's value; longer ones are cut.
const VALUE_BYTES_MAX: usize = 200;

/// The latest answers about funnels.
pub struct Funnels {
    latest: Latest<Funnel, Arc<FunnelAnswer>>,
    computations: Arc<Semaphore>,
    events_max: u64,
}

impl Funnels {
    /// `events_max`: events that are followed at once, in 16 bytes each; if there are more, as many actors are taken as
    /// have about this many.
    pub fn new(events_max: u64) -> Self {
        Self {
            latest: Latest::new(FUNNELS_KEPT_MAX),
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
        let flushes = self.flushes();
        let work = || {
            let now_ms = self.clock.now_ms();
            let (flushes, newest_event) = self.newest_event(flushes, now_ms);
            let question = Question {
                store: self.store.clone(),
                funnel: funnel.clone(),
                stretch: Stretch::before(now_ms, funnel.range.0),
                events_max: self.funnels.events_max,
            };
            (flushes, compute(question, Arc::clone(&self.funnels.computations), newest_event))
        };
        let (_, waiting) = self.funnels.latest.wait(funnel, content, flushes, work);
        waiting.await.map_err(StoreError::of_query)
    }
}

async fn compute(
    question: Question,
    computations: Arc<Semaphore>,
    newest_event: Waiting<Option<String>>,
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
        let Self { store, funnel, stretch, events_max } = self;
        let size: Vec<Size> = store.query(FUNNEL_SIZE, &range_parameters(&funnel, stretch)).await?;
        let events = size.first().map_or(0, |size| size.events);
        let one_in = u32::try_from(events.div_ceil(events_max)).unwrap_or(u32::MAX).max(1);
        let rows_max = events_max.saturating_mul(SAMPLE_EXCESS);
        let mut rows = Rows::default();
        let parameters = parameters(&funnel, stretch, one_in, rows_max);
        store.read(FUNNEL_EVENTS, &parameters, rows_max, |bytes| rows.take(bytes)).await?;
        if rows.events.len() as u64 >= rows_max {
            return Err(StoreError::OverLimit);
        }
        let (events, values, values_cut) = rows.finish();
        Ok(Sample { funnel, stretch, one_in, events, values, values_cut })
    }
}

fn range_parameters(funnel: &Funnel, stretch: Stretch) -> Vec<Parameter> {
    vec![
        Parameter::new("since_ms", stretch.since_ms),
        Parameter::new("until_ms", stretch.until_ms),
        Parameter::texts("names", masks(funnel).into_keys()),
    ]
}

fn parameters(funnel: &Funnel, stretch: Stretch, one_in: u32, rows_max: u64) -> Vec<Parameter> {
    let steps = funnel.steps.iter().enumerate();
    let filters: Vec<_> = steps
        .flat_map(|(step, Step { filters, .. })| filters.iter().map(move |filter| (1_u16 << step, filter)))
        .collect();
    let fields: Vec<_> = filters.iter().map(|(_, filter)| filter.field.to_string()).collect();
    let entry_steps: u16 = match funnel.order {
        Order::Strict => 1,
        Order::Any => (1 << funnel.steps.len()) - 1,
    };
    let breakdown = funnel.breakdown.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut parameters = range_parameters(funnel, stretch);
    parameters.extend([
        Parameter::numbers("masks", masks(funnel).into_values()),
        Parameter::numbers("filter_bits", filters.iter().map(|(bit, _)| *bit)),
        Parameter::texts("filter_fields", fields.iter().map(String::as_str)),
        Parameter::texts("filter_ops", filters.iter().map(|(_, filter)| filter.op.name())),
        Parameter::texts(
            "filter_values",
            filters.iter().map(|(_, filter)| filter.value.as_deref().unwrap_or_default()),
        ),
        Parameter::text("breakdown", &breakdown),
        Parameter::new("entry_steps", entry_steps),
        Parameter::new("one_in", one_in),
        Parameter::new("rows_max", rows_max),
    ]);
    parameters
}

/// The event names of a funnel, each with the bits of all steps that go by it.
fn masks(funnel: &Funnel) -> BTreeMap<&str, u16> {
    let mut masks = BTreeMap::new();
    for (index, step) in funnel.steps.iter().enumerate() {
        *masks.entry(step.event_name.as_str()).or_default() |= 1 << index;
    }
    masks
}

/// The rows of `funnel_events.sql`, as they come.
#[derive(Default)]
struct Rows {
    events: Vec<StepEvent>,
    /// By text, the number of a value: that of its first appearance.
    values: HashMap<Vec<u8>, u16>,
    values_cut: bool,
}

/// What a row begins with: `actor`, `at_ms` and `steps`.
const ROW_HEAD_BYTES: usize = 8 + 8 + 2;
/// The number of the values that are too many to have one.
const CUT: u16 = VALUES_MAX as u16;

impl Rows {
    /// Takes whole rows in `RowBinary`, <https://clickhouse.com/docs/interfaces/formats/RowBinary>; answers their bytes.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(after) = self.take_row(rest) {
            rest = after;
        }
        bytes.len() - rest.len()
    }

    fn take_row<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let (head, rest) = bytes.split_at_checked(ROW_HEAD_BYTES)?;
        let (length, rest) = varint(rest)?;
        let (value, rest) = rest.split_at_checked(length)?;
        let number = |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().expect("eight bytes"));
        let steps = u16::from_le_bytes([head[16], head[17]]);
        let value = self.number_of(&value[..length.min(VALUE_BYTES_MAX)]);
        self.events.push(StepEvent::new(number(0), number(8), steps, value));
        Some(rest)
    }

    fn number_of(&mut self, value: &[u8]) -> u16 {
        if value.is_empty() {
            return 0;
        }
        if let Some(number) = self.values.get(value) {
            return *number;
        }
        let next = self.values.len() + 1;
        if next == usize::from(CUT) {
            self.values_cut = true;
            return CUT;
        }
        self.values.insert(value.to_vec(), next as u16);
        next as u16
    }

    /// The events, the texts of their values in order, and whether the last of these stands for all that were too many.
    /// In order, since the order in which rows come must not decide which of two events comes first.
    fn finish(self) -> (Vec<StepEvent>, Vec<String>, bool) {
        let Self { mut events, values, values_cut } = self;
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_unstable();
        let mut number_in_order = vec![0; usize::from(CUT) + 1];
        let mut texts = vec![String::new()];
        for (text, number) in values {
            number_in_order[usize::from(number)] = texts.len() as u16;
            texts.push(String::from_utf8_lossy(&text).into_owned());
        }
        if values_cut {
            number_in_order[usize::from(CUT)] = texts.len() as u16;
            texts.push(String::new());
        }
        for event in &mut events {
            event.set_value(number_in_order[usize::from(event.value())]);
        }
        (events, texts, values_cut)
    }
}

/// LEB128: seven bits a byte, the lowest first.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(length);
    let value = digits.iter().rev().fold(0_u64, |value, digit| value << 7 | u64::from(digit & 0x7f));
    Some((usize::try_from(value).unwrap_or(usize::MAX), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(actor: u64, at_ms: u64, steps: u16, value: &[u8]) -> Vec<u8> {
        assert!(value.len() < 128, "one byte of length");
        [&actor.to_le_bytes()[..], &at_ms.to_le_bytes(), &steps.to_le_bytes(), &[value.len() as u8], value].concat()
    }

    #[test]
    fn rows_are_read_in_whatever_pieces_they_come() {
        let bytes = [row(7, 1_000, 1, b"b"), row(8, 2_000, 2, b""), row(9, 3_000, 5, b"a")].concat();
        for piece in [1, 5, 19, 1_000] {
            let (mut rows, mut held) = (Rows::default(), Vec::new());
            for piece in bytes.chunks(piece) {
                held.extend_from_slice(piece);
                let taken = rows.take(&held);
                held.drain(..taken);
            }
            let (events, values, cut) = rows.finish();
            let expected =
                vec![StepEvent::new(7, 1_000, 1, 2), StepEvent::new(8, 2_000, 2, 0), StepEvent::new(9, 3_000, 5, 1)];
            assert_eq!((events, values, cut), (expected, vec![String::new(), "a".to_owned(), "b".to_owned()], false));
        }
    }

    #[test]
    fn values_beyond_the_bound_are_one() {
        let mut rows = Rows::default();
        for actor in 0..VALUES_MAX as u64 + 5 {
            let bytes = row(actor, 0, 1, actor.to_string().as_bytes());
            assert_eq!(rows.take(&bytes), bytes.len());
        }
        let (events, values, cut) = rows.finish();
        assert_eq!((values.len(), cut), (VALUES_MAX + 1, true));
        let last = events.iter().rev().take(5).map(|event| usize::from(event.value()));
        assert!(last.eq([VALUES_MAX; 5]));
    }
}
