//! The programs under measurement and the engine behind them.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::engine::{self, BenchEngine, PATIENCE, POLL, free_port, until};

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
    engine: BenchEngine,
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
        Self { engine: BenchEngine::start().await, databases: AtomicU32::new(0), data_dirs: Mutex::default() }
    }

    pub async fn stop(self) {
        self.engine.stop().await;
    }

    fn data_dir(&self) -> PathBuf {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let path = directory.path().to_owned();
        self.data_dirs.lock().expect("no panic").push(directory);
        path
    }

    /// Ends what the runs before have left to the engine and to the disk: the next one would pay for it.
    async fn settle(&self) {
        for run in 0..self.databases.load(Ordering::Relaxed) {
            self.engine.execute("", &format!("SYSTEM STOP MERGES run_{run}.events")).await;
        }
        tokio::task::spawn_blocking(rustix::fs::sync).await.expect("no panic");
    }

    /// Starts a program on an empty database.
    pub async fn run(&self, kind: Kind) -> Subject {
        self.settle().await;
        let database = format!("run_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.engine.execute("", &format!("CREATE DATABASE {database}")).await;
        let port = free_port();
        let mut command = match kind {
            Kind::Weir => weir(port),
            Kind::Peer => {
                self.engine.execute(&database, BARE_TABLE).await;
                let mut node = Command::new("node");
                node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/ingest_vs_peer/node_pipeline/server.js"));
                node.env("PORT", port.to_string());
                node
            }
        };
        let endpoint = self.engine.endpoint();
        let child = command
            .env("WEIR_DATA_DIR", self.data_dir())
            .env("CLICKHOUSE_URL", &endpoint.url)
            .env("CLICKHOUSE_USER", &endpoint.writer.user)
            .env("CLICKHOUSE_PASSWORD", endpoint.writer.password.expose())
            .env("CLICKHOUSE_DATABASE", &database)
            .spawn()
            .expect("node and weir can be started");
        let subject = Subject { port, child, database };
        subject.until_up(&self.engine.http).await;
        // A table that is being created would count as slow.
        until(|| async { self.count(&subject).await.is_some() }).await;
        subject
    }

    /// Waits until ClickHouse has exactly the accepted events.
    pub async fn until_stored(&self, subject: &Subject, accepted: u64) {
        until(|| async { self.count(subject).await.is_some_and(|count| count >= accepted) }).await;
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
        self.engine.select(&subject.database, "SELECT count() FROM events").await.ok()?.trim().parse().ok()
    }
}

fn weir(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.arg("ingest").env("WEIR_INGEST_ADDR", format!("127.0.0.1:{port}")).env("WEIR_LOG", "warn");
    command
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
        subject.until_up(&bench.engine.http).await;
        subject
    }

    async fn until_up(&self, http: &reqwest::Client) {
        let started = Instant::now();
        while http.get(format!("http://127.0.0.1:{}/health", self.port)).send().await.is_err() {
            assert!(started.elapsed() < PATIENCE, "the program does not listen");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Processor time of the program itself, in microseconds.
    pub fn cpu_us(&self) -> u64 {
        engine::cpu_us(self.child.id())
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
