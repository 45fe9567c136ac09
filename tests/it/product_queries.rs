//! The questions about users, features and errors, on events whose answers were worked out by hand.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use crate::{
    app::{Stopped, TestApp, event, eventually, new_database, select},
    queries::{NOW_MS, app_with},
    rollups::with_settings,
};

/// A moment of March 2026 in milliseconds, as `10T09:00:00`. The program's time is `10T10:07:30.500`, a Tuesday.
fn at(time: &str) -> i64 {
    let moment: jiff::Timestamp = format!("2026-03-{time}Z").parse().expect("a time");
    moment.as_millisecond()
}

fn seen(user: &str, time: &str) -> Value {
    event(json!({ "user_id": user, "timestamp": at(time) }))
}

#[tokio::test]
async fn feature_adoption_is_the_share_of_active_users_in_whole_hours() {
    let used = |feature: &str, user: &str, time: &str| {
        event(json!({
            "event_name": "feature_used", "user_id": user, "timestamp": at(time), "properties": { "feature": feature },
        }))
    };
    let app = app_with(vec![
        // The last whole hour: four users, one of them a session without a name.
        used("export", "u-1", "10T09:00:00"),
        used("export", "u-1", "10T09:30:00"),
        used("export", "u-2", "10T09:59:59.999"),
        used("search", "u-1", "10T09:30:00"),
        seen("u-3", "10T09:00:00"),
        event(json!({ "session_id": "s-4", "timestamp": at("10T09:01:00") })),
        // The hour before: two users.
        used("export", "u-1", "10T08:59:59.999"),
        used("import", "u-9", "10T08:00:00"),
        // Outside of both.
        used("export", "u-8", "10T07:59:59.999"),
        used("export", "u-7", "10T10:00:00"),
    ])
    .await;
    let row = |feature: &str, users, share_pct, users_before, share_before_pct, change_pts| {
        json!({
            "feature": feature, "unique_users": users, "share_pct": share_pct, "unique_users_before": users_before,
            "share_before_pct": share_before_pct, "change_pts": change_pts,
        })
    };
    let expected = [row("export", 2, 50, 1, 50, 0), row("search", 1, 25, 0, 0, 25), row("import", 0, 0, 1, 50, -50)];
    assert_eq!(app.query("feature_adoption", "1h").await["rows"], Value::from(expected.to_vec()));
    // 06:00 to 09:59 beside an empty range: u-1, u-2, u-3, s-4, u-8 and u-9 were active.
    let answer = app.query("feature_adoption", "4h").await;
    let first = json!({
        "feature": "export", "unique_users": 3, "share_pct": 50, "unique_users_before": 0, "share_before_pct": null,
        "change_pts": null,
    });
    assert_eq!(answer["rows"][0], first);
}

#[tokio::test]
async fn active_users_are_counted_by_day_week_and_month_of_all_and_by_country_and_device() {
    let from = |user: &str, country: &str, device: &str, time: &str| {
        event(json!({ "user_id": user, "country_code": country, "device_type": device, "timestamp": at(time) }))
    };
    let mut events = vec![
        from("u-1", "DE", "desktop", "10T00:00:00"),
        from("u-1", "DE", "mobile", "10T09:00:00"),
        event(json!({ "session_id": "s-2", "country_code": "FR", "timestamp": at("10T09:00:00") })),
        from("u-3", "DE", "desktop", "09T23:59:59.999"),
        from("u-4", "DE", "desktop", "04T00:00:00"),
        from("u-5", "DE", "desktop", "03T23:59:59.999"),
    ];
    // Thirty days end with the running one: they begin on 9 February.
    let first_day: jiff::Timestamp = "2026-02-09T00:00:00Z".parse().expect("a time");
    for (user, earlier_ms) in [("u-6", 0), ("u-7", 1)] {
        let timestamp = first_day.as_millisecond() - earlier_ms;
        events.push(event(json!({ "user_id": user, "country_code": "DE", "timestamp": timestamp })));
    }
    let app = app_with(events).await;
    let row = |value: &str, daily: u64, before: u64, weekly: u64, monthly: u64| {
        json!({
            "value": value, "daily_users": daily, "daily_users_before": before, "weekly_users": weekly,
            "monthly_users": monthly,
        })
    };
    for (question, expected) in [
        ("active_users_by", vec![row("all", 2, 1, 4, 6)]),
        ("active_users_by?by=country", vec![row("DE", 1, 1, 3, 5), row("FR", 1, 0, 1, 1)]),
        ("active_users_by?by=device", vec![row("desktop", 2, 1, 4, 6), row("mobile", 1, 0, 1, 1)]),
    ] {
        assert_eq!(app.answer(question).await["rows"], Value::from(expected), "{question}");
    }
}

#[tokio::test]
async fn retention_follows_each_weeks_new_users() {
    let app = app_with(vec![
        // The week of Monday, 23 February.
        event(json!({ "user_id": "u-1", "timestamp": at("01T23:59:59.999") })),
        event(json!({ "user_id": "u-2", "timestamp": at("01T12:00:00") })),
        event(json!({ "user_id": "u-2", "timestamp": at("01T12:00:01") })),
        // The next one: u-1 comes again, u-3 and a session without a name are new.
        seen("u-1", "02T00:00:00"),
        seen("u-3", "08T23:59:59.999"),
        event(json!({ "session_id": "s-4", "timestamp": at("05T00:00:00") })),
        // The running one.
        seen("u-1", "09T00:00:00"),
        seen("u-2", "10T00:00:00"),
        seen("u-3", "10T10:07:30.500"),
    ])
    .await;
    let row = |cohort: &str, week: u8, users: u64, returned: u64, retained_pct: Value| {
        json!({
            "cohort_week": cohort, "week_number": week, "users": users, "returned": returned,
            "retained_pct": retained_pct, "margin_pts": 0,
        })
    };
    let expected = [
        row("2026-02-23", 0, 2, 2, json!(100)),
        row("2026-02-23", 1, 2, 1, json!(50)),
        row("2026-02-23", 2, 2, 2, json!(100)),
        row("2026-03-02", 0, 2, 2, json!(100)),
        row("2026-03-02", 1, 2, 1, json!(50)),
    ];
    assert_eq!(app.answer("retention?weeks=12").await["rows"], Value::from(expected.to_vec()));
}

#[tokio::test]
async fn retention_of_many_users_is_an_estimate_within_its_margin() {
    let app = TestApp::start_at(NOW_MS, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    app.stored(0).await;
    // 150,000 users in one week, every second of whom came again in the next.
    let insert = "INSERT INTO events (event_name, timestamp, session_id, device_type, country_code, properties, received_at)
                  SELECT 'page_view', toDateTime64('2026-02-24 00:00:00', 3, 'UTC') + INTERVAL 7 * (number >= 150000) DAY,
                      concat('s-', toString(if(number >= 150000, (number - 150000) * 2, number))), 'desktop', 'DE', '{}', now64(3)
                  FROM numbers(225000)";
    app.select(insert).await.expect("an insert");
    let answer = app.answer("retention").await;
    let rows = answer["rows"].as_array().expect("rows");
    let figure = |row: usize, name: &str| rows[row][name].as_f64().expect("a number");
    assert!((figure(0, "users") - 150_000.0).abs() < 3_000.0, "{rows:?}");
    let margin = figure(1, "margin_pts");
    assert!(margin > 0.0 && margin < 2.0, "{rows:?}");
    // Twice the margin, since one case in twenty lies beyond it.
    assert!((figure(1, "retained_pct") - 50.0).abs() <= 2.0 * margin, "{rows:?}");
}

#[tokio::test]
async fn error_breakdown_ranks_messages_and_paths_by_how_often_they_came() {
    let failed = |user: &str, properties: Value, time: &str| {
        event(json!({
            "event_name": "error_occurred", "user_id": user, "timestamp": at(time), "properties": properties,
        }))
    };
    let disk = json!({ "message": "no disk", "path": "/a" });
    let mut events = vec![
        failed("u-1", disk.clone(), "10T09:00:00"),
        failed("u-1", disk.clone(), "10T10:00:00"),
        failed("u-2", disk.clone(), "10T10:07:30.500"),
        failed("u-2", disk.clone(), "10T08:59:59.999"),
        failed("u-3", json!({ "message": "no disk", "path": "/b" }), "10T09:30:00"),
        failed("u-3", json!({}), "10T09:30:00"),
        failed("u-3", json!({}), "10T09:30:01"),
        event(json!({ "timestamp": at("10T09:30:00"), "properties": { "message": "no error", "path": "/a" } })),
    ];
    let long = format!("a{}", "é".repeat(300));
    events.push(failed("u-4", json!({ "message": long, "path": "/z" }), "10T09:30:00"));
    // Of fifty-three, the last by name are left out.
    events.extend((1..=49).map(|number| failed("u-5", json!({ "message": format!("m-{number:02}") }), "10T09:30:00")));
    let app = app_with(events).await;
    let answer = app.query("error_breakdown", "1h").await;
    let rows = answer["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 50);
    let row = |message: &str, path: &str, errors, users, first: &str, last: &str| {
        json!({
            "message": message, "path": path, "errors": errors, "users_affected": users,
            "first_seen_at": format!("2026-03-{first}Z"), "last_seen_at": format!("2026-03-{last}Z"),
        })
    };
    let expected = [
        row("no disk", "/a", 3, 2, "10T09:00:00.000", "10T10:07:30.500"),
        row("", "", 2, 1, "10T09:30:00.000", "10T09:30:01.000"),
        row("m-01", "", 1, 1, "10T09:30:00.000", "10T09:30:00.000"),
    ];
    assert_eq!([&rows[0], &rows[1], &rows[3]], [&expected[0], &expected[1], &expected[2]]);
    assert_eq!(rows[49]["message"], "m-47");
    let day = app.query("error_breakdown", "24h").await;
    assert_eq!(day["rows"][0]["errors"], 4);
    let cut = rows[2]["message"].as_str();
    assert_eq!(cut.map(|message| message.chars().count()), Some(200));
}

#[tokio::test]
async fn error_breakdown_takes_paths_that_differ_in_ids_for_one() {
    let paths = [
        ("/projects/:id", &["/projects/1", "/projects/40000", "/projects/018f3c2e-7b1a-7c3d-9e4f-0123456789ab"][..]),
        ("/:id/:id/:id/edit", &["/1/2/3/edit", "/44/55/deadbeefdeadbeef/edit"]),
        ("/projects/:id?tab=1", &["/projects/5?tab=1", "/projects/6?tab=1"]),
        // A word, a version, a date and the end of a name are none.
        ("/v2/deadbeef/2026-11-28/top-10", &["/v2/deadbeef/2026-11-28/top-10"]),
        ("10", &["10"]),
    ];
    let failed = |path: &&str| {
        let properties = json!({ "message": "no disk", "path": path });
        event(json!({ "event_name": "error_occurred", "timestamp": at("10T09:30:00"), "properties": properties }))
    };
    let app = app_with(paths.iter().flat_map(|(_, sent)| sent.iter().map(failed)).collect()).await;
    let answer = app.query("error_breakdown", "1h").await;
    let rows = answer["rows"].as_array().expect("rows");
    let found: BTreeMap<_, _> = rows.iter().map(|row| (row["path"].as_str(), row["errors"].clone())).collect();
    assert_eq!(found, paths.iter().map(|(path, sent)| (Some(*path), json!(sent.len()))).collect::<BTreeMap<_, _>>());
}

#[tokio::test]
async fn event_names_are_those_seen_with_their_counts() {
    let named = |name: &str, time: &str| event(json!({ "event_name": name, "timestamp": at(time) }));
    let app = app_with(vec![
        named("page_view", "10T10:07:30.500"),
        named("page_view", "10T09:00:00"),
        named("button_click", "10T09:30:00"),
        named("page_view", "10T08:59:59.999"),
        named("old_event", "05T00:00:00"),
    ])
    .await;
    let row = |name: &str, events, last: &str| json!({ "event_name": name, "events": events, "last_seen_at": format!("2026-03-{last}Z") });
    let hour = [row("page_view", 2, "10T10:07:30.500"), row("button_click", 1, "10T09:30:00.000")];
    assert_eq!(app.query("event_names", "1h").await["rows"], Value::from(hour.to_vec()));
    let month = app.query("event_names", "30d").await;
    assert_eq!((&month["rows"][0]["events"], &month["rows"][2]["event_name"]), (&json!(3), &json!("old_event")));
}

#[tokio::test]
async fn property_keys_tell_how_many_of_the_newest_events_have_each() {
    let with = |name: &str, properties: Value, time: &str| {
        event(json!({ "event_name": name, "timestamp": at(time), "properties": properties }))
    };
    let app = app_with(vec![
        with("purchase", json!({ "plan": "pro", "seats": 3 }), "10T10:07:30.500"),
        with("purchase", json!({ "plan": "free" }), "10T10:00:00"),
        with("purchase", json!({ "nested": { "a": [1] } }), "10T09:07:30.501"),
        with("purchase", json!({}), "10T09:30:00"),
        with("purchase", json!({ "old": 1 }), "10T09:07:30.500"),
        with("page_view", json!({ "path": "/" }), "10T10:00:00"),
    ])
    .await;
    let row = |key: &str, events: u64, share_pct: u64| json!({ "property_key": key, "events": events, "share_pct": share_pct });
    let answer = app.answer("property_keys?event_name=purchase&range=1h").await;
    let expected = [row("plan", 2, 50), row("nested", 1, 25), row("seats", 1, 25)];
    assert_eq!(answer["rows"], Value::from(expected.to_vec()));
    let url = format!("{}/api/queries/property_keys", app.dashboard_url);
    for bad in ["", "?event_name=", "?event_name=Bad-Name", "?event_name=a'%20OR%201=1"] {
        let reply = app.get(&format!("{url}{bad}")).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("bad_parameters")), "{bad}: {reply:?}");
        assert!(reply.text.contains("an event name (use 1 to 64 characters"), "{reply:?}");
    }
}

#[tokio::test]
async fn live_events_are_the_newest_hundred_as_they_were_stored() {
    let newest = event(json!({
        "event_name": "purchase", "event_id": "e-1", "user_id": "u-1", "timestamp": NOW_MS, "properties": { "plan": "pro" },
    }));
    let mut events = vec![newest, event(json!({ "event_name": "too_late", "timestamp": NOW_MS + 1 }))];
    // Thirty a minute, back from 10:06.
    events.extend((1..=150).map(|number| event(json!({ "timestamp": at("10T10:07:00") - 2_000 * number }))));
    let app = app_with(events).await;
    let answer = app.answer("live_events").await;
    let rows = answer["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 100);
    let expected = json!({
        "timestamp": "2026-03-10T10:07:30.500Z", "event_name": "purchase", "user_id": "u-1", "session_id": "s-1",
        "device_type": "desktop", "country_code": "DE", "properties": "{\"plan\":\"pro\"}", "event_id": "e-1",
        "received_at": "2026-03-10T10:07:30.500Z", "delay_ms": 0, "clock_skew_ms": 0,
    });
    assert_eq!(rows[0], expected);
    assert_eq!(rows[1]["timestamp"], "2026-03-10T10:06:58.000Z");
    assert_eq!(rows[99]["timestamp"], "2026-03-10T10:03:42.000Z");
}

/// Waits until the table has the rollups of the schema, and no other.
async fn todays_rollups(app: &TestApp) {
    let rollups = "SELECT arraySort(extractAll(create_table_query, 'PROJECTION (\\\\w+)')) FROM system.tables
        WHERE database = currentDatabase() AND name = 'events'";
    let expected = "['error_groups_by_hour','events_by_minute','feature_users_by_five_minutes','names_by_hour','sessions_by_ten_seconds','users_by_day','users_by_week']";
    eventually("today's rollups", || async { app.select(rollups).await.as_deref() == Some(expected) }).await;
}

/// `force_optimize_projection` is an exception where a query is not served by a rollup.
#[tokio::test]
async fn questions_about_days_are_answered_from_rollups() {
    let named = |name: &str| event(json!({ "event_name": name, "timestamp": at("10T09:00:00") }));
    let events = ["page_view", "feature_used", "error_occurred"].map(named);
    let app = app_with(events.to_vec()).await;
    todays_rollups(&app).await;
    app.select("OPTIMIZE TABLE events FINAL").await.expect("a merge");
    let catalog = weir::queries::Catalog::built_in();
    // These two show events themselves.
    for query in catalog.iter().filter(|query| !["live_events", "property_keys"].contains(&query.name.as_str())) {
        let bound = [
            ("{until:DateTime64(3, 'UTC')}", "toDateTime64('2026-03-10 10:07:30.500', 3, 'UTC')"),
            ("{range_seconds:UInt32}", "86400"),
            ("{bucket_seconds:UInt32}", "3600"),
            ("{by:String}", "'country'"),
            ("{weeks:UInt8}", "8"),
        ];
        let sql = bound.iter().fold(query.sql.clone(), |sql, (placeholder, value)| sql.replace(placeholder, value));
        let answer = app.select(&with_settings(&sql, "force_optimize_projection = 1")).await;
        assert!(answer.is_some(), "{} reads rows: {sql}", query.name);
    }
}

/// The table of events before the rollups of today.
pub const OLD_TABLE: &str = "
    CREATE TABLE events
    (
        event_name LowCardinality(String),
        timestamp DateTime64(3),
        session_id String,
        user_id Nullable(String),
        device_type LowCardinality(String),
        country_code LowCardinality(FixedString(2)),
        properties String,
        date Date DEFAULT toDate(timestamp),
        event_id String CODEC(ZSTD(1)),
        received_at DateTime64(3),
        clock_skew_ms Int64,
        feature LowCardinality(String) MATERIALIZED if(event_name = 'feature_used', JSONExtractString(properties, 'feature'), ''),
        PROJECTION feature_by_hour
        (
            SELECT
                toStartOfHour(timestamp, 'UTC'),
                feature,
                count(),
                uniqCombined64IfState(14)(coalesce(user_id, session_id), event_name = 'feature_used')
            GROUP BY toStartOfHour(timestamp, 'UTC'), feature
        )
    )
    ENGINE = MergeTree() PARTITION BY toYYYYMM(date) ORDER BY (event_name, timestamp)
    SETTINGS non_replicated_deduplication_window = 10000";

#[tokio::test]
async fn an_older_table_gets_the_rollups_and_answers_right() {
    let database = new_database();
    select("default", &format!("CREATE DATABASE {database}")).await.expect("a database");
    select(&database, OLD_TABLE).await.expect("a table");
    let old_events = "INSERT INTO events (event_name, timestamp, session_id, device_type, country_code, properties, received_at)
        SELECT ['error_occurred', 'feature_used'][1 + number % 2], now64(3) - INTERVAL 2 HOUR, concat('s-', toString(number)),
            'desktop', 'DE', '{\"message\":\"no disk\",\"path\":\"/a\",\"feature\":\"export\"}', now64(3)
        FROM numbers(20)";
    select(&database, old_events).await.expect("events");
    let directory = Arc::new(tempfile::tempdir().expect("a directory"));
    let app = TestApp::restart_with(Stopped { database, directory }, &[]).await;
    let failed = json!({
        "event_name": "error_occurred", "session_id": "s-0", "properties": { "message": "no disk", "path": "/a" },
    });
    app.accept(&json!([event(failed)])).await;
    app.stored(21).await;

    todays_rollups(&app).await;

    // At first the old part has no rollup.
    for step in
        ["SELECT 1", "ALTER TABLE events MATERIALIZE PROJECTION error_groups_by_hour SETTINGS mutations_sync = 2"]
    {
        app.select(step).await.expect(step);
        let errors = &app.query("error_breakdown", "4h").await["rows"];
        let figures = (&errors[0]["message"], &errors[0]["errors"], &errors[0]["users_affected"]);
        assert_eq!(figures, (&json!("no disk"), &json!(11), &json!(10)), "{step}: {errors}");
        let feature = &app.query("feature_adoption", "4h").await["rows"][0];
        assert_eq!((&feature["unique_users"], &feature["share_pct"]), (&json!(10), &json!(50)), "{step}: {feature}");
        assert_eq!(app.query("event_names", "4h").await["rows"][0]["events"], 11, "{step}");
        assert_eq!(app.query("top_features", "4h").await["rows"][0]["unique_users"], 10, "{step}");
    }
}
