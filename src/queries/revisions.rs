//! Revisions of the data: answers of an earlier one are out of date, and pages are told of each new one.

use std::time::{Duration, Instant};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::clock::Clock;

/// A revision may begin so long after the one before, on average, however fast events are stored. The four panels, each
/// computed once for a revision, and the newest event, once in `VALID_BESIDE_WRITER`, then cost ClickHouse less than four
/// queries a second.
const REVISION_INTERVAL: Duration = Duration::from_millis(1_050);

/// Revisions that a quiet time saves up. Without them, an event that comes soon after another waits for no reason, and with
/// a steady flow no revision could begin just when a flush has ended.
const SAVED_REVISIONS_MAX: u32 = 1;

/// While events flow, the next flush follows within this time: revisions that have to wait begin with it, not between two.
const NEXT_CHANGE_MAX: Duration = Duration::from_millis(600);

/// A state of the data, as far as answers are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Revision {
    pub(super) number: u64,
    /// Milliseconds since the epoch. An answer that was computed then or later has all that was stored before.
    pub since_ms: i64,
}

impl Revision {
    pub fn first(clock: &Clock) -> Self {
        Self { number: 0, since_ms: clock.now_ms() }
    }
}

/// The current revision, and those who follow it.
pub(super) struct Revisions {
    current: watch::Sender<Revision>,
    due: Notify,
    clock: Clock,
}

impl Revisions {
    pub fn new(clock: Clock) -> Self {
        let (current, _) = watch::channel(Revision::first(&clock));
        Self { current, due: Notify::new(), clock }
    }

    pub fn number(&self) -> u64 {
        self.current.borrow().number
    }

    pub fn follow(&self) -> watch::Receiver<Revision> {
        self.current.subscribe()
    }

    pub fn are_followed(&self) -> bool {
        self.current.receiver_count() > 0
    }

    /// There is something new: the next revision begins as soon as it may.
    pub fn note_change(&self) {
        self.due.notify_one();
    }

    /// Begins revisions when they are due. What is noted during a pause is remembered, once.
    pub async fn run(&self) {
        // When the interval of all revisions so far is over (the generic cell rate algorithm).
        let mut paid_until = Instant::now();
        loop {
            self.due.notified().await;
            let pause = paid_until.saturating_duration_since(Instant::now() + REVISION_INTERVAL * SAVED_REVISIONS_MAX);
            if !pause.is_zero() {
                sleep(pause).await;
                // Begins with the next change, or, if there is none, without.
                let _ = timeout(NEXT_CHANGE_MAX, self.due.notified()).await;
            }
            // Rounded up: what was stored in this very millisecond is in this revision.
            let since_ms = self.clock.now_ms() + 1;
            self.current.send_modify(|revision| *revision = Revision { number: revision.number + 1, since_ms });
            paid_until = paid_until.max(Instant::now()) + REVISION_INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_that_come_fast_make_few_revisions_and_none_is_forgotten() {
        let revisions = Revisions::new(Clock::System);
        let mut followed = revisions.follow();
        let started = Instant::now();
        let follow = async {
            for _ in 0..4 {
                for _ in 0..3 {
                    revisions.note_change();
                }
                followed.changed().await.expect("the sender is there");
            }
            followed.borrow().number
        };
        let number = tokio::select! {
            number = follow => number,
            () = revisions.run() => unreachable!("it does not end"),
        };
        let elapsed = started.elapsed();
        // The first needs no interval, and one was saved up.
        let intervals = u32::try_from(number).expect("few") - 1 - SAVED_REVISIONS_MAX;
        assert!(elapsed >= REVISION_INTERVAL * intervals, "{number} in {elapsed:?}");
    }
}
