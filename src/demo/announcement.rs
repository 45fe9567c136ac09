//! What `weir demo` says once history is sent: where to look, and what happens when.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    product::{BUG_COUNTRY, BUG_COUNTRY_SENT, CAMPAIGN},
    sender::Sent,
    signup::SIGNUP_STEPS,
    story::{CAMPAIGN_MINUTE, INCIDENT_EVERY_MINUTES, INCIDENT_MINUTES, MINUTE_MS, PAST_INCIDENTS_MINUTES, Story},
};

#[derive(Debug)]
pub struct Announcement {
    /// What runs where.
    pub heading: String,
    /// Unknown if the demo only sends events.
    pub dashboard_url: Option<String>,
    pub story: Story,
}

impl Announcement {
    pub fn text(&self, zone: &TimeZone, sent: Sent) -> String {
        let (events, rejected) = (thousands(sent.accepted + sent.rejected), thousands(sent.rejected));
        let heading = &self.heading;
        let at = |minute: i64| clock_time(&self.story, minute, zone);
        let (campaign, breaks, mended) = (at(CAMPAIGN_MINUTE), at(INCIDENT_MINUTES.start), at(INCIDENT_MINUTES.end));
        let funnel_url = self.funnel_url();
        let period = self.period();
        let [long_ago, lately] = PAST_INCIDENTS_MINUTES.map(|past| format!("{} to {}", at(past.start), at(past.end)));
        format!(
            "{heading}\n\
             What happens:\n\n  \
             {campaign:<8}  A campaign brings half as many visitors again (utm_campaign is {CAMPAIGN}).\n  \
             {breaks:<8}  Verification e-mails to Gmail addresses stop arriving: fewer sign-ups are completed,\n            \
             and the error rate passes 1 %. The funnel shows where they stop, and whose:\n            \
             {funnel_url}\n  \
             {mended:<8}  It is mended, and sign-ups recover. It breaks again every {period}.\n\n\
             It broke before, from {long_ago} and from {lately}.\n\n\
             So far {events} events were sent. {rejected} of them were rejected, since one page of the product has a\n\
             bug: it sends {BUG_COUNTRY_SENT} as the country code instead of {BUG_COUNTRY}. The page Live shows them.\n\n\
             Press Ctrl-C to stop.\n"
        )
    }

    /// The page of the very funnel; its path alone if the dashboard's address is unknown.
    fn funnel_url(&self) -> String {
        let (dashboard_url, steps) = (self.dashboard_url.as_deref().unwrap_or_default(), SIGNUP_STEPS.join(","));
        format!("{dashboard_url}/funnels?steps={steps}&window=10m&range=1h&breakdown=properties.email_domain")
    }

    /// `20 minutes`, between two incidents.
    fn period(&self) -> String {
        match INCIDENT_EVERY_MINUTES * MINUTE_MS / 1_000 / i64::from(self.story.speed) {
            60 => "minute".to_owned(),
            seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
            seconds => format!("{seconds} seconds"),
        }
    }
}

/// The machine's zone, where the dashboard's reader most likely is; UTC where there is none, as everywhere on Unix.
pub fn local_zone() -> TimeZone {
    let rules = std::fs::read("/etc/localtime").ok();
    rules.and_then(|rules| TimeZone::tzif("local", &rules).ok()).unwrap_or(TimeZone::UTC)
}

/// `14:32`, or `14:32:18` where minutes are too coarse to tell what happens when.
fn clock_time(story: &Story, minute: i64, zone: &TimeZone) -> String {
    let at = zone.to_datetime(Timestamp::from_millisecond(story.at_ms(minute)).unwrap_or_default());
    match story.speed > 1 && minute >= 0 {
        true => format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()),
        false => format!("{:02}:{:02}", at.hour(), at.minute()),
    }
}

/// `1,234,567`
pub fn thousands(value: u64) -> String {
    match value {
        0..1000 => value.to_string(),
        _ => format!("{},{:03}", thousands(value / 1000), value % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 11:06:40 UTC
    const START_MS: i64 = 1_795_000_000_000;

    fn text(speed: u32, dashboard_url: Option<&str>) -> String {
        let heading = "Weir is running.\n".to_owned();
        let story = Story { start_ms: START_MS, speed };
        let dashboard_url = dashboard_url.map(str::to_owned);
        Announcement { heading, dashboard_url, story }
            .text(&TimeZone::UTC, Sent { accepted: 1_548_995, rejected: 6_204 })
    }

    #[test]
    fn it_is_told_what_happens_when_and_where_to_see_it() {
        insta::assert_snapshot!(text(1, Some("http://127.0.0.1:3000")), @"
        Weir is running.

        What happens:

          11:07     A campaign brings half as many visitors again (utm_campaign is launch_week).
          11:09     Verification e-mails to Gmail addresses stop arriving: fewer sign-ups are completed,
                    and the error rate passes 1 %. The funnel shows where they stop, and whose:
                    http://127.0.0.1:3000/funnels?steps=signup_started,verification_email_sent,email_verified,signup_completed&window=10m&range=1h&breakdown=properties.email_domain
          11:14     It is mended, and sign-ups recover. It breaks again every 20 minutes.

        It broke before, from 08:06 to 09:06 and from 10:31 to 10:41.

        So far 1,555,199 events were sent. 6,204 of them were rejected, since one page of the product has a
        bug: it sends DEU as the country code instead of DE. The page Live shows them.

        Press Ctrl-C to stop.
        ");
    }

    #[test]
    fn a_faster_story_is_told_to_the_second() {
        let told = text(10, None);
        for part in [
            "  11:06:46  A campaign",
            "  11:06:58  Verification",
            "  11:07:28  It is mended, and sign-ups recover. It breaks again every 2 minutes.",
            "            /funnels?steps=signup_started,",
            "from 08:06 to 09:06 and from 10:31 to 10:41",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        assert!(text(20, None).contains("every minute."));
        assert!(text(60, None).contains("every 20 seconds."));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([999, 20_050, 1_234_567].map(thousands), ["999", "20,050", "1,234,567"]);
    }
}
