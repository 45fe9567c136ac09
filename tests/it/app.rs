//! `TestApp`: the program in this process, on free ports, with a database of its own on an engine that all tests share.

use std::{
    collections::HashMap,
    future::Future,
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weir::{
    app::{self, AppError, Listeners},
    clock::Clock,
    config::Config,
    engine::{Engine, EngineConfig, START_TIMEOUT},
    store::{Endpoint, Store},
};

/// Longest wait for a condition; far beyond what a slow machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The engine of all tests. It ends with this process: its pipe closes.
static ENGINE: LazyLock<SharedEngine> = LazyLock::new(SharedEngine::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct SharedEngine {
    engine: Engine,
    _runtime: Runtime,
    _directory: TempDir,
}

impl SharedEngine {
    fn start() -> Self {
        // A test's runtime ends with the test; the supervisor needs one that stays.
        let runtime = Runtime::new().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        let config = EngineConfig {
            data_dir: directory.path().join("engine"),
            port: 0,
            database: "weir".to_owned(),
            library: None,
            program: env!("CARGO_BIN_EXE_weir").into(),
            start_timeout: START_TIMEOUT,
        };
        let engine = std::thread::scope(|scope| {
            let start = || runtime.block_on(Engine::start(config, &TaskTracker::new()));
            scope.spawn(start).join().expect("no panic").expect("the engine starts; run `npm ci --prefix engine` first")
        });
        Self { engine, _runtime: runtime, _directory: directory }
    }
}

/// Settings of a test, by the names of `.env.example`.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// A running program.
pub struct TestApp {
    pub http: reqwest::Client,
    pub ingest_url: String,
    pub dashboard_url: String,
    /// Set for `start_at`: moves the program's time.
    pub now_ms: Option<Arc<AtomicI64>>,
    database: String,
    directory: Arc<TempDir>,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), AppError>>,
}

impl TestApp {
    /// Starts with quick flushes.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: Settings<'_>) -> Self {
        Self::launch(settings, Clock::System, new_database(), Arc::new(tempfile::tempdir().expect("a directory"))).await
    }

    /// Starts with the clock standing at a moment.
    pub async fn start_at(now_ms: i64, settings: Settings<'_>) -> Self {
        let clock = Arc::new(AtomicI64::new(now_ms));
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        let mut app = Self::launch(settings, Clock::Fixed(Arc::clone(&clock)), new_database(), directory).await;
        app.now_ms = Some(clock);
        app
    }

    /// Starts again on the same data directory and database.
    pub async fn restart_with(stopped: Stopped, settings: Settings<'_>) -> Self {
        Self::launch(settings, Clock::System, stopped.database, stopped.directory).await
    }

    /// Starts `weir dashboard` on the database of another.
    pub async fn start_dashboard(other: &Self) -> Self {
        Self::start_dashboard_with(other, &[]).await
    }

    pub async fn start_dashboard_with(other: &Self, settings: Settings<'_>) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        Self::launch_parts(settings, Clock::System, other.database.clone(), directory, false).await
    }

    /// The same, with the clock standing at a moment.
    pub async fn start_dashboard_at(other: &Self, now_ms: i64) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        let clock = Arc::new(AtomicI64::new(now_ms));
        let fixed = Clock::Fixed(Arc::clone(&clock));
        let mut app = Self::launch_parts(&[], fixed, other.database.clone(), directory, false).await;
        app.now_ms = Some(clock);
        app
    }

    async fn launch(settings: Settings<'_>, clock: Clock, database: String, directory: Arc<TempDir>) -> Self {
        Self::launch_parts(settings, clock, database, directory, true).await
    }

    async fn launch_parts(
        settings: Settings<'_>,
        clock: Clock,
        database: String,
        directory: Arc<TempDir>,
        takes_events: bool,
    ) -> Self {
        let config = config(settings, &database, directory.path());
        let ingest = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let dashboard = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("bound"));
        let (ingest_url, dashboard_url) = (url(&ingest), url(&dashboard));
        let listeners = Listeners { ingest: takes_events.then_some(ingest), dashboard: Some(dashboard) };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(app::run(config, listeners, clock, shutdown.clone()));
        let http = reqwest::Client::new();
        Self { http, ingest_url, dashboard_url, now_ms: None, database, directory, shutdown, running }
    }

    /// Ends in order, as on SIGTERM.
    pub async fn stop(self) -> Stopped {
        self.shutdown.cancel();
        self.running.await.expect("no panic").expect("an orderly end");
        Stopped { database: self.database, directory: self.directory }
    }

    /// Posts a JSON body to `/events`.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.http.post(format!("{}/events", self.ingest_url)).header("Content-Type", "application/json");
        Reply::of(request.body(body).send().await.expect("a reply")).await
    }

    /// Posts a JSON body with an `Idempotency-Key`.
    pub async fn post_keyed(&self, key: &str, body: &str) -> Reply {
        let request = self.http.post(format!("{}/events", self.ingest_url)).header("Content-Type", "application/json");
        let request = request.header("Idempotency-Key", key).body(body.to_owned());
        Reply::of(request.send().await.expect("a reply")).await
    }

    /// Posts events that must all be accepted.
    pub async fn accept(&self, events: &Value) {
        let reply = self.post(events.to_string()).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        assert_eq!(reply.json["rejected"], serde_json::json!([]));
    }

    pub async fn get(&self, url: &str) -> Reply {
        Reply::of(self.http.get(url).send().await.expect("a reply")).await
    }

    /// Asks for everything of a user to be erased.
    pub async fn erase(&self, user_id: &str) -> Reply {
        let url = user_url(&self.dashboard_url, user_id);
        Reply::of(self.http.delete(url).send().await.expect("a reply")).await
    }

    /// The receipt of an erasure, once it is done.
    pub async fn erased(&self, receipt: &Value) -> Value {
        let url = format!("{}/api/erasures/{}", self.dashboard_url, receipt["id"].as_str().expect("an id"));
        let started = Instant::now();
        loop {
            let reply = self.get(&url).await;
            if reply.json["status"] == "done" {
                return reply.json;
            }
            assert!(started.elapsed() < 2 * PATIENCE, "the erasure is not done: {reply:?}");
            for statement in DELETE_PARTS_NOW {
                self.select(statement).await;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn health(&self) -> Reply {
        self.get(&format!("{}/health", self.ingest_url)).await
    }

    /// A metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get(&format!("{}/metrics", self.ingest_url)).await.text;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{text}"))
    }

    /// The answer of a query, which must be a success.
    pub async fn query(&self, name: &str, range: &str) -> Value {
        self.answer(&format!("{name}?range={range}")).await
    }

    /// The answer of a query with the parameters of its URL, which must be a success.
    pub async fn answer(&self, question: &str) -> Value {
        let reply = self.get(&format!("{}/api/queries/{question}", self.dashboard_url)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json
    }

    /// The answer of a query that was computed at a moment, in milliseconds since the epoch, or later.
    pub async fn answer_since(&self, question: &str, since_ms: i64) -> Value {
        let url = format!("{}/api/queries/{question}", self.dashboard_url);
        let started = Instant::now();
        loop {
            let request = self.http.get(&url).header("Cache-Control", "no-cache");
            let reply = Reply::of(request.send().await.expect("a reply")).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            if moment_ms(&reply.json["computed_at"]) >= since_ms {
                return reply.json;
            }
            assert!(started.elapsed() < PATIENCE, "{question} is not computed again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until ClickHouse holds `count` events.
    pub async fn stored(&self, count: u64) {
        eventually(&format!("{count} stored events"), || async {
            self.select("SELECT count() FROM events").await == Some(count.to_string())
        })
        .await;
    }

    /// Waits until all tables are there.
    pub async fn schema(&self) {
        eventually("the tables", || async {
            self.select("SELECT 1 FROM events, rejected_events, weir_definitions").await.is_some()
        })
        .await;
    }

    /// The program's own way to ask ClickHouse, as with a server where one user reads and writes.
    pub fn store(&self) -> Store {
        let Endpoint { url, writer, .. } = engine_endpoint().clone();
        let endpoint = Endpoint { url, database: self.database.clone(), reader: writer.clone(), writer };
        Store::new(endpoint, 36_500).expect("a store")
    }

    /// Asks ClickHouse directly; `None` while it cannot answer, as before the schema is there.
    pub async fn select(&self, sql: &str) -> Option<String> {
        select(&self.database, sql).await
    }
}

/// Asks ClickHouse directly, in a database; `{database}` stands for its name.
pub async fn select(database: &str, sql: &str) -> Option<String> {
    let endpoint = engine_endpoint();
    let request = reqwest::Client::new()
        .post(format!("{}/?database={database}", endpoint.url))
        .header("X-ClickHouse-User", &endpoint.writer.user)
        .header("X-ClickHouse-Key", endpoint.writer.password.expose());
    let reply = request.body(sql.replace("{database}", database)).send().await.ok()?;
    if !reply.status().is_success() {
        return None;
    }
    Some(reply.text().await.ok()?.trim_end().to_owned())
}

/// How to reach the engine of all tests.
pub fn engine_endpoint() -> &'static Endpoint {
    ENGINE.engine.endpoint()
}

/// What stays of a program that has ended.
pub struct Stopped {
    pub database: String,
    pub directory: Arc<TempDir>,
}

/// A reply, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// `Null` if the body is no JSON.
    pub json: Value,
}

impl Reply {
    pub async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }
}

/// An idle ClickHouse deletes the parts that it has replaced only twice a minute; with a partition, though there is none of this
/// name, it deletes them at once.
pub const DELETE_PARTS_NOW: [&str; 2] =
    ["ALTER TABLE events DROP PARTITION ID '197001'", "ALTER TABLE rejected_events DROP PARTITION ID 'none'"];

/// Where a user is erased, below a base URL.
pub fn user_url(base: &str, user_id: &str) -> String {
    let escaped: String = user_id.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("{base}/api/users/{escaped}")
}

/// Milliseconds since the epoch of an RFC 3339 text.
pub fn moment_ms(text: &Value) -> i64 {
    let moment = text.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    moment.expect("a moment").as_millisecond()
}

/// The name of a database that no other test uses.
pub fn new_database() -> String {
    format!("weir_{}", DATABASES.fetch_add(1, Ordering::Relaxed))
}

fn config(settings: Settings<'_>, database: &str, directory: &Path) -> Config {
    let endpoint = ENGINE.engine.endpoint();
    let mut variables: HashMap<String, String> = HashMap::from([
        ("WEIR_DATA_DIR".to_owned(), directory.display().to_string()),
        ("WEIR_FLUSH_INTERVAL_MS".to_owned(), "50".to_owned()),
        ("CLICKHOUSE_URL".to_owned(), endpoint.url.clone()),
        ("CLICKHOUSE_USER".to_owned(), endpoint.writer.user.clone()),
        ("CLICKHOUSE_PASSWORD".to_owned(), endpoint.writer.password.expose().to_owned()),
        ("CLICKHOUSE_DATABASE".to_owned(), database.to_owned()),
    ]);
    variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_variables(&variables).expect("valid settings")
}

/// Waits until a condition holds; panics with its name if it never does.
pub async fn eventually<F: Future<Output = bool>>(condition: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {condition}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An event that is valid; fields of `changes` replace its own.
pub fn event(changes: Value) -> Value {
    let mut event = serde_json::json!({
        "event_name": "page_view",
        "session_id": "s-1",
        "device_type": "desktop",
        "country_code": "DE",
    });
    if let (Value::Object(event), Value::Object(changes)) = (&mut event, changes) {
        event.extend(changes);
    }
    event
}
