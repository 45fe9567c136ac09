//! The time of day, injected so that tests can fix it. Intervals are measured with `std::time::Instant` instead.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use httpdate::HttpDate;

/// Where wall-clock time comes from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    /// Milliseconds since the epoch, set by a test.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
            }
            Self::Fixed(now_ms) => now_ms.load(Ordering::Relaxed),
        }
    }
}

/// RFC 3339 with milliseconds, in UTC: `2026-11-23T10:00:00.123Z`.
pub fn rfc3339(at_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(at_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => String::new(),
    }
}

/// A time as HTTP has it in its `Date`: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(at_ms: i64) -> HttpDate {
    HttpDate::from(UNIX_EPOCH + Duration::from_millis(u64::try_from(at_ms).unwrap_or(0)))
}

/// A duration in milliseconds, to a tenth: as precise as anyone reads it.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
