//! Stage 2: events → durable segments on disk.
//!
//! In: batches of valid events, from any number of requests at once. Out: closed segments, in order, for the store.
//!
//! Invariants
//! * `append` answers `Ok` only after the events were written and fsynced. Requests that wait at the same time share one
//!   fsync (group commit).
//! * A closed segment never changes, so its id can be the deduplication token of its insert, on every retry.
//! * A segment leaves the disk only after ClickHouse has taken it and the time in which a power loss could still take the
//!   rows from ClickHouse has passed, or an erasure of a user has made sure of them; after an unclean end, all that is there is sent again under the same tokens.
//! * A failed fsync is never retried (the kernel forgets the pages it could not write): the journal ends, and the process.
//! * Damage costs the damaged records only; it is counted, and while there is room a copy is set aside as `.corrupt`.
//! * What is set aside is never deleted here. `.refused` files hold accepted events that nobody else has: beyond the bytes
//!   for files set aside, they count as pending, so that appends are refused before the disk is full.
//!
//! Limits: bytes on disk (of what is pending, then `AppendError::Full`; of what is kept; of what is set aside), bytes of a
//! segment, bytes of a commit, appends that wait for one and their bytes (`AppendError::Overloaded`).

mod batch;
mod block;
mod committer;
mod disk;
mod event_ids;
mod new_segment;
mod queue;
mod recovery;
mod segment;
mod set_aside;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod disk_error_tests;
#[cfg(test)]
mod erasure_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod power_loss_tests;
#[cfg(test)]
mod set_aside_tests;
#[cfg(test)]
mod simulated_disk;
#[cfg(test)]
mod simulated_machine;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod waiting_batches_tests;

pub use batch::{COLUMNS, EventBatch, EventRow};
pub use disk::{Disk, DiskFile, RealDisk};
pub use event_ids::visit_event_ids;
pub use queue::{Depth, PendingSegment, SegmentQueue};
pub use segment::{Segment, SegmentId};
pub use set_aside::Damage;

use std::{
    io,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::config::JournalConfig;
use batch::EmptyBatches;
use committer::{Command, Committer};

/// Appends that wait for a commit; more are answered as overload.
const APPENDS_WAITING_MAX: usize = 4096;

/// Bytes of batches that wait for a commit; more are answered as overload. Eight commits of the largest size, or more than
/// 600 requests with 500 ordinary events.
const UNCOMMITTED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Longer segments are not prepared for the whole of their length.
const PREPARED_BYTES_MAX: u32 = 4 * 1024 * 1024;

/// The bounds of a journal.
#[derive(Debug, Clone)]
pub struct JournalLimits {
    /// Bytes of segments that ClickHouse does not have yet.
    pub pending_bytes_max: u64,
    /// Bytes of batches in memory that wait for a commit.
    pub uncommitted_bytes_max: u64,
    /// Bytes of segments kept after their insert.
    pub stored_bytes_max: u64,
    /// Bytes of files set aside, as `.corrupt` or `.refused`; beyond them, no copy is kept, and the others count as pending.
    pub set_aside_bytes_max: u64,
    /// Time an inserted segment is kept: longer than an operating system leaves written pages in memory (30 s on Linux).
    pub stored_kept: Duration,
    /// A segment is closed when it is this long, even while the store is busy.
    pub segment_bytes_max: u64,
    /// Bytes that the file of the next segment is filled with zeros for, ahead of its use; 0 for none.
    pub prepared_bytes_max: u32,
    /// Events that close a segment when the store is idle.
    pub flush_events: u64,
    /// Age that closes a segment when the store is idle.
    pub flush_interval: Duration,
}

impl JournalLimits {
    /// A quarter of the configured bytes is for segments kept after their insert, and for what is prepared: the rest of
    /// the segment that is written, and the next one. An eighth is for files set aside.
    pub fn from_config(config: &JournalConfig) -> Self {
        let prepared_bytes_max = PREPARED_BYTES_MAX.min(u32::try_from(config.bytes_max / 64).unwrap_or(u32::MAX));
        Self {
            pending_bytes_max: config.bytes_max / 8 * 5,
            uncommitted_bytes_max: UNCOMMITTED_BYTES_MAX,
            stored_bytes_max: config.bytes_max / 4 - 2 * u64::from(prepared_bytes_max),
            set_aside_bytes_max: config.bytes_max / 8,
            prepared_bytes_max,
            stored_kept: Duration::from_secs(120),
            segment_bytes_max: (32 * 1024 * 1024).min(config.bytes_max / 8).max(1),
            flush_events: config.flush_events,
            flush_interval: config.flush_interval,
        }
    }
}

/// Why events were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The journal has reached its bytes; the client should retry later.
    #[error("the journal is full; ClickHouse is not taking events fast enough")]
    Full,
    /// The disk has no room; the client should retry later.
    #[error("the disk of the journal is full")]
    DiskFull,
    /// More requests or bytes wait than the journal takes; the client should retry.
    #[error("too many requests are waiting for the journal")]
    Overloaded,
    /// The journal is closing, or has failed; events must go elsewhere.
    #[error("the journal is closed")]
    Closed,
}

/// The appending end of the journal.
#[derive(Clone)]
pub struct Journal {
    commands: mpsc::SyncSender<Command>,
    queue: Arc<SegmentQueue>,
    empty_batches: Arc<EmptyBatches>,
}

/// A journal at work: its ends, and the thread that commits.
pub struct OpenJournal {
    pub journal: Journal,
    pub queue: Arc<SegmentQueue>,
    /// Resolves when the committing thread has ended, with the error that ended it, if any.
    pub ended: oneshot::Receiver<io::Result<()>>,
}

impl Journal {
    /// Recovers what is on the disk and starts to take events. `epoch`: a number drawn for this start.
    pub fn open(disk: Arc<dyn Disk>, limits: JournalLimits, epoch: u64) -> io::Result<OpenJournal> {
        let recovered = recovery::recover(disk.as_ref(), limits.set_aside_bytes_max)?;
        let (commands, received) = mpsc::sync_channel(APPENDS_WAITING_MAX);
        let queue = Arc::new(SegmentQueue::new(Arc::clone(&disk), limits.clone(), &recovered, commands.clone()));
        let empty_batches = Arc::<EmptyBatches>::default();
        let (for_committer, emptied) = (Arc::clone(&queue), Arc::clone(&empty_batches));
        let committer = Committer::new(disk, limits, for_committer, emptied, epoch, recovered.next_sequence)?;
        let (report, ended) = oneshot::channel();
        std::thread::Builder::new().name("weir-journal".to_owned()).spawn(move || {
            // The receiver is gone only when the process is ending anyway.
            let _ = report.send(committer.run(&received));
        })?;
        Ok(OpenJournal { journal: Self { commands, queue: Arc::clone(&queue), empty_batches }, queue, ended })
    }

    /// An empty batch, most often with the memory of an earlier one.
    pub fn empty_batch(&self) -> EventBatch {
        self.empty_batches.take()
    }

    /// Returns once the batch is on disk.
    pub async fn append(&self, batch: EventBatch) -> Result<(), AppendError> {
        let reserved = self.queue.reserve(&batch)?;
        let (done, committed) = oneshot::channel();
        match self.commands.try_send(Command::Append { batch, reserved, done }) {
            Ok(()) => committed.await.unwrap_or(Err(AppendError::Closed)),
            Err(mpsc::TrySendError::Full(_)) => Err(AppendError::Overloaded),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(AppendError::Closed),
        }
    }

    /// Closes the open segment and takes no more events.
    pub fn close(&self) {
        // A thread that has ended is closed.
        let _ = self.commands.send(Command::Close);
    }

    /// What waits in the journal, for `/health` and `/metrics`.
    pub fn depth(&self) -> Depth {
        self.queue.depth()
    }
}
