//! Erasures of users: asked for here, carried out in `erasing.rs`, and told by receipts that outlive both.
//!
//! A receipt lies in `weir_definitions`. While an erasure runs, a keyed hash stands there for the user's id, so that the next
//! start can go on with it; at the end, key and hash are taken out. The id itself is kept nowhere.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    client::{Parameter, QueryLimits, Store},
    erasing::{ErasedJournal, Eraser},
    error::StoreError,
};
use crate::{
    clock::{Clock, rfc3339},
    event::ID_BYTES_MAX,
};

/// Erasures that wait for the one under way.
const ERASURES_WAITING_MAX: usize = 100;

/// Under which `weir_definitions` keeps them.
const KIND: &str = "erasure";

/// Counting reads a column of the whole table, and what it may take grows with that, not with who asks.
const COUNT_TIME_MAX: Duration = Duration::from_secs(60 * 60);
const COUNT_MEMORY_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureStatus {
    /// It waits for its turn, or is under way.
    Running,
    /// Everything is erased, and was counted after that.
    Done,
}

/// What became of the events that were on their way to ClickHouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureJournal {
    /// Some that were accepted before the call may still be in it.
    Waiting,
    /// None of them is in the journal of this process any more, nor in a segment kept after its insert.
    Clean,
    /// This process has no journal. The processes that have one were given the time in which they hand over and delete.
    Elsewhere,
}

/// Rows of one kind. What is not counted yet is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErasedRows {
    #[schema(required)]
    pub found: Option<u64>,
    #[schema(required)]
    pub erased: Option<u64>,
    /// Counted after the end: 0 when it is done.
    #[schema(required)]
    pub left: Option<u64>,
}

/// What is told of an erasure. It does not say whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Erasure {
    pub id: String,
    pub status: ErasureStatus,
    /// RFC 3339. What weir received up to this moment is erased.
    pub requested_at: String,
    #[schema(required)]
    pub finished_at: Option<String>,
    /// Of the user.
    pub events: ErasedRows,
    /// Without a user, in sessions in which this user appears and no other.
    pub session_events: ErasedRows,
    /// That name the user.
    pub rejected_events: ErasedRows,
    pub journal: ErasureJournal,
    /// Bytes of files that this process's journal has set aside for a person (`.refused`, `.corrupt`), which are not searched;
    /// null where there is no journal.
    #[schema(required)]
    pub set_aside_bytes: Option<u64>,
}

/// Why nothing is erased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErasureError {
    #[error("a user id has 1 to {ID_BYTES_MAX} bytes")]
    UserId,
    #[error("{ERASURES_WAITING_MAX} erasures wait already; try again when some are done")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A receipt with what is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub receipt: Erasure,
    pub until_ms: i64,
    /// Until it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// Stands for a user's id.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    key: [u64; 2],
    fingerprint: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the tables hold of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Counts {
    pub events: u64,
    pub session_events: u64,
    pub rejected_events: u64,
}

impl ErasedRows {
    /// Before rows are erased. An earlier attempt may have found and erased some.
    pub(super) fn note_found(&mut self, counted: u64) {
        let erased_before = self.erased.unwrap_or_default();
        self.found = Some(self.found.unwrap_or_default().max(erased_before + counted));
        (self.erased, self.left) = (None, None);
    }

    /// After rows were erased.
    pub(super) fn note_left(&mut self, counted: u64) {
        self.left = Some(counted);
        self.erased = Some(self.found.unwrap_or_default().saturating_sub(counted));
    }
}

impl Record {
    fn new(id: String, until_ms: i64, target: Target) -> Self {
        let receipt = Erasure {
            id,
            status: ErasureStatus::Running,
            requested_at: rfc3339(until_ms),
            finished_at: None,
            events: ErasedRows::default(),
            session_events: ErasedRows::default(),
            rejected_events: ErasedRows::default(),
            journal: ErasureJournal::Waiting,
            set_aside_bytes: None,
        };
        Self { receipt, until_ms, target: Some(target) }
    }

    /// What the statements of an erasure take.
    pub(super) fn parameters(&self) -> Option<Vec<Parameter>> {
        let Target { key: [high, low], fingerprint } = self.target.as_ref()?;
        Some(vec![
            Parameter::new("key_high", high),
            Parameter::new("key_low", low),
            Parameter::text("fingerprint", fingerprint),
            Parameter::new("until_ms", self.until_ms),
        ])
    }
}

/// Where erasures are asked for and looked at.
#[derive(Clone)]
pub struct Erasures {
    store: Store,
    clock: Clock,
    queue: mpsc::Sender<String>,
}

impl Erasures {
    /// The asking end, and the task that erases. `journal`: of this process, if it has one. `is_local`: ClickHouse runs on
    /// this machine.
    pub fn new(store: Store, clock: Clock, journal: Option<ErasedJournal>, is_local: bool) -> (Self, Eraser) {
        let (queue, asked) = mpsc::channel(ERASURES_WAITING_MAX);
        let limits = QueryLimits {
            time_max: COUNT_TIME_MAX,
            memory_bytes_max: COUNT_MEMORY_BYTES_MAX,
            rows_read_max: u64::MAX,
            ..QueryLimits::default()
        };
        let counting = store.clone().with_query_limits(limits);
        let eraser = Eraser { store: store.clone(), counting, clock: clock.clone(), asked, journal, is_local };
        (Self { store, clock, queue }, eraser)
    }

    /// Begins to erase a user. When this returns, it is on record and will be carried out, also after an end of the process.
    pub async fn begin(&self, user_id: &str) -> Result<Erasure, ErasureError> {
        if !(1..=ID_BYTES_MAX).contains(&user_id.len()) {
            return Err(ErasureError::UserId);
        }
        let place = self.queue.try_reserve().map_err(|_| ErasureError::TooMany)?;
        let until_ms = self.clock.now_ms();
        let target = self.store.erasure_target(user_id).await?;
        // In the order of their time.
        let id = format!("{until_ms:013}-{:016x}", rand::random::<u64>());
        let record = Record::new(id.clone(), until_ms, target);
        self.store.save_erasure(&record, until_ms).await?;
        place.send(id);
        Ok(record.receipt)
    }

    pub async fn get(&self, id: &str) -> Result<Option<Erasure>, StoreError> {
        if id.is_empty() {
            return Ok(None);
        }
        let records = self.store.erasures(id, false).await?;
        Ok(records.into_iter().next().map(|record| record.receipt))
    }

    /// The newest thousand, newest first.
    pub async fn list(&self) -> Result<Vec<Erasure>, StoreError> {
        let records = self.store.erasures("", false).await?;
        Ok(records.into_iter().map(|record| record.receipt).collect())
    }
}

impl Store {
    /// ClickHouse computes the hash, since it is to find the id again by it.
    async fn erasure_target(&self, user_id: &str) -> Result<Target, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            fingerprint: String,
        }
        let key: [u64; 2] = rand::random();
        let [high, low] = key;
        let parameters =
            [Parameter::new("key_high", high), Parameter::new("key_low", low), Parameter::text("user_id", user_id)];
        let rows: Vec<Row> = self.query(include_str!("erasure_fingerprint.sql"), &parameters).await?;
        let row = rows.into_iter().next().ok_or_else(|| no_answer("a hash"))?;
        Ok(Target { key, fingerprint: row.fingerprint })
    }

    pub(super) async fn save_erasure(&self, record: &Record, now_ms: i64) -> Result<(), StoreError> {
        let text = serde_json::to_string(record).expect("plain data");
        self.save_definition(KIND, &record.receipt.id, &text, now_ms).await
    }

    /// `id`: of one alone; empty for all.
    pub(super) async fn erasures(&self, id: &str, unfinished: bool) -> Result<Vec<Record>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            record: String,
        }
        let parameters = [Parameter::text("id", id), Parameter::new("unfinished", u8::from(unfinished))];
        let rows: Vec<Row> = self.query(include_str!("erasures.sql"), &parameters).await?;
        let read = rows.into_iter().filter_map(|Row { record }| {
            // One that a newer version has saved, perhaps.
            let unreadable = |error: &_| tracing::warn!(%error, "an erasure on record cannot be read");
            serde_json::from_str(&record).inspect_err(unreadable).ok()
        });
        Ok(read.collect())
    }

    pub(super) async fn erasure_counts(&self, parameters: &[Parameter]) -> Result<Counts, StoreError> {
        let rows = self.query_as_writer(include_str!("erasure_counts.sql"), parameters).await?;
        rows.into_iter().next().ok_or_else(|| no_answer("a count"))
    }
}

fn no_answer(what: &str) -> StoreError {
    StoreError::Transient(format!("ClickHouse does not answer with {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_attempts() {
        let mut rows = ErasedRows::default();
        rows.note_found(5);
        // The process ended before they were erased, and the next one finds what is left.
        rows.note_found(2);
        rows.note_left(0);
        assert_eq!(rows, ErasedRows { found: Some(5), erased: Some(5), left: Some(0) });
        // Some came late.
        rows.note_left(1);
        rows.note_found(1);
        rows.note_left(0);
        assert_eq!(rows, ErasedRows { found: Some(5), erased: Some(5), left: Some(0) });
        rows.note_found(3);
        rows.note_left(0);
        assert_eq!(rows, ErasedRows { found: Some(8), erased: Some(8), left: Some(0) });
    }

    #[test]
    fn the_log_does_not_tell_whom_an_erasure_is_about() {
        let target = Target { key: [17, 18], fingerprint: "ABC".to_owned() };
        let record = Record::new("1-2".to_owned(), 7, target);
        let shown = format!("{record:?}");
        assert!(!shown.contains("ABC") && !shown.contains("17"), "{shown}");
    }
}
