//! What `/health` tells of the pressure on the pipeline.

use std::process::{Command, Output};

use serde_json::json;

use crate::{
    app::{TestApp, engine_endpoint, event, eventually},
    fault_proxy::{Fault, FaultProxy},
    store::POISON,
};

#[tokio::test]
async fn rejected_events_are_told_by_reason_and_flushes_by_how_long_they_took() {
    let app = TestApp::start().await;
    let empty = app.health().await.json;
    assert_eq!((&empty["rejected_events"], &empty["retries"]), (&json!([]), &json!(0)));
    assert_eq!(empty["recent_flushes"], json!(null));
    let watch = event(json!({ "device_type": "watch" }));
    app.post(json!([watch, event(json!({})), event(json!({ "session_id": "" }))]).to_string()).await;
    app.post(json!([watch]).to_string()).await;
    eventually("a flush that is known of", || async { !app.health().await.json["recent_flushes"].is_null() }).await;
    let health = app.health().await.json;
    let rejected = json!([
        { "source": "ingest", "field": "session_id", "reason": "empty", "events": 1 },
        { "source": "ingest", "field": "device_type", "reason": "not_allowed", "events": 2 },
    ]);
    assert_eq!(health["rejected_events"], rejected);
    assert_eq!(health["recent_flushes"]["flushes"], 1);
    for duration in ["median_ms", "p99_ms", "longest_ms"] {
        assert_eq!(health["recent_flushes"][duration], health["last_flush_duration_ms"], "{duration}");
    }
}

#[tokio::test]
async fn retries_and_what_clickhouse_refused_are_told() {
    let proxy = FaultProxy::start(&engine_endpoint().url).await;
    let app = TestApp::start_with(&[("CLICKHOUSE_URL", &proxy.url)]).await;
    app.schema().await;
    app.select(POISON).await.expect("altered");
    proxy.next_inserts([Fault::ResetRequest, Fault::ResetReply]);
    app.accept(&json!([event(json!({})), event(json!({ "session_id": "poison" }))])).await;
    app.stored(1).await;
    eventually("a flush that is known of", || async { app.health().await.json["last_flush_events"] == 1 }).await;
    let health = app.health().await.json;
    assert_eq!(health["retries"], 2);
    let refused = json!([{ "source": "store", "field": "event", "reason": "refused", "events": 1 }]);
    assert_eq!(health["rejected_events"], refused);
}

/// Runs `weir health` beside a program.
async fn health_command(app: &TestApp, half: Option<&str>) -> Output {
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("health").args(half);
    command.env("WEIR_INGEST_ADDR", address(&app.ingest_url)).env("WEIR_DASHBOARD_ADDR", address(&app.dashboard_url));
    tokio::task::spawn_blocking(move || command.output().expect("it runs")).await.expect("no panic")
}

#[tokio::test]
async fn the_health_command_succeeds_where_all_that_is_asked_is_well_and_says_what_is_not() {
    let proxy = FaultProxy::start(&engine_endpoint().url).await;
    let app = TestApp::start_with(&[("CLICKHOUSE_URL", &proxy.url), ("WEIR_UNFLUSHED_MAX_MS", "1")]).await;
    for half in [None, Some("ingest"), Some("dashboard")] {
        assert!(health_command(&app, half).await.status.success(), "{half:?}");
    }
    app.schema().await;
    proxy.set(Fault::Answer { status: 503, code: None, body: "" });
    app.accept(&json!([event(json!({}))])).await;
    eventually("a pipeline that stands still", || async { app.health().await.status == 503 }).await;
    assert!(health_command(&app, Some("dashboard")).await.status.success());
    for half in [None, Some("ingest")] {
        let output = health_command(&app, half).await;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("not healthy") && said.contains("/health: 503 Service Unavailable"), "{said}");
    }
}
