//! What a funnel is answered with, counted from the entries of all actors.

use std::{cmp::Reverse, num::NonZero, thread};

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    conversions::{Entry, Rules, StepEvent},
    funnel::{Funnel, Order},
};
use crate::clock::rfc3339;

/// Values of a breakdown that are shown; the others are one group.
pub const GROUPS_MAX: usize = 10;

/// How many get how far. An actor is a user, or, for events without one, a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelAnswer {
    /// Every actor counts once, with the entry that got furthest.
    pub steps: Vec<FunnelStep>,
    /// The same by what the breakdown found in the first step's event: the ten values with most actors, then all others.
    pub breakdown: Option<Vec<FunnelGroup>>,
    /// The same by the time of the entry.
    pub over_time: Vec<FunnelBucket>,
    pub bucket_seconds: u32,
    /// Actors that are not through and have time left.
    pub in_progress: u64,
    /// One actor in so many was counted, and the counts were multiplied, because there are more events than fit a limit. 1:
    /// all were, and the counts are exact.
    pub sampled_one_in: u32,
    /// The breakdown has more values than can be told apart: some with few actors may be counted among the others.
    pub values_cut: bool,
    /// RFC 3339: the start of the range, which is that of a bucket.
    pub since: String,
    /// RFC 3339; null when there is no event.
    pub newest_event_at: Option<String>,
    pub computed_at: String,
    /// Milliseconds.
    pub elapsed_ms: f64,
}

/// One step, by those who took it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelStep {
    /// Null if the steps come in any order: then this is the n-th different one.
    pub event_name: Option<String>,
    pub count: u64,
    /// One standard error of the count, if it is an estimate; else 0.
    pub count_error: u64,
    /// Percent of those who took the first step, one decimal; null if nobody did.
    pub from_start_pct: Option<f64>,
    /// Percent of those who took the step before.
    pub from_previous_pct: Option<f64>,
    /// Seconds from the step before, that half of those who took this one needed at most; null for the first step.
    pub median_seconds: Option<f64>,
    /// And nine of ten.
    pub p90_seconds: Option<f64>,
}

/// The actors with one value of the breakdown, or with all that are not shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FunnelGroup {
    /// Null if the event has none, and for the others.
    pub value: Option<String>,
    /// All values that are not shown.
    pub other: bool,
    pub steps: Vec<FunnelStep>,
    pub over_time: Vec<FunnelBucket>,
}

/// The entries of one stretch of time. An actor counts once in every bucket that it entered in, with the entry that got
/// furthest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelBucket {
    /// RFC 3339: its start.
    pub bucket: String,
    /// By step.
    pub counts: Vec<u64>,
    /// Percent of the first step that took the last one, one decimal; null if nobody entered.
    pub conversion_pct: Option<f64>,
    /// Some who entered have time left.
    pub so_far: bool,
}

/// When entries are looked for, and in what stretches of time.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub since_ms: i64,
    pub until_ms: i64,
    pub bucket_seconds: u32,
}

impl Stretch {
    /// Buckets of a range: finer ones for shorter ranges, at most 48 and the running one.
    pub fn before(until_ms: i64, range_seconds: u32) -> Self {
        const BUCKETS: [u32; 8] = [60, 300, 600, 1_800, 3_600, 10_800, 43_200, 172_800];
        const COUNT_MAX: u32 = 48;
        let bucket_seconds =
            BUCKETS.into_iter().find(|seconds| range_seconds <= seconds * COUNT_MAX).unwrap_or(172_800);
        let bucket_ms = i64::from(bucket_seconds) * 1_000;
        let since_ms = (until_ms - i64::from(range_seconds) * 1_000).div_euclid(bucket_ms) * bucket_ms;
        Self { since_ms, until_ms, bucket_seconds }
    }

    fn bucket_ms(self) -> u64 {
        u64::from(self.bucket_seconds) * 1_000
    }

    fn length_ms(self) -> u64 {
        self.until_ms.abs_diff(self.since_ms)
    }

    fn buckets(self) -> usize {
        (self.length_ms() / self.bucket_ms()) as usize + 1
    }
}

/// What ClickHouse gave, and how the answer is to be made of it.
pub struct Sample {
    pub funnel: Funnel,
    pub stretch: Stretch,
    pub one_in: u32,
    pub events: Vec<StepEvent>,
    /// The texts of the values of the events, in order; the first is empty, and stands for none. If they were cut, the
    /// last stands for all that were too many.
    pub values: Vec<String>,
    pub values_cut: bool,
}

/// The best entry of an actor, in all or within a bucket.
struct Counted {
    entry: Entry,
    /// Of the breakdown.
    group: usize,
}

impl Sample {
    fn rules(&self) -> Rules {
        Rules {
            steps: self.funnel.steps.len(),
            window_ms: u64::from(self.funnel.window.0) * 1_000,
            order: self.funnel.order,
        }
    }

    /// Counts, on all processors. Their time: some 100 ns an event.
    pub fn answer(mut self) -> FunnelAnswer {
        let events = std::mem::take(&mut self.events);
        let (mut actors, mut bucket_entries) = self.count_all(events);
        let groups = self.group(&mut actors, &mut bucket_entries);
        let all = |_: usize| true;
        FunnelAnswer {
            steps: self.steps(&actors, all),
            over_time: self.over_time(&bucket_entries, all),
            in_progress: actors.iter().filter(|actor| self.is_in_progress(&actor.entry)).count() as u64
                * u64::from(self.one_in),
            breakdown: self.funnel.breakdown.is_some().then(|| {
                let groups = groups.into_iter().enumerate();
                let groups = groups.map(|(group, value)| FunnelGroup {
                    other: value.is_none(),
                    value: value.filter(|value| !value.is_empty()),
                    steps: self.steps(&actors, |other| other == group),
                    over_time: self.over_time(&bucket_entries, |other| other == group),
                });
                groups.collect()
            }),
            bucket_seconds: self.stretch.bucket_seconds,
            sampled_one_in: self.one_in,
            values_cut: self.values_cut,
            since: rfc3339(self.stretch.since_ms),
            newest_event_at: None,
            computed_at: rfc3339(self.stretch.until_ms),
            elapsed_ms: 0.0,
        }
    }

    /// The best entry of every actor, and its best one of every bucket. The groups are still the values.
    fn count_all(&self, events: Vec<StepEvent>) -> (Vec<Counted>, Vec<Counted>) {
        let parts_len = thread::available_parallelism().map_or(1, NonZero::get);
        let mut parts = vec![Vec::with_capacity(events.len() / parts_len); parts_len];
        for event in events {
            // The lowest bit says whether it is a user or a session.
            parts[(event.actor >> 1) as usize % parts_len].push(event);
        }
        thread::scope(|scope| {
            let counting: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| self.count(part))).collect();
            let counted = counting.into_iter().map(|part| part.join().expect("it does not panic"));
            counted.reduce(|(mut actors, mut entries), (more_actors, more_entries)| {
                actors.extend(more_actors);
                entries.extend(more_entries);
                (actors, entries)
            })
        })
        .unwrap_or_default()
    }

    /// The same of some of the actors, with all of their events.
    fn count(&self, mut events: Vec<StepEvent>) -> (Vec<Counted>, Vec<Counted>) {
        events.sort_unstable();
        let rules = self.rules();
        let (mut actors, mut bucket_entries) = (Vec::new(), Vec::new());
        for events in events.chunk_by(|one, other| one.actor == other.actor) {
            let mut best: Option<Entry> = None;
            let mut best_of_bucket: Option<Entry> = None;
            for entry in rules.entries(events) {
                if best.is_none_or(|best| entry.is_better_than(&best)) {
                    best = Some(entry);
                }
                match best_of_bucket {
                    Some(other) if self.bucket_of(&other) != self.bucket_of(&entry) => {
                        bucket_entries.push(Counted::new(other));
                        best_of_bucket = Some(entry);
                    }
                    Some(other) if other.is_better_than(&entry) => {}
                    _ => best_of_bucket = Some(entry),
                }
            }
            actors.extend(best.map(Counted::new));
            bucket_entries.extend(best_of_bucket.map(Counted::new));
        }
        (actors, bucket_entries)
    }

    /// Puts the entries into the groups that are shown. Answers their values, those with most actors first; the last is
    /// `None` and stands for all others, if there are any.
    fn group(&self, actors: &mut [Counted], bucket_entries: &mut [Counted]) -> Vec<Option<String>> {
        let mut counts = vec![0_u64; self.values.len()];
        for actor in actors.iter() {
            counts[actor.group] += 1;
        }
        let named = counts.len() - usize::from(self.values_cut);
        let mut by_count: Vec<usize> = (0..named).filter(|value| counts[*value] > 0).collect();
        by_count.sort_by_key(|value| (Reverse(counts[*value]), *value));
        let shown = by_count.len().min(GROUPS_MAX);
        let mut group_of = vec![shown; self.values.len()];
        for (group, value) in by_count.iter().take(shown).enumerate() {
            group_of[*value] = group;
        }
        for counted in actors.iter_mut().chain(bucket_entries.iter_mut()) {
            counted.group = group_of[counted.group];
        }
        let values = by_count.iter().take(shown).map(|value| Some(self.values[*value].clone()));
        let others = (by_count.len() > shown || self.values_cut).then_some(None);
        values.chain(others).collect()
    }

    fn steps(&self, actors: &[Counted], is_counted: impl Fn(usize) -> bool) -> Vec<FunnelStep> {
        let length = self.funnel.steps.len();
        let mut took_ms: Vec<Vec<u64>> = vec![Vec::new(); length];
        let mut counts = vec![0_u64; length];
        for Counted { entry, .. } in actors.iter().filter(|actor| is_counted(actor.group)) {
            counts[0] += 1;
            for step in 1..entry.reached {
                counts[step] += 1;
                took_ms[step].push(entry.took_ms(step));
            }
        }
        let one_in = u64::from(self.one_in);
        let names = self.funnel.steps.iter().map(|step| step.event_name.clone());
        let steps = names.zip(took_ms).enumerate().map(|(index, (name, mut took_ms))| FunnelStep {
            event_name: (self.funnel.order == Order::Strict).then_some(name),
            count: counts[index] * one_in,
            count_error: standard_error(counts[index], one_in),
            from_start_pct: percent(counts[index], counts[0]),
            from_previous_pct: percent(counts[index], counts[index.saturating_sub(1)]),
            median_seconds: percentile_seconds(&mut took_ms, 50),
            p90_seconds: percentile_seconds(&mut took_ms, 90),
        });
        steps.collect()
    }

    fn over_time(&self, entries: &[Counted], is_counted: impl Fn(usize) -> bool) -> Vec<FunnelBucket> {
        let length = self.funnel.steps.len();
        let mut counts = vec![vec![0_u64; length]; self.stretch.buckets()];
        for Counted { entry, .. } in entries.iter().filter(|entry| is_counted(entry.group)) {
            for count in &mut counts[self.bucket_of(entry)][..entry.reached] {
                *count += u64::from(self.one_in);
            }
        }
        let buckets = counts.into_iter().enumerate().map(|(index, counts)| {
            let start_ms = index as u64 * self.stretch.bucket_ms();
            let complete_ms = start_ms + self.stretch.bucket_ms() + self.rules().window_ms;
            FunnelBucket {
                bucket: rfc3339(self.stretch.since_ms.saturating_add_unsigned(start_ms)),
                conversion_pct: percent(counts[length - 1], counts[0]),
                so_far: complete_ms > self.stretch.length_ms(),
                counts,
            }
        });
        buckets.collect()
    }

    fn bucket_of(&self, entry: &Entry) -> usize {
        ((entry.at_ms() / self.stretch.bucket_ms()) as usize).min(self.stretch.buckets() - 1)
    }

    fn is_in_progress(&self, entry: &Entry) -> bool {
        entry.reached < self.funnel.steps.len() && entry.at_ms() + self.rules().window_ms > self.stretch.length_ms()
    }
}

impl Counted {
    fn new(entry: Entry) -> Self {
        Self { group: usize::from(entry.value), entry }
    }
}

/// One decimal.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 * 1_000.0 / whole as f64).round() / 10.0)
}

/// The standard error of a count that was multiplied: each actor was counted with the probability 1 / `one_in`, so that
/// the number of those counted has a binomial distribution.
fn standard_error(counted: u64, one_in: u64) -> u64 {
    let share = 1.0 / one_in as f64;
    (one_in as f64 * (counted as f64 * (1.0 - share)).sqrt()).round() as u64
}

/// The nearest rank: the least time that so many percent of all do not exceed.
fn percentile_seconds(times_ms: &mut [u64], percent: usize) -> Option<f64> {
    let rank = (times_ms.len() * percent).div_ceil(100).checked_sub(1)?;
    let (_, time_ms, _) = times_ms.select_nth_unstable(rank);
    Some(*time_ms as f64 / 1_000.0)
}
