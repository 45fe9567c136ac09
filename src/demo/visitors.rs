//! Who comes when and what they do: a pure function of a seed, a start and a rate. `mod.rs` tells the model in words.

use std::{collections::BTreeMap, f64::consts::TAU, mem, ops::Range, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::product::{
    APP_BUTTONS, APP_PAGES, COUNTRIES, DEVICES, EMAIL_DOMAINS, ERRORS, FEATURES, GMAIL, MAIL_ERROR, PLANS,
    SITE_BUTTONS, SITE_PAGES, pick,
};

pub const HISTORY_HOURS: i64 = 24;
/// History is sent at once: a day that ends at this rate is 1.6 million events.
pub const HISTORY_EVENTS_PER_SECOND_MAX: u32 = 40;

/// Traffic at the quietest hour, as a share of that at the busiest.
const NIGHT_SHARE: f64 = 0.2;

/// When e-mails to Gmail addresses fail: in minutes from the start, before it …
pub const PAST_INCIDENTS_MINUTES: [Range<i64>; 2] = [-180..-120, -35..-25];
/// … and after it, again and again.
pub const INCIDENT_MINUTES: Range<i64> = 3..8;
pub const INCIDENT_EVERY_MINUTES: i64 = 20;

/// Events of the average session; a test holds it to what sessions do.
const EVENTS_PER_SESSION: f64 = 18.8;
const STEPS_MEAN: f64 = 18.0;
const STEPS_MAX: u32 = 120;
const STEP_GAP_MEAN_MS: f64 = 14_000.0;
const STEP_GAP_MIN_MS: f64 = 400.0;

/// Sessions of people who have signed in, as a share of all.
const MEMBER_SHARE: f64 = 0.6;
/// Members grow with the traffic, so that a person comes a few times a day at any rate.
const MEMBERS_PER_EVENT_PER_SECOND: u32 = 500;
const SIGNUP_SHARE: f64 = 0.45;
const SIGNUP_AFTER_MS: Range<i64> = 8_000..60_000;
const COMPLETION_SHARE: f64 = 0.62;
const COMPLETED_AFTER_MS: Range<i64> = 20_000..90_000;
/// When the verification e-mail is sent, and sent again after a failure.
const MAIL_ATTEMPTS_AFTER_MS: [i64; 4] = [3_000, 10_000, 30_000, 90_000];
/// Chance of an everyday error after a step.
const ERROR_SHARE: f64 = 0.004;

/// After a longer pause (a laptop that slept) the visitors of the gap are left out.
const CATCH_UP_MAX_MS: i64 = 10 * MINUTE_MS;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS as f64;

/// Somebody at the keyboard: what all events of a session have in common.
#[derive(Debug)]
pub struct Visitor {
    session_id: String,
    /// The user, and since when they are known.
    user: Option<(String, i64)>,
    device_type: &'static str,
    country_code: &'static str,
}

impl Visitor {
    fn user_at(&self, at_ms: i64) -> Option<&str> {
        self.user.as_ref().filter(|(_, from_ms)| *from_ms <= at_ms).map(|(user_id, _)| user_id.as_str())
    }
}

/// What happened; its fields are the event's properties.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum Action {
    PageView { path: &'static str },
    ButtonClick { button: &'static str, path: &'static str },
    FeatureUsed { feature: &'static str },
    SignupStarted { email_domain: &'static str, plan: &'static str, step: &'static str },
    SignupCompleted { email_domain: &'static str, plan: &'static str, step: &'static str },
    ErrorOccurred { kind: &'static str, message: &'static str, path: &'static str },
}

impl Action {
    fn event_name(&self) -> &'static str {
        match self {
            Self::PageView { .. } => "page_view",
            Self::ButtonClick { .. } => "button_click",
            Self::FeatureUsed { .. } => "feature_used",
            Self::SignupStarted { .. } => "signup_started",
            Self::SignupCompleted { .. } => "signup_completed",
            Self::ErrorOccurred { .. } => "error_occurred",
        }
    }
}

/// One event; serializes to what `POST /events` takes.
#[derive(Debug, Clone)]
pub struct Event {
    at_ms: i64,
    visitor: Arc<Visitor>,
    action: Action,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 7)?;
        event.serialize_field("event_name", self.action.event_name())?;
        event.serialize_field("timestamp", &self.at_ms)?;
        event.serialize_field("session_id", &self.visitor.session_id)?;
        event.serialize_field("user_id", &self.visitor.user_at(self.at_ms))?;
        event.serialize_field("device_type", self.visitor.device_type)?;
        event.serialize_field("country_code", self.visitor.country_code)?;
        event.serialize_field("properties", &self.action)?;
        event.end()
    }
}

/// The model. Times are milliseconds since the epoch; `start_ms` is where history ends and live traffic begins.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    pub seed: u64,
    pub start_ms: i64,
    pub events_per_second: u32,
}

impl Model {
    /// Events before the start, of the sessions that began in the hour that ended `hours_ago`, oldest first.
    pub fn history(&self, hours_ago: i64) -> Vec<Event> {
        let mut events = Vec::new();
        self.sessions_of_hour(hours_ago, self.history_events_per_second(), &mut events);
        events.retain(|event| event.at_ms < self.start_ms);
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
        let end_ms = self.start_ms - hours_ago * HOUR_MS;
        let mut at_ms = (end_ms - HOUR_MS) as f64;
        loop {
            at_ms += session_gap_ms(&mut rng, events_per_second, at_ms as i64 - self.start_ms);
            if at_ms as i64 >= end_ms {
                return;
            }
            self.session(&mut rng, at_ms as i64, events);
        }
    }

    /// Adds the events of one session, in no order.
    fn session(&self, rng: &mut StdRng, start_ms: i64, events: &mut Vec<Event>) {
        let session_id = format!("s_{:016x}", rng.random::<u64>());
        let mut visitor =
            Visitor { session_id, user: None, device_type: pick(rng, &DEVICES), country_code: pick(rng, &COUNTRIES) };
        let members = self.events_per_second.saturating_mul(MEMBERS_PER_EVENT_PER_SECOND);
        let mut signup = Vec::new();
        if rng.random_bool(MEMBER_SHARE) {
            let number = rng.random_range(0..members);
            // A member lives in one country, whichever session this is.
            visitor.country_code = pick(&mut StdRng::seed_from_u64(u64::from(number)), &COUNTRIES);
            visitor.user = Some((format!("u_{number}"), i64::MIN));
        } else if rng.random_bool(SIGNUP_SHARE) {
            let signup_ms = start_ms + rng.random_range(SIGNUP_AFTER_MS);
            let completed_ms = self.signup(rng, signup_ms, &mut signup);
            let number = rng.random_range(members..u32::MAX);
            visitor.user = completed_ms.map(|completed_ms| (format!("u_{number}"), completed_ms));
        }
        let visitor = Arc::new(visitor);
        let mut add = |at_ms, action| events.push(Event { at_ms, visitor: Arc::clone(&visitor), action });
        signup.into_iter().for_each(|(at_ms, action)| add(at_ms, action));
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

    /// Adds the events of one sign-up; answers when it was completed, if it was.
    fn signup(&self, rng: &mut StdRng, start_ms: i64, actions: &mut Vec<(i64, Action)>) -> Option<i64> {
        let (email_domain, plan) = (pick(rng, &EMAIL_DOMAINS), pick(rng, &PLANS));
        let completed_ms = start_ms + rng.random_range(COMPLETED_AFTER_MS);
        let completes = rng.random_bool(COMPLETION_SHARE);
        actions.push((start_ms, Action::SignupStarted { email_domain, plan, step: "account" }));
        let failures = MAIL_ATTEMPTS_AFTER_MS
            .iter()
            .map(|after_ms| start_ms + after_ms)
            .take_while(|at_ms| email_domain == GMAIL && gmail_fails_at(at_ms - self.start_ms));
        let before = actions.len();
        actions.extend(failures.map(|at_ms| {
            let (kind, message) = (MAIL_ERROR.kind, MAIL_ERROR.message);
            (at_ms, Action::ErrorOccurred { kind, message, path: "/signup" })
        }));
        // Nobody waits for an e-mail that did not come at once, even if a later attempt delivers it.
        let delivered_at_once = actions.len() == before;
        (completes && delivered_at_once).then(|| {
            actions.push((completed_ms, Action::SignupCompleted { email_domain, plan, step: "verified" }));
            completed_ms
        })
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
        let next_session_ms = model.start_ms as f64;
        let mut live = Self { model, rng, next_session_ms, pending: BTreeMap::new(), pending_number: 0 };
        let mut events = Vec::new();
        model.sessions_of_hour(0, model.events_per_second, &mut events);
        events.retain(|event| event.at_ms >= model.start_ms);
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
            let (rate, offset_ms) = (self.model.events_per_second, at_ms - self.model.start_ms);
            self.next_session_ms += session_gap_ms(&mut self.rng, rate, offset_ms);
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

/// Whether an e-mail to a Gmail address fails, by the time from the start.
fn gmail_fails_at(offset_ms: i64) -> bool {
    let minute = offset_ms.div_euclid(MINUTE_MS);
    PAST_INCIDENTS_MINUTES.iter().any(|incident| incident.contains(&minute))
        || minute >= 0 && INCIDENT_MINUTES.contains(&(minute % INCIDENT_EVERY_MINUTES))
}

/// Traffic as a share of the busiest, by the time from the start: a day and a night before it, even after it. The start
/// is the busiest time, wherever on earth and whenever that is, since live traffic is to have the rate asked for.
fn level(offset_ms: i64) -> f64 {
    if offset_ms >= 0 {
        return 1.0;
    }
    let wave = (1.0 + (TAU * offset_ms as f64 / DAY_MS).cos()) / 2.0;
    NIGHT_SHARE + (1.0 - NIGHT_SHARE) * wave.powi(3)
}

/// Sessions come independently of each other, so the time between two is exponential.
fn session_gap_ms(rng: &mut StdRng, events_per_second: u32, offset_ms: i64) -> f64 {
    let sessions_per_second = f64::from(events_per_second) * level(offset_ms) / EVENTS_PER_SESSION;
    exponential(rng, 1000.0 / sessions_per_second)
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
    use crate::event::{DEVICE_TYPES, EventLimits, PRODUCT_EVENTS, is_country_code, is_event_name};

    const START_MS: i64 = 1_795_000_000_000;
    const MODEL: Model = Model { seed: 7, start_ms: START_MS, events_per_second: 40 };

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
            serde_json::to_string(&(live, model.history(3))).expect("events serialize")
        };
        assert_eq!(bodies(MODEL), bodies(MODEL));
        assert_ne!(bodies(MODEL), bodies(Model { seed: 8, ..MODEL }));
    }

    #[test]
    fn every_event_keeps_the_public_rules() {
        let limits = EventLimits::with_retention_days(2);
        let mut names = BTreeSet::new();
        for event in live(MODEL, 10).iter().chain(&MODEL.history(23)) {
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
        assert_eq!(names, PRODUCT_EVENTS.map(str::to_owned).into());
    }

    #[test]
    fn live_traffic_keeps_the_rate_asked_for() {
        for (events_per_second, minutes) in [(4, 300), (40, 30), (400, 5)] {
            let events = live(Model { events_per_second, ..MODEL }, minutes);
            let rate = events.len() as f64 / (60 * minutes) as f64 / f64::from(events_per_second);
            assert_within(rate, 0.95..1.05);
            assert!(events.is_sorted_by_key(|event| event.at_ms));
        }
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
    fn conversion_falls_by_two_fifths_while_gmail_mail_fails_and_recovers() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut conversion = |minute: i64| {
            let mut actions = Vec::new();
            let mut completed = || MODEL.signup(&mut rng, START_MS + minute * MINUTE_MS, &mut actions).is_some();
            (0..10_000).filter(|_| completed()).count() as f64 / 10_000.0
        };
        for usual_minute in [-200, -119, -36, -24, 0, 2, 8, 22, 28] {
            assert_within(conversion(usual_minute), 0.60..0.64);
        }
        for incident_minute in [-180, -121, -35, -26, 3, 7, 23, 27, 43] {
            assert_within(conversion(incident_minute), 0.34..0.38);
        }
    }

    #[test]
    fn errors_pass_one_percent_in_an_incident_only() {
        let events = live(MODEL, 23);
        assert_within(error_share(&events, 10..23), 0.003..0.005);
        for minute in [4..5, 5..6, 6..7, 7..8] {
            assert_within(error_share(&events, minute), 0.011..0.025);
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
