//! Events that were not taken are kept, shown, and sent again after a fix.

use std::{path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use weir::{
    clock::Clock,
    config::ClientConfig,
    replay::{self, ReplayArgs, ReplayError, ReplayReport},
    store::{AttemptLimits, RejectedEvent, RejectedEvents, RejectedLimits, Source, Store},
};

use crate::{
    app::{Reply, TestApp, engine_endpoint, event, eventually, new_database},
    fault_proxy::{Fault, FaultProxy},
};

async fn page(app: &TestApp, parameters: &str) -> Reply {
    app.get(&format!("{}/api/rejected?{parameters}", app.dashboard_url)).await
}

/// Waits until `count` rejected events are kept, and gives them, newest first.
async fn kept(app: &TestApp, count: usize) -> Vec<Value> {
    let rows = || async { page(app, "limit=1000").await.json["rows"].as_array().cloned().unwrap_or_default() };
    eventually(&format!("{count} rejected events"), || async { rows().await.len() == count }).await;
    rows().await
}

async fn replay(app: &TestApp, data_dir: &Path, field: Option<&str>) -> Result<ReplayReport, ReplayError> {
    let args = ReplayArgs {
        url: app.ingest_url.clone(),
        dashboard_url: app.dashboard_url.clone(),
        since: Duration::from_secs(3600),
        field: field.map(str::to_owned),
    };
    replay::run(&args, &ClientConfig::default(), data_dir, &Clock::System).await
}

#[tokio::test]
async fn what_validation_rejects_is_kept_with_its_text_and_the_reason() {
    let app = TestApp::start().await;
    let long = "x".repeat(20_000);
    let body =
        format!(r#"[{}, {{"event_name":  "Bad Name", "session_id": "s"}}, 7, {{"note": "{long}"}}]"#, event(json!({})));
    let reply = app.post(body).await;
    assert_eq!((reply.status, &reply.json["accepted"]), (202, &json!(1)));
    let mut rows = kept(&app, 3).await;
    rows.sort_by_key(|row| row["event_index"].as_u64());
    for (row, judged) in rows.iter().zip(reply.json["rejected"].as_array().expect("rejections")) {
        assert_eq!((&row["source"], &row["event_index"]), (&json!("ingest"), &judged["index"]));
        assert_eq!((&row["field"], &row["reason"]), (&judged["field"], &judged["reason"]));
    }
    assert_eq!(rows[0]["raw"], r#"{"event_name":  "Bad Name", "session_id": "s"}"#);
    assert_eq!(rows[1]["raw"], "7");
    assert_eq!(rows[2]["raw"].as_str().map(str::len), Some(4096));
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let app = TestApp::start().await;
    let bad: Value = (0..25).map(|number| json!({ "event_name": format!("Bad {number}") })).collect();
    app.post(bad.to_string()).await;
    app.post(json!([event(json!({ "country_code": "XX" }))]).to_string()).await;
    kept(&app, 26).await;
    let (mut seen, mut before) = (Vec::new(), String::new());
    for rows_of_page in [10, 10, 6] {
        let page = page(&app, &format!("limit=10{before}")).await.json;
        let rows = page["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), rows_of_page);
        seen.extend(rows.iter().map(|row| row["id"].to_string()));
        before = page["next"].as_str().map(|next| format!("&before={next}")).unwrap_or_default();
    }
    assert_eq!(before, "");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 26);
    let by_field = page(&app, "field=country_code").await.json;
    assert_eq!(by_field["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(page(&app, "since_ms=99999999999998").await.json["rows"], json!([]));
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let app = TestApp::start().await;
    for parameters in ["limit=0", "limit=1001", "limit=x", "since_ms=now", "before=x", "before=2026-01-01T00:00:00Z_'"]
    {
        let reply = page(&app, parameters).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("bad_parameters")), "{parameters}");
    }
}

/// Events of a name that was not listed; the list is put right, and they are sent again: once.
#[tokio::test]
async fn rejected_events_are_replayed_once_after_a_fix() {
    let ledger = tempfile::tempdir().expect("a directory");
    let app = TestApp::start_with(&[("WEIR_EVENT_NAMES", "page_view")]).await;
    let mut events: Vec<Value> = (0..40)
        .map(|number| event(json!({ "event_name": "button_click", "session_id": format!("s-{number}") })))
        .collect();
    events.push(event(json!({ "country_code": "XX", "event_name": "page_view" })));
    events.push(event(json!({ "event_name": "button_click", "properties": { "long": "x".repeat(5_000) } })));
    app.post(Value::from(events).to_string()).await;
    kept(&app, 42).await;
    let received = app.select("SELECT toUnixTimestamp64Milli(max(received_at)) FROM rejected_events").await;

    // Before the fix, it changes nothing: each comes back as a new row, and only that one is sent the next time.
    let report = replay(&app, ledger.path(), None).await.expect("a replay");
    assert_eq!(report, ReplayReport { accepted: 0, rejected: 41, incomplete: 1, replayed_before: 0 });
    kept(&app, 42 + 41).await;

    let app = TestApp::restart_with(app.stop().await, &[]).await;
    let report = replay(&app, ledger.path(), Some("event_name")).await.expect("a replay");
    assert_eq!(report, ReplayReport { accepted: 40, rejected: 0, incomplete: 1, replayed_before: 40 });
    let report = replay(&app, ledger.path(), Some("event_name")).await.expect("a replay");
    assert_eq!(report, ReplayReport { accepted: 0, rejected: 0, incomplete: 1, replayed_before: 80 });
    app.stored(40).await;
    assert_eq!(app.select("SELECT uniqExact(session_id) FROM events").await.as_deref(), Some("40"));
    // They happened when they first came.
    assert_eq!(app.select("SELECT DISTINCT toUnixTimestamp64Milli(timestamp) FROM events").await, received);
}

#[tokio::test]
async fn the_command_says_what_became_of_the_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let app = TestApp::start().await;
    app.post(r#"[{"event_name": "Bad"}]"#).await;
    kept(&app, 1).await;
    let arguments =
        ["replay-rejected", "--url", &app.ingest_url, "--dashboard-url", &app.dashboard_url, "--since", "1d"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(arguments).env("WEIR_DATA_DIR", directory.path()).current_dir(directory.path());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("weir runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "0 accepted, 1 rejected again, 0 cut off, 0 replayed before\n", "{output:?}");
}

fn rejected_event(raw: &str) -> RejectedEvent {
    RejectedEvent {
        received_at_ms: Clock::System.now_ms(),
        source: Source::Ingest,
        event_index: 0,
        field: "event".to_owned(),
        reason: "is bad".to_owned(),
        raw: raw.to_owned().into(),
    }
}

/// More rejected events than there is room for while ClickHouse is away are counted, not kept; what had room is kept
/// once, also when a reply is lost.
#[tokio::test]
async fn rejected_events_wait_within_bounds_and_what_is_dropped_is_counted() {
    let proxy = FaultProxy::start(&engine_endpoint().url).await;
    let endpoint =
        weir::store::Endpoint { url: proxy.url.clone(), database: new_database(), ..engine_endpoint().clone() };
    let database = endpoint.database.clone();
    let store = Store::new(endpoint, 90).expect("a store");
    store.ensure_schema().await.expect("a schema");
    let limits = RejectedLimits {
        waiting_events_max: 100,
        waiting_bytes_max: 20_000,
        flush_events: 10,
        flush_interval: Duration::from_millis(10),
        raw_bytes_max: 100,
        table_bytes_max: 1 << 30,
    };
    proxy.set(Fault::Refuse);
    let (rejected_events, writer) = RejectedEvents::new(store, limits, AttemptLimits::default(), 7);
    let writer = tokio::spawn(writer.run(tokio_util::sync::CancellationToken::new()));
    for _ in 0..1_000 {
        rejected_events.push(rejected_event(&"é".repeat(10_000)));
    }
    let dropped = rejected_events.dropped().queue_full.load(std::sync::atomic::Ordering::Relaxed);
    assert!((800..1_000).contains(&dropped), "{dropped}");
    proxy.next_inserts([Fault::LoseReply, Fault::ResetReply]);
    proxy.set(Fault::None);
    drop(rejected_events);
    writer.await.expect("no panic");
    let kept =
        crate::app::select(&database, "SELECT count(), uniqExact(id), max(length(raw)) FROM rejected_events").await;
    assert_eq!(kept, Some(format!("{0}\t{0}\t100", 1_000 - dropped)));
}

/// Beyond its bytes, the table loses its oldest day of what validation rejected; what had been accepted stays.
#[tokio::test]
async fn the_table_of_rejected_events_is_bounded() {
    let app = TestApp::start().await;
    app.schema().await;
    for (source, days) in [("ingest", 2), ("ingest", 1), ("ingest", 0), ("store", 3)] {
        let insert = format!(
            "INSERT INTO rejected_events (received_at, source, reason) VALUES (now() - INTERVAL {days} DAY, '{source}', '{source}-{days}')"
        );
        app.select(&insert).await.expect("inserted");
    }
    let endpoint = weir::store::Endpoint {
        database: app.select("SELECT currentDatabase()").await.expect("a name"),
        ..engine_endpoint().clone()
    };
    let store = Store::new(endpoint, 90).expect("a store");
    let left = || app.select("SELECT groupArray(reason) FROM (SELECT reason FROM rejected_events ORDER BY reason)");
    store.shrink_rejected(1 << 30).await.expect("asked");
    assert_eq!(left().await.as_deref(), Some("['ingest-0','ingest-1','ingest-2','store-3']"));
    store.shrink_rejected(1).await.expect("shrunk");
    assert_eq!(left().await.as_deref(), Some("['ingest-0','ingest-1','store-3']"));
}
