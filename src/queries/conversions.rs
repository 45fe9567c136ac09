//! How far each actor gets in a funnel: the events of its steps in, entries with the times of their steps out.
//!
//! An actor is a user, or else a session. Its events are ordered by their time; those of the same millisecond, which
//! have no order that anyone could know, are taken in the order of the steps. An event is one step, never two.
//!
//! * `Order::Strict`: every event of the first step is an entry. From there, each step is the earliest event of its kind
//!   behind the one before. Since the earliest choice leaves the most room for the rest, no other would get further.
//! * `Order::Any`: every event of any step is an entry. The steps that follow it within the window are put in the order
//!   of their times: the n-th step of the answer is the n-th different one that was taken.
//!
//! A step counts if it came within the window, counted from the entry. The work is linear in the events of an actor.

use super::funnel::{Order, STEPS_MAX};

/// Bits of `StepEvent` for the value, and for the steps.
const VALUE_BITS: u32 = 14;
const STEPS_BITS: u32 = STEPS_MAX as u32;
/// Different values of a breakdown that are told apart.
pub const VALUES_MAX: usize = (1 << VALUE_BITS) - 1;

/// A time that did not come.
const NEVER: u64 = u64::MAX;

/// An event that is a step. Their order is that in which the events of one actor are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepEvent {
    /// A hash of the user's or the session's id; those of users are odd.
    pub actor: u64,
    /// From the highest bit: its time, its steps, the number of its value.
    packed: u64,
}

impl StepEvent {
    /// `at_ms`: milliseconds since any fixed moment, less than 2^40. `steps`: a bit for each step that it can be, the
    /// first one lowest. `value`: the number of the value that the breakdown tells it apart by.
    pub fn new(actor: u64, at_ms: u64, steps: u16, value: u16) -> Self {
        let at_and_steps = at_ms << STEPS_BITS | u64::from(steps) & ((1 << STEPS_BITS) - 1);
        Self { actor, packed: at_and_steps << VALUE_BITS | u64::from(value) & VALUES_MAX as u64 }
    }

    pub fn at_ms(self) -> u64 {
        self.packed >> (STEPS_BITS + VALUE_BITS)
    }

    fn is_step(self, index: usize) -> bool {
        self.packed >> VALUE_BITS & (1 << index) != 0
    }

    pub fn value(self) -> u16 {
        (self.packed & VALUES_MAX as u64) as u16
    }

    pub fn set_value(&mut self, value: u16) {
        self.packed = self.packed & !(VALUES_MAX as u64) | u64::from(value) & VALUES_MAX as u64;
    }
}

/// One way of an actor through the funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When each step was taken, in the order of the answer; those that were not are `u64::MAX`.
    times_ms: [u64; STEPS_MAX],
    /// Steps taken, at least one.
    pub reached: usize,
    /// That of the first event.
    pub value: u16,
}

impl Entry {
    pub fn at_ms(&self) -> u64 {
        self.times_ms[0]
    }

    /// Milliseconds from the step before to a step that was taken.
    pub fn took_ms(&self, step: usize) -> u64 {
        self.times_ms[step] - self.times_ms[step - 1]
    }

    /// Whether it gets further than another one, or as far and entered earlier.
    pub fn is_better_than(&self, other: &Self) -> bool {
        (self.reached, std::cmp::Reverse(self.at_ms())) > (other.reached, std::cmp::Reverse(other.at_ms()))
    }
}

/// What makes a step count.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub steps: usize,
    pub window_ms: u64,
    pub order: Order,
}

impl Rules {
    /// All entries of one actor, the latest first. `events`: its events, in order.
    pub fn entries<'e>(self, events: &'e [StepEvent]) -> impl Iterator<Item = Entry> + 'e {
        let mut following = Following::new(self);
        events.iter().rev().filter_map(move |event| following.take(*event))
    }

    fn entry(self, mut times_ms: [u64; STEPS_MAX], entered_ms: u64, value: u16) -> Entry {
        for time_ms in &mut times_ms {
            // `NEVER` is beyond every window.
            if *time_ms - entered_ms > self.window_ms {
                *time_ms = NEVER;
            }
        }
        if self.order == Order::Any {
            times_ms.sort_unstable();
        }
        let reached = times_ms.iter().take_while(|time_ms| **time_ms != NEVER).count();
        Entry { times_ms, reached, value }
    }
}

/// What comes after an event, read backwards.
struct Following {
    rules: Rules,
    /// By step: when it is taken next, and, in strict order, when each later step is taken from there.
    times_ms: [[u64; STEPS_MAX]; STEPS_MAX],
}

impl Following {
    fn new(rules: Rules) -> Self {
        Self { rules, times_ms: [[NEVER; STEPS_MAX]; STEPS_MAX] }
    }

    fn take(&mut self, event: StepEvent) -> Option<Entry> {
        match self.rules.order {
            Order::Strict => self.take_in_order(event),
            Order::Any => self.take_in_any_order(event),
        }
    }

    fn take_in_order(&mut self, event: StepEvent) -> Option<Entry> {
        // Upwards: each step continues with what followed before this event, which cannot be two steps.
        for step in (0..self.rules.steps).filter(|step| event.is_step(*step)) {
            let mut times_ms = self.times_ms.get(step + 1).copied().unwrap_or([NEVER; STEPS_MAX]);
            times_ms[step] = event.at_ms();
            self.times_ms[step] = times_ms;
        }
        event.is_step(0).then(|| self.rules.entry(self.times_ms[0], event.at_ms(), event.value()))
    }

    fn take_in_any_order(&mut self, event: StepEvent) -> Option<Entry> {
        let times_ms = &mut self.times_ms[0];
        for step in (0..self.rules.steps).filter(|step| event.is_step(*step)) {
            times_ms[step] = event.at_ms();
        }
        Some(self.rules.entry(*times_ms, event.at_ms(), event.value()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strict(steps: usize, window_ms: u64) -> Rules {
        Rules { steps, window_ms, order: Order::Strict }
    }

    /// The furthest way of an actor whose events are given as time and steps.
    fn best(rules: Rules, events: &[(u64, u16)]) -> Option<Entry> {
        let mut events: Vec<_> = events.iter().map(|(at_ms, steps)| StepEvent::new(1, *at_ms, *steps, 0)).collect();
        events.sort_unstable();
        rules.entries(&events).reduce(|best, entry| if best.is_better_than(&entry) { best } else { entry })
    }

    fn times(entry: Option<Entry>) -> Vec<u64> {
        entry.map(|entry| entry.times_ms[..entry.reached].to_vec()).unwrap_or_default()
    }

    #[test]
    fn the_traps_of_funnels_are_passed_by() {
        const A: u16 = 1;
        const B: u16 = 2;
        const C: u16 = 4;
        for (events, steps, window_ms, expected, trap) in [
            (vec![(5, B), (5, A), (5, C)], 3, 100, vec![5, 5, 5], "the same millisecond, in whatever order it came"),
            (
                vec![(1, A), (2, B), (3, A), (9, C)],
                3,
                7,
                vec![1, 2],
                "a second entry does not lend its time to the first",
            ),
            (vec![(1, A), (2, B), (3, A), (8, C)], 3, 7, vec![1, 2, 8], "a second entry takes nothing from the first"),
            (vec![(1, A), (50, A), (51, B), (52, C)], 3, 10, vec![50, 51, 52], "the later entry gets further"),
            (vec![(1, B), (2, C), (3, A)], 3, 100, vec![3], "later steps before the first count nothing"),
            (vec![(1, A), (2, C), (3, B)], 3, 100, vec![1, 3], "a step ahead of its turn counts nothing"),
            (vec![(1, A), (101, B)], 2, 100, vec![1, 101], "the end of the window belongs to it"),
            (vec![(1, A), (102, B)], 2, 100, vec![1], "a moment later does not"),
            (vec![(1, A), (2, A), (5, B), (6, A), (7, B)], 2, 100, vec![1, 5], "of equal ways the first"),
        ] {
            assert_eq!(times(best(strict(steps, window_ms), &events)), expected, "{trap}");
        }
    }

    #[test]
    fn an_event_is_one_step_even_where_it_could_be_two() {
        // The first and the second step are the same event, so its bits are both set.
        assert_eq!(times(best(strict(2, 100), &[(1, 3)])), [1]);
        assert_eq!(times(best(strict(2, 100), &[(1, 3), (1, 3)])), [1, 1]);
        // The second step is the first one with a filter.
        assert_eq!(times(best(strict(2, 100), &[(4, 3), (4, 1)])), [4, 4]);
    }

    #[test]
    fn in_any_order_the_steps_are_those_that_were_taken() {
        let any = Rules { steps: 3, window_ms: 10, order: Order::Any };
        assert_eq!(times(best(any, &[(7, 1), (3, 4), (5, 2)])), [3, 5, 7]);
        assert_eq!(times(best(any, &[(1, 4), (2, 4), (11, 1)])), [1, 11]);
        assert_eq!(times(best(any, &[(1, 4), (12, 1), (13, 2)])), [12, 13]);
        assert_eq!(times(best(any, &[])), Vec::<u64>::new());
    }

    /// Tries every way: for each entry, the most steps of any choice of events in order.
    fn furthest(rules: Rules, events: &[StepEvent], entry: usize) -> usize {
        fn go(rules: Rules, events: &[StepEvent], at: usize, step: usize, latest_ms: u64) -> usize {
            let later = (at + 1..events.len()).filter(|next| events[*next].at_ms() <= latest_ms);
            let ways = later.filter(|next| step < rules.steps && events[*next].is_step(step));
            ways.map(|next| 1 + go(rules, events, next, step + 1, latest_ms)).max().unwrap_or(0)
        }
        1 + go(rules, events, entry, 1, events[entry].at_ms() + rules.window_ms)
    }

    /// Counts the different steps within the window, event by event.
    fn different(rules: Rules, events: &[StepEvent], entry: usize) -> usize {
        let window = |event: &&StepEvent| event.at_ms() <= events[entry].at_ms() + rules.window_ms;
        (0..rules.steps).filter(|step| events[entry..].iter().filter(window).any(|event| event.is_step(*step))).count()
    }

    proptest! {
        #[test]
        fn no_way_gets_further_than_the_one_that_is_found(
            events in proptest::collection::vec((0_u64..30, 1_u16..16), 0..14),
            steps in 2_usize..=4,
            window_ms in 0_u64..30,
        ) {
            let mut events: Vec<_> =
                events.into_iter().map(|(at_ms, bits)| StepEvent::new(1, at_ms, bits & ((1 << steps) - 1), 0)).collect();
            events.retain(|event| (0..steps).any(|step| event.is_step(step)));
            events.sort_unstable();
            for (order, reference) in [(Order::Strict, furthest as fn(_, &[_], _) -> _), (Order::Any, different)] {
                let rules = Rules { steps, window_ms, order };
                let is_entry = |at: &usize| order == Order::Any || events[*at].is_step(0);
                let expected: Vec<_> = (0..events.len()).rev().filter(is_entry).map(|at| reference(rules, &events, at)).collect();
                let found: Vec<_> = rules.entries(&events).map(|entry| entry.reached).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
