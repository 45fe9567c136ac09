//! Rollups are made anew by `weir rollup rebuild`, at any time and wherever they are.

use std::process::{Command, Output};

use serde_json::json;

use crate::{
    app::{TestApp, engine_endpoint, event, eventually},
    process::Weir,
    rollups::{answer, at, questions, read_by_rollup},
};

/// Runs `weir rollup rebuild`.
fn rebuild(settings: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(["rollup", "rebuild"])
        .envs(settings.iter().copied())
        .output()
        .expect("weir runs")
}

/// Rows of each rollup in active parts.
const ROLLUP_ROWS: &str = "SELECT name, sum(rows) FROM system.projection_parts \
                           WHERE database = '{database}' AND active GROUP BY name ORDER BY name";

#[tokio::test]
async fn rollups_that_are_missing_or_wrong_are_rebuilt_while_events_and_questions_come() {
    let until_ms = at("2026-03-01T10:07:30.500Z");
    let app = TestApp::start_at(until_ms, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    let store = app.store();
    app.schema().await;
    let rows = format!(
        "INSERT INTO events (event_name, timestamp, session_id, device_type, country_code, properties, received_at) \
         SELECT ['feature_used', 'signup_started', 'error_occurred'][1 + number % 3], \
         fromUnixTimestamp64Milli(toInt64({until_ms} - number * 400)), toString(number % 500), 'other', 'ZZ', \
         '{{\"feature\":\"f-' || toString(number % 5) || '\"}}', now64(3) FROM numbers(200000)"
    );
    app.select(&rows).await.expect("rows");
    app.select("OPTIMIZE TABLE events FINAL").await.expect("merged");
    let questions = questions();
    let answers = || async {
        let asked = questions.iter().map(|question| async {
            let rows = answer(&store, question, "24h", until_ms, "optimize_use_projections = 1").await;
            (question.name.clone(), rows)
        });
        futures_util::future::join_all(asked).await
    };
    let (before, rollups_before) = (answers().await, app.select(ROLLUP_ROWS).await.expect("an answer"));
    for change in [
        "ALTER TABLE events DROP PROJECTION events_by_minute",
        "ALTER TABLE events DROP PROJECTION names_by_hour",
        "ALTER TABLE events ADD PROJECTION names_by_hour (SELECT feature, count() GROUP BY feature)",
        "ALTER TABLE events MATERIALIZE PROJECTION names_by_hour SETTINGS mutations_sync = 1",
    ] {
        app.select(change).await.unwrap_or_else(|| panic!("{change}"));
    }
    assert_ne!(app.select(ROLLUP_ROWS).await.expect("an answer"), rollups_before);

    let endpoint = engine_endpoint();
    let database = app.store().database().to_owned();
    let (url, user, password) =
        (endpoint.url.clone(), endpoint.writer.user.clone(), endpoint.writer.password.expose().to_owned());
    let settings = move || {
        rebuild(&[
            ("CLICKHOUSE_URL", &url),
            ("CLICKHOUSE_USER", &user),
            ("CLICKHOUSE_PASSWORD", &password),
            ("CLICKHOUSE_DATABASE", &database),
        ])
    };
    let rebuilding = tokio::task::spawn_blocking(settings.clone());
    let mut stored = 200_000;
    while !rebuilding.is_finished() {
        for (now, before) in answers().await.iter().zip(&before) {
            assert_eq!(now, before);
        }
        // Long before what is asked about.
        app.accept(&json!([event(json!({ "timestamp": "2025-01-01T00:00:00Z" }))])).await;
        stored += 1;
    }
    let output = rebuilding.await.expect("no panic");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("events_by_minute: done\n"), "{said}");
    app.stored(stored).await;
    assert_eq!(answers().await, before);
    let by_minute = "SELECT sum(events) FROM (SELECT toStartOfMinute(timestamp, 'UTC') AS minute, count() AS events FROM events \
                     WHERE minute > '2026-02-01 00:00:00' GROUP BY minute) SETTINGS force_optimize_projection = 1";
    assert_eq!(app.select(by_minute).await.as_deref(), Some("200000"));
    read_by_rollup(&store, until_ms).await;

    assert!(settings().status.success());
    assert_eq!(answers().await, before);
}

#[tokio::test]
async fn the_embedded_engine_is_rebuilt_whether_or_not_weir_is_running() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start(directory.path());
    eventually("weir", || weir.is_up()).await;
    assert_eq!(weir.post(&json!([event(json!({})), event(json!({}))])).await.status, 202);
    eventually("the events", || async { weir.shown().await == Some(2) }).await;
    let data_dir = directory.path().display().to_string();
    let port = weir.ports()[2].to_string();
    let settings = [("WEIR_DATA_DIR", data_dir.as_str()), ("WEIR_ENGINE_PORT", &port)];
    let rebuilt = || {
        let output = rebuild(&settings);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("names_by_hour: done\n"), "{said}");
    };
    rebuilt();
    assert!(weir.terminate().await.success());
    rebuilt();
    let weir = Weir::start(directory.path());
    eventually("the events", || async { weir.shown().await == Some(2) }).await;
}

#[tokio::test]
async fn a_rebuild_where_there_is_nothing_says_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let nowhere = directory.path().join("nowhere");
    let output = rebuild(&[("WEIR_DATA_DIR", &nowhere.display().to_string())]);
    assert!(!output.status.success() && !nowhere.exists());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("set WEIR_DATA_DIR or CLICKHOUSE_URL"), "{said}");
}
