//! What the rollups answer is what the rows answer, and what a reader of the events would count.

use std::collections::{BTreeMap, HashSet};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use weir::{
    queries::{Catalog, Query, Values},
    store::{Parameter, Store},
};

use crate::app::{TestApp, event};

const RANGES: [(&str, i64, i64); 3] =
    [("1h", 3_600_000, 300_000), ("6h", 21_600_000, 1_800_000), ("24h", 86_400_000, 3_600_000)];
const TEN_SECONDS_MS: i64 = 10_000;
const MINUTE_MS: i64 = 60_000;
const FIVE_MINUTES_MS: i64 = 300_000;
const HOUR_MS: i64 = 3_600_000;

const NEWEST_EVENT: &str = include_str!("../../src/queries/internal/newest_event.sql");

/// Milliseconds since the epoch.
pub fn at(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
}

fn rfc3339(at_ms: i64, digits: usize) -> String {
    let moment = jiff::Timestamp::from_millisecond(at_ms).expect("a time");
    format!("{moment:.digits$}")
}

/// An event as the test knows it.
#[derive(Debug, Clone)]
struct Sent {
    at_ms: i64,
    name: &'static str,
    session: String,
    user: Option<String>,
    feature: Option<String>,
}

impl Sent {
    fn random(at_ms: i64, random: &mut StdRng) -> Self {
        let names = ["page_view", "signup_started", "signup_completed", "feature_used", "error_occurred"];
        let mut one_of = |kind: &str, count: u32| format!("{kind}-{}", random.random_range(0..count));
        let (session, user, feature) = (one_of("s", 60), one_of("u", 25), one_of("f", 14));
        Self {
            at_ms,
            name: names[random.random_range(0..names.len())],
            session,
            user: random.random_bool(0.6).then_some(user),
            feature: random.random_bool(0.9).then_some(feature),
        }
    }

    fn json(&self) -> Value {
        event(json!({
            "event_name": self.name, "timestamp": self.at_ms, "session_id": self.session, "user_id": self.user,
            "properties": { "feature": self.feature.as_deref().unwrap_or_default() },
        }))
    }
}

/// Moments between which a question tells events apart, and their neighbours.
fn edges(until_ms: i64) -> Vec<i64> {
    let running_ten_seconds = until_ms - until_ms.rem_euclid(TEN_SECONDS_MS);
    let mut edges = vec![
        running_ten_seconds - 10 * MINUTE_MS,
        running_ten_seconds - 5 * MINUTE_MS,
        running_ten_seconds + TEN_SECONDS_MS,
    ];
    for (_, range_ms, bucket_ms) in RANGES {
        for moment in [until_ms, until_ms - range_ms, until_ms - 2 * range_ms] {
            edges.push(moment);
            let units = [MINUTE_MS, FIVE_MINUTES_MS, bucket_ms, HOUR_MS];
            edges.extend(units.map(|unit| moment - moment.rem_euclid(unit)));
            edges.extend(units.map(|unit| moment - moment.rem_euclid(unit) + unit));
        }
    }
    edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]).collect()
}

fn most_used_features<'e>(events: impl Iterator<Item = &'e Sent>) -> Vec<Value> {
    let mut uses: BTreeMap<&str, (usize, HashSet<&str>)> = BTreeMap::new();
    for event in events.filter(|event| event.name == "feature_used") {
        let Some(feature) = &event.feature else { continue };
        let (count, users) = uses.entry(feature).or_default();
        *count += 1;
        users.insert(event.user.as_ref().unwrap_or(&event.session));
    }
    let mut ranking: Vec<_> = uses.into_iter().map(|(feature, (count, users))| (feature, users.len(), count)).collect();
    ranking.sort_by_key(|(feature, users, count)| (usize::MAX - users, usize::MAX - count, *feature));
    let row = |(feature, users, count)| json!({ "feature": feature, "unique_users": users, "events": count });
    ranking.into_iter().take(10).map(row).collect()
}

/// What each question means, counted one event at a time.
fn reference(query: &str, events: &[Sent], until_ms: i64, range_ms: i64, bucket_ms: i64) -> Option<Vec<Value>> {
    let seen = |from_ms: i64, to_ms: i64| events.iter().filter(move |event| (from_ms..to_ms).contains(&event.at_ms));
    let running = |unit_ms: i64| until_ms - until_ms.rem_euclid(unit_ms);
    let running_minute = running(MINUTE_MS);
    let end_ms = running_minute + MINUTE_MS;
    let minutes = (0..=range_ms / MINUTE_MS).map(|minute| running_minute - range_ms + minute * MINUTE_MS);
    let rounded = |part: usize, whole: usize, decimals: i32| {
        let scale = 10_f64.powi(decimals);
        let percent = (100 * part) as f64 / whole as f64;
        if whole == 0 { Value::Null } else { json!((percent * scale).round_ties_even() / scale) }
    };
    let named =
        |name: &'static str, from_ms: i64, to_ms: i64| seen(from_ms, to_ms).filter(|event| event.name == name).count();
    let rows = match query {
        "active_users" => {
            let sessions =
                |from_ms, to_ms| seen(from_ms, to_ms).map(|event| &event.session).collect::<HashSet<_>>().len();
            let running_ten_seconds = running(TEN_SECONDS_MS);
            let five_minutes_ago = running_ten_seconds - 5 * MINUTE_MS;
            let five = sessions(five_minutes_ago, running_ten_seconds + TEN_SECONDS_MS);
            let five_before = sessions(five_minutes_ago - 5 * MINUTE_MS, five_minutes_ago);
            let row = |minute: i64| {
                let active = sessions(minute, minute + MINUTE_MS);
                json!({ "minute": rfc3339(minute, 0), "active_users": active, "active_users_5m": five, "active_users_5m_before": five_before })
            };
            minutes.map(row).collect()
        }
        "error_rate" => {
            let row = |minute: i64| {
                let to = minute + MINUTE_MS;
                let (all, errors) = (seen(minute, to).count(), named("error_occurred", minute, to));
                json!({ "minute": rfc3339(minute, 0), "events": all, "errors": errors, "error_pct": rounded(errors, all, 2) })
            };
            minutes.map(row).collect()
        }
        "signup_funnel" => {
            let running_bucket = running(bucket_ms);
            let half_a_minute_on = until_ms + MINUTE_MS / 2;
            // To the nearest minute.
            let end_before_ms = half_a_minute_on - half_a_minute_on.rem_euclid(MINUTE_MS) - range_ms;
            let row = |bucket: i64| {
                let of = |name| named(name, bucket, (bucket + bucket_ms).min(end_ms));
                let before = |name| {
                    let bucket = bucket - range_ms;
                    named(name, bucket, (bucket + bucket_ms).min(end_before_ms))
                };
                let (started, completed) = (of("signup_started"), of("signup_completed"));
                json!({
                    "bucket": rfc3339(bucket, 0), "started": started, "completed": completed,
                    "conversion_pct": rounded(completed, started, 1),
                    "started_before": before("signup_started"), "completed_before": before("signup_completed"),
                })
            };
            (0..=range_ms / bucket_ms).map(|bucket| row(running_bucket - range_ms + bucket * bucket_ms)).collect()
        }
        "top_features" => {
            let first = running(FIVE_MINUTES_MS) - range_ms;
            most_used_features(seen(first, first + range_ms + FIVE_MINUTES_MS))
        }
        "newest_event" => {
            let newest = events.iter().map(|event| event.at_ms).filter(|at_ms| *at_ms <= until_ms).max();
            vec![json!({ "newest_event_at": newest.map(|at_ms| rfc3339(at_ms, 3)) })]
        }
        _ => return None,
    };
    Some(rows)
}

/// All that a question needs. One that takes more than a range and an event name is asked by its defaults; one that does
/// not take the range, too.
fn parameters(question: &Query, range: &str, until_ms: i64) -> Vec<Parameter> {
    let given: Vec<_> = question
        .takes
        .iter()
        .filter_map(|parameter| match (parameter.name.as_str(), &parameter.values) {
            ("range", Values::OneOf(ranges)) => ranges.iter().any(|each| each == range).then_some(("range", range)),
            (name, Values::EventName) => Some((name, "page_view")),
            _ => None,
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let arguments = question.arguments(&given).unwrap_or_else(|error| panic!("{error}"));
    question.parameters(&arguments, until_ms)
}

/// Every named query and the newest event.
pub fn questions() -> Vec<Query> {
    let catalog = Catalog::built_in();
    let newest_event = Query {
        name: "newest_event".to_owned(),
        description: String::new(),
        columns: Vec::new(),
        takes: Vec::new(),
        sql: NEWEST_EVENT.to_owned(),
    };
    catalog.iter().cloned().chain([newest_event]).collect()
}

/// A question's text, under further settings of ClickHouse.
pub fn with_settings(sql: &str, settings: &str) -> String {
    let joint = if sql.contains("\nSETTINGS ") { "," } else { "\nSETTINGS" };
    format!("{sql}{joint} {settings}")
}

/// A question's rows, under further settings of ClickHouse.
pub async fn answer(store: &Store, question: &Query, range: &str, until_ms: i64, settings: &str) -> Vec<Value> {
    let (Query { name, sql, .. }, bound) = (question, parameters(question, range, until_ms));
    store.query(&with_settings(sql, settings), &bound).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares the rollups with the rows and both with the reference, for every question, moment and range.
async fn verify(store: &Store, events: &[Sent], moments: &[i64], context: &str) {
    for question in questions() {
        for (until_ms, (range, range_ms, bucket_ms)) in
            moments.iter().flat_map(|moment| RANGES.map(|range| (*moment, range)))
        {
            let context = format!("{} over {range} until {}, {context}", question.name, rfc3339(until_ms, 3));
            let by_rollups = answer(store, &question, range, until_ms, "optimize_use_projections = 1").await;
            let by_rows = answer(store, &question, range, until_ms, "optimize_use_projections = 0").await;
            assert_eq!(by_rollups, by_rows, "rollups on the left, rows on the right: {context}");
            if let Some(expected) = reference(&question.name, events, until_ms, range_ms, bucket_ms) {
                // Through the same text, in which 3.0 is 3.
                let numbers = |rows: &[Value]| {
                    rows.iter().map(|row| row.to_string().replace(".0,", ",").replace(".0}", "}")).collect::<Vec<_>>()
                };
                assert_eq!(
                    numbers(&by_rollups),
                    numbers(&expected),
                    "answer on the left, reference on the right: {context}"
                );
            }
        }
    }
}

/// The panels that are meant to be read from a rollup are.
pub async fn read_by_rollup(store: &Store, until_ms: i64) {
    for question in questions() {
        let bound = parameters(&question, "24h", until_ms);
        let Query { name, sql, .. } = question;
        let plan = store.query::<Value>(&format!("EXPLAIN {sql}"), &bound).await.expect("a plan");
        let plan = Value::from(plan).to_string();
        let rollups: &[&str] = match name.as_str() {
            "active_users" | "error_rate" | "signup_funnel" | "newest_event" => &["(events_by_minute)"],
            "top_features" => &["(names_by_hour)", "(feature_users_by_five_minutes)"],
            "feature_adoption" | "event_names" => &["(names_by_hour)"],
            "error_breakdown" => &["(error_groups_by_hour)"],
            _ => continue,
        };
        for rollup in rollups {
            assert!(plan.contains(rollup), "{name} is read by row, not {rollup}: {plan}");
        }
    }
}

#[tokio::test]
async fn rollups_answer_what_the_rows_answer_and_what_was_sent() {
    let moments = ["10:07:30.500", "10:07:00", "10:00:00", "09:59:59.999", "00:00:00.001", "00:00:00"]
        .map(|time| at(&format!("2026-03-01T{time}Z")));
    // A failure tells its seed: put here, it repeats the failure.
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);
    let mut times: Vec<i64> = moments.iter().flat_map(|moment| edges(*moment)).collect();
    let days = moments[5] - 49 * HOUR_MS..moments[0] + 5 * MINUTE_MS;
    times.extend((0..1_500).map(|_| random.random_range(days.clone())));
    times.retain(|time| *time < days.end);
    let mut events: Vec<Sent> = times.into_iter().map(|time| Sent::random(time, &mut random)).collect();
    shuffle(&mut events, &mut random);

    let app = TestApp::start_at(moments[0], &[("WEIR_RETENTION_DAYS", "36500")]).await;
    let store = app.store();
    let (early, late) = events.split_at(events.len() * 3 / 5);
    send(&app, early).await;
    app.stored(early.len() as u64).await;
    app.select("OPTIMIZE TABLE events FINAL").await.expect("merged");
    verify(&store, early, &moments, &format!("merged parts, seed {seed}")).await;
    read_by_rollup(&store, moments[0]).await;

    // Late events come into minutes and hours that have been merged, in parts without a rollup of their own.
    app.select("SYSTEM STOP MERGES events").await.expect("stopped");
    send(&app, late).await;
    app.stored(events.len() as u64).await;
    verify(&store, &events, &moments, &format!("merged and fresh parts, seed {seed}")).await;

    app.select("SYSTEM START MERGES events").await.expect("started");
    app.select("OPTIMIZE TABLE events FINAL").await.expect("merged");
    verify(&store, &events, &moments, &format!("merged again, seed {seed}")).await;
    read_by_rollup(&store, moments[0]).await;
}

fn shuffle(events: &mut [Sent], random: &mut impl Rng) {
    for index in (1..events.len()).rev() {
        events.swap(index, random.random_range(0..=index));
    }
}

async fn send(app: &TestApp, events: &[Sent]) {
    for batch in events.chunks(200) {
        app.accept(&batch.iter().map(Sent::json).collect()).await;
    }
}
