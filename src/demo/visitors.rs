//! Who comes when and what they do: a pure function of a seed, a start, a speed and
//! a rate. `mod.rs` tells the model in words.

use std::{collections::BTreeMap, mem, ops::Range, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    event::{Action, Event, Visitor},
    product::{APP_BUTTONS, APP_PAGES, CAMPAIGN, COUNTRIES, DEVICES, ERRORS, FEATURES, SITE_BUTTONS, SITE_PAGES, pick},
    signup::signup,
    story::{CAMPAIGN_SESSIONS, HOUR_MS, MINUTE_MS, Story, level},
};

/// A day, and two hours of the one before, so that the last hour can be compared with that of yesterday.
pub const HISTORY_HOURS: i64 = 26;
/// History is sent at once: as many hours that end at this rate are 1.8 million events.
pub const HISTORY_EVENTS_PER_SECOND_MAX: u32 = 40;

/// Events of the average session before the campaign; a test holds it to what sessions do.
const EVENTS_PER_SESSION: f64 = 19.1;
const STEPS_MEAN: f64 = 18.0;
const STEPS_MAX: u32 = 120;
const STEP_GAP_MEAN_MS: f64 = 14_000.0;
const STEP_GAP_MIN_MS: f64 = 400.0;

/// Sessions of people who have signed in, as a share of all that the campaign does not bring.
const MEMBER_SHARE: f64 = 0.6;
/// Members grow with the traffic, so that a person comes a few times a day at any rate.
const MEMBERS_PER_EVENT_PER_SECOND: u32 = 500;
/// Strangers who start to sign up.
const SIGNUP_SHARE: f64 = 0.45;
const SIGNUP_AFTER_MS: Range<i64> = 8_000..60_000;
/// Chance of an everyday error after a step.
const ERROR_SHARE: f64 = 0.004;

/// After a longer pause (a laptop that slept) the visitors of the gap are left out.
const CATCH_UP_MAX_MS: i64 = 10 * MINUTE_MS;

/// The model. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub seed: u64,
    pub story: Story,
    /// On average, before the campaign.
    pub events_per_second: u32,
}

impl Model {
    /// Events before the start, of the sessions that began in the hour that ended `hours_ago`, oldest first.
    pub fn history(&self, hours_ago: i64) -> Vec<Event> {
        let mut events = Vec::new();
        self.sessions_of_hour(hours_ago, self.history_events_per_second(), &mut events);
        events.retain(|event| event.at_ms < self.story.start_ms);
        events.sort_by_key(|event| event.at_ms);
        events
    }

    /// About how many events the history has.
    pub fn history_events(&self) -> f64 {
        let hours = -HISTORY_HOURS..0;
        let levels: f64 = hours.map(|hour| level(hour * HOUR_MS + HOUR_MS / 2)).sum();
        levels * 3600.0 * f64::from(self.history_events_per_second())
    }

    fn history_events_per_second(&self) -> u32 {
        self.events_per_second.min(HISTORY_EVENTS_PER_SECOND_MAX)
    }

    fn sessions_of_hour(&self, hours_ago: i64, events_per_second: u32, events: &mut Vec<Event>) {
        // Each hour has its own dice, so that hours can be made in any order.
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_add(1).wrapping_add(hours_ago.unsigned_abs()));
        let end_ms = self.story.start_ms - hours_ago * HOUR_MS;
        let mut at_ms = (end_ms - HOUR_MS) as f64;
        loop {
            at_ms += self.session_gap_ms(&mut rng, events_per_second, at_ms as i64);
            if at_ms as i64 >= end_ms {
                return;
            }
            self.session(&mut rng, at_ms as i64, events);
        }
    }

    /// Adds the events of one session, in no order.
    fn session(&self, rng: &mut StdRng, start_ms: i64, events: &mut Vec<Event>) {
        let session_id = format!("s_{:016x}", rng.random::<u64>());
        let (device_type, country_code) = (pick(rng, &DEVICES), pick(rng, &COUNTRIES));
        let mut visitor = Visitor { session_id, user: None, device_type, country_code, campaign: None };
        let members = self.events_per_second.saturating_mul(MEMBERS_PER_EVENT_PER_SECOND);
        let mut signup_actions = Vec::new();
        if self.story.campaign_runs_at(start_ms) && rng.random_bool(CAMPAIGN_SESSIONS / (1.0 + CAMPAIGN_SESSIONS)) {
            visitor.campaign = Some(CAMPAIGN);
        }
        if visitor.campaign.is_none() && rng.random_bool(MEMBER_SHARE) {
            let number = rng.random_range(0..members);
            // A member lives in one country, whichever session this is.
            visitor.country_code = pick(&mut StdRng::seed_from_u64(u64::from(number)), &COUNTRIES);
            visitor.user = Some((format!("u_{number}"), i64::MIN));
        } else if rng.random_bool(SIGNUP_SHARE) {
            let signup_ms = start_ms + rng.random_range(SIGNUP_AFTER_MS);
            let signup = signup(rng, &self.story, signup_ms);
            let number = rng.random_range(members..u32::MAX);
            visitor.user = signup.completed_ms.map(|completed_ms| (format!("u_{number}"), completed_ms));
            signup_actions = signup.actions;
        }
        let visitor = Arc::new(visitor);
        let mut add = |at_ms, action| events.push(Event { at_ms, visitor: Arc::clone(&visitor), action });
        signup_actions.into_iter().for_each(|(at_ms, action)| add(at_ms, action));
        let (mut at_ms, mut path) = (start_ms, "/");
        for number in 0..steps(rng) {
            let signed_in = visitor.user_at(at_ms).is_some();
            let action = step(rng, signed_in, number == 0, &mut path);
            add(at_ms, action);
            if rng.random_bool(ERROR_SHARE) {
                let error = pick(rng, &ERRORS);
                add(at_ms + 300, Action::ErrorOccurred { kind: error.kind, message: error.message, path });
            }
            at_ms += (STEP_GAP_MIN_MS + exponential(rng, STEP_GAP_MEAN_MS)) as i64;
        }
    }

    /// Sessions come independently of each other, so the time between two is exponential.
    fn session_gap_ms(&self, rng: &mut StdRng, events_per_second: u32, at_ms: i64) -> f64 {
        let sessions_per_second = f64::from(events_per_second) * self.story.traffic_at(at_ms) / EVENTS_PER_SESSION;
        exponential(rng, 1000.0 / sessions_per_second)
    }
}

/// The visitors of now: asked again and again for the events since the last time.
#[derive(Debug)]
pub struct LiveVisitors {
    model: Model,
    rng: StdRng,
    /// With fractions: at high rates they add up.
    next_session_ms: f64,
    /// Events of sessions under way, by their time and a number that tells apart those of one millisecond.
    pending: BTreeMap<(i64, u64), Event>,
    pending_number: u64,
}

impl LiveVisitors {
    /// Begins with the sessions that history has left under way, so that nothing jumps at the start.
    pub fn new(model: Model) -> Self {
        let rng = StdRng::seed_from_u64(model.seed);
        let next_session_ms = model.story.start_ms as f64;
        let mut live = Self { model, rng, next_session_ms, pending: BTreeMap::new(), pending_number: 0 };
        let mut events = Vec::new();
        model.sessions_of_hour(0, model.events_per_second, &mut events);
        events.retain(|event| event.at_ms >= model.story.start_ms);
        live.add(events);
        live
    }

    /// The events up to `now_ms` that were not given before, oldest first.
    pub fn events_until(&mut self, now_ms: i64) -> Vec<Event> {
        let mut events = Vec::new();
        self.next_session_ms = self.next_session_ms.max((now_ms - CATCH_UP_MAX_MS) as f64);
        while self.next_session_ms as i64 <= now_ms {
            let at_ms = self.next_session_ms as i64;
            self.model.session(&mut self.rng, at_ms, &mut events);
            self.next_session_ms += self.model.session_gap_ms(&mut self.rng, self.model.events_per_second, at_ms);
        }
        self.add(events);
        let later = self.pending.split_off(&(now_ms + 1, 0));
        mem::replace(&mut self.pending, later).into_values().collect()
    }

    fn add(&mut self, events: Vec<Event>) {
        for event in events {
            self.pending_number += 1;
            self.pending.insert((event.at_ms, self.pending_number), event);
        }
    }
}

fn steps(rng: &mut StdRng) -> u32 {
    (1 + exponential(rng, STEPS_MEAN) as u32).min(STEPS_MAX)
}

/// One step of a session. A page view moves on to its page; everything else happens on it.
fn step(rng: &mut StdRng, signed_in: bool, first: bool, path: &mut &'static str) -> Action {
    let draw = if first { 0 } else { rng.random_range(0..100) };
    match (signed_in, draw) {
        (true, 0..46) => {
            *path = pick(rng, &APP_PAGES);
            Action::PageView { path }
        }
        (true, 46..76) => Action::ButtonClick { button: pick(rng, &APP_BUTTONS), path },
        (true, _) => Action::FeatureUsed { feature: pick(rng, &FEATURES) },
        (false, 0..70) => {
            *path = pick(rng, &SITE_PAGES);
            Action::PageView { path }
        }
        (false, _) => Action::ButtonClick { button: pick(rng, &SITE_BUTTONS), path },
    }
}

fn exponential(rng: &mut StdRng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashSet};

    use serde_json::Value;

    use super::*;
    use crate::{
        demo::{signup::SIGNUP_STEPS, story::CAMPAIGN_MINUTE},
        event::{DEVICE_TYPES, EventLimits, PRODUCT_EVENTS, is_country_code, is_event_name},
    };

    const START_MS: i64 = 1_795_000_000_000;
    const MODEL: Model = Model { seed: 7, story: Story { start_ms: START_MS, speed: 1 }, events_per_second: 40 };

    /// Live traffic, asked for second by second.
    fn live(model: Model, minutes: i64) -> Vec<Event> {
        let mut live = LiveVisitors::new(model);
        (1..=minutes * 60).flat_map(|second| live.events_until(START_MS + second * 1000)).collect()
    }

    fn error_share(events: &[Event], minutes: Range<i64>) -> f64 {
        let span_ms = START_MS + minutes.start * MINUTE_MS..START_MS + minutes.end * MINUTE_MS;
        let events = || events.iter().filter(|event| span_ms.contains(&event.at_ms));
        let errors = events().filter(|event| event.action.event_name() == "error_occurred").count();
        errors as f64 / events().count() as f64
    }

    #[track_caller]
    fn assert_within(value: f64, expected: Range<f64>) {
        assert!(expected.contains(&value), "{value} is not in {expected:?}");
    }

    #[test]
    fn the_same_seed_sends_the_same_events() {
        let bodies = |model: Model| {
            let live = LiveVisitors::new(model).events_until(START_MS + 60_000);
            serde_json::to_string(&(live, model.history(12))).expect("events serialize")
        };
        assert_eq!(bodies(MODEL), bodies(MODEL));
        assert_ne!(bodies(MODEL), bodies(Model { seed: 8, ..MODEL }));
        let fast = Model { story: Story { speed: 10, ..MODEL.story }, ..MODEL };
        assert_eq!(bodies(fast), bodies(fast));
        assert_ne!(bodies(MODEL), bodies(fast));
    }

    #[test]
    fn every_event_keeps_the_public_rules() {
        let limits = EventLimits::with_retention_days(2);
        let mut names = BTreeSet::new();
        for event in live(MODEL, 10).iter().chain(&MODEL.history(23)).filter(|event| !event.is_faulty()) {
            let json = serde_json::to_string(event).expect("events serialize");
            let event: BTreeMap<String, Value> = serde_json::from_str(&json).expect("an object");
            let text = |field: &str| event[field].as_str().unwrap_or_default();
            assert!(is_event_name(text("event_name").as_bytes()), "{json}");
            assert!(is_country_code(text("country_code").as_bytes()), "{json}");
            assert!(DEVICE_TYPES.contains(&text("device_type")), "{json}");
            assert!((1..=limits.id_bytes_max).contains(&text("session_id").len()), "{json}");
            assert!(event["user_id"].is_null() || !text("user_id").is_empty(), "{json}");
            assert!(event["properties"].is_object() && json.len() < limits.properties_bytes_max, "{json}");
            let offset_ms = event["timestamp"].as_i64().expect("a whole number") - START_MS;
            assert!((-limits.past_ms_max..=HOUR_MS).contains(&offset_ms), "{json}");
            names.insert(text("event_name").to_owned());
        }
        assert_eq!(names, PRODUCT_EVENTS.into_iter().chain(SIGNUP_STEPS).map(str::to_owned).collect());
    }

    #[test]
    fn four_events_in_a_thousand_have_a_country_code_that_weir_rejects() {
        let events = MODEL.history(0);
        let faulty = events.iter().filter(|event| event.is_faulty());
        let code = |event: &Event| serde_json::to_value(event).expect("events serialize")["country_code"].clone();
        assert!(faulty.clone().all(|event| code(event) == "DEU") && !is_country_code(b"DEU"));
        assert_within(faulty.count() as f64 / events.len() as f64, 0.003..0.005);
    }

    #[test]
    fn traffic_has_the_rate_asked_for_and_half_of_it_more_with_the_campaign() {
        for (events_per_second, minutes) in [(4, 200), (40, 30), (100, 20)] {
            let model = Model { events_per_second, ..MODEL };
            let history = model.history(0).len() as f64 / 3600.0;
            assert_within(history / f64::from(events_per_second.min(HISTORY_EVENTS_PER_SECOND_MAX)), 0.93..1.04);
            let events = live(model, minutes);
            assert!(events.is_sorted_by_key(|event| event.at_ms));
            // Sessions that the campaign brings take some minutes to overlap as those before it do.
            let settled_ms = START_MS + 10 * MINUTE_MS;
            let settled = events.iter().filter(|event| event.at_ms >= settled_ms).count() as f64;
            let rate = settled / (60 * (minutes - 10)) as f64 / f64::from(events_per_second);
            assert_within(rate, 1.45..1.6);
        }
    }

    #[test]
    fn a_third_of_the_sessions_comes_from_the_campaign_once_it_runs() {
        let mut sessions: BTreeMap<&str, (i64, &Visitor)> = BTreeMap::new();
        let events = live(MODEL, 23);
        for event in &events {
            sessions.entry(&event.visitor.session_id).or_insert((event.at_ms, &event.visitor));
        }
        let campaign_ms = MODEL.story.at_ms(CAMPAIGN_MINUTE);
        let (before, after): (Vec<_>, Vec<_>) = sessions.values().partition(|(from_ms, _)| *from_ms < campaign_ms);
        assert!(before.iter().all(|(_, visitor)| visitor.campaign.is_none()));
        let brought = after.iter().filter(|(_, visitor)| visitor.campaign == Some(CAMPAIGN)).count();
        assert_within(brought as f64 / after.len() as f64, 0.31..0.36);
        let every_event_tells = events.iter().all(|event| {
            let json = serde_json::to_value(event).expect("events serialize");
            json["properties"].get("utm_campaign").and_then(Value::as_str) == event.visitor.campaign
        });
        assert!(every_event_tells);
    }

    #[test]
    fn people_are_known_from_the_moment_at_which_their_signup_is_completed() {
        let events = live(MODEL, 10);
        let steps = |name: &'static str| events.iter().filter(move |event| event.action.event_name() == name);
        for anonymous in &SIGNUP_STEPS[..3] {
            assert!(steps(anonymous).all(|event| event.visitor.user_at(event.at_ms).is_none()), "{anonymous}");
        }
        assert!(steps("signup_completed").all(|event| event.visitor.user_at(event.at_ms).is_some()));
        assert!(steps("signup_completed").count() > 100);
    }

    #[test]
    fn history_has_a_night_and_leads_into_live_traffic_without_a_jump() {
        let mut events = MODEL.history(0);
        assert!(events.iter().all(|event| event.at_ms < START_MS));
        let (night, evening) = (MODEL.history(11).len() as f64, events.len() as f64);
        assert_within(night / evening, 0.18..0.23);
        let total: usize = (0..HISTORY_HOURS).map(|hours_ago| MODEL.history(hours_ago).len()).sum();
        assert_within(total as f64 / MODEL.history_events(), 0.97..1.03);
        events.extend(live(MODEL, 1));
        let active_users = |minute: i64| {
            let minute = |event: &&Event| (event.at_ms - START_MS).div_euclid(MINUTE_MS) == minute;
            events.iter().filter(minute).map(|event| event.visitor.session_id.as_str()).collect::<HashSet<_>>().len()
        };
        assert_within(active_users(0) as f64 / active_users(-1) as f64, 0.85..1.15);
    }

    #[test]
    fn errors_pass_one_percent_in_an_incident_only() {
        let events = live(MODEL, 23);
        assert_within(error_share(&events, 10..23), 0.003..0.005);
        for minute in [4..5, 5..6, 6..7, 7..8] {
            assert_within(error_share(&events, minute), 0.015..0.035);
        }
        let history = MODEL.history(0);
        assert_within(error_share(&history, -60..-36), 0.003..0.005);
        assert_within(error_share(&history, -34..-25), 0.011..0.025);
    }

    #[test]
    fn features_differ_clearly_in_their_users() {
        let mut users: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        let events = live(MODEL, 60);
        for event in &events {
            if let Action::FeatureUsed { feature } = event.action {
                users.entry(feature).or_default().insert(event.visitor.user_at(event.at_ms).expect("signed in"));
            }
        }
        let ranking: Vec<usize> = FEATURES.iter().map(|(feature, _)| users[feature].len()).collect();
        assert!(ranking.iter().take(6).is_sorted_by(|more, fewer| more > fewer), "{ranking:?}");
        assert_within(ranking[0] as f64 / ranking[9] as f64, 4.0..10.0);
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let mut live = LiveVisitors::new(MODEL);
        let after_a_night = live.events_until(START_MS + 8 * HOUR_MS);
        assert!(after_a_night.len() < 40 * 60 * 15, "{}", after_a_night.len());
    }
}
