//! When what happens to everybody: day and night, the campaign, the incidents. A pure function of the start.

use std::{f64::consts::TAU, ops::Range};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS as f64;

/// Traffic at the quietest hour, as a share of that at the busiest.
const NIGHT_SHARE: f64 = 0.2;

/// When the campaign starts, in minutes from the start; it goes on.
pub const CAMPAIGN_MINUTE: i64 = 1;
/// Sessions that it brings, as a share of the others.
pub const CAMPAIGN_SESSIONS: f64 = 0.5;

/// When e-mails to Gmail addresses fail: in minutes from the start, before it …
pub const PAST_INCIDENTS_MINUTES: [Range<i64>; 2] = [-180..-120, -35..-25];
/// … and after it, again and again.
pub const INCIDENT_MINUTES: Range<i64> = 3..8;
pub const INCIDENT_EVERY_MINUTES: i64 = 20;

/// The schedule. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// Where history ends and live traffic begins.
    pub start_ms: i64,
}

impl Story {
    /// When a minute of the story is.
    pub fn at_ms(&self, minute: i64) -> i64 {
        self.start_ms + minute * MINUTE_MS
    }

    pub fn campaign_runs_at(&self, at_ms: i64) -> bool {
        self.minute_at(at_ms) >= CAMPAIGN_MINUTE
    }

    /// Whether an e-mail to a Gmail address fails.
    pub fn gmail_fails_at(&self, at_ms: i64) -> bool {
        let minute = self.minute_at(at_ms);
        PAST_INCIDENTS_MINUTES.iter().any(|incident| incident.contains(&minute))
            || minute >= 0 && INCIDENT_MINUTES.contains(&(minute % INCIDENT_EVERY_MINUTES))
    }

    /// Sessions, as a multiple of those at the busiest hour without the campaign.
    pub fn traffic_at(&self, at_ms: i64) -> f64 {
        match self.campaign_runs_at(at_ms) {
            true => 1.0 + CAMPAIGN_SESSIONS,
            false => level(at_ms - self.start_ms),
        }
    }

    fn minute_at(&self, at_ms: i64) -> i64 {
        (at_ms - self.start_ms).div_euclid(MINUTE_MS)
    }
}

/// Traffic as a share of the busiest, by the time from the start: a day and a night before it, even after it. The start
/// is the busiest time, wherever on earth and whenever that is, since live traffic is to have the rate asked for.
pub fn level(offset_ms: i64) -> f64 {
    if offset_ms >= 0 {
        return 1.0;
    }
    let wave = (1.0 + (TAU * offset_ms as f64 / DAY_MS).cos()) / 2.0;
    NIGHT_SHARE + (1.0 - NIGHT_SHARE) * wave.powi(3)
}
