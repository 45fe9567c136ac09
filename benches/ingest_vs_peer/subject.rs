//! The programs under measurement and the engine behind them.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use weir::{
    engine::{Engine, EngineConfig, START_TIMEOUT},
    store::Access,
};

/// Longest wait for a program to listen, and for ClickHouse to have all events.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);
/// Time between two counts beside a load. A count takes 3 ms of a core: more often, the measurement would be the load.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// The peer's table: no rollups.
const BARE_TABLE: &str = "CREATE TABLE events (event_name LowCardinality(String), timestamp DateTime64(3), \
    session_id String, user_id Nullable(String), device_type LowCardinality(String), \
    country_code LowCardinality(FixedString(2)), properties String, date Date DEFAULT toDate(timestamp)) \
    ENGINE = MergeTree() PARTITION BY toYYYYMM(date) ORDER BY (event_name, timestamp) TTL date + INTERVAL 90 DAY";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Weir,
    Peer,
}

/// The engine that all runs share, each with a database of its own.
pub struct Bench {
    engine: Engine,
    tasks: TaskTracker,
    http: reqwest::Client,
    directory: TempDir,
    databases: AtomicU32,
    /// Deleting gigabytes makes a disk slow for seconds, and the next run would pay for it: all are kept to the end.
    data_dirs: Mutex<Vec<TempDir>>,
}

/// A program that takes events.
pub struct Subject {
    pub port: u16,
    child: Child,
    database: String,
}

impl Bench {
    pub async fn start() -> Self {
        // On a disk, beside the program: the temporary directory may be memory.
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let tasks = TaskTracker::new();
        let config = EngineConfig {
            data_dir: directory.path().join("engine"),
            port: 0,
            database: "weir".to_owned(),
            library: None,
            program: env!("CARGO_BIN_EXE_weir").into(),
            start_timeout: START_TIMEOUT,
        };
        let engine =
            Engine::start(config, &tasks).await.expect("the engine starts; run `npm ci --prefix engine` first");
        Self {
            engine,
            tasks,
            http: reqwest::Client::new(),
            directory,
            databases: AtomicU32::new(0),
            data_dirs: Mutex::default(),
        }
    }

    pub async fn stop(self) {
        self.engine.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
        drop(self.directory);
    }

    fn data_dir(&self) -> PathBuf {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let path = directory.path().to_owned();
        self.data_dirs.lock().expect("no panic").push(directory);
        path
    }

    fn access(&self) -> &Access {
        self.engine.access()
    }

    /// Ends what the runs before have left to the engine and to the disk: the next one would pay for it.
    async fn settle(&self) {
        for run in 0..self.databases.load(Ordering::Relaxed) {
            self.execute("", &format!("SYSTEM STOP MERGES run_{run}.events")).await;
        }
        tokio::task::spawn_blocking(rustix::fs::sync).await.expect("no panic");
    }

    /// Starts a program on an empty database.
    pub async fn run(&self, kind: Kind) -> Subject {
        self.settle().await;
        let database = format!("run_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("", &format!("CREATE DATABASE {database}")).await;
        let port = free_port();
        let mut command = match kind {
            Kind::Weir => weir(port),
            Kind::Peer => {
                self.execute(&database, BARE_TABLE).await;
                let mut node = Command::new("node");
                node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/ingest_vs_peer/node_pipeline/server.js"));
                node.env("PORT", port.to_string());
                node
            }
        };
        let access = self.access();
        let child = command
            .env("WEIR_DATA_DIR", self.data_dir())
            .env("CLICKHOUSE_URL", &access.url)
            .env("CLICKHOUSE_USER", &access.writer.user)
            .env("CLICKHOUSE_PASSWORD", access.writer.password.expose())
            .env("CLICKHOUSE_DATABASE", &database)
            .spawn()
            .expect("node and weir can be started");
        let subject = Subject { port, child, database };
        subject.until_up(&self.http).await;
        // A table that is being created would count as slow.
        self.until(|| async { self.count(&subject).await.is_some() }).await;
        subject
    }

    async fn until<F: Future<Output = bool>>(&self, holds: impl Fn() -> F) {
        let started = Instant::now();
        while !holds().await {
            assert!(started.elapsed() < PATIENCE, "waited in vain");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until ClickHouse has exactly the accepted events.
    pub async fn until_stored(&self, subject: &Subject, accepted: u64) {
        self.until(|| async { self.count(subject).await.is_some_and(|count| count >= accepted) }).await;
        assert_eq!(self.count(subject).await, Some(accepted), "accepted and stored differ");
    }

    /// Counts the stored events again and again, for as long as a load and its last flush take.
    pub async fn watch_count(&self, subject: &Subject, duration: Duration) -> Vec<(Instant, u64)> {
        const LAST_FLUSH: Duration = Duration::from_secs(5);
        let started = Instant::now();
        let mut seen = Vec::new();
        while started.elapsed() < duration + LAST_FLUSH {
            if let Some(count) = self.count(subject).await {
                seen.push((Instant::now(), count));
            }
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        seen
    }

    async fn count(&self, subject: &Subject) -> Option<u64> {
        self.select(&subject.database, "SELECT count() FROM events").await?.trim().parse().ok()
    }

    async fn execute(&self, database: &str, statement: &str) {
        self.select(database, statement).await.expect("the statement is right");
    }

    async fn select(&self, database: &str, sql: &str) -> Option<String> {
        let access = self.access();
        let request = self
            .http
            .post(format!("{}/?database={database}", access.url))
            .header("X-ClickHouse-User", &access.writer.user)
            .header("X-ClickHouse-Key", access.writer.password.expose());
        let reply = request.body(sql.to_owned()).send().await.ok()?.error_for_status().ok()?;
        reply.text().await.ok()
    }
}

fn weir(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("ingest").env("WEIR_INGEST_ADDR", format!("127.0.0.1:{port}")).env("WEIR_LOG", "warn");
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

impl Subject {
    /// Weir with a journal that holds all of a run, and nobody to send it to.
    pub async fn weir_without_store(bench: &Bench) -> Self {
        let port = free_port();
        let child = weir(port)
            .env("WEIR_DATA_DIR", bench.data_dir())
            .env("WEIR_JOURNAL_MAX_BYTES", (64_u64 << 30).to_string())
            .env("CLICKHOUSE_URL", "http://127.0.0.1:9")
            .stderr(Stdio::null())
            .spawn()
            .expect("weir can be started");
        let subject = Self { port, child, database: String::new() };
        subject.until_up(&bench.http).await;
        subject
    }

    async fn until_up(&self, http: &reqwest::Client) {
        let started = Instant::now();
        while http.get(format!("http://127.0.0.1:{}/health", self.port)).send().await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the program does not listen");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Processor time of the program itself, in user and system mode, in microseconds: `proc(5)`, stat.
    pub fn cpu_us(&self) -> u64 {
        let stat =
            fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("stat")).expect("it runs");
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
        ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
    }

    pub fn peak_memory_mb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number");
        kib * 1024.0 / 1e6
    }

    pub async fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        tokio::task::spawn_blocking(move || {
            self.child.wait().expect("it ends");
        })
        .await
        .expect("no panic");
    }
}
