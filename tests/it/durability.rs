//! Accepted events survive: restarts, outages of ClickHouse, a full journal.

use serde_json::{Value, json};

use crate::app::{TestApp, event, eventually};

/// A flush rule that nothing in a test reaches by itself.
const NO_FLUSH: [(&str, &str); 2] = [("WEIR_FLUSH_INTERVAL_MS", "3600000"), ("WEIR_FLUSH_EVENTS", "1000000")];
/// Where nothing listens: ClickHouse is down.
const NO_STORE: (&str, &str) = ("CLICKHOUSE_URL", "http://127.0.0.1:9");

fn events(count: usize) -> Value {
    (0..count).map(|number| event(json!({ "session_id": format!("s-{number}") }))).collect()
}

#[tokio::test]
async fn unflushed_events_are_flushed_by_an_orderly_end() {
    let app = TestApp::start_with(&NO_FLUSH).await;
    app.accept(&events(7)).await;
    assert_eq!(app.health().await.json["buffered_events"], 7);
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    app.stored(7).await;
    assert_eq!(app.health().await.json["buffered_events"], 0);
}

#[tokio::test]
async fn events_taken_while_clickhouse_is_down_are_stored_once_it_is_back() {
    let app = TestApp::start_with(&[NO_STORE, ("WEIR_UNFLUSHED_MAX_MS", "1")]).await;
    for _ in 0..3 {
        app.accept(&events(500)).await;
    }
    eventually("a health that says so", || async {
        let health = app.health().await;
        health.status == 503 && health.json["status"] == "stalled" && health.json["store"] == "down"
    })
    .await;
    assert_eq!(app.health().await.json["buffered_events"], 1500);
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    app.stored(1500).await;
    eventually("a healthy pipeline", || async {
        let health = app.health().await;
        health.status == 200 && health.json["buffered_events"] == 0 && health.json["store"] == "up"
    })
    .await;
}

#[tokio::test]
async fn a_full_journal_refuses_with_retry_after_and_keeps_what_it_took() {
    let app = TestApp::start_with(&[NO_STORE, ("WEIR_JOURNAL_MAX_BYTES", "300000")]).await;
    let batch = events(500).to_string();
    let mut accepted = 0;
    let refused = loop {
        let reply = app.post(batch.clone()).await;
        match reply.status {
            202 => accepted += 500,
            _ => break reply,
        }
        assert!(accepted < 100_000, "the journal has no bound");
    };
    assert_eq!((refused.status, &refused.json["error"]["code"]), (503, &json!("journal_full")));
    assert!(refused.headers.contains_key("retry-after"));
    assert!(app.health().await.json["buffered_bytes"].as_u64() <= Some(300_000));
    let app = TestApp::restart_with(app.stop().await, &[]).await;
    app.stored(accepted).await;
}

#[tokio::test]
async fn a_thousand_events_are_flushed_before_the_interval_is_over() {
    let app = TestApp::start_with(&[("WEIR_FLUSH_INTERVAL_MS", "3600000")]).await;
    app.accept(&events(500)).await;
    app.accept(&events(499)).await;
    assert_eq!(app.health().await.json["buffered_events"], 999);
    app.accept(&events(1)).await;
    app.stored(1000).await;
}
