//! The dashboard's listener: what it answers to good and bad questions.

use serde_json::json;

use crate::app::{TestApp, event, eventually};

#[tokio::test]
async fn bad_questions_are_told_what_would_be_right() {
    let app = TestApp::start().await;
    app.stored(0).await;
    for (path, status, code, hint) in [
        ("/api/queries/active_users?range=2h", 400, "bad_range", "1h, 4h, 6h or 24h"),
        ("/api/queries/active_users?range=7d", 400, "bad_range", "1h, 4h, 6h or 24h"),
        ("/api/queries/active_users?range=1h'%20OR%201", 400, "bad_range", "1h, 4h, 6h or 24h"),
        ("/api/queries/active_users?range=1h&range=6h", 400, "bad_parameters", "once"),
        (
            "/api/queries/active_users?until=2026-01-01",
            400,
            "bad_parameters",
            "it takes range (1h, 4h, 6h or 24h), ago (0",
        ),
        ("/api/queries/error_rate?ago=1w", 400, "bad_parameters", "ago must be 0, 1d or 7d, not \"1w\""),
        ("/api/queries/retention?ago=1d", 400, "bad_parameters", "it takes weeks"),
        ("/api/queries/users", 404, "unknown_query", "active_users"),
        ("/api/queries/internal%2Fnewest_event", 404, "unknown_query", "active_users"),
        ("/api/nothing", 404, "not_found", "README"),
    ] {
        let reply = app.get(&format!("{}{path}", app.dashboard_url)).await;
        assert_eq!((reply.status, &reply.json["error"]["code"]), (status, &json!(code)), "{path}: {reply:?}");
        assert!(reply.json["error"]["message"].to_string().replace('\\', "").contains(hint), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn an_event_is_in_the_answers_after_its_flush() {
    let app = TestApp::start().await;
    app.stored(0).await;
    assert_eq!(app.query("active_users", "1h").await["rows"][60]["active_users_5m"], 0);
    app.accept(&json!([event(json!({}))])).await;
    eventually("the session in the answer", || async {
        app.query("active_users", "1h").await["rows"][60]["active_users_5m"] == 1
    })
    .await;
}

#[tokio::test]
async fn viewers_share_one_computation() {
    let app = TestApp::start().await;
    app.stored(0).await;
    let url = format!("{}/api/queries/error_rate?range=6h", app.dashboard_url);
    let asked = (0..50).map(|_| app.get(&url));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|reply| reply.status == 200));
    let computed: std::collections::HashSet<_> =
        answers.iter().map(|reply| reply.json["computed_at"].to_string()).collect();
    assert!(computed.len() <= 2, "50 viewers caused {} computations", computed.len());
}

#[tokio::test]
async fn the_description_of_the_api_is_served_and_committed() {
    let app = TestApp::start().await;
    let served = app.get(&format!("{}/api/openapi.json", app.dashboard_url)).await.json;
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../docs/openapi.json")).expect("the committed document is JSON");
    assert_eq!(served, committed, "docs/openapi.json is stale: run `make generate`");
}

#[tokio::test]
async fn the_dashboard_is_told_where_events_go() {
    let app = TestApp::start_with(&[("WEIR_INGEST_URL", "https://events.example")]).await;
    let info = app.get(&format!("{}/api/info", app.dashboard_url)).await.json;
    assert_eq!((&info["ingest_url"], &info["retention_days"]), (&json!("https://events.example"), &json!(90)));
}
