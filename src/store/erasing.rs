//! Carries out erasures, one at a time: the journal first, then the tables, then a count.
//!
//! Invariants
//! * The tables are changed only when the journal holds nothing any more that was accepted before the call: neither segments
//!   that wait, nor `.stored` ones. ClickHouse forgets the token of an insert when an erasure leaves nothing of its part, so a
//!   segment that is sent again after that would bring its events back. Until then, the token is known, and sending it again
//!   changes nothing.
//! * `.stored` segments are what a power loss is survived by. They are deleted early only where ClickHouse is on this machine,
//!   after all of the machine's disks were synced; elsewhere they are kept their time.
//! * Events without a user go first: their session leads to the user only as long as the user's events are there.
//! * It is done when ClickHouse has deleted the replaced parts from its disk, and a count after that found nothing.
//! * Every step may run again, so that after an end in the middle all of it does.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    client::{Parameter, Store},
    erasures::{Counts, ErasureJournal, ErasureStatus, Record},
    error::StoreError,
    rejected::RejectedFlush,
};
use crate::{
    clock::{Clock, rfc3339},
    journal::SegmentQueue,
};

/// How often is looked whether what is waited for has come.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Wait between attempts while ClickHouse does not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Where the journal or ClickHouse is elsewhere: longer than it takes others to hand over what they have accepted and to delete
/// it (`JournalLimits::stored_kept`), and ClickHouse's machine to write to disk what it has in memory.
const ELSEWHERE_WAIT_MS: i64 = 3 * 60 * 1000;

/// The tables that rows are erased from.
const TABLES: [&str; 2] = ["events", "rejected_events"];

/// While an erasure runs, ClickHouse syncs the parts that it makes of others, and so need not keep the others for the eight
/// minutes that are its habit.
const SYNC_PARTS: &str = "MODIFY SETTING min_rows_to_fsync_after_merge = 1";
const DELETE_PARTS_SOON: &str = "MODIFY SETTING min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 1";
const AS_BEFORE: &str = "RESET SETTING min_rows_to_fsync_after_merge, old_parts_lifetime";

/// What is on its way to ClickHouse in this process.
#[derive(Clone)]
pub struct ErasedJournal {
    pub queue: Arc<SegmentQueue>,
    pub rejected: RejectedFlush,
}

/// Why an attempt did not get to its end; another one follows.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the journal: {0}")]
    Journal(#[from] io::Error),
    #[error("events came while it ran")]
    Left,
}

/// The task that erases.
pub struct Eraser {
    pub(super) store: Store,
    /// With the limits of a count.
    pub(super) counting: Store,
    pub(super) clock: Clock,
    pub(super) asked: mpsc::Receiver<String>,
    pub(super) journal: Option<ErasedJournal>,
    pub(super) is_local: bool,
}

/// When this process took an erasure up. What a start has found in its journal is older.
struct Started {
    at: Instant,
    at_ms: i64,
}

#[derive(Deserialize)]
struct OutdatedParts {
    parts: u64,
    now_seconds: u32,
}

/// An outage is one line in the log, not one an attempt.
#[derive(Default)]
struct Failures {
    told: String,
}

impl Failures {
    async fn pause(&mut self, error: &impl std::error::Error) {
        let text = error.to_string();
        if text != self.told {
            tracing::warn!(error = text, "an erasure does not get on; trying again");
            self.told = text;
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

impl Eraser {
    /// Goes on with what an earlier process has begun, then erases what is asked for, until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.erase_all()).await;
    }

    async fn erase_all(&mut self) {
        self.erase_unfinished("").await;
        while let Some(id) = self.asked.recv().await {
            // It may be done already, if it was asked for while an earlier process's were looked up.
            self.erase_unfinished(&id).await;
        }
    }

    /// `id`: of one alone; empty for all, oldest first.
    async fn erase_unfinished(&self, id: &str) {
        let mut failures = Failures::default();
        let records = loop {
            match self.store.erasures(id, true).await {
                Ok(records) => break records,
                Err(error) => failures.pause(&error).await,
            }
        };
        for record in records.into_iter().rev() {
            self.erase(&record.receipt.id).await;
        }
    }

    async fn erase(&self, id: &str) {
        let started = Started { at: Instant::now(), at_ms: self.clock.now_ms() };
        let mut failures = Failures::default();
        while let Err(error) = self.attempt(id, &started).await {
            failures.pause(&error).await;
        }
    }

    /// Returns when it is done, here or by another process, which goes on with what it finds unfinished, too.
    async fn attempt(&self, id: &str, started: &Started) -> Result<(), AttemptError> {
        self.change_tables(SYNC_PARTS).await?;
        let journal = self.clear_journal(started).await?;
        for table in TABLES {
            self.mutated(table).await?;
        }
        // Not before: it may have taken minutes.
        let unfinished = self.store.erasures(id, true).await?.pop();
        let Some((parameters, mut record)) = unfinished.and_then(|record| Some((record.parameters()?, record))) else {
            return Ok(self.reset_tables(id).await?);
        };
        let found = self.counting.erasure_counts(&parameters).await?;
        let receipt = &mut record.receipt;
        receipt.journal = journal;
        receipt.set_aside_bytes = self.journal.as_ref().map(|journal| journal.queue.depth().set_aside_bytes);
        receipt.events.note_found(found.events);
        receipt.session_events.note_found(found.session_events);
        receipt.rejected_events.note_found(found.rejected_events);
        self.store.save_erasure(&record, self.clock.now_ms()).await?;
        self.change_tables(DELETE_PARTS_SOON).await?;
        let left = self.erase_rows(&parameters, found).await?;
        self.parts_deleted().await?;
        self.reset_tables(id).await?;
        self.finish(record, left).await
    }

    /// Returns when nothing that was accepted before the call is in the journal, or on its way from it.
    async fn clear_journal(&self, started: &Started) -> Result<ErasureJournal, io::Error> {
        let mut state = ErasureJournal::Elsewhere;
        if let Some(ErasedJournal { queue, rejected }) = &self.journal {
            until(|| queue.has_handed_over(started.at)).await;
            // What ClickHouse has refused is there now; what validation has, may still wait.
            rejected.flushed().await;
            state = ErasureJournal::Clean;
        }
        if self.is_local {
            tokio::task::spawn_blocking(rustix::fs::sync).await.map_err(io::Error::other)?;
        }
        match &self.journal {
            Some(ErasedJournal { queue, .. }) if self.is_local => {
                let queue = Arc::clone(queue);
                tokio::task::spawn_blocking(move || queue.remove_stored()).await.map_err(io::Error::other)??;
            }
            journal => {
                let handed_over = Instant::now();
                until(|| self.clock.now_ms() - started.at_ms >= ELSEWHERE_WAIT_MS).await;
                if let Some(ErasedJournal { queue, .. }) = journal {
                    until(|| !queue.keeps_stored(handed_over)).await;
                }
            }
        }
        Ok(state)
    }

    /// Answers what is left.
    async fn erase_rows(&self, parameters: &[Parameter], found: Counts) -> Result<Counts, StoreError> {
        let mut session_events = 0;
        if found.session_events > 0 {
            self.mutate("events", include_str!("erase_session_events.sql"), parameters).await?;
            session_events = self.counting.erasure_counts(parameters).await?.session_events;
        }
        // Those that are left could not be found any more.
        if found.events > 0 && session_events == 0 {
            self.mutate("events", include_str!("erase_user_events.sql"), parameters).await?;
        }
        if found.rejected_events > 0 {
            self.mutate("rejected_events", include_str!("erase_rejected_events.sql"), parameters).await?;
        }
        let left = self.counting.erasure_counts(parameters).await?;
        Ok(Counts { session_events: session_events.max(left.session_events), ..left })
    }

    async fn mutate(&self, table: &str, sql: &'static str, parameters: &[Parameter]) -> Result<(), StoreError> {
        self.store.execute_with(sql, parameters).await?;
        self.mutated(table).await
    }

    /// Waits until no change of a table's rows is under way. ClickHouse goes on trying when one fails.
    async fn mutated(&self, table: &str) -> Result<(), StoreError> {
        let mut told = false;
        loop {
            let unfinished = self.store.unfinished_mutations(table).await?;
            if unfinished.mutations == 0 {
                return Ok(());
            }
            if !unfinished.failure.is_empty() && !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    table,
                    reason = unfinished.failure,
                    "ClickHouse cannot change a table; it goes on trying"
                );
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until ClickHouse has deleted the parts from its disk that it has replaced so far.
    async fn parts_deleted(&self) -> Result<(), StoreError> {
        let until_seconds = self.outdated_parts(u32::MAX).await?.now_seconds;
        while self.outdated_parts(until_seconds).await?.parts > 0 {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    async fn outdated_parts(&self, until_seconds: u32) -> Result<OutdatedParts, StoreError> {
        let until = [Parameter::new("until_seconds", until_seconds)];
        let rows = self.store.query_as_writer(include_str!("outdated_parts.sql"), &until).await?;
        let row = rows.into_iter().next();
        row.ok_or_else(|| StoreError::Transient("ClickHouse does not tell its parts".to_owned()))
    }

    /// Unless another erasure is on record: the process that carries it out needs the settings, too.
    async fn reset_tables(&self, id: &str) -> Result<(), StoreError> {
        let unfinished = self.store.erasures("", true).await?;
        match unfinished.iter().any(|other| other.receipt.id != id) {
            true => Ok(()),
            false => self.change_tables(AS_BEFORE).await,
        }
    }

    async fn change_tables(&self, change: &str) -> Result<(), StoreError> {
        for table in TABLES {
            self.store.execute(&format!("ALTER TABLE {table} {change}"), true).await?;
        }
        Ok(())
    }

    async fn finish(&self, mut record: Record, left: Counts) -> Result<(), AttemptError> {
        let receipt = &mut record.receipt;
        receipt.events.note_left(left.events);
        receipt.session_events.note_left(left.session_events);
        receipt.rejected_events.note_left(left.rejected_events);
        let now_ms = self.clock.now_ms();
        if left != Counts::default() {
            self.store.save_erasure(&record, now_ms).await?;
            return Err(AttemptError::Left);
        }
        receipt.status = ErasureStatus::Done;
        receipt.finished_at = Some(rfc3339(now_ms));
        record.target = None;
        self.store.save_erasure(&record, now_ms).await?;
        tracing::info!(erasure = record.receipt.id, "a user is erased");
        // The rows before it hold the key and the hash; it is a small table.
        let _ = self.store.execute("OPTIMIZE TABLE weir_definitions FINAL", true).await;
        Ok(())
    }
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
