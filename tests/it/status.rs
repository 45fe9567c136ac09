//! What `GET /api/status` tells whoever runs an installation.

use serde_json::{Value, json};
use weir::{
    clock::Clock,
    queries::{Answers, Funnels},
    store::{Store, StoreError},
};

use crate::app::{TestApp, engine_endpoint, event, eventually, select};

async fn status(app: &TestApp) -> Value {
    let reply = app.get(&format!("{}/api/status", app.dashboard_url)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json
}

#[tokio::test]
async fn the_status_tells_of_journal_store_and_disk() {
    let app = TestApp::start_with(&[("WEIR_INGEST_URL", "https://events.example")]).await;
    app.schema().await;
    app.accept(&json!([event(json!({})), event(json!({}))])).await;
    app.stored(2).await;
    eventually("a status of after the flush", || async { status(&app).await["store"]["events"] == 2 }).await;
    let told = status(&app).await;
    assert_eq!((&told["ingest_url"], &told["retention_days"]), (&json!("https://events.example"), &json!(90)));
    assert_eq!((&told["embedded_engine"], &told["store_error"]), (&json!(false), &Value::Null));
    assert_eq!(told["ingestion"]["status"], "ok");
    // Five eighths of WEIR_JOURNAL_MAX_BYTES.
    assert_eq!(told["ingestion"]["buffered_bytes_max"], 2_684_354_560_u64);
    assert_eq!(told["store"]["version"].as_str(), app.select("SELECT version()").await.as_deref());
    let bytes = ["events_bytes", "disk_free_bytes", "disk_bytes"].map(|name| told["store"][name].as_u64());
    assert!(Some(0) < bytes[0] && bytes[0] < bytes[1] && bytes[1] < bytes[2], "{told}");
    assert_eq!(told["rejected_last_hour"], json!([]));
    let age = |name: &str| told[name].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    assert!(age("newest_event_at").is_some() && age("newest_event_at") <= age("computed_at"), "{told}");
}

#[tokio::test]
async fn rejected_events_of_the_last_hour_are_told_by_reason_whatever_was_sent() {
    let app = TestApp::start().await;
    app.schema().await;
    let old = "INSERT INTO rejected_events (received_at, source, field, reason) VALUES (now64(3) - 3601, 'ingest', 'event', 'old')";
    app.select(old).await.expect("a row");
    for device in ["watch", "tv \"set\"", "back\\slash"] {
        app.post(json!([event(json!({ "device_type": device }))]).to_string()).await;
    }
    app.post(json!([event(json!({ "session_id": "" }))]).to_string()).await;
    eventually("four rejected events", || async {
        let told = status(&app).await["rejected_last_hour"].clone();
        let events =
            |told: &Value| told.as_array().map(|rows| rows.iter().filter_map(|row| row["events"].as_u64()).sum());
        events(&told) == Some(4_u64)
    })
    .await;
    let told = status(&app).await["rejected_last_hour"].clone();
    assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");
    let reason = "\"…\" is none of desktop, mobile, tablet, other";
    assert_eq!(told[0], json!({ "source": "ingest", "field": "device_type", "reason": reason, "events": 3 }));
    assert_eq!((&told[1]["field"], &told[1]["events"]), (&json!("session_id"), &json!(1)));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_part_of_the_status() {
    let app = TestApp::start_with(&[("CLICKHOUSE_URL", "http://127.0.0.1:1")]).await;
    app.accept(&json!([event(json!({}))])).await;
    let told = status(&app).await;
    assert_eq!((&told["store"], &told["rejected_last_hour"]), (&Value::Null, &Value::Null));
    assert_eq!(told["store_error"], "ClickHouse cannot be reached; trying again");
    assert_eq!(told["ingestion"]["buffered_events"], 1);
}

/// Its reader has one grant, which is on its database.
#[tokio::test]
async fn the_embedded_engines_reader_may_ask_for_the_status() {
    let endpoint = engine_endpoint();
    select("default", &format!("CREATE DATABASE IF NOT EXISTS {}", endpoint.database)).await.expect("a database");
    let store = Store::new(endpoint.clone(), 90).expect("a store");
    let report = Answers::new(store, Clock::System, None, Funnels::new(1)).store_report().await.expect("a report");
    let status = report.status.as_ref().expect("it may be asked");
    assert!(status.disk_bytes > Some(0) && status.disk_free_bytes > Some(0), "{status:?}");
    // Nobody has made its tables.
    assert_eq!(status.events, None);
    assert!(matches!(report.rejected, Err(StoreError::NoSchema(_))), "{:?}", report.rejected);
}
