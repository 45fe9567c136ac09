//! The embedded engine of a benchmark, in a directory of its own that is deleted with it.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use weir::{
    engine::{Engine, EngineConfig, START_TIMEOUT},
    store::Endpoint,
};

/// Longest wait for a program to listen, and for ClickHouse to have all events.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const POLL: Duration = Duration::from_millis(10);

pub struct BenchEngine {
    engine: Engine,
    tasks: TaskTracker,
    pub http: reqwest::Client,
    /// Where the engine keeps its files.
    pub directory: TempDir,
}

impl BenchEngine {
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
        Self { engine, tasks, http: reqwest::Client::new(), directory }
    }

    pub async fn stop(self) {
        self.engine.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
        drop(self.directory);
    }

    pub fn endpoint(&self) -> &Endpoint {
        self.engine.endpoint()
    }

    pub async fn execute(&self, database: &str, statement: &str) {
        self.select(database, statement).await.expect("the statement is right");
    }

    /// What ClickHouse answers, as text.
    pub async fn select(&self, database: &str, sql: &str) -> Result<String, String> {
        answer(self.request(&[("database", database)]).body(sql.to_owned())).await
    }

    /// A request of the writer, with settings and parameters in its URL.
    pub fn request(&self, url_parameters: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let endpoint = self.endpoint();
        self.http
            .post(format!("{}/", endpoint.url))
            .query(url_parameters)
            .header("X-ClickHouse-User", &endpoint.writer.user)
            .header("X-ClickHouse-Key", endpoint.writer.password.expose())
    }
}

/// Sends a request to ClickHouse; an exception is an error.
pub async fn answer(request: reqwest::RequestBuilder) -> Result<String, String> {
    let reply = request.send().await.map_err(|error| error.to_string())?;
    let is_success = reply.status().is_success();
    let text = reply.text().await.map_err(|error| error.to_string())?;
    if is_success { Ok(text) } else { Err(text) }
}

pub async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain");
        tokio::time::sleep(POLL).await;
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Processor time of a process, in user and system mode, in microseconds: `proc(5)`, stat.
pub fn cpu_us(process: u32) -> u64 {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).expect("it runs");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
}
