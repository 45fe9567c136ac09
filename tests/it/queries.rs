//! The questions on events whose answers were worked out by hand.

use serde_json::{Map, Value, json};

use crate::app::{TestApp, event};

/// 2026-03-10 10:07:30.500 UTC
pub const NOW_MS: i64 = 1_773_137_250_500;

/// A moment of that morning, in milliseconds.
fn at(time: &str) -> i64 {
    let moment: jiff::Timestamp = format!("2026-03-10T{time}Z").parse().expect("a time");
    moment.as_millisecond()
}

fn named(event_name: &str, session_id: &str, time: &str) -> Value {
    event(json!({ "event_name": event_name, "session_id": session_id, "timestamp": at(time) }))
}

pub async fn app_with(events: Vec<Value>) -> TestApp {
    let app = TestApp::start_at(NOW_MS, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    let count = events.len() as u64;
    app.accept(&Value::from(events)).await;
    app.stored(count).await;
    app
}

/// The rows with a figure that is neither zero nor null.
fn telling_rows(answer: &Value) -> Vec<Value> {
    let silent = |row: &&Map<String, Value>| row.values().all(|value| !value.is_number() || value == &json!(0));
    let rows = answer["rows"].as_array().expect("rows").iter().filter_map(Value::as_object);
    rows.filter(|row| !silent(row)).cloned().map(Value::from).collect()
}

#[tokio::test]
async fn active_users_counts_sessions_of_five_minutes_and_of_each_minute() {
    let app = app_with(vec![
        named("page_view", "a", "10:07:30.500"),
        named("page_view", "b", "10:07:00"),
        named("button_click", "b", "10:07:10"),
        named("page_view", "a", "10:06:59.999"),
        named("page_view", "c", "10:02:30"),
        // Five minutes before the running ten seconds.
        named("page_view", "d", "10:02:29.999"),
        named("page_view", "a", "09:57:30"),
        named("page_view", "e", "09:57:29.999"),
        named("page_view", "f", "09:07:00"),
        named("page_view", "g", "09:06:59.999"),
        // By a clock that is ahead: in the next minute.
        named("page_view", "h", "10:08:00"),
    ])
    .await;
    let answer = app.query("active_users", "1h").await;
    let rows = answer["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 61);
    for row in rows {
        assert_eq!((&row["active_users_5m"], &row["active_users_5m_before"]), (&json!(3), &json!(2)), "{row}");
    }
    let by_minute: Vec<_> = rows
        .iter()
        .filter(|row| row["active_users"] != 0)
        .map(|row| format!("{} {}", row["minute"].as_str().unwrap_or_default(), row["active_users"]))
        .collect();
    let expected = [
        "2026-03-10T09:07:00Z 1",
        "2026-03-10T09:57:00Z 2",
        "2026-03-10T10:02:00Z 2",
        "2026-03-10T10:06:00Z 1",
        "2026-03-10T10:07:00Z 2",
    ];
    assert_eq!(by_minute, expected);
    assert_eq!(answer["newest_event_at"], "2026-03-10T10:07:30.500Z");
    assert_eq!(answer["computed_at"], "2026-03-10T10:07:30.500Z");
}

#[tokio::test]
async fn signup_funnel_gives_the_conversion_of_each_bucket_beside_the_range_before() {
    let app = app_with(vec![
        named("signup_started", "a", "10:06:00"),
        named("signup_started", "b", "10:06:30"),
        named("signup_started", "c", "10:07:15"),
        named("signup_completed", "a", "10:07:00"),
        // Nobody started in this bucket.
        named("signup_completed", "d", "09:59:59.999"),
        // The first bucket of the hour begins at 09:05.
        named("signup_started", "e", "09:05:00"),
        named("signup_completed", "e", "09:09:59.999"),
        // An hour before.
        named("signup_started", "f", "09:04:59.999"),
        named("signup_started", "g", "09:06:00"),
        named("signup_completed", "g", "08:05:00"),
        named("page_view", "a", "10:06:00"),
    ])
    .await;
    let answer = app.query("signup_funnel", "1h").await;
    assert_eq!(answer["rows"].as_array().expect("rows").len(), 13);
    let row = |time: &str, started, completed, conversion_pct: Value, started_before, completed_before| {
        json!({
            "bucket": format!("2026-03-10T{time}:00Z"), "started": started, "completed": completed,
            "conversion_pct": conversion_pct, "started_before": started_before, "completed_before": completed_before,
        })
    };
    let expected = [
        row("09:05", 2, 1, json!(50), 0, 1),
        row("09:55", 0, 1, Value::Null, 0, 0),
        row("10:00", 0, 0, Value::Null, 1, 0),
        row("10:05", 3, 1, json!(33.3), 2, 0),
    ];
    assert_eq!(telling_rows(&answer), expected);

    // By the hour over a day: 09:00 to 09:59 has f, e and g, the running hour a, b and c.
    let answer = app.query("signup_funnel", "24h").await;
    assert_eq!(answer["rows"].as_array().expect("rows").len(), 25);
    let expected = [
        row("08:00", 0, 1, Value::Null, 0, 0),
        row("09:00", 3, 2, json!(66.7), 0, 0),
        row("10:00", 3, 1, json!(33.3), 0, 0),
    ];
    assert_eq!(telling_rows(&answer), expected);
}

#[tokio::test]
async fn top_features_ranks_ten_features_by_people() {
    let used = |feature: &str, session: &str, user: Value, time: &str| {
        event(json!({
            "event_name": "feature_used", "session_id": session, "user_id": user, "timestamp": at(time),
            "properties": { "feature": feature },
        }))
    };
    let mut events = vec![
        // Two people, though three sessions: one has a name.
        used("export", "s-1", json!("u-1"), "10:00:00"),
        used("export", "s-2", json!("u-1"), "10:06:00"),
        used("export", "s-3", Value::Null, "10:07:00"),
        // Two people and more uses: ahead of export.
        used("search", "s-1", json!("u-1"), "09:30:00"),
        used("search", "s-2", json!("u-2"), "09:30:01"),
        used("search", "s-2", json!("u-2"), "09:30:02"),
        used("search", "s-2", json!("u-2"), "09:30:03"),
        // The first five minutes of the hour begin at 09:05.
        used("import", "s-1", json!("u-1"), "09:04:59.999"),
        // Hours ago: only the day shows it.
        used("archive", "s-1", json!("u-1"), "05:30:00"),
        used("archive", "s-3", Value::Null, "04:30:00"),
        used("archive", "s-3", Value::Null, "03:30:00"),
        used("", "s-1", json!("u-1"), "10:00:00"),
        event(json!({ "event_name": "feature_used", "timestamp": at("10:00:00") })),
        event(json!({ "event_name": "page_view", "timestamp": at("10:00:00"), "properties": { "feature": "page" } })),
    ];
    // Nine more with one person each: of eleven, the last by name is left out.
    events.extend((1..=9).map(|number| used(&format!("f-{number}"), "s-9", Value::Null, "09:05:00")));
    let app = app_with(events).await;
    let answer = app.query("top_features", "1h").await;
    let row = |feature: &str, people, uses| json!({ "feature": feature, "unique_users": people, "events": uses });
    let mut expected = vec![row("search", 2, 4), row("export", 2, 3)];
    expected.extend((1..=8).map(|number| row(&format!("f-{number}"), 1, 1)));
    assert_eq!(answer["rows"], Value::from(expected));
    let answer = app.query("top_features", "24h").await;
    let ranked: Vec<_> = answer["rows"].as_array().expect("rows").iter().take(3).cloned().collect();
    assert_eq!(ranked, [row("search", 2, 4), row("archive", 2, 3), row("export", 2, 3)]);
}

#[tokio::test]
async fn error_rate_is_the_share_of_all_events_by_minute() {
    let app = app_with(vec![
        named("error_occurred", "a", "10:07:30"),
        named("page_view", "a", "10:07:29"),
        named("page_view", "a", "10:07:01"),
        named("page_view", "a", "10:05:00"),
        named("error_occurred", "a", "09:07:00"),
        named("error_occurred", "a", "09:06:59.999"),
    ])
    .await;
    let answer = app.query("error_rate", "1h").await;
    let rows = answer["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 61);
    assert_eq!(rows[30], json!({ "minute": "2026-03-10T09:37:00Z", "events": 0, "errors": 0, "error_pct": null }));
    let expected = [
        json!({ "minute": "2026-03-10T09:07:00Z", "events": 1, "errors": 1, "error_pct": 100 }),
        json!({ "minute": "2026-03-10T10:05:00Z", "events": 1, "errors": 0, "error_pct": 0 }),
        json!({ "minute": "2026-03-10T10:07:00Z", "events": 3, "errors": 1, "error_pct": 33.33 }),
    ];
    assert_eq!(telling_rows(&answer), expected);
}

#[tokio::test]
async fn without_events_every_query_answers_with_zeros() {
    let app = TestApp::start_at(NOW_MS, &[]).await;
    app.stored(0).await;
    for (question, rows) in [
        ("active_users?range=6h", 361),
        ("active_users_by?by=country", 0),
        ("error_breakdown", 0),
        ("error_rate?range=6h", 361),
        ("event_names?range=30d", 0),
        ("feature_adoption?range=24h", 0),
        ("live_events", 0),
        ("property_keys?event_name=page_view", 0),
        ("retention", 0),
        ("signup_funnel?range=4h", 13),
        ("top_features?range=6h", 0),
    ] {
        let answer = app.answer(question).await;
        assert_eq!(answer["rows"].as_array().expect("rows").len(), rows, "{question}");
        assert_eq!(telling_rows(&answer), Vec::<Value>::new(), "{question}");
        assert_eq!(answer["newest_event_at"], Value::Null, "{question}");
    }
}

/// Sent a day and a week late, which is within the time that is taken.
#[tokio::test]
async fn the_same_window_of_yesterday_and_of_last_week_is_answered_as_it_was() {
    let then = |days: i64, event_name: &str, session_id: &str, before_ms: i64, feature: &str| {
        let timestamp = NOW_MS - days * 86_400_000 - before_ms;
        let properties = json!({ "feature": feature });
        event(json!({
            "event_name": event_name, "session_id": session_id, "timestamp": timestamp, "properties": properties,
        }))
    };
    let app = app_with(vec![
        then(0, "page_view", "now", 0, ""),
        // The window ends with the minute of a day ago, and begins with the first minute and bucket of an hour before that.
        then(1, "signup_started", "a", 0, ""),
        then(1, "signup_started", "b", -29_500, ""),
        then(1, "error_occurred", "a", 60_000, ""),
        then(1, "feature_used", "a", 3_750_500, "export"),
        then(1, "feature_used", "a", 3_750_501, "import"),
        then(1, "signup_completed", "c", 3_750_500, ""),
        then(1, "signup_completed", "c", 3_750_501, ""),
        then(7, "signup_started", "d", 0, ""),
    ])
    .await;
    let answer = async |query: &str, ago: &str| app.answer(&format!("{query}?range=1h&ago={ago}")).await;

    let users = answer("active_users", "1d").await;
    let rows = users["rows"].as_array().expect("rows");
    assert_eq!(
        (rows.len(), &rows[0]["minute"], &rows[60]["minute"]),
        (61, &json!("2026-03-09T09:07:00Z"), &json!("2026-03-09T10:07:00Z"))
    );
    assert_eq!((&rows[60]["active_users"], &rows[60]["active_users_5m"]), (&json!(1), &json!(1)));
    // The age of the data is that of the present.
    assert_eq!(users["newest_event_at"], "2026-03-10T10:07:30.500Z");
    assert_eq!(users["computed_at"], "2026-03-10T10:07:30.500Z");

    let funnel = answer("signup_funnel", "1d").await;
    assert_eq!(funnel["rows"].as_array().map(Vec::len), Some(13));
    let counts = ["bucket", "started", "completed", "completed_before"];
    let told: Vec<_> = telling_rows(&funnel).iter().map(|row| counts.map(|count| row[count].clone())).collect();
    let bucket = |time: &str, [started, completed, completed_before]: [u8; 3]| {
        [json!(format!("2026-03-09T{time}:00Z")), json!(started), json!(completed), json!(completed_before)]
    };
    assert_eq!(told, [bucket("09:05", [0, 1, 0]), bucket("10:00", [0, 0, 1]), bucket("10:05", [1, 0, 1])]);

    let features = answer("top_features", "1d").await;
    assert_eq!(features["rows"], json!([{ "feature": "export", "unique_users": 1, "events": 1 }]));
    let errors = answer("error_rate", "1d").await;
    let with_errors = |answer: &Value| {
        let rows = answer["rows"].as_array().expect("rows").clone();
        rows.into_iter().filter(|row| row["errors"] != 0).map(|row| row["minute"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(with_errors(&errors), [json!("2026-03-09T10:06:00Z")]);
    assert_eq!(answer("signup_funnel", "7d").await["rows"][12]["started"], 1);
    assert_eq!(telling_rows(&answer("signup_funnel", "0").await), Vec::<Value>::new());
}

/// The header of each file is what the OpenAPI document and the dashboard's types are made of.
#[tokio::test]
async fn queries_answer_with_the_columns_their_headers_promise() {
    let app = app_with(vec![
        event(json!({
            "event_name": "feature_used", "timestamp": NOW_MS - 3_600_000, "properties": { "feature": "export" },
        })),
        event(json!({ "event_name": "feature_used", "timestamp": NOW_MS, "properties": { "feature": "export" } })),
        event(json!({ "event_name": "error_occurred", "timestamp": NOW_MS, "properties": { "message": "no disk" } })),
    ])
    .await;
    for query in weir::queries::Catalog::built_in().iter() {
        let named = query.takes.iter().find(|parameter| parameter.values == weir::queries::Values::EventName);
        let parameters = named.map(|parameter| format!("?{}=feature_used", parameter.name)).unwrap_or_default();
        let answer = app.answer(&format!("{}{parameters}", query.name)).await;
        let row = answer["rows"][0].as_object().expect("a row");
        let promised: Vec<_> = query.columns.iter().map(|column| &column.name).collect();
        let mut found: Vec<_> = row.keys().collect();
        found.sort_by_key(|name| promised.iter().position(|promised| promised == name));
        assert_eq!(found, promised, "{}", query.name);
        for column in &query.columns {
            let value = &row[&column.name];
            let fits = match column.type_name.as_str() {
                "UInt8" | "UInt64" => value.is_u64(),
                "Int64" => value.is_i64(),
                "Float64" => value.is_number(),
                "Nullable(String)" => value.is_string() || value.is_null(),
                "Nullable(Float64)" => value.is_number() || value.is_null(),
                "DateTime('UTC')" | "DateTime64(3, 'UTC')" => value.as_str().is_some_and(|text| text.ends_with('Z')),
                _ => value.is_string(),
            };
            assert!(fits, "{}.{}: {value} is no {}", query.name, column.name, column.type_name);
        }
    }
}
