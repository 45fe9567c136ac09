//! DuckDB beside Weir: the same rows in its best plain table, the same four questions over 24 hours, the same answers.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::{fs::File, io::AsyncWriteExt, process::Command};
use weir::{clock::rfc3339, store::Store};

use crate::{
    engine::BenchEngine,
    figures::{percentile, shown},
    questions::Question,
};

/// Made by the Makefile.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/duckdb/bin/python");
const PANELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/queries/duckdb/panels.py");
/// Weir's answers are timed so often, and the median taken; DuckDB's as often.
const RUNS: usize = 5;
/// Longest time for DuckDB to load and answer.
const DUCKDB_MAX: Duration = Duration::from_secs(1_800);
/// A distinct count of Weir's has a standard error of 1.6 % at most: four of them.
const ESTIMATE_ERROR_MAX: f64 = 0.065;
const FIVE_MINUTES_MS: i64 = 300_000;
/// DuckDB's own estimates are coarser; they are shown for their time.
const ESTIMATED: &str = ", estimated";

#[derive(Deserialize)]
struct Outcome {
    version: String,
    rows: u64,
    bytes_per_row: f64,
    answers: BTreeMap<String, Answer>,
}

#[derive(Deserialize)]
struct Answer {
    median_ms: f64,
    rows: Vec<BTreeMap<String, Value>>,
}

/// How a question's rows are compared: the column that names a row, those that must be equal, and the distinct count.
struct Comparison {
    query: &'static str,
    key: &'static str,
    equal: &'static [(&'static str, &'static str)],
    estimate: Option<&'static str>,
}

const COMPARISONS: [Comparison; 4] = [
    Comparison { query: "active_users", key: "minute", equal: &[], estimate: Some("active_users") },
    Comparison {
        query: "error_rate",
        key: "minute",
        equal: &[("events", "events"), ("errors", "errors")],
        estimate: None,
    },
    Comparison {
        query: "signup_funnel",
        key: "bucket",
        equal: &[("started", "started"), ("completed", "completed")],
        estimate: None,
    },
    Comparison {
        query: "top_features",
        key: "feature",
        equal: &[("events", "events")],
        estimate: Some("unique_users"),
    },
];

/// Prints both systems' times, sizes and how far their answers agree. They are asked about the last moment of five minutes:
/// the minute and the five minutes of a moment count whole for Weir, and the filled day goes on a little beyond its end.
pub async fn print_comparison(engine: &BenchEngine, store: &Store, until_ms: i64, events: u64) {
    let until_ms = until_ms - until_ms.rem_euclid(FIVE_MINUTES_MS) - 1;
    if !Path::new(PYTHON).exists() {
        println!(
            "\nDuckDB was not measured: {PYTHON} is missing; `make bench-queries` makes it where there is python3."
        );
        return;
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    match measure(engine, directory.path(), until_ms).await {
        Ok(outcome) => print(&outcome, store, until_ms, events).await,
        Err(reason) => println!("\nDuckDB was not measured: {reason}"),
    }
}

async fn measure(engine: &BenchEngine, directory: &Path, until_ms: i64) -> Result<Outcome, String> {
    let parquet = directory.join("events.parquet");
    eprintln!("  DuckDB: writing the rows as Parquet");
    export(engine, &parquet, until_ms).await?;
    eprintln!("  DuckDB: loading and asking");
    let python = Command::new(PYTHON)
        .arg(PANELS)
        .arg(&parquet)
        .arg(directory.join("events.duckdb"))
        .arg(moment(until_ms))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let output =
        tokio::time::timeout(DUCKDB_MAX, python.wait_with_output()).await.map_err(|_| "it took too long".to_owned())?;
    let output = output.map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}; it ended with {}", output.status))
}

/// `2026-11-23 10:00:00.123`, in UTC.
fn moment(at_ms: i64) -> String {
    rfc3339(at_ms).replace('T', " ").trim_end_matches('Z').to_owned()
}

/// Writes all events until a moment to a file, in the order of the table.
async fn export(engine: &BenchEngine, path: &Path, until_ms: i64) -> Result<(), String> {
    let sql = format!(
        "SELECT event_name, timestamp, session_id, user_id, device_type, toString(country_code) AS country_code, properties, \
         event_id, received_at, clock_skew_ms, feature FROM events WHERE timestamp <= fromUnixTimestamp64Milli({until_ms}) \
         ORDER BY event_name, timestamp FORMAT Parquet"
    );
    let request = engine.request(&[("database", &engine.endpoint().database)]).body(sql);
    let reply = request.send().await.and_then(reqwest::Response::error_for_status);
    let mut chunks = reply.map_err(|error| error.to_string())?.bytes_stream();
    let mut file = File::create(path).await.map_err(|error| error.to_string())?;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| error.to_string())?;
        file.write_all(&chunk).await.map_err(|error| error.to_string())?;
    }
    file.flush().await.map_err(|error| error.to_string())
}

async fn print(outcome: &Outcome, store: &Store, until_ms: i64, events: u64) {
    println!(
        "\n**DuckDB {} beside Weir**, {} M rows, 24 h, 2 threads, warm, medians of {RUNS} in ms; {:.1} bytes an event in \
         DuckDB's file\n",
        outcome.version,
        shown(events as f64 / 1e6),
        outcome.bytes_per_row,
    );
    println!("| question | Weir | DuckDB, exact | DuckDB, its estimate | Weir / DuckDB's faster | the answers |");
    println!("|---|---|---|---|---|---|");
    for comparison in COMPARISONS {
        let (weir_ms, rows) = ask_weir(store, comparison.query, until_ms).await;
        let exact = &outcome.answers[comparison.query];
        let estimated = outcome.answers.get(&format!("{}{ESTIMATED}", comparison.query)).map(|answer| answer.median_ms);
        let faster_ms = estimated.map_or(exact.median_ms, |estimated| estimated.min(exact.median_ms));
        println!(
            "| {} | {} | {} | {} | {:.2}× | {} |",
            comparison.query,
            shown(weir_ms),
            shown(exact.median_ms),
            estimated.map(shown).unwrap_or_default(),
            weir_ms / faster_ms,
            comparison.verdict(&rows, &exact.rows),
        );
    }
    eprintln!("  DuckDB had {} rows", outcome.rows);
}

/// The median time and the rows of a query over 24 hours.
async fn ask_weir(store: &Store, query: &str, until_ms: i64) -> (f64, Vec<BTreeMap<String, Value>>) {
    let name = format!("{query}, 24h");
    let question = Question::all().into_iter().find(|question| question.name == name).expect("it is in the catalog");
    let (mut times_ms, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..=RUNS {
        let started = Instant::now();
        rows = question.ask(store, until_ms).await.expect("the question is answered");
        times_ms.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let rows = rows.iter().map(|row| serde_json::from_str(row.get()).expect("a JSON object")).collect();
    // The first run fills the caches.
    (percentile(&mut times_ms[1..], 0.5), rows)
}

impl Comparison {
    /// Whether two answers agree. Rows that only one has must be Weir's zeros for empty buckets.
    fn verdict(&self, weir: &[BTreeMap<String, Value>], duckdb: &[BTreeMap<String, Value>]) -> String {
        let duckdb: BTreeMap<_, _> = duckdb.iter().map(|row| (text(row, "key"), row)).collect();
        let (mut differing, mut missing, mut error_max) = (0, duckdb.len(), 0.0_f64);
        for row in weir {
            let Some(other) = duckdb.get(&text(row, self.key)) else { continue };
            missing -= 1;
            differing += self.equal.iter().filter(|(ours, theirs)| figure(row, ours) != figure(other, theirs)).count();
            if let Some(estimate) = self.estimate {
                let exact = figure(other, "estimate");
                error_max = error_max.max((figure(row, estimate) - exact).abs() / exact.max(1.0));
            }
        }
        match (differing + missing, self.estimate) {
            (0, None) => format!("equal in {} rows", duckdb.len()),
            (0, Some(_)) if error_max <= ESTIMATE_ERROR_MAX => {
                format!("equal but for the estimate, which is off by {:.2} % at most", error_max * 100.0)
            }
            (0, Some(_)) => format!("**the estimate is off by {:.2} %**", error_max * 100.0),
            _ => format!("**{differing} counts differ, {missing} rows are missing**"),
        }
    }
}

fn text(row: &BTreeMap<String, Value>, column: &str) -> String {
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn figure(row: &BTreeMap<String, Value>, column: &str) -> f64 {
    row.get(column).and_then(Value::as_f64).unwrap_or(f64::NAN)
}
