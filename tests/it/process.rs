//! The program as a process, with its embedded engine: killed, restarted, signalled.

use std::{
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    app::{PATIENCE, Reply, event, eventually},
    engine::engine_process,
};

/// `weir serve` on a data directory, with an engine of its own.
pub struct Weir {
    child: Child,
    ingest: u16,
    dashboard: u16,
    engine: u16,
    http: reqwest::Client,
}

impl Weir {
    pub fn start(data_dir: &Path) -> Self {
        Self::start_on(data_dir, free_ports())
    }

    /// Starts on the ports of an earlier one.
    pub fn start_on(data_dir: &Path, ports: [u16; 3]) -> Self {
        Self::start_command(Command::new(env!("CARGO_BIN_EXE_weir")).arg("serve"), data_dir, ports)
    }

    /// Starts where not more than this many files may be open.
    pub fn start_with_descriptors(data_dir: &Path, open_max: u32) -> Self {
        let script = format!("ulimit -n {open_max}; exec \"$0\" serve");
        let command = ["-c", &script, env!("CARGO_BIN_EXE_weir")];
        Self::start_command(Command::new("sh").args(command), data_dir, free_ports())
    }

    /// Starts with a log in a file that says as much as it can.
    pub fn start_logged(data_dir: &Path, log: File) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.arg("serve").env("WEIR_LOG", "trace").stdout(log.try_clone().expect("a file")).stderr(log);
        Self::start_as(&mut command, data_dir, free_ports())
    }

    fn start_command(command: &mut Command, data_dir: &Path, ports: [u16; 3]) -> Self {
        Self::start_as(command.stderr(Stdio::null()), data_dir, ports)
    }

    fn start_as(command: &mut Command, data_dir: &Path, [ingest, dashboard, engine]: [u16; 3]) -> Self {
        let child = command
            .env("WEIR_DATA_DIR", data_dir)
            .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"))
            .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"))
            .env("WEIR_ENGINE_PORT", engine.to_string())
            .spawn()
            .expect("weir starts");
        Self { child, ingest, dashboard, engine, http: reqwest::Client::new() }
    }

    pub fn ports(&self) -> [u16; 3] {
        [self.ingest, self.dashboard, self.engine]
    }

    pub async fn get(&self, port: u16, path: &str) -> Option<Reply> {
        let sent = self.http.get(format!("http://127.0.0.1:{port}{path}")).send().await.ok()?;
        Some(Reply::of(sent).await)
    }

    pub async fn is_up(&self) -> bool {
        self.get(self.ingest, "/health").await.is_some_and(|reply| reply.status == 200)
    }

    pub async fn post(&self, events: &Value) -> Reply {
        let request = self.http.post(format!("http://127.0.0.1:{}/events", self.ingest)).json(events);
        Reply::of(request.send().await.expect("a reply")).await
    }

    async fn accept(&self, events: &Value) {
        let reply = self.post(events).await;
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    /// Events of the last hour, as the dashboard shows them.
    pub async fn shown(&self) -> Option<u64> {
        let answer = self.get(self.dashboard, "/api/queries/error_rate?range=1h").await?;
        answer.json["rows"].as_array()?.iter().map(|row| row["events"].as_u64()).sum()
    }

    /// Asks its engine as the writer; empty while it does not answer.
    pub async fn select(&self, data_dir: &Path, statement: &str) -> String {
        let users = std::fs::read_to_string(data_dir.join("engine/users.xml")).expect("the engine's users");
        let password = users.split_once("<weir>").and_then(|(_, rest)| rest.split_once("<password>"));
        let password = password.and_then(|(_, rest)| rest.split_once("</password>")).expect("a password").0;
        let request = self.http.post(format!("http://127.0.0.1:{}/?database=weir", self.engine));
        let request = request.header("X-ClickHouse-User", "weir").header("X-ClickHouse-Key", password);
        match request.body(statement.to_owned()).send().await {
            Ok(reply) => reply.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Sends SIGTERM.
    pub fn signal(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it can be signalled");
    }

    pub async fn terminate(mut self) -> ExitStatus {
        self.signal();
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "weir does not end");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        // Also when a test fails; an ended process is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports that were free a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("bound").port())
}

fn events(count: usize) -> Value {
    (0..count).map(|_| event(json!({}))).collect()
}

#[tokio::test]
async fn accepted_events_survive_a_kill() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut accepted = 0;
    for round in 1..=3_usize {
        let weir = Weir::start(directory.path());
        eventually("weir", || weir.is_up()).await;
        weir.accept(&events(round)).await;
        accepted += round as u64;
        // Before the flush interval is over: the events are in the journal alone.
        weir.kill();
    }
    let weir = Weir::start(directory.path());
    eventually("all events", || async { weir.shown().await == Some(accepted) }).await;
    assert!(weir.terminate().await.success());
}

#[tokio::test]
async fn an_engine_that_dies_is_replaced_and_nothing_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start(directory.path());
    eventually("weir", || weir.is_up()).await;
    weir.accept(&events(3)).await;
    eventually("the first events", || async { weir.shown().await == Some(3) }).await;
    let engine = engine_process(&directory.path().join("engine")).expect("a running engine");
    kill_process(engine, Signal::KILL).expect("it can be killed");
    weir.accept(&events(4)).await;
    eventually("all events", || async { weir.shown().await == Some(7) }).await;
}

#[tokio::test]
async fn a_second_weir_on_the_same_data_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Weir::start(directory.path());
    eventually("weir", || weir.is_up()).await;
    let [ingest, dashboard, engine] = free_ports::<3>().map(|port| port.to_string());
    let second = Command::new(env!("CARGO_BIN_EXE_weir"))
        .arg("serve")
        .env("WEIR_DATA_DIR", directory.path())
        .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"))
        .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"))
        .env("WEIR_ENGINE_PORT", engine)
        .output()
        .expect("weir runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another weir is at work"), "{said}");
}
