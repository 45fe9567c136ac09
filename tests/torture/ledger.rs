//! The load, and what became of each request as its sender knows it.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::program::{Program, Reply, eventually};

/// Request number n brings the events numbered n × this and up.
pub const EVENTS_PER_REQUEST: u64 = 20;

/// Requests by what became of them. An event is written down only after the reply to its request.
#[derive(Default)]
pub struct Ledger {
    next: AtomicU64,
    accepted: Mutex<Vec<u64>>,
    unanswered: Mutex<Vec<u64>>,
    refused: AtomicU64,
    /// Replies of any other kind, by status.
    others: Mutex<HashMap<u16, u64>>,
    /// Set when there has been enough load.
    pub over: CancellationToken,
}

impl Ledger {
    /// Sends the next request and writes down what became of it.
    pub async fn send(&self, weir: &Program) -> Option<Reply> {
        let number = self.next.fetch_add(1, Relaxed);
        let reply = weir.post(body(number)).await;
        match reply {
            Some(Reply::Accepted) => lock(&self.accepted).push(number),
            Some(Reply::Refused) => _ = self.refused.fetch_add(1, Relaxed),
            Some(Reply::Other(status)) => *lock(&self.others).entry(status).or_default() += 1,
            None => lock(&self.unanswered).push(number),
        }
        reply
    }

    /// Sends from so many connections until the load is over. `interval`: between the requests of one; without it, each
    /// request follows the reply to the last.
    pub async fn load(&self, weir: &Program, connections: usize, interval: Option<Duration>) {
        let sender = || async {
            let mut turns = interval.map(tokio::time::interval);
            while !self.over.is_cancelled() {
                if let Some(turns) = &mut turns {
                    turns.tick().await;
                }
                self.send(weir).await;
            }
        };
        futures_util::future::join_all((0..connections).map(|_| sender())).await;
    }

    /// How long after its 202 one more request is shown.
    pub async fn fresh_shown_after(&self, weir: &Program) -> Duration {
        let before = jiff::Timestamp::now() - jiff::SignedDuration::from_millis(1);
        assert_eq!(self.send(weir).await, Some(Reply::Accepted), "a fresh request is accepted");
        let accepted_at = Instant::now();
        eventually("the fresh events", || async {
            weir.newest_event_at().await.is_some_and(|newest| newest >= before)
        })
        .await;
        accepted_at.elapsed()
    }

    pub fn accepted(&self) -> Vec<u64> {
        lock(&self.accepted).clone()
    }

    pub fn accepted_events(&self) -> u64 {
        lock(&self.accepted).len() as u64 * EVENTS_PER_REQUEST
    }

    pub fn unanswered(&self) -> Vec<u64> {
        lock(&self.unanswered).clone()
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub fn others(&self) -> HashMap<u16, u64> {
        lock(&self.others).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic under the lock")
}

/// The events carry their numbers twice: in the session, to be found by, and in the properties, to be compared.
fn body(request: u64) -> String {
    let padding = "é".repeat(50);
    let event = |number: u64| {
        serde_json::json!({
            "event_name": "page_view", "session_id": format!("s-{number}"), "device_type": "other",
            "country_code": "ZZ", "properties": { "number": number, "padding": padding },
        })
    };
    let first = request * EVENTS_PER_REQUEST;
    serde_json::Value::from_iter((first..first + EVENTS_PER_REQUEST).map(event)).to_string()
}
