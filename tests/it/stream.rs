//! Pages are told of new data, and what they ask for then has it.

use reqwest::Response;
use serde_json::{Value, json};

use crate::app::{TestApp, event, eventually, moment_ms};

/// An open stream.
pub struct Told {
    reply: Response,
    text: String,
}

impl Told {
    pub async fn open(app: &TestApp) -> Self {
        let request = app.http.get(url(app)).header("Accept-Encoding", "gzip, br");
        let reply = request.send().await.expect("a reply");
        assert_eq!(reply.status(), 200);
        Self { reply, text: String::new() }
    }

    /// Since when the next revision that is told has been current, in milliseconds since the epoch; `None` at an orderly end.
    pub async fn next(&mut self) -> Option<i64> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let data = message.lines().find_map(|line| line.strip_prefix("data: ")).expect("a message has data");
                let data: Value = serde_json::from_str(data).expect("JSON");
                self.text = rest.to_owned();
                return Some(moment_ms(&data["since"]));
            }
            let piece = self.reply.chunk().await.expect("it is not cut off")?;
            self.text.push_str(std::str::from_utf8(&piece).expect("text"));
        }
    }

    /// Waits for a revision that begins after a moment.
    pub async fn after(&mut self, moment_ms: i64) -> i64 {
        loop {
            let since_ms = self.next().await.expect("a revision");
            if since_ms > moment_ms {
                return since_ms;
            }
        }
    }
}

fn url(app: &TestApp) -> String {
    format!("{}/api/stream", app.dashboard_url)
}

/// The status of a stream that is left at once.
async fn status(app: &TestApp) -> u16 {
    app.http.get(url(app)).send().await.expect("a reply").status().as_u16()
}

fn page_view(session: usize) -> Value {
    json!([event(json!({ "session_id": format!("s-{session}") }))])
}

/// Whether an answer of `live_events` has the event of a session.
fn has_session(answer: &Value, session: usize) -> bool {
    let rows = answer["rows"].as_array().expect("rows");
    rows.iter().any(|row| row["session_id"] == format!("s-{session}"))
}

#[tokio::test]
async fn a_flush_is_told_and_an_answer_computed_then_has_its_events() {
    let app = TestApp::start().await;
    app.schema().await;
    let mut told = Told::open(&app).await;
    told.next().await.expect("the current revision, at once");
    for session in 1..=4 {
        let flushes = app.metric("weir_store_flushes_total").await;
        app.accept(&page_view(session)).await;
        eventually("a flush", || async { app.metric("weir_store_flushes_total").await > flushes }).await;
        let stored_at_ms = moment_ms(&app.health().await.json["last_flush_at"]);
        let since_ms = told.after(stored_at_ms).await;
        let answer = app.answer_since("live_events", since_ms).await;
        assert!(has_session(&answer, session), "{answer}");
        let newest = answer["rows"].as_array().expect("rows").first().expect("a row");
        assert_eq!(answer["newest_event_at"], newest["timestamp"]);
    }
}

#[tokio::test]
async fn a_stream_is_neither_compressed_nor_cut_by_the_limits_on_replies() {
    let app = TestApp::start_with(&[("WEIR_REQUEST_TIMEOUT_MS", "500")]).await;
    app.schema().await;
    let mut told = Told::open(&app).await;
    assert_eq!(told.reply.headers()["content-type"], "text/event-stream");
    assert_eq!(told.reply.headers().get("content-encoding"), None);
    // Revisions are a second apart: several times as long as a request may take.
    let mut since_ms = told.next().await.expect("the current revision, at once");
    for session in 1..=3 {
        app.accept(&page_view(session)).await;
        since_ms = told.after(since_ms).await;
    }
}

#[tokio::test]
async fn open_streams_are_bounded_and_one_that_is_left_makes_room() {
    let app = TestApp::start_with(&[("WEIR_STREAMS_MAX", "1")]).await;
    let mut told = Told::open(&app).await;
    told.next().await.expect("the current revision");
    let refused = app.get(&url(&app)).await;
    assert_eq!((refused.status, &refused.json["error"]["code"]), (503, &json!("too_many_streams")));
    assert_eq!(refused.headers["retry-after"], "2");
    drop(told);
    eventually("room for a stream", || async { status(&app).await == 200 }).await;
}

#[tokio::test]
async fn streams_take_no_more_than_half_of_the_connections() {
    let app = TestApp::start_with(&[("WEIR_CONNECTIONS_MAX", "4")]).await;
    let _told = [Told::open(&app).await, Told::open(&app).await];
    assert_eq!(status(&app).await, 503);
}

#[tokio::test]
async fn a_stream_is_not_an_idle_connection_that_makes_room() {
    let app = TestApp::start_with(&[("WEIR_CONNECTIONS_MAX", "2")]).await;
    app.schema().await;
    let mut told = Told::open(&app).await;
    let mut since_ms = told.next().await.expect("the current revision");
    for session in 1..=3 {
        // Each on a connection of its own, of which there is room for one.
        let asked = reqwest::get(format!("{}/api/info", app.dashboard_url)).await.expect("a reply");
        assert_eq!(asked.status(), 200);
        app.accept(&page_view(session)).await;
        since_ms = told.after(since_ms).await;
    }
}

#[tokio::test]
async fn an_orderly_end_does_not_wait_for_streams() {
    let app = TestApp::start().await;
    let mut told = Told::open(&app).await;
    told.next().await.expect("the current revision");
    app.stop().await;
    // Had it been waited for in vain, it would have been cut off.
    while told.next().await.is_some() {}
}

#[tokio::test]
async fn a_dashboard_without_a_writer_tells_what_others_store() {
    let app = TestApp::start().await;
    app.schema().await;
    let dashboard = TestApp::start_dashboard(&app).await;
    let mut told = Told::open(&dashboard).await;
    let mut since_ms = told.next().await.expect("the current revision, at once");
    for session in 1..=3 {
        app.accept(&page_view(session)).await;
        since_ms = told.after(since_ms).await;
        let answer = dashboard.answer_since("live_events", since_ms).await;
        assert!(has_session(&answer, session), "{answer}");
    }
}
