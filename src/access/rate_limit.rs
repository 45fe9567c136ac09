//! A rate that may be exceeded for a moment, by the generic cell rate algorithm (ITU-T I.371): all that is kept is the time
//! at which what was taken so far will have been paid for.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How far ahead of its rate a sender may be.
const BURST: Duration = Duration::from_secs(1);

/// So many of something a second, a second's worth of them at once.
#[derive(Debug)]
pub struct RateLimit {
    interval_ns: u64,
    burst_ns: u64,
    begun: Instant,
    /// Nanoseconds since `begun`.
    paid_until_ns: AtomicU64,
}

/// There is room again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded(pub Duration);

impl RateLimit {
    /// `per_second`: 1 at least.
    pub fn per_second(per_second: u32) -> Self {
        Self::every(Duration::from_secs(1) / per_second.max(1), BURST)
    }

    /// One each `interval`, and as many at once as that makes in `burst`.
    pub fn every(interval: Duration, burst: Duration) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1);
        Self {
            interval_ns: nanoseconds(interval),
            burst_ns: nanoseconds(burst),
            begun: Instant::now(),
            paid_until_ns: AtomicU64::new(0),
        }
    }

    /// Whether there is room for anything now. What comes may be more than that: it is paid for before the next.
    pub fn check(&self) -> Result<(), Exceeded> {
        self.check_at(self.begun.elapsed())
    }

    pub fn take(&self, count: usize) {
        self.take_at(self.begun.elapsed(), count);
    }

    /// Whether all that was taken is paid for, so that a new limit would be as good as this one.
    pub fn is_unused(&self) -> bool {
        Duration::from_nanos(self.paid_until_ns.load(Relaxed)) <= self.begun.elapsed()
    }

    fn check_at(&self, now: Duration) -> Result<(), Exceeded> {
        let ahead = Duration::from_nanos(self.paid_until_ns.load(Relaxed)).saturating_sub(now);
        let left = ahead.saturating_sub(Duration::from_nanos(self.burst_ns.saturating_sub(self.interval_ns)));
        if left.is_zero() { Ok(()) } else { Err(Exceeded(left)) }
    }

    fn take_at(&self, now: Duration, count: usize) {
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let cost_ns = self.interval_ns.saturating_mul(count as u64);
        let paid = |until_ns: u64| Some(until_ns.max(now_ns).saturating_add(cost_ns));
        // It always changes something, so it cannot fail.
        let _ = self.paid_until_ns.fetch_update(Relaxed, Relaxed, paid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_seconds_worth_comes_at_once_and_then_one_by_one() {
        let limit = RateLimit::per_second(10);
        for _ in 0..10 {
            assert_eq!(limit.check_at(ms(5_000)), Ok(()));
            limit.take_at(ms(5_000), 1);
        }
        assert_eq!(limit.check_at(ms(5_000)), Err(Exceeded(ms(100))));
        assert_eq!(limit.check_at(ms(5_099)), Err(Exceeded(ms(1))));
        assert_eq!(limit.check_at(ms(5_100)), Ok(()));
    }

    #[test]
    fn what_was_taken_beyond_the_limit_is_paid_for_before_the_next() {
        let limit = RateLimit::per_second(100);
        limit.take_at(ms(0), 500);
        assert_eq!(limit.check_at(ms(0)), Err(Exceeded(ms(4_010))));
        assert_eq!(limit.check_at(ms(4_010)), Ok(()));
    }

    #[test]
    fn time_without_use_gives_no_more_than_the_burst() {
        let limit = RateLimit::per_second(10);
        limit.take_at(ms(60_000), 10);
        assert!(limit.check_at(ms(60_000)).is_err());
    }
}
