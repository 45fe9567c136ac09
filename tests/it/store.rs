//! Exactly once, whatever happens to ClickHouse or on the way to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use weir::{
    clock::Clock,
    journal::{EventBatch, EventRow, Journal, JournalLimits, OpenJournal, RealDisk, Segment},
    store::{AttemptLimits, Endpoint, Rows, Store, Writer, WriterLimits},
};

use crate::{
    app::{TestApp, engine_endpoint, event, eventually, new_database, select},
    fault_proxy::{Fault, FaultProxy},
};

/// 2026-03-10 10:07:30.500 UTC
const NOW_MS: i64 = 1_773_137_250_500;

/// A fresh event is seen this long after an outage has ended (ours is 5 s; this machine may be busy).
const FRESH_MAX: Duration = Duration::from_secs(10);

async fn proxy() -> FaultProxy {
    FaultProxy::start(&engine_endpoint().url).await
}

async fn app_behind(proxy: &FaultProxy) -> TestApp {
    TestApp::start_with(&[("CLICKHOUSE_URL", &proxy.url)]).await
}

/// Events with sessions of their own, by which the table can be compared with what was accepted.
fn events(from: u64, count: u64) -> Value {
    (from..from + count).map(|number| event(json!({ "session_id": format!("s-{number}") }))).collect()
}

/// Waits for `count` events and checks that each is there once.
async fn stored_once(app: &TestApp, count: u64) {
    app.stored(count).await;
    let distinct = app.select("SELECT uniqExact(session_id) FROM events").await;
    assert_eq!(distinct, Some(count.to_string()));
}

async fn survives(fault: Fault) {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.accept(&events(0, 10)).await;
    app.stored(10).await;
    proxy.set(fault);
    app.accept(&events(10, 500)).await;
    eventually("the outage in the health", || async { app.health().await.json["store"] == "down" }).await;
    app.accept(&events(510, 500)).await;
    assert!(app.health().await.json["buffered_events"].as_u64() >= Some(500));
    proxy.set(Fault::None);
    let ended = Instant::now();
    app.accept(&events(1010, 1)).await;
    stored_once(&app, 1011).await;
    assert!(ended.elapsed() < FRESH_MAX, "fresh events were seen after {:?} only", ended.elapsed());
    assert_eq!(app.health().await.json["store"], "up");
}

#[tokio::test]
async fn events_survive_a_store_that_refuses_connections() {
    survives(Fault::Refuse).await;
}

#[tokio::test]
async fn events_survive_a_store_that_never_answers() {
    survives(Fault::BlackHole).await;
}

#[tokio::test]
async fn events_survive_connections_reset_in_the_request() {
    survives(Fault::ResetRequest).await;
}

#[tokio::test]
async fn events_survive_connections_reset_in_the_reply() {
    survives(Fault::ResetReply).await;
}

#[tokio::test]
async fn events_survive_replies_that_are_lost() {
    survives(Fault::LoseReply).await;
}

#[tokio::test]
async fn events_survive_a_store_that_is_down_at_the_start() {
    let proxy = proxy().await;
    proxy.set(Fault::Refuse);
    let app = app_behind(&proxy).await;
    app.accept(&events(0, 500)).await;
    eventually("the outage in the health", || async { app.health().await.json["store"] == "down" }).await;
    proxy.set(Fault::None);
    stored_once(&app, 500).await;
}

/// Something that is not ClickHouse, but answers 200 to all, must not swallow events.
#[tokio::test]
async fn an_answer_that_is_not_of_clickhouse_is_no_success() {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.schema().await;
    proxy.next_inserts([
        Fault::Answer { status: 200, code: None, body: "" },
        Fault::Answer { status: 204, code: None, body: "" },
        Fault::Answer { status: 301, code: None, body: "" },
        Fault::Answer { status: 200, code: None, body: "<html>Please log in</html>" },
    ]);
    app.accept(&events(0, 100)).await;
    stored_once(&app, 100).await;
    assert!(proxy.is_done());
}

/// What every panel asks, over a day of events of all kinds, must be what it is without the fault.
#[tokio::test]
async fn a_lost_reply_counts_nothing_twice_in_any_query() {
    let product = ["page_view", "signup_started", "signup_completed", "feature_used", "error_occurred"];
    let of_all_kinds: Value = (0..300)
        .map(|number: i64| {
            event(json!({
                "event_name": product[usize::try_from(number % 5).expect("small")],
                "session_id": format!("s-{number}"),
                "timestamp": NOW_MS - number * 10_000,
                "properties": { "feature": format!("f-{}", number % 7) },
            }))
        })
        .collect();
    let proxy = proxy().await;
    let retention = ("WEIR_RETENTION_DAYS", "36500");
    let app = TestApp::start_at(NOW_MS, &[("CLICKHOUSE_URL", &proxy.url), retention]).await;
    let undisturbed = TestApp::start_at(NOW_MS, &[retention]).await;
    app.schema().await;
    undisturbed.schema().await;
    proxy.next_inserts([Fault::LoseReply, Fault::ResetReply, Fault::LoseReply]);
    for app in [&app, &undisturbed] {
        app.accept(&of_all_kinds).await;
        stored_once(app, 300).await;
    }
    eventually("a flush that is known of", || async { app.health().await.json["buffered_events"] == 0 }).await;
    assert!(proxy.is_done());
    for query in ["active_users", "signup_funnel", "top_features", "error_rate"] {
        let (one, other) = (app.query(query, "1h").await, undisturbed.query(query, "1h").await);
        assert!(one["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{query}");
        assert_eq!(one["rows"], other["rows"], "{query}");
    }
    app.select("OPTIMIZE TABLE events FINAL").await;
    let by_projection = "SELECT sum(events) FROM (SELECT toStartOfMinute(timestamp, 'UTC') AS minute, count() AS events \
                         FROM events GROUP BY minute) SETTINGS force_optimize_projection = 1, optimize_use_projections = 1";
    assert_eq!(app.select(by_projection).await.as_deref(), Some("300"));
}

/// The whole insert is answered with an error that is none of the events' fault: in the end all are stored once, and
/// none is rejected.
#[tokio::test]
async fn each_answer_of_a_store_in_trouble_costs_no_event() {
    let exception = |status, code| Fault::Answer { status, code: Some(code), body: "Code: 0. DB::Exception" };
    let bare = |status| Fault::Answer { status, code: None, body: "sorry" };
    let in_body = |body| Fault::Answer { status: 200, code: None, body };
    for (name, fault, is_permanent) in [
        ("TOO_MANY_PARTS", exception(500, 252), false),
        ("MEMORY_LIMIT_EXCEEDED", exception(500, 241), false),
        ("TOO_MANY_SIMULTANEOUS_QUERIES", exception(503, 202), false),
        ("UNKNOWN_TABLE", exception(404, 60), false),
        ("UNKNOWN_DATABASE", exception(404, 81), false),
        ("ACCESS_DENIED", exception(403, 497), false),
        ("404", bare(404), false),
        ("429", bare(429), false),
        ("500", bare(500), false),
        ("502", bare(502), false),
        ("503", bare(503), false),
        ("252 in a 200", in_body("Code: 252. DB::Exception: Too many parts"), false),
        ("CANNOT_PARSE_INPUT_ASSERTION_FAILED", exception(400, 27), true),
        ("TYPE_MISMATCH", exception(500, 53), true),
        ("INCORRECT_DATA", exception(400, 117), true),
        ("117 in a 200", in_body("Code: 117. DB::Exception: Incorrect data"), true),
    ] {
        let proxy = proxy().await;
        let app = app_behind(&proxy).await;
        app.schema().await;
        proxy.next_inserts([fault]);
        app.accept(&events(0, 8)).await;
        stored_once(&app, 8).await;
        eventually("an empty journal", || async { app.health().await.json["buffered_events"] == 0 }).await;
        let tokens = proxy.tokens();
        let whole = &tokens[0];
        let expected: Vec<String> = match is_permanent {
            true => vec![whole.clone(), format!("{whole}-0-4"), format!("{whole}-4-8")],
            false => vec![whole.clone(), whole.clone()],
        };
        assert_eq!(tokens, expected, "{name}");
        assert_eq!(app.select("SELECT count() FROM rejected_events").await.as_deref(), Some("0"), "{name}");
    }
}

#[tokio::test]
async fn a_store_in_trouble_is_asked_ever_less_often_and_by_one_request_at_a_time() {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.schema().await;
    proxy.set(Fault::Answer { status: 503, code: None, body: "" });
    app.accept(&events(0, 10)).await;
    let inserts =
        || proxy.seen().into_iter().filter(|seen| seen.token.is_some()).map(|seen| seen.at).collect::<Vec<_>>();
    eventually("six attempts", || async { inserts().len() >= 6 }).await;
    for number in 0..20 {
        app.accept(&events(10 + number * 10, 10)).await;
    }
    let waits: Vec<_> = inserts().windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (wait, least) in waits.iter().zip([50, 100, 200, 400, 800]) {
        assert!(*wait >= Duration::from_millis(least), "{waits:?}");
    }
    assert_eq!(proxy.inserts_at_once_max(), 1);
    proxy.set(Fault::None);
    stored_once(&app, 210).await;
    let attempts_and_rest = proxy.tokens().len();
    assert!(attempts_and_rest <= 6 + 3 + 4, "{attempts_and_rest} inserts for an outage of six attempts");
}

#[tokio::test]
async fn a_store_that_is_away_is_sent_small_questions_and_no_events() {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.schema().await;
    proxy.set(Fault::ResetRequest);
    app.accept(&events(0, 500)).await;
    let before = proxy.seen().len();
    eventually("six requests", || async { proxy.seen().len() >= before + 6 }).await;
    assert_eq!(proxy.tokens().len(), 1);
    proxy.set(Fault::None);
    stored_once(&app, 500).await;
}

#[tokio::test]
async fn a_slow_and_flapping_store_gets_every_event_once() {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.schema().await;
    let slow = Fault::Delay(Duration::from_millis(150));
    let unavailable = Fault::Answer { status: 503, code: Some(202), body: "" };
    for number in 0..5 {
        proxy.next_inserts([unavailable.clone(), slow.clone(), Fault::LoseReply, Fault::ResetRequest, slow.clone()]);
        app.accept(&events(number * 100, 100)).await;
    }
    eventually("all faults", || async {
        // Each fault needs an insert; more events bring more.
        proxy.is_done() || app.health().await.json["buffered_events"] == 0
    })
    .await;
    stored_once(&app, 500).await;
    assert_eq!(proxy.inserts_at_once_max(), 1);
}

#[tokio::test]
async fn lost_tables_are_created_again() {
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.accept(&events(0, 10)).await;
    app.stored(10).await;
    app.select("DROP TABLE events SYNC").await.expect("dropped");
    app.accept(&events(10, 20)).await;
    stored_once(&app, 20).await;
    app.select("DROP DATABASE {database} SYNC").await.expect("dropped");
    app.accept(&events(30, 30)).await;
    stored_once(&app, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_before_the_codecs_gets_them() {
    const CODECS: &str = "SELECT name, compression_codec FROM system.columns \
        WHERE database = currentDatabase() AND table = 'events' AND compression_codec != '' ORDER BY name";
    let endpoint = Endpoint { database: new_database(), ..engine_endpoint().clone() };
    let store = Store::new(endpoint.clone(), 90).expect("a client");
    store.ensure_schema().await.expect("a schema");
    let created = select(&endpoint.database, CODECS).await.expect("columns");
    assert_eq!(created.lines().count(), 13, "{created}");
    for name in created.lines().filter_map(|line| line.split('\t').next()) {
        // Hashes came later than codecs.
        let change = match name {
            "session_hash" | "user_hash" => format!("DROP COLUMN {name}"),
            _ => format!("MODIFY COLUMN {name} REMOVE CODEC"),
        };
        store.execute(&format!("ALTER TABLE events {change}"), true).await.expect("a column");
    }
    assert_eq!(select(&endpoint.database, CODECS).await.as_deref(), Some(""));
    // Nor was there a version of the schema then.
    store.execute("DROP TABLE weir_schema_versions", true).await.expect("no version");
    store.ensure_schema().await.expect("a schema");
    assert_eq!(select(&endpoint.database, CODECS).await, Some(created));
}

fn row(session_id: &[u8]) -> EventRow<'_> {
    EventRow {
        event_id: b"",
        event_name: b"page_view",
        timestamp_ms: NOW_MS,
        session_id,
        user_id: None,
        device_type: b"other",
        country_code: *b"ZZ",
        properties: b"{}",
        received_at_ms: NOW_MS,
        clock_skew_ms: 0,
    }
}

/// The parts of the program between journal and engine, with limits of a test.
struct Pipeline {
    journal: Journal,
    directory: Arc<TempDir>,
    endpoint: Endpoint,
    give_up: CancellationToken,
    writer: tokio::task::JoinHandle<std::io::Result<bool>>,
}

impl Pipeline {
    async fn start(proxy: &FaultProxy) -> Self {
        Self::start_paced(proxy, Duration::ZERO).await
    }

    async fn start_paced(proxy: &FaultProxy, insert_interval_min: Duration) -> Self {
        let endpoint = Endpoint { url: proxy.url.clone(), database: new_database(), ..engine_endpoint().clone() };
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        Self::start_on(endpoint, directory, insert_interval_min).await
    }

    async fn start_on(endpoint: Endpoint, directory: Arc<TempDir>, insert_interval_min: Duration) -> Self {
        let store = Store::new(endpoint.clone(), 36_500).expect("a store");
        store.ensure_schema().await.expect("a schema");
        let limits = JournalLimits {
            pending_bytes_max: 1 << 30,
            uncommitted_bytes_max: 1 << 26,
            stored_bytes_max: 1 << 30,
            set_aside_bytes_max: 1 << 30,
            stored_kept: Duration::from_secs(120),
            segment_bytes_max: 1 << 25,
            prepared_bytes_max: 4096,
            flush_events: 1,
            flush_interval: Duration::from_millis(10),
        };
        let disk = RealDisk::open(directory.path()).expect("a disk");
        let OpenJournal { journal, queue, .. } = Journal::open(disk, limits, 7).expect("a journal");
        let attempts = AttemptLimits {
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(50),
            insert_timeout_min: Duration::from_millis(400),
            insert_timeout_max: Duration::from_secs(10),
        };
        let limits = WriterLimits { insert_interval_min, attempts, split_inserts_max: 100, ..WriterLimits::default() };
        let give_up = CancellationToken::new();
        let writer = tokio::spawn(Writer::new(store, queue, limits, Clock::System).run(give_up.clone()));
        Self { journal, directory, endpoint, give_up, writer }
    }

    async fn append(&self, from: u64, count: u64) {
        let mut batch = EventBatch::default();
        for number in from..from + count {
            batch.push(&row(format!("s-{number}").as_bytes()));
        }
        self.journal.append(batch).await.expect("appended");
    }

    async fn select(&self, sql: &str) -> Option<String> {
        crate::app::select(&self.endpoint.database, sql).await
    }

    async fn stored_once(&self, count: u64) {
        let counts = || self.select("SELECT count(), uniqExact(session_id) FROM events");
        eventually("the events", || async { counts().await == Some(format!("{count}\t{count}")) }).await;
    }

    /// Ends as a kill would: what is under way is not finished, and the journal not marked clean.
    async fn kill(self) -> (Endpoint, Arc<TempDir>) {
        self.give_up.cancel();
        self.writer.await.expect("no panic").expect("no error");
        (self.endpoint, self.directory)
    }
}

#[tokio::test]
async fn a_swallowed_insert_blocks_no_longer_than_its_bound() {
    let proxy = proxy().await;
    let pipeline = Pipeline::start(&proxy).await;
    proxy.next_inserts([Fault::BlackHole]);
    let started = Instant::now();
    pipeline.append(0, 10).await;
    pipeline.stored_once(10).await;
    assert!(started.elapsed() > Duration::from_millis(400));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_slow_store_is_given_more_time_and_no_insert_counts_twice() {
    let proxy = proxy().await;
    let pipeline = Pipeline::start(&proxy).await;
    // Beyond the time of the first and the second attempt.
    proxy.next_inserts(vec![Fault::Delay(Duration::from_millis(1_000)); 4]);
    pipeline.append(0, 10).await;
    eventually("three attempts", || async { proxy.tokens().len() == 3 }).await;
    pipeline.append(10, 10).await;
    eventually("a fourth insert", || async { proxy.tokens().len() == 4 }).await;
    let tokens = proxy.tokens();
    assert!(tokens[..3].iter().all(|token| *token == tokens[0]) && tokens[3] != tokens[0], "{tokens:?}");
    pipeline.stored_once(20).await;
}

/// After a kill, what was stored in the last minutes is sent again, and fresh events wait behind it: not for long.
#[tokio::test]
async fn many_segments_of_before_a_kill_do_not_keep_fresh_events_waiting() {
    const SEGMENTS: u64 = 60;
    let proxy = proxy().await;
    let pipeline = Pipeline::start_paced(&proxy, Duration::ZERO).await;
    for number in 0..SEGMENTS {
        pipeline.append(number, 1).await;
        eventually("an insert of it", || async { proxy.tokens().len() as u64 > number }).await;
    }
    pipeline.stored_once(SEGMENTS).await;
    let (endpoint, directory) = pipeline.kill().await;
    let interval = WriterLimits::default().insert_interval_min;
    let pipeline = Pipeline::start_on(endpoint, directory, interval).await;
    let started = Instant::now();
    pipeline.append(SEGMENTS, 1).await;
    pipeline.stored_once(SEGMENTS + 1).await;
    assert!(started.elapsed() < interval * 30, "fresh events waited for {:?}", started.elapsed());
    eventually("an insert of each again", || async { proxy.tokens().len() as u64 > 2 * SEGMENTS }).await;
}

/// An insert that was given up may still be under way when it is made again.
#[tokio::test]
async fn a_batch_that_arrives_several_times_at_once_is_stored_once() {
    let endpoint = Endpoint { database: new_database(), ..engine_endpoint().clone() };
    let database = endpoint.database.clone();
    let store = Store::new(endpoint, 36_500).expect("a store");
    store.ensure_schema().await.expect("a schema");
    let rows: Vec<_> = (0..20_000).map(|_| row(b"s-1")).collect();
    let segment = Segment::of_events(&rows);
    for round in 1..=5 {
        let token = format!("token-{round}");
        let insert = || store.insert(&token, Rows::Events(&segment), Duration::from_secs(30));
        let inserted = futures_util::future::join_all((0..6).map(|_| insert())).await;
        assert!(inserted.iter().all(Result::is_ok), "{inserted:?}");
        let count = crate::app::select(&database, "SELECT count() FROM events").await;
        assert_eq!(count, Some((round * 20_000).to_string()));
    }
}

/// As many inserts as an hour of others brings pass between two attempts.
#[tokio::test]
async fn a_token_is_known_after_many_inserts_of_others() {
    const OTHERS: u32 = 200;
    let proxy = proxy().await;
    let app = app_behind(&proxy).await;
    app.schema().await;
    let window = app.select("SELECT create_table_query LIKE '%non_replicated_deduplication_window = 10000%' FROM system.tables WHERE database = currentDatabase() AND name = 'events'").await;
    assert_eq!(window.as_deref(), Some("1"), "the window of the real schema");
    // So that a test can come near its end.
    app.select(&format!("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = {}", OTHERS + 1))
        .await
        .expect("altered");
    proxy.next_inserts([Fault::LoseReply]);
    app.accept(&events(0, 100)).await;
    eventually("the insert without a reply", || async { proxy.is_done() }).await;
    proxy.set(Fault::Refuse);
    app.stored(100).await;
    for number in 0..OTHERS {
        let insert = format!(
            "INSERT INTO events (event_name, timestamp, session_id) SETTINGS insert_deduplication_token = 'other-{number}' VALUES ('page_view', now(), 'other-{number}')"
        );
        app.select(&insert).await.expect("inserted");
    }
    proxy.set(Fault::None);
    eventually("an empty journal", || async { app.health().await.json["buffered_events"] == 0 }).await;
    stored_once(&app, 100 + u64::from(OTHERS)).await;
}

/// Events around the end of a month are two parts, and a retry may find one of them only.
#[tokio::test]
async fn a_batch_across_two_months_is_stored_once_however_much_of_it_was() {
    let new_month = 1_772_323_200_000; // 2026-03-01 00:00 UTC
    let both_sides: Value = (0..100)
        .map(|number: i64| {
            event(json!({ "session_id": format!("s-{number}"), "timestamp": new_month - 50_000 + number * 1_000 }))
        })
        .collect();
    let proxy = proxy().await;
    let settings = [("CLICKHOUSE_URL", proxy.url.as_str()), ("WEIR_RETENTION_DAYS", "36500")];
    let app = TestApp::start_at(new_month + 60_000, &settings).await;
    app.schema().await;
    proxy.next_inserts([Fault::LoseReply, Fault::LoseReply]);
    app.accept(&both_sides).await;
    eventually("two inserts without a reply", || async { proxy.is_done() }).await;
    proxy.set(Fault::Refuse);
    let by_month = "SELECT groupArray((month, events)) FROM (SELECT toYYYYMM(date) AS month, count() AS events FROM events GROUP BY month ORDER BY month)";
    eventually("both months", || async { app.select(by_month).await.as_deref() == Some("[(202602,50),(202603,50)]") })
        .await;
    // As if the engine had died between the two.
    app.select("ALTER TABLE events DROP PARTITION 202602").await.expect("dropped");
    proxy.set(Fault::None);
    eventually("an empty journal", || async { app.health().await.json["buffered_events"] == 0 }).await;
    stored_once(&app, 100).await;
    assert_eq!(app.select(by_month).await.as_deref(), Some("[(202602,50),(202603,50)]"));
}

/// ClickHouse refuses an insert into more than 100 partitions, as long as nobody tells it otherwise.
#[tokio::test]
async fn a_batch_of_many_months_is_stored() {
    let month_ms: i64 = 31 * 86_400_000;
    let old: Value = (0..150)
        .map(|number: i64| {
            event(json!({ "session_id": format!("s-{number}"), "timestamp": NOW_MS - number * month_ms }))
        })
        .collect();
    let app = TestApp::start_at(NOW_MS, &[("WEIR_RETENTION_DAYS", "36500")]).await;
    app.schema().await;
    app.accept(&old).await;
    stored_once(&app, 150).await;
}

pub const POISON: &str = "ALTER TABLE events ADD CONSTRAINT no_poison CHECK session_id NOT LIKE 'poison%'";

async fn rejected(app: &TestApp) -> Vec<Value> {
    let rows = app.select("SELECT source, event_index, field, reason LIKE '%no_poison%' AS named, raw, toUnixTimestamp64Milli(received_at) AS at FROM rejected_events ORDER BY event_index FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0").await;
    rows.unwrap_or_default().lines().map(|row| serde_json::from_str(row).expect("JSON")).collect()
}

#[tokio::test]
async fn poison_events_are_set_apart_with_the_reason_and_nothing_waits_for_them() {
    let proxy = proxy().await;
    let app = TestApp::start_at(NOW_MS, &[("CLICKHOUSE_URL", &proxy.url), ("WEIR_RETENTION_DAYS", "36500")]).await;
    app.schema().await;
    app.select(POISON).await.expect("altered");
    let mut batch = events(0, 500);
    for index in [0, 250, 251, 499] {
        batch[index] = event(json!({
            "session_id": format!("poison-{index}"), "user_id": "u-1", "timestamp": NOW_MS - 7,
            "properties": { "long": "x".repeat(12_000) },
        }));
    }
    // Every kind of insert loses its first reply: of the whole, of halves, of the rejected rows.
    proxy.next_inserts([
        Fault::LoseReply,
        Fault::None,
        Fault::LoseReply,
        Fault::ResetReply,
        Fault::None,
        Fault::LoseReply,
    ]);
    app.accept(&batch).await;
    app.accept(&events(500, 300)).await;
    stored_once(&app, 796).await;
    eventually("the rejected events", || async { rejected(&app).await.len() == 4 }).await;
    eventually("an empty journal", || async { app.health().await.json["buffered_events"] == 0 }).await;
    let rows = rejected(&app).await;
    let positions: Vec<_> = rows.iter().map(|row| row["event_index"].as_u64().expect("a number")).collect();
    assert_eq!(positions, [0, 250, 251, 499]);
    for row in &rows {
        assert_eq!(
            (&row["source"], &row["field"], &row["named"]),
            (&json!("store"), &json!("event"), &json!(1)),
            "{row}"
        );
        assert_eq!(row["at"], NOW_MS);
    }
    let raw: Value = serde_json::from_str(rows[1]["raw"].as_str().expect("text")).expect("a whole event");
    assert_eq!(raw, batch[250]);
    let metrics = app.get(&format!("{}/metrics", app.ingest_url)).await.text;
    assert!(metrics.contains("weir_store_events_rejected_total 4\n"), "{metrics}");
}

/// Killed while a segment is taken apart, after some of its parts were stored.
#[tokio::test]
async fn a_kill_while_a_segment_is_taken_apart_repeats_exactly() {
    let proxy = proxy().await;
    let pipeline = Pipeline::start(&proxy).await;
    pipeline
        .select("ALTER TABLE events ADD CONSTRAINT no_poison CHECK session_id NOT IN ('s-3', 's-40')")
        .await
        .expect("altered");
    for stored_before in [2, 5, 9] {
        // The whole, some parts, and then silence.
        proxy.next_inserts(std::iter::repeat_n(Fault::None, stored_before).chain([Fault::LoseReply, Fault::BlackHole]));
    }
    pipeline.append(0, 64).await;
    let mut pipeline = pipeline;
    for number in [4, 11, 22] {
        eventually("the silence", || async { proxy.tokens().len() >= number }).await;
        let (endpoint, directory) = pipeline.kill().await;
        pipeline = Pipeline::start_on(endpoint, directory, Duration::ZERO).await;
    }
    pipeline.stored_once(62).await;
    eventually("the rejected events", || async {
        pipeline
            .select(
                "SELECT groupArray(event_index) FROM (SELECT event_index FROM rejected_events ORDER BY event_index)",
            )
            .await
            .as_deref()
            == Some("[3,40]")
    })
    .await;
}

/// A fault that is not in the events: they stay in a file, and the stream goes on.
#[tokio::test]
async fn what_no_table_takes_is_set_aside_in_the_journal() {
    let app = TestApp::start().await;
    app.schema().await;
    app.select(POISON).await.expect("altered");
    app.select("ALTER TABLE rejected_events ADD CONSTRAINT nothing CHECK 0").await.expect("altered");
    app.accept(&json!([event(json!({ "session_id": "poison" })), event(json!({ "session_id": "s-0" }))])).await;
    eventually("a metric of it", || async {
        app.get(&format!("{}/metrics", app.ingest_url)).await.text.contains("weir_store_events_set_aside_total 2\n")
    })
    .await;
    app.accept(&events(1, 10)).await;
    stored_once(&app, 11).await;
    let health = app.health().await.json;
    let set_aside = json!([{ "source": "store", "field": "event", "reason": "set_aside", "events": 2 }]);
    assert_eq!(health["rejected_events"], set_aside);
    let bytes = health["set_aside_bytes"].as_u64();
    assert!(bytes > Some(0) && app.metric("weir_journal_set_aside_bytes").await > 0.0, "{health}");
    let stopped = app.stop().await;
    let files = std::fs::read_dir(stopped.directory.path().join("journal")).expect("a journal");
    let set_aside =
        files.filter(|file| file.as_ref().expect("a file").file_name().to_string_lossy().ends_with(".refused"));
    assert_eq!(set_aside.count(), 1);
}
