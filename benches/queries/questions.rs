//! The named queries of the catalog, asked as the program asks them: through `Store::query`, with the same SQL and parameters.
//! What the program adds, answers shared between viewers, is measured in `viewers.rs`.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::{Advice, fadvise};
use serde_json::value::RawValue;
use weir::{
    queries::{Arguments, Catalog, Query, Values},
    store::{Parameter, Store, StoreError},
};

use crate::{engine::BenchEngine, report::Table};

/// The events that questions about one event name are asked about: a fifth of all.
const EVENT_NAME: &str = "feature_used";
/// Asked so often after all caches were emptied.
const COLD_ROUNDS: usize = 3;
/// Between two rounds, the moment asked about moves by this much, as it does for viewers: ClickHouse also remembers which
/// rows a condition found, and a condition that repeats would be answered from there.
const MOMENT_STEP_MS: i64 = 137;

/// A query and its arguments.
pub struct Question {
    pub name: String,
    query: Query,
    arguments: Arguments,
}

impl Question {
    /// Every question that the catalog can be asked, about one event name.
    pub fn all() -> Vec<Self> {
        let catalog = Catalog::built_in();
        let ask = |query: &Query| {
            let query = query.clone();
            choices(&query).into_iter().map(move |given| {
                let told: Vec<_> = given.iter().map(|(_, value)| value.as_str()).collect();
                let name = format!("{}, {}", query.name, told.join(", "));
                let arguments = query.arguments(&given).expect("it is among the query's choices");
                Self { name: name.trim_end_matches(", ").to_owned(), query: query.clone(), arguments }
            })
        };
        catalog.iter().flat_map(ask).collect()
    }

    /// The question as it is asked at `until_ms`.
    fn parameters(&self, until_ms: i64) -> Vec<Parameter> {
        self.query.parameters(&self.arguments, until_ms)
    }

    pub async fn ask(&self, store: &Store, until_ms: i64) -> Result<Vec<Box<RawValue>>, StoreError> {
        store.query(&self.query.sql, &self.parameters(until_ms)).await
    }

    /// Asks and notes how long it took.
    async fn time(&self, store: &Store, until_ms: i64, events: u64, table: &mut Table) {
        let started = Instant::now();
        match self.ask(store, until_ms).await {
            Ok(_) => table.add(&self.name, events, started.elapsed().as_secs_f64() * 1000.0),
            Err(error) => table.fail(&self.name, events, &error.to_string()),
        }
    }
}

/// Each combination of the values that a query takes. Not each moment: to ask about yesterday is the same work.
fn choices(query: &Query) -> Vec<Vec<(String, String)>> {
    let takes = query.takes.iter().filter(|parameter| parameter.name != "ago");
    takes.fold(vec![Vec::new()], |before, parameter| {
        let values = match &parameter.values {
            Values::OneOf(values) => values.clone(),
            Values::EventName => vec![EVENT_NAME.to_owned()],
        };
        let with = |given: &Vec<(String, String)>| {
            let given = given.clone();
            let name = parameter.name.clone();
            values.clone().into_iter().map(move |value| [given.clone(), vec![(name.clone(), value)]].concat())
        };
        before.iter().flat_map(with).collect()
    })
}

/// Asks everything in turn, over and over, as a dashboard does. `until_ms` tells the moment to ask about.
pub async fn ask_in_turn(
    store: &Store,
    duration: Duration,
    until_ms: impl Fn() -> i64,
    events: u64,
    table: &mut Table,
) {
    let (questions, started) = (Question::all(), Instant::now());
    let mut round = 0;
    // The first round fills the caches and is not noted.
    let mut unnoted = Table::default();
    while round < 2 || started.elapsed() < duration {
        for question in &questions {
            let noted = if round == 0 { &mut unnoted } else { &mut *table };
            question.time(store, until_ms() - round * MOMENT_STEP_MS, events, noted).await;
        }
        round += 1;
    }
}

/// Asks each question with nothing of the store in memory.
pub async fn ask_cold(engine: &BenchEngine, store: &Store, until_ms: i64, events: u64, table: &mut Table) {
    for _ in 0..COLD_ROUNDS {
        for question in Question::all() {
            for cache in ["MARK CACHE", "INDEX MARK CACHE", "UNCOMPRESSED CACHE", "QUERY CONDITION CACHE"] {
                engine.execute("", &format!("SYSTEM DROP {cache}")).await;
            }
            forget_files(engine.directory.path()).expect("the store's files can be read");
            question.time(store, until_ms, events, table).await;
        }
    }
}

/// Takes the files of a directory out of the page cache; it needs no privilege and leaves other programs' files there.
fn forget_files(directory: &Path) -> std::io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        // A merge may delete what was listed.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => match forget_files(&entry.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            },
            Ok(kind) if kind.is_file() => {
                let Ok(file) = File::open(entry.path()) else { continue };
                // Only what is on disk can be forgotten.
                file.sync_data()?;
                fadvise(&file, 0, None, Advice::DontNeed)?;
            }
            _ => {}
        }
    }
    Ok(())
}
