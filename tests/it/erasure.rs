//! A user is erased in one call: from the tables, the rollups, the journal and the rejected events, also over a kill.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Instant,
};

use serde_json::{Value, json};
use weir::clock::Clock;

use crate::{
    app::{DELETE_PARTS_NOW, PATIENCE, Reply, TestApp, event, eventually, moment_ms, user_url},
    process::Weir,
    rollups::{answer, questions, read_by_rollup},
};

const USER: &str = "erase-me-7f3a";

fn of(user_id: Option<&str>, session_id: &str) -> Value {
    event(json!({ "user_id": user_id, "session_id": session_id }))
}

/// What validation rejects for the name of a field.
fn misnamed(user_id: &str) -> Value {
    event(json!({ "userId": user_id }))
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files that hold a text.
pub fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    files(directory).into_iter().filter(holds).collect()
}

fn rows(found: u64) -> Value {
    json!({ "found": found, "erased": found, "left": 0 })
}

/// What two installations, which were sent the same events one after the other, tell alike.
fn without_arrival(mut rows: Vec<Value>) -> Vec<Value> {
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|column, _| !["received_at", "delay_ms"].contains(&column.as_str()));
    }
    rows
}

async fn count(app: &TestApp, what: &str) -> u64 {
    app.select(&format!("SELECT count() FROM {what}")).await.expect("a count").parse().expect("a number")
}

#[tokio::test]
async fn erased_users_are_in_no_table_rollup_or_file() {
    let app = TestApp::start().await;
    app.schema().await;
    let before_sign_in = [of(None, "s-own"), of(None, "s-own"), of(Some(USER), "s-own")];
    let shared = [of(None, "s-shared"), of(Some(USER), "s-shared"), of(Some("other"), "s-shared")];
    app.accept(&before_sign_in.into_iter().chain(shared).collect()).await;
    app.stored(6).await;
    let refused = app.post(json!([misnamed(USER), misnamed("other")]).to_string()).await;
    assert_eq!(refused.status, 400);
    // These are in the journal alone when the call comes, and the rejected ones in memory.
    app.accept(&json!([of(Some(USER), "s-late"), of(None, "s-late"), of(Some("other"), "s-other")])).await;

    let reply = app.erase(USER).await;

    assert_eq!((reply.status, &reply.json["status"]), (202, &json!("running")), "{reply:?}");
    assert_eq!(reply.headers["location"], format!("/api/erasures/{}", reply.json["id"].as_str().expect("an id")));
    let receipt = app.erased(&reply.json).await;
    assert_eq!(receipt["events"], rows(3));
    assert_eq!(receipt["session_events"], rows(3));
    assert_eq!(receipt["rejected_events"], rows(1));
    assert_eq!((&receipt["journal"], &receipt["set_aside_bytes"]), (&json!("clean"), &json!(0)));
    assert_eq!(count(&app, "events").await, 3);
    assert_eq!(count(&app, &format!("events WHERE user_id = '{USER}' OR session_id IN ('s-own', 's-late')")).await, 0);
    assert_eq!(count(&app, "rejected_events").await, 1);
    assert_eq!(count(&app, &format!("rejected_events WHERE raw LIKE '%{USER}%'")).await, 0);
    let outdated = "system.parts WHERE database = '{database}' AND table IN ('events', 'rejected_events')
        AND NOT active AND rows > 0";
    assert_eq!(count(&app, outdated).await, 0);
    // What is kept of the call does not name the user, and at the end cannot even tell a guess from another.
    let mutations = format!("system.mutations WHERE database = '{{database}}' AND command LIKE '%{USER}%'");
    assert_eq!(count(&app, &mutations).await, 0);
    let records = app.select("SELECT definition FROM weir_definitions").await.expect("records");
    assert!(!records.contains(USER) && !records.contains("fingerprint"), "{records}");
    let listed = app.get(&format!("{}/api/erasures", app.dashboard_url)).await;
    assert_eq!(listed.json, json!({ "erasures": [receipt] }));
    // Its tables are as they were.
    let settings = app.select("SELECT engine_full FROM system.tables WHERE database = '{database}'").await;
    let settings = settings.expect("tables");
    assert!(!settings.contains("old_parts_lifetime") && !settings.contains("fsync"), "{settings}");
    let stopped = app.stop().await;
    assert_eq!(files_with(stopped.directory.path(), USER), Vec::<PathBuf>::new());
}

/// Rollups answer as if the user had never been there; what is rejected, session by session, too.
#[tokio::test]
async fn every_query_answers_as_if_an_erased_user_had_never_been_there() {
    let (app, never) = (TestApp::start().await, TestApp::start().await);
    let names = ["page_view", "signup_started", "signup_completed", "feature_used", "error_occurred"];
    // Over a day and more, so that each part of a question finds some.
    let at_ms = Clock::System.now_ms() - 400 * 230_000;
    let events: Vec<Value> = (0..400)
        .map(|number| {
            let user = [Some(USER), Some("u-2"), Some("u-3"), None][number % 4];
            event(json!({
                "event_name": names[number % 5],
                // A session of each user, and some of nobody.
                "session_id": format!("s-{}-{}", number % 4, number % 7),
                "user_id": user,
                "timestamp": at_ms + number as i64 * 230_000,
                "properties": { "feature": format!("f-{}", number % 3), "message": "m" },
            }))
        })
        .collect();
    let others: Vec<Value> = events.iter().filter(|event| event["user_id"] != USER).cloned().collect();
    for batch in events.chunks(100) {
        app.accept(&batch.iter().cloned().collect()).await;
    }
    app.stored(400).await;
    never.accept(&others.iter().cloned().collect()).await;
    never.stored(300).await;
    for app in [&app, &never] {
        app.select("OPTIMIZE TABLE events FINAL").await.expect("merged");
    }
    let receipt = app.erase(USER).await.json;
    assert_eq!(app.erased(&receipt).await["events"], rows(100));
    let until_ms = Clock::System.now_ms();
    for question in questions() {
        for range in ["1h", "24h"] {
            for settings in ["optimize_use_projections = 1", "optimize_use_projections = 0"] {
                let left = without_arrival(answer(&app.store(), &question, range, until_ms, settings).await);
                let expected = without_arrival(answer(&never.store(), &question, range, until_ms, settings).await);
                assert_eq!(left, expected, "{} over {range} with {settings}", question.name);
            }
        }
    }
    read_by_rollup(&app.store(), until_ms).await;
}

#[tokio::test]
async fn what_is_accepted_after_the_call_stays() {
    let app = TestApp::start().await;
    app.accept(&json!([of(Some(USER), "s-1")])).await;
    let receipt = app.erase(USER).await.json;
    let called_ms = moment_ms(&receipt["requested_at"]);
    eventually("the next millisecond", || async { Clock::System.now_ms() > called_ms }).await;
    app.accept(&json!([of(Some(USER), "s-2")])).await;
    assert_eq!(app.erased(&receipt).await["events"], rows(1));
    app.stored(1).await;
    assert_eq!(count(&app, "events WHERE session_id = 's-2'").await, 1);
    // Also the next call finds it.
    let receipt = app.erase(USER).await.json;
    assert_eq!(app.erased(&receipt).await["events"], rows(1));
    assert_eq!(count(&app, "events").await, 0);
}

#[tokio::test]
async fn an_id_of_any_characters_is_that_user_and_no_other() {
    let app = TestApp::start().await;
    let strange = ["it's", "100%", "a/b", "\\'); --", "{id:String}", "tab\there", "ünïcode 🦀", "7"];
    let others = ["it", "100", "a", "%", "_", "77"];
    app.accept(&strange.iter().chain(&others).map(|id| of(Some(id), &format!("s-{id}"))).collect()).await;
    app.post(strange.iter().chain(&others).map(|id| misnamed(id)).collect::<Value>().to_string()).await;
    // What ClickHouse refused was accepted, and is nowhere else: a number in it is no user.
    let accepted = "INSERT INTO rejected_events (received_at, source, raw)
        SELECT '2026-11-01 00:00:00', 'store', '{\"user_id\":\"other\",\"properties\":{\"quantity\":7}}'";
    app.select(accepted).await.expect("stored");
    for id in strange {
        let reply = app.erase(id).await;
        assert_eq!(reply.status, 202, "{id:?}: {reply:?}");
        let receipt = app.erased(&reply.json).await;
        assert_eq!((&receipt["events"], &receipt["rejected_events"]), (&rows(1), &rows(1)), "{id:?}");
    }
    assert_eq!(count(&app, "events").await, others.len() as u64);
    assert_eq!(count(&app, "rejected_events WHERE source = 'ingest'").await, others.len() as u64);
    assert_eq!(count(&app, "rejected_events WHERE source = 'store'").await, 1);
}

#[tokio::test]
async fn what_cannot_be_erased_is_refused_with_a_reason() {
    let app = TestApp::start().await;
    app.schema().await;
    let reply = app.erase(&"x".repeat(201)).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!("bad_user_id")));
    let reply = app.get(&format!("{}/api/erasures/unknown", app.dashboard_url)).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (404, &json!("unknown_erasure")));
    // The longest id, and one of which there is nothing.
    let receipt = app.erase(&"x".repeat(200)).await.json;
    assert_eq!(app.erased(&receipt).await["events"], rows(0));
}

/// A dashboard of its own gives the nodes with a journal the time in which they hand over and delete.
#[tokio::test]
async fn a_dashboard_without_a_journal_waits_for_those_of_others_and_bounds_its_queue() {
    let app = TestApp::start().await;
    app.accept(&json!([of(Some(USER), "s-1")])).await;
    let called_ms = Clock::System.now_ms() + 1;
    let dashboard = TestApp::start_dashboard_at(&app, called_ms).await;
    let receipt = dashboard.erase(USER).await.json;
    // One is under way at the most.
    let mut refused = None;
    for number in 0..=101 {
        let reply = dashboard.erase(&format!("u-{number}")).await;
        if reply.status != 202 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a bound");
    assert_eq!((refused.status, &refused.json["error"]["code"]), (503, &json!("too_many_erasures")));
    assert!(refused.headers.contains_key("retry-after"));
    app.stored(1).await;
    let reply = dashboard
        .get(&format!("{}/api/erasures/{}", dashboard.dashboard_url, receipt["id"].as_str().expect("an id")))
        .await;
    assert_eq!((&reply.json["status"], &reply.json["journal"]), (&json!("running"), &json!("waiting")));

    dashboard.now_ms.as_ref().expect("a clock").fetch_add(180_000, Ordering::Relaxed);

    let receipt = dashboard.erased(&receipt).await;
    assert_eq!((&receipt["events"], &receipt["journal"]), (&rows(1), &json!("elsewhere")));
    assert_eq!(receipt["set_aside_bytes"], Value::Null);
    assert_eq!(count(&app, "events").await, 0);
}

/// A process that starts during an erasure goes on with it, as it cannot know that another one does.
#[tokio::test]
async fn of_two_dashboards_the_second_leaves_a_done_erasure_as_it_is() {
    const WAIT_MS: i64 = 180_000;
    let app = TestApp::start().await;
    app.accept(&json!([of(Some(USER), "s-1")])).await;
    app.stored(1).await;
    let called_ms = Clock::System.now_ms() + 1;
    let first = TestApp::start_dashboard_at(&app, called_ms).await;
    let receipt = first.erase(USER).await.json;
    let second = TestApp::start_dashboard_at(&app, called_ms).await;
    // The wait counts from when a process takes an erasure up.
    let done = async |dashboard: &TestApp, receipt: &Value| {
        let path = format!("{}/api/erasures/{}", dashboard.dashboard_url, receipt["id"].as_str().expect("an id"));
        eventually("the end of an erasure", || async {
            dashboard.now_ms.as_ref().expect("a clock").fetch_add(WAIT_MS, Ordering::Relaxed);
            for statement in DELETE_PARTS_NOW {
                dashboard.select(statement).await;
            }
            dashboard.get(&path).await.json["status"] == "done"
        })
        .await;
        dashboard.get(&path).await.json
    };
    let by_first = done(&first, &receipt).await;
    assert_eq!(by_first["events"], rows(1));
    // One at a time: the second is through with it when it has carried out the next.
    let next = second.erase("nobody").await.json;
    done(&second, &next).await;
    assert_eq!(done(&second, &receipt).await, by_first);
    let settings = app.select("SELECT engine_full FROM system.tables WHERE database = '{database}'").await;
    assert!(!settings.expect("tables").contains("fsync"), "the tables are as they were");
}

/// An installation that is killed in all stages of an erasure.
struct Killed {
    weir: Weir,
    directory: tempfile::TempDir,
}

impl Killed {
    async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let weir = Weir::start(directory.path());
        let killed = Self { weir, directory };
        killed.up().await;
        killed
    }

    async fn up(&self) {
        eventually("weir", || self.weir.is_up()).await;
        eventually("an answer", || async { self.weir.shown().await.is_some() }).await;
    }

    async fn kill_and_start(self) -> Self {
        let Self { weir, directory } = self;
        let ports = weir.ports();
        weir.kill();
        let weir = Weir::start_on(directory.path(), ports);
        let killed = Self { weir, directory };
        killed.up().await;
        killed
    }

    async fn accept(&self, events: &Value) {
        let reply = self.weir.post(events).await;
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    async fn erase(&self, user_id: &str) -> Value {
        let [_, dashboard, _] = self.weir.ports();
        let url = user_url(&format!("http://127.0.0.1:{dashboard}"), user_id);
        let sent = reqwest::Client::new().delete(url).send().await.expect("a reply");
        let reply = Reply::of(sent).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.json
    }

    async fn receipt(&self, receipt: &Value) -> Value {
        let [_, dashboard, _] = self.weir.ports();
        let path = format!("/api/erasures/{}", receipt["id"].as_str().expect("an id"));
        self.weir.get(dashboard, &path).await.map(|reply| reply.json).unwrap_or_default()
    }

    async fn until(&self, receipt: &Value, reached: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let now = self.receipt(receipt).await;
            if reached(&now) {
                return now;
            }
            assert!(started.elapsed() < 2 * PATIENCE, "the erasure gets no further than {now}");
            for statement in DELETE_PARTS_NOW {
                self.weir.select(self.directory.path(), statement).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn erased(&self, receipt: &Value) -> Value {
        self.until(receipt, |receipt| receipt["status"] == "done").await
    }

    /// Waits until the journal has handed over what a start has found, and so many events are shown.
    async fn shows(&self, events: u64) {
        let [ingest, _, _] = self.weir.ports();
        eventually("an empty journal", || async {
            let health = self.weir.get(ingest, "/health").await;
            health.is_some_and(|reply| reply.json["buffered_events"] == 0)
        })
        .await;
        eventually(&format!("{events} events"), || async { self.weir.shown().await == Some(events) }).await;
    }
}

/// Where ClickHouse has dropped what an erasure has left empty, it has forgotten the tokens of those inserts: a segment that was
/// sent again would be stored again.
#[tokio::test]
async fn an_erasure_survives_kills_in_all_its_stages_and_nothing_comes_back() {
    let mut weir = Killed::start().await;
    let reached: [fn(&Value) -> bool; 3] =
        [|_| true, |receipt| receipt["events"]["found"] != Value::Null, |receipt| receipt["status"] == "done"];
    for (round, reached) in reached.into_iter().enumerate() {
        let user = format!("{USER}-{round}");
        // Segments, and so parts, that hold nothing of anybody else.
        weir.accept(&json!([of(Some(&user), "s-1"), of(Some(&user), "s-1")])).await;
        weir.shows(2 + round as u64).await;
        assert!(!files_with(weir.directory.path(), &user).is_empty(), "it is in the journal, in clear");
        // This one is in the journal alone.
        weir.accept(&json!([of(Some(&user), "s-2")])).await;
        let receipt = weir.erase(&user).await;
        weir.until(&receipt, reached).await;
        weir = weir.kill_and_start().await;
        let receipt = weir.erased(&receipt).await;
        assert_eq!(receipt["events"], rows(3), "round {round}");
        assert_eq!(files_with(weir.directory.path(), &user), Vec::<PathBuf>::new(), "round {round}");
        weir.accept(&json!([of(Some("other"), "s-3")])).await;
        // What is still there is sent again.
        weir = weir.kill_and_start().await;
        weir.shows(1 + round as u64).await;
        assert_eq!(weir.receipt(&receipt).await, receipt, "round {round}");
    }
}
