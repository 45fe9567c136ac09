//! What a stored event weighs, and what the rollups cost an insert.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use weir::{
    config::Secret,
    journal::COLUMNS,
    store::{Endpoint, Login, Store},
};

use crate::{
    day::{Day, until_merged},
    engine::{BenchEngine, answer, cpu_us},
    figures::{percentile, shown},
};

/// Columns that are shown; the others are smaller.
const COLUMNS_SHOWN: usize = 10;

/// Inserts of the two tables are compared so often, in turn.
const INSERT_ROUNDS: usize = 3;
/// Actions of an insert and inserts of a run. 2,500 rows are what half a second of 5,000 events a second brings.
const INSERT_SIZES: [(u64, usize); 2] = [(2_450, 120), (98_000, 20)];
/// A run's last merges may take this long to begin.
const MERGE_BEGINS: Duration = Duration::from_secs(6);

/// Bytes on disk an event: the whole table, its projections, its largest columns.
pub async fn print_bytes(engine: &BenchEngine, events: u64) {
    let database = &engine.endpoint().database;
    let of_events = format!("active AND database = '{database}' AND table = 'events'");
    let rows = number(engine, &format!("SELECT sum(rows) FROM parts WHERE {of_events}")).await;
    let whole = format!("SELECT 'events, all', sum(bytes_on_disk) AS bytes FROM parts WHERE {of_events}");
    let others = format!(
        "SELECT concat('table ', table), sum(bytes_on_disk) AS bytes FROM parts WHERE active AND database = '{database}' \
         AND table != 'events' GROUP BY table ORDER BY bytes DESC"
    );
    let projections = format!(
        "SELECT concat('of it the rollup ', name), sum(bytes_on_disk) AS bytes FROM projection_parts WHERE {of_events} \
         GROUP BY name ORDER BY bytes DESC"
    );
    let columns = format!(
        "SELECT concat('of it the column ', column), sum(column_bytes_on_disk) AS bytes FROM parts_columns \
         WHERE {of_events} GROUP BY column ORDER BY bytes DESC LIMIT {COLUMNS_SHOWN}"
    );
    let parts = number(engine, &format!("SELECT count() FROM parts WHERE {of_events}")).await;
    println!(
        "\n**Bytes on disk an event**, {} M events in {parts} parts after merges\n\n| | bytes an event |\n|---|---|",
        shown(events as f64 / 1e6)
    );
    for sql in [whole, others, projections, columns] {
        let answer = engine.select("system", &format!("{sql} FORMAT TSV")).await.expect("ClickHouse knows its parts");
        for (name, bytes) in answer.lines().filter_map(|line| line.split_once('\t')) {
            println!("| {name} | {:.2} |", bytes.parse::<f64>().expect("a number") / rows);
        }
    }
}

async fn number(engine: &BenchEngine, sql: &str) -> f64 {
    let answer = engine.select("system", sql).await.expect("ClickHouse knows its parts");
    answer.trim().parse().expect("a number")
}

/// A table under the same inserts as the other one.
struct Subject {
    database: &'static str,
    wall_us: Vec<f64>,
    cpu_us: Vec<f64>,
}

/// The same blocks into a table with its rollups and into one without, in turn: wall time of the inserts, and processor
/// time of the engine until it has merged.
pub async fn print_rollup_cost(engine: &BenchEngine, day: &mut Day) {
    println!(
        "\n**The same inserts with and without rollups**, medians of {INSERT_ROUNDS} rounds, µs an event; the engine's \
         processor time includes merges\n"
    );
    println!("| rows an insert | | with rollups | without | ratio |\n|---|---|---|---|---|");
    for (actions, inserts) in INSERT_SIZES {
        let mut blocks = Vec::new();
        for _ in 0..inserts {
            blocks.push(day.native_block(engine, actions).await);
        }
        let mut subjects = ["with_rollups", "without_rollups"].map(|database| Subject {
            database,
            wall_us: Vec::new(),
            cpu_us: Vec::new(),
        });
        for _ in 0..INSERT_ROUNDS {
            for subject in &mut subjects {
                subject.run(engine, &blocks).await;
            }
        }
        let [with, without] = &mut subjects;
        let rows = actions as f64 * 1.02;
        print_row(rows, "insert, wall", &mut with.wall_us, &mut without.wall_us);
        print_row(rows, "engine, processor", &mut with.cpu_us, &mut without.cpu_us);
    }
}

fn print_row(rows: f64, what: &str, with: &mut [f64], without: &mut [f64]) {
    let mut ratios: Vec<_> = with.iter().zip(&*without).map(|(with, without)| with / without).collect();
    println!(
        "| {} | {what} | {} | {} | {:.2}× |",
        shown(rows),
        shown(percentile(with, 0.5)),
        shown(percentile(without, 0.5)),
        percentile(&mut ratios, 0.5)
    );
}

impl Subject {
    async fn run(&mut self, engine: &BenchEngine, blocks: &[Bytes]) {
        let database = self.database;
        create_tables(engine, database).await;
        if database == "without_rollups" {
            drop_rollups(engine, database).await;
        }
        let process = engine_process();
        let (cpu_before, started) = (cpu_us(process), Instant::now());
        let columns = COLUMNS.map(|column| column.name).join(", ");
        let insert = format!("INSERT INTO events ({columns}) FORMAT Native");
        for block in blocks {
            let request = engine.request(&[("database", database), ("query", &insert)]).body(block.clone());
            answer(request).await.expect("ClickHouse takes the block");
        }
        let wall_us = started.elapsed().as_micros() as f64;
        tokio::time::sleep(MERGE_BEGINS).await;
        until_merged(engine).await;
        let cpu_us = (cpu_us(process) - cpu_before) as f64;
        let rows = engine.select(database, "SELECT count() FROM events").await.expect("ClickHouse answers");
        let rows: f64 = rows.trim().parse().expect("a number");
        self.wall_us.push(wall_us / rows);
        self.cpu_us.push(cpu_us / rows);
        engine.execute("", &format!("DROP DATABASE {database} SYNC")).await;
    }
}

/// The tables of the program, in a database of their own.
async fn create_tables(engine: &BenchEngine, database: &str) {
    let Endpoint { url, writer, .. } = engine.endpoint();
    let login = Login { user: writer.user.clone(), password: Secret::new(writer.password.expose()) };
    let endpoint = Endpoint { url: url.clone(), database: database.to_owned(), writer: login.clone(), reader: login };
    let store = Store::new(endpoint, 90).expect("a client");
    store.ensure_schema().await.expect("the schema is right");
}

async fn drop_rollups(engine: &BenchEngine, database: &str) {
    let names = format!("SELECT name FROM projections WHERE database = '{database}' AND table = 'events' FORMAT TSV");
    let names = engine.select("system", &names).await.expect("ClickHouse knows its projections");
    for name in names.lines() {
        engine.execute(database, &format!("ALTER TABLE events DROP PROJECTION {name}")).await;
    }
}

/// The engine's process: the child of this one that runs `weir engine`.
fn engine_process() -> u32 {
    let own = format!("PPid:\t{}\n", std::process::id());
    let processes = fs::read_dir("/proc").expect("Linux tells it").filter_map(Result::ok);
    let engine = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|process| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
        read("status").contains(&own) && read("cmdline").split('\0').nth(1) == Some("engine")
    });
    engine.expect("the engine runs")
}
