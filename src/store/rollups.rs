//! The rollups, which are the projections of `events` in `init-db.sql`, made anew.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{
    client::{Parameter, Store},
    error::StoreError,
    schema::SCHEMA,
};

/// Bound on dropping a rollup from all parts, which waits for the merges of those parts.
const DROP_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How often ClickHouse is asked how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// A part of ClickHouse's largest size takes minutes; when none is finished for so long, something is wrong.
const PART_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How far the rebuild of one rollup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebuildStep {
    /// It is being taken out of the table, and added empty.
    Replacing,
    /// Parts of the table that do not have it yet.
    PartsLeft(u64),
    Done,
}

/// Why a rollup could not be rebuilt. Queries go on answering from the rows.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("the rollup {rollup}: {source}")]
    Store { rollup: String, source: StoreError },
    #[error(
        "the rollup {rollup} cannot be built, though ClickHouse goes on trying; rebuild it after a remedy: {reason}"
    )]
    Failing { rollup: String, reason: String },
    #[error(
        "the rollup {rollup} is not built further: in {PART_TIMEOUT:?} ClickHouse has finished no part; it goes on"
    )]
    Stalled { rollup: String },
}

/// A projection as the schema defines it.
#[derive(Debug, PartialEq, Eq)]
struct Rollup<'a> {
    name: &'a str,
    /// From the opening to the closing parenthesis.
    definition: &'a str,
}

/// What ClickHouse has still to do to change the parts of a table.
#[derive(Deserialize)]
pub(super) struct Unfinished {
    pub mutations: u64,
    pub parts: u64,
    /// Why the latest attempt failed, or empty.
    pub failure: String,
}

impl Store {
    /// Drops each rollup, adds it as the schema has it and builds it for all parts; `note` hears of every step. Events may
    /// come and queries run meanwhile: what has no rollup is read by row. Safe to repeat, also after an end in the middle.
    pub async fn rebuild_rollups(&self, mut note: impl FnMut(&str, RebuildStep)) -> Result<(), RebuildError> {
        for rollup in rollups(SCHEMA) {
            let failed = |source| RebuildError::Store { rollup: rollup.name.to_owned(), source };
            note(rollup.name, RebuildStep::Replacing);
            self.replace(&rollup).await.map_err(failed)?;
            let mut left = u64::MAX;
            let mut since = Instant::now();
            loop {
                let unfinished = self.unfinished_mutations("events").await.map_err(failed)?;
                if unfinished.mutations == 0 {
                    break;
                }
                if !unfinished.failure.is_empty() {
                    let reason = unfinished.failure;
                    return Err(RebuildError::Failing { rollup: rollup.name.to_owned(), reason });
                }
                if unfinished.parts != left {
                    (left, since) = (unfinished.parts, Instant::now());
                    note(rollup.name, RebuildStep::PartsLeft(left));
                }
                if since.elapsed() >= PART_TIMEOUT {
                    return Err(RebuildError::Stalled { rollup: rollup.name.to_owned() });
                }
                tokio::time::sleep(PROGRESS_INTERVAL).await;
            }
            note(rollup.name, RebuildStep::Done);
        }
        Ok(())
    }

    /// Begins to build a rollup from nothing.
    async fn replace(&self, Rollup { name, definition }: &Rollup<'_>) -> Result<(), StoreError> {
        // An earlier build that did not end, or cannot, would hold up the drop.
        let unfinished = format!(
            "KILL MUTATION WHERE database = currentDatabase() AND table = 'events' AND NOT is_done \
             AND command LIKE '%MATERIALIZE PROJECTION {name}%' SYNC"
        );
        self.execute(&unfinished, true).await?;
        // It returns when no part has the rollup any more: none with the old definition is taken for the new one.
        let drop = format!("ALTER TABLE events DROP PROJECTION IF EXISTS {name}");
        self.execute_within(&drop, true, DROP_TIMEOUT).await?;
        self.execute(&format!("ALTER TABLE events ADD PROJECTION {name} {definition}"), true).await?;
        let build = format!("ALTER TABLE events MATERIALIZE PROJECTION {name} SETTINGS mutations_sync = 0");
        self.execute(&build, true).await
    }

    pub(super) async fn unfinished_mutations(&self, table: &str) -> Result<Unfinished, StoreError> {
        let table = [Parameter::text("table", table)];
        let unfinished = self.query_as_writer(include_str!("unfinished_mutations.sql"), &table).await?;
        let row = unfinished.into_iter().next();
        row.ok_or_else(|| StoreError::Transient("ClickHouse does not tell its mutations".to_owned()))
    }
}

/// The projections of a script, in its order. A definition has no parentheses in literals or comments.
fn rollups(script: &str) -> Vec<Rollup<'_>> {
    let clauses = script.split("\n    ADD PROJECTION IF NOT EXISTS ").skip(1);
    let rollups = clauses.filter_map(|clause| {
        let from = clause.find('(')?;
        let mut depth = 0;
        let length = clause[from..].find(|character| {
            depth += i32::from(character == '(') - i32::from(character == ')');
            depth == 0
        })?;
        Some(Rollup { name: clause[..from].trim(), definition: &clause[from..=from + length] })
    });
    rollups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_projection_is_found_with_the_whole_of_its_definition() {
        let script = "-- A PROJECTION.\nALTER TABLE t\n    ADD PROJECTION IF NOT EXISTS one\n    (\n        SELECT f(x), (x)\n    );\n\
                      ALTER TABLE t\n    ADD PROJECTION IF NOT EXISTS two (SELECT x);";
        let found = rollups(script);
        let expected = [("one", "(\n        SELECT f(x), (x)\n    )"), ("two", "(SELECT x)")];
        assert_eq!(found, expected.map(|(name, definition)| Rollup { name, definition }));
    }

    #[test]
    fn every_projection_of_the_schema_is_a_rollup() {
        let found = rollups(SCHEMA);
        assert_eq!(found.len(), SCHEMA.matches("ADD PROJECTION ").count());
        for Rollup { name, definition } in found {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(definition.contains("SELECT") && definition.ends_with("\n    )"), "{definition}");
        }
    }
}
