//! The thread that writes: it gathers the batches that wait, writes them as one record, fsyncs once, and answers all.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tokio::sync::oneshot;

use super::{
    AppendError, JournalLimits,
    batch::{EmptyBatches, EventBatch},
    disk::{Disk, DiskFile},
    new_segment::{NewSegment, Preparer, WriteError, create_segment},
    queue::{PendingSegment, Reservation, SegmentQueue},
    segment::{SEGMENT_HEADER_BYTES, SegmentId, write_record},
};

/// Batches join a commit until it has this many bytes.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A buffer that a burst has grown beyond this is given back.
const BUFFER_KEPT_BYTES: usize = 4 * COMMIT_BYTES_MAX;
/// The next segment is prepared for at least this many bytes, if they are allowed.
const PREPARED_BYTES_MIN: u64 = 64 * 1024;
/// A larger batch becomes the group itself, if it is the first, rather than being copied into it.
const COPIED_ROWS_MAX: usize = 50;
/// How long to sleep when nothing has a deadline.
const IDLE: Duration = Duration::from_secs(3600);

/// What the thread is asked.
#[expect(clippy::large_enum_variant, reason = "nearly every command is an append")]
pub enum Command {
    Append {
        batch: EventBatch,
        reserved: Reservation,
        done: oneshot::Sender<Result<(), AppendError>>,
    },
    /// The store has nothing to do: a segment that is due can be closed.
    StoreIdle,
    Close,
}

/// The state of the thread.
pub struct Committer {
    disk: Arc<dyn Disk>,
    limits: JournalLimits,
    queue: Arc<SegmentQueue>,
    empty_batches: Arc<EmptyBatches>,
    epoch: u64,
    next_sequence: u64,
    current: Option<CurrentSegment>,
    preparer: Preparer,
    /// What the last segment came to.
    last_length: u64,
    /// The last commit found no room.
    disk_full: bool,
    /// Reused from commit to commit.
    group: EventBatch,
    record: BytesMut,
    gathered: Vec<EventBatch>,
    waiting: Vec<(Reservation, oneshot::Sender<Result<(), AppendError>>)>,
}

struct CurrentSegment {
    id: SegmentId,
    file: Box<dyn DiskFile>,
    length: u64,
    /// Length of the file, if part of it is still to be written over.
    prepared_bytes: u64,
    rows: u64,
    records: u32,
    opened_at: Instant,
}

impl Committer {
    pub fn new(
        disk: Arc<dyn Disk>,
        limits: JournalLimits,
        queue: Arc<SegmentQueue>,
        empty_batches: Arc<EmptyBatches>,
        epoch: u64,
        next_sequence: u64,
    ) -> io::Result<Self> {
        Ok(Self {
            preparer: Preparer::start(Arc::clone(&disk))?,
            last_length: 0,
            disk,
            limits,
            queue,
            empty_batches,
            epoch,
            next_sequence,
            current: None,
            disk_full: false,
            group: EventBatch::default(),
            record: BytesMut::new(),
            gathered: Vec::new(),
            waiting: Vec::new(),
        })
    }

    /// Runs until the journal is closed, or an error makes it unsafe to go on.
    pub fn run(mut self, commands: &Receiver<Command>) -> io::Result<()> {
        let outcome = self.serve(commands).and_then(|()| self.close());
        self.queue.end();
        outcome
    }

    fn serve(&mut self, commands: &Receiver<Command>) -> io::Result<()> {
        loop {
            let mut open = match commands.recv_timeout(self.until_due()) {
                Ok(command) => self.gather(command),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            while open && self.group.block_bytes() < COMMIT_BYTES_MAX {
                match commands.try_recv() {
                    Ok(command) => open = self.gather(command),
                    Err(_) => break,
                }
            }
            self.commit()?;
            if self.is_due() {
                self.close_segment()?;
            }
            if !open {
                return Ok(());
            }
        }
    }

    /// Takes one command; `false` after the last.
    fn gather(&mut self, command: Command) -> bool {
        match command {
            Command::Append { mut batch, reserved, done } => {
                match self.group.is_empty() && batch.rows() > COPIED_ROWS_MAX {
                    true => std::mem::swap(&mut self.group, &mut batch),
                    false => self.group.append(&batch),
                }
                self.gathered.push(batch);
                self.waiting.push((reserved, done));
                true
            }
            Command::StoreIdle => true,
            Command::Close => false,
        }
    }

    /// Writes the gathered batches and answers their requests. An error is one that no later write can follow.
    fn commit(&mut self) -> io::Result<()> {
        if self.group.is_empty() {
            return Ok(());
        }
        let mut outcome = self.write();
        if matches!(outcome, Err(WriteError::NoSpace(_))) && self.preparer.settle() {
            // What was being prepared may have taken the room, and have given it back.
            self.record.clear();
            outcome = self.write();
        }
        let answer = match &outcome {
            Ok(()) => Ok(()),
            Err(WriteError::NoSpace(error)) => {
                // A full disk is one line in the log, not one a commit.
                if !self.disk_full {
                    tracing::warn!(%error, "the disk of the journal is full; events are refused");
                }
                Err(AppendError::DiskFull)
            }
            Err(WriteError::Fatal(_)) => Err(AppendError::Closed),
        };
        self.disk_full = answer == Err(AppendError::DiskFull);
        for (reserved, done) in self.waiting.drain(..) {
            drop(reserved);
            // A client that has gone does not hear that its events are safe.
            let _ = done.send(answer);
        }
        self.empty_batches.put(self.gathered.drain(..));
        self.group.clear();
        self.record.clear();
        if self.record.capacity() > BUFFER_KEPT_BYTES {
            self.record = BytesMut::new();
        }
        match outcome {
            Err(WriteError::Fatal(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn write(&mut self) -> Result<(), WriteError> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.open_segment()?,
        };
        let current = self.current.insert(current);
        if current.rows == 0 {
            current.opened_at = Instant::now();
        }
        write_record(&mut self.record, current.id, current.records, &self.group);
        if current.length + self.record.len() as u64 > current.prepared_bytes {
            // What lies behind the end tells a write that was cut off by where the file ends.
            current.end_at_length().map_err(WriteError::Fatal)?;
        }
        if let Err(error) = current.file.write_at(&self.record, current.length) {
            // Part of the record may be there; without it, the file is as it was. A power loss must not bring it back,
            // as the segment may be closed before it gets another record.
            current.prepared_bytes = 0;
            current.file.truncate(current.length).map_err(WriteError::Fatal)?;
            current.file.sync().map_err(WriteError::Fatal)?;
            return Err(WriteError::from(error));
        }
        current.file.sync().map_err(WriteError::Fatal)?;
        if current.rows == 0 {
            self.queue.opened(current.opened_at);
        }
        current.length += self.record.len() as u64;
        current.rows += self.group.rows() as u64;
        current.records += 1;
        self.queue.committed(self.group.rows() as u64, self.record.len() as u64);
        Ok(())
    }

    /// Whether the current segment should be closed now.
    fn is_due(&self) -> bool {
        let Some(current) = self.current.as_ref().filter(|current| current.rows > 0) else { return false };
        let full = current.length >= self.limits.segment_bytes_max;
        let wanted =
            current.rows >= self.limits.flush_events || current.opened_at.elapsed() >= self.queue.flush_interval();
        full || (wanted && self.queue.is_store_idle())
    }

    /// Time until the current segment is due by age. While the store is busy, its `StoreIdle` ends the wait.
    fn until_due(&self) -> Duration {
        match &self.current {
            // One that a full disk has kept empty is due at no time.
            Some(current) if current.rows > 0 && self.queue.is_store_idle() => {
                self.queue.flush_interval().saturating_sub(current.opened_at.elapsed())
            }
            _ => IDLE,
        }
    }

    fn open_segment(&mut self) -> Result<CurrentSegment, WriteError> {
        let prepared = match self.preparer.take() {
            Some(Err(WriteError::Fatal(error))) => return Err(WriteError::Fatal(error)),
            Some(Ok(segment)) => Some(segment),
            Some(Err(WriteError::NoSpace(_))) | None => None,
        };
        let NewSegment { id, file, prepared_bytes } = match prepared {
            Some(segment) => segment,
            None => {
                let id = self.next_id();
                // An id that is not used is taken back: a start looks for few segments that are empty.
                create_segment(self.disk.as_ref(), id, 0).inspect_err(|_| self.next_sequence -= 1)?
            }
        };
        let bytes_max = u64::from(self.limits.prepared_bytes_max);
        let prepared_next = match self.last_length / 4 * 5 {
            // Where the writes are large, a sync is little beside them, and zeros would be written in vain.
            wanted if wanted > bytes_max => PREPARED_BYTES_MIN.min(bytes_max),
            wanted => wanted.max(PREPARED_BYTES_MIN).min(bytes_max),
        };
        // On a full disk, it would only take the room of the next commit.
        if let Ok(prepared_next @ 1..) = u32::try_from(prepared_next)
            && !self.disk_full
        {
            let next = self.next_id();
            self.preparer.prepare(next, prepared_next);
        }
        let length = SEGMENT_HEADER_BYTES as u64;
        self.queue.committed(0, length);
        Ok(CurrentSegment { id, file, length, prepared_bytes, rows: 0, records: 0, opened_at: Instant::now() })
    }

    fn next_id(&mut self) -> SegmentId {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        SegmentId { epoch: self.epoch, sequence }
    }

    fn close_segment(&mut self) -> io::Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        current.end_at_length()?;
        let CurrentSegment { id, length, rows, opened_at, .. } = current;
        self.last_length = length;
        self.queue.push(PendingSegment { id, rows, bytes: length, opened_at });
        Ok(())
    }

    /// Closes the last segment; the one that was prepared after it is not needed.
    fn close(&mut self) -> io::Result<()> {
        self.close_segment()?;
        match self.preparer.take() {
            Some(Ok(segment)) => self.disk.remove(&segment.id.file_name()),
            _ => Ok(()),
        }
    }
}

impl CurrentSegment {
    /// Cuts off what was prepared and is not used.
    fn end_at_length(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.prepared_bytes) > self.length {
            self.file.truncate(self.length)?;
        }
        Ok(())
    }
}
