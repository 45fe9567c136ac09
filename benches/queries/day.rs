//! A day of events that ends now, made by ClickHouse itself.

use std::time::{Duration, Instant};

use weir::{clock::Clock, journal::COLUMNS};

use crate::{
    engine::{BenchEngine, answer},
    figures::shown,
};

const EVENTS: &str = include_str!("events.sql");

pub const DAY_MS: i64 = 86_400_000;
/// Of 98 actions one is a sign-up that starts, with 2.02 later steps on average.
const EVENTS_PER_ACTION: f64 = 1.0 + 2.02 / 98.0;
/// Actions of one insert: large enough that ClickHouse is busy with rows, small enough to show progress.
const ACTIONS_PER_INSERT: u64 = 2_000_000;

/// The day is full when less than this is missing: making it takes time too, in which more is due.
const MISSING_MS_MAX: f64 = 1_000.0;

/// Longest wait for the merges of a store: its events would have been merged in the course of the day.
const MERGES_MAX: Duration = Duration::from_secs(3_600);
const MERGES_POLL: Duration = Duration::from_millis(500);
/// So often in a row must no merge run: the next one is chosen some moments after one ends.
const QUIET_POLLS: u32 = 12;

/// The synthetic events of `events.sql`, so many a day, up to the last one made.
pub struct Day {
    first_ms: i64,
    milliseconds_per_action: f64,
    next_number: u64,
}

impl Day {
    /// A day that ends now, still without events.
    pub fn new(events: u64) -> Self {
        Self {
            first_ms: Clock::System.now_ms() - DAY_MS,
            milliseconds_per_action: DAY_MS as f64 * EVENTS_PER_ACTION / events as f64,
            next_number: 0,
        }
    }

    /// Makes the events from the last one made until now, and shows how far it is.
    pub async fn fill(&mut self, engine: &BenchEngine) {
        let (started, first_number) = (Instant::now(), self.next_number);
        loop {
            let wanted = ((Clock::System.now_ms() - self.first_ms) as f64 / self.milliseconds_per_action) as u64;
            let missing = wanted.saturating_sub(self.next_number);
            if missing as f64 * self.milliseconds_per_action < MISSING_MS_MAX {
                return;
            }
            let actions = missing.min(ACTIONS_PER_INSERT);
            let columns = COLUMNS.map(|column| column.name).join(", ");
            let insert = format!("INSERT INTO events ({columns}) SELECT {columns} FROM ({EVENTS})");
            let request = self.request(engine, self.next_number, actions).body(insert);
            answer(request).await.expect("ClickHouse makes the events");
            self.next_number += actions;
            let rate = (self.next_number - first_number) as f64 / started.elapsed().as_secs_f64();
            if missing > actions {
                eprintln!(
                    "  {} of {} million events, {} a second, {:.0} s left",
                    shown(self.next_number as f64 * EVENTS_PER_ACTION / 1e6),
                    shown(wanted as f64 * EVENTS_PER_ACTION / 1e6),
                    shown(rate * EVENTS_PER_ACTION),
                    (wanted.saturating_sub(self.next_number)) as f64 / rate,
                );
            }
        }
    }

    /// The next actions as a block in ClickHouse's Native encoding, as the program sends them.
    pub async fn native_block(&mut self, engine: &BenchEngine, actions: u64) -> bytes::Bytes {
        let columns = COLUMNS.map(|column| column.name).join(", ");
        let select = format!("SELECT {columns} FROM ({EVENTS}) FORMAT Native");
        // One block, however many rows.
        let request = self.request(engine, self.next_number, actions).query(&[("max_block_size", "1000000")]);
        self.next_number += actions;
        let reply = request.body(select).send().await.and_then(reqwest::Response::error_for_status);
        reply.expect("ClickHouse makes the events").bytes().await.expect("ClickHouse ends its answer")
    }

    fn request(&self, engine: &BenchEngine, first_number: u64, actions: u64) -> reqwest::RequestBuilder {
        engine.request(&[
            ("database", engine.endpoint().database.as_str()),
            ("param_first_ms", &self.first_ms.to_string()),
            ("param_milliseconds_per_action", &self.milliseconds_per_action.to_string()),
            ("param_first_number", &first_number.to_string()),
            ("param_numbers", &actions.to_string()),
        ])
    }
}

/// Waits until ClickHouse has merged what it wants to merge.
pub async fn until_merged(engine: &BenchEngine) {
    let started = Instant::now();
    let mut quiet_polls = 0;
    while quiet_polls < QUIET_POLLS {
        let running = engine.select("system", "SELECT count() FROM merges").await.expect("ClickHouse answers");
        quiet_polls = if running.trim() == "0" { quiet_polls + 1 } else { 0 };
        if started.elapsed() > MERGES_MAX {
            eprintln!("  merges still run after {} minutes", MERGES_MAX.as_secs() / 60);
            return;
        }
        tokio::time::sleep(MERGES_POLL).await;
    }
}
