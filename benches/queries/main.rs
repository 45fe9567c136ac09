//! Every named query on days of events of several sizes, beside ingestion, viewers and DuckDB: `make bench-queries`.
//!
//! For each size, ClickHouse makes a day of events that ends now (`events.sql`), merges it, and is then asked: cold, warm,
//! and while the program takes 5,000 events a second. Everything is in a directory that is deleted at the end, also when
//! interrupted.
//! Settings: `BENCH_EVENTS` of a day, separated by commas (4300000,43000000,432000000), `BENCH_SECONDS` of each measurement
//! (30), `BENCH_VIEWERS` who poll, and as many open pages (1000), `BENCH_DUCKDB_EVENTS`, the size at which DuckDB is asked too
//! (43000000), and `BENCH_ONLY` of the parts `cold`, `queries`, `ingesting`, `viewers`, `pages`, `storage`, `duckdb` and
//! `inserts`, separated by commas (all).

mod day;
mod duckdb;
#[path = "../ingest_vs_peer/engine.rs"]
mod engine;
#[path = "../ingest_vs_peer/figures.rs"]
mod figures;
#[path = "../ingest_vs_peer/load.rs"]
#[expect(dead_code, reason = "the other benchmark also sends as fast as it can")]
mod load;
mod pages;
mod program;
mod questions;
mod report;
#[path = "../ingest_vs_peer/settings.rs"]
mod settings;
mod storage;
mod viewers;

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use weir::{clock::Clock, store::Store};

use day::{Day, until_merged};
use engine::BenchEngine;
use program::{Program, ask_funnel, stream};
use report::Table;
use settings::{is_wanted, number, setting};

/// Days that events are kept, as by default.
const RETENTION_DAYS: u32 = 90;
/// Before anything is asked: a host that was kept busy for half an hour gives less for a while.
const REST: Duration = Duration::from_secs(90);
const SIZES: &str = "4300000,43000000,432000000";
const DUCKDB_EVENTS: u64 = 43_000_000;

/// What is printed at the end, over all sizes.
struct Tables {
    cold: Table,
    warm: Table,
    ingesting: Table,
}

impl Tables {
    fn markdown(&self, sizes: &[u64]) -> String {
        [&self.cold, &self.warm, &self.ingesting].map(|table| table.markdown(sizes)).concat()
    }
}

#[tokio::main]
async fn main() {
    let mut terminated = signal(SignalKind::terminate()).expect("signals can be waited for");
    let interrupted = tokio::select! {
        () = measure_all() => false,
        _ = tokio::signal::ctrl_c() => true,
        _ = terminated.recv() => true,
    };
    // The measurement was dropped, and with it what it had on disk and the processes it had started. A thread of a load
    // that still sends must not hold up the end.
    std::process::exit(i32::from(interrupted));
}

async fn measure_all() {
    let sizes: Vec<u64> = setting("BENCH_EVENTS")
        .unwrap_or_else(|| SIZES.to_owned())
        .split(',')
        .map(|size| size.trim().parse().expect("BENCH_EVENTS: numbers, separated by commas"))
        .collect();
    let mut tables = Tables {
        cold: Table::new("Cold: caches of ClickHouse and of the system empty, one question at a time"),
        warm: Table::new("Warm, one question at a time"),
        ingesting: Table::new("Warm, while 5,000 events/s come in"),
    };
    for (number, events) in sizes.iter().enumerate() {
        eprintln!("{events} events");
        let is_last = number + 1 == sizes.len();
        measure(*events, is_last, &mut tables).await;
        // A later size may fail after an hour.
        eprint!("{}", tables.markdown(&sizes[..=number]));
    }
    print!("{}", tables.markdown(&sizes));
}

/// All that is measured of one size, on an engine of its own.
async fn measure(events: u64, is_last: bool, tables: &mut Tables) {
    let duration = Duration::from_secs(number("BENCH_SECONDS", 30));
    let engine = BenchEngine::start().await;
    let store = Store::new(engine.endpoint().clone(), RETENTION_DAYS).expect("a client");
    store.ensure_schema().await.expect("the schema is right");
    // The day is made in large blocks, which get their rollups at once; the stream's small ones get them when merged.
    engine.execute(store.database(), "ALTER TABLE events MODIFY SETTING materialize_projections_on_insert = 1").await;
    let mut day = Day::new(events);
    day.fill(&engine).await;
    eprintln!("  merging");
    until_merged(&engine).await;
    tokio::time::sleep(REST).await;
    day.fill(&engine).await;
    engine.execute(store.database(), "ALTER TABLE events RESET SETTING materialize_projections_on_insert").await;
    let until_ms = Clock::System.now_ms();

    if is_wanted("storage") {
        storage::print_bytes(&engine, events).await;
    }
    if is_wanted("cold") {
        eprintln!("  cold");
        questions::ask_cold(&engine, &store, until_ms, events, &mut tables.cold).await;
    }
    if is_wanted("queries") {
        eprintln!("  warm");
        questions::ask_in_turn(&store, duration, || until_ms, events, &mut tables.warm).await;
    }
    if is_wanted("duckdb") && events == number("BENCH_DUCKDB_EVENTS", DUCKDB_EVENTS) {
        duckdb::print_comparison(&engine, &store, until_ms, events).await;
    }
    // The program's clock cannot be stopped: what has passed since is filled up.
    day.fill(&engine).await;
    with_program(&engine, &store, duration, events, tables).await;
    if is_wanted("inserts") && is_last {
        eprintln!("  inserts with and without rollups");
        storage::print_rollup_cost(&engine, &mut day).await;
    }
    engine.stop().await;
}

/// What is measured while the program runs.
async fn with_program(engine: &BenchEngine, store: &Store, duration: Duration, events: u64, tables: &mut Tables) {
    let program = Program::start(engine).await;
    if is_wanted("queries") {
        eprintln!("  funnel");
        ask_funnel(&engine.http, &program, duration, events, &mut tables.warm).await;
    }
    if is_wanted("ingesting") {
        eprintln!("  while events come in");
        let asking = async {
            questions::ask_in_turn(store, duration, || Clock::System.now_ms(), events, &mut tables.ingesting).await;
            ask_funnel(&engine.http, &program, duration, events, &mut tables.ingesting).await;
        };
        // The last round of questions and funnels may take longer than asked for, and must not be alone.
        let (outcome, ()) = tokio::join!(stream(duration * 3).run(program.ingest_port), asking);
        eprintln!("  {} events/s came in, {} requests failed", outcome.accepted_per_second(), outcome.failures);
    }
    if is_wanted("viewers") {
        eprintln!("  viewers");
        viewers::watch(engine, &program, number("BENCH_VIEWERS", 1_000), duration, events).await;
    }
    if is_wanted("pages") {
        eprintln!("  open pages");
        pages::watch(engine, &program, number("BENCH_VIEWERS", 1_000), duration, events).await;
    }
    program.stop().await;
}
