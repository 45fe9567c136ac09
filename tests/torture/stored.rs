//! Compares the table with the ledger.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use tokio_util::task::TaskTracker;
use weir::{
    engine::{Engine, EngineConfig, START_TIMEOUT},
    store::Login,
};

use crate::ledger::{EVENTS_PER_REQUEST, Ledger};

/// Events, by what the ledger and the table say of them.
#[derive(Debug, Default)]
pub struct Count {
    pub accepted: u64,
    pub stored: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Stored, although their request was refused or never sent.
    pub unknown: u64,
    /// With other properties than were sent.
    pub changed: u64,
    pub unanswered: u64,
    in_rollup: u64,
    /// Replies that are neither 202 nor 503 with `Retry-After`, by status.
    others: HashMap<u16, u64>,
}

impl Count {
    /// What must never be, whatever the scenario.
    pub fn faults(&self) -> Vec<String> {
        let wrong = self.lost + self.duplicated + self.unknown + self.changed;
        [
            (wrong > 0, format!("{wrong} events are not stored exactly once as they were sent")),
            (self.in_rollup != self.stored, format!("the rollup counts {} events", self.in_rollup)),
            (!self.others.is_empty(), format!("there were other replies than 202 and 503: {:?}", self.others)),
        ]
        .into_iter()
        .filter_map(|(is_so, words)| is_so.then_some(words))
        .collect()
    }
}

/// An engine of this process on weir's data directory.
pub async fn start_engine(data_dir: &Path) -> Engine {
    let config = EngineConfig {
        data_dir: data_dir.join("engine"),
        port: 0,
        database: "weir".to_owned(),
        library: None,
        program: env!("CARGO_BIN_EXE_weir").into(),
        start_timeout: START_TIMEOUT,
    };
    Engine::start(config, &TaskTracker::new()).await.expect("the engine starts")
}

/// Counts on an engine started for that, once weir and its own have ended.
pub async fn count_in(data_dir: &Path, ledger: &Ledger) -> Count {
    let engine = start_engine(data_dir).await;
    let count = count(&engine, ledger).await;
    engine.stop().await;
    count
}

pub async fn count(engine: &Engine, ledger: &Ledger) -> Count {
    // By request, so that millions of events can be compared: a bit for each of its events, and how many there are.
    let by_request = format!(
        "SELECT intDiv(number, {EVENTS_PER_REQUEST}) AS request, \
             bitCount(groupBitOr(bitShiftLeft(toUInt64(1), number % {EVENTS_PER_REQUEST}))), count() \
         FROM (SELECT toUInt64(substring(session_id, 3)) AS number FROM weir.events) GROUP BY request"
    );
    let table = ask(engine, &by_request).await;
    let stored: HashMap<u64, (u64, u64)> = table
        .lines()
        .map(|line| {
            let mut numbers = line.split('\t').map(|number| number.parse().expect("a number"));
            let mut next = || numbers.next().expect("three columns");
            (next(), (next(), next()))
        })
        .collect();
    let changed = "SELECT count() FROM weir.events WHERE properties != format('{{\"number\":{},\"padding\":\"{}\"}}', substring(session_id, 3), repeat('é', 50))";
    let changed = ask(engine, changed).await.parse().expect("a count");
    ask(engine, "OPTIMIZE TABLE weir.events FINAL").await;
    let by_rollup = "SELECT sum(events) FROM (SELECT toStartOfMinute(timestamp, 'UTC') AS minute, count() AS events FROM weir.events GROUP BY minute) SETTINGS force_optimize_projection = 1";
    let in_rollup = ask(engine, by_rollup).await.parse().expect("a count");
    let (accepted, unanswered) = (ledger.accepted(), ledger.unanswered());
    let sent: HashSet<u64> = accepted.iter().chain(&unanswered).copied().collect();
    let distinct = |request: &u64| stored.get(request).map_or(0, |(distinct, _)| *distinct);
    Count {
        accepted: ledger.accepted_events(),
        stored: stored.values().map(|(_, events)| events).sum(),
        lost: accepted.iter().map(|request| EVENTS_PER_REQUEST - distinct(request)).sum(),
        duplicated: stored.values().map(|(distinct, events)| events - distinct).sum(),
        unknown: stored.keys().filter(|request| !sent.contains(request)).map(distinct).sum(),
        changed,
        unanswered: unanswered.len() as u64 * EVENTS_PER_REQUEST,
        in_rollup,
        others: ledger.others(),
    }
}

async fn ask(engine: &Engine, sql: &str) -> String {
    let Login { user, password } = &engine.endpoint().writer;
    let request = reqwest::Client::new()
        .post(&engine.endpoint().url)
        .header("X-ClickHouse-User", user)
        .header("X-ClickHouse-Key", password.expose())
        .body(sql.to_owned());
    let reply = request.send().await.expect("a reply");
    let (status, text) = (reply.status(), reply.text().await.expect("a body"));
    assert!(status.is_success(), "{sql}: {text}");
    text.trim_end().to_owned()
}
