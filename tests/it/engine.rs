//! The promises of the embedded engine, on the real engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use weir::{
    engine::{Engine, EngineConfig, EngineError, START_TIMEOUT},
    store::Login,
};

use crate::app::eventually;

const DATABASE: &str = "weir";

/// An engine in a directory of its own, on a free port.
struct TestEngine {
    engine: Engine,
    data_dir: PathBuf,
    client: Client,
    tasks: TaskTracker,
}

impl TestEngine {
    async fn start(root: &TempDir) -> Self {
        Self::try_start(config(root, 0)).await.expect("the engine starts")
    }

    async fn try_start(config: EngineConfig) -> Result<Self, EngineError> {
        let tasks = TaskTracker::new();
        let data_dir = config.data_dir.clone();
        let engine = Engine::start(config, &tasks).await?;
        let client = Client::builder().no_proxy().build().expect("a client");
        Ok(Self { engine, data_dir, client, tasks })
    }

    async fn send(&self, login: &Login, settings: &str, query: &str) -> reqwest::Result<(StatusCode, String)> {
        let response = self
            .client
            .post(format!("{}/?{settings}", self.engine.endpoint().url))
            .header("X-ClickHouse-User", &login.user)
            .header("X-ClickHouse-Key", login.password.expose())
            .body(query.to_owned())
            .send()
            .await?;
        let status = response.status();
        Ok((status, response.text().await?.trim_end().to_owned()))
    }

    /// Runs a query as the writer, which must succeed.
    async fn write(&self, query: &str) -> String {
        let (status, answer) = self.send(&self.engine.endpoint().writer, "", query).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{query}: {answer}");
        answer
    }

    /// Runs a query as the reader.
    async fn read(&self, settings: &str, query: &str) -> (StatusCode, String) {
        self.send(&self.engine.endpoint().reader, settings, query).await.expect("an answer")
    }

    async fn stop(self) {
        self.engine.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The engine's process, as the lock of its store tells.
    fn process(&self) -> Pid {
        engine_process(&self.data_dir).expect("a running engine")
    }
}

fn config(root: &TempDir, port: u16) -> EngineConfig {
    EngineConfig {
        data_dir: root.path().join("engine"),
        port,
        database: DATABASE.to_owned(),
        library: None,
        program: env!("CARGO_BIN_EXE_weir").into(),
        start_timeout: START_TIMEOUT,
    }
}

/// Reads the number of the process from the first line of the engine's own status file.
pub fn engine_process(data_dir: &Path) -> Option<Pid> {
    let status = fs::read_to_string(data_dir.join("store/status")).ok()?;
    let number = status.lines().find_map(|line| line.strip_prefix("PID: "))?;
    Pid::from_raw(number.trim().parse().ok()?)
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

async fn gone(process: Pid) {
    eventually("the engine process ends", || async { test_kill_process(process).is_err() }).await;
}

#[tokio::test]
async fn data_survives_a_stop_and_a_start() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    engine.write("CREATE DATABASE weir").await;
    engine.write("CREATE TABLE weir.numbers (x UInt64) ENGINE = MergeTree ORDER BY x").await;
    engine.write("INSERT INTO weir.numbers SELECT number FROM numbers(1000)").await;
    engine.stop().await;

    let engine = TestEngine::start(&root).await;
    assert_eq!(engine.write("SELECT count() FROM weir.numbers").await, "1000");
    assert_eq!(engine.engine.restarts(), 0);
    engine.stop().await;
}

#[tokio::test]
async fn a_stopped_engine_is_gone_within_ten_seconds() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    let process = engine.process();
    let began = Instant::now();
    engine.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert!(test_kill_process(process).is_err(), "the process is still there");
}

#[tokio::test]
async fn a_killed_engine_answers_again_with_the_same_login_and_data() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    engine.write("CREATE DATABASE weir").await;
    engine.write("CREATE TABLE weir.t (x UInt8) ENGINE = MergeTree ORDER BY x").await;
    engine.write("INSERT INTO weir.t VALUES (7)").await;
    let process = engine.process();
    kill_process(process, Signal::KILL).expect("a process to kill");

    eventually("the engine is replaced", || async { engine.engine.restarts() == 1 }).await;
    assert!(engine.engine.is_up());
    assert_ne!(engine.process(), process);
    assert_eq!(engine.write("SELECT x FROM weir.t").await, "7");
    engine.stop().await;
}

#[tokio::test]
async fn an_engine_whose_listener_was_closed_is_replaced() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    // The answer may get lost with the listener.
    let _ = engine.send(&engine.engine.endpoint().writer, "", "SYSTEM STOP LISTEN HTTP").await;
    eventually("the engine is replaced", || async { engine.engine.restarts() == 1 }).await;
    assert_eq!(engine.write("SELECT 1").await, "1");
    engine.stop().await;
}

#[tokio::test]
async fn the_engine_ends_with_a_killed_parent_and_the_next_one_takes_over() {
    let root = directory();
    let data_dir = root.path().join("engine");
    let mut parent = Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("serve")
        .env("WEIR_DATA_DIR", root.path())
        .env("WEIR_INGEST_ADDR", "127.0.0.1:0")
        .env("WEIR_DASHBOARD_ADDR", "127.0.0.1:0")
        .env("WEIR_ENGINE_PORT", "0")
        .spawn()
        .expect("a parent process");
    eventually("the engine runs", || async { engine_process(&data_dir).is_some() }).await;
    let orphan = engine_process(&data_dir).expect("a running engine");
    parent.kill().expect("a process to kill");
    parent.wait().expect("the killed parent");

    // At once, while the orphan may still be at work in the directory: the new engine waits for it.
    let engine = TestEngine::start(&root).await;
    gone(orphan).await;
    assert_eq!(engine.write("SELECT 1").await, "1");
    engine.stop().await;
}

#[tokio::test]
async fn a_second_engine_cannot_enter_the_data_directory() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    let error = TestEngine::try_start(config(&root, 0)).await.err().expect("the directory is in use");
    assert!(matches!(error, EngineError::DataDirInUse { .. }), "{error}");
    assert_eq!(engine.write("SELECT 1").await, "1");
    engine.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_variable_that_changes_it() {
    let root = directory();
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = other.local_addr().expect("an address").port();
    let error = TestEngine::try_start(config(&root, port)).await.err().expect("the port is taken");
    let message = error.to_string();
    assert!(message.contains(&port.to_string()) && message.contains("WEIR_ENGINE_PORT"), "{message}");
}

#[tokio::test]
async fn a_library_that_is_none_is_reported_with_what_the_process_said() {
    let root = directory();
    let library = root.path().join("libchdb.so");
    fs::write(&library, "not a library").expect("a file");
    let config = EngineConfig { library: Some(library), ..config(&root, 0) };
    let error = TestEngine::try_start(config).await.err().expect("it cannot be loaded");
    assert!(error.to_string().contains("cannot load the engine library"), "{error}");
}

#[tokio::test]
async fn nobody_gets_in_without_a_generated_password() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    let post = |settings: &str| {
        engine.client.post(format!("{}/?{settings}", engine.engine.endpoint().url)).body("SYSTEM STOP LISTEN HTTP")
    };
    let with_user = |user: &str, settings: &str| post(settings).header("X-ClickHouse-User", user);
    for attempt in [
        post(""),
        post("user=default"),
        post("").basic_auth("default", Some("")),
        with_user("default", ""),
        with_user("weir", ""),
        with_user("weir", "user=default"),
        with_user("weir", "").basic_auth("default", Some("")),
        with_user("weir", "").header("X-ClickHouse-User", "default"),
        with_user("default", "").header("X-ClickHouse-User", "weir"),
        with_user("weir", "").header("X-ClickHouse-SSL-Certificate-Auth", "on"),
        with_user("weirdefault", ""),
    ] {
        let response = attempt.send().await.expect("an answer");
        let status = response.status();
        assert!(matches!(status.as_u16(), 403 | 404), "{status}: {}", response.text().await.unwrap_or_default());
    }
    assert_eq!(engine.write("SELECT 1").await, "1");
    assert_eq!(engine.engine.restarts(), 0);
    engine.stop().await;
}

#[tokio::test]
async fn the_reader_reads_its_database_and_nothing_else() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    engine.write("CREATE DATABASE weir").await;
    engine.write("CREATE TABLE weir.t (x UInt64) ENGINE = MergeTree ORDER BY x").await;
    engine.write("INSERT INTO weir.t VALUES (7)").await;
    engine.write("CREATE TABLE default.other (x UInt8) ENGINE = MergeTree ORDER BY x").await;

    let settings =
        "param_x=7&date_time_output_format=iso&output_format_json_quote_64bit_integers=0&max_execution_time=5";
    let (status, answer) =
        engine.read(settings, "SELECT x FROM weir.t WHERE x = {x:UInt64} FORMAT JSONCompactEachRow").await;
    assert_eq!((status, answer.as_str()), (StatusCode::OK, "[7]"));

    for forbidden in [
        "INSERT INTO weir.t VALUES (1)",
        "CREATE TABLE weir.u (x UInt8) ENGINE = Memory",
        "DROP TABLE weir.t",
        "SELECT * FROM default.other",
        "SELECT * FROM system.users",
        "SELECT * FROM system.processes",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
        "SELECT * FROM executable('x', CSV, 'x UInt8')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/key', NOSIGN, 'LineAsString')",
        "SYSTEM STOP LISTEN HTTP",
    ] {
        let (status, answer) = engine.read("", forbidden).await;
        assert!(!status.is_success() && answer.contains("ACCESS_DENIED"), "{forbidden}: {status} {answer}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn the_reader_cannot_loosen_its_limits() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    for setting in [
        "max_execution_time=0",
        "max_execution_time=11",
        "max_memory_usage=0",
        "max_memory_usage=4294967296",
        "max_result_rows=0",
        "max_result_bytes=0",
        "max_rows_to_read=0",
        "max_rows_to_read=20000000001",
        "max_concurrent_queries_for_user=0",
        "readonly=0",
    ] {
        let (status, answer) = engine.read(setting, "SELECT 1").await;
        assert!(!status.is_success(), "{setting}: {answer}");
    }
    // Without this parameter an error may come after the first rows, as a broken body instead of a status.
    let (status, answer) = engine.read("wait_end_of_query=1", "SELECT number FROM numbers(100001)").await;
    assert!(!status.is_success() && answer.contains("TOO_MANY_ROWS_OR_BYTES"), "{status} {answer}");
    engine.stop().await;
}

#[tokio::test]
async fn failed_queries_leave_nothing_of_their_text_in_the_log() {
    let root = directory();
    let engine = TestEngine::start(&root).await;
    let (status, _) = engine.read("", "SELECT 'somebody@example.org' FROM weir.missing").await;
    assert!(!status.is_success());
    let data_dir = engine.data_dir.clone();
    engine.stop().await;
    for file in ["engine.log", "engine.out"] {
        let logged = fs::read_to_string(data_dir.join(file)).expect("a log");
        assert!(!logged.contains("somebody"), "{file}: {logged}");
    }
}
