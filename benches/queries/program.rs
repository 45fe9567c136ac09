//! The program itself, on the filled store.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    engine::{BenchEngine, free_port, until},
    load::Paced,
    report::Table,
};

/// How often a funnel is asked for; the program shares an answer for at least a second.
const FUNNEL_POLL: Duration = Duration::from_millis(250);
/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// 5,000 events a second in requests of ten.
pub fn stream(duration: Duration) -> Paced {
    Paced { events_per_request: 10, requests_per_second: 500, connections: 32, duration }
}

/// `weir serve`, in front of the engine that has the store. Dropping it kills it.
pub struct Program {
    pub ingest_port: u16,
    pub dashboard_port: u16,
    child: Child,
    _data_dir: TempDir,
}

impl Program {
    pub async fn start(engine: &BenchEngine) -> Self {
        let data_dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (ingest_port, dashboard_port) = (free_port(), free_port());
        let endpoint = engine.endpoint();
        let child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("serve")
            .env("WEIR_INGEST_ADDR", format!("127.0.0.1:{ingest_port}"))
            .env("WEIR_DASHBOARD_ADDR", format!("127.0.0.1:{dashboard_port}"))
            .env("WEIR_LOG", "warn")
            .env("WEIR_DATA_DIR", data_dir.path())
            .env("CLICKHOUSE_URL", &endpoint.url)
            .env("CLICKHOUSE_USER", &endpoint.writer.user)
            .env("CLICKHOUSE_PASSWORD", endpoint.writer.password.expose())
            .env("CLICKHOUSE_DATABASE", &endpoint.database)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("weir can be started");
        let program = Self { ingest_port, dashboard_port, child, _data_dir: data_dir };
        until(|| async { engine.http.get(program.url("/api/info")).send().await.is_ok() }).await;
        program
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.dashboard_port)
    }

    pub async fn stop(mut self) {
        let process = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(process.expect("it runs"), Signal::TERM).expect("it runs");
        self.child.wait().await.expect("it ends");
    }
}

/// Asks for a funnel again and again, and notes how long each new computation took by the program's own clock.
pub async fn ask_funnel(http: &reqwest::Client, program: &Program, duration: Duration, events: u64, table: &mut Table) {
    for range in ["4h", "24h"] {
        let url = program.url(&format!(
            "/api/funnel?steps=signup_started,verification_email_sent,email_verified,signup_completed\
             &window=1h&range={range}&breakdown=properties.email_domain"
        ));
        let row = format!("sign-up funnel of four steps by email domain, {range}");
        let (started, mut computed_at) = (Instant::now(), String::new());
        while started.elapsed() < duration / 2 {
            match http.get(&url).timeout(ANSWER_MAX).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let answer: serde_json::Value = answer.json().await.unwrap_or_default();
                    let computed = answer["computed_at"].as_str().unwrap_or_default();
                    if computed != computed_at {
                        computed_at = computed.to_owned();
                        table.add(&row, events, answer["elapsed_ms"].as_f64().unwrap_or(f64::NAN));
                    }
                }
                Ok(answer) => table.fail(&row, events, &format!("answered {}", answer.status())),
                Err(error) => table.fail(&row, events, &error.to_string()),
            }
            tokio::time::sleep(FUNNEL_POLL).await;
        }
    }
}
