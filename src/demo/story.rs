//! When what happens to everybody: day and night, the campaign, the incidents. A pure function of the start and
//! of how fast the story passes.

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

const SENDER_FIXED: &str = "Sender domain fixed";
/// What the people of the product note, and the minute of it: what they did. That e-mails begin to fail nobody knows then.
pub const ANNOTATIONS: [(i64, &str); 4] = [
    (PAST_INCIDENTS_MINUTES[0].end, SENDER_FIXED),
    (PAST_INCIDENTS_MINUTES[1].end, SENDER_FIXED),
    (CAMPAIGN_MINUTE, "Campaign started"),
    (INCIDENT_MINUTES.end, SENDER_FIXED),
];

/// The schedule. Times are milliseconds since the epoch. A minute of the story is a minute before the start, and after it
/// `speed` of them are one.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// Where history ends and live traffic begins.
    pub start_ms: i64,
    pub speed: u32,
}

impl Story {
    /// When a minute of the story begins.
    pub fn at_ms(&self, minute: i64) -> i64 {
        self.after(self.start_ms, minute * MINUTE_MS)
    }

    /// The time that lies so many milliseconds of the story after another one.
    pub fn after(&self, at_ms: i64, story_ms: i64) -> i64 {
        let history = at_ms < self.start_ms || story_ms < 0;
        at_ms + if history { story_ms } else { story_ms / i64::from(self.speed) }
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
        let offset_ms = at_ms - self.start_ms;
        let story_ms = if offset_ms < 0 { offset_ms } else { offset_ms * i64::from(self.speed) };
        story_ms.div_euclid(MINUTE_MS)
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

#[cfg(test)]
mod tests {
    use super::*;

    const START_MS: i64 = 1_795_000_000_000;

    /// The first milliseconds after the start in which e-mails begin to fail and to arrive again, in turn.
    fn turns(story: Story, until_minute: i64) -> Vec<i64> {
        let fails = |offset_ms: i64| story.gmail_fails_at(START_MS + offset_ms);
        (1..until_minute * MINUTE_MS).filter(|offset_ms| fails(*offset_ms) != fails(offset_ms - 1)).collect()
    }

    #[test]
    fn the_story_passes_as_fast_as_asked_for_and_history_does_not() {
        let story = |speed: u32| Story { start_ms: START_MS, speed };
        assert_eq!(turns(story(1), 30), [180_000, 480_000, 1_380_000, 1_680_000]);
        assert_eq!(turns(story(10), 3), [18_000, 48_000, 138_000, 168_000]);
        assert_eq!(turns(story(60), 1)[..4], [3_000, 8_000, 23_000, 28_000]);
        for speed in [1, 7, 10, 60] {
            let story = story(speed);
            let campaign_ms = story.at_ms(CAMPAIGN_MINUTE);
            assert!(story.campaign_runs_at(campaign_ms + 1) && !story.campaign_runs_at(campaign_ms - 1), "{speed}");
            assert_eq!(story.traffic_at(campaign_ms + 1), 1.5);
            for incident in PAST_INCIDENTS_MINUTES {
                let (from_ms, to_ms) = (story.at_ms(incident.start), story.at_ms(incident.end));
                assert_eq!(
                    (from_ms - START_MS, to_ms - START_MS),
                    (incident.start * MINUTE_MS, incident.end * MINUTE_MS)
                );
                assert!(story.gmail_fails_at(from_ms) && !story.gmail_fails_at(from_ms - 1));
                assert!(story.gmail_fails_at(to_ms - 1) && !story.gmail_fails_at(to_ms));
            }
        }
    }
}
