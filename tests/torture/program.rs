//! `weir serve` as a process, always at the same ports.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::header::RETRY_AFTER;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longest wait for a condition.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait for a reply: beyond it, a request counts as unanswered.
const REPLY_MAX: Duration = Duration::from_secs(20);

/// How to start it, and how to speak to it.
pub struct Program {
    directory: TempDir,
    ports: [u16; 3],
    settings: Vec<(&'static str, String)>,
    http: reqwest::Client,
}

/// The process. It ends with this value, also when a scenario panics.
pub struct Running(Child);

/// A reply to `POST /events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    Accepted,
    /// 503 with `Retry-After`.
    Refused,
    /// Anything else, by its status.
    Other(u16),
}

impl Program {
    /// `settings`: beside the directory and the ports, by the names of `.env.example`.
    pub fn new(settings: &[(&'static str, &str)]) -> Self {
        let held: [TcpListener; 3] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            ports: held.map(|listener| listener.local_addr().expect("bound").port()),
            settings: settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            http: reqwest::Client::builder().timeout(REPLY_MAX).build().expect("a client"),
        }
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.push((name, value.to_owned()));
    }

    pub fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Where it takes events.
    pub fn ingest_addr(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    pub fn start(&self) -> Running {
        let [ingest, dashboard, engine] = self.ports;
        let child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("serve")
            .env("WEIR_DATA_DIR", self.data_dir())
            .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"))
            .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"))
            .env("WEIR_ENGINE_PORT", engine.to_string())
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stderr(Stdio::null())
            .spawn()
            .expect("weir starts");
        Running(child)
    }

    async fn health(&self) -> Option<serde_json::Value> {
        let reply = self.http.get(format!("http://{}/health", self.ingest_addr())).send().await.ok()?;
        serde_json::from_str(&reply.text().await.ok()?).ok()
    }

    pub async fn is_up(&self) -> bool {
        self.health().await.is_some()
    }

    pub async fn is_drained(&self) -> bool {
        self.health().await.is_some_and(|health| health["buffered_events"] == 0)
    }

    /// Age of the oldest event that ClickHouse does not have; `None` without an answer.
    pub async fn oldest_unflushed(&self) -> Option<Duration> {
        let health = self.health().await?;
        Some(Duration::from_millis(health["oldest_unflushed_ms"].as_u64().unwrap_or_default()))
    }

    /// A metric without labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let reply = self.http.get(format!("http://{}/metrics", self.ingest_addr())).send().await.expect("a reply");
        let text = reply.text().await.expect("a body");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{text}"))
    }

    /// As the dashboard shows it.
    pub async fn newest_event_at(&self) -> Option<jiff::Timestamp> {
        let url = format!("http://127.0.0.1:{}/api/queries/error_rate?range=1h", self.ports[1]);
        let reply = self.http.get(url).send().await.ok()?.text().await.ok()?;
        let answer: serde_json::Value = serde_json::from_str(&reply).ok()?;
        answer["newest_event_at"].as_str()?.parse().ok()
    }

    /// Posts a request; `None` without a reply.
    pub async fn post(&self, body: String) -> Option<Reply> {
        let request = self.http.post(format!("http://{}/events", self.ingest_addr()));
        let reply = request.header("Content-Type", "application/json").body(body).send().await.ok()?;
        let (status, retry_after) = (reply.status().as_u16(), reply.headers().contains_key(RETRY_AFTER));
        // Only after its end can the connection be used again.
        reply.bytes().await.ok()?;
        Some(match (status, retry_after) {
            (202, _) => Reply::Accepted,
            (503, true) => Reply::Refused,
            _ => Reply::Other(status),
        })
    }

    pub fn engine_process(&self) -> Option<Pid> {
        let status = std::fs::read_to_string(self.data_dir().join("engine/store/status")).ok()?;
        let number = status.lines().find_map(|line| line.strip_prefix("PID: "))?;
        Pid::from_raw(number.trim().parse().ok()?)
    }
}

impl Running {
    pub fn kill(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }

    /// Ends it in order, by SIGTERM.
    pub async fn terminate(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).expect("it can be signalled");
        let mut ended = None;
        eventually("the end of weir", || {
            ended = self.0.try_wait().expect("it can be waited for");
            std::future::ready(ended.is_some())
        })
        .await;
        assert!(ended.is_some_and(|status| status.success()), "weir ended with {ended:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An ended process is no error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn eventually<F: Future<Output = bool>>(condition: &str, holds: impl FnMut() -> F) {
    eventually_within(PATIENCE, condition, holds).await;
}

/// Waits until a condition holds; panics with its name if it does not in time.
pub async fn eventually_within<F: Future<Output = bool>>(
    patience: Duration,
    condition: &str,
    mut holds: impl FnMut() -> F,
) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < patience, "waited in vain for {condition}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
