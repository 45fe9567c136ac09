//! Revisions of the data: answers of an earlier one are out of date, and pages are told of each new one.

use std::time::Duration;

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use crate::clock::Clock;

/// Least time from one revision to the next, even when events are stored faster. The four panels, each computed once for
/// a revision, and the newest event, once in `VALID_BESIDE_WRITER`, then cost ClickHouse less than four queries a second.
pub(super) const REVISION_MIN: Duration = Duration::from_millis(1_050);

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
        loop {
            self.due.notified().await;
            // Rounded up: what was stored in this very millisecond is in this revision.
            let since_ms = self.clock.now_ms() + 1;
            self.current.send_modify(|revision| *revision = Revision { number: revision.number + 1, since_ms });
            sleep(REVISION_MIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn changes_that_come_fast_make_one_revision_and_none_is_forgotten() {
        let revisions = Revisions::new(Clock::System);
        let mut followed = revisions.follow();
        let follow = async {
            revisions.note_change();
            followed.changed().await.expect("the sender is there");
            let first = Instant::now();
            for _ in 0..3 {
                revisions.note_change();
            }
            followed.changed().await.expect("the sender is there");
            (first.elapsed(), followed.borrow().number)
        };
        let (between, number) = tokio::select! {
            told = follow => told,
            () = revisions.run() => unreachable!("it does not end"),
        };
        // `first` is read a moment after the revision began.
        assert!(between > REVISION_MIN / 2, "{between:?}");
        assert_eq!(number, 2);
    }
}
