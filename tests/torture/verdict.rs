//! What a scenario found: a row of the final table, and the promises that did not hold.

use std::fmt;

use crate::stored::Count;

/// How a scenario is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With the other tests: short, and without a look at the clock.
    Fast,
    /// By itself, as a measurement.
    Long,
}

pub const HEADER: &str =
    "scenario           accepted     stored    lost  duplicated  unknown  changed  unanswered  figure";

/// A row of the table.
pub struct Verdict {
    scenario: &'static str,
    count: Count,
    /// What this scenario alone measures.
    figure: String,
    missed: Vec<String>,
}

impl Verdict {
    pub fn new(scenario: &'static str, count: Count, figure: String) -> Self {
        let missed = count.faults();
        Self { scenario, count, figure, missed }
    }

    /// Notes a promise, in the words of its breach, if it does not hold.
    pub fn promise(&mut self, holds: bool, breach: &str) {
        if !holds {
            self.missed.push(breach.to_owned());
        }
    }

    /// Notes a promise about speed, which only a measurement can judge.
    pub fn promise_of_speed(&mut self, form: Form, holds: bool, breach: &str) {
        self.promise(holds || form == Form::Fast, breach);
    }

    pub fn is_good(&self) -> bool {
        self.missed.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { accepted, stored, lost, duplicated, unknown, changed, unanswered, .. } = self.count;
        write!(f, "{:<16} {accepted:>10} {stored:>10} {lost:>7} {duplicated:>11} {unknown:>8} ", self.scenario)?;
        write!(f, "{changed:>8} {unanswered:>11}  {}", self.figure)?;
        self.missed.iter().try_for_each(|breach| write!(f, "\n    missed: {breach}"))
    }
}
