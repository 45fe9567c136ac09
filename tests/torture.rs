//! Kills `weir serve` and its engine with SIGKILL at random moments under load, and then counts.
//!
//! The oracle: every event has a number, which is written down only after the 2xx of its request. In the end, each number
//! that was written down must be in the table once (lost, duplicated), and no other but those whose reply a kill took
//! (unanswered). `cargo test --test torture` kills 3 times, `make torture` 100 times, `-- 500` as often as it says.

use std::{
    collections::HashMap,
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio_util::task::TaskTracker;
use weir::{
    engine::{Engine, EngineConfig, START_TIMEOUT},
    store::Login,
};

const KILLS: u32 = 3;
const SENDERS: usize = 4;
const EVENTS_PER_REQUEST: u64 = 20;
const SEND_INTERVAL: Duration = Duration::from_millis(10);
/// A kill comes at a moment of this time after the program was up.
const LIFE_MAX_MS: u64 = 1_500;
/// Longest wait for a condition.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let kills = match arguments.first().map(|argument| argument.parse()) {
        None => KILLS,
        Some(Ok(kills)) => kills,
        // A filter for the names of tests elsewhere.
        Some(Err(_)) => return ExitCode::SUCCESS,
    };
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let verdict = runtime.block_on(torture(kills));
    println!("{verdict}");
    if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn torture(kills: u32) -> Verdict {
    let directory = tempfile::tempdir().expect("a directory");
    let weir = Program::new(directory.path());
    let ledger = Ledger::default();
    let mut starts = Vec::new();
    let mut engine_back_after = Duration::ZERO;
    let mut child = weir.start();
    let load = async {
        let senders = (0..SENDERS).map(|_| send(&weir, &ledger));
        futures_util::future::join_all(senders).await;
    };
    let killing = async {
        for number in 0..kills {
            let started = Instant::now();
            eventually("weir", || weir.is_up()).await;
            starts.push(started.elapsed());
            let life = Duration::from_millis(rand::random_range(0..LIFE_MAX_MS));
            tokio::time::sleep(life).await;
            if number % 2 == 0 {
                child.kill().expect("it can be killed");
                child.wait().expect("it ends");
                child = weir.start();
            } else if let Some(engine) = weir.engine_process() {
                // It may be about to be replaced after the kill before.
                let _ = kill_process(engine, Signal::KILL);
            }
        }
        // A fault has ended when the engine is back.
        let killed = Instant::now();
        eventually("an answer", || async { weir.newest_event_at().await.is_some() }).await;
        engine_back_after = killed.elapsed();
        ledger.done.store(true, Ordering::Relaxed);
    };
    tokio::join!(load, killing);
    let fresh_seen_after = fresh_event(&weir, &ledger).await;
    eventually("an empty journal", || weir.is_drained()).await;
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it can be signalled");
    child.wait().expect("it ends");
    let mut verdict = judge(directory.path(), &ledger).await;
    verdict.kills = kills;
    verdict.start_max = starts.into_iter().max().unwrap_or_default();
    verdict.engine_back_after = engine_back_after;
    verdict.fresh_seen_after = fresh_seen_after;
    verdict
}

/// `weir serve` on a data directory, always at the same ports.
struct Program<'a> {
    data_dir: &'a Path,
    ports: [u16; 3],
    http: reqwest::Client,
}

impl<'a> Program<'a> {
    fn new(data_dir: &'a Path) -> Self {
        let held: [TcpListener; 3] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let ports = held.map(|listener| listener.local_addr().expect("bound").port());
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
        Self { data_dir, ports, http }
    }

    fn start(&self) -> Child {
        let [ingest, dashboard, engine] = self.ports;
        Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("serve")
            .env("WEIR_DATA_DIR", self.data_dir)
            .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest}"))
            .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard}"))
            .env("WEIR_ENGINE_PORT", engine.to_string())
            .env("WEIR_FLUSH_INTERVAL_MS", "200")
            .stderr(Stdio::null())
            .spawn()
            .expect("weir starts")
    }

    async fn health(&self) -> Option<serde_json::Value> {
        let reply = self.http.get(format!("http://127.0.0.1:{}/health", self.ports[0])).send().await.ok()?;
        serde_json::from_str(&reply.text().await.ok()?).ok()
    }

    async fn is_up(&self) -> bool {
        self.health().await.is_some()
    }

    async fn is_drained(&self) -> bool {
        self.health().await.is_some_and(|health| health["buffered_events"] == 0)
    }

    async fn newest_event_at(&self) -> Option<jiff::Timestamp> {
        let url = format!("http://127.0.0.1:{}/api/queries/error_rate?range=1h", self.ports[1]);
        let reply = self.http.get(url).send().await.ok()?.text().await.ok()?;
        let answer: serde_json::Value = serde_json::from_str(&reply).ok()?;
        answer["newest_event_at"].as_str()?.parse().ok()
    }

    /// Posts events with these numbers; whether they were accepted, or `None` without an answer.
    async fn post(&self, numbers: std::ops::Range<u64>) -> Option<bool> {
        let events: Vec<_> = numbers
            .map(|number| {
                serde_json::json!({
                    "event_name": "page_view", "session_id": format!("s-{number}"), "device_type": "other",
                    "country_code": "ZZ", "properties": { "number": number, "padding": "é".repeat(50) },
                })
            })
            .collect();
        let body = serde_json::Value::from(events).to_string();
        let request = self.http.post(format!("http://127.0.0.1:{}/events", self.ports[0]));
        let reply = request.header("Content-Type", "application/json").body(body).send().await.ok()?;
        Some(reply.status().is_success())
    }

    fn engine_process(&self) -> Option<Pid> {
        let status = std::fs::read_to_string(self.data_dir.join("engine/store/status")).ok()?;
        let number = status.lines().find_map(|line| line.strip_prefix("PID: "))?;
        Pid::from_raw(number.trim().parse().ok()?)
    }
}

/// What became of each number, as its sender knows it.
#[derive(Default)]
struct Ledger {
    next: AtomicU64,
    accepted: Mutex<Vec<u64>>,
    unanswered: Mutex<Vec<u64>>,
    done: AtomicBool,
}

async fn send(weir: &Program<'_>, ledger: &Ledger) {
    let mut interval = tokio::time::interval(SEND_INTERVAL);
    while !ledger.done.load(Ordering::Relaxed) {
        interval.tick().await;
        let first = ledger.next.fetch_add(EVENTS_PER_REQUEST, Ordering::Relaxed);
        let numbers = first..first + EVENTS_PER_REQUEST;
        let list = match weir.post(numbers.clone()).await {
            Some(true) => &ledger.accepted,
            Some(false) => continue,
            None => &ledger.unanswered,
        };
        list.lock().expect("no panic under the lock").extend(numbers);
    }
}

/// How long after its 202 one more event is shown.
async fn fresh_event(weir: &Program<'_>, ledger: &Ledger) -> Duration {
    let number = ledger.next.fetch_add(1, Ordering::Relaxed);
    let before = jiff::Timestamp::now();
    assert_eq!(weir.post(number..number + 1).await, Some(true), "the fresh event is accepted");
    ledger.accepted.lock().expect("no panic under the lock").push(number);
    let accepted_at = Instant::now();
    let before = before - jiff::SignedDuration::from_millis(1);
    eventually("the fresh event", || async { weir.newest_event_at().await.is_some_and(|newest| newest >= before) })
        .await;
    accepted_at.elapsed()
}

async fn eventually<F: Future<Output = bool>>(condition: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "waited in vain for {condition}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[derive(Debug, Default)]
struct Verdict {
    kills: u32,
    accepted: usize,
    unanswered: usize,
    stored: u64,
    lost: usize,
    duplicated: usize,
    unknown: usize,
    changed: u64,
    in_rollup: u64,
    start_max: Duration,
    engine_back_after: Duration,
    fresh_seen_after: Duration,
}

impl Verdict {
    fn is_good(&self) -> bool {
        let exact =
            self.lost + self.duplicated + self.unknown == 0 && self.changed == 0 && self.in_rollup == self.stored;
        exact && self.start_max <= Duration::from_secs(5) && self.fresh_seen_after <= Duration::from_secs(5)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "kills (weir and its engine in turn)  {:>9}", self.kills)?;
        writeln!(f, "events accepted                      {:>9}", self.accepted)?;
        writeln!(f, "events without a reply (kills)       {:>9}", self.unanswered)?;
        writeln!(f, "events stored                        {:>9}", self.stored)?;
        writeln!(f, "  counted by the rollup              {:>9}", self.in_rollup)?;
        writeln!(f, "lost                                 {:>9}", self.lost)?;
        writeln!(f, "duplicated                           {:>9}", self.duplicated)?;
        writeln!(f, "unknown                              {:>9}", self.unknown)?;
        writeln!(f, "with changed properties              {:>9}", self.changed)?;
        writeln!(f, "longest start                        {:>7.2} s", self.start_max.as_secs_f64())?;
        writeln!(f, "queries answered after the last kill {:>7.2} s", self.engine_back_after.as_secs_f64())?;
        write!(f, "fresh event shown after              {:>7.2} s", self.fresh_seen_after.as_secs_f64())
    }
}

/// Compares the table with the ledger, on an engine started for that.
async fn judge(data_dir: &Path, ledger: &Ledger) -> Verdict {
    let config = EngineConfig {
        data_dir: data_dir.join("engine"),
        port: 0,
        database: "weir".to_owned(),
        library: None,
        program: env!("CARGO_BIN_EXE_weir").into(),
        start_timeout: START_TIMEOUT,
    };
    let engine = Engine::start(config, &TaskTracker::new()).await.expect("the engine starts");
    let stored: HashMap<u64, u64> =
        ask(&engine, "SELECT substring(session_id, 3), count() FROM weir.events GROUP BY session_id")
            .await
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(number, count)| (number.parse().expect("a number"), count.parse().expect("a count")))
            .collect();
    let changed = "SELECT count() FROM weir.events WHERE properties != format('{{\"number\":{},\"padding\":\"{}\"}}', substring(session_id, 3), repeat('é', 50))";
    let changed = ask(&engine, changed).await.parse().expect("a count");
    ask(&engine, "OPTIMIZE TABLE weir.events FINAL").await;
    let by_rollup = "SELECT sum(events) FROM (SELECT toStartOfMinute(timestamp, 'UTC') AS minute, count() AS events FROM weir.events GROUP BY minute) SETTINGS force_optimize_projection = 1";
    let in_rollup = ask(&engine, by_rollup).await.parse().expect("a count");
    engine.stop().await;
    let accepted = ledger.accepted.lock().expect("no panic under the lock").clone();
    let unanswered = ledger.unanswered.lock().expect("no panic under the lock").clone();
    let sent: std::collections::HashSet<u64> = accepted.iter().chain(&unanswered).copied().collect();
    Verdict {
        accepted: accepted.len(),
        unanswered: unanswered.len(),
        stored: stored.values().sum(),
        lost: accepted.iter().filter(|number| !stored.contains_key(number)).count(),
        duplicated: stored.values().filter(|count| **count > 1).count(),
        unknown: stored.keys().filter(|number| !sent.contains(number)).count(),
        changed,
        in_rollup,
        ..Verdict::default()
    }
}

async fn ask(engine: &Engine, sql: &str) -> String {
    let Login { user, password } = &engine.access().writer;
    let request = reqwest::Client::new()
        .post(&engine.access().url)
        .header("X-ClickHouse-User", user)
        .header("X-ClickHouse-Key", password.expose())
        .body(sql.to_owned());
    let reply = request.send().await.expect("a reply");
    let (status, text) = (reply.status(), reply.text().await.expect("a body"));
    assert!(status.is_success(), "{sql}: {text}");
    text.trim_end().to_owned()
}
