//! A query that asks for too much is ended at its limits, and only the query.

use std::time::Duration;

use serde_json::{Value, json};
use weir::store::{Parameter, QueryLimits, Store, StoreError};

use crate::app::{TestApp, engine_endpoint, event, eventually, select};

/// What `TestApp` reads with may do everything, as the user of many a server may: the limits come with the query alone.
fn unprivileged(app: &TestApp) -> Store {
    let limits = QueryLimits {
        time_max: Duration::from_secs(1),
        memory_bytes_max: 100_000_000,
        rows_read_max: 1_000_000_000,
        result_rows_max: 1_000,
        result_bytes_max: 100_000,
    };
    app.store().with_query_limits(limits)
}

async fn outcome(store: &Store, sql: &str) -> Result<(), StoreError> {
    store.query::<Value>(sql, &[]).await.map(drop).map_err(StoreError::of_query)
}

#[tokio::test]
async fn each_limit_is_sent_with_the_query_and_ends_it() {
    let app = TestApp::start().await;
    app.stored(0).await;
    let store = unprivileged(&app);
    for over_its_limit in [
        "SELECT sleepEachRow(0.1) FROM numbers(1000) SETTINGS max_block_size = 1",
        "SELECT length(groupArray(number)) AS numbers FROM numbers(100000000)",
        "SELECT max(number) AS highest FROM numbers(2000000000)",
        "SELECT number FROM numbers(1001)",
        "SELECT repeat('x', 1000 + number % 2) AS text FROM numbers(200)",
    ] {
        assert_eq!(outcome(&store, over_its_limit).await, Err(StoreError::OverLimit), "{over_its_limit}");
    }
    assert_eq!(outcome(&store, "SELECT number FROM numbers(1000)").await, Ok(()));
}

#[tokio::test]
async fn a_query_changes_nothing_though_its_user_may_write() {
    let app = TestApp::start().await;
    app.schema().await;
    for change in [
        "INSERT INTO rejected_events (reason) VALUES ('x')",
        "DROP TABLE events",
        "ALTER TABLE events DELETE WHERE 1",
        "SELECT 1 SETTINGS readonly = 0",
    ] {
        let refused = outcome(&app.store(), change).await;
        assert!(
            matches!(&refused, Err(StoreError::Transient(reason)) if reason.contains("164")),
            "{change}: {refused:?}"
        );
    }
    assert_eq!(app.select("SELECT count() FROM events").await.as_deref(), Some("0"));
}

/// The limits that are sent must be ones that the embedded engine's reader may ask for.
#[tokio::test]
async fn the_embedded_engine_takes_the_limits_that_are_sent() {
    let endpoint = engine_endpoint();
    select("default", &format!("CREATE DATABASE IF NOT EXISTS {}", endpoint.database)).await.expect("a database");
    let store = Store::new(endpoint.clone(), 90).expect("a store");
    assert_eq!(outcome(&store, "SELECT 1 AS one FROM numbers(1)").await, Ok(()));
    assert_eq!(outcome(&store, "SELECT number FROM numbers(100001)").await, Err(StoreError::OverLimit));
}

/// The feature of every event takes more memory than a query is given.
#[tokio::test]
async fn a_query_of_death_is_answered_504_and_ingestion_and_other_queries_go_on() {
    let app = TestApp::start().await;
    app.schema().await;
    app.accept(&json!([event(json!({ "event_name": "feature_used" }))])).await;
    app.stored(1).await;
    for change in [
        "ALTER TABLE events DROP PROJECTION names_by_hour",
        "ALTER TABLE events DROP PROJECTION feature_users_by_five_minutes",
        "ALTER TABLE events DROP COLUMN feature",
        "ALTER TABLE events ADD COLUMN feature String ALIAS toString(length(range(400000000 + length(session_id))))",
    ] {
        app.select(change).await.unwrap_or_else(|| panic!("{change}"));
    }
    let url = format!("{}/api/queries/top_features", app.dashboard_url);
    let over_limit = || async {
        let reply = app.get(&url).await;
        (reply.status, reply.json["error"]["code"].clone()) == (504, json!("query_over_limit"))
    };
    eventually("a query over its limit", over_limit).await;
    for stored in 2..=5 {
        app.accept(&json!([event(json!({}))])).await;
        app.stored(stored).await;
        assert!(over_limit().await);
    }
    assert_eq!(app.health().await.json["store"], "up");
    assert_eq!(app.metric("weir_store_retries_total").await, 0.0);
    assert_eq!(app.query("active_users", "1h").await["rows"].as_array().map(Vec::len), Some(61));
}

/// ClickHouse reads values of parameters with escapes, and refuses what is left over behind a tab or a line end.
#[tokio::test]
async fn every_text_arrives_as_a_parameter_as_it_is() {
    let app = TestApp::start().await;
    app.stored(0).await;
    for text in
        ["", "a\tb", "a\nb", "a\rb", "a\0b", r"a\tb", r"\", r"\N", r"\'", "'", "\"", "`", "{until:String}", "ü🦀"]
    {
        let parameters = [Parameter::text("text", text), Parameter::texts("texts", ["x", text])];
        let sql = "SELECT {text:String} AS text, {texts:Array(String)} AS texts";
        let rows: Vec<Value> = app.store().query(sql, &parameters).await.expect("rows");
        assert_eq!(rows, [json!({ "text": text, "texts": ["x", text] })]);
    }
}

const INJECTIONS: [&str; 12] = [
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    "\\' OR 1=1 --",
    "\\",
    "{until:String}",
    "1h' UNION ALL SELECT * FROM system.users --",
    "1 OR 1=1",
    "$(reboot)",
    "a\tb",
    "a\nb",
    "a\0b",
    "-9223372036854775808",
];

/// Whatever a parameter of a route says, it is a value or a mistake of the client, and never a part of the SQL.
#[tokio::test]
async fn what_looks_like_sql_is_a_value_or_refused_in_every_parameter_of_every_route() {
    let app = TestApp::start().await;
    let sent: Value = INJECTIONS
        .iter()
        .map(|text| {
            event(json!({
                "session_id": text, "user_id": text, "event_id": text,
                "event_name": "feature_used", "properties": { "feature": text },
            }))
        })
        .collect();
    app.accept(&sent).await;
    let refused: Value = INJECTIONS.iter().map(|text| event(json!({ *text: 1 }))).collect();
    assert_eq!(app.post(refused.to_string()).await.status, 400);
    let stored = u64::try_from(INJECTIONS.len()).expect("small");
    app.stored(stored).await;
    let count = |rows: &Value| rows.as_array().map_or(0, Vec::len);
    let kept = || async { app.get(&format!("{}/api/rejected", app.dashboard_url)).await.json["rows"].clone() };
    eventually("the refused events", || async { count(&kept().await) == INJECTIONS.len() }).await;

    for text in INJECTIONS {
        let get = async |path: &str, parameter: &str| {
            let request = app.http.get(format!("{}{path}", app.dashboard_url)).query(&[(parameter, text)]);
            crate::app::Reply::of(request.send().await.expect("a reply")).await
        };
        let by_field = get("/api/rejected", "field").await;
        assert_eq!((by_field.status, count(&by_field.json["rows"])), (200, 0), "{text:?}: {by_field:?}");
        for (path, parameter) in [
            ("/api/queries/top_features", "range"),
            ("/api/queries/top_features", "ago"),
            ("/api/annotations", "range"),
            ("/api/annotations", "ago"),
            ("/api/annotations", "since"),
            ("/api/annotations", "until"),
            ("/api/rejected", "limit"),
            ("/api/rejected", "before"),
            ("/api/rejected", "since_ms"),
        ] {
            let reply = get(path, parameter).await;
            let moment = parameter == "since_ms" && text.parse::<i64>().is_ok();
            assert_eq!(reply.status, if moment { 200 } else { 400 }, "{path} {parameter}={text:?}: {reply:?}");
        }
        let path = format!("/api/queries/{}", text.replace('/', "%2F"));
        let reply = get(&path, "range").await;
        assert_eq!(reply.status, 404, "{path}: {reply:?}");
        annotate(&app, text).await;
    }
    for (since_ms, before) in [
        (i64::MAX, "9999-12-30T00:00:00Z_ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (i64::MIN, "-009998-01-02T00:00:00Z_00000000-0000-0000-0000-000000000000"),
    ] {
        let path = format!("/api/rejected?since_ms={since_ms}&before={before}");
        let reply = app.get(&format!("{}{path}", app.dashboard_url)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        assert_eq!(reply.json["rows"], json!([]), "{path}");
    }
    let no_id = "/api/rejected?before=2026-01-01T00:00:00Z_------------------------------------";
    assert_eq!(app.get(&format!("{}{no_id}", app.dashboard_url)).await.status, 400);

    let features = app.query("top_features", "1h").await;
    assert_eq!(count(&features["rows"]), 10);
    app.stored(stored).await;
}

/// A text is what is kept, unless it is none; an id that is none is not found.
async fn annotate(app: &TestApp, text: &str) {
    let annotations = format!("{}/api/annotations", app.dashboard_url);
    let made = app.http.post(&annotations).json(&json!({ "text": text })).send().await.expect("a reply");
    let is_a_line = !text.chars().any(char::is_control);
    assert_eq!(made.status(), if is_a_line { 201 } else { 400 }, "{text:?}");
    let listed = app.get(&annotations).await.json["annotations"].clone();
    let is_listed = listed.as_array().expect("a list").iter().any(|annotation| annotation["text"] == text);
    assert_eq!(is_listed, is_a_line, "{text:?}: {listed}");
    let mut url = reqwest::Url::parse(&annotations).expect("a URL");
    url.path_segments_mut().expect("it has a path").push(text);
    let deleted = app.http.delete(url).send().await.expect("a reply");
    assert_eq!(deleted.status(), 404, "{text:?}");
}
